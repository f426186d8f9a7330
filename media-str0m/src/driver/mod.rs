//! Runs a [`Shard`](crate::engine::Shard) on tokio: sockets, a clock, a queue of commands and one
//! of events, and no rule of its own.
//!
//! ```text
//!  Handle::command ─▶ queue ─▶┐                ┌─▶ Sockets::send
//!  Sockets::poll_receive ────▶┤ Driver: Shard ├─▶ reply to the command
//!  the clock ────────────────▶┘                └─▶ EventQueue ─▶ Handle::next_event
//! ```
//!
//! One task owns the shard. Hosts with sockets of their own implement [`Sockets`].

mod events;
mod run;
mod sockets;
mod udp;

pub use run::{COMMANDS_MAX, Driver, DriverConfig, DriverStats, Handle, Stopped};
pub use sockets::{Inbox, Sockets};
pub use udp::{ADDRESSES_MAX, UdpSockets};
