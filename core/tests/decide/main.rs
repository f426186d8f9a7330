//! What each command decides: rows in, the whole changeset or the whole refusal out.
//!
//! What is held is exactly what the command asks for, in the modes it asks for, so that these
//! tests also say which rows each command locks.

mod calls;
mod engine;
mod identity;
mod lease;
mod leg;
mod life;
mod listing;
mod mic;
mod removal;
mod stage;
mod stay;

use std::fmt::Debug;
use std::sync::Arc;

use parlor_core::Uuid;
use parlor_core::engine::{Command, Ctx, Settings, Timer, TimerKey};
use parlor_core::events::{Actor, AnyEvent};
use parlor_core::identity::{AuthSessionId, User, UserId, UserKind};
use parlor_core::media::LegId;
use parlor_core::record::{Record as _, Stored, Timestamp};
use parlor_core::rooms::{
    ConnectionState, HandQueue, MicState, Occupancy, Participant, ParticipantId, Room, RoomId,
    RoomRole, RoomStatus, Seat, StageMode, StageState,
};
use parlor_core::storage::{Changeset, Draft, Held, Lock, Stop};
use parlor_core::tables::{Key, Row};

/// Now, and a while ago.
const NOW: Timestamp = Timestamp(1_767_225_600_000_000);
const BEFORE: Timestamp = Timestamp(NOW.0 - 3_600_000_000);

const ROOM: RoomId = RoomId(Uuid::from_u128(0x100));
/// Owns the room.
const OWNER: UserId = UserId(Uuid::from_u128(1));
/// Keeps order in it.
const MODERATOR: UserId = UserId(Uuid::from_u128(2));
/// Is a guest in it.
const GUEST: UserId = UserId(Uuid::from_u128(3));
/// Is the guest's stay in it.
const STAY: ParticipantId = ParticipantId(Uuid::from_u128(0x203));
const LEG: LegId = LegId(Uuid::from_u128(0x301));

/// Decides a command by somebody over what is held.
fn decide<C: Command>(
    held: Held,
    actor: Actor,
    command: &C,
) -> Result<(C::Output, Changeset), C::Refusal> {
    decide_in(held, &ctx(actor), command)
}

/// As `decide`, in a context that has found something.
fn decide_in<C: Command>(
    held: Held,
    ctx: &Ctx,
    command: &C,
) -> Result<(C::Output, Changeset), C::Refusal> {
    let mut draft = Draft::new(&held);
    match command.decide(&mut draft, ctx) {
        Ok(output) => Ok((output, draft.finish())),
        Err(Stop::Refused(refusal)) => {
            assert_eq!(draft.refuse(), Changeset::default(), "a refusal left something");
            Err(refusal)
        }
        Err(Stop::Missing(missing)) => panic!("it also asks for {:#?}", missing.0),
    }
}

/// The changeset of a command that ends well and has nothing to say.
fn changes<C: Command<Output = ()>>(held: Held, actor: Actor, command: &C) -> Changeset {
    let ((), changes) = decide(held, actor, command).expect("it ends well");
    changes
}

/// The refusal of a command that is refused.
fn refusal<C: Command<Output: Debug>>(held: Held, actor: Actor, command: &C) -> C::Refusal {
    decide(held, actor, command).expect_err("it is refused")
}

/// A changeset, to be compared with.
fn changeset<const W: usize, const E: usize>(
    writes: [(Key, Option<Row>); W],
    events: [parlor_core::rooms::Event; E],
) -> Changeset {
    Changeset { writes: writes.into(), events: events.map(AnyEvent::from).into() }
}

fn put(row: impl Into<Row>) -> (Key, Option<Row>) {
    let row = row.into();
    (row.key(), Some(row))
}

fn delete<R: Stored>(key: R::Key) -> (Key, Option<Row>) {
    (R::wrap_key(key), None)
}

fn set(
    key: TimerKey,
    after_seconds: u64,
    command: impl Into<parlor_core::engine::AnyCommand>,
) -> Timer {
    let due_at = NOW + std::time::Duration::from_secs(after_seconds);
    Timer::new(key, due_at, command.into())
}

fn timer(name: &'static str, subject: Uuid) -> TimerKey {
    TimerKey { name, subject }
}

fn ctx(actor: Actor) -> Ctx {
    Ctx::new(NOW, actor, Arc::new(Settings::default()), [7; 32])
}

/// The first id that a command mints.
fn first_id<I: From<Uuid>>() -> I {
    ctx(Actor::HOST).new_id()
}

fn by(user: UserId) -> Actor {
    Actor::User { user, session: AuthSessionId(Uuid::nil()) }
}

fn user(id: UserId) -> User {
    let display_name = "Ada".into();
    User { id, kind: UserKind::Guest, display_name, created_at: BEFORE, updated_at: BEFORE }
}

/// A live room with an open floor.
fn room() -> Room {
    Room {
        id: ROOM,
        name: "Tea".into(),
        description: "Earl Grey".into(),
        stage_mode: StageMode::OpenFloor,
        status: RoomStatus::Live,
        owner_id: OWNER,
        max_participants: 10,
        locked_at: None,
        epoch: 4,
        created_at: BEFORE,
        updated_at: BEFORE,
        opened_at: Some(BEFORE),
        closed_at: None,
        close_reason: None,
    }
}

fn moderated() -> Room {
    Room { stage_mode: StageMode::Moderated, ..room() }
}

fn closed() -> Room {
    use parlor_core::rooms::RoomCloseReason;
    let close_reason = Some(RoomCloseReason::Empty);
    Room { status: RoomStatus::Closed, closed_at: Some(BEFORE), close_reason, ..room() }
}

/// The guest's stay: connected, with an open floor.
fn stay() -> Participant {
    Participant {
        id: STAY,
        room_id: ROOM,
        epoch: 4,
        user_id: GUEST,
        display_name: "Ada".into(),
        role: RoomRole::Guest,
        stage: StageState::Speaker,
        hand_seq: None,
        mic: MicState::Live,
        connection: ConnectionState::Connected,
        leg_id: Some(LEG),
        lease_epoch: 0,
        joined_at: BEFORE,
        connected_at: Some(BEFORE),
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: None,
        leave_reason: None,
        removed_by: None,
    }
}

/// The guest's stay in a moderated room.
fn listening() -> Participant {
    Participant { stage: StageState::Audience, mic: MicState::Off, ..stay() }
}

fn seat(user_id: UserId, role: RoomRole) -> Seat {
    Seat { room_id: ROOM, user_id, participant_id: Some(STAY), epoch: 4, role }
}

fn occupancy(reserved: u32, active: u32, peak: u32) -> Occupancy {
    Occupancy { room_id: ROOM, reserved, active, peak }
}

fn queue(next_seq: i64, speakers: u32) -> HandQueue {
    HandQueue { room_id: ROOM, next_seq, speakers }
}

/// What is held beside the room when the moderator acts.
fn moderator_is_here(held: Held) -> Held {
    held.shared(seat(MODERATOR, RoomRole::Moderator))
}

/// What is held when no timer of this key is set.
fn no_timer(held: Held, key: TimerKey) -> Held {
    held.absent::<Timer>(key.into(), Lock::Own)
}

#[test]
fn a_key_is_its_rows() {
    assert_eq!(put(room()).0, Room::wrap_key(room().key()));
}
