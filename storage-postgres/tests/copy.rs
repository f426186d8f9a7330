//! Many rows at once, which go another way than a few.

use parlor_core::Uuid;
use parlor_core::conformance::{Books, World, bank, block_on, threads};
use parlor_core::economy::ledger::{
    AccountChange, Entry, Kind, Leg, OpenAccount, OwnerId, Post, Transaction, TransactionId,
    Transfer, Wallet,
};
use parlor_core::events::Actor;
use parlor_core::identity::UserId;
use parlor_core::storage::{MemoryStore, Store};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

fn connect() -> World<PostgresStore> {
    let cluster = Cluster::shared();
    let options = cluster.options(cluster.database());
    World::new(block_on(PostgresStore::connect_with(options)).expect("it opens"))
}

/// A transaction of 64 legs with all that may be in one, and one of as many with nothing of it.
fn post<S: Store>(world: &World<S>) -> (Vec<Transfer>, Vec<Entry>) {
    Books::open(world);
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let full = Transaction {
        legs: vec![Leg::hold(Books::COIN, Books::MINT, Books::ADA, 3, Some(day)); 64],
        user: Some(UserId(Uuid::max())),
        reference: Some("pi_\\N".into()),
        metadata: Some("{\"line\": \"one\\ntwo\"}".into()),
        memo: Some("Schön\tgesungen!".into()),
        effective_at: Some(World::<S>::BEGIN),
        ..Transaction::new(TransactionId(Uuid::from_u128(11)), Kind::of("reward"))
    };
    let bare = Transaction {
        legs: vec![Leg::transfer(Books::COIN, Books::MINT, Books::BEN, 9_999); 64],
        ..Transaction::new(TransactionId(Uuid::from_u128(12)), Kind::of("top_up"))
    };
    for transaction in [full, bare] {
        block_on(world.parlor.execute(Actor::HOST, Post(transaction))).expect("it is posted");
    }
    bank::audit(&world.parlor);
    (world.rows(), world.rows())
}

#[test]
fn a_long_transaction_is_kept_as_it_is_in_memory() {
    let (transfers, entries) = post(&connect());
    assert_eq!((transfers.len(), entries.len()), (128, 256));
    assert_eq!((transfers, entries), post(&World::new(MemoryStore::new())));
}

#[test]
fn accounts_that_many_open_at_once_are_there() {
    const EACH: u128 = 20;
    let world = connect();
    Books::open(&world);
    let (wallets, changes) = (world.rows::<Wallet>().len(), world.rows::<AccountChange>().len());
    threads(32, |k| {
        for n in 0..EACH {
            let owner = OwnerId(Uuid::from_u128(1_000_000 + k as u128 * EACH + n));
            let open = OpenAccount::wallet(Books::COIN, owner);
            block_on(world.parlor.execute(Actor::HOST, open)).expect("it is opened");
        }
    });
    assert_eq!(world.rows::<Wallet>().len(), wallets + 640);
    assert_eq!(world.rows::<AccountChange>().len(), changes + 640);
    bank::audit(&world.parlor);
}
