use super::Locks;
use super::by_key::{ByKey, by_key};
use crate::record::Stored;
use crate::tables::{Key, Row};

/// How a row is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Nobody else may write it meanwhile.
    Share,
    /// Nobody else may lock it meanwhile, and we may write it.
    Own,
}

/// A row a decision asks for, and how.
pub type Need = (Key, Lock);

/// Rows as a store holds them under lock: what is there, what is known to be absent, and in
/// which mode. What is not in here has not been asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    rows: ByKey<(Lock, Option<Row>)>,
}

impl Default for Held {
    fn default() -> Self {
        Self::new()
    }
}

impl Held {
    /// Nothing held.
    pub const fn new() -> Self {
        Self { rows: by_key() }
    }

    /// Adds what a store found under a lock.
    pub fn insert(&mut self, key: Key, lock: Lock, row: Option<Row>) {
        self.rows.insert(key, (lock, row));
    }

    /// All that a store found: cheaper than one by one.
    pub fn found(rows: impl IntoIterator<Item = (Key, Lock, Option<Row>)>) -> Self {
        let rows = rows.into_iter().map(|(key, lock, row)| (key, (lock, row)));
        Self { rows: rows.collect() }
    }

    /// What was locked, and the rows that were found under these keys, in any order.
    pub fn locked(locks: Locks, rows: impl IntoIterator<Item = Row>) -> Self {
        let mut held = Self::found(locks.into_iter().map(|(key, lock)| (key, lock, None)));
        for row in rows {
            if let Some((_, found)) = held.rows.get_mut(&row.key()) {
                *found = Some(row);
            }
        }
        held
    }

    /// With a row that is there and ours to write.
    #[must_use]
    pub fn owned(mut self, row: impl Into<Row>) -> Self {
        let row = row.into();
        self.insert(row.key(), Lock::Own, Some(row));
        self
    }

    /// With a row that is there and ours to read.
    #[must_use]
    pub fn shared(mut self, row: impl Into<Row>) -> Self {
        let row = row.into();
        self.insert(row.key(), Lock::Share, Some(row));
        self
    }

    /// With a key that has no row.
    #[must_use]
    pub fn absent<R: Stored>(mut self, key: R::Key, lock: Lock) -> Self {
        self.insert(R::wrap_key(key), lock, None);
        self
    }

    /// The mode a key is held in, if it is.
    pub fn lock(&self, key: &Key) -> Option<Lock> {
        self.rows.get(key).map(|(lock, _)| *lock)
    }

    /// The row under a key: `None` when it is not held, `Some(None)` when it is known to be absent.
    pub fn row(&self, key: &Key) -> Option<Option<&Row>> {
        self.rows.get(key).map(|(_, row)| row.as_ref())
    }
}
