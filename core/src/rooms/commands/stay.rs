//! A stay: how it begins and how it ends.

use serde::{Deserialize, Serialize};

use super::about_participant;
use super::life::{ExpireDeparted, ExpireEmpty, departure_timer, empty_timer};
use super::standing::oneself;
use crate::engine::{Command, Ctx};
use crate::identity::{User, UserId, UserKind};
use crate::record::{Stored as _, Timestamp};
use crate::rooms::{
    Admitted, ConnectionInput, ConnectionState, Event, HandQueue, LeaveReason, MicInput, MicState,
    Occupancy, Participant, ParticipantId, Refusal, Room, RoomBan, RoomId, RoomRole, RoomStatus,
    Seat, StageMode, StageState, admit,
};
use crate::storage::{Draft, Missing, Stop};

/// Lets the actor into a room, if the room lets them in. Whoever has an open stay goes on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The room.
    pub room: RoomId,
}

impl Command for Join {
    type Output = Admitted;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Admitted, Stop<Refusal>> {
        let id = ctx.new_id::<ParticipantId>();
        let user = ctx.actor.user().ok_or(Refusal::NotAPerson)?;
        draft.need([
            User::share(user),
            Room::share(self.room),
            RoomBan::share((self.room, user)),
            Seat::own((self.room, user)),
            Occupancy::own(self.room),
        ])?;
        draft.fresh::<Participant>(id);

        let person = draft.look::<User>(user)?.ok_or(Refusal::NotAPerson)?;
        let room = draft.look::<Room>(self.room)?.ok_or(Refusal::NotFound)?;
        let is_banned = draft.look::<RoomBan>((self.room, user))?.is_some();
        if !is_banned && let Some(open) = open_stay(draft, room, user)? {
            return Ok(Admitted::of(&go_on(draft, ctx, open)?));
        }
        let role = role_of(person, room);
        let occupancy = draft.get::<Occupancy>(self.room)?.ok_or(Refusal::NotFound)?;
        admit(room, role, is_banned, occupancy.reserved)?;

        let (epoch, is_moderated) = (room.epoch, room.stage_mode == StageMode::Moderated);
        let mut stay = new_stay(id, ctx, person, room, role);
        let awaits = |seat: &Seat| seat.participant_id.is_none() && room.is_current(seat.epoch);
        if draft.look::<Seat>((self.room, user))?.is_some_and(awaits) {
            stay.mic = stay.mic.next(MicInput::Lock)?;
        }
        if is_moderated && stay.stage == StageState::Speaker {
            draft.need([HandQueue::own(self.room)])?;
            let queue = draft.get::<HandQueue>(self.room)?.ok_or(Refusal::NotFound)?;
            draft.put(HandQueue { speakers: queue.speakers + 1, ..queue })?;
        }
        draft.put(Seat {
            room_id: self.room,
            user_id: user,
            participant_id: Some(id),
            epoch,
            role,
        })?;
        draft.put(Occupancy { reserved: occupancy.reserved + 1, ..occupancy })?;
        draft.emit(Event::Joining { room: self.room, participant: id, user });
        let admitted = Admitted::of(&stay);
        draft.put(stay)?;
        Ok(admitted)
    }
}

about_participant! {
    /// Ends the actor's own stay.
    Leave,
}

impl Command for Leave {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let seat = ctx.actor.user().map(|user| Seat::own((self.room, user)));
        let needs = seat.into_iter().chain([Occupancy::own(self.room)]);
        let (room, own) = oneself(draft, ctx, (self.room, self.participant), needs)?;
        depart(draft, ctx, &room, own, ConnectionInput::Leave, LeaveReason::Left)
    }
}

impl Admitted {
    fn of(stay: &Participant) -> Self {
        Self { participant: stay.id, role: stay.role, stage: stay.stage, mic: stay.mic }
    }
}

/// Gives a stay without a transport the time that a new one takes to come up: whoever is told that
/// they are in shall not be thrown out a moment later. It can be had once, so that nobody holds a
/// seat by asking for it again and again.
fn go_on(draft: &mut Draft<'_>, ctx: &Ctx, stay: Participant) -> Result<Participant, Missing> {
    let setup = ctx.settings.connect_timeout;
    let most = match (stay.connection, stay.lost_at) {
        (ConnectionState::Joining, _) => stay.joined_at + setup + setup,
        (ConnectionState::Reconnecting, Some(lost_at)) => {
            lost_at + ctx.settings.reconnect_grace + setup
        }
        (ConnectionState::Connected | ConnectionState::Reconnecting | ConnectionState::Left, _) => {
            return Ok(stay);
        }
    };
    let lapses_at = most.min(ctx.now + setup).max(stay.lapses_at);
    if lapses_at == stay.lapses_at {
        return Ok(stay);
    }
    let stay = Participant { lapses_at, ..stay };
    draft.put(stay.clone())?;
    Ok(stay)
}

/// The open stay of somebody in a room, if they have one.
pub(super) fn open_stay(
    draft: &Draft<'_>,
    room: &Room,
    user: UserId,
) -> Result<Option<Participant>, Stop<Refusal>> {
    let seat = draft.get::<Seat>((room.id, user))?.filter(|seat| room.is_current(seat.epoch));
    let Some(stay) = seat.and_then(|seat| seat.participant_id) else { return Ok(None) };
    draft.need([Participant::own(stay)])?;
    Ok(draft.get::<Participant>(stay)?.filter(|stay| stay.is_in(room)))
}

/// Ends a stay. The last one out sets the timer that closes the room.
pub(super) fn depart(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    room: &Room,
    stay: Participant,
    input: ConnectionInput,
    reason: LeaveReason,
) -> Result<(), Stop<Refusal>> {
    let connection = stay.connection.next(input)?;
    let was_active = stay.connection.is_active();
    let (id, user) = (stay.id, stay.user_id);
    let by = ctx.actor.user().filter(|by| *by != user);
    draft.need([Seat::own((room.id, user)), Occupancy::own(room.id)])?;

    if room.stage_mode == StageMode::Moderated && stay.stage == StageState::Speaker {
        draft.need([HandQueue::own(room.id)])?;
        let queue = draft.get::<HandQueue>(room.id)?.ok_or(Refusal::NotFound)?;
        draft.put(HandQueue { speakers: queue.speakers.saturating_sub(1), ..queue })?;
    }
    let occupancy = draft.get::<Occupancy>(room.id)?.ok_or(Refusal::NotFound)?;
    let reserved = occupancy.reserved.saturating_sub(1);
    let active = occupancy.active.saturating_sub(u32::from(was_active));
    draft.put(Occupancy { reserved, active, ..occupancy })?;
    leave_seat(draft, &stay)?;
    draft.put(Participant {
        stage: StageState::Audience,
        hand_seq: None,
        connection,
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: Some(ctx.now),
        leave_reason: Some(reason),
        removed_by: by,
        ..stay
    })?;
    draft.emit(Event::Left { room: room.id, participant: id, user, reason, by });
    if was_active && active == 0 {
        draft.emit(Event::Emptied { room: room.id });
    }
    if reserved == 0 {
        abandon(draft, ctx, room)?;
    }
    Ok(())
}

/// Gives the seat up, unless a lock on the microphone has to await them there.
fn leave_seat(draft: &mut Draft<'_>, stay: &Participant) -> Result<(), Missing> {
    let key = (stay.room_id, stay.user_id);
    match draft.get::<Seat>(key)? {
        Some(seat) if stay.mic == MicState::Locked => {
            draft.put(Seat { participant_id: None, ..seat })
        }
        Some(_) | None => draft.delete::<Seat>(key),
    }
}

/// Nobody is in the room, or on the way: it will close unless somebody comes.
fn abandon(draft: &mut Draft<'_>, ctx: &Ctx, room: &Room) -> Result<(), Stop<Refusal>> {
    let (id, settings) = (room.id, &ctx.settings);
    match room.status {
        RoomStatus::Live => {
            let command = ExpireDeparted { room: id };
            draft.schedule(departure_timer(id), ctx.now + settings.departure_timeout, command)?;
        }
        RoomStatus::Idle => {
            let command = ExpireEmpty { room: id };
            draft.schedule(empty_timer(id), ctx.now + settings.empty_timeout, command)?;
        }
        RoomStatus::Closed => {}
    }
    Ok(())
}

fn role_of(person: &User, room: &Room) -> RoomRole {
    match person.kind {
        _ if person.id == room.owner_id => RoomRole::Host,
        UserKind::Guest => RoomRole::Guest,
        UserKind::Registered | UserKind::Bot | UserKind::Service => RoomRole::Member,
    }
}

fn new_stay(
    id: ParticipantId,
    ctx: &Ctx,
    person: &User,
    room: &Room,
    role: RoomRole,
) -> Participant {
    let on_stage = room.stage_mode == StageMode::OpenFloor || role >= RoomRole::Cohost;
    Participant {
        id,
        room_id: room.id,
        epoch: room.epoch,
        user_id: person.id,
        display_name: person.display_name.clone(),
        role,
        stage: if on_stage { StageState::Speaker } else { StageState::Audience },
        hand_seq: None,
        mic: if on_stage { MicState::Live } else { MicState::Off },
        connection: ConnectionState::Joining,
        leg_id: None,
        lease_epoch: 0,
        joined_at: ctx.now,
        connected_at: None,
        lost_at: None,
        lapses_at: ctx.now + ctx.settings.connect_timeout,
        left_at: None,
        leave_reason: None,
        removed_by: None,
    }
}
