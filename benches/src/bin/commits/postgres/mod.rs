//! PostgreSQL: the store, and the way it is usually done, on one server that waits for its device.
//!
//! The same people join rooms of two copies of one database:
//!
//! - *grouped*: as the store does it. Everybody joins one room, then everybody a room of their own,
//!   in turns, so that whatever else happens on the machine happens to both;
//! - *classic*: a transaction a command on 32 connections, as [`mod@classic`] describes.
//!
//! Either way a join leaves a participant, a seat, a room's counter and an event. A lone client
//! does the same by itself. CPU time is that of this process and of all of the server's, so what
//! the server leaves for later (its background writers) counts as well. `pgbench` says what the
//! server is worth on this machine.

mod classic;
pub(crate) mod nodes;
mod server;

use std::sync::Arc;
use std::time::Duration;

use parlor_benches::clients::{self, Timed};
use parlor_benches::host::parlor;
use parlor_benches::postgres::{Server, options, pgbench};
use parlor_core::rooms::RoomId;
use parlor_storage_postgres::PostgresStore;

use self::classic::{Classic, SEQUENCE};
use self::server::Scene;
use crate::scene;
use crate::{Arguments, Result};

/// How many rooms are joined by everybody: one a turn, and three to begin with, to get warm, and to
/// be alone in.
const LARGE: usize = TURNS + 3;
/// How often the store's runs into one room and into distinct rooms take turns.
const TURNS: usize = 5;
/// How many commands make connections, plans and caches warm before anything is timed.
const WARM_UP: usize = 1_000;
/// How many commands a lone client sends.
const LONE: usize = 400;

/// What was measured.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    store: &'static str,
    commands: usize,
    clients: usize,
    ratio: f64,
    cpu_ratio: f64,
    p99_ratio: f64,
    one_room_ratio: f64,
    lone_p50_ratio: f64,
    grouped_per_s: f64,
    grouped_p50_us: f64,
    grouped_p99_us: f64,
    cpu_us: f64,
    commands_per_transaction: f64,
    distinct_per_s: f64,
    distinct_p99_us: f64,
    lone_p50_us: f64,
    classic_commands: usize,
    classic_per_s: f64,
    classic_p50_us: f64,
    classic_p99_us: f64,
    classic_cpu_us: f64,
    classic_distinct_per_s: f64,
    classic_distinct_p99_us: f64,
    classic_lone_p50_us: f64,
    pgbench_tps: Option<f64>,
    fsync_us: f64,
}

/// One run with what it cost.
struct Run {
    timed: Timed,
    commands: usize,
    cpu: Duration,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let (commands, clients) = (arguments.commands(30_000), arguments.clients(256));
    let few = arguments.single_commands(commands / 3).min(commands);
    let server = Server::start().await?;
    let scene = Scene::prepare(&server, commands, commands + LARGE, clients).await?;
    let [ours, theirs] = ["grouped", "classic"].map(|name| server.copy(&scene.url, name));
    server.cluster.sql(&theirs, SEQUENCE);

    let store = Arc::new(PostgresStore::connect_with(options(&ours)).await?);
    let grouped = grouped(&server, &store, &scene, clients).await?;
    store.stop().await;
    drop(store);
    let classic = classic(&server, &theirs, &scene, clients, few).await?;

    let one_room = grouped.one_room.iter().map(|it| it.timed.per_s);
    let distinct = grouped.distinct.iter().map(|it| it.timed.per_s);
    let one_room_ratio = median(one_room.clone().zip(distinct).map(|(one, many)| one / many));
    let grouped_per_s = median(one_room);
    let grouped_p99_us = median(grouped.one_room.iter().map(|it| it.timed.p99_us));
    let (cpu_us, classic_cpu_us) = (cpu_us(&grouped.one_room), cpu_us([&classic.one_room]));
    Ok(Report {
        store: "postgres",
        commands,
        clients,
        ratio: grouped_per_s / classic.one_room.timed.per_s,
        cpu_ratio: classic_cpu_us / cpu_us,
        p99_ratio: grouped_p99_us / classic.one_room.timed.p99_us,
        one_room_ratio,
        lone_p50_ratio: grouped.lone.p50_us / classic.lone.p50_us,
        grouped_per_s,
        grouped_p50_us: median(grouped.one_room.iter().map(|it| it.timed.p50_us)),
        grouped_p99_us,
        cpu_us,
        commands_per_transaction: grouped.commands_per_transaction,
        distinct_per_s: median(grouped.distinct.iter().map(|it| it.timed.per_s)),
        distinct_p99_us: median(grouped.distinct.iter().map(|it| it.timed.p99_us)),
        lone_p50_us: grouped.lone.p50_us,
        classic_commands: few,
        classic_per_s: classic.one_room.timed.per_s,
        classic_p50_us: classic.one_room.timed.p50_us,
        classic_p99_us: classic.one_room.timed.p99_us,
        classic_cpu_us,
        classic_distinct_per_s: classic.distinct.timed.per_s,
        classic_distinct_p99_us: classic.distinct.timed.p99_us,
        classic_lone_p50_us: classic.lone.p50_us,
        pgbench_tps: pgbench::tps(&server.cluster)?,
        fsync_us: server.fsync_us,
    })
}

/// The runs of the store.
struct Grouped {
    one_room: Vec<Run>,
    distinct: Vec<Run>,
    lone: Timed,
    commands_per_transaction: f64,
}

async fn grouped(
    server: &Server,
    store: &Arc<PostgresStore>,
    scene: &Scene,
    clients: usize,
) -> Result<Grouped> {
    let parlor = parlor(store.clone());
    let everybody = scene.guests.len();
    let (large, own) = scene.rooms.split_at(LARGE);
    let own: Arc<[RoomId]> = own.into();
    let join = |room: RoomId| {
        let (parlor, guests) = (parlor.clone(), scene.guests.clone());
        move |n: usize| scene::join(parlor.clone(), room, guests[n])
    };
    clients::run("warm-up", clients, WARM_UP.min(everybody), join(large[1])).await?;

    let (mut one_room, mut distinct, mut transactions) = (Vec::new(), Vec::new(), 0);
    for turn in 0..TURNS {
        let before = store.stats().transactions;
        let runs = timed(server, "grouped, one room", clients, everybody, join(large[3 + turn]));
        one_room.push(runs.await?);
        transactions += store.stats().transactions - before;

        let (parlor, guests, own) = (parlor.clone(), scene.guests.clone(), own.clone());
        // Each time a room where nobody has seen them yet.
        let join =
            move |n: usize| scene::join(parlor.clone(), own[(n + turn) % own.len()], guests[n]);
        distinct.push(timed(server, "grouped, distinct rooms", clients, everybody, join).await?);
    }
    let lone = clients::run("grouped, alone", 1, LONE.min(everybody), join(large[2]));
    let commands_per_transaction = (TURNS * everybody) as f64 / transactions as f64;
    Ok(Grouped { one_room, distinct, lone: lone.await?, commands_per_transaction })
}

/// The runs of the other way.
struct Ordinary {
    one_room: Run,
    distinct: Run,
    lone: Timed,
}

async fn classic(
    server: &Server,
    url: &str,
    scene: &Scene,
    clients: usize,
    commands: usize,
) -> Result<Ordinary> {
    let connections = Classic::connect(url).await?;
    let join = |rooms: &[RoomId]| {
        let (connections, guests) = (connections.clone(), scene.guests.clone());
        let rooms: Arc<[RoomId]> = rooms.into();
        move |n: usize| {
            let (connections, room, guest) =
                (connections.clone(), rooms[n % rooms.len()], guests[n]);
            async move { connections.join(room, guest).await }
        }
    };
    let (large, own) = scene.rooms.split_at(LARGE);
    clients::run("warm-up", clients, WARM_UP.min(commands), join(&large[1..2])).await?;
    let one_room = timed(server, "classic, one room", clients, commands, join(&large[3..4]));
    let one_room = one_room.await?;
    let distinct = timed(server, "classic, distinct rooms", clients, commands, join(own)).await?;
    let lone = clients::run("classic, alone", 1, LONE.min(commands), join(&large[2..3]));
    Ok(Ordinary { one_room, distinct, lone: lone.await? })
}

async fn timed<F: Future<Output = Result<()>> + Send>(
    server: &Server,
    name: &'static str,
    clients: usize,
    commands: usize,
    join: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Result<Run> {
    server.settle();
    let before = server.processes.used()?;
    let timed = clients::run(name, clients, commands, join).await?;
    Ok(Run { timed, commands, cpu: server.processes.used()? - before })
}

/// Of one command.
fn cpu_us<'r>(runs: impl IntoIterator<Item = &'r Run> + Clone) -> f64 {
    let all: Duration = runs.clone().into_iter().map(|run| run.cpu).sum();
    all.as_secs_f64() * 1e6 / runs.into_iter().map(|run| run.commands).sum::<usize>() as f64
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}

pub(crate) fn print_table(report: &Report) {
    let Report { commands, classic_commands, clients, .. } = report;
    println!("PostgreSQL at default durability: joins by {clients} clients");
    println!("({commands} a run of the store, {classic_commands} a run of the classic way)");
    println!();
    println!("  {:<44} {:>10} {:>10} {:>7}", "", "grouped", "classic", "");
    let row = |name: &str, grouped: f64, classic: f64, ratio: f64| {
        println!("  {name:<44} {grouped:>10.0} {classic:>10.0} {ratio:>7.2}");
    };
    row("one room, a second", report.grouped_per_s, report.classic_per_s, report.ratio);
    let p50_ratio = report.grouped_p50_us / report.classic_p50_us;
    row("one room, p50 in µs", report.grouped_p50_us, report.classic_p50_us, p50_ratio);
    row("one room, p99 in µs", report.grouped_p99_us, report.classic_p99_us, report.p99_ratio);
    row("one room, CPU a command in µs", report.cpu_us, report.classic_cpu_us, report.cpu_ratio);
    let ratio = report.distinct_per_s / report.classic_distinct_per_s;
    row("distinct rooms, a second", report.distinct_per_s, report.classic_distinct_per_s, ratio);
    let p99_ratio = report.distinct_p99_us / report.classic_distinct_p99_us;
    let (grouped, classic) = (report.distinct_p99_us, report.classic_distinct_p99_us);
    row("distinct rooms, p99 in µs", grouped, classic, p99_ratio);
    let (grouped, classic) = (report.lone_p50_us, report.classic_lone_p50_us);
    row("a lone client, p50 in µs", grouped, classic, report.lone_p50_ratio);
    println!();
    println!("  {:<44} {:>10.2}", "one room against distinct rooms", report.one_room_ratio);
    println!("  {:<44} {:>10.1}", "commands a transaction", report.commands_per_transaction);
    match report.pgbench_tps {
        Some(tps) => println!("  {:<44} {tps:>10.0}", "pgbench, TPC-B, 32 clients, a second"),
        None => println!("  {:<44} {:>10}", "pgbench", "missing"),
    }
    println!("  {:<44} {:>10.0}", "fdatasync of a small append, in µs", report.fsync_us);
}
