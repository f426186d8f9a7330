//! The store of [`parlor_core`] for many processes: a PostgreSQL database that they share.
//!
//! ```no_run
//! use parlor_core::engine::Parlor;
//! use parlor_core::record::Timestamp;
//! use parlor_storage_postgres::PostgresStore;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = PostgresStore::connect("postgres://parlor@localhost/parlor").await?;
//! let now = || Timestamp::from(std::time::SystemTime::now());
//! # let entropy = || [7; 32];
//! let parlor = Parlor::new(store, now, entropy);
//! let ada = parlor.sign_up_guest("Ada").await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - A command that was acknowledged is on the server's device, and whole. A server that may lose
//!   what it has acknowledged is refused.
//! - Any number of stores may use one database. Decisions run under locks that are taken in one
//!   order everywhere, so they neither miss each other's changes nor wait for each other for ever.
//! - Commands that wait together are committed together, in a number of messages that does not grow
//!   with theirs. A command that fails fails alone.
//! - A connection that is lost in a commit is no guess: the transaction's receipt tells, and its
//!   commands are run again if it was not committed. Only when the server cannot be asked in time
//!   the answer is [`CommitUnknown`](parlor_core::storage::StoreError::CommitUnknown).
//! - The feed is in the order of commits, and no reader skips a transaction that takes long. It is
//!   held back for it instead; [`PostgresStore::feed_lag`] says how much.
//! - It works through a pooler in transaction mode: no statement is named, no setting or lock lives
//!   in a session.
//!
//! # What to know when running it
//!
//! Any transaction of the cluster that writes, in other databases too, holds the feed back while it
//! is open. So keep them short there as well (`idle_in_transaction_session_timeout`), and alert on
//! the lag: [`PostgresStore::feed_lag`], or with the feature `metrics` the gauges
//! `parlor_feed_hidden_events` and `parlor_feed_lag_seconds`. Copies made by `pg_dump` may be restored into any cluster, while no store is open on it.
//!
//! The schema is in `migrations/`, and every statement that is ever run on rows and events in
//! `sql/statements.sql`. A schema of one's own beside other tables is a matter of the user's
//! `search_path`.

#![forbid(unsafe_code)]

mod aggregate;
#[cfg(feature = "cluster")]
pub mod cluster;
mod copy;
mod database;
mod error;
mod feed;
mod locks;
mod migrations;
mod opening;
mod options;
mod reader;
mod receipt;
mod render;
mod routing;
mod statements;
mod store;
mod transaction;
mod value;
mod writer;

pub use error::OpenError;
pub use feed::FeedLag;
pub use options::Options;
pub use store::{PostgresStore, Stats};
