//! The life of a room: made, locked, closed.

use serde::{Deserialize, Serialize};

use super::about_room;
use super::standing::{Standing, open_room};
use crate::engine::{Command, Ctx, Invalid, Sweeper, Timer, TimerKey};
use crate::identity::{User, UserId};
use crate::permissions::Permission;
use crate::record::{Stored as _, Timestamp};
use crate::rooms::{
    ConnectionInput, Event, HandQueue, LeaveReason, Occupancy, Participant, ParticipantId, Refusal,
    Room, RoomCloseReason, RoomId, RoomInput, RoomStatus, Seat, StageMode, StageState, queries,
};
use crate::storage::{Draft, Need, Stop};

/// The longest name of a room, in graphemes.
pub const NAME_MAX: usize = 100;
/// The longest description, in graphemes.
pub const DESCRIPTION_MAX: usize = 2_000;
/// The largest capacity.
pub const CAPACITY_MAX: u32 = 100_000;

/// Makes a room. Whoever makes it owns it, and is its host whenever they are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// 1 to [`NAME_MAX`] graphemes on one line.
    pub name: String,
    /// At most [`DESCRIPTION_MAX`] graphemes.
    #[serde(default)]
    pub description: String,
    /// 2 to [`CAPACITY_MAX`]; 1,000 unless the host application says otherwise.
    #[serde(default)]
    pub max_participants: Option<u32>,
    /// Who may be heard.
    pub stage_mode: StageMode,
}

/// The room that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub room: RoomId,
}

impl Command for Create {
    type Output = Created;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Created, Stop<Refusal>> {
        let room = ctx.new_id::<RoomId>();
        let owner = ctx.actor.user().ok_or(Refusal::NotAPerson)?;
        let name = Invalid::line("name", &self.name, NAME_MAX).map_err(Refusal::from)?;
        let description = Invalid::prose("description", &self.description, DESCRIPTION_MAX);
        let description = description.map_err(Refusal::from)?;
        let capacity = self.max_participants.unwrap_or(ctx.settings.max_participants);
        Invalid::range("max_participants", capacity.into(), 2, CAPACITY_MAX.into())
            .map_err(Refusal::from)?;
        draft.need([User::share(owner)])?;
        draft.fresh::<Room>(room);
        draft.fresh::<HandQueue>(room);
        draft.fresh::<Occupancy>(room);
        draft.fresh::<Timer>(empty_timer(room).into());

        draft.get::<User>(owner)?.ok_or(Refusal::NotAPerson)?;
        draft.put(Room {
            id: room,
            name,
            description,
            stage_mode: self.stage_mode,
            status: RoomStatus::Idle,
            owner_id: owner,
            max_participants: capacity,
            locked_at: None,
            epoch: 1,
            created_at: ctx.now,
            updated_at: ctx.now,
            opened_at: None,
            closed_at: None,
            close_reason: None,
        })?;
        draft.put(HandQueue { room_id: room, next_seq: 1, speakers: 0 })?;
        draft.put(Occupancy { room_id: room, reserved: 0, active: 0, peak: 0 })?;
        draft.schedule(
            empty_timer(room),
            ctx.now + ctx.settings.empty_timeout,
            ExpireEmpty { room },
        )?;
        draft.emit(Event::Created { room, owner });
        Ok(Created { room })
    }
}

about_room! {
    /// Lets nobody new into a room. Those who are in it stay, and may come back.
    Lock,
    /// Lets people into a room again.
    Unlock,
    /// Closes a room for everyone.
    Close,
    /// Closes a room that nobody ever was connected to.
    ExpireEmpty,
    /// Closes a room that everybody has left.
    ExpireDeparted,
}

impl Command for Lock {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let room = managed(draft, ctx, self.room, Permission::ManageRoom, [])?;
        if room.locked_at.is_none() {
            draft.put(Room { locked_at: Some(ctx.now), updated_at: ctx.now, ..room })?;
            draft.emit(Event::Locked { room: self.room, by: ctx.actor.user() });
        }
        Ok(())
    }
}

impl Command for Unlock {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let room = managed(draft, ctx, self.room, Permission::ManageRoom, [])?;
        if room.locked_at.is_some() {
            draft.put(Room { locked_at: None, updated_at: ctx.now, ..room })?;
            draft.emit(Event::Unlocked { room: self.room, by: ctx.actor.user() });
        }
        Ok(())
    }
}

impl Command for Close {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let needs = closing_needs(self.room);
        let room = managed(draft, ctx, self.room, Permission::CloseRoom, needs)?;
        close(draft, ctx, room, RoomInput::Close, RoomCloseReason::ByHost)
    }
}

impl Command for ExpireEmpty {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        expire(draft, ctx, self.room, RoomInput::NobodyCame, RoomCloseReason::NeverJoined)
    }
}

impl Command for ExpireDeparted {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        expire(draft, ctx, self.room, RoomInput::EverybodyLeft, RoomCloseReason::Empty)
    }
}

/// Ends a room that nobody is in or on the way into. Whoever leaves last sets the timer anew.
fn expire(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    room: RoomId,
    input: RoomInput,
    reason: RoomCloseReason,
) -> Result<(), Stop<Refusal>> {
    draft.need(closing_needs(room).into_iter().chain([Room::own(room)]))?;
    let it = draft.get::<Room>(room)?.ok_or(Refusal::NotFound)?;
    let occupancy = draft.get::<Occupancy>(room)?.ok_or(Refusal::NotFound)?;
    match occupancy.reserved {
        0 => close(draft, ctx, it, input, reason),
        _ => Ok(()),
    }
}

/// The room, for somebody who may change it.
fn managed(
    draft: &Draft<'_>,
    ctx: &Ctx,
    room: RoomId,
    permission: Permission,
    more: impl IntoIterator<Item = Need>,
) -> Result<Room, Stop<Refusal>> {
    draft.need([Room::own(room)].into_iter().chain(Standing::needs(room, ctx)).chain(more))?;
    let room = open_room(draft, room)?;
    Standing::of(draft, &room, ctx)?.require(permission)?;
    Ok(room)
}

fn closing_needs(room: RoomId) -> [Need; 3] {
    [HandQueue::own(room), Occupancy::own(room), CLOSED.own(room.0)]
}

/// Ends all stays at once, by the epoch; the sweep marks each of them.
fn close(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    room: Room,
    input: RoomInput,
    reason: RoomCloseReason,
) -> Result<(), Stop<Refusal>> {
    let status = room.status.next(input)?;
    let id = room.id;
    CLOSED.start(draft, ctx, id.0, room.epoch)?;
    if let Some(occupancy) = draft.get::<Occupancy>(id)? {
        draft.put(Occupancy { reserved: 0, active: 0, ..occupancy })?;
    }
    if let Some(queue) = draft.get::<HandQueue>(id)? {
        draft.put(HandQueue { speakers: 0, ..queue })?;
    }
    draft.put(Room {
        status,
        epoch: room.epoch + 1,
        updated_at: ctx.now,
        closed_at: Some(ctx.now),
        close_reason: Some(reason),
        ..room
    })?;
    draft.emit(Event::Closed { room: id, reason });
    Ok(())
}

/// Empties the seats of a room that closed, and marks those who sat there.
pub const CLOSED: Sweeper = Sweeper {
    name: "rooms.closed",
    page: |sweep| queries::seats_up_to(RoomId(sweep.subject), sweep.bound).query().clone(),
    command: |sweep, rows| {
        let seats = rows.iter().filter_map(Seat::from_row);
        let seats = seats.map(|seat| (seat.user_id, seat.participant_id)).collect();
        ClearSeats { room: RoomId(sweep.subject), seats }.into()
    },
};

/// Takes away seats that are void since their room closed, a page of them, and marks the stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearSeats {
    /// The room.
    pub room: RoomId,
    /// Whose seats, and the stays they were for.
    pub seats: Vec<(UserId, Option<ParticipantId>)>,
}

impl Command for ClearSeats {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let seats = self.seats.iter().map(|&(user, _)| Seat::own((self.room, user)));
        let stays = self.seats.iter().filter_map(|&(_, stay)| stay).map(Participant::own);
        draft.need(stays.chain(seats).chain([Room::share(self.room)]))?;
        let room = draft.get::<Room>(self.room)?.ok_or(Refusal::NotFound)?;
        for &(user, stay) in &self.seats {
            let seat = draft.get::<Seat>((self.room, user))?;
            let is_void = |seat: &Seat| seat.participant_id == stay && !room.is_current(seat.epoch);
            if !seat.as_ref().is_some_and(is_void) {
                continue;
            }
            draft.delete::<Seat>((self.room, user))?;
            if let Some(stay) = stay {
                end_with_room(draft, ctx, stay)?;
            }
        }
        Ok(())
    }
}

fn end_with_room(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    participant: ParticipantId,
) -> Result<(), Stop<Refusal>> {
    let Some(stay) = draft.get::<Participant>(participant)? else { return Ok(()) };
    let (room, user, reason) = (stay.room_id, stay.user_id, LeaveReason::RoomClosed);
    let Ok(connection) = stay.connection.next(ConnectionInput::Leave) else { return Ok(()) };
    draft.put(Participant {
        stage: StageState::Audience,
        hand_seq: None,
        connection,
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: Some(ctx.now),
        leave_reason: Some(reason),
        ..stay
    })?;
    draft.emit(Event::Left { room, participant, user, reason, by: None });
    Ok(())
}

/// When a room that nobody ever was connected to closes.
pub(super) const fn empty_timer(room: RoomId) -> TimerKey {
    TimerKey { name: "rooms.empty", subject: room.0 }
}

/// When a room that everybody has left closes.
pub(super) const fn departure_timer(room: RoomId) -> TimerKey {
    TimerKey { name: "rooms.departure", subject: room.0 }
}
