//! The schema, in numbered steps that are applied once, in order, each in a transaction of its own.
//!
//! The text of an applied migration never changes; a database remembers the SHA-256 of each.

use std::time::SystemTime;

use parlor_core::record::Timestamp;
use rusqlite::{Connection, Error, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use crate::error::OpenError;

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

/// "Prlr": tells a database of Parlor from one of another application.
const APPLICATION: i32 = 0x5072_6c72;

/// What the runner remembers. Created with the first migration.
const REMEMBER: &str = "\
CREATE TABLE migration (
    -- The steps of the schema that have been applied to this database.
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   BLOB    NOT NULL, -- SHA-256 of the file: an applied migration never changes
    applied_at INTEGER NOT NULL, -- microseconds since 1970-01-01T00:00:00Z
    CONSTRAINT migration_checksum_is_sha256 CHECK (length(checksum) = 32)
) STRICT;";

impl Migration {
    fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.sql).into()
    }
}

/// How many migrations have been applied, if the database is one we can go on with. Only reads.
pub(crate) fn applied(db: &Connection) -> Result<usize, OpenError> {
    let path = || db.path().unwrap_or_default().into();
    let damaged = |source: Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            OpenError::NotADatabase { path: path(), source }
        }
        _ => OpenError::Engine(source),
    };
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(damaged);

    let application = number("PRAGMA application_id")?;
    if application == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION) {
        return Err(OpenError::Foreign { path: path() });
    }
    let mut known = MIGRATIONS.iter().zip(1..);
    let mut applied = 0;
    let sql = "SELECT version, name, checksum FROM migration ORDER BY version";
    let mut statement = db.prepare(sql).map_err(damaged)?;
    let mut rows = statement.query([]).map_err(damaged)?;
    while let Some(row) = rows.next().map_err(damaged)? {
        let (version, name): (u32, String) = (row.get(0)?, row.get(1)?);
        let checksum: Vec<u8> = row.get(2)?;
        match known.next() {
            None => {
                let found = latest(db).map_err(damaged)?;
                let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
                return Err(OpenError::Newer { found, known });
            }
            Some((ours, at)) if at == version && ours.checksum()[..] == checksum => applied += 1,
            Some(_) => return Err(OpenError::Changed { version, name }),
        }
    }
    Ok(applied)
}

/// Applies what has not been applied.
pub(crate) fn apply(db: &mut Connection) -> Result<(), OpenError> {
    let applied = applied(db)?;
    for (migration, version) in MIGRATIONS.iter().zip(1_u32..).skip(applied) {
        step(db, migration, version).map_err(|source| OpenError::Migration {
            version,
            name: migration.name,
            source,
        })?;
        tracing::info!(version, name = migration.name, "a migration was applied");
    }
    Ok(())
}

fn step(db: &mut Connection, migration: &Migration, version: u32) -> Result<(), Error> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version == 1 {
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.execute_batch(REMEMBER)?;
    }
    tx.execute_batch(migration.sql)?;
    let now = Timestamp::from(SystemTime::now());
    tx.execute(
        "INSERT INTO migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
        params![version, migration.name, migration.checksum(), now.0],
    )?;
    tx.commit()
}

fn latest(db: &Connection) -> Result<u32, Error> {
    db.query_row("SELECT max(version) FROM migration", [], |row| row.get(0))
}
