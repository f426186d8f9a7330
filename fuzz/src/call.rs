use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::media::{Connect, LegId, Rights, SdpOffer};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput};
use parlor_media_str0m::engine::{
    Command, Datagram, Input, Output, Reply, SOURCES_MAX, Shard, ShardConfig, Ticket,
};

pub(crate) const ALL: Rights = Rights { send_microphone: true, hear: true, pinned: false };

/// More outputs than this from one input, and the shard does not come to rest.
const OUTPUTS_MAX: usize = 20_000;

/// How much of what clients have sent is kept, to be sent again or changed.
const SENT_MAX: usize = 32;

/// A shard and some clients, with a network that takes no time.
pub(crate) struct Call {
    pub(crate) shard: Shard,
    pub(crate) now: Instant,
    pub(crate) guests: Vec<Guest>,
    /// The last datagrams of clients: who sent them, and what.
    pub(crate) sent: VecDeque<(usize, Vec<u8>)>,
    server: SocketAddr,
    handed_in: u64,
    tickets: u64,
    reply: Option<Reply>,
}

pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(crate) leg: LegId,
    pub(crate) address: SocketAddr,
    wakes: Instant,
}

pub(crate) fn leg(n: u8) -> LegId {
    LegId(Uuid::from_u128(1 + u128::from(n)))
}

impl Call {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let server = SocketAddr::from(([10, 0, 0, 1], 4_000));
        let config =
            ShardConfig { addresses: vec![server], sessions_max: 16, ..ShardConfig::default() };
        let shard = Shard::new(config, now).expect("a good configuration");
        let (guests, sent) = (Vec::new(), VecDeque::new());
        Self { shard, now, guests, sent, server, handed_in: 0, tickets: 0, reply: None }
    }

    /// Some guests who are up and in one room.
    pub(crate) fn of(guests: u8) -> Self {
        let mut call = Self::new();
        for n in 0..guests {
            assert!(call.join(n, n, 0, ALL), "there is room");
        }
        for _ in 0..400 {
            call.wait(Duration::from_millis(5));
        }
        assert!(call.guests.iter().all(|guest| guest.client.is_connected()), "a good network");
        call
    }

    /// A guest with a good offer. Whether it has been taken.
    pub(crate) fn join(&mut self, n: u8, who: u8, room: u8, rights: Rights) -> bool {
        let at = self.guests.len();
        let port = 5_000 + u16::try_from(at).expect("a call is small");
        let address = SocketAddr::from(([192, 168, 1, 10], port));
        let mut client = Client::new(ClientConfig::at(address), self.now);
        let offer = SdpOffer(client.offer().expect("a first offer"));
        let reply = self.command(Command::Connect(Connect {
            leg: leg(n),
            room: RoomId(Uuid::from_u128(u128::from(room))),
            participant: ParticipantId(Uuid::from_u128(u128::from(who))),
            rights,
            offer,
        }));
        let Reply::Answer(answer) = reply else { return false };
        client.accept(&answer.0).expect("an answer to a good offer");
        self.guests.push(Guest { client, leg: leg(n), address, wakes: self.now });
        true
    }

    pub(crate) fn command(&mut self, command: Command) -> Reply {
        self.tickets += 1;
        self.shard.handle(Input::Command(Ticket(self.tickets), command), self.now);
        self.drain();
        self.reply.take().expect("every command has a reply")
    }

    /// Hands the shard a datagram as if from an address.
    pub(crate) fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        self.handed_in += 1;
        let datagram = Datagram { source, destination: self.server, bytes };
        self.shard.handle(Input::Datagram(datagram), self.now);
        self.drain();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.shard.handle(Input::Timeout, self.now);
        self.drain();
        for at in 0..self.guests.len() {
            if self.guests[at].wakes <= self.now {
                self.guests[at].client.handle_timeout(self.now);
                self.drain_guest(at);
            }
        }
    }

    pub(crate) fn say(&mut self, at: usize, len: usize, level: i8) {
        let payload = vec![0xF8; len];
        self.guests[at].client.send_opus(payload, level, self.now);
        self.drain_guest(at);
    }

    pub(crate) fn close(&mut self, at: usize) {
        self.guests[at].client.close();
        self.drain_guest(at);
    }

    /// What must hold at any time.
    pub(crate) fn check(&mut self) {
        let stats = self.shard.stats();
        assert_eq!(stats.panics, 0);
        assert_eq!(stats.datagrams_in, self.handed_in);
        assert!(stats.sources <= stats.sessions * SOURCES_MAX as u64);
        assert!(stats.rooms <= stats.sessions);
        assert!(matches!(self.shard.poll(), Output::Timeout(_)), "it rests");
    }

    /// Ends it. Nothing may be left.
    pub(crate) fn end(mut self) {
        self.check();
        self.command(Command::Shutdown);
        let stats = self.shard.stats();
        assert_eq!((stats.sessions, stats.rooms, stats.sources), (0, 0, 0));
        assert!(matches!(self.shard.poll(), Output::Timeout(None)), "nothing is left to wake");
    }

    fn drain(&mut self) {
        let mut down = Vec::new();
        for _ in 0..OUTPUTS_MAX {
            match self.shard.poll() {
                Output::Batch(batch) => {
                    let copy = |d: Datagram<'_>| (d.destination, d.bytes.to_vec());
                    down.extend(batch.datagrams().map(copy));
                    self.shard.recycle(batch);
                }
                Output::Reply(_, reply) => self.reply = Some(reply),
                Output::Event(_) => {}
                Output::Timeout(_) => {
                    return down.into_iter().for_each(|(to, bytes)| self.deliver(to, &bytes));
                }
            }
        }
        panic!("the shard never comes to rest");
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &[u8]) {
        if let Some(at) = self.guests.iter().rposition(|guest| guest.address == to) {
            self.guests[at].client.handle_datagram(self.server, bytes, self.now);
            self.drain_guest(at);
        }
    }

    fn drain_guest(&mut self, at: usize) {
        let mut up = Vec::new();
        loop {
            match self.guests[at].client.poll() {
                ClientOutput::Transmit(datagram) => up.push(datagram.bytes),
                ClientOutput::Connected | ClientOutput::Received(_) | ClientOutput::Closed => {}
                ClientOutput::Timeout(wakes) => {
                    self.guests[at].wakes = wakes;
                    break;
                }
            }
        }
        for bytes in up {
            if self.sent.len() == SENT_MAX {
                self.sent.pop_front();
            }
            self.sent.push_back((at, bytes.clone()));
            self.inject(self.guests[at].address, &bytes);
        }
    }
}
