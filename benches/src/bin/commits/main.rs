//! How many commands a second become durable, and what that is worth.
//!
//! Distinct guests join one room, each by a command of its own, from many clients at once. The
//! same is measured three ways:
//!
//! - *grouped*: as the store does it, with commands that wait together committed together;
//! - *single*: the same store held to one command a transaction;
//! - *limit*: a bare loop that writes the very rows the grouped run left, by prepared statements,
//!   in transactions of the same size, and reads and decides nothing.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

mod limit;

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, ValueEnum};
use parlor_core::Uuid;
use parlor_core::engine::{Parlor, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::{AuthSessionId, UserId};
use parlor_core::record::Timestamp;
use parlor_core::rooms::{Create, Join, RoomId, StageMode};
use parlor_storage_sqlite::{Options, SqliteStore};
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures how many commands a second become durable.
#[derive(Debug, Parser)]
struct Arguments {
    /// The store to measure.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    store: Backend,
    /// How many commands the grouped run carries out.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    commands: u32,
    /// How many of them are carried out one a transaction; by default a tenth.
    #[arg(long)]
    single_commands: Option<u32>,
    /// How many clients wait for an answer at any moment.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: u16,
    /// Where the database goes: on a real disk. By default beside this program.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Ends with one JSON object on a line of its own.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Backend {
    Sqlite,
}

/// What was measured.
#[derive(Debug, serde::Serialize)]
struct Report {
    store: &'static str,
    synchronous: &'static str,
    commands: usize,
    clients: usize,
    grouped_per_s: f64,
    grouped_p50_us: f64,
    grouped_p99_us: f64,
    single_per_s: f64,
    ratio: f64,
    commands_per_transaction: f64,
    fsync_us: f64,
    limit_per_s: f64,
    limit_ratio: f64,
}

/// One timed run.
struct Timed {
    per_s: f64,
    commands_per_transaction: f64,
    p50_us: f64,
    p99_us: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let beside = || std::env::current_exe().ok()?.parent().map(Path::to_path_buf);
    let dir = arguments.dir.clone().or_else(beside).ok_or("give a directory with --dir")?;
    let dir = tempfile::Builder::new().prefix("commits-").tempdir_in(dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&arguments, dir.path()))?;
    print_table(&report);
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

async fn measure(arguments: &Arguments, dir: &Path) -> Result<Report> {
    let Backend::Sqlite = arguments.store;
    let (commands, clients) = (arguments.commands as usize, usize::from(arguments.clients));
    let fsync_us = fsync_us(dir)?;
    eprintln!("a small append is on the device after {fsync_us:.0} µs");

    let (start, grouped, single) =
        (dir.join("start.db"), dir.join("grouped.db"), dir.join("single.db"));
    let (room, guests) = prepare(&start, commands, clients).await?;
    fs::copy(&start, &grouped)?;
    fs::copy(&start, &single)?;

    let timed = run(&grouped, Options::default(), "grouped", room, &guests, clients).await?;
    let few = arguments.single_commands.unwrap_or(arguments.commands / 10).max(1) as usize;
    let one = Options { batch_max: 1, ..Options::default() };
    let some = &guests[..few.min(guests.len())];
    let alone = run(&single, one, "single", room, some, clients).await?;

    let size = timed.commands_per_transaction.round().max(1.0) as usize;
    let limit_per_s = limit::run(&start, &grouped, commands, size)?;
    eprintln!("limit: {limit_per_s:.0} a second");
    Ok(Report {
        store: "sqlite",
        synchronous: "full",
        commands,
        clients,
        grouped_per_s: timed.per_s,
        grouped_p50_us: timed.p50_us,
        grouped_p99_us: timed.p99_us,
        single_per_s: alone.per_s,
        ratio: timed.per_s / alone.per_s,
        commands_per_transaction: timed.commands_per_transaction,
        fsync_us,
        limit_per_s,
        limit_ratio: timed.per_s / limit_per_s,
    })
}

/// A room that is large enough, and those who will join it.
async fn prepare(path: &Path, guests: usize, clients: usize) -> Result<(RoomId, Vec<UserId>)> {
    eprintln!("{guests} guests sign up");
    let parlor = parlor(Arc::new(SqliteStore::open(path)?));
    let owner = parlor.sign_up_guest("Host").await?.user;
    let create = Create {
        name: "Everybody".into(),
        description: String::new(),
        max_participants: Some(100_000),
        stage_mode: StageMode::OpenFloor,
    };
    let room = parlor.execute(actor(owner), create).await?.room;

    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (parlor, next) = (parlor.clone(), next.clone());
        tasks.spawn(async move {
            let mut made = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= guests {
                    return Result::Ok(made);
                }
                made.push(parlor.sign_up_guest(&format!("Guest {n}")).await?.user);
            }
        });
    }
    let mut users = Vec::with_capacity(guests);
    while let Some(made) = tasks.join_next().await {
        users.extend(made??);
    }
    // They will join in the order in which they signed up: ids grow with time.
    users.sort_unstable();
    Ok((room, users))
}

/// Everybody joins.
async fn run(
    path: &Path,
    options: Options,
    name: &'static str,
    room: RoomId,
    guests: &[UserId],
    clients: usize,
) -> Result<Timed> {
    let store = Arc::new(SqliteStore::open_with(path, options)?);
    let parlor = parlor(store.clone());
    let guests: Arc<[UserId]> = guests.into();
    let next = Arc::new(AtomicUsize::new(0));
    let before = store.stats();
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (parlor, next, guests) = (parlor.clone(), next.clone(), guests.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            while let Some(&guest) = guests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                parlor.execute(actor(guest), Join { room }).await?;
                took.push(sent.elapsed());
            }
            Result::Ok(took)
        });
    }
    let progress = tokio::spawn(report_progress(name, next, guests.len()));
    let mut took = Vec::with_capacity(guests.len());
    while let Some(some) = tasks.join_next().await {
        took.extend(some??);
    }
    let elapsed = begin.elapsed();
    progress.abort();

    let stats = store.stats();
    let transactions = stats.transactions - before.transactions;
    let per_s = guests.len() as f64 / elapsed.as_secs_f64();
    eprintln!("{name}: {per_s:.0} a second");
    took.sort_unstable();
    let at = |share: f64| took[(took.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    Ok(Timed {
        per_s,
        commands_per_transaction: guests.len() as f64 / transactions as f64,
        p50_us: at(0.5),
        p99_us: at(0.99),
    })
}

async fn report_progress(name: &'static str, next: Arc<AtomicUsize>, all: usize) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        eprintln!("{name}: {} of {all}", next.load(Ordering::Relaxed).min(all));
    }
}

fn parlor(store: Arc<SqliteStore>) -> Parlor {
    let now = || Timestamp::from(SystemTime::now());
    let entropy = || {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system gives entropy");
        seed
    };
    Parlor::with_settings(store, now, entropy, Settings::default())
}

fn actor(user: UserId) -> Actor {
    Actor::User { user, session: AuthSessionId(Uuid::nil()) }
}

/// The median time of an append of 4 KiB with `fdatasync`.
fn fsync_us(dir: &Path) -> Result<f64> {
    let mut file = File::create(dir.join("fsync"))?;
    let mut took = Vec::new();
    for _ in 0..301 {
        let begin = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begin.elapsed());
    }
    took.sort_unstable();
    Ok(took[took.len() / 2].as_secs_f64() * 1e6)
}

fn print_table(report: &Report) {
    let Report { commands, clients, .. } = report;
    println!("SQLite, WAL, synchronous=FULL: {commands} joins into one room by {clients} clients");
    println!();
    println!("  {:<44} {:>10.0}", "grouped, commands a second", report.grouped_per_s);
    println!("  {:<44} {:>10.0}", "grouped, p50 in µs", report.grouped_p50_us);
    println!("  {:<44} {:>10.0}", "grouped, p99 in µs", report.grouped_p99_us);
    println!(
        "  {:<44} {:>10.1}",
        "grouped, commands a transaction", report.commands_per_transaction
    );
    println!("  {:<44} {:>10.0}", "one command a transaction, a second", report.single_per_s);
    println!("  {:<44} {:>10.1}", "grouped against single", report.ratio);
    println!("  {:<44} {:>10.0}", "bare loop writing the same rows, a second", report.limit_per_s);
    println!("  {:<44} {:>10.2}", "grouped against the bare loop", report.limit_ratio);
    println!("  {:<44} {:>10.0}", "fdatasync of a small append, in µs", report.fsync_us);
}
