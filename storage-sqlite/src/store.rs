use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use parlor_core::events::{Envelope, Position};
use parlor_core::storage::{Aggregate, Group, Query, Store, StoreError, Work};
use parlor_core::tables::Row;
use tokio::sync::{oneshot, watch};

use crate::checkpoint::Checkpointer;
use crate::connection::Database;
use crate::error::OpenError;
use crate::reader::{self, Readers};
use crate::writer::{Counters, Job, Writer};

/// How a store is run. [`Options::default`] is right for most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// When a commit counts as durable. Default [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// How many commands may wait for the writer; beyond, they are refused as
    /// [`StoreError::Busy`]. Default 16,384.
    pub queue_max: usize,
    /// How many commands one transaction takes at most. Default 1,024.
    pub batch_max: usize,
    /// How many threads read. A connection is opened when its thread first reads. Default 4.
    pub readers: usize,
    /// How many reads may wait for a thread; beyond, they are refused as [`StoreError::Busy`].
    /// Default 4,096.
    pub reads_max: usize,
    /// How long to wait for another process, such as a backup, that locks the database. Default
    /// 5 s.
    pub busy_timeout: Duration,
    /// The writer's page cache in KiB; each reader has an eighth of it. Default 64 MiB.
    pub cache_kib: u32,
    /// How many KiB of log gather before a thread copies them into the database. More of it copies
    /// a page that is changed often less often, takes more of the disk, and makes opening after a
    /// crash take longer. It is no limit: while a read goes on, what it still sees of the log stays.
    /// With 0 they are copied after each commit. Default 64 MiB.
    pub wal_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            queue_max: 16_384,
            batch_max: 1_024,
            readers: 4,
            reads_max: 4_096,
            busy_timeout: Duration::from_secs(5),
            cache_kib: 64 * 1024,
            wal_kib: 64 * 1024,
        }
    }
}

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Once it is on the device. What was acknowledged outlives a loss of power.
    #[default]
    Full,
    /// Once the operating system has it. What was acknowledged outlives a crash of the process,
    /// and **not** a loss of power: in a test that shut the file system down under load, 95 of
    /// 1,000 acknowledged commands were gone afterwards, where `Full` lost none. The database
    /// stays consistent. Never use it where money is kept.
    Normal,
}

/// What the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commands that were answered, those that were refused or failed included.
    pub commands: u64,
    /// Transactions that were committed.
    pub transactions: u64,
    /// How often a batch was decided while the one before was being committed.
    pub ahead: u64,
}

/// A store in one file.
///
/// Dropping it waits until all that was submitted is done; not so when a command is its last owner,
/// which cannot wait for itself.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Readers,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    head: watch::Receiver<Position>,
    counters: Arc<Counters>,
    queue_max: usize,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database in this file, or makes one; brings its schema up to date.
    ///
    /// It blocks while it does, which after a crash, or with a new schema, may take a while.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::InUse`] when another store has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, Options::default())
    }

    /// As [`open`](Self::open), with options of one's own.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let (database, connection) = Database::open(path.as_ref(), options.clone())?;
        let database = Arc::new(database);
        let path = database.path().to_owned();
        let readers = Readers::start(&database, &options)?;
        let (jobs, inbox) = sync_channel(options.queue_max.max(1));
        let counters = Arc::new(Counters::default());
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::from(options.wal_kib) * 1024 / page.max(1);
        let checkpointer = Checkpointer::start(&database, pages.max(1))?;
        let batch_max = options.batch_max;
        let writer = Writer::new(database, inbox, batch_max, counters.clone(), checkpointer);
        let head = writer.follow(&connection)?;
        let thread = thread::Builder::new().name("parlor-writer".into());
        let thread = thread.spawn(move || writer.run(connection)).map_err(no_thread)?;
        let (jobs, thread, queue_max) = (Some(jobs), Some(thread), options.queue_max);
        Ok(Self { readers, jobs, thread, head, counters, queue_max, path })
    }

    /// The file, by its path without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// How the engine goes about a query: the lines of `EXPLAIN QUERY PLAN`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn explain(&self, query: &Query) -> Result<Vec<String>, StoreError> {
        let query = query.clone();
        self.readers.run(move |db| reader::explain(db, &query)).await
    }

    /// How the engine goes about an aggregate.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn explain_aggregate(
        &self,
        aggregate: &Aggregate,
    ) -> Result<Vec<String>, StoreError> {
        let aggregate = aggregate.clone();
        self.readers.run(move |db| reader::explain_aggregate(db, &aggregate)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn submit(&self, mut work: Work) -> Result<(), StoreError> {
        // On this thread rather than the writer's, which everybody waits for.
        work.learn();
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Stopped)?;
        jobs.try_send(Job { work, reply }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy { waiting: self.queue_max },
            TrySendError::Disconnected(_) => StoreError::Stopped,
        })?;
        let died = || StoreError::CommitUnknown("the writer failed before it could answer".into());
        answer.await.unwrap_or_else(|_| Err(died()))
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let query = query.clone();
        self.readers.run(move |db| reader::select(db, &query)).await
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        let aggregate = aggregate.clone();
        self.readers.run(move |db| reader::aggregate(db, &aggregate)).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.readers.run(move |db| reader::events(db, after, limit)).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        let mut head = self.head.clone();
        let news = head.wait_for(|head| *head > after).await;
        news.map(drop).map_err(|_| StoreError::Stopped)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Whoever is the last to close the database copies the log into it; readers cannot.
        self.readers.stop();
        drop(self.jobs.take());
        if !HAS_WORKS.get() {
            self.thread.take().into_iter().for_each(join);
        }
    }
}

thread_local! {
    /// Whether this thread runs and drops works. The last owner of a store may be one of them, and
    /// the threads that have works wait for each other: they do not wait here.
    pub(crate) static HAS_WORKS: Cell<bool> = const { Cell::new(false) };
}

/// Waits for a thread to end, unless it is this one.
pub(crate) fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() && thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

/// The system gives no thread.
pub(crate) fn no_thread(source: std::io::Error) -> OpenError {
    OpenError::Unusable { path: "a thread of the store".into(), source }
}
