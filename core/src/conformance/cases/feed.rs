//! The feed: everything that happened, once, in the order in which it became true.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::super::sample;
use super::{count, counter, number, numbered, world};
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::FeedCursor;
use crate::events::{Actor, Envelope, EventId, Position};
use crate::record::Stored as _;
use crate::storage::{Run, Store, Work};

/// Writers on eight threads count upwards and tell of it; the feed tells it in that order.
pub fn every_event_is_in_the_feed_once_and_in_the_order_of_commits<H: Harness>(harness: &H) {
    const THREADS: usize = 8;
    const EACH: usize = 50;
    let world = world(harness);

    threads(THREADS, |_| (0..EACH).for_each(|_| tell(&world, 2)));

    let feed = world.feed();
    let told: Vec<_> = feed.iter().map(|it| number(&it.emitted.event).expect("a number")).collect();
    assert_eq!(told, (1..=(2 * THREADS * EACH) as i64).collect::<Vec<_>>());
    assert!(feed.is_sorted_by(|a, b| a.position < b.position), "positions go up");
    assert!(feed[0].position > Position::START);
    let ids: BTreeSet<_> = feed.iter().map(|it| it.emitted.id).collect();
    assert_eq!(ids.len(), feed.len(), "every event has an id of its own");
}

/// A reader that goes on from the last event it saw, while others write, sees every event.
pub fn a_reader_of_the_feed_skips_nothing<H: Harness>(harness: &H) {
    const WRITERS: usize = 3;
    const EACH: usize = 80;
    let world = world(harness);
    let all = (WRITERS * EACH) as i64;

    threads(WRITERS + 1, |k| {
        if k < WRITERS {
            return (0..EACH).for_each(|_| tell(&world, 1));
        }
        let (mut after, mut last) = (Position::START, 0);
        while last < all {
            block_on(world.store.wait(after)).expect("there is news");
            let page = block_on(world.store.events(after, 7)).expect("the feed is read");
            assert!(page.len() <= 7, "a page has {} events", page.len());
            for envelope in page {
                assert!(envelope.position > after);
                assert_eq!(number(&envelope.emitted.event), Some(last + 1), "in order, no gap");
                (after, last) = (envelope.position, last + 1);
            }
        }
        assert_eq!(block_on(world.store.events(after, 7)).expect("it is read"), []);
    });
}

/// An event of every kind comes back whole: what, who, when, and why.
pub fn an_event_comes_back_as_it_was_emitted<H: Harness>(harness: &H) {
    let world = world(harness);
    let (ada, events) = (world.crowd(1)[0], sample::every_event());
    let cause = Actor::System { cause: Some(EventId(crate::Uuid::max())) };

    for actor in [Actor::HOST, ada, cause] {
        let settings = std::sync::Arc::new(world.parlor.settings().clone());
        let now = crate::engine::Clock::now(&world.clock);
        let ctx = crate::engine::Ctx::new(now, actor, settings, [now.0.to_be_bytes()[7]; 32]);
        let told = events.clone();
        let work = Work::new(ctx, move |draft, _| {
            told.iter().cloned().for_each(|event| draft.emit(event));
            Run::Done
        });
        let before = world.feed().len();
        block_on(world.store.submit(work)).expect("the events are told");

        let feed = world.feed().split_off(before);
        assert_eq!(feed.iter().map(|it| it.emitted.event.clone()).collect::<Vec<_>>(), events);
        assert!(feed.iter().all(|it| it.emitted.actor == actor && it.emitted.at == now));
        world.clock.advance(Duration::from_micros(1));
    }
}

/// Whoever waits at the end of the feed is woken by the next event.
pub fn waiting_ends_when_there_is_news<H: Harness>(harness: &H) {
    const TIMES: i64 = 50;
    const READERS: usize = 2;
    let world = &world(harness);
    let (seen, acknowledged) = mpsc::channel();

    thread::scope(|scope| {
        for seen in vec![seen; READERS] {
            scope.spawn(move || {
                let mut after = Position::START;
                for n in 1..=TIMES {
                    let page = next_page(world, after);
                    assert_eq!(
                        page.iter().map(|it| number(&it.emitted.event)).collect::<Vec<_>>(),
                        [Some(n)]
                    );
                    after = page[0].position;
                    seen.send(()).expect("the writer is there");
                }
            });
        }
        for _ in 0..TIMES {
            tell(world, 1);
            (0..READERS).for_each(|_| acknowledged.recv().expect("the readers are there"));
        }
    });
}

/// Whoever waits for what has happened already does not wait.
pub fn waiting_for_the_past_ends_at_once<H: Harness>(harness: &H) {
    let world = world(harness);
    tell(&world, 2);

    block_on(world.store.wait(Position::START)).expect("there is news");
    let first = block_on(world.store.events(Position::START, 1)).expect("the feed is read");
    block_on(world.store.wait(first[0].position)).expect("there is more");
}

/// What comes next. A store may wake its readers for nothing; it may not leave them asleep.
fn next_page<S: Store>(world: &World<S>, after: Position) -> Vec<Envelope> {
    loop {
        block_on(world.store.wait(after)).expect("there is news");
        let page = block_on(world.store.events(after, 10)).expect("the feed is read");
        if !page.is_empty() {
            return page;
        }
    }
}

/// Counts on by `n` in one changeset, and tells of each.
fn tell<S: Store>(world: &World<S>, n: i64) {
    let told = world.run(move |draft| {
        draft.need([FeedCursor::own("n".into())])?;
        let from = count(draft, "n")?;
        (from + 1..=from + n).for_each(|n| draft.emit(numbered(n)));
        draft.put(counter("n", from + n))
    });
    told.expect("it is told");
}
