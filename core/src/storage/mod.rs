//! The write path and the reads: what a store is given, and what it owes.
//!
//! ```text
//!              decide(&mut Draft, &Ctx)        pure, synchronous, may be run again
//!  Command ─────────────────────────────▶ Changeset { writes, events }
//!     │                                         │
//!     ▼                                         ▼
//!  Store::submit ─▶ Plan::admit ─▶ locks() ─▶ [lock + read] ─▶ resolve(held) ─▶ [write + commit] ─▶ feed
//! ```
//!
//! A store is handed the *command* and runs the pure decision while it holds the rows, so there is
//! one read, no version column, no conflict error and no retry in the application. [`Plan`] is the
//! only place where batches are decided; a store does what it says and nothing else.

mod aggregate;
mod by_key;
mod draft;
mod fault;
mod held;
mod memory;
mod plan;
mod query;
mod store;
pub mod text;
mod work;

#[cfg(feature = "conformance")]
pub(crate) use aggregate::is_ranked;
pub use aggregate::{
    Aggregate, Answered, Bucket, GROUPS_MAX, Group, MEASURES_MAX, Measure, Summary,
};
pub use draft::{Changeset, Draft, Missing, ROWS_PER_CHANGESET_MAX, Stop};
#[cfg(feature = "conformance")]
pub use fault::Fault;
pub use held::{Held, Lock, Need};
pub use memory::MemoryStore;
pub use plan::{DECISION_MAX, Locks, Plan, ROUNDS_MAX, Resolved, Rollback, Write};
pub use query::{
    BadCursor, Col, Cursor, Filter, NamedQuery, PAGE_MAX, Page, Query, Select, VALUES_MAX,
    WORDS_MAX,
};
pub use store::{Store, StoreError};
pub use work::{Run, Work};
