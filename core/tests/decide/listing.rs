use parlor_core::events::Actor;
use parlor_core::rooms::{
    Event, Occupancy, RefreshListing, Refusal, Room, RoomListing, RoomStatus,
};
use parlor_core::storage::{Held, Lock};

use super::*;

const REFRESH: RefreshListing = RefreshListing { room: ROOM };

fn card() -> RoomListing {
    RoomListing {
        room_id: ROOM,
        name: "Tea".into(),
        description: "Earl Grey".into(),
        owner_name: "Ada".into(),
        stage_mode: room().stage_mode,
        status: RoomStatus::Live,
        locked: false,
        active: 2,
        max_participants: 10,
        search: "tea earl grey".into(),
        refreshed_at: BEFORE,
    }
}

fn listed(card: &RoomListing) -> Event {
    Event::Listed {
        room: ROOM,
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

/// A room with two in it; no card, and no timer to make one.
fn here(room: Room) -> Held {
    let held = Held::new().shared(room).shared(occupancy(3, 2, 2));
    let held = held.absent::<RoomListing>(ROOM, Lock::Own);
    no_timer(held, timer("rooms.listing", ROOM.0))
}

#[test]
fn a_new_room_gets_a_card() {
    let made = RoomListing { refreshed_at: NOW, ..card() };
    assert_eq!(
        changes(here(room()).shared(user(OWNER)), Actor::HOST, &REFRESH),
        changeset([put(made.clone())], [listed(&made)])
    );
}

#[test]
fn a_card_is_written_only_if_something_on_it_has_changed() {
    assert_eq!(changes(here(room()).owned(card()), Actor::HOST, &REFRESH), changeset([], []));

    let locked = Room { locked_at: Some(BEFORE), ..room() };
    let other = RoomListing { locked: true, refreshed_at: NOW, ..card() };
    assert_eq!(
        changes(here(locked).owned(card()), Actor::HOST, &REFRESH),
        changeset([put(other.clone())], [listed(&other)])
    );
}

#[test]
fn a_card_that_is_fresh_waits_its_turn() {
    let fresh = RoomListing { active: 1, refreshed_at: NOW, ..card() };
    let later = set(timer("rooms.listing", ROOM.0), 1, REFRESH);
    let held = here(room()).owned(fresh);
    assert_eq!(changes(held.clone(), Actor::HOST, &REFRESH), changeset([put(later.clone())], []));
    assert_eq!(changes(held.owned(later), Actor::HOST, &REFRESH), changeset([], []));
}

#[test]
fn a_closed_room_loses_its_card_and_its_timer() {
    let later = set(timer("rooms.listing", ROOM.0), 1, REFRESH);
    let held = here(closed()).owned(card()).owned(later.clone());
    assert_eq!(
        changes(held, Actor::HOST, &REFRESH),
        changeset(
            [delete::<RoomListing>(ROOM), (put(later).0, None)],
            [Event::Delisted { room: ROOM }]
        )
    );
    assert_eq!(changes(here(closed()), Actor::HOST, &REFRESH), changeset([], []));
}

#[test]
fn what_is_not_there_gets_no_card() {
    let nowhere = here(room()).absent::<Room>(ROOM, Lock::Share);
    assert_eq!(refusal(nowhere, Actor::HOST, &REFRESH), Refusal::NotFound);
    let half = here(room()).shared(user(OWNER)).absent::<Occupancy>(ROOM, Lock::Share);
    assert_eq!(refusal(half, Actor::HOST, &REFRESH), Refusal::NotFound);
}
