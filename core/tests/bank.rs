//! A bank whose clients all ask at once, on the memory store; and where its log has its corners.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::conformance::bank::{self, Answers, COIN, account};
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{
    Block, Kind, Leg, Post, Receipt, Transaction, TransactionId, TransferId,
};
use parlor_core::events::Actor;
use parlor_core::record::Timestamp;
use parlor_core::storage::MemoryStore;

fn world() -> World<MemoryStore> {
    let world = World::new(MemoryStore::new());
    bank::open(&world.parlor);
    world
}

fn post(world: &World<MemoryStore>, n: u128, legs: impl IntoIterator<Item = Leg>) -> Receipt {
    let id = TransactionId(Uuid::from_u128(1_000 + n));
    let legs = legs.into_iter().collect();
    let transaction = Transaction { legs, ..Transaction::new(id, Kind::of("move")) };
    block_on(world.parlor.execute(Actor::HOST, Post(transaction))).unwrap().receipt()
}

#[test]
fn every_request_has_one_outcome_and_the_audit_is_clean() {
    let world = world();
    let mut answers = Answers::default();
    let parlors = [world.parlor.clone(), world.server(1)];
    for round in 1..3 {
        bank::work(&parlors, round, 6, 40, &mut answers);
        answers.check(&world.parlor);
        world.clock.advance(Duration::from_secs(20));
        bank::expire(&world.parlor);
    }
    answers.retry(&world.parlor, 0);
    answers.check(&world.parlor);
    let [all, posted, refused] = answers.count();
    assert!(posted + refused == all && posted > 250 && refused > 40, "{posted} + {refused}");
}

#[test]
fn of_320_debits_at_once_as_many_succeed_as_there_is_money() {
    let world = world();
    bank::debits_at_once(&[world.parlor.clone(), world.server(1)], 0);
    bank::audit(&world.parlor);
}

#[test]
fn a_block_may_end_in_the_midst_of_a_transaction() {
    let world = world();
    let [ada, ben] = [1, 2].map(|n| account(COIN, n));
    let there_and_back = [Leg::transfer(COIN, ada, ben, 1), Leg::transfer(COIN, ben, ada, 1)];
    let mut ended = Vec::new();
    for n in 0..70 {
        let receipt = post(&world, n, there_and_back.iter().cycle().take(63).cloned());
        let (first, last) = (receipt.seq, receipt.seq + i64::from(receipt.legs) - 1);
        ended.extend((first / 1_024 != last / 1_024 && last % 1_024 != 1_023).then_some(n));
    }
    assert!(ended.len() >= 3, "{ended:?}");
    assert_eq!(world.rows::<Block>().len(), 4);
    bank::audit(&world.parlor);
}

#[test]
fn the_last_capture_may_come_at_the_last_instant_of_its_hold() {
    let world = world();
    let [ada, ben] = [1, 2].map(|n| account(COIN, n));
    let time = Duration::from_secs(10);
    let hold = Leg::hold(COIN, ada, ben, 10, Some(time));
    let receipt = post(&world, 0, [hold.clone()]);
    let id = TransferId { transaction: receipt.transaction, leg: 0 };
    let last_instant = Timestamp((receipt.at + time).0 - 1);
    world.clock.set(last_instant);
    assert_eq!(post(&world, 1, [hold.capture_last(id, 4)]).at, last_instant);
    bank::audit(&world.parlor);
}
