//! Reports are what a look at every transfer comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{
    Account, AccountKind, AssetCode, Counters, DAYS_MAX, Hold, HoldState, HoldsEnding, Kind, Leg,
    Phase, ReadProgress, Refusal, Supply, Transaction, Transfer, Turnover, Volume,
};
use parlor_core::engine::Error;
use parlor_core::record::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::books::{ACCOUNTS, ASSETS, Books, KINDS, cases, steps};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
/// All that the random books are about.
const AGES: std::ops::Range<Timestamp> = Timestamp(1_767_225_600_000_000 - 100 * DAY_US)
    ..Timestamp(1_767_225_600_000_000 + 500 * DAY_US);

fn day(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(DAY_US) * DAY_US)
}

fn naive_trial_balance(
    books: &Books,
    asset: AssetCode,
    wanted: impl Fn(&Transfer) -> bool + Copy,
) -> BTreeMap<AccountKind, Counters> {
    let mut kinds: BTreeMap<AccountKind, Counters> = BTreeMap::new();
    for account in books.all_accounts().values().filter(|it| it.asset == asset) {
        *kinds.entry(account.kind).or_default() += books.fold(account.id, wanted);
    }
    kinds
}

/// What accounts of a kind got, less what they gave.
fn gained(books: &Books, asset: AssetCode, kinds: &[AccountKind]) -> i128 {
    let accounts = books.all_accounts();
    let amount = |it: &Transfer| {
        let is = |id| i128::from(kinds.contains(&accounts[&id].kind));
        i128::from(it.amount) * (is(it.credit_account) - is(it.debit_account))
    };
    let posted = books.transfers();
    posted.iter().filter(|it| it.asset == asset && it.phase.posts()).map(amount).sum()
}

fn check_now(books: &Books, asset: AssetCode) {
    let reads = books.reads();
    let told = block_on(reads.trial_balance(asset)).expect("there is such an asset");
    assert_eq!(told.kinds, naive_trial_balance(books, asset, |_| true));
    assert!(told.total().is_even(), "{told:?}");

    let supply = block_on(reads.supply(asset)).expect("there is such an asset");
    let issued = -gained(books, asset, &[AccountKind::Issuance]);
    let burned = gained(books, asset, &[AccountKind::Burn]);
    let Supply { issued: told_issued, burned: told_burned, circulating } = supply;
    assert_eq!((i128::from(told_issued), i128::from(told_burned)), (issued, burned));
    assert_eq!(circulating, issued - burned);

    use AccountKind::{Earnings, Promo, Treasury, Wallet};
    let owed = gained(books, asset, &[Wallet, Earnings, Promo, Treasury]);
    assert_eq!(block_on(reads.liability(asset)).expect("there is such an asset"), owed);

    let clearing = block_on(reads.clearing(asset, None)).expect("there is such an asset").rows;
    let mut naive: Vec<Account> = books.all_accounts().into_values().collect();
    naive.retain(|it| it.asset == asset && it.kind == AccountKind::Clearing && it.balance() != 0);
    assert_eq!(clearing, naive);
}

fn check_at(books: &Books, asset: AssetCode, at: Timestamp) {
    let mut seen = Vec::new();
    let reads = books.reads();
    let told = reads.trial_balance_at(asset, at, |progress| seen.push(progress));
    let told = block_on(told).expect("there is such an asset");
    assert_eq!(told.kinds, naive_trial_balance(books, asset, |it| it.at <= at));
    assert!(told.total().is_even(), "{told:?}");
    let all = ACCOUNTS as u64;
    assert_eq!(seen, [ReadProgress { done: all, total: all }]);
}

fn check_volume(books: &Books, kind: Kind, period: std::ops::Range<Timestamp>) {
    let told = block_on(books.reads().volume(kind, period.clone())).expect("it is short");
    let mut naive: BTreeMap<(AssetCode, Timestamp), Volume> = BTreeMap::new();
    for it in books.transfers() {
        if it.kind == kind && period.contains(&it.at) {
            match it.phase {
                Phase::Single | Phase::Capture => {
                    let day = naive.entry((it.asset, day(it.at))).or_default();
                    (day.moves, day.moved) = (day.moves + 1, day.moved + it.amount);
                }
                Phase::Refund | Phase::Reversal => {
                    let day = naive.entry((it.asset, day(it.at))).or_default();
                    (day.returns, day.returned) = (day.returns + 1, day.returned + it.amount);
                }
                Phase::Hold | Phase::Void | Phase::Expiry => {}
            }
        }
    }
    assert_eq!(told, naive);
}

fn check_turnover(books: &Books, account: (usize, usize), period: std::ops::Range<Timestamp>) {
    let account = books.accounts[account.0][account.1];
    let told = block_on(books.reads().turnover(account, period.clone())).expect("it is short");
    let mut naive: BTreeMap<(Kind, Timestamp), Turnover> = BTreeMap::new();
    for it in books.transfers() {
        let sides = (it.debit_account == account, it.credit_account == account);
        if period.contains(&it.at) && it.phase.posts() && sides != (false, false) {
            let day = naive.entry((it.kind, day(it.at))).or_default();
            day.debits += if sides.0 { it.amount } else { 0 };
            day.credits += if sides.1 { it.amount } else { 0 };
        }
    }
    assert_eq!(told, naive);
}

fn check_holds(books: &Books, asset: AssetCode, period: std::ops::Range<Timestamp>) {
    let told = block_on(books.reads().holds_ending(asset, period.clone())).expect("it is short");
    let mut naive: BTreeMap<Timestamp, HoldsEnding> = BTreeMap::new();
    for it in books.world.rows::<Hold>() {
        let end = it.expires_at.filter(|end| it.asset == asset && period.contains(end));
        if let Some(end) = end {
            assert_eq!(it.state, HoldState::Open);
            let day = naive.entry(day(end)).or_default();
            day.holds += 1;
            day.remaining += it.amount - it.captured - it.released;
        }
    }
    assert_eq!(told, naive);
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn reports_agree_with_a_look_at_every_transfer(
        steps in steps(80),
        instants in proptest::collection::vec((any::<Index>(), -1..=1i64), 4),
        ends in [any::<Index>(), any::<Index>()],
        account in (0..2usize, 0..ACCOUNTS),
        kind in 0..KINDS.len(),
    ) {
        let books = Books::after(&steps);
        let within = |at: Timestamp| at.clamp(AGES.start, AGES.end);
        let [from, to] = ends.map(|end| within(books.instant(&end, 0)));
        for asset in ASSETS {
            check_now(&books, asset);
            for (at, by) in &instants {
                check_at(&books, asset, books.instant(at, *by));
            }
            for period in [AGES, from..to] {
                check_volume(&books, KINDS[kind], period.clone());
                check_holds(&books, asset, period.clone());
                check_turnover(&books, account, period);
            }
            for end in books.world.rows::<Hold>().iter().filter_map(|it| it.expires_at) {
                check_holds(&books, asset, AGES.start..end);
                check_holds(&books, asset, end..AGES.end);
            }
        }
    }
}

#[test]
fn there_is_no_report_of_an_asset_that_is_not_there() {
    let (books, asset) = (Books::new(), AssetCode::of("NONE"));
    let reads = books.reads();
    let now = books.world.parlor.now();
    let refused = [
        block_on(reads.trial_balance(asset)).map(|_| ()),
        block_on(reads.trial_balance_at(asset, now, |_| {})).map(|_| ()),
        block_on(reads.supply(asset)).map(|_| ()),
        block_on(reads.liability(asset)).map(|_| ()),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::Refused(Refusal::NotFound))), "{refused:?}");
    }
}

#[test]
fn a_period_of_too_many_days_is_refused() {
    let mut books = Books::new();
    let account = books.accounts[0][1];
    let ever = || Timestamp(i64::MIN)..Timestamp::NEVER;
    let mut last = None;
    for n in 0..=DAYS_MAX {
        let [from, to] = [0, 1].map(|n| books.accounts[0][n]);
        let leg = match n % 2 {
            0 => Leg::transfer(ASSETS[0], from, to, 1),
            _ => Leg::transfer(ASSETS[0], to, from, 1),
        };
        let days = Duration::from_secs(86_400);
        let hold = Leg::hold(ASSETS[0], from, to, 1, Some(days));
        let it = Transaction::new(books.id(), KINDS[0]).leg(leg).leg(hold);
        assert!(books.post(it));
        last = Some(books.world.parlor.now());
        books.world.clock.advance(days);
    }
    let last = last.unwrap();
    let volume = |period| block_on(books.reads().volume(KINDS[0], period)).map(|it| it.len());
    let holds = |period| block_on(books.reads().holds_ending(ASSETS[0], period)).map(|it| it.len());
    let most = DAYS_MAX as usize;
    assert_eq!(volume(Timestamp(i64::MIN)..last).unwrap(), most);
    assert_eq!(holds(Timestamp(i64::MIN)..last + Duration::from_secs(86_400)).unwrap(), most);
    for refused in [volume(ever()), holds(ever())] {
        let is_invalid =
            matches!(&refused, Err(Error::Refused(Refusal::Invalid(it))) if it.field == "period");
        assert!(is_invalid, "{refused:?}");
    }
    // Each side of an account is counted for itself.
    assert_eq!(block_on(books.reads().turnover(account, ever())).unwrap().len(), most + 1);
}
