//! What the harnesses share: clients, the device, a PostgreSQL server of one's own.

#![expect(clippy::print_stderr, reason = "progress goes to the terminal")]

pub mod clients;
pub mod device;
pub mod host;
pub mod postgres;

/// What a harness ends with.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
