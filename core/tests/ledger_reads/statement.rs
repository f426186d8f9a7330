//! Statements add up, and balances are what the transfers before them come to.

use parlor_core::Uuid;
use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{AccountId, Counters, Line, Refusal, Statement, Transfer};
use parlor_core::engine::Error;
use parlor_core::record::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::books::{ACCOUNTS, Books, cases, count, steps};

/// All pages of a statement.
fn paged(books: &Books, account: AccountId, period: [Timestamp; 2], size: u32) -> Vec<Statement> {
    let (mut pages, mut after): (Vec<Statement>, Option<String>) = (Vec::new(), None);
    loop {
        let reads = books.reads().page_size(size);
        let page = reads.statement(account, period[0]..period[1], after.as_deref());
        let page = block_on(page).expect("there is such an account");
        after.clone_from(&page.lines.next);
        pages.push(page);
        if after.is_none() {
            return pages;
        }
    }
}

fn check(books: &Books, account: AccountId, period: [Timestamp; 2], size: u32) {
    let [from, to] = period;
    let pages = paged(books, account, period, size);
    let lines: Vec<&Line> = pages.iter().flat_map(|page| &page.lines.rows).collect();
    let (opening, closing) = (pages[0].opening, pages[0].closing);
    assert!(pages.iter().all(|it| (it.opening, it.closing) == (opening, closing)));

    let of_account = |it: &Transfer| it.debit_account == account || it.credit_account == account;
    let mut naive = books.transfers();
    naive.retain(|it| of_account(it) && from <= it.at && it.at < to);
    assert_eq!(lines.iter().map(|line| line.transfer.clone()).collect::<Vec<_>>(), naive);

    let mut standing = opening;
    for line in lines {
        count(&mut standing, account, &line.transfer);
        assert_eq!(line.entry.counters(), standing, "{line:?}");
        assert_eq!(line.entry.transfer(), line.transfer.id());
        assert!(of_account(&line.transfer) && line.other_account() != account);
    }
    assert_eq!(standing, closing, "opening and movements come to the closing");
    assert_eq!(opening, books.fold(account, |it| it.at < from));
    // A period that ends before it begins is as it stood when it began.
    assert_eq!(closing, books.fold(account, |it| it.at < to.max(from)));
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn opening_and_movements_come_to_the_closing(
        steps in steps(70),
        periods in proptest::collection::vec(
            ((0..2usize, 0..ACCOUNTS), [any::<Index>(), any::<Index>()], [-1..=1i64, -1..=1], 1..9u32),
            16,
        ),
    ) {
        let books = Books::after(&steps);
        for ((asset, n), ends, by, size) in periods {
            let account = books.accounts[asset][n];
            let period = [0, 1].map(|end| books.instant(&ends[end], by[end]));
            check(&books, account, period, size);
        }
    }

    #[test]
    fn a_balance_is_what_was_posted_by_then(
        steps in steps(70),
        instants in proptest::collection::vec(((0..2usize, 0..ACCOUNTS), any::<Index>(), -1..=1i64), 24),
    ) {
        let books = Books::after(&steps);
        for ((asset, n), at, by) in instants {
            let (account, at) = (books.accounts[asset][n], books.instant(&at, by));
            let told = block_on(books.reads().balance_at(account, at)).expect("it is there");
            prop_assert_eq!(told, books.fold(account, |it| it.at <= at));
        }
        for (id, account) in books.all_accounts() {
            let told = block_on(books.reads().balance_at(id, Timestamp::NEVER)).expect("it is there");
            prop_assert_eq!(told, account.counters());
            prop_assert_eq!(told.balance(), account.balance());
        }
    }
}

#[test]
fn an_account_that_nothing_happened_to_has_a_statement_too() {
    let books = Books::new();
    let account = books.accounts[0][1];
    let all = Timestamp(i64::MIN)..Timestamp::NEVER;
    let statement = block_on(books.reads().statement(account, all, None)).unwrap();
    let nothing = Counters::default();
    assert_eq!((statement.opening, statement.closing), (nothing, nothing));
    assert_eq!((statement.lines.rows, statement.lines.next), (Vec::new(), None));
}

#[test]
fn there_is_no_statement_of_an_account_that_is_not_there() {
    let (books, nobody) = (Books::new(), AccountId(Uuid::from_u128(9)));
    let now = books.world.parlor.now();
    let statement = block_on(books.reads().statement(nobody, now..now, None)).map(|_| ());
    let balance = block_on(books.reads().balance_at(nobody, now)).map(|_| ());
    for refused in [statement, balance] {
        assert!(matches!(refused, Err(Error::Refused(Refusal::NotFound))), "{refused:?}");
    }
}
