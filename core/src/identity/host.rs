//! Calls of the host that handle secrets: a command never carries one.

use super::{CreateGuest, Refusal, Token, User, UserId, queries};
use crate::engine::{Error, Parlor};
use crate::events::Actor;
use crate::record::Timestamp;

/// A guest who has just come, with the only copy of their token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Who.
    pub user: UserId,
    /// The name as it is shown.
    pub display_name: String,
    /// To be given to the client, and nobody else.
    pub token: Token,
    /// When the token stops being good.
    pub expires_at: Timestamp,
}

impl Parlor {
    /// Makes a guest with this display name and signs them in.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when the name is empty, too long or has control characters.
    pub async fn sign_up_guest(&self, display_name: &str) -> Result<Guest, Error<Refusal>> {
        let token = Token::new(self.draw());
        let command = CreateGuest { display_name: display_name.into(), token_hash: token.hash() };
        let made = self.execute(Actor::HOST, command).await?;
        let (user, display_name, expires_at) = (made.user, made.display_name, made.expires_at);
        Ok(Guest { user, display_name, token, expires_at })
    }

    /// Who shows this token.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when it is malformed, forged or expired.
    pub async fn authenticate(&self, token: &str) -> Result<Actor, Error<Refusal>> {
        let token: Token = token.parse().map_err(|_| Error::Refused(Refusal::Unauthenticated))?;
        let session = self.select(&queries::session_by_token(token.hash())).await?.rows.pop();
        match session.filter(|session| self.now() < session.expires_at) {
            Some(session) => Ok(Actor::User { user: session.user_id, session: session.id }),
            None => Err(Error::Refused(Refusal::Unauthenticated)),
        }
    }

    /// The person behind an actor.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when it is nobody.
    pub async fn whoami(&self, actor: Actor) -> Result<User, Error<Refusal>> {
        let user = actor.user().ok_or(Error::Refused(Refusal::Unauthenticated))?;
        let found = self.select(&queries::user(user)).await?.rows.pop();
        found.ok_or(Error::Refused(Refusal::Unauthenticated))
    }
}
