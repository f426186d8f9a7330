//! The promises, one function each. [`suite!`](crate::suite!) makes tests of them.

mod aggregates;
mod calls;
mod durability;
mod engine;
mod feed;
mod ledger;
mod ledger_races;
mod paging;
mod races;
mod reactions;
mod reads;
mod retries;
mod rounds;
mod writes;

pub use aggregates::*;
pub use calls::*;
pub use durability::*;
pub use engine::*;
pub use feed::*;
pub use ledger::*;
pub use ledger_races::*;
pub use paging::*;
pub use races::*;
pub use reactions::*;
pub use reads::*;
pub use retries::*;
pub use rounds::*;
pub use writes::*;

use super::{Harness, World};
use crate::engine::FeedCursor;
use crate::events::{AnyEvent, Position};
use crate::rooms::{Event, ParticipantId, RoomId};
use crate::storage::{Draft, Missing};

/// A new world on a new store.
fn world<H: Harness>(harness: &H) -> World<H::Store> {
    World::new(harness.open())
}

/// A row that is a name and a number, and belongs to nothing else.
fn counter(name: &str, n: i64) -> FeedCursor {
    FeedCursor { consumer: name.to_owned(), position: Position(n) }
}

/// What a counter shows; one that is not there shows nothing yet.
fn count(draft: &Draft<'_>, name: &str) -> Result<i64, Missing> {
    Ok(draft.get::<FeedCursor>(name.to_owned())?.map_or(0, |row| row.position.0))
}

/// An event that carries a number.
fn numbered(n: i64) -> Event {
    let nil = crate::Uuid::nil();
    Event::HandRaised { room: RoomId(nil), participant: ParticipantId(nil), hand_seq: n }
}

/// The number it carries.
fn number(event: &AnyEvent) -> Option<i64> {
    match event {
        AnyEvent::Rooms(Event::HandRaised { hand_seq, .. }) => Some(*hand_seq),
        _ => None,
    }
}
