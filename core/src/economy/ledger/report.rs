//! What the accounts of an asset come to.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::{
    Account, AccountId, AccountKind, AssetCode, Counters, Kind, Phase, Reads, Refusal, Side,
    queries,
};
use crate::engine::{Error, Invalid};
use crate::record::{Column, Stored, Timestamp, Value};
use crate::storage::{GROUPS_MAX, Group, PAGE_MAX, Page, StoreError, Summary};

/// The most days that a report by the day has, each counted for every asset or kind it has.
pub const DAYS_MAX: u32 = GROUPS_MAX - 1;

/// What the accounts of each kind come to: all together, nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrialBalance {
    /// The asset.
    pub asset: AssetCode,
    /// Of each kind that has accounts, what they come to.
    pub kinds: BTreeMap<AccountKind, Counters>,
}

/// How much of an asset there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Supply {
    /// What came from issuance accounts, less what went back.
    pub issued: i64,
    /// What went to burn accounts, less what came back.
    pub burned: i64,
    /// What is left of it.
    pub circulating: i128,
}

/// How far a long read has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadProgress {
    /// What it has gone through.
    pub done: u64,
    /// Of how much.
    pub total: u64,
}

/// What transactions of a kind moved on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// How many transfers moved something.
    pub moves: i64,
    /// How much.
    pub moved: i64,
    /// How many gave something back.
    pub returns: i64,
    /// How much.
    pub returned: i64,
}

/// What came into an account, and went out of it, on a day by transactions of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Turnover {
    /// How much came in.
    pub credits: i64,
    /// How much went out.
    pub debits: i64,
}

/// What is given up on a day, unless it is captured before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HoldsEnding {
    /// How many holds end then.
    pub holds: i64,
    /// How much they have left.
    pub remaining: i64,
}

impl Reads<'_> {
    /// What the accounts of each kind come to now. All of it is seen at one moment.
    ///
    /// Stores add up to 64 bits. What does not fit is added up account by account, as by
    /// [`trial_balance_at`](Self::trial_balance_at), which takes as long.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn trial_balance(&self, asset: AssetCode) -> Result<TrialBalance, Error<Refusal>> {
        let now = self.asset(asset).await?.at;
        let groups = match self.parlor.aggregate(&queries::sums_by_kind(asset)).await {
            Err(StoreError::Overflow(_)) => return self.trial_balance_at(asset, now, |_| {}).await,
            groups => groups?,
        };
        let mut kinds = BTreeMap::new();
        for group in groups {
            let sum = |n: usize| i128::from(int(&group, n));
            let counters = Counters {
                debits_posted: sum(0),
                credits_posted: sum(1),
                debits_pending: sum(2),
                credits_pending: sum(3),
            };
            kinds.insert(first(&group)?, counters);
        }
        Ok(TrialBalance { asset, kinds })
    }

    /// What the accounts of each kind came to at an instant, or come to now if that is later.
    ///
    /// It goes through all accounts of the asset, and tells `progress` after each page of 500. What
    /// is posted meanwhile is later, and not seen.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn trial_balance_at(
        &self,
        asset: AssetCode,
        at: Timestamp,
        mut progress: impl FnMut(ReadProgress),
    ) -> Result<TrialBalance, Error<Refusal>> {
        let at = at.min(self.asset(asset).await?.at);
        let count = self.parlor.aggregate(&queries::count_of_accounts(asset)).await?;
        let total = count.first().map_or(0, |group| int(group, 0)).unsigned_abs();
        let (mut done, mut after) = (0, None);
        let mut kinds = BTreeMap::new();
        loop {
            let accounts = queries::accounts_of_asset(asset);
            let page = self.page_size(PAGE_MAX).page(accounts, after.as_deref()).await?;
            for account in &page.rows {
                let counters = self.counters_at(account, at).await?;
                *kinds.entry(account.kind).or_default() += counters;
                done += 1;
            }
            // Accounts may have been opened since they were counted.
            progress(ReadProgress { done, total: total.max(done) });
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(TrialBalance { asset, kinds }),
            }
        }
    }

    /// How much of an asset there is.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn supply(&self, asset: AssetCode) -> Result<Supply, Error<Refusal>> {
        let asset = self.asset(asset).await?;
        let circulating = i128::from(asset.issued) - i128::from(asset.burned);
        Ok(Supply { issued: asset.issued, burned: asset.burned, circulating })
    }

    /// What is owed to people and communities: [`TrialBalance::liability`], now.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn liability(&self, asset: AssetCode) -> Result<i128, Error<Refusal>> {
        Ok(self.trial_balance(asset).await?.liability())
    }

    /// The clearing accounts of an asset that have not come back to zero. Those that have are left
    /// out of the page, which may be empty before the last one.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn clearing(
        &self,
        asset: AssetCode,
        after: Option<&str>,
    ) -> Result<Page<Account>, Error<Refusal>> {
        let accounts = queries::accounts_of_kind(asset, AccountKind::Clearing);
        let mut page = self.page(accounts, after).await?;
        page.rows.retain(|account| account.balance() != 0);
        Ok(page)
    }

    /// What transactions of a kind moved and gave back over a period, by asset and the day in UTC, as
    /// far as there is anything. What holds reserve counts once it is captured.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a period that has more than [`DAYS_MAX`] assets and days.
    pub async fn volume(
        &self,
        kind: Kind,
        period: Range<Timestamp>,
    ) -> Result<BTreeMap<(AssetCode, Timestamp), Volume>, Error<Refusal>> {
        let mut all: BTreeMap<(AssetCode, Timestamp), Volume> = BTreeMap::new();
        let moves = [Phase::Single, Phase::Capture];
        for group in self.days(&queries::volume(kind, &period, &moves)).await? {
            let day = all.entry((first(&group)?, day(&group))).or_default();
            (day.moves, day.moved) = (int(&group, 0), int(&group, 1));
        }
        let returns = [Phase::Refund, Phase::Reversal];
        for group in self.days(&queries::volume(kind, &period, &returns)).await? {
            let day = all.entry((first(&group)?, day(&group))).or_default();
            (day.returns, day.returned) = (int(&group, 0), int(&group, 1));
        }
        Ok(all)
    }

    /// What came into an account and went out of it over a period, by what it was and the day in
    /// UTC: of an account of [`AccountKind::Fees`], what was earned.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Invalid`] for a period that has more than [`DAYS_MAX`] kinds
    /// and days.
    pub async fn turnover(
        &self,
        account: AccountId,
        period: Range<Timestamp>,
    ) -> Result<BTreeMap<(Kind, Timestamp), Turnover>, Error<Refusal>> {
        let account = self.account(account).await?;
        let numbers = self.entries_of(&account, Some(period.start), Some(period.end)).await?;
        let mut all: BTreeMap<(Kind, Timestamp), Turnover> = BTreeMap::new();
        for side in Side::ALL {
            for group in self.days(&queries::turnover(account.id, &numbers, *side)).await? {
                let day = all.entry((first(&group)?, day(&group))).or_default();
                match side {
                    Side::Credit => day.credits = int(&group, 1),
                    Side::Debit => day.debits = int(&group, 1),
                }
            }
        }
        Ok(all)
    }

    /// What is reserved of an asset and given up in a period, by the day in UTC. Holds without an
    /// end are not among them.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a period in which they end on more than [`DAYS_MAX`] days.
    pub async fn holds_ending(
        &self,
        asset: AssetCode,
        period: Range<Timestamp>,
    ) -> Result<BTreeMap<Timestamp, HoldsEnding>, Error<Refusal>> {
        let groups = self.days(&queries::holds_ending(asset, &period)).await?;
        let ending = |group: &Group| HoldsEnding {
            holds: int(group, 0),
            remaining: int(group, 1) - int(group, 2) - int(group, 3),
        };
        Ok(groups.iter().map(|group| (day(group), ending(group))).collect())
    }

    /// What is reckoned day by day, if all of it was told.
    async fn days<R: Stored>(&self, summary: &Summary<R>) -> Result<Vec<Group>, Error<Refusal>> {
        let groups = self.parlor.aggregate(summary).await?;
        let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        Invalid::range("period", count, 0, DAYS_MAX.into()).map_err(refused)?;
        Ok(groups)
    }
}

impl TrialBalance {
    /// What all accounts come to: as much was debited as was credited, or the books are wrong.
    pub fn total(&self) -> Counters {
        let mut total = Counters::default();
        self.kinds.values().for_each(|counters| total += *counters);
        total
    }

    /// What is owed to people and communities: what is on their accounts.
    pub fn liability(&self) -> i128 {
        let is_owed =
            |kind: &AccountKind| kind.is_personal() || matches!(kind, AccountKind::Treasury);
        let owed = self.kinds.iter().filter(|(kind, _)| is_owed(kind));
        owed.map(|(_, counters)| counters.balance()).sum()
    }
}

pub(super) fn refused(invalid: Invalid) -> Error<Refusal> {
    Error::Refused(invalid.into())
}

/// The first value of a group's key.
fn first<T: Column>(group: &Group) -> Result<T, Error<Refusal>> {
    let value = group.key.first().cloned().unwrap_or(Value::Null);
    T::decode(value).map_err(|bad| Error::Store(bad.into()))
}

/// The day of a group, which comes last in its key.
fn day(group: &Group) -> Timestamp {
    match group.key.last() {
        Some(Value::Time(at)) => *at,
        other => unreachable!("times of transfers are never empty: {other:?}"),
    }
}

/// A measure that is a number.
fn int(group: &Group, n: usize) -> i64 {
    match group.measures.get(n) {
        Some(Value::Int(it)) => *it,
        other => unreachable!("counts and sums are numbers: {other:?}"),
    }
}
