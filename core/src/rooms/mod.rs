//! Rooms: where people meet, who is in them, who may be heard.
//!
//! ```text
//!  Create ─▶ idle ─ first leg up ─▶ live ─ Close, or all have left ─▶ closed
//!                                    │
//!  Join ─▶ joining ─ leg up ─▶ connected ⇄ reconnecting ─▶ left
//!                                    │
//!           audience ─ hand, invitation ─▶ speaker      mic: off, live, muted, locked
//! ```
//!
//! A participant's stay survives the loss of their transport for a while; whoever joins again
//! meanwhile, from the same page or another, goes on with the same stay. A room closes by moving
//! to its next epoch, which ends all stays at once; a sweep then marks them one by one.

mod admission;
mod commands;
mod events;
mod lease;
mod listing;
pub(crate) mod queries;
mod reads;
mod refusal;
mod rows;
mod state;

pub use admission::admit;
pub use commands::*;
pub use events::{Admitted, Event, FloorVia};
pub use lease::{
    ClaimRoom, Claimed, LEASE, NODE_NAME_MAX, NODE_URL_MAX, Node, NodeRun, ORPHANS, RENEWED_MAX,
    ReleaseRoom, RenewLeases, Renewed, RoomLease, StartNode, VacateRoom,
};
pub use listing::{LISTING, RefreshListing};
pub use reads::{BannedView, Reads, RoomView};
pub use refusal::Refusal;
pub use rows::{
    HandQueue, LeaveReason, Occupancy, Participant, ParticipantId, ParticipantView, Room, RoomBan,
    RoomCloseReason, RoomId, RoomListing, RoomRole, Seat, StageMode,
};
pub use state::{
    ConnectionInput, ConnectionState, MicInput, MicState, RoomInput, RoomStatus, StageInput,
    StageState,
};
