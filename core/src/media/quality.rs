use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LegId;
use crate::rooms::ParticipantId;

/// How a leg did over a while, as the engine measured it. *In* is from the client to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegSample {
    /// The leg.
    pub leg: LegId,
    /// Its participant.
    pub participant: ParticipantId,
    /// The time it tells of.
    pub window: Duration,
    /// The round trip, by the connectivity checks.
    pub rtt: Option<Duration>,
    /// The larger interarrival jitter of both directions (RFC 3550 §6.4.1).
    pub jitter: Option<Duration>,
    /// Packets lost on the way in, in parts per million; none without packets.
    pub loss_in_ppm: Option<u32>,
    /// Packets lost on the way out, as the client reports them, in parts per million.
    pub loss_out_ppm: Option<u32>,
    /// Bytes of RTP that came in.
    pub bytes_in: u64,
    /// Bytes of RTP that went out.
    pub bytes_out: u64,
    /// How long its microphone carried speech.
    pub talk: Duration,
}

crate::words! {
    /// How good a leg is, worst last: the worst of its round trip, jitter and loss.
    pub Quality {
        /// Nobody hears a difference: at most 100 ms, 20 ms of jitter, 1 % lost.
        Excellent = "excellent",
        /// At most 150 ms, 50 ms of jitter, 3 % lost.
        Good = "good",
        /// At most 400 ms, 100 ms of jitter, 10 % lost.
        Poor = "poor",
        /// Worse than that, or silent.
        Lost = "lost",
    }
}

impl LegSample {
    /// The level of the sample (domain §5.5, "quality minutes"). What was not measured counts as
    /// excellent.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let ms = |value: Option<Duration>| value.map_or(0, |value| value.as_millis());
        let loss = self.loss_in_ppm.max(self.loss_out_ppm).unwrap_or(0);
        let by = |value: u128, limits: [u128; 3]| match limits.iter().position(|max| value <= *max)
        {
            Some(0) => Quality::Excellent,
            Some(1) => Quality::Good,
            Some(_) => Quality::Poor,
            None => Quality::Lost,
        };
        by(ms(self.rtt), [100, 150, 400])
            .max(by(ms(self.jitter), [20, 50, 100]))
            .max(by(loss.into(), [10_000, 30_000, 100_000]))
    }

    /// The mean opinion score one would expect by the E-model, in hundredths: 100 (bad) to 450
    /// (excellent). `None` if nothing was measured.
    ///
    /// The rating is R = 93.2 − Id − Ie,eff (ITU-T G.107 with its default values). Id, the
    /// impairment by delay, is 0.024 d + 0.11 (d − 177.3 where that is positive), d in milliseconds
    /// (R. G. Cole, J. H. Rosenbluth, "Voice over IP performance monitoring", 2001), where d is half
    /// the round trip, a jitter buffer of twice the jitter and a frame of 20 ms. Ie,eff, the
    /// impairment by loss, is 95 Ppl / (Ppl + Bpl), G.107's for losses at random with Ie = 0. The
    /// G.113 tables have no Opus; Bpl = 20 is what is commonly taken for it with in-band FEC. The
    /// score follows from R by G.107 Annex B.
    #[must_use]
    pub fn mos_centi(&self) -> Option<u32> {
        const FRAME_MS: f64 = 20.0;
        const LOSS_ROBUSTNESS: f64 = 20.0;
        let loss = self.loss_in_ppm.max(self.loss_out_ppm);
        if self.rtt.is_none() && self.jitter.is_none() && loss.is_none() {
            return None;
        }
        let ms = |value: Option<Duration>| value.map_or(0.0, |value| value.as_secs_f64() * 1_000.0);
        let delay = ms(self.rtt) / 2.0 + 2.0 * ms(self.jitter) + FRAME_MS;
        let by_delay = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
        let percent = f64::from(loss.unwrap_or(0)) / 10_000.0;
        let by_loss = 95.0 * percent / (percent + LOSS_ROBUSTNESS);
        let r = (93.2 - by_delay - by_loss).clamp(0.0, 100.0);
        let score = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 100 and 450"
        )]
        Some((score.clamp(1.0, 4.5) * 100.0).round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uuid;

    fn sample(rtt: u64, jitter: u64, loss_in: u32, loss_out: u32) -> LegSample {
        LegSample {
            leg: LegId(Uuid::nil()),
            participant: ParticipantId(Uuid::nil()),
            window: Duration::from_secs(10),
            rtt: Some(Duration::from_millis(rtt)),
            jitter: Some(Duration::from_millis(jitter)),
            loss_in_ppm: Some(loss_in),
            loss_out_ppm: Some(loss_out),
            bytes_in: 0,
            bytes_out: 0,
            talk: Duration::ZERO,
        }
    }

    #[test]
    fn the_worst_of_three_decides() {
        let table = [
            ((100, 20, 10_000, 0), Quality::Excellent),
            ((101, 20, 0, 0), Quality::Good),
            ((0, 51, 0, 0), Quality::Poor),
            ((0, 0, 0, 30_001), Quality::Poor),
            ((400, 100, 100_000, 0), Quality::Poor),
            ((0, 0, 100_001, 0), Quality::Lost),
            ((401, 0, 0, 0), Quality::Lost),
        ];
        for ((rtt, jitter, loss_in, loss_out), quality) in table {
            assert_eq!(sample(rtt, jitter, loss_in, loss_out).quality(), quality);
        }
        let unknown = LegSample { rtt: None, jitter: None, ..sample(0, 0, 0, 0) };
        assert_eq!(unknown.quality(), Quality::Excellent);
    }

    #[test]
    fn what_one_would_say_of_it_falls_with_delay_and_loss() {
        let table = [
            ((0, 0, 0, 0), 440),
            ((100, 20, 10_000, 0), 423),
            ((150, 50, 0, 30_000), 379),
            ((400, 0, 0, 0), 414),
            ((0, 0, 200_000, 0), 233),
            ((400, 100, 100_000, 0), 141),
            ((0, 0, 1_000_000, 0), 109),
            ((2_000, 500, 500_000, 0), 100),
        ];
        for ((rtt, jitter, loss_in, loss_out), mos) in table {
            assert_eq!(sample(rtt, jitter, loss_in, loss_out).mos_centi(), Some(mos));
        }
        let lossless = LegSample { loss_in_ppm: None, loss_out_ppm: None, ..sample(0, 0, 0, 0) };
        assert_eq!(lossless.mos_centi(), Some(440));
        assert_eq!(LegSample { rtt: None, jitter: None, ..lossless }.mos_centi(), None);
    }
}
