//! Named reads.

use super::{AuthSession, User, UserId};
use crate::col;
use crate::record::Digest;
use crate::storage::{NamedQuery, Select};

/// The session that a token stands for (Q-I3).
pub(super) fn session_by_token(hash: Digest) -> Select<AuthSession> {
    Select::new("identity.session_by_token")
        .by("auth_session_by_token")
        .filter(col!(AuthSession.access_token_hash).is(hash))
        .limit(1)
}

/// One user (Q-I1).
pub(super) fn user(id: UserId) -> Select<User> {
    Select::new("identity.user").filter(col!(User.id).is(id)).limit(1)
}

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let nobody = UserId(crate::Uuid::nil());
    vec![session_by_token(Digest([0; 32])).into(), user(nobody).into()]
}
