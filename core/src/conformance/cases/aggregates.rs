//! Reckoning: every store counts and adds up like a naive reckoning.

use std::time::Duration;

use crate::Uuid;
use crate::col;
use crate::conformance::{Harness, World, block_on, naive_aggregate, random};
use crate::engine::{FeedCursor, Sweep, Timer};
use crate::identity::User;
use crate::record::{ColumnDef, Kind, Record, TableDef, Timestamp, Value};
use crate::rooms::{Participant, Room, RoomBan, RoomId, RoomListing};
use crate::storage::{
    Aggregate, Bucket, Filter, GROUPS_MAX, Group, Measure, Store, StoreError, Summary, is_ranked,
};
use crate::tables::Row;

use super::super::sample;
use super::reads::{pick, some_filter, some_rows};
use super::{counter, world};

const HOUR: i64 = 3_600_000_000;

/// Random aggregates over random rows: every kind of column, filter and measure, with and without
/// groups and buckets.
pub fn aggregates_agree_with_a_naive_reckoning<H: Harness>(harness: &H) {
    const TIMES: usize = 300;
    let world = world(harness);
    let mut next = random(77);
    let rows = some_rows(&mut next);
    rows.chunks(900).for_each(|some| world.write(some.to_vec()));
    let tables: [&'static TableDef; 6] = [
        User::TABLE,
        Room::TABLE,
        Participant::TABLE,
        RoomListing::TABLE,
        Timer::TABLE,
        Sweep::TABLE,
    ];

    let (mut groups, mut overflows) = (0, 0);
    for n in 0..TIMES {
        let table = tables[n % tables.len()];
        let mine: Vec<Row> = rows.iter().filter(|row| row.table() == table).cloned().collect();
        let aggregate = Aggregate {
            filter: some_filter(&mut next, table, &mine, 2),
            ..some_aggregate(&mut next, table)
        };
        let expected = naive_aggregate(&rows, &aggregate);
        groups += expected.iter().flatten().count();
        overflows += usize::from(expected.is_none());
        match (block_on(world.store.aggregate(&aggregate)), expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{aggregate:#?}"),
            (Err(StoreError::Overflow(_)), None) => {}
            (found, expected) => panic!("{found:?}, not {expected:?}: {aggregate:#?}"),
        }
    }
    assert!(
        groups > TIMES && overflows > 0,
        "{groups} groups and {overflows} overflows say little"
    );
}

/// Buckets begin at or before what is in them, before 1970 too, and none has what another has.
pub fn a_time_falls_into_the_bucket_that_began_before_it<H: Harness>(harness: &H) {
    let world = world(harness);
    let times = [-HOUR - 1, -HOUR, -HOUR + 1, -1, 0, 1, HOUR - 1, HOUR, HOUR + 1];
    world.write(times.iter().enumerate().map(|(n, &at)| sweep(n, at, 0)));

    let by_hour = Summary::<Sweep>::new("suite.by_hour").hourly(col!(Sweep.started_at)).rows();
    let hour = |n: i64, rows: i64| group([time(n * HOUR)], [Value::Int(rows)]);
    assert_eq!(reckon(&world, &by_hour), [hour(-2, 1), hour(-1, 3), hour(0, 3), hour(1, 2)]);

    let by_day = Summary::<Sweep>::new("suite.by_day").daily(col!(Sweep.started_at)).rows();
    let day = |n: i64, rows: i64| group([time(n * 24 * HOUR)], [Value::Int(rows)]);
    assert_eq!(reckon(&world, &by_day), [day(-1, 4), day(0, 5)]);

    let width = Duration::from_micros(1);
    let each = Summary::<Sweep>::new("suite.each").bucket(col!(Sweep.started_at), width).rows();
    let each = reckon(&world, &each);
    assert_eq!(each, times.map(|at| group([time(at)], [Value::Int(1)])));
}

/// Rows whose column is empty make a group of their own, which comes first; what is empty is not
/// counted, not added, and neither the least nor the greatest.
pub fn what_is_empty_is_a_group_and_is_not_measured<H: Harness>(harness: &H) {
    let world = world(harness);
    // Rooms 1 and 2 are locked and closed at the last of times; 3, 4 and 5 are not.
    for n in 1..=5 {
        let of_a_room = |row: &Row| matches!(row, Row::User(_) | Row::Room(_));
        world.write(sample::rows(n, n < 3).into_iter().filter(of_a_room));
    }
    let measured = Summary::<Room>::new("suite.closed")
        .rows()
        .count(col!(Room.closed_at))
        .distinct(col!(Room.closed_at))
        .min(col!(Room.closed_at))
        .max(col!(Room.closed_at));
    let int = Value::Int;
    let late = block_on(world.store.select(&super::super::world::query(Room::TABLE)));
    let late = late.expect("the rooms").into_iter().find_map(|row| match row {
        Row::Room(room) => room.closed_at,
        _ => None,
    });
    let late = Value::Time(late.expect("a room is closed"));

    let all = [int(5), int(2), int(1), late.clone(), late.clone()];
    assert_eq!(reckon(&world, &measured), [group([], all)]);
    let open = [int(3), int(0), int(0), Value::Null, Value::Null];
    let closed = [int(2), int(2), int(1), late.clone(), late.clone()];
    assert_eq!(
        reckon(&world, &measured.clone().group(col!(Room.locked_at))),
        [group([Value::Null], open.clone()), group([late], closed)]
    );
    let by_day = reckon(&world, &measured.daily(col!(Room.locked_at)));
    assert_eq!((by_day.len(), by_day.first()), (2, Some(&group([Value::Null], open))));

    let hands = Summary::<Participant>::new("suite.hands").sum(col!(Participant.hand_seq));
    assert_eq!(reckon(&world, &hands), [group([], [int(0)])]);
}

/// Of no rows there are no groups, or one of no key, in which there is nothing.
pub fn nothing_is_reckoned_as_nothing<H: Harness>(harness: &H) {
    let world = world(harness);
    let nothing = || {
        Summary::<FeedCursor>::new("suite.nothing")
            .rows()
            .count(col!(FeedCursor.consumer))
            .sum(col!(FeedCursor.position))
            .min(col!(FeedCursor.position))
            .max(col!(FeedCursor.consumer))
            .distinct(col!(FeedCursor.consumer))
    };
    let zero = || Value::Int(0);
    let one = group([], [zero(), zero(), zero(), Value::Null, Value::Null, zero()]);

    assert_eq!(reckon(&world, &nothing()), std::slice::from_ref(&one));
    assert_eq!(reckon(&world, &nothing().group(col!(FeedCursor.consumer))), []);
    world.write([counter("a", 1).into()]);
    let none = nothing().filter(col!(FeedCursor.consumer).is("b".into()));
    assert_eq!(reckon(&world, &none), [one]);
    assert_eq!(reckon(&world, &none.group(col!(FeedCursor.position))), []);
}

/// The groups are those of the smallest keys, in order, and as many as were asked for.
pub fn groups_come_in_the_order_of_their_keys_up_to_the_limit<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write((0..300).map(|n| counter(&format!("row {n:03}"), (n * 7) % 100).into()));
    let by = || Summary::<FeedCursor>::new("suite.order").group(col!(FeedCursor.position)).rows();

    for (limit, groups) in [(1, 1), (7, 7), (99, 99), (GROUPS_MAX, 100)] {
        let expected: Vec<Group> =
            (0..groups).map(|n| group([Value::Int(n)], [Value::Int(3)])).collect();
        assert_eq!(reckon(&world, &by().limit(limit)), expected, "limit {limit}");
    }
    let two = Summary::<FeedCursor>::new("suite.two")
        .group(col!(FeedCursor.position))
        .group(col!(FeedCursor.consumer))
        .rows()
        .limit(4);
    let key = |n: i64, row: &str| group([Value::Int(n), text(row)], [Value::Int(1)]);
    assert_eq!(
        reckon(&world, &two),
        [key(0, "row 000"), key(0, "row 100"), key(0, "row 200"), key(1, "row 043")]
    );
}

/// A sum is what the numbers add up to, in whatever order and however large its parts are; one
/// that does not fit is an error, of the group that has it.
pub fn a_sum_is_exact_or_an_error<H: Harness>(harness: &H) {
    let (max, min) = (i64::MAX, i64::MIN);
    let sum = || Summary::<Sweep>::new("suite.sum").sum(col!(Sweep.bound));
    for (numbers, expected) in [
        (&[max, 1, -1][..], Some(max)),
        (&[1, max, -1], Some(max)),
        (&[min, -1, 1], Some(min)),
        (&[max, min, max, min, 2], Some(0)),
        (&[max - 1, 1], Some(max)),
        (&[-1, -1, -1], Some(-3)),
        (&[1 << 32, (1 << 32) - 1, -(1 << 32)], Some((1 << 32) - 1)),
        (&[max, 1], None),
        (&[min, -1], None),
        (&[max, max, max], None),
    ] {
        let world = world(harness);
        world.write(numbers.iter().enumerate().map(|(n, &bound)| sweep(n, 0, bound)));
        match (block_on(world.parlor.aggregate(&sum())), expected) {
            (Ok(found), Some(sum)) => assert_eq!(found, [group([], [Value::Int(sum)])]),
            (Err(StoreError::Overflow("suite.sum")), None) => {}
            (found, _) => panic!("{numbers:?}: {found:?}, not {expected:?}"),
        }
        let parts = sum().group(col!(Sweep.subject));
        let parts = reckon(&world, &parts).into_iter().map(|group| group.measures);
        assert!(parts.eq(numbers.iter().map(|it| [Value::Int(*it)])), "each by itself");
    }
}

/// An aggregate with a filter goes by the index it names and reads no table from end to end.
pub fn an_aggregate_with_a_filter_is_carried_by_its_index<H: Harness>(harness: &H) {
    let world = world(harness);
    let room = RoomId(Uuid::nil());
    let bans = Summary::<RoomBan>::new("suite.bans_by_day")
        .by("room_ban_by_time")
        .filter(col!(RoomBan.room_id).is(room))
        .filter(col!(RoomBan.at).at_least(Timestamp(0)))
        .daily(col!(RoomBan.at))
        .rows()
        .distinct(col!(RoomBan.banned_by));
    let connected = Summary::<Participant>::new("suite.connected_by_room")
        .by("participant_lapsing")
        .filter(col!(Participant.left_at).is_null())
        .filter(col!(Participant.lapses_at).is(Timestamp::NEVER))
        .group(col!(Participant.room_id))
        .rows();
    for fill in [false, true] {
        if fill {
            world.write([sample::rows(1, false), sample::rows(2, true)].concat());
        }
        let mine = [bans.aggregate().clone(), connected.aggregate().clone()];
        for aggregate in &[mine.to_vec(), crate::aggregates()].concat() {
            let name = aggregate.name;
            let Some(plan) = harness.explain_aggregate(&world.store, aggregate) else { continue };
            let named = plan.indexes.iter().any(|index| index == aggregate.index);
            assert!(named, "{name} is not carried by {}:\n{}", aggregate.index, plan.text);
            assert!(!plan.scans, "{name} reads a table from end to end:\n{}", plan.text);
        }
    }
}

fn some_aggregate(next: &mut impl FnMut() -> u64, table: &'static TableDef) -> Aggregate {
    let columns: Vec<&ColumnDef> = table.all_columns().filter(|it| it.kind != Kind::Json).collect();
    let times: Vec<_> = columns.iter().filter(|it| it.kind == Kind::Time).collect();
    let mut by: Vec<&'static str> = Vec::new();
    for _ in 0..next() % 3 {
        let column = columns[pick(next, columns.len())].name;
        by.extend((!by.contains(&column)).then_some(column));
    }
    let width_us = [1, 3, HOUR, 24 * HOUR][pick(next, 4)];
    let column = times[pick(next, times.len())].name;
    let bucket = next().is_multiple_of(2).then_some(Bucket { column, width_us });
    let mut measures = vec![Measure::Rows];
    for _ in 0..next() % 4 {
        let ColumnDef { name, kind, .. } = *columns[pick(next, columns.len())];
        measures.push(match next() % 5 {
            0 if kind == Kind::Int => Measure::Sum(name),
            1 if is_ranked(kind) => Measure::Min(name),
            2 if is_ranked(kind) => Measure::Max(name),
            3 => Measure::Distinct(name),
            _ => Measure::Count(name),
        });
    }
    measures.extend(
        columns.iter().rev().find(|it| it.kind == Kind::Int).map(|it| Measure::Sum(it.name)),
    );
    Aggregate {
        name: "suite.any",
        index: "primary key",
        table,
        filter: Filter::All(Vec::new()),
        by,
        bucket,
        measures,
        limit: [1, 5, GROUPS_MAX][pick(next, 3)],
    }
}

fn reckon<S: Store, R: crate::record::Stored>(
    world: &World<S>,
    summary: &Summary<R>,
) -> Vec<Group> {
    block_on(world.parlor.aggregate(summary)).expect("it is reckoned")
}

fn group<const K: usize, const M: usize>(key: [Value; K], measures: [Value; M]) -> Group {
    Group { key: key.into(), measures: measures.into() }
}

fn time(at: i64) -> Value {
    Value::Time(Timestamp(at))
}

fn text(it: &str) -> Value {
    Value::Text(it.to_owned().into())
}

/// The n-th of some rows that have a time and a number.
fn sweep(n: usize, at: i64, bound: i64) -> Row {
    let (name, subject) = ("suite".to_owned(), Uuid::from_u128(n as u128));
    Sweep { name, subject, bound, started_at: Timestamp(at) }.into()
}
