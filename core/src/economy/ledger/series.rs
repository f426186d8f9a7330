//! Where an instant is in what is numbered in the order of time.

use std::ops::Range;

use super::{AccountId, AssetCode, queries};
use crate::engine::Parlor;
use crate::record::Timestamp;
use crate::storage::StoreError;

/// Rows that are numbered in the order of their times: each is later than the one before it. So an
/// instant is found by halves, and time needs no index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Series {
    /// The entries of an account, by version.
    Entries(AccountId),
    /// The transfers in the log of an asset, by sequence number. Some numbers are of other things.
    Log(AssetCode),
}

impl Series {
    /// The numbers, among `all`, of what is at an instant or after and before another. It costs a
    /// read of one row for each halving of `all` and each instant.
    pub(super) async fn between(
        self,
        parlor: &Parlor,
        all: Range<i64>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Range<i64>, StoreError> {
        let start = match from {
            Some(from) => self.first(parlor, all.clone(), from).await?,
            None => all.start,
        };
        let end = match to {
            Some(to) => self.first(parlor, start..all.end, to).await?,
            None => all.end,
        };
        Ok(start..end)
    }

    /// The first number of `all` from which on everything is at an instant or after; the end of
    /// `all` if nothing is.
    pub(super) async fn first(
        self,
        parlor: &Parlor,
        all: Range<i64>,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let Range { start: mut low, end: mut high } = all;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next(parlor, middle..high).await? {
                Some((number, time)) if time < at => low = number + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// The first row of some numbers, and its time.
    async fn next(
        self,
        parlor: &Parlor,
        numbers: Range<i64>,
    ) -> Result<Option<(i64, Timestamp)>, StoreError> {
        Ok(match self {
            Self::Entries(account) => {
                let page = parlor.select(&queries::entries(account, &numbers).limit(1)).await?;
                page.rows.first().map(|row| (row.version, row.at))
            }
            Self::Log(asset) => {
                let page = parlor
                    .select(
                        &queries::transfers_in_log(asset, numbers.start, numbers.end - 1).limit(1),
                    )
                    .await?;
                page.rows.first().map(|row| (row.seq, row.at))
            }
        })
    }
}
