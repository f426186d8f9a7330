//! The forwarder as a state machine: no sockets, no clock, no runtime, no threads.
//!
//! ```text
//!  Input::Datagram ─▶ Demux ─▶ Session (str0m) ─▶ Gate ─▶ Stage ─▶ Room ─▶ Listeners ─▶ Output::Batch
//!                     address    DTLS, SRTP        speech  the       cues    slots, and
//!                     or ufrag                     only    loudest           the fast lane
//!  Input::Command ─▶ Shard ─▶ Output::Reply          Input::Timeout ─▶ Deadlines ─▶ who is due
//! ```
//!
//! A host calls [`Shard::handle`] with what happened and when, then [`Shard::poll`] until it
//! gives [`Output::Timeout`]. It may hand in several datagrams before it polls: what is due to a
//! listener then leaves in one visit. The same inputs at the same instants lead to the same
//! decisions; only keys, certificates and identifiers that must not be guessed are random, and
//! those come from the crypto library.
//!
//! What comes in waits in its room as a cue until the host polls, or in a large room for a tick of
//! a few milliseconds. Then each listener is visited once, in the order they lie in memory, and
//! given all that is due. On the **fast lane** the engine writes header, payload and tag straight
//! into the batch, with the keys that DTLS has exported, and str0m does not even know of the
//! streams; where AES-GCM was not negotiated, str0m writes.
//!
//! Whatever comes from outside is bounded, and what is not authenticated is met with silence:
//! it costs a hash lookup or a MAC, allocates nothing and is counted in [`Stats::dropped`].

mod batch;
mod config;
mod deadlines;
mod demux;
mod dtls;
mod gate;
mod guard;
mod io;
mod keys;
mod lane;
mod listener;
mod meter;
mod offer;
mod rate;
mod report;
mod room;
mod routing;
mod sampling;
mod session;
mod shard;
mod signalling;
mod slot;
mod speaking;
mod srtp;
mod stage;
mod stats;
mod table;

pub use batch::{Batch, Datagram, Forwarded, Segment};
pub use config::{Certificate, Mapped, ShardConfig};
pub use io::{Command, Input, Output, Reply, Ticket};
pub use offer::{CANDIDATES_MAX, LINES_MAX, M_LINES_MAX, SDP_BYTES_MAX, SSRC_LINES_MAX};
pub use rate::PUBLISH_BITS_MAX;
pub use room::CUES_MAX;
pub use shard::{SOURCES_MAX, Shard};
pub use signalling::ConfigError;
pub use speaking::{RECENT_MAX, SPEAKING_MAX};
pub use stage::LOUDEST;
pub use stats::{Dropped, Stats};
