//! Copies what was committed from the log into the database, while the writer goes on.
//!
//! A checkpoint writes thousands of pages and waits for the device twice. It would take a quarter of
//! a busy writer's time while everybody waits; a thread does it instead. The log starts over only
//! when all of it is copied, which never comes about while somebody adds to it: what was added
//! meanwhile is copied by the writer, between two transactions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Error, PrepFlags, Statement};

use crate::connection::Database;
use crate::error::OpenError;
use crate::store;

const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// With so many full logs that are not copied, the thread does not keep up, and the writer helps.
const BEHIND: i64 = 4;

/// The thread.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    ask: Option<SyncSender<()>>,
    /// It has copied what it could; the rest is the writer's.
    has_caught_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// How many pages a full log has.
    full: i64,
}

impl Checkpointer {
    /// `full`: from how many pages on a log is to be copied.
    pub(crate) fn start(database: &Arc<Database>, full: i64) -> Result<Self, OpenError> {
        let (ask, asked) = sync_channel(1);
        let has_caught_up = Arc::new(AtomicBool::new(false));
        let (database, tell) = (database.clone(), has_caught_up.clone());
        let thread = thread::Builder::new().name("parlor-checkpoint".into());
        let thread = thread.spawn(move || serve(&database, &asked, &tell));
        let thread = Some(thread.map_err(store::no_thread)?);
        Ok(Self { ask: Some(ask), has_caught_up, thread, full })
    }

    /// False if it is at it already.
    fn ask(&self) -> bool {
        self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.ask.take());
        self.thread.take().into_iter().for_each(store::join);
    }
}

fn serve(database: &Database, asked: &Receiver<()>, has_caught_up: &AtomicBool) {
    let mut connection = None;
    while asked.recv().is_ok() {
        let copied = match &connection {
            Some(db) => copy(db),
            None => database.checkpointer().and_then(|db| copy(connection.insert(db))),
        };
        match copied {
            Ok(()) => has_caught_up.store(true, Ordering::Release),
            Err(error) => {
                warn(&error);
                connection = None;
            }
        }
    }
}

/// Copies what was there when it began, as far as no reader needs the pages before it.
fn copy(db: &Connection) -> Result<(), OpenError> {
    Extent::told_by(&mut db.prepare(COPY)?)?;
    Ok(())
}

fn warn(error: &dyn fmt::Display) {
    tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
}

/// How far the log goes, in pages. None of it is known while another checkpoint runs.
struct Extent {
    written: i64,
    copied: i64,
}

impl Extent {
    /// What a checkpoint says at its end.
    fn told_by(checkpoint: &mut Statement<'_>) -> Result<Self, Error> {
        checkpoint.query_row([], |row| Ok(Self { written: row.get(1)?, copied: row.get(2)? }))
    }

    fn rest(&self) -> i64 {
        self.written - self.copied
    }
}

/// The log, as the writer looks at it. It belongs to one connection.
pub(crate) struct Log<'db> {
    look: Statement<'db>,
    copy: Statement<'db>,
    /// How much was written when the thread was asked last.
    asked_at: i64,
}

impl<'db> Log<'db> {
    pub(crate) fn prepare(db: &'db Connection) -> Result<Self, Error> {
        let prepare = |sql| db.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT);
        Ok(Self { look: prepare(LOOK)?, copy: prepare(COPY)?, asked_at: 0 })
    }

    /// To be called between two transactions: sees to it that the log is copied in time.
    pub(crate) fn keep_short(&mut self, checkpointer: &Checkpointer) {
        self.copy_in_time(checkpointer).unwrap_or_else(|error| warn(&error));
    }

    fn copy_in_time(&mut self, checkpointer: &Checkpointer) -> Result<(), Error> {
        let extent = Extent::told_by(&mut self.look)?;
        let has_started_over = extent.written < self.asked_at;
        if has_started_over {
            self.asked_at = 0;
        }
        let has_caught_up = checkpointer.has_caught_up.swap(false, Ordering::Acquire);
        if has_caught_up || extent.rest() >= BEHIND * checkpointer.full {
            Extent::told_by(&mut self.copy)?;
        } else if extent.written - self.asked_at >= checkpointer.full && checkpointer.ask() {
            self.asked_at = extent.written;
        }
        Ok(())
    }
}
