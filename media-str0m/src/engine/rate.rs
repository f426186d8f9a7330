use std::time::{Duration, Instant};

/// What a microphone may send, in bits a second: twice what Opus can make of stereo music at its
/// best (510 kbit/s, RFC 6716 §2.1.1).
pub const PUBLISH_BITS_MAX: u64 = 1_000_000;

/// A packet counts as at least so many bytes, for it costs listeners whatever is in it: 500 a second
/// are more than Opus makes of the shortest frames, 2.5 ms (§2.1.4).
const PACKET_BYTES_MIN: usize = 250;

/// Whoever is above it for so long is sent away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever stays below it for so long starts anew.
const FORGIVEN: Duration = Duration::from_secs(1);

/// A token bucket for what a publisher sends, of a second's depth.
#[derive(Debug)]
pub(super) struct Rate {
    bits: u64,
    filled: Instant,
    /// Since when there has been more than may be, and when that was last so.
    over: Option<(Instant, Instant)>,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
    /// It has been too much for too long.
    End,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { bits: PUBLISH_BITS_MAX, filled: now, over: None }
    }

    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.filled).min(Duration::from_secs(1));
        let micros = u64::try_from(passed.as_micros()).unwrap_or(0);
        self.bits = (self.bits + micros * PUBLISH_BITS_MAX / 1_000_000).min(PUBLISH_BITS_MAX);
        self.filled = now;
        let needed = bytes.max(PACKET_BYTES_MIN) as u64 * 8;
        if needed <= self.bits {
            self.bits -= needed;
            return Verdict::Pass;
        }
        let since = match self.over {
            Some((since, last)) if now.saturating_duration_since(last) < FORGIVEN => since,
            _ => now,
        };
        self.over = Some((since, now));
        match now.saturating_duration_since(since) >= PATIENCE {
            true => Verdict::End,
            false => Verdict::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_the_limit_and_ended_after_ten_seconds() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::new(start);
        let mut passed = 0;
        // 20 Mbit/s.
        let ended = (0..20_000).find(|ms| match rate.take(2_500, at(*ms)) {
            Verdict::Pass => {
                passed += 1;
                false
            }
            Verdict::Drop => false,
            Verdict::End => true,
        });
        let ended = ended.expect("a flood is ended");
        assert!((10_000..10_200).contains(&ended), "{ended}");
        let allowed = PUBLISH_BITS_MAX * (ended + 1_000) / 1_000;
        assert!(passed * 2_500 * 8 <= allowed, "{passed}");
        assert!(passed * 2_500 * 8 > allowed * 9 / 10, "{passed}");
    }

    #[test]
    fn many_small_packets_are_a_flood_too() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let at = |n: u64| start + Duration::from_micros(n * 100);
        let passed = (0..50_000).filter(|n| rate.take(3, at(*n)) == Verdict::Pass).count();
        assert!((2_900..=3_010).contains(&passed), "{passed} in five seconds");
    }

    #[test]
    fn speech_passes_and_a_burst_is_forgiven() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::new(start);
        for n in 0..100 {
            let verdict = rate.take(2_500, at(0));
            assert_eq!(verdict, if n < 50 { Verdict::Pass } else { Verdict::Drop });
        }
        for frame in 50..5_000 {
            assert_eq!(rate.take(200, at(frame * 20)), Verdict::Pass);
        }
        for _ in 0..200 {
            assert_ne!(rate.take(2_500, at(100_000)), Verdict::End);
        }
    }
}
