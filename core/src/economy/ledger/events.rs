use super::{AccountId, AssetCode, Kind, TransactionId, TransferId};
use crate::events::Audience;
use crate::identity::UserId;

crate::events! {
    /// What happens in the ledger. The rows say the rest; a reader looks them up by what is named.
    pub Event {
        /// A transaction was posted.
        Posted = "ledger.posted" {
            transaction: TransactionId,
            kind: Kind,
            user: Option<UserId>,
            /// How many transfers it has.
            legs: u8,
        },
        /// A hold's time was over, and what was left of it was given up.
        HoldExpired = "ledger.hold_expired" {
            hold: TransferId,
            amount: i64,
        },
        /// An asset was opened, or changed.
        AssetChanged = "ledger.asset_changed" {
            asset: AssetCode,
            /// How often by now, its opening included.
            n: i64,
        },
        /// An account was opened, or changed.
        AccountChanged = "ledger.account_changed" {
            account: AccountId,
            /// How often by now, its opening included.
            n: i64,
        },
    }
}

impl Event {
    /// Who may be told of it.
    pub fn audience(&self) -> Audience {
        Audience::Host
    }
}
