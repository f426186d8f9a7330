//! A PostgreSQL server for a run, what it costs, and what it is worth.

pub mod id;
pub mod pgbench;
mod processes;
mod server;

pub use processes::Processes;
pub use server::{Server, options};
