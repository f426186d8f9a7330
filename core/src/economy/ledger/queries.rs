//! Named reads (Q-E1 to Q-E3).

use super::{
    Account, AccountChange, Asset, AssetChange, AssetCode, Block, Entry, Hold, Memo, Rejection,
    Returned, TransactionId, Transfer, TransferId, Wallet,
};
use crate::Uuid;
use crate::col;
use crate::record::Timestamp;
use crate::storage::{NamedQuery, PAGE_MAX, Select};

/// Holds whose time is over by an instant, the first to end first (Q-E3).
pub(super) fn holds_due(by: Timestamp) -> Select<Hold> {
    Select::new("ledger.holds_due")
        .by("ledger_hold_due")
        .filter(col!(Hold.expires_at).at_most(Some(by)))
        .order_some(col!(Hold.expires_at))
}

/// Refusals that may be forgotten by an instant, the first one first.
pub(super) fn rejections_due(by: Timestamp) -> Select<Rejection> {
    Select::new("ledger.rejections_due")
        .by("ledger_rejection_expiry")
        .filter(col!(Rejection.expires_at).at_most(by))
        .order(col!(Rejection.expires_at))
}

/// One asset.
pub(super) fn asset(code: AssetCode) -> Select<Asset> {
    Select::new("ledger.asset").filter(col!(Asset.code).is(code)).limit(1)
}

/// All assets.
pub(super) fn assets() -> Select<Asset> {
    Select::new("ledger.assets").limit(PAGE_MAX)
}

/// One transfer.
pub(super) fn transfer(id: TransferId) -> Select<Transfer> {
    Select::new("ledger.transfer")
        .filter(col!(Transfer.transaction_id).is(id.transaction))
        .filter(col!(Transfer.leg).is(id.leg))
        .limit(1)
}

/// All transfers of some transactions.
pub(super) fn transfers_of(ids: impl IntoIterator<Item = TransactionId>) -> Select<Transfer> {
    Select::new("ledger.transfers_of")
        .filter(col!(Transfer.transaction_id).is_in(ids))
        .limit(PAGE_MAX)
}

/// The transfers of an asset's log from one number to another.
pub(super) fn transfers_in_log(asset: AssetCode, first: i64, last: i64) -> Select<Transfer> {
    Select::new("ledger.transfers_in_log")
        .by("ledger_transfer_seq")
        .filter(col!(Transfer.asset).is(asset))
        .filter(col!(Transfer.seq).at_least(first))
        .filter(col!(Transfer.seq).at_most(last))
        .order(col!(Transfer.asset))
        .order(col!(Transfer.seq))
        .limit(PAGE_MAX)
}

/// The changes of accounts in an asset's log from one number to another.
pub(super) fn account_changes_in_log(
    asset: AssetCode,
    first: i64,
    last: i64,
) -> Select<AccountChange> {
    Select::new("ledger.account_changes_in_log")
        .by("ledger_account_change_seq")
        .filter(col!(AccountChange.asset).is(asset))
        .filter(col!(AccountChange.seq).at_least(first))
        .filter(col!(AccountChange.seq).at_most(last))
        .order(col!(AccountChange.asset))
        .order(col!(AccountChange.seq))
        .limit(PAGE_MAX)
}

/// An asset's own changes in its log from one number to another.
pub(super) fn asset_changes_in_log(asset: AssetCode, first: i64, last: i64) -> Select<AssetChange> {
    Select::new("ledger.asset_changes_in_log")
        .by("ledger_asset_change_seq")
        .filter(col!(AssetChange.asset).is(asset))
        .filter(col!(AssetChange.seq).at_least(first))
        .filter(col!(AssetChange.seq).at_most(last))
        .order(col!(AssetChange.asset))
        .order(col!(AssetChange.seq))
        .limit(PAGE_MAX)
}

/// Blocks of an asset's log from one to another.
pub(super) fn blocks(asset: AssetCode, first: i64, last: i64) -> Select<Block> {
    Select::new("ledger.blocks")
        .filter(col!(Block.asset).is(asset))
        .filter(col!(Block.n).at_least(first))
        .filter(col!(Block.n).at_most(last))
        .limit(PAGE_MAX)
}

/// Every account, by id.
pub(super) fn every_account() -> Select<Account> {
    Select::new("ledger.every_account").limit(PAGE_MAX)
}

/// Every entry, by account and version.
pub(super) fn every_entry() -> Select<Entry> {
    Select::new("ledger.every_entry").limit(PAGE_MAX)
}

/// Every wallet.
pub(super) fn every_wallet() -> Select<Wallet> {
    Select::new("ledger.every_wallet").limit(PAGE_MAX)
}

/// Every hold.
pub(super) fn every_hold() -> Select<Hold> {
    Select::new("ledger.every_hold").limit(PAGE_MAX)
}

/// All that was given back.
pub(super) fn everything_returned() -> Select<Returned> {
    Select::new("ledger.everything_returned").limit(PAGE_MAX)
}

/// Every memo.
pub(super) fn every_memo() -> Select<Memo> {
    Select::new("ledger.every_memo").limit(PAGE_MAX)
}

/// Every refusal that is remembered.
pub(super) fn every_rejection() -> Select<Rejection> {
    Select::new("ledger.every_rejection").limit(PAGE_MAX)
}

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let (at, asset_code) = (Timestamp::default(), AssetCode::of("ANY"));
    let transaction = TransactionId(Uuid::nil());
    vec![
        holds_due(at).into(),
        rejections_due(at).into(),
        asset(asset_code).into(),
        transfer(TransferId { transaction, leg: 0 }).into(),
        transfers_of([transaction]).into(),
        transfers_in_log(asset_code, 0, 1).into(),
        account_changes_in_log(asset_code, 0, 1).into(),
        asset_changes_in_log(asset_code, 0, 1).into(),
        blocks(asset_code, 0, 1).into(),
        assets().into(),
        every_account().into(),
        every_entry().into(),
        every_wallet().into(),
        every_hold().into(),
        everything_returned().into(),
        every_memo().into(),
        every_rejection().into(),
    ]
}
