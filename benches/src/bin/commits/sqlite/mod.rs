//! SQLite: everybody joins one room, in three ways.
//!
//! - *grouped*: as the store does it, with commands that wait together committed together;
//! - *single*: the same store held to one command a transaction;
//! - *limit*: a bare loop that writes the very rows the grouped run left, by prepared statements,
//!   in transactions of the same size, and reads and decides nothing.

mod limit;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use parlor_benches::clients::{self, Timed};
use parlor_benches::device::fsync_us;
use parlor_benches::host::parlor;
use parlor_core::identity::UserId;
use parlor_core::rooms::RoomId;
use parlor_storage_sqlite::{Options, SqliteStore};

use crate::scene;
use crate::{Arguments, Result};

/// What was measured.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
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

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let beside = || std::env::current_exe().ok()?.parent().map(Path::to_path_buf);
    let dir = arguments.dir.clone().or_else(beside).ok_or("give a directory with --dir")?;
    let dir = tempfile::Builder::new().prefix("commits-").tempdir_in(dir)?;
    let (commands, clients) = (arguments.commands(50_000), arguments.clients(64));
    let fsync_us = fsync_us(dir.path())?;

    let file = |name: &str| dir.path().join(name);
    let (start, grouped, single) = (file("start.db"), file("grouped.db"), file("single.db"));
    let (room, guests) = prepare(&start, commands, clients).await?;
    fs::copy(&start, &grouped)?;
    fs::copy(&start, &single)?;

    let options = Options::default();
    let (timed, size) = run(&grouped, options, "grouped", room, &guests, clients).await?;
    let few = arguments.single_commands(commands / 10).min(commands);
    let one = Options { batch_max: 1, ..Options::default() };
    let (alone, _) = run(&single, one, "single", room, &guests[..few], clients).await?;

    let limit_per_s = limit::run(&start, &grouped, commands, size.round().max(1.0) as usize)?;
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
        commands_per_transaction: size,
        fsync_us,
        limit_per_s,
        limit_ratio: timed.per_s / limit_per_s,
    })
}

/// A room that is large enough, and those who will join it.
async fn prepare(path: &Path, guests: usize, clients: usize) -> Result<(RoomId, Vec<UserId>)> {
    let parlor = parlor(Arc::new(SqliteStore::open(path)?));
    let owner = parlor.sign_up_guest("Host").await?.user;
    let room = scene::rooms(&parlor, owner, 1, 1).await?[0];
    Ok((room, scene::guests(&parlor, guests, clients).await?))
}

/// Everybody joins. Also says how many commands a transaction had.
async fn run(
    path: &Path,
    options: Options,
    name: &'static str,
    room: RoomId,
    guests: &[UserId],
    clients: usize,
) -> Result<(Timed, f64)> {
    let store = Arc::new(SqliteStore::open_with(path, options)?);
    let parlor = parlor(store.clone());
    let count = guests.len();
    let guests: Arc<[UserId]> = guests.into();
    let before = store.stats();
    let join = move |n: usize| scene::join(parlor.clone(), room, guests[n]);
    let timed = clients::run(name, clients, count, join).await?;
    let transactions = store.stats().transactions - before.transactions;
    Ok((timed, count as f64 / transactions as f64))
}

pub(crate) fn print_table(report: &Report) {
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
