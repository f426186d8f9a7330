use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::engine::{Batch, Datagram};

/// What the driver needs of the network. It works on batches, so that an implementation can
/// use `recvmmsg`, `sendmmsg` and segmentation offload where it has them.
pub trait Sockets: Send + 'static {
    /// The local addresses; clients are offered each as a candidate, so none is unspecified.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// Puts datagrams into the inbox, one at least, and each with the local address it came to.
    /// Must wake the task when more arrive.
    ///
    /// # Errors
    /// Only what cannot be got over: the driver stops. An error one datagram has caused, such as
    /// an ICMP message that a peer's port is closed, is none.
    fn poll_receive(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>>;

    /// Sends what can be sent without waiting, from the address each datagram names, and gives
    /// how many were. The others are lost, as datagrams may be.
    fn send(&mut self, batch: &Batch) -> usize;
}

/// Room for the datagrams of one receive.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    source: SocketAddr,
    destination: SocketAddr,
    len: usize,
}

impl Inbox {
    /// How many datagrams it takes.
    pub const DATAGRAMS_MAX: usize = 64;
    /// How long each may be. What is longer is cut off, and then no longer authenticates.
    pub const DATAGRAM_BYTES_MAX: usize = 2_048;

    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; Self::DATAGRAMS_MAX * Self::DATAGRAM_BYTES_MAX],
            entries: Vec::with_capacity(Self::DATAGRAMS_MAX),
        }
    }

    /// Where the next datagram goes; `None` once it is full.
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        let start = self.entries.len() * Self::DATAGRAM_BYTES_MAX;
        self.bytes.get_mut(start..start + Self::DATAGRAM_BYTES_MAX)
    }

    /// The slot now holds a datagram of `len` bytes.
    ///
    /// # Panics
    /// If `len` is more than the slot has, or if there was no slot.
    pub fn fill(&mut self, len: usize, source: SocketAddr, destination: SocketAddr) {
        assert!(len <= Self::DATAGRAM_BYTES_MAX, "a datagram is no longer than its slot");
        assert!(self.entries.len() < Self::DATAGRAMS_MAX, "a full inbox has no slot to fill");
        self.entries.push(Entry { source, destination, len });
    }

    /// Whether nothing has been filled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What has been filled, in order.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.entries.iter().enumerate().map(|(at, entry)| {
            let start = at * Self::DATAGRAM_BYTES_MAX;
            Datagram {
                source: entry.source,
                destination: entry.destination,
                bytes: &self.bytes[start..start + entry.len],
            }
        })
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
