//! The feed: what has happened, in the order in which it was committed.
//!
//! Every event enters the outbox in the transaction that made it true. Policies, the media bridge
//! and the host read the same feed, each from its own position.

mod actor;
mod envelope;

pub use actor::Actor;
pub use envelope::{Emitted, Envelope, OUTBOX, Position};

use serde::{Deserialize, Serialize};

use crate::economy::ledger;
use crate::rooms::RoomId;
use crate::{calls, identity, rooms};

crate::ids! {
    /// One event. Consumers deduplicate by it.
    pub EventId,
}

/// An event of any context. In JSON: its name and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AnyEvent {
    /// Of `identity`.
    Identity(identity::Event),
    /// Of `rooms`.
    Rooms(rooms::Event),
    /// Of `calls`.
    Calls(calls::Event),
    /// Of `economy::ledger`.
    Ledger(ledger::Event),
}

/// Who may be told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever looks at what is live.
    Lobby,
    /// Those who are in the room.
    Room(RoomId),
    /// The host application alone.
    Host,
}

impl AnyEvent {
    /// Its name, such as `rooms.joined`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Identity(event) => event.name(),
            Self::Rooms(event) => event.name(),
            Self::Calls(event) => event.name(),
            Self::Ledger(event) => event.name(),
        }
    }

    /// Who may be told of it.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Identity(_) => Audience::Host,
            Self::Rooms(event) => event.audience(),
            Self::Calls(event) => event.audience(),
            Self::Ledger(event) => event.audience(),
        }
    }
}

impl From<identity::Event> for AnyEvent {
    fn from(event: identity::Event) -> Self {
        Self::Identity(event)
    }
}

impl From<rooms::Event> for AnyEvent {
    fn from(event: rooms::Event) -> Self {
        Self::Rooms(event)
    }
}

impl From<ledger::Event> for AnyEvent {
    fn from(event: ledger::Event) -> Self {
        Self::Ledger(event)
    }
}

impl From<calls::Event> for AnyEvent {
    fn from(event: calls::Event) -> Self {
        Self::Calls(event)
    }
}

/// Declares the events of a context: one enum, a name each.
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* pub $enum:ident {
        $($(#[$event_meta:meta])* $event:ident = $name:literal
            { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", content = "data")]
        pub enum $enum {
            $($(#[$event_meta])* #[serde(rename = $name)]
              $event { $(
                  #[doc = concat!("The event's `", stringify!($field), "`.")]
                  $(#[$field_meta])* $field: $type
              ),* }),+
        }

        impl $enum {
            /// Its name, with the context in front.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$event { .. } => $name),+ }
            }
        }
    };
}
