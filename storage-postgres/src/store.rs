use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use parlor_core::events::{Envelope, Position};
use parlor_core::storage::{Aggregate, Group, Query, Store, StoreError, Work};
use parlor_core::tables::Row;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::OpenError;
use crate::feed::{Feed, FeedLag};
use crate::opening::{self, Opened};
use crate::options::Options;
use crate::reader::Readers;
use crate::routing::Heat;
use crate::writer::{Counters, Job};

/// How long what is under way may take once the store has stopped.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// What the writers have done since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commands that were answered, those that were refused or failed included.
    pub commands: u64,
    /// Transactions that were committed.
    pub transactions: u64,
    /// Transactions that were tried again: lost races, deadlocks, lost connections.
    pub retries: u64,
    /// Commits that were in doubt, and looked up.
    pub doubts: u64,
}

/// A store in a PostgreSQL database, which other stores, on other machines, may share.
///
/// It runs on threads of its own, so it works under any executor. Dropping it lets what was
/// submitted finish in the background; [`stop`](Self::stop) waits for it.
#[derive(Debug)]
pub struct PostgresStore {
    readers: Arc<Readers>,
    feed: Arc<Feed>,
    counters: Arc<Counters>,
    writers: RwLock<Vec<mpsc::Sender<Job>>>,
    heat: Heat,
    runtime: Handle,
    /// Closed once everything has ended.
    ended: watch::Receiver<()>,
    options: Options,
}

impl PostgresStore {
    /// Connects to the database at this URL, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::connect_with(Options::new(url)).await
    }

    /// As [`connect`](Self::connect), with options of one's own.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn connect_with(options: Options) -> Result<Self, OpenError> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(options.writers.max(1) + 1).enable_all();
        let runtime = runtime.thread_name("parlor-postgres").build().map_err(OpenError::Thread)?;
        let (reply, opened) = oneshot::channel();
        let owner = thread::Builder::new().name("parlor-postgres-owner".into());
        let owner = owner.spawn(move || own(runtime, options, reply));
        owner.map_err(OpenError::Thread)?;
        let died = || OpenError::Thread(std::io::Error::other("it ended at once"));
        opened.await.unwrap_or_else(|_| Err(died()))
    }

    /// Takes no more commands, and returns when those that were taken are done.
    pub async fn stop(&self) {
        self.writers.write().unwrap_or_else(PoisonError::into_inner).clear();
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// The options it was opened with.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// What the writers have done so far.
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// What the feed holds back from its readers at the moment.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn feed_lag(&self) -> Result<FeedLag, StoreError> {
        let readers = self.readers.clone();
        self.run(async move { readers.lag().await }).await
    }

    /// How the engine goes about a query, whatever its parameters: the lines of `EXPLAIN`. For
    /// tests: it prepares a statement by name, which a pooler may mix up.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn explain(&self, query: &Query) -> Result<Vec<String>, StoreError> {
        let (readers, query) = (self.readers.clone(), query.clone());
        self.run(async move { readers.explain(&query).await }).await
    }

    /// How the engine goes about an aggregate, in the same way.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn explain_aggregate(
        &self,
        aggregate: &Aggregate,
    ) -> Result<Vec<String>, StoreError> {
        let (readers, aggregate) = (self.readers.clone(), aggregate.clone());
        self.run(async move { readers.explain_aggregate(&aggregate).await }).await
    }

    /// On the threads of the store, and to its end, even if nobody waits for it any more: a
    /// connection is never left in the middle of something.
    async fn run<T: Send + 'static>(
        &self,
        read: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = self.runtime.spawn(read);
        let died = || StoreError::Failed(Arc::from(Box::from("the read panicked")));
        read.await.unwrap_or_else(|error| {
            Err(if error.is_panic() { died() } else { StoreError::Stopped })
        })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn submit(&self, mut work: Work) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        {
            // The decision runs here for the first time, rather than where everybody waits.
            let needs = work.needs();
            let writers = self.writers.read().unwrap_or_else(PoisonError::into_inner);
            let route = self.heat.route(needs, writers.len());
            let writer = writers.get(route).ok_or(StoreError::Stopped)?;
            writer.try_send(Job { work, reply }).map_err(|error| match error {
                TrySendError::Full(_) => StoreError::Busy { waiting: self.options.queue_max },
                TrySendError::Closed(_) => StoreError::Stopped,
            })?;
        }
        let died = || StoreError::CommitUnknown("the writer failed before it could answer".into());
        answer.await.unwrap_or_else(|_| Err(died()))
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let (readers, query) = (self.readers.clone(), query.clone());
        self.run(async move { readers.select(&query).await }).await
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        let (readers, aggregate) = (self.readers.clone(), aggregate.clone());
        self.run(async move { readers.aggregate(&aggregate).await }).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let (readers, feed) = (self.readers.clone(), self.feed.clone());
        self.run(async move { feed.read(&readers, after, limit).await }).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        let mut ended = self.ended.clone();
        tokio::select! {
            news = self.feed.wait(after) => news,
            _ = ended.changed() => Err(StoreError::Stopped),
        }
    }
}

/// Owns the threads until the store is gone and all that was submitted is done.
fn own(
    runtime: Runtime,
    options: Options,
    reply: oneshot::Sender<Result<PostgresStore, OpenError>>,
) {
    // Dropped last, when everything has ended.
    let (_end, ended) = watch::channel(());
    let writing = match runtime.block_on(opening::open(&options)) {
        Ok(Opened { readers, feed, counters, writers, writing }) => {
            let store = PostgresStore {
                readers,
                feed,
                counters,
                writers: RwLock::new(writers),
                heat: Heat::new(),
                runtime: runtime.handle().clone(),
                ended,
                options,
            };
            // Whoever asked may have gone away; then the store is dropped here.
            drop(reply.send(Ok(store)));
            writing
        }
        Err(error) => {
            drop(reply.send(Err(error)));
            Vec::new()
        }
    };
    runtime.block_on(async {
        for task in writing {
            // Its end is what matters.
            let _ = task.await;
        }
    });
    runtime.shutdown_timeout(LEAVE_MAX);
}
