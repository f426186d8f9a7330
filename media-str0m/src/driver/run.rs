use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parlor_core::media::{MediaError, MediaEvent};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep_until};

use super::{DriverStats, EventQueue, EventSource, Histogram, Inbox, Sockets};
use crate::engine::{Batch, Command, Input, Output, Reply, Shard, Ticket};

/// How many commands may wait; whoever sends one more waits with it.
pub const COMMANDS_MAX: usize = 1_024;

/// How many of them are done between two looks at the sockets.
const COMMANDS_PER_TURN: usize = 16;

/// The counters are brought up to date this often while there is work, and with every reply and
/// event.
const PUBLISHED_EVERY: Duration = Duration::from_millis(10);

/// A shard with nothing to do is looked at this often all the same.
const IDLE: Duration = Duration::from_secs(3_600);

/// How a [`Driver`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverConfig {
    /// How many events may wait for the host. Beyond that no new legs are taken, and of events
    /// only that a leg is over is still kept.
    pub events_max: usize,
}

impl Default for DriverConfig {
    fn default() -> Self {
        Self { events_max: 65_536 }
    }
}

/// Owns a shard and its sockets, and runs them until it is told to stop.
pub struct Driver<S> {
    shard: Shard,
    sockets: S,
    inbox: Inbox,
    commands: mpsc::Receiver<Request>,
    waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
    ticket: u64,
    /// When the shard wants to be told that time has passed.
    deadline: Option<Instant>,
    /// Events of the present turn.
    told: Vec<MediaEvent>,
    source: EventSource,
    meter: Meter,
    published: Arc<Mutex<DriverStats>>,
}

/// What a host holds of a running [`Driver`]. The driver stops when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Request>,
    events: Arc<EventQueue>,
    stats: Arc<Mutex<DriverStats>>,
}

/// The driver has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media driver has stopped")]
pub struct Stopped;

#[derive(Debug)]
struct Request {
    command: Command,
    reply: oneshot::Sender<Reply>,
}

/// What the driver counts itself.
struct Meter {
    events_dropped: u64,
    lateness: Histogram,
    forwarding: Histogram,
    /// When all of it was published.
    published: Instant,
    /// Something has been counted since then.
    is_stale: bool,
}

impl<S: Sockets> Driver<S> {
    /// Puts a shard onto sockets. The shard's addresses must be those of the sockets.
    #[must_use]
    pub fn new(shard: Shard, sockets: S, config: DriverConfig) -> (Self, Handle) {
        let events = EventQueue::new(config.events_max, Box::new(|event| event));
        Self::with_events(shard, sockets, events)
    }

    /// One whose events go to the same queue as those of others.
    pub(crate) fn with_events(shard: Shard, sockets: S, events: Arc<EventQueue>) -> (Self, Handle) {
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let published = Arc::<Mutex<DriverStats>>::default();
        let source = events.source();
        let handle = Handle { commands: sender, events, stats: published.clone() };
        let driver = Self {
            shard,
            sockets,
            inbox: Inbox::new(),
            commands,
            waiting: HashMap::new(),
            ticket: 0,
            deadline: None,
            told: Vec::new(),
            source,
            meter: Meter::new(),
            published,
        };
        (driver, handle)
    }

    /// Runs until [`Command::Shutdown`], or until every [`Handle`] is gone. Either way each leg
    /// is closed first.
    ///
    /// # Errors
    /// When the sockets cannot go on.
    pub async fn run(mut self) -> io::Result<()> {
        let mut sleep = Box::pin(sleep_until((Instant::now() + IDLE).into()));
        let result = loop {
            let wake = self.drain();
            set(&mut sleep, wake);
            let Self { commands, sockets, inbox, .. } = &mut self;
            let request = tokio::select! {
                biased;
                received = poll_fn(|cx| sockets.poll_receive(cx, inbox)) => {
                    if let Err(error) = received {
                        break Err(error);
                    }
                    self.receive();
                    None
                }
                request = commands.recv() => match request {
                    Some(request) => Some(request),
                    None => break Ok(()),
                },
                () = &mut sleep => None,
            };
            if self.commands(request) {
                break Ok(());
            }
            self.tick();
        };
        self.ticket += 1;
        let shutdown = Input::Command(Ticket(self.ticket), Command::Shutdown);
        self.shard.handle(shutdown, Instant::now());
        self.drain();
        self.publish(Instant::now());
        result
    }

    /// Everything that has come in is handled before anything leaves: what is due to a listener
    /// then leaves at once.
    fn receive(&mut self) {
        let now = Instant::now();
        for datagram in self.inbox.datagrams() {
            self.shard.handle(Input::Datagram(datagram), now);
        }
        self.inbox.clear();
        self.meter.is_stale = true;
    }

    /// Does this one and a few of those that wait, so that neither datagrams that never cease nor
    /// commands that never cease hold up the others; true if there will be no more.
    fn commands(&mut self, mut first: Option<Request>) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            let next = first.take().map_or_else(|| self.commands.try_recv(), Ok);
            let is_last = match next {
                Ok(request) => self.command(request),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => true,
            };
            if is_last {
                return true;
            }
        }
        false
    }

    /// Whether it was the last.
    fn command(&mut self, request: Request) -> bool {
        let Request { command, reply } = request;
        if matches!(command, Command::Connect(_)) && self.source.is_full() {
            let _ = reply.send(Reply::Failed(MediaError::Busy));
            return false;
        }
        let is_last = matches!(command, Command::Shutdown);
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.waiting.insert(ticket, reply);
        self.meter.is_stale = true;
        self.shard.handle(Input::Command(ticket, command), Instant::now());
        is_last
    }

    /// At every turn, for the timer does not fire while there is always something to read.
    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now) {
            self.meter.lateness.record_duration(now - deadline, 1);
            self.shard.handle(Input::Timeout, now);
            self.meter.is_stale = true;
        }
    }

    /// Does what the shard wants done; gives when to be woken.
    fn drain(&mut self) -> Option<Instant> {
        let mut is_published = false;
        loop {
            match self.shard.poll() {
                Output::Batch(batch) => {
                    self.sockets.send(&batch);
                    self.meter.forwarded(&batch);
                    self.shard.recycle(batch);
                }
                Output::Reply(ticket, reply) => {
                    // Batches come first. Whoever gets a reply finds the counters in step.
                    if !is_published {
                        self.publish_counters();
                        is_published = true;
                    }
                    if let Some(waiting) = self.waiting.remove(&ticket) {
                        // Whoever asked may have gone away meanwhile.
                        let _ = waiting.send(reply);
                    }
                }
                Output::Event(event) => self.told.push(event),
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    break;
                }
            }
        }
        if !self.told.is_empty() {
            if !is_published {
                self.publish_counters();
            }
            self.meter.events_dropped += self.source.push(self.told.drain(..));
        }
        let next = self.publish_in_time();
        self.deadline.into_iter().chain(next).min()
    }

    /// Publishes everything if there is news and that was not done lately; else gives when to.
    fn publish_in_time(&mut self) -> Option<Instant> {
        let (now, next) = (Instant::now(), self.meter.published + PUBLISHED_EVERY);
        if self.meter.is_stale && next <= now {
            self.publish(now);
        }
        self.meter.is_stale.then_some(next)
    }

    fn publish_counters(&mut self) {
        let stats = &mut *self.published.lock().unwrap_or_else(PoisonError::into_inner);
        stats.engine = self.shard.stats();
        stats.sockets = self.sockets.stats();
        stats.events_dropped = self.meter.events_dropped;
    }

    fn publish(&mut self, now: Instant) {
        self.publish_counters();
        let stats = &mut *self.published.lock().unwrap_or_else(PoisonError::into_inner);
        stats.lateness.clone_from(&self.meter.lateness);
        stats.forwarding.clone_from(&self.meter.forwarding);
        #[cfg(target_os = "linux")]
        {
            stats.cpu = super::system::thread_cpu();
        }
        self.meter.published = now;
        self.meter.is_stale = false;
    }
}

impl Meter {
    fn new() -> Self {
        Self {
            events_dropped: 0,
            lateness: Histogram::new(),
            forwarding: Histogram::new(),
            published: Instant::now(),
            is_stale: false,
        }
    }

    /// How long the packets of a batch that has been sent took from coming in.
    fn forwarded(&mut self, batch: &Batch) {
        if batch.forwarded().is_empty() {
            return;
        }
        let now = Instant::now();
        for forwarded in batch.forwarded() {
            let took = now.saturating_duration_since(forwarded.arrived);
            self.forwarding.record_duration(took, forwarded.copies.into());
        }
    }
}

impl Handle {
    /// Has a command done and waits for its reply.
    ///
    /// # Errors
    /// [`Stopped`] once the driver has stopped.
    pub async fn command(&self, command: Command) -> Result<Reply, Stopped> {
        self.send(command).await?.await.map_err(|_| Stopped)
    }

    /// Puts a command into the queue, behind all that are there; its reply comes, or never does if
    /// the driver stops before.
    pub(crate) async fn send(&self, command: Command) -> Result<oneshot::Receiver<Reply>, Stopped> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(Request { command, reply }).await.map_err(|_| Stopped)?;
        Ok(replied)
    }

    /// The next event, in order; `None` once the driver has stopped and all have been taken.
    pub async fn next_event(&self) -> Option<MediaEvent> {
        self.events.next().await
    }

    /// The counters. Those of the engine and the sockets are in step with the replies and events
    /// that have been given; otherwise all are at most 10 ms old.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn set(sleep: &mut Pin<Box<Sleep>>, wake: Option<Instant>) {
    let wake = wake.unwrap_or_else(|| Instant::now() + IDLE).into();
    if sleep.deadline() != wake {
        sleep.as_mut().reset(wake);
    }
}
