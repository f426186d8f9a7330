//! Many nodes, one room, and somebody who owns what all of them share.
//!
//! Each node is a store of its own in this process, with its own connections, queues and threads,
//! as it would be on a machine of its own: stores of one process know nothing of each other. In
//! processes of their own they would only have to agree on when to begin.
//!
//! Clients of all nodes join the room without a pause. Each join shares the room's row. A moderator
//! on one node locks the room and unlocks it at once, which owns it, over and over with a short
//! rest; whoever is refused meanwhile comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parlor_benches::clients::percentiles;
use parlor_benches::host::parlor;
use parlor_benches::postgres::{Server, options};
use parlor_core::engine::{Error, Parlor};
use parlor_core::rooms::{Join, Lock, Refusal, RoomId, Unlock};
use parlor_storage_postgres::PostgresStore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::server::Scene;
use crate::scene::actor;
use crate::{Arguments, Result};

/// How long they join.
const LASTS: Duration = Duration::from_secs(8);
/// How long nodes have to themselves before the moderator begins.
const ALONE: Duration = Duration::from_millis(500);
/// How long the moderator rests between two pairs of commands.
const REST: Duration = Duration::from_millis(15);

/// What was measured.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    store: &'static str,
    nodes: usize,
    clients: usize,
    owner_p99_us: f64,
    owner_p50_us: f64,
    owner_commands: usize,
    joins: usize,
    joins_per_s: f64,
    join_p50_us: f64,
    join_p99_us: f64,
    refused: u64,
    commands_per_transaction: f64,
    retries: u64,
    fsync_us: f64,
}

/// What everybody sees.
struct Crowd {
    scene: Scene,
    room: RoomId,
    next: AtomicUsize,
    refused: AtomicU64,
    is_over: AtomicBool,
}

pub(crate) async fn measure(arguments: &Arguments, nodes: usize) -> Result<Report> {
    let clients = arguments.clients(256);
    let server = Server::start().await?;
    let scene = Scene::prepare(&server, arguments.commands(99_000), 2, clients).await?;
    let mut stores = Vec::new();
    for _ in 0..nodes {
        stores.push(Arc::new(PostgresStore::connect_with(options(&scene.url)).await?));
    }
    server.settle();
    let parlors: Vec<Parlor> = stores.iter().map(|store| parlor(store.clone())).collect();
    let (next, refused, is_over) = Default::default();
    let room = scene.rooms[1];
    let crowd = Arc::new(Crowd { scene, room, next, refused, is_over });

    eprintln!("{clients} clients of {nodes} nodes join");
    let begin = Instant::now();
    let mut joining = JoinSet::new();
    for n in 0..clients {
        joining.spawn(join(parlors[n % nodes].clone(), crowd.clone()));
    }
    sleep(ALONE).await;
    let mut owned = moderate(&parlors[0], &crowd, begin + LASTS).await?;
    let joins = crowd.next.load(Ordering::Relaxed).min(crowd.scene.guests.len());
    let elapsed = begin.elapsed();
    crowd.is_over.store(true, Ordering::Relaxed);
    let mut joined = Vec::new();
    while let Some(some) = joining.join_next().await {
        joined.extend(some??);
    }

    let stats = stores.iter().map(|store| store.stats());
    let (mut commands, mut transactions, mut retries) = (0, 0, 0);
    for stats in stats {
        commands += stats.commands;
        transactions += stats.transactions;
        retries += stats.retries;
    }
    let [owner_p50_us, owner_p99_us] = percentiles(&mut owned);
    let [join_p50_us, join_p99_us] = percentiles(&mut joined);
    Ok(Report {
        store: "postgres",
        nodes,
        clients,
        owner_p99_us,
        owner_p50_us,
        owner_commands: owned.len(),
        joins,
        joins_per_s: joins as f64 / elapsed.as_secs_f64(),
        join_p50_us,
        join_p99_us,
        refused: crowd.refused.load(Ordering::Relaxed),
        commands_per_transaction: commands as f64 / transactions as f64,
        retries,
        fsync_us: server.fsync_us,
    })
}

/// One client: one guest after the other, each until they are in.
async fn join(parlor: Parlor, crowd: Arc<Crowd>) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    while !crowd.is_over.load(Ordering::Relaxed)
        && let Some(guest) = crowd.scene.guests.get(crowd.next.fetch_add(1, Ordering::Relaxed))
    {
        loop {
            let sent = Instant::now();
            match parlor.execute(actor(*guest), Join { room: crowd.room }).await {
                Ok(_) => {
                    took.push(sent.elapsed());
                    break;
                }
                Err(Error::Refused(Refusal::Locked)) => {
                    crowd.refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(took)
}

/// The moderator, until the time has come or everybody is in. How long each command took.
async fn moderate(parlor: &Parlor, crowd: &Crowd, until: Instant) -> Result<Vec<Duration>> {
    let (host, room) = (actor(crowd.scene.owner), crowd.room);
    let mut took = Vec::new();
    while Instant::now() < until && crowd.next.load(Ordering::Relaxed) < crowd.scene.guests.len() {
        let sent = Instant::now();
        parlor.execute(host, Lock { room }).await?;
        let locked = Instant::now();
        parlor.execute(host, Unlock { room }).await?;
        took.extend([locked - sent, locked.elapsed()]);
        sleep(REST).await;
    }
    eprintln!("the moderator has owned the room {} times", took.len());
    Ok(took)
}

pub(crate) fn print_table(report: &Report) {
    let Report { nodes, clients, .. } = report;
    println!(
        "PostgreSQL: {clients} clients of {nodes} nodes join one room, which a moderator owns"
    );
    println!();
    println!("  {:<44} {:>10.0}", "owner's commands, p50 in µs", report.owner_p50_us);
    println!("  {:<44} {:>10.0}", "owner's commands, p99 in µs", report.owner_p99_us);
    println!("  {:<44} {:>10}", "owner's commands", report.owner_commands);
    println!("  {:<44} {:>10.0}", "joins a second", report.joins_per_s);
    println!("  {:<44} {:>10.0}", "joins, p50 in µs", report.join_p50_us);
    println!("  {:<44} {:>10.0}", "joins, p99 in µs", report.join_p99_us);
    println!("  {:<44} {:>10}", "joins that found the room locked", report.refused);
    println!("  {:<44} {:>10.1}", "commands a transaction", report.commands_per_transaction);
    println!("  {:<44} {:>10}", "transactions that were tried again", report.retries);
    println!("  {:<44} {:>10.0}", "fdatasync of a small append, in µs", report.fsync_us);
}
