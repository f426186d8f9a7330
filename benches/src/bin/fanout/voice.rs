//! What speakers say: a frame that tells who has said it and when.

use std::sync::Arc;
use std::time::Duration;

/// How long a frame lasts.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// Frames a second.
pub(crate) const FRAMES_PER_S: u64 = 50;

/// How loud everybody is, in dBov.
pub(crate) const LEVEL: i8 = -30;

/// Bytes of an Opus packet of speech at about 40 kbit/s. Datagrams of a frame are all of one size.
pub(crate) const OPUS_BYTES: usize = 100;

/// CELT, full band, 20 ms, mono, one frame a packet (RFC 6716 §3.1).
const TOC: u8 = 0xF8;
const MARK: [u8; 3] = *b"fan";

/// Said by whom, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) room: u32,
    pub(crate) speaker: u32,
    pub(crate) at: Duration,
}

/// An Opus packet as far as a forwarder can see.
pub(crate) fn frame(said: Said) -> Arc<[u8]> {
    let mut bytes = [0x55; OPUS_BYTES];
    bytes[0] = TOC;
    bytes[1..4].copy_from_slice(&MARK);
    let nanos = u64::try_from(said.at.as_nanos()).unwrap_or(u64::MAX);
    bytes[4..12].copy_from_slice(&nanos.to_be_bytes());
    bytes[12..16].copy_from_slice(&said.room.to_be_bytes());
    bytes[16..20].copy_from_slice(&said.speaker.to_be_bytes());
    Arc::from(bytes)
}

/// What a frame tells; `None` if it is none of ours.
pub(crate) fn said(payload: &[u8]) -> Option<Said> {
    if payload.len() != OPUS_BYTES || payload[0] != TOC || payload[1..4] != MARK {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(payload[at..at + 4].try_into().ok()?));
    let nanos = u64::from_be_bytes(payload[4..12].try_into().ok()?);
    Some(Said { room: number(12)?, speaker: number(16)?, at: Duration::from_nanos(nanos) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_who_said_it_and_when() {
        let at = Duration::from_nanos(1_763_000_000_123_456_789);
        let this = Said { room: 3, speaker: 2, at };
        let payload = frame(this);
        assert_eq!(said(&payload), Some(this));
        assert_eq!(said(&payload[1..]), None);
        assert_eq!(said(&[0; OPUS_BYTES]), None);
    }
}
