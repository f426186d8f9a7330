use std::fmt;

use sha2::{Digest as _, Sha256};

use super::AnyCommand;
use crate::Uuid;
use crate::events::Actor;
use crate::record::{Digest, Json, Timestamp};

/// The longest idempotency key.
pub const KEY_BYTES_MAX: usize = 128;

crate::record! {
    /// A command that has been carried out, and what its caller was told.
    pub Idempotency in "idempotency" [
        /// Whose key it is: the user's id, or the nil UUID for the system.
        scope: Uuid,
        key: String,
    ] {
        /// The hash of the command.
        request: Digest,
        /// The output, given again to whoever retries.
        outcome: Json<serde_json::Value>,
        /// When it may be forgotten.
        expires_at: Timestamp,
    }
    index idempotency_expiry (expires_at, scope, key);
}

/// The name a caller gives to one intention, so that a retry takes effect once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key of 1 to [`KEY_BYTES_MAX`] visible ASCII characters; `None` when it is anything else.
    pub fn new(key: impl Into<String>) -> Option<Self> {
        let key = key.into();
        let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
        (fits && key.bytes().all(|b| b.is_ascii_graphic())).then_some(Self(key))
    }

    /// The row that remembers it.
    pub(super) fn row_key(&self, actor: &Actor) -> (Uuid, String) {
        (actor.user().map_or(Uuid::nil(), |user| user.0), self.0.clone())
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells one command from another under the same key.
pub(super) fn fingerprint(command: &AnyCommand) -> Digest {
    let json = serde_json::to_vec(command).expect("commands have keys that are strings");
    Digest(Sha256::digest(json).into())
}
