//! Policies that do something about each row of a query, whoever runs them and however often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::{counter, world};
use crate::conformance::{Harness, SeededEntropy, World, block_on, threads};
use crate::engine::{FeedCursor, Parlor, Policy, Reaction, Settings};
use crate::events::{Actor, AnyEvent, Envelope, Position};
use crate::identity::{CreateGuest, User};
use crate::record::Digest;
use crate::rooms::{Event, RoomId};
use crate::storage::{Aggregate, Filter, Group, Query, Select, Store, StoreError, Work};
use crate::tables::Row;

/// Makes a guest for each row when a room is locked: an effect that is there twice when it
/// happens twice.
const POLICIES: &[Policy] = &[Policy {
    name: "suite.guest_for_each_row",
    react: |envelope| match &envelope.emitted.event {
        AnyEvent::Rooms(Event::Locked { .. }) => vec![Reaction::for_each(named("row "), guest)],
        _ => Vec::new(),
    },
}];
/// More than a page of them.
const ROWS: usize = 300;

fn named(prefix: &str) -> Select<FeedCursor> {
    Select::new("suite.rows").filter(Filter::Prefix("consumer", prefix.to_owned()))
}

/// A guest of the row's name, unless the row says otherwise. No two have the same token, so that
/// nothing but the command's key keeps one from being made twice.
fn guest(row: &FeedCursor) -> Option<CreateGuest> {
    static TOKENS: AtomicU64 = AtomicU64::new(0);
    let mut token = [0; 32];
    token[..8].copy_from_slice(&TOKENS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let guest = CreateGuest { display_name: row.consumer.clone(), token_hash: Digest(token) };
    (row.position != Position::START).then_some(guest)
}

/// Each row is dealt with once for each event, however many servers run the policy at the same
/// time; rows that need nothing are left alone.
pub fn a_policy_deals_with_each_row_once_whoever_drives<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write((0..ROWS).map(row));
    world.write((0..20).map(|n| counter(&format!("row {n:03} needs nothing"), 0).into()));
    happen(&world);
    happen(&world);

    threads(4, |k| {
        let server = world.server(10 + k as u64).with_policies(POLICIES);
        while block_on(server.react()).expect("the store works") > 0 {}
    });

    let guests = guests(&world);
    assert_eq!(guests.len(), ROWS, "every row was dealt with, and no other");
    assert!(guests.values().all(|times| *times == 2), "once for each event: {guests:?}");
    let told = world.feed().into_iter().map(|it| it.emitted);
    let told = told.filter(|it| it.event.name() == "identity.guest_created");
    assert!(told.into_iter().all(|it| matches!(it.actor, Actor::System { cause: Some(_) })));
}

/// Rows that come in while a policy goes through them are dealt with once or not at all; those
/// that were there are dealt with once.
pub fn a_row_that_appears_while_a_policy_runs_is_dealt_with_once_or_not_at_all<H: Harness>(
    harness: &H,
) {
    let world = world(harness);
    world.write((0..ROWS).map(row));
    happen(&world);

    threads(3, |who| match who {
        0 => (0..60).for_each(|n| {
            let name = format!("row {:03} is new", n * 37 % ROWS);
            world.write([counter(&name, 1).into()]);
        }),
        _ => {
            let server = world.server(10 + who as u64).with_policies(POLICIES);
            while block_on(server.react()).expect("the store works") > 0 {}
        }
    });

    let guests = guests(&world);
    assert!(guests.values().all(|times| *times == 1), "{guests:?}");
    let old = (0..ROWS).filter(|&n| guests.contains_key(&name(n))).count();
    assert_eq!(old, ROWS, "every row that was there was dealt with");
}

/// A store that fails now and then, before or after it has done what was asked, leaves no row out
/// and none dealt with twice once it has been driven to the end.
pub fn a_policy_that_fails_half_way_goes_on_without_doing_anything_twice<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write((0..ROWS).map(row));
    happen(&world);
    let store = Arc::new(Failing { store: world.store.clone(), asked: AtomicU64::new(0) });
    let (clock, entropy) = (world.clock.clone(), SeededEntropy::new(9));
    let server = Parlor::with_settings(store, clock, entropy, Settings::default());
    let server = server.with_policies(POLICIES);

    let mut failed = 0;
    loop {
        match block_on(server.react()) {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => failed += 1,
        }
        assert!(failed < 100, "it never gets to the end");
    }

    assert!(failed > 1, "it failed {failed} times");
    let guests = guests(&world);
    assert_eq!(guests.len(), ROWS);
    assert!(guests.values().all(|times| *times == 1), "{guests:?}");
}

/// A store that fails at the 150th thing it is asked, and less and less often after.
struct Failing<S> {
    store: Arc<S>,
    asked: AtomicU64,
}

impl<S> Failing<S> {
    /// Whether it fails, and whether it has then done what it was asked.
    fn fails(&self) -> Option<bool> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let at = [150, 151, 400, 900, 1_401, 2_000].iter().position(|at| *at == n)?;
        Some(at % 2 == 0)
    }
}

#[async_trait]
impl<S: Store> Store for Failing<S> {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        match self.fails() {
            None => self.store.submit(work).await,
            Some(false) => Err(StoreError::Busy { waiting: 0 }),
            Some(true) => {
                self.store.submit(work).await?;
                Err(StoreError::CommitUnknown("as planned".into()))
            }
        }
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        match self.fails() {
            None => self.store.select(query).await,
            Some(_) => Err(StoreError::Busy { waiting: 0 }),
        }
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

fn name(n: usize) -> String {
    format!("row {n:03}")
}

fn row(n: usize) -> Row {
    counter(&name(n), 1).into()
}

/// Tells of what the policy waits for.
fn happen<S: Store>(world: &World<S>) {
    let told = world.run(|draft| {
        draft.emit(Event::Locked { room: RoomId(crate::Uuid::nil()), by: None });
        Ok(())
    });
    told.expect("it is told");
}

/// The guests there are, and how often each was made.
fn guests<S: Store>(world: &World<S>) -> BTreeMap<String, usize> {
    let mut guests = BTreeMap::new();
    for user in world.rows::<User>() {
        *guests.entry(user.display_name).or_insert(0) += 1;
    }
    guests
}
