//! People who sign up, each under a key of their own.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on, threads};
use parlor_core::engine::{Error, IdempotencyKey, Parlor, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::CreateGuest;
use parlor_core::record::Digest;
use parlor_core::storage::{MemoryStore, StoreError};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

pub(crate) struct Load {
    pub(crate) store: Arc<PostgresStore>,
    parlor: Parlor,
    done: Mutex<usize>,
    more: Condvar,
}

impl Load {
    pub(crate) fn new(store: PostgresStore) -> Self {
        let (store, clock) = (Arc::new(store), ManualClock::at(World::<MemoryStore>::BEGIN));
        let entropy = SeededEntropy::new(1);
        let parlor = Parlor::with_settings(store.clone(), clock, entropy, Settings::default());
        Self { store, parlor, done: Mutex::new(0), more: Condvar::new() }
    }

    /// Signs somebody up, or says why not.
    pub(crate) fn once(&self, n: usize) -> Result<(), StoreError> {
        let key = IdempotencyKey::new(format!("guest-{n}")).expect("a key");
        let mut token = [0; 32];
        token[..8].copy_from_slice(&n.to_be_bytes());
        let command = CreateGuest { display_name: format!("Guest {n}"), token_hash: Digest(token) };
        match block_on(self.parlor.execute_with(Actor::HOST, &key, command)) {
            Ok(_) => Ok(()),
            Err(Error::Store(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    /// As a client does that tries again under the same key.
    pub(crate) fn until_done(&self, n: usize) {
        for _ in 0..1_000 {
            match self.once(n) {
                Ok(()) => {
                    *self.done.lock().expect("nobody panics here") += 1;
                    return self.more.notify_all();
                }
                Err(error) => assert!(!error.is_the_commands_own(), "command {n}: {error}"),
            }
            // The server is away for a moment, and clients do not storm it.
            thread::sleep(Duration::from_millis(20));
        }
        panic!("command {n} is never done");
    }

    /// Returns once this many have been done.
    pub(crate) fn wait_for(&self, commands: usize) {
        let done = self.done.lock().expect("nobody panics here");
        drop(self.more.wait_while(done, |done| *done < commands).expect("nobody panics here"));
    }

    pub(crate) fn all_at_once(&self, commands: usize) -> Vec<Result<(), StoreError>> {
        threads(commands, |n| self.once(n))
    }

    /// Everybody has one row, one event and one outcome, and there is nobody else.
    pub(crate) fn assert_all_there_once(&self, cluster: &Cluster, url: &str, commands: usize) {
        let count =
            |what: &str| cluster.sql(url, &format!("SELECT count(*), count(DISTINCT {what}"));
        let expected = format!("{commands}|{commands}");
        assert_eq!(count("display_name) FROM app_user"), expected);
        assert_eq!(count("id) FROM outbox"), expected);
        assert_eq!(count("key) FROM idempotency"), expected);
    }
}

pub(crate) fn is_unknown(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::CommitUnknown(_)))
}

pub(crate) fn is_busy(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Busy { .. }))
}
