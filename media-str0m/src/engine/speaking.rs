use std::time::{Duration, Instant};

use parlor_core::rooms::ParticipantId;

use super::session::Key;

/// How many who speak at a time are told of; the others are left out until one falls silent.
pub const SPEAKING_MAX: usize = 16;

/// At most five events a second a room.
const INTERVAL: Duration = Duration::from_millis(200);

/// Someone counts as speaking until this long after their last loud packet.
const HANGOVER: Duration = Duration::from_millis(500);

/// Who has the word loses it only to someone louder by so much, in 1/256 dB, for so long.
const DOMINANCE_MARGIN: i32 = 4 << 8;
const DOMINANCE_HOLD: Duration = Duration::from_millis(400);

/// How many who had the word are remembered.
pub const RECENT_MAX: usize = 8;

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
    /// Who has or had the word, the latest first.
    recent: Vec<ParticipantId>,
    told_dominant: Option<ParticipantId>,
    /// Who is louder than whoever has the word, and since when.
    challenger: Option<(ParticipantId, Instant)>,
}

/// What is told of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// Who speaks, loudest first.
    pub(super) participants: Vec<ParticipantId>,
    /// Who has or had the word, the latest first.
    pub(super) recent: Vec<ParticipantId>,
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
        let held = self.voices.iter_mut().find(|v| v.key == key);
        let is_new = held.is_none();
        if let Some(voice) = held {
            (voice.score, voice.heard) = (score, now);
        } else if self.voices.len() >= SPEAKING_MAX {
            return false;
        } else {
            self.voices.push(Voice { key, participant, score, heard: now });
        }
        self.contend(participant, score, now) | is_new
    }

    /// Whether the word passes on.
    fn contend(&mut self, participant: ParticipantId, score: i32, now: Instant) -> bool {
        let dominant = self.recent.first().copied();
        if dominant == Some(participant) {
            return false;
        }
        let speaks = |voice: &&Voice| {
            Some(voice.participant) == dominant
                && now.saturating_duration_since(voice.heard) < HANGOVER
        };
        if let Some(voice) = self.voices.iter().find(speaks) {
            if score < voice.score.saturating_add(DOMINANCE_MARGIN) {
                self.challenger = self.challenger.filter(|(who, _)| *who != participant);
                return false;
            }
            let since = match self.challenger {
                Some((who, since)) if who == participant => since,
                _ => now,
            };
            self.challenger = Some((participant, since));
            if now.saturating_duration_since(since) < DOMINANCE_HOLD {
                return false;
            }
        }
        self.challenger = None;
        self.recent.retain(|who| *who != participant);
        self.recent.insert(0, participant);
        self.recent.truncate(RECENT_MAX);
        true
    }

    /// Someone may no longer send, or has left. Whether that makes a difference.
    pub(super) fn leave(&mut self, key: Key) -> bool {
        let before = self.voices.len();
        self.voices.retain(|v| v.key != key);
        self.voices.len() != before
    }

    /// What is to be told now, loudest first, and when to ask again.
    pub(super) fn news(&mut self, now: Instant) -> (Option<News>, Option<Instant>) {
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
        self.told_dominant = self.recent.first().copied();
        (Some(News { participants, recent: self.recent.clone() }), silence_at)
    }

    /// The room is over. Whether someone was said to speak in it.
    pub(super) fn end(self) -> bool {
        !self.told.is_empty()
    }

    fn is_told(&self) -> bool {
        self.told_dominant == self.recent.first().copied()
            && self.voices.iter().all(|v| self.told.contains(&v.participant))
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

    fn news(speaking: &[usize], recent: &[usize]) -> Option<News> {
        let who = |all: &[usize]| all.iter().copied().map(who).collect();
        Some(News { participants: who(speaking), recent: who(recent) })
    }

    #[test]
    fn changes_are_told_once_and_at_most_five_times_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut speaking = Speaking::default();
        assert_eq!(speaking.news(at(0)), (None, None));
        assert!(speaking.heard(Key(1), who(1), 10, at(0)));
        assert_eq!(speaking.news(at(0)), (news(&[1], &[1]), Some(at(500))));
        assert!(!speaking.heard(Key(1), who(1), 10, at(20)));
        assert!(speaking.heard(Key(2), who(2), 20, at(20)));
        assert_eq!(speaking.news(at(20)), (None, Some(at(200))));
        assert_eq!(speaking.news(at(200)), (news(&[2, 1], &[1]), Some(at(520))));
        assert_eq!(speaking.news(at(520)), (news(&[], &[1]), None));
    }

    #[test]
    fn the_word_passes_to_who_is_clearly_louder_for_a_while_or_speaks_alone() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut speaking = Speaking::default();
        let dominant = |speaking: &Speaking| speaking.recent.first().copied();
        speaking.heard(Key(1), who(1), 50 << 8, at(0));
        for ms in (20..1_000).step_by(20) {
            speaking.heard(Key(1), who(1), 50 << 8, at(ms));
            speaking.heard(Key(2), who(2), 53 << 8, at(ms));
        }
        assert_eq!(dominant(&speaking), Some(who(1)), "a little louder");
        speaking.heard(Key(2), who(2), 60 << 8, at(1_000));
        speaking.heard(Key(1), who(1), 50 << 8, at(1_390));
        assert!(!speaking.heard(Key(2), who(2), 60 << 8, at(1_399)), "not yet for a while");
        assert!(speaking.heard(Key(2), who(2), 60 << 8, at(1_400)));
        assert_eq!(dominant(&speaking), Some(who(2)));
        // The second falls silent; the third, quieter, is all there is.
        assert!(speaking.heard(Key(3), who(3), 20 << 8, at(2_000)));
        assert_eq!(speaking.recent, [who(3), who(2), who(1)]);
        assert_eq!(speaking.news(at(9_000)).0, news(&[], &[3, 2, 1]));
    }

    #[test]
    fn who_leaves_stops_speaking() {
        let now = Instant::now();
        let mut speaking = Speaking::default();
        speaking.heard(Key(1), who(1), 10, now);
        speaking.news(now);
        assert!(speaking.leave(Key(1)));
        assert!(!speaking.leave(Key(1)));
        assert_eq!(speaking.news(now + INTERVAL).0, news(&[], &[1]));
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
