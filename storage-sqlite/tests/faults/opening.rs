//! While a database is opened, each operation fails once, and from there on for ever: it can be opened
//! afterwards, and is as it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use parlor_core::conformance::bank;
use parlor_core::economy::ledger::{Account, Transfer};
use parlor_storage_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::vfs::{self, Fault};
use crate::{copy, parlor, step};

/// How many positions are tried in any case.
const FIRST: usize = 8;

#[test]
fn a_database_that_was_made_half_way_can_be_opened() {
    let _alone = vfs::alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.db");
    let refused = each_failure(
        || {
            for extension in ["db", "db-journal", "db-wal", "db-shm"] {
                let _ = fs::remove_file(path.with_extension(extension));
            }
        },
        &path,
        |what| {
            let parlor = parlor(&path, 1);
            bank::open(&parlor);
            assert!(!bank::rows::<Account>(&parlor).is_empty(), "{what}");
        },
    );
    assert!(refused >= 20, "only {refused} could not be opened at first");
}

#[test]
fn a_log_that_is_recovered_half_way_loses_nothing() {
    let _alone = vfs::alone();
    let directory = tempfile::tempdir().unwrap();
    let (start, path) = (directory.path().join("start.db"), directory.path().join("run.db"));
    let crashed = |name| directory.path().join(name);
    let kept = {
        let parlor = parlor(&start, 0);
        bank::open(&parlor);
        // As a crash would leave it: all of it is in the log.
        fs::copy(&start, crashed("crashed.db")).unwrap();
        let log = fs::copy(start.with_extension("db-wal"), crashed("crashed.db-wal")).unwrap();
        assert!(log > fs::metadata(&start).unwrap().len(), "{log} bytes in the log");
        (bank::rows::<Account>(&parlor), bank::rows::<Transfer>(&parlor))
    };
    let refused = each_failure(
        || {
            copy(&crashed("crashed.db"), &path);
            fs::copy(crashed("crashed.db-wal"), path.with_extension("db-wal")).unwrap();
        },
        &path,
        |what| {
            let parlor = parlor(&path, 1);
            let there = (bank::rows::<Account>(&parlor), bank::rows::<Transfer>(&parlor));
            assert_eq!(there, kept, "{what}");
        },
    );
    assert!(refused >= 5, "only {refused} could not be opened at first");
}

/// Opens what is prepared, while something fails, and looks at it when nothing does. Returns how often
/// it was refused at first.
#[expect(clippy::print_stdout, reason = "shown when a run fails")]
fn each_failure(prepare: impl Fn(), path: &Path, look: impl Fn(&str)) -> usize {
    // Each takes two openings and a look.
    let step = if step() == 1 { 1 } else { 4 * step() };
    let (mut runs, mut refused) = (0, 0);
    for fault in [Fault::Io, Fault::Full, Fault::Read, Fault::Reach] {
        for lasting in [false, true] {
            // The first ones make the database what it is.
            for position in (0..FIRST).chain((FIRST + runs % step..).step_by(step)) {
                prepare();
                let what = format!("{fault:?} from operation {position}, lasting: {lasting}");
                println!("{what}");
                vfs::fail(fault, i64::try_from(position).unwrap(), lasting);
                refused += usize::from(SqliteStore::open(path).is_err());
                let has_failed = vfs::has_failed();
                vfs::recover();
                look(&what);
                let db = Connection::open(path).unwrap();
                let sql = "PRAGMA integrity_check";
                let integrity = db.query_row(sql, [], |row| row.get::<_, String>(0));
                assert_eq!(integrity.as_deref(), Ok("ok"), "{what}");
                runs += 1;
                if !has_failed {
                    break;
                }
            }
        }
    }
    println!("{runs} runs, {refused} of them refused");
    refused
}
