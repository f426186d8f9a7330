use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_core::media::{CloseReason, LegId, MediaEvent};
use parlor_core::rooms::{ParticipantId, RoomId};
use str0m::Candidate;
use str0m::config::{CryptoProvider, DtlsCert};

use super::deadlines::{Deadlines, Due};
use super::demux::{Demux, Kind, Stun};
use super::listener::Write;
use super::room::Room;
use super::routing::silence;
use super::session::{Fault, Key, Phase, Seen, Session};
use super::table::Table;
use super::{Batch, Datagram, Input, Output, Reply, ShardConfig, Stats, Ticket};

/// The most addresses a client may send from at a time. str0m keeps every one for good and
/// looks through all of them, so they are limited before it learns of them.
pub const SOURCES_MAX: usize = 16;

/// An address that has been silent for so long may be given up for a new one.
const SOURCE_IDLE: Duration = Duration::from_secs(60);

/// str0m may ask for a wake-up in the past; that would spin.
const TICK: Duration = Duration::from_millis(1);

/// One forwarder: its legs, their rooms, and nothing outside.
///
/// It belongs to one thread at a time. See the [module](super) for how it is driven, and
/// `tests/` for a network of them in virtual time.
pub struct Shard {
    pub(super) config: ShardConfig,
    pub(super) crypto: Arc<CryptoProvider>,
    pub(super) certificate: DtlsCert,
    pub(super) candidates: Vec<Candidate>,
    pub(super) now: Instant,
    pub(super) started: Instant,
    pub(super) stopped: bool,
    pub(super) table: Table,
    pub(super) rooms: HashMap<RoomId, Room>,
    pub(super) demux: Demux,
    pub(super) by_leg: HashMap<LegId, Key>,
    pub(super) by_participant: HashMap<ParticipantId, Key>,
    pub(super) deadlines: Deadlines,
    pub(super) batch: Batch,
    pub(super) events: VecDeque<MediaEvent>,
    pub(super) stats: Stats,
    replies: VecDeque<(Ticket, Reply)>,
    pub(super) dirty: VecDeque<Key>,
    /// Rooms whose packets are due.
    pub(super) due: VecDeque<RoomId>,
    pub(super) silence: Arc<[u8]>,
    pub(super) writes: Vec<Write>,
    pub(super) new: Vec<Key>,
    pub(super) faults: Vec<(Key, Fault)>,
    seen: Seen,
    spare: Batch,
}

impl Shard {
    pub(super) fn with(
        config: ShardConfig,
        crypto: CryptoProvider,
        certificate: DtlsCert,
        candidates: Vec<Candidate>,
        now: Instant,
    ) -> Self {
        Self {
            config,
            crypto: Arc::new(crypto),
            certificate,
            candidates,
            now,
            started: now,
            stopped: false,
            table: Table::default(),
            rooms: HashMap::new(),
            demux: Demux::default(),
            by_leg: HashMap::new(),
            by_participant: HashMap::new(),
            deadlines: Deadlines::default(),
            batch: Batch::default(),
            events: VecDeque::new(),
            stats: Stats::default(),
            replies: VecDeque::new(),
            dirty: VecDeque::new(),
            due: VecDeque::new(),
            silence: silence(),
            writes: Vec::new(),
            new: Vec::new(),
            faults: Vec::new(),
            seen: Seen::default(),
            spare: Batch::default(),
        }
    }

    /// Takes in what happened. Time never runs backwards: an earlier `now` counts as the latest
    /// one. Poll afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.finish_serving();
        self.now = self.now.max(now);
        match input {
            Input::Datagram(datagram) => self.datagram(datagram),
            Input::Timeout => self.timeout(),
            Input::Command(ticket, command) => {
                let reply = self.command(command);
                self.replies.push_back((ticket, reply));
            }
        }
    }

    /// Gives the next thing to do. Call it until it gives [`Output::Timeout`]; everything it
    /// gave before must be done by then, for nothing is given twice.
    pub fn poll(&mut self) -> Output {
        while !self.batch.is_full() {
            // A room that has begun is served to its end before anything else can change it.
            if self.serve() {
                continue;
            }
            let Some(key) = self.dirty.pop_front() else { break };
            self.flush(key);
        }
        if !self.batch.is_empty() {
            let spare = mem::take(&mut self.spare);
            let batch = mem::replace(&mut self.batch, spare);
            self.stats.datagrams_out += batch.len() as u64;
            self.stats.bytes_out += batch.bytes().len() as u64;
            return Output::Batch(batch);
        }
        if let Some((ticket, reply)) = self.replies.pop_front() {
            return Output::Reply(ticket, reply);
        }
        match self.events.pop_front() {
            Some(event) => Output::Event(event),
            None => Output::Timeout(self.deadlines.next()),
        }
    }

    /// Gives a batch back once it is sent, so that its memory is used again. Optional.
    pub fn recycle(&mut self, mut batch: Batch) {
        batch.clear();
        self.spare = batch;
    }

    /// The counters as they are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            sessions: self.table.len() as u64,
            rooms: self.rooms.len() as u64,
            sources: self.demux.sources() as u64,
            listeners: self.table.len() as u64 - self.stats.speakers,
            ..self.stats
        }
    }

    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.stats.datagrams_in += 1;
        self.stats.bytes_in += datagram.bytes.len() as u64;
        let Some(kind) = Kind::of(datagram.bytes) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        if kind == Kind::Stun {
            return self.stun(datagram);
        }
        // Only who has proved to know our ICE password gets as far as DTLS and SRTP.
        let Some(key) = self.demux.by_source(datagram.source) else {
            self.stats.dropped.unknown_source += 1;
            return;
        };
        if kind == Kind::Dtls
            && let Some(session) = self.table.get_mut(key)
            && !session.dtls.admits(datagram.bytes)
        {
            self.stats.dropped.forged_dtls += 1;
            return;
        }
        match kind {
            Kind::Rtp { ssrc } => self.rtp(key, ssrc, datagram),
            Kind::Stun | Kind::Dtls | Kind::Rtcp => {
                self.visit(key, |session, now| session.receive(datagram, now));
            }
        }
    }

    fn stun(&mut self, datagram: Datagram<'_>) {
        let Some(stun) = Stun::parse(datagram.bytes) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        let request = stun.request_for();
        let key = match request {
            Some(ufrag) => self.demux.by_ufrag(ufrag),
            None => self.demux.by_source(datagram.source).filter(|_| stun.is_response()),
        };
        let Some(session) = key.and_then(|key| self.table.get_mut(key)) else {
            match request {
                Some(_) => self.stats.dropped.unknown_ufrag += 1,
                None => self.stats.dropped.unknown_source += 1,
            }
            return;
        };
        let password = if request.is_some() { session.password() } else { session.peer_password() };
        if !stun.is_signed(password, &self.crypto) {
            self.stats.dropped.bad_integrity += 1;
            return;
        }
        let key = key.expect("a session has been found by it");
        let route = session.route;
        if request.is_some() && !self.admit(key, datagram.source) {
            return;
        }
        self.visit(key, |session, now| {
            session.heard = now;
            session.receive(datagram, now)
        });
        let is_known = route.is_some_and(|route| {
            route.destination == datagram.source && route.source == datagram.destination
        });
        if !is_known {
            self.find_route(key);
        }
    }

    /// Whether a session may be reached from an address that has just proved itself.
    fn admit(&mut self, key: Key, source: SocketAddr) -> bool {
        let (now, silence) = (self.now, self.config.silence_timeout);
        let idle = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        let holder = self.demux.by_source(source);
        if let Some(holder) = holder.filter(|holder| *holder != key)
            && let Some(other) = self.table.get_mut(holder)
        {
            // Otherwise a guest could spoof a neighbour's address and take its packets away.
            let proved = other.sources.iter().find(|(held, _)| *held == source);
            if proved.is_some_and(|(_, at)| !idle(*at, SOURCE_IDLE)) && !idle(other.heard, silence)
            {
                self.stats.dropped.source_taken += 1;
                return false;
            }
            other.sources.retain(|(held, _)| *held != source);
            self.demux.remove_source(source, holder);
        }
        let Some(session) = self.table.get_mut(key) else { return false };
        if let Some((_, heard)) = session.sources.iter_mut().find(|(held, _)| *held == source) {
            *heard = now;
            return true;
        }
        if session.sources.len() >= SOURCES_MAX {
            let Some(at) = session.sources.iter().position(|(_, at)| idle(*at, SOURCE_IDLE)) else {
                self.stats.dropped.too_many_sources += 1;
                return false;
            };
            let (gone, _) = session.sources.swap_remove(at);
            self.demux.remove_source(gone, key);
        }
        session.sources.push((source, now));
        self.demux.add_source(source, key);
        true
    }

    fn rtp(&mut self, key: Key, ssrc: u32, datagram: Datagram<'_>) {
        let Some(session) = self.table.get(key) else { return };
        if !session.guard.admits(ssrc, self.now) {
            self.stats.dropped.ssrc_guard += 1;
            return;
        }
        let known = session.guard.knows(ssrc);
        let before = self.stats.packets_in + self.stats.dropped.not_microphone;
        self.visit(key, |session, now| session.receive(datagram, now));
        if self.stats.packets_in + self.stats.dropped.not_microphone == before {
            self.stats.dropped.unauthenticated += 1;
        }
        let Some(session) = self.table.get_mut(key) else { return };
        if known || session.guard.knows(ssrc) {
            return;
        }
        self.stats.dropped.ssrc_repaired += 1;
        if let Err(fault) = session.forget_ssrc(ssrc) {
            self.fail(key, &fault);
        }
    }

    fn timeout(&mut self) {
        while let Some(due) = self.deadlines.take_due(self.now) {
            match due {
                Due::Room(room) => {
                    if let Some(room) = self.rooms.get_mut(&room) {
                        room.scheduled = None;
                    }
                    self.tell(room);
                }
                Due::Serve(room) => self.serve_now(room),
                Due::Sample(room) => self.sample(room),
                Due::Session(key) => {
                    self.stats.wakeups += 1;
                    if let Some(session) = self.table.get_mut(key) {
                        session.scheduled = None;
                    }
                    self.wake(key);
                }
            }
        }
    }

    fn wake(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        match session.phase {
            Phase::Setup { until } if until <= now => {
                return self.close(key, CloseReason::SetupTimeout);
            }
            Phase::Lost { until } if until <= now => {
                return self.close(key, CloseReason::LostTimeout);
            }
            Phase::Up if session.heard + self.config.silence_timeout <= now => self.lose(key),
            Phase::Setup { .. } | Phase::Up | Phase::Lost { .. } => {}
        }
        if self.table.get(key).is_some_and(|session| session.rtc_is_due(now)) {
            self.flush(key);
            // A path that has died may have been given up for another.
            if self.table.get(key).is_some_and(|session| session.sources.len() > 1) {
                self.find_route(key);
            }
        } else {
            self.reschedule(key);
        }
    }

    fn flush(&mut self, key: Key) {
        if let Some(session) = self.table.get_mut(key) {
            session.dirty = false;
        }
        self.visit(key, Session::advance);
    }

    /// Does something to a session and sees to all that comes of it.
    pub(super) fn visit(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Session, Instant) -> Result<(), Fault>,
    ) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let mut seen = mem::take(&mut self.seen);
        let done = act(session, now).and_then(|()| session.drain(now, &mut self.batch, &mut seen));
        if let Err(fault) = done {
            return self.fail(key, &fault);
        }
        if !seen.packets.is_empty() {
            session.heard = now;
        }
        self.progress(key);
        self.follow(key, &seen.reported);
        seen.reported.clear();
        for packet in seen.packets.drain(..) {
            self.packet(key, packet);
        }
        if mem::take(&mut seen.closed) {
            self.close(key, CloseReason::ClosedByPeer);
        }
        self.seen = seen;
        self.reschedule(key);
    }

    /// Puts a session on the list of those whose packets leave with the next poll.
    pub(super) fn touch(session: &mut Session, key: Key, dirty: &mut VecDeque<Key>) {
        if !mem::replace(&mut session.dirty, true) {
            dirty.push_back(key);
        }
    }

    /// A deadline that moves later is left where it is: waking for nothing is cheaper than
    /// sorting on every packet.
    pub(super) fn reschedule(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.table.get_mut(key) else { return };
        let deadline = session.deadline(&self.config).max(now + TICK);
        if session.scheduled.is_none_or(|at| at > deadline) {
            self.deadlines.set(&mut session.scheduled, Some(deadline), Due::Session(key));
        }
    }

    pub(super) fn fail(&mut self, key: Key, fault: &Fault) {
        if matches!(fault, Fault::Panicked) {
            self.stats.panics += 1;
        }
        if let Some(session) = self.table.get(key) {
            tracing::warn!(leg = %session.leg, %fault, "a leg has failed");
        }
        self.close(key, CloseReason::Failed);
    }
}
