use std::collections::BTreeSet;
use std::time::Instant;

use parlor_core::rooms::RoomId;

use super::session::Key;

/// What a deadline wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Session(Key),
    /// Who speaks is to be told.
    Room(RoomId),
    /// What waits for the room's listeners is to be passed on.
    Serve(RoomId),
    /// How the legs have done is to be told.
    Sample(RoomId),
}

/// When to wake whom, so that a tick touches only what is due. Everyone has one deadline of a kind
/// at most; its owner remembers it, to move it.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(Instant, Due)>,
}

impl Deadlines {
    /// Moves an owner's deadline.
    pub(super) fn set(&mut self, held: &mut Option<Instant>, to: Option<Instant>, due: Due) {
        if *held == to {
            return;
        }
        if let Some(at) = held.take() {
            self.queue.remove(&(at, due));
        }
        if let Some(at) = to {
            self.queue.insert((at, due));
        }
        *held = to;
    }

    /// The earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes one that is due; its owner must forget it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let (at, due) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        Some(due)
    }
}
