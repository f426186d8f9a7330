//! How many transfers a second the ledger takes, and what each costs.
//!
//! Amounts go between 10,000 accounts (*uniform*), or out of one into all others (*hot*), each by a
//! transaction of its own, from many clients at once. Beside it, in the same run:
//!
//! - one transaction of the database a transfer, as [`sqlite::naive`] and [`postgres::naive`]
//!   describe: the same rows in the same tables, without the tree over the log;
//! - the same ledger with an asset that is not sealed, which tells what sealing costs;
//! - `doubleentry`, another ledger to embed, by a program of its own workspace: [`rival`];
//! - `pgbench`, which says what a PostgreSQL server is worth on this machine.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

mod course;
mod postgres;
mod report;
mod rival;
mod scene;
mod sqlite;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use parlor_benches::Result;

/// Measures how many transfers a second the ledger takes.
#[derive(Debug, Parser)]
struct Arguments {
    /// The store to measure.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    store: Backend,
    /// How many transfers a run of 256 clients makes.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    transfers: u32,
    /// How many accounts there are.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    accounts: u32,
    /// Leaves out the other ledger, which has to be built first.
    #[arg(long)]
    no_rival: bool,
    /// Where the database of SQLite goes: on a real disk. By default beside this program.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Ends with one JSON object on a line of its own.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = match arguments.store {
        Backend::Sqlite => runtime.block_on(sqlite::measure(&arguments))?,
        Backend::Postgres => runtime.block_on(postgres::measure(&arguments))?,
    };
    report.print_table();
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
