//! The tasks that write: each turns whatever waits for it into one transaction.
//!
//! ```text
//!            ┌────────────────────── the next round ─────────────────────┐
//!            ▼                                                           │
//!  admit what waits ─▶ BEGIN ─▶ lock + read ─▶ resolve ─▶ write ─▶ COMMIT ─▶ answer
//! ```
//!
//! While one transaction is under way, the commands of the next one gather by themselves. After a
//! long one, those who were answered get a [`MOMENT`] to come again: without it the first few of them
//! would make up a transaction of their own, for which all others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::events::Position;
use parlor_core::storage::{Plan, Rollback, StoreError, Work};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::sleep;

use crate::database::{Database, Session, jittered};
use crate::error::{Failure, Remedy};
use crate::feed::Feed;
use crate::options::Options;
use crate::receipt;
use crate::store::Stats;
use crate::transaction::Round;

/// How often a round is tried again, one failure after the other, before its works fail.
const RETRIES_MAX: u32 = 8;

/// How long those who were answered are waited for.
const MOMENT: Duration = Duration::from_millis(1);
/// After rounds that took at least this long, so that it is little beside.
const LONG_ROUND: Duration = Duration::from_millis(8);

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
    retries: AtomicU64,
    doubts: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            commands: self.commands.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            doubts: self.doubts.load(Ordering::Relaxed),
        }
    }
}

/// One of the tasks.
#[derive(Debug)]
pub(crate) struct Writer {
    database: Database,
    inbox: Mutex<mpsc::Receiver<Job>>,
    batch_max: usize,
    patience: Duration,
    doubt_max: Duration,
    feed: Arc<Feed>,
    counters: Arc<Counters>,
}

/// How far a round came before it failed.
enum Stage {
    /// The server cannot be reached.
    Nowhere,
    /// Nothing has been decided.
    Reading,
    /// Everything has been decided, and nothing committed.
    Writing,
    /// It has been committed, or not. The events end here.
    Committing(Uuid, Option<Position>),
}

impl Writer {
    pub(crate) fn new(
        database: Database,
        inbox: mpsc::Receiver<Job>,
        options: &Options,
        feed: Arc<Feed>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            database,
            inbox: Mutex::new(inbox),
            batch_max: options.batch_max.max(1),
            patience: options.patience,
            doubt_max: options.doubt_max,
            feed,
            counters,
        }
    }

    /// Serves until the store is dropped, whatever happens meanwhile.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let writer = self.clone();
            // Whoever waits for an answer gets one when the plan is dropped with its replies.
            match tokio::spawn(async move { writer.serve().await }).await {
                Err(died) if died.is_panic() => {
                    tracing::error!("a writer panicked; it goes on with a new connection");
                }
                _ => return,
            }
        }
    }

    async fn serve(&self) {
        let mut inbox = self.inbox.lock().await;
        let (mut plan, mut session, mut failures) = (Plan::new(), None, 0);
        while self.admit(&mut inbox, &mut plan).await {
            self.answer_settled(&mut plan);
            if plan.is_empty() {
                continue;
            }
            let begin = Instant::now();
            match self.round(&mut session, &mut plan).await {
                Ok(()) => failures = 0,
                Err((stage, failure)) => {
                    failures += 1;
                    self.recover(&mut plan, stage, failure, failures).await;
                }
            }
            let answered = self.answer_settled(&mut plan);
            if begin.elapsed() >= LONG_ROUND && inbox.len() < answered / 2 {
                sleep(MOMENT).await;
            }
        }
        if let Some(session) = session {
            session.close().await;
        }
    }

    /// Takes in what waits; waits itself if there is nothing to do. False once the store is gone.
    async fn admit(&self, inbox: &mut mpsc::Receiver<Job>, plan: &mut Plan<Reply>) -> bool {
        if plan.is_empty() {
            match inbox.recv().await {
                Some(Job { work, reply }) => plan.admit(work, reply),
                None => return false,
            }
        }
        while plan.len() < self.batch_max
            && let Ok(Job { work, reply }) = inbox.try_recv()
        {
            plan.admit(work, reply);
        }
        true
    }

    /// One round. Its works are settled afterwards; a connection that failed is not kept.
    async fn round(
        &self,
        session: &mut Option<Session>,
        plan: &mut Plan<Reply>,
    ) -> Result<(), (Stage, Failure)> {
        let locks = plan.locks();
        let mut db = match session.take() {
            Some(db) => db,
            None => match self.database.reach(self.patience).await {
                Ok(db) => Session::of(&self.database, db),
                Err(failure) => return Err((Stage::Nowhere, failure)),
            },
        };
        let done = self.transact(&mut db, plan, locks).await;
        let keep = match &done {
            Ok(()) => true,
            Err((_, failure)) if failure.remedy() == Remedy::Reconnect => false,
            Err(_) => db.run("ROLLBACK").await.is_ok(),
        };
        *session = keep.then_some(db);
        done
    }

    async fn transact(
        &self,
        db: &mut Session,
        plan: &mut Plan<Reply>,
        locks: parlor_core::storage::Locks,
    ) -> Result<(), (Stage, Failure)> {
        let reading = |failure| (Stage::Reading, failure);
        let id = receipt::draw().map_err(|error| {
            reading(Failure::Engine(sqlx::Error::Io(std::io::Error::other(error.to_string()))))
        })?;
        let mut round = Round::begin(db, id).await.map_err(reading)?;
        let held = round.read(locks).await.map_err(reading)?;
        let begin = Instant::now();
        let resolved = plan.resolve(&held);
        drop(held);
        plan.decided_in(begin.elapsed());
        if resolved.is_empty() {
            // What was decided without a change is true whatever becomes of the connection.
            let _ = db.run("ROLLBACK").await.inspect_err(|failure| {
                tracing::debug!(%failure, "a transaction without a change was not rolled back");
            });
            return Ok(());
        }
        let last = round.write(&resolved).await.map_err(|failure| (Stage::Writing, failure))?;
        round.commit().await.map_err(|failure| (Stage::Committing(id, last), failure))?;
        self.committed(last);
        Ok(())
    }

    fn committed(&self, last: Option<Position>) {
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        last.into_iter().for_each(|last| self.feed.announce(last));
    }

    /// Decides what becomes of the works of a round that failed: they are run again, or alone, or
    /// answered.
    async fn recover(&self, plan: &mut Plan<Reply>, stage: Stage, failure: Failure, failures: u32) {
        let remedy = failure.remedy();
        if let Stage::Committing(id, last) = stage
            && is_doubtful(&failure)
        {
            return self.settle(plan, id, last, failure, failures).await;
        }
        let is_decided = !matches!(stage, Stage::Nowhere | Stage::Reading);
        match remedy {
            Remedy::Culprit => plan.reopen(&Rollback::Rejected(failure.to_string().into())),
            Remedy::Race => plan.reopen(&Rollback::Race),
            Remedy::Again | Remedy::Reconnect
                if failures <= RETRIES_MAX && !matches!(stage, Stage::Nowhere) =>
            {
                if is_decided {
                    plan.reopen(&Rollback::Again);
                }
                tracing::warn!(%failure, failures, "a transaction is tried again");
            }
            Remedy::Again | Remedy::Reconnect | Remedy::None => {
                tracing::error!(%failure, "a transaction failed");
                return abandon(plan, &failure.into());
            }
        }
        self.counters.retries.fetch_add(1, Ordering::Relaxed);
        let pause = Duration::from_millis(1 << failures.min(9));
        sleep(jittered(pause)).await;
    }

    /// Finds out what became of a commit. Until it is known, no work of it is run again.
    async fn settle(
        &self,
        plan: &mut Plan<Reply>,
        id: Uuid,
        last: Option<Position>,
        failure: Failure,
        failures: u32,
    ) {
        self.counters.doubts.fetch_add(1, Ordering::Relaxed);
        let settled = receipt::settle(&self.database, id, self.doubt_max).await;
        tracing::warn!(%failure, committed = ?settled.as_ref().ok(), "a commit was in doubt");
        match settled {
            Ok(true) => self.committed(last),
            Ok(false) if failures <= RETRIES_MAX => plan.reopen(&Rollback::Again),
            Ok(false) => abandon(plan, &failure.into()),
            Err(_) => abandon(plan, &StoreError::CommitUnknown(failure.to_string().into())),
        }
    }

    /// How many it were.
    fn answer_settled(&self, plan: &mut Plan<Reply>) -> usize {
        let settled = plan.settled();
        let answered = settled.len();
        self.counters.commands.fetch_add(answered as u64, Ordering::Relaxed);
        settled.into_iter().for_each(|(reply, verdict)| answer(reply, verdict));
        answered
    }
}

/// Whether a COMMIT that ended like this may have happened. A server that says why it refused has
/// rolled back.
fn is_doubtful(failure: &Failure) -> bool {
    let refused = matches!(failure, Failure::Engine(sqlx::Error::Database(_)));
    !refused || failure.remedy() == Remedy::Reconnect
}

/// Whoever asked may have gone away.
fn answer(reply: Reply, verdict: Result<(), StoreError>) {
    let _ = reply.send(verdict);
}

fn abandon(plan: &mut Plan<Reply>, verdict: &StoreError) {
    plan.abandon().into_iter().for_each(|reply| answer(reply, Err(verdict.clone())));
}
