//! Money in a process that is killed under load: what was acknowledged stays as it was said, what
//! was not can be asked again, and the audit finds nothing.
//!
//! The test starts itself again as a child whose clients tell on its standard output what they ask
//! for and what they hear; kills it; and looks.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_core::conformance::bank::{self, Answers, Call, Told};
use parlor_core::conformance::{ManualClock, SeededEntropy, World, threads};
use parlor_core::economy::ledger::Transfer;
use parlor_core::engine::{Clock, Parlor, Settings};
use parlor_core::record::Timestamp;
use parlor_core::storage::MemoryStore;
use parlor_storage_sqlite::{Options, SqliteStore};

const BEGIN: Timestamp = World::<MemoryStore>::BEGIN;
const ROUNDS: u32 = 4;
const CLIENTS: u32 = 24;
/// The test that starts itself again.
const TEST: &str = "money_outlives_a_kill_and_every_request_has_one_outcome";
const DATABASE: &str = "PARLOR_BANK_DATABASE";
const ROUND: &str = "PARLOR_BANK_ROUND";

/// `.ci/full` asks for more. After a week of such hours refusals would be forgotten.
fn rounds() -> u32 {
    let rounds = std::env::var("PARLOR_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok());
    rounds.unwrap_or(ROUNDS).min(100)
}

fn open(database: &Path, clock: impl Clock, seed: u64) -> Parlor {
    // Some kills hit a checkpoint.
    let options = Options { wal_kib: 256, ..Options::default() };
    let store = Arc::new(SqliteStore::open_with(database, options).expect("the database opens"));
    Parlor::with_settings(store, clock, SeededEntropy::new(seed), Settings::default())
}

/// Runs from the round's own hour on, and so fast that holds expire in the midst of it.
fn fast_clock(round: u32) -> impl Clock {
    let (begin, started) = (BEGIN + Duration::from_secs(3_600) * round, Instant::now());
    move || begin + started.elapsed() * 40
}

/// What the child does, until it is killed.
#[expect(clippy::print_stdout, reason = "the parent reads what it tells")]
fn work(database: &str, round: u32) {
    let parlor = open(Path::new(database), fast_clock(round), 1_000 + u64::from(round));
    // A client that panics is not to go unnoticed among the others.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        std::process::abort();
    }));
    // The test runner may have begun a line.
    println!();
    threads(CLIENTS as usize, |client| {
        let calls = (0..).map(|n| Call { round, client: client as u32, n });
        bank::client(&parlor, calls, |told| println!("{told}"));
    });
}

#[test]
fn money_outlives_a_kill_and_every_request_has_one_outcome() {
    let var = |name: &str| std::env::var(name).ok();
    if let (Some(database), Some(round)) = (var(DATABASE), var(ROUND)) {
        return work(&database, round.parse().unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("parlor.db");
    bank::open(&open(&database, ManualClock::at(BEGIN), 0));
    let mut answers = Answers::default();

    for round in 1..=rounds() {
        run_and_kill(&database, round, &mut answers);

        // Nothing has been asked again yet.
        let clock = ManualClock::at(BEGIN + Duration::from_secs(3_600) * round);
        clock.advance(Duration::from_secs(1_800));
        let parlor = open(&database, clock, round.into());
        answers.check(&parlor);
        answers.retry(&parlor, round);
        bank::expire(&parlor);
        answers.check(&parlor);
    }

    let [all, posted, refused] = answers.count();
    println!("{all} requests: {posted} posted, {refused} refused");
    assert!(posted + refused == all && posted > 200 && refused > 20, "{posted} + {refused}");
    let parlor = open(&database, ManualClock::at(BEGIN), 999);
    answers.retry(&parlor, 0);
    answers.check(&parlor);
}

/// Lets a child work until it has told some answers, then kills it; adds what it said.
fn run_and_kill(database: &Path, round: u32, answers: &mut Answers) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(DATABASE, database)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (mut lines, mut heard) = (Vec::new(), 0);
    for line in output.lines().map(Result::unwrap) {
        heard += u32::from(line.starts_with("answered"));
        if heard == 150 + 137 * (round % 8) {
            // SIGKILL, as soon as an answer is heard: what it stands on has to be there by now. What
            // is in the pipe already was acknowledged as well, and is read to its end.
            child.kill().unwrap();
        }
        lines.push(line);
    }
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "round {round}: the child ended by itself");
    lines.iter().filter_map(|line| Told::read(line)).for_each(|told| answers.add(told));
}

#[test]
fn of_320_debits_at_once_as_many_succeed_as_there_is_money() {
    let directory = tempfile::tempdir().unwrap();
    let parlor = open(&directory.path().join("parlor.db"), ManualClock::at(BEGIN), 0);
    bank::open(&parlor);
    (0..20).for_each(|run| bank::debits_at_once(std::slice::from_ref(&parlor), run));
    bank::audit(&parlor);
}

#[test]
fn time_goes_on_in_the_ledger_though_the_clock_steps_back() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let directory = tempfile::tempdir().unwrap();
    let (database, clock) = (directory.path().join("parlor.db"), ManualClock::at(BEGIN + DAY * 2));
    let parlor = open(&database, clock.clone(), 0);
    bank::open(&parlor);
    let mut answers = Answers::default();
    let parlors = [parlor];
    bank::work(&parlors, 1, 4, 30, &mut answers);
    clock.set(BEGIN + DAY);
    bank::work(&parlors, 2, 4, 30, &mut answers);
    answers.check(&parlors[0]);
    drop(parlors);

    let parlors = [open(&database, ManualClock::at(BEGIN), 1)];
    bank::work(&parlors, 3, 4, 30, &mut answers);
    answers.check(&parlors[0]);
    answers.retry(&parlors[0], 0);
    answers.check(&parlors[0]);
    let late =
        bank::rows::<Transfer>(&parlors[0]).into_iter().filter(|it| it.at >= BEGIN + DAY * 2);
    assert!(late.count() > 200, "the ledger has gone back in time");
}
