use std::time::Duration;

use parlor_core::calls::{CallLeg, EndReason};
use parlor_core::events::Actor;
use parlor_core::media::{LegId, Setup};
use parlor_core::rooms::{
    ConnectionState, Event, Lapse, LeaveReason, LegClosed, LegConnected, LegLost, LegOrphaned,
    Participant, Refusal, Room, RoomLease, RoomRole, RoomStatus, Seat, StageState,
};
use parlor_core::storage::{Held, Lock};

use super::*;

const SETUP: Setup = Setup { ice: Duration::from_millis(120), dtls: Duration::from_millis(80) };
const UP: LegConnected =
    LegConnected { room: ROOM, participant: STAY, leg: LEG, lease_epoch: 0, setup: SETUP };
const LOST: LegLost = LegLost { room: ROOM, participant: STAY, leg: LEG, lease_epoch: 0 };
const CLOSED: LegClosed = LegClosed {
    room: ROOM,
    participant: STAY,
    leg: LEG,
    lease_epoch: 0,
    reason: EndReason::ClosedByPeer,
};
const OTHER: LegId = LegId(Uuid::from_u128(0x302));

fn joining() -> Participant {
    Participant {
        connection: ConnectionState::Joining,
        leg_id: None,
        connected_at: None,
        joined_at: NOW - Duration::from_secs(15),
        lapses_at: NOW,
        ..stay()
    }
}

fn lost() -> Participant {
    let lost_at = Some(NOW - Duration::from_secs(20));
    let lapses_at = NOW;
    Participant { connection: ConnectionState::Reconnecting, lost_at, lapses_at, ..stay() }
}

/// What is held when something is told of a leg.
fn told(room: Room, stay: Participant) -> Held {
    heard(room, stay).owned(occupancy(3, 2, 2))
}

/// The same, of one that is lost or closed.
fn heard(room: Room, stay: Participant) -> Held {
    let held = Held::new().shared(room).owned(stay);
    let held = held.absent::<RoomLease>(ROOM, Lock::Share);
    // Nothing is known of the legs: what is told of them goes on all the same.
    held.absent::<CallLeg>(LEG, Lock::Own).absent::<CallLeg>(OTHER, Lock::Own)
}

#[test]
fn the_first_leg_brings_somebody_in() {
    let held = told(room(), joining());
    let here = Participant {
        connection: ConnectionState::Connected,
        leg_id: Some(LEG),
        connected_at: Some(NOW),
        lapses_at: Timestamp::NEVER,
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
    assert_eq!(
        changes(held, Actor::HOST, &UP),
        changeset([put(here.clone()), put(occupancy(3, 3, 3))], [joined.clone()])
    );

    let idle = Room { status: RoomStatus::Idle, opened_at: None, ..room() };
    let held = told(idle.clone(), joining()).owned(idle);
    let live = Room { opened_at: Some(NOW), updated_at: NOW, ..room() };
    assert_eq!(
        changes(held, Actor::HOST, &UP),
        changeset(
            [put(live), put(here), put(occupancy(3, 3, 3))],
            [Event::WentLive { room: ROOM }, joined],
        )
    );
}

#[test]
fn a_leg_that_comes_back_takes_its_place_again() {
    let held = told(room(), lost());
    assert_eq!(
        changes(held, Actor::HOST, &LegConnected { leg: OTHER, ..UP }),
        changeset(
            [put(Participant { leg_id: Some(OTHER), ..stay() })],
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
    let lapses_at = NOW + Duration::from_secs(20);
    let reconnecting = Participant { lost_at: Some(NOW), lapses_at, ..lost() };
    let expected =
        changeset([put(reconnecting)], [Event::Reconnecting { room: ROOM, participant: STAY }]);
    let held = || heard(room(), stay());
    assert_eq!(changes(held(), Actor::HOST, &LOST), expected);
    assert_eq!(changes(held(), Actor::HOST, &CLOSED), expected);
}

#[test]
fn what_is_told_of_a_leg_that_was_replaced_changes_nothing() {
    for leg in [OTHER, LEG] {
        let stay = if leg == LEG { lost() } else { stay() };
        let held = heard(room(), stay);
        assert_eq!(changes(held.clone(), Actor::HOST, &LegLost { leg, ..LOST }), changeset([], []));
        let closed = LegClosed { leg, ..CLOSED };
        assert_eq!(changes(held, Actor::HOST, &closed), changeset([], []));
    }
}

/// What a stay leaves that timed out.
fn timed_out(stay: Participant, reason: LeaveReason, active: u32) -> Changeset {
    let over = Participant {
        stage: StageState::Audience,
        connection: ConnectionState::Left,
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: Some(NOW),
        leave_reason: Some(reason),
        ..stay
    };
    let left = Event::Left { room: ROOM, participant: STAY, user: GUEST, reason, by: None };
    let seat = delete::<Seat>((ROOM, GUEST));
    changeset([put(over), seat, put(occupancy(2, active, 2))], [left])
}

#[test]
fn a_leg_that_does_not_come_up_in_time_ends_the_stay() {
    let lapse = Lapse { room: ROOM, participant: STAY };
    let here = |stay| told(room(), stay).owned(seat(GUEST, RoomRole::Guest));
    let cases =
        [(joining(), LeaveReason::JoinFailed, 2), (lost(), LeaveReason::ConnectionTimeout, 1)];
    for (stay, reason, active) in cases {
        let over = timed_out(stay.clone(), reason, active);
        assert_eq!(changes(here(stay.clone()), Actor::HOST, &lapse), over);

        let later = NOW + Duration::from_micros(1);
        let younger = Participant { lapses_at: later, ..stay };
        assert_eq!(changes(here(younger), Actor::HOST, &lapse), changeset([], []));
    }
}

#[test]
fn a_stay_with_a_leg_does_not_lapse() {
    let lapse = Lapse { room: ROOM, participant: STAY };
    assert_eq!(changes(told(room(), stay()), Actor::HOST, &lapse), changeset([], []));
}

#[test]
fn a_stay_that_is_over_does_not_lapse() {
    let lapse = Lapse { room: ROOM, participant: STAY };
    let older = Participant { epoch: 3, ..joining() };
    assert_eq!(refusal(told(room(), older), Actor::HOST, &lapse), Refusal::NotHere);
}

/// A lease that has changed hands.
fn lease(epoch: i64) -> RoomLease {
    let (node, url) = (Some("b".into()), String::new());
    RoomLease { room_id: ROOM, node, run: 1, url, epoch, expires_at: Timestamp::NEVER }
}

#[test]
fn what_a_node_says_of_a_room_it_has_lost_is_refused() {
    let held = || told(room(), stay()).shared(lease(2));
    let lease_epoch = 1;
    let (up, lost) = (LegConnected { lease_epoch, ..UP }, LegLost { lease_epoch, ..LOST });
    let closed = LegClosed { lease_epoch, ..CLOSED };
    assert_eq!(refusal(held(), Actor::HOST, &up), Refusal::Fenced);
    assert_eq!(refusal(held(), Actor::HOST, &lost), Refusal::Fenced);
    assert_eq!(refusal(held(), Actor::HOST, &closed), Refusal::Fenced);
}

#[test]
fn a_leg_goes_with_the_lease_it_is_under_and_stands_under_a_later_one() {
    let orphaned = LegOrphaned { room: ROOM, participant: STAY, epoch: 2 };
    let under = |lease_epoch| Participant { lease_epoch, ..stay() };
    let held = |stay| Held::new().shared(room()).owned(stay);

    let lapses_at = NOW + Duration::from_secs(20);
    let gone = Participant { lost_at: Some(NOW), lapses_at, lease_epoch: 2, ..lost() };
    let expected = changeset([put(gone)], [Event::Reconnecting { room: ROOM, participant: STAY }]);
    assert_eq!(changes(held(under(2)), Actor::HOST, &orphaned), expected);
    assert_eq!(changes(held(under(3)), Actor::HOST, &orphaned), changeset([], []));
    assert_eq!(changes(held(joining()), Actor::HOST, &orphaned), changeset([], []));
}
