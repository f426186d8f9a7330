use parlor_core::engine::Timer;
use parlor_core::events::Actor;
use parlor_core::media::LegId;
use parlor_core::rooms::{
    ConnectionState, Event, ExpireConnect, ExpireReconnect, LeaveReason, LegClosed, LegConnected,
    LegLost, Participant, Refusal, Room, RoomRole, RoomStatus, Seat, StageState,
};
use parlor_core::storage::Held;

use super::*;

const UP: LegConnected = LegConnected { room: ROOM, participant: STAY, leg: LEG };
const LOST: LegLost = LegLost { room: ROOM, participant: STAY, leg: LEG };
const OTHER: LegId = LegId(Uuid::from_u128(0x302));

fn joining() -> Participant {
    Participant {
        connection: ConnectionState::Joining,
        leg_id: None,
        connected_at: None,
        joined_at: NOW - std::time::Duration::from_secs(15),
        lapses_at: Some(NOW),
        ..stay()
    }
}

fn lost() -> Participant {
    let lost_at = Some(NOW - std::time::Duration::from_secs(20));
    let lapses_at = Some(NOW);
    Participant { connection: ConnectionState::Reconnecting, lost_at, lapses_at, ..stay() }
}

fn connect_timer() -> Timer {
    set(timer("rooms.connect", STAY.0), 0, ExpireConnect { room: ROOM, participant: STAY })
}

fn reconnect_timer() -> Timer {
    set(timer("rooms.reconnect", STAY.0), 20, ExpireReconnect { room: ROOM, participant: STAY })
}

/// What is held when something is told of a leg.
fn told(room: Room, stay: Participant) -> Held {
    let held = Held::new().shared(room).owned(stay).owned(occupancy(3, 2, 2));
    no_timer(no_timer(held, timer("rooms.connect", STAY.0)), timer("rooms.reconnect", STAY.0))
}

#[test]
fn the_first_leg_brings_somebody_in() {
    let held = told(room(), joining()).owned(connect_timer());
    let here = Participant {
        connection: ConnectionState::Connected,
        leg_id: Some(LEG),
        connected_at: Some(NOW),
        lapses_at: None,
        ..joining()
    };
    let joined = Event::Joined {
        room: ROOM,
        participant: STAY,
        user: GUEST,
        display_name: "Ada".into(),
        role: RoomRole::Guest,
        stage: here.stage,
        mic: here.mic,
    };
    let gone = (put(connect_timer()).0, None);
    assert_eq!(
        changes(held, Actor::HOST, &UP),
        changeset([put(here.clone()), put(occupancy(3, 3, 3)), gone.clone()], [joined.clone()])
    );

    let idle = Room { status: RoomStatus::Idle, opened_at: None, ..room() };
    let held = told(idle.clone(), joining()).owned(connect_timer()).owned(idle);
    let live = Room { opened_at: Some(NOW), updated_at: NOW, ..room() };
    assert_eq!(
        changes(held, Actor::HOST, &UP),
        changeset(
            [put(live), put(here), put(occupancy(3, 3, 3)), gone],
            [Event::WentLive { room: ROOM }, joined],
        )
    );
}

#[test]
fn a_leg_that_comes_back_takes_its_place_again() {
    let held = told(room(), lost()).owned(reconnect_timer());
    assert_eq!(
        changes(held, Actor::HOST, &LegConnected { leg: OTHER, ..UP }),
        changeset(
            [put(Participant { leg_id: Some(OTHER), ..stay() }), (put(reconnect_timer()).0, None)],
            [Event::Reconnected { room: ROOM, participant: STAY, downtime_ms: 20_000 }],
        )
    );
}

#[test]
fn a_second_leg_replaces_the_first_without_a_word() {
    assert_eq!(
        changes(told(room(), stay()), Actor::HOST, &LegConnected { leg: OTHER, ..UP }),
        changeset([put(Participant { leg_id: Some(OTHER), ..stay() })], [])
    );
}

#[test]
fn a_leg_of_a_stay_that_is_over_is_refused() {
    let over = Participant {
        connection: ConnectionState::Left,
        left_at: Some(BEFORE),
        leave_reason: Some(LeaveReason::Left),
        ..stay()
    };
    let refused = |held| refusal(held, Actor::HOST, &UP);
    assert_eq!(refused(told(room(), over)), Refusal::NotHere);
    assert_eq!(refused(told(room(), Participant { epoch: 3, ..stay() })), Refusal::NotHere);
    assert_eq!(refused(told(closed(), stay())), Refusal::NotHere);
}

#[test]
fn a_leg_that_is_lost_or_closed_starts_the_grace() {
    let lapses_at = Some(NOW + std::time::Duration::from_secs(20));
    let reconnecting = Participant { lost_at: Some(NOW), lapses_at, ..lost() };
    let expected = changeset(
        [put(reconnecting), put(reconnect_timer())],
        [Event::Reconnecting { room: ROOM, participant: STAY }],
    );
    let held = || {
        let held = Held::new().shared(room()).owned(stay());
        no_timer(held, timer("rooms.reconnect", STAY.0))
    };
    assert_eq!(changes(held(), Actor::HOST, &LOST), expected);
    let closed = LegClosed { room: ROOM, participant: STAY, leg: LEG };
    assert_eq!(changes(held(), Actor::HOST, &closed), expected);
}

#[test]
fn what_is_told_of_a_leg_that_was_replaced_changes_nothing() {
    for leg in [OTHER, LEG] {
        let stay = if leg == LEG { lost() } else { stay() };
        let held =
            no_timer(Held::new().shared(room()).owned(stay), timer("rooms.reconnect", STAY.0));
        assert_eq!(changes(held.clone(), Actor::HOST, &LegLost { leg, ..LOST }), changeset([], []));
        let closed = LegClosed { room: ROOM, participant: STAY, leg };
        assert_eq!(changes(held, Actor::HOST, &closed), changeset([], []));
    }
}

/// What a stay leaves that timed out.
fn timed_out(stay: Participant, reason: LeaveReason, active: u32, timer: Timer) -> Changeset {
    let over = Participant {
        stage: StageState::Audience,
        connection: ConnectionState::Left,
        lost_at: None,
        lapses_at: None,
        left_at: Some(NOW),
        leave_reason: Some(reason),
        ..stay
    };
    let left = Event::Left { room: ROOM, participant: STAY, user: GUEST, reason, by: None };
    let (seat, timer) = (delete::<Seat>((ROOM, GUEST)), (put(timer).0, None));
    changeset([put(over), seat, put(occupancy(2, active, 2)), timer], [left])
}

#[test]
fn a_first_leg_that_does_not_come_in_time_ends_the_stay() {
    let expire = ExpireConnect { room: ROOM, participant: STAY };
    let here = |stay| told(room(), stay).owned(seat(GUEST, RoomRole::Guest));
    let held = here(joining()).owned(connect_timer());
    let over = timed_out(joining(), LeaveReason::JoinFailed, 2, connect_timer());
    assert_eq!(changes(held, Actor::HOST, &expire), over);

    let later = std::time::Duration::from_secs(5);
    let younger = Participant { lapses_at: Some(NOW + later), ..joining() };
    let again = changeset([put(set(timer("rooms.connect", STAY.0), 5, expire.clone()))], []);
    assert_eq!(changes(here(younger), Actor::HOST, &expire), again);
    let late = Refusal::Illegal { state: "connected", input: "connect_timeout" };
    assert_eq!(refusal(here(stay()), Actor::HOST, &expire), late);
}

#[test]
fn a_leg_that_does_not_come_back_in_time_ends_the_stay() {
    let expire = ExpireReconnect { room: ROOM, participant: STAY };
    let here = |stay| told(room(), stay).owned(seat(GUEST, RoomRole::Guest));
    let held = here(lost()).owned(reconnect_timer());
    let over = timed_out(lost(), LeaveReason::ConnectionTimeout, 1, reconnect_timer());
    assert_eq!(changes(held, Actor::HOST, &expire), over);

    let later = std::time::Duration::from_secs(5);
    let younger = Participant { lapses_at: Some(NOW + later), ..lost() };
    let again = changeset([put(set(timer("rooms.reconnect", STAY.0), 5, expire.clone()))], []);
    assert_eq!(changes(here(younger), Actor::HOST, &expire), again);
    let late = Refusal::Illegal { state: "connected", input: "reconnect_timeout" };
    assert_eq!(refusal(here(stay()), Actor::HOST, &expire), late);
}
