use std::collections::{BTreeMap, BTreeSet};

use super::Kept;
use crate::economy::ledger::finding::{Findings, Place};
use crate::economy::ledger::{Account, AccountId, Entry, Side, Transfer, TransferId};
use crate::record::Timestamp;

/// The entries of accounts, as they are gone through: account by account, version by version.
pub(super) struct EntryCheck {
    current: Option<Account>,
    /// The time of the entry before.
    at: Timestamp,
    seen: BTreeSet<AccountId>,
    /// The last entries of accounts that have more of them than when they were read.
    since: BTreeMap<AccountId, i64>,
}

impl EntryCheck {
    pub(super) fn new() -> Self {
        let (seen, since) = (BTreeSet::new(), BTreeMap::new());
        Self { current: None, at: Timestamp(i64::MIN), seen, since }
    }

    pub(super) fn page(
        &mut self,
        entries: &[Entry],
        transfers: &BTreeMap<TransferId, Transfer>,
        kept: &Kept,
        findings: &mut Findings,
    ) {
        for entry in entries {
            self.entry(entry, transfers, kept, findings);
        }
    }

    fn entry(
        &mut self,
        entry: &Entry,
        transfers: &BTreeMap<TransferId, Transfer>,
        kept: &Kept,
        findings: &mut Findings,
    ) {
        let (account, version) = (entry.account_id, entry.version);
        let place = Place::Entry { account, version };
        let id = TransferId { transaction: entry.transaction_id, leg: entry.leg };
        match transfers.get(&id) {
            None => findings.add(place, "there is no such transfer"),
            Some(transfer) => compare(entry, transfer, place, findings),
        }
        let Some(of) = kept.accounts.get(&account) else {
            // It was opened after the accounts were read, or is missing.
            self.since.insert(account, version);
            return;
        };
        if self.current.as_ref().is_none_or(|it| it.id != account) {
            self.finish(kept, findings);
            self.seen.insert(account);
            self.at = Timestamp(i64::MIN);
            self.current = Some(Account::opened(account, of.asset, of.kind, of.owner));
        }
        let Some(current) = &mut self.current else { return };
        findings.unless(entry.at > self.at, place, "it is not later than the one before");
        self.at = entry.at;
        if entry.amount <= 0 || current.apply(entry.side, entry.phase, entry.amount).is_none() {
            findings.add(place, "it is more than the account can count");
        }
        if current.version != version {
            findings.add(place, format!("entry {} is missing before it", current.version));
            current.version = version;
        }
        findings.same(place, "what was debited", &entry.debits_posted, &current.debits_posted);
        findings.same(place, "what was credited", &entry.credits_posted, &current.credits_posted);
        let out = (&entry.debits_pending, &current.debits_pending);
        findings.same(place, "what is reserved to go out", out.0, out.1);
        let into = (&entry.credits_pending, &current.credits_pending);
        findings.same(place, "what is reserved to come in", into.0, into.1);
        if version == of.version {
            let counters = |it: &Account| {
                (it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending)
            };
            let place = Place::Account(account);
            let is_same = counters(of) == counters(current);
            findings.unless(is_same, place, "it is not what its entries add up to");
        }
    }

    /// An account has as many entries as it says, or more by now.
    fn finish(&mut self, kept: &Kept, findings: &mut Findings) {
        let Some(current) = self.current.take() else { return };
        let version = kept.accounts.get(&current.id).map_or(0, |it| it.version);
        let place = Place::Account(current.id);
        findings.unless(current.version >= version, place, "its last entries are missing");
        if current.version > version {
            self.since.insert(current.id, current.version);
        }
    }

    /// Gives the last entries of accounts that have more than they had.
    pub(super) fn end(mut self, kept: &Kept, findings: &mut Findings) -> BTreeMap<AccountId, i64> {
        self.finish(kept, findings);
        for account in kept.accounts.values() {
            let has_entries = account.version == 0 || self.seen.contains(&account.id);
            findings.unless(has_entries, Place::Account(account.id), "its entries are missing");
        }
        self.since
    }
}

fn compare(entry: &Entry, transfer: &Transfer, place: Place, findings: &mut Findings) {
    let account = match entry.side {
        Side::Debit => transfer.debit_account,
        Side::Credit => transfer.credit_account,
    };
    findings.same(place, "the account", &entry.account_id, &account);
    findings.same(place, "the phase", &entry.phase, &transfer.phase);
    findings.same(place, "the kind", &entry.kind, &transfer.kind);
    findings.same(place, "the amount", &entry.amount, &transfer.amount);
    findings.same(place, "the time", &entry.at, &transfer.at);
}
