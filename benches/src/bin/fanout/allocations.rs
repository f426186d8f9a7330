//! How often forwarding asks for memory.
//!
//! A shard of the engine, three speakers and some listeners, in one thread and in virtual time.
//! What is counted is what the shard asks for while it handles frames of the speakers, gives out
//! its batches and takes them back. Done with a few listeners and with more, the difference is
//! what a copy costs.
//!
//! Connectivity checks and reports of senders and receivers may ask for memory: a frame during
//! which anything but frames of speakers went in or out is left out. Of the others the median
//! counts, so that a table that grows once in a while is not taken for the cost of a packet.

use std::net::SocketAddr;
use std::time::Instant;

use parlor_core::Uuid;
use parlor_core::media::{Connect, LegId, Rights, SdpOffer};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Certificate, Client, ClientConfig, ClientOutput};
use parlor_media_str0m::engine::{
    Command, Datagram, Input, Output, Reply, Shard, ShardConfig, Ticket,
};

use crate::Result;
use crate::counting::allocations;
use crate::sockets;
use crate::tally::{Frame, is_rtp};
use crate::voice::{self, FRAME, LEVEL, Said};

const SPEAKERS: usize = 3;
const LISTENERS: [usize; 2] = [50, 150];

/// Frames until everything has the size it needs.
const FRAMES_WARM: usize = 150;
/// Frames that are counted, of which some are left out.
const FRAMES: usize = 300;
/// Fewer than these say nothing.
const FRAMES_MIN: usize = 20;

/// How often a copy asks for memory, and how often a packet that comes in does besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocations {
    pub(crate) per_copy: f64,
    pub(crate) per_ingress_packet: f64,
}

pub(crate) fn measure(certificate: &Certificate) -> Result<Allocations> {
    let [few, many] = LISTENERS.map(|listeners| World::new(listeners, certificate)?.speak());
    let (few, many) = (few?, many?);
    let per_copy = (many.allocations - few.allocations) / (many.copies - few.copies);
    let rest = few.allocations - per_copy * few.copies;
    Ok(Allocations { per_copy, per_ingress_packet: rest / SPEAKERS as f64 })
}

/// What the speakers' frames of one moment lead to.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    allocations: f64,
    copies: f64,
}

struct World {
    now: Instant,
    shard: Shard,
    address: SocketAddr,
    /// The speakers first.
    peers: Vec<Peer>,
    /// When the shard wants to be told the time.
    wants: Option<Instant>,
    allocations: u64,
    copies: u64,
    /// Whether only frames of speakers went in and out.
    is_pure: bool,
}

struct Peer {
    client: Client,
    is_up: bool,
    wants: Instant,
}

/// From the shard to a client.
type Outgoing = Vec<(SocketAddr, Vec<u8>)>;

impl World {
    fn new(listeners: usize, certificate: &Certificate) -> Result<Self> {
        let now = Instant::now();
        let address = SocketAddr::from(([10, 0, 0, 1], 4_000));
        let config = ShardConfig { addresses: vec![address], ..ShardConfig::default() };
        let shard = Shard::new(config, now)?;
        let (peers, wants) = Default::default();
        let (allocations, copies, is_pure) = Default::default();
        let mut world = Self { now, shard, address, peers, wants, allocations, copies, is_pure };
        for n in 0..SPEAKERS + listeners {
            world.join(n, certificate)?;
        }
        // ICE and DTLS come up within a second of virtual time.
        for _ in 0..100 {
            world.pass(FRAME);
            if world.peers.iter().all(|peer| peer.is_up) {
                return Ok(world);
            }
        }
        Err("clients in virtual time do not connect".into())
    }

    fn join(&mut self, n: usize, certificate: &Certificate) -> Result<()> {
        let speaks = n < SPEAKERS;
        let config = ClientConfig {
            microphone: speaks,
            certificate: Some(certificate.clone()),
            ..ClientConfig::at(client_address(n))
        };
        let mut client = Client::new(config, self.now);
        let id = Uuid::from_u128(n as u128 + 1);
        let request = Connect {
            leg: LegId(id),
            room: RoomId(Uuid::from_u128(1)),
            participant: ParticipantId(id),
            rights: Rights { send_microphone: speaks, hear: true, pinned: false },
            offer: SdpOffer(client.offer()?),
        };
        self.shard.handle(Input::Command(Ticket(0), Command::Connect(request)), self.now);
        let mut outgoing = Outgoing::new();
        let Some(Reply::Answer(answer)) = self.drain(&mut outgoing) else {
            return Err("the engine refuses a client".into());
        };
        client.accept(&answer.0)?;
        self.peers.push(Peer { client, is_up: false, wants: self.now });
        self.deliver(outgoing);
        Ok(())
    }

    /// Speaks until it is known what a frame costs.
    fn speak(mut self) -> Result<Cost> {
        let mut costs = Vec::new();
        for frame in 0..FRAMES_WARM + FRAMES {
            let (allocations, copies) = (self.allocations, self.copies);
            self.is_pure = true;
            self.say();
            self.pass(FRAME);
            if frame >= FRAMES_WARM && self.is_pure {
                let allocations = (self.allocations - allocations) as f64;
                costs.push(Cost { allocations, copies: (self.copies - copies) as f64 });
            }
        }
        if costs.len() < FRAMES_MIN {
            let why = "something else goes on in nearly every frame";
            return Err(format!("allocations cannot be told: {why}").into());
        }
        costs.sort_by(|a, b| a.allocations.total_cmp(&b.allocations));
        Ok(costs[costs.len() / 2])
    }

    /// Every speaker says a frame, and the shard is given all of them at once.
    fn say(&mut self) {
        let mut packets = Vec::new();
        for (n, peer) in self.peers[..SPEAKERS].iter_mut().enumerate() {
            let said = Said { room: 0, speaker: n as u32, at: sockets::now() };
            peer.client.send_opus(voice::frame(said), LEVEL, self.now);
            packets.extend(peer.poll().into_iter().map(|bytes| (client_address(n), bytes)));
        }
        self.give(&packets);
    }

    /// Lets time pass, and everybody do what they want to do meanwhile.
    fn pass(&mut self, time: std::time::Duration) {
        let end = self.now + time;
        loop {
            let clients = self.peers.iter().map(|peer| peer.wants).min();
            let next = clients.into_iter().chain(self.wants).min();
            let Some(next) = next.filter(|next| *next < end) else { break };
            self.now = self.now.max(next);
            if self.wants.is_some_and(|wants| wants <= self.now) {
                let mut outgoing = Outgoing::new();
                let before = allocations();
                self.shard.handle(Input::Timeout, self.now);
                self.allocations += allocations() - before;
                self.drain(&mut outgoing);
                self.deliver(outgoing);
            }
            for n in 0..self.peers.len() {
                let peer = &mut self.peers[n];
                if peer.wants <= self.now {
                    peer.client.handle_timeout(self.now);
                    let packets = peer.poll().into_iter().map(|it| (client_address(n), it));
                    let packets: Vec<_> = packets.collect();
                    self.give(&packets);
                }
                // What wants to be told of a time that has passed must not stop the clock.
                let peer = &mut self.peers[n];
                peer.wants = peer.wants.max(self.now + std::time::Duration::from_millis(1));
            }
        }
        self.now = end;
    }

    /// Gives datagrams of clients to the shard, all before it is polled, as the driver does.
    fn give(&mut self, packets: &[(SocketAddr, Vec<u8>)]) {
        if packets.is_empty() {
            return;
        }
        self.is_pure &= packets.iter().all(|(_, bytes)| is_rtp(bytes));
        let mut outgoing = Outgoing::new();
        let before = allocations();
        for (source, bytes) in packets {
            let datagram = Datagram { source: *source, destination: self.address, bytes };
            self.shard.handle(Input::Datagram(datagram), self.now);
        }
        self.allocations += allocations() - before;
        self.drain(&mut outgoing);
        self.deliver(outgoing);
    }

    /// Takes out all the shard has; counts frames, and gives out all else. Gives the reply, if
    /// there is one.
    fn drain(&mut self, outgoing: &mut Outgoing) -> Option<Reply> {
        let mut replied = None;
        loop {
            let before = allocations();
            let output = self.shard.poll();
            self.allocations += allocations() - before;
            match output {
                Output::Batch(batch) => {
                    for datagram in batch.datagrams() {
                        match Frame::of(datagram.bytes) {
                            Some(_) => self.copies += 1,
                            None => {
                                let bytes = datagram.bytes.to_vec();
                                outgoing.push((datagram.destination, bytes));
                                self.is_pure = false;
                            }
                        }
                    }
                    let before = allocations();
                    self.shard.recycle(batch);
                    self.allocations += allocations() - before;
                }
                Output::Reply(_, reply) => replied = Some(reply),
                Output::Timeout(at) => {
                    // As above: the clock must not stop.
                    let tick = self.now + std::time::Duration::from_micros(100);
                    self.wants = at.map(|at| at.max(tick));
                    return replied;
                }
                Output::Event(_) => {}
            }
        }
    }

    fn deliver(&mut self, outgoing: Outgoing) {
        for (destination, bytes) in outgoing {
            let n = usize::from(destination.port() - PORT);
            let Some(peer) = self.peers.get_mut(n) else { continue };
            peer.client.handle_datagram(self.address, &bytes, self.now);
            let packets = peer.poll().into_iter().map(|bytes| (client_address(n), bytes));
            let packets: Vec<_> = packets.collect();
            self.give(&packets);
        }
    }
}

impl Peer {
    /// The datagrams it wants sent.
    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(at) => {
                    self.wants = at;
                    return datagrams;
                }
                ClientOutput::Transmit(datagram) => datagrams.push(datagram.bytes),
                ClientOutput::Connected => self.is_up = true,
                ClientOutput::Received(_) => {}
                ClientOutput::Closed => self.is_up = false,
            }
        }
    }
}

const PORT: u16 = 5_000;

fn client_address(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, 10], PORT + n as u16))
}
