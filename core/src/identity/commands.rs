use serde::{Deserialize, Serialize};

use super::{AuthSession, AuthSessionId, Event, User, UserId, UserKind};
use crate::engine::{self, Class, Command, Ctx, Invalid};
use crate::record::{Digest, Timestamp};
use crate::storage::{Draft, Stop};

/// The longest display name, in graphemes.
pub const DISPLAY_NAME_MAX: usize = 50;

/// Why `identity` says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is forged, expired or missing; which one is not said.
    #[error("You are not signed in, or your sign-in has expired.")]
    Unauthenticated,
    /// A field is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl engine::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "identity.unauthenticated",
            Self::Invalid(invalid) => invalid.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Unauthenticated => Class::Unauthenticated,
            Self::Invalid(invalid) => invalid.class(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Unauthenticated => None,
            Self::Invalid(invalid) => invalid.field(),
        }
    }
}

/// Makes a guest and signs them in. The host draws the token and keeps it to itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGuest {
    /// 1 to [`DISPLAY_NAME_MAX`] graphemes on one line.
    pub display_name: String,
    /// The hash of the token.
    pub token_hash: Digest,
}

/// The guest that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedGuest {
    /// Who.
    pub user: UserId,
    /// The name, without white space at its ends.
    pub display_name: String,
    /// When the token stops being good.
    pub expires_at: Timestamp,
}

impl Command for CreateGuest {
    type Output = CreatedGuest;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<CreatedGuest, Stop<Refusal>> {
        let (user, session) = (ctx.new_id::<UserId>(), ctx.new_id::<AuthSessionId>());
        let display_name = Invalid::line("display_name", &self.display_name, DISPLAY_NAME_MAX)
            .map_err(Refusal::from)?;
        draft.fresh::<User>(user);
        draft.fresh::<AuthSession>(session);

        let expires_at = ctx.now + ctx.settings.guest_session_ttl;
        draft.put(User {
            id: user,
            kind: UserKind::Guest,
            display_name: display_name.clone(),
            created_at: ctx.now,
            updated_at: ctx.now,
        })?;
        draft.put(AuthSession {
            id: session,
            user_id: user,
            access_token_hash: self.token_hash,
            expires_at,
            created_at: ctx.now,
        })?;
        draft.emit(Event::GuestCreated { user });
        Ok(CreatedGuest { user, display_name, expires_at })
    }
}
