//! What the store does when something fails under it or in it: it answers everybody, and goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::future::Future as _;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parlor_core::conformance::{World, block_on, threads};
use parlor_core::engine::FeedCursor;
use parlor_core::events::{Actor, Position};
use parlor_core::identity::User;
use parlor_core::record::Stored as _;
use parlor_core::storage::{Draft, Missing, Store as _, StoreError, Work};
use parlor_storage_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

fn world(options: Options) -> (TempDir, World<SqliteStore>) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path().join("parlor.db"), options).unwrap();
    (directory, World::new(store))
}

/// A command that holds the writer up until it is told to go on; and word that it does.
fn blocker(world: &World<SqliteStore>) -> (Work, Receiver<()>, Sender<()>) {
    let ((begun, is_running), (go_on, told)) = (channel(), channel::<()>());
    let told = Mutex::new(told);
    let work = world.work(move |draft, _| {
        // What needs nothing is decided before it gets to the writer.
        draft.need([FeedCursor::own("blocker".into())])?;
        let _ = begun.send(());
        let _ = told.lock().unwrap().recv();
        add_one(draft, "blocker")
    });
    (work, is_running, go_on)
}

fn add_one(draft: &mut Draft<'_>, name: &str) -> Result<(), Missing> {
    draft.need([FeedCursor::own(name.into())])?;
    let before = draft.get::<FeedCursor>(name.into())?.map_or(0, |row| row.position.0);
    draft.put(FeedCursor { consumer: name.into(), position: Position(before + 1) })
}

#[test]
fn too_many_commands_are_refused_as_busy_and_the_others_are_done() {
    let (_directory, world) = world(Options { queue_max: 2, ..Options::default() });
    let (work, is_running, go_on) = blocker(&world);
    let store = world.store.clone();
    let first = std::thread::spawn(move || block_on(store.submit(work)));
    is_running.recv().unwrap();
    let mut waiting = Vec::new();
    let busy = loop {
        // Futures that are polled once are in the queue, unless there is no room.
        let mut next = Box::pin(world.store.submit(world.work(|_, _| Ok(()))));
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => waiting.push(next),
            Poll::Ready(answer) => break answer,
        }
    };
    assert!(matches!(busy, Err(StoreError::Busy { waiting: 2 })), "{busy:?}");
    assert_eq!(waiting.len(), 2);

    go_on.send(()).unwrap();
    first.join().unwrap().unwrap();
    waiting.into_iter().for_each(|waiting| block_on(waiting).unwrap());
}

#[test]
fn who_is_committed_is_answered_while_others_decide() {
    let (_directory, world) = world(Options::default());
    let (first, is_running, go_on) = blocker(&world);
    let (second, second_is_running, second_go_on) = blocker(&world);
    let ended = channel();
    let first = world.store.submit(first);
    let mut second = Box::pin(world.store.submit(second));
    std::thread::scope(|scope| {
        scope.spawn(|| ended.0.send(block_on(first)).unwrap());
        is_running.recv().unwrap();
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        go_on.send(()).unwrap();
        second_is_running.recv().unwrap();
        // Long enough for any commit.
        let answer = ended.1.recv_timeout(Duration::from_secs(20));
        second_go_on.send(()).unwrap();
        assert!(matches!(answer, Ok(Ok(()))), "{answer:?}");
    });
    block_on(second).unwrap();
}

/// Puts a work in the queue. Nobody waits for it.
fn submit(world: &World<SqliteStore>, work: Work) {
    let mut submitted = Box::pin(world.store.submit(work));
    assert!(submitted.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn the_last_owner_of_a_store_may_be_a_work_that_waits_for_a_commit() {
    let (_directory, world) = world(Options::default());
    let path = world.store.path().to_owned();
    let (work, is_running, go_on) = blocker(&world);
    submit(&world, work);
    is_running.recv().unwrap();
    let store = world.store.clone();
    let owner = world.work(move |_, _| {
        let _held = &store;
        Ok(())
    });
    submit(&world, owner);
    drop(world);
    go_on.send(()).unwrap();
    // It ends by itself, which lets go of the lock, and then the database may be opened again.
    let (ended, end) = channel();
    let lock = File::open(path.with_extension("db-lock")).unwrap();
    std::thread::spawn(move || {
        lock.lock().unwrap();
        drop(lock);
        let _ = ended.send(());
    });
    assert!(end.recv_timeout(Duration::from_secs(20)).is_ok(), "it never ended");
    SqliteStore::open(&path).unwrap();
}

#[test]
fn who_is_told_that_the_database_is_locked_has_not_taken_effect() {
    let locked_at_most = Duration::from_millis(20);
    let (_directory, world) = world(Options { busy_timeout: locked_at_most, ..Options::default() });
    let (first, is_running, go_on) = blocker(&world);
    submit(&world, first);
    is_running.recv().unwrap();
    let (second, second_is_running, second_go_on) = blocker(&world);
    let mut second = Box::pin(world.store.submit(second));
    assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // Decided while the first one is committed; and then another program has the lock.
    go_on.send(()).unwrap();
    second_is_running.recv().unwrap();
    let db = Connection::open(world.store.path()).unwrap();
    db.busy_timeout(Duration::from_secs(20)).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    second_go_on.send(()).unwrap();
    let locked = block_on(second);
    assert!(matches!(locked, Err(StoreError::Failed(_))), "{locked:?}");
    // So is who comes later, rather than waiting until the lock is gone.
    let add = |name: &'static str| world.work(move |draft, _| add_one(draft, name));
    let later = block_on(world.store.submit(add("later")));
    assert!(matches!(later, Err(StoreError::Failed(_))), "{later:?}");
    db.execute_batch("ROLLBACK").unwrap();
    block_on(world.store.submit(add("afterwards"))).unwrap();
    let counts = world.rows::<FeedCursor>().into_iter().map(|row| (row.consumer, row.position.0));
    let done = [("afterwards".to_owned(), 1), ("blocker".to_owned(), 1)];
    assert_eq!(counts.collect::<Vec<_>>(), done, "what has failed has not counted");
}

/// Panics in the writer's own code: when the command is dropped, outside of any decision.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn a_panic_in_the_writer_answers_everybody_and_the_store_goes_on() {
    let (_directory, world) = world(Options::default());
    let grenade = Mutex::new(Some(Grenade));
    threads(8, |n| {
        for k in 0..50 {
            let inside = if (n, k) == (3, 20) { grenade.lock().unwrap().take() } else { None };
            let thrown = inside.is_some();
            let work = world.work(move |_, _| {
                let _held = &inside;
                Ok(())
            });
            match block_on(world.store.submit(work)) {
                Ok(()) => assert!(!thrown),
                // In the same round as the one that panicked.
                Err(StoreError::CommitUnknown(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    world.guest("Afterwards");
}

#[test]
fn a_row_that_does_not_decode_fails_only_those_who_ask_for_it() {
    let (_directory, world) = world(Options::default());
    let (bad, good) = (world.guest("Bad"), world.guest("Good"));
    let id = |actor: Actor| actor.user().unwrap();
    let db = Connection::open(world.store.path()).unwrap();
    db.pragma_update(None, "ignore_check_constraints", true).unwrap();
    let sql = "UPDATE app_user SET kind = 'unheard of' WHERE id = ?1";
    assert_eq!(db.execute(sql, [id(bad).0.as_bytes()]), Ok(1));

    let (work, is_running, go_on) = blocker(&world);
    let read = |actor: Actor| {
        let work = world.work(move |draft, _| {
            draft.need([User::share(id(actor))])?;
            draft.get::<User>(id(actor)).map(drop)
        });
        let store = world.store.clone();
        std::thread::spawn(move || block_on(store.submit(work)))
    };
    let store = world.store.clone();
    let first = std::thread::spawn(move || block_on(store.submit(work)));
    is_running.recv().unwrap();
    let answers = [read(good), read(bad), read(good)];
    go_on.send(()).unwrap();
    first.join().unwrap().unwrap();
    let [a, b, c] = answers.map(|answer| answer.join().unwrap());
    assert!(a.is_ok() && c.is_ok(), "{a:?} {c:?}");
    assert!(matches!(b, Err(StoreError::Rejected(_) | StoreError::Corrupt(_))), "{b:?}");
}

#[test]
fn what_was_submitted_is_done_when_the_store_is_dropped() {
    let (_directory, world) = world(Options::default());
    let path = world.store.path().to_owned();
    let mut pending = Vec::new();
    for n in 0..100 {
        let parlor = world.parlor.clone();
        pending.push(std::thread::spawn(move || {
            block_on(parlor.sign_up_guest(&format!("Guest {n}"))).unwrap();
        }));
    }
    pending.into_iter().for_each(|thread| thread.join().unwrap());
    drop(world);
    let db = Connection::open(path).unwrap();
    let count = db.query_row("SELECT count(*) FROM app_user", [], |row| row.get::<_, u32>(0));
    assert_eq!(count, Ok(100));
}
