//! Every table, at a glance.

use crate::engine::{FeedCursor, Idempotency, Sweep, Timer};
use crate::identity::{AuthSession, User};
use crate::rooms::{HandQueue, Occupancy, Participant, Room, RoomBan, RoomListing, Seat};

crate::tables! {
    User,
    AuthSession,
    Room,
    RoomBan,
    Participant,
    Seat,
    HandQueue,
    Occupancy,
    RoomListing,
    Sweep,
    Timer,
    Idempotency,
    FeedCursor,
}
