//! A shard and its clients in one process, with a perfect network and a clock of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::media::{
    CloseReason, Connect, LegId, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer,
};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput, Received};
use parlor_media_str0m::engine::{
    Command, Datagram, Input, Output, Reply, Shard, ShardConfig, Stats, Ticket,
};

/// Everything a participant may do.
pub(crate) const ALL: Rights = Rights { send_microphone: true, hear: true, pinned: false };

pub(crate) fn leg(n: u128) -> LegId {
    LegId(Uuid::from_u128(n))
}

pub(crate) fn room(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(n))
}

pub(crate) fn participant(n: u128) -> ParticipantId {
    ParticipantId(Uuid::from_u128(n))
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One client of the world.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) leg: LegId,
    pub(crate) connected: bool,
    pub(crate) closed: bool,
    /// Whether its datagrams get through, in both directions.
    pub(crate) reachable: bool,
    /// The address its datagrams are seen to come from.
    pub(crate) seen_as: SocketAddr,
    pub(crate) received: Vec<Received>,
    got: Vec<[u8; 2]>,
    /// Whether nothing reaches it, though it is heard.
    pub(crate) swallows: bool,
    timeout: Instant,
}

impl Peer {
    /// The payloads it has heard, and forgets them.
    pub(crate) fn take(&mut self) -> Vec<Received> {
        std::mem::take(&mut self.received)
    }
}

/// A datagram on the wire: (from, to, bytes).
pub(crate) type Packet = (SocketAddr, SocketAddr, Vec<u8>);

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) shard: Shard,
    pub(crate) server: SocketAddr,
    pub(crate) peers: Vec<Peer>,
    pub(crate) events: Vec<MediaEvent>,
    /// Datagrams the shard has sent to addresses nobody has.
    pub(crate) stray: Vec<Packet>,
    /// The last datagrams that peers have sent, newest last.
    pub(crate) sent: VecDeque<Packet>,
    /// Datagrams the shard has sent to peers, oldest first.
    pub(crate) delivered: Vec<Packet>,
    /// Whether they are kept.
    pub(crate) keeps: bool,
    replies: Vec<(Ticket, Reply)>,
    ticket: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ShardConfig)) -> Self {
        let now = Instant::now();
        let server: SocketAddr = "10.0.0.1:4000".parse().unwrap();
        let mut config = ShardConfig { addresses: vec![server], ..ShardConfig::default() };
        change(&mut config);
        Self {
            now,
            start: now,
            shard: Shard::new(config, now).unwrap(),
            server,
            peers: Vec::new(),
            events: Vec::new(),
            stray: Vec::new(),
            sent: VecDeque::new(),
            delivered: Vec::new(),
            keeps: false,
            replies: Vec::new(),
            ticket: 0,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shard.stats()
    }

    /// Sends the shard a command and gives its reply.
    pub(crate) fn command(&mut self, command: Command) -> Reply {
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.shard.handle(Input::Command(ticket, command), self.now);
        self.drain_shard();
        let at = self.replies.iter().position(|(t, _)| *t == ticket).expect("a reply");
        self.replies.swap_remove(at).1
    }

    pub(crate) fn connect(&mut self, request: Connect) -> Result<SdpAnswer, MediaError> {
        match self.command(Command::Connect(request)) {
            Reply::Answer(answer) => Ok(answer),
            Reply::Failed(error) => Err(error),
            Reply::Done => panic!("connect is answered by an answer"),
        }
    }

    /// Adds a client with a leg of its own, not yet connected. Gives its index.
    pub(crate) fn add(&mut self, room: RoomId, who: ParticipantId, rights: Rights) -> usize {
        self.add_with(room, who, rights, |_| {})
    }

    pub(crate) fn add_with(
        &mut self,
        room: RoomId,
        participant: ParticipantId,
        rights: Rights,
        change: impl FnOnce(&mut ClientConfig),
    ) -> usize {
        let n = self.peers.len();
        let address = SocketAddr::from(([192, 168, 1, 10], 5_000 + u16::try_from(n).unwrap()));
        let mut config = ClientConfig::at(address);
        change(&mut config);
        let mut client = Client::new(config, self.now);
        let offer = SdpOffer(client.offer().unwrap());
        let leg = leg(1_000 + n as u128);
        let answer = self.connect(Connect { leg, room, participant, rights, offer }).unwrap();
        client.accept(&answer.0).unwrap();
        self.adopt(client, leg)
    }

    /// Takes in a client whose leg has been started already.
    pub(crate) fn adopt(&mut self, client: Client, leg: LegId) -> usize {
        let seen_as = client.address();
        self.peers.push(Peer {
            client,
            leg,
            connected: false,
            closed: false,
            reachable: true,
            seen_as,
            got: Vec::new(),
            swallows: false,
            received: Vec::new(),
            timeout: self.now,
        });
        self.peers.len() - 1
    }

    /// What the shard has sent a peer so far, by its first two bytes (RFC 7983).
    pub(crate) fn to(&self, at: usize) -> &[[u8; 2]] {
        &self.peers[at].got
    }

    /// A room of connected clients, participants 1 to n.
    pub(crate) fn room_of(n: u128) -> Self {
        let mut world = Self::new();
        for who in 1..=n {
            world.add(room(1), participant(who), ALL);
        }
        world.settle();
        world
    }

    /// Runs until everyone is connected, at most ten seconds.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000 {
            if self.peers.iter().all(|peer| peer.connected || peer.closed || !peer.reachable)
                && self.peers.iter().all(|p| self.is_up(p.leg) || p.closed || !p.reachable)
            {
                return;
            }
            self.run(ms(10));
        }
        panic!("not connected: {:?}", self.events);
    }

    fn is_up(&self, leg: LegId) -> bool {
        self.events.iter().any(|event| {
            matches!(event, MediaEvent::Connected { leg: l, .. } | MediaEvent::Closed { leg: l, .. }
                if *l == leg)
        })
    }

    /// Lets time pass, in steps of at most 5 ms.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + ms(5)).min(end);
            self.shard.handle(Input::Timeout, self.now);
            self.drain_shard();
            for at in 0..self.peers.len() {
                if self.peers[at].timeout <= self.now {
                    self.peers[at].client.handle_timeout(self.now);
                    self.drain_peer(at);
                }
            }
        }
    }

    /// Has each of these say a frame of its own at a level, every 20 ms for `frames` frames.
    /// The payload names the speaker and the frame.
    pub(crate) fn speak(&mut self, speakers: &[(usize, i8)], frames: u32) {
        for frame in 0..frames {
            for (at, level) in speakers {
                self.say(*at, frame, *level);
            }
            self.run(ms(20));
        }
    }

    pub(crate) fn say(&mut self, at: usize, frame: u32, level: i8) {
        let mut payload = vec![0xF8, u8::try_from(at).unwrap()];
        payload.extend_from_slice(&frame.to_be_bytes());
        payload.resize(60, 0);
        self.peers[at].client.send_opus(payload, level, self.now);
        self.drain_peer(at);
    }

    /// Has the shard receive a datagram as if from `source`.
    pub(crate) fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        let datagram = Datagram { source, destination: self.server, bytes };
        self.shard.handle(Input::Datagram(datagram), self.now);
        self.drain_shard();
    }

    pub(crate) fn set_rights(&mut self, at: usize, rights: Rights) {
        let leg = self.peers[at].leg;
        assert_eq!(self.command(Command::SetRights { leg, rights }), Reply::Done);
    }

    /// Has the next packet for a peer panic in the engine.
    pub(crate) fn poison_lane(&mut self, at: usize) {
        let leg = self.peers[at].leg;
        assert_eq!(self.command(Command::PoisonLane { leg }), Reply::Done);
    }

    /// Has the shard answer another offer on a leg; its client does not hear the answer.
    pub(crate) fn renegotiate(&mut self, at: usize, offer: String) {
        let (leg, offer) = (self.peers[at].leg, SdpOffer(offer));
        let reply = self.command(Command::Renegotiate { leg, offer });
        assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
    }

    /// Restarts ICE of a client on its standing leg.
    pub(crate) fn restart_ice(&mut self, at: usize) {
        let leg = self.peers[at].leg;
        let offer = SdpOffer(self.peers[at].client.offer().unwrap());
        match self.command(Command::Renegotiate { leg, offer }) {
            Reply::Answer(answer) => self.peers[at].client.accept(&answer.0).unwrap(),
            reply => panic!("no answer: {reply:?}"),
        }
        self.peers[at].timeout = self.now;
    }

    pub(crate) fn closed(&self, leg: LegId) -> Option<CloseReason> {
        self.events.iter().find_map(|event| match event {
            MediaEvent::Closed { leg: l, reason, .. } if *l == leg => Some(*reason),
            _ => None,
        })
    }

    /// What happened to a leg, in words.
    pub(crate) fn story(&self, leg: LegId) -> Vec<String> {
        let tell = |event: &MediaEvent| match event {
            MediaEvent::Connected { leg: l, n, .. } if *l == leg => Some(format!("connected {n}")),
            MediaEvent::Lost { leg: l, n, .. } if *l == leg => Some(format!("lost {n}")),
            MediaEvent::Closed { leg: l, reason, .. } if *l == leg => {
                Some(format!("closed {reason:?}"))
            }
            _ => None,
        };
        self.events.iter().filter_map(tell).collect()
    }

    pub(crate) fn drain_shard(&mut self) {
        loop {
            match self.shard.poll() {
                Output::Batch(batch) => {
                    for datagram in batch.datagrams() {
                        let Datagram { source, destination, bytes } = datagram;
                        self.deliver(source, destination, bytes);
                    }
                    self.shard.recycle(batch);
                }
                Output::Reply(ticket, reply) => self.replies.push((ticket, reply)),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => return,
            }
        }
    }

    /// When the shard wants to be woken, if nothing comes in.
    pub(crate) fn next_wake(&mut self) -> Option<Instant> {
        match self.shard.poll() {
            Output::Timeout(at) => at,
            output => panic!("the shard has been drained: {output:?}"),
        }
    }

    fn deliver(&mut self, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        let Some(at) = self.peers.iter().rposition(|peer| peer.seen_as == destination) else {
            self.stray.push((source, destination, bytes.to_vec()));
            return;
        };
        if self.keeps {
            self.delivered.push((source, destination, bytes.to_vec()));
        }
        if self.peers[at].reachable && !self.peers[at].swallows {
            self.peers[at].got.push([bytes[0], bytes[1]]);
            self.peers[at].client.handle_datagram(source, bytes, self.now);
            self.drain_peer(at);
        }
    }

    pub(crate) fn drain_peer(&mut self, at: usize) {
        let mut out = Vec::new();
        let peer = &mut self.peers[at];
        loop {
            match peer.client.poll() {
                ClientOutput::Transmit(datagram) => out.push(datagram),
                ClientOutput::Connected => peer.connected = true,
                ClientOutput::Received(packet) => peer.received.push(packet),
                ClientOutput::Closed => peer.closed = true,
                ClientOutput::Timeout(timeout) => {
                    peer.timeout = timeout;
                    break;
                }
            }
        }
        let (reachable, source) = (peer.reachable, peer.seen_as);
        for datagram in out {
            if reachable && datagram.destination == self.server {
                self.sent.push_back((source, self.server, datagram.bytes.clone()));
                if self.sent.len() > 64 {
                    self.sent.pop_front();
                }
                let bytes = &datagram.bytes;
                let datagram = Datagram { source, destination: self.server, bytes };
                self.shard.handle(Input::Datagram(datagram), self.now);
            }
        }
        // Recursion ends where nobody has anything more to say.
        self.drain_shard();
    }
}

/// Who said a packet, and which of their frames it is; `None` for silence.
pub(crate) fn said(packet: &Received) -> Option<(usize, u32)> {
    let bytes: &[u8] = &packet.payload;
    if bytes.len() < 6 {
        return None;
    }
    let frame = u32::from_be_bytes(bytes[2..6].try_into().unwrap());
    Some((usize::from(bytes[1]), frame))
}

/// The speakers a peer has heard, in order and without repetition.
pub(crate) fn speakers(packets: &[Received]) -> Vec<usize> {
    let mut who: Vec<_> = packets.iter().filter_map(said).map(|(who, _)| who).collect();
    who.sort_unstable();
    who.dedup();
    who
}

/// A small generator of numbers: the same for the same seed (xorshift64*).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).unwrap()
    }
}
