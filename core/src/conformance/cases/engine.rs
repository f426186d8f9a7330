//! The driver on this store: timers, policies and sweeps, whoever drives.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::world;
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::{Clock as _, FeedCursor, POLICIES, Settings, Sweep, Timer};
use crate::events::Actor;
use crate::media::{LegId, Setup};
use crate::record::Json;
use crate::rooms::{
    Close, ConnectionState, ExpireEmpty, Join, Leave, LeaveReason, LegConnected, LegLost,
    Participant, ParticipantId, RoomId, RoomListing, RoomStatus, Seat, StageMode,
};
use crate::storage::Store;

/// Timers that are due fire once each, however many servers tick at the same time.
pub fn a_timer_fires_once_whoever_ticks<H: Harness>(harness: &H) {
    const ROOMS: usize = 300;
    let world = world(harness);
    let host = world.guest("Host");
    let rooms: Vec<RoomId> =
        (0..ROOMS).map(|_| world.room(host, StageMode::OpenFloor, 10)).collect();
    world.clock.advance(Settings::default().empty_timeout);

    let before = world.clock.now();
    threads(4, |k| {
        let server = world.server(10 + k as u64);
        while block_on(server.tick(before)).expect("the store works") > 0 {}
    });

    assert_eq!(world.count("rooms.closed"), rooms.len());
    assert_eq!(world.rows::<Timer>(), []);
}

/// Stays that nobody connected to end once each, however many servers tick at the same time.
pub fn a_stay_lapses_once_whoever_ticks<H: Harness>(harness: &H) {
    const STAYS: usize = 300;
    let world = world(harness);
    let room = world.room(world.guest("Host"), StageMode::OpenFloor, 1_000);
    for n in 0..STAYS {
        join(&world, world.guest(&format!("Guest {n}")), room);
    }
    world.clock.advance(Settings::default().connect_timeout);

    let before = world.clock.now();
    threads(4, |k| {
        let server = world.server(10 + k as u64);
        while block_on(server.tick(before)).expect("the store works") > 0 {}
    });

    assert_eq!(world.count("rooms.left"), STAYS);
    let timers = world.rows::<Timer>();
    assert_eq!(timers.len(), 1, "only the empty room's own timer is left: {timers:?}");
}

/// A timer that was set anew fires at its new time only; one that was taken back never does.
pub fn a_timer_that_was_moved_or_taken_back_does_not_fire<H: Harness>(harness: &H) {
    let world = world(harness);
    let (host, settings) = (world.guest("Host"), Settings::default());
    let room = world.room(host, StageMode::OpenFloor, 10);

    // The leg comes up in time, so that nothing is left to time out.
    let stay = join(&world, host, room);
    leg_up(&world, room, stay);
    world.clock.advance(settings.connect_timeout * 2);
    world.drive();
    assert_eq!(connection(&world, stay), ConnectionState::Connected);

    // The last one leaves, comes back, and leaves again: the room closes after the second time.
    leave(&world, host, room, stay);
    world.clock.advance(settings.departure_timeout / 2);
    let stay = join(&world, host, room);
    leg_up(&world, room, stay);
    leave(&world, host, room, stay);
    world.clock.advance(settings.departure_timeout / 2);
    world.drive();
    assert_eq!(status(&world, room), RoomStatus::Live);
    world.clock.advance(settings.departure_timeout / 2);
    world.drive();
    assert_eq!(status(&world, room), RoomStatus::Closed);
    assert_eq!(world.count("rooms.closed"), 1);
}

/// A timer whose command is refused does not come back.
pub fn a_timer_whose_command_is_refused_is_gone<H: Harness>(harness: &H) {
    let world = world(harness);
    let nowhere = RoomId(crate::Uuid::max());
    let now = world.clock.now();
    let timer = |name: &str| Timer {
        name: name.to_owned(),
        subject: nowhere.0,
        due_at: now,
        command: Json(ExpireEmpty { room: nowhere }.into()),
    };
    world.write([timer("suite.a").into(), timer("suite.b").into()]);

    assert_eq!(world.drive().timers, 2);

    assert_eq!(world.rows::<Timer>(), []);
    assert_eq!(world.drive().timers, 0);
    assert_eq!(world.feed(), []);
}

/// The next deadline is that of the timer that is due first, and nothing fires before it.
pub fn the_next_deadline_is_that_of_the_first_timer<H: Harness>(harness: &H) {
    let world = world(harness);
    let deadline = || block_on(world.parlor.next_deadline()).expect("the store works");
    assert_eq!(deadline(), None);

    let (host, settings) = (world.guest("Host"), Settings::default());
    let room = world.room(host, StageMode::OpenFloor, 10);
    world.drive();
    let empty = world.clock.now() + settings.empty_timeout;
    assert_eq!(deadline(), Some(empty));
    join(&world, host, room);
    assert_eq!(deadline(), Some(world.clock.now() + settings.connect_timeout));

    world.clock.advance(settings.connect_timeout - Duration::from_micros(1));
    assert_eq!(world.drive().timers, 0);
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(world.drive().timers, 1);
    assert_eq!(world.count("rooms.left"), 1);
}

/// Policies deal with every event, and each answer takes effect once, however many servers run
/// them at the same time.
pub fn a_policy_answers_every_event_once<H: Harness>(harness: &H) {
    const ROOMS: usize = 40;
    let world = world(harness);
    let host = world.guest("Host");
    for _ in 0..ROOMS {
        world.room(host, StageMode::OpenFloor, 10);
    }

    threads(3, |k| {
        let server = world.server(10 + k as u64);
        while block_on(server.react()).expect("the store works") > 0 {}
    });

    assert_eq!(world.rows::<RoomListing>().len(), ROOMS);
    let mut told = BTreeMap::new();
    for envelope in world.feed() {
        if envelope.emitted.event.name() == "rooms.listed" {
            assert!(matches!(envelope.emitted.actor, Actor::System { cause: Some(_) }));
            *told.entry(format!("{:?}", envelope.emitted.actor)).or_insert(0) += 1;
        }
    }
    assert_eq!(told.len(), ROOMS, "every room was listed");
    assert!(told.values().all(|times| *times == 1), "and once: {told:?}");
    let head = world.feed().last().map(|last| last.position);
    let cursors: Vec<_> = world.rows::<FeedCursor>().iter().map(|row| row.position).collect();
    assert_eq!(cursors, vec![head.expect("something happened"); POLICIES.len()]);
}

/// A room of 1,200 people closes at once; marking each of them is begun by one server and finished
/// by another.
pub fn a_closed_room_is_swept_by_whoever_comes<H: Harness>(harness: &H) {
    const PEOPLE: usize = 1_200;
    let world = world(harness);
    let host = world.guest("Host");
    let room = world.room(host, StageMode::OpenFloor, PEOPLE as u32);
    let people = world.crowd(PEOPLE);
    let joins = people.iter().map(|&actor| world.parlor.execute(actor, Join { room }));
    for joined in block_on(join_all(joins)) {
        joined.expect("they get in");
    }

    block_on(world.parlor.execute(host, Close { room })).expect("the room is closed");
    for &actor in [&people[0], &people[PEOPLE - 1]] {
        let seen = block_on(world.parlor.rooms().room(actor, room)).expect("the room");
        assert_eq!((seen.me, seen.active), (None, 0), "nobody is in a closed room");
    }
    assert_eq!(block_on(world.parlor.sweep()).expect("the store works"), 1);
    let open = || world.rows::<Participant>().iter().filter(|it| it.left_at.is_none()).count();
    assert_eq!(open(), PEOPLE - 500, "one page has been dealt with");

    threads(2, |k| {
        let server = world.server(10 + k as u64);
        while block_on(server.sweep()).expect("the store works") > 0 {}
    });

    let stays = world.rows::<Participant>();
    assert_eq!((stays.len(), open()), (PEOPLE, 0));
    assert!(stays.iter().all(|it| it.leave_reason == Some(LeaveReason::RoomClosed)));
    assert_eq!(world.rows::<Seat>(), []);
    assert_eq!(world.rows::<Sweep>(), []);
    assert_eq!(world.count("rooms.left"), PEOPLE, "each of them was told once");

    world.clock.advance(Settings::default().empty_timeout * 2);
    world.drive();
    assert_eq!((world.rows::<Timer>(), world.count("rooms.closed")), (Vec::new(), 1));
}

pub(super) fn join<S: Store>(world: &World<S>, who: Actor, room: RoomId) -> ParticipantId {
    world.join(who, room).expect("they get in").participant
}

pub(super) fn leg_up<S: Store>(world: &World<S>, room: RoomId, participant: ParticipantId) {
    let (leg, setup) = (LegId(participant.0), Setup::default());
    let up = LegConnected { room, participant, leg, lease_epoch: 0, setup };
    block_on(world.parlor.execute(Actor::HOST, up)).expect("the leg is up");
}

pub(super) fn leg_lost<S: Store>(world: &World<S>, room: RoomId, participant: ParticipantId) {
    let lost = LegLost { room, participant, leg: LegId(participant.0), lease_epoch: 0 };
    block_on(world.parlor.execute(Actor::HOST, lost)).expect("the leg is lost");
}

fn leave<S: Store>(world: &World<S>, who: Actor, room: RoomId, participant: ParticipantId) {
    block_on(world.parlor.execute(who, Leave { room, participant })).expect("they leave");
}

fn connection<S: Store>(world: &World<S>, id: ParticipantId) -> ConnectionState {
    world.held::<Participant>(id).expect("the stay is there").connection
}

fn status<S: Store>(world: &World<S>, id: RoomId) -> RoomStatus {
    world.held::<crate::rooms::Room>(id).expect("the room is there").status
}
