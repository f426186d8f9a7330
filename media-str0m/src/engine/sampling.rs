use std::time::SystemTime;

use parlor_core::media::{MediaEvent, Quality, SAMPLES_MAX};
use parlor_core::rooms::RoomId;

use super::Shard;
use super::deadlines::Due;
use super::meter::SAMPLE_INTERVAL;
use super::session::{Key, Phase};

impl Shard {
    /// Tells how the legs of a room have done, and arranges to do so again.
    pub(super) fn sample(&mut self, room: RoomId) {
        let now = self.now;
        let Some(held) = self.rooms.get_mut(&room) else { return };
        held.sample_at = None;
        self.deadlines.set(&mut held.sample_at, Some(now + SAMPLE_INTERVAL), Due::Sample(room));
        let mut samples = Vec::new();
        for listener in &held.listeners {
            let Some(session) = self.table.get_mut(listener.key) else { continue };
            if session.phase != Phase::Up {
                continue;
            }
            let bytes_out = listener.bytes_out + session.bytes_written;
            let (leg, participant) = (session.leg, session.participant);
            let sample = session.meter.sample(leg, participant, bytes_out, now);
            let quality = sample.quality();
            samples.push(sample);
            if session.meter.tells(quality) {
                let changed = MediaEvent::QualityChanged { leg, room, participant, quality };
                self.events.push_back(changed);
            }
        }
        for page in samples.chunks(SAMPLES_MAX) {
            self.events.push_back(MediaEvent::Sampled { room, samples: page.to_vec() });
        }
    }

    /// A leg is heard of no more.
    pub(super) fn tell_lost(&mut self, key: Key) {
        let Some(session) = self.table.get_mut(key) else { return };
        if session.meter.tells(Quality::Lost) {
            let (leg, room, participant) = (session.leg, session.room, session.participant);
            let quality = Quality::Lost;
            let changed = MediaEvent::QualityChanged { leg, room, participant, quality };
            self.events.push_back(changed);
        }
    }

    /// The first sound of a leg has come in or gone out.
    pub(super) fn media_started(&mut self, key: Key) {
        let Some(session) = self.table.get_mut(key) else { return };
        let Some(up) = session.up_at.filter(|_| !session.is_media_told) else { return };
        session.is_media_told = true;
        let (leg, room, participant) = (session.leg, session.room, session.participant);
        let after = self.now.saturating_duration_since(up);
        self.events.push_back(MediaEvent::MediaStarted { leg, room, participant, after });
    }

    /// The wall clock, as it goes on from what it was when the shard was made.
    pub(super) fn wall_clock(&self) -> SystemTime {
        let passed = self.now.saturating_duration_since(self.started);
        self.config.wall_clock.checked_add(passed).unwrap_or(self.config.wall_clock)
    }
}
