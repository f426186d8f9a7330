use std::net::SocketAddr;
use std::time::Instant;

use super::listener::Route;

/// One UDP datagram and its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it comes from: the peer's address on the way in, one of ours on the way out.
    pub source: SocketAddr,
    /// Where it goes to: one of our addresses on the way in, the peer's on the way out.
    pub destination: SocketAddr,
    /// What it carries.
    pub bytes: &'a [u8],
}

/// Datagrams to send: one arena of bytes and a list of segments into it, so that a driver can
/// hand the whole of it to the kernel at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    forwarded: Vec<Forwarded>,
}

/// Copies of a microphone packet among the datagrams of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// When the packet came in.
    pub arrived: Instant,
    /// How many copies there are.
    pub copies: u32,
}

/// A datagram inside a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The local address to send from.
    pub source: SocketAddr,
    /// The peer's address.
    pub destination: SocketAddr,
    /// Where its bytes start in [`Batch::bytes`].
    pub offset: usize,
    /// How many bytes it has.
    pub len: usize,
}

impl Batch {
    /// A shard ends a batch once it has this many segments, so that a driver never waits for a
    /// big room to be served as a whole.
    pub const SEGMENTS_MAX: usize = 192;

    /// The datagrams, in the order they are to leave.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.segments.iter().map(|segment| Datagram {
            source: segment.source,
            destination: segment.destination,
            bytes: &self.bytes[segment.offset..segment.offset + segment.len],
        })
    }

    /// The arena.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the datagrams lie in the arena, back to back.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Which packets it passes on, to tell how long that took.
    #[must_use]
    pub fn forwarded(&self) -> &[Forwarded] {
        &self.forwarded
    }

    /// How many datagrams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn push(&mut self, datagram: Datagram<'_>) {
        self.segments.push(Segment {
            source: datagram.source,
            destination: datagram.destination,
            offset: self.bytes.len(),
            len: datagram.bytes.len(),
        });
        self.bytes.extend_from_slice(datagram.bytes);
    }

    /// Adds a datagram that is written straight into the arena; nothing, if that fails. Gives its
    /// length.
    pub(super) fn write<E>(
        &mut self,
        route: Route,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let offset = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(offset);
            return Err(error);
        }
        let len = self.bytes.len() - offset;
        let Route { source, destination } = route;
        self.segments.push(Segment { source, destination, offset, len });
        Ok(len)
    }

    /// Forgets what was left half written.
    pub(super) fn mend(&mut self) {
        let end = self.segments.last().map_or(0, |last| last.offset + last.len);
        self.bytes.truncate(end);
    }

    pub(super) fn note(&mut self, forwarded: Forwarded) {
        self.forwarded.push(forwarded);
    }

    pub(super) fn is_full(&self) -> bool {
        self.segments.len() >= Self::SEGMENTS_MAX
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.segments.clear();
        self.forwarded.clear();
    }
}
