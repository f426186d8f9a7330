//! Decides the next batch while the one before it is being committed.
//!
//! To commit is to copy pages and to wait for the device: a third of a busy writer's time and more.
//! Meanwhile a thread reads what the next batch needs and runs its decisions, on what the database
//! will be once the commit has succeeded: a row that is being written is taken from the batch before,
//! any other one from the database, where nobody else writes. If the commit fails, what was decided
//! is forgotten. If anything else goes wrong here, nothing was decided, and the writer meets with it
//! itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use parlor_core::storage::{Held, Locks, Plan, Resolved, Rollback};
use rusqlite::Connection;

use crate::connection::Database;
use crate::statements::STATEMENTS;
use crate::store::{self, HAS_WORKS};
use crate::transaction::{WriteError, fetch};
use crate::writer::{Counters, Reply, decide};

/// Works that are done together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) plan: Plan<Reply>,
    /// What its round comes to, if that was decided ahead.
    pub(crate) resolved: Option<Resolved>,
}

impl Batch {
    /// Puts it back to before its round was decided.
    pub(crate) fn forget(&mut self) {
        if self.resolved.take().is_some() {
            self.plan.reopen(&Rollback::Again);
        }
    }
}

/// What the thread is asked for.
enum Ask {
    /// To decide a plan, on what is being committed.
    Decide(Plan<Reply>, Arc<Resolved>),
    /// To answer the works of a plan, and to free what they wrote, which takes as long.
    Answer(Plan<Reply>, Arc<Resolved>),
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Ahead {
    asks: Option<SyncSender<Ask>>,
    decided: Receiver<Batch>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Ahead {
    /// Without a thread, nothing is decided ahead.
    pub(crate) fn start(database: &Arc<Database>, counters: &Arc<Counters>) -> Self {
        // It is asked to answer one batch and to decide another before it is waited for.
        let (asks, asked) = sync_channel(2);
        let (decided, batches) = sync_channel(1);
        let (database, counts) = (database.clone(), counters.clone());
        let thread = thread::Builder::new().name("parlor-ahead".into());
        let thread = thread.spawn(move || serve(&database, &counts, &asked, &decided));
        let thread = thread.inspect_err(|error| tracing::warn!(%error, "nothing is decided ahead"));
        Self { asks: Some(asks), decided: batches, thread: thread.ok(), counters: counters.clone() }
    }

    /// Begins to decide a plan, on what is being committed. To be waited for.
    pub(crate) fn decide(&self, plan: Plan<Reply>, base: &Arc<Resolved>) -> Deciding<'_> {
        if plan.is_empty() {
            return Deciding::Not(Batch::default());
        }
        match self.ask(Ask::Decide(plan, base.clone())) {
            Ok(()) => Deciding::Begun(&self.decided),
            Err(Ask::Decide(plan, _) | Ask::Answer(plan, _)) => {
                Deciding::Not(Batch { plan, resolved: None })
            }
        }
    }

    /// Answers the works of a plan that were committed.
    pub(crate) fn answer(&self, plan: Plan<Reply>, written: Arc<Resolved>) {
        if let Err(Ask::Decide(mut plan, _) | Ask::Answer(mut plan, _)) =
            self.ask(Ask::Answer(plan, written))
        {
            self.counters.answer_settled(&mut plan);
        }
    }

    fn ask(&self, ask: Ask) -> Result<(), Ask> {
        match &self.asks {
            Some(asks) => asks.send(ask).map_err(|refused| refused.0),
            None => Err(ask),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(self.asks.take());
        self.thread.take().into_iter().for_each(store::join);
    }
}

/// A batch on its way.
#[must_use = "the next one would be taken for it"]
pub(crate) enum Deciding<'a> {
    Begun(&'a Receiver<Batch>),
    Not(Batch),
}

impl Deciding<'_> {
    /// The batch, if it need not be waited for.
    pub(crate) fn ready(self) -> Result<Batch, Self> {
        match self {
            Self::Begun(decided) => match decided.try_recv() {
                Err(TryRecvError::Empty) => Err(self),
                decided => Ok(decided.unwrap_or_default()),
            },
            Self::Not(batch) => Ok(batch),
        }
    }

    /// If the thread has died, whoever waits hears of it when the works are dropped.
    pub(crate) fn wait(self) -> Batch {
        match self {
            Self::Begun(decided) => decided.recv().unwrap_or_default(),
            Self::Not(batch) => batch,
        }
    }
}

fn serve(
    database: &Database,
    counters: &Counters,
    asked: &Receiver<Ask>,
    decided: &SyncSender<Batch>,
) {
    HAS_WORKS.set(true);
    let mut connection = None;
    while let Ok(ask) = asked.recv() {
        match ask {
            Ask::Answer(mut plan, _written) => {
                unless_it_panics(|| counters.answer_settled(&mut plan));
            }
            Ask::Decide(mut plan, base) => {
                let batch = unless_it_panics(|| {
                    counters.answer_settled(&mut plan);
                    let resolved = resolve(database, &mut connection, &mut plan, &base);
                    Batch { plan, resolved }
                });
                if decided.send(batch).is_err() {
                    return;
                }
            }
        }
    }
}

/// What a command captured may panic in being dropped. Whoever waits hears of it.
fn unless_it_panics<T: Default>(act: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        tracing::error!("a command panicked when it was answered");
        T::default()
    })
}

fn resolve(
    database: &Database,
    connection: &mut Option<Connection>,
    plan: &mut Plan<Reply>,
    base: &Resolved,
) -> Option<Resolved> {
    if plan.is_empty() {
        return None;
    }
    let db = match connection.take() {
        Some(db) => db,
        None => database.reader().ok()?,
    };
    let held = read(&db, plan.locks(), base).ok()?;
    *connection = Some(db);
    Some(decide(plan, &held))
}

/// Reads what is locked, as it will be.
fn read(db: &Connection, locks: Locks, base: &Resolved) -> Result<Held, WriteError> {
    let _view = db.unchecked_transaction()?;
    let mut held = Vec::with_capacity(locks.len());
    for locks in locks.chunk_by(|(a, _), (b, _)| a.table_index() == b.table_index()) {
        let mut select = db.prepare_cached(&STATEMENTS[locks[0].0.table_index()].select)?;
        for (key, lock) in locks {
            let row = match base.row(key) {
                Some(row) => row.cloned(),
                None => fetch(&mut select, key)?,
            };
            held.push((key.clone(), *lock, row));
        }
    }
    Ok(Held::found(held))
}
