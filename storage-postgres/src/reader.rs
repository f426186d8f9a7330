//! Reads: a few connections beside the writers, one transaction a read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use parlor_core::events::{Envelope, OUTBOX, Position};
use parlor_core::record::{Timestamp, Value};
use parlor_core::storage::{Aggregate, Group, Query, StoreError};
use parlor_core::tables::Row;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::sync::Semaphore;

use crate::aggregate;
use crate::database::{BEGIN_READ, BEGIN_SEARCH, Database, Session};
use crate::error::{Failure, Remedy};
use crate::feed::FeedLag;
use crate::options::Options;
use crate::render::{Rendered, render};
use crate::statements::{FEED, HEAD, LAG};
use crate::value::{self, Parameter, integer, type_name};

/// The connections that read.
#[derive(Debug)]
pub(crate) struct Readers {
    database: Database,
    idle: Mutex<Vec<Session>>,
    free: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    patience: Duration,
}

impl Readers {
    pub(crate) fn new(database: Database, options: &Options) -> Self {
        Self {
            database,
            idle: Mutex::new(Vec::new()),
            free: Semaphore::new(options.readers.max(1)),
            waiting: AtomicUsize::new(0),
            waiting_max: options.reads_max,
            patience: options.patience,
        }
    }

    /// The rows a query names.
    pub(crate) async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let Rendered { sql, parameters } = render(query);
        let rows = self.fetch(begin(query), sql, parameters).await?;
        let rows = rows.iter().map(|row| value::row(query.table, row));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is reckoned over rows.
    pub(crate) async fn aggregate(&self, asked: &Aggregate) -> Result<Vec<Group>, StoreError> {
        let Rendered { sql, parameters } = aggregate::render(asked);
        let rows = self.fetch(BEGIN_SEARCH, sql, parameters).await?;
        rows.iter().map(|row| aggregate::group(asked, row)).collect()
    }

    /// The feed after a position.
    pub(crate) async fn events(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters = [after.0, limit].map(|it| Parameter::of(Value::Int(it)));
        let rows = self.fetch(BEGIN_READ, FEED.clone(), parameters.into()).await?;
        let events = rows.iter().map(|row| Envelope::decode(&mut value::values(OUTBOX, row)));
        Ok(events.collect::<Result<_, _>>()?)
    }

    /// Where the feed ends for readers.
    pub(crate) async fn head(&self) -> Result<Position, StoreError> {
        let rows = self.fetch(BEGIN_READ, HEAD.clone(), Vec::new()).await?;
        Ok(rows.first().and_then(|row| number(row, 0)).map(Position).unwrap_or_default())
    }

    /// What the feed holds back from its readers.
    pub(crate) async fn lag(&self) -> Result<FeedLag, StoreError> {
        let rows = self.fetch(BEGIN_READ, LAG.clone(), Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(FeedLag::default()) };
        let hidden = number(row, 0).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        Ok(FeedLag { hidden, since: value::at(row, 1).map(Timestamp) })
    }

    /// How the engine goes about a query, whatever its parameters: the lines of `EXPLAIN`.
    pub(crate) async fn explain(&self, query: &Query) -> Result<Vec<String>, StoreError> {
        self.steps(begin(query), render(query)).await
    }

    /// How the engine goes about an aggregate, in the same way.
    pub(crate) async fn explain_aggregate(
        &self,
        asked: &Aggregate,
    ) -> Result<Vec<String>, StoreError> {
        self.steps(BEGIN_READ, aggregate::render(asked)).await
    }

    async fn steps(
        &self,
        begin: &'static str,
        rendered: Rendered,
    ) -> Result<Vec<String>, StoreError> {
        let Rendered { sql, parameters } = rendered;
        let mut db = Session::new(self.database.reach(self.patience).await?);
        db.run(begin).await?;
        let types = parameters.iter().map(|it| match it {
            Parameter::One(kind, _) => type_name(*kind).to_owned(),
            Parameter::Many(kind, _) => format!("{}[]", type_name(*kind)),
        });
        let types = types.collect::<Vec<_>>().join(", ");
        let nulls = vec!["NULL"; parameters.len()].join(", ");
        let explain = format!(
            "SET LOCAL plan_cache_mode = force_generic_plan; \
             PREPARE explained ({types}) AS {sql}; EXPLAIN EXECUTE explained ({nulls})"
        );
        let lines = db.rows(explain).await?;
        db.run("DEALLOCATE explained; ROLLBACK").await?;
        db.close().await;
        let lines = lines.iter().map(|row| row.try_get::<String, _>(0));
        Ok(lines.collect::<Result<_, _>>().map_err(Failure::from)?)
    }

    /// One statement in a transaction of its own, on whichever connection is free.
    pub(crate) async fn fetch(
        &self,
        begin: &'static str,
        sql: String,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let turn = match waiting < self.waiting_max.max(1) {
            true => self.free.acquire().await.map_err(|_| StoreError::Stopped),
            false => Err(StoreError::Busy { waiting }),
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let _turn = turn?;
        loop {
            let idle = self.idle().pop();
            let was_idle = idle.is_some();
            let mut db = match idle {
                Some(db) => db,
                None => Session::of(&self.database, self.database.reach(self.patience).await?),
            };
            let failure = match read(&mut db, begin, sql.clone(), parameters.clone()).await {
                Ok(rows) => {
                    self.idle().push(db);
                    return Ok(rows);
                }
                Err(failure) => failure,
            };
            match failure.remedy() {
                // It may have been lost long ago; there are only so many of those.
                Remedy::Reconnect if was_idle => {}
                Remedy::Reconnect => return Err(failure.into()),
                _ => {
                    if db.run("ROLLBACK").await.is_ok() {
                        self.idle().push(db);
                    }
                    return Err(failure.into());
                }
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(
    db: &mut Session,
    begin: &'static str,
    sql: String,
    parameters: Vec<Parameter>,
) -> Result<Vec<PgRow>, Failure> {
    db.run(begin).await?;
    let rows = db.fetch_text(sql, parameters).await?;
    db.run("COMMIT").await?;
    Ok(rows)
}

/// A search finds by its index and sorts; everything else goes along an index in order.
fn begin(query: &Query) -> &'static str {
    let is_search = query.index.strip_suffix("_text") == Some(query.table.name);
    if is_search { BEGIN_SEARCH } else { BEGIN_READ }
}

/// A whole number of a row.
pub(crate) fn number(row: &PgRow, at: usize) -> Option<i64> {
    integer(row.try_get_raw(at).ok()?.as_bytes().ok()?)
}
