use parlor_core::engine::{Invalid, Problem, Sweep};
use parlor_core::events::Actor;
use parlor_core::identity::User;
use parlor_core::permissions::Permission;
use parlor_core::rooms::{
    CLOSED, ClearSeats, Close, ConnectionState, Create, Created, Event, ExpireDeparted,
    ExpireEmpty, HandQueue, LeaveReason, Lock as LockRoom, Occupancy, Participant, ParticipantId,
    Refusal, Room, RoomCloseReason, RoomId, RoomRole, RoomStatus, Seat, StageMode, StageState,
    Unlock,
};
use parlor_core::storage::{Held, Lock};

use super::*;

fn tea() -> Create {
    Create {
        name: "  Tea ".into(),
        description: "Earl Grey".into(),
        max_participants: Some(10),
        stage_mode: StageMode::Moderated,
    }
}

fn nothing_of(id: RoomId) -> Held {
    let held = Held::new().shared(user(OWNER)).absent::<Room>(id, Lock::Own);
    let held = held.absent::<HandQueue>(id, Lock::Own).absent::<Occupancy>(id, Lock::Own);
    no_timer(held, timer("rooms.empty", id.0))
}

#[test]
fn create_makes_an_idle_room_and_its_small_rows() {
    let id = first_id::<RoomId>();

    let (output, changes) = decide(nothing_of(id), by(OWNER), &tea()).unwrap();

    assert_eq!(output, Created { room: id });
    let made = Room {
        id,
        status: RoomStatus::Idle,
        epoch: 1,
        created_at: NOW,
        updated_at: NOW,
        opened_at: None,
        ..moderated()
    };
    assert_eq!(
        changes,
        changeset(
            [
                put(made),
                put(HandQueue { room_id: id, next_seq: 1, speakers: 0 }),
                put(Occupancy { room_id: id, reserved: 0, active: 0, peak: 0 }),
                put(set(timer("rooms.empty", id.0), 300, ExpireEmpty { room: id })),
            ],
            [Event::Created { room: id, owner: OWNER }],
        )
    );
}

#[test]
fn create_takes_the_usual_capacity_unless_it_is_told() {
    let create = Create { max_participants: None, ..tea() };
    let id = first_id::<RoomId>();
    let (_, changes) = decide(nothing_of(id), by(OWNER), &create).unwrap();
    let Some(Some(Row::Room(made))) = changes.writes.get(&Key::Room(id)) else { panic!() };
    assert_eq!(made.max_participants, 1_000);
}

#[test]
fn create_refuses_what_does_not_fit() {
    let long = |n: usize| "x".repeat(n);
    let invalid = |field, problem| Refusal::Invalid(Invalid { field, problem });
    let range = Problem::OutOfRange { min: 2, max: 100_000 };
    for (create, refusal) in [
        (Create { name: " ".into(), ..tea() }, invalid("name", Problem::Empty)),
        (Create { name: long(101), ..tea() }, invalid("name", Problem::TooLong { max: 100 })),
        (
            Create { description: long(2_001), ..tea() },
            invalid("description", Problem::TooLong { max: 2_000 }),
        ),
        (Create { max_participants: Some(1), ..tea() }, invalid("max_participants", range.clone())),
        (Create { max_participants: Some(100_001), ..tea() }, invalid("max_participants", range)),
    ] {
        assert_eq!(super::refusal(Held::new(), by(OWNER), &create), refusal);
    }
    assert_eq!(refusal(Held::new(), Actor::HOST, &tea()), Refusal::NotAPerson);
    let unknown = nothing_of(first_id()).absent::<User>(OWNER, Lock::Share);
    assert_eq!(refusal(unknown, by(OWNER), &tea()), Refusal::NotAPerson);
}

fn owner_and(room: Room) -> Held {
    Held::new().owned(room).absent::<Seat>((ROOM, OWNER), Lock::Share)
}

#[test]
fn lock_and_unlock_say_so_once() {
    let locked = Room { locked_at: Some(NOW), updated_at: NOW, ..room() };
    assert_eq!(
        changes(owner_and(room()), by(OWNER), &LockRoom { room: ROOM }),
        changeset([put(locked.clone())], [Event::Locked { room: ROOM, by: Some(OWNER) }])
    );
    assert_eq!(
        changes(owner_and(locked.clone()), by(OWNER), &LockRoom { room: ROOM }),
        changeset([], [])
    );

    assert_eq!(
        changes(owner_and(locked), by(OWNER), &Unlock { room: ROOM }),
        changeset(
            [put(Room { updated_at: NOW, ..room() })],
            [Event::Unlocked { room: ROOM, by: Some(OWNER) }]
        )
    );
    assert_eq!(changes(owner_and(room()), by(OWNER), &Unlock { room: ROOM }), changeset([], []));
}

#[test]
fn lock_is_refused_to_who_may_not() {
    let lock = LockRoom { room: ROOM };
    let held = moderator_is_here(Held::new().owned(room()));
    let forbidden = Refusal::Forbidden(Permission::ManageRoom);
    assert_eq!(refusal(held, by(MODERATOR), &lock), forbidden);
    let void = Held::new().owned(room()).shared(Seat { epoch: 3, ..seat(GUEST, RoomRole::Host) });
    assert_eq!(refusal(void, by(GUEST), &lock), Refusal::NotHere);
    assert_eq!(refusal(owner_and(closed()), by(OWNER), &lock), Refusal::Closed);
    let nowhere = Held::new().absent::<Room>(ROOM, Lock::Own);
    assert_eq!(refusal(nowhere, Actor::HOST, &lock), Refusal::NotFound);
}

fn closing(room: Room, reserved: u32) -> Held {
    let held = Held::new().owned(room).owned(queue(9, 2)).owned(occupancy(reserved, 3, 5));
    held.absent::<Sweep>((CLOSED.name.to_owned(), ROOM.0), Lock::Own)
}

/// What a room leaves when it closes.
fn over(before: Room, reason: RoomCloseReason) -> Changeset {
    let after = Room {
        status: RoomStatus::Closed,
        epoch: 5,
        updated_at: NOW,
        closed_at: Some(NOW),
        close_reason: Some(reason),
        ..before
    };
    let sweep = Sweep { name: "rooms.closed".into(), subject: ROOM.0, bound: 4, started_at: NOW };
    changeset(
        [put(after), put(queue(9, 0)), put(occupancy(0, 0, 5)), put(sweep)],
        [Event::Closed { room: ROOM, reason }],
    )
}

#[test]
fn close_ends_all_stays_by_the_epoch_and_starts_a_sweep() {
    let held = closing(room(), 4).absent::<Seat>((ROOM, OWNER), Lock::Share);
    let close = Close { room: ROOM };
    assert_eq!(changes(held, by(OWNER), &close), over(room(), RoomCloseReason::ByHost));
}

#[test]
fn expire_empty_closes_a_room_that_nobody_came_to() {
    let (idle, expire) = (Room { status: RoomStatus::Idle, ..room() }, ExpireEmpty { room: ROOM });
    let never = RoomCloseReason::NeverJoined;
    assert_eq!(changes(closing(idle.clone(), 0), Actor::HOST, &expire), over(idle.clone(), never));
    assert_eq!(changes(closing(idle, 1), Actor::HOST, &expire), changeset([], []));
    let illegal = Refusal::Illegal { state: "live", input: "nobody_came" };
    assert_eq!(refusal(closing(room(), 0), Actor::HOST, &expire), illegal);
}

#[test]
fn expire_departed_closes_a_room_that_everybody_left() {
    let expire = ExpireDeparted { room: ROOM };
    let empty = RoomCloseReason::Empty;
    assert_eq!(changes(closing(room(), 0), Actor::HOST, &expire), over(room(), empty));
    assert_eq!(changes(closing(room(), 1), Actor::HOST, &expire), changeset([], []));
    assert_eq!(refusal(closing(closed(), 0), Actor::HOST, &expire), Refusal::Closed);
}

#[test]
fn clear_seats_ends_stays_of_the_epochs_before() {
    let closed = Room { epoch: 5, ..closed() };
    let hand = Participant { stage: StageState::Requested, hand_seq: Some(3), ..listening() };
    // Beside somebody with a stay: a seat that awaits somebody, and one that is gone already.
    let vacant = Seat { participant_id: None, ..seat(MODERATOR, RoomRole::Moderator) };
    let held = Held::new()
        .shared(closed)
        .owned(hand.clone())
        .owned(seat(GUEST, RoomRole::Guest))
        .owned(vacant)
        .absent::<Seat>((ROOM, OWNER), Lock::Own);

    let seats = vec![(GUEST, Some(STAY)), (MODERATOR, None), (OWNER, None)];
    let changes = changes(held, Actor::HOST, &ClearSeats { room: ROOM, seats });

    let ended = Participant {
        stage: StageState::Audience,
        hand_seq: None,
        connection: ConnectionState::Left,
        left_at: Some(NOW),
        leave_reason: Some(LeaveReason::RoomClosed),
        ..hand
    };
    let reason = LeaveReason::RoomClosed;
    let told = Event::Left { room: ROOM, participant: STAY, user: GUEST, reason, by: None };
    let seats = [GUEST, MODERATOR].map(|user| delete::<Seat>((ROOM, user)));
    let [guest, moderator] = seats;
    assert_eq!(changes, changeset([put(ended), guest, moderator], [told]));
}

#[test]
fn clear_seats_leaves_those_of_an_open_room_and_those_taken_by_another_stay() {
    let clear = ClearSeats { room: ROOM, seats: vec![(GUEST, Some(STAY))] };
    let held = Held::new().shared(room()).owned(stay()).owned(seat(GUEST, RoomRole::Guest));
    assert_eq!(changes(held, Actor::HOST, &clear), changeset([], []));

    let other = Some(ParticipantId(Uuid::from_u128(9)));
    let taken = Seat { participant_id: other, ..seat(GUEST, RoomRole::Guest) };
    let held = Held::new().shared(Room { epoch: 5, ..closed() }).owned(stay()).owned(taken);
    assert_eq!(changes(held, Actor::HOST, &clear), changeset([], []));
}
