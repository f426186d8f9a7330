//! A process that is killed under load has lost nothing it acknowledged, and done nothing twice.
//!
//! The test starts itself again as a child that carries out commands and says on its standard
//! output which of them were acknowledged; kills it; and looks.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use parlor_core::Uuid;
use parlor_core::conformance::SeededEntropy;
use parlor_core::engine::{IdempotencyKey, Parlor, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::{AuthSessionId, CreateGuest, UserId};
use parlor_core::record::{Digest, Timestamp};
use parlor_core::rooms::{Create, Join, RoomId, StageMode};
use parlor_storage_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use sha2::Digest as _;
use tokio::task::JoinSet;

const ROUNDS: u64 = 5;

/// `.ci/full` asks for more.
fn rounds() -> u64 {
    std::env::var("PARLOR_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS)
}

const CLIENTS: usize = 48;
/// The test that starts itself again.
const TEST: &str = "what_was_acknowledged_outlives_a_kill_and_is_there_once";
const DATABASE: &str = "PARLOR_CRASH_DATABASE";
const ROOM: &str = "PARLOR_CRASH_ROOM";
const ROUND: &str = "PARLOR_CRASH_ROUND";

fn parlor(database: &Path, seed: u64) -> Parlor {
    // Some kills hit a checkpoint.
    let options = Options { wal_kib: 256, ..Options::default() };
    let store = Arc::new(SqliteStore::open_with(database, options).expect("the database opens"));
    let now = || Timestamp::from(SystemTime::now());
    let settings = Settings { max_participants: 100_000, ..Settings::default() };
    Parlor::with_settings(store, now, SeededEntropy::new(seed), settings)
}

fn actor(user: UserId) -> Actor {
    Actor::User { user, session: AuthSessionId(Uuid::nil()) }
}

/// What a retry sends again: the name is the key.
fn guest(name: &str) -> (IdempotencyKey, CreateGuest) {
    let token_hash = Digest(sha2::Sha256::digest(name).into());
    let key = IdempotencyKey::new(name).expect("the name is a key");
    (key, CreateGuest { display_name: name.into(), token_hash })
}

/// Somebody signs up and joins; both answers are told. `None` once the store has failed.
async fn come(parlor: &Parlor, room: RoomId, name: &str) -> Option<(UserId, String)> {
    let (key, create) = guest(name);
    let user = parlor.execute_with(Actor::HOST, &key, create).await.ok()?.user;
    let admitted = parlor.execute_with(actor(user), &key, Join { room }).await.ok()?;
    Some((user, serde_json::to_string(&admitted).ok()?))
}

/// What the child does, until it is killed.
#[expect(clippy::print_stdout, reason = "the parent reads what it tells")]
fn work(database: &str, room: &str, round: String) {
    let (room, seed): (RoomId, u64) = (room.parse().unwrap(), round.parse().unwrap());
    let parlor = parlor(Path::new(database), 1_000 + seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (parlor, round) = (parlor.clone(), round.clone());
            clients.spawn(async move {
                for n in 0.. {
                    let name = format!("{round}-{client}-{n}");
                    let Some((user, admitted)) = come(&parlor, room, &name).await else { return };
                    println!("done {name} {user} {admitted}");
                }
            });
        }
        clients.join_all().await;
    });
}

#[test]
fn what_was_acknowledged_outlives_a_kill_and_is_there_once() {
    let var = |name: &str| std::env::var(name).ok();
    if let (Some(database), Some(room), Some(round)) = (var(DATABASE), var(ROOM), var(ROUND)) {
        return work(&database, &room, round);
    }
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("parlor.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let room = runtime.block_on(async {
        let parlor = parlor(&database, 0);
        let host = parlor.sign_up_guest("Host").await.unwrap().user;
        let create = Create {
            name: "Tea".into(),
            description: String::new(),
            max_participants: None,
            stage_mode: StageMode::OpenFloor,
        };
        parlor.execute(actor(host), create).await.unwrap().room
    });

    for round in 1..=rounds() {
        let done = run_and_kill(&database, room, round);
        assert!(done.len() >= 50, "round {round}: only {} were acknowledged", done.len());
        check(&database);

        // Whoever retries is told the same as before.
        let parlor = parlor(&database, round);
        runtime.block_on(async {
            let mut retries = JoinSet::new();
            for line in done {
                let parlor = parlor.clone();
                retries.spawn(async move {
                    let [name, user, admitted] = &line[..] else { panic!("{line:?}") };
                    let (again, admitted_again) = come(&parlor, room, name).await.unwrap();
                    assert_eq!((&again.to_string(), &admitted_again), (user, admitted), "{name}");
                });
            }
            retries.join_all().await;
        });
        drop(parlor);
        check(&database);
    }
}

/// Lets a child work until it has acknowledged some commands, then kills it; returns what it said.
fn run_and_kill(database: &Path, room: RoomId, round: u64) -> Vec<Vec<String>> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(DATABASE, database)
        .env(ROOM, room.to_string())
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut done = Vec::new();
    for line in output.lines().map(Result::unwrap) {
        if let Some(line) = line.strip_prefix("done ") {
            done.push(line.splitn(3, ' ').map(str::to_owned).collect());
        }
        // Few enough for the room, however many rounds there are.
        if done.len() as u64 == 100 + 137 * (round % 8) {
            // SIGKILL. What is in the pipe already was acknowledged, and is read to its end.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    done
}

/// What is always true of the data, whenever it is looked at.
fn check(database: &PathBuf) {
    let db = Connection::open(database).unwrap();
    let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);

    let users = number("SELECT count(*) FROM app_user");
    assert_eq!(number("SELECT count(DISTINCT display_name) FROM app_user"), users);
    let told = "SELECT count(*) FROM outbox WHERE name = ";
    assert_eq!(number(&format!("{told} 'identity.guest_created'")), users);
    assert_eq!(
        number("SELECT count(DISTINCT id) FROM outbox"),
        number("SELECT count(*) FROM outbox")
    );

    let seats = number("SELECT count(*) FROM seat");
    assert_eq!(number("SELECT sum(reserved) FROM occupancy"), seats);
    assert_eq!(number("SELECT count(*) FROM participant WHERE left_at IS NULL"), seats);
    assert_eq!(
        number("SELECT count(*) FROM participant WHERE lapses_at < 9223372036854775807"),
        seats
    );
    assert_eq!(number(&format!("{told} 'rooms.joining'")), seats);
    // The host signed up and made the room without a key.
    assert_eq!(number("SELECT count(*) FROM idempotency"), users - 1 + seats);
}
