//! What a draft gives and refuses: nothing is read that was not asked for, and nothing is written
//! that is not owned.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parlor_core::Uuid;
use parlor_core::engine::{FeedCursor, Refusal as _};
use parlor_core::events::Position;
use parlor_core::identity::UserId;
use parlor_core::record::{Stored as _, Timestamp};
use parlor_core::rooms::{HandQueue, Refusal, Room, RoomBan, RoomId};
use parlor_core::storage::{Changeset, Draft, Held, Lock, Missing, ROWS_PER_CHANGESET_MAX, Stop};

const ROOM: RoomId = RoomId(Uuid::from_u128(1));
const USER: UserId = UserId(Uuid::from_u128(2));

fn row(name: &str, n: i64) -> FeedCursor {
    FeedCursor { consumer: name.into(), position: Position(n) }
}

fn key(name: &str) -> String {
    name.to_owned()
}

fn ban() -> RoomBan {
    RoomBan {
        room_id: ROOM,
        user_id: USER,
        display_name: "Ada".into(),
        reason: String::new(),
        banned_by: None,
        at: Timestamp(0),
    }
}

#[test]
fn all_is_asked_for_at_once_unless_all_is_held() {
    let held = Held::new().owned(row("owned", 1)).shared(row("shared", 1));
    let draft = Draft::new(&held);
    let needs = [
        FeedCursor::own(key("owned")),
        FeedCursor::share(key("owned")),
        FeedCursor::share(key("shared")),
        FeedCursor::own(key("shared")),
        FeedCursor::share(key("new")),
        FeedCursor::own(key("newer")),
    ];
    assert_eq!(draft.need(needs.clone()), Err(Missing(needs.into())));
    let stronger = [FeedCursor::own(key("shared"))];
    assert_eq!(draft.need(stronger.clone()), Err(Missing(stronger.into())));
    assert_eq!(draft.need([FeedCursor::share(key("shared"))]), Ok(()));
    assert_eq!(draft.need([]), Ok(()));
}

#[test]
fn the_guard_of_a_row_is_asked_for_with_it_in_the_same_mode() {
    let held = Held::new();
    let asks = |need| Draft::new(&held).need([need]).unwrap_err().0;
    let ban = (ROOM, USER);
    assert_eq!(asks(RoomBan::share(ban)), [Room::share(ROOM), RoomBan::share(ban)]);
    assert_eq!(asks(RoomBan::own(ban)), [Room::own(ROOM), RoomBan::own(ban)]);
}

#[test]
fn absence_is_believed_only_under_its_guard() {
    let absent = || Held::new().absent::<RoomBan>((ROOM, USER), Lock::Own);
    let unguarded = absent();
    let guard_shared = absent().absent::<Room>(ROOM, Lock::Share);
    let guard_owned = absent().absent::<Room>(ROOM, Lock::Own);

    let get = |held: &Held| Draft::new(held).get::<RoomBan>((ROOM, USER));
    assert_eq!(get(&unguarded), Err(Missing(vec![Room::share(ROOM)])));
    assert_eq!(get(&guard_shared), Ok(None));
    assert_eq!(get(&guard_owned), Ok(None));
    // What is there needs no guard to be read.
    assert_eq!(get(&Held::new().shared(ban())), Ok(Some(ban())));

    let put = |held: &Held| Draft::new(held).put(ban());
    assert_eq!(put(&unguarded), Err(Missing(vec![Room::own(ROOM)])));
    assert_eq!(put(&guard_shared), Err(Missing(vec![Room::own(ROOM)])));
    assert_eq!(put(&guard_owned), Ok(()));
    // Nor to be written again, or taken away.
    assert_eq!(put(&Held::new().owned(ban())), Ok(()));
    let held = Held::new().owned(ban());
    assert_eq!(Draft::new(&held).delete::<RoomBan>((ROOM, USER)), Ok(()));
}

#[test]
fn nothing_is_written_that_is_not_owned() {
    let held = Held::new().shared(row("shared", 1)).absent::<FeedCursor>(key("gap"), Lock::Share);
    let mut draft = Draft::new(&held);
    for name in ["shared", "gap", "unheard of"] {
        let own = Missing(vec![FeedCursor::own(key(name))]);
        assert_eq!(draft.put(row(name, 2)), Err(own.clone()));
        assert_eq!(draft.delete::<FeedCursor>(key(name)), Err(own));
    }
    assert_eq!(draft.finish(), Changeset::default());
}

#[test]
fn nothing_is_read_that_was_not_asked_for() {
    let held = Held::new();
    let unasked = Draft::new(&held).get::<FeedCursor>(key("a"));
    assert_eq!(unasked, Err(Missing(vec![FeedCursor::share(key("a"))])));
}

#[test]
fn a_draft_sees_what_it_has_written() {
    let held =
        Held::new().owned(row("a", 1)).absent::<FeedCursor>(key("b"), Lock::Own).owned(row("c", 1));
    let mut draft = Draft::new(&held);
    draft.put(row("a", 2)).unwrap();
    draft.put(row("b", 2)).unwrap();
    draft.delete::<FeedCursor>(key("c")).unwrap();
    assert_eq!(draft.get::<FeedCursor>(key("a")), Ok(Some(row("a", 2))));
    assert_eq!(draft.get::<FeedCursor>(key("b")), Ok(Some(row("b", 2))));
    assert_eq!(draft.get::<FeedCursor>(key("c")), Ok(None));
    draft.put(row("c", 3)).unwrap();
    draft.delete::<FeedCursor>(key("b")).unwrap();
    assert_eq!(draft.get::<FeedCursor>(key("c")), Ok(Some(row("c", 3))));
    assert_eq!(draft.get::<FeedCursor>(key("b")), Ok(None));
}

#[test]
fn a_delete_of_what_is_absent_writes_nothing() {
    let held = Held::new().absent::<FeedCursor>(key("a"), Lock::Own);
    let mut draft = Draft::new(&held);
    draft.delete::<FeedCursor>(key("a")).unwrap();
    assert_eq!(draft.finish(), Changeset::default());
}

#[test]
fn a_part_that_is_refused_leaves_the_rest() {
    let held = Held::new().owned(row("a", 1)).owned(row("b", 1));
    let mut draft = Draft::new(&held);
    draft.put(row("a", 2)).unwrap();
    let refused = draft.attempt(|draft| {
        draft.put(row("a", 3))?;
        draft.delete::<FeedCursor>(key("b"))?;
        Err::<(), _>(Stop::Refused(Refusal::Closed))
    });
    assert!(matches!(refused, Err(Stop::Refused(it)) if it.code() == "rooms.closed"));
    let unmet = draft.attempt(|draft| {
        draft.put(row("b", 3))?;
        Ok::<(), Stop<Refusal>>(draft.put(row("c", 3))?)
    });
    assert_eq!(unmet, Err(Stop::Missing(Missing(vec![FeedCursor::own(key("c"))]))));
    let done: Result<(), Stop<Refusal>> = draft.attempt(|draft| Ok(draft.put(row("b", 4))?));
    assert_eq!(done, Ok(()));
    let written = [row("a", 2), row("b", 4)];
    let written = written.map(|row| (FeedCursor::own(row.consumer.clone()).0, Some(row.into())));
    assert_eq!(draft.finish(), Changeset { writes: written.into(), events: Vec::new() });
}

#[test]
fn a_changeset_has_a_limit() {
    let rows = || (0..=ROWS_PER_CHANGESET_MAX).map(|n| row(&n.to_string(), 1));
    let held = rows().fold(Held::new(), Held::owned);
    let mut draft = Draft::new(&held);
    rows()
        .take(ROWS_PER_CHANGESET_MAX)
        .for_each(|it| draft.put(FeedCursor { position: Position(2), ..it }).unwrap());
    let one_more =
        catch_unwind(AssertUnwindSafe(|| draft.put(row(&ROWS_PER_CHANGESET_MAX.to_string(), 2))));
    assert!(one_more.is_err());
}

#[test]
fn a_table_says_whether_its_rows_outlive_a_refusal() {
    let queue = HandQueue { room_id: ROOM, next_seq: 1, speakers: 0 };
    let held = Held::new().owned(queue.clone());
    let recorded = catch_unwind(AssertUnwindSafe(|| Draft::new(&held).record(queue)));
    assert!(recorded.is_err(), "a hand queue does not");
}
