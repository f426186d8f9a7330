use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parlor_core::media::{MediaError, MediaEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep_until};

use super::events::EventQueue;
use super::{Inbox, Sockets};
use crate::engine::{Command, Input, Output, Reply, Shard, Stats, Ticket};

/// How many commands may wait; whoever sends one more waits with it.
pub const COMMANDS_MAX: usize = 1_024;

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
    shared: Arc<Shared>,
    lost: u64,
}

/// What a host holds of a running [`Driver`]. The driver stops when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

/// The driver has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media driver has stopped")]
pub struct Stopped;

/// Counters of a driver and its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverStats {
    /// The shard's.
    pub engine: Stats,
    /// Datagrams the sockets did not take.
    pub send_lost: u64,
    /// Events the host was too slow for.
    pub events_dropped: u64,
}

#[derive(Debug)]
struct Request {
    command: Command,
    reply: oneshot::Sender<Reply>,
}

#[derive(Debug)]
struct Shared {
    events: EventQueue,
    stats: Mutex<DriverStats>,
}

impl<S: Sockets> Driver<S> {
    /// Puts a shard onto sockets. The shard's addresses must be those of the sockets.
    #[must_use]
    pub fn new(shard: Shard, sockets: S, config: DriverConfig) -> (Self, Handle) {
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let events = EventQueue::new(config.events_max);
        let shared = Arc::new(Shared { events, stats: Mutex::default() });
        let handle = Handle { commands: sender, shared: shared.clone() };
        let driver = Self {
            shard,
            sockets,
            inbox: Inbox::new(),
            commands,
            waiting: HashMap::new(),
            ticket: 0,
            shared,
            lost: 0,
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
            let deadline = self.drain();
            set(&mut sleep, deadline);
            let Self { commands, sockets, inbox, .. } = &mut self;
            tokio::select! {
                biased;
                request = commands.recv() => match request {
                    Some(request) => if self.command(request) { break Ok(()) },
                    None => break Ok(()),
                },
                received = poll_fn(|cx| sockets.poll_receive(cx, inbox)) => {
                    if let Err(error) = received {
                        break Err(error);
                    }
                    self.receive(deadline);
                }
                () = &mut sleep => self.shard.handle(Input::Timeout, Instant::now()),
            }
        };
        self.ticket += 1;
        let shutdown = Input::Command(Ticket(self.ticket), Command::Shutdown);
        self.shard.handle(shutdown, Instant::now());
        self.drain();
        result
    }

    fn receive(&mut self, deadline: Option<Instant>) {
        let now = Instant::now();
        // Everything that has come in is handled before anything leaves: what is due to a
        // listener then leaves at once.
        for datagram in self.inbox.datagrams() {
            self.shard.handle(Input::Datagram(datagram), now);
        }
        self.inbox.clear();
        // Without this, datagrams that never cease would hold up the clock.
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.shard.handle(Input::Timeout, now);
        }
    }

    /// Whether it was the last.
    fn command(&mut self, request: Request) -> bool {
        let Request { command, reply } = request;
        let refused = matches!(command, Command::Connect(_)) && self.shared.events.is_full();
        if refused {
            let _ = reply.send(Reply::Failed(MediaError::Busy));
            return false;
        }
        let is_last = matches!(command, Command::Shutdown);
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.waiting.insert(ticket, reply);
        self.shard.handle(Input::Command(ticket, command), Instant::now());
        is_last
    }

    fn drain(&mut self) -> Option<Instant> {
        let mut is_published = false;
        loop {
            let output = self.shard.poll();
            // Batches come first. Whoever gets a reply or an event finds the counters in step.
            if !is_published && !matches!(output, Output::Batch(_)) {
                self.publish();
                is_published = true;
            }
            match output {
                Output::Batch(batch) => {
                    let sent = self.sockets.send(&batch);
                    self.lost += (batch.len() - sent.min(batch.len())) as u64;
                    self.shard.recycle(batch);
                }
                Output::Reply(ticket, reply) => {
                    if let Some(waiting) = self.waiting.remove(&ticket) {
                        // Whoever asked may have gone away meanwhile.
                        let _ = waiting.send(reply);
                    }
                }
                Output::Event(event) => self.shared.events.push(event),
                Output::Timeout(deadline) => return deadline,
            }
        }
    }

    fn publish(&self) {
        let engine = self.shard.stats();
        let stats = DriverStats { engine, send_lost: self.lost, events_dropped: 0 };
        *self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

impl<S> Drop for Driver<S> {
    /// However it ends, nobody waits for an event that cannot come.
    fn drop(&mut self) {
        self.shared.events.close();
    }
}

impl Handle {
    /// Has a command done and waits for its reply.
    ///
    /// # Errors
    /// [`Stopped`] once the driver has stopped.
    pub async fn command(&self, command: Command) -> Result<Reply, Stopped> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(Request { command, reply }).await.map_err(|_| Stopped)?;
        replied.await.map_err(|_| Stopped)
    }

    /// The next event, in order; `None` once the driver has stopped and all have been taken.
    pub async fn next_event(&self) -> Option<MediaEvent> {
        self.shared.events.next().await
    }

    /// The counters, in step with the replies and events that have been given.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        let stats = *self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner);
        DriverStats { events_dropped: self.shared.events.dropped(), ..stats }
    }
}

fn set(sleep: &mut std::pin::Pin<Box<Sleep>>, deadline: Option<Instant>) {
    let deadline = deadline.unwrap_or_else(|| Instant::now() + IDLE).into();
    if sleep.deadline() != deadline {
        sleep.as_mut().reset(deadline);
    }
}
