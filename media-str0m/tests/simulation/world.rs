//! A shard and its clients in one process, with a network of links and a clock of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::media::{Connect, LegId, MediaEvent, Rights, SdpOffer};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput, Received};
use parlor_media_str0m::engine::{
    Command, Datagram, Input, Output, Reply, SOURCES_MAX, Shard, ShardConfig, Ticket,
};

use crate::dice::mix;
use crate::link::{Link, Weather};
use crate::log::{Fact, Record};
use crate::wire::{Kind, digest};

pub(crate) const ALL: Rights = Rights { send_microphone: true, hear: true, pinned: false };
pub(crate) const LISTEN: Rights = Rights { send_microphone: false, hear: true, pinned: false };

/// More outputs than this from one input, and the shard does not come to rest.
const OUTPUTS_MAX: usize = 20_000;

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What comes out of a microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    Off,
    /// A frame every 20 ms, so many dBov loud.
    Voice(i8),
    /// As many frames, but all of silence (RFC 6464 §3: -127 is a muted microphone).
    Quiet,
    /// Discontinuous transmission: a frame of comfort noise every 400 ms (RFC 7587 §3.1.3).
    Dtx,
}

pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) leg: LegId,
    pub(crate) room: u128,
    pub(crate) rights: Rights,
    pub(crate) up: Link,
    pub(crate) down: Link,
    pub(crate) talk: Talk,
    /// The address its datagrams are seen to come from; what is sent to an older one is lost.
    pub(crate) seen_as: SocketAddr,
    /// Whether ICE and DTLS are up on its side.
    pub(crate) connected: bool,
    /// Whether it has given up, or has been told that its leg is over.
    pub(crate) gone: bool,
    /// Whether its leg has been closed.
    pub(crate) closed: bool,
    pub(crate) story: Vec<&'static str>,
    pub(crate) disturbed_until: Instant,
    pub(crate) brewing: Option<Weather>,
    /// Its ClientHello has come to the shard.
    has_greeted: bool,
    wakes: Instant,
    speaks: Instant,
    frame: u32,
    seq: u16,
    /// Its frames by the number of their packet, until they have arrived.
    frames: HashMap<u16, (u32, bool)>,
    /// The number of the first packet it got of each stream.
    firsts: HashMap<u32, u16>,
}

struct Flight {
    to: To,
    bytes: Vec<u8>,
}

enum To {
    Shard { peer: usize, source: SocketAddr },
    Peer { peer: usize, address: SocketAddr, sealed: usize },
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) shard: Shard,
    pub(crate) peers: Vec<Peer>,
    pub(crate) log: Vec<Record>,
    /// How many datagrams the shard has been handed, and has handed out.
    pub(crate) handed: (u64, u64),
    /// Datagrams that a stranger slips in to the shard, before and after each of a handshake's; a
    /// hello only once the peer's own has come.
    pub(crate) forged: Vec<Vec<u8>>,
    /// At how many moments that has been.
    pub(crate) forged_at: u64,
    seed: u64,
    restarted: bool,
    server: SocketAddr,
    addresses: HashMap<SocketAddr, usize>,
    legs: HashMap<LegId, usize>,
    flights: BTreeMap<(Instant, u64), Flight>,
    launched: u64,
    wakes: Option<Instant>,
    replies: Vec<(Ticket, Reply)>,
    tickets: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let now = Instant::now();
        let server: SocketAddr = "10.0.0.1:4000".parse().unwrap();
        let config = ShardConfig { addresses: vec![server], ..ShardConfig::default() };
        Self {
            now,
            start: now,
            shard: Shard::new(config, now).unwrap(),
            peers: Vec::new(),
            log: Vec::new(),
            handed: (0, 0),
            forged: Vec::new(),
            forged_at: 0,
            seed,
            restarted: false,
            server,
            addresses: HashMap::new(),
            legs: HashMap::new(),
            flights: BTreeMap::new(),
            launched: 0,
            wakes: None,
            replies: Vec::new(),
            tickets: 0,
        }
    }

    /// Since the beginning.
    pub(crate) fn clock(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn note(&mut self, fact: Fact) {
        self.log.push(Record { at: self.clock(), fact });
    }

    /// A new client with a leg of its own, not yet connected. Signalling takes no time, and the
    /// weather waits for the handshake: when its datagrams are sent again is up to random numbers
    /// that no seed reaches, and nothing that is decided may depend on those.
    pub(crate) fn join(
        &mut self,
        room: u128,
        participant: u128,
        rights: Rights,
        weather: Weather,
    ) -> usize {
        // The number of a leg decides where its slots start to count; this one wraps early.
        let n = self.peers.len();
        let leg = 0xFFF0 + n as u128 * 0x1_0000;
        let calm = Weather::clean(1);
        let at = self.join_in(LegId(Uuid::from_u128(leg)), room, participant, rights, calm);
        self.peers[at].brewing = Some(weather);
        at
    }

    /// As [`World::join`], but its handshake is out in the weather.
    pub(crate) fn join_in(
        &mut self,
        leg: LegId,
        room: u128,
        participant: u128,
        rights: Rights,
        weather: Weather,
    ) -> usize {
        let n = self.peers.len();
        let address = SocketAddr::from(([192, 168, 1, 10], 5_000 + u16::try_from(n).unwrap()));
        let config = ClientConfig::at(address);
        let slots = config.slots;
        let mut client = Client::new(config, self.now);
        let request = Connect {
            leg,
            room: RoomId(Uuid::from_u128(room)),
            participant: ParticipantId(Uuid::from_u128(participant)),
            rights,
            offer: SdpOffer(client.offer().unwrap()),
        };
        let link = |salt| Link::new(weather, mix(self.seed ^ mix(n as u64 * 2 + salt)), self.now);
        let (up, down) = (link(0), link(1));
        self.legs.insert(leg, n);
        let Reply::Answer(answer) = self.command(Command::Connect(request)) else {
            panic!("a good offer is answered")
        };
        client.accept(&answer.0).unwrap();
        self.addresses.insert(address, n);
        self.note(Fact::Joined { peer: n, room, participant, rights, slots });
        self.peers.push(Peer {
            client,
            leg,
            room,
            rights,
            up,
            down,
            talk: Talk::Off,
            seen_as: address,
            connected: false,
            gone: false,
            closed: false,
            story: Vec::new(),
            disturbed_until: self.now,
            brewing: None,
            wakes: self.now,
            speaks: self.now,
            has_greeted: false,
            frame: 0,
            seq: 1_000,
            frames: HashMap::new(),
            firsts: HashMap::new(),
        });
        n
    }

    /// A room of clients that are up, on links that lose nothing.
    pub(crate) fn room_of(n: u128, delay_ms: u64) -> Self {
        let mut world = Self::new(n as u64);
        for who in 0..n {
            world.join(0, who, ALL, Weather::clean(delay_ms));
        }
        world.run(ms(3_000 + 20 * delay_ms));
        assert!((0..world.peers.len()).all(|at| world.is_up(at)), "not connected");
        world
    }

    pub(crate) fn is_up(&self, at: usize) -> bool {
        let peer = &self.peers[at];
        peer.connected && peer.story.last() == Some(&"up")
    }

    pub(crate) fn command(&mut self, command: Command) -> Reply {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.shard.handle(Input::Command(ticket, command), self.now);
        self.drain_shard();
        let at = self.replies.iter().position(|(t, _)| *t == ticket).expect("a reply");
        self.replies.swap_remove(at).1
    }

    pub(crate) fn set_rights(&mut self, at: usize, rights: Rights) {
        let leg = self.peers[at].leg;
        // From now on, so it is noted before the shard can send anything.
        self.note(Fact::RightsSet { peer: at, rights });
        self.peers[at].rights = rights;
        assert_eq!(self.command(Command::SetRights { leg, rights }), Reply::Done);
    }

    /// Restarts ICE on the standing leg. Whether the shard had time for it.
    pub(crate) fn restart_ice(&mut self, at: usize) -> bool {
        let leg = self.peers[at].leg;
        let offer = SdpOffer(self.peers[at].client.offer().unwrap());
        let taken = match self.command(Command::Renegotiate { leg, offer }) {
            Reply::Answer(answer) => {
                self.peers[at].client.accept(&answer.0).unwrap();
                self.disturb(at, ms(3_000));
                self.restarted = true;
                true
            }
            _ => {
                self.peers[at].client.withdraw();
                false
            }
        };
        self.peers[at].wakes = self.now;
        taken
    }

    /// Its network gives it another address: what is on its way to the old one is lost.
    pub(crate) fn rebind(&mut self, at: usize) {
        let port = 20_000 + u16::try_from(self.addresses.len()).unwrap();
        let address = SocketAddr::from(([198, 51, 100, 7], port));
        self.addresses.insert(address, at);
        self.peers[at].seen_as = address;
        self.disturb(at, ms(3_000));
    }

    pub(crate) fn black_out(&mut self, at: usize, time: Duration) {
        let until = self.now + time;
        self.peers[at].up.black_out(until);
        self.peers[at].down.black_out(until);
        self.disturb(at, time + ms(3_000));
    }

    pub(crate) fn disturb(&mut self, at: usize, time: Duration) {
        let peer = &mut self.peers[at];
        peer.disturbed_until = peer.disturbed_until.max(self.now + time);
        let until = peer.disturbed_until - self.start;
        self.note(Fact::Disturbed { peer: at, until });
    }

    pub(crate) fn close_client(&mut self, at: usize) {
        self.peers[at].client.close();
        self.leave(at);
        self.drain_peer(at, None);
    }

    fn leave(&mut self, at: usize) {
        self.peers[at].gone = true;
        self.note(Fact::ClientGone { peer: at });
    }

    pub(crate) fn talk(&mut self, at: usize, talk: Talk) {
        self.peers[at].talk = talk;
        self.peers[at].speaks = self.peers[at].speaks.max(self.now);
    }

    /// Lets time pass, from one thing that happens to the next.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.land_all();
            if self.wakes.is_some_and(|at| at <= self.now) {
                self.shard.handle(Input::Timeout, self.now);
                self.drain_shard();
            }
            for at in 0..self.peers.len() {
                if self.peers[at].wakes <= self.now {
                    self.peers[at].client.handle_timeout(self.now);
                    self.drain_peer(at, None);
                }
                self.let_loose(at);
                self.speak(at);
            }
        }
        self.now = end;
        self.check_counts();
    }

    fn let_loose(&mut self, at: usize) {
        if self.is_up(at)
            && let Some(weather) = self.peers[at].brewing.take()
        {
            (self.peers[at].up.weather, self.peers[at].down.weather) = (weather, weather);
        }
    }

    fn next(&self) -> Option<Instant> {
        let flight = self.flights.keys().next().map(|(at, _)| *at);
        let wakes = self.peers.iter().map(|peer| peer.wakes);
        let speaks = self.peers.iter().filter(|peer| peer.speaks()).map(|peer| peer.speaks);
        flight.into_iter().chain(self.wakes).chain(wakes).chain(speaks).min()
    }

    fn land_all(&mut self) {
        while let Some(first) = self.flights.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let Flight { to, bytes } = first.remove();
            let is_handshake = Kind::of(&bytes) == Kind::Dtls;
            self.forge(&to, is_handshake);
            if let To::Shard { peer, .. } = to {
                self.peers[peer].has_greeted |= is_hello(&bytes);
            }
            match &to {
                To::Shard { peer, source } => self.hand_in(*peer, *source, &bytes),
                &To::Peer { peer, address, sealed } => {
                    if self.peers[peer].seen_as == address {
                        self.peers[peer].client.handle_datagram(self.server, &bytes, self.now);
                        self.drain_peer(peer, Some(sealed));
                        self.is_it_from_before_the_first(peer, &bytes);
                    } else if matches!(Kind::of(&bytes), Kind::Rtp { .. }) {
                        self.note(Fact::LostOnTheWay { peer });
                    }
                }
            }
            self.forge(&to, is_handshake);
        }
    }

    /// Slips in what is forged, from the address it expects the peer at.
    fn forge(&mut self, to: &To, is_handshake: bool) {
        if !is_handshake || self.forged.is_empty() {
            return;
        }
        let (To::Shard { peer: at, .. } | To::Peer { peer: at, .. }) = *to;
        let source = self.peers[at].seen_as;
        self.forged_at += 1;
        let has_greeted = self.peers[at].has_greeted;
        for bytes in self.forged.clone() {
            if is_hello(&bytes) && !has_greeted {
                continue;
            }
            self.hand_in(at, source, &bytes);
        }
    }

    /// A receiver of SRTP starts at the first packet that comes; one that it has overtaken is no
    /// good to it any more.
    fn is_it_from_before_the_first(&mut self, at: usize, bytes: &[u8]) {
        let Kind::Rtp { ssrc, seq, .. } = Kind::of(bytes) else { return };
        let peer = &mut self.peers[at];
        if peer.connected && seq.wrapping_sub(*peer.firsts.entry(ssrc).or_insert(seq)) >= 1 << 15 {
            self.note(Fact::LostOnTheWay { peer: at });
        }
    }

    fn hand_in(&mut self, peer: usize, source: SocketAddr, bytes: &[u8]) {
        if let Kind::Rtp { seq, .. } = Kind::of(bytes)
            && let Some((frame, voiced)) = self.peers[peer].frames.remove(&seq)
        {
            self.note(Fact::Arrived { peer, frame, voiced });
        }
        self.handed.0 += 1;
        let datagram = Datagram { source, destination: self.server, bytes };
        self.shard.handle(Input::Datagram(datagram), self.now);
        self.drain_shard();
    }

    fn speak(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        if !peer.speaks() || peer.speaks > self.now {
            return;
        }
        let (level, len, frames) = match peer.talk {
            Talk::Off => return,
            Talk::Voice(level) => (level, 60, 1),
            Talk::Quiet => (-127, 60, 1),
            Talk::Dtx => (-127, 3, 20),
        };
        peer.speaks = self.now + ms(20) * frames;
        let frame = peer.frame;
        let mut payload = vec![0xF8, u8::try_from(at).unwrap()];
        payload.extend_from_slice(&frame.to_be_bytes());
        payload.resize(len, 0);
        if !peer.client.send_opus(payload, level, self.now) {
            return;
        }
        peer.client.pause(frames - 1);
        peer.frame += frames;
        peer.seq = peer.seq.wrapping_add(1);
        let voiced = len > 3 && level > -127;
        peer.frames.insert(peer.seq, (frame, voiced));
        self.note(Fact::Said { peer: at, frame, voiced });
        self.drain_peer(at, None);
    }

    /// Has a client leave out so many frames, as if they had been lost before they left.
    pub(crate) fn skip(&mut self, at: usize, frames: u16) {
        let peer = &mut self.peers[at];
        peer.client.lose(frames);
        peer.seq = peer.seq.wrapping_add(frames);
        peer.frame += u32::from(frames);
    }

    pub(crate) fn drain_shard(&mut self) {
        for _ in 0..OUTPUTS_MAX {
            match self.shard.poll() {
                Output::Batch(batch) => {
                    for datagram in batch.datagrams() {
                        self.send_down(datagram);
                    }
                    self.shard.recycle(batch);
                }
                Output::Reply(ticket, reply) => self.replies.push((ticket, reply)),
                Output::Event(event) => self.tell(&event),
                Output::Timeout(at) => {
                    let soon = self.now + ms(1);
                    self.wakes = at.map(|at| if at <= self.now { soon } else { at });
                    return;
                }
            }
        }
        panic!("the shard never comes to rest");
    }

    fn send_down(&mut self, datagram: Datagram<'_>) {
        self.handed.1 += 1;
        let address = datagram.destination;
        let peer = *self.addresses.get(&address).expect("nothing is sent to a stranger");
        let bytes = datagram.bytes;
        let kind = Kind::of(bytes);
        let is_rtp = matches!(kind, Kind::Rtp { .. });
        let sealed = self.log.len();
        if is_rtp || matches!(kind, Kind::Rtcp { .. }) {
            self.note(Fact::Sealed { peer, kind, digest: digest(bytes) });
        }
        // A leg that is refused at once may be told so before its client is in the world.
        let Some(Peer { down, .. }) = self.peers.get_mut(peer) else { return };
        let arrivals = down.carry(kind, self.now);
        if arrivals.is_empty() && is_rtp {
            self.note(Fact::LostOnTheWay { peer });
        }
        for at in arrivals {
            self.launch(at, To::Peer { peer, address, sealed }, bytes);
        }
    }

    fn launch(&mut self, at: Instant, to: To, bytes: &[u8]) {
        self.launched += 1;
        self.flights.insert((at, self.launched), Flight { to, bytes: bytes.to_vec() });
    }

    fn tell(&mut self, event: &MediaEvent) {
        let (leg, word) = match event {
            MediaEvent::Connected { leg, .. } => (leg, "up"),
            MediaEvent::Lost { leg, .. } => (leg, "lost"),
            MediaEvent::Closed { leg, .. } => (leg, "closed"),
            _ => return,
        };
        let peer = self.legs[leg];
        self.peers[peer].story.push(word);
        self.peers[peer].closed |= word == "closed";
        self.note(match word {
            "up" => Fact::LegUp { peer },
            "lost" => Fact::LegLost { peer },
            _ => Fact::LegClosed { peer },
        });
    }

    fn drain_peer(&mut self, at: usize, sealed: Option<usize>) {
        loop {
            match self.peers[at].client.poll() {
                ClientOutput::Transmit(datagram) => {
                    if datagram.destination == self.server {
                        self.send_up(at, &datagram.bytes);
                    }
                }
                ClientOutput::Connected => {
                    self.peers[at].connected = true;
                    self.note(Fact::ClientUp { peer: at });
                }
                ClientOutput::Received(packet) => {
                    let sealed = sealed.expect("packets come out when one has come in");
                    self.note(heard(at, sealed, packet));
                }
                ClientOutput::Closed => self.leave(at),
                ClientOutput::Timeout(wakes) => {
                    // A client that asks to be woken at once would spin.
                    self.peers[at].wakes = wakes.max(self.now + ms(1));
                    return;
                }
            }
        }
    }

    fn send_up(&mut self, at: usize, bytes: &[u8]) {
        let (peer, now) = (&mut self.peers[at], self.now);
        let source = peer.seen_as;
        for arrives in peer.up.carry(Kind::of(bytes), now) {
            self.launch(arrives, To::Shard { peer: at, source }, bytes);
        }
    }

    /// What the shard counts is what happened, and nothing piles up.
    fn check_counts(&mut self) {
        let stats = self.shard.stats();
        assert_eq!((stats.datagrams_in, stats.datagrams_out), self.handed, "datagrams add up");
        let open = self.peers.iter().filter(|peer| !peer.closed).count() as u64;
        assert_eq!(stats.sessions, open, "a session a leg");
        let rooms: HashSet<_> = self.peers.iter().filter(|p| !p.closed).map(|p| p.room).collect();
        assert_eq!(stats.rooms, rooms.len() as u64, "a room where somebody is");
        assert!(stats.sources <= open * SOURCES_MAX as u64, "addresses are bounded");
        assert_eq!(stats.panics, 0);
        let dropped = stats.dropped;
        // An answer that was under way when ICE restarted is signed with the password of before.
        if !self.restarted {
            assert_eq!(dropped.bad_integrity, 0, "nobody has forged anything");
        }
        assert_eq!(dropped.malformed, 0, "nobody has sent garbage");
        assert!(stats.packets_in >= dropped.not_permitted + dropped.not_loudest);
        assert!(matches!(self.shard.poll(), Output::Timeout(_)), "it rests after it has rested");
    }
}

impl Peer {
    fn speaks(&self) -> bool {
        self.talk != Talk::Off && self.connected && !self.closed && !self.gone
    }
}

fn heard(peer: usize, sealed: usize, packet: Received) -> Fact {
    let bytes: &[u8] = &packet.payload;
    let frame = bytes.get(2..6).map(|four| u32::from_be_bytes(four.try_into().expect("four")));
    Fact::Heard {
        peer,
        sealed,
        slot: packet.mid,
        seq: packet.seq,
        time: packet.timestamp,
        said: frame.map(|frame| (usize::from(bytes[1]), frame)),
        digest: digest(bytes),
    }
}

fn is_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [22, _, _, 0, 0, ..]) && bytes.get(13) == Some(&1)
}
