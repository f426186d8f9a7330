use crate::engine::{self, Class, Invalid};
use crate::permissions::Permission;
use crate::storage::BadCursor;

/// Why `rooms` says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such room, participant or person, or none the actor may see.
    #[error("There is no such room, or nobody like that in it.")]
    NotFound,
    /// A field is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The cursor belongs to another list.
    #[error("{0}")]
    BadCursor(#[from] BadCursor),
    /// Only people do this, not the system.
    #[error("Sign in first.")]
    NotAPerson,
    /// The actor's role does not carry this permission.
    #[error("You may not do this here.")]
    Forbidden(Permission),
    /// The target's role is not below the actor's.
    #[error("You cannot do this to somebody of your own rank or above.")]
    Outranked,
    /// One does this for oneself only.
    #[error("You can only do this for yourself.")]
    NotYours,
    /// The actor is banned.
    #[error("You are banned from this room.")]
    Banned,
    /// The room is over.
    #[error("This room is closed.")]
    Closed,
    /// Nobody new is let in.
    #[error("This room is locked.")]
    Locked,
    /// Every seat is taken.
    #[error("This room is full.")]
    Full {
        /// How many seats there are.
        capacity: u32,
    },
    /// The actor, or the one it is about, is not in the room.
    #[error("You have to be in the room for this.")]
    NotHere,
    /// The floor is open: there are no hands and no stage.
    #[error("Everybody may speak in this room.")]
    OpenFloor,
    /// No hand is up.
    #[error("Nobody is asking for the floor.")]
    NoHandUp,
    /// The hands have changed again and again while one was being chosen.
    #[error("The queue for the floor is changing right now. Please try again.")]
    Stale,
    /// No more speakers fit on the stage.
    #[error("The stage is full.")]
    StageFull {
        /// How many fit.
        max: u32,
    },
    /// Whoever is not on the stage has no microphone to mute or unmute.
    #[error("Only those on the stage have a microphone.")]
    NotOnStage,
    /// A host has locked the actor's microphone.
    #[error("A host has locked your microphone.")]
    MicLocked,
    /// Another node has the room's media by now, or another process goes by this node's name.
    #[error("Another server has taken over.")]
    Fenced,
    /// The state of things does not allow it.
    #[error("This is not possible now: {state} does not allow {input}.")]
    Illegal {
        /// The state.
        state: &'static str,
        /// What was asked.
        input: &'static str,
    },
}

impl Refusal {
    pub(super) const fn illegal(state: &'static str, input: &'static str) -> Self {
        Self::Illegal { state, input }
    }
}

impl engine::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "rooms.not_found",
            Self::Invalid(invalid) => invalid.code(),
            Self::BadCursor(_) => "invalid.cursor",
            Self::NotAPerson => "rooms.not_a_person",
            Self::Forbidden(_) => "rooms.forbidden",
            Self::Outranked => "rooms.outranked",
            Self::NotYours => "rooms.not_yours",
            Self::Banned => "rooms.banned",
            Self::Closed => "rooms.closed",
            Self::Locked => "rooms.locked",
            Self::Full { .. } => "rooms.full",
            Self::NotHere => "rooms.not_here",
            Self::OpenFloor => "rooms.open_floor",
            Self::NoHandUp => "rooms.no_hand_up",
            Self::Stale => "rooms.stale",
            Self::StageFull { .. } => "rooms.stage_full",
            Self::NotOnStage => "rooms.not_on_stage",
            Self::MicLocked => "rooms.mic_locked",
            Self::Fenced => "rooms.fenced",
            Self::Illegal { .. } => "rooms.illegal_transition",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NotFound => Class::NotFound,
            Self::Invalid(invalid) => invalid.class(),
            Self::BadCursor(_) => Class::Invalid,
            Self::NotAPerson => Class::Unauthenticated,
            Self::Forbidden(_)
            | Self::Outranked
            | Self::NotYours
            | Self::Banned
            | Self::Locked
            | Self::NotHere
            | Self::MicLocked => Class::Forbidden,
            Self::Closed
            | Self::Full { .. }
            | Self::OpenFloor
            | Self::NoHandUp
            | Self::Stale
            | Self::StageFull { .. }
            | Self::NotOnStage
            | Self::Fenced
            | Self::Illegal { .. } => Class::Conflict,
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(invalid) => invalid.field(),
            Self::BadCursor(_) => Some("after"),
            _ => None,
        }
    }

    fn is_stale(&self) -> bool {
        matches!(self, Self::Stale)
    }
}
