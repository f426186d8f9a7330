//! Reads: every store answers like a naive scan, by the index it was promised.

use crate::Uuid;
use crate::conformance::{Harness, World, naive_select, random};
use crate::engine::{FeedCursor, Sweep, Timer};
use crate::identity::{AuthSession, User};
use crate::record::{ColumnDef, Digest, Kind, Record, TableDef, Timestamp, Value};
use crate::rooms::{ConnectionState, LeaveReason, Participant, Room, RoomListing};
use crate::storage::{Cursor, Filter, PAGE_MAX, Query, Store, text};
use crate::tables::Row;

use super::super::{sample, world::query, world::values};
use super::{counter, world};

/// Texts that engines like to sort, fold or misread.
const TEXTS: &[&str] = &[
    "a",
    "B",
    "b",
    "a%",
    "a_b",
    "axb",
    "A%b",
    "a\\b",
    "'",
    "ä",
    "e\u{301}",
    "é",
    "日本",
    "\u{d7ff}x",
    "\u{e000}",
    "\u{ffff}",
    "𝒯",
    "\u{10ffff}x",
];

/// Every named read goes by the index it names, on a store that was always empty and on one that
/// is not: no table is read from end to end, and nothing is sorted but what a search has found.
pub fn every_named_read_is_carried_by_its_index<H: Harness>(harness: &H) {
    let world = world(harness);
    for fill in [false, true] {
        if fill {
            world.write([sample::rows(1, false), sample::rows(2, true)].concat());
            world.write([sample::ledger(1, false), sample::ledger(2, true)].concat());
        }
        for query in crate::queries().into_iter().map(|named| named.query) {
            let name = query.name;
            let text = format!("{}_text", query.table.name);
            let is_search = query.table.text.is_some() && query.index == text;
            let is_known = query.table.indexes.iter().any(|index| index.name == query.index);
            assert!(
                is_known || is_search || query.index == "primary key",
                "{name}: {} has no index {}",
                query.table.name,
                query.index
            );
            let Some(plan) = harness.explain(&world.store, &query) else { continue };
            let named = plan.indexes.iter().any(|index| index == query.index);
            assert!(named, "{name} is not carried by {}:\n{}", query.index, plan.text);
            assert!(!plan.scans, "{name} reads a table from end to end:\n{}", plan.text);
            assert!(is_search || !plan.sorts, "{name} sorts:\n{}", plan.text);
        }
    }
}

/// Random reads over random rows, page by page: every kind of filter, every order, both
/// directions.
pub fn reads_agree_with_a_naive_scan<H: Harness>(harness: &H) {
    const READS: usize = 400;
    let world = world(harness);
    let mut next = random(42);
    let rows = some_rows(&mut next);
    rows.chunks(900).for_each(|some| world.write(some.to_vec()));
    let tables: [&'static TableDef; 6] = [
        User::TABLE,
        AuthSession::TABLE,
        Room::TABLE,
        Participant::TABLE,
        RoomListing::TABLE,
        Timer::TABLE,
    ];

    let mut found = 0;
    for n in 0..READS {
        let table = tables[n % tables.len()];
        let mine: Vec<Row> = rows.iter().filter(|row| row.table() == table).cloned().collect();
        let sortable = || table.all_columns().filter(|it| !it.optional && it.kind != Kind::Json);
        let mut order: Vec<&'static str> = Vec::new();
        for _ in 0..next() % 3 {
            let all: Vec<_> = sortable().map(|column| column.name).collect();
            let column = all[pick(&mut next, all.len())];
            order.extend((!order.contains(&column)).then_some(column));
        }
        let read = Query {
            filter: some_filter(&mut next, table, &mine, 3),
            order,
            descending: next().is_multiple_of(2),
            limit: [1, 7, 50, PAGE_MAX][pick(&mut next, 4)],
            ..query(table)
        };
        found += usize::from(!naive_select(&rows, &read).is_empty());
        assert_agrees(&world, &rows, read);
    }
    assert!(found > READS / 4, "only {found} of {READS} reads find anything");
}

/// A prefix is bytes: no character in it means anything else, and case matters.
pub fn prefixes_are_taken_byte_by_byte<H: Harness>(harness: &H) {
    let world = world(harness);
    let rows: Vec<Row> = TEXTS.iter().map(|text| counter(text, 1).into()).collect();
    world.write(rows.clone());

    let ends = TEXTS.iter().flat_map(|text| (0..=text.len()).map(move |end| text.get(..end)));
    for prefix in ends.flatten().chain(["%", "_", "\\", "a*", "zz"]) {
        let filter = Filter::Prefix("consumer", prefix.to_owned());
        assert_agrees(&world, &rows, Query { filter, ..query(FeedCursor::TABLE) });
    }
}

/// A row is found by what its children are, and not by what the children of others are.
pub fn parents_are_found_by_their_children<H: Harness>(harness: &H) {
    let world = world(harness);
    let mut next = random(7);
    let rows = some_rows(&mut next);
    rows.chunks(900).for_each(|some| world.write(some.to_vec()));
    let stay =
        |filter| Filter::Exists(Participant::TABLE, vec![("room_id", "id")], Box::new(filter));
    let word = |state: ConnectionState| Value::Text(state.word().into());

    for state in ConnectionState::ALL {
        let here = stay(Filter::Eq("connection", word(*state)));
        for limit in [3, PAGE_MAX] {
            let read = Query { filter: here.clone(), limit, ..query(Room::TABLE) };
            assert_agrees(&world, &rows, read);
        }
        let owned = Filter::Exists(
            Room::TABLE,
            vec![("owner_id", "id")],
            Box::new(Filter::All(vec![here, Filter::IsNull("locked_at")])),
        );
        assert_agrees(&world, &rows, Query { filter: owned, ..query(User::TABLE) });
    }
    let nobody = stay(Filter::Any(Vec::new()));
    assert_agrees(&world, &rows, Query { filter: nobody, ..query(Room::TABLE) });
}

/// A search finds what a naive search finds: whatever is typed, and after rows were changed and
/// deleted.
pub fn search_finds_what_a_naive_search_finds<H: Harness>(harness: &H) {
    const WORDS: &[&str] = &[
        "tea",
        "teatime",
        "Tee",
        "CAFÉ",
        "cafe",
        "and",
        "or",
        "not",
        "near",
        "日本語",
        "𞤀𞤣𞤤𞤢𞤥",
        "Ⅷ",
        "x²",
        "straße",
        "ﬁne",
        "\"",
        "*",
        "^",
        "(",
        ":",
        "-",
        "'",
        "a1",
        "1",
    ];
    let world = world(harness);
    let mut next = random(9);
    let mut some = |n: u64| -> String {
        let words = (0..n).map(|_| WORDS[pick(&mut next, WORDS.len())]);
        words.collect::<Vec<_>>().join(" ")
    };
    let mut rows = Vec::new();
    for n in 0..60 {
        for row in sample::rows(n, false) {
            match row {
                Row::User(_) | Row::Room(_) => rows.push(row),
                Row::RoomListing(card) => {
                    rows.push(
                        RoomListing { search: text::words(&some(n as u64 % 6)), ..*card }.into(),
                    );
                }
                _ => {}
            }
        }
    }
    world.write(rows.clone());
    // Cards that change, and cards that go.
    for (n, row) in rows.iter_mut().enumerate() {
        if let Row::RoomListing(card) = row
            && n % 3 == 0
        {
            card.search = text::words(&some(3));
            world.write([Row::RoomListing(card.clone())]);
        }
    }
    let (gone, rows): (Vec<Row>, Vec<Row>) = {
        let mut n = 0;
        rows.into_iter().partition(|row| {
            n += usize::from(matches!(row, Row::RoomListing(_)));
            matches!(row, Row::RoomListing(_)) && n % 4 == 0
        })
    };
    let deleted = world.run(move |draft| {
        draft.need(gone.iter().map(|row| (row.key(), crate::storage::Lock::Own)))?;
        gone.iter().try_for_each(|row| draft.delete_any(row.key()))
    });
    deleted.expect("the cards are deleted");

    for n in 0..300 {
        let typed = some(1 + n % 3);
        let typed: String = match n % 4 {
            0 => typed.chars().take(2).collect(),
            _ => typed,
        };
        let read = Query {
            filter: Filter::search(&typed),
            order: vec!["active"],
            descending: true,
            limit: if n % 2 == 0 { 5 } else { PAGE_MAX },
            ..query(RoomListing::TABLE)
        };
        assert_agrees(&world, &rows, read);
    }
}

/// Reads a dozen pages, or all there are, and compares each.
fn assert_agrees<S: Store>(world: &World<S>, rows: &[Row], mut query: Query) {
    for _ in 0..12 {
        let expected = naive_select(rows, &query);
        assert_eq!(world.select(&query), expected, "{query:#?}");
        let Some(last) = expected.last().filter(|_| expected.len() == query.limit as usize) else {
            return;
        };
        let at = |column| query.table.position(column).expect("it sorts by its columns");
        let sorting = query.sorting().into_iter().map(|column| values(last)[at(column)].clone());
        query.after = Some(Cursor(sorting.collect()));
    }
}

/// Rows of the tables that have most kinds of columns, alike enough for filters to hit several.
pub(super) fn some_rows(next: &mut impl FnMut() -> u64) -> Vec<Row> {
    const FAMILIES: u128 = 24;
    let mut rows = Vec::new();
    for n in 0..FAMILIES {
        let full = next().is_multiple_of(2);
        for row in sample::rows(n, full) {
            let row = match row {
                Row::RoomListing(card) => RoomListing {
                    name: some_text(next),
                    description: some_text(next),
                    active: (next() % 4) as u32,
                    ..*card
                }
                .into(),
                Row::AuthSession(session) => {
                    let access_token_hash = Digest([(next() % 4) as u8 * 24 + n as u8; 32]);
                    AuthSession { access_token_hash, expires_at: some_time(next), ..*session }
                        .into()
                }
                Row::Timer(timer) => Timer { due_at: some_time(next), ..*timer }.into(),
                Row::Participant(stay) => {
                    for k in 0..4 {
                        let id = Uuid::from_u128((n << 64) | (1_000 + rows.len() as u128 * 8 + k));
                        rows.push(Participant { id: id.into(), ..some_stay(next, &stay) }.into());
                    }
                    Row::Participant(stay)
                }
                Row::User(user) => User { display_name: some_text(next), ..*user }.into(),
                Row::Sweep(sweep) => {
                    // Before 1970 and after it.
                    let started_at = Timestamp((next() % 9) as i64 - 4);
                    Sweep { bound: n as i64, started_at, ..*sweep }.into()
                }
                row => row,
            };
            rows.push(row);
        }
    }
    rows.sort_by_key(Row::key);
    rows
}

fn some_stay(next: &mut impl FnMut() -> u64, like: &Participant) -> Participant {
    let is_over = next().is_multiple_of(3);
    Participant {
        epoch: (next() % 3) as i64 + 1,
        connection: if is_over { ConnectionState::Left } else { ConnectionState::Joining },
        lapses_at: if is_over { Timestamp::NEVER } else { like.lapses_at },
        leg_id: next().is_multiple_of(2).then_some(crate::media::LegId(Uuid::nil())),
        lost_at: None,
        hand_seq: None,
        left_at: is_over.then(|| some_time(next)),
        leave_reason: is_over.then_some(LeaveReason::Left),
        removed_by: None,
        ..like.clone()
    }
}

fn some_text(next: &mut impl FnMut() -> u64) -> String {
    TEXTS[pick(next, TEXTS.len())].to_owned()
}

fn some_time(next: &mut impl FnMut() -> u64) -> Timestamp {
    World::<crate::storage::MemoryStore>::BEGIN + std::time::Duration::from_micros(next() % 8)
}

pub(super) fn pick(next: &mut impl FnMut() -> u64, n: usize) -> usize {
    (next() % n as u64) as usize
}

pub(super) fn some_filter(
    next: &mut impl FnMut() -> u64,
    table: &'static TableDef,
    rows: &[Row],
    depth: u32,
) -> Filter {
    if depth > 0 && next().is_multiple_of(2) {
        let parts = (0..next() % 4).map(|_| some_filter(next, table, rows, depth - 1)).collect();
        return if next().is_multiple_of(2) { Filter::All(parts) } else { Filter::Any(parts) };
    }
    let columns: Vec<&ColumnDef> = table.all_columns().filter(|it| it.kind != Kind::Json).collect();
    let column = columns[pick(next, columns.len())];
    let at = table.position(column.name).expect("it is a column of the table");
    let mut value = || values(&rows[pick(next, rows.len())])[at].clone();
    let (a, b, c) = (value(), value(), value());
    let known = |it: &Value| *it != Value::Null;
    match next() % 6 {
        0 if column.optional => Filter::IsNull(column.name),
        1 | 2 if column.kind != Kind::Bool => {
            let (from, to) = if a <= b { (a, b) } else { (b, a) };
            let half = next() % 3;
            let from = Some(from).filter(|it| known(it) && half != 0);
            Filter::Range(column.name, from, Some(to).filter(|it| known(it) && half != 1))
        }
        3 => Filter::In(column.name, [a, b, c].into_iter().filter(known).collect()),
        4 if column.kind == Kind::Text => {
            let Value::Text(text) = a else { return Filter::IsNull(column.name) };
            Filter::Prefix(column.name, text.chars().take(1).collect())
        }
        _ if known(&a) => Filter::Eq(column.name, a),
        _ => Filter::IsNull(column.name),
    }
}
