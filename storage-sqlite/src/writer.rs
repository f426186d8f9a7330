//! The one thread that writes: it turns whatever is waiting into one transaction.
//!
//! ```text
//!            ┌──────────────────────── the next round ───────────────────────┐
//!            ▼                                                               │
//!  admit what waits ─▶ BEGIN IMMEDIATE ─▶ read ─▶ resolve ─▶ write ─▶ COMMIT ─▶ answer
//! ```
//!
//! Nothing is delayed for the sake of larger batches: while one transaction waits for the device,
//! the commands of the next one gather by themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use parlor_core::events::Position;
use parlor_core::storage::{Plan, Resolved, Rollback, StoreError, Work};
use rusqlite::{Connection, Error};
use tokio::sync::{oneshot, watch};

use crate::checkpoint::{Checkpointer, Log};
use crate::connection::Database;
use crate::error::{is_constraint, is_duplicate_key, is_full, is_lasting, store_error};
use crate::store::Stats;
use crate::transaction::{self, Round, WriteError};

/// Where the answer to a command goes.
type Reply = oneshot::Sender<Result<(), StoreError>>;

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
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            commands: self.commands.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
        }
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
    InDoubt(Box<Resolved>, Error),
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
        let mut connection = Some(connection);
        let mut plan = Plan::new();
        loop {
            let Some(db) = connection.take().or_else(|| self.reopen()) else {
                match self.refuse(&mut plan) {
                    true => continue,
                    false => return,
                }
            };
            // Whoever waits for an answer gets one when the plan is dropped with its replies.
            let ended = catch_unwind(AssertUnwindSafe(|| self.serve(&db, &mut plan)));
            match ended {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Failed) => drop(db),
                Ok(Ended::Unusable) if self.refuse(&mut plan) => drop(db),
                Ok(Ended::Unusable) => return,
                Ok(Ended::InDoubt(resolved, error)) => {
                    drop(db);
                    connection = self.reopen();
                    let verdict = settle_doubt(connection.as_ref(), &resolved, &error);
                    tracing::error!(%error, %verdict, "a commit failed");
                    abandon(&mut plan, &verdict);
                }
                Err(_) => {
                    tracing::error!("the writer panicked; it goes on with a new connection");
                    drop(db);
                    let broken = std::mem::take(&mut plan);
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
        self.answer_settled(plan);
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

    fn serve(&self, db: &Connection, plan: &mut Plan<Reply>) -> Ended {
        let prepared = Round::prepare(db).and_then(|round| Ok((round, Log::prepare(db)?)));
        let (mut round, mut log) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(%error, "the statements cannot be prepared");
                return Ended::Unusable;
            }
        };
        while self.admit(plan) {
            self.answer_settled(plan);
            if plan.is_empty() {
                continue;
            }
            match self.transact(&mut round, plan) {
                Ok(()) => self.answer_settled(plan),
                Err(ended) => return ended,
            }
            log.keep_short(&self.checkpointer);
        }
        Ended::Stopped
    }

    /// Takes in what waits; waits itself if there is nothing to do. False once the store is gone.
    fn admit(&self, plan: &mut Plan<Reply>) -> bool {
        if plan.is_empty() {
            match self.inbox.recv() {
                Ok(Job { work, reply }) => plan.admit(work, reply),
                Err(_) => return false,
            }
        }
        while plan.len() < self.batch_max
            && let Ok(Job { work, reply }) = self.inbox.try_recv()
        {
            plan.admit(work, reply);
        }
        true
    }

    /// One round. Its works are settled afterwards, or reopened, or abandoned and answered.
    fn transact(&self, round: &mut Round<'_>, plan: &mut Plan<Reply>) -> Result<(), Ended> {
        let mut resolved = Resolved::default();
        let written = round.begin().map_err(WriteError::Engine).and_then(|()| {
            let held = round.read(plan.locks())?;
            let begin = Instant::now();
            resolved = plan.resolve(&held);
            plan.decided_in(begin.elapsed());
            round.write(&resolved)
        });
        let error = match written {
            Ok(_) if resolved.is_empty() => return self.roll_back(round, plan),
            Ok(last) => {
                if let Err(error) = round.commit() {
                    return Err(Ended::InDoubt(Box::new(resolved), error));
                }
                self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                last.into_iter().for_each(|last| self.announce(last));
                return Ok(());
            }
            Err(error) => error,
        };
        self.roll_back(round, plan)?;
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

    fn answer_settled(&self, plan: &mut Plan<Reply>) {
        let settled = plan.settled();
        self.counters.commands.fetch_add(settled.len() as u64, Ordering::Relaxed);
        settled.into_iter().for_each(|(reply, verdict)| answer(reply, verdict));
    }
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
