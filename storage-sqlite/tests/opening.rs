//! Databases that a store must not open, and how it says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use parlor_storage_sqlite::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parlor.db");
    (directory, path)
}

fn alter(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn refused(path: &Path) -> OpenError {
    SqliteStore::open(path).expect_err("it must not be opened")
}

#[test]
fn a_newer_schema_is_refused_and_not_a_byte_is_written() {
    let (_directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    alter(&path, "INSERT INTO migration VALUES (4711, '4711_later', zeroblob(32), 0)");
    let before = fs::read(&path).unwrap();

    let error = refused(&path);

    assert!(matches!(error, OpenError::Newer { found: 4711, known: 1.. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_schema_whose_last_writes_are_in_the_log_is_refused_as_well() {
    let (_directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("INSERT INTO migration VALUES (99, '0099_later', zeroblob(32), 0)")
        .unwrap();
    let wal = path.with_extension("db-wal");
    let before = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());

    let error = refused(&path);

    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert_eq!((fs::read(&path).unwrap(), fs::read(&wal).unwrap()), before);
}

#[test]
fn a_migration_that_was_changed_is_refused() {
    let (_directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    alter(&path, "UPDATE migration SET checksum = zeroblob(32) WHERE version = 2");
    let error = refused(&path);
    assert!(matches!(error, OpenError::Changed { version: 2, .. }), "{error}");
}

#[test]
fn a_migration_that_is_missing_is_refused() {
    let (_directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    alter(&path, "DELETE FROM migration WHERE version = 1");
    let error = refused(&path);
    assert!(matches!(error, OpenError::Changed { version: 2, .. }), "{error}");
}

#[test]
fn migrations_are_applied_once() {
    let (_directory, path) = directory();
    let applied = || {
        drop(SqliteStore::open(&path).unwrap());
        let db = Connection::open(&path).unwrap();
        let sql =
            "SELECT group_concat(version || name || hex(checksum) || applied_at) FROM migration";
        db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(applied(), applied());
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let (_directory, path) = directory();
    fs::write(&path, "not a database, and long enough to be looked at as one".repeat(99)).unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_application_is_refused_and_left_alone() {
    let (_directory, path) = directory();
    alter(&path, "CREATE TABLE recipe (name TEXT)");
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_cut_short_is_refused() {
    let (_directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..5000]).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
}

#[test]
fn a_second_store_is_refused_by_whatever_path_it_comes() {
    let (directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");

    let roundabout = directory.path().join("..").join(directory.path().file_name().unwrap());
    assert!(matches!(refused(&roundabout.join("parlor.db")), OpenError::InUse { .. }));
    #[cfg(unix)]
    {
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(refused(&link), OpenError::InUse { .. }));
    }

    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_directory_that_is_not_there_is_said_to_be() {
    let (directory, _) = directory();
    let error = refused(&directory.path().join("nowhere").join("parlor.db"));
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(matches!(refused(directory.path()), OpenError::Unusable { .. }));
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_cannot_be_written_to_is_said_to_be() {
    use std::os::unix::fs::PermissionsExt as _;
    // Not even root writes here.
    let error = refused(Path::new("/proc/self/parlor.db"));
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");

    let (directory, path) = directory();
    drop(SqliteStore::open(&path).unwrap());
    fs::remove_file(directory.path().join("parlor.db-lock")).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = fs::write(directory.path().join("probe"), "").is_ok();
    if !is_root {
        assert!(matches!(refused(&path), OpenError::Unusable { .. }));
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
}
