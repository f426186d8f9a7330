//! The way to the server: connections, and the transactions on them.
//!
//! Nothing here lives in a session: every statement is unnamed and runs in a transaction, every
//! setting is `SET LOCAL`. So a pooler may give each transaction another server connection.

use std::future::Future;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Postgres};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::{Failure, OpenError, Remedy, state};
use crate::value::Parameter;

/// Begins a transaction that writes. Plans are pinned to index nested loops: those made while
/// tables are small or unanalysed would go on scanning them, and locks are held meanwhile. What is
/// switched off makes plans look dear, which would have the engine compile them each time.
pub(crate) const BEGIN_WRITE: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL jit = off; \
    SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_hashjoin = off; \
    SET LOCAL enable_mergejoin = off; \
    SET LOCAL lock_timeout = '10s'; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Begins a transaction that reads in the order of an index, so that its limit ends it.
pub(crate) const BEGIN_READ: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL jit = off; \
    SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_bitmapscan = off; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Begins a transaction that reads by a full-text index, which finds first and sorts then.
pub(crate) const BEGIN_SEARCH: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL jit = off; \
    SET LOCAL enable_seqscan = off; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// After which a connection that says nothing counts as lost: longer than the server's own bounds.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How many statements stay prepared on a connection: more than a writer or the named reads have.
const STATEMENTS_MAX: usize = 256;
/// How long one attempt to connect may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Where the server is, and how to get there.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    connect: PgConnectOptions,
    /// Statements stay prepared on a connection.
    prepares: bool,
}

impl Database {
    pub(crate) fn new(url: &str, prepares: bool) -> Result<Self, OpenError> {
        let connect = PgConnectOptions::from_str(url).map_err(OpenError::Url)?;
        // A pooler refuses to start a connection with a setting it does not know.
        let connect = connect.extra_float_digits(None).statement_cache_capacity(if prepares {
            STATEMENTS_MAX
        } else {
            0
        });
        let connect = match connect.get_application_name() {
            Some(_) => connect,
            None => connect.application_name("parlor"),
        };
        Ok(Self { connect: connect.disable_statement_logging(), prepares })
    }

    /// One attempt.
    pub(crate) async fn connect(&self) -> Result<PgConnection, Failure> {
        match timeout(CONNECT_MAX, self.connect.connect()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Failure::Silence),
        }
    }

    /// Attempts until one succeeds, or `patience` is over, or the server has a reason to refuse.
    pub(crate) async fn reach(&self, patience: Duration) -> Result<PgConnection, Failure> {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(10);
        loop {
            let failure = match timeout_at(deadline, self.connect()).await {
                Ok(Ok(db)) => return Ok(db),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(Failure::Silence),
            };
            if failure.remedy() != Remedy::Reconnect || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// The first attempt, whose failure somebody has to understand.
    pub(crate) async fn open(&self) -> Result<PgConnection, OpenError> {
        let address = match self.connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", self.connect.get_host(), self.connect.get_port()),
        };
        let source = match self.connect().await {
            Ok(db) => return Ok(db),
            Err(Failure::Engine(error)) => error,
            Err(other) => sqlx::Error::Io(std::io::Error::other(other)),
        };
        let state = state(&source).unwrap_or_default();
        Err(match (&state[..], state.get(..2)) {
            (_, Some("28")) => {
                let user = self.connect.get_username().to_owned();
                OpenError::Denied { address, user, source }
            }
            ("3D000", _) => OpenError::NoDatabase { address, source },
            ("42501", _) => OpenError::NotPermitted(source),
            _ => OpenError::Unreachable { address, source },
        })
    }
}

/// A connection that is used by transactions.
#[derive(Debug)]
pub(crate) struct Session {
    db: PgConnection,
    prepares: bool,
}

impl Session {
    pub(crate) const fn new(db: PgConnection) -> Self {
        Self { db, prepares: false }
    }

    /// One on which statements stay prepared, if those of this database may.
    pub(crate) const fn of(database: &Database, db: PgConnection) -> Self {
        Self { db, prepares: database.prepares }
    }

    /// Runs statements without parameters, in one message.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), Failure> {
        self.run_text(sql.to_owned()).await
    }

    /// As [`run`](Self::run). The text must hold nothing that came from outside.
    pub(crate) async fn run_text(&mut self, sql: String) -> Result<(), Failure> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        unless_silent(statements.execute(&mut self.db)).await.map(drop)
    }

    /// Rows of statements without parameters.
    pub(crate) async fn rows(&mut self, sql: String) -> Result<Vec<PgRow>, Failure> {
        unless_silent(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.db)).await
    }

    /// Runs a statement with parameters, and says how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<u64, Failure> {
        let statement = query(sql, parameters, self.prepares)?;
        let done = unless_silent(statement.execute(&mut self.db)).await?;
        Ok(done.rows_affected())
    }

    /// Runs a `COPY … FROM STDIN` on these rows.
    pub(crate) async fn copy(&mut self, sql: &'static str, rows: &[u8]) -> Result<(), Failure> {
        let copying = async {
            let mut into = self.db.copy_in_raw(sql).await?;
            into.send(rows).await?;
            into.finish().await
        };
        unless_silent(copying).await.map(drop)
    }

    /// The rows of a constant statement.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<PgRow>, Failure> {
        let statement = query(sql, parameters, self.prepares)?;
        unless_silent(statement.fetch_all(&mut self.db)).await
    }

    /// The rows of a rendered statement, whose text is made of names from the schema.
    pub(crate) async fn fetch_text(
        &mut self,
        sql: String,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<PgRow>, Failure> {
        let statement = query(AssertSqlSafe(sql), parameters, self.prepares)?;
        unless_silent(statement.fetch_all(&mut self.db)).await
    }

    /// Tells the server, which then need not wait for it to find out.
    pub(crate) async fn close(self) {
        let _ = timeout(Duration::from_secs(1), self.db.close()).await;
    }
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

/// Unnamed unless they may stay: named statements belong to a session.
fn query<'q>(
    sql: impl sqlx::SqlSafeStr,
    parameters: Vec<Parameter>,
    stays: bool,
) -> Result<Bound<'q>, Failure> {
    let mut query = sqlx::query(sql).persistent(stays);
    for parameter in parameters {
        query.try_bind(parameter).map_err(sqlx::Error::Encode)?;
    }
    Ok(query)
}

async fn unless_silent<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    match timeout(SILENCE_MAX, statement).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failure::Silence),
    }
}

/// Between half of a pause and all of it, so that those who failed together do not try together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut drawn = [0];
    // Without randomness it is no jitter, and no harm.
    let _ = getrandom::fill(&mut drawn);
    pause / 2 + pause * u32::from(drawn[0]) / 512
}
