//! Paging: complete, without double, and of no use to whoever forges a cursor.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{counter, world};
use crate::col;
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::{Error, FeedCursor};
use crate::events::Actor;
use crate::rooms::{Ban, Refusal, RoomId, StageMode};
use crate::storage::{Page, Select, Store};

/// While rows come in before, among and behind, a reader who pages through a list sees every row
/// that was there at the beginning, once.
pub fn paging_is_complete_and_without_double_while_rows_come_in<H: Harness>(harness: &H) {
    const ROWS: usize = 300;
    let world = world(harness);
    // Few numbers and many names: most rows are equal in what the list is sorted by.
    world.write((0..ROWS).map(|n| counter(&format!("old {n:03}"), n as i64 % 7).into()));

    for descending in [false, true] {
        let seen = threads(2, |who| match who {
            0 => page_through(&world, descending),
            _ => {
                for n in 0..60 {
                    let name = format!("new {descending} {n}");
                    world.write([counter(&name, n % 7).into()]);
                }
                Vec::new()
            }
        });

        let mut times = BTreeMap::new();
        for row in seen.into_iter().flatten() {
            *times.entry(row.consumer).or_insert(0) += 1;
        }
        assert!(times.values().all(|times| *times == 1), "a row was seen twice");
        let old = times.keys().filter(|name| name.starts_with("old")).count();
        assert_eq!(old, ROWS, "a row was not seen");
    }
}

/// A cursor that is malformed, or belongs to another list, is refused; one that was tampered with
/// shows nothing that the list itself would not.
pub fn cursors_that_are_forged_or_foreign_are_refused<H: Harness>(harness: &H) {
    let world = world(harness);
    let (host, users) = (world.guest("Host"), world.crowd(6));
    let room = world.room(host, StageMode::OpenFloor, 10);
    let other = world.room(host, StageMode::OpenFloor, 10);
    for (n, user) in users.iter().filter_map(Actor::user).enumerate() {
        let ban = Ban { room: if n < 4 { room } else { other }, user, reason: String::new() };
        block_on(world.parlor.execute(host, ban)).expect("the ban is spoken");
    }
    world.drive();
    let lobby = block_on(world.parlor.rooms().discover(Actor::HOST, "", None, 1)).expect("a page");
    let cursor = lobby.next.expect("there is more");

    let foreign = bans(&world, host, room, Some(&cursor));
    assert!(matches!(foreign, Err(Error::Refused(Refusal::BadCursor(_)))), "{foreign:?}");
    // A list that sorts by the same columns is another list all the same.
    let foreign = block_on(world.parlor.rooms().discover(Actor::HOST, "tea", Some(&cursor), 1));
    assert!(matches!(foreign, Err(Error::Refused(Refusal::BadCursor(_)))), "{foreign:?}");
    let json = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for forged in [
        String::new(),
        "not base64!".into(),
        cursor[1..].into(),
        format!("{cursor}{cursor}"),
        "A".repeat(100_000),
        json("[]"),
        json("{}"),
        json(r#"["rooms.discover"]"#),
        json(r#"["rooms.discover",1]"#),
        json(r#"["rooms.discover",null,null]"#),
        json(r#"["rooms.discover","1","00000000-0000-0000-0000-000000000000"]"#),
        json(r#"["rooms.discover",1.5,"00000000-0000-0000-0000-000000000000"]"#),
        json(r#"["rooms.discover",9223372036854775808,"00000000-0000-0000-0000-000000000000"]"#),
        json(r#"["rooms.discover",1,"' or 1=1 --"]"#),
        json(r#"["rooms.discover",1,"00000000-0000-0000-0000-000000000000",2]"#),
    ] {
        let page = block_on(world.parlor.rooms().discover(Actor::HOST, "", Some(&forged), 10));
        assert!(matches!(page, Err(Error::Refused(Refusal::BadCursor(_)))), "{forged}: {page:?}");
    }

    let all = bans(&world, host, room, None).expect("the list").rows;
    assert_eq!(all.len(), 4);
    let elsewhere = bans(&world, host, other, None).expect("the list");
    assert_eq!(elsewhere.rows.len(), 2);
    for flipped in flips(&cursor_of_bans(&world, host, room)) {
        match bans(&world, host, room, Some(&flipped)) {
            Ok(page) => assert!(page.rows.iter().all(|row| all.contains(row)), "{flipped}"),
            Err(Error::Refused(Refusal::BadCursor(_))) => {}
            Err(other) => panic!("{flipped}: {other:?}"),
        }
    }
}

fn page_through<S: Store>(world: &World<S>, descending: bool) -> Vec<FeedCursor> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let select = Select::<FeedCursor>::new("suite.counters").order(col!(FeedCursor.position));
        let select = if descending { select.descending() } else { select };
        let select = select.limit(7).after(cursor.as_deref()).expect("it is our own cursor");
        let page = block_on(world.parlor.select(&select)).expect("the page is read");
        seen.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return seen;
        }
    }
}

fn bans<S: Store>(
    world: &World<S>,
    host: Actor,
    room: RoomId,
    after: Option<&str>,
) -> Result<Page<crate::rooms::BannedView>, Error<Refusal>> {
    block_on(world.parlor.rooms().bans(host, room, after))
}

/// A cursor into the list of bans, made as the list makes them.
fn cursor_of_bans<S: Store>(world: &World<S>, host: Actor, room: RoomId) -> String {
    let rows = bans(world, host, room, None).expect("the list").rows;
    let (middle, nothing) = (&rows[1], r#""]"#);
    let text = format!(r#"["rooms.bans",{},"{room}","{}{nothing}"#, middle.at.0, middle.user);
    let cursor = URL_SAFE_NO_PAD.encode(text);
    let page = bans(world, host, room, Some(&cursor)).expect("it is a cursor of the list");
    assert_eq!(page.rows, rows[2..]);
    cursor
}

/// A text with each of its bits flipped, where that still is text.
fn flips(text: &str) -> impl Iterator<Item = String> {
    let bytes = text.as_bytes().to_vec();
    (0..bytes.len() * 8).filter_map(move |bit| {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    })
}
