//! Timers between being found due and being fired: whatever happens then is respected.
#![cfg(feature = "conformance")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use parlor_core::conformance::{SeededEntropy, World, block_on};
use parlor_core::engine::{Clock as _, Parlor, Settings, Timer};
use parlor_core::events::{Envelope, Position};
use parlor_core::rooms::StageMode;
use parlor_core::storage::{Aggregate, Group, MemoryStore, Query, Store, StoreError, Work};
use parlor_core::tables::Row;

/// What happens once after the due timers have been read.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// A store in which something happens between the read of due timers and what follows it.
struct Interrupted {
    store: Arc<MemoryStore>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

#[async_trait]
impl Store for Interrupted {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        self.store.submit(work).await
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let rows = self.store.select(query).await;
        if query.name == "engine.due_timers"
            && let Some(happens) = self.meanwhile.lock().expect("nobody panics here").take()
        {
            happens();
        }
        rows
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        self.store.aggregate(aggregate).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.store.wait(after).await
    }
}

/// A room whose first timer is due, and a server for which something happens after it has read so.
fn a_due_room(happens: fn(&World<MemoryStore>)) -> (Arc<World<MemoryStore>>, Parlor) {
    let world = Arc::new(World::new(MemoryStore::new()));
    world.room(world.guest("Host"), StageMode::OpenFloor, 10);
    world.clock.advance(Settings::default().empty_timeout);
    let server = interrupted(&world, happens);
    (world, server)
}

fn interrupted(world: &Arc<World<MemoryStore>>, happens: fn(&World<MemoryStore>)) -> Parlor {
    let there = world.clone();
    let meanwhile: Meanwhile = Box::new(move || happens(&there));
    let store = Interrupted { store: world.store.clone(), meanwhile: Mutex::new(Some(meanwhile)) };
    let (clock, entropy) = (world.clock.clone(), SeededEntropy::new(9));
    Parlor::with_settings(Arc::new(store), clock, entropy, Settings::default())
}

fn tick(world: &World<MemoryStore>, server: &Parlor) {
    block_on(server.tick(world.clock.now())).expect("the store works");
}

#[test]
fn a_timer_that_is_moved_meanwhile_fires_at_its_new_time() {
    let later = Duration::from_secs(60);
    let (world, server) = a_due_room(|world| {
        let timer = world.rows::<Timer>().remove(0);
        let due_at = timer.due_at + Duration::from_secs(60);
        world.write([Timer { due_at, ..timer }.into()]);
    });

    tick(&world, &server);
    assert_eq!((world.rows::<Timer>().len(), world.count("rooms.closed")), (1, 0));

    world.clock.advance(later);
    tick(&world, &server);
    assert_eq!((world.rows::<Timer>().len(), world.count("rooms.closed")), (0, 1));
}

#[test]
fn a_timer_that_somebody_else_fires_meanwhile_is_left_to_them() {
    let (world, server) = a_due_room(|world| {
        block_on(world.parlor.tick(world.clock.now())).expect("the store works");
    });
    tick(&world, &server);
    assert_eq!(world.count("rooms.closed"), 1);
}

#[test]
fn a_stay_ends_in_time_though_the_clock_goes_back_while_its_timer_fires() {
    let world = Arc::new(World::new(MemoryStore::new()));
    let guest = world.guest("Guest");
    let room = world.room(guest, StageMode::OpenFloor, 10);
    world.join(guest, room).expect("they get in");
    world.clock.advance(Settings::default().connect_timeout);
    let server = interrupted(&world, |world| world.clock.set(World::<MemoryStore>::BEGIN));

    tick(&world, &server);

    assert_eq!(world.count("rooms.left"), 1);
}

/// A store in which the next decision panics.
struct Rotten {
    store: Arc<MemoryStore>,
    is_next: AtomicBool,
}

#[async_trait]
impl Store for Rotten {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        match self.is_next.swap(false, Ordering::Relaxed) {
            true => Err(StoreError::Panicked("as planned".into())),
            false => self.store.submit(work).await,
        }
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.store.select(query).await
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        self.store.aggregate(aggregate).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.store.wait(after).await
    }
}

#[test]
fn a_timer_whose_command_panics_does_not_keep_the_others_waiting() {
    let world = World::new(MemoryStore::new());
    let host = world.guest("Host");
    for _ in 0..2 {
        world.room(host, StageMode::OpenFloor, 10);
    }
    world.clock.advance(Settings::default().empty_timeout);
    let store = Rotten { store: world.store.clone(), is_next: AtomicBool::new(true) };
    let (clock, entropy) = (world.clock.clone(), SeededEntropy::new(9));
    let server = Parlor::with_settings(Arc::new(store), clock, entropy, Settings::default());

    tick(&world, &server);

    assert_eq!((world.rows::<Timer>().len(), world.count("rooms.closed")), (0, 1));
}
