use crate::record::{Digest, Timestamp};

crate::ids! {
    /// A person, or a program that acts like one.
    pub UserId,
    /// A sign-in.
    pub AuthSessionId,
}

crate::words! {
    /// What a user is.
    pub UserKind {
        /// Has an account.
        Registered = "registered",
        /// Gave a name and nothing else.
        Guest = "guest",
        /// A program that a person answers for.
        Bot = "bot",
        /// A program of the host.
        Service = "service",
    }
}

crate::record! {
    /// A person (seeds `S5`, `S14`, `C2`, `C5`).
    pub User in "app_user" [id: UserId] {
        /// What kind.
        kind: UserKind,
        /// The name others see: 1 to 50 graphemes on one line.
        display_name: String,
        /// When they came.
        created_at: Timestamp,
        /// When this row was last changed.
        updated_at: Timestamp,
    }
}

crate::record! {
    /// A sign-in (seeds `C15`–`C22`). Whoever shows the token is the user until it expires.
    pub AuthSession in "auth_session" [id: AuthSessionId] {
        /// Whose.
        user_id: UserId,
        /// The SHA-256 of the token. The token itself is stored nowhere.
        access_token_hash: Digest,
        /// When the token stops being good.
        expires_at: Timestamp,
        /// When it was given.
        created_at: Timestamp,
    }
    index auth_session_of_user (user_id, id);
    unique auth_session_by_token (access_token_hash);
}
