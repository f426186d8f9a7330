//! What the actor of a command is in a room, and what follows from it.

use crate::engine::Ctx;
use crate::events::Actor;
use crate::permissions::{Permission, grants};
use crate::record::Stored as _;
use crate::rooms::{Participant, ParticipantId, Refusal, Room, RoomId, RoomRole, Seat};
use crate::storage::{Draft, Missing, Need, Stop};

/// What an actor is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The host application, a timer or a policy: above all.
    System,
    /// The owner, or somebody with an open stay.
    Role(RoomRole),
    /// Anybody else.
    Nobody,
}

impl Standing {
    /// What [`Standing::of`] has to read.
    pub(super) fn needs(room: RoomId, ctx: &Ctx) -> Option<Need> {
        ctx.actor.user().map(|user| Seat::share((room, user)))
    }

    /// The actor's standing.
    pub(super) fn of(draft: &Draft<'_>, room: &Room, ctx: &Ctx) -> Result<Self, Missing> {
        let user = match ctx.actor {
            Actor::System { .. } => return Ok(Self::System),
            Actor::User { user, .. } if user == room.owner_id => {
                return Ok(Self::Role(RoomRole::Host));
            }
            Actor::User { user, .. } => user,
        };
        let is_taken = |seat: &Seat| seat.participant_id.is_some() && room.is_current(seat.epoch);
        let seat = draft.get::<Seat>((room.id, user))?.filter(is_taken);
        Ok(seat.map_or(Self::Nobody, |seat| Self::Role(seat.role)))
    }

    /// Refuses those whose role does not carry the permission.
    pub(super) fn require(self, permission: Permission) -> Result<Self, Refusal> {
        match self {
            Self::System => Ok(self),
            Self::Role(role) if grants(role, permission) => Ok(self),
            Self::Role(_) => Err(Refusal::Forbidden(permission)),
            Self::Nobody => Err(Refusal::NotHere),
        }
    }

    /// Refuses to act on somebody of one's own rank or above (I-S1).
    pub(super) fn outrank(self, target: RoomRole) -> Result<(), Refusal> {
        match self {
            Self::System => Ok(()),
            Self::Role(role) if role > target => Ok(()),
            Self::Role(_) | Self::Nobody => Err(Refusal::Outranked),
        }
    }
}

/// The room, if it is still open.
pub(super) fn open_room(draft: &Draft<'_>, room: RoomId) -> Result<Room, Stop<Refusal>> {
    let room = draft.get::<Room>(room)?.ok_or(Refusal::NotFound)?;
    room.status.next(crate::rooms::RoomInput::Close)?;
    Ok(room)
}

/// A participant that somebody with a permission acts on, and the room.
///
/// Who has no standing learns nothing about who is there.
pub(super) fn target_of(
    draft: &Draft<'_>,
    ctx: &Ctx,
    (room, participant): (RoomId, ParticipantId),
    permission: Permission,
    more: impl IntoIterator<Item = Need>,
) -> Result<(Standing, Room, Participant), Stop<Refusal>> {
    let needs = [Room::share(room), Participant::own(participant)];
    draft.need(needs.into_iter().chain(Standing::needs(room, ctx)).chain(more))?;
    let room = open_room(draft, room)?;
    let standing = Standing::of(draft, &room, ctx)?.require(permission)?;
    let target = draft.get::<Participant>(participant)?.filter(|it| it.is_in(&room));
    Ok((standing, room, target.ok_or(Refusal::NotFound)?))
}

/// The actor's own participant, and the room.
pub(super) fn oneself(
    draft: &Draft<'_>,
    ctx: &Ctx,
    (room, participant): (RoomId, ParticipantId),
    more: impl IntoIterator<Item = Need>,
) -> Result<(Room, Participant), Stop<Refusal>> {
    let needs = [Room::share(room), Participant::own(participant)];
    draft.need(needs.into_iter().chain(more))?;
    let room = open_room(draft, room)?;
    let own = draft.get::<Participant>(participant)?.filter(|it| it.is_in(&room));
    let own = own.ok_or(Refusal::NotHere)?;
    match ctx.actor.user().is_none_or(|user| user == own.user_id) {
        true => Ok((room, own)),
        false => Err(Refusal::NotYours.into()),
    }
}
