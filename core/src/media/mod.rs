//! What the domain asks of a media engine, and the pure policy that turns a participant's state
//! into rights.
//!
//! ```text
//!  events of `rooms` ─▶ rights(participant) ─▶ MediaBackend ─▶ packets
//!  MediaEvent (connected, lost, closed, sampled) ─▶ internal commands of `rooms` and `calls`
//! ```

mod backend;
mod bridge;
mod quality;
mod report;
mod rights;

pub use backend::{
    CloseReason, Connect, MediaBackend, MediaError, MediaEvent, Refused, SAMPLES_MAX, SdpAnswer,
    SdpOffer, Setup,
};
pub use bridge::{Bridge, ConnectError};
pub use quality::{LegSample, Quality};
pub use rights::Rights;

crate::ids! {
    /// One transport of one participant: a peer connection. A reconnect that needs a new peer
    /// connection is a new leg of the same participant.
    pub LegId,
}
