//! Which writer a command goes to.

use std::sync::atomic::{AtomicU32, Ordering};

use parlor_core::storage::{Lock, Need};

use crate::locks::stable_hash;

const COUNTS: usize = 4_096;
/// After this many keys all counts are halved, so that what was hot cools down.
const HALVED_AFTER: u32 = 65_536;

/// How often each key was asked for lately.
///
/// Commands that own the same row cannot run at the same time. Sent to one writer they share a
/// transaction; sent to several they wait for each other's. So a command follows the one of its
/// rows that most others own too: the counter of a room rather than somebody's seat in it.
#[derive(Debug)]
pub(crate) struct Heat {
    counts: Vec<AtomicU32>,
    counted: AtomicU32,
}

impl Heat {
    pub(crate) fn new() -> Self {
        let counts = (0..COUNTS).map(|_| AtomicU32::new(0)).collect();
        Self { counts, counted: AtomicU32::new(0) }
    }

    /// The writer, of so many, for a command with these needs. Counts them.
    pub(crate) fn route(&self, needs: &[Need], writers: usize) -> usize {
        let owned = needs.iter().filter(|(_, lock)| *lock == Lock::Own);
        let hottest = owned.map(|(key, _)| self.count(stable_hash(key))).max();
        let (_, hash) = hottest.unwrap_or_default();
        usize::try_from(hash % writers.max(1) as u64).unwrap_or_default()
    }

    /// How hot the key of this hash is, and the hash.
    fn count(&self, hash: u64) -> (u32, u64) {
        if self.counted.fetch_add(1, Ordering::Relaxed) % HALVED_AFTER == HALVED_AFTER - 1 {
            for count in &self.counts {
                count.store(count.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
        let at = usize::try_from((hash >> 8) % COUNTS as u64).unwrap_or_default();
        (self.counts[at].fetch_add(1, Ordering::Relaxed), hash)
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;
    use parlor_core::identity::UserId;
    use parlor_core::record::Stored as _;
    use parlor_core::rooms::{Occupancy, RoomId, Seat};

    use super::*;

    #[test]
    fn all_who_want_the_same_row_go_to_the_same_writer() {
        let heat = Heat::new();
        let room = RoomId(Uuid::from_u128(7));
        let join = |n| [Occupancy::own(room), Seat::own((room, UserId(Uuid::from_u128(n))))];
        let routes: Vec<_> = (0..1_000).map(|n| heat.route(&join(n), 4)).collect();
        let last = routes[999];
        assert!(routes[10..].iter().all(|route| *route == last), "{routes:?}");
    }

    #[test]
    fn commands_on_different_rows_are_spread() {
        let heat = Heat::new();
        let own = |n| [Occupancy::own(RoomId(Uuid::from_u128(n)))];
        let mut counts = [0; 4];
        (0..1_000).for_each(|n| counts[heat.route(&own(n), 4)] += 1);
        assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
    }
}
