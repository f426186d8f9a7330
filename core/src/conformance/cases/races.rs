//! What stays true when many want the same thing at once.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use super::{count, counter, world};
use crate::conformance::{Harness, World, block_on, threads};
use crate::engine::{Error, FeedCursor};
use crate::events::{Actor, AnyEvent};
use crate::record::Stored as _;
use crate::rooms::{
    Admitted, Ban, Event, FloorGranted, GrantFloor, GrantNext, HandQueue, Join, LowerHand,
    Occupancy, Participant, RaiseHand, Refusal, Room, RoomBan, RoomId, Seat, StageMode,
};
use crate::storage::Store;

/// How many threads are at it.
const THREADS: usize = 8;
/// How many commands one thread has in flight.
const IN_FLIGHT: usize = 32;

/// 800 commands that add one to a number make it 800, and each sees a number of its own.
pub fn no_update_is_lost<H: Harness>(harness: &H) {
    const EACH: usize = 100;
    let world = world(harness);

    let seen = threads(THREADS, |_| (0..EACH).map(|_| add_one(&world, true)).collect::<Vec<i64>>());

    let seen: BTreeSet<i64> = seen.into_iter().flatten().collect();
    let all = (THREADS * EACH) as i64;
    assert_eq!(world.held::<FeedCursor>("n".into()), Some(counter("n", all)));
    assert_eq!(seen, (0..all).collect());
}

/// A decision that shares a row first and owns it later decides on the row as it then is.
pub fn sharing_and_then_owning_neither_deadlocks_nor_loses<H: Harness>(harness: &H) {
    const EACH: usize = 40;
    let world = world(harness);
    world.write([counter("n", 0).into()]);

    threads(THREADS, |_| {
        for _ in 0..EACH {
            add_one(&world, false);
        }
    });

    let all = (THREADS * EACH) as i64;
    assert_eq!(world.held::<FeedCursor>("n".into()), Some(counter("n", all)));
}

/// Decisions that ask for the same rows the other way around get on with each other.
pub fn owning_in_opposite_orders_neither_deadlocks_nor_loses<H: Harness>(harness: &H) {
    const EACH: usize = 50;
    let world = world(harness);
    world.write([counter("a", 0).into(), counter("b", 0).into()]);

    threads(THREADS, |k| {
        let (from, to) = if k % 2 == 0 { ("a", "b") } else { ("b", "a") };
        for n in 0..EACH {
            // Every other one asks for its second row only once it has seen the first.
            let in_two = n % 2 == 0;
            let moved = world.run(move |draft| {
                draft.need([FeedCursor::own(from.into())])?;
                let left = count(draft, from)?;
                if !in_two {
                    draft.need([FeedCursor::own(to.into())])?;
                }
                let right = count(draft, to)?;
                draft.put(counter(from, left - 1))?;
                draft.put(counter(to, right + 1))
            });
            moved.expect("one is moved");
        }
    });

    assert_eq!(world.rows::<FeedCursor>(), [counter("a", 0), counter("b", 0)]);
}

/// Of many who find a row absent, one inserts it, and the others find it there.
pub fn a_row_is_inserted_by_one_of_many<H: Harness>(harness: &H) {
    const ROUNDS: usize = 30;
    let world = world(harness);

    for round in 0..ROUNDS {
        let winners = threads(4, |_| {
            let name = format!("round {round}");
            let claim = world.run(move |draft| {
                draft.need([FeedCursor::own(name.clone())])?;
                let is_free = draft.get::<FeedCursor>(name.clone())?.is_none();
                if is_free {
                    draft.put(counter(&name, 1))?;
                }
                Ok(is_free)
            });
            usize::from(claim.expect("the claim is decided"))
        });
        assert_eq!(winners.iter().sum::<usize>(), 1, "round {round}");
    }
}

/// However a join and a ban race, nobody is both banned and inside (I-R7).
pub fn a_banned_person_is_never_inside<H: Harness>(harness: &H) {
    const TIMES: usize = 100;
    let world = world(harness);
    let (host, guests) = (world.guest("Host"), world.crowd(TIMES));
    let room = world.room(host, StageMode::OpenFloor, 1_000);

    for guest in guests {
        let user = guest.user().expect("a person");
        threads(2, |who| match who {
            0 => match world.join(guest, room) {
                Ok(_) | Err(Error::Refused(Refusal::Banned)) => {}
                Err(other) => panic!("{other:?}"),
            },
            _ => {
                let ban = Ban { room, user, reason: String::new() };
                block_on(world.parlor.execute(host, ban)).expect("the ban is spoken");
            }
        });

        assert!(world.held::<RoomBan>((room, user)).is_some());
        assert_eq!(world.held::<Seat>((room, user)), None);
        let again = world.join(guest, room);
        assert!(matches!(again, Err(Error::Refused(Refusal::Banned))), "{again:?}");
    }
    assert!(world.rows::<Participant>().iter().all(|stay| stay.left_at.is_some()));
    assert_eq!(world.held::<Occupancy>(room).map(|row| row.reserved), Some(0));
}

/// 2,000 people at the door of a room for 1,000: exactly 1,000 get in (I-R3).
pub fn a_full_room_lets_nobody_in<H: Harness>(harness: &H) {
    const PEOPLE: usize = 2_000;
    const SEATS: u32 = 1_000;
    let world = world(harness);
    let room = world.room(world.guest("Host"), StageMode::OpenFloor, SEATS);
    let people = world.crowd(PEOPLE);

    let outcomes = threads(THREADS, |k| {
        let mine = people.iter().skip(k).step_by(THREADS);
        let joins = mine.map(|&actor| world.parlor.execute(actor, Join { room }));
        block_on(stream::iter(joins).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>())
    });

    let (mut inside, mut outside) = (0, 0);
    for outcome in outcomes.into_iter().flatten() {
        match outcome {
            Ok(_) => inside += 1,
            Err(Error::Refused(Refusal::Full { capacity: SEATS })) => outside += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((inside, outside), (SEATS as usize, PEOPLE - SEATS as usize));
    assert_eq!(world.held::<Occupancy>(room).map(|row| row.reserved), Some(SEATS));
    assert_eq!(world.rows::<Seat>().len(), SEATS as usize);
    assert_eq!(world.rows::<Participant>().len(), SEATS as usize);
    assert_eq!(world.count("rooms.joining"), SEATS as usize);
}

/// Hands that go up at once are numbered one by one, and a hand that goes up again stands last
/// (I-R6); the stage counts who is on it.
pub fn hands_are_numbered_without_gap_or_double<H: Harness>(harness: &H) {
    const HANDS: usize = 64;
    let world = world(harness);
    let host = world.guest("Host");
    let room = world.room(host, StageMode::Moderated, 1_000);
    let audience = inside(&world, room, HANDS);

    threads(THREADS, |k| {
        let mine = audience.iter().skip(k).step_by(THREADS);
        let raise = mine.map(|&(actor, Admitted { participant, .. })| {
            world.parlor.execute(actor, RaiseHand { room, participant })
        });
        for raised in block_on(join_all(raise)) {
            raised.expect("the hand goes up");
        }
    });
    assert_eq!(hands(&world), (1..=HANDS as i64).collect());

    let (first, second) = audience.split_at(HANDS / 2);
    threads(2, |who| match who {
        0 => first.iter().for_each(|&(actor, Admitted { participant, .. })| {
            let (lower, raise) = (LowerHand { room, participant }, RaiseHand { room, participant });
            block_on(world.parlor.execute(actor, lower)).expect("the hand goes down");
            block_on(world.parlor.execute(actor, raise)).expect("and up");
        }),
        _ => second.iter().for_each(|&(_, Admitted { participant, .. })| {
            let grant = GrantFloor { room, participant };
            block_on(world.parlor.execute(host, grant)).expect("the floor is given");
        }),
    });
    let last = HANDS as i64 + first.len() as i64;
    assert_eq!(hands(&world), (HANDS as i64 + 1..=last).collect());
    let queue = world.held::<HandQueue>(room).expect("the queue is there");
    assert_eq!((queue.next_seq, queue.speakers as usize), (last + 1, second.len()));
}

/// However many moderators give the floor to whoever is next at the same time, each gives it to
/// somebody else, none of them twice, and the first hands go first.
pub fn the_floor_is_given_to_each_hand_once_and_in_order<H: Harness>(harness: &H) {
    const HANDS: usize = 40;
    const MODERATORS: usize = 2;
    let world = world(harness);
    let host = world.guest("Host");
    let room = world.room(host, StageMode::Moderated, 1_000);
    let mut waiting = Vec::new();
    for (actor, Admitted { participant, .. }) in inside(&world, room, HANDS) {
        let raise = RaiseHand { room, participant };
        block_on(world.parlor.execute(actor, raise)).expect("the hand goes up");
        waiting.push(participant);
    }

    let granted = threads(MODERATORS, |_| {
        let mut granted = Vec::new();
        loop {
            match block_on(world.parlor.execute(host, GrantNext { room })) {
                Ok(FloorGranted { participant }) => granted.push(participant),
                Err(Error::Refused(Refusal::Stale)) => {}
                Err(Error::Refused(Refusal::NoHandUp)) => return granted,
                Err(other) => panic!("{other:?}"),
            }
        }
    });

    let place = |it| waiting.iter().position(|stay| stay == it).expect("they were waiting");
    for mine in &granted {
        assert!(mine.is_sorted_by_key(place), "a later hand went first");
    }
    let all: BTreeSet<_> = granted.iter().flatten().collect();
    let given = granted.iter().flatten().count();
    assert_eq!((all.len(), given), (HANDS, HANDS), "each hand has the floor, and once");
    let told = world.feed().into_iter().filter_map(|it| match it.emitted.event {
        AnyEvent::Rooms(Event::SpeakerAdded { participant, .. }) => Some(participant),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), waiting, "in the order in which the hands went up");
    assert_eq!(world.held::<HandQueue>(room).map(|it| it.speakers as usize), Some(HANDS));
}

/// Whoever joins a room from many places at once has one stay there (I-R5).
pub fn joining_twice_at_once_makes_one_stay<H: Harness>(harness: &H) {
    const TIMES: usize = 20;
    let world = world(harness);
    let room = world.room(world.guest("Host"), StageMode::OpenFloor, 1_000);

    for guest in world.crowd(TIMES) {
        let stays = threads(4, |_| world.join(guest, room).expect("they get in").participant);
        assert_eq!(stays.iter().collect::<BTreeSet<_>>().len(), 1, "{stays:?}");
    }

    assert_eq!(world.held::<Occupancy>(room).map(|row| row.reserved), Some(TIMES as u32));
    assert_eq!(world.rows::<Participant>().len(), TIMES);
    assert!(world.held::<Room>(room).is_some());
}

/// Adds one to a number and returns what it was; asks to own it at once, or shares it first.
fn add_one<S: Store>(world: &World<S>, at_once: bool) -> i64 {
    let added = world.run(move |draft| {
        let need = if at_once { FeedCursor::own } else { FeedCursor::share };
        draft.need([need("n".into())])?;
        let n = count(draft, "n")?;
        draft.need([FeedCursor::own("n".into())])?;
        draft.put(counter("n", n + 1))?;
        Ok(n)
    });
    added.expect("one is added")
}

/// New people who have joined a room.
fn inside<S: Store>(world: &World<S>, room: RoomId, n: usize) -> Vec<(Actor, Admitted)> {
    let people = world.crowd(n);
    let joins = people.iter().map(|&actor| world.parlor.execute(actor, Join { room }));
    let stays = block_on(join_all(joins));
    people.iter().zip(stays).map(|(&who, stay)| (who, stay.expect("they get in"))).collect()
}

/// The numbers of all hands that are up.
fn hands<S: Store>(world: &World<S>) -> BTreeSet<i64> {
    let numbers: Vec<i64> =
        world.rows::<Participant>().iter().filter_map(|it| it.hand_seq).collect();
    let set: BTreeSet<i64> = numbers.iter().copied().collect();
    assert_eq!(set.len(), numbers.len(), "two hands have one number");
    set
}
