//! All that the reads of a ledger tell, as text: two stores that hold the same tell the same.

use std::fmt::Debug;
use std::ops::Range;

use super::course::{ASSETS, CLEARING, COIN, KINDS, TREASURY, accounts, person};
use super::{World, block_on};
use crate::economy::ledger::{
    AccountId, AssetCode, Export, Format, ProviderLine, Reads, Refusal, Transfer, TransferFilter,
};
use crate::engine::Error;
use crate::record::Timestamp;
use crate::storage::{Page, Store};

/// What was asked, and what was told.
pub(super) type Readout = Vec<(String, String)>;

/// Instants that reads are about: when it began, an instant on the way at which something was
/// posted, and now.
#[derive(Clone, Copy)]
pub(super) struct Instants {
    pub(super) begin: Timestamp,
    pub(super) middle: Timestamp,
    pub(super) now: Timestamp,
}

impl Instants {
    fn periods(self) -> [Range<Timestamp>; 2] {
        [self.begin..self.middle, self.middle..self.now]
    }
}

/// Asks everything there is to ask about assets, accounts and transfers.
pub(super) fn readout<S: Store>(world: &World<S>, at: Instants) -> Readout {
    let reads = world.parlor.ledger().page_size(40);
    let mut all = readout_of_logs(world, at);
    accounts().step_by(2).for_each(|account| all.extend(of_account(reads, account, at)));
    all.extend(histories(reads, at));
    for kind in KINDS {
        for period in at.periods() {
            let volume = block_on(reads.volume(kind, period));
            all.push(told(&format!("volume of {kind}"), &volume));
        }
    }
    for n in 0..6 {
        let reference = format!("psp-{n}");
        all.push(told(&reference, &block_on(reads.by_reference(&reference, None))));
        all.push(told("wallets", &block_on(reads.wallets(person(n), None))));
    }
    all.push(told("assets", &block_on(reads.assets(None))));
    all.push(told("holds due", &block_on(reads.holds_due(Timestamp::NEVER, None))));
    for period in at.periods() {
        let lines = provider_lines(at.begin);
        all.push(told("reconciled", &block_on(reads.reconcile(CLEARING, period, lines))));
    }
    all
}

/// Asks everything there is to ask about assets and their logs.
pub(super) fn readout_of_logs<S: Store>(world: &World<S>, at: Instants) -> Readout {
    let reads = world.parlor.ledger();
    let mut all = Readout::new();
    ASSETS.into_iter().for_each(|asset| all.extend(of_asset(reads, asset, at)));
    all.extend(exports(reads, at));
    all
}

fn of_asset(reads: Reads<'_>, asset: AssetCode, at: Instants) -> Readout {
    let row = block_on(reads.asset(asset)).expect("it is open");
    let name = |what: &str| format!("{what} of {asset}");
    let mut all = vec![
        told(&name("row"), &row),
        told(&name("head"), &row.head()),
        told(&name("trial balance"), &block_on(reads.trial_balance(asset))),
        told(&name("supply"), &block_on(reads.supply(asset))),
        told(&name("liability"), &block_on(reads.liability(asset))),
        told(&name("clearing"), &block_on(reads.clearing(asset, None))),
        told(&name("holds ending"), &block_on(reads.holds_ending(asset, at.begin..at.now))),
    ];
    let mut progress = Vec::new();
    let balance = reads.trial_balance_at(asset, at.middle, |it| progress.push(it));
    let balance = block_on(balance).expect("it is open");
    assert!(balance.total().is_even(), "{asset}: {balance:?}");
    all.push(told(&name("earlier trial balance"), &(balance, progress)));
    for from in [0, row.size / 2] {
        let mut progress = Vec::new();
        let verify = reads.verify(asset, from, i64::MAX, |done, of| progress.push((done, of)));
        let verified = block_on(verify).expect("it is open");
        assert!(verified.findings.is_clean(), "{verified:?}");
        all.push(told(&name("verified"), &(verified, progress)));
    }
    all
}

fn of_account(reads: Reads<'_>, account: AccountId, at: Instants) -> Readout {
    let name = |what: &str| format!("{what} of account {account}");
    let mut all = vec![
        told(&name("row"), &block_on(reads.account(account))),
        told(&name("balance"), &block_on(reads.balance_at(account, at.middle))),
        told(&name("turnover"), &block_on(reads.turnover(account, at.begin..at.now))),
        told(&name("open holds"), &block_on(reads.holds(account, true, None))),
        told(&name("holds"), &pages(|after| block_on(reads.holds(account, false, after)))),
    ];
    for period in at.periods() {
        let statement = block_on(reads.statement(account, period.clone(), None)).expect("open");
        let next = statement.lines.next.clone();
        let rest = next.map(|it| block_on(reads.statement(account, period, Some(&it))));
        all.push(told(&name("statement"), &(statement, rest)));
    }
    all
}

/// The history by each filter, and by some together.
fn histories(reads: Reads<'_>, at: Instants) -> Readout {
    let any = TransferFilter::default();
    let (from, to) = (Some(at.middle), Some(at.middle));
    let mut filters = vec![any.clone(), TransferFilter { from, ..any.clone() }];
    filters.push(TransferFilter { to, ..any.clone() });
    for n in 0..3 {
        let (user, kind) = (Some(person(n as u128)), Some(KINDS[n]));
        filters.push(TransferFilter { user, ..any.clone() });
        filters.push(TransferFilter { kind, ..any.clone() });
        filters.push(TransferFilter { asset: Some(ASSETS[n]), from, ..any.clone() });
        filters.push(TransferFilter { user, kind, to, ..any.clone() });
        filters.push(TransferFilter { kind, asset: Some(COIN), ..any.clone() });
    }
    for account in accounts().step_by(3).map(Some) {
        filters.push(TransferFilter { account, ..any.clone() });
        filters.push(TransferFilter { account, kind: Some(KINDS[0]), to, ..any.clone() });
        filters.push(TransferFilter { account, user: Some(person(1)), from, ..any.clone() });
    }
    let tell = |filter: TransferFilter| {
        let found: Vec<Page<Transfer>> = pages(|after| block_on(reads.history(&filter, after)));
        told(&format!("history {filter:?}"), &found)
    };
    filters.into_iter().map(tell).collect()
}

/// Files, byte for byte, of whole logs and statements and of parts.
fn exports(reads: Reads<'_>, at: Instants) -> Readout {
    let mut all = Readout::new();
    for format in [Format::Csv, Format::JsonLines] {
        for asset in ASSETS {
            for period in [None..None, Some(at.middle)..Some(at.now)] {
                let export = block_on(reads.export_log(asset, period, format));
                all.push((format!("log of {asset}, {format:?}"), file(export)));
            }
        }
        for account in [CLEARING, TREASURY] {
            for period in [None..None, None..Some(at.middle)] {
                let export = block_on(reads.export_statement(account, period, format));
                all.push((format!("statement of {account}, {format:?}"), file(export)));
            }
        }
    }
    all
}

fn file(export: Result<Export<'_>, Error<Refusal>>) -> String {
    let (mut export, mut file) = (export.expect("it is open"), String::new());
    while let Some(chunk) = block_on(export.next()).expect("the store works") {
        file.push_str(std::str::from_utf8(&chunk.bytes).expect("lines are text"));
        file.push_str(&format!("{:?}\n", chunk.progress));
    }
    file
}

/// The first two pages of a list.
fn pages<T>(read: impl Fn(Option<&str>) -> Result<Page<T>, Error<Refusal>>) -> Vec<Page<T>> {
    let first = read(None).expect("the filter is good");
    let second = first.next.as_deref().map(|it| read(Some(it)).expect("the cursor is good"));
    [Some(first), second].into_iter().flatten().collect()
}

/// What a provider may say of some payments.
fn provider_lines(at: Timestamp) -> Vec<ProviderLine> {
    let line = |n: i64| ProviderLine {
        reference: format!("psp-{}", n % 7),
        asset: COIN,
        amount: n * 5 - 40,
        at: Timestamp(at.0 + n),
    };
    (0..20).map(line).collect()
}

fn told(what: &str, answer: &impl Debug) -> (String, String) {
    (what.to_owned(), format!("{answer:?}"))
}
