use parlor_core::engine::{AnyCommand, FeedCursor, Idempotency, Sweep};
use parlor_core::events::{Actor, Position};
use parlor_core::record::{Digest, Json};
use parlor_core::storage::{Held, Lock};
use serde_json::{Value, json};

use super::*;

/// Decides an internal command by its name, as timers and policies store it.
fn decided(held: &Held, name: &str, data: Value) -> (Value, Changeset) {
    let command: AnyCommand =
        serde_json::from_value(json!({ "name": name, "data": data })).expect("its data fits");
    let mut draft = Draft::new(held);
    let output = command.decide(&mut draft, &ctx(Actor::HOST)).expect("it ends well");
    (output, draft.finish())
}

fn cursor(n: i64) -> FeedCursor {
    FeedCursor { consumer: "policy".into(), position: Position(n) }
}

#[test]
fn advance_cursor_moves_it_unless_somebody_else_has() {
    let advance = json!({ "consumer": "policy", "from": 3, "to": 9 });
    let at = |n| decided(&Held::new().owned(cursor(n)), "engine.advance_cursor", advance.clone());
    assert_eq!(at(3), (json!(true), changeset([put(cursor(9))], [])));
    assert_eq!(at(4), (json!(false), changeset([], [])));
    assert_eq!(at(9), (json!(false), changeset([], [])));

    let first = json!({ "consumer": "policy", "from": 0, "to": 9 });
    let new = Held::new().absent::<FeedCursor>("policy".into(), Lock::Own);
    let moved = (json!(true), changeset([put(cursor(9))], []));
    assert_eq!(decided(&new, "engine.advance_cursor", first), moved);
}

#[test]
fn finish_sweep_ends_the_sweep_it_means() {
    let sweep = |bound| Sweep { name: "a".into(), subject: ROOM.0, bound, started_at: BEFORE };
    let finish = json!({ "name": "a", "subject": ROOM, "bound": 4 });
    let at =
        |bound| decided(&Held::new().owned(sweep(bound)), "engine.finish_sweep", finish.clone());
    assert_eq!(at(4).1, changeset([delete::<Sweep>(("a".into(), ROOM.0))], []));
    // It was started again meanwhile, and goes on.
    assert_eq!(at(5).1, changeset([], []));
    let none = Held::new().absent::<Sweep>(("a".into(), ROOM.0), Lock::Own);
    assert_eq!(decided(&none, "engine.finish_sweep", finish).1, changeset([], []));
}

#[test]
fn forget_deletes_what_has_expired() {
    let row = |key: &str, expires_at| Idempotency {
        scope: Uuid::nil(),
        key: key.into(),
        request: Digest([0; 32]),
        outcome: Json(json!(null)),
        expires_at,
    };
    let held = Held::new()
        .owned(row("old", NOW))
        .owned(row("renewed", Timestamp(NOW.0 + 1)))
        .absent::<Idempotency>((Uuid::nil(), "gone".into()), Lock::Own);
    let keys = ["old", "renewed", "gone"].map(|key| (Uuid::nil(), key));
    let (_, changes) = decided(&held, "engine.forget", json!({ "keys": keys }));
    let old = delete::<Idempotency>((Uuid::nil(), "old".into()));
    assert_eq!(changes, changeset([old], []));
}
