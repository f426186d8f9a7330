//! Every write and every sync of a workload fails once, and from there on for ever: what was
//! acknowledged is there, what was refused is not, and what is unknown can be asked again.
//!
//! The engine's own VFS is wrapped for the whole process, which is why this test has a binary to
//! itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ahead;
mod ledger;
mod opening;
mod vfs;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on};
use parlor_core::engine::{Error, IdempotencyKey, Parlor, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::CreateGuest;
use parlor_core::record::Digest;
use parlor_core::storage::{MemoryStore, StoreError};
use parlor_storage_sqlite::{Options, SqliteStore};
use rusqlite::Connection;

use vfs::Fault;

const COMMANDS: u8 = 5;

#[test]
fn whatever_fails_nothing_acknowledged_is_lost_and_nothing_refused_is_there() {
    nothing_is_lost(&Options::default());
}

#[test]
fn the_same_while_each_commit_is_copied_from_the_log_by_another_thread() {
    nothing_is_lost(&Options { wal_kib: 0, ..Options::default() });
}

fn nothing_is_lost(options: &Options) {
    let _alone = vfs::alone();
    let directory = tempfile::tempdir().unwrap();
    let start = directory.path().join("start.db");
    drop(SqliteStore::open(&start).unwrap());

    let (mut runs, mut unknown, mut full) = (0, 0, 0);
    for fault in [Fault::Io, Fault::Full] {
        for lasting in [false, true] {
            for position in 0.. {
                let path = directory.path().join("run.db");
                copy(&start, &path);
                let what = format!("{fault:?} from operation {position}, lasting: {lasting}");
                let answers = run(&path, options, fault, position, lasting, &what);
                let failed = answers.iter().filter(|answer| answer.is_err()).count();
                let count = |is: fn(&StoreError) -> bool| {
                    answers.iter().filter(|a| a.as_ref().is_err_and(is)).count()
                };
                unknown += count(|error| matches!(error, StoreError::CommitUnknown(_)));
                full += count(|error| matches!(error, StoreError::Full));
                check(&path, options, &answers, &what);
                runs += 1;
                if failed == 0 && !vfs::has_failed() {
                    break;
                }
            }
        }
    }
    assert!(runs > 200, "only {runs} runs");
    assert!(unknown > 20 && full > 20, "{unknown} unknown, {full} full of {runs} runs");
}

/// Which positions are tried where there are many: all of them where `.ci/full` says so, else some.
fn step() -> usize {
    std::env::var("PARLOR_FAULTS_STEP").ok().and_then(|n| n.parse().ok()).unwrap_or(11)
}

/// A database as it was, without what an earlier run has left beside it.
fn copy(start: &Path, path: &Path) {
    for extension in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(path.with_extension(extension));
    }
    fs::copy(start, path).unwrap();
}

fn parlor(path: &Path, seed: u64) -> Parlor {
    parlor_with(path, &Options::default(), seed)
}

fn parlor_with(path: &Path, options: &Options, seed: u64) -> Parlor {
    let store = SqliteStore::open_with(path, options.clone()).expect("the database opens");
    let clock = ManualClock::at(World::<MemoryStore>::BEGIN);
    Parlor::with_settings(Arc::new(store), clock, SeededEntropy::new(seed), Settings::default())
}

async fn sign_up(parlor: &Parlor, n: u8) -> Result<(), StoreError> {
    let key = IdempotencyKey::new(format!("guest-{n}")).unwrap();
    let command = CreateGuest { display_name: format!("Guest {n}"), token_hash: Digest([n; 32]) };
    match parlor.execute_with(Actor::HOST, &key, command).await {
        Ok(_) => Ok(()),
        Err(Error::Store(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// The answers to some commands, one after the other, while something fails.
fn run(
    path: &Path,
    options: &Options,
    fault: Fault,
    position: i64,
    lasting: bool,
    what: &str,
) -> Vec<Result<(), StoreError>> {
    let parlor = parlor_with(path, options, 1);
    vfs::fail(fault, position, lasting);
    let answers: Vec<_> = (0..COMMANDS).map(|n| block_on(sign_up(&parlor, n))).collect();
    if !lasting && vfs::has_failed() {
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        assert!(failed <= 1, "{what}: {answers:?}");
    }
    // In two of three runs the device recovers, and so does the store, without a restart.
    if position % 3 != 0 {
        vfs::recover();
        block_on(sign_up(&parlor, COMMANDS)).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    drop(parlor);
    vfs::recover();
    answers
}

fn check(path: &Path, options: &Options, answers: &[Result<(), StoreError>], what: &str) {
    let db = Connection::open(path).unwrap();
    let integrity = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(integrity.as_deref(), Ok("ok"), "{what}");
    let count = |n: usize| {
        let sql = "SELECT count(*) FROM app_user WHERE display_name = ?1";
        db.query_row(sql, [format!("Guest {n}")], |row| row.get::<_, u32>(0)).unwrap()
    };
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Ok(()) => assert_eq!(count(n), 1, "{what}: {n} was acknowledged"),
            Err(StoreError::CommitUnknown(_)) => assert!(count(n) <= 1, "{what}: {n}"),
            Err(error) => assert_eq!(count(n), 0, "{what}: {n} was refused: {error}"),
        }
    }
    drop(db);

    let parlor = parlor_with(path, options, 2);
    (0..COMMANDS).for_each(|n| block_on(sign_up(&parlor, n)).unwrap());
    drop(parlor);
    let db = Connection::open(path).unwrap();
    let users = "SELECT count(*) FROM app_user WHERE display_name <> ?1";
    let users: u32 = db.query_row(users, [format!("Guest {COMMANDS}")], |row| row.get(0)).unwrap();
    assert_eq!(users, u32::from(COMMANDS), "{what}: after all were asked again");
}
