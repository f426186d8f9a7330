//! Named reads. Who may make them is said in [`Reads`](super::Reads).

use super::{
    Node, Occupancy, Participant, ParticipantId, Room, RoomBan, RoomId, RoomLease, RoomListing,
    Seat,
};
use crate::Uuid;
use crate::col;
use crate::identity::UserId;
use crate::record::Timestamp;
use crate::storage::{Filter, NamedQuery, Select};

/// One room (Q-R2).
pub(super) fn room(id: RoomId) -> Select<Room> {
    Select::new("rooms.room").filter(col!(Room.id).is(id)).limit(1)
}

/// How many are in a room.
pub(super) fn occupancy(room: RoomId) -> Select<Occupancy> {
    Select::new("rooms.occupancy").filter(col!(Occupancy.room_id).is(room)).limit(1)
}

/// The seat somebody holds in a room.
pub(super) fn seat(room: RoomId, user: UserId) -> Select<Seat> {
    Select::new("rooms.seat")
        .filter(col!(Seat.room_id).is(room))
        .filter(col!(Seat.user_id).is(user))
        .limit(1)
}

/// Some participants, in or out.
pub(crate) fn participants(ids: impl IntoIterator<Item = ParticipantId>) -> Select<Participant> {
    Select::new("rooms.participants_by_id")
        .filter(col!(Participant.id).is_in(ids))
        .limit(crate::storage::PAGE_MAX)
}

/// The seats of a room that were taken in an epoch (Q-R4).
pub(super) fn seats(room: RoomId, epoch: i64) -> Select<Seat> {
    Select::new("rooms.seats")
        .filter(col!(Seat.room_id).is(room))
        .filter(col!(Seat.epoch).is(epoch))
        .limit(500)
}

/// The seats of a room that were taken up to an epoch.
pub(super) fn seats_up_to(room: RoomId, epoch: i64) -> Select<Seat> {
    Select::new("rooms.seats_up_to")
        .filter(col!(Seat.room_id).is(room))
        .filter(col!(Seat.epoch).at_most(epoch))
        .limit(500)
}

/// Leases that run out by a time, the first to run out first.
pub(super) fn leases_expiring(by: Timestamp) -> Select<RoomLease> {
    Select::new("rooms.leases_expiring")
        .by("room_lease_expiring")
        .filter(col!(RoomLease.expires_at).at_most(by))
        .order(col!(RoomLease.expires_at))
}

/// The rooms a node has.
pub(crate) fn leases_of(node: &str) -> Select<RoomLease> {
    Select::new("rooms.leases_of")
        .by("room_lease_of_node")
        .filter(col!(RoomLease.node).is(Some(node.to_owned())))
        .limit(500)
}

/// Every node there has been.
pub(crate) fn nodes() -> Select<Node> {
    Select::new("rooms.nodes").limit(500)
}

/// Stays that end by a time unless a leg comes up, the first to end first.
pub(super) fn lapsing(by: Timestamp) -> Select<Participant> {
    Select::new("rooms.lapsing")
        .by("participant_lapsing")
        .filter(col!(Participant.left_at).is_null())
        .filter(col!(Participant.lapses_at).at_most(by))
        .order(col!(Participant.lapses_at))
}

/// The first few who ask for the floor of a room, the first hand first.
pub(super) fn hands(room: RoomId) -> Select<Participant> {
    Select::new("rooms.hands")
        .by("participant_hand")
        .filter(col!(Participant.room_id).is(room))
        .order_some(col!(Participant.hand_seq))
        .limit(4)
}

/// Cards in the lobby, the fullest room first, the newest among equals (Q-R1).
pub(super) fn discover() -> Select<RoomListing> {
    Select::new("rooms.discover")
        .by("room_listing_busiest")
        .order(col!(RoomListing.active))
        .descending()
}

/// Cards with all these words, in the same order (Q-R1).
pub(super) fn search(typed: &str) -> Select<RoomListing> {
    Select::new("rooms.search")
        .by("room_listing_text")
        .filter(Filter::search(typed))
        .order(col!(RoomListing.active))
        .descending()
}

/// Who is banned from a room, the latest first.
pub(super) fn bans(room: RoomId) -> Select<RoomBan> {
    Select::new("rooms.bans")
        .by("room_ban_by_time")
        .filter(col!(RoomBan.room_id).is(room))
        .order(col!(RoomBan.at))
        .descending()
}

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let (room_id, user) = (RoomId(Uuid::nil()), UserId(Uuid::nil()));
    vec![
        room(room_id).into(),
        occupancy(room_id).into(),
        seat(room_id, user).into(),
        participants([ParticipantId(Uuid::nil())]).into(),
        seats(room_id, 1).into(),
        seats_up_to(room_id, 1).into(),
        leases_expiring(Timestamp::default()).into(),
        leases_of("any").into(),
        nodes().into(),
        lapsing(Timestamp::default()).into(),
        hands(room_id).into(),
        discover().into(),
        search("any word").into(),
        bans(room_id).into(),
    ]
}
