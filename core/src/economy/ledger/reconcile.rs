//! What a payment provider says was paid, held against what the books say.
//!
//! ```text
//!  provider's lines ─┐  by reference   ┌─▶ matches      1:1, or several that come to the same
//!                    ├─────────────────┼─▶ differences  both have something, of another amount
//!  clearing account ─┘                 └─▶ unmatched    only one of them has anything
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::history::is_reference;
use super::report::refused;
use super::{AccountId, AssetCode, Reads, Refusal, Transfer, queries};
use crate::engine::{Error, Invalid};
use crate::record::Timestamp;
use crate::storage::{PAGE_MAX, VALUES_MAX};

/// The most lines of a provider's that are reconciled at once.
pub const PROVIDER_LINES_MAX: usize = 10_000;
/// The most transfers of a period that are reconciled at once.
pub const RECONCILED_MAX: usize = 100_000;

/// A line of a payment provider's own statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderLine {
    /// What the provider calls the payment.
    pub reference: String,
    /// What was paid.
    pub asset: AssetCode,
    /// How much, in the asset's smallest unit: above zero for what the provider took in, and the
    /// clearing account gave out; below zero for what it paid out.
    pub amount: i64,
    /// When, by the provider. Nothing is matched by it: it orders lines of the same reference.
    pub at: Timestamp,
}

/// Lines and transfers of one reference that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// The provider's.
    pub lines: Vec<ProviderLine>,
    /// The books'.
    pub transfers: Vec<Transfer>,
}

/// What a provider and the books have about the same payments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconciliation {
    /// What agrees: one line and one transfer of the same amount, or all that is left of a
    /// reference where both sides come to the same.
    pub matches: Vec<Match>,
    /// What is left of a reference where the two sides come to different amounts.
    pub differences: Vec<Match>,
    /// Lines that the books have nothing about.
    pub unmatched_lines: Vec<ProviderLine>,
    /// Transfers that the provider says nothing of, or that have no reference.
    pub unmatched_transfers: Vec<Transfer>,
}

impl Reads<'_> {
    /// Holds a provider's lines against what a clearing account posted from an instant on and before
    /// another. What has a reference of one of the lines is taken in whenever it was posted, so that
    /// payments around midnight match.
    ///
    /// Lines of another asset than the account's match nothing. What is only reserved is not posted.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Invalid`] for more than [`PROVIDER_LINES_MAX`] lines, or a
    /// period with more than [`RECONCILED_MAX`] entries.
    pub async fn reconcile(
        &self,
        clearing: AccountId,
        period: Range<Timestamp>,
        lines: Vec<ProviderLine>,
    ) -> Result<Reconciliation, Error<Refusal>> {
        check_count("lines", lines.len(), PROVIDER_LINES_MAX)?;
        let account = self.account(clearing).await?;
        let numbers = self.entries_of(&account, Some(period.start), Some(period.end)).await?;
        let count = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
        check_count("period", count, RECONCILED_MAX)?;
        let mut transfers = BTreeMap::new();
        let mut next = numbers.start;
        while next < numbers.end {
            let page = queries::entries(account.id, &(next..numbers.end)).limit(PAGE_MAX);
            let entries = self.parlor.select(&page).await?.rows;
            next = entries.last().map_or(numbers.end, |entry| entry.version + 1);
            let posted = self.transfers_of(&entries).await?;
            transfers.extend(posted.into_iter().map(|it| (it.id(), it)));
        }
        let of_lines = self.referred_to(clearing, &lines).await?;
        transfers.extend(of_lines.into_iter().map(|it| (it.id(), it)));
        let mut transfers: Vec<_> = transfers.into_values().collect();
        transfers.sort_by_key(|it| it.seq);
        Ok(reconcile(clearing, account.asset, lines, transfers))
    }

    /// What an account posted, whenever that was, under the references of some lines.
    async fn referred_to(
        &self,
        account: AccountId,
        lines: &[ProviderLine],
    ) -> Result<Vec<Transfer>, Error<Refusal>> {
        let references = lines.iter().map(|line| line.reference.as_str());
        let references: BTreeSet<&str> = references.filter(|it| is_reference(it)).collect();
        let references: Vec<&str> = references.into_iter().collect();
        let mut found = Vec::new();
        for some in references.chunks(VALUES_MAX) {
            let select = queries::by_references(account, some.iter().map(ToString::to_string));
            found.extend(self.parlor.every(&select, |_| {}).await?);
        }
        Ok(found)
    }
}

/// Matches a provider's lines with what an account posted: by reference, then by amount.
///
/// Where all lines and all transfers of a reference come to the same, they match: one by one where
/// each has another of its amount, else all together. Where they do not, lines and transfers of the
/// same amount match one by one, the earliest first, and the rest is a difference. Transfers that
/// posted nothing to the account are left out. Each list is by reference, then by time.
pub fn reconcile(
    account: AccountId,
    asset: AssetCode,
    lines: Vec<ProviderLine>,
    transfers: Vec<Transfer>,
) -> Reconciliation {
    let mut out = Reconciliation::default();
    let mut payments: BTreeMap<String, Match> = BTreeMap::new();
    for line in lines {
        match line.asset == asset {
            true => payments.entry(line.reference.clone()).or_default().lines.push(line),
            false => out.unmatched_lines.push(line),
        }
    }
    for transfer in transfers {
        match &transfer.reference {
            _ if paid(account, &transfer) == 0 => {}
            Some(reference) => {
                payments.entry(reference.clone()).or_default().transfers.push(transfer);
            }
            None => out.unmatched_transfers.push(transfer),
        }
    }
    for payment in payments.into_values() {
        payment.settle(account, &mut out);
    }
    out.unmatched_lines.sort_by(|a, b| (&a.reference, a.at).cmp(&(&b.reference, b.at)));
    out.unmatched_transfers.sort_by(|a, b| (&a.reference, a.seq).cmp(&(&b.reference, b.seq)));
    out
}

impl Match {
    /// Puts all that is known of one reference where it belongs.
    fn settle(mut self, account: AccountId, out: &mut Reconciliation) {
        self.lines.sort_by_key(|line| line.at);
        self.transfers.sort_by_key(|transfer| transfer.seq);
        let Match { lines, transfers } = self;
        if lines.is_empty() || transfers.is_empty() {
            out.unmatched_lines.extend(lines);
            out.unmatched_transfers.extend(transfers);
            return;
        }
        let whole = Match { lines, transfers };
        let (pairs, rest) = whole.clone().pairs(account);
        match (rest.lines.is_empty(), rest.transfers.is_empty()) {
            (true, true) => out.matches.extend(pairs),
            _ if whole.excess(account) == 0 => out.matches.push(whole),
            (false, false) => {
                out.matches.extend(pairs);
                out.differences.push(rest);
            }
            _ => {
                out.matches.extend(pairs);
                out.unmatched_lines.extend(rest.lines);
                out.unmatched_transfers.extend(rest.transfers);
            }
        }
    }

    /// Each line that has a transfer of its amount, with that, and what is left.
    fn pairs(self, account: AccountId) -> (Vec<Self>, Self) {
        let mut by_amount: BTreeMap<i64, Vec<Transfer>> = BTreeMap::new();
        for transfer in self.transfers.into_iter().rev() {
            by_amount.entry(paid(account, &transfer)).or_default().push(transfer);
        }
        let (mut pairs, mut rest) = (Vec::new(), Self::default());
        for line in self.lines {
            match by_amount.get_mut(&line.amount).and_then(Vec::pop) {
                Some(it) => pairs.push(Self { lines: vec![line], transfers: vec![it] }),
                None => rest.lines.push(line),
            }
        }
        rest.transfers.extend(by_amount.into_values().flatten());
        rest.transfers.sort_by_key(|transfer| transfer.seq);
        (pairs, rest)
    }

    /// By how much the provider's lines are above what `account` posted; zero of what matches.
    pub fn excess(&self, account: AccountId) -> i128 {
        let said: i128 = self.lines.iter().map(|line| i128::from(line.amount)).sum();
        let posted: i128 = self.transfers.iter().map(|it| i128::from(paid(account, it))).sum();
        said - posted
    }
}

/// What a transfer says the provider took in, as a line would have it.
fn paid(account: AccountId, transfer: &Transfer) -> i64 {
    match transfer.phase.posts() {
        true if transfer.debit_account == account => transfer.amount,
        true if transfer.credit_account == account => -transfer.amount,
        _ => 0,
    }
}

fn check_count(field: &'static str, count: usize, max: usize) -> Result<(), Error<Refusal>> {
    let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
    Invalid::range(field, number(count), 0, number(max)).map(|_| ()).map_err(refused)
}
