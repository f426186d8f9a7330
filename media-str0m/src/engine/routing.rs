use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parlor_core::media::MediaEvent;
use parlor_core::rooms::RoomId;
use str0m::rtp::RtpPacket;

use super::Shard;
use super::batch::{Batch, Forwarded};
use super::deadlines::Due;
use super::gate::Passage;
use super::listener::{Cue, Listener, Outlet, Rank, Voice, Write};
use super::rate::Verdict;
use super::report::ntp;
use super::room::Room;
use super::session::{Fault, Key};
use super::slot::{Origin, SILENCE};
use super::speaking::is_voiced;
use super::srtp::Unsealed;

impl Shard {
    /// Takes an authenticated packet from a leg, and has it wait for those who hear its speaker.
    pub(super) fn packet(&mut self, key: Key, packet: RtpPacket) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let ssrc = *packet.header.ssrc;
        if !session.is_microphone(packet.header.ssrc) {
            self.stats.dropped.not_microphone += 1;
            return;
        }
        self.stats.packets_in += 1;
        session.guard.authenticated(ssrc, now);
        let (seq, time) = (*packet.seq_no, packet.header.timestamp);
        session.meter.received(ssrc, seq, time, packet.payload.len(), now);
        // Only what has authenticated counts: nobody is sent away for what others forge.
        match session.rate.take(packet.payload.len(), now) {
            Verdict::Pass => {}
            Verdict::Drop => return self.stats.dropped.over_rate += 1,
            Verdict::End => {
                self.stats.dropped.over_rate += 1;
                return self.fail(key, &Fault::Misbehaved("it sent too much for too long"));
            }
        }
        if !session.rights.send_microphone {
            self.stats.dropped.not_permitted += 1;
            return;
        }
        let level = packet.header.ext_vals.audio_level;
        let voice = packet.header.ext_vals.voice_activity;
        let passage = session.gate.pass(level, packet.payload.len(), now);
        let score = session.loudness.heard(level, now);
        let (participant, room_id) = (session.participant, session.room);
        let is_pinned = session.rights.pinned;
        if passage != Passage::Pass {
            self.stats.dropped.silence += 1;
            if passage == Passage::Close {
                self.pause(room_id, key);
            }
            return;
        }
        let is_voiced = is_voiced(level, voice, packet.payload.len());
        if is_voiced {
            session.meter.talked(now);
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let speaks = is_voiced && room.speaking.heard(key, participant, score, now);
        let rank = Rank { is_pinned, score };
        match room.stage.heard(key, rank, now) {
            None => self.stats.dropped.not_loudest += 1,
            Some(heard) => {
                session.has_spoken = true;
                let origin = Origin { speaker: key, turn: heard.turn, ssrc };
                let is_reserve = heard.is_reserve;
                let payload = packet.payload;
                let (arrived, copies) = (now, 0);
                let voice = Voice {
                    origin,
                    is_reserve,
                    rank,
                    seq,
                    time,
                    level,
                    voice,
                    payload,
                    arrived,
                    copies,
                };
                self.cue(room_id, Cue::Voice(voice));
            }
        }
        if speaks {
            self.tell(room_id);
        }
        self.media_started(key);
    }

    /// Has something wait for a room's listeners, for as long as that is of use.
    fn cue(&mut self, room_id: RoomId, cue: Cue) {
        let now = self.now;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.push(cue) {
            self.stats.dropped.queue_full += 1;
        }
        if room.is_due || room.serve_at.is_some() {
            return;
        }
        let tick = room.tick();
        if tick.is_zero() {
            room.is_due = true;
            self.due.push_back(room_id);
        } else {
            self.deadlines.set(&mut room.serve_at, Some(now + tick), Due::Serve(room_id));
        }
    }

    /// The wait of a room's packets is over.
    pub(super) fn serve_now(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.serve_at = None;
        if !mem::replace(&mut room.is_due, true) {
            self.due.push_back(room_id);
        }
    }

    /// Serves the room that is due next, a listener after the other in the order they lie in
    /// memory, until the batch is full. Whether there was one.
    pub(super) fn serve(&mut self) -> bool {
        let Some(room) = self.due.front().copied() else { return false };
        self.serve_room(room, Batch::is_full);
        true
    }

    /// Has no room half served: what comes next finds rooms as they are.
    pub(super) fn finish_serving(&mut self) {
        let Some(room) = self.due.front().copied() else { return };
        if self.rooms.get(&room).is_some_and(|room| room.served > 0) {
            self.serve_room(room, |_| false);
        }
    }

    /// Legs that could not be served are closed once the room is done: nobody comes or goes while
    /// it is half served.
    fn serve_room(&mut self, room_id: RoomId, is_enough: impl Fn(&Batch) -> bool) {
        let now = self.now;
        let ntp = ntp(self.wall_clock());
        let Self { rooms, batch, stats, silence, writes, new, faults, .. } = self;
        let Some(room) = rooms.get_mut(&room_id) else { return };
        let Room { listeners, stage, cues, served, is_due, .. } = room;
        let cues_now = cues.make_contiguous();
        let mut out = Outlet::new(batch, writes, silence, new, (now, ntp));
        while let Some(listener) = listeners.get_mut(*served) {
            if is_enough(out.batch) {
                break;
            }
            *served += 1;
            if !listener.is_open {
                continue;
            }
            if let Err(fault) =
                guarded(listener, |it, out| it.serve(cues_now, stage, out), &mut out)
            {
                faults.push((listener.key, fault));
            }
        }
        let Outlet { batch, packets_out, too_late, no_slot, .. } = out;
        stats.packets_out += packets_out;
        stats.dropped.too_late += too_late;
        stats.dropped.no_slot += no_slot;
        for cue in cues_now {
            if let Cue::Voice(voice) = cue
                && voice.copies > 0
            {
                let copies = mem::take(&mut voice.copies);
                batch.note(Forwarded { arrived: voice.arrived, copies });
            }
        }
        let is_done = *served >= listeners.len();
        if is_done {
            cues.clear();
            (*served, *is_due) = (0, false);
            self.due.pop_front();
        }
        self.write_all();
        if is_done {
            self.close_faulty();
        }
    }

    fn close_faulty(&mut self) {
        for key in mem::take(&mut self.new) {
            self.media_started(key);
        }
        for (key, fault) in mem::take(&mut self.faults) {
            self.fail(key, &fault);
        }
    }

    /// Has str0m write what it has to.
    fn write_all(&mut self) {
        let now = self.now;
        let mut writes = mem::take(&mut self.writes);
        for write in writes.drain(..) {
            let key = write.key;
            let Self { table, dirty, .. } = self;
            let Some(session) = table.get_mut(key) else { continue };
            let Write { mid, pt, stamp, level, voice, payload, .. } = write;
            match session.write((mid, pt), stamp, (level, voice), payload, now) {
                Ok(()) => Self::touch(session, key, dirty),
                Err(fault) => self.faults.push((key, fault)),
            }
        }
        self.writes = writes;
    }

    /// Someone has fallen silent: the slots that carried them end in silence.
    fn pause(&mut self, room_id: RoomId, speaker: Key) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.stage.leave(speaker) {
            self.cue(room_id, Cue::End(speaker));
        }
    }

    /// Takes a speaker off the stage, with all that has not been passed on, and lets the slots
    /// that carried them end in silence.
    pub(super) fn hush(&mut self, room_id: RoomId, speaker: Key, has_spoken: bool) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.retract(speaker);
        room.stage.leave(speaker);
        let changed = room.speaking.leave(speaker);
        if has_spoken {
            self.cue(room_id, Cue::End(speaker));
        }
        if changed {
            self.tell(room_id);
        }
    }

    /// Lets all slots of a listener end in silence.
    pub(super) fn deafen(&mut self, key: Key) {
        let now = self.now;
        let ntp = ntp(self.wall_clock());
        let Self { batch, silence, writes, table, rooms, new, .. } = self;
        let Some(session) = table.get(key) else { return };
        let Some(room) = rooms.get_mut(&session.room) else { return };
        let Some(listener) = room.listeners.get_mut(session.place) else { return };
        let mut out = Outlet::new(batch, writes, silence, new, (now, ntp));
        let done = guarded(listener, |it, out| it.release(None, out), &mut out);
        self.write_all();
        if let Err(fault) = done {
            self.faults.push((key, fault));
        }
        self.close_faulty();
    }

    /// Says who speaks, if that has changed and may be said, and arranges to look again.
    pub(super) fn tell(&mut self, room: RoomId) {
        let now = self.now;
        let Some(held) = self.rooms.get_mut(&room) else { return };
        let (news, again) = held.speaking.news(now);
        self.deadlines.set(&mut held.scheduled, again, Due::Room(room));
        if let Some(news) = news {
            let (participants, recent) = (news.participants, news.recent);
            let dominant = recent.first().copied();
            self.events.push_back(MediaEvent::Speaking { room, participants, dominant, recent });
        }
    }
}

/// The frames that end a turn.
pub(super) fn silence() -> Arc<[u8]> {
    Arc::from(SILENCE)
}

/// A listener that cannot be served is a fault of its leg, and of no other.
fn guarded<'a>(
    listener: &mut Listener,
    serve: impl FnOnce(&mut Listener, &mut Outlet<'a>) -> Result<(), Unsealed>,
    out: &mut Outlet<'a>,
) -> Result<(), Fault> {
    // The leg is dropped after a panic; of the batch, whole datagrams alone are sent.
    match catch_unwind(AssertUnwindSafe(|| serve(listener, out))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Unsealed)) => Err(Fault::Unsealed),
        Err(_) => {
            out.batch.mend();
            Err(Fault::Panicked)
        }
    }
}
