//! The schema, in numbered steps that are applied once, in order, each in a transaction of its own.
//!
//! The text of an applied migration never changes; a database remembers the SHA-256 of each. Nodes
//! that start together take turns: a step is taken under an advisory lock of its transaction.

use parlor_core::record::{Kind, Value};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use crate::database::Session;
use crate::error::{Failure, OpenError, state};
use crate::value::{Parameter, integer};

/// One step.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($file:literal),+ $(,)?) => {
        &[$(Migration {
            name: $file,
            sql: include_str!(concat!("../migrations/", $file, ".sql")),
        }),+]
    };
}

/// All of them. The first has number 1.
const MIGRATIONS: &[Migration] =
    migrations!["0001_engine", "0002_identity", "0003_rooms", "0004_calls", "0005_ledger"];

/// Whoever holds it migrates. "Prlr", and a number that no bucket has.
const BEGIN: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL lock_timeout = 0; \
    SET LOCAL statement_timeout = 0; \
    SELECT pg_advisory_xact_lock(1349676146, -1)";

/// What the runner remembers. Created with the first migration.
const REMEMBER: &str = "\
CREATE TABLE migration (
    -- The steps of the schema that have been applied to this database.
    version    BIGINT           NOT NULL PRIMARY KEY,
    name       TEXT COLLATE \"C\" NOT NULL,
    checksum   BYTEA            NOT NULL, -- SHA-256 of the file: an applied one never changes
    applied_at TIMESTAMPTZ      NOT NULL DEFAULT now(),
    CONSTRAINT migration_checksum_is_sha256 CHECK (octet_length(checksum) = 32)
);";

/// The schema that is used, whether it has a table of ours that remembers, and how many tables it
/// has that no extension brought.
const LOOK: &str = "\
    SELECT coalesce(current_schema()::text, ''), \
    count(*) FILTER (WHERE c.relname = 'migration'), count(*) \
    FROM pg_class AS c WHERE c.relnamespace = current_schema()::regnamespace \
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')";

impl Migration {
    fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.sql).into()
    }
}

/// Applies what has not been applied.
pub(crate) async fn apply(db: &mut Session) -> Result<(), OpenError> {
    loop {
        db.run(BEGIN).await?;
        let applied = applied(db).await?;
        let Some(migration) = MIGRATIONS.get(applied) else {
            db.run("ROLLBACK").await?;
            return Ok(());
        };
        let version = u32::try_from(applied + 1).unwrap_or(u32::MAX);
        let name = migration.name;
        step(db, migration, version).await.map_err(|failure| match OpenError::from(failure) {
            OpenError::Engine(source) => OpenError::Migration { version, name, source },
            other => other,
        })?;
        tracing::info!(version, name, "a migration was applied");
    }
}

/// How many migrations have been applied, if the database is one we can go on with. Only reads.
async fn applied(db: &mut Session) -> Result<usize, OpenError> {
    let found = db.fetch(LOOK, Vec::new()).await?;
    let number = |at: usize| found.first().and_then(|row| row.try_get::<i64, _>(at).ok());
    let schema = found.first().and_then(|row| row.try_get::<String, _>(0).ok());
    let schema = schema.unwrap_or_default();
    match (number(1), number(2)) {
        (_, Some(0)) => return Ok(0),
        (Some(1), _) => {}
        _ => return Err(OpenError::Foreign { schema }),
    }
    let sql = "SELECT version, name, checksum FROM migration ORDER BY version";
    let rows = match db.fetch(sql, Vec::new()).await {
        Err(Failure::Engine(error)) if state(&error).as_deref() == Some("42703") => {
            return Err(OpenError::Foreign { schema });
        }
        rows => rows?,
    };
    let latest = rows.iter().filter_map(version).max().unwrap_or_default();
    let mut known = MIGRATIONS.iter().zip(1..);
    for row in &rows {
        let checksum = row.try_get::<Vec<u8>, _>(2).map_err(OpenError::from)?;
        let found = version(row).unwrap_or_default();
        match known.next() {
            None => {
                let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
                return Err(OpenError::Newer { found: latest, known });
            }
            Some((ours, at)) if at == found && ours.checksum()[..] == checksum => {}
            Some(_) => {
                let name = row.try_get(1).map_err(OpenError::from)?;
                return Err(OpenError::Changed { version: found, name });
            }
        }
    }
    Ok(rows.len())
}

fn version(row: &sqlx::postgres::PgRow) -> Option<u32> {
    let raw = row.try_get_raw(0).ok()?;
    integer(raw.as_bytes().ok()?).and_then(|it| u32::try_from(it).ok())
}

async fn step(db: &mut Session, migration: &Migration, version: u32) -> Result<(), Failure> {
    if version == 1 {
        db.run(REMEMBER).await?;
    }
    db.run(migration.sql).await?;
    let sql = "INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)";
    let parameters = vec![
        Parameter::One(Kind::Int, Value::Int(version.into())),
        Parameter::One(Kind::Text, Value::Text(migration.name.into())),
        Parameter::One(Kind::Bytes, Value::Bytes(migration.checksum().to_vec())),
    ];
    db.execute(sql, parameters).await?;
    db.run("COMMIT").await
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Engine(error) => error.into(),
            other => Self::Engine(sqlx::Error::Io(std::io::Error::other(other))),
        }
    }
}
