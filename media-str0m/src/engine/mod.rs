//! The forwarder as a state machine: no sockets, no clock, no runtime, no threads.
//!
//! ```text
//!  Input::Datagram ─▶ Demux ─▶ Session (str0m) ─▶ Stage ─▶ Slots of the others ─▶ Output::Batch
//!                     address    DTLS, SRTP       the       numbers without
//!                     or ufrag                    loudest   a seam
//!  Input::Command ─▶ Shard ─▶ Output::Reply          Input::Timeout ─▶ Deadlines ─▶ who is due
//! ```
//!
//! A host calls [`Shard::handle`] with what happened and when, then [`Shard::poll`] until it
//! gives [`Output::Timeout`]. It may hand in several datagrams before it polls: what is due to a
//! listener then leaves in one visit. The same inputs at the same instants lead to the same
//! decisions; only keys, certificates and identifiers that must not be guessed are random, and
//! those come from the crypto library.
//!
//! Whatever comes from outside is bounded, and what is not authenticated is met with silence:
//! it costs a hash lookup or a MAC, allocates nothing and is counted in [`Stats::dropped`].

mod batch;
mod config;
mod deadlines;
mod demux;
mod dtls;
mod guard;
mod io;
mod offer;
mod room;
mod routing;
mod session;
mod shard;
mod signalling;
mod slot;
mod speaking;
mod stage;
mod stats;
mod table;

pub use batch::{Batch, Datagram, Segment};
pub use config::{Mapped, ShardConfig};
pub use io::{Command, Input, Output, Reply, Ticket};
pub use offer::{CANDIDATES_MAX, LINES_MAX, M_LINES_MAX, SDP_BYTES_MAX, SSRC_LINES_MAX};
pub use shard::{SOURCES_MAX, Shard};
pub use signalling::ConfigError;
pub use speaking::SPEAKING_MAX;
pub use stage::LOUDEST;
pub use stats::{Dropped, Stats};
