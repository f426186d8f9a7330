//! Every table, at a glance.

use crate::engine::{FeedCursor, Idempotency, Sweep, Timer};
use crate::identity::{AuthSession, User};
use crate::rooms::{
    HandQueue, Node, Occupancy, Participant, Room, RoomBan, RoomLease, RoomListing, Seat,
};

crate::tables! {
    User,
    AuthSession,
    Room,
    RoomBan,
    Participant,
    Seat,
    HandQueue,
    Occupancy,
    Node,
    RoomLease,
    RoomListing,
    Sweep,
    Timer,
    Idempotency,
    FeedCursor,
}
