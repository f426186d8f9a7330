//! What a client gets, told from the clear headers alone.

use std::time::Duration;

/// A datagram shorter than this carries no frame of a speaker: it is silence that ends a turn.
const FRAME_BYTES_MIN: usize = 90;

/// How far back duplicates are told from packets that come late.
const WINDOW: u64 = 128;

/// The header of a packet that carries a frame of a speaker (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    ssrc: u32,
    seq: u16,
}

impl Frame {
    /// `None` for all else there is on the port of a client (RFC 7983, RFC 5761 §4).
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let is_frame = bytes.len() >= FRAME_BYTES_MIN && is_rtp(bytes);
        is_frame.then(|| Self {
            ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
            seq: u16::from_be_bytes([bytes[2], bytes[3]]),
        })
    }
}

/// Whether it is RTP or RTCP.
pub(crate) fn is_media(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(128..=191))
}

/// Whether it is RTP.
pub(crate) fn is_rtp(bytes: &[u8]) -> bool {
    is_media(bytes) && bytes.len() >= 12 && !matches!(bytes[1] & 0x7F, 64..=95)
}

/// What one client has got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    streams: Vec<Stream>,
    last: Option<Duration>,
    gap_max: Duration,
}

impl Tally {
    /// A frame has arrived at this time.
    pub(crate) fn add(&mut self, frame: Frame, at: Duration) {
        if let Some(last) = self.last {
            self.gap_max = self.gap_max.max(at.saturating_sub(last));
        }
        self.last = Some(at);
        match self.streams.iter_mut().find(|stream| stream.ssrc == frame.ssrc) {
            Some(stream) => stream.add(frame.seq),
            None => self.streams.push(Stream::new(frame)),
        }
    }

    /// How many different frames there were.
    pub(crate) fn received(&self) -> u64 {
        self.streams.iter().map(|stream| stream.received).sum()
    }

    pub(crate) fn duplicates(&self) -> u64 {
        self.streams.iter().map(|stream| stream.duplicates).sum()
    }

    /// How many sequence numbers are missing between the first and the last.
    pub(crate) fn missing(&self) -> u64 {
        let numbers = |stream: &Stream| stream.highest - stream.first + 1;
        self.streams.iter().map(|stream| numbers(stream).saturating_sub(stream.received)).sum()
    }

    /// The longest time without a frame while people spoke.
    pub(crate) fn gap_max(&self, begin: Duration, end: Duration) -> Duration {
        let rest = end.saturating_sub(self.last.unwrap_or(begin));
        self.gap_max.max(rest)
    }
}

/// One stream of packets. Sequence numbers are extended beyond 16 bits.
#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    first: u64,
    highest: u64,
    /// Which of the last numbers have come; the lowest bit is the highest of them.
    seen: u128,
    received: u64,
    duplicates: u64,
}

impl Stream {
    fn new(frame: Frame) -> Self {
        // So that one from before the first does not run below zero.
        let first = u64::from(frame.seq) + (1 << 16);
        Self { ssrc: frame.ssrc, first, highest: first, seen: 1, received: 1, duplicates: 0 }
    }

    fn add(&mut self, seq: u16) {
        let ahead = seq.wrapping_sub(self.highest as u16);
        if ahead != 0 && ahead < 1 << 15 {
            let ahead = u64::from(ahead);
            self.highest += ahead;
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.received += 1;
            return;
        }
        let behind = u64::from(ahead.wrapping_neg());
        let bit = if behind < WINDOW { 1 << behind } else { 0 };
        if bit == 0 || self.seen & bit != 0 {
            self.duplicates += 1;
            return;
        }
        self.seen |= bit;
        self.received += 1;
        self.first = self.first.min(self.highest - behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn frames_are_told_from_all_else() {
        let mut bytes = vec![0; 136];
        bytes[..12].copy_from_slice(&[0x90, 111, 1, 2, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(Frame::of(&bytes), Some(Frame { ssrc: 7, seq: 0x102 }));
        assert_eq!(Frame::of(&bytes[..40]), None);
        bytes[1] = 200;
        assert_eq!(Frame::of(&bytes), None);
        bytes[0] = 22;
        assert_eq!(Frame::of(&bytes), None);
        assert_eq!(Frame::of(&[]), None);
    }

    #[test]
    fn what_is_missing_late_or_there_twice_is_told_apart() {
        let mut tally = Tally::default();
        let seqs = [65_534, 65_535, 0, 3, 3, 2, 5];
        for (n, seq) in seqs.into_iter().enumerate() {
            tally.add(Frame { ssrc: 1, seq }, ms(20 * n as u64));
        }
        tally.add(Frame { ssrc: 2, seq: 9 }, ms(200));
        assert_eq!((tally.received(), tally.duplicates(), tally.missing()), (7, 1, 2));
        assert_eq!(tally.gap_max(ms(0), ms(210)), ms(80));
        assert_eq!(tally.gap_max(ms(0), ms(500)), ms(300));
        assert_eq!(Tally::default().gap_max(ms(10), ms(500)), ms(490));
    }
}
