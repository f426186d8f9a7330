use std::collections::BTreeMap;

use super::by_key::{ByKey, by_key};
use super::{Held, Lock, Need};
use crate::engine::{AnyCommand, Refusal, Timer, TimerKey};
use crate::events::AnyEvent;
use crate::record::{Stored, Timestamp};
use crate::tables::{Key, Row};

/// How many rows one command may write. What touches more is an epoch and a sweep.
pub const ROWS_PER_CHANGESET_MAX: usize = 1_000;

/// Rows as commands would leave them; `None` is a row deleted.
pub(super) type Writes = ByKey<Option<Row>>;

/// What a decision wants to be true: rows to write or delete, and what to tell the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changeset {
    /// Rows as they shall be; `None` deletes.
    pub writes: BTreeMap<Key, Option<Row>>,
    /// What has happened, in order.
    pub events: Vec<AnyEvent>,
}

/// Rows a decision asked for and does not have. Not an error: the store fetches them and runs the
/// decision again.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing(pub Vec<Need>);

/// Why a decision did not end in a changeset.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop<R> {
    /// It lacks rows; it will be run again with them.
    Missing(Missing),
    /// The answer is no.
    Refused(R),
}

impl<R> From<Missing> for Stop<R> {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl<R: Refusal> From<R> for Stop<R> {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal)
    }
}

/// A changeset in the making, over the rows held so far.
///
/// Every row a decision reads or writes is asked for first, in its lock mode; what is not held
/// that way stops the run with [`Missing`]. So a row that was never asked for cannot be written by
/// mistake, and a row that is only shared cannot be written at all.
pub struct Draft<'a> {
    held: &'a Held,
    /// What the commands before this one in the same batch left.
    before: &'a Writes,
    changes: Changeset,
    /// What stays when the run is refused.
    recorded: BTreeMap<Key, Option<Row>>,
    /// Keys that no row can have yet.
    fresh: Vec<Key>,
}

impl<'a> Draft<'a> {
    /// A draft over what is held.
    pub fn new(held: &'a Held) -> Self {
        static NOTHING: Writes = by_key();
        Self::over(held, &NOTHING)
    }

    pub(super) fn over(held: &'a Held, before: &'a Writes) -> Self {
        Self {
            held,
            before,
            changes: Changeset::default(),
            recorded: BTreeMap::new(),
            fresh: Vec::new(),
        }
    }

    /// Asks for rows, all at once and before any of them is looked at. The guard of a row in a
    /// guarded table is asked for with it, in the same mode.
    ///
    /// # Errors
    /// [`Missing`] with all of them, if any is not held, or not held strongly enough. What is held may
    /// be so for another command of the round, and be gone in the next one.
    pub fn need(&self, needs: impl IntoIterator<Item = Need>) -> Result<(), Missing> {
        let (mut all, mut is_held) = (Vec::new(), true);
        for (key, lock) in needs {
            for key in key.guard().into_iter().chain([key]) {
                if !self.fresh.contains(&key) {
                    is_held &= self.held.lock(&key).is_some_and(|held| held >= lock);
                    all.push((key, lock));
                }
            }
        }
        if is_held { Ok(()) } else { Err(Missing(all)) }
    }

    /// Owns a row that cannot exist, because its key is made of an id that this run has minted
    /// ([`Ctx::new_id`](crate::engine::Ctx::new_id)): there is nothing to lock or to read. Should
    /// it exist all the same, the insert is refused by the store like a lost race.
    pub fn fresh<R: Stored>(&mut self, key: R::Key) {
        self.fresh.push(R::wrap_key(key));
    }

    /// The row as this draft would leave it.
    ///
    /// # Errors
    /// [`Missing`] when it was not asked for, or is absent and its guard is not held.
    pub fn get<R: Stored>(&self, key: R::Key) -> Result<Option<R>, Missing> {
        Ok(self.look::<R>(key)?.cloned())
    }

    /// As [`get`](Self::get), without a copy, for as long as nothing is written.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn look<R: Stored>(&self, key: R::Key) -> Result<Option<&R>, Missing> {
        let key = R::wrap_key(key);
        match self.row(&key)? {
            Some(row) => Ok(R::from_row(row)),
            None => {
                key.guard().map_or(Ok(()), |guard| self.require(&guard, Lock::Share))?;
                Ok(None)
            }
        }
    }

    /// Writes a row: inserts it where it was absent, else replaces it.
    ///
    /// # Errors
    /// [`Missing`] when it is not owned, or the row it is within is not, or it is new and its guard is
    /// not owned.
    pub fn put(&mut self, row: impl Into<Row>) -> Result<(), Missing> {
        let row = row.into();
        let key = row.key();
        self.require(&key, Lock::Own)?;
        self.require_within(&row)?;
        let is_new = self.row(&key)?.is_none();
        if let (true, Some(guard)) = (is_new, key.guard()) {
            self.require(&guard, Lock::Own)?;
        }
        let table = row.table();
        assert!(is_new || !table.append_only, "rows of {} are written once", table.name);
        self.write(key, Some(row));
        Ok(())
    }

    /// Deletes a row; one that is absent stays so.
    ///
    /// # Errors
    /// [`Missing`] when it is not owned, or the row it is within is not.
    pub fn delete<R: Stored>(&mut self, key: R::Key) -> Result<(), Missing> {
        self.delete_any(R::wrap_key(key))
    }

    /// [`delete`](Self::delete), whatever the table.
    pub(crate) fn delete_any(&mut self, key: Key) -> Result<(), Missing> {
        self.require(&key, Lock::Own)?;
        let Some(row) = self.row(&key)? else { return Ok(()) };
        self.require_within(row)?;
        let table = key.table();
        assert!(!table.append_only, "rows of {} are never deleted", table.name);
        self.write(key, None);
        Ok(())
    }

    /// Writes a row that stays even if the command is refused. Its table must be declared
    /// `is on_refusal`.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn record(&mut self, row: impl Into<Row>) -> Result<(), Missing> {
        let row = row.into();
        assert!(row.table().on_refusal, "{} does not outlive a refusal", row.table().name);
        self.put(row.clone())?;
        self.recorded.insert(row.key(), Some(row));
        Ok(())
    }

    /// Tells the world, if the command commits.
    pub fn emit(&mut self, event: impl Into<AnyEvent>) {
        self.changes.events.push(event.into());
    }

    /// Has `command` run once it is `due_at`, by whichever process gets to it; it replaces a timer
    /// of the same key.
    ///
    /// # Errors
    /// [`Missing`] when the timer's row is not owned.
    pub fn schedule(
        &mut self,
        key: TimerKey,
        due_at: Timestamp,
        command: impl Into<AnyCommand>,
    ) -> Result<(), Missing> {
        self.put(Timer::new(key, due_at, command.into()))
    }

    /// Takes back a timer; one that is not set stays so.
    ///
    /// # Errors
    /// [`Missing`] when the timer's row is not owned.
    pub fn cancel(&mut self, key: TimerKey) -> Result<(), Missing> {
        self.delete::<Timer>(key.into())
    }

    /// Runs a part that may be refused without refusing the whole: its changes stay if it ends
    /// well, and only what it recorded stays if it does not.
    pub fn attempt<T, R>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, Stop<R>>,
    ) -> Result<T, Stop<R>> {
        let changes = self.changes.clone();
        let outcome = part(self);
        if outcome.is_err() {
            self.changes = changes;
            self.changes.writes.extend(self.recorded.clone());
        }
        outcome
    }

    /// The changeset of a run that ended well.
    pub fn finish(self) -> Changeset {
        self.changes
    }

    /// The changeset of a run that was refused: what it recorded, and nothing else.
    pub fn refuse(self) -> Changeset {
        Changeset { writes: self.recorded, events: Vec::new() }
    }

    fn write(&mut self, key: Key, row: Option<Row>) {
        self.changes.writes.insert(key, row);
        let rows = self.changes.writes.len();
        assert!(rows <= ROWS_PER_CHANGESET_MAX, "a command that writes {rows} rows needs a sweep");
    }

    /// The row under a key of whatever table, without regard to guards.
    pub(crate) fn row(&self, key: &Key) -> Result<Option<&Row>, Missing> {
        let written = self.changes.writes.get(key).or_else(|| self.before.get(key));
        match written {
            Some(row) => Ok(row.as_ref()),
            None if self.fresh.contains(key) => Ok(None),
            None => self.held.row(key).ok_or_else(|| Missing(vec![(key.clone(), Lock::Share)])),
        }
    }

    fn require_within(&self, row: &Row) -> Result<(), Missing> {
        let Some(within) = row.within() else { return Ok(()) };
        let (above, table) = (within.table_index(), row.table_index());
        debug_assert!(above < table, "it is locked before rows of {} are read", row.table().name);
        self.require(&within, Lock::Own)
    }

    fn require(&self, key: &Key, lock: Lock) -> Result<(), Missing> {
        match self.held.lock(key) {
            Some(held) if held >= lock => Ok(()),
            _ if self.fresh.contains(key) => Ok(()),
            _ => Err(Missing(vec![(key.clone(), lock)])),
        }
    }
}

#[cfg(test)]
mod tests;
