//! One play: a forwarder starts, clients connect, are quiet, speak, and all is counted.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use parlor_media_str0m::client::Certificate;

use crate::child::Sfu;
use crate::crowd::{Common, Crowd, Heard, Order, Progress, Report};
use crate::histogram::Histogram;
use crate::peer::{Role, Seat};
use crate::protocol::Snapshot;
use crate::voice::FRAMES_PER_S;
use crate::{Arguments, Engine, Result, sockets, usage};

/// How many listeners decrypt what they hear.
const DECRYPTING: u32 = 50;

/// How many speakers of a room are heard.
const HEARD_MAX: u32 = 3;

/// How long nobody speaks while everybody is connected.
const QUIET: Duration = Duration::from_secs(3);

/// Until memory and last packets have settled.
const SETTLE: Duration = Duration::from_millis(500);

/// How long a forwarder that lags behind may go on with what it has not sent yet.
const BACKLOG_MAX: Duration = Duration::from_secs(4);

/// If nobody has come up for so long, nobody will.
const STUCK: Duration = Duration::from_secs(45);

/// What came of a play.
pub(crate) struct Outcome {
    pub(crate) connect_s: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) rss_bytes_per_listener: f64,
    /// Not measured of the plain one.
    pub(crate) idle: Option<Idle>,
    pub(crate) begin: Snapshot,
    pub(crate) end: Snapshot,
    /// Frames the speakers have sent, those not counted that were dropped on purpose.
    pub(crate) sent: u64,
    /// What the kernel threw away because the forwarder, or the harness, did not read in time.
    pub(crate) sfu_drops: u64,
    pub(crate) client_drops: u64,
    pub(crate) owed: f64,
    /// Copies owed if what the clients dropped on the way in is not counted.
    pub(crate) owed_of_sent: f64,
    pub(crate) received: u64,
    pub(crate) arrived: u64,
    pub(crate) duplicates: u64,
    pub(crate) missing: u64,
    pub(crate) gap_max: Duration,
    pub(crate) e2e: Histogram,
    pub(crate) decrypted: u64,
    pub(crate) misrouted: u64,
    /// Clients that were thrown out.
    pub(crate) lost_clients: usize,
    pub(crate) left: usize,
    pub(crate) joined: usize,
    pub(crate) joined_not_up: usize,
}

/// What it costs to have everybody there.
pub(crate) struct Idle {
    pub(crate) cpu_us_per_listener_s: f64,
    pub(crate) wakeups_per_listener_s: Option<f64>,
}

impl Outcome {
    /// Packets of microphones the forwarder has taken in.
    pub(crate) fn taken(&self) -> u64 {
        self.end.packets_in - self.begin.packets_in
    }

    pub(crate) fn copies(&self) -> u64 {
        self.end.copies_sent - self.begin.copies_sent
    }

    pub(crate) fn cpu_s(&self) -> f64 {
        (self.end.cpu_us - self.begin.cpu_us) as f64 / 1e6
    }

    pub(crate) fn packets_per_cpu_second(&self) -> f64 {
        self.copies() as f64 / self.cpu_s().max(1e-6)
    }
}

pub(crate) fn run(
    arguments: &Arguments,
    engine: Engine,
    certificate: &Certificate,
) -> Result<Outcome> {
    let mut play = Play::new(arguments, engine, certificate)?;
    let [speakers, few, rest] = seats(arguments);
    let (at_quarter, at_full) = (few.len(), rest.len() + few.len());
    play.join(VOICES, speakers)?;
    play.join_listeners(&few, 0)?;
    std::thread::sleep(SETTLE);
    let quarter = play.sfu.stats()?;
    play.join_listeners(&rest, at_quarter)?;
    std::thread::sleep(SETTLE);
    let full = play.sfu.stats()?;
    let idle = match engine {
        Engine::Parlor => Some(play.rest()?),
        Engine::Plain => None,
    };
    let (begin, end, window) = play.talk()?;
    let grown = full.rss_bytes as f64 - quarter.rss_bytes as f64;
    let mut outcome = Outcome {
        connect_s: play.connect_s,
        rss_bytes: full.rss_bytes,
        rss_bytes_per_listener: grown / (at_full - at_quarter).max(1) as f64,
        idle,
        begin,
        end,
        sent: 0,
        sfu_drops: 0,
        client_drops: 0,
        owed: 0.0,
        owed_of_sent: 0.0,
        received: 0,
        arrived: 0,
        duplicates: 0,
        missing: 0,
        gap_max: Duration::ZERO,
        e2e: Histogram::default(),
        decrypted: 0,
        misrouted: 0,
        lost_clients: 0,
        left: 0,
        joined: 0,
        joined_not_up: 0,
    };
    if outcome.begin.dropped != outcome.end.dropped {
        eprintln!("{}: {}", engine.name(), outcome.end.dropped);
    }
    let drops: HashMap<u16, u64> = usage::socket_drops()?.into_iter().collect();
    let drops = |port: u16| drops.get(&port).copied().unwrap_or_default();
    outcome.sfu_drops = drops(play.sfu.port);
    let reports = play.end()?;
    let heard = reports.iter().flat_map(|report| &report.peers);
    outcome.client_drops = heard.map(|it| drops(it.port)).sum();
    add_up(&mut outcome, arguments, engine, &reports, window);
    Ok(outcome)
}

/// The crowds, by number.
const VOICES: usize = 0;
const EARS: usize = 1;
const DRAIN: usize = 2;

struct Play<'a> {
    arguments: &'a Arguments,
    name: &'static str,
    sfu: Sfu,
    crowds: Vec<Crowd>,
    progress: Arc<Progress>,
    wanted: usize,
    connect_s: f64,
}

/// Speakers; the first quarter of the listeners; the others.
fn seats(arguments: &Arguments) -> [Vec<Seat>; 3] {
    let rooms = arguments.rooms;
    let speakers = (0..rooms).flat_map(|room| {
        (0..arguments.speakers).map(move |n| Seat { room, role: Role::Speaker(n) })
    });
    let all = rooms * arguments.listeners;
    // Somebody must be there to leave who only counts.
    let decrypting = if arguments.churn > 0.0 { DECRYPTING.min(all / 2) } else { DECRYPTING };
    let listener = |n: u32| {
        let role = if n < decrypting { Role::Listener } else { Role::Drained };
        Seat { room: n % rooms, role }
    };
    let quarter = all / 4;
    [
        speakers.collect(),
        (0..quarter).map(listener).collect(),
        (quarter..all).map(listener).collect(),
    ]
}

/// From the first frame to the last.
type Window = (Duration, Duration);

impl<'a> Play<'a> {
    fn new(arguments: &'a Arguments, engine: Engine, certificate: &Certificate) -> Result<Self> {
        let mut sfu = Sfu::start(engine)?;
        let progress = Arc::new(Progress::default());
        let mut crowds = Vec::new();
        for (number, name) in [(VOICES, "voices"), (EARS, "ears"), (DRAIN, "drain")] {
            let common = Common::new(certificate.clone(), arguments.loss, number as u64 + 1);
            let (requests, progress) = (sfu.requests(), progress.clone());
            crowds.push(Crowd::start(number as u32, name, common, requests, progress)?);
        }
        sfu.route(crowds.clone())?;
        let name = engine.name();
        Ok(Self { arguments, name, sfu, crowds, progress, wanted: 0, connect_s: 0.0 })
    }

    fn join_listeners(&mut self, seats: &[Seat], before: usize) -> Result<()> {
        let at = seats.partition_point(|seat| seat.role == Role::Listener);
        let (ears, drained) = seats.split_at(at);
        eprintln!("{}: {} listeners connect, beside {before}", self.name, seats.len());
        self.crowds[DRAIN].order(Order::Join(drained.to_vec()));
        self.wanted += drained.len();
        self.join(EARS, ears.to_vec())
    }

    /// Returns once everybody is connected who has joined so far.
    fn join(&mut self, crowd: usize, seats: Vec<Seat>) -> Result<()> {
        let begin = Instant::now();
        self.wanted += seats.len();
        self.crowds[crowd].order(Order::Join(seats));
        let (mut last, mut since, mut told) = (0, begin, begin);
        loop {
            let connected = self.progress.connected.load(Ordering::Relaxed);
            if connected >= self.wanted {
                break;
            }
            if connected != last {
                (last, since) = (connected, Instant::now());
            }
            let failed = self.progress.failed.load(Ordering::Relaxed);
            if failed > 0 || since.elapsed() > STUCK {
                let why = self.progress.why().unwrap_or_else(|| "it takes too long".into());
                let of = self.wanted;
                return Err(format!("{connected} of {of} clients have connected: {why}").into());
            }
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                eprintln!("{}: connecting {connected} of {}", self.name, self.wanted);
            }
            self.sfu.check()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        self.connect_s += begin.elapsed().as_secs_f64();
        Ok(())
    }

    /// Everybody is there and nobody speaks.
    fn rest(&mut self) -> Result<Idle> {
        eprintln!("{}: quiet for {} s", self.name, QUIET.as_secs());
        let begin = Instant::now();
        let before = self.sfu.stats()?;
        std::thread::sleep(QUIET);
        let after = self.sfu.stats()?;
        let s = begin.elapsed().as_secs_f64();
        let per = |count: u64| count as f64 / self.wanted.max(1) as f64 / s;
        let wakeups = after.wakeups.zip(before.wakeups);
        Ok(Idle {
            cpu_us_per_listener_s: per(after.cpu_us - before.cpu_us),
            wakeups_per_listener_s: wakeups.map(|(after, before)| per(after - before)),
        })
    }

    fn talk(&mut self) -> Result<(Snapshot, Snapshot, Window)> {
        let Arguments { seconds, churn, rooms, .. } = *self.arguments;
        eprintln!("{}: people speak for {seconds} s", self.name);
        let before = self.sfu.begin()?;
        for crowd in &self.crowds {
            crowd.order(Order::Begin);
        }
        let (done, is_done) = mpsc::channel();
        let begin = sockets::now();
        self.crowds[VOICES].order(Order::Speak { frames: seconds * FRAMES_PER_S, rooms, done });
        let began = Instant::now();
        let mut swaps = (churn > 0.0).then_some(1_u32);
        loop {
            let next = swaps.map(|n| began + Duration::from_secs_f64(f64::from(n) / churn));
            let left = next.map(|next| next.saturating_duration_since(Instant::now()));
            match is_done.recv_timeout(left.unwrap_or(SETTLE).min(SETTLE)) {
                Ok(()) => break,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err("the speakers' thread has failed".into());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.sfu.check()?,
            }
            if next.is_some_and(|next| next <= Instant::now()) {
                self.crowds[DRAIN].order(Order::Swap);
                swaps = swaps.map(|n| n + 1);
            }
        }
        let end = sockets::now();
        let after = self.settle()?;
        std::thread::sleep(SETTLE);
        Ok((before, after, (begin, end)))
    }

    /// Waits until the forwarder has sent what it had to send.
    fn settle(&mut self) -> Result<Snapshot> {
        let begin = Instant::now();
        let mut before = self.sfu.stats()?;
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let after = self.sfu.stats()?;
            if after.copies_sent == before.copies_sent || begin.elapsed() > BACKLOG_MAX {
                return Ok(after);
            }
            before = after;
        }
    }

    fn end(self) -> Result<Vec<Report>> {
        let mut reports = Vec::new();
        for crowd in &self.crowds {
            let (to, report) = mpsc::channel();
            crowd.order(Order::Report(to));
            reports.push(report.recv().map_err(|_| "a thread of clients has failed")?);
        }
        self.sfu.end()?;
        Ok(reports)
    }
}

fn add_up(
    outcome: &mut Outcome,
    arguments: &Arguments,
    engine: Engine,
    reports: &[Report],
    (begin, end): Window,
) {
    let Arguments { speakers, seconds, .. } = *arguments;
    let heard: Vec<&Heard> = reports.iter().flat_map(|report| &report.peers).collect();
    let made: u64 = heard.iter().map(|it| it.made).sum();
    let sent: u64 = heard.iter().map(|it| it.sent).sum();
    let frames = (seconds * FRAMES_PER_S) as f64;
    for it in &heard {
        outcome.owed += frames * streams(it.seat.role, speakers, engine);
        outcome.received += it.tally.received();
        outcome.arrived += it.arrived;
        outcome.duplicates += it.tally.duplicates();
        outcome.missing += it.tally.missing();
        outcome.lost_clients += usize::from(!it.is_up);
        let hears = !matches!(it.seat.role, Role::Speaker(_)) || speakers > 1;
        if hears {
            outcome.gap_max = outcome.gap_max.max(it.tally.gap_max(begin, end));
        }
    }
    outcome.sent = sent;
    outcome.owed_of_sent = outcome.owed * sent as f64 / made.max(1) as f64;
    for report in reports {
        outcome.e2e.merge(&report.e2e);
        outcome.decrypted += report.decrypted;
        outcome.misrouted += report.misrouted;
        outcome.left += report.left;
        outcome.joined += report.joined_late;
        outcome.joined_not_up += report.late_not_up;
    }
}

/// How many streams somebody is owed; of the speakers to a plain forwarder, on average.
fn streams(role: Role, speakers: u32, engine: Engine) -> f64 {
    let heard = speakers.min(HEARD_MAX);
    match (role, engine) {
        (Role::Listener | Role::Drained, _) => heard.into(),
        (Role::Speaker(_), Engine::Parlor) => (speakers - 1).min(HEARD_MAX).into(),
        // The same three are heard by all, and each of them hears the other two.
        (Role::Speaker(_), Engine::Plain) => {
            f64::from(heard) - f64::from(heard) / f64::from(speakers)
        }
    }
}
