use std::time::{Duration, Instant};

use parlor_core::media::{LegId, LegSample, Quality};
use parlor_core::rooms::ParticipantId;

/// How often a leg is told of.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// Speech goes on through pauses up to this long, and shorter bursts than that are none (domain
/// §5.6, "mean talkers").
const TALK_HANGOVER: Duration = Duration::from_millis(500);
const TALK_MIN: Duration = Duration::from_millis(200);

/// The media clock of Opus (RFC 7587 §4.1).
const CLOCK_HZ: u64 = 48_000;

/// Measures how a leg does, over one window after another.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    bytes_in: u64,
    bytes_out_before: u64,
    inflow: Option<Inflow>,
    /// The worst that the client has reported of its streams.
    loss_out: Option<u8>,
    jitter_out: Option<u32>,
    rtt: Option<Duration>,
    talk: Duration,
    burst: Option<(Instant, Instant)>,
    told: Option<Quality>,
}

/// What comes in on one SSRC.
#[derive(Debug)]
struct Inflow {
    ssrc: u32,
    /// The highest number before the window, and the highest of all.
    before: u64,
    highest: u64,
    received: u64,
    last: (Instant, u32),
    /// In 1/16 of a tick of the media clock (RFC 3550 appendix A.8).
    jitter: u64,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes_in: 0,
            bytes_out_before: 0,
            inflow: None,
            loss_out: None,
            jitter_out: None,
            rtt: None,
            talk: Duration::ZERO,
            burst: None,
            told: None,
        }
    }

    /// An authenticated packet has come in.
    pub(super) fn received(&mut self, ssrc: u32, seq: u64, time: u32, bytes: usize, now: Instant) {
        self.bytes_in += bytes as u64;
        match self.inflow.as_mut().filter(|inflow| inflow.ssrc == ssrc) {
            Some(inflow) => inflow.received(seq, time, now),
            None => {
                let before = seq.saturating_sub(1);
                let last = (now, time);
                self.inflow =
                    Some(Inflow { ssrc, before, highest: seq, received: 1, last, jitter: 0 });
            }
        }
    }

    /// A packet carries speech.
    pub(super) fn talked(&mut self, now: Instant) {
        match &mut self.burst {
            Some((_, last)) if now.saturating_duration_since(*last) < TALK_HANGOVER => *last = now,
            _ => {
                self.end_burst();
                self.burst = Some((now, now));
            }
        }
    }

    /// The client has reported on one of its streams (RFC 3550 §6.4.1).
    pub(super) fn reported(&mut self, fraction_lost: u8, jitter: u32) {
        self.loss_out = self.loss_out.max(Some(fraction_lost));
        self.jitter_out = self.jitter_out.max(Some(jitter));
    }

    pub(super) fn round_trip(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// What was measured since the last time.
    pub(super) fn sample(
        &mut self,
        leg: LegId,
        participant: ParticipantId,
        bytes_out: u64,
        now: Instant,
    ) -> LegSample {
        if let Some((since, last)) = self.burst
            && last.saturating_duration_since(since) >= TALK_MIN
        {
            self.talk += last.saturating_duration_since(since);
            self.burst = Some((last, last));
        }
        let jitter_in = self.inflow.as_ref().map(|inflow| inflow.jitter / 16);
        let jitter = jitter_in.max(self.jitter_out.map(u64::from));
        let sample = LegSample {
            leg,
            participant,
            window: now.saturating_duration_since(self.since),
            rtt: self.rtt,
            jitter: jitter.map(|ticks| Duration::from_micros(ticks * 1_000_000 / CLOCK_HZ)),
            loss_in_ppm: self.inflow.as_mut().and_then(Inflow::loss_ppm),
            loss_out_ppm: self.loss_out.map(|lost| u32::from(lost) * 1_000_000 / 256),
            bytes_in: self.bytes_in,
            bytes_out: bytes_out.saturating_sub(self.bytes_out_before),
            talk: self.talk,
        };
        (self.since, self.bytes_in, self.bytes_out_before) = (now, 0, bytes_out);
        (self.loss_out, self.jitter_out, self.talk) = (None, None, Duration::ZERO);
        sample
    }

    /// Whether that is another quality than the one told last; the first is.
    pub(super) fn tells(&mut self, quality: Quality) -> bool {
        self.told.replace(quality) != Some(quality)
    }

    fn end_burst(&mut self) {
        let Some((since, last)) = self.burst.take() else { return };
        let length = last.saturating_duration_since(since);
        if length >= TALK_MIN {
            self.talk += length;
        }
    }
}

impl Inflow {
    fn received(&mut self, seq: u64, time: u32, now: Instant) {
        self.received += 1;
        let (last, last_time) = self.last;
        let passed = now.saturating_duration_since(last).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX) / 1_000 * CLOCK_HZ as i64 / 1_000;
        let difference = passed - i64::from(time.wrapping_sub(last_time) as i32);
        // A pause in sending is no jitter.
        if seq == self.highest + 1 && difference.unsigned_abs() < CLOCK_HZ {
            self.jitter += difference.unsigned_abs();
            self.jitter -= (self.jitter + 8) / 16;
        }
        self.highest = self.highest.max(seq);
        self.last = (now, time);
    }

    /// Of the window that ends now; another begins.
    fn loss_ppm(&mut self) -> Option<u32> {
        let expected = self.highest.saturating_sub(self.before);
        let lost = expected.saturating_sub(self.received);
        (self.before, self.received) = (self.highest, 0);
        let ppm = (lost * 1_000_000).checked_div(expected)?;
        u32::try_from(ppm).ok()
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;

    use super::*;

    fn sample(meter: &mut Meter, bytes_out: u64, now: Instant) -> LegSample {
        meter.sample(LegId(Uuid::nil()), ParticipantId(Uuid::nil()), bytes_out, now)
    }

    #[test]
    fn a_window_has_what_came_in_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::new(start);
        for n in (0..500).filter(|n| n % 10 != 3) {
            meter.received(7, 1_000 + n, n as u32 * 960, 100, at(n * 20));
            if n < 50 {
                meter.talked(at(n * 20));
            }
        }
        meter.reported(64, 480);
        meter.reported(2, 4_800);
        meter.round_trip(Duration::from_millis(42));
        let first = sample(&mut meter, 9_000, at(10_000));
        assert_eq!(first.window, SAMPLE_INTERVAL);
        assert_eq!((first.loss_in_ppm, first.loss_out_ppm), (Some(100_000), Some(250_000)));
        assert_eq!(first.jitter, Some(Duration::from_millis(100)));
        assert_eq!((first.bytes_in, first.bytes_out), (45_000, 9_000));
        assert_eq!(first.talk, Duration::from_millis(980));
        let second = sample(&mut meter, 9_500, at(20_000));
        assert_eq!((second.loss_in_ppm, second.loss_out_ppm), (None, None));
        assert_eq!((second.bytes_in, second.bytes_out), (0, 500));
        assert_eq!((second.talk, second.rtt), (Duration::ZERO, Some(Duration::from_millis(42))));
    }

    #[test]
    fn jitter_is_that_of_the_standard() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut seed = 1_u64;
        for n in 0..1_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let late = Duration::from_millis(seed >> 33 & 15);
            let now = start + Duration::from_millis(n * 20) + late;
            meter.received(7, n, n as u32 * 960, 100, now);
        }
        // The mean difference of two even spreads of 0 to 15 ms is a third of the spread.
        let jitter = sample(&mut meter, 0, start).jitter.unwrap();
        let range = Duration::from_micros(3_500)..Duration::from_micros(7_500);
        assert!(range.contains(&jitter), "{jitter:?}");
    }

    #[test]
    fn a_cough_is_no_talk_and_a_pause_no_silence() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::new(start);
        meter.talked(at(0));
        meter.talked(at(100));
        assert_eq!(sample(&mut meter, 0, at(5_000)).talk, Duration::ZERO);
        for ms in [6_000, 6_400, 6_800] {
            meter.talked(at(ms));
        }
        meter.talked(at(9_000));
        assert_eq!(sample(&mut meter, 0, at(10_000)).talk, Duration::from_millis(800));
    }

    #[test]
    fn a_quality_is_told_when_it_changes() {
        let mut meter = Meter::new(Instant::now());
        assert!(meter.tells(Quality::Excellent));
        assert!(!meter.tells(Quality::Excellent));
        assert!(meter.tells(Quality::Poor));
        assert!(!meter.tells(Quality::Poor));
    }
}
