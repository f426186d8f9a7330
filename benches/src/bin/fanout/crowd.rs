//! Clients that share a thread: how they connect, wait, speak and leave.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parlor_media_str0m::client::Certificate;

use crate::Result;
use crate::child::Requests;
use crate::histogram::Histogram;
use crate::metronome::Metronome;
use crate::peer::{Peer, Role, Seat, State};
use crate::protocol::Request;
use crate::sockets::Reader;
use crate::voice::Said;

/// Handshakes under way at a time.
const HANDSHAKES_MAX: usize = 64;

/// How long one may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// Whoever only listens looks at their sockets this often, not at every datagram: that is cheap,
/// and the forwarder need not wake anybody with each that it sends. When a datagram arrived is
/// noted by the kernel.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A client is told the time no more often than this.
const TICK: Duration = Duration::from_millis(5);

const EVENTS_MAX: usize = 512;
const TOKEN_ORDERS: u64 = u64::MAX;
const TOKEN_METRONOME: u64 = u64::MAX - 1;

/// What a crowd is told to do.
pub(crate) enum Order {
    Join(Vec<Seat>),
    /// An offer has been answered, or refused.
    Answer(u32, std::result::Result<String, String>),
    /// From now on whoever joins is late.
    Begin,
    /// Somebody leaves, and somebody else comes.
    Swap,
    /// All who speak say so many frames; then it is told.
    Speak {
        frames: u64,
        rooms: u32,
        done: mpsc::Sender<()>,
    },
    /// Says what came of it, and ends.
    Report(mpsc::Sender<Report>),
}

/// What became of a crowd.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) peers: Vec<Heard>,
    pub(crate) e2e: Histogram,
    /// Frames that were decrypted.
    pub(crate) decrypted: u64,
    /// Frames from another room, or one's own.
    pub(crate) misrouted: u64,
    /// Clients that came while people spoke.
    pub(crate) joined_late: usize,
    /// Those of them that had not come up by the end.
    pub(crate) late_not_up: usize,
    pub(crate) left: usize,
}

/// Somebody who was there all the time.
pub(crate) struct Heard {
    pub(crate) seat: Seat,
    pub(crate) port: u16,
    pub(crate) is_up: bool,
    pub(crate) tally: crate::tally::Tally,
    pub(crate) arrived: u64,
    pub(crate) made: u64,
    pub(crate) sent: u64,
}

/// How far the crowds are.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) connected: AtomicUsize,
    pub(crate) failed: AtomicUsize,
    why: Mutex<Option<String>>,
}

impl Progress {
    /// Why the first of those failed that did.
    pub(crate) fn why(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the clients of a crowd share.
pub(crate) struct Common {
    pub(crate) certificate: Certificate,
    /// Whether people have begun to speak.
    pub(crate) began: bool,
    loss: f64,
    dice: u64,
    e2e: Histogram,
    decrypted: u64,
    misrouted: u64,
}

impl Common {
    pub(crate) fn new(certificate: Certificate, loss: f64, seed: u64) -> Self {
        let dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (e2e, decrypted, misrouted) = Default::default();
        Self { certificate, began: false, loss, dice, e2e, decrypted, misrouted }
    }

    /// Whether the next datagram is to be dropped.
    pub(crate) fn loses(&mut self) -> bool {
        if self.loss <= 0.0 {
            return false;
        }
        // xorshift64, of which the upper bits are good enough for a coin.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        ((self.dice >> 11) as f64) < self.loss * (1_u64 << 53) as f64
    }

    pub(crate) fn hears(&mut self, seat: Seat, said: Said, at: Duration) {
        self.decrypted += 1;
        self.misrouted +=
            u64::from(said.room != seat.room || seat.role == Role::Speaker(said.speaker));
        self.e2e.add(at.saturating_sub(said.at));
    }
}

/// A crowd, as others see it.
#[derive(Clone)]
pub(crate) struct Crowd {
    orders: mpsc::Sender<Order>,
    wake: Arc<EventFd>,
}

impl Crowd {
    /// Starts a thread for the crowd with this number.
    pub(crate) fn start(
        number: u32,
        name: &str,
        common: Common,
        requests: Arc<Requests>,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK)?);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*wake, EpollEvent::new(EpollFlags::EPOLLIN, TOKEN_ORDERS))?;
        let waked = wake.clone();
        let work = move || {
            let worker = Worker {
                number,
                epoll,
                wake: waked,
                ordered,
                requests,
                progress,
                common,
                peers: Vec::new(),
                waiting: VecDeque::new(),
                under_way: 0,
                leavers: VecDeque::new(),
                deadlines: BinaryHeap::new(),
                reader: Reader::new(),
                metronome: None,
            };
            worker.run();
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { orders, wake })
    }

    /// A crowd that has ended takes no more orders, and needs none.
    pub(crate) fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

struct Worker {
    number: u32,
    epoll: Epoll,
    wake: Arc<EventFd>,
    ordered: mpsc::Receiver<Order>,
    requests: Arc<Requests>,
    progress: Arc<Progress>,
    common: Common,
    peers: Vec<Peer>,
    waiting: VecDeque<Seat>,
    under_way: usize,
    leavers: VecDeque<usize>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    reader: Reader,
    metronome: Option<(Metronome, mpsc::Sender<()>)>,
}

impl Worker {
    fn run(mut self) {
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        loop {
            let Ok(count) = self.epoll.wait(&mut events, self.timeout()) else { continue };
            for event in &events[..count] {
                match event.data() {
                    TOKEN_ORDERS => {
                        let _ = self.wake.read();
                    }
                    TOKEN_METRONOME => self.speak(),
                    peer => self.read(peer as usize),
                }
            }
            loop {
                match self.ordered.try_recv() {
                    Ok(Order::Report(to)) => {
                        let _ = to.send(self.report());
                        return;
                    }
                    Ok(order) => self.obey(order),
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            self.tell_time();
            self.begin_handshakes();
            if self.metronome.is_none() {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn timeout(&self) -> EpollTimeout {
        let Some(Reverse((at, _))) = self.deadlines.peek() else { return EpollTimeout::NONE };
        let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::NONE)
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Join(seats) => self.waiting.extend(seats),
            Order::Answer(peer, answer) => self.answer(peer as usize, answer),
            Order::Begin => {
                self.common.began = true;
                let is_there = |n: &usize| self.peers[*n].state == State::Up;
                let last_quarter = self.peers.len() - self.peers.len().div_ceil(4);
                self.leavers = (last_quarter..self.peers.len()).filter(is_there).collect();
            }
            Order::Swap => self.swap(),
            Order::Speak { frames, rooms, done } => self.begin_speaking(frames, rooms, done),
            Order::Report(_) => unreachable!("it ends the thread before it gets here"),
        }
    }

    fn begin_handshakes(&mut self) {
        while self.under_way < HANDSHAKES_MAX
            && let Some(seat) = self.waiting.pop_front()
        {
            let n = self.peers.len();
            let begun = Peer::new(seat, &self.common).and_then(|(peer, offer)| {
                // Edge-triggered: everything is read at once, and nobody is looked at twice.
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
                self.epoll.add(&peer.socket, EpollEvent::new(flags, n as u64))?;
                self.peers.push(peer);
                let client = u64::from(self.number) << 32 | n as u64;
                let speaks = matches!(seat.role, Role::Speaker(_));
                self.requests.send(&Request::Connect { client, room: seat.room, speaks, offer })
            });
            match begun {
                Ok(()) => self.under_way += 1,
                Err(error) => self.blame(error.to_string()),
            }
        }
    }

    fn answer(&mut self, n: usize, answer: std::result::Result<String, String>) {
        let before = self.peers[n].state;
        // It may have given up meanwhile.
        if !matches!(before, State::Connecting { .. }) {
            return;
        }
        let accepted = answer.and_then(|answer| {
            let accepted = self.peers[n].accept(&answer, &mut self.common);
            accepted.map_err(|error| error.to_string())
        });
        match accepted {
            Ok(()) => self.attend(n, before),
            Err(why) => {
                self.peers[n].fail();
                self.under_way -= 1;
                self.blame(why);
            }
        }
    }

    fn read(&mut self, n: usize) {
        let before = self.peers[n].state;
        let Self { peers, reader, common, .. } = self;
        let socket = peers[n].socket.clone();
        let peer = &mut peers[n];
        reader.read(&socket, |datagram| peer.receive(datagram, common));
        self.attend(n, before);
    }

    /// Sees to what has become of somebody.
    fn attend(&mut self, n: usize, before: State) {
        let after = self.peers[n].state;
        match (before, after) {
            (State::Connecting { .. }, State::Up) => {
                self.under_way -= 1;
                self.progress.connected.fetch_add(1, Ordering::Relaxed);
                if self.common.began {
                    self.leavers.push_back(n);
                }
            }
            (State::Connecting { .. }, State::Failed) => {
                self.under_way -= 1;
                self.blame("the forwarder has ended it, or ICE or DTLS failed".into());
            }
            _ => {}
        }
        self.schedule(n);
    }

    fn blame(&self, why: String) {
        self.progress.failed.fetch_add(1, Ordering::Relaxed);
        let mut first = self.progress.why.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(why);
    }

    fn schedule(&mut self, n: usize) {
        let peer = &mut self.peers[n];
        if matches!(peer.state, State::Left | State::Failed) {
            return;
        }
        let at = peer.wants.max(Instant::now() + TICK);
        if peer.scheduled.is_none_or(|scheduled| scheduled > at) {
            peer.scheduled = Some(at);
            self.deadlines.push(Reverse((at, n)));
        }
    }

    fn tell_time(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, n))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            let peer = &mut self.peers[n];
            // One that was moved forward has left another entry behind.
            if peer.scheduled != Some(at) {
                continue;
            }
            peer.scheduled = None;
            let before = peer.state;
            match before {
                State::Connecting { since } if since + HANDSHAKE_MAX <= now => peer.fail(),
                State::Left | State::Failed => continue,
                _ if peer.wants <= now => peer.advance(&mut self.common),
                _ => {}
            }
            self.attend(n, before);
        }
    }

    fn swap(&mut self) {
        let Some(n) = self.leavers.pop_front() else { return };
        let peer = &mut self.peers[n];
        let seat = peer.seat;
        peer.leave(&mut self.common);
        let _ = self.epoll.delete(&peer.socket);
        let client = u64::from(self.number) << 32 | n as u64;
        // If the forwarder is gone, everybody will notice.
        let _ = self.requests.send(&Request::Disconnect { client });
        self.waiting.push_back(seat);
    }

    fn begin_speaking(&mut self, frames: u64, rooms: u32, done: mpsc::Sender<()>) {
        let speakers = (0..rooms).map(|room| {
            let is_here = |n: &usize| self.peers[*n].seat.room == room;
            (0..self.peers.len()).filter(is_here).collect()
        });
        let started = Metronome::start(speakers.collect(), frames).and_then(|metronome| {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, TOKEN_METRONOME);
            self.epoll.add(metronome.timer(), event)?;
            Ok(metronome)
        });
        match started {
            Ok(metronome) => self.metronome = Some((metronome, done)),
            // Whoever waits for the end of it learns that there is none.
            Err(error) => self.blame(error.to_string()),
        }
    }

    fn speak(&mut self) {
        if let Some((metronome, _)) = &self.metronome {
            metronome.wait();
        }
        while let Some((metronome, _)) = &mut self.metronome
            && let Some(speakers) = metronome.due(Instant::now()).map(<[usize]>::to_vec)
        {
            // All of a room in the same moment: the hardest for a forwarder.
            for n in speakers {
                self.peers[n].speak(&mut self.common);
                self.schedule(n);
            }
        }
        if let Some((_, done)) = self.metronome.take_if(|(metronome, _)| metronome.is_over()) {
            let _ = done.send(());
        }
    }

    fn report(self) -> Report {
        let is =
            |state: fn(&State) -> bool| self.peers.iter().filter(move |peer| state(&peer.state));
        let late = || self.peers.iter().filter(|peer| peer.is_late);
        let mut report = Report {
            left: is(|state| *state == State::Left).count(),
            joined_late: late().count(),
            late_not_up: late().filter(|it| !matches!(it.state, State::Up | State::Left)).count(),
            e2e: self.common.e2e,
            decrypted: self.common.decrypted,
            misrouted: self.common.misrouted,
            peers: Vec::new(),
        };
        let stayed = |peer: &Peer| !peer.is_late && peer.state != State::Left;
        report.peers = self
            .peers
            .into_iter()
            .filter(stayed)
            .map(|peer| Heard {
                seat: peer.seat,
                port: peer.port,
                is_up: peer.state == State::Up,
                tally: peer.tally,
                arrived: peer.arrived,
                made: peer.made,
                sent: peer.sent,
            })
            .collect();
        report
    }
}
