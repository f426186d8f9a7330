use parlor_core::engine::{Invalid, Problem};
use parlor_core::events::Actor;
use parlor_core::identity::User;
use parlor_core::permissions::Permission;
use parlor_core::rooms::{
    Ban, ConnectionState, Event, Kick, LeaveReason, LiftBan, Participant, Refusal, Room, RoomBan,
    RoomRole, Seat, StageState,
};
use parlor_core::storage::{Held, Lock};

use super::*;

const KICK: Kick = Kick { room: ROOM, participant: STAY };

fn ban() -> Ban {
    Ban { room: ROOM, user: GUEST, reason: " shouting\n".into() }
}

fn banned() -> RoomBan {
    RoomBan {
        room_id: ROOM,
        user_id: GUEST,
        display_name: "Ada".into(),
        reason: "shouting".into(),
        banned_by: Some(MODERATOR),
        at: NOW,
    }
}

fn sent_out(reason: LeaveReason) -> Participant {
    Participant {
        stage: StageState::Audience,
        connection: ConnectionState::Left,
        left_at: Some(NOW),
        leave_reason: Some(reason),
        removed_by: Some(MODERATOR),
        ..stay()
    }
}

fn left(reason: LeaveReason) -> Event {
    let by = Some(MODERATOR);
    Event::Left { room: ROOM, participant: STAY, user: GUEST, reason, by }
}

/// What is held when somebody may have to go.
fn going(held: Held) -> Held {
    held.owned(stay()).owned(seat(GUEST, RoomRole::Guest)).owned(occupancy(3, 3, 3))
}

#[test]
fn kick_sends_somebody_out() {
    let held = moderator_is_here(going(Held::new().shared(room())));
    assert_eq!(
        changes(held, by(MODERATOR), &KICK),
        changeset(
            [
                put(sent_out(LeaveReason::Kicked)),
                delete::<Seat>((ROOM, GUEST)),
                put(occupancy(2, 2, 3)),
            ],
            [left(LeaveReason::Kicked)],
        )
    );
}

#[test]
fn kick_is_refused_to_who_may_not() {
    let equal = Participant { role: RoomRole::Moderator, ..stay() };
    let held = moderator_is_here(going(Held::new().shared(room()))).owned(equal);
    assert_eq!(refusal(held, by(MODERATOR), &KICK), Refusal::Outranked);
    let guest = going(Held::new().shared(room())).shared(seat(OWNER, RoomRole::Guest));
    let other = UserId(Uuid::from_u128(4));
    let guest = guest.shared(seat(other, RoomRole::Guest));
    let forbidden = Refusal::Forbidden(Permission::RemoveParticipants);
    assert_eq!(refusal(guest, by(other), &KICK), forbidden);
    let nobody = going(Held::new().shared(room())).absent::<Seat>((ROOM, other), Lock::Share);
    assert_eq!(refusal(nobody, by(other), &KICK), Refusal::NotHere);
    let gone = moderator_is_here(going(Held::new().shared(room())));
    let gone = gone.absent::<Participant>(STAY, Lock::Own);
    assert_eq!(refusal(gone, by(MODERATOR), &KICK), Refusal::NotFound);
}

/// What is held when somebody who is not in the room is banned, or a ban is lifted. A ban is
/// guarded by its room, so that it races no join.
fn outside() -> Held {
    let held = Held::new().owned(room()).shared(user(GUEST));
    let held = held.absent::<Seat>((ROOM, GUEST), Lock::Own);
    moderator_is_here(held.absent::<RoomBan>((ROOM, GUEST), Lock::Own))
}

#[test]
fn ban_keeps_somebody_out() {
    let told = Event::Banned { room: ROOM, user: GUEST, by: Some(MODERATOR) };
    assert_eq!(changes(outside(), by(MODERATOR), &ban()), changeset([put(banned())], [told]));
    let already = outside().owned(banned());
    assert_eq!(changes(already, by(MODERATOR), &ban()), changeset([], []));
}

#[test]
fn ban_sends_out_who_is_inside() {
    let told = Event::Banned { room: ROOM, user: GUEST, by: Some(MODERATOR) };
    assert_eq!(
        changes(going(outside()), by(MODERATOR), &ban()),
        changeset(
            [
                put(banned()),
                put(sent_out(LeaveReason::Banned)),
                delete::<Seat>((ROOM, GUEST)),
                put(occupancy(2, 2, 3)),
            ],
            [told, left(LeaveReason::Banned)],
        )
    );
}

#[test]
fn ban_is_refused_to_who_may_not() {
    let above = outside().owned(seat(GUEST, RoomRole::Moderator));
    assert_eq!(refusal(above, by(MODERATOR), &ban()), Refusal::Outranked);
    let owner = Ban { user: OWNER, ..ban() };
    let held = outside().shared(user(OWNER)).absent::<Seat>((ROOM, OWNER), Lock::Own);
    let held = held.absent::<RoomBan>((ROOM, OWNER), Lock::Own);
    assert_eq!(refusal(held, by(MODERATOR), &owner), Refusal::Outranked);
    let unknown = outside().absent::<User>(GUEST, Lock::Share);
    assert_eq!(refusal(unknown, by(MODERATOR), &ban()), Refusal::NotFound);
    let over = outside().owned(closed());
    assert_eq!(refusal(over, Actor::HOST, &ban()), Refusal::Closed);
    let long = Ban { reason: "x".repeat(501), ..ban() };
    let invalid = Invalid { field: "reason", problem: Problem::TooLong { max: 500 } };
    assert_eq!(refusal(Held::new(), Actor::HOST, &long), Refusal::Invalid(invalid));
}

#[test]
fn lift_ban_lets_somebody_in_again() {
    let lift = LiftBan { room: ROOM, user: GUEST };
    let told = Event::BanLifted { room: ROOM, user: GUEST, by: Some(MODERATOR) };
    let held = || moderator_is_here(Held::new().owned(room()));
    assert_eq!(
        changes(held().owned(banned()), by(MODERATOR), &lift),
        changeset([delete::<RoomBan>((ROOM, GUEST))], [told])
    );
    let none = held().absent::<RoomBan>((ROOM, GUEST), Lock::Own);
    assert_eq!(changes(none, by(MODERATOR), &lift), changeset([], []));
    let guest = Held::new().owned(room()).owned(banned()).shared(seat(GUEST, RoomRole::Guest));
    let forbidden = Refusal::Forbidden(Permission::RemoveParticipants);
    assert_eq!(refusal(guest, by(GUEST), &lift), forbidden);
    let nowhere = Held::new().absent::<Room>(ROOM, Lock::Own).owned(banned());
    assert_eq!(refusal(nowhere, Actor::HOST, &lift), Refusal::NotFound);
}
