use parlor_core::events::Actor;
use parlor_core::identity::{User, UserKind};
use parlor_core::rooms::{
    Admitted, ConnectionState, Event, ExpireDeparted, ExpireEmpty, Join, Leave, LeaveReason,
    MicState, Participant, ParticipantId, Refusal, Room, RoomBan, RoomRole, RoomStatus, Seat,
    StageState,
};
use parlor_core::storage::{Held, Lock};

use super::*;

const JOIN: Join = Join { room: ROOM };
const LEAVE: Leave = Leave { room: ROOM, participant: STAY };

/// What is held when somebody without a seat stands at the door.
fn at_the_door(room: Room, who: User, reserved: u32) -> Held {
    let id = first_id::<ParticipantId>();
    Held::new()
        .absent::<RoomBan>((ROOM, who.id), Lock::Share)
        .absent::<Seat>((ROOM, who.id), Lock::Own)
        .absent::<Participant>(id, Lock::Own)
        .owned(occupancy(reserved, 0, 3))
        .shared(who)
        .shared(room)
}

/// What somebody leaves at the door when they are let in.
fn let_in(who: UserId, stay: Participant, reserved: u32) -> Changeset {
    let (participant, role) = (stay.id, stay.role);
    changeset(
        [
            put(stay),
            put(Seat { participant_id: Some(participant), ..seat(who, role) }),
            put(occupancy(reserved, 0, 3)),
        ],
        [Event::Joining { room: ROOM, participant, user: who }],
    )
}

fn newcomer(like: Participant) -> Participant {
    Participant {
        id: first_id(),
        connection: ConnectionState::Joining,
        leg_id: None,
        joined_at: NOW,
        connected_at: None,
        lapses_at: NOW + std::time::Duration::from_secs(15),
        ..like
    }
}

#[test]
fn join_takes_a_seat_and_waits_for_a_transport() {
    let held = at_the_door(room(), user(GUEST), 3);

    let (admitted, changes) = decide(held, by(GUEST), &JOIN).unwrap();

    let (role, stage, mic) = (RoomRole::Guest, StageState::Speaker, MicState::Live);
    assert_eq!(admitted, Admitted { participant: first_id(), role, stage, mic });
    assert_eq!(changes, let_in(GUEST, newcomer(stay()), 4));
}

#[test]
fn join_puts_guests_of_a_moderated_room_in_the_audience_and_hosts_on_stage() {
    let held = at_the_door(moderated(), user(GUEST), 3);
    let (_, changes) = decide(held, by(GUEST), &JOIN).unwrap();
    assert_eq!(changes, let_in(GUEST, newcomer(listening()), 4));

    let held = at_the_door(moderated(), user(OWNER), 3).owned(queue(9, 2));
    let (_, changes) = decide(held, by(OWNER), &JOIN).unwrap();
    let host = Participant { user_id: OWNER, role: RoomRole::Host, ..newcomer(stay()) };
    let mut expected = let_in(OWNER, host, 4);
    expected.writes.extend([put(queue(9, 3))]);
    assert_eq!(changes, expected);
}

#[test]
fn join_makes_those_with_an_account_members() {
    let member = User { kind: UserKind::Registered, ..user(GUEST) };
    let (admitted, _) = decide(at_the_door(room(), member, 3), by(GUEST), &JOIN).unwrap();
    assert_eq!(admitted.role, RoomRole::Member);
}

#[test]
fn join_goes_on_with_an_open_stay_even_if_the_room_is_locked_and_full() {
    let locked = Room { locked_at: Some(BEFORE), max_participants: 2, ..room() };
    let held = at_the_door(locked, user(GUEST), 10).owned(seat(GUEST, RoomRole::Guest));
    let held = held.owned(Participant { mic: MicState::Locked, ..stay() });

    let (admitted, changes) = decide(held, by(GUEST), &JOIN).unwrap();

    let (role, stage, mic) = (RoomRole::Guest, StageState::Speaker, MicState::Locked);
    assert_eq!(admitted, Admitted { participant: STAY, role, stage, mic });
    assert_eq!(changes, changeset([], []));
}

#[test]
fn join_gives_a_stay_without_a_transport_the_time_to_set_one_up_once() {
    let at = |s: i64| Timestamp(NOW.0 + s * 1_000_000);
    let lost = |lapses_at| Participant {
        connection: ConnectionState::Reconnecting,
        lost_at: Some(at(-19)),
        lapses_at,
        ..stay()
    };
    let joining = |lapses_at| Participant {
        connection: ConnectionState::Joining,
        joined_at: at(-14),
        leg_id: None,
        connected_at: None,
        lapses_at,
        ..stay()
    };
    // Lost 19 s ago, of 20 s of grace; or let in 14 s ago, of 15 s: a set-up takes up to 15 s.
    for (before, after) in [(lost(at(1)), lost(at(15))), (joining(at(1)), joining(at(15)))] {
        let inside = |stay| {
            at_the_door(room(), user(GUEST), 3).owned(seat(GUEST, RoomRole::Guest)).owned(stay)
        };
        let (admitted, changes) = decide(inside(before), by(GUEST), &JOIN).unwrap();
        assert_eq!(admitted.participant, STAY);
        assert_eq!(changes, changeset([put(after.clone())], []));
        let (_, again) = decide(inside(after), by(GUEST), &JOIN).unwrap();
        assert_eq!(again, changeset([], []));
    }
    let most = Participant { lost_at: Some(at(-34)), ..lost(at(1)) };
    let held = at_the_door(room(), user(GUEST), 3).owned(seat(GUEST, RoomRole::Guest)).owned(most);
    assert_eq!(decide(held, by(GUEST), &JOIN).unwrap().1, changeset([], []));
}

#[test]
fn join_takes_no_notice_of_a_seat_of_an_older_epoch() {
    let void = Seat { epoch: 3, ..seat(GUEST, RoomRole::Host) };
    let held = at_the_door(room(), user(GUEST), 3).owned(void);
    let (_, changes) = decide(held, by(GUEST), &JOIN).unwrap();
    assert_eq!(changes, let_in(GUEST, newcomer(stay()), 4));
}

#[test]
fn join_finds_the_lock_that_an_earlier_stay_left_behind() {
    let vacant = Seat { participant_id: None, ..seat(GUEST, RoomRole::Guest) };
    for (room, like) in [(room(), stay()), (moderated(), listening())] {
        let held = at_the_door(room, user(GUEST), 3).owned(vacant.clone());
        let (_, changes) = decide(held, by(GUEST), &JOIN).unwrap();
        let locked = Participant { mic: MicState::Locked, ..newcomer(like) };
        assert_eq!(changes, let_in(GUEST, locked, 4));
    }
}

#[test]
fn join_is_refused_at_the_first_step_that_fails() {
    let ban = RoomBan {
        room_id: ROOM,
        user_id: GUEST,
        display_name: "Ada".into(),
        reason: String::new(),
        banned_by: None,
        at: BEFORE,
    };
    let locked = Room { locked_at: Some(BEFORE), ..room() };
    let at_door = |room, reserved| at_the_door(room, user(GUEST), reserved);
    let refused = |held| refusal(held, by(GUEST), &JOIN);

    let inside = at_door(room(), 3).owned(seat(GUEST, RoomRole::Guest)).owned(stay());
    assert_eq!(refused(inside.shared(ban.clone())), Refusal::Banned);
    assert_eq!(refused(at_door(closed(), 10).shared(ban)), Refusal::Banned);
    assert_eq!(refused(at_door(closed(), 10)), Refusal::Closed);
    assert_eq!(refused(at_door(locked.clone(), 10)), Refusal::Locked);
    assert_eq!(refused(at_door(room(), 10)), Refusal::Full { capacity: 10 });
    let nowhere = at_door(room(), 3).absent::<Room>(ROOM, Lock::Share);
    assert_eq!(refused(nowhere), Refusal::NotFound);
    let unknown = at_door(room(), 3).absent::<User>(GUEST, Lock::Share);
    assert_eq!(refused(unknown), Refusal::NotAPerson);
    assert_eq!(refusal(Held::new(), Actor::HOST, &JOIN), Refusal::NotAPerson);
    // Neither a lock nor a full room keeps its owner out.
    assert!(decide(at_the_door(locked, user(OWNER), 10), by(OWNER), &JOIN).is_ok());
}

/// What is held when the guest goes.
fn going(room: Room, stay: Participant, reserved: u32, active: u32) -> Held {
    let held = Held::new().shared(room).owned(seat(stay.user_id, stay.role)).owned(stay);
    held.owned(occupancy(reserved, active, 5))
}

fn gone(stay: Participant, reason: LeaveReason) -> Participant {
    Participant {
        stage: StageState::Audience,
        hand_seq: None,
        connection: ConnectionState::Left,
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: Some(NOW),
        leave_reason: Some(reason),
        ..stay
    }
}

const LEFT: Event =
    Event::Left { room: ROOM, participant: STAY, user: GUEST, reason: LeaveReason::Left, by: None };

#[test]
fn leave_gives_back_the_seat() {
    assert_eq!(
        changes(going(room(), stay(), 3, 2), by(GUEST), &LEAVE),
        changeset(
            [
                put(gone(stay(), LeaveReason::Left)),
                delete::<Seat>((ROOM, GUEST)),
                put(occupancy(2, 1, 5)),
            ],
            [LEFT],
        )
    );
}

#[test]
fn leave_of_the_last_one_sets_the_timer_that_closes_the_room() {
    let key = timer("rooms.departure", ROOM.0);
    let held = no_timer(going(room(), stay(), 1, 1), key);
    assert_eq!(
        changes(held, by(GUEST), &LEAVE),
        changeset(
            [
                put(gone(stay(), LeaveReason::Left)),
                delete::<Seat>((ROOM, GUEST)),
                put(occupancy(0, 0, 5)),
                put(set(key, 20, ExpireDeparted { room: ROOM })),
            ],
            [LEFT, Event::Emptied { room: ROOM }],
        )
    );
}

#[test]
fn leave_of_a_room_that_never_went_live_sets_its_first_timer_anew() {
    let idle = Room { status: RoomStatus::Idle, opened_at: None, ..room() };
    let joining = Participant {
        connection: ConnectionState::Joining,
        leg_id: None,
        connected_at: None,
        ..stay()
    };
    let key = timer("rooms.empty", ROOM.0);
    let held = no_timer(going(idle, joining.clone(), 1, 0), key);
    assert_eq!(
        changes(held, by(GUEST), &LEAVE),
        changeset(
            [
                put(gone(joining, LeaveReason::Left)),
                delete::<Seat>((ROOM, GUEST)),
                put(occupancy(0, 0, 5)),
                put(set(key, 300, ExpireEmpty { room: ROOM })),
            ],
            [LEFT],
        )
    );
}

#[test]
fn leave_gives_back_the_floor_and_the_hand() {
    let held = going(moderated(), stay(), 3, 3).owned(queue(9, 2));
    let changes = super::changes(held, by(GUEST), &LEAVE);
    assert_eq!(changes.writes.get(&put(queue(0, 0)).0), Some(&Some(queue(9, 1).into())));

    let hand = Participant { stage: StageState::Requested, hand_seq: Some(3), ..listening() };
    let changes = super::changes(going(moderated(), hand.clone(), 3, 3), by(GUEST), &LEAVE);
    let over = gone(hand, LeaveReason::Left);
    assert_eq!(changes.writes.get(&put(over.clone()).0), Some(&Some(over.into())));
}

#[test]
fn leave_does_not_shake_off_a_lock() {
    let locked = Participant { mic: MicState::Locked, ..stay() };
    let changes = super::changes(going(room(), locked, 3, 3), by(GUEST), &LEAVE);
    let vacant = Seat { participant_id: None, ..seat(GUEST, RoomRole::Guest) };
    let (key, row) = put(vacant);
    assert_eq!(changes.writes.get(&key), Some(&row));
}

#[test]
fn leave_is_for_oneself() {
    let others = going(room(), stay(), 3, 3).owned(seat(MODERATOR, RoomRole::Moderator));
    assert_eq!(refusal(others, by(MODERATOR), &LEAVE), Refusal::NotYours);
    let over = going(room(), gone(stay(), LeaveReason::Left), 3, 3);
    assert_eq!(refusal(over, by(GUEST), &LEAVE), Refusal::NotHere);
    let older = going(room(), Participant { epoch: 3, ..stay() }, 3, 3);
    assert_eq!(refusal(older, by(GUEST), &LEAVE), Refusal::NotHere);
    assert_eq!(refusal(going(closed(), stay(), 3, 3), by(GUEST), &LEAVE), Refusal::Closed);
}
