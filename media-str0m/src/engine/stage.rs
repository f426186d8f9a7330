use std::time::{Duration, Instant};

use parlor_core::rooms::ParticipantId;

use super::session::Key;

/// How many speakers a listener hears at a time, and how many slots a client may offer.
pub const LOUDEST: usize = 3;

/// Someone who has sent nothing for so long makes room for another.
const ACTIVE: Duration = Duration::from_secs(1);

/// Someone who has just come up is not displaced before this.
const HOLD: Duration = Duration::from_millis(500);

/// Loudness at which a client counts that does not say how loud it is (RFC 6464), in -dBov.
const UNSAID: u8 = 40;

/// Smoothed loudness of one microphone, in 1/256 dB above silence.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loudness {
    score: i32,
    at: Option<Instant>,
}

impl Loudness {
    /// Takes the level of a packet (-127 to 0 dBov). The first after a pause counts in full.
    pub(super) fn heard(&mut self, level: Option<i8>, now: Instant) -> i32 {
        let below = level.map_or(UNSAID, i8::unsigned_abs).min(127);
        let target = i32::from(127 - below) << 8;
        let fresh = self.at.is_none_or(|at| now.saturating_duration_since(at) >= ACTIVE);
        self.score = if fresh { target } else { self.score + (target - self.score) / 8 };
        self.at = Some(now);
        self.score
    }
}

/// Who is heard in a room: the loudest few, and one more in reserve, because each of the few
/// hears the others and not themself.
///
/// The first [`LOUDEST`] are heard by everybody, the one after them by those few alone.
#[derive(Debug, Default)]
pub(super) struct Stage {
    members: Vec<Member>,
    turns: u64,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) participant: ParticipantId,
    pub(super) score: i32,
    /// Changes whenever they come within the hearing of all, so that a slot that carried them
    /// before does not take the time in between for loss.
    pub(super) turn: u64,
    heard: Instant,
    since: Instant,
    audible: bool,
}

impl Stage {
    /// Takes note of a packet. Whether its sender is on the stage, and who may be told so.
    pub(super) fn heard(
        &mut self,
        key: Key,
        participant: ParticipantId,
        score: i32,
        now: Instant,
    ) -> Option<&Member> {
        self.members.retain(|m| m.key == key || now.saturating_duration_since(m.heard) < ACTIVE);
        let at = match self.members.iter().position(|m| m.key == key) {
            Some(at) => {
                let member = &mut self.members[at];
                if now.saturating_duration_since(member.heard) >= ACTIVE {
                    self.turns += 1;
                    member.turn = self.turns;
                }
                member.score = score;
                member.heard = now;
                at
            }
            None => self.enter(key, participant, score, now)?,
        };
        self.rise(at, now);
        self.announce();
        self.members.iter().find(|m| m.key == key)
    }

    /// Someone may no longer send, or has left.
    pub(super) fn leave(&mut self, key: Key) {
        self.members.retain(|m| m.key != key);
        self.announce();
    }

    /// Whom a participant hears.
    pub(super) fn heard_by(&self, listener: ParticipantId) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |m| m.participant != listener).take(LOUDEST)
    }

    fn enter(
        &mut self,
        key: Key,
        participant: ParticipantId,
        score: i32,
        now: Instant,
    ) -> Option<usize> {
        if self.members.len() > LOUDEST {
            if score <= self.members[LOUDEST].score {
                return None;
            }
            self.members.pop();
        }
        self.turns += 1;
        self.members.push(Member {
            key,
            participant,
            score,
            turn: self.turns,
            heard: now,
            since: now,
            audible: false,
        });
        Some(self.members.len() - 1)
    }

    /// Lets the one in reserve take the place of someone quieter.
    fn rise(&mut self, at: usize, now: Instant) {
        if at < LOUDEST {
            return;
        }
        let settled = |m: &Member| now.saturating_duration_since(m.since) >= HOLD;
        let quietest = (0..LOUDEST)
            .filter(|at| settled(&self.members[*at]))
            .min_by_key(|at| self.members[*at].score);
        if let Some(below) = quietest
            && self.members[below].score < self.members[at].score
        {
            self.members.swap(below, at);
            self.members[below].since = now;
        }
    }

    fn announce(&mut self) {
        for (at, member) in self.members.iter_mut().enumerate() {
            let audible = at < LOUDEST;
            if audible && !member.audible {
                self.turns += 1;
                member.turn = self.turns;
            }
            member.audible = audible;
        }
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;

    use super::*;

    fn who(n: usize) -> ParticipantId {
        ParticipantId(Uuid::from_u128(n as u128))
    }

    fn names(stage: &Stage, listener: usize) -> Vec<usize> {
        let mut names: Vec<_> = stage.heard_by(who(listener)).map(|m| m.key.0).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_loudest_are_heard_and_nobody_hears_themself() {
        let start = Instant::now();
        let mut stage = Stage::default();
        for ms in (0..2_000).step_by(20) {
            for n in 1..=5 {
                stage.heard(
                    Key(n),
                    who(n),
                    i32::try_from(n).unwrap(),
                    start + Duration::from_millis(ms),
                );
            }
        }
        assert_eq!(names(&stage, 9), [3, 4, 5]);
        assert_eq!(names(&stage, 1), [3, 4, 5]);
        assert_eq!(names(&stage, 3), [2, 4, 5]);
        assert_eq!(names(&stage, 5), [2, 3, 4]);
        stage.leave(Key(5));
        assert_eq!(names(&stage, 9), [2, 3, 4]);
    }

    #[test]
    fn up_to_three_are_heard_from_their_first_packet() {
        let now = Instant::now();
        let mut stage = Stage::default();
        for n in 1..=3 {
            assert!(stage.heard(Key(n), who(n), 0, now).is_some());
        }
        assert_eq!(names(&stage, 9), [1, 2, 3]);
    }

    #[test]
    fn who_falls_silent_makes_room() {
        let start = Instant::now();
        let mut stage = Stage::default();
        for n in 1..=4 {
            stage.heard(Key(n), who(n), 1_000, start);
        }
        assert!(stage.heard(Key(5), who(5), 10, start).is_none());
        let later = start + ACTIVE;
        assert!(stage.heard(Key(5), who(5), 10, later).is_some());
        assert_eq!(names(&stage, 9), [5]);
    }

    #[test]
    fn a_turn_changes_when_someone_comes_back() {
        let start = Instant::now();
        let mut stage = Stage::default();
        let first = stage.heard(Key(1), who(1), 5, start).unwrap().turn;
        let same = stage.heard(Key(1), who(1), 5, start + Duration::from_millis(999)).unwrap().turn;
        assert_eq!(first, same);
        let later = stage.heard(Key(1), who(1), 5, start + Duration::from_secs(3)).unwrap().turn;
        assert_ne!(first, later);
    }

    #[test]
    fn loudness_is_smoothed() {
        let now = Instant::now();
        let mut loudness = Loudness::default();
        assert_eq!(loudness.heard(Some(-127), now), 0);
        let one = loudness.heard(Some(0), now);
        assert!(one > 0 && one < 127 * 256 / 4);
        assert_eq!(loudness.heard(Some(-27), now + ACTIVE), 100 * 256);
        assert_eq!(Loudness::default().heard(None, now), 87 * 256);
    }
}
