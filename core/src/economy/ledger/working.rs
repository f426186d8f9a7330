use crate::record::Stored;
use crate::storage::{Draft, Missing};

/// Rows of one table that a posting works on: copied from the draft when they are first looked at.
/// They are few, so they are walked.
pub(super) struct Working<R: Stored>(Vec<R>);

impl<R: Stored<Key: PartialEq>> Working<R> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The row under a key, to be changed.
    pub(super) fn get(
        &mut self,
        draft: &Draft<'_>,
        key: R::Key,
    ) -> Result<Option<&mut R>, Missing> {
        let position = match self.0.iter().position(|row| row.key() == key) {
            Some(position) => position,
            None => match draft.get::<R>(key)? {
                Some(row) => {
                    self.0.push(row);
                    self.0.len() - 1
                }
                None => return Ok(None),
            },
        };
        Ok(self.0.get_mut(position))
    }

    /// The row under a key, if it has been looked at.
    pub(super) fn held(&self, key: R::Key) -> Option<&R> {
        self.0.iter().find(|row| row.key() == key)
    }

    /// A row that is new.
    pub(super) fn insert(&mut self, row: R) {
        self.0.push(row);
    }

    /// All of them, as they are now.
    pub(super) fn rows(self) -> Vec<R> {
        self.0
    }
}
