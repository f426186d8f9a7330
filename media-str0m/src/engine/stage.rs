use std::time::{Duration, Instant};

use super::listener::Rank;
use super::session::Key;

/// How many speakers a listener hears at a time, and how many slots a client may offer.
pub const LOUDEST: usize = 3;

/// Someone who has sent nothing for so long makes room for another.
const ACTIVE: Duration = Duration::from_secs(1);

/// Someone who has just come up is not displaced before this, except by who is pinned.
const HOLD: Duration = Duration::from_millis(500);

/// Someone is displaced only by who is louder by so much, in 1/256 dB: two who speak at the same
/// loudness would otherwise take turns.
const MARGIN: i32 = 3 << 8;

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
    pub(super) rank: Rank,
    /// Changes whenever they come within the hearing of all, so that a slot that carried them
    /// before does not take the time in between for loss.
    pub(super) turn: u64,
    heard: Instant,
    since: Instant,
    audible: bool,
}

impl Stage {
    /// Takes note of a packet. Whether its sender is on the stage, and how.
    pub(super) fn heard(&mut self, key: Key, rank: Rank, now: Instant) -> Option<Heard> {
        self.members.retain(|m| m.key == key || now.saturating_duration_since(m.heard) < ACTIVE);
        let at = match self.members.iter().position(|m| m.key == key) {
            Some(at) => {
                let member = &mut self.members[at];
                if now.saturating_duration_since(member.heard) >= ACTIVE {
                    self.turns += 1;
                    member.turn = self.turns;
                }
                member.rank = rank;
                member.heard = now;
                at
            }
            None => self.enter(key, rank, now)?,
        };
        self.rise(at, now);
        self.announce();
        let at = self.members.iter().position(|m| m.key == key)?;
        Some(Heard { turn: self.members[at].turn, is_reserve: at >= LOUDEST })
    }

    /// Someone may no longer send, is silent, or has left. Whether they were on the stage.
    pub(super) fn leave(&mut self, key: Key) -> bool {
        let before = self.members.len();
        self.members.retain(|m| m.key != key);
        self.announce();
        self.members.len() != before
    }

    /// Whether a leg is one of those whom all others hear, and so hears the one in reserve.
    pub(super) fn is_heard_by_all(&self, key: Key) -> bool {
        self.members.iter().take(LOUDEST).any(|m| m.key == key)
    }

    /// The rank of a speaker whom a listener hears: one who is on the stage, or one who is not.
    pub(super) fn rank(&self, speaker: Key, is_on_stage: bool) -> Option<Rank> {
        let audible = if is_on_stage { LOUDEST + 1 } else { LOUDEST };
        self.members.iter().take(audible).find(|m| m.key == speaker).map(|m| m.rank)
    }

    fn enter(&mut self, key: Key, rank: Rank, now: Instant) -> Option<usize> {
        if self.members.len() > LOUDEST {
            if rank <= self.members[LOUDEST].rank {
                return None;
            }
            self.members.pop();
        }
        self.turns += 1;
        self.members.push(Member {
            key,
            rank,
            turn: self.turns,
            heard: now,
            since: now,
            audible: false,
        });
        Some(self.members.len() - 1)
    }

    /// Lets the one in reserve take the place of someone who goes after them.
    fn rise(&mut self, at: usize, now: Instant) {
        if at < LOUDEST {
            return;
        }
        let rank = self.members[at].rank;
        let is_settled = |m: &Member| now.saturating_duration_since(m.since) >= HOLD;
        let last = (0..LOUDEST)
            .filter(|at| rank.is_pinned || is_settled(&self.members[*at]))
            .min_by_key(|at| self.members[*at].rank);
        if let Some(last) = last
            && self.members[last].rank.yields_to(rank)
        {
            self.members.swap(last, at);
            self.members[last].since = now;
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

impl Rank {
    fn yields_to(self, other: Self) -> bool {
        match (self.is_pinned, other.is_pinned) {
            (false, true) => true,
            (true, false) => false,
            _ => self.score.saturating_add(MARGIN) <= other.score,
        }
    }
}

/// How someone who has just been heard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) turn: u64,
    /// Only those who are heard by all hear them.
    pub(super) is_reserve: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud(db: i32) -> Rank {
        Rank { is_pinned: false, score: db << 8 }
    }

    fn names(stage: &Stage, listener: usize) -> Vec<usize> {
        let is_on_stage = stage.is_heard_by_all(Key(listener));
        let is_heard = |n: &usize| *n != listener && stage.rank(Key(*n), is_on_stage).is_some();
        (1..10).filter(is_heard).collect()
    }

    fn speak(stage: &mut Stage, start: Instant, ms: std::ops::Range<u64>, ranks: &[(usize, Rank)]) {
        for ms in ms.step_by(20) {
            for (n, rank) in ranks {
                stage.heard(Key(*n), *rank, start + Duration::from_millis(ms));
            }
        }
    }

    #[test]
    fn the_loudest_are_heard_and_nobody_hears_themself() {
        let mut stage = Stage::default();
        let ranks = [1, 2, 3, 4, 5].map(|n| (n, loud(4 * n as i32)));
        speak(&mut stage, Instant::now(), 0..2_000, &ranks);
        assert_eq!(names(&stage, 9), [3, 4, 5]);
        assert_eq!(names(&stage, 1), [3, 4, 5]);
        assert_eq!(names(&stage, 3), [2, 4, 5]);
        assert_eq!(names(&stage, 5), [2, 3, 4]);
        assert!(stage.leave(Key(5)) && !stage.leave(Key(5)));
        assert_eq!(names(&stage, 9), [2, 3, 4]);
    }

    #[test]
    fn a_little_louder_is_not_enough() {
        let start = Instant::now();
        let mut stage = Stage::default();
        let even = [1, 2, 3].map(|n| (n, loud(40)));
        speak(&mut stage, start, 0..1_000, &even);
        speak(&mut stage, start, 1_000..3_000, &[even.as_slice(), &[(4, loud(42))]].concat());
        assert_eq!(names(&stage, 9), [1, 2, 3]);
        speak(&mut stage, start, 3_000..3_100, &[even.as_slice(), &[(4, loud(43))]].concat());
        assert!(names(&stage, 9).contains(&4));
    }

    #[test]
    fn pins_beat_loudness_at_once() {
        let start = Instant::now();
        let mut stage = Stage::default();
        speak(&mut stage, start, 0..100, &[1, 2, 3, 4].map(|n| (n, loud(60))));
        let pinned = Rank { is_pinned: true, score: 10 << 8 };
        stage.heard(Key(5), pinned, start + Duration::from_millis(100));
        assert!(names(&stage, 9).contains(&5));
        speak(&mut stage, start, 120..2_000, &[(5, pinned), (6, loud(100)), (7, loud(100))]);
        assert!(names(&stage, 9).contains(&5));
    }

    #[test]
    fn up_to_three_are_heard_from_their_first_packet() {
        let now = Instant::now();
        let mut stage = Stage::default();
        for n in 1..=3 {
            let heard = stage.heard(Key(n), loud(0), now);
            assert!(heard.is_some_and(|heard| !heard.is_reserve));
        }
        assert!(stage.heard(Key(4), loud(1), now).is_some_and(|heard| heard.is_reserve));
        assert_eq!(names(&stage, 9), [1, 2, 3]);
    }

    #[test]
    fn who_falls_silent_makes_room() {
        let start = Instant::now();
        let mut stage = Stage::default();
        for n in 1..=4 {
            stage.heard(Key(n), loud(50), start);
        }
        assert!(stage.heard(Key(5), loud(10), start).is_none());
        let later = start + ACTIVE;
        assert!(stage.heard(Key(5), loud(10), later).is_some());
        assert_eq!(names(&stage, 9), [5]);
    }

    #[test]
    fn a_turn_changes_when_someone_comes_back() {
        let start = Instant::now();
        let mut stage = Stage::default();
        let turn = |stage: &mut Stage, ms| {
            stage.heard(Key(1), loud(5), start + Duration::from_millis(ms)).unwrap().turn
        };
        let first = turn(&mut stage, 0);
        assert_eq!(first, turn(&mut stage, 999));
        assert_ne!(first, turn(&mut stage, 3_000));
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
