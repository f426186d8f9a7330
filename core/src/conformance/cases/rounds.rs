//! Decisions that ask again, and decisions that fail: each by itself.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{count, counter, numbered, world};
use crate::conformance::{Harness, World, block_on};
use crate::engine::FeedCursor;
use crate::identity::AuthSession;
use crate::record::{Digest, Stored as _};
use crate::storage::{Missing, ROUNDS_MAX, Store, StoreError, Work};

/// How many innocent commands stand around a culprit.
const NEIGHBOURS: i64 = 24;

/// A decision that learns from each row which one it needs next is given them, up to the limit.
pub fn a_decision_may_ask_for_rows_in_many_rounds<H: Harness>(harness: &H) {
    let world = world(harness);
    let last = i64::from(ROUNDS_MAX) - 1;
    world.write((0..=last).map(|n| counter(&format!("link {n}"), n + 1).into()));

    let end = world.run(move |draft| {
        let mut at = 0;
        loop {
            draft.need([FeedCursor::own(format!("link {at}"))])?;
            let next = count(draft, &format!("link {at}"))?;
            if at == last {
                draft.put(counter(&format!("link {at}"), -1))?;
                return Ok(next);
            }
            at = next;
        }
    });

    assert_eq!(end.expect("the decision ends"), last + 1);
    assert_eq!(
        world.held::<FeedCursor>(format!("link {last}")),
        Some(counter(&format!("link {last}"), -1))
    );
}

/// A decision that is never content fails, and nobody else does.
pub fn a_decision_that_keeps_asking_fails_alone<H: Harness>(harness: &H) {
    let world = world(harness);
    let mut asked = 0;
    let culprit = world.work(move |draft, _| {
        asked += 1;
        draft.need([FeedCursor::own("shared".into()), FeedCursor::own(format!("more {asked}"))])
    });

    let error = fails_alone(&world, culprit);

    assert!(matches!(error, StoreError::Rounds(ROUNDS_MAX)), "{error:?}");
}

/// A put of a row that the decision never asked for does not pretend that the row is new: the
/// decision runs again with what is there.
pub fn a_row_that_was_never_asked_for_is_not_overwritten<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write([counter("there", 7).into(), counter("shared", 7).into()]);

    let put = world.run(|draft| draft.put(counter("there", 8)));
    put.expect("it is asked for in the decision's stead");
    let unseen = world.run(|draft| {
        draft.need([FeedCursor::share("shared".into())])?;
        let it = count(draft, "shared")?;
        draft.put(counter("shared", it + 1))?;
        draft.delete::<FeedCursor>("there".into())
    });
    unseen.expect("they are asked for in the decision's stead");

    assert_eq!(world.rows::<FeedCursor>(), [counter("shared", 8)]);
}

/// A decision that panics fails, changes nothing, and takes nobody along.
pub fn a_decision_that_panics_fails_alone<H: Harness>(harness: &H) {
    let world = world(harness);
    let culprit = world.work(|draft, _| -> Result<(), Missing> {
        draft.need([FeedCursor::own("shared".into())])?;
        draft.put(counter("shared", i64::MIN))?;
        draft.emit(numbered(-1));
        std::panic::panic_any("this panic belongs to the test");
    });

    let error = fails_alone(&world, culprit);

    let StoreError::Panicked(why) = error else { panic!("{error:?}") };
    assert!(why.contains("belongs to the test"), "{why}");
}

/// A row that a unique index forbids fails the command that wants it, with all else it wanted, and
/// takes nobody along.
pub fn a_violated_unique_index_fails_the_culprit_alone<H: Harness>(harness: &H) {
    let world = world(harness);
    let first = session(&world, 7);
    world.write([first.clone().into()]);
    let twin = session(&world, 7);
    let culprit = world.work(move |draft, _| {
        draft.need([FeedCursor::own("shared".into()), AuthSession::own(twin.id)])?;
        draft.put(counter("shared", i64::MIN))?;
        draft.emit(numbered(-1));
        draft.put(twin.clone())
    });

    let error = fails_alone(&world, culprit);

    assert!(matches!(error, StoreError::Rejected(_)), "{error:?}");
    assert_eq!(world.rows::<AuthSession>(), [first]);
}

/// A unique value that one row gives up can be had by another: in a later changeset, and in the
/// same one when the row that had it is deleted.
pub fn a_unique_value_may_change_hands<H: Harness>(harness: &H) {
    let world = world(harness);
    let (old, new) = (session(&world, 7), session(&world, 7));
    world.write([old.clone().into()]);

    world.write([AuthSession { access_token_hash: Digest([8; 32]), ..old.clone() }.into()]);
    world.write([new.clone().into()]);
    assert_eq!(world.rows::<AuthSession>().len(), 2);

    let id = new.id;
    let gone = world.run(move |draft| {
        draft.need([AuthSession::own(id)])?;
        draft.delete::<AuthSession>(id)
    });
    gone.expect("it is deleted");
    world.write([old.clone().into()]);
    assert_eq!(world.rows::<AuthSession>(), [old]);
}

/// Runs a culprit amid neighbours that count on the same row, sees that each of them is counted
/// once and nothing else happens, and returns how the culprit failed.
fn fails_alone<S: Store>(world: &World<S>, culprit: Work) -> StoreError {
    let neighbour = || {
        world.work(|draft, _| {
            draft.need([FeedCursor::own("shared".into())])?;
            let n = count(draft, "shared")? + 1;
            draft.emit(numbered(n));
            draft.put(counter("shared", n))
        })
    };
    let mut works: Vec<Work> = (0..NEIGHBOURS).map(|_| neighbour()).collect();
    let at = works.len() / 2;
    works.insert(at, culprit);

    let store: &Arc<S> = &world.store;
    let mut outcomes = block_on(join_all(works.into_iter().map(|work| store.submit(work))));
    let error = outcomes.remove(at).expect_err("the culprit fails");
    for outcome in outcomes {
        outcome.expect("its neighbours do not");
    }
    assert_eq!(world.held::<FeedCursor>("shared".into()), Some(counter("shared", NEIGHBOURS)));
    let told: Vec<_> = world.feed().iter().map(|it| super::number(&it.emitted.event)).collect();
    assert_eq!(told, (1..=NEIGHBOURS).map(Some).collect::<Vec<_>>());
    error
}

/// A session of somebody new, with a token's hash that can be had again.
fn session<S: Store>(world: &World<S>, hash: u8) -> AuthSession {
    let user = super::super::world::user(super::super::world::fresh_id());
    world.write([user.clone().into()]);
    let at = World::<S>::BEGIN;
    AuthSession {
        id: super::super::world::fresh_id(),
        user_id: user.id,
        access_token_hash: Digest([hash; 32]),
        expires_at: at,
        created_at: at,
    }
}
