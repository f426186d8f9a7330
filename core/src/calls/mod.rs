//! Calls: how the transports of participants came up, held and ended (seeds `V17`, `V29`).
//!
//! ```text
//!  RequestLeg ─▶ requested ─▶ signaling ─▶ ice ─▶ connected ⇄ reconnecting ─▶ closed
//!                    └───────────┴──────────┴─▶ failed
//!  ReportQuality, every 10 s ─▶ quality_sample, and the leg's sums
//! ```
//!
//! All of it is told by the media engine and by nobody else, and none of it decides anything: a
//! report about a leg without a row, or about one that has ended, is no failure and changes
//! nothing. What a report says of the participant is said in [`rooms`](crate::rooms), in the same
//! changeset.

mod commands;
mod events;
mod leg;
pub(crate) mod queries;
mod reads;
mod refusal;
mod rows;
mod state;

pub(crate) use commands::orphans;
pub use commands::{
    LegMediaStarted, LegRefused, OrphanLeg, ReportQuality, RequestLeg, TRIM, TrimSamples,
};
pub use events::Event;
pub(crate) use leg::{close, come_up, lose};
pub use reads::{LegView, LevelView, Reads, ReconnectView, SampleView};
pub use refusal::Refusal;
pub use rows::{CallLeg, LegReconnect, QualitySample};
pub use state::{EndReason, LegInput, LegState, Outcome};
