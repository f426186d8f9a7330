//! Sending people out, for now or for good.

use serde::{Deserialize, Serialize};

use super::about_participant;
use super::standing::{Standing, open_room, target_of};
use super::stay::{depart, open_stay};
use crate::engine::{Command, Ctx, Invalid};
use crate::identity::{User, UserId};
use crate::permissions::Permission;
use crate::record::Stored as _;
use crate::rooms::{
    ConnectionInput, Event, LeaveReason, Occupancy, Refusal, Room, RoomBan, RoomId, RoomRole, Seat,
};
use crate::storage::{Draft, Stop};

/// The longest reason, in graphemes.
pub const REASON_MAX: usize = 500;

about_participant! {
    /// Sends somebody out. They may come back.
    Kick,
}

impl Command for Kick {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let whom = (self.room, self.participant);
        let needs = [Occupancy::own(self.room)];
        let permission = Permission::RemoveParticipants;
        let (standing, room, target) = target_of(draft, ctx, whom, permission, needs)?;
        standing.outrank(target.role)?;
        depart(draft, ctx, &room, target, ConnectionInput::Leave, LeaveReason::Kicked)
    }
}

/// Keeps somebody out of a room, and sends them out if they are in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// The room.
    pub room: RoomId,
    /// Whom.
    pub user: UserId,
    /// At most [`REASON_MAX`] graphemes.
    #[serde(default)]
    pub reason: String,
}

impl Command for Ban {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let &Self { room, user, ref reason } = self;
        let reason = Invalid::prose("reason", reason, REASON_MAX).map_err(Refusal::from)?;
        let needs = [User::share(user), RoomBan::own((room, user)), Seat::own((room, user))];
        draft.need(needs.into_iter().chain(Standing::needs(room, ctx)))?;
        let it = open_room(draft, room)?;
        let standing = Standing::of(draft, &it, ctx)?.require(Permission::RemoveParticipants)?;
        let person = draft.get::<User>(user)?.ok_or(Refusal::NotFound)?;
        standing.outrank(role_of(draft, &it, user)?)?;
        if draft.get::<RoomBan>((room, user))?.is_some() {
            return Ok(());
        }

        let by = ctx.actor.user();
        draft.put(RoomBan {
            room_id: room,
            user_id: user,
            display_name: person.display_name,
            reason,
            banned_by: by,
            at: ctx.now,
        })?;
        draft.emit(Event::Banned { room, user, by });
        if let Some(stay) = open_stay(draft, &it, user)? {
            depart(draft, ctx, &it, stay, ConnectionInput::Leave, LeaveReason::Banned)?;
        }
        Ok(())
    }
}

/// Lets somebody into a room again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftBan {
    /// The room.
    pub room: RoomId,
    /// Whom.
    pub user: UserId,
}

impl Command for LiftBan {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let &Self { room, user } = self;
        let needs = [RoomBan::own((room, user))];
        draft.need(needs.into_iter().chain(Standing::needs(room, ctx)))?;
        let it = open_room(draft, room)?;
        Standing::of(draft, &it, ctx)?.require(Permission::RemoveParticipants)?;
        if draft.get::<RoomBan>((room, user))?.is_some() {
            draft.delete::<RoomBan>((room, user))?;
            draft.emit(Event::BanLifted { room, user, by: ctx.actor.user() });
        }
        Ok(())
    }
}

/// What somebody is in a room, there or not.
fn role_of(draft: &Draft<'_>, room: &Room, user: UserId) -> Result<RoomRole, Stop<Refusal>> {
    if user == room.owner_id {
        return Ok(RoomRole::Host);
    }
    let is_taken = |seat: &Seat| seat.participant_id.is_some() && room.is_current(seat.epoch);
    let seat = draft.get::<Seat>((room.id, user))?.filter(is_taken);
    Ok(seat.map_or(RoomRole::Guest, |seat| seat.role))
}
