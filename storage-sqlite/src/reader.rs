//! Reads: a few threads with a read-only connection each, beside the writer and not in its way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use parlor_core::events::{Envelope, OUTBOX, Position};
use parlor_core::record::{Kind, Value};
use parlor_core::storage::{Aggregate, Answered, Group, Query, StoreError};
use parlor_core::tables::Row;
use rusqlite::{Connection, Error};
use tokio::sync::oneshot;

use crate::connection::Database;
use crate::error::{OpenError, is_lasting, store_error};
use crate::render::{Rendered, render, render_aggregate};
use crate::statements::FEED;
use crate::{store, value};

/// A read on its way to a thread. It says whether the connection may be used again.
type Task = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

/// The threads that read.
#[derive(Debug)]
pub(crate) struct Readers {
    tasks: Option<SyncSender<Task>>,
    threads: Vec<JoinHandle<()>>,
    waiting_max: usize,
}

impl Readers {
    pub(crate) fn start(
        database: &Arc<Database>,
        options: &store::Options,
    ) -> Result<Self, OpenError> {
        let (tasks, inbox) = sync_channel::<Task>(options.reads_max.max(1));
        let inbox = Arc::new(Mutex::new(inbox));
        let mut threads = Vec::new();
        for n in 0..options.readers.max(1) {
            let (database, inbox) = (database.clone(), inbox.clone());
            let thread = thread::Builder::new().name(format!("parlor-reader-{n}"));
            let thread = thread.spawn(move || serve(&database, &inbox));
            threads.push(thread.map_err(store::no_thread)?);
        }
        Ok(Self { tasks: Some(tasks), threads, waiting_max: options.reads_max })
    }

    /// Runs a read on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |db| {
            let result = db.map(read);
            let keep = !matches!(&result, Ok(Err(ReadError::Engine(error))) if is_lasting(error));
            // Whoever asked may have gone away.
            let _ = reply.send(result.and_then(|result| result.map_err(StoreError::from)));
            keep
        });
        let tasks = self.tasks.as_ref().ok_or(StoreError::Stopped)?;
        tasks.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy { waiting: self.waiting_max },
            TrySendError::Disconnected(_) => StoreError::Stopped,
        })?;
        let died = || StoreError::Failed(Arc::from(Box::from("the read panicked")));
        answer.await.unwrap_or_else(|_| Err(died()))
    }

    /// Waits until all that was asked has been read, and closes the connections.
    pub(crate) fn stop(&mut self) {
        drop(self.tasks.take());
        self.threads.drain(..).for_each(store::join);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(database: &Database, inbox: &Mutex<Receiver<Task>>) {
    let mut connection = None;
    loop {
        let task = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        if connection.is_none() {
            match database.reader() {
                Ok(opened) => connection = Some(opened),
                Err(error) => {
                    task(Err(StoreError::failed(error)));
                    continue;
                }
            }
        }
        let Some(db) = &connection else { continue };
        let keep = catch_unwind(AssertUnwindSafe(|| task(Ok(db))));
        if !keep.unwrap_or(false) {
            connection = None;
        }
    }
}

/// Why a read failed.
pub(crate) enum ReadError {
    Engine(Error),
    Corrupt(parlor_core::record::Corrupt),
    /// A sum of this aggregate does not fit.
    Overflow(&'static str),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<parlor_core::record::Corrupt> for ReadError {
    fn from(corrupt: parlor_core::record::Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Engine(error) => store_error(error),
            ReadError::Corrupt(corrupt) => Self::Corrupt(corrupt),
            ReadError::Overflow(name) => Self::Overflow(name),
        }
    }
}

/// The rows a query names.
pub(crate) fn select(db: &Connection, query: &Query) -> Result<Vec<Row>, ReadError> {
    let rendered = render(query);
    let mut statement = db.prepare_cached(&rendered.sql)?;
    value::bind(&mut statement, 1, rendered.parameters.iter().map(AsRef::as_ref))?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(value::row(query.table, row)?);
    }
    Ok(found)
}

/// What is reckoned over rows.
pub(crate) fn aggregate(db: &Connection, aggregate: &Aggregate) -> Result<Vec<Group>, ReadError> {
    let rendered = render_aggregate(aggregate);
    let mut statement = db.prepare_cached(&rendered.sql)?;
    value::bind(&mut statement, 1, rendered.parameters.iter().map(AsRef::as_ref))?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(group(aggregate, row)?);
    }
    Ok(found)
}

/// One group, whose columns come in the order in which [`render_aggregate`] names them.
fn group(aggregate: &Aggregate, row: &rusqlite::Row<'_>) -> Result<Group, ReadError> {
    let mut at = 0..;
    let mut next = |kind: Kind| -> Result<Value, ReadError> {
        Ok(value::value(kind, row.get_ref(at.next().unwrap_or_default())?))
    };
    aggregate.group(|answered| match answered {
        Answered::Of(kind) => next(kind),
        Answered::Sum => {
            let sum = total(&next(Kind::Int)?, &next(Kind::Int)?);
            Ok(Value::Int(sum.ok_or(ReadError::Overflow(aggregate.name))?))
        }
    })
}

/// A sum of its halves; nothing adds up to 0. `None` when it does not fit.
fn total(high: &Value, low: &Value) -> Option<i64> {
    let number = |half: &Value| match half {
        Value::Int(it) => i128::from(*it),
        _ => 0,
    };
    i64::try_from((number(high) << 32) + number(low)).ok()
}

/// The feed after a position.
pub(crate) fn events(
    db: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<Envelope>, ReadError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(&FEED)?;
    let mut rows = statement.query([after.0, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Envelope::decode(&mut value::values(OUTBOX, row))?);
    }
    Ok(found)
}

/// How the engine goes about a query, a line a step.
pub(crate) fn explain(db: &Connection, query: &Query) -> Result<Vec<String>, ReadError> {
    steps(db, &render(query))
}

/// How the engine goes about an aggregate, a line a step.
pub(crate) fn explain_aggregate(
    db: &Connection,
    aggregate: &Aggregate,
) -> Result<Vec<String>, ReadError> {
    steps(db, &render_aggregate(aggregate))
}

fn steps(db: &Connection, rendered: &Rendered<'_>) -> Result<Vec<String>, ReadError> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {}", rendered.sql))?;
    value::bind(&mut statement, 1, rendered.parameters.iter().map(AsRef::as_ref))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}
