use super::Shard;
use super::listener::Lane;
use super::session::{Key, Phase};
use super::slot::Slot;
use super::srtp::Sealer;

impl Shard {
    /// Has the engine seal what a leg is sent, if its keys allow it.
    ///
    /// From here on its outgoing streams are unknown to str0m, which could otherwise use a nonce
    /// that the engine uses (RFC 7714 §8.3). Keys are taken once and never again, so that a lane's
    /// counters live as long as its keys.
    pub(super) fn open_lane(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let exported = session.tap.take();
        let Some(exported) = exported.filter(|_| self.config.fast_lane) else { return };
        let (Some(sealer), Some(route)) = (Sealer::new(&exported, &self.crypto), session.route)
        else {
            return;
        };
        if let Err(fault) = session.take_streams() {
            return self.fail(key, &fault);
        }
        let (room, place) = (session.room, session.place);
        let Some(listener) = self.rooms.get_mut(&room).and_then(|it| it.listeners.get_mut(place))
        else {
            return;
        };
        listener.lane = Some(Lane::new(sealer, route, key, now));
        self.stats.fast_lanes += 1;
        self.assign_slots(key);
    }

    /// Gives a leg's listener the slots that its offer has: those that stay keep their numbering, as
    /// they keep their stream. Those that go are never taken up again: see `Session::end_streams`.
    pub(super) fn assign_slots(&mut self, key: Key) {
        let Some(session) = self.table.get(key) else { return };
        let Some(room) = self.rooms.get_mut(&session.room) else { return };
        let Some(listener) = room.listeners.get_mut(session.place) else { return };
        let mut held = std::mem::take(&mut listener.slots);
        for (at, (mid, pt)) in session.outgoing.iter().enumerate() {
            let same = held.iter().position(|slot| slot.mid == *mid);
            listener.slots.push(match same {
                Some(same) => {
                    let mut slot = held.swap_remove(same);
                    slot.pt = *pt;
                    slot
                }
                None => Slot::new(*mid, *pt, session.first_number(at)),
            });
        }
        if let Some(lane) = &mut listener.lane {
            let before = std::mem::take(&mut lane.streams);
            for mut stream in session.lane_streams() {
                if let Some(same) = before.iter().find(|it| it.ssrc == stream.ssrc) {
                    stream.goes_on_from(same);
                }
                lane.streams.push(stream);
            }
        }
    }

    /// Takes a leg's listener along: where its packets go, and what its client has reported on.
    pub(super) fn follow(&mut self, key: Key, reported: &[u32]) {
        let Some(session) = self.table.get(key) else { return };
        let (room, place, route) = (session.room, session.place, session.route);
        let room = self.rooms.get_mut(&room);
        let listener = room.and_then(|room| room.listeners.get_mut(place));
        if let Some(lane) = listener.and_then(|listener| listener.lane.as_mut()) {
            if let Some(route) = route {
                lane.route = route;
            }
            for stream in &mut lane.streams {
                stream.is_bound |= reported.contains(&stream.ssrc);
            }
        }
    }

    /// Learns whether the path of a leg on the fast lane has changed.
    pub(super) fn find_route(&mut self, key: Key) {
        let Some(session) = self.table.get(key) else { return };
        if session.phase == Phase::Up && !session.taken.is_empty() {
            self.visit(key, |session, now| {
                session.probe()?;
                session.advance(now)
            });
        }
    }

    /// Opens or shuts a leg's ears, as its rights and its phase have it.
    pub(super) fn open(&mut self, key: Key) {
        let Some(session) = self.table.get(key) else { return };
        let is_open = session.rights.hear && session.phase == Phase::Up;
        let (room, place) = (session.room, session.place);
        if let Some(room) = self.rooms.get_mut(&room)
            && let Some(listener) = room.listeners.get_mut(place)
        {
            listener.is_open = is_open;
        }
    }
}
