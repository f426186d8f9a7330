//! Batches: what is locked, what is written, and who is told what when something fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use parlor_core::Uuid;
use parlor_core::engine::{Ctx, FeedCursor, Settings};
use parlor_core::events::{Actor, AnyEvent, Position};
use parlor_core::identity::{User, UserId, UserKind};
use parlor_core::record::{Stored as _, Timestamp};
use parlor_core::rooms::{Event, Occupancy, Room, RoomBan, RoomId};
use parlor_core::storage::{
    Draft, Held, Lock, Missing, Need, Plan, ROUNDS_MAX, Resolved, Rollback, Run, StoreError, Work,
    Write,
};

const ROOM: RoomId = RoomId(Uuid::from_u128(1));

/// A work of this decision.
fn work(
    mut decide: impl FnMut(&mut Draft<'_>, &Ctx) -> Result<(), Missing> + Send + 'static,
) -> Work {
    Work::new(ctx(7), move |draft, ctx| match decide(draft, ctx) {
        Ok(()) => Run::Done,
        Err(missing) => Run::Missing(missing),
    })
}

fn ctx(seed: u8) -> Ctx {
    Ctx::new(Timestamp(0), Actor::HOST, Arc::new(Settings::default()), [seed; 32])
}

fn row(name: &str, n: i64) -> FeedCursor {
    FeedCursor { consumer: name.into(), position: Position(n) }
}

fn own(name: &str) -> Need {
    FeedCursor::own(name.to_owned())
}

fn share(name: &str) -> Need {
    FeedCursor::share(name.to_owned())
}

/// Adds one to a row.
fn add_one(name: &'static str) -> Work {
    work(move |draft, _| {
        draft.need([own(name)])?;
        let n = draft.get::<FeedCursor>(name.to_owned())?.map_or(0, |row| row.position.0);
        draft.emit(told(n + 1));
        draft.put(row(name, n + 1))
    })
}

/// Asks for one row, then for another one, which it writes.
fn a_then_b() -> Work {
    work(|draft, _| {
        draft.need([own("a")])?;
        draft.need([own("b")])?;
        draft.put(row("b", 9))
    })
}

fn told(n: i64) -> Event {
    let participant = parlor_core::rooms::ParticipantId(Uuid::nil());
    Event::HandRaised { room: ROOM, participant, hand_seq: n }
}

fn gap(name: &str) -> Held {
    Held::new().absent::<FeedCursor>(name.to_owned(), Lock::Own)
}

fn plan(works: impl IntoIterator<Item = Work>) -> Plan<usize> {
    let mut plan = Plan::new();
    works.into_iter().enumerate().for_each(|(n, work)| plan.admit(work, n));
    plan
}

/// Tickets and outcomes, in words.
fn settled(plan: &mut Plan<usize>) -> Vec<(usize, String)> {
    let word = |outcome| match outcome {
        Ok(()) => "done".to_owned(),
        Err(StoreError::Panicked(_)) => "panicked".to_owned(),
        Err(StoreError::Rejected(why)) => format!("rejected: {why}"),
        Err(StoreError::Rounds(n)) => format!("more than {n} rounds"),
        Err(other) => panic!("{other}"),
    };
    plan.settled().into_iter().map(|(ticket, outcome)| (ticket, word(outcome))).collect()
}

fn done(tickets: impl IntoIterator<Item = usize>) -> Vec<(usize, String)> {
    tickets.into_iter().map(|ticket| (ticket, "done".to_owned())).collect()
}

#[test]
fn locks_are_in_table_order_then_key_order() {
    let (a, b) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
    let mut plan = plan([
        work(move |draft, _| draft.need([own("b"), Occupancy::own(ROOM), User::share(b)])),
        work(move |draft, _| draft.need([own("a"), User::share(a), RoomBan::share((ROOM, a))])),
    ]);
    let order: Vec<Need> = plan.locks().into_iter().collect();
    let expected = [
        User::share(a),
        User::share(b),
        Room::share(ROOM),
        RoomBan::share((ROOM, a)),
        Occupancy::own(ROOM),
        own("a"),
        own("b"),
    ];
    assert_eq!(order, expected);
}

#[test]
fn a_table_is_locked_in_the_strongest_mode_anyone_asks_for() {
    let mut mixed = plan([
        work(|draft, _| draft.need([share("a"), Room::share(ROOM)])),
        work(|draft, _| draft.need([own("b")])),
    ]);
    let locks: Vec<Need> = mixed.locks().into_iter().collect();
    assert_eq!(locks, [Room::share(ROOM), own("a"), own("b")]);

    let mut twice = plan([work(|draft, _| {
        draft.need([share("a")])?;
        draft.need([own("a")])
    })]);
    assert_eq!(twice.locks().into_iter().collect::<Vec<_>>(), [share("a")]);
    twice.resolve(&Held::new().shared(row("a", 1)));
    assert_eq!(twice.locks().into_iter().collect::<Vec<_>>(), [own("a")]);
}

#[test]
fn what_is_held_for_others_is_asked_for_as_well() {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let mut plan = plan([work(|draft, _| {
        draft.need([own("first")])?;
        draft.need(NAMES.map(own))
    })]);
    plan.locks();
    // Others of the round hold all of them but one, and are done with it.
    let held = NAMES[1..].iter().fold(Held::new().owned(row("first", 1)), |held, name| {
        held.absent::<FeedCursor>((*name).to_owned(), Lock::Own)
    });
    plan.resolve(&held);

    let locks: Vec<Need> = plan.locks().into_iter().collect();
    assert_eq!(locks, ["a", "b", "c", "d", "first"].map(own));
}

#[test]
fn each_work_decides_on_what_the_ones_before_it_left() {
    let mut plan = plan((0..3).map(|_| add_one("n")));
    plan.locks();

    let resolved = plan.resolve(&Held::new().owned(row("n", 4)));

    assert_eq!(resolved.writes, [Write::Update(row("n", 7).into())]);
    let events: Vec<_> = resolved.events.iter().map(|it| it.event.clone()).collect();
    assert_eq!(events, [5, 6, 7].map(|n| AnyEvent::from(told(n))));
    assert_eq!(settled(&mut plan), done(0..3));
    assert!(plan.is_empty());
}

#[test]
fn a_row_that_was_absent_is_inserted_and_others_are_updated() {
    let mut plan = plan([add_one("old"), add_one("new")]);
    plan.locks();
    let resolved = plan.resolve(&gap("new").owned(row("old", 4)));
    let writes = [Write::Insert(row("new", 1).into()), Write::Update(row("old", 5).into())];
    assert_eq!(resolved.writes, writes);
}

#[test]
fn what_is_as_it_was_is_not_written() {
    let mut plan = plan([
        work(|draft, _| {
            draft.need([own("a")])?;
            draft.put(row("a", 4))
        }),
        work(|draft, _| {
            draft.need([own("b")])?;
            draft.put(row("b", 1))?;
            draft.delete::<FeedCursor>("b".into())
        }),
        add_one("c"),
        work(|draft, _| {
            draft.need([own("c")])?;
            draft.put(row("c", 4))
        }),
    ]);
    plan.locks();
    let held = gap("b").owned(row("a", 4)).owned(row("c", 4));
    let resolved = plan.resolve(&held);
    assert_eq!((resolved.writes, resolved.deletes), (vec![], vec![]));
    assert_eq!(resolved.events.len(), 1, "what happened happened");
}

#[test]
fn deletes_come_last_and_in_reverse() {
    let user = |n| User {
        id: UserId(Uuid::from_u128(n)),
        kind: UserKind::Guest,
        display_name: "Ada".into(),
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    let mut plan = plan([work(move |draft, _| {
        draft.need([own("a"), own("b"), User::own(user(1).id), User::own(user(2).id)])?;
        draft.delete::<User>(user(1).id)?;
        draft.delete::<FeedCursor>("a".into())?;
        draft.put(row("b", 2))?;
        draft.delete::<User>(user(2).id)
    })]);
    plan.locks();
    let held = Held::new().owned(user(1)).owned(user(2)).owned(row("a", 1)).owned(row("b", 1));
    let resolved = plan.resolve(&held);
    assert_eq!(resolved.writes, [Write::Update(row("b", 2).into())]);
    assert_eq!(resolved.deletes, [own("a").0, User::own(user(2).id).0, User::own(user(1).id).0]);
}

#[test]
fn a_work_that_asks_for_more_goes_on_in_the_next_round_before_those_after_it() {
    let mut plan = plan([add_one("a"), a_then_b(), add_one("a")]);

    plan.locks();
    let resolved = plan.resolve(&gap("a"));
    assert_eq!(resolved.writes, [Write::Insert(row("a", 1).into())]);
    assert_eq!(resolved.events.len(), 1);
    assert_eq!(settled(&mut plan), done([0]), "the one before is answered now, not later");
    assert_eq!(plan.len(), 2, "the one after has its turn");

    // Whoever has come meanwhile is in the same round.
    plan.admit(add_one("b"), 3);
    assert_eq!(plan.locks().into_iter().collect::<Vec<_>>(), [own("a"), own("b")]);
    let resolved = plan.resolve(&gap("b").owned(row("a", 1)));
    let writes = [Write::Update(row("a", 2).into()), Write::Insert(row("b", 10).into())];
    assert_eq!(resolved.writes, writes);
    assert_eq!(settled(&mut plan), done([1, 2, 3]));
}

#[test]
fn who_waits_for_another_learns_what_it_needs_meanwhile() {
    let mut plan = plan([a_then_b(), a_then_b(), a_then_b()]);
    plan.locks();
    assert!(plan.resolve(&gap("a")).is_empty());
    assert_eq!(settled(&mut plan), []);
    assert_eq!(plan.locks(), [own("a"), own("b")]);
    plan.resolve(&gap("a").absent::<FeedCursor>("b".into(), Lock::Own));
    assert_eq!(settled(&mut plan), done([0, 1, 2]), "all of them in the second round");
}

#[test]
fn many_that_wait_in_vain_are_not_all_run_in_each_round() {
    let runs = Arc::new(Mutex::new(0));
    let pair = |n: usize| {
        let (first, second) = (format!("a{n}"), format!("b{n}"));
        let (counted, a) = (runs.clone(), first.clone());
        // What it needs is known once the one before it has written.
        let follower = work(move |draft, _| {
            *counted.lock().unwrap() += 1;
            draft.need([own(&a)])?;
            if draft.get::<FeedCursor>(a.clone())?.is_some() {
                draft.need([own(&second)])?;
                draft.put(row(&second, 1))?;
            }
            Ok(())
        });
        let leader = work(move |draft, _| {
            draft.need([own(&first)])?;
            draft.put(row(&first, 1))
        });
        [leader, follower]
    };
    let mut plan = plan((0..100).flat_map(pair));
    let (mut rows, mut order, mut rounds) = (BTreeMap::new(), Vec::new(), 0);
    while !plan.is_empty() {
        let locks = plan.locks().into_iter();
        let held = locks.map(|(key, lock)| (key.clone(), lock, rows.get(&key).cloned()));
        let resolved = plan.resolve(&Held::found(held));
        rows.extend(resolved.writes.iter().map(|it| (it.row().key(), it.row().clone())));
        order.extend(settled(&mut plan));
        rounds += 1;
    }
    assert_eq!(order, done(0..200), "in the order they came");
    assert_eq!((rows.len(), rounds), (200, 101));
    let runs = *runs.lock().unwrap();
    assert!(runs < 20 * 100, "{runs} decisions of 100 works");
}

#[test]
fn who_panics_while_it_waits_is_not_run_again() {
    let mut runs = 0;
    let bad = work(move |draft, _| {
        draft.need([own("a")])?;
        runs += 1;
        assert!(runs > 1, "this panic belongs to the test");
        Ok(())
    });
    let mut plan = plan([a_then_b(), bad]);
    plan.locks();
    plan.resolve(&gap("a"));
    assert_eq!(settled(&mut plan), [(1, "panicked".into())]);
}

#[test]
fn what_is_not_settled_goes_on_while_the_rest_is_committed() {
    let mut first = plan([add_one("a"), a_then_b()]);
    first.locks();
    let resolved = first.resolve(&gap("a"));

    let mut next = first.unfinished();
    next.admit(add_one("a"), 2);
    assert_eq!(next.locks(), [own("a"), own("b")]);
    let as_it_will_be = resolved.row(&own("a").0).flatten().and_then(FeedCursor::from_row);
    let held = gap("b").owned(as_it_will_be.unwrap().clone());
    let resolved = next.resolve(&held);
    let writes = [Write::Update(row("a", 2).into()), Write::Insert(row("b", 9).into())];
    assert_eq!(resolved.writes, writes);

    // Neither plan answers for the works of the other.
    assert_eq!(settled(&mut first), done([0]));
    next.reopen(&Rollback::Again);
    assert_eq!((first.len(), settled(&mut next)), (0, vec![]));
    next.locks();
    assert_eq!(next.resolve(&held), resolved);
    assert_eq!(settled(&mut next), done([1, 2]));
}

#[test]
fn a_round_tells_how_each_row_will_be() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let mut plan = plan([work(move |draft, _| {
        draft.need(names.map(own))?;
        for name in ["a", "d", "g"] {
            draft.delete::<FeedCursor>(name.into())?;
        }
        for (name, n) in [("b", 5), ("c", 4), ("f", 6)] {
            draft.put(row(name, n))?;
        }
        Ok(())
    })]);
    plan.locks();
    let held = names.iter().filter(|name| **name != "f");
    let held = held.fold(gap("f"), |held, name| held.owned(row(name, 4)));
    let resolved = plan.resolve(&held);
    let told = names.map(|name| resolved.row(&own(name).0).map(Option::<&_>::cloned));
    let written = |name, n| Some(Some(row(name, n).into()));
    let deleted = Some(None);
    let expected =
        [deleted.clone(), written("b", 5), None, deleted.clone(), None, written("f", 6), deleted];
    assert_eq!(told, expected);
}

#[test]
fn a_work_that_always_asks_for_more_fails() {
    let mut n = 0;
    let insatiable = work(move |draft, _| {
        n += 1;
        draft.need([own(&format!("{n}"))])
    });
    let mut plan = plan([insatiable, add_one("a")]);
    let mut rounds = 0;
    let mut outcomes = Vec::new();
    while !plan.is_empty() {
        let held = plan.locks().into_iter().fold(Held::new(), |mut held, (key, lock)| {
            held.insert(key, lock, None);
            held
        });
        plan.resolve(&held);
        outcomes.extend(settled(&mut plan));
        rounds += 1;
    }
    assert_eq!(rounds, ROUNDS_MAX);
    assert_eq!(outcomes, [(0, "more than 8 rounds".into()), (1, "done".into())]);
}

#[test]
fn a_work_that_needs_nothing_is_settled_at_once() {
    let mut plan = plan([
        work(|_, _| Ok(())),
        Work::new(ctx(7), |_, _| Run::Refused),
        work(|_, _| panic!("this panic belongs to the test")),
    ]);
    let outcomes = [(0, "done".into()), (1, "done".into()), (2, "panicked".into())];
    assert_eq!(settled(&mut plan), outcomes);
}

#[test]
fn a_work_that_only_tells_something_needs_a_round() {
    let mut plan = plan([work(|draft, _| {
        draft.emit(told(1));
        Ok(())
    })]);
    assert_eq!(settled(&mut plan), []);
    assert!(plan.locks().is_empty());
    assert_eq!(plan.resolve(&Held::new()).events.len(), 1);
    assert_eq!(settled(&mut plan), done([0]));
}

#[test]
fn a_panic_is_the_works_own() {
    let bad = || {
        work(|draft, _| {
            draft.need([own("n")])?;
            draft.put(row("n", 100))?;
            draft.emit(told(100));
            panic!("this panic belongs to the test")
        })
    };
    let mut plan = plan([add_one("n"), bad(), add_one("n")]);
    plan.locks();
    let resolved = plan.resolve(&gap("n"));
    assert_eq!(resolved.writes, [Write::Insert(row("n", 2).into())]);
    assert_eq!(resolved.events.len(), 2);
    let outcomes = [(0, "done".into()), (1, "panicked".into()), (2, "done".into())];
    assert_eq!(settled(&mut plan), outcomes);
}

#[test]
fn a_refusal_leaves_nothing_to_the_works_after_it() {
    let refused = Work::new(ctx(7), |draft, _| match draft.need([own("n")]) {
        Err(missing) => Run::Missing(missing),
        Ok(()) => {
            draft.put(row("n", 100)).expect("it is owned");
            draft.emit(told(100));
            Run::Refused
        }
    });
    let mut plan = plan([refused, add_one("n")]);
    plan.locks();
    let resolved = plan.resolve(&gap("n"));
    assert_eq!(resolved.writes, [Write::Insert(row("n", 1).into())]);
    assert_eq!(resolved.events.len(), 1);
}

#[test]
fn a_rejected_round_is_run_one_by_one_and_only_the_culprit_fails() {
    let mut plan = plan([add_one("a"), add_one("b"), add_one("c")]);
    let mut rounds = Vec::new();
    let mut outcomes = Vec::new();
    while !plan.is_empty() {
        let names: Vec<_> = plan.locks().into_iter().map(|(key, _)| key.values()).collect();
        let held = gap("a");
        let held = held.absent::<FeedCursor>("b".into(), Lock::Own);
        let resolved = plan.resolve(&held.absent::<FeedCursor>("c".into(), Lock::Own));
        let has_b = resolved.writes.iter().any(|write| *write.row() == row("b", 1).into());
        if has_b {
            plan.reopen(&Rollback::Rejected("b is taken".into()));
        }
        rounds.push(names.len());
        outcomes.extend(settled(&mut plan));
    }
    assert_eq!(rounds, [3, 1, 1, 1]);
    let expected = [(0, "done".into()), (1, "rejected: b is taken".into()), (2, "done".into())];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_race_is_run_again_and_not_for_ever() {
    let mut plan = plan([add_one("a"), add_one("b")]);
    let mut rounds = Vec::new();
    let mut outcomes = Vec::new();
    while !plan.is_empty() {
        rounds.push(plan.locks().len());
        plan.resolve(&gap("a").absent::<FeedCursor>("b".into(), Lock::Own));
        plan.reopen(&Rollback::Race);
        outcomes.extend(settled(&mut plan));
        assert!(rounds.len() < 50, "it goes on for ever");
    }
    assert_eq!(rounds[..3], [2, 2, 2], "three times together");
    assert!(rounds[3..].iter().all(|alone| *alone == 1), "then alone");
    let why = "rejected: a race that never ends".to_owned();
    assert_eq!(outcomes, [(0, why.clone()), (1, why)]);
}

#[test]
fn trouble_of_the_store_is_blamed_on_nobody() {
    let mut plan = plan([add_one("a"), add_one("b")]);
    for _ in 0..20 {
        assert_eq!(plan.locks().len(), 2, "they stay together");
        plan.resolve(&gap("a").absent::<FeedCursor>("b".into(), Lock::Own));
        plan.reopen(&Rollback::Again);
        assert_eq!(settled(&mut plan), []);
    }
    plan.locks();
    plan.resolve(&gap("a").absent::<FeedCursor>("b".into(), Lock::Own));
    assert_eq!(settled(&mut plan), done([0, 1]));
}

#[test]
fn a_race_that_was_lost_once_is_decided_on_what_won() {
    let mut plan = plan([add_one("a")]);
    plan.locks();
    assert_eq!(plan.resolve(&gap("a")).writes, [Write::Insert(row("a", 1).into())]);
    plan.reopen(&Rollback::Race);
    assert_eq!(settled(&mut plan), []);
    plan.locks();
    let resolved = plan.resolve(&Held::new().owned(row("a", 1)));
    assert_eq!(resolved.writes, [Write::Update(row("a", 2).into())]);
    assert_eq!(settled(&mut plan), done([0]));
}

#[test]
fn a_panic_stays_a_panic_when_its_round_is_run_again() {
    let bad = work(|draft, _| {
        draft.need([own("n")])?;
        panic!("this panic belongs to the test")
    });
    let mut plan = plan([bad, add_one("n")]);
    plan.locks();
    plan.resolve(&gap("n"));
    plan.reopen(&Rollback::Race);
    assert_eq!(settled(&mut plan), [(0, "panicked".into())]);
    assert_eq!(plan.len(), 1);
}

#[test]
fn a_failure_of_the_store_is_told_to_the_round_alone() {
    let mut plan = plan([add_one("a")]);
    plan.locks();
    plan.admit(add_one("b"), 1);
    plan.resolve(&gap("a"));
    assert_eq!(plan.abandon(), [0]);
    assert_eq!(plan.len(), 1, "what was admitted later is not in it");
}

#[test]
fn ids_are_the_same_on_every_run_and_never_those_of_another_command() {
    let minted = Arc::new(Mutex::new(Vec::new()));
    let seen = minted.clone();
    let mints = move |draft: &mut Draft<'_>, ctx: &Ctx| {
        seen.lock().unwrap().push((ctx.new_id::<Uuid>(), ctx.new_id::<Uuid>()));
        draft.need([own("a")])?;
        draft.emit(told(1));
        draft.emit(told(2));
        Ok(())
    };
    let resolve = |plan: &mut Plan<usize>| -> Resolved {
        plan.locks();
        plan.resolve(&gap("a"))
    };
    let mut plan = plan([work(mints)]);
    let first = resolve(&mut plan);
    plan.reopen(&Rollback::Race);
    let second = resolve(&mut plan);

    let minted = minted.lock().unwrap();
    let (one, two) = minted[0];
    assert_eq!(minted.len(), 3, "on nothing, and in two rounds");
    assert!(minted.iter().all(|it| *it == (one, two)));
    assert_eq!(first, second, "events have the same ids too");
    let ids: Vec<Uuid> = first.events.iter().map(|it| it.id.0).collect();
    let other = ctx(8).new_id::<Uuid>();
    let all: std::collections::BTreeSet<_> = [one, two, other].into_iter().chain(ids).collect();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|id| id.get_version_num() == 7));
}
