//! The database defends the ledger itself: whatever raw SQL does to it that no decision may do is
//! refused, and the rows are as they were.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod guarded;

use std::collections::BTreeSet;
use std::fs;

use attacks::attacks;
use parlor_core::conformance::{Books, World, block_on, threads};
use parlor_core::economy::ledger::Account;
use parlor_core::record::Stored as _;
use parlor_core::tables::TABLES;
use parlor_storage_sqlite::SqliteStore;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

/// How somebody's connection is set up. Every connection begins with what was compiled in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Connected {
    /// As the store's own.
    AsTheStore,
    /// With `recursive_triggers` off, so that REPLACE deletes rows without asking anybody, and
    /// without foreign keys.
    Carelessly,
}

/// A database with something in each table of the ledger.
fn books() -> TempDir {
    world().0
}

fn world() -> (TempDir, World<SqliteStore>) {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new(SqliteStore::open(directory.path().join("parlor.db")).unwrap());
    Books::keep(&world);
    (directory, world)
}

fn connect(directory: &TempDir, connected: Connected) -> Connection {
    let db = Connection::open(directory.path().join("parlor.db")).unwrap();
    for pragma in ["recursive_triggers", "foreign_keys"] {
        db.pragma_update(None, pragma, connected == Connected::AsTheStore).unwrap();
    }
    db
}

fn ledger() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).filter(|name| name.starts_with("ledger_"))
}

/// Every row of every table of the ledger.
fn rows(db: &Connection) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for table in ledger() {
        let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|n| row.get(n)).collect());
        all.extend(rows.unwrap().map(Result::unwrap));
    }
    all
}

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn every_attack_is_refused_and_changes_nothing() {
    let directory = books();
    for connected in [Connected::AsTheStore, Connected::Carelessly] {
        let db = connect(&directory, connected);
        // Tells whether anybody else has committed anything, much faster than all rows do.
        let observer = connect(&directory, Connected::AsTheStore);
        let seen = || observer.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0));
        let (before, version) = (rows(&db), seen());
        for attack in attacks() {
            if attack.by_foreign_key && connected == Connected::Carelessly {
                continue;
            }
            let name = format!("{}, connected {connected:?}", attack.name);
            let error = db.execute_batch(&attack.sql).expect_err(&name).to_string();
            assert!(error.contains(attack.why), "{name}: {error}");
            assert_eq!(seen(), version, "{name}: it was refused, and something has changed");
        }
        assert!(rows(&db) == before, "rows have changed");
    }
}

#[test]
fn what_is_within_the_limits_is_let_through() {
    let directory = books();
    let db = connect(&directory, Connected::AsTheStore);
    for (name, sql) in attacks::harmless() {
        db.execute_batch("SAVEPOINT harmless").unwrap();
        let before = rows(&db);
        db.execute_batch(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(rows(&db) != before, "{name}: nothing was written");
        db.execute_batch("ROLLBACK TO harmless; RELEASE harmless").unwrap();
    }
}

#[test]
fn what_has_a_wrong_length_is_not_read() {
    let directory = books();
    let [start, path] = ["parlor.db", "misshapen.db"].map(|name| directory.path().join(name));
    for sql in attacks::misshapen() {
        fs::copy(&start, &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
        let world = World::new(SqliteStore::open(&path).unwrap());
        let Err(error) = block_on(world.parlor.audit(|_| {})) else { panic!("it was read: {sql}") };
        let error = error.to_string();
        assert!(error.contains("does not decode"), "{sql}: {error}");
    }
}

#[test]
fn every_table_of_the_ledger_has_something_to_attack() {
    let directory = books();
    let db = connect(&directory, Connected::AsTheStore);
    for table in ledger() {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = db.query_row(&count, [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table} is empty");
    }
}

#[test]
fn every_check_is_attacked() {
    let directory = books();
    let db = connect(&directory, Connected::AsTheStore);
    let all =
        texts(&db, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name GLOB 'ledger_*'");
    let words: Vec<&str> = all.iter().flat_map(|sql| sql.split_whitespace()).collect();
    let names = words.windows(2).filter(|pair| pair[0] == "CONSTRAINT");
    let checks: BTreeSet<&str> = names.map(|pair| pair[1]).collect();
    assert!(checks.len() > 50, "{checks:?}");
    let attacked = attacks().into_iter().map(|attack| attack.why).collect();
    let spared: Vec<_> = checks.difference(&attacked).collect();
    assert!(spared.is_empty(), "no attack is refused by {spared:?}");
}

#[test]
fn without_any_one_of_the_triggers_an_attack_gets_through() {
    let directory = books();
    let db = connect(&directory, Connected::Carelessly);
    let triggers = texts(
        &db,
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name GLOB 'ledger_*'",
    );
    assert!(triggers.len() > 25, "{triggers:?}");
    for trigger in triggers {
        let is_through = attacks().iter().filter(|attack| !attack.by_foreign_key).any(|attack| {
            db.execute_batch(&format!("BEGIN; DROP TRIGGER {trigger}")).unwrap();
            let is_through = db.execute_batch(&attack.sql).is_ok();
            // Triggers roll back by themselves.
            if !db.is_autocommit() {
                db.execute_batch("ROLLBACK").unwrap();
            }
            is_through
        });
        assert!(is_through, "nothing gets through without {trigger}");
    }
}

/// The triggers roll the store's transaction back by themselves.
#[test]
fn the_store_fails_a_command_that_a_trigger_refuses_and_no_other() {
    let (_directory, world) = world();
    let before = world.held::<Account>(Books::ADA).unwrap();
    let take = |by: i64| {
        world.run(move |draft| {
            draft.need([Account::own(Books::ADA)])?;
            let account = draft.get::<Account>(Books::ADA)?.unwrap();
            let credits_posted = account.credits_posted + by;
            draft.put(Account { credits_posted, ..account })
        })
    };
    let outcomes = threads(8, |n| take(if n == 0 { -100 } else { 1 }).is_ok());
    assert_eq!(outcomes, [false, true, true, true, true, true, true, true]);
    let after = world.held::<Account>(Books::ADA).unwrap();
    assert_eq!(after.credits_posted, before.credits_posted + 7);
}
