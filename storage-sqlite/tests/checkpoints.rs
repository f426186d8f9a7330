//! The log is copied into the database while commands go on, and does not grow for ever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use parlor_core::conformance::{World, threads};
use parlor_storage_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

const WAL_KIB: u32 = 128;

fn world() -> (TempDir, World<SqliteStore>) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { wal_kib: WAL_KIB, ..Options::default() };
    let store = SqliteStore::open_with(directory.path().join("parlor.db"), options).unwrap();
    (directory, World::new(store))
}

fn kib(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len() / 1024
}

fn log_of(world: &World<SqliteStore>) -> u64 {
    kib(&world.store.path().with_extension("db-wal"))
}

/// Some pages are written for each.
fn guests(world: &World<SqliteStore>, each: usize) {
    threads(4, |thread| {
        for n in 0..each {
            world.guest(&format!("{thread}-{n}"));
        }
    });
}

#[test]
fn the_log_starts_over_while_commands_go_on() {
    let (_directory, world) = world();
    let longest = (0..100).map(|_| {
        guests(&world, 5);
        log_of(&world)
    });
    let longest = longest.max().unwrap();
    let database = kib(world.store.path());
    let db = Connection::open(world.store.path()).unwrap();
    let integrity = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(integrity.as_deref(), Ok("ok"));
    drop(db);

    // Then no thread has it open any more, and the file alone is the database.
    let path = world.store.path().to_owned();
    drop(world);
    assert!(!path.with_extension("db-wal").exists());
    assert!(database > 1_000, "{database} KiB are in the database");
    assert!(longest < u64::from(8 * WAL_KIB), "the log had {longest} KiB");
}

#[test]
fn what_a_read_sees_stays_until_it_ends_and_then_the_log_starts_over() {
    let (_directory, world) = world();
    guests(&world, 5);
    let reader = Connection::open(world.store.path()).unwrap();
    let count = || {
        let sql = "SELECT count(*) FROM app_user";
        reader.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), 20);
    guests(&world, 200);
    let kept = log_of(&world);
    assert!(kept > u64::from(8 * WAL_KIB), "the read needs more than {kept} KiB of log");
    assert_eq!(count(), 20);

    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(), 820);
    // Whoever starts the log over gives the room back that it took beyond its measure.
    guests(&world, 100);
    let left = log_of(&world);
    assert!(left < u64::from(8 * WAL_KIB), "the log still has {left} KiB");
    assert_eq!(count(), 1_220);
}
