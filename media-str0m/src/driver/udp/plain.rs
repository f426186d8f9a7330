//! A datagram a system call, where there is nothing better.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::Sent;
use crate::driver::{Inbox, SocketStats};
use crate::engine::Segment;

/// Needs nothing.
pub(super) struct Io;

/// There is none.
#[derive(Debug)]
pub(super) struct Offload;

impl Offload {
    pub(super) fn new(_socket: &UdpSocket, _wanted: bool) -> Self {
        Self
    }
}

impl Io {
    pub(super) fn new() -> Self {
        Self
    }

    /// Fills free slots of the inbox, of which there must be one; true if there may be more.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        local: SocketAddr,
        inbox: &mut Inbox,
        stats: &mut SocketStats,
    ) -> io::Result<bool> {
        let Some(slot) = inbox.slot() else { return Ok(true) };
        stats.receive_calls += 1;
        let (len, source) = socket.try_recv_from(slot)?;
        inbox.fill(len, source, local);
        Ok(true)
    }

    /// Sends the first of these segments.
    pub(super) fn send(
        &mut self,
        (socket, _): (&UdpSocket, &mut Offload),
        bytes: &[u8],
        segments: &[Segment],
        stats: &mut SocketStats,
    ) -> Sent {
        let Some(segment) = segments.first() else { return Sent::Taken(0) };
        let payload = &bytes[segment.offset..segment.offset + segment.len];
        stats.send_calls += 1;
        match socket.try_send_to(payload, segment.destination) {
            Ok(_) => Sent::Taken(1),
            Err(error) => Sent::failed(1, error),
        }
    }
}
