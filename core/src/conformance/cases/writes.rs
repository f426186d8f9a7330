//! What a changeset is: whole, exact, and there when the command returns.

use std::collections::BTreeSet;

use super::super::sample;
use super::{count, counter, numbered, world};
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::{FeedCursor, Timer};
use crate::identity::{AuthSession, User};
use crate::record::{Record, Stored as _, Value};
use crate::rooms::{HandQueue, Occupancy, Room, StageMode};
use crate::storage::{Filter, Lock, ROWS_PER_CHANGESET_MAX, Run, Store};
use crate::tables::{Row, TABLES};

/// Once a command has returned, its rows can be read, its event is in the feed, and so it is for
/// every other server.
pub fn what_a_command_did_is_there_when_it_returns<H: Harness>(harness: &H) {
    let world = world(harness);

    let ada = world.guest("Ada");
    let room = world.room(ada, StageMode::Moderated, 10);

    assert_eq!(world.rows::<User>().len(), 1);
    assert_eq!(world.rows::<AuthSession>().len(), 1);
    assert_eq!(world.held::<Room>(room).map(|row| row.id), Some(room));
    assert!(world.held::<HandQueue>(room).is_some());
    assert!(world.held::<Occupancy>(room).is_some());
    assert_eq!(world.rows::<Timer>().len(), 1);
    assert_eq!((world.count("identity.guest_created"), world.count("rooms.created")), (1, 1));
    let seen = block_on(world.server(1).rooms().room(ada, room)).expect("the room is there");
    assert_eq!(seen.id, room);
}

/// Whoever reads while a changeset is written sees all of its rows or none.
pub fn a_reader_sees_all_of_a_changeset_or_none<H: Harness>(harness: &H) {
    const ROUNDS: i64 = 200;
    let world = world(harness);
    let both = crate::storage::Query {
        filter: Filter::Prefix("consumer", "pair".into()),
        ..super::super::world::query(FeedCursor::TABLE)
    };
    world.write([counter("pair left", 0).into(), counter("pair right", 0).into()]);

    threads(2, |who| match who {
        0 => (1..=ROUNDS).for_each(|n| {
            world.write([counter("pair left", n).into(), counter("pair right", n).into()]);
        }),
        _ => loop {
            let pair = world.select(&both);
            let [Row::FeedCursor(left), Row::FeedCursor(right)] = &pair[..] else {
                panic!("a pair is two rows: {pair:?}");
            };
            assert_eq!(left.position, right.position, "half a changeset was read");
            if left.position.0 == ROUNDS {
                return;
            }
        },
    });
}

/// Every column of every table comes back as it went in: empty and full, smallest and largest.
pub fn rows_come_back_as_they_were_written<H: Harness>(harness: &H) {
    let world = world(harness);
    let rows = [sample::rows(1, false), sample::rows(2, true)].concat();
    let ledger = [sample::ledger(1, false), sample::ledger(2, true)].concat();
    let rows = [rows, ledger].concat();
    assert_covers_all(&rows);

    world.write(rows.clone());

    for row in rows {
        assert_is_there(&world, &row);
    }
}

/// The same when a row is written over another, both ways.
pub fn rows_come_back_as_they_were_updated<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write(sample::rows(1, false));

    for full in [true, false, true] {
        let rows = sample::rows(1, full);
        world.write(rows.clone());
        for row in rows {
            assert_is_there(&world, &row);
        }
    }
    world.write(sample::ledger(1, false));
    let mut later = sample::ledger(1, true);
    later.retain(|row| !row.table().append_only);
    world.write(later.clone());
    later.iter().for_each(|row| assert_is_there(&world, row));
}

/// A row that was deleted is absent to reads and to decisions, and its key can be used again.
pub fn rows_that_were_deleted_are_gone<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write([counter("kept", 1).into(), counter("gone", 1).into()]);

    let delete = |draft: &mut crate::storage::Draft<'_>| {
        draft.need([FeedCursor::own("gone".into())])?;
        draft.delete::<FeedCursor>("gone".into())
    };
    world.run(delete).expect("it is deleted");
    world.run(delete).expect("and deleting it again does nothing");

    assert_eq!(world.held::<FeedCursor>("gone".into()), None);
    assert_eq!(world.rows::<FeedCursor>(), [counter("kept", 1)]);
    world.write([counter("gone", 2).into()]);
    assert_eq!(world.held::<FeedCursor>("gone".into()), Some(counter("gone", 2)));
}

/// A decision may put a child before its parent, and delete a parent before its child.
pub fn parents_and_children_of_one_changeset_may_be_written_in_any_order<H: Harness>(harness: &H) {
    let world = world(harness);
    let rows: Vec<Row> = sample::rows(1, false).into_iter().rev().collect();
    let ledger: Vec<Row> = sample::ledger(1, false).into_iter().rev().collect();

    world.write(ledger.clone());
    ledger.iter().for_each(|row| assert_is_there(&world, row));
    world.write(rows.clone());
    rows.iter().for_each(|row| assert_is_there(&world, row));

    let doomed: Vec<_> = rows.iter().rev().map(Row::key).collect();
    let deleted = world.run(move |draft| {
        draft.need(doomed.iter().map(|key| (key.clone(), Lock::Own)))?;
        doomed.iter().cloned().try_for_each(|key| draft.delete_any(key))
    });
    deleted.expect("all of them are deleted");
    for row in rows {
        assert_eq!(world.found(&row.key()), None);
    }
}

/// A changeset of as many rows as one may have is written as one.
pub fn a_changeset_may_be_as_large_as_allowed<H: Harness>(harness: &H) {
    let world = world(harness);
    let name = |n: usize| format!("row {n:04}");
    let rows = move |k: i64| (0..ROWS_PER_CHANGESET_MAX).map(move |n| counter(&name(n), k).into());

    world.write(rows(1));
    world.write(rows(2));

    let found = world.rows::<FeedCursor>();
    assert_eq!(found.len(), ROWS_PER_CHANGESET_MAX);
    assert!(found.iter().all(|row| row.position.0 == 2));
}

/// Commands that are on their way together and touch one row each find what the one before left,
/// whether it was inserted, updated or deleted.
pub fn commands_on_one_row_follow_one_another<H: Harness>(harness: &H) {
    const STEPS: i64 = 90;
    let world = world(harness);
    // Every third step finds nothing and inserts, the next adds one, the next deletes.
    let step = || {
        world.work(|draft, _| {
            draft.need([FeedCursor::own("step".into()), FeedCursor::own("steps".into())])?;
            let steps = count(draft, "steps")?;
            assert_eq!(count(draft, "step")?, steps % 3, "a step was missed");
            match steps % 3 {
                2 => draft.delete::<FeedCursor>("step".into())?,
                n => draft.put(counter("step", n + 1))?,
            }
            draft.put(counter("steps", steps + 1))
        })
    };

    let steps: Vec<_> = (0..STEPS).map(|_| world.store.submit(step())).collect();
    for done in block_on(futures_util::future::join_all(steps)) {
        done.expect("the step is made");
    }

    assert_eq!(world.held::<FeedCursor>("steps".into()), Some(counter("steps", STEPS)));
    assert_eq!(world.held::<FeedCursor>("step".into()), None);
}

/// A command that is refused leaves neither rows nor events. (What it records in a table declared
/// `is on_refusal` stays: the ledger's cases hold stores to that.)
pub fn nothing_of_a_refused_command_stays<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write([counter("kept", 1).into()]);

    let refused = world.work_ending(|draft, _| {
        draft.need([FeedCursor::own("kept".into()), FeedCursor::own("new".into())])?;
        draft.put(counter("new", 1))?;
        draft.delete::<FeedCursor>("kept".into())?;
        draft.emit(numbered(1));
        Ok(Run::Refused)
    });
    block_on(world.store.submit(refused)).expect("a refusal is no failure of the store");

    assert_eq!(world.rows::<FeedCursor>(), [counter("kept", 1)]);
    assert_eq!(world.feed(), []);
}

/// A put of what is there already, and a command that writes nothing, end well.
pub fn a_put_that_changes_nothing_is_harmless<H: Harness>(harness: &H) {
    let world = world(harness);
    let rows = sample::rows(1, true);

    world.write(rows.clone());
    world.write(rows.clone());
    world.write([]);

    rows.iter().for_each(|row| assert_is_there(&world, row));
}

fn assert_is_there<S: Store>(world: &World<S>, row: &Row) {
    assert_eq!(world.found(&row.key()).as_ref(), Some(row), "as a read sees it");
    let key = row.key();
    let held = world.run(move |draft| {
        draft.need([(key.clone(), Lock::Share)])?;
        draft.row(&key).map(|row| row.cloned())
    });
    assert_eq!(held.expect("the row is read").as_ref(), Some(row), "as a decision sees it");
}

/// Every table has a row, and every optional column is empty in one and full in another.
fn assert_covers_all(rows: &[Row]) {
    let mut seen = BTreeSet::new();
    for row in rows {
        let columns = row.table().columns.iter().zip(row.values());
        seen.extend(
            columns.map(|(column, value)| (row.table().name, column.name, value != Value::Null)),
        );
    }
    for table in TABLES {
        for column in table.columns {
            let mut states = vec![true];
            states.extend(column.optional.then_some(false));
            for full in states {
                let it = (table.name, column.name, full);
                assert!(seen.contains(&it), "no sample row has {it:?} (table, column, full)");
            }
        }
    }
}
