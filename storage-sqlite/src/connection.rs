//! Connections: one that writes, some that read, and the lock that keeps other stores out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{OpenError, is_to_be_rolled_back};
use crate::migrations;
use crate::store::{Options, Synchronous};

/// 3.51.3. In engines before it, two connections that copy the log while one writes can damage the
/// database (<https://sqlite.org/wal.html#walresetbug>). The one that is built in is newer.
const OLDEST: i32 = 3_051_003;

/// A database on disk that no other store has open.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    options: Options,
    /// Locked for as long as this is open. A file of its own, because closing any descriptor of
    /// the database itself would drop the engine's locks (POSIX `fcntl`).
    _lock: File,
}

impl Database {
    /// Takes the lock and brings the schema up to date.
    pub(crate) fn open(path: &Path, options: Options) -> Result<(Self, Connection), OpenError> {
        if rusqlite::version_number() < OLDEST {
            let version = rusqlite::version();
            let why =
                format!("SQLite {version} is older than 3.51.3; use the one that is built in");
            return Err(OpenError::Unusable { path: path.into(), source: io::Error::other(why) });
        }
        let path = canonical(path)?;
        let lock = lock(&path)?;
        let database = Self { path, options, _lock: lock };
        if fs::metadata(&database.path).is_ok_and(|file| file.len() > 0) {
            database.look()?;
        }
        let mut writer = database.writer()?;
        migrations::apply(&mut writer)?;
        Ok((database, writer))
    }

    /// Looks through a connection that cannot write, so that a database we refuse is left as it was:
    /// but for one whose making was interrupted, which any reader has to roll back first.
    fn look(&self) -> Result<(), OpenError> {
        let look = |access| migrations::applied(&self.connect(access)?).map(drop);
        match look(OpenFlags::SQLITE_OPEN_READ_ONLY) {
            Err(OpenError::Engine(error)) if is_to_be_rolled_back(&error) => {
                look(OpenFlags::SQLITE_OPEN_READ_WRITE)
            }
            looked => looked,
        }
    }

    /// The file, by its path without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The connection that writes.
    pub(crate) fn writer(&self) -> Result<Connection, OpenError> {
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = self.connect(create)?;
        let mode: String =
            db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            let source = io::Error::other("its file system has no shared memory for a WAL");
            return Err(OpenError::Unusable { path: self.path.clone(), source });
        }
        db.pragma_update(
            None,
            "synchronous",
            match self.options.synchronous {
                Synchronous::Full => "FULL",
                Synchronous::Normal => "NORMAL",
            },
        )?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update(None, "recursive_triggers", true)?;
        db.pragma_update(None, "cache_size", -i64::from(self.options.cache_kib))?;
        // The log is copied by a thread of its own, and keeps its room for the next one.
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        db.pragma_update(None, "journal_size_limit", 2 * 1024 * i64::from(self.options.wal_kib))?;
        Ok(db)
    }

    /// A connection that copies the log into the database.
    pub(crate) fn checkpointer(&self) -> Result<Connection, OpenError> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// A connection that reads.
    pub(crate) fn reader(&self) -> Result<Connection, OpenError> {
        let db = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.pragma_update(None, "cache_size", -i64::from(self.options.cache_kib / 8))?;
        db.set_prepared_statement_cache_capacity(256);
        Ok(db)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, OpenError> {
        let db = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let db = db.map_err(|source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::CannotOpen) => {
                OpenError::Unusable { path: self.path.clone(), source: io::Error::other(source) }
            }
            _ => OpenError::Engine(source),
        })?;
        db.busy_timeout(self.options.busy_timeout)?;
        // Functions and views that a damaged or forged schema names are not run.
        db.pragma_update(None, "trusted_schema", false)?;
        Ok(db)
    }
}

/// The same path for the same file, so that a link is not taken for another database.
fn canonical(path: &Path) -> Result<PathBuf, OpenError> {
    let unusable = |source| OpenError::Unusable { path: path.into(), source };
    match fs::canonicalize(path) {
        Ok(path) if path.is_dir() => Err(unusable(io::ErrorKind::IsADirectory.into())),
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name();
            let name = name.ok_or_else(|| unusable(io::ErrorKind::InvalidInput.into()))?;
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            let directory = fs::canonicalize(directory.unwrap_or(Path::new(".")));
            Ok(directory.map_err(unusable)?.join(name))
        }
        Err(error) => Err(unusable(error)),
    }
}

/// Held until the file is closed, by the system if need be: a crash leaves nothing to clean up.
fn lock(database: &Path) -> Result<File, OpenError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-lock");
    let path = PathBuf::from(path);
    let unusable = |source| OpenError::Unusable { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: database.into() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `recursive_triggers`, a row that is replaced is a row that is deleted: triggers see it.
    #[test]
    fn what_defends_the_tables_is_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("parlor.db");
        let (database, first) = Database::open(&path, Options::default()).unwrap();
        for writer in [first, database.writer().unwrap()] {
            let is = |pragma| writer.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            let on = ["recursive_triggers", "foreign_keys"];
            let off = ["trusted_schema", "ignore_check_constraints", "writable_schema"];
            assert!(on.iter().all(|pragma| is(pragma) == Ok(1)));
            assert!(off.iter().all(|pragma| is(pragma) == Ok(0)));
            assert_eq!(is("synchronous"), Ok(2), "FULL");
        }
        let reader = database.reader().unwrap();
        let written = reader.execute("DELETE FROM ledger_transfer", []);
        assert!(written.is_err_and(|error| error.to_string().contains("readonly")));
    }
}
