//! The feed with several writers and nodes: no reader skips an event, whoever is late.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parlor_core::conformance::{World, block_on};
use parlor_core::engine::{Ctx, FeedCursor, Settings};
use parlor_core::events::{Actor, AnyEvent, Position};
use parlor_core::record::Stored as _;
use parlor_core::rooms::{Event, ParticipantId, RoomId};
use parlor_core::storage::{MemoryStore, Run, Store as _, StoreError, Work};
use parlor_storage_postgres::cluster::{Cluster, Durability};
use parlor_storage_postgres::{Options, PostgresStore};

/// Somebody else in the database, in the middle of something.
struct Visitor {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Visitor {
    fn new(cluster: &Cluster, url: &str) -> Self {
        let mut psql = Command::new(cluster.program("psql").unwrap_or("psql".into()));
        psql.args(["-X", "-q", "-A", "-t", "-d", url]);
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql is there");
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdin, stdout }
    }

    fn does(&mut self, sql: &str) {
        writeln!(self.stdin, "{sql}; SELECT 'done';").expect("psql runs");
        let mut line = String::new();
        while line.trim() != "done" {
            line.clear();
            assert!(self.stdout.read_line(&mut line).expect("psql runs") > 0, "psql ended");
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event written by hand, in a transaction that is not committed yet.
const LATE: &str = "BEGIN; INSERT INTO outbox (position, id, at, name, event) \
    SELECT ((pg_current_xact_id()::text::bigint + shift) << 20) + 1, gen_random_uuid(), now(), \
    'rooms.hand_raised', event FROM outbox, feed_origin WHERE position = \
    (SELECT min(position) FROM outbox)";

fn open(url: &str) -> PostgresStore {
    open_with(Cluster::shared().options(url))
}

/// A server of one's own: transactions that stay open hold back the feeds of all its databases.
fn alone() -> Cluster {
    Cluster::start(Durability::None).expect("a server")
}

fn open_with(options: Options) -> PostgresStore {
    block_on(PostgresStore::connect_with(options)).expect("the database opens")
}

/// Owns these counters, and tells of it.
fn tell(n: i64, counters: &'static [&'static str]) -> Work {
    let settings = Arc::new(Settings::default());
    let now = World::<MemoryStore>::BEGIN;
    let ctx = Ctx::new(now, Actor::HOST, settings, [u8::try_from(n).expect("few"); 32]);
    Work::new(ctx, move |draft, _| {
        let needs = counters.iter().map(|it| FeedCursor::own((*it).to_owned()));
        if let Err(missing) = draft.need(needs) {
            return Run::Missing(missing);
        }
        for counter in counters {
            let row = FeedCursor { consumer: (*counter).to_owned(), position: Position(n) };
            draft.put(row).expect("it is owned");
        }
        let nil = parlor_core::Uuid::nil();
        let (room, participant) = (RoomId(nil), ParticipantId(nil));
        draft.emit(Event::HandRaised { room, participant, hand_seq: n });
        Run::Done
    })
}

fn told(store: &PostgresStore, after: Position) -> Vec<(Position, i64)> {
    let page = block_on(store.events(after, 100)).expect("the feed is read");
    let number = |event: &AnyEvent| match event {
        AnyEvent::Rooms(Event::HandRaised { hand_seq, .. }) => *hand_seq,
        other => panic!("{other:?}"),
    };
    page.iter().map(|it| (it.position, number(&it.emitted.event))).collect()
}

fn numbers(told: &[(Position, i64)]) -> Vec<i64> {
    told.iter().map(|(_, n)| *n).collect()
}

#[test]
fn a_reader_waits_for_a_slow_transaction_and_skips_nothing() {
    let cluster = alone();
    let url = cluster.database();
    let store = open(&url);
    block_on(store.submit(tell(1, &["a"]))).expect("it is told");
    let first = told(&store, Position::START);
    let after = first[0].0;

    let mut slow = Visitor::new(&cluster, &url);
    slow.does(LATE);
    (2..5).for_each(|n| block_on(store.submit(tell(n, &["a"]))).expect("it is told"));
    assert!(told(&store, after).is_empty(), "they come after what is not there yet");
    let lag = block_on(store.feed_lag()).expect("it is known");
    assert_eq!((lag.hidden, lag.since), (3, Some(World::<MemoryStore>::BEGIN)));

    slow.does("COMMIT");
    assert_eq!(numbers(&told(&store, after)), [1, 2, 3, 4], "the slow one comes first");
    assert_eq!(block_on(store.feed_lag()).expect("it is known").hidden, 0);
}

/// A transaction that got its first lock early and its last one late stands where it was decided.
#[test]
fn who_waited_for_another_comes_after_it() {
    let cluster = alone();
    let url = cluster.database();
    let (early, late) = (&open(&url), &open(&url));
    block_on(early.submit(tell(1, &["a", "b"]))).expect("it is told");
    let after = told(early, Position::START)[0].0;

    let mut visitor = Visitor::new(&cluster, &url);
    visitor.does("BEGIN; SELECT FROM feed_cursor WHERE consumer = 'b' FOR UPDATE");
    let waiting = |n: usize| {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'parlor' AND wait_event_type = 'Lock'";
        while cluster.sql(&url, sql) != n.to_string() {
            // The server tells who waits only to those who ask.
            thread::sleep(Duration::from_millis(5));
        }
    };
    thread::scope(|scope| {
        // The first in the queue for `b`, without a transaction number as yet.
        scope.spawn(|| block_on(early.submit(tell(2, &["b"]))).expect("it is told"));
        waiting(1);
        // Has `a`, and with it a number, and waits for `b`.
        scope.spawn(|| block_on(late.submit(tell(3, &["a", "b"]))).expect("it is told"));
        waiting(2);
        visitor.does("COMMIT");
    });

    let told = told(late, after);
    let last = cluster.sql(&url, "SELECT position FROM feed_cursor WHERE consumer = 'b'");
    assert_eq!(told.last().map(|(_, n)| n.to_string()), Some(last), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_copy_in_a_younger_cluster_goes_on_after_its_end() {
    let cluster = Cluster::shared();
    let url = cluster.database();
    let store = open(&url);
    block_on(store.submit(tell(1, &["a"]))).expect("it is told");
    block_on(store.stop());
    // As in a cluster that had come further than this one.
    cluster.sql(&url, &format!("{}; COMMIT", LATE.replace("shift)", "shift + 1000000000)")));
    assert_eq!(cluster.sql(&url, "SELECT count(*) FROM outbox"), "2");

    let store = open(&url);
    block_on(store.submit(tell(2, &["a"]))).expect("it is told");
    let feed = told(&store, Position::START);
    assert_eq!(numbers(&feed), [1, 1, 2]);
    assert!(feed.is_sorted_by(|a, b| a.0 < b.0), "{feed:?}");
    let again = open(&url);
    block_on(again.submit(tell(3, &["a"]))).expect("it is told");
    assert_eq!(numbers(&told(&again, feed[2].0)), [3]);
}

fn another_node_hears(listens: bool) {
    let url = Cluster::shared().database();
    let listen_url = listens.then(|| url.clone());
    let options = || Options { listen_url: listen_url.clone(), ..Cluster::shared().options(&url) };
    let (here, there) = (open_with(options()), open_with(options()));
    let mut after = Position::START;
    for n in 1..20 {
        let there = &there;
        let heard = thread::scope(|scope| {
            let heard = scope.spawn(move || {
                loop {
                    block_on(there.wait(after)).expect("there is news");
                    let page = told(there, after);
                    if !page.is_empty() {
                        return page;
                    }
                }
            });
            block_on(here.submit(tell(n, &["a"]))).expect("it is told");
            heard.join().expect("it is heard")
        });
        assert_eq!(numbers(&heard), [n]);
        after = heard[0].0;
    }
}

#[test]
fn another_node_hears_of_it_by_looking() {
    another_node_hears(false);
}

#[test]
fn another_node_hears_of_it_by_a_notification() {
    another_node_hears(true);
}

#[test]
fn whoever_waits_at_a_store_that_stops_is_told() {
    let store = open(&Cluster::shared().database());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(store.wait(Position::START)));
        block_on(store.stop());
        let ended = waiting.join().expect("it ends");
        assert!(matches!(ended, Err(StoreError::Stopped)), "{ended:?}");
    });
}
