use serde::{Deserialize, Serialize};

use super::{AccountKind, AssetCode, HoldState, Kind, Phase, Refusal, Request, Side, VelocityRule};
use crate::identity::UserId;
use crate::record::{Digest, Json, Stored as _, Timestamp};

crate::ids! {
    /// Whose an account is: a person, an organization, or whatever else the host has.
    pub OwnerId,
    /// One account, of one asset.
    pub AccountId,
    /// One transaction, named by whoever asks for it: 128 bits that are used once, such as a UUID of
    /// version 7 (RFC 9562 §5.7).
    pub TransactionId,
}

impl From<UserId> for OwnerId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

/// One transfer of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferId {
    /// The transaction.
    pub transaction: TransactionId,
    /// The how manieth of its transfers, from 0.
    pub leg: u8,
}

impl TransferId {
    /// The key of the rows that are kept of it.
    pub const fn key(self) -> (TransactionId, u8) {
        (self.transaction, self.leg)
    }
}

crate::record! {
    /// What is counted in, and where its log stands.
    ///
    /// The log of an asset is its own changes, those of its accounts and its transfers, numbered from
    /// 0 without a gap. Every entry of the log is a leaf of a Merkle tree (RFC 6962 §2.1).
    pub Asset in "ledger_asset" [code: AssetCode] {
        /// Digits after the point: an amount of 1 is 10^-scale.
        scale: u8,
        /// Whether people may give it to each other.
        transferable: bool,
        /// Whether its log is a Merkle tree; without, nothing proves that it is as it was.
        sealed: bool,
        /// How much of it there may be.
        supply_cap: Option<i64>,
        /// How often it was changed, its opening included.
        changes: i64,
        /// Nothing takes effect before this any more.
        closed_until: Option<Timestamp>,
        /// Entries of the log so far: the number of the next one.
        size: i64,
        /// The time of the last one. The next is later, whatever the clock says.
        at: Timestamp,
        /// What has come from issuance accounts, less what went back to them.
        issued: i64,
        /// What has gone to burn accounts, less what came back from them.
        burned: i64,
        /// The roots of the perfect subtrees that cover the leaves, the largest first, 32 bytes each.
        frontier: Vec<u8>,
    }
}

crate::record! {
    /// How an asset is from an entry of its log on.
    pub AssetChange in "ledger_asset_change" [
        /// The asset.
        asset: AssetCode,
        /// The how manieth of the asset, from 1, which is its opening.
        n: i64,
    ] {
        /// Its number in the log.
        seq: i64,
        /// When.
        at: Timestamp,
        /// As [`Asset::scale`].
        scale: u8,
        /// As [`Asset::transferable`].
        transferable: bool,
        /// As [`Asset::sealed`].
        sealed: bool,
        /// As [`Asset::supply_cap`].
        supply_cap: Option<i64>,
        /// As [`Asset::closed_until`].
        closed_until: Option<Timestamp>,
        /// Who changed it, if it was a person.
        user_id: Option<UserId>,
    }
    unique ledger_asset_change_seq (asset, seq);
    is append_only;
}

crate::record! {
    /// An account: what was debited and credited, and what may be.
    pub Account in "ledger_account" [id: AccountId] {
        /// What it is counted in.
        asset: AssetCode,
        /// What it is for.
        kind: AccountKind,
        /// Whose it is; nobody's, if it is the platform's.
        owner: Option<OwnerId>,
        /// All that went out.
        debits_posted: i64,
        /// All that came in.
        credits_posted: i64,
        /// What is reserved to go out.
        debits_pending: i64,
        /// What is reserved to come in.
        credits_pending: i64,
        /// Whether it stays above zero, or above what may be owed.
        has_floor: bool,
        /// How far below zero a floor is.
        credit_limit: i64,
        /// The most it may have, what is reserved to come in included.
        ceiling: Option<i64>,
        /// Nothing may come in.
        frozen_in: bool,
        /// Nothing may go out.
        frozen_out: bool,
        /// It is over: nothing may come in or go out, but what is reserved may be given up.
        closed: bool,
        /// What may go out in windows of time, and what did in the present ones.
        velocity: Option<Json<Vec<Window>>>,
        /// How many entries it has.
        version: i64,
        /// How often it was changed, its opening included.
        changes: i64,
    }
    within |account| Asset::wrap_key(account.asset);
    index ledger_account_by_kind (asset, kind, id);
    fixed (asset, kind, owner);
    hot (debits_posted, credits_posted, debits_pending, credits_pending, version);
}

/// What went out of an account under one rule in the window of time it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The rule.
    pub rule: VelocityRule,
    /// Which window: windows are as long as the rule says, and numbered from the epoch.
    pub number: i64,
    /// How many transfers went out in it.
    pub count: u32,
    /// How much.
    pub sum: i64,
}

crate::record! {
    /// The account that somebody has for a purpose and an asset: one, and this is it.
    pub Wallet in "ledger_wallet" [owner: OwnerId, kind: AccountKind, asset: AssetCode] {
        /// The account.
        account_id: AccountId,
    }
    is append_only;
}

crate::record! {
    /// How an account is from an entry of the log on: its opening, its limits, whether it is frozen
    /// or closed.
    pub AccountChange in "ledger_account_change" [
        /// The account.
        account_id: AccountId,
        /// The how manieth of the account, from 1, which is its opening.
        n: i64,
    ] {
        /// The asset, in whose log it stands.
        asset: AssetCode,
        /// Its number there.
        seq: i64,
        /// When.
        at: Timestamp,
        /// As [`Account::kind`].
        kind: AccountKind,
        /// As [`Account::owner`].
        owner: Option<OwnerId>,
        /// As [`Account::has_floor`].
        has_floor: bool,
        /// As [`Account::credit_limit`].
        credit_limit: i64,
        /// As [`Account::ceiling`].
        ceiling: Option<i64>,
        /// As [`Account::frozen_in`].
        frozen_in: bool,
        /// As [`Account::frozen_out`].
        frozen_out: bool,
        /// As [`Account::closed`].
        closed: bool,
        /// The rules of [`Account::velocity`], as JSON.
        velocity: Option<String>,
        /// Who changed it, if it was a person.
        user_id: Option<UserId>,
    }
    unique ledger_account_change_seq (asset, seq);
    is append_only;
}

crate::record! {
    /// An amount that goes from one account to another, is reserved to, or is not any more. Never
    /// changed, and never deleted: what was wrong is put right by another one.
    pub Transfer in "ledger_transfer" [
        /// The transaction.
        transaction_id: TransactionId,
        /// The how manieth of its transfers, from 0.
        leg: u8,
    ] {
        /// How many transfers the transaction has.
        legs: u8,
        /// What is moved.
        asset: AssetCode,
        /// Its number in the asset's log.
        seq: i64,
        /// When it was posted. Later than the entry of the log before it, whatever the clock said.
        at: Timestamp,
        /// When it took effect, by whoever asked for it; else when it was posted.
        effective_at: Timestamp,
        /// What the transaction is in the domain's words.
        kind: Kind,
        /// What it does.
        phase: Phase,
        /// Where the amount comes from.
        debit_account: AccountId,
        /// Where it goes to.
        credit_account: AccountId,
        /// How much, in the asset's smallest unit; more than zero.
        amount: i64,
        /// The transfer that reserved it, or that it gives back: the transaction.
        about: Option<TransactionId>,
        /// And its transfer.
        about_leg: Option<u8>,
        /// When a hold is over.
        expires_at: Option<Timestamp>,
        /// On whose behalf, if it was somebody's.
        user_id: Option<UserId>,
        /// What a payment provider calls it.
        reference: Option<String>,
        /// What the host keeps with it for good.
        metadata: Option<String>,
        /// The salted hash of the [`Memo`], which may be gone.
        memo: Option<Digest>,
        /// The hash of the request, by which a retry is known.
        fingerprint: Digest,
    }
    index ledger_transfer_by_kind (kind, at, transaction_id, leg);
    index ledger_transfer_by_user (user_id, at, transaction_id, leg) where user_id is not null;
    index ledger_transfer_by_reference (reference, transaction_id, leg) where reference is not null;
    index ledger_transfer_about (about, about_leg, transaction_id, leg) where about is not null;
    unique ledger_transfer_seq (asset, seq);
    is append_only;
}

crate::record! {
    /// What a person wrote with a transaction. It can be erased; the log has its salted hash.
    pub Memo in "ledger_memo" [transaction_id: TransactionId] {
        /// What the hash is salted with.
        salt: Digest,
        /// What they wrote.
        text: String,
    }
}

crate::record! {
    /// What a transfer did to one of its two accounts, and how the account stood then.
    pub Entry in "ledger_entry" [
        /// The account.
        account_id: AccountId,
        /// The how manieth of the account, from 1, without a gap.
        version: i64,
    ] {
        /// The transfer's transaction.
        transaction_id: TransactionId,
        /// And its number in it.
        leg: u8,
        /// Which side of the account.
        side: Side,
        /// What the transfer does.
        phase: Phase,
        /// What the transaction is in the domain's words.
        kind: Kind,
        /// How much.
        amount: i64,
        /// When it was posted: later than the entry before it.
        at: Timestamp,
        /// As the account's, from then on.
        debits_posted: i64,
        /// As the account's, from then on.
        credits_posted: i64,
        /// As the account's, from then on.
        debits_pending: i64,
        /// As the account's, from then on.
        credits_pending: i64,
    }
    is append_only;
}

crate::record! {
    /// What is reserved by a transfer, and what has become of it.
    pub Hold in "ledger_hold" [
        /// The transfer's transaction.
        transaction_id: TransactionId,
        /// And its number in it.
        leg: u8,
    ] {
        /// What is reserved.
        asset: AssetCode,
        /// Where it is to come from.
        debit_account: AccountId,
        /// Where it is to go to.
        credit_account: AccountId,
        /// How much was reserved.
        amount: i64,
        /// How much of it was moved.
        captured: i64,
        /// How much of it was given up.
        released: i64,
        /// What has become of it.
        state: HoldState,
        /// When it is given up by itself; empty once it is over, and when it has no end.
        expires_at: Option<Timestamp>,
    }
    index ledger_hold_due (expires_at, transaction_id, leg) where expires_at is not null;
    index ledger_hold_of_account (debit_account, state, transaction_id, leg);
}

crate::record! {
    /// How much of a transfer was given back.
    pub Returned in "ledger_returned" [
        /// The transfer's transaction.
        transaction_id: TransactionId,
        /// And its number in it.
        leg: u8,
    ] {
        /// How much it moved.
        amount: i64,
        /// How much of that was given back.
        returned: i64,
        /// Whether it was undone.
        reversed: bool,
    }
}

crate::record! {
    /// A transaction that was refused for how things stood, so that a retry is told the same.
    pub Rejection in "ledger_rejection" [transaction_id: TransactionId] {
        /// The hash of the request, by which a retry is known.
        fingerprint: Digest,
        /// The request, without what a person wrote with it: that could not be erased here.
        request: Json<Request>,
        /// What was said.
        refusal: Json<Refusal>,
        /// When.
        at: Timestamp,
        /// When it may be forgotten.
        expires_at: Timestamp,
        /// The hash of all the rest: a refusal is in no log.
        digest: Digest,
    }
    index ledger_rejection_expiry (expires_at, transaction_id);
    is on_refusal;
}

crate::record! {
    /// 1,024 entries of a log, sealed.
    pub Block in "ledger_block" [
        /// The asset.
        asset: AssetCode,
        /// The how manieth of its log, from 0.
        n: i64,
    ] {
        /// The root of the tree over its entries.
        root: Digest,
        /// The root of the tree over all entries up to its last.
        head: Digest,
        /// That of the block before; the root of an empty tree for the first one.
        previous: Digest,
        /// The time of its last entry.
        at: Timestamp,
    }
    unique ledger_block_chain (asset, previous);
    is append_only;
}
