//! The one thread that writes: it turns whatever is waiting into one transaction.
//!
//! ```text
//!            ┌──────────────────────── the next round ───────────────────────┐
//!            ▼                                                               │
//!  admit what waits ─▶ BEGIN IMMEDIATE ─▶ read ─▶ resolve ─▶ write ─▶ COMMIT ─▶ answer
//! ```
//!
//! Nothing is delayed for the sake of larger batches: while one transaction waits for the device,
//! the commands of the next one gather by themselves. What waits already when a commit begins is
//! read and resolved meanwhile, by the thread in [`ahead`](crate::ahead), so that the next round
//! begins with its writes.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use parlor_core::events::Position;
use parlor_core::storage::{Held, Plan, Resolved, Rollback, StoreError, Work};
use rusqlite::{Connection, Error};
use tokio::sync::{oneshot, watch};

use crate::ahead::{Ahead, Batch, Deciding};
use crate::checkpoint::{Checkpointer, Log};
use crate::connection::Database;
use crate::error::{is_constraint, is_duplicate_key, is_full, is_lasting, store_error};
use crate::store::{HAS_WORKS, Stats};
use crate::transaction::{self, Round, WriteError};

/// Where the answer to a command goes.
pub(crate) type Reply = oneshot::Sender<Result<(), StoreError>>;

/// A command in the queue.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) reply: Reply,
}

/// What has been done so far, for whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commands: AtomicU64,
    transactions: AtomicU64,
    ahead: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            commands: self.commands.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            ahead: self.ahead.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn answer_settled(&self, plan: &mut Plan<Reply>) {
        let settled = plan.settled();
        self.commands.fetch_add(settled.len() as u64, Ordering::Relaxed);
        settled.into_iter().for_each(|(reply, verdict)| answer(reply, verdict));
    }
}

/// The thread's state.
pub(crate) struct Writer {
    database: Arc<Database>,
    inbox: Receiver<Job>,
    batch_max: usize,
    head: watch::Sender<Position>,
    counters: Arc<Counters>,
    checkpointer: Checkpointer,
}

/// Why the writer stopped using a connection.
enum Ended {
    /// The store was dropped, and all is done.
    Stopped,
    /// The connection failed, with nothing in doubt.
    Failed,
    /// Nothing can be done with the database as it is.
    Unusable,
    /// COMMIT failed: what was resolved may be there or not.
    InDoubt(Box<InDoubt>),
}

/// A batch whose COMMIT failed.
struct InDoubt {
    plan: Plan<Reply>,
    resolved: Arc<Resolved>,
    error: Error,
}

impl Writer {
    pub(crate) fn new(
        database: Arc<Database>,
        inbox: Receiver<Job>,
        batch_max: usize,
        counters: Arc<Counters>,
        checkpointer: Checkpointer,
    ) -> Self {
        let (head, _) = watch::channel(Position::START);
        Self { database, inbox, batch_max: batch_max.max(1), head, counters, checkpointer }
    }

    /// Where the feed ends, now and from now on.
    pub(crate) fn follow(&self, db: &Connection) -> Result<watch::Receiver<Position>, Error> {
        self.look_up_head(db)?;
        Ok(self.head.subscribe())
    }

    /// Serves until the store is dropped, whatever happens to the connection meanwhile.
    pub(crate) fn run(self, connection: Connection) {
        HAS_WORKS.set(true);
        let mut connection = Some(connection);
        let mut batch = Batch::default();
        loop {
            let Some(db) = connection.take().or_else(|| self.reopen()) else {
                match self.refuse(&mut batch.plan) {
                    true => continue,
                    false => return,
                }
            };
            // Whoever waits for an answer gets one when the plan is dropped with its replies.
            let ended = catch_unwind(AssertUnwindSafe(|| self.serve(&db, &mut batch)));
            batch.forget();
            match ended {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Failed) => drop(db),
                Ok(Ended::Unusable) if self.refuse(&mut batch.plan) => drop(db),
                Ok(Ended::Unusable) => return,
                Ok(Ended::InDoubt(doubt)) => {
                    let InDoubt { mut plan, resolved, error } = *doubt;
                    drop(db);
                    connection = self.reopen();
                    let verdict = settle_doubt(connection.as_ref(), &resolved, &error);
                    tracing::error!(%error, %verdict, "a commit failed");
                    abandon(&mut plan, &verdict);
                }
                Err(_) => {
                    tracing::error!("the writer panicked; it goes on with a new connection");
                    drop(db);
                    let broken = mem::take(&mut batch);
                    if catch_unwind(AssertUnwindSafe(|| drop(broken))).is_err() {
                        tracing::error!("a command panicked when it was dropped");
                    }
                }
            }
        }
    }

    /// Answers all who wait. The next one to come is not: by then the database may be usable again,
    /// and is tried first. False once the store is gone.
    fn refuse(&self, plan: &mut Plan<Reply>) -> bool {
        self.counters.answer_settled(plan);
        while !plan.is_empty() {
            plan.locks();
            abandon(plan, &unavailable());
        }
        let next = self.inbox.recv();
        next.map(|Job { work, reply }| plan.admit(work, reply)).is_ok()
    }

    fn reopen(&self) -> Option<Connection> {
        let opened = self.database.writer().map_err(|error| error.to_string());
        let checked = opened.and_then(|db| match self.look_up_head(&db) {
            Ok(()) => Ok(db),
            Err(error) => Err(error.to_string()),
        });
        checked.inspect_err(|error| tracing::error!(error, "the database cannot be opened")).ok()
    }

    fn look_up_head(&self, db: &Connection) -> Result<(), Error> {
        if let Some((position, _)) = transaction::head(db)? {
            self.announce(position);
        }
        Ok(())
    }

    fn announce(&self, position: Position) {
        self.head.send_if_modified(|head| {
            let is_news = *head < position;
            *head = position.max(*head);
            is_news
        });
    }

    fn serve(&self, db: &Connection, batch: &mut Batch) -> Ended {
        let prepared = Round::prepare(db).and_then(|round| Ok((round, Log::prepare(db)?)));
        let (mut round, mut log) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(%error, "the statements cannot be prepared");
                return Ended::Unusable;
            }
        };
        let ahead = Ahead::start(&self.database, &self.counters);
        loop {
            if batch.resolved.is_none() {
                if !self.admit(&mut batch.plan) {
                    return Ended::Stopped;
                }
                self.counters.answer_settled(&mut batch.plan);
                if batch.plan.is_empty() {
                    continue;
                }
            }
            if let Err(ended) = self.transact(&mut round, &ahead, batch) {
                return ended;
            }
            log.keep_short(&self.checkpointer);
        }
    }

    /// Takes in what waits; waits itself if there is nothing to do. False once the store is gone.
    fn admit(&self, plan: &mut Plan<Reply>) -> bool {
        if plan.is_empty() {
            match self.inbox.recv() {
                Ok(Job { work, reply }) => plan.admit(work, reply),
                Err(_) => return false,
            }
        }
        self.admit_waiting(plan);
        true
    }

    fn admit_waiting(&self, plan: &mut Plan<Reply>) {
        while plan.len() < self.batch_max
            && let Ok(Job { work, reply }) = self.inbox.try_recv()
        {
            plan.admit(work, reply);
        }
    }

    /// One round. On return its works are answered, or reopened, or abandoned and answered, and the
    /// batch is the next one.
    fn transact(
        &self,
        round: &mut Round<'_>,
        ahead: &Ahead,
        batch: &mut Batch,
    ) -> Result<(), Ended> {
        match write(round, batch) {
            Ok((resolved, last)) if !resolved.is_empty() => {
                self.commit(round, ahead, batch, resolved, last)
            }
            Ok(_) => {
                self.roll_back(round, &mut batch.plan)?;
                self.counters.answer_settled(&mut batch.plan);
                Ok(())
            }
            Err(error) => {
                self.roll_back(round, &mut batch.plan)?;
                self.take_back(&mut batch.plan, error)
            }
        }
    }

    /// What becomes of the works of a round that could not be written.
    fn take_back(&self, plan: &mut Plan<Reply>, error: WriteError) -> Result<(), Ended> {
        match error {
            // One row that does not decode shall not fail those who never asked for it.
            WriteError::Corrupt(corrupt) => {
                plan.reopen(&Rollback::Rejected(corrupt.to_string().into()));
            }
            WriteError::Engine(error) if is_duplicate_key(&error) => plan.reopen(&Rollback::Race),
            WriteError::Engine(error) if is_constraint(&error) => {
                plan.reopen(&Rollback::Rejected(error.to_string().into()));
            }
            WriteError::Engine(error) => {
                let lasting = is_lasting(&error);
                tracing::error!(%error, lasting, "a transaction failed");
                abandon(plan, &store_error(error));
                if lasting {
                    return Err(Ended::Failed);
                }
            }
        }
        self.counters.answer_settled(plan);
        Ok(())
    }

    /// Commits, while the next batch is decided.
    fn commit(
        &self,
        round: &mut Round<'_>,
        ahead: &Ahead,
        batch: &mut Batch,
        resolved: Resolved,
        last: Option<Position>,
    ) -> Result<(), Ended> {
        let resolved = Arc::new(resolved);
        let mut waiting = batch.plan.unfinished();
        self.admit_waiting(&mut waiting);
        let deciding = ahead.decide(waiting, &resolved);
        let committed = round.commit();
        let mut plan = mem::take(&mut batch.plan);
        if let Err(error) = committed {
            *batch = deciding.wait();
            return Err(Ended::InDoubt(Box::new(InDoubt { plan, resolved, error })));
        }
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        last.into_iter().for_each(|last| self.announce(last));
        let next = deciding.ready();
        match &next {
            Ok(Batch { resolved: Some(_), .. }) => ahead.answer(plan, resolved),
            // Nobody's answer waits for what others decide.
            _ => self.counters.answer_settled(&mut plan),
        }
        *batch = next.unwrap_or_else(Deciding::wait);
        if batch.resolved.is_some() {
            self.counters.ahead.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A connection that cannot even roll back is given up; closing it does.
    fn roll_back(&self, round: &mut Round<'_>, plan: &mut Plan<Reply>) -> Result<(), Ended> {
        round.roll_back().map_err(|error| {
            tracing::error!(%error, "a rollback failed");
            abandon(plan, &store_error(error));
            Ended::Failed
        })
    }
}

/// Writes a round, which is decided first unless it was decided ahead.
fn write(
    round: &mut Round<'_>,
    batch: &mut Batch,
) -> Result<(Resolved, Option<Position>), WriteError> {
    let resolved = match batch.resolved.take() {
        Some(resolved) => {
            round.begin()?;
            resolved
        }
        None => {
            // Before anything can fail, so that the round's works are answered if it does.
            let locks = batch.plan.locks();
            round.begin()?;
            decide(&mut batch.plan, &round.read(locks)?)
        }
    };
    let last = round.write(&resolved)?;
    Ok((resolved, last))
}

/// Runs the decisions of a round.
pub(crate) fn decide(plan: &mut Plan<Reply>, held: &Held) -> Resolved {
    let begin = Instant::now();
    let resolved = plan.resolve(held);
    plan.decided_in(begin.elapsed());
    resolved
}

/// Whoever asked may have gone away.
fn answer(reply: Reply, verdict: Result<(), StoreError>) {
    let _ = reply.send(verdict);
}

fn abandon(plan: &mut Plan<Reply>, verdict: &StoreError) {
    plan.abandon().into_iter().for_each(|reply| answer(reply, Err(verdict.clone())));
}

/// What is said of a COMMIT that failed. The engine may have written all of it and found out only
/// then that the device did not take it; the next crash decides. Not so when the device is full:
/// then the mark that ends the transaction was never written.
fn settle_doubt(db: Option<&Connection>, resolved: &Resolved, error: &Error) -> StoreError {
    let is_there = db.map(|db| transaction::is_there(db, resolved));
    match is_there {
        Some(Ok(false)) if is_full(error) => StoreError::Full,
        _ => StoreError::CommitUnknown(error.to_string().into()),
    }
}

fn unavailable() -> StoreError {
    StoreError::Failed(Arc::from(Box::from("the database cannot be used; see the log")))
}
