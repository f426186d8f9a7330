//! What is looked up by its key, or by whose it is.

use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{
    AccountId, AccountKind, AssetCode, EraseMemo, Format, Hold, HoldState, Leg, OpenAccount,
    OwnerId, Refusal, Transaction, TransactionId, TransferFilter,
};
use parlor_core::engine::Error;
use parlor_core::record::Timestamp;
use parlor_core::storage::Page;

use crate::books::{ASSETS, Books, KINDS};

fn not_found<T: std::fmt::Debug>(answer: Result<T, Error<Refusal>>) {
    assert!(matches!(answer, Err(Error::Refused(Refusal::NotFound))), "{answer:?}");
}

/// All pages of a list.
fn all<T>(mut page: impl FnMut(Option<&str>) -> Result<Page<T>, Error<Refusal>>) -> Vec<T> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let some = page(after.as_deref()).expect("the cursor is its own");
        rows.extend(some.rows);
        match some.next {
            Some(next) => after = Some(next),
            None => return rows,
        }
    }
}

/// Books with a hold of each state, in pairs, out of one account.
fn books_with_holds() -> (Books, AccountId) {
    let mut books = Books::new();
    let (from, to) = (books.accounts[0][0], books.accounts[0][1]);
    let mut holds = Vec::new();
    for n in 0..8 {
        let time = (n >= 6).then(|| Duration::from_secs(n));
        let leg = Leg::hold(ASSETS[0], from, to, 100, time);
        let transaction = Transaction::new(books.id(), KINDS[0]).leg(leg.clone());
        holds.push((leg, transaction.transfer(0)));
        assert!(books.post(transaction));
    }
    let mut resolve = |leg: Leg| {
        let transaction = Transaction::new(books.id(), KINDS[0]).leg(leg);
        assert!(books.post(transaction));
    };
    for (leg, id) in &holds[0..2] {
        resolve(leg.capture(*id, 100));
    }
    for (leg, id) in &holds[2..4] {
        resolve(leg.void(*id));
    }
    (books, from)
}

#[test]
fn everybody_finds_their_wallets_by_kind_and_asset() {
    let books = Books::new();
    let owner = OwnerId(Uuid::from_u128(77));
    let mut opened = Vec::new();
    for asset in ASSETS {
        for kind in [AccountKind::Wallet, AccountKind::Promo, AccountKind::Earnings] {
            let open = OpenAccount { kind, ..OpenAccount::wallet(asset, owner) };
            opened.push((kind, asset, books.run(open).unwrap().account));
        }
    }
    opened.sort_by_key(|(kind, asset, _)| (kind.word(), *asset));
    let expected: Vec<_> =
        opened.into_iter().map(|(.., id)| block_on(books.reads().account(id)).unwrap()).collect();
    for size in [1, 4, 100] {
        let reads = books.reads().page_size(size);
        assert_eq!(all(|after| block_on(reads.wallets(owner, after))), expected);
    }
    let nobody = OwnerId(Uuid::from_u128(78));
    assert_eq!(block_on(books.reads().wallets(nobody, None)).unwrap().rows, []);
}

#[test]
fn a_transaction_has_all_its_transfers_and_what_a_person_wrote() {
    let mut books = Books::new();
    let id = books.id();
    let mut transaction = Transaction::new(id, KINDS[0]);
    for n in [1, 3, 2] {
        let (from, to) = (books.accounts[0][0], books.accounts[0][n]);
        transaction = transaction.leg(Leg::transfer(ASSETS[0], from, to, 5));
    }
    transaction.memo = Some("For the tea".to_owned());
    assert!(books.post(transaction));

    let transfers = block_on(books.reads().transaction(id)).unwrap();
    let seen: Vec<_> = transfers.iter().map(|it| (it.leg, it.credit_account)).collect();
    let [a, b, c] = [1, 3, 2].map(|n| books.accounts[0][n]);
    assert_eq!(seen, [(0, a), (1, b), (2, c)]);

    let memo = block_on(books.reads().memo(id)).unwrap();
    assert_eq!((memo.text.as_str(), Some(memo.hash())), ("For the tea", transfers[0].memo));
    books.run(EraseMemo { transaction: id }).unwrap();
    not_found(block_on(books.reads().memo(id)));
}

#[test]
fn holds_are_found_by_account_and_by_their_end() {
    let (books, account) = books_with_holds();
    let mut naive: Vec<Hold> = books.world.rows();
    naive.sort_by_key(|it| (it.state.word(), it.transaction_id));
    assert_eq!(naive.len(), 8);
    let open: Vec<_> = naive.iter().filter(|it| it.state == HoldState::Open).cloned().collect();
    let now = books.world.parlor.now();
    for size in [1, 3, 100] {
        let reads = books.reads().page_size(size);
        assert_eq!(all(|after| block_on(reads.holds(account, false, after))), naive);
        assert_eq!(all(|after| block_on(reads.holds(account, true, after))), open);
        let due = |by| all(|after| block_on(reads.holds_due(by, after)));
        let ends: Vec<_> =
            due(now + Duration::from_secs(9)).iter().map(|it| it.expires_at).collect();
        assert!(ends.len() == 2 && ends.is_sorted(), "{ends:?}");
        assert_eq!(due(now + Duration::from_secs(1)), []);
    }
    for it in naive {
        assert_eq!(block_on(books.reads().hold(it.transfer())).unwrap(), it);
    }
    let other = books.accounts[0][1];
    assert_eq!(block_on(books.reads().holds(other, false, None)).unwrap().rows, []);
}

#[test]
fn assets_are_listed_by_their_code() {
    let books = Books::new();
    let reads = books.reads().page_size(1);
    let codes: Vec<_> =
        all(|after| block_on(reads.assets(after))).iter().map(|it| it.code).collect();
    assert_eq!(codes, ASSETS);
    assert_eq!(block_on(reads.asset(ASSETS[1])).unwrap().code, ASSETS[1]);
}

#[test]
fn what_is_not_there_is_not_found() {
    let (books, nothing) = (Books::new(), Uuid::from_u128(9));
    let reads = books.reads();
    not_found(block_on(reads.asset(AssetCode::of("NONE"))));
    not_found(block_on(reads.account(AccountId(nothing))));
    not_found(block_on(reads.transaction(TransactionId(nothing))));
    not_found(block_on(reads.memo(TransactionId(nothing))));
    let transfer = Transaction::new(TransactionId(nothing), KINDS[0]).transfer(0);
    not_found(block_on(reads.hold(transfer)));
}

/// A server may await them on any of its threads.
#[test]
fn reads_under_way_move_between_threads() {
    fn check<T: Send>(_: T) {}
    let (books, now) = (Books::new(), Timestamp(0));
    let (reads, account) = (books.reads(), books.accounts[0][0]);
    check(reads.wallets(OwnerId(Uuid::from_u128(1)), None));
    check(reads.history(&TransferFilter::default(), None));
    check(reads.statement(account, now..now, None));
    check(reads.trial_balance_at(ASSETS[0], now, |_| {}));
    check(reads.reconcile(account, now..now, Vec::new()));
    check(async { reads.export_log(ASSETS[0], None..None, Format::Csv).await?.next().await });
}
