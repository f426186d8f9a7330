//! The log of an asset, read back in order.

use super::seal::Sealed;
use super::{AccountChange, AssetChange, AssetCode, Transfer, queries};
use crate::engine::Parlor;
use crate::record::{Digest, Timestamp};
use crate::storage::StoreError;

/// How many numbers of a log are read at once.
pub(super) const LOG_PAGE: i64 = 500;

/// An entry of an asset's log.
#[derive(Clone, Debug, PartialEq)]
pub enum LogEntry {
    /// A transfer.
    Transfer(Box<Transfer>),
    /// An account of it was opened or changed.
    Account(Box<AccountChange>),
    /// The asset itself was opened or changed.
    Asset(Box<AssetChange>),
}

impl LogEntry {
    /// Its number in the log.
    pub fn seq(&self) -> i64 {
        match self {
            Self::Transfer(it) => it.seq,
            Self::Account(it) => it.seq,
            Self::Asset(it) => it.seq,
        }
    }

    /// The asset in whose log it is.
    pub fn asset(&self) -> AssetCode {
        match self {
            Self::Transfer(it) => it.asset,
            Self::Account(it) => it.asset,
            Self::Asset(it) => it.asset,
        }
    }

    /// When it was added.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Transfer(it) => it.at,
            Self::Account(it) => it.at,
            Self::Asset(it) => it.at,
        }
    }

    /// Its leaf in the tree over the log (RFC 6962 §2.1).
    pub fn leaf(&self) -> Digest {
        match self {
            Self::Transfer(it) => it.leaf(),
            Self::Account(it) => it.leaf(),
            Self::Asset(it) => it.leaf(),
        }
    }
}

impl Parlor {
    /// The entries of a log from one number up to another, which is not read: in order, as they are
    /// there, [`LOG_PAGE`] numbers at most.
    pub(super) async fn log_page(
        &self,
        asset: AssetCode,
        from: i64,
        to: i64,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let last = to.min(from.saturating_add(LOG_PAGE)) - 1;
        let transfers = self.select(&queries::transfers_in_log(asset, from, last)).await?.rows;
        let accounts = self.select(&queries::account_changes_in_log(asset, from, last)).await?.rows;
        let assets = self.select(&queries::asset_changes_in_log(asset, from, last)).await?.rows;
        let transfers = transfers.into_iter().map(|it| LogEntry::Transfer(Box::new(it)));
        let accounts = accounts.into_iter().map(|it| LogEntry::Account(Box::new(it)));
        let assets = assets.into_iter().map(|it| LogEntry::Asset(Box::new(it)));
        let mut entries: Vec<_> = transfers.chain(accounts).chain(assets).collect();
        entries.sort_by_key(LogEntry::seq);
        Ok(entries)
    }

    /// Where the rows of a log end, whatever its asset says: the number after the last one.
    pub(super) async fn log_end(&self, asset: AssetCode) -> Result<i64, StoreError> {
        let transfers = queries::transfers_in_log(asset, 0, i64::MAX).descending().limit(1);
        let accounts = queries::account_changes_in_log(asset, 0, i64::MAX).descending().limit(1);
        let assets = queries::asset_changes_in_log(asset, 0, i64::MAX).descending().limit(1);
        let last = [
            self.select(&transfers).await?.rows.first().map(|it| it.seq),
            self.select(&accounts).await?.rows.first().map(|it| it.seq),
            self.select(&assets).await?.rows.first().map(|it| it.seq),
        ];
        Ok(last.into_iter().flatten().max().map_or(0, |seq| seq.saturating_add(1)))
    }
}
