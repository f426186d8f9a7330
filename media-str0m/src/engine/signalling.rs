use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use parlor_core::media::{
    CloseReason, Connect, LegId, MediaError, MediaEvent, Refused, Rights, SdpAnswer, SdpOffer,
};
use parlor_core::rooms::RoomId;
use str0m::config::CryptoProvider;
use str0m::rtp::Extension;
use str0m::{Candidate, Rtc, RtcConfig};

use super::deadlines::Due;
use super::keys::KeyTap;
use super::listener::Listener;
use super::meter::SAMPLE_INTERVAL;
use super::offer::{Offer, unusable};
use super::session::{Key, Phase, Session};
use super::{Batch, Certificate, Command, Reply, Shard, ShardConfig};

/// What is wrong with a [`ShardConfig`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no address to receive on.
    #[error("a shard needs at least one address")]
    NoAddress,
    /// An address cannot be a candidate, for example because it is link-local or unspecified.
    #[error("an address cannot be offered to clients: {0}")]
    Address(String),
    /// The crypto library gave no certificate.
    #[error("no DTLS certificate could be made")]
    Certificate,
}

impl Shard {
    /// Makes a shard with a DTLS certificate of its own. Its clock starts at `now`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(config: ShardConfig, now: Instant) -> Result<Self, ConfigError> {
        if config.addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        let hosts = config.addresses.iter().map(|address| Candidate::host(*address, "udp"));
        let mapped = config
            .mapped
            .iter()
            .map(|mapped| Candidate::server_reflexive(mapped.public, mapped.local, "udp"));
        let candidates = hosts.chain(mapped).collect::<Result<Vec<_>, _>>();
        let candidates = candidates.map_err(|error| ConfigError::Address(error.to_string()))?;
        let crypto: CryptoProvider = str0m::crypto::from_feature_flags();
        let certificate = match config.certificate.clone() {
            Some(certificate) => certificate,
            None => Certificate::generate()?,
        };
        let crypto = KeyTap::provider(&crypto);
        Ok(Self::with(config, crypto, certificate.0, candidates, now))
    }

    pub(super) fn command(&mut self, command: Command) -> Reply {
        let answered = match command {
            Command::Connect(request) => self.connect(&request).map(Reply::Answer),
            Command::Renegotiate { leg, offer } => self.renegotiate(leg, &offer).map(Reply::Answer),
            Command::SetRights { leg, rights } => {
                self.set_rights(leg, rights);
                Ok(Reply::Done)
            }
            Command::Disconnect { leg } => {
                if let Some(key) = self.by_leg.get(&leg) {
                    self.close(*key, CloseReason::Disconnected);
                }
                Ok(Reply::Done)
            }
            Command::Shutdown => {
                self.stopped = true;
                for key in self.table.keys() {
                    self.close(key, CloseReason::Shutdown);
                }
                Ok(Reply::Done)
            }
            Command::Poison { leg } => {
                let key = self.by_leg.get(&leg).copied();
                let Self { table, dirty, .. } = self;
                if let Some((key, session)) = key.and_then(|key| Some((key, table.get_mut(key)?))) {
                    session.poisoned = true;
                    Self::touch(session, key, dirty);
                }
                Ok(Reply::Done)
            }
            Command::PoisonLane { leg } => {
                let session = self.by_leg.get(&leg).and_then(|key| self.table.get(*key));
                if let Some(session) = session
                    && let Some(room) = self.rooms.get_mut(&session.room)
                    && let Some(listener) = room.listeners.get_mut(session.place)
                {
                    listener.is_poisoned = true;
                }
                Ok(Reply::Done)
            }
        };
        answered.unwrap_or_else(Reply::Failed)
    }

    fn connect(&mut self, request: &Connect) -> Result<SdpAnswer, MediaError> {
        if self.stopped {
            return Err(MediaError::Stopped);
        }
        let replaces = self.by_participant.contains_key(&request.participant);
        if self.table.len() >= self.config.sessions_max && !replaces {
            return Err(MediaError::Busy);
        }
        if self.by_leg.contains_key(&request.leg) {
            return Err(unusable("its leg has been started before").into());
        }
        let offer = Offer::new(&request.offer.0)?;
        let mut session = self.session(request)?;
        let answer = match session.accept(&offer, self.now, &mut self.batch) {
            Ok(answer) => answer,
            Err(refused) => {
                session.discard();
                return Err(refused.into());
            }
        };
        // At once, not when the new one is up: a participant with two legs would have two sets of
        // rights, and a mute that reaches one of them is no mute.
        if let Some(older) = self.by_participant.get(&request.participant) {
            self.close(*older, CloseReason::Replaced);
        }
        let ufrag = session.ufrag.clone();
        let is_speaker = session.rights.send_microphone;
        let key = self.table.insert(session);
        self.stats.speakers += u64::from(is_speaker);
        self.demux.add_ufrag(&ufrag, key);
        self.by_leg.insert(request.leg, key);
        self.by_participant.insert(request.participant, key);
        self.enter(key);
        self.reschedule(key);
        Ok(answer)
    }

    fn renegotiate(&mut self, leg: LegId, offer: &SdpOffer) -> Result<SdpAnswer, MediaError> {
        let key = *self.by_leg.get(&leg).ok_or(MediaError::NoSuchLeg)?;
        let now = self.now;
        let session = self.table.get_mut(key).ok_or(MediaError::NoSuchLeg)?;
        if !session.renegotiations.admit(now) {
            return Err(MediaError::Busy);
        }
        let offer = Offer::new(&offer.0)?;
        let accepted = session.accepted();
        let request = Connect {
            leg,
            room: session.room,
            participant: session.participant,
            rights: session.rights,
            offer: SdpOffer(String::new()),
        };
        // A refused offer must leave the leg as it was, and str0m finds some faults only after
        // it has changed the session. So another one, which stands where this one stands, is
        // asked first.
        let mut trial = self.session(&request)?;
        let mut unsent = Batch::default();
        let tried = trial
            .accept(&accepted, now, &mut unsent)
            .and_then(|_| trial.accept(&offer, now, &mut unsent));
        trial.discard();
        tried?;
        let session = self.table.get_mut(key).ok_or(MediaError::NoSuchLeg)?;
        let before = session.ufrag.clone();
        match session.accept(&offer, now, &mut self.batch) {
            Ok(answer) => {
                let ufrag = session.ufrag.clone();
                self.demux.remove_ufrag(&before);
                self.demux.add_ufrag(&ufrag, key);
                self.assign_slots(key);
                self.reschedule(key);
                Ok(answer)
            }
            Err(refused) => {
                self.close(key, CloseReason::Failed);
                Err(refused.into())
            }
        }
    }

    fn set_rights(&mut self, leg: LegId, rights: Rights) {
        let Some(key) = self.by_leg.get(&leg).copied() else { return };
        let Some(session) = self.table.get_mut(key) else { return };
        let before = std::mem::replace(&mut session.rights, rights);
        let room = session.room;
        let is_muted = before.send_microphone && !rights.send_microphone;
        let has_spoken = is_muted && session.falls_silent();
        self.stats.speakers -= u64::from(before.send_microphone);
        self.stats.speakers += u64::from(rights.send_microphone);
        if is_muted {
            self.hush(room, key, has_spoken);
        }
        if before.hear && !rights.hear {
            self.deafen(key);
        }
        self.open(key);
    }

    /// Takes a leg a step on in its life, if it is time.
    pub(super) fn progress(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let is_up = match session.phase {
            Phase::Up => return,
            Phase::Setup { .. } => session.is_connected(),
            Phase::Lost { .. } => session.heard == now && session.is_connected(),
        };
        if !is_up {
            return;
        }
        session.phase = Phase::Up;
        session.heard = now;
        session.ups += 1;
        session.up_at = session.up_at.or(Some(now));
        let (leg, room) = (session.leg, session.room);
        let (participant, n, setup) = (session.participant, session.ups, session.setup(now));
        self.events.push_back(MediaEvent::Connected { leg, room, participant, n, setup });
        self.open_lane(key);
        self.open(key);
    }

    /// Nothing has come from a leg for a while: nobody hears it, and it is sent nothing.
    pub(super) fn lose(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        session.phase = Phase::Lost { until: now + self.config.lost_timeout };
        let (leg, room) = (session.leg, session.room);
        let (participant, n) = (session.participant, session.ups);
        let (place, has_spoken) = (session.place, session.falls_silent());
        if let Some(listener) = self.rooms.get_mut(&room).and_then(|it| it.listeners.get_mut(place))
        {
            listener.reset(now);
        }
        self.events.push_back(MediaEvent::Lost { leg, room, participant, n });
        self.open(key);
        self.tell_lost(key);
        self.hush(room, key, has_spoken);
    }

    /// Ends a leg, tells its client and the host, and leaves no trace of it.
    pub(super) fn close(&mut self, key: Key, reason: CloseReason) {
        let Some(mut session) = self.table.remove(key) else { return };
        self.deadlines.set(&mut session.scheduled, None, Due::Session(key));
        self.demux.remove_ufrag(&session.ufrag);
        for (source, _) in &session.sources {
            self.demux.remove_source(*source, key);
        }
        let (leg, room_id, participant) = (session.leg, session.room, session.participant);
        self.stats.speakers -= u64::from(session.rights.send_microphone);
        let (place, has_spoken) = (session.place, session.falls_silent());
        self.by_leg.remove(&leg);
        self.by_participant.remove(&participant);
        if reason == CloseReason::Failed {
            session.discard();
        } else {
            session.close(self.now, &mut self.batch);
        }
        self.events.push_back(MediaEvent::Closed { leg, room: room_id, participant, reason });
        self.hush(room_id, key, has_spoken);
        self.exit(room_id, place);
    }

    /// Gives a leg its place in its room.
    fn enter(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let room_id = session.room;
        let room = self.rooms.entry(room_id).or_default();
        session.place = room.listeners.len();
        room.listeners.push(Listener::new(key));
        if room.sample_at.is_none() {
            let at = Some(now + SAMPLE_INTERVAL);
            self.deadlines.set(&mut room.sample_at, at, Due::Sample(room_id));
        }
        self.assign_slots(key);
    }

    /// Takes a leg's place away; the last of the room takes it over.
    fn exit(&mut self, room_id: RoomId, place: usize) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let gone = room.listeners.swap_remove(place);
        self.stats.fast_lanes -= u64::from(gone.lane.is_some());
        if let Some(moved) = room.listeners.get(place)
            && let Some(session) = self.table.get_mut(moved.key)
        {
            session.place = place;
        }
        if room.listeners.is_empty() {
            self.end_room(room_id);
        }
    }

    fn end_room(&mut self, room_id: RoomId) {
        let Some(mut room) = self.rooms.remove(&room_id) else { return };
        self.deadlines.set(&mut room.scheduled, None, Due::Room(room_id));
        self.deadlines.set(&mut room.serve_at, None, Due::Serve(room_id));
        self.deadlines.set(&mut room.sample_at, None, Due::Sample(room_id));
        self.due.retain(|due| *due != room_id);
        if room.speaking.end() {
            let (room, participants, recent) = (room_id, Vec::new(), Vec::new());
            let dominant = None;
            self.events.push_back(MediaEvent::Speaking { room, participants, dominant, recent });
        }
    }

    fn session(&self, request: &Connect) -> Result<Session, Refused> {
        let rtc = catch_unwind(AssertUnwindSafe(|| KeyTap::over(|| self.rtc())));
        let rtc = rtc.map_err(|_| unusable("no session can be made for it"))?;
        Ok(Session::new(request, rtc, self.now, &self.config))
    }

    /// A peer connection that speaks Opus and nothing else, by full ICE: ICE-lite would let one
    /// forged packet aim a stream at a stranger.
    fn rtc(&self) -> Rtc {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_dtls_cert(self.certificate.clone())
            .set_rtp_mode(true)
            // Reports of clients on streams that str0m does not know of come out no other way.
            .enable_raw_packets(true)
            .set_stats_interval(Some(SAMPLE_INTERVAL))
            .clear_codecs()
            .enable_opus(true, false)
            .clear_extension_map()
            .set_extension(1, Extension::AudioLevel)
            .set_extension(4, Extension::RtpMid)
            .build(self.now);
        for candidate in &self.candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        rtc
    }
}
