//! The decisions, by what they are about.

mod leg;
mod life;
mod mic;
mod removal;
mod stage;
mod standing;
mod stay;

pub use leg::{LAPSE, Lapse, LegClosed, LegConnected, LegLost, LegOrphaned};
pub use life::{
    CAPACITY_MAX, CLOSED, ClearSeats, Close, Create, Created, DESCRIPTION_MAX, ExpireDeparted,
    ExpireEmpty, Lock, NAME_MAX, Unlock,
};
pub use mic::{LockMic, Mute, SetSelfMute, UnlockMic};
pub use removal::{Ban, Kick, LiftBan, REASON_MAX};
pub use stage::{
    AcceptInvite, DeclineInvite, ExpireInvite, FloorGranted, GrantFloor, GrantNext, InviteToSpeak,
    LowerHand, MoveToAudience, RaiseHand, StepDown,
};
pub use stay::{Join, Leave};

/// Declares a command about a participant of a room.
macro_rules! about_participant {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The room.
            pub room: crate::rooms::RoomId,
            /// The participant.
            pub participant: crate::rooms::ParticipantId,
        }
    )+ };
}
use about_participant;

/// Declares a command about a room.
macro_rules! about_room {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The room.
            pub room: crate::rooms::RoomId,
        }
    )+ };
}
pub(super) use about_room;
