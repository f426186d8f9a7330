//! Several nodes on one database: nobody can tell which of them answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parlor_core::conformance::{SeededEntropy, World, block_on, threads};
use parlor_core::engine::{Clock as _, Error, FeedCursor, Parlor, Settings, Timer};
use parlor_core::events::{Actor, Position};
use parlor_core::media::{LegId, Setup};
use parlor_core::rooms::{
    Ban, ClaimRoom, Claimed, ConnectionState, Create, LegConnected, Occupancy, Participant,
    Refusal, Room, RoomListing, RoomStatus, StageMode, StartNode,
};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

fn connect(url: &str) -> PostgresStore {
    let options = Cluster::shared().options(url);
    block_on(PostgresStore::connect_with(options)).expect("it opens")
}

/// Two nodes: a world, and a server on a store of its own.
fn two() -> (World<PostgresStore>, Parlor) {
    let url = Cluster::shared().database();
    let (world, store) = (World::new(connect(&url)), Arc::new(connect(&url)));
    let (clock, entropy) = (world.clock.clone(), SeededEntropy::new(1_000));
    let other = Parlor::with_settings(store, clock, entropy, Settings::default());
    (world, other)
}

/// Both nodes do what is due until nothing is, other nodes' transactions included.
fn drive(world: &World<PostgresStore>, other: &Parlor) {
    let head = || {
        let events = block_on(other.store().events(Position::START, 10_000)).expect("it is read");
        events.last().map(|last| last.position)
    };
    loop {
        block_on(other.drive()).expect("the store works");
        world.drive();
        let done = world.rows::<FeedCursor>().into_iter().map(|cursor| cursor.position).min();
        let is_hidden = block_on(world.store.feed_lag()).expect("it is told").hidden > 0;
        if !is_hidden && done == head() {
            return;
        }
    }
}

#[test]
fn a_room_admits_as_many_as_it_holds_through_whichever_node() {
    const GUESTS: usize = 200;
    const SEATS: u32 = 50;
    let (world, other) = two();
    let room = world.room(world.guest("Host"), StageMode::OpenFloor, SEATS);
    let people = world.crowd(GUESTS);
    let admitted = AtomicUsize::new(0);

    threads(16, |k| {
        let server = if k % 2 == 0 { &world.parlor } else { &other };
        for person in people.iter().skip(k).step_by(16) {
            match block_on(server.execute(*person, parlor_core::rooms::Join { room })) {
                Ok(_) => drop(admitted.fetch_add(1, Ordering::Relaxed)),
                Err(Error::Refused(Refusal::Full { capacity: SEATS })) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    });

    assert_eq!(admitted.into_inner(), SEATS as usize);
    assert_eq!(world.held::<Occupancy>(room).expect("it is there").reserved, SEATS);
    assert_eq!(world.count("rooms.joining"), SEATS as usize);
}

#[test]
fn whoever_is_banned_by_one_node_gets_in_by_neither() {
    for _ in 0..20 {
        let (world, other) = two();
        let (host, guest) = (world.guest("Host"), world.guest("Guest"));
        let room = world.room(host, StageMode::OpenFloor, 10);
        let user = guest.user().expect("a person");
        threads(2, |k| match k {
            0 => {
                let ban = Ban { room, user, reason: String::new() };
                block_on(world.parlor.execute(host, ban)).expect("hosts ban");
            }
            _ => drop(block_on(other.execute(guest, parlor_core::rooms::Join { room }))),
        });
        let inside = |stay: &Participant| stay.connection != ConnectionState::Left;
        let stays = world.rows::<Participant>();
        assert!(!stays.iter().any(inside), "the ban and the join have missed each other");
    }
}

#[test]
fn timers_and_policies_take_effect_once_though_the_node_that_set_them_is_gone() {
    const ROOMS: usize = 60;
    let (world, other) = two();
    // A node that makes rooms, and is not there when they close.
    let (gone, entropy) = (Arc::new(connect(&world.store.options().url)), SeededEntropy::new(7));
    let gone = Parlor::with_settings(gone, world.clock.clone(), entropy, Settings::default());
    let host = world.guest("Host");
    let create = |n: usize| Create {
        name: format!("Room {n}"),
        description: String::new(),
        max_participants: Some(10),
        stage_mode: StageMode::OpenFloor,
    };
    let rooms = (0..ROOMS).map(|n| block_on(gone.execute(host, create(n))));
    let rooms: Vec<_> = rooms.map(|made| made.expect("it is made").room).collect();
    drop(gone);
    drive(&world, &other);
    assert_eq!(world.rows::<RoomListing>().len(), ROOMS);
    assert_eq!(world.count("rooms.listed"), ROOMS);

    world.clock.advance(Settings::default().empty_timeout);
    let now = world.clock.now();
    threads(4, |k| {
        let server = if k % 2 == 0 { &world.parlor } else { &other };
        while block_on(server.tick(now)).expect("the store works") > 0 {}
    });
    drive(&world, &other);

    assert_eq!(world.count("rooms.closed"), ROOMS);
    assert_eq!(world.count("rooms.delisted"), ROOMS);
    assert_eq!(world.rows::<Timer>(), []);
    for room in rooms {
        assert_eq!(world.held::<Room>(room).expect("it is there").status, RoomStatus::Closed);
    }
}

#[test]
fn a_room_that_nodes_claim_at_once_is_one_nodes_and_goes_on_to_the_next_when_it_is_silent() {
    let (world, other) = two();
    let (host, settings) = (world.guest("Host"), Settings::default());
    let room = world.room(host, StageMode::OpenFloor, 10);
    let participant = world.join(host, room).expect("they get in").participant;
    let nodes = [&world.parlor, &other].map(|server| {
        let n = usize::from(std::ptr::eq(server, &raw const other));
        let start = StartNode { node: format!("node {n}"), url: format!("http://{n}") };
        block_on(server.execute(Actor::HOST, start)).expect("it starts")
    });
    let claim = |k: usize| {
        let server = [&world.parlor, &other][k];
        let claim = ClaimRoom { room, by: nodes[k].clone() };
        block_on(server.execute(Actor::HOST, claim)).expect("it is answered")
    };
    let ours = AtomicUsize::new(0);
    let owner = AtomicUsize::new(usize::MAX);
    threads(2, |k| {
        if let Claimed::Ours { epoch: 1 } = claim(k) {
            ours.fetch_add(1, Ordering::Relaxed);
            owner.store(k, Ordering::Relaxed);
        }
    });
    assert_eq!(ours.into_inner(), 1);
    let owner = owner.into_inner();

    let leg = LegId(parlor_core::Uuid::from_u128(1));
    let setup = Setup::default();
    let up = |lease_epoch| LegConnected { room, participant, leg, lease_epoch, setup };
    block_on(other.execute(Actor::HOST, up(1))).expect("its owner says so");
    world.clock.advance(settings.lease);
    drive(&world, &other);
    let stay = || world.held::<Participant>(participant).expect("it is there");
    assert_eq!(stay().connection, ConnectionState::Reconnecting);
    assert_eq!(claim(1 - owner), Claimed::Ours { epoch: 3 });

    let stale = block_on(world.parlor.execute(Actor::HOST, up(1))).expect_err("it is stale");
    assert!(matches!(stale, Error::Refused(Refusal::Fenced)), "{stale:?}");
    block_on(world.parlor.execute(Actor::HOST, up(3))).expect("its owner says so");
    assert_eq!(stay().connection, ConnectionState::Connected);
}
