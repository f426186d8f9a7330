use super::session::{Key, Session};

/// The sessions, each at a place of its own that is used again once it is free.
#[derive(Default)]
pub(super) struct Table {
    places: Vec<Option<Box<Session>>>,
    free: Vec<usize>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        (0..self.places.len()).filter(|at| self.places[*at].is_some()).map(Key).collect()
    }

    pub(super) fn insert(&mut self, session: Session) -> Key {
        let session = Some(Box::new(session));
        match self.free.pop() {
            Some(at) => {
                self.places[at] = session;
                Key(at)
            }
            None => {
                self.places.push(session);
                Key(self.places.len() - 1)
            }
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Session> {
        self.places.get(key.0)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Session> {
        self.places.get_mut(key.0)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Box<Session>> {
        let session = self.places.get_mut(key.0)?.take()?;
        self.free.push(key.0);
        Some(session)
    }
}
