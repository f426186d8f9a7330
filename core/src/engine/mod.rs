//! The driver: it takes commands to a store, and makes timers, policies and sweeps happen.
//!
//! [`Parlor`] is what a host holds. It adds to the pure decisions what they must not have: a
//! clock, entropy, and the store. It starts no thread and no task; the host calls
//! [`Parlor::drive`] when there is news or a deadline has come.

mod command;
mod commands;
mod ctx;
mod deadline;
mod drive;
mod feed;
mod idempotency;
mod parlor;
mod policy;
mod react;
mod refusal;
mod settings;
mod sweep;
mod timer;

pub use command::{BadCommand, Command, from_json};
pub use commands::AnyCommand;
pub use ctx::{Clock, Ctx, Entropy};
pub use deadline::{DEADLINES, Deadline};
pub use drive::Driven;
pub(crate) use drive::queries;
pub use feed::FeedCursor;
pub use idempotency::{Idempotency, IdempotencyKey, KEY_BYTES_MAX};
pub use parlor::{Error, Parlor};
pub use policy::{Make, POLICIES, Policy, Reaction};
pub use refusal::{AnyRefusal, Class, Invalid, Problem, Refusal};
pub use settings::Settings;
pub use sweep::{SWEEPERS, Sweep, Sweeper};
pub use timer::{Scheduled, Timer, TimerKey};
