//! Money in many nodes on one database, whose processes and server are killed under load and whose
//! commits are cut: what was acknowledged stays as it was said, what was not can be asked again, and
//! the audit finds nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use parlor_core::conformance::bank::{self, Answers, Call, Told};
use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on, threads};
use parlor_core::economy::ledger::Transfer;
use parlor_core::engine::{Clock, Parlor, Settings};
use parlor_core::record::Timestamp;
use parlor_core::storage::MemoryStore;
use parlor_storage_postgres::cluster::{Cluster, Durability, not_run};
use parlor_storage_postgres::{Options, PostgresStore};

use crate::proxy::{Cut, Proxy};

const BEGIN: Timestamp = World::<MemoryStore>::BEGIN;
const HOUR: Duration = Duration::from_secs(60 * 60);
const ROUNDS: u32 = 3;
/// How long nobody gets through, where that is tried: longer than an impatient node asks what became
/// of a commit. Nothing is measured by it.
const OUTAGE: Duration = Duration::from_millis(400);
/// The test that starts itself again.
const TEST: &str = "bank::money_outlives_a_process_that_is_killed_while_others_go_on";
const URL: &str = "PARLOR_BANK_URL";
const ROUND: &str = "PARLOR_BANK_ROUND";

/// `.ci/full` asks for more. After a week of such hours refusals would be forgotten.
fn rounds() -> u32 {
    let rounds = std::env::var("PARLOR_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok());
    rounds.unwrap_or(ROUNDS).min(100)
}

/// A node on a store of its own. The seed tells its entropy from that of others.
fn node(options: Options, clock: impl Clock, seed: u32) -> Parlor {
    let store = block_on(PostgresStore::connect_with(options)).expect("it opens");
    let entropy = SeededEntropy::new(seed.into());
    Parlor::with_settings(Arc::new(store), clock, entropy, Settings::default())
}

/// Runs from the round's own hour on, and so fast that holds expire in the midst of it.
fn fast_clock(round: u32) -> impl Clock {
    let (begin, started) = (BEGIN + HOUR * round, Instant::now());
    move || begin + started.elapsed() * 40
}

/// The clock of whoever looks, half an hour after a round has begun.
fn later(round: u32) -> ManualClock {
    ManualClock::at(BEGIN + HOUR * round + HOUR / 2)
}

/// Asks everything since a round again, and looks: before, when nothing was asked again yet, and
/// after.
fn ask_again_and_check(parlor: &Parlor, round: u32, answers: &mut Answers) {
    answers.check(parlor);
    answers.retry(parlor, round);
    bank::expire(parlor);
    answers.check(parlor);
}

/// What the child does, until it is killed.
#[expect(clippy::print_stdout, reason = "the parent reads what it tells")]
fn work(url: &str, round: u32) {
    const CLIENTS: usize = 12;
    let options = Options { allow_unsafe_durability: true, ..Options::new(url) };
    let nodes = [0, 1].map(|n| node(options.clone(), fast_clock(round), 1_000 * round + n));
    // A client that panics is not to go unnoticed among the others.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        std::process::abort();
    }));
    // The test runner may have begun a line.
    println!();
    threads(CLIENTS, |client| {
        let calls = (0..).map(|n| Call { round, client: client as u32, n });
        bank::client(&nodes[client % 2], calls, |told| println!("{told}"));
    });
}

#[test]
fn money_outlives_a_process_that_is_killed_while_others_go_on() {
    let var = |name: &str| std::env::var(name).ok();
    if let (Some(url), Some(round)) = (var(URL), var(ROUND)) {
        return work(&url, round.parse().unwrap());
    }
    let cluster = Cluster::shared();
    let url = cluster.database();
    bank::open(&node(cluster.options(&url), ManualClock::at(BEGIN), 0));
    let mut answers = Answers::default();

    for round in 1..=rounds() {
        // Numbers from 100 on are the clients of a node that nobody kills.
        let survivor = node(cluster.options(&url), fast_clock(round), round);
        let (is_over, told) = (AtomicBool::new(false), Mutex::new(std::mem::take(&mut answers)));
        thread::scope(|scope| {
            for client in 100..104 {
                let calls = (0..).map(move |n| Call { round, client, n });
                let calls = calls.take_while(|_| !is_over.load(Ordering::Relaxed));
                let (survivor, told) = (&survivor, &told);
                let tell = move |it| told.lock().unwrap().add(it);
                scope.spawn(move || bank::client(survivor, calls, tell));
            }
            let killed = run_and_kill(&url, round, &told);
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(killed, Some(9), "round {round}: the child ended by itself");
        });
        answers = told.into_inner().unwrap();
        drop(survivor);
        ask_again_and_check(&node(cluster.options(&url), later(round), 100), round, &mut answers);
    }

    let [all, posted, refused] = answers.count();
    println!("{all} requests: {posted} posted, {refused} refused");
    assert!(posted + refused == all && posted > 200 && refused > 20, "{posted} + {refused}");
}

/// Lets a child work until it has told some answers, then kills it; adds what it said. Returns the
/// signal by which it ended.
fn run_and_kill(url: &str, round: u32, answers: &Mutex<Answers>) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(URL, url)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (mut lines, mut heard) = (Vec::new(), 0);
    for line in output.lines().map(Result::unwrap) {
        heard += u32::from(line.starts_with("answered"));
        if heard == 100 + 97 * (round % 8) {
            // SIGKILL, as soon as an answer is heard: what it stands on has to be there by now. What
            // is in the pipe already was acknowledged as well, and is read to its end.
            child.kill().unwrap();
        }
        lines.push(line);
    }
    let told = lines.iter().filter_map(|line| Told::read(line));
    told.for_each(|told| answers.lock().unwrap().add(told));
    child.wait().unwrap().signal()
}

#[test]
fn money_outlives_a_server_that_is_killed_or_stopped_at_once() {
    const CLIENTS: usize = 12;
    const EACH: u32 = 40;
    let cluster = &Cluster::start(Durability::Full).unwrap();
    let url = cluster.database();
    let nodes = [0, 1, 2].map(|n| node(cluster.options(&url), fast_clock(1), n));
    bank::open(&nodes[0]);
    let told = Mutex::new(Answers::default());

    thread::scope(|scope| {
        let (told, nodes, (answered, heard)) = (&told, &nodes, channel());
        let clients = (0..CLIENTS).map(|k| {
            let answered = answered.clone();
            scope.spawn(move || {
                let calls = (0..EACH).map(|n| Call { round: 1, client: k as u32, n });
                bank::client(&nodes[k % nodes.len()], calls, |it| {
                    let is_answer = matches!(it, Told::Answered(..));
                    told.lock().unwrap().add(it);
                    if is_answer {
                        answered.send(()).expect("it is listened to until all have ended");
                    }
                });
            })
        });
        let clients: Vec<_> = clients.collect();
        drop(answered);
        for stop in 1..=3 {
            // A quarter of all answers later: clients are at work.
            let more = heard.iter().take(CLIENTS * EACH as usize / 4).count();
            assert_eq!(more, CLIENTS * EACH as usize / 4, "before stop {stop}");
            // SIGKILL, or SIGQUIT: an immediate stop, with which a restart begins.
            if stop != 2 {
                cluster.kill();
            }
            cluster.restart().unwrap();
        }
        assert!(clients.into_iter().map(thread::ScopedJoinHandle::join).all(|it| it.is_ok()));
    });

    let mut answers = told.into_inner().unwrap();
    let [all, posted, refused] = answers.count();
    assert_eq!(posted + refused, CLIENTS * EACH as usize, "of {all}");
    ask_again_and_check(&node(cluster.options(&url), later(1), 100), 1, &mut answers);
}

#[test]
fn money_is_moved_once_though_commits_are_cut() {
    let cluster = Cluster::shared();
    let Some(socket) = cluster.socket() else { return not_run("the server is not ours") };
    let cuts = [Cut::Before, Cut::After, Cut::Meanwhile, Cut::AfterAndForEver];
    for cut in cuts.into_iter().chain([Cut::StalledBefore, Cut::StalledAfter]) {
        let url = cluster.database();
        let proxy = Proxy::start(socket.clone(), cut);
        let impatient = Options {
            doubt_max: Duration::from_millis(200),
            patience: Duration::from_millis(100),
            ..cluster.options(proxy.url(&url))
        };
        let through = match cut {
            Cut::AfterAndForEver => impatient,
            _ => cluster.options(proxy.url(&url)),
        };
        let nodes = [
            node(through.clone(), fast_clock(1), 0),
            node(through, fast_clock(1), 1),
            node(cluster.options(&url), fast_clock(1), 2),
        ];
        bank::open(&nodes[2]);
        let mut answers = Answers::default();
        proxy.begin();
        let (working, over) = channel::<()>();
        thread::scope(|scope| {
            if cut == Cut::AfterAndForEver {
                // The way is open again after a while, and closed by the next commit.
                let proxy = &proxy;
                scope.spawn(move || {
                    while over.recv_timeout(OUTAGE) == Err(RecvTimeoutError::Timeout) {
                        proxy.end();
                        proxy.begin();
                    }
                });
            }
            bank::work(&nodes, 1, 9, 20, &mut answers);
            drop(working);
        });
        assert!(proxy.cuts() >= 4, "{cut:?}: {} commits were cut", proxy.cuts());
        proxy.end();
        let [all, posted, refused] = answers.count();
        assert_eq!((all, posted + refused), (180, 180), "{cut:?}");
        ask_again_and_check(&node(cluster.options(&url), later(1), 100), 1, &mut answers);
    }
}

#[test]
fn of_320_debits_at_once_through_four_nodes_as_many_succeed_as_there_is_money() {
    let cluster = Cluster::shared();
    let url = cluster.database();
    let nodes = [0, 1, 2, 3].map(|n| node(cluster.options(&url), ManualClock::at(BEGIN), n));
    bank::open(&nodes[0]);
    (0..20).for_each(|run| bank::debits_at_once(&nodes, run));
    bank::audit(&nodes[0]);
}

#[test]
fn time_goes_on_in_the_ledger_though_clocks_step_back_and_differ() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (cluster, ahead) = (Cluster::shared(), BEGIN + DAY * 3);
    let url = cluster.database();
    let clock = ManualClock::at(ahead);
    let behind = ManualClock::at(BEGIN + DAY * 2);
    let nodes =
        [node(cluster.options(&url), clock.clone(), 0), node(cluster.options(&url), behind, 1)];
    bank::open(&nodes[0]);
    let mut answers = Answers::default();
    bank::work(&nodes, 1, 4, 20, &mut answers);
    clock.set(BEGIN + DAY);
    bank::work(&nodes, 2, 4, 20, &mut answers);
    answers.check(&nodes[0]);
    drop(nodes);

    let nodes = [node(cluster.options(&url), ManualClock::at(BEGIN), 2)];
    bank::work(&nodes, 3, 4, 20, &mut answers);
    answers.check(&nodes[0]);
    answers.retry(&nodes[0], 0);
    answers.check(&nodes[0]);
    let late = bank::rows::<Transfer>(&nodes[0]).into_iter().filter(|it| it.at >= ahead);
    assert!(late.count() > 200, "the ledger has gone back in time");
}
