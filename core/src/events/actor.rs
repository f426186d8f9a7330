use serde::{Deserialize, Serialize};

use super::EventId;
use crate::identity::{AuthSessionId, UserId};

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Actor {
    /// A person, through one of their sessions.
    User {
        /// The person.
        user: UserId,
        /// The session they were authenticated by.
        session: AuthSessionId,
    },
    /// The host application, a timer or a policy.
    System {
        /// The event that a policy reacts to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<EventId>,
    },
}

impl Actor {
    /// The host application itself.
    pub const HOST: Self = Self::System { cause: None };

    /// The person, if it is one.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User { user, .. } => Some(*user),
            Self::System { .. } => None,
        }
    }
}
