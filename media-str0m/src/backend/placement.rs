use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_core::media::{CloseReason, Connect, LegId, MediaError, MediaEvent, Refused};
use parlor_core::rooms::{ParticipantId, RoomId};

/// Which shard each leg is on: all legs of a room are on one, and a room without legs is forgotten.
///
/// A leg is known from before its shard is asked until the event that it has closed, or until the
/// shard refuses it.
#[derive(Debug)]
pub(super) struct Placement {
    legs_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shards: Vec<Load>,
    rooms: HashMap<RoomId, Home>,
    legs: HashMap<LegId, Leg>,
    /// The leg of each participant, once its offer has been taken.
    present: HashMap<ParticipantId, LegId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    legs: usize,
    has_ended: bool,
}

#[derive(Debug)]
struct Home {
    shard: usize,
    legs: usize,
}

#[derive(Debug)]
struct Leg {
    shard: usize,
    room: RoomId,
    participant: ParticipantId,
    /// Its offer has been taken.
    is_answered: bool,
    /// A newer one on another shard has taken over.
    is_replaced: bool,
}

/// A leg whose shard is being asked. Dropped, it is forgotten.
#[derive(Debug)]
pub(super) struct Asked {
    placement: Arc<Placement>,
    leg: LegId,
    shard: usize,
    is_answered: bool,
}

impl Placement {
    /// For so many shards, and at most so many legs.
    pub(super) fn new(shards: usize, legs_max: usize) -> Arc<Self> {
        let state = State {
            shards: vec![Load::default(); shards],
            rooms: HashMap::new(),
            legs: HashMap::new(),
            present: HashMap::new(),
        };
        Arc::new(Self { legs_max, state: Mutex::new(state) })
    }

    /// Finds a leg its shard: where its room is, or else where the fewest legs are.
    ///
    /// # Errors
    /// [`MediaError::Busy`] when there are too many; one that replaces another is taken all the
    /// same. [`MediaError::Stopped`] when no shard is left.
    pub(super) fn ask(self: &Arc<Self>, request: &Connect) -> Result<Asked, MediaError> {
        let &Connect { leg, room, participant, .. } = request;
        let mut state = self.state();
        if state.legs.contains_key(&leg) {
            return Err(Refused::Unusable("its leg has been started before".to_owned()).into());
        }
        let replaces = state.present.contains_key(&participant);
        if state.legs.len() >= self.legs_max && !replaces {
            return Err(MediaError::Busy);
        }
        let shard = match state.rooms.get(&room) {
            Some(home) => home.shard,
            None => state.least_loaded().ok_or(MediaError::Stopped)?,
        };
        state.shards[shard].legs += 1;
        state.rooms.entry(room).or_insert(Home { shard, legs: 0 }).legs += 1;
        let (is_answered, is_replaced) = (false, false);
        state.legs.insert(leg, Leg { shard, room, participant, is_answered, is_replaced });
        Ok(Asked { placement: self.clone(), leg, shard, is_answered: false })
    }

    /// The shard a leg is on.
    pub(super) fn shard_of(&self, leg: LegId) -> Option<usize> {
        self.state().legs.get(&leg).map(|leg| leg.shard)
    }

    /// Whether no shard is left.
    pub(super) fn has_ended(&self) -> bool {
        self.state().shards.iter().all(|shard| shard.has_ended)
    }

    /// Sees every event. A leg that has been ended because there is a newer one says so.
    pub(super) fn on_event(&self, event: MediaEvent) -> MediaEvent {
        let MediaEvent::Closed { leg, room, participant, reason } = event else { return event };
        let known = self.state().remove(leg);
        let reason = match reason {
            CloseReason::Disconnected if known.is_some_and(|leg| leg.is_replaced) => {
                CloseReason::Replaced
            }
            other => other,
        };
        MediaEvent::Closed { leg, room, participant, reason }
    }

    /// A shard has ended and takes no more. Gives the events that it owes, which are none unless
    /// it has failed.
    pub(super) fn end(&self, shard: usize) -> Vec<MediaEvent> {
        let mut state = self.state();
        state.shards[shard].has_ended = true;
        let mut left: Vec<_> =
            state.legs.iter().filter(|(_, it)| it.shard == shard).map(|(id, _)| *id).collect();
        left.sort_unstable();
        let left = left.into_iter().filter_map(|leg| Some((leg, state.remove(leg)?)));
        let reason = CloseReason::Failed;
        left.filter(|(_, it)| it.is_answered)
            .map(|(leg, it)| {
                let Leg { room, participant, .. } = it;
                MediaEvent::Closed { leg, room, participant, reason }
            })
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that could panic half-way runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn least_loaded(&self) -> Option<usize> {
        let left = self.shards.iter().enumerate().filter(|(_, shard)| !shard.has_ended);
        left.min_by_key(|(_, shard)| shard.legs).map(|(at, _)| at)
    }

    fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        self.shards[leg.shard].legs -= 1;
        if let Some(home) = self.rooms.get_mut(&leg.room) {
            home.legs -= 1;
            if home.legs == 0 {
                self.rooms.remove(&leg.room);
            }
        }
        if self.present.get(&leg.participant) == Some(&id) {
            self.present.remove(&leg.participant);
        }
        Some(leg)
    }
}

impl Asked {
    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    /// The shard has taken the offer. Gives the older leg of the participant and its shard, if
    /// that is another one: on the same, the older leg has ended by now.
    pub(super) fn answered(mut self) -> Option<(LegId, usize)> {
        self.is_answered = true;
        let mut guard = self.placement.state();
        let State { legs, present, .. } = &mut *guard;
        // It may have closed meanwhile.
        let leg = legs.get_mut(&self.leg)?;
        leg.is_answered = true;
        let older = present.insert(leg.participant, self.leg)?;
        let replaced = legs.get_mut(&older)?;
        replaced.is_replaced = true;
        (replaced.shard != self.shard).then_some((older, replaced.shard))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.placement.state().remove(self.leg);
        }
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;
    use parlor_core::media::{Rights, SdpOffer};

    use super::*;

    fn request(leg: u128, room: u128, participant: u128) -> Connect {
        Connect {
            leg: LegId(Uuid::from_u128(leg)),
            room: RoomId(Uuid::from_u128(room)),
            participant: ParticipantId(Uuid::from_u128(participant)),
            rights: Rights::NONE,
            offer: SdpOffer(String::new()),
        }
    }

    fn closed(request: &Connect, reason: CloseReason) -> MediaEvent {
        let &Connect { leg, room, participant, .. } = request;
        MediaEvent::Closed { leg, room, participant, reason }
    }

    fn is_empty(placement: &Placement) -> bool {
        let state = placement.state();
        state.rooms.is_empty()
            && state.legs.is_empty()
            && state.present.is_empty()
            && state.shards.iter().all(|shard| shard.legs == 0)
    }

    #[test]
    fn a_room_stays_together_and_new_ones_go_where_there_is_room() {
        let placement = Placement::new(3, 100);
        let ask = |n: u128, room| {
            let asked = placement.ask(&request(n, room, n)).unwrap();
            let shard = asked.shard();
            assert_eq!(asked.answered(), None);
            shard
        };
        assert_eq!([ask(1, 1), ask(2, 1), ask(3, 1)], [0, 0, 0]);
        assert_eq!([ask(4, 2), ask(5, 2), ask(6, 3), ask(7, 4)], [1, 1, 2, 2]);
        // The room is forgotten with its last leg, and may be placed anew.
        placement.on_event(closed(&request(6, 3, 6), CloseReason::ClosedByPeer));
        placement.on_event(closed(&request(7, 4, 7), CloseReason::ClosedByPeer));
        assert_eq!([ask(8, 5), ask(9, 5), ask(10, 3)], [2, 2, 1]);
        let all = [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (8, 5), (9, 5), (10, 3)];
        for (n, room) in all {
            placement.on_event(closed(&request(n, room, n), CloseReason::Shutdown));
        }
        assert!(is_empty(&placement));
    }

    #[test]
    fn what_is_refused_leaves_no_trace() {
        let placement = Placement::new(2, 2);
        let one = placement.ask(&request(1, 1, 1)).unwrap();
        let again = placement.ask(&request(1, 1, 1)).unwrap_err();
        assert!(matches!(again, MediaError::Refused(Refused::Unusable(_))));
        let two = placement.ask(&request(2, 2, 2)).unwrap();
        assert_eq!(placement.ask(&request(3, 1, 3)).unwrap_err(), MediaError::Busy);
        drop(one);
        drop(two);
        assert!(is_empty(&placement));
    }

    #[test]
    fn the_older_leg_is_replaced_wherever_it_is() {
        let placement = Placement::new(2, 2);
        let first = request(1, 1, 9);
        assert_eq!(placement.ask(&first).unwrap().answered(), None);
        placement.ask(&request(2, 1, 2)).unwrap().answered();
        // It is full, but this one takes the place of another.
        let second = placement.ask(&request(3, 2, 9)).unwrap();
        assert_eq!(second.shard(), 1);
        assert_eq!(second.answered(), Some((first.leg, 0)));
        let told = placement.on_event(closed(&first, CloseReason::Disconnected));
        assert_eq!(told, closed(&first, CloseReason::Replaced));
        // In the same room the shard has done it, and has told so before it answered or after.
        placement.on_event(closed(&request(2, 1, 2), CloseReason::Disconnected));
        assert_eq!(placement.ask(&request(4, 2, 9)).unwrap().answered(), None);
        let third = placement.ask(&request(5, 2, 9)).unwrap();
        placement.on_event(closed(&request(4, 2, 9), CloseReason::Replaced));
        assert_eq!(third.answered(), None);
    }

    #[test]
    fn of_two_that_are_answered_at_once_one_is_left() {
        let placement = Placement::new(2, 9);
        let one = placement.ask(&request(1, 1, 9)).unwrap();
        let two = placement.ask(&request(2, 2, 9)).unwrap();
        let (leg, shard) = (LegId(Uuid::from_u128(2)), two.shard());
        assert_eq!(two.answered(), None);
        assert_eq!(one.answered(), Some((leg, shard)));
    }

    #[test]
    fn a_shard_that_fails_owes_an_end_to_each_of_its_legs() {
        let placement = Placement::new(2, 9);
        let (one, two) = (request(1, 1, 1), request(2, 2, 2));
        placement.ask(&one).unwrap().answered();
        placement.ask(&two).unwrap().answered();
        let pending = placement.ask(&request(3, 1, 3)).unwrap();
        assert_eq!(placement.end(0), [closed(&one, CloseReason::Failed)]);
        drop(pending);
        assert_eq!(placement.ask(&request(4, 1, 4)).unwrap().shard(), 1);
        assert!(!placement.has_ended());
        assert_eq!(placement.end(1), [closed(&two, CloseReason::Failed)]);
        assert!(placement.has_ended() && is_empty(&placement));
        assert_eq!(placement.ask(&request(5, 1, 5)).unwrap_err(), MediaError::Stopped);
    }
}
