//! The audit: everything that is kept for speed, reckoned again from the log and compared.

mod ends;
mod entries;
mod replay;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::entries::EntryCheck;
use self::replay::Replay;
use super::finding::{Findings, Place};
use super::log::LOG_PAGE;
use super::seal::BLOCK_LEAVES;
use super::verify::LogCheck;
use super::{
    Account, AccountId, Asset, AssetCode, Hold, LogEntry, OwnerId, Returned, TransactionId,
    Transfer, TransferId, Wallet, queries,
};
use crate::engine::Parlor;
use crate::record::{Digest, Stored};
use crate::storage::{Page, Select, StoreError, VALUES_MAX};

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// What is wrong; nothing, if all is well.
    pub findings: Findings,
    /// How far each log was read, and the root of the tree over it, if it is sealed.
    pub heads: Vec<Head>,
    /// How many transfers were replayed.
    pub transfers: u64,
    /// How many accounts were compared.
    pub accounts: u64,
    /// How many entries of accounts were.
    pub entries: u64,
}

/// Where a log stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The asset.
    pub asset: AssetCode,
    /// How many entries the log had.
    pub size: i64,
    /// The root of the tree over it.
    pub head: Option<Digest>,
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is gone through.
    pub stage: Stage,
    /// How much of that has been.
    pub done: u64,
    /// How much there is, as far as is known.
    pub total: u64,
}

/// What an audit goes through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Accounts, holds and the other sums are read.
    Sums,
    /// The logs are replayed.
    Logs,
    /// The accounts' entries are compared with the transfers.
    Entries,
    /// Memos and refusals are looked at.
    Rest,
}

/// What is compared with the log, as it was when the audit began.
#[derive(Default)]
struct Kept {
    accounts: BTreeMap<AccountId, Account>,
    wallets: Vec<Wallet>,
    holds: BTreeMap<TransferId, Hold>,
    returned: BTreeMap<TransferId, Returned>,
}

impl Parlor {
    /// Replays the log of every asset, and compares what is kept with what it comes to: accounts,
    /// their entries, holds, what was given back, supplies, trees and blocks; that no transfer is
    /// without its accounts, and no wallet, memo or refusal about nothing; that debits and credits
    /// are the same. What is wrong is told in sentences.
    ///
    /// Of what is changed behind the store's back it finds all but this:
    ///
    /// - that a memo or a refusal is gone, which is as if it had been erased or forgotten;
    /// - in the log of an asset that is not sealed: the user, reference, metadata, memo, fingerprint
    ///   and time of effect of a transfer; who made a change of an account or asset, when between the
    ///   entries around it, and limits that have been changed again since, where nothing was outside;
    /// - whatever is made up consistently, with every hash reckoned anew, or taken back as a whole, as
    ///   by an old copy of the database. Against that, keep the [heads](Audit::heads) elsewhere, and
    ///   compare them with what the log [comes to](super::Reads::head_at) at their sizes. Refusals are
    ///   in no log, and have hashes of their own, which anybody can reckon.
    ///
    /// It changes nothing, and commands may go on meanwhile: what is kept is read first, and found
    /// again at some point of the log, which is read to where it ended then. It takes memory for
    /// every account, hold and refund, and time for every transfer. `progress` is told after every
    /// page.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn audit(&self, mut progress: impl FnMut(Progress)) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        // What was in a log before anything else was read must be in what is read next.
        let before = self.every(&queries::assets(), |_| {}).await?;
        let ends = self.read_ends().await?;
        let mut kept = self.read_kept(&mut progress).await?;
        let assets = self.every(&queries::assets(), |_| {}).await?;
        ends.check(&assets, &mut audit.findings);
        let total = assets.iter().map(|asset| asset.size).fold(0, i64::saturating_add);
        let mut done = 0;
        let mut replay = Replay::new();
        for asset in &assets {
            let known = before.iter().find(|it| it.code == asset.code).map_or(0, |it| it.size);
            replay.begin(asset, known);
            self.replay_log(asset, &mut replay, &mut kept, &mut audit, |read| {
                progress(at(Stage::Logs, read.saturating_add(done), total));
            })
            .await?;
            done = asset.size.saturating_add(done);
        }
        replay.end(&kept, &mut audit.findings);
        audit.accounts = kept.accounts.len() as u64;
        self.check_wallets(&kept, &mut audit.findings).await?;
        self.check_entries(&kept, &mut audit, &mut progress).await?;
        self.check_memos(&mut audit.findings).await?;
        self.check_rejections(&mut audit.findings).await?;
        progress(at(Stage::Rest, 1, 1));
        Ok(audit)
    }

    async fn read_kept(&self, progress: &mut impl FnMut(Progress)) -> Result<Kept, StoreError> {
        let mut read = 0;
        let mut count = |rows: usize| {
            read += rows as i64;
            progress(at(Stage::Sums, read, read));
        };
        let accounts = self.every(&queries::every_account(), &mut count).await?;
        let wallets = self.every(&queries::every_wallet(), &mut count).await?;
        let holds = self.every(&queries::every_hold(), &mut count).await?;
        let returned = self.every(&queries::everything_returned(), &mut count).await?;
        let of = |it: &Returned| TransferId { transaction: it.transaction_id, leg: it.leg };
        Ok(Kept {
            accounts: accounts.into_iter().map(|it| (it.id, it)).collect(),
            wallets,
            holds: holds.into_iter().map(|it| (it.transfer(), it)).collect(),
            returned: returned.into_iter().map(|it| (of(&it), it)).collect(),
        })
    }

    async fn replay_log(
        &self,
        asset: &Asset,
        replay: &mut Replay,
        kept: &mut Kept,
        audit: &mut Audit,
        mut progress: impl FnMut(i64),
    ) -> Result<(), StoreError> {
        let (mut check, mut replayed) = (LogCheck::new(asset), Findings::default());
        let size = check.ends_at(asset, self.log_end(asset.code).await?);
        while check.next < size {
            let (start, end) = (check.next, size.min(check.next + LOG_PAGE));
            let entries = self.log_page(asset.code, start, end).await?;
            let (first, last) = (start / BLOCK_LEAVES, end / BLOCK_LEAVES);
            let blocks = self.ledger().blocks(asset.code, first, last).await?;
            check.page(&entries, &blocks, end);
            for entry in &entries {
                replay.entry(entry, kept, &mut replayed);
            }
            self.check_legs(&entries, &mut replayed).await?;
            let transfers = entries.iter().filter(|it| matches!(it, LogEntry::Transfer(_)));
            audit.transfers += transfers.count() as u64;
            progress(end);
        }
        check.end(asset);
        // What was changed comes before what follows from it.
        audit.findings.take(check.findings);
        replay.compare_asset(asset, &mut audit.findings);
        audit.findings.take(replayed);
        let head = asset.sealed.then(|| asset.head());
        audit.heads.push(Head { asset: asset.code, size: asset.size, head });
        Ok(())
    }

    /// Transactions of several transfers have all of them.
    async fn check_legs(
        &self,
        entries: &[LogEntry],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let ids = entries.iter().filter_map(|entry| match entry {
            LogEntry::Transfer(it) => Some(it.transaction_id),
            LogEntry::Account(_) | LogEntry::Asset(_) => None,
        });
        let ids: BTreeSet<TransactionId> = ids.collect();
        let transfers = self.transfers_by_id(&ids).await?;
        let transfers: Vec<&Transfer> = transfers.values().collect();
        for legs in transfers.chunk_by(|a, b| a.transaction_id == b.transaction_id) {
            let place = Place::Transaction(legs[0].transaction_id);
            let is_whole = (0..).zip(legs).all(|(n, it)| it.leg == n)
                && legs.iter().all(|it| usize::from(it.legs) == legs.len());
            findings.unless(is_whole, place, "not all of its transfers are there");
        }
        Ok(())
    }

    async fn check_entries(
        &self,
        kept: &Kept,
        audit: &mut Audit,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), StoreError> {
        let versions = kept.accounts.values().map(|account| account.version);
        let total = versions.fold(0, i64::saturating_add);
        let mut check = EntryCheck::new();
        let mut after = None;
        loop {
            let query =
                queries::every_entry().after(after.as_deref()).expect("it is its own cursor");
            let page = self.select(&query).await?;
            let ids = page.rows.iter().map(|it| it.transaction_id).collect();
            let transfers = self.transfers_by_id(&ids).await?;
            check.page(&page.rows, &transfers, kept, &mut audit.findings);
            audit.entries += page.rows.len() as u64;
            progress(at(Stage::Entries, audit.entries as i64, total));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let since = check.end(kept, &mut audit.findings);
        self.check_since(&since, &mut audit.findings).await
    }

    /// Entries that came after the accounts were read are counted by their accounts now.
    async fn check_since(
        &self,
        since: &BTreeMap<AccountId, i64>,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let now = self.accounts_by_id(since.keys().copied().collect()).await?;
        for (&account, &version) in since {
            let is_counted = now.get(&account).is_some_and(|it| it.version >= version);
            let place = Place::Entry { account, version };
            findings.unless(is_counted, place, "its account does not count it");
        }
        Ok(())
    }

    /// Everybody's account for a purpose is the one that says so.
    async fn check_wallets(&self, kept: &Kept, findings: &mut Findings) -> Result<(), StoreError> {
        let is_new = |it: &AccountId| !kept.accounts.contains_key(it);
        let since = kept.wallets.iter().map(|it| it.account_id).filter(is_new).collect();
        let since = self.accounts_by_id(since).await?;
        let mut claimed = BTreeMap::new();
        for wallet in &kept.wallets {
            let (owner, account): (OwnerId, _) = (wallet.owner, wallet.account_id);
            let place = Place::Wallet { owner, account };
            let terms = (Some(owner), wallet.kind, wallet.asset);
            match kept.accounts.get(&account).or_else(|| since.get(&account)) {
                None => findings.add(place, "there is no such account"),
                Some(it) => {
                    let is_same = (it.owner, it.kind, it.asset) == terms;
                    findings.unless(is_same, place, "the account says otherwise");
                }
            }
            claimed.insert(account, owner);
        }
        for account in kept.accounts.values() {
            let is_claimed = account.owner == claimed.get(&account.id).copied();
            let place = Place::Account(account.id);
            findings.unless(is_claimed, place, "it is not its owner's account for what it is for");
        }
        Ok(())
    }

    async fn check_memos(&self, findings: &mut Findings) -> Result<(), StoreError> {
        for memo in self.every(&queries::every_memo(), |_| {}).await? {
            let place = Place::Memo(memo.transaction_id);
            let id = TransferId { transaction: memo.transaction_id, leg: 0 };
            match self.select(&queries::transfer(id)).await?.rows.pop() {
                None => findings.add(place, "there is no such transaction"),
                Some(it) => {
                    let is_same = it.memo == Some(memo.hash());
                    findings.unless(is_same, place, "it is not what the log has the hash of");
                }
            }
        }
        Ok(())
    }

    async fn check_rejections(&self, findings: &mut Findings) -> Result<(), StoreError> {
        for it in self.every(&queries::every_rejection(), |_| {}).await? {
            let place = Place::Rejection(it.transaction_id);
            let is_same = it.digest == it.hash();
            findings.unless(is_same, place, "it is not what it has the hash of");
            findings.unless(it.refusal.0.is_sticky(), place, "it is none that is remembered");
        }
        Ok(())
    }

    /// The transfers of some transactions, by id.
    pub(super) async fn transfers_by_id(
        &self,
        ids: &BTreeSet<TransactionId>,
    ) -> Result<BTreeMap<TransferId, Transfer>, StoreError> {
        let rows = self.every(&queries::transfers_of(ids.iter().copied()), |_| {}).await?;
        Ok(rows.into_iter().map(|it| (it.id(), it)).collect())
    }

    /// Accounts as they are now, by id.
    async fn accounts_by_id(
        &self,
        ids: Vec<AccountId>,
    ) -> Result<BTreeMap<AccountId, Account>, StoreError> {
        let mut accounts = BTreeMap::new();
        for ids in ids.chunks(VALUES_MAX) {
            let query = queries::accounts_by_id(ids.iter().copied());
            let rows = self.every(&query, |_| {}).await?;
            accounts.extend(rows.into_iter().map(|it| (it.id, it)));
        }
        Ok(accounts)
    }

    /// All rows of a query, a page after the other.
    pub(super) async fn every<R: Stored>(
        &self,
        query: &Select<R>,
        mut count: impl FnMut(usize),
    ) -> Result<Vec<R>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = query.clone().after(after.as_deref()).expect("it is its own cursor");
            let Page { rows, next } = self.select(&page).await?;
            count(rows.len());
            all.extend(rows);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}

fn at(stage: Stage, done: i64, total: i64) -> Progress {
    let positive = |it: i64| it.max(0).unsigned_abs();
    Progress { stage, done: positive(done), total: positive(total.max(done)) }
}
