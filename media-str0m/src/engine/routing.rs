use std::time::Duration;

use parlor_core::media::MediaEvent;
use parlor_core::rooms::RoomId;
use str0m::rtp::RtpPacket;

use super::Shard;
use super::deadlines::Due;
use super::room::Room;
use super::session::{Forwarded, Key, Phase, Voice};
use super::slot::Origin;
use super::speaking::is_voiced;

/// How long a speaker keeps a slot that a louder one would like, where slots are scarce.
const SLOT_HOLD: Duration = Duration::from_millis(500);

impl Shard {
    /// Takes an authenticated packet from a leg and passes it on to those who hear its speaker.
    pub(super) fn packet(&mut self, key: Key, packet: RtpPacket) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        if !session.is_microphone(packet.header.ssrc) {
            self.stats.dropped.not_microphone += 1;
            return;
        }
        self.stats.packets_in += 1;
        session.guard.authenticated(*packet.header.ssrc, now);
        if !session.rights.send_microphone {
            self.stats.dropped.not_permitted += 1;
            return;
        }
        let level = packet.header.ext_vals.audio_level;
        let voice = packet.header.ext_vals.voice_activity;
        let score = session.loudness.heard(level, now);
        let (participant, room_id) = (session.participant, session.room);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let speaks = is_voiced(level, voice, packet.payload.len())
            && room.speaking.heard(key, participant, score, now);
        match room.stage.heard(key, participant, score, now) {
            None => self.stats.dropped.not_loudest += 1,
            Some(member) => {
                let origin = Origin { speaker: key, turn: member.turn, ssrc: *packet.header.ssrc };
                let seq = *packet.seq_no;
                let time = packet.header.timestamp;
                let payload = packet.payload;
                self.route(room_id, Voice { origin, score, seq, time, level, voice, payload });
            }
        }
        if speaks {
            self.tell(room_id);
        }
    }

    fn route(&mut self, room: RoomId, voice: Voice) {
        let now = self.now;
        let speaker = voice.origin.speaker;
        let mut faults = Vec::new();
        let Self { rooms, table, dirty, stats, .. } = self;
        let Some(Room { legs, stage, .. }) = rooms.get(&room) else { return };
        for other in legs.iter().copied().filter(|other| *other != speaker) {
            let Some(session) = table.get_mut(other) else { continue };
            let listener = session.participant;
            let audible =
                |key: Key| stage.heard_by(listener).find(|m| m.key == key).map(|m| m.score);
            if !session.rights.hear || session.phase != Phase::Up || audible(speaker).is_none() {
                continue;
            }
            match session.forward(&voice, audible, SLOT_HOLD, now) {
                Ok(Forwarded::Written) => {
                    stats.packets_out += 1;
                    Self::touch(session, other, dirty);
                }
                Ok(Forwarded::TooLate) => stats.dropped.too_late += 1,
                Ok(Forwarded::NoSlot) => stats.dropped.no_slot += 1,
                Err(fault) => faults.push((other, fault)),
            }
        }
        for (other, fault) in faults {
            self.fail(other, &fault);
        }
    }

    /// Takes a speaker off the stage, and lets the slots that carried them end in silence.
    pub(super) fn hush(&mut self, room_id: RoomId, speaker: Key) {
        let now = self.now;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.stage.leave(speaker);
        let changed = room.speaking.leave(speaker);
        let legs = room.legs.clone();
        let mut faults = Vec::new();
        let Self { table, dirty, .. } = self;
        for other in legs {
            let Some(session) = table.get_mut(other) else { continue };
            match session.release(Some(speaker), now) {
                Ok(true) => Self::touch(session, other, dirty),
                Ok(false) => {}
                Err(fault) => faults.push((other, fault)),
            }
        }
        if changed {
            self.tell(room_id);
        }
        for (other, fault) in faults {
            self.fail(other, &fault);
        }
    }

    /// Lets all slots of a listener end in silence.
    pub(super) fn deafen(&mut self, key: Key) {
        let now = self.now;
        let Self { table, dirty, .. } = self;
        let Some(session) = table.get_mut(key) else { return };
        match session.release(None, now) {
            Ok(_) => Self::touch(session, key, dirty),
            Err(fault) => self.fail(key, &fault),
        }
    }

    /// Says who speaks, if that has changed and may be said, and arranges to look again.
    pub(super) fn tell(&mut self, room_id: RoomId) {
        let now = self.now;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let (news, again) = room.speaking.news(now);
        self.deadlines.set(&mut room.scheduled, again, Due::Room(room_id));
        if let Some(participants) = news {
            self.events.push_back(MediaEvent::Speaking {
                room: room_id,
                participants,
                dominant: None,
                recent: Vec::new(),
            });
        }
    }
}
