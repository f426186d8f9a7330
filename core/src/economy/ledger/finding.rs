use std::fmt;

use serde::Serialize;

use super::{AccountId, AccountKind, AssetCode, Kind, OwnerId, Phase, TransactionId, TransferId};
use crate::record::{Digest, Timestamp};

/// The most findings that are told one by one.
pub const FINDINGS_MAX: usize = 1_000;

/// Something that is not as the ledger left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What is wrong, in a sentence.
    pub problem: String,
}

/// A place in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the keys of the rows, documented there")]
pub enum Place {
    /// An asset.
    Asset(AssetCode),
    /// An entry of an asset's log.
    Log { asset: AssetCode, seq: i64 },
    /// A block of an asset's log.
    Block { asset: AssetCode, n: i64 },
    /// A transaction.
    Transaction(TransactionId),
    /// An account.
    Account(AccountId),
    /// An entry of an account.
    Entry { account: AccountId, version: i64 },
    /// What somebody's account for a purpose is.
    Wallet { owner: OwnerId, account: AccountId },
    /// A hold.
    Hold(TransferId),
    /// What was given back of a transfer.
    Returned(TransferId),
    /// What a person wrote with a transaction.
    Memo(TransactionId),
    /// A refusal that is remembered.
    Rejection(TransactionId),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(asset) => write!(f, "asset {asset}"),
            Self::Log { asset, seq } => write!(f, "entry {seq} of the log of {asset}"),
            Self::Block { asset, n } => write!(f, "block {n} of the log of {asset}"),
            Self::Transaction(id) => write!(f, "transaction {id}"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Entry { account, version } => write!(f, "entry {version} of account {account}"),
            Self::Wallet { owner, account } => write!(f, "account {account} of owner {owner}"),
            Self::Hold(id) => write!(f, "hold {} of transaction {}", id.leg, id.transaction),
            Self::Returned(id) => {
                write!(
                    f,
                    "what was given back of transfer {} of transaction {}",
                    id.leg, id.transaction
                )
            }
            Self::Memo(id) => write!(f, "the memo of transaction {id}"),
            Self::Rejection(id) => write!(f, "the refusal of transaction {id}"),
        }
    }
}

/// What was found: the first [`FINDINGS_MAX`], and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The first of them.
    pub first: Vec<Finding>,
    /// How many there were in all.
    pub count: u64,
}

impl Findings {
    /// Whether nothing was found.
    pub const fn is_clean(&self) -> bool {
        self.count == 0
    }

    pub(super) fn add(&mut self, place: Place, problem: impl Into<String>) {
        self.count += 1;
        if self.first.len() < FINDINGS_MAX {
            self.first.push(Finding { place, problem: problem.into() });
        }
    }

    /// With all that others were.
    pub(super) fn take(&mut self, others: Self) {
        let room = FINDINGS_MAX.saturating_sub(self.first.len());
        self.count += others.count;
        self.first.extend(others.first.into_iter().take(room));
    }

    /// Finds it where something is not so.
    pub(super) fn unless(&mut self, so: bool, place: Place, problem: &str) {
        if !so {
            self.add(place, problem);
        }
    }

    /// Finds it where a field is not what it must be.
    pub(super) fn same<T: PartialEq + Told>(
        &mut self,
        place: Place,
        field: &str,
        stored: &T,
        reckoned: &T,
    ) {
        if stored != reckoned {
            let (stored, reckoned) = (stored.told(), reckoned.told());
            self.add(place, format!("{field} is {stored}, and must be {reckoned}"));
        }
    }
}

/// What is in a field, as people are told it.
pub(super) trait Told {
    fn told(&self) -> String;
}

macro_rules! told {
    ($($as_displayed:ty),+) => {
        $(impl Told for $as_displayed {
            fn told(&self) -> String {
                self.to_string()
            }
        })+
    };
}

told!(bool, u8, i64, i128, AccountId, OwnerId, AssetCode, Kind, AccountKind, Phase, Timestamp);

impl Told for Digest {
    fn told(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<T: Told> Told for Option<T> {
    fn told(&self) -> String {
        self.as_ref().map_or_else(|| "nothing".to_owned(), T::told)
    }
}
