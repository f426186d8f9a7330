//! What must always be true, reckoned from the rows alone and not with the ledger's own code.

use std::collections::{BTreeMap, BTreeSet};

use parlor_core::conformance::World;
use parlor_core::economy::ledger::{
    Account, AccountChange, AccountId, AccountKind, Asset, AssetChange, AssetCode, Block, Entry,
    Hold, HoldState, Memo, Phase, Rejection, Returned, Side, Transfer, TransferId, Wallet,
};
use parlor_core::record::{Record as _, Timestamp};
use parlor_core::storage::MemoryStore;
use parlor_core::tables::Row;

use crate::returned;

/// Every row of the ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Books {
    pub(crate) assets: BTreeMap<AssetCode, Asset>,
    pub(crate) asset_changes: Vec<AssetChange>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) account_changes: Vec<AccountChange>,
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) memos: Vec<Memo>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) returned: Vec<Returned>,
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) blocks: Vec<Block>,
}

/// What stands in an asset's log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Logged<'b> {
    Asset(&'b AssetChange),
    Account(&'b AccountChange),
    Transfer(&'b Transfer),
}

impl Logged<'_> {
    pub(crate) fn place(&self) -> (AssetCode, i64) {
        match self {
            Self::Asset(it) => (it.asset, it.seq),
            Self::Account(it) => (it.asset, it.seq),
            Self::Transfer(it) => (it.asset, it.seq),
        }
    }

    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Asset(it) => it.at,
            Self::Account(it) => it.at,
            Self::Transfer(it) => it.at,
        }
    }
}

/// The sums of an account, as they are reckoned from transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    /// Posted and pending of either side.
    debits: (i64, i64),
    credits: (i64, i64),
    version: i64,
}

impl Books {
    pub(crate) fn read(world: &World<MemoryStore>) -> Self {
        let tables = [
            Asset::TABLE,
            AssetChange::TABLE,
            Account::TABLE,
            AccountChange::TABLE,
            Wallet::TABLE,
            Transfer::TABLE,
            Memo::TABLE,
            Entry::TABLE,
            Hold::TABLE,
            Returned::TABLE,
            Rejection::TABLE,
            Block::TABLE,
        ];
        Self::of(tables.into_iter().flat_map(|table| world.table(table)))
    }

    /// Those among the rows.
    pub(crate) fn of(rows: impl Iterator<Item = Row>) -> Self {
        let mut books = Self::default();
        for row in rows {
            match row {
                Row::Asset(it) => drop(books.assets.insert(it.code, *it)),
                Row::AssetChange(it) => books.asset_changes.push(*it),
                Row::Account(it) => drop(books.accounts.insert(it.id, *it)),
                Row::AccountChange(it) => books.account_changes.push(*it),
                Row::Wallet(it) => books.wallets.push(*it),
                Row::Transfer(it) => books.transfers.push(*it),
                Row::Memo(it) => books.memos.push(*it),
                Row::Entry(it) => books.entries.push(*it),
                Row::Hold(it) => books.holds.push(*it),
                Row::Returned(it) => books.returned.push(*it),
                Row::Rejection(it) => books.rejections.push(*it),
                Row::Block(it) => books.blocks.push(*it),
                _ => {}
            }
        }
        books
    }

    /// That two of them have the same rows, what is remembered of refusals left out (I9).
    #[track_caller]
    pub(crate) fn assert_same(&self, other: &Self) {
        let but_rejections = |it: &Self| Self { rejections: Vec::new(), ..it.clone() };
        assert_eq!(but_rejections(self), but_rejections(other), "a refusal left a trace");
    }

    /// That nothing that was posted in `before` has been changed or has gone (I10).
    #[track_caller]
    pub(crate) fn assert_after(&self, before: &Self) {
        fn kept<'r, R: PartialEq + std::fmt::Debug + 'r, K: Ord>(
            before: &'r [R],
            after: &'r [R],
            key: impl Fn(&R) -> K,
        ) {
            let after: BTreeMap<K, &R> = after.iter().map(|row| (key(row), row)).collect();
            for row in before {
                assert_eq!(after.get(&key(row)), Some(&row), "a posted row was changed");
            }
        }
        kept(&before.transfers, &self.transfers, |it| (it.transaction_id, it.leg));
        kept(&before.entries, &self.entries, |it| (it.account_id, it.version));
        kept(&before.asset_changes, &self.asset_changes, |it| (it.asset, it.n));
        kept(&before.account_changes, &self.account_changes, |it| (it.account_id, it.n));
        kept(&before.blocks, &self.blocks, |it| (it.asset, it.n));
    }

    /// All that can be told without hashing.
    #[track_caller]
    pub(crate) fn check(&self) {
        let log = self.log();
        self.the_log_has_no_gap(&log);
        self.the_books_balance();
        self.accounts_are_their_entries(&log);
        self.accounts_are_within_their_limits();
        self.nothing_is_made_up();
        self.holds_are_their_transfers(&log);
        returned::no_more_is_given_back_than_was_moved(self, &log);
        self.closed_and_frozen_accounts_stand_still(&log);
    }

    /// What stands in the logs, in order.
    pub(crate) fn log(&self) -> Vec<Logged<'_>> {
        let mut log: Vec<_> = self.asset_changes.iter().map(Logged::Asset).collect();
        log.extend(self.account_changes.iter().map(Logged::Account));
        log.extend(self.transfers.iter().map(Logged::Transfer));
        log.sort_by_key(Logged::place);
        log
    }

    /// I10 and I15: numbered from 0 without a gap, and later each time.
    #[track_caller]
    fn the_log_has_no_gap(&self, log: &[Logged<'_>]) {
        for asset in self.assets.values() {
            let log: Vec<_> = log.iter().filter(|it| it.place().0 == asset.code).collect();
            let seqs: Vec<i64> = log.iter().map(|it| it.place().1).collect();
            assert_eq!(seqs, (0..asset.size).collect::<Vec<_>>(), "the log of {}", asset.code);
            assert!(log.windows(2).all(|two| two[0].at() < two[1].at()), "time went back: {log:?}");
            assert_eq!(log.last().map(|it| it.at()), Some(asset.at));
            let last = self.asset_changes.iter().filter(|it| it.asset == asset.code);
            let last = last.max_by_key(|it| it.n).unwrap();
            assert_eq!(
                (last.n, last.scale, last.transferable, last.sealed),
                (asset.changes, asset.scale, asset.transferable, asset.sealed)
            );
            let terms = (asset.supply_cap, asset.closed_until);
            assert_eq!((last.supply_cap, last.closed_until), terms);
        }
        let stray = log.iter().find(|it| !self.assets.contains_key(&it.place().0));
        assert!(stray.is_none(), "{stray:?} is in the log of nothing");
    }

    /// I1 and I13: all that went out came in.
    #[track_caller]
    fn the_books_balance(&self) {
        for code in self.assets.keys() {
            let mut posted = 0_i128;
            let mut pending = 0_i128;
            for it in self.accounts.values().filter(|it| it.asset == *code) {
                posted += i128::from(it.debits_posted) - i128::from(it.credits_posted);
                pending += i128::from(it.debits_pending) - i128::from(it.credits_pending);
            }
            assert_eq!((posted, pending), (0, 0), "{code} does not balance");
        }
    }

    /// I2: each transfer is two entries, each account is the sum of its own, and as its last change
    /// says.
    #[track_caller]
    fn accounts_are_their_entries(&self, log: &[Logged<'_>]) {
        let mut sums: BTreeMap<AccountId, Sums> = BTreeMap::new();
        let mut expected = BTreeMap::new();
        let moved = log.iter().filter_map(|it| match it {
            Logged::Transfer(it) => Some(*it),
            Logged::Asset(_) | Logged::Account(_) => None,
        });
        for it in moved {
            assert!(it.amount > 0 && it.debit_account != it.credit_account, "{it:?}");
            assert_eq!(self.accounts[&it.debit_account].asset, it.asset, "{it:?}");
            assert_eq!(self.accounts[&it.credit_account].asset, it.asset, "{it:?}");
            for (side, id) in [(Side::Debit, it.debit_account), (Side::Credit, it.credit_account)] {
                let sums = sums.entry(id).or_default();
                sums.add(side, it.phase, it.amount);
                expected.insert((id, sums.version), entry(it, side, id, *sums));
            }
        }
        let entries = self.entries.iter().map(|it| ((it.account_id, it.version), it.clone()));
        assert_eq!(entries.collect::<BTreeMap<_, _>>(), expected);
        for account in self.accounts.values() {
            let sums = sums.get(&account.id).copied().unwrap_or_default();
            let stands = Sums {
                debits: (account.debits_posted, account.debits_pending),
                credits: (account.credits_posted, account.credits_pending),
                version: account.version,
            };
            assert_eq!(stands, sums, "{account:?}");
            let changes = self.account_changes.iter().filter(|it| it.account_id == account.id);
            let last = changes.max_by_key(|it| it.n).unwrap();
            assert_eq!((last.n, last.asset), (account.changes, account.asset));
            assert_eq!((last.kind, last.owner), (account.kind, account.owner));
            assert_eq!(
                (last.has_floor, last.credit_limit),
                (account.has_floor, account.credit_limit)
            );
            assert_eq!((last.frozen_in, last.frozen_out), (account.frozen_in, account.frozen_out));
            assert_eq!((last.ceiling, last.closed), (account.ceiling, account.closed));
        }
        for wallet in &self.wallets {
            let it = &self.accounts[&wallet.account_id];
            assert_eq!(
                (it.owner, it.kind, it.asset),
                (Some(wallet.owner), wallet.kind, wallet.asset)
            );
        }
    }

    /// I3, what is reserved included.
    #[track_caller]
    fn accounts_are_within_their_limits(&self) {
        for it in self.accounts.values() {
            let out = i128::from(it.debits_posted) + i128::from(it.debits_pending);
            let least = i128::from(it.credits_posted) + i128::from(it.credit_limit);
            assert!(!it.has_floor || out <= least, "below its floor: {it:?}");
            let full = i128::from(it.credits_posted) + i128::from(it.credits_pending)
                - i128::from(it.debits_posted);
            assert!(it.ceiling.is_none_or(|most| full <= most.into()), "too full: {it:?}");
        }
    }

    /// I4: what there is of an asset is what was issued, less what was burned.
    #[track_caller]
    fn nothing_is_made_up(&self) {
        for asset in self.assets.values() {
            let (mut issued, mut burned, mut circulating) = (0, 0, 0);
            for it in self.accounts.values().filter(|it| it.asset == asset.code) {
                let balance = i128::from(it.credits_posted) - i128::from(it.debits_posted);
                match it.kind {
                    AccountKind::Issuance => issued -= balance,
                    AccountKind::Burn => burned += balance,
                    _ => circulating += balance,
                }
            }
            assert_eq!((issued, burned), (asset.issued.into(), asset.burned.into()), "{asset:?}");
            assert_eq!(circulating, issued - burned);
            let most = asset.supply_cap.unwrap_or(i64::MAX);
            assert!(circulating <= most.into(), "more than there may be: {asset:?}");
        }
    }

    /// I6: a hold is what its transfers made of it, and they end in time.
    #[track_caller]
    fn holds_are_their_transfers(&self, log: &[Logged<'_>]) {
        let mut left: BTreeMap<TransferId, i64> = BTreeMap::new();
        let mut pools: BTreeMap<(AccountId, Side), i64> = BTreeMap::new();
        for hold in &self.holds {
            let id = TransferId { transaction: hold.transaction_id, leg: hold.leg };
            let is_it =
                |it: &&Transfer| it.transaction_id == hold.transaction_id && it.leg == hold.leg;
            let first = self.transfers.iter().find(is_it).expect("a hold has a transfer");
            assert_eq!(
                (first.phase, first.asset, first.amount),
                (Phase::Hold, hold.asset, hold.amount)
            );
            let sides = (hold.debit_account, hold.credit_account);
            assert_eq!((first.debit_account, first.credit_account), sides);
            let parts: Vec<&Transfer> = log
                .iter()
                .filter_map(|it| match it {
                    Logged::Transfer(it) if it.phase.resolves() && it.about() == Some(id) => {
                        Some(*it)
                    }
                    _ => None,
                })
                .collect();
            let (mut captured, mut released) = (0, 0);
            for (n, it) in parts.iter().enumerate() {
                assert_eq!(
                    (it.asset, it.debit_account, it.credit_account),
                    (hold.asset, sides.0, sides.1)
                );
                let ended = first.expires_at.is_some_and(|end| end <= it.at);
                match it.phase {
                    Phase::Capture => captured += it.amount,
                    _ => released += it.amount,
                }
                // What a last capture gives up is an instant after it.
                let ended = ended && !(n > 0 && is_rest(parts[n - 1], it));
                assert_eq!(it.phase == Phase::Expiry, ended, "in time or not: {first:?} {it:?}");
                assert!(it.phase != Phase::Expiry || n + 1 == parts.len(), "after the end: {it:?}");
            }
            assert_eq!((hold.captured, hold.released), (captured, released), "{hold:?}");
            let open = hold.amount - captured - released;
            assert!(open >= 0, "{hold:?}");
            assert_eq!(open > 0, hold.state == HoldState::Open, "{hold:?}");
            assert!(state_fits(hold.state, &parts), "{hold:?} after {parts:?}");
            let expires_at = first.expires_at.filter(|_| open > 0);
            assert_eq!(hold.expires_at, expires_at);
            left.insert(id, open);
            *pools.entry((sides.0, Side::Debit)).or_default() += open;
            *pools.entry((sides.1, Side::Credit)).or_default() += open;
        }
        let holds = self.transfers.iter().filter(|it| it.phase == Phase::Hold);
        assert!(holds.map(Transfer::id).all(|id| left.contains_key(&id)), "a hold without its row");
        for it in self.accounts.values() {
            let pool = |side| pools.get(&(it.id, side)).copied().unwrap_or(0);
            let pending = (it.debits_pending, it.credits_pending);
            assert_eq!(pending, (pool(Side::Debit), pool(Side::Credit)), "{it:?}");
        }
    }

    /// I14: but for what is given up of holds.
    #[track_caller]
    fn closed_and_frozen_accounts_stand_still(&self, log: &[Logged<'_>]) {
        let mut changes: BTreeMap<AccountId, &AccountChange> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for it in log {
            match it {
                Logged::Asset(_) => {}
                Logged::Account(it) => {
                    let next = changes.get(&it.account_id).map_or(1, |before| before.n + 1);
                    assert_eq!(it.n, next, "{it:?}");
                    changes.insert(it.account_id, it);
                }
                Logged::Transfer(it) => {
                    seen.extend([it.debit_account, it.credit_account]);
                    let (debit, credit) = (changes[&it.debit_account], changes[&it.credit_account]);
                    let gives_up = matches!(it.phase, Phase::Void | Phase::Expiry);
                    // A last capture gives up the rest, so both go together there too.
                    let still =
                        debit.closed || credit.closed || debit.frozen_out || credit.frozen_in;
                    assert!(gives_up || !still, "it should stand still: {it:?}");
                }
            }
        }
        for it in self.accounts.values().filter(|it| it.closed) {
            assert_eq!(it.balance(), 0, "closed with something in it: {it:?}");
            assert!(it.has_no_holds(), "closed with something reserved: {it:?}");
        }
        assert!(seen.iter().all(|id| self.accounts.contains_key(id)), "accounts that are none");
    }
}

impl Sums {
    fn add(&mut self, side: Side, phase: Phase, amount: i64) {
        let (posted, pending) = match side {
            Side::Debit => (&mut self.debits.0, &mut self.debits.1),
            Side::Credit => (&mut self.credits.0, &mut self.credits.1),
        };
        match phase {
            Phase::Single | Phase::Refund | Phase::Reversal => *posted += amount,
            Phase::Hold => *pending += amount,
            Phase::Capture => {
                *posted += amount;
                *pending -= amount;
            }
            Phase::Void | Phase::Expiry => *pending -= amount,
        }
        self.version += 1;
    }
}

fn entry(it: &Transfer, side: Side, account_id: AccountId, sums: Sums) -> Entry {
    Entry {
        account_id,
        version: sums.version,
        transaction_id: it.transaction_id,
        leg: it.leg,
        side,
        phase: it.phase,
        kind: it.kind,
        amount: it.amount,
        at: it.at,
        debits_posted: sums.debits.0,
        credits_posted: sums.credits.0,
        debits_pending: sums.debits.1,
        credits_pending: sums.credits.1,
    }
}

/// Whether this is what becomes of a hold by these transfers.
fn state_fits(state: HoldState, parts: &[&Transfer]) -> bool {
    let Some(last) = parts.last() else { return state == HoldState::Open };
    let something_moved = parts.iter().any(|it| it.phase == Phase::Capture);
    match state {
        HoldState::Open => last.phase != Phase::Expiry,
        HoldState::Expired => last.phase == Phase::Expiry,
        HoldState::Voided => last.phase == Phase::Void && !something_moved,
        HoldState::Captured => last.phase != Phase::Expiry && something_moved,
    }
}

/// Whether this may be what a last capture gave up.
fn is_rest(capture: &Transfer, it: &Transfer) -> bool {
    let is_next = it.transaction_id == capture.transaction_id && it.leg == capture.leg + 1;
    capture.phase == Phase::Capture && it.phase == Phase::Void && is_next
}
