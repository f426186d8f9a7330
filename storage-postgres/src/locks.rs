//! Locks on rows that everybody shares.
//!
//! A row lock in share mode is kept in the row itself: with many holders its owner never gets a
//! turn, and every transaction writes the row. So whoever shares a row of [`SHARED_BY_MANY`] takes
//! a shared lock on one of 256 numbers instead, and whoever owns one takes that number alone, where
//! they are queued fairly. All numbers are taken in order, before any row lock: no two transactions
//! wait for each other. They are the transaction's, so a pooler in between does no harm.

use parlor_core::record::{Kind, Value};
use parlor_core::storage::{Lock, Locks};
use parlor_core::tables::Key;

use crate::value::Parameter;

/// Tables whose rows are shared by nearly every command and owned by few. The list decides how fast
/// it goes, never what is right: rows of other tables are locked as rows in either mode.
const SHARED_BY_MANY: &[&str] = &["app_user", "room", "room_lease"];

/// Few enough that the server's table of locks holds those of many batches at once.
const BUCKETS_MAX: u64 = 256;

/// Takes numbers in the order of the arrays: of those that are ours alone, and of those shared.
/// "Prlr" keeps them apart from other applications' advisory locks.
pub(crate) const BUCKETS: &str = "\
    SELECT count(CASE WHEN own THEN pg_advisory_xact_lock(1349676146, bucket::int)::text \
    ELSE pg_advisory_xact_lock_shared(1349676146, bucket::int)::text END) \
    FROM unnest($1::bigint[], $2::boolean[]) AS v(bucket, own)";

/// Whether the rows of a table are locked by numbers.
pub(crate) fn is_shared_by_many(table: &str) -> bool {
    SHARED_BY_MANY.contains(&table)
}

/// The numbers to take for these locks, and how; nothing if there are none.
pub(crate) fn buckets(locks: &Locks) -> Option<[Parameter; 2]> {
    let many = locks.iter().filter(|(key, _)| is_shared_by_many(key.table().name));
    let mut taken = std::collections::BTreeMap::new();
    for (key, lock) in many {
        let mode = taken.entry(stable_hash(key) % BUCKETS_MAX).or_insert(*lock);
        *mode = (*mode).max(*lock);
    }
    let bucket = |it: &u64| Value::Int(i64::try_from(*it).expect("buckets are few"));
    let numbers = taken.keys().map(bucket).collect::<Vec<_>>();
    let owned = taken.values().map(|lock| Value::Bool(*lock == Lock::Own)).collect();
    let parameters = [Parameter::Many(Kind::Int, numbers), Parameter::Many(Kind::Bool, owned)];
    (!taken.is_empty()).then_some(parameters)
}

/// The same number for the same key on every node, whatever it was built with (FNV-1a).
pub(crate) fn stable_hash(key: &Key) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    add(key.table().name.as_bytes());
    for value in key.values() {
        match value {
            Value::Null => add(&[]),
            Value::Bool(it) => add(&[u8::from(it)]),
            Value::Int(it) => add(&it.to_be_bytes()),
            Value::Time(it) => add(&it.0.to_be_bytes()),
            Value::Date(it) => add(&it.to_julian_day().to_be_bytes()),
            Value::Text(it) => add(it.as_bytes()),
            Value::Json(it) => add(it.as_bytes()),
            Value::Bytes(it) => add(&it),
            Value::Uuid(it) => add(it.as_bytes()),
        }
    }
    // The low bits of FNV mix little; a bucket is made of all.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;
    use parlor_core::engine::FeedCursor;
    use parlor_core::identity::UserId;
    use parlor_core::record::Stored as _;
    use parlor_core::rooms::{Room, RoomId};

    use super::*;

    fn room(n: u128) -> RoomId {
        RoomId(Uuid::from_u128(n))
    }

    #[test]
    fn a_number_is_taken_once_and_in_the_strongest_mode() {
        let mut locks: Locks = (0..2_000).map(|n| Room::share(room(n))).collect();
        locks.push(Room::own(room(2_000)));
        let Some([Parameter::Many(_, numbers), Parameter::Many(_, owned)]) = buckets(&locks) else {
            panic!("rooms are locked by numbers")
        };
        assert!(numbers.is_sorted() && numbers.len() == 256, "{}", numbers.len());
        assert_eq!(owned.iter().filter(|own| **own == Value::Bool(true)).count(), 1);
    }

    #[test]
    fn rows_of_other_tables_take_no_number() {
        let locks: Locks = [FeedCursor::own("n".into())].into();
        assert_eq!(buckets(&locks), None);
    }

    /// Two builds that disagree on a number do not exclude each other.
    #[test]
    fn numbers_never_change() {
        let user = parlor_core::identity::User::wrap_key(UserId(Uuid::from_u128(1)));
        let keys = [user, Room::wrap_key(room(1)), FeedCursor::wrap_key("n".into())];
        assert_eq!(keys.map(|key| stable_hash(&key) % BUCKETS_MAX), [27, 205, 96]);
    }
}
