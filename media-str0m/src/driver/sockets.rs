use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::SocketStats;
use crate::engine::{Batch, Datagram};

/// What the driver needs of the network. It works on batches, so that an implementation can
/// use `recvmmsg`, `sendmmsg` and segmentation offload where it has them.
pub trait Sockets: Send + 'static {
    /// The local addresses; clients are offered each as a candidate, so none is unspecified.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// Puts datagrams into the inbox, one at least, and each with the local address it came to.
    /// Must wake the task when more arrive, and go on with what [`send`](Self::send) has kept.
    ///
    /// # Errors
    /// Only what cannot be got over: the driver stops. An error one datagram has caused, such as
    /// an ICMP message that a peer's port is closed, is none.
    fn poll_receive(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>>;

    /// Sends what can be sent without waiting, from the address each datagram names. What cannot
    /// be sent may be kept, within a bound, or is lost, as datagrams may be; one that fails takes
    /// no other with it.
    fn send(&mut self, batch: &Batch);

    /// The counters as they are.
    fn stats(&self) -> SocketStats;
}

/// Room for what one round of receiving brings.
///
/// It is a row of slots. A slot takes what one receive brings: a datagram, or several of one size
/// that the kernel has merged (GRO). Its memory is 2 MiB, of which the system only hands out what
/// is written to.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// How many slots are filled.
    filled: usize,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    source: SocketAddr,
    destination: SocketAddr,
    offset: usize,
    len: usize,
}

impl Inbox {
    /// How many slots there are.
    pub const SLOTS_MAX: usize = 32;
    /// How many bytes a slot has: no UDP payload is longer than 65,527 bytes (RFC 768). It is no
    /// power of two, lest the beginnings of all slots compete for the same lines of the cache.
    pub const SLOT_BYTES: usize = 65 * 1_024;
    /// How long a datagram may be. What is longer is cut off, and then no longer authenticates.
    pub const DATAGRAM_BYTES_MAX: usize = 2_048;
    /// How many datagrams a slot may hold; Linux merges at most 64 (`UDP_GRO_CNT_MAX`), and takes
    /// apart at most 128 (`UDP_MAX_SEGMENTS`), which over loopback arrive as they were sent. More
    /// are left out.
    pub const SLOT_DATAGRAMS_MAX: usize = 128;

    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let bytes = vec![0; Self::SLOTS_MAX * Self::SLOT_BYTES];
        Self { bytes, filled: 0, entries: Vec::with_capacity(Self::SLOTS_MAX) }
    }

    /// The free slots. The first is filled first.
    pub fn slots(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.bytes[self.filled * Self::SLOT_BYTES..].chunks_exact_mut(Self::SLOT_BYTES)
    }

    /// The first free slot; `None` once all are filled.
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        self.slots().next()
    }

    /// The first free slot now holds a datagram of `len` bytes.
    ///
    /// # Panics
    /// If `len` is more than the slot has, or if there is no free slot.
    pub fn fill(&mut self, len: usize, source: SocketAddr, destination: SocketAddr) {
        self.fill_merged(len, len, source, destination);
    }

    /// The first free slot now holds `len` bytes: datagrams of `each` bytes, the last of which
    /// may be shorter.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub fn fill_merged(
        &mut self,
        len: usize,
        each: usize,
        source: SocketAddr,
        destination: SocketAddr,
    ) {
        assert!(len <= Self::SLOT_BYTES, "what is received is no longer than its slot");
        assert!(self.filled < Self::SLOTS_MAX, "a full inbox has no slot to fill");
        let start = self.filled * Self::SLOT_BYTES;
        self.filled += 1;
        let each = if each == 0 { len } else { each };
        let mut at = 0;
        for _ in 0..Self::SLOT_DATAGRAMS_MAX {
            let len_here = each.min(len - at);
            let entry = Entry {
                source,
                destination,
                offset: start + at,
                len: len_here.min(Self::DATAGRAM_BYTES_MAX),
            };
            self.entries.push(entry);
            at += len_here;
            if at >= len {
                return;
            }
        }
    }

    /// Whether nothing has been filled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// What has been filled, in order.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.entries.iter().map(|entry| Datagram {
            source: entry.source,
            destination: entry.destination,
            bytes: &self.bytes[entry.offset..entry.offset + entry.len],
        })
    }

    /// Makes all slots free again.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.entries.clear();
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(inbox: &Inbox) -> Vec<usize> {
        inbox.datagrams().map(|datagram| datagram.bytes.len()).collect()
    }

    #[test]
    fn what_was_merged_is_taken_apart() {
        let at: SocketAddr = ([127, 0, 0, 1], 1).into();
        let mut inbox = Inbox::new();
        for (n, byte) in inbox.slot().unwrap().iter_mut().enumerate() {
            *byte = (n / 100) as u8;
        }
        inbox.fill_merged(250, 100, at, at);
        inbox.fill(0, at, at);
        inbox.fill(3_000, at, at);
        inbox.fill_merged(200, 100, at, at);
        assert_eq!(lens(&inbox), [100, 100, 50, 0, Inbox::DATAGRAM_BYTES_MAX, 100, 100]);
        for (n, datagram) in inbox.datagrams().take(3).enumerate() {
            assert!(datagram.bytes.iter().all(|byte| *byte == n as u8));
        }
        inbox.clear();
        assert!(inbox.is_empty() && lens(&inbox).is_empty());
    }

    #[test]
    fn a_flood_of_tiny_datagrams_is_bounded() {
        let at: SocketAddr = ([127, 0, 0, 1], 1).into();
        let mut inbox = Inbox::new();
        while inbox.slot().is_some() {
            inbox.fill_merged(65_507, 1, at, at);
        }
        let max = Inbox::SLOTS_MAX * Inbox::SLOT_DATAGRAMS_MAX;
        assert_eq!(inbox.datagrams().count(), max);
    }
}
