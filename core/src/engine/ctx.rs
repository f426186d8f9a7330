use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Settings;
use crate::Uuid;
use crate::events::{Actor, AnyEvent, Emitted};
use crate::record::{Stored, Timestamp};
use crate::tables::Row;

/// All that a decision knows beside its command and the rows: the same on every run.
#[derive(Clone)]
pub struct Ctx {
    /// When the command came in.
    pub now: Timestamp,
    /// Who runs it.
    pub actor: Actor,
    /// Time-outs and limits.
    pub settings: Arc<Settings>,
    seed: [u8; 32],
    minted: Cell<u32>,
    found: Arc<[Row]>,
}

impl Ctx {
    /// A context. The seed is secret and used for one command only: the ids it mints, and secrets
    /// derived from it, can be foretold by whoever knows it.
    pub fn new(now: Timestamp, actor: Actor, settings: Arc<Settings>, seed: [u8; 32]) -> Self {
        Self { now, actor, settings, seed, minted: Cell::new(0), found: Arc::default() }
    }

    /// With the rows that the command's [search](super::Command::search) found.
    #[must_use]
    pub fn with_found(mut self, rows: Vec<Row>) -> Self {
        self.found = rows.into();
        self
    }

    /// The rows that the command's [search](super::Command::search) found, in its order, as they
    /// were then.
    pub fn found<R: Stored>(&self) -> impl Iterator<Item = &R> {
        self.found.iter().filter_map(R::from_row)
    }

    /// A new identifier: a UUID of version 7 (RFC 9562 §5.7) at `now`. The n-th of a run is the
    /// same on every run.
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        let n = self.minted.get();
        self.minted.set(n + 1);
        I::from(self.derive(b"id", n))
    }

    /// 256 secret bits: the same on every run, and others than the ids are made of.
    pub fn secret(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.seed).chain_update(b"secret").finalize().into()
    }

    /// Begins a run.
    pub(crate) fn restart(&self) {
        self.minted.set(0);
    }

    /// The n-th event of a run, on its way into the feed.
    pub(crate) fn stamp(&self, n: usize, event: AnyEvent) -> Emitted {
        let n = u32::try_from(n).expect("a run emits fewer than 2^32 events");
        let id = self.derive(b"event", n).into();
        Emitted { id, at: self.now, actor: self.actor, event }
    }

    fn derive(&self, purpose: &[u8], n: u32) -> Uuid {
        let hash = Sha256::new().chain_update(self.seed).chain_update(purpose);
        let hash = hash.chain_update(n.to_be_bytes()).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        let millis = self.now.as_millis().max(0).unsigned_abs();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Ctx");
        debug.field("now", &self.now).field("actor", &self.actor).finish_non_exhaustive()
    }
}

/// What time it is. A host gives one; a test gives another.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// Where randomness comes from. It must be fit for secrets: tokens and ids are made of it.
pub trait Entropy: Send + Sync + 'static {
    /// 256 fresh bits.
    fn draw(&self) -> [u8; 32];
}

impl<F: Fn() -> [u8; 32] + Send + Sync + 'static> Entropy for F {
    fn draw(&self) -> [u8; 32] {
        self()
    }
}
