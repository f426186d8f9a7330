//! SQLite, WAL, `synchronous=FULL`.
//!
//! One transaction a transfer is done in three ways: on a pool of connections and by hand, as
//! [`naive`] describes, and by the same store held to one command a transaction, so that nothing but
//! the grouping differs.

pub(crate) mod naive;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use parlor_benches::device::fsync_us;
use parlor_benches::host::parlor;
use parlor_benches::{Result, clients};
use parlor_core::engine::Parlor;
use parlor_storage_sqlite::{Options, SqliteStore};

use self::naive::Naive;
use crate::Arguments;
use crate::course::{Clockwork, MANY, TURNS, WARM_UP, WORKLOADS, few, timed};
use crate::report::{About, Cost, Figures, Report};
use crate::rival::Program;
use crate::scene::{self, Book, Workload};

/// How many connections a pool has, as on PostgreSQL.
const POOL: usize = 32;

/// This process alone does the work.
struct Own;

impl Clockwork for Own {
    fn used(&self) -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Duration::from_micros(micros.unsigned_abs()))
    }
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let beside = || std::env::current_exe().ok()?.parent().map(Path::to_path_buf);
    let dir = arguments.dir.clone().or_else(beside).ok_or("give a directory with --dir")?;
    let dir = tempfile::Builder::new().prefix("ledger-").tempdir_in(dir)?;
    let rival = (!arguments.no_rival).then(Program::build).transpose()?;
    let (accounts, transfers) = (arguments.accounts as usize, arguments.transfers as usize);
    let fsync_us = fsync_us(dir.path())?;
    let start = dir.path().join("start.db");
    let books = {
        let parlor = parlor(Arc::new(SqliteStore::open(&start)?));
        scene::open(&parlor, accounts).await?
    };

    let mut all = Vec::new();
    let (mut transactions, mut made) = (0, 0);
    for workload in WORKLOADS {
        let files =
            ["", "-naive", "-by-hand", "-single"].map(|how| format!("{}{how}.db", workload.name()));
        let files = files.map(|name| dir.path().join(name));
        for file in &files {
            fs::copy(&start, file)?;
        }
        let run = run(&files, &books, workload, transfers).await?;
        transactions += run.transactions;
        made += run.transfers;
        let mut figures = run.figures;
        if let Some(program) = &rival {
            let database = dir.path().join(format!("{}-doubleentry.db", workload.name()));
            let database = database.to_str().ok_or("the path is text")?;
            figures.doubleentry = Some(program.run("sqlite", database, workload, accounts)?);
        }
        all.push(figures);
    }
    let transfers_per_transaction = made as f64 / transactions as f64;
    let about = About {
        store: "sqlite",
        accounts,
        transfers,
        transfers_per_transaction,
        pgbench_tps: None,
        fsync_us,
    };
    Ok(Report::new(about, all[0], all[1]))
}

/// The runs of one workload.
struct Run {
    figures: Figures,
    transfers: usize,
    transactions: u64,
}

async fn run(
    [ours, naive, by_hand, single]: &[PathBuf; 4],
    [sealed, unsealed]: &[Book; 2],
    workload: Workload,
    transfers: usize,
) -> Result<Run> {
    let store = Arc::new(SqliteStore::open(ours)?);
    let one = Options { batch_max: 1, ..Options::default() };
    let alone = parlor(Arc::new(SqliteStore::open_with(single, one)?));
    let together = parlor(store.clone());
    let through = |parlor: &Parlor, book: &Book| {
        let (parlor, book) = (parlor.clone(), book.clone());
        move |n: usize| scene::tip(parlor.clone(), book.clone(), workload, n)
    };
    let tip = |book: &Book| through(&together, book);
    let single = through(&alone, sealed);
    let plainly = |naive: Arc<Naive>| {
        let book = sealed.clone();
        move |n: usize| naive.clone().tip(book.clone(), workload, n)
    };
    let pooled = plainly(Naive::open(naive, POOL)?);
    let by_hand = plainly(Naive::open(by_hand, 1)?);
    clients::run("warm-up", MANY, WARM_UP, tip(sealed)).await?;
    clients::run("warm-up, a transaction each", MANY, WARM_UP / 4, pooled.clone()).await?;
    clients::run("warm-up, by hand", MANY, WARM_UP / 4, by_hand.clone()).await?;
    clients::run("warm-up, held to one", MANY, WARM_UP / 4, single.clone()).await?;

    let (mut with, mut without) = (Vec::new(), Vec::new());
    let (mut each, mut hand, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let (mut transactions, mut made) = (0, 0);
    for _ in 0..TURNS {
        let before = store.stats().transactions;
        with.push(timed(&Own, "sealed", MANY, transfers, tip(sealed)).await?);
        transactions += store.stats().transactions - before;
        made += transfers;
        without.push(timed(&Own, "not sealed", MANY, transfers, tip(unsealed)).await?);
        let some = transfers / 10;
        each.push(timed(&Own, "a transaction each", MANY, some, pooled.clone()).await?);
        hand.push(timed(&Own, "the same by hand", MANY, some, by_hand.clone()).await?);
        held.push(timed(&Own, "held to one", MANY, some, single.clone()).await?);
    }
    let names = ["one client", "16 clients"];
    let ledger_few = few(&Own, names, transfers, tip(sealed)).await?;
    let names = ["a transaction each, one client", "a transaction each, 16 clients"];
    let naive_few = few(&Own, names, transfers / 10, pooled).await?;
    let figures = Figures {
        ledger: Cost::median(&with),
        ledger_few,
        unsealed: Cost::median(&without),
        naive: Cost::median(&each),
        naive_few,
        by_hand: Some(Cost::median(&hand)),
        held_to_one: Some(Cost::median(&held)),
        doubleentry: None,
    };
    Ok(Run { figures, transfers: made, transactions })
}
