//! Every table, at a glance.

use crate::calls::{CallLeg, LegReconnect, QualitySample};
use crate::economy::ledger::{
    Account, AccountChange, Asset, AssetChange, Block, Entry, Hold, Memo, Rejection, Returned,
    Transfer, Wallet,
};
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
    CallLeg,
    LegReconnect,
    QualitySample,
    Asset,
    AssetChange,
    Account,
    Wallet,
    AccountChange,
    Transfer,
    Memo,
    Entry,
    Hold,
    Returned,
    Rejection,
    Block,
    Sweep,
    Timer,
    Idempotency,
    FeedCursor,
}
