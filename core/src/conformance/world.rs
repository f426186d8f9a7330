use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::Uuid;
use crate::engine::{Clock, Ctx, Driven, Entropy, Error, Parlor, Settings};
use crate::events::{Actor, Envelope, Position};
use crate::identity::{AuthSessionId, User, UserId, UserKind};
use crate::record::{Stored, TableDef, Timestamp, Value};
use crate::rooms::{Admitted, Create, Join, Refusal, RoomId, StageMode};
use crate::storage::{
    Cursor, Draft, Filter, Missing, PAGE_MAX, Query, Run, Store, StoreError, Work,
};
use crate::tables::{Key, Row};

/// Runs a future on this thread.
///
/// # Panics
/// When it waits and nothing has moved for half a minute: whatever it waits for will not come.
pub fn block_on<F: Future>(future: F) -> F::Output {
    const SLICE: Duration = Duration::from_millis(100);
    const SLICES_MAX: u32 = 300;
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicU64::new(0) });
    let waker = Waker::from(unpark.clone());
    let (mut future, mut cx) = (pin!(future), Context::from_waker(&waker));
    loop {
        let woken = unpark.woken.load(Ordering::SeqCst);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let mut slices = 0;
        while unpark.woken.load(Ordering::SeqCst) == woken {
            assert!(slices < SLICES_MAX, "nothing has moved for {:?}", SLICE * SLICES_MAX);
            thread::park_timeout(SLICE);
            slices += 1;
        }
    }
}

struct Unpark {
    thread: Thread,
    woken: AtomicU64,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs `n` threads at once, each with its number, and gives back what they returned.
pub fn threads<T: Send>(n: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (run, gate) = (&run, &std::sync::Barrier::new(n));
    thread::scope(|scope| {
        let start = move |k| {
            gate.wait();
            run(k)
        };
        let handles: Vec<_> = (0..n).map(|k| scope.spawn(move || start(k))).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, T>| handle.join();
        let joined = handles.into_iter().map(join).collect::<Result<Vec<_>, _>>();
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An endless row of numbers that is the same for the same seed (SplitMix64).
pub fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = state;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }
}

/// A clock that stands still until it is moved. Clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("tests do not wait for ages");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves it, forth or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Entropy that is the same for the same seed. Fit for tests only.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The row of draws that belongs to a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn draw(&self) -> [u8; 32] {
        let n = self.drawn.fetch_add(1, Ordering::SeqCst);
        let hash = Sha256::new().chain_update(self.seed.to_be_bytes());
        hash.chain_update(n.to_be_bytes()).finalize().into()
    }
}

/// A store with a Parlor on it, under a clock that stands still: where a case takes place.
#[derive(Debug)]
pub struct World<S> {
    /// The store.
    pub store: Arc<S>,
    /// The clock of all that is in it.
    pub clock: ManualClock,
    /// A server on the store.
    pub parlor: Parlor,
}

impl<S: Store> World<S> {
    /// When every world begins: 2026-01-01T00:00:00Z.
    pub const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    /// A world around a store.
    pub fn new(store: S) -> Self {
        let (store, clock) = (Arc::new(store), ManualClock::at(Self::BEGIN));
        let parlor = server(store.clone(), &clock, 0);
        Self { store, clock, parlor }
    }

    /// Another server on the same store. The seed tells its entropy from that of others.
    pub fn server(&self, seed: u64) -> Parlor {
        server(self.store.clone(), &self.clock, seed)
    }

    /// The store alone again.
    ///
    /// # Panics
    /// When another server on it is still held.
    pub fn into_store(self) -> S {
        drop(self.parlor);
        Arc::into_inner(self.store).expect("servers on the store have been dropped")
    }

    /// A work of this decision, for the store itself.
    pub fn work(
        &self,
        mut decide: impl FnMut(&mut Draft<'_>, &Ctx) -> Result<(), Missing> + Send + 'static,
    ) -> Work {
        self.work_ending(move |draft, ctx| {
            Ok(decide(draft, ctx).map_or_else(Run::Missing, |()| Run::Done))
        })
    }

    /// A work that says itself how it ends.
    pub fn work_ending(
        &self,
        mut decide: impl FnMut(&mut Draft<'_>, &Ctx) -> Result<Run, Missing> + Send + 'static,
    ) -> Work {
        static SEEDS: SeededEntropy = SeededEntropy::new(u64::MAX);
        let settings = Arc::new(self.parlor.settings().clone());
        let ctx = Ctx::new(self.clock.now(), Actor::HOST, settings, SEEDS.draw());
        Work::new(ctx, move |draft, ctx| decide(draft, ctx).unwrap_or_else(Run::Missing))
    }

    /// Runs a decision on the store itself, and gives back what its last run came to.
    pub fn run<T: Send + 'static>(
        &self,
        decide: impl Fn(&mut Draft<'_>) -> Result<T, Missing> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::new(Mutex::new(None));
        let result = slot.clone();
        let work = self.work(move |draft, _| {
            let output = decide(draft)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
            Ok(())
        });
        block_on(self.store.submit(work))?;
        let output = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(output.expect("a store returns once the work has run"))
    }

    /// Writes rows, in one changeset.
    pub fn write(&self, rows: impl IntoIterator<Item = Row>) {
        let rows: Vec<Row> = rows.into_iter().collect();
        let written = self.run(move |draft| {
            draft.need(rows.iter().map(|row| (row.key(), crate::storage::Lock::Own)))?;
            rows.iter().cloned().try_for_each(|row| draft.put(row))
        });
        written.expect("the rows are written");
    }

    /// The row under a key, as a decision sees it.
    pub fn held<R: Stored>(&self, key: R::Key) -> Option<R>
    where
        R::Key: 'static,
    {
        let read = self.run(move |draft| {
            draft.need([R::share(key.clone())])?;
            draft.get::<R>(key.clone())
        });
        read.expect("the row is read")
    }

    /// The row under a key, as a read sees it.
    pub fn found(&self, key: &Key) -> Option<Row> {
        let columns = key.table().key.iter().map(|column| column.name).zip(key.values());
        let filter = columns.map(|(name, value)| Filter::Eq(name, value)).collect();
        let mut rows = self.select(&Query { filter: Filter::All(filter), ..query(key.table()) });
        assert!(rows.len() <= 1, "two rows under one key: {rows:?}");
        rows.pop()
    }

    /// What a read gives.
    pub fn select(&self, query: &Query) -> Vec<Row> {
        block_on(self.store.select(query)).expect("the query is answered")
    }

    /// All rows of a table, in the order of its key.
    pub fn table(&self, table: &'static TableDef) -> Vec<Row> {
        let (mut rows, mut query) = (Vec::new(), query(table));
        loop {
            let page = self.select(&query);
            let full = page.len() == PAGE_MAX as usize;
            query.after = page.last().map(|row| Cursor(row.key().values()));
            rows.extend(page);
            if !full {
                return rows;
            }
        }
    }

    /// All rows of a record.
    pub fn rows<R: Stored>(&self) -> Vec<R> {
        self.table(R::TABLE).into_iter().filter_map(R::take_row).collect()
    }

    /// The whole feed.
    pub fn feed(&self) -> Vec<Envelope> {
        let mut feed: Vec<Envelope> = Vec::new();
        loop {
            let after = feed.last().map_or(Position::START, |last| last.position);
            let page = block_on(self.store.events(after, 500)).expect("the feed is read");
            if page.is_empty() {
                return feed;
            }
            feed.extend(page);
        }
    }

    /// How many events of this name there are.
    pub fn count(&self, event: &str) -> usize {
        self.feed().iter().filter(|envelope| envelope.emitted.event.name() == event).count()
    }

    /// Somebody new.
    pub fn guest(&self, name: &str) -> Actor {
        let guest = block_on(self.parlor.sign_up_guest(name)).expect("the name is good");
        block_on(self.parlor.authenticate(&guest.token.reveal())).expect("the token is good")
    }

    /// Many new people, written straight into the store.
    pub fn crowd(&self, n: usize) -> Vec<Actor> {
        let ids: Vec<UserId> = (0..n).map(|_| fresh_id()).collect();
        for some in ids.chunks(500) {
            self.write(some.iter().map(|&id| user(id).into()));
        }
        ids.into_iter().map(actor).collect()
    }

    /// A room of somebody's.
    pub fn room(&self, owner: Actor, stage_mode: StageMode, capacity: u32) -> RoomId {
        let create = Create {
            name: "Tea".into(),
            description: String::new(),
            max_participants: Some(capacity),
            stage_mode,
        };
        block_on(self.parlor.execute(owner, create)).expect("the room is good").room
    }

    /// Somebody joins a room.
    pub fn join(&self, actor: Actor, room: RoomId) -> Result<Admitted, Error<Refusal>> {
        block_on(self.parlor.execute(actor, Join { room }))
    }

    /// Does all that is due, and says how it went.
    pub fn drive(&self) -> Driven {
        block_on(self.parlor.drive()).expect("the store works")
    }
}

/// A read of a whole table by its key, to be narrowed.
pub(super) fn query(table: &'static TableDef) -> Query {
    Query {
        name: "conformance.any",
        index: "primary key",
        table,
        filter: Filter::All(Vec::new()),
        order: Vec::new(),
        descending: false,
        after: None,
        limit: PAGE_MAX,
    }
}

/// All columns of a row, key first.
pub(super) fn values(row: &Row) -> Vec<Value> {
    let mut values = row.key().values();
    values.extend(row.values());
    values
}

/// An id that no other has.
pub(super) fn fresh_id<I: From<Uuid>>() -> I {
    static IDS: SeededEntropy = SeededEntropy::new(0x1d5);
    let settings = Arc::new(Settings::default());
    Ctx::new(World::<crate::storage::MemoryStore>::BEGIN, Actor::HOST, settings, IDS.draw())
        .new_id()
}

/// A person as they act.
pub(super) fn actor(user: UserId) -> Actor {
    Actor::User { user, session: AuthSessionId(Uuid::nil()) }
}

/// Somebody without an account.
pub(super) fn user(id: UserId) -> User {
    let at = World::<crate::storage::MemoryStore>::BEGIN;
    let display_name = format!("Guest {id}");
    User { id, kind: UserKind::Guest, display_name, created_at: at, updated_at: at }
}

fn server<S: Store>(store: Arc<S>, clock: &ManualClock, seed: u64) -> Parlor {
    Parlor::with_settings(store, clock.clone(), SeededEntropy::new(seed), Settings::default())
}
