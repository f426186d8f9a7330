use crate::engine::{self, Class, Invalid};
use crate::storage::BadCursor;

/// Why `calls` says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such room, participant or leg, or none the actor may see.
    #[error("There is no such call, or none that you may see.")]
    NotFound,
    /// A field is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The cursor belongs to another list.
    #[error("{0}")]
    BadCursor(#[from] BadCursor),
    /// Another node has the room's media by now.
    #[error("Another server has taken over.")]
    Fenced,
    /// The leg is over.
    #[error("This connection has ended.")]
    Ended,
    /// The state of things does not allow it.
    #[error("This is not possible now: {state} does not allow {input}.")]
    Illegal {
        /// The state.
        state: &'static str,
        /// What was asked.
        input: &'static str,
    },
}

impl engine::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "calls.not_found",
            Self::Invalid(invalid) => invalid.code(),
            Self::BadCursor(_) => "invalid.cursor",
            Self::Fenced => "calls.fenced",
            Self::Ended => "calls.ended",
            Self::Illegal { .. } => "calls.illegal_transition",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NotFound => Class::NotFound,
            Self::Invalid(invalid) => invalid.class(),
            Self::BadCursor(_) => Class::Invalid,
            Self::Fenced | Self::Ended | Self::Illegal { .. } => Class::Conflict,
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(invalid) => invalid.field(),
            Self::BadCursor(_) => Some("after"),
            _ => None,
        }
    }
}
