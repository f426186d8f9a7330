//! The embedded store of [`parlor_core`]: a SQLite database in one file, and nothing to run.
//!
//! ```
//! use parlor_core::engine::Parlor;
//! use parlor_core::record::Timestamp;
//! use parlor_storage_sqlite::SqliteStore;
//!
//! # use std::sync::atomic::{AtomicU8, Ordering};
//! # let directory = tempfile::tempdir()?;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let path = directory.path().join("parlor.db");
//! let now = || Timestamp::from(std::time::SystemTime::now());
//! # let drawn = AtomicU8::new(0);
//! # let entropy = move || [drawn.fetch_add(1, Ordering::Relaxed); 32];
//! let parlor = Parlor::new(SqliteStore::open(&path)?, now, entropy);
//! let ada = parlor.sign_up_guest("Ada").await?;
//! drop(parlor);
//!
//! // What was acknowledged is there again, after a crash as well.
//! # let entropy = || [255; 32];
//! let parlor = Parlor::new(SqliteStore::open(&path)?, now, entropy);
//! assert!(parlor.authenticate(&ada.token.reveal()).await.is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - A command that was acknowledged is on the device (WAL, `synchronous=FULL`), and whole.
//! - Commands that wait together are committed together. Nobody waits longer for it: while one
//!   transaction is committed, the next one gathers, and is decided.
//! - A command that fails fails alone.
//! - When the engine cannot say whether a commit happened, the answer is
//!   [`CommitUnknown`](parlor_core::storage::StoreError::CommitUnknown), never a guess; a retry
//!   with the same idempotency key is safe.
//! - A full device is [`Full`](parlor_core::storage::StoreError::Full); reads go on, and writes do
//!   once there is room, without a restart.
//!
//! # One store a database
//!
//! A database is open in one store at a time; a second one, in this process or another, is refused
//! with [`OpenError::InUse`]. The lock is a file beside the database, `<name>-lock`, and ends with
//! the process, however it ends. Other programs may read the database meanwhile, and back it up
//! with the engine's own means (`.backup`, `VACUUM INTO`). Copying the file while it is open is no
//! backup: part of it is in `<name>-wal`, until the store is dropped.
//!
//! The file must be on a local disk: network file systems do not keep the promises a WAL needs.
//!
//! # For those who look into the database
//!
//! The schema is in `migrations/`, with its comments in the database itself (`.schema`). Every
//! statement that is ever run on it is in `sql/statements.sql`.

#![forbid(unsafe_code)]

mod ahead;
mod checkpoint;
mod connection;
mod error;
mod migrations;
mod reader;
mod render;
mod statements;
mod store;
mod transaction;
mod value;
mod writer;

pub use error::OpenError;
pub use store::{Options, SqliteStore, Stats, Synchronous};
