use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AccountId, Kind, Side};
use crate::engine::{self, Class, Invalid};
use crate::storage::BadCursor;

/// Why the ledger says no.
///
/// Each has a stable [number](Self::number), in order of precedence: what is malformed (1xx), what
/// the id was used for (2xx), accounts and assets (3xx), what a transfer is about (4xx), limits
/// (5xx). Of a transaction the first leg at fault decides, and of that the least number; what is
/// malformed outside the legs comes after them. Numbers are never given anew. 6xx is left to imports,
/// 9xx are those of a [`StoreError`](crate::storage::StoreError::number).
///
/// Those from 300 on depend on how things stand, and stick to the id of a transaction: a retry is
/// told the same. Those of [`may_pass`](Self::may_pass) may be answered otherwise under a new id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
#[expect(missing_docs, reason = "`leg`, `side` and `field` say where, from 0")]
pub enum Refusal {
    /// The id is nil or all ones.
    #[error("The transaction's id is not one.")]
    InvalidId,
    /// There is nothing to do.
    #[error("The transaction has no legs.")]
    NoLegs,
    /// More than [`LEGS_MAX`](super::LEGS_MAX).
    #[error("The transaction has more than {max} legs.")]
    TooManyLegs { max: usize },
    /// An amount is more than zero.
    #[error("The amount of leg {leg} is not more than zero.")]
    AmountNotPositive { leg: u8 },
    /// More than [`AMOUNT_MAX`](super::AMOUNT_MAX).
    #[error("The amount of leg {leg} is more than 2^53 - 1.")]
    AmountOutOfRange { leg: u8 },
    /// A leg takes from and gives to one account.
    #[error("Leg {leg} gives to the account that it takes from.")]
    SameAccount { leg: u8 },
    /// What a leg asks for does not go together.
    #[error("What leg {leg} asks for does not go together.")]
    InvalidCombination { leg: u8 },
    /// More bytes than the field takes.
    #[error("The {field} is too long.")]
    TextTooLong { field: Field },
    /// A hold has no end, or one between a second and 400 days away.
    #[error("The hold of leg {leg} has to end after a second to 400 days.")]
    TimeoutNotAllowed { leg: u8 },
    /// The effect is later than now, or before 1970.
    #[error("The transaction cannot take effect at this time.")]
    BadTimestamp,
    /// Parts that do not add up to a whole, or a rate that is none.
    #[error("The shares or the rate are none that can be reckoned with.")]
    FeePolicyInvalid,
    /// Empty, or with a character that is not allowed.
    #[error("The {field} is malformed.")]
    TextMalformed { field: Field },
    /// A field of another command is malformed.
    #[error(transparent)]
    #[serde(skip)]
    Invalid(#[from] Invalid),
    /// The cursor belongs to another list.
    #[error("{0}")]
    #[serde(skip)]
    BadCursor(#[from] BadCursor),
    /// The id was used for something else, of which this is the first field that differs.
    #[error("This id was used for another transaction: the {field} differs.")]
    IdConflict { field: Field },
    /// There is no such account.
    #[error("There is no such account on the {side} side of leg {leg}.")]
    AccountNotFound { side: Side, leg: u8 },
    /// There is no such asset.
    #[error("There is no such asset.")]
    AssetNotFound { leg: u8 },
    /// The account is of another asset.
    #[error("The account on the {side} side of leg {leg} is of another asset.")]
    AssetMismatch { side: Side, leg: u8 },
    /// The account is closed.
    #[error("The account on the {side} side of leg {leg} is closed.")]
    AccountClosed { side: Side, leg: u8 },
    /// Nothing may come in.
    #[error("Nothing may come into the account of leg {leg}: it is frozen.")]
    AccountFrozenIn { leg: u8 },
    /// Nothing may go out.
    #[error("Nothing may go out of the account of leg {leg}: it is frozen.")]
    AccountFrozenOut { leg: u8 },
    /// People may not give it to each other.
    #[error("This cannot be given to others.")]
    AssetNotTransferable { leg: u8 },
    /// The time is over for what takes effect then.
    #[error("The books of that time are closed.")]
    PeriodSealed { leg: u8 },
    /// There is such an account already.
    #[error("There is such an account already.")]
    AccountExists { account: AccountId },
    /// There is such an asset already, and it is another.
    #[error("There is such an asset already, and it is another.")]
    AssetExists,
    /// The account is outside the new limits.
    #[error("The account is outside these limits already.")]
    OutsideLimits,
    /// There is no such transaction, hold or memo.
    #[error("There is no such thing in the ledger.")]
    NotFound,
    /// There is no such transfer.
    #[error("Leg {leg} is about a hold that does not exist.")]
    HoldNotFound { leg: u8 },
    /// There is such a transfer, and it holds nothing.
    #[error("Leg {leg} is about a transfer that is no hold.")]
    NotAHold { leg: u8 },
    /// All of the hold was moved already.
    #[error("The hold has been captured already.")]
    HoldAlreadyCaptured,
    /// The hold was given up.
    #[error("The hold has been given up.")]
    HoldVoided,
    /// The hold's time is over.
    #[error("The hold has expired.")]
    HoldExpired,
    /// More than is left of the hold.
    #[error("Leg {leg} asks for more than the {remaining} that are left of the hold.")]
    ExceedsHold { leg: u8, remaining: i64 },
    /// The hold is of something else.
    #[error("The {field} of leg {leg} is not that of its hold.")]
    HoldMismatch { leg: u8, field: Field },
    /// There is no such transfer to give back.
    #[error("Leg {leg} is about a transfer that does not exist.")]
    OriginalNotFound { leg: u8 },
    /// More than is left to be given back.
    #[error("Leg {leg} gives back more than the {refundable} that are left of it.")]
    RefundExceedsOriginal { leg: u8, refundable: i64 },
    /// It was undone already.
    #[error("The transfer of leg {leg} has been undone already.")]
    AlreadyReversed { leg: u8 },
    /// It moved nothing that can be given back.
    #[error("The transfer of leg {leg} cannot be undone.")]
    NotReversible { leg: u8 },
    /// What is given back was something else.
    #[error("The {field} of leg {leg} is not that of what it gives back.")]
    OriginalMismatch { leg: u8, field: Field },
    /// An account that is closed is empty.
    #[error("The account is not empty.")]
    CloseNonZero { balance: i64 },
    /// An account that is closed has nothing reserved.
    #[error("Something in the account is reserved.")]
    CloseHasHolds,
    /// More than there is.
    #[error("Not enough: {available} can be taken.")]
    InsufficientFunds { leg: u8, available: i64 },
    /// More than the account takes.
    #[error("Too much for the account: it takes {room} more.")]
    CeilingExceeded { leg: u8, room: i64 },
    /// More than may go out for now.
    #[error("Too much at once: try again in {} s.", retry_after.as_secs())]
    VelocityExceeded { leg: u8, rule: Kind, retry_after: Duration },
    /// More than the ledger can count.
    #[error("More than the ledger can count.")]
    BalanceOverflow { leg: u8 },
    /// More than there may be.
    #[error("There may be {room} more of it only.")]
    SupplyCapExceeded { leg: u8, room: i64 },
}

crate::words! {
    /// A field of a request.
    pub Field {
        /// [`Transaction::kind`](super::Transaction::kind)
        Kind = "kind",
        /// [`Transaction::user`](super::Transaction::user)
        User = "user",
        /// [`Transaction::reference`](super::Transaction::reference)
        Reference = "reference",
        /// [`Transaction::metadata`](super::Transaction::metadata)
        Metadata = "metadata",
        /// [`Transaction::memo`](super::Transaction::memo)
        Memo = "memo",
        /// [`Transaction::effective_at`](super::Transaction::effective_at)
        EffectiveAt = "effective_at",
        /// [`Transaction::legs`](super::Transaction::legs): how many, or what they come to.
        Legs = "legs",
        /// [`Leg::action`](super::Leg::action)
        Action = "action",
        /// [`Leg::asset`](super::Leg::asset)
        Asset = "asset",
        /// [`Leg::debit`](super::Leg::debit)
        Debit = "debit",
        /// [`Leg::credit`](super::Leg::credit)
        Credit = "credit",
        /// [`Leg::amount`](super::Leg::amount)
        Amount = "amount",
        /// [`Refund::of`](super::Refund::of)
        Of = "of",
    }
}

impl Refusal {
    /// The stable number.
    pub const fn number(&self) -> u16 {
        self.entry().0
    }

    /// Whether it depends on how things stand, so that it sticks to the id of its transaction.
    pub const fn is_sticky(&self) -> bool {
        matches!(self.number(), 300..600)
    }

    /// Whether the same may be granted later, under a new id.
    pub const fn may_pass(&self) -> bool {
        matches!(self.number(), 300 | 303..=305 | 400 | 410 | 500..600)
    }

    const fn entry(&self) -> (u16, &'static str, Class) {
        use Class::{Conflict, Invalid, NotFound};
        match self {
            Self::InvalidId => (100, "ledger.invalid_id", Invalid),
            Self::NoLegs => (101, "ledger.no_legs", Invalid),
            Self::TooManyLegs { .. } => (102, "ledger.too_many_legs", Invalid),
            Self::AmountNotPositive { .. } => (103, "ledger.amount_not_positive", Invalid),
            Self::AmountOutOfRange { .. } => (104, "ledger.amount_out_of_range", Invalid),
            Self::SameAccount { .. } => (105, "ledger.same_account", Invalid),
            Self::InvalidCombination { .. } => (106, "ledger.invalid_combination", Invalid),
            Self::TextTooLong { .. } => (107, "ledger.text_too_long", Invalid),
            Self::TimeoutNotAllowed { .. } => (108, "ledger.timeout_not_allowed", Invalid),
            Self::BadTimestamp => (110, "ledger.bad_timestamp", Invalid),
            Self::FeePolicyInvalid => (111, "ledger.fee_policy_invalid", Invalid),
            Self::TextMalformed { .. } => (112, "ledger.text_malformed", Invalid),
            Self::Invalid(_) => (113, "ledger.invalid", Invalid),
            Self::BadCursor(_) => (114, "invalid.cursor", Invalid),
            Self::IdConflict { .. } => (200, "ledger.id_conflict", Conflict),
            Self::AccountNotFound { .. } => (300, "ledger.account_not_found", NotFound),
            Self::AssetNotFound { .. } => (301, "ledger.asset_not_found", NotFound),
            Self::AssetMismatch { .. } => (302, "ledger.asset_mismatch", Conflict),
            Self::AccountClosed { .. } => (303, "ledger.account_closed", Conflict),
            Self::AccountFrozenIn { .. } => (304, "ledger.account_frozen_in", Conflict),
            Self::AccountFrozenOut { .. } => (308, "ledger.account_frozen_out", Conflict),
            Self::AssetNotTransferable { .. } => (305, "ledger.asset_not_transferable", Conflict),
            Self::PeriodSealed { .. } => (306, "ledger.period_sealed", Conflict),
            Self::AccountExists { .. } => (310, "ledger.account_exists", Conflict),
            Self::AssetExists => (311, "ledger.asset_exists", Conflict),
            Self::OutsideLimits => (312, "ledger.outside_limits", Conflict),
            Self::NotFound => (313, "ledger.not_found", NotFound),
            Self::HoldNotFound { .. } => (400, "ledger.hold_not_found", NotFound),
            Self::NotAHold { .. } => (401, "ledger.not_a_hold", Conflict),
            Self::HoldAlreadyCaptured => (402, "ledger.hold_already_captured", Conflict),
            Self::HoldVoided => (403, "ledger.hold_voided", Conflict),
            Self::HoldExpired => (404, "ledger.hold_expired", Conflict),
            Self::ExceedsHold { .. } => (405, "ledger.exceeds_hold", Conflict),
            Self::HoldMismatch { .. } => (406, "ledger.hold_mismatch", Conflict),
            Self::OriginalNotFound { .. } => (410, "ledger.original_not_found", NotFound),
            Self::RefundExceedsOriginal { .. } => (411, "ledger.refund_exceeds", Conflict),
            Self::AlreadyReversed { .. } => (412, "ledger.already_reversed", Conflict),
            Self::NotReversible { .. } => (413, "ledger.not_reversible", Conflict),
            Self::OriginalMismatch { .. } => (414, "ledger.original_mismatch", Conflict),
            Self::CloseNonZero { .. } => (420, "ledger.close_non_zero", Conflict),
            Self::CloseHasHolds => (421, "ledger.close_has_holds", Conflict),
            Self::InsufficientFunds { .. } => (500, "ledger.insufficient_funds", Conflict),
            Self::CeilingExceeded { .. } => (501, "ledger.ceiling_exceeded", Conflict),
            Self::VelocityExceeded { .. } => (502, "ledger.velocity_exceeded", Conflict),
            Self::BalanceOverflow { .. } => (503, "ledger.balance_overflow", Conflict),
            Self::SupplyCapExceeded { .. } => (504, "ledger.supply_cap_exceeded", Conflict),
        }
    }
}

impl engine::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.code(),
            _ => self.entry().1,
        }
    }

    fn class(&self) -> Class {
        self.entry().2
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidId => Some("id"),
            Self::NoLegs | Self::TooManyLegs { .. } => Some("legs"),
            Self::AmountNotPositive { .. } | Self::AmountOutOfRange { .. } => Some("amount"),
            Self::SameAccount { .. } => Some("credit"),
            Self::InvalidCombination { .. } | Self::TimeoutNotAllowed { .. } => Some("action"),
            Self::BadTimestamp => Some("effective_at"),
            Self::TextTooLong { field }
            | Self::TextMalformed { field }
            | Self::IdConflict { field }
            | Self::HoldMismatch { field, .. }
            | Self::OriginalMismatch { field, .. } => Some(field.word()),
            Self::Invalid(invalid) => invalid.field(),
            Self::BadCursor(_) => Some("after"),
            _ => None,
        }
    }
}
