//! How many transfers a second become durable in the ledger `doubleentry`, as fast as it documents.
//!
//! Many clients each move the smallest amount from one account to another, and wait until that is
//! durable before they go on. Accounts may not be overdrawn; they are opened and funded before the
//! clock starts, and afterwards every balance is compared with what the clients were told.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod books;
mod clients;
mod poster;
mod stores;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use doubleentry::store::Store;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

use self::books::Books;
use self::clients::{Clients, Workload};
use self::poster::{Calls, Poster};

/// Measures transfers in `doubleentry`, and prints one JSON object.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the ledger is kept.
    #[arg(long, value_enum)]
    store: Backend,
    /// An empty database: the path of a file of SQLite, or the URL of a database of PostgreSQL.
    #[arg(long)]
    database: String,
    /// How many clients wait for an answer at any moment.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: u16,
    /// How many accounts there are.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    accounts: u32,
    /// Who pays whom.
    #[arg(long, value_enum, default_value_t = Workload::Uniform)]
    workload: Workload,
    /// How long the clock runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    /// By which call transfers are posted.
    #[arg(long, value_enum, default_value_t = Calls::Batch)]
    calls: Calls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Backend {
    Sqlite,
    Postgres,
}

/// What was measured.
#[derive(Debug, serde::Serialize)]
struct Report {
    store: Backend,
    workload: Workload,
    clients: u16,
    transfers: u64,
    seconds: f64,
    transfers_per_second: f64,
    /// Of this process; a server's own is not in it.
    cpu_us_per_transfer: f64,
    mode: String,
}

// One thread: more of them make batches smaller, and nothing faster. SQLite has one of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let report = match arguments.store {
        Backend::Sqlite => measure(&arguments, stores::sqlite(&arguments.database).await?).await?,
        Backend::Postgres => {
            stores::refuse_unless_durable(&arguments.database).await?;
            measure(&arguments, stores::postgres(&arguments.database).await?).await?
        }
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

async fn measure<S: Store>(arguments: &Arguments, store: S) -> anyhow::Result<Report> {
    let Arguments { store: backend, ref database, clients, workload, calls, .. } = *arguments;
    let books = Books::open(store, arguments.accounts).await?;
    let poster = Poster::new(calls, books.ledger.clone(), drafts_max(backend));
    let all = Clients::new(&books, poster, clients, workload);

    all.run("first", WARM_UP).await?;
    if backend == Backend::Postgres {
        stores::analyze(database).await?;
    }
    all.run("second", WARM_UP).await?;

    let before = cpu()?;
    let run = all.run("timed", Duration::from_secs(arguments.seconds.into())).await?;
    let used = cpu()? - before;
    books.check(&all.moved()).await?;

    let (transfers, seconds) = (run.transfers, run.took.as_secs_f64());
    Ok(Report {
        store: backend,
        workload,
        clients,
        transfers,
        seconds,
        transfers_per_second: transfers as f64 / seconds,
        cpu_us_per_transfer: used.num_microseconds() as f64 / transfers as f64,
        mode: mode(backend, calls),
    })
}

/// How long connections, plans and caches get warm: once before the server looks at how large its
/// tables are, and once after it.
const WARM_UP: Duration = Duration::from_secs(1);

/// How many transfers are fastest in one batch. In SQLite larger ones lose what they save: the time
/// to bind a statement's parameters by their names grows with their square.
fn drafts_max(store: Backend) -> usize {
    match store {
        Backend::Sqlite => 64,
        Backend::Postgres => 256,
    }
}

fn mode(store: Backend, calls: Calls) -> String {
    let durable = match store {
        Backend::Sqlite => "SQLite with WAL and synchronous=FULL",
        Backend::Postgres => "PostgreSQL with synchronous_commit on, after VACUUM ANALYZE",
    };
    match calls {
        Calls::Batch => format!(
            "Ledger::record_batch, by a collector that posts what waits, up to {} transfers, as \
             one atomic batch in one transaction; {durable}",
            drafts_max(store)
        ),
        Calls::Single => {
            format!("Ledger::record, by every client, one transfer a transaction; {durable}")
        }
    }
}

/// What this process has used so far, in user mode and in the kernel.
fn cpu() -> anyhow::Result<TimeVal> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(usage.user_time() + usage.system_time())
}
