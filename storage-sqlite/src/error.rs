use std::io;
use std::path::PathBuf;

use parlor_core::storage::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// Why a database could not be opened. Nothing has been written to it, except by
/// [`OpenError::Migration`]: then the migrations before the one that failed have been applied. A
/// transaction that another process left half-written, outside of a log, has been rolled back, as by
/// anybody who reads it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another store, of this process or another, has it open.
    #[error("{} is open in another store; a database has one writer", .path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file, or the directory it is in, cannot be used.
    #[error("{} cannot be used: {source}", .path.display())]
    Unusable {
        /// The database, or what stands beside it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else, or damaged.
    #[error("{} is not a database, or is damaged: {source}", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        source: Error,
    },
    /// The file is a database of another application.
    #[error("{} is a database of another application", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Parlor has migrated it.
    #[error("the database has schema {found}, and this Parlor knows none after {known}; update it")]
    Newer {
        /// The schema of the database.
        found: u32,
        /// The latest this Parlor knows.
        known: u32,
    },
    /// A migration that was applied is not the one this Parlor knows under its number.
    #[error("migration {version} ({name}) of the database is not the one this Parlor knows")]
    Changed {
        /// Its number.
        version: u32,
        /// Its name in the database.
        name: String,
    },
    /// A migration failed, and was rolled back.
    #[error("migration {version} ({name}) failed: {source}")]
    Migration {
        /// Its number.
        version: u32,
        /// Its name.
        name: &'static str,
        /// What the engine says.
        source: Error,
    },
    /// Anything else.
    #[error("the database cannot be opened: {0}")]
    Engine(#[from] Error),
}

/// What the engine says, as the core's error. Only for what happens before a COMMIT.
pub(crate) fn store_error(error: Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(_) | None => StoreError::failed(error),
    }
}

/// A key that was absent when it was read is there now.
pub(crate) fn is_duplicate_key(error: &Error) -> bool {
    let code = error.sqlite_error().map(|e| e.extended_code);
    code == Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

/// What an earlier process has left half-written is to be rolled back, and this connection cannot
/// write.
pub(crate) fn is_to_be_rolled_back(error: &Error) -> bool {
    let code = error.sqlite_error().map(|e| e.extended_code);
    code == Some(ffi::SQLITE_READONLY_ROLLBACK)
}

/// The schema forbids it.
pub(crate) fn is_constraint(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// No room is left on the device.
pub(crate) fn is_full(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// The connection is not to be trusted any more.
pub(crate) fn is_lasting(error: &Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseCorrupt, FileLockingProtocolFailed, NotADatabase, OutOfMemory,
        SystemIoFailure,
    };
    matches!(
        error.sqlite_error_code(),
        Some(
            SystemIoFailure
                | DatabaseCorrupt
                | NotADatabase
                | CannotOpen
                | OutOfMemory
                | FileLockingProtocolFailed
        )
    )
}
