//! Which rows are locked while a command is decided, as others on the server see it.

use std::sync::{Arc, mpsc};
use std::thread;

use parlor_core::conformance::{Books, World, block_on};
use parlor_core::economy::ledger::{Account, AccountId, Asset};
use parlor_core::engine::{Ctx, Settings};
use parlor_core::events::Actor;
use parlor_core::record::Stored as _;
use parlor_core::storage::{Need, Run, Store as _, Work};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

/// Runs this while a command that asked for these rows has them and is being decided.
fn while_decided(store: &PostgresStore, needs: Vec<Need>, then: impl FnOnce()) {
    let (decided, is_decided) = mpsc::channel();
    let (over, is_over) = mpsc::channel();
    let ctx = Ctx::new(
        World::<PostgresStore>::BEGIN,
        Actor::HOST,
        Arc::new(Settings::default()),
        [7; 32],
    );
    let work = Work::new(ctx, move |draft, _| match draft.need(needs.clone()) {
        Err(missing) => Run::Missing(missing),
        Ok(()) => {
            decided.send(()).expect("the test waits for it");
            is_over.recv().expect("the test ends it");
            Run::Done
        }
    });
    thread::scope(|scope| {
        let submitted = scope.spawn(|| block_on(store.submit(work)));
        is_decided.recv().expect("it is decided");
        then();
        over.send(()).expect("it waits");
        submitted.join().expect("it does not panic").expect("it ends well");
    });
}

/// Whether nobody holds a lock on the account.
fn is_free(url: &str, AccountId(id): AccountId) -> bool {
    let lock = format!("SELECT 1 FROM ledger_account WHERE id = '{id}' FOR UPDATE SKIP LOCKED");
    !Cluster::shared().sql(url, &lock).is_empty()
}

#[test]
fn an_account_is_locked_unless_its_asset_is() {
    let url = Cluster::shared().database();
    let options = Cluster::shared().options(&url);
    let store = block_on(PostgresStore::connect_with(options)).expect("it opens");
    let world = World::new(store);
    Books::open(&world);
    let while_decided = |needs: &[Need], is_locked: bool| {
        while_decided(&world.store, needs.to_vec(), || {
            assert_ne!(is_free(&url, Books::ADA), is_locked)
        });
    };
    let (account, asset) = (Account::own(Books::ADA), Asset::own(Books::COIN));
    assert!(is_free(&url, Books::ADA));
    while_decided(std::slice::from_ref(&account), true);
    while_decided(&[asset.clone(), account.clone()], false);
    while_decided(&[Asset::own(Books::GEM), account], true);
    while_decided(&[asset, Account::share(Books::ADA)], true);
}
