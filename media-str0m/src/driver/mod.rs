//! Runs a [`Shard`](crate::engine::Shard) on tokio: sockets, a clock, a queue of commands and one
//! of events, and no rule of its own.
//!
//! ```text
//!  Handle::command ─▶ queue ─▶┐                ┌─▶ Sockets::send
//!  Sockets::poll_receive ────▶┤ Driver: Shard ├─▶ reply to the command
//!  the clock ────────────────▶┘                └─▶ EventQueue ─▶ Handle::next_event
//! ```
//!
//! One task owns the shard. It reads what has come in, at most an [`Inbox`], handles all of it,
//! and only then sends: alone, a datagram is answered at once; under load, more come in while
//! others are handled, and batches grow by themselves. Hosts with sockets of their own implement
//! [`Sockets`].

mod events;
mod histogram;
mod run;
mod sockets;
mod stats;
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor tokio has recvmmsg, sendmmsg and their controls")]
mod system;
mod udp;

pub(crate) use events::{EventQueue, EventSource};
pub use histogram::Histogram;
pub use run::{COMMANDS_MAX, Driver, DriverConfig, Handle, Stopped};
pub use sockets::{Inbox, Sockets};
pub use stats::{DriverStats, SendLost, SocketStats};
pub use udp::{ADDRESSES_MAX, UdpConfig, UdpSockets};
