//! The lobby: a card for each open room, brought up to date by a policy at most once a second.
//!
//! Discovery sorts by how full a room is; were it to read [`Occupancy`], every join would move an
//! index entry that everybody reads.

use super::commands::about_room;
use super::{Event, Occupancy, Refusal, Room, RoomId, RoomListing, RoomStatus};
use crate::engine::{Command, Ctx, Policy, Reaction, Timer, TimerKey};
use crate::events::AnyEvent;
use crate::identity::User;
use crate::record::{Stored as _, Timestamp};
use crate::storage::{Draft, Stop, text};

/// Refreshes a room's card when something on it may have changed.
pub const LISTING: Policy = Policy {
    name: "rooms.listing",
    react: |envelope| match &envelope.emitted.event {
        AnyEvent::Rooms(event) if changes_card(event) => {
            vec![Reaction::Do(RefreshListing { room: event.room() }.into())]
        }
        AnyEvent::Rooms(_) | AnyEvent::Identity(_) | AnyEvent::Calls(_) | AnyEvent::Ledger(_) => {
            Vec::new()
        }
    },
};

fn changes_card(event: &Event) -> bool {
    matches!(
        event,
        Event::Created { .. }
            | Event::WentLive { .. }
            | Event::Joined { .. }
            | Event::Left { .. }
            | Event::Closed { .. }
            | Event::Locked { .. }
            | Event::Unlocked { .. }
    )
}

about_room! {
    /// Brings a room's card up to date, now or as soon as its interval is over.
    RefreshListing,
}

impl Command for RefreshListing {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (id, timer) = (self.room, listing_timer(self.room));
        draft.need([Room::share(id), Occupancy::share(id), RoomListing::own(id), timer.own()])?;
        let room = draft.get::<Room>(id)?.ok_or(Refusal::NotFound)?;
        let card = draft.get::<RoomListing>(id)?;
        if room.status == RoomStatus::Closed {
            draft.cancel(timer)?;
            if card.is_some() {
                draft.delete::<RoomListing>(id)?;
                draft.emit(Event::Delisted { room: id });
            }
            return Ok(());
        }
        if draft.get::<Timer>(timer.into())?.is_some_and(|timer| ctx.now < timer.due_at) {
            return Ok(());
        }
        let next = card.as_ref().map(|card| card.refreshed_at + ctx.settings.listing_interval);
        if let Some(due_at) = next.filter(|next| ctx.now < *next) {
            return Ok(draft.schedule(timer, due_at, self.clone())?);
        }
        draft.cancel(timer)?;
        let owner_name = match &card {
            Some(card) => card.owner_name.clone(),
            None => owner_name(draft, &room)?,
        };
        let active = draft.get::<Occupancy>(id)?.ok_or(Refusal::NotFound)?.active;
        let fresh = new_card(&room, owner_name, active, ctx.now);
        let is_same = |card| RoomListing { refreshed_at: ctx.now, ..card } == fresh;
        if !card.is_some_and(is_same) {
            draft.emit(listed(&fresh));
            draft.put(fresh)?;
        }
        Ok(())
    }
}

fn owner_name(draft: &Draft<'_>, room: &Room) -> Result<String, Stop<Refusal>> {
    draft.need([User::share(room.owner_id)])?;
    let owner = draft.get::<User>(room.owner_id)?;
    Ok(owner.map(|owner| owner.display_name).unwrap_or_default())
}

fn new_card(room: &Room, owner_name: String, active: u32, now: Timestamp) -> RoomListing {
    RoomListing {
        room_id: room.id,
        name: room.name.clone(),
        description: room.description.clone(),
        owner_name,
        stage_mode: room.stage_mode,
        status: room.status,
        locked: room.locked_at.is_some(),
        active,
        max_participants: room.max_participants,
        search: text::words(&format!("{}\n{}", room.name, room.description)),
        refreshed_at: now,
    }
}

fn listed(card: &RoomListing) -> Event {
    Event::Listed {
        room: card.room_id,
        name: card.name.clone(),
        description: card.description.clone(),
        owner_name: card.owner_name.clone(),
        stage_mode: card.stage_mode,
        status: card.status,
        locked: card.locked,
        active: card.active,
        max_participants: card.max_participants,
    }
}

/// When a card that was asked to be refreshed too soon is.
const fn listing_timer(room: RoomId) -> TimerKey {
    TimerKey { name: "rooms.listing", subject: room.0 }
}
