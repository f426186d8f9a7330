//! What people may see of rooms. Every read takes the actor; what they may not see is not there.

use serde::Serialize;

use super::{
    ConnectionState, Node, Participant, ParticipantView, Refusal, Room, RoomBan, RoomId,
    RoomListing, RoomStatus, StageMode, queries,
};
use crate::engine::{Error, Parlor};
use crate::events::Actor;
use crate::identity::UserId;
use crate::permissions::{Permission, grants};
use crate::record::{Stored, Timestamp};
use crate::storage::{Page, Select, StoreError};

/// The reads of rooms: [`Parlor::rooms`].
#[derive(Clone, Copy, Debug)]
pub struct Reads<'p> {
    parlor: &'p Parlor,
}

/// A room, as somebody sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoomView {
    /// Its id.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who may be heard.
    pub stage_mode: StageMode,
    /// Where it is in its life.
    pub status: RoomStatus,
    /// Whether nobody new is let in.
    pub locked: bool,
    /// How many may be in it.
    pub max_participants: u32,
    /// Who owns it.
    pub owner: UserId,
    /// How many are in it.
    pub active: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The reader's own open stay in it.
    pub me: Option<ParticipantView>,
}

/// Somebody who is banned from a room.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BannedView {
    /// Who.
    pub user: UserId,
    /// Their name at the time.
    pub display_name: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

impl Parlor {
    /// The reads of rooms.
    pub fn rooms(&self) -> Reads<'_> {
        Reads { parlor: self }
    }
}

impl Parlor {
    /// Every node there has been, each with the time until which it counts as alive.
    ///
    /// # Errors
    /// [`StoreError`](crate::storage::StoreError)
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        Ok(self.select(&queries::nodes()).await?.rows)
    }
}

impl Reads<'_> {
    /// Open rooms, the fullest first; with words, only those whose name or description has each of
    /// them. A page of at most 100. So far everybody sees every room.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn discover(
        &self,
        _actor: Actor,
        typed: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<RoomListing>, Error<Refusal>> {
        let select = match crate::storage::text::words(typed).is_empty() {
            true => queries::discover(),
            false => queries::search(typed),
        };
        self.page(select.limit(limit.min(100)), after).await
    }

    /// One room, with the actor's own stay in it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn room(&self, actor: Actor, id: RoomId) -> Result<RoomView, Error<Refusal>> {
        let room = self.row(&queries::room(id)).await?.ok_or(Error::Refused(Refusal::NotFound))?;
        let occupancy = self.row(&queries::occupancy(id)).await?;
        let me = self.stay(actor, &room).await?;
        Ok(RoomView {
            id,
            name: room.name,
            description: room.description,
            stage_mode: room.stage_mode,
            status: room.status,
            locked: room.locked_at.is_some(),
            max_participants: room.max_participants,
            owner: room.owner_id,
            active: occupancy.map_or(0, |occupancy| occupancy.active),
            created_at: room.created_at,
            me: me.map(ParticipantView::from),
        })
    }

    /// The actor's own open stay in a room.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such room, [`Refusal::NotHere`] when they are not in
    /// it.
    pub async fn own_stay(
        &self,
        actor: Actor,
        room: RoomId,
    ) -> Result<Participant, Error<Refusal>> {
        let room = self.row(&queries::room(room)).await?;
        let room = room.ok_or(Error::Refused(Refusal::NotFound))?;
        let stay = self.stay(actor, &room).await?;
        stay.ok_or(Error::Refused(Refusal::NotHere))
    }

    /// Who is in a room, for those who are in it too: a page of at most 500, and on each those who
    /// came first before the others.
    ///
    /// # Errors
    /// As [`own_stay`](Self::own_stay); [`Refusal::BadCursor`].
    pub async fn participants(
        &self,
        actor: Actor,
        room: RoomId,
        after: Option<&str>,
    ) -> Result<Page<ParticipantView>, Error<Refusal>> {
        let own = self.own_stay(actor, room).await?;
        let seats = self.page(queries::seats(room, own.epoch), after).await?;
        let stays = seats.rows.into_iter().filter_map(|seat| seat.participant_id);
        // By id, which is by time.
        let stays = self.parlor.select(&queries::participants(stays)).await?.rows;
        let here = |stay: &Participant| stay.connection != ConnectionState::Left;
        let rows = stays.into_iter().filter(here).map(ParticipantView::from).collect();
        Ok(Page { rows, next: seats.next })
    }

    /// Who is banned from a room, the latest first; for those who may ban.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Forbidden`], [`Refusal::NotHere`],
    /// [`Refusal::BadCursor`].
    pub async fn bans(
        &self,
        actor: Actor,
        room: RoomId,
        after: Option<&str>,
    ) -> Result<Page<BannedView>, Error<Refusal>> {
        self.overseen(actor, room, Permission::RemoveParticipants).await?;
        let page = self.page(queries::bans(room), after).await?;
        Ok(page.map(BannedView::from))
    }

    /// A room, for its owner and for those in it whose role carries the permission.
    pub(crate) async fn overseen(
        &self,
        actor: Actor,
        room: RoomId,
        permission: Permission,
    ) -> Result<Room, Error<Refusal>> {
        let it = self.row(&queries::room(room)).await?.ok_or(Error::Refused(Refusal::NotFound))?;
        if actor.user() != Some(it.owner_id) {
            let own = self.own_stay(actor, room).await?;
            if !grants(own.role, permission) {
                return Err(Error::Refused(Refusal::Forbidden(permission)));
            }
        }
        Ok(it)
    }

    async fn stay(&self, actor: Actor, room: &Room) -> Result<Option<Participant>, Error<Refusal>> {
        let Some(user) = actor.user() else { return Ok(None) };
        let seat = self.row(&queries::seat(room.id, user)).await?;
        let seat = seat.filter(|seat| room.is_current(seat.epoch));
        let Some(stay) = seat.and_then(|seat| seat.participant_id) else { return Ok(None) };
        let stay = self.row(&queries::participants([stay])).await?;
        Ok(stay.filter(|stay| stay.is_in(room)))
    }

    async fn row<R: Stored>(&self, select: &Select<R>) -> Result<Option<R>, Error<Refusal>> {
        Ok(self.parlor.select(select).await?.rows.pop())
    }

    async fn page<R: Stored>(
        &self,
        select: Select<R>,
        after: Option<&str>,
    ) -> Result<Page<R>, Error<Refusal>> {
        let select = select.after(after).map_err(|bad| Error::Refused(bad.into()))?;
        Ok(self.parlor.select(&select).await?)
    }
}

impl From<RoomBan> for BannedView {
    fn from(row: RoomBan) -> Self {
        Self { user: row.user_id, display_name: row.display_name, reason: row.reason, at: row.at }
    }
}
