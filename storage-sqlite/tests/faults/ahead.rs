//! What waits while a commit goes on is decided on what it leaves; if it fails, on what is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::future::Future as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use parlor_core::conformance::{World, block_on};
use parlor_core::engine::FeedCursor;
use parlor_core::events::Position;
use parlor_core::record::Stored as _;
use parlor_core::storage::{Draft, Missing, Store as _, StoreError, Work};
use parlor_storage_sqlite::SqliteStore;

use crate::vfs::{self, Fault};

/// How many wait while the first one is committed.
const WAITING: i64 = 5;

#[test]
fn what_was_decided_during_a_commit_that_failed_is_decided_again() {
    let _alone = vfs::alone();
    let mut unknown = 0;
    for position in 0.. {
        println!("operation {position} fails");
        let answers = run(position);
        unknown += answers.iter().filter(|answer| answer.is_err()).count();
        if answers.iter().all(Result::is_ok) && !vfs::has_failed() {
            assert!(unknown >= 4, "only {unknown} commands have failed");
            return;
        }
    }
}

/// One command is held up in its decision until others wait; then its commit fails, or theirs.
fn run(position: i64) -> Vec<Result<(), StoreError>> {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new(SqliteStore::open(directory.path().join("parlor.db")).unwrap());
    let ((begun, is_running), (go_on, told)) = (channel(), channel::<()>());
    let told = Mutex::new(told);
    let (first, first_count) = add_one(&world, move || {
        let _ = begun.send(());
        let _ = told.lock().unwrap().recv();
    });
    let store = world.store.clone();
    let first = std::thread::spawn(move || block_on(store.submit(first)));
    is_running.recv().unwrap();
    let (works, mut counts): (Vec<_>, Vec<_>) =
        (0..WAITING).map(|_| add_one(&world, || {})).unzip();
    let waiting = works.into_iter().map(|work| {
        // A future that is polled once is in the queue.
        let mut submitted = Box::pin(world.store.submit(work));
        let polled = submitted.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        submitted
    });
    let waiting: Vec<_> = waiting.collect();

    vfs::fail(Fault::Io, position, false);
    go_on.send(()).unwrap();
    let mut answers: Vec<_> = waiting.into_iter().map(block_on).collect();
    answers.push(first.join().unwrap());
    counts.push(first_count);
    vfs::recover();
    check(&world, &answers, &counts);
    if !vfs::has_failed() {
        // Two transactions, and the second one was decided while the first one was committed.
        let stats = world.store.stats();
        assert_eq!((stats.transactions, stats.ahead), (2, 1), "{stats:?}");
    }
    answers
}

/// Each command that was acknowledged has counted, and came to a number that no other came to.
fn check(
    world: &World<SqliteStore>,
    answers: &[Result<(), StoreError>],
    counts: &[Arc<AtomicI64>],
) {
    let counted = world.run(read).unwrap();
    let done = answers.iter().zip(counts).filter(|(answer, _)| answer.is_ok());
    let done: Vec<_> = done.map(|(_, count)| count.load(Ordering::SeqCst)).collect();
    let different: BTreeSet<_> = done.iter().collect();
    assert_eq!(different.len(), done.len(), "{done:?}");
    assert!(done.iter().all(|count| (1..=counted).contains(count)), "{done:?} of {counted}");
    let unknown = answers.iter().filter(|it| matches!(it, Err(StoreError::CommitUnknown(_))));
    let most = done.len() + unknown.count();
    assert!(counted as usize <= most, "{counted}, though only {most} can have counted");
}

/// Adds one to a counter, after something is done; and what that came to when it ran last.
fn add_one(
    world: &World<SqliteStore>,
    before: impl Fn() + Send + 'static,
) -> (Work, Arc<AtomicI64>) {
    let count = Arc::new(AtomicI64::new(0));
    let told = count.clone();
    let work = world.work(move |draft, _| {
        let n = read(draft)? + 1;
        before();
        told.store(n, Ordering::SeqCst);
        draft.put(FeedCursor { consumer: "counter".into(), position: Position(n) })
    });
    (work, count)
}

fn read(draft: &mut Draft<'_>) -> Result<i64, Missing> {
    draft.need([FeedCursor::own("counter".into())])?;
    Ok(draft.get::<FeedCursor>("counter".into())?.map_or(0, |row| row.position.0))
}
