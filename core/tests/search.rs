//! What a command searches for may change before it is decided: it is searched for again.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use parlor_core::conformance::{SeededEntropy, World, block_on};
use parlor_core::engine::{
    AnyCommand, Clock as _, Error, IdempotencyKey, Parlor, Policy, Reaction, Settings, Timer,
};
use parlor_core::events::{Actor, AnyEvent, Envelope, Position};
use parlor_core::record::Json;
use parlor_core::rooms::{
    self, GrantNext, LowerHand, Participant, ParticipantId, RaiseHand, Refusal, RoomId, StageMode,
    StageState,
};
use parlor_core::storage::{Aggregate, Group, MemoryStore, Query, Store, StoreError, Work};
use parlor_core::tables::Row;
use serde_json::json;

/// A store in which, for a number of times, every hand goes down and up again between the search
/// for the first one and the decision.
struct Restless {
    world: Arc<World<MemoryStore>>,
    times: AtomicU32,
    searches: AtomicU32,
}

#[async_trait]
impl Store for Restless {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        self.world.store.submit(work).await
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let rows = self.world.store.select(query).await?;
        if query.name == "rooms.hands" {
            self.searches.fetch_add(1, Ordering::Relaxed);
            let left = |n: u32| n.checked_sub(1);
            if self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok() {
                for row in &rows {
                    let Row::Participant(stay) = row else { panic!("{row:?}") };
                    let (room, participant) = (stay.room_id, stay.id);
                    let lower = LowerHand { room, participant };
                    self.world.parlor.execute(Actor::HOST, lower).await.expect("it goes down");
                    let raise = RaiseHand { room, participant };
                    self.world.parlor.execute(Actor::HOST, raise).await.expect("and up");
                }
            }
        }
        Ok(rows)
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        self.world.store.aggregate(aggregate).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.world.store.events(after, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.world.store.wait(after).await
    }
}

/// A room with two hands up, and a server whose store is restless so many times.
struct Scene {
    world: Arc<World<MemoryStore>>,
    store: Arc<Restless>,
    server: Parlor,
    room: RoomId,
    first: ParticipantId,
}

impl Scene {
    fn new(times: u32) -> Self {
        let world = Arc::new(World::new(MemoryStore::new()));
        let room = world.room(world.guest("Host"), StageMode::Moderated, 10);
        let hands = ["Ada", "Ben"].map(|name| {
            let guest = world.guest(name);
            let participant = world.join(guest, room).expect("they get in").participant;
            let raise = RaiseHand { room, participant };
            block_on(world.parlor.execute(guest, raise)).expect("the hand goes up");
            participant
        });
        let (times, searches) = (AtomicU32::new(times), AtomicU32::new(0));
        let store = Arc::new(Restless { world: world.clone(), times, searches });
        let (clock, entropy) = (world.clock.clone(), SeededEntropy::new(9));
        let server = Parlor::with_settings(store.clone(), clock, entropy, Settings::default());
        Self { world, store, server, room, first: hands[0] }
    }

    fn grant_next(&self) -> GrantNext {
        GrantNext { room: self.room }
    }

    fn searches(&self) -> u32 {
        self.store.searches.load(Ordering::Relaxed)
    }

    fn speakers(&self) -> Vec<ParticipantId> {
        let stays = self.world.rows::<Participant>().into_iter();
        stays.filter(|it| it.stage == StageState::Speaker).map(|it| it.id).collect()
    }
}

#[test]
fn what_was_found_and_is_not_so_any_more_is_searched_for_again() {
    for (times, searches) in [(0, 1), (1, 2), (3, 4)] {
        let it = Scene::new(times);
        let granted = block_on(it.server.execute(Actor::HOST, it.grant_next())).expect("granted");
        assert_eq!((granted.participant, it.searches()), (it.first, searches));
        assert_eq!(it.speakers(), [it.first]);
    }
}

#[test]
fn after_three_searches_more_the_command_is_refused_and_does_nothing() {
    let it = Scene::new(4);
    let refused = block_on(it.server.execute(Actor::HOST, it.grant_next()));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Stale))), "{refused:?}");
    assert_eq!((it.searches(), it.speakers()), (4, Vec::new()));
}

#[test]
fn a_retry_gets_the_first_outcome_whatever_is_found_then() {
    let (it, key) = (Scene::new(1), IdempotencyKey::new("k").expect("a good key"));
    let first = block_on(it.server.execute_with(Actor::HOST, &key, it.grant_next()));
    let first = first.expect("granted").participant;
    let again = block_on(it.server.execute_with(Actor::HOST, &key, it.grant_next()));
    assert_eq!(again.expect("the same").participant, first);
    let any: AnyCommand = it.grant_next().into();
    let any = block_on(it.server.execute_any(Actor::HOST, Some(&key), any)).expect("the same");
    assert_eq!(any, json!({ "participant": first }));
    assert_eq!(it.speakers(), [first]);
}

#[test]
fn a_command_that_came_over_the_network_searches_too() {
    let it = Scene::new(1);
    let sent = json!({ "name": "rooms.grant_next", "data": { "room": it.room } });
    let command = AnyCommand::from_network(sent.to_string().as_bytes()).expect("it is public");
    let granted = block_on(it.server.execute_any(Actor::HOST, None, command)).expect("granted");
    assert_eq!(granted, json!({ "participant": it.first }));
}

#[test]
fn a_timer_searches_and_stays_set_while_what_it_finds_is_stale() {
    let it = Scene::new(5);
    let now = it.world.clock.now();
    let command = Json(it.grant_next().into());
    let timer = Timer { name: "test.next".into(), subject: it.room.0, due_at: now, command };
    it.world.write([timer.into()]);
    let is_set = || it.world.rows::<Timer>().iter().any(|timer| timer.name == "test.next");

    assert_eq!(block_on(it.server.tick(now)).expect("the store works"), 0);
    assert_eq!((is_set(), it.speakers()), (true, Vec::new()));

    assert_eq!(block_on(it.server.tick(now)).expect("the store works"), 1);
    assert_eq!((is_set(), it.speakers()), (false, vec![it.first]));
}

#[test]
fn a_policy_searches_too_and_is_run_again_while_what_it_finds_is_stale() {
    const NEXT_WHEN_LOCKED: &[Policy] = &[Policy {
        name: "test.next_when_locked",
        react: |envelope| match envelope.emitted.event {
            AnyEvent::Rooms(rooms::Event::Locked { room, .. }) => {
                vec![Reaction::Do(GrantNext { room }.into())]
            }
            _ => Vec::new(),
        },
    }];
    let it = Scene::new(5);
    let lock = rooms::Lock { room: it.room };
    block_on(it.world.parlor.execute(Actor::HOST, lock)).expect("the room is locked");
    let server = it.server.clone().with_policies(NEXT_WHEN_LOCKED);

    let stale = block_on(server.react());
    assert!(matches!(stale, Err(StoreError::Busy { .. })), "{stale:?}");
    assert_eq!(it.speakers(), []);

    block_on(server.react()).expect("the store works");
    assert_eq!(it.speakers(), [it.first]);
}
