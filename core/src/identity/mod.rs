//! Who people are.
//!
//! So far: guests. A guest is a [`User`] with a display name and a token; the token is shown once
//! and stored as a hash (seed `C17`).
//!
//! ```text
//!  sign_up_guest(name) ─▶ Token ─▶ authenticate(token) ─▶ Actor
//! ```

mod commands;
mod host;
pub(crate) mod queries;
mod rows;
mod token;

pub use commands::{CreateGuest, CreatedGuest, DISPLAY_NAME_MAX, Refusal};
pub use host::Guest;
pub use rows::{AuthSession, AuthSessionId, User, UserId, UserKind};
pub use token::Token;

crate::events! {
    /// What happens to people.
    pub Event {
        /// A guest has come.
        GuestCreated = "identity.guest_created" {
            /// Who.
            user: UserId,
        },
    }
}
