//! What was moved, the latest first.

use std::cmp::Reverse;
use std::ops::Range;

use super::series::Series;
use super::{
    Account, AccountId, Asset, AssetCode, Entry, Kind, REFERENCE_BYTES_MAX, Reads, Refusal,
    Transfer, TransferId, queries,
};
use crate::engine::Error;
use crate::identity::UserId;
use crate::record::{Timestamp, Value};
use crate::storage::{BadCursor, Cursor, Page, StoreError};
use crate::tables::Row;

/// Which transfers are wanted: those of which all that is said here is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferFilter {
    /// On one side of which is this account.
    pub account: Option<AccountId>,
    /// On whose behalf they were made.
    pub user: Option<UserId>,
    /// What their transaction is in the domain's words.
    pub kind: Option<Kind>,
    /// What they move.
    pub asset: Option<AssetCode>,
    /// Posted at this instant or after.
    pub from: Option<Timestamp>,
    /// Posted before this instant.
    pub to: Option<Timestamp>,
}

impl Reads<'_> {
    /// The transfers that are wanted, the latest first (Q-E2). Everything in the books, when nothing
    /// is said.
    ///
    /// Of what is said the first of these leads to the rows, and the rest is looked at on the way:
    /// the user, the account, the kind, the asset, the time. A filter that names no user, account,
    /// kind or asset looks into the log of every asset. A cursor belongs to a filter that says the
    /// same things.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn history(
        &self,
        wanted: &TransferFilter,
        after: Option<&str>,
    ) -> Result<Page<Transfer>, Error<Refusal>> {
        match *wanted {
            TransferFilter { user: Some(user), .. } => {
                self.page(queries::history_of_user(user, wanted), after).await
            }
            TransferFilter { account: Some(account), .. } => {
                self.history_of_account(account, wanted, after).await
            }
            TransferFilter { kind: Some(kind), .. } => {
                self.page(queries::history_of_kind(kind, wanted), after).await
            }
            TransferFilter { asset: Some(asset), .. } => {
                self.history_of_asset(asset, wanted, after).await
            }
            TransferFilter { from, to, .. } => self.history_of_all(from..to, after).await,
        }
    }

    /// The transfers that a payment provider calls by this name, by their ids.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn by_reference(
        &self,
        reference: &str,
        after: Option<&str>,
    ) -> Result<Page<Transfer>, Error<Refusal>> {
        match is_reference(reference) {
            true => self.page(queries::by_reference(reference), after).await,
            false => Ok(Page { rows: Vec::new(), next: None }),
        }
    }

    async fn history_of_account(
        &self,
        account: AccountId,
        wanted: &TransferFilter,
        after: Option<&str>,
    ) -> Result<Page<Transfer>, Error<Refusal>> {
        let account = self.parlor.select(&queries::account(account)).await?.rows.pop();
        let account = account.filter(|it| wanted.asset.is_none_or(|asset| asset == it.asset));
        let Some(account) = account else { return Ok(Page { rows: Vec::new(), next: None }) };
        let numbers = self.entries_of(&account, wanted.from, wanted.to).await?;
        let select = queries::history_of_account(account.id, &numbers, wanted.kind);
        let entries = self.page(select, after).await?;
        Ok(Page { rows: self.transfers_of(&entries.rows).await?, next: entries.next })
    }

    async fn history_of_asset(
        &self,
        asset: AssetCode,
        wanted: &TransferFilter,
        after: Option<&str>,
    ) -> Result<Page<Transfer>, Error<Refusal>> {
        let asset = self.parlor.select(&queries::asset(asset)).await?.rows.pop();
        let Some(asset) = asset else { return Ok(Page { rows: Vec::new(), next: None }) };
        let numbers = self.log_of(&asset, wanted.from, wanted.to).await?;
        self.page(queries::history_of_asset(asset.code, &numbers), after).await
    }

    /// The logs of all assets, merged. No log has an instant twice, so that ids decide between
    /// assets alone.
    async fn history_of_all(
        &self,
        time: Range<Option<Timestamp>>,
        after: Option<&str>,
    ) -> Result<Page<Transfer>, Error<Refusal>> {
        let order = queries::history_of_all().after(after);
        let order = order.map_err(|bad| Error::Refused(bad.into()))?;
        let place = order.query().after.as_ref().map(place).transpose();
        let place = place.map_err(|bad| Error::Refused(bad.into()))?;
        let (mut rows, limit) = (Vec::new(), self.page_size as usize);
        for asset in self.parlor.every(&queries::assets(), |_| {}).await? {
            let numbers = self.log_until(&asset, time.clone(), place).await?;
            let select = queries::history_of_asset(asset.code, &numbers).limit(self.page_size);
            rows.append(&mut self.parlor.select(&select).await?.rows);
            // Of what has been found so far, only the latest can still be on the page.
            rows.sort_by_key(|row| Reverse((row.at, row.id())));
            rows.truncate(limit);
        }
        let last = rows.last().filter(|_| rows.len() == limit).cloned().map(Row::from);
        let next = last.map(|row| Cursor::of(&row, order.query()).render(order.query().name));
        Ok(Page { rows, next })
    }

    /// The numbers of an asset's log that are in a span of time, and on the page after a place.
    async fn log_until(
        &self,
        asset: &Asset,
        time: Range<Option<Timestamp>>,
        after: Option<(Timestamp, TransferId)>,
    ) -> Result<Range<i64>, StoreError> {
        let Some((at, id)) = after else {
            return self.log_of(asset, time.start, time.end).await;
        };
        let to = time.end.map_or(at, |to| to.min(at));
        let mut numbers = self.log_of(asset, time.start, Some(to)).await?;
        // At the place itself another asset may have a transfer, whose id comes after.
        let there = queries::transfers_in_log(asset.code, numbers.end, asset.size - 1).limit(1);
        let there = self.parlor.select(&there).await?.rows.pop();
        let is_next = |it: &Transfer| it.at == at && it.id() < id;
        let is_wanted = time.end.is_none_or(|end| at < end) && time.start.is_none_or(|it| it <= at);
        if let Some(it) = there.filter(|it| is_wanted && is_next(it)) {
            numbers.end = it.seq + 1;
        }
        Ok(numbers)
    }

    /// The numbers of an asset's log that are in a span of time.
    pub(super) async fn log_of(
        &self,
        asset: &Asset,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Range<i64>, StoreError> {
        Series::Log(asset.code).between(self.parlor, 0..asset.size, from, to).await
    }

    /// The versions of an account that are in a span of time.
    pub(super) async fn entries_of(
        &self,
        account: &Account,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Range<i64>, StoreError> {
        let all = 1..account.version + 1;
        Series::Entries(account.id).between(self.parlor, all, from, to).await
    }

    /// The transfer of each entry, in the same order.
    pub(super) async fn transfers_of(
        &self,
        entries: &[Entry],
    ) -> Result<Vec<Transfer>, Error<Refusal>> {
        let ids = entries.iter().map(|it| it.transaction_id).collect();
        let found = self.parlor.transfers_by_id(&ids).await?;
        // An entry without its transfer is for the audit to tell.
        Ok(entries.iter().filter_map(|entry| found.get(&entry.transfer()).cloned()).collect())
    }
}

impl Entry {
    /// The transfer that made it.
    pub const fn transfer(&self) -> TransferId {
        TransferId { transaction: self.transaction_id, leg: self.leg }
    }
}

/// Whether a transaction can have this as its reference. No engine is asked for what it cannot.
pub(super) fn is_reference(text: &str) -> bool {
    let fits = (1..=REFERENCE_BYTES_MAX).contains(&text.len());
    fits && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The place that a cursor over all assets names.
fn place(cursor: &Cursor) -> Result<(Timestamp, TransferId), BadCursor> {
    let [Value::Time(at), Value::Uuid(transaction), Value::Int(leg)] = cursor.0[..] else {
        return Err(BadCursor);
    };
    let leg = u8::try_from(leg).map_err(|_| BadCursor)?;
    Ok((at, TransferId { transaction: transaction.into(), leg }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_visible_ascii_of_some_length() {
        assert!(is_reference("pay_1") && is_reference(&"a".repeat(REFERENCE_BYTES_MAX)));
        for wrong in ["", "a b", "a\0", "é", &"a".repeat(REFERENCE_BYTES_MAX + 1)] {
            assert!(!is_reference(wrong), "{wrong:?}");
        }
    }
}
