use std::time::{Duration, Instant};

use parlor_core::rooms::ParticipantId;

use super::session::Key;

/// How many who speak at a time are told of; the others are left out until one falls silent.
pub const SPEAKING_MAX: usize = 16;

/// At most five events a second a room.
const INTERVAL: Duration = Duration::from_millis(200);

/// Someone counts as speaking until this long after their last loud packet.
const HANGOVER: Duration = Duration::from_millis(500);

/// Quieter than this is not speech, in -dBov.
const AUDIBLE: u8 = 50;

/// An Opus packet of this size or less is silence or comfort noise.
const COMFORT_NOISE_MAX: usize = 3;

/// Whether a packet carries speech, by its RFC 6464 level and voice flag, or by its size if the
/// client sends neither.
pub(super) fn is_voiced(level: Option<i8>, voice: Option<bool>, payload: usize) -> bool {
    match level {
        Some(level) => level.unsigned_abs() <= AUDIBLE && voice != Some(false),
        None => payload > COMFORT_NOISE_MAX,
    }
}

/// Who speaks in a room, told when it changes and not too often.
#[derive(Debug, Default)]
pub(super) struct Speaking {
    voices: Vec<Voice>,
    told: Vec<ParticipantId>,
    told_at: Option<Instant>,
}

#[derive(Debug)]
struct Voice {
    key: Key,
    participant: ParticipantId,
    score: i32,
    heard: Instant,
}

impl Speaking {
    /// Takes note of a packet with speech. Whether someone new speaks.
    pub(super) fn heard(
        &mut self,
        key: Key,
        participant: ParticipantId,
        score: i32,
        now: Instant,
    ) -> bool {
        if let Some(voice) = self.voices.iter_mut().find(|v| v.key == key) {
            (voice.score, voice.heard) = (score, now);
            return false;
        }
        if self.voices.len() >= SPEAKING_MAX {
            return false;
        }
        self.voices.push(Voice { key, participant, score, heard: now });
        true
    }

    /// Someone may no longer send, or has left. Whether that makes a difference.
    pub(super) fn leave(&mut self, key: Key) -> bool {
        let before = self.voices.len();
        self.voices.retain(|v| v.key != key);
        self.voices.len() != before
    }

    /// What is to be told now, loudest first, and when to ask again.
    pub(super) fn news(&mut self, now: Instant) -> (Option<Vec<ParticipantId>>, Option<Instant>) {
        self.voices.retain(|v| now.saturating_duration_since(v.heard) < HANGOVER);
        let silence_at = self.voices.iter().map(|v| v.heard + HANGOVER).min();
        if self.is_told() {
            return (None, silence_at);
        }
        if let Some(at) = self.told_at.map(|at| at + INTERVAL).filter(|at| *at > now) {
            return (None, Some(at));
        }
        self.voices.sort_by_key(|v| std::cmp::Reverse(v.score));
        let mut participants: Vec<_> = self.voices.iter().map(|v| v.participant).collect();
        let mut seen = Vec::with_capacity(participants.len());
        participants.retain(|p| {
            !seen.contains(p) && {
                seen.push(*p);
                true
            }
        });
        self.told.clone_from(&participants);
        self.told_at = Some(now);
        (Some(participants), silence_at)
    }

    /// The room is over. Whether someone was said to speak in it.
    pub(super) fn end(self) -> bool {
        !self.told.is_empty()
    }

    fn is_told(&self) -> bool {
        self.voices.iter().all(|v| self.told.contains(&v.participant))
            && self.told.iter().all(|p| self.voices.iter().any(|v| v.participant == *p))
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;

    use super::*;

    fn who(n: usize) -> ParticipantId {
        ParticipantId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn changes_are_told_once_and_at_most_five_times_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut speaking = Speaking::default();
        assert_eq!(speaking.news(at(0)), (None, None));
        assert!(speaking.heard(Key(1), who(1), 10, at(0)));
        assert_eq!(speaking.news(at(0)), (Some(vec![who(1)]), Some(at(500))));
        assert!(!speaking.heard(Key(1), who(1), 10, at(20)));
        assert!(speaking.heard(Key(2), who(2), 20, at(20)));
        assert_eq!(speaking.news(at(20)), (None, Some(at(200))));
        assert_eq!(speaking.news(at(200)), (Some(vec![who(2), who(1)]), Some(at(520))));
        assert_eq!(speaking.news(at(520)), (Some(vec![]), None));
    }

    #[test]
    fn who_leaves_stops_speaking() {
        let now = Instant::now();
        let mut speaking = Speaking::default();
        speaking.heard(Key(1), who(1), 10, now);
        speaking.news(now);
        assert!(speaking.leave(Key(1)));
        assert!(!speaking.leave(Key(1)));
        assert_eq!(speaking.news(now + INTERVAL).0, Some(vec![]));
    }

    #[test]
    fn speech_is_told_from_silence() {
        let table = [
            ((Some(-30), Some(true), 80), true),
            ((Some(-30), None, 80), true),
            ((Some(-30), Some(false), 80), false),
            ((Some(-60), Some(true), 80), false),
            ((Some(-127), None, 80), false),
            ((None, None, 80), true),
            ((None, None, 3), false),
        ];
        for ((level, voice, size), voiced) in table {
            assert_eq!(is_voiced(level, voice, size), voiced, "{level:?} {voice:?} {size}");
        }
    }
}
