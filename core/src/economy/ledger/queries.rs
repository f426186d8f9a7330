//! Named reads (Q-E1 to Q-E3). Who may make them is said in [`Reads`](super::Reads).

use std::ops::Range;

use super::{
    Account, AccountChange, AccountId, AccountKind, Asset, AssetChange, AssetCode, Block, Entry,
    Hold, HoldState, Kind, Memo, OwnerId, Phase, Rejection, Returned, Side, TransactionId,
    Transfer, TransferFilter, TransferId, Wallet,
};
use crate::Uuid;
use crate::col;
use crate::identity::UserId;
use crate::record::Timestamp;
use crate::storage::{Aggregate, Filter, GROUPS_MAX, NamedQuery, PAGE_MAX, Select, Summary};

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

/// Every transfer, log by log.
pub(super) fn transfers_by_log() -> Select<Transfer> {
    Select::new("ledger.transfers_by_log")
        .by("ledger_transfer_seq")
        .order(col!(Transfer.asset))
        .order(col!(Transfer.seq))
}

/// Every change of an account, log by log.
pub(super) fn account_changes_by_log() -> Select<AccountChange> {
    Select::new("ledger.account_changes_by_log")
        .by("ledger_account_change_seq")
        .order(col!(AccountChange.asset))
        .order(col!(AccountChange.seq))
}

/// Every change of an asset, log by log.
pub(super) fn asset_changes_by_log() -> Select<AssetChange> {
    Select::new("ledger.asset_changes_by_log")
        .by("ledger_asset_change_seq")
        .order(col!(AssetChange.asset))
        .order(col!(AssetChange.seq))
}

/// Every block, log by log.
pub(super) fn every_block() -> Select<Block> {
    Select::new("ledger.every_block")
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

/// One account.
pub(super) fn account(id: AccountId) -> Select<Account> {
    Select::new("ledger.account").filter(col!(Account.id).is(id)).limit(1)
}

/// Some accounts.
pub(super) fn accounts_by_id(ids: impl IntoIterator<Item = AccountId>) -> Select<Account> {
    Select::new("ledger.accounts_by_id").filter(col!(Account.id).is_in(ids)).limit(PAGE_MAX)
}

/// What somebody has (Q-E1).
pub(super) fn wallets(owner: OwnerId) -> Select<Wallet> {
    Select::new("ledger.wallets").filter(col!(Wallet.owner).is(owner))
}

/// The accounts of an asset, kind by kind.
pub(super) fn accounts_of_asset(asset: AssetCode) -> Select<Account> {
    Select::new("ledger.accounts_of_asset")
        .by("ledger_account_by_kind")
        .filter(col!(Account.asset).is(asset))
        .order(col!(Account.kind))
}

/// The accounts of one kind of an asset.
pub(super) fn accounts_of_kind(asset: AssetCode, kind: AccountKind) -> Select<Account> {
    Select::new("ledger.accounts_of_kind")
        .by("ledger_account_by_kind")
        .filter(col!(Account.asset).is(asset))
        .filter(col!(Account.kind).is(kind))
}

/// The transfers of one transaction, in their order.
pub(super) fn transaction(id: TransactionId) -> Select<Transfer> {
    Select::new("ledger.transaction").filter(col!(Transfer.transaction_id).is(id)).limit(PAGE_MAX)
}

/// What a person wrote with a transaction.
pub(super) fn memo(id: TransactionId) -> Select<Memo> {
    Select::new("ledger.memo").filter(col!(Memo.transaction_id).is(id)).limit(1)
}

/// One hold.
pub(super) fn hold(id: TransferId) -> Select<Hold> {
    Select::new("ledger.hold")
        .filter(col!(Hold.transaction_id).is(id.transaction))
        .filter(col!(Hold.leg).is(id.leg))
        .limit(1)
}

/// What was ever reserved out of an account.
pub(super) fn holds(account: AccountId) -> Select<Hold> {
    Select::new("ledger.holds")
        .by("ledger_hold_of_account")
        .filter(col!(Hold.debit_account).is(account))
        .order(col!(Hold.state))
}

/// What is reserved out of an account.
pub(super) fn open_holds(account: AccountId) -> Select<Hold> {
    Select::new("ledger.open_holds")
        .by("ledger_hold_of_account")
        .filter(col!(Hold.debit_account).is(account))
        .filter(col!(Hold.state).is(HoldState::Open))
}

/// What somebody's transactions moved, the latest first (Q-E2).
pub(super) fn history_of_user(user: UserId, wanted: &TransferFilter) -> Select<Transfer> {
    Select::new("ledger.history_of_user")
        .by("ledger_transfer_by_user")
        .filter(col!(Transfer.user_id).is(Some(user)))
        .filter(within(wanted.from, wanted.to))
        .filter(any_or(wanted.account, touches))
        .filter(any_or(wanted.kind, |kind| col!(Transfer.kind).is(kind)))
        .filter(any_or(wanted.asset, |asset| col!(Transfer.asset).is(asset)))
        .order(col!(Transfer.at))
        .descending()
}

/// What transactions of a kind moved, the latest first (Q-E2).
pub(super) fn history_of_kind(kind: Kind, wanted: &TransferFilter) -> Select<Transfer> {
    Select::new("ledger.history_of_kind")
        .by("ledger_transfer_by_kind")
        .filter(col!(Transfer.kind).is(kind))
        .filter(within(wanted.from, wanted.to))
        .filter(any_or(wanted.asset, |asset| col!(Transfer.asset).is(asset)))
        .order(col!(Transfer.at))
        .descending()
}

/// The transfers among some entries of a log, the latest first (Q-E2).
pub(super) fn history_of_asset(asset: AssetCode, numbers: &Range<i64>) -> Select<Transfer> {
    Select::new("ledger.history_of_asset")
        .by("ledger_transfer_seq")
        .filter(col!(Transfer.asset).is(asset))
        .filter(col!(Transfer.seq).at_least(numbers.start))
        .filter(col!(Transfer.seq).at_most(last(numbers)))
        .order(col!(Transfer.seq))
        .descending()
}

/// Some entries of an account, the first one first.
pub(super) fn entries(account: AccountId, numbers: &Range<i64>) -> Select<Entry> {
    Select::new("ledger.entries")
        .filter(col!(Entry.account_id).is(account))
        .filter(col!(Entry.version).at_least(numbers.start))
        .filter(col!(Entry.version).at_most(last(numbers)))
}

/// Some entries of an account, the latest first, of one kind if one is given (Q-E2).
pub(super) fn history_of_account(
    account: AccountId,
    numbers: &Range<i64>,
    kind: Option<Kind>,
) -> Select<Entry> {
    Select::new("ledger.history_of_account")
        .filter(col!(Entry.account_id).is(account))
        .filter(col!(Entry.version).at_least(numbers.start))
        .filter(col!(Entry.version).at_most(last(numbers)))
        .filter(any_or(kind, |kind| col!(Entry.kind).is(kind)))
        .descending()
}

/// All that is in the books, the latest first: never run, but what a cursor over all assets is of.
pub(super) fn history_of_all() -> Select<Transfer> {
    Select::new("ledger.history_of_all").order(col!(Transfer.at)).descending()
}

/// What a payment provider calls by a name.
pub(super) fn by_reference(reference: &str) -> Select<Transfer> {
    Select::new("ledger.by_reference")
        .by("ledger_transfer_by_reference")
        .filter(col!(Transfer.reference).is(Some(reference.to_owned())))
}

/// What a payment provider calls by some names, of one account.
pub(super) fn by_references(
    account: AccountId,
    references: impl IntoIterator<Item = String>,
) -> Select<Transfer> {
    Select::new("ledger.by_references")
        .by("ledger_transfer_by_reference")
        .filter(col!(Transfer.reference).is_in(references.into_iter().map(Some)))
        .filter(touches(account))
        .order_some(col!(Transfer.reference))
        .limit(PAGE_MAX)
}

/// What the accounts of an asset come to, kind by kind.
pub(super) fn sums_by_kind(asset: AssetCode) -> Summary<Account> {
    Summary::new("ledger.sums_by_kind")
        .by("ledger_account_by_kind")
        .filter(col!(Account.asset).is(asset))
        .group(col!(Account.kind))
        .sum(col!(Account.debits_posted))
        .sum(col!(Account.credits_posted))
        .sum(col!(Account.debits_pending))
        .sum(col!(Account.credits_pending))
}

/// How many accounts an asset has.
pub(super) fn count_of_accounts(asset: AssetCode) -> Summary<Account> {
    Summary::new("ledger.count_of_accounts")
        .by("ledger_account_by_kind")
        .filter(col!(Account.asset).is(asset))
        .rows()
}

/// What transactions of a kind moved, asset by asset and day by day.
pub(super) fn volume(kind: Kind, days: &Range<Timestamp>, phases: &[Phase]) -> Summary<Transfer> {
    Summary::new("ledger.volume")
        .by("ledger_transfer_by_kind")
        .filter(col!(Transfer.kind).is(kind))
        .filter(within(Some(days.start), Some(days.end)))
        .filter(col!(Transfer.phase).is_in(phases.iter().copied()))
        .group(col!(Transfer.asset))
        .daily(col!(Transfer.at))
        .rows()
        .sum(col!(Transfer.amount))
        .limit(GROUPS_MAX)
}

/// What came into an account or went out of it, day by day and kind by kind.
pub(super) fn turnover(account: AccountId, numbers: &Range<i64>, side: Side) -> Summary<Entry> {
    let posting = Phase::ALL.iter().copied().filter(|phase| phase.posts());
    Summary::new("ledger.turnover")
        .filter(col!(Entry.account_id).is(account))
        .filter(col!(Entry.version).at_least(numbers.start))
        .filter(col!(Entry.version).at_most(last(numbers)))
        .filter(col!(Entry.side).is(side))
        .filter(col!(Entry.phase).is_in(posting))
        .group(col!(Entry.kind))
        .daily(col!(Entry.at))
        .rows()
        .sum(col!(Entry.amount))
        .limit(GROUPS_MAX)
}

/// What is reserved of an asset, by the day on which it is given up.
pub(super) fn holds_ending(asset: AssetCode, days: &Range<Timestamp>) -> Summary<Hold> {
    Summary::new("ledger.holds_ending")
        .by("ledger_hold_due")
        .filter(col!(Hold.expires_at).at_least(Some(days.start)))
        .filter(col!(Hold.expires_at).at_most(Some(before(days.end))))
        .filter(col!(Hold.asset).is(asset))
        .daily(col!(Hold.expires_at))
        .rows()
        .sum(col!(Hold.amount))
        .sum(col!(Hold.captured))
        .sum(col!(Hold.released))
        .limit(GROUPS_MAX)
}

/// An account is on one of the two sides.
fn touches(account: AccountId) -> Filter {
    Filter::Any(vec![
        col!(Transfer.debit_account).is(account),
        col!(Transfer.credit_account).is(account),
    ])
}

/// Posted at an instant or after, and before another.
fn within(from: Option<Timestamp>, to: Option<Timestamp>) -> Filter {
    let from = any_or(from, |from| col!(Transfer.at).at_least(from));
    let to = any_or(to, |to| col!(Transfer.at).at_most(before(to)));
    Filter::All(vec![from, to])
}

/// What is asked for, or true of every row.
fn any_or<T>(wanted: Option<T>, filter: impl FnOnce(T) -> Filter) -> Filter {
    wanted.map_or(Filter::All(Vec::new()), filter)
}

/// The last number before the end of a range.
const fn last(numbers: &Range<i64>) -> i64 {
    numbers.end.saturating_sub(1)
}

/// The instant before this one: times are whole microseconds.
pub(super) const fn before(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_sub(1))
}

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let (at, asset_code, kind) = (Timestamp::default(), AssetCode::of("ANY"), Kind::of("any"));
    let (id, owner) = (AccountId(Uuid::nil()), OwnerId(Uuid::nil()));
    let (transaction_id, user) = (TransactionId(Uuid::nil()), UserId(Uuid::nil()));
    let transfer_id = TransferId { transaction: transaction_id, leg: 0 };
    let any = TransferFilter::default();
    let times = TransferFilter { from: Some(at), to: Some(at), ..any.clone() };
    vec![
        asset(asset_code).into(),
        assets().into(),
        account(id).into(),
        accounts_by_id([id]).into(),
        wallets(owner).into(),
        accounts_of_asset(asset_code).into(),
        accounts_of_kind(asset_code, AccountKind::Clearing).into(),
        transaction(transaction_id).into(),
        memo(transaction_id).into(),
        hold(transfer_id).into(),
        holds(id).into(),
        open_holds(id).into(),
        holds_due(at).into(),
        rejections_due(at).into(),
        history_of_user(user, &any).into(),
        history_of_user(user, &TransferFilter { account: Some(id), ..times.clone() }).into(),
        history_of_kind(kind, &any).into(),
        history_of_kind(kind, &TransferFilter { asset: Some(asset_code), ..times }).into(),
        history_of_asset(asset_code, &(0..1)).into(),
        entries(id, &(1..2)).into(),
        history_of_account(id, &(1..2), None).into(),
        history_of_account(id, &(1..2), Some(kind)).into(),
        by_reference("any").into(),
        by_references(id, ["any".to_owned()]).into(),
        transfer(transfer_id).into(),
        transfers_of([transaction_id]).into(),
        transfers_in_log(asset_code, 0, 1).into(),
        account_changes_in_log(asset_code, 0, 1).into(),
        asset_changes_in_log(asset_code, 0, 1).into(),
        transfers_by_log().into(),
        account_changes_by_log().into(),
        asset_changes_by_log().into(),
        blocks(asset_code, 0, 1).into(),
        every_block().into(),
        every_account().into(),
        every_entry().into(),
        every_wallet().into(),
        every_hold().into(),
        everything_returned().into(),
        every_memo().into(),
        every_rejection().into(),
    ]
}

/// All reckonings, for the harness.
pub(crate) fn aggregates() -> Vec<Aggregate> {
    let (asset, kind, id) = (AssetCode::of("ANY"), Kind::of("any"), AccountId(Uuid::nil()));
    let days = Timestamp::default()..Timestamp::default();
    vec![
        sums_by_kind(asset).aggregate().clone(),
        count_of_accounts(asset).aggregate().clone(),
        volume(kind, &days, Phase::ALL).aggregate().clone(),
        turnover(id, &(1..2), Side::Credit).aggregate().clone(),
        holds_ending(asset, &days).aggregate().clone(),
    ]
}
