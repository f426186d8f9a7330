use crate::engine::Segment;

/// Datagrams the kernel had no room for. When it is full, the oldest go: what is late is of no
/// use any more, and whoever comes last in a batch would otherwise lose every time.
///
/// The kernel's own buffer comes first and holds some 10,000 datagrams, so this is only used when
/// the network card takes less than is sent.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    /// Those before it have left.
    first: usize,
}

impl Backlog {
    /// How many bytes wait at the most. What has left is cleared away late, so that twice as much
    /// memory is used.
    pub(super) const BYTES_MAX: usize = 1 << 20;
    /// How many datagrams wait at the most.
    pub(super) const DATAGRAMS_MAX: usize = 8_192;

    pub(super) fn is_empty(&self) -> bool {
        self.first == self.segments.len()
    }

    /// The datagrams that wait, oldest first.
    pub(super) fn waiting(&self) -> (&[u8], &[Segment]) {
        (&self.bytes, &self.segments[self.first..])
    }

    /// Puts one behind the others; gives how many had to make room for it.
    pub(super) fn push(&mut self, segment: &Segment, bytes: &[u8]) -> u64 {
        let mut dropped = 0;
        while !self.is_empty()
            && (self.len() >= Self::DATAGRAMS_MAX
                || self.waiting_bytes() + bytes.len() > Self::BYTES_MAX)
        {
            self.leave(1);
            dropped += 1;
        }
        if self.bytes.len() + bytes.len() > 2 * Self::BYTES_MAX
            || self.segments.len() >= 2 * Self::DATAGRAMS_MAX
        {
            self.compact();
        }
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.segments.push(Segment { offset, len: bytes.len(), ..*segment });
        dropped
    }

    /// The first `count` have left.
    pub(super) fn leave(&mut self, count: usize) {
        self.first += count;
        if self.is_empty() {
            self.first = 0;
            self.segments.clear();
            self.bytes.clear();
        }
    }

    fn len(&self) -> usize {
        self.segments.len() - self.first
    }

    fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.segments.get(self.first).map_or(self.bytes.len(), |it| it.offset)
    }

    fn compact(&mut self) {
        self.segments.drain(..self.first);
        self.first = 0;
        let start = self.segments.first().map_or(self.bytes.len(), |segment| segment.offset);
        self.bytes.drain(..start);
        for segment in &mut self.segments {
            segment.offset -= start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Segment {
        let at = ([127, 0, 0, 1], 1).into();
        Segment { source: at, destination: at, offset: 0, len: 0 }
    }

    fn content(backlog: &Backlog) -> Vec<Vec<u8>> {
        let (bytes, segments) = backlog.waiting();
        segments.iter().map(|it| bytes[it.offset..it.offset + it.len].to_vec()).collect()
    }

    #[test]
    fn it_keeps_the_order() {
        let mut backlog = Backlog::default();
        for text in ["one", "two", "three"] {
            assert_eq!(backlog.push(&segment(), text.as_bytes()), 0);
        }
        backlog.leave(1);
        backlog.push(&segment(), b"four");
        assert_eq!(content(&backlog), [&b"two"[..], b"three", b"four"]);
        backlog.leave(3);
        assert!(backlog.is_empty() && content(&backlog).is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut backlog = Backlog::default();
        let each = 1_000;
        let fit = Backlog::BYTES_MAX / each;
        let all = 5 * fit;
        let mut dropped = 0;
        for n in 0..all {
            dropped += backlog.push(&segment(), &[(n % 251) as u8; 1_000]);
            assert!(backlog.bytes.len() <= 2 * Backlog::BYTES_MAX);
        }
        assert_eq!(dropped as usize, all - fit);
        let expected: Vec<_> = (all - fit..all).map(|n| vec![(n % 251) as u8; each]).collect();
        assert!(content(&backlog) == expected);
    }

    #[test]
    fn empty_datagrams_are_bounded_too() {
        let mut backlog = Backlog::default();
        let mut dropped = 0;
        for _ in 0..3 * Backlog::DATAGRAMS_MAX {
            dropped += backlog.push(&segment(), b"");
            assert!(backlog.segments.len() <= 2 * Backlog::DATAGRAMS_MAX);
        }
        assert_eq!(dropped as usize, 2 * Backlog::DATAGRAMS_MAX);
        assert_eq!(backlog.waiting().1.len(), Backlog::DATAGRAMS_MAX);
    }
}
