//! A provider's lines are held against the books.

use std::collections::BTreeMap;

use parlor_core::Uuid;
use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{
    AccountId, AssetCode, Kind, Leg, Match, PROVIDER_LINES_MAX, Phase, ProviderLine,
    Reconciliation, Refusal, Transaction, TransactionId, Transfer, TransferId, reconcile,
};
use parlor_core::engine::Error;
use parlor_core::record::{Digest, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use crate::books::{ASSETS, Books, KINDS, cases};

const CLEARING: AccountId = AccountId(Uuid::from_u128(1));
const OTHER: AccountId = AccountId(Uuid::from_u128(2));
const EUR: AssetCode = AssetCode::of("EUR");

fn line(reference: &str, amount: i64, at: i64) -> ProviderLine {
    ProviderLine { reference: reference.to_owned(), asset: EUR, amount, at: Timestamp(at) }
}

/// A transfer out of the clearing account, or into it when the amount is below zero.
fn transfer(seq: i64, reference: Option<&str>, amount: i64) -> Transfer {
    let (debit_account, credit_account) = match amount > 0 {
        true => (CLEARING, OTHER),
        false => (OTHER, CLEARING),
    };
    Transfer {
        transaction_id: TransactionId(Uuid::from_u128(seq.unsigned_abs().into())),
        leg: 0,
        legs: 1,
        asset: EUR,
        seq,
        at: Timestamp(seq),
        effective_at: Timestamp(seq),
        kind: Kind::of("top_up"),
        phase: Phase::Single,
        debit_account,
        credit_account,
        amount: amount.abs(),
        about: None,
        about_leg: None,
        expires_at: None,
        user_id: None,
        reference: reference.map(ToOwned::to_owned),
        metadata: None,
        memo: None,
        fingerprint: Digest([0; 32]),
    }
}

/// A payment of which the two sides have this.
#[derive(Clone, Debug)]
enum Planted {
    /// As many lines as transfers, one each.
    Same(Vec<i64>),
    /// One line, and transfers that come to it.
    Split(Vec<i64>),
    /// One line, of this much more than the transfer.
    Differs(i64, i64),
    OnlyLines(Vec<i64>),
    OnlyTransfers(Vec<i64>),
    /// A line of something else, and a transfer.
    OtherAsset(i64),
    /// A transfer without a reference.
    NoReference(i64),
}

fn planted() -> impl Strategy<Value = Planted> {
    let amount = || prop_oneof![1..500i64, -500..0i64];
    let amounts = |n| proptest::collection::vec(1..500i64, n);
    prop_oneof![
        4 => proptest::collection::vec(amount(), 1..3).prop_map(Planted::Same),
        3 => amounts(2..5).prop_map(Planted::Split),
        2 => (1..500i64, amount()).prop_map(|(amount, by)| Planted::Differs(amount, by)),
        1 => amounts(1..3).prop_map(Planted::OnlyLines),
        1 => amounts(1..3).prop_map(Planted::OnlyTransfers),
        1 => amount().prop_map(Planted::OtherAsset),
        1 => amount().prop_map(Planted::NoReference),
    ]
}

/// Both sides of what is planted, and what must be said of it.
#[derive(Default)]
struct Plot {
    lines: Vec<ProviderLine>,
    transfers: Vec<Transfer>,
    expected: Reconciliation,
}

impl Plot {
    fn of(planted: &[Planted]) -> Self {
        let mut plot = Self::default();
        for (n, it) in planted.iter().enumerate() {
            plot.plant(&format!("pay_{n:03}"), it);
        }
        let by_line =
            |a: &ProviderLine, b: &ProviderLine| (&a.reference, a.at).cmp(&(&b.reference, b.at));
        plot.expected.unmatched_lines.sort_by(by_line);
        plot.expected.unmatched_transfers.sort_by_key(|it| (it.reference.clone(), it.seq));
        plot
    }

    fn plant(&mut self, reference: &str, it: &Planted) {
        match it {
            Planted::Same(amounts) => {
                let both: Vec<_> = amounts
                    .iter()
                    .map(|amount| {
                        (self.line(reference, *amount), self.transfer(reference, *amount))
                    })
                    .collect();
                let pairs = both
                    .into_iter()
                    .map(|(line, transfer)| Match { lines: vec![line], transfers: vec![transfer] });
                self.expected.matches.extend(pairs);
            }
            Planted::Split(amounts) => {
                let lines = vec![self.line(reference, amounts.iter().sum())];
                let transfers = amounts.iter().map(|it| self.transfer(reference, *it)).collect();
                self.expected.matches.push(Match { lines, transfers });
            }
            Planted::Differs(amount, by) => {
                let lines = vec![self.line(reference, amount + by)];
                let transfers = vec![self.transfer(reference, *amount)];
                self.expected.differences.push(Match { lines, transfers });
            }
            Planted::OnlyLines(amounts) => {
                let lines: Vec<_> = amounts.iter().map(|it| self.line(reference, *it)).collect();
                self.expected.unmatched_lines.extend(lines);
            }
            Planted::OnlyTransfers(amounts) => {
                let all: Vec<_> = amounts.iter().map(|it| self.transfer(reference, *it)).collect();
                self.expected.unmatched_transfers.extend(all);
            }
            Planted::OtherAsset(amount) => {
                let mut line = self.line(reference, *amount);
                line.asset = AssetCode::of("USD");
                *self.lines.last_mut().expect("it was put there") = line.clone();
                self.expected.unmatched_lines.push(line);
                let transfer = self.transfer(reference, *amount);
                self.expected.unmatched_transfers.push(transfer);
            }
            Planted::NoReference(amount) => {
                let transfer = transfer(self.transfers.len() as i64 + 1, None, *amount);
                self.transfers.push(transfer.clone());
                self.expected.unmatched_transfers.push(transfer);
            }
        }
    }

    fn line(&mut self, reference: &str, amount: i64) -> ProviderLine {
        let line = line(reference, amount, self.lines.len() as i64);
        self.lines.push(line.clone());
        line
    }

    fn transfer(&mut self, reference: &str, amount: i64) -> Transfer {
        let transfer = transfer(self.transfers.len() as i64 + 1, Some(reference), amount);
        self.transfers.push(transfer.clone());
        transfer
    }
}

/// In another order.
fn shuffled<T>(mut all: Vec<T>, by: u64) -> Vec<T> {
    let mut next = parlor_core::conformance::random(by);
    for n in (1..all.len()).rev() {
        all.swap(n, (next() % (n as u64 + 1)) as usize);
    }
    all
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_was_planted_is_found(
        planted in proptest::collection::vec(planted(), 0..30),
        by in any::<u64>(),
    ) {
        let Plot { lines, transfers, expected } = Plot::of(&planted);
        let found = reconcile(CLEARING, EUR, shuffled(lines, by), shuffled(transfers, by));
        prop_assert_eq!(found, expected);
    }

    /// Whatever the two sides have: each line and each transfer is told once, what matches comes to
    /// the same, what differs does not, and nothing that is left would have matched.
    #[test]
    fn nothing_is_lost_or_told_twice(
        lines in proptest::collection::vec((select(vec!["a", "b", "c"]), -3..9i64), 0..12),
        transfers in proptest::collection::vec(
            (select(vec![Some("a"), Some("b"), Some("d"), None]), prop_oneof![-3..0i64, 1..9i64]),
            0..12,
        ),
    ) {
        let lines: Vec<_> =
            (0..).zip(lines).map(|(n, (reference, amount))| line(reference, amount, n)).collect();
        let transfers: Vec<_> =
            (1..).zip(transfers).map(|(n, (reference, amount))| transfer(n, reference, amount)).collect();
        let found = reconcile(CLEARING, EUR, lines.clone(), transfers.clone());
        check_whole(&found, lines, transfers);
        for it in &found.matches {
            prop_assert_eq!(it.excess(CLEARING), 0);
            prop_assert!(!it.lines.is_empty() && !it.transfers.is_empty());
        }
        let mut left: BTreeMap<String, Match> = BTreeMap::new();
        for it in &found.differences {
            prop_assert!(it.excess(CLEARING) != 0);
            prop_assert!(left.insert(it.lines[0].reference.clone(), it.clone()).is_none());
        }
        for it in &found.unmatched_lines {
            left.entry(it.reference.clone()).or_default().lines.push(it.clone());
        }
        for it in &found.unmatched_transfers {
            let Some(reference) = &it.reference else { continue };
            left.entry(reference.clone()).or_default().transfers.push(it.clone());
        }
        for it in left.values() {
            let amount = |it: &Transfer| match it.debit_account == CLEARING {
                true => it.amount,
                false => -it.amount,
            };
            let amounts: Vec<_> = it.transfers.iter().map(amount).collect();
            prop_assert!(it.lines.iter().all(|line| !amounts.contains(&line.amount)), "{:?}", it);
        }
    }
}

fn check_whole(found: &Reconciliation, mut lines: Vec<ProviderLine>, transfers: Vec<Transfer>) {
    let both = || found.matches.iter().chain(&found.differences);
    let mut told: Vec<_> = both().flat_map(|it| it.lines.clone()).collect();
    told.extend(found.unmatched_lines.clone());
    told.sort();
    lines.sort();
    assert_eq!(told, lines);
    let mut told: Vec<_> = both().flat_map(|it| it.transfers.clone()).collect();
    told.extend(found.unmatched_transfers.clone());
    told.sort_by_key(|it| it.seq);
    assert_eq!(told, transfers);
}

#[test]
fn what_is_reserved_and_what_is_on_other_accounts_is_not_paid() {
    let mut hold = transfer(1, Some("a"), 5);
    hold.phase = Phase::Hold;
    let mut elsewhere = transfer(2, Some("a"), 5);
    elsewhere.debit_account = AccountId(Uuid::from_u128(3));
    let mut capture = transfer(3, Some("a"), 5);
    capture.phase = Phase::Capture;
    let all = vec![hold, elsewhere, capture.clone()];
    let found = reconcile(CLEARING, EUR, vec![line("a", 5, 0)], all);
    let matches = vec![Match { lines: vec![line("a", 5, 0)], transfers: vec![capture] }];
    assert_eq!(found, Reconciliation { matches, ..Reconciliation::default() });
}

/// Books whose clearing account was debited a day apart, under these references.
fn books(payments: &[(&str, i64)]) -> (Books, AccountId, Vec<TransferId>) {
    let mut books = Books::new();
    let (clearing, wallet) = (books.accounts[0][4], books.accounts[0][1]);
    let mut ids = Vec::new();
    for (reference, amount) in payments {
        let mut it = Transaction::new(books.id(), KINDS[1])
            .leg(Leg::transfer(ASSETS[0], clearing, wallet, *amount));
        it.reference = Some((*reference).to_owned());
        ids.push(it.transfer(0));
        assert!(books.post(it));
        books.world.clock.advance(std::time::Duration::from_secs(86_400));
    }
    (books, clearing, ids)
}

fn coin(reference: &str, amount: i64) -> ProviderLine {
    ProviderLine { asset: ASSETS[0], ..line(reference, amount, 0) }
}

#[test]
fn a_period_is_reconciled_and_what_was_posted_around_it_is_found_by_reference() {
    let payments =
        [("early", 10), ("split", 20), ("split", 22), ("differs", 30), ("extra", 40), ("late", 50)];
    let (books, clearing, ids) = books(&payments);
    let at = |n: usize| books.transfers().iter().find(|it| it.id() == ids[n]).unwrap().at;
    let lines = vec![
        coin("early", 10),
        coin("split", 42),
        coin("differs", 31),
        coin("missing", 7),
        coin("no such reference\n", 8),
    ];
    let period = at(1)..at(5);
    let found = block_on(books.reads().reconcile(clearing, period, lines.clone())).unwrap();
    let of = |all: &[Match]| -> Vec<(String, Vec<TransferId>)> {
        let ids = |it: &Match| it.transfers.iter().map(Transfer::id).collect();
        all.iter().map(|it| (it.lines[0].reference.clone(), ids(it))).collect()
    };
    let early = ("early".to_owned(), vec![ids[0]]);
    let split = ("split".to_owned(), vec![ids[1], ids[2]]);
    assert_eq!(of(&found.matches), [early, split]);
    assert_eq!(of(&found.differences), [("differs".to_owned(), vec![ids[3]])]);
    assert_eq!(found.differences[0].excess(clearing), 1);
    assert_eq!(found.unmatched_lines, [lines[3].clone(), lines[4].clone()]);
    let unmatched: Vec<_> = found.unmatched_transfers.iter().map(Transfer::id).collect();
    assert_eq!(unmatched, [ids[4]]);
}

#[test]
fn many_lines_are_reconciled_and_too_many_are_refused() {
    let payments: Vec<(String, i64)> = (1..=620).map(|n| (format!("p{n:04}"), n)).collect();
    let payments: Vec<(&str, i64)> = payments.iter().map(|(it, n)| (it.as_str(), *n)).collect();
    let (books, clearing, ids) = books(&payments);
    let lines: Vec<_> = payments.iter().map(|(it, amount)| coin(it, *amount)).collect();
    let ever = Timestamp(0)..Timestamp::NEVER;
    let never = Timestamp(0)..Timestamp(1);
    for period in [ever.clone(), never] {
        let found = block_on(books.reads().reconcile(clearing, period, lines.clone())).unwrap();
        let matched: Vec<_> = found.matches.iter().map(|it| it.transfers[0].id()).collect();
        assert_eq!(matched, ids);
        assert_eq!(found, Reconciliation { matches: found.matches.clone(), ..Default::default() });
    }
    let found = block_on(books.reads().reconcile(clearing, ever.clone(), Vec::new())).unwrap();
    let unmatched: Vec<_> = found.unmatched_transfers.iter().map(Transfer::id).collect();
    assert_eq!(unmatched, ids);
    let lines = vec![coin("a", 1); PROVIDER_LINES_MAX + 1];
    let refused = block_on(books.reads().reconcile(clearing, ever, lines));
    let is_invalid =
        matches!(&refused, Err(Error::Refused(Refusal::Invalid(it))) if it.field == "lines");
    assert!(is_invalid, "{refused:?}");
}
