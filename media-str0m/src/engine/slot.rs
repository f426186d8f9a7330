use std::time::{Duration, Instant};

use str0m::media::{Mid, Pt};

use super::session::Key;

/// Three of these after the last packet let a decoder fade out instead of inventing sound: an
/// Opus packet of 20 ms that says "silence" (RFC 6716 §3.1: CELT-only, stereo flag 0, code 0).
pub(super) const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// How many frames of silence end a speaker's turn.
pub(super) const SILENCE_FRAMES: u32 = 3;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: u32 = 960;
const SAMPLES_PER_MS: u128 = 48;

/// A hole of more packets than this, and than can have been sent meanwhile, is no loss but a new
/// start: a publisher that leaps could otherwise take the rollover counters of listeners out of step.
const GAP_MIN: u64 = 50;

/// What Opus makes of the shortest frames, 2.5 ms.
const PACKETS_PER_S: u64 = 400;
const GAP_MAX: u64 = 3_000;

/// One outgoing audio stream of a listener. Whoever speaks through it, its sequence numbers and
/// timestamps go on without a seam (RFC 3550 §5.1), and no number is given twice.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) pt: Pt,
    seq: u64,
    time: u32,
    sent: Option<Instant>,
    feed: Option<Feed>,
    used: Used,
}

/// Whose packets a slot carries, from which turn and stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) speaker: Key,
    /// Changes whenever the speaker comes back onto the stage.
    pub(super) turn: u64,
    pub(super) ssrc: u32,
}

#[derive(Debug)]
struct Feed {
    origin: Origin,
    since: Instant,
    seq_in: u64,
    seq_out: u64,
    time_in: u32,
    time_out: u32,
}

/// What goes into the header of an outgoing packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The sequence number, extended by the rollover counter.
    pub(super) seq: u64,
    pub(super) time: u32,
    /// The first packet of a turn (RFC 3551 §4.1).
    pub(super) marker: bool,
}

impl Slot {
    /// `start` is the first sequence number; it must be below 65,536, because a receiver takes
    /// the rollover counter for zero (RFC 3711 §3.3.1).
    pub(super) fn new(mid: Mid, pt: Pt, start: u16) -> Self {
        let (seq, time) = (u64::from(start), u32::from(start) << 8);
        Self { mid, pt, seq, time, sent: None, feed: None, used: Used::up_to(seq) }
    }

    pub(super) fn speaker(&self) -> Option<Key> {
        self.feed.as_ref().map(|feed| feed.origin.speaker)
    }

    /// Since when the present speaker has it.
    pub(super) fn since(&self) -> Option<Instant> {
        self.feed.as_ref().map(|feed| feed.since)
    }

    /// The numbers for a packet; `None` if it comes from before the present turn, or too late.
    pub(super) fn stamp(
        &mut self,
        origin: Origin,
        seq: u64,
        time: u32,
        now: Instant,
    ) -> Option<Stamp> {
        if let Some(feed) = self.feed.as_ref().filter(|feed| feed.origin == origin) {
            let seq_out = feed.seq_out + seq.checked_sub(feed.seq_in)?;
            if seq_out <= self.seq + self.gap_max(now) {
                let time_out = feed.time_out.wrapping_add(time.wrapping_sub(feed.time_in));
                if !self.used.take(seq_out) {
                    return None;
                }
                if seq_out > self.seq {
                    (self.seq, self.time, self.sent) = (seq_out, time_out, Some(now));
                }
                return Some(Stamp { seq: seq_out, time: time_out, marker: false });
            }
        }
        let since = self.feed.as_ref().filter(|feed| feed.origin.speaker == origin.speaker);
        let since = since.map_or(now, |feed| feed.since);
        let stamp = self.next(self.samples_since_last(now), true)?;
        self.sent = Some(now);
        self.feed = Some(Feed {
            origin,
            since,
            seq_in: seq,
            seq_out: self.seq,
            time_in: time,
            time_out: self.time,
        });
        Some(stamp)
    }

    /// Ends the turn: the stamps for [`SILENCE_FRAMES`] frames. `None` if nobody has the slot.
    pub(super) fn release(&mut self, now: Instant) -> Option<[Stamp; SILENCE_FRAMES as usize]> {
        self.feed.take()?;
        let mut stamps = [Stamp { seq: 0, time: 0, marker: false }; SILENCE_FRAMES as usize];
        for stamp in &mut stamps {
            *stamp = self.next(FRAME_SAMPLES, false)?;
        }
        // The frames leave at once but last their length: the clock of the slot must not gain.
        self.sent = Some(now + FRAME * (SILENCE_FRAMES - 1));
        Some(stamps)
    }

    /// The media clock at `now`, for a sender report (RFC 3550 §6.4.1); `None` before the first
    /// packet.
    pub(super) fn clock(&self, now: Instant) -> Option<u32> {
        let sent = self.sent?;
        Some(self.time.wrapping_add(samples(now.saturating_duration_since(sent))))
    }

    fn gap_max(&self, now: Instant) -> u64 {
        let passed = self.sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent));
        let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        GAP_MIN + (ms.saturating_mul(PACKETS_PER_S) / 1_000).min(GAP_MAX)
    }

    fn next(&mut self, samples: u32, marker: bool) -> Option<Stamp> {
        let seq = self.seq + 1;
        if !self.used.take(seq) {
            return None;
        }
        (self.seq, self.time) = (seq, self.time.wrapping_add(samples));
        Some(Stamp { seq, time: self.time, marker })
    }

    /// The media clock goes on with the wall clock between turns, by one frame at least.
    fn samples_since_last(&self, now: Instant) -> u32 {
        let Some(sent) = self.sent else { return 0 };
        samples(now.saturating_duration_since(sent)).max(FRAME_SAMPLES)
    }
}

/// What passes of the media clock. A gap of more than 24 h wraps; nothing plays across it.
fn samples(time: Duration) -> u32 {
    u32::try_from(time.as_millis().saturating_mul(SAMPLES_PER_MS)).unwrap_or(u32::MAX)
}

/// The numbers given, so that none is given twice while the slot lives: with it, a nonce would be
/// (RFC 7714 §8.3). The numbering above never tries to; this is what makes it certain. A slot lives
/// as long as its stream.
#[derive(Debug)]
struct Used {
    highest: u64,
    /// Bit `n` is `highest - n`.
    given: u128,
}

impl Used {
    fn up_to(seq: u64) -> Self {
        Self { highest: seq, given: u128::MAX }
    }

    /// Whether the number was free, and is now taken. What is too old to tell is not free.
    fn take(&mut self, seq: u64) -> bool {
        if seq > self.highest {
            let by = u32::try_from(seq - self.highest).unwrap_or(u32::MAX);
            self.given = self.given.checked_shl(by).unwrap_or(0) | 1;
            self.highest = seq;
            return true;
        }
        let Some(bit) = u32::try_from(self.highest - seq).ok().and_then(|n| 1_u128.checked_shl(n))
        else {
            return false;
        };
        let is_free = self.given & bit == 0;
        self.given |= bit;
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(speaker: usize, turn: u64) -> Origin {
        Origin { speaker: Key(speaker), turn, ssrc: 7 }
    }

    #[test]
    fn numbers_go_on_across_speakers_and_silence() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut slot = Slot::new(Mid::from("a"), Pt::from(111), 100);
        let first = slot.stamp(origin(1, 1), 5_000, 70_000, at(0)).unwrap();
        let base = first.time;
        assert_eq!((first.seq, first.marker), (101, true));
        // A hole on the way in stays a hole on the way out: the decoder conceals it.
        let third = slot.stamp(origin(1, 1), 5_002, 71_920, at(40)).unwrap();
        assert_eq!(third, Stamp { seq: 103, time: base.wrapping_add(1_920), marker: false });
        // A late packet keeps its own place.
        let second = slot.stamp(origin(1, 1), 5_001, 70_960, at(41)).unwrap();
        assert_eq!(second, Stamp { seq: 102, time: base.wrapping_add(960), marker: false });
        // The same again has no place any more.
        assert_eq!(slot.stamp(origin(1, 1), 5_001, 70_960, at(41)), None);
        // Another speaker: next number, clock on by the time that passed.
        let other = slot.stamp(origin(2, 2), 9, 0, at(61)).unwrap();
        assert_eq!(other, Stamp { seq: 104, time: base.wrapping_add(2_928), marker: true });
        // One from before the turn is too late.
        assert_eq!(slot.stamp(origin(2, 2), 8, 0, at(62)), None);
        let silence = slot.release(at(81)).unwrap();
        assert_eq!(silence.map(|stamp| stamp.seq), [105, 106, 107]);
        assert_eq!(silence[2].time, base.wrapping_add(2_928 + 3 * 960));
        assert_eq!(slot.release(at(81)), None);
        // 140 ms are 7 frames; 3 of silence and 4 of gap.
        let again = slot.stamp(origin(1, 3), 60_000, 5, at(221)).unwrap();
        assert_eq!(again, Stamp { seq: 108, time: base.wrapping_add(10_608), marker: true });
    }

    #[test]
    fn a_leap_is_a_new_start() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut slot = Slot::new(Mid::from("a"), Pt::from(111), 0);
        let mut stamp = |seq, ms| {
            let stamp = slot.stamp(origin(1, 1), seq, 0, at(ms)).unwrap();
            (stamp.seq, stamp.marker)
        };
        assert_eq!(stamp(100, 0), (1, true));
        assert_eq!(stamp(100 + GAP_MIN, 0), (1 + GAP_MIN, false));
        assert_eq!(stamp(101 + 2 * GAP_MIN, 0), (2 + GAP_MIN, true));
        assert_eq!(stamp(102 + 2 * GAP_MIN, 20), (3 + GAP_MIN, false));
        // A second's outage at 400 packets a second.
        assert_eq!(stamp(502 + 2 * GAP_MIN, 1_020), (403 + GAP_MIN, false));
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut used = Used::up_to(10);
        assert!(!used.take(10) && !used.take(0));
        assert!(used.take(12) && !used.take(12));
        assert!(used.take(11) && !used.take(11));
        assert!(used.take(400) && !used.take(12), "12 is too old to tell");
        assert!(used.take(273) && !used.take(273));
        assert!(!used.take(272), "it is just outside");
    }
}
