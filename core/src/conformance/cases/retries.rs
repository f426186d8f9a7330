//! What a key does for a command: it takes effect once, however often it is sent.

use serde_json::json;

use super::world;
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::{Error, Idempotency, IdempotencyKey};
use crate::rooms::{Close, Create, Join, Lock, Refusal, Room, StageMode, Unlock};
use crate::storage::Store;

/// Whoever sends a command again under the same key is told what they were told the first time,
/// and nothing happens again.
pub fn a_retry_gets_the_first_outcome<H: Harness>(harness: &H) {
    let world = world(harness);
    let ada = world.guest("Ada");

    let first = block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("a room");
    let events = world.feed();
    let other_server = world.server(1);
    let again = block_on(other_server.execute_with(ada, &key("k"), tea())).expect("the same");
    let any = block_on(world.parlor.execute_any(ada, Some(&key("k")), tea().into()));

    assert_eq!(first, again);
    assert_eq!(any.expect("the same"), json!({ "room": first.room }));
    assert_eq!(world.rows::<Room>().len(), 1);
    assert_eq!(world.feed(), events);
}

/// Another command under a key that has been used is refused, and does nothing.
pub fn a_key_stands_for_one_command<H: Harness>(harness: &H) {
    let world = world(harness);
    let ada = world.guest("Ada");
    block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("a room");

    let other = Create { name: "Coffee".into(), ..tea() };
    let reused = block_on(world.parlor.execute_with(ada, &key("k"), other));

    assert!(matches!(reused, Err(Error::KeyReused)), "{reused:?}");
    assert_eq!(world.rows::<Room>().len(), 1);
}

/// Two people may use the same key without knowing of each other.
pub fn a_key_is_its_actors_own<H: Harness>(harness: &H) {
    let world = world(harness);
    let (ada, ben) = (world.guest("Ada"), world.guest("Ben"));

    let hers = block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("a room");
    let his = block_on(world.parlor.execute_with(ben, &key("k"), tea())).expect("a room");

    assert_ne!(hers, his);
    assert_eq!(world.rows::<Idempotency>().len(), 2);
}

/// A command that was refused is decided anew when it is sent again.
pub fn a_refusal_is_not_remembered<H: Harness>(harness: &H) {
    let world = world(harness);
    let (host, guest) = (world.guest("Host"), world.guest("Guest"));
    let room = world.room(host, StageMode::OpenFloor, 10);
    block_on(world.parlor.execute(host, Lock { room })).expect("the room is locked");

    let locked = block_on(world.parlor.execute_with(guest, &key("k"), Join { room }));
    assert!(matches!(locked, Err(Error::Refused(Refusal::Locked))), "{locked:?}");
    assert_eq!(world.rows::<Idempotency>(), []);

    block_on(world.parlor.execute(host, Unlock { room })).expect("it is not any more");
    block_on(world.parlor.execute_with(guest, &key("k"), Join { room })).expect("they get in");
}

/// A command that is sent many times at once, to several servers, takes effect once, and everyone
/// is told the same.
pub fn a_command_sent_many_times_at_once_takes_effect_once<H: Harness>(harness: &H) {
    const TIMES: usize = 30;
    let world = world(harness);
    let ada = world.guest("Ada");

    for n in 1..=TIMES {
        let key = key(&format!("k{n}"));
        let made = threads(4, |k| {
            let server = world.server(1_000 + (n * 4 + k) as u64);
            block_on(server.execute_with(ada, &key, tea())).expect("a room").room
        });
        assert!(made.iter().all(|room| *room == made[0]), "{made:?}");
        assert_eq!(world.rows::<Room>().len(), n);
        assert_eq!(world.count("rooms.created"), n);
    }
}

/// An outcome is kept for its time and then deleted; the key can be used again.
pub fn an_outcome_is_forgotten_in_time<H: Harness>(harness: &H) {
    let world = world(harness);
    let ada = world.guest("Ada");
    let first = block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("a room");
    close(&world, ada, first.room);

    world
        .clock
        .advance(world.parlor.settings().idempotency_ttl - std::time::Duration::from_micros(1));
    let kept = block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("the same");
    assert_eq!(kept, first);

    world.clock.advance(std::time::Duration::from_micros(1));
    let anew = block_on(world.parlor.execute_with(ada, &key("k"), tea())).expect("a room");
    assert_ne!(anew, first);
    close(&world, ada, anew.room);

    world.drive();
    world.clock.advance(world.parlor.settings().idempotency_ttl * 2);
    world.drive();
    world.clock.advance(world.parlor.settings().idempotency_ttl * 2);
    world.drive();
    assert_eq!(world.rows::<Idempotency>(), []);
}

fn close<S: Store>(world: &World<S>, owner: crate::events::Actor, room: crate::rooms::RoomId) {
    block_on(world.parlor.execute(owner, Close { room })).expect("the room is closed");
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a good key")
}

fn tea() -> Create {
    Create {
        name: "Tea".into(),
        description: String::new(),
        max_participants: None,
        stage_mode: StageMode::OpenFloor,
    }
}
