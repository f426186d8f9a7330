//! Every filter, alone and with all others, gives what a look at every transfer gives.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{Leg, Refusal, Transaction, Transfer, TransferFilter};
use parlor_core::engine::Error;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::books::{ACCOUNTS, ASSETS, Books, KINDS, cases, steps, user};

/// A filter whose account and times are yet to be picked from the books.
#[derive(Clone, Debug)]
struct Wish {
    account: Option<(usize, usize)>,
    user: Option<u8>,
    kind: Option<usize>,
    asset: Option<usize>,
    from: Option<(Index, i64)>,
    to: Option<(Index, i64)>,
}

impl Wish {
    fn of(&self, books: &Books) -> TransferFilter {
        TransferFilter {
            account: self.account.map(|(asset, n)| books.accounts[asset][n]),
            user: self.user.map(user),
            kind: self.kind.map(|n| KINDS[n]),
            asset: self.asset.map(|n| ASSETS[n]),
            from: self.from.as_ref().map(|(at, by)| books.instant(at, *by)),
            to: self.to.as_ref().map(|(at, by)| books.instant(at, *by)),
        }
    }
}

fn wish() -> impl Strategy<Value = Wish> {
    let instant = || proptest::option::of((any::<Index>(), -1..=1i64));
    let rest = (0..2usize, 0..ACCOUNTS, 0..4u8, 0..KINDS.len(), 0..2usize);
    (rest, instant(), instant(), 0..16u8).prop_map(|(it, from, to, said)| {
        let (of, account, user, kind, asset) = it;
        let if_said = |bit: u8| said >> bit & 1 == 1;
        Wish {
            account: if_said(0).then_some((of, account)),
            user: if_said(1).then_some(user),
            kind: if_said(2).then_some(kind),
            asset: if_said(3).then_some(asset),
            from,
            to,
        }
    })
}

/// What is wanted, by a look at every transfer.
fn naive(books: &Books, wanted: &TransferFilter) -> Vec<Transfer> {
    let mut rows = books.transfers();
    rows.retain(|it| {
        let touches = |account| it.debit_account == account || it.credit_account == account;
        wanted.account.is_none_or(touches)
            && wanted.user.is_none_or(|user| it.user_id == Some(user))
            && wanted.kind.is_none_or(|kind| it.kind == kind)
            && wanted.asset.is_none_or(|asset| it.asset == asset)
            && wanted.from.is_none_or(|from| from <= it.at)
            && wanted.to.is_none_or(|to| it.at < to)
    });
    rows.sort_by_key(|it| Reverse((it.at, it.transaction_id, it.leg)));
    rows
}

/// All pages; each but the last one is full.
fn paged(books: &Books, wanted: &TransferFilter, size: u32) -> Vec<Transfer> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = books.reads().page_size(size);
        let page = block_on(page.history(wanted, after.as_deref())).expect("the cursor is its own");
        let is_full = page.rows.len() == size as usize;
        assert!(page.rows.len() <= size as usize && (page.next.is_none() || is_full), "{page:?}");
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = Some(next),
            None => return rows,
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn every_filter_agrees_with_a_look_at_every_transfer(
        steps in steps(90),
        wishes in proptest::collection::vec((wish(), 1..12u32), 24),
    ) {
        let books = Books::after(&steps);
        for (wish, size) in wishes {
            let wanted = wish.of(&books);
            let (found, naive) = (paged(&books, &wanted, size), naive(&books, &wanted));
            prop_assert_eq!(found, naive, "{:?} by {}", wanted, size);
        }
    }
}

/// The random books have what the filters are for: for each combination of them something is found,
/// and two assets have transfers of the same instant.
#[test]
fn the_random_books_are_worth_searching() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut found = [0; 16];
    let mut ties = 0;
    for _ in 0..8 {
        let steps = steps(90).new_tree(&mut runner).unwrap().current();
        let books = Books::after(&steps);
        let transfers = books.transfers();
        let at_once = |it: &&Transfer| {
            transfers.iter().any(|other| other.at == it.at && other.asset != it.asset)
        };
        ties += transfers.iter().filter(at_once).count();
        for it in &transfers {
            for said in 0..16u8 {
                let if_said = |bit: u8| said >> bit & 1 == 1;
                let wanted = TransferFilter {
                    account: if_said(0).then_some(it.debit_account),
                    user: it.user_id.filter(|_| if_said(1)),
                    kind: if_said(2).then_some(it.kind),
                    asset: if_said(3).then_some(it.asset),
                    ..TransferFilter::default()
                };
                found[usize::from(said)] += naive(&books, &wanted).len();
            }
        }
    }
    assert!(found.iter().all(|found| *found > 100), "{found:?}");
    assert!(ties > 20, "{ties}");
}

#[test]
fn what_a_provider_calls_by_a_name_is_found_by_it() {
    let mut books = Books::new();
    let legs = [(0, 4), (4, 1), (0, 5)].map(|(from, to)| {
        let accounts = &books.accounts[0];
        Leg::transfer(ASSETS[0], accounts[from], accounts[to], 5)
    });
    for (leg, reference) in legs.into_iter().zip(["a", "b", "a"]) {
        let mut it = Transaction::new(books.id(), KINDS[0]).leg(leg);
        it.reference = Some(reference.to_owned());
        assert!(books.post(it));
    }
    let page = block_on(books.reads().by_reference("a", None)).unwrap();
    let mut naive = books.transfers();
    naive.retain(|it| it.reference.as_deref() == Some("a"));
    naive.sort_by_key(Transfer::id);
    assert_eq!((page.rows.len(), page.rows), (2, naive));
    assert_eq!(block_on(books.reads().by_reference("c", None)).unwrap().rows, []);
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let mut books = Books::new();
    for _ in 0..2 {
        let leg = Leg::transfer(ASSETS[0], books.accounts[0][0], books.accounts[0][1], 1);
        let it = Transaction::new(books.id(), KINDS[0]).leg(leg);
        assert!(books.post(it));
    }
    let of = |asset| TransferFilter { asset, ..TransferFilter::default() };
    let reads = books.reads().page_size(1);
    let next = block_on(reads.history(&of(Some(ASSETS[0])), None)).unwrap().next;
    let id = parlor_core::Uuid::from_u128(1);
    let forged =
        |leg: u32| URL_SAFE_NO_PAD.encode(format!(r#"["ledger.history_of_all",1,"{id}",{leg}]"#));
    assert_eq!(block_on(reads.history(&of(None), Some(&forged(255)))).unwrap().rows, []);
    for (wanted, after) in [
        (of(None), next.as_deref()),
        (of(None), Some(&forged(256)[..])),
        (of(Some(ASSETS[0])), Some("nonsense")),
    ] {
        let refused = block_on(reads.history(&wanted, after));
        assert!(matches!(refused, Err(Error::Refused(Refusal::BadCursor(_)))), "{refused:?}");
    }
}
