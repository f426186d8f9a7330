use std::sync::Arc;

use async_trait::async_trait;

use super::{Aggregate, Group, Query, Work};
use crate::events::{Envelope, Position};
use crate::record::Corrupt;
use crate::tables::Row;

/// All that a backend implements. `parlor_core::conformance` holds every promise made here.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs `work` as if alone, makes its changeset true in one atomic step, and returns once that
    /// is durable. Its events enter the feed in the same step.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has been written, unless it is [`StoreError::CommitUnknown`].
    async fn submit(&self, work: Work) -> Result<(), StoreError>;

    /// The rows a query names, in its order: at most its limit.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError>;

    /// What is reckoned over rows, in the order of the groups' keys: at most its limit.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Overflow`] for a sum, of a group that would be returned, that
    /// does not fit.
    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError>;

    /// The feed after a position, oldest first: no committed event is ever skipped by a reader
    /// that goes on from the last position it saw.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError>;

    /// Returns when the feed has, or may have, an event after this position.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn wait(&self, after: Position) -> Result<(), StoreError>;
}

/// A store failed. Never an answer to a command: those are refusals.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Too much waits already; try again in a moment.
    #[error("the store is busy: {waiting} commands wait already")]
    Busy {
        /// How many commands wait.
        waiting: usize,
    },
    /// The commit may or may not have happened. Ask again with the same idempotency key.
    #[error("it is unknown whether the command was committed: {0}")]
    CommitUnknown(Arc<str>),
    /// No room is left on the device. Reads go on; writes resume once there is room.
    #[error("the store's device is full")]
    Full,
    /// The decision panicked; it has changed nothing.
    #[error("the decision panicked: {0}")]
    Panicked(Arc<str>),
    /// The decision kept asking for more rows.
    #[error("the decision asked for rows in more than {0} rounds")]
    Rounds(u8),
    /// The store's own rules forbid what the decision wanted; it has changed nothing.
    #[error("the store rejects the change: {0}")]
    Rejected(Arc<str>),
    /// A sum does not fit 64 bits.
    #[error("a sum of {0} is too large to be told")]
    Overflow(&'static str),
    /// Stored data does not decode.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The store has been shut down.
    #[error("the store has stopped")]
    Stopped,
    /// Anything else.
    #[error("the store failed: {0}")]
    Failed(Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A stable number, beside those of the ledger's [refusals](crate::economy::ledger::Refusal): it
    /// is never given anew. 902 is left to leases that are lost, 904 to schemas that are not known,
    /// which a store refuses to be opened with.
    pub const fn number(&self) -> u16 {
        match self {
            Self::Busy { .. } => 900,
            Self::CommitUnknown(_) => 901,
            Self::Corrupt(_) => 903,
            Self::Full => 905,
            Self::Panicked(_) => 906,
            Self::Rounds(_) => 907,
            Self::Rejected(_) => 908,
            Self::Overflow(_) => 909,
            Self::Stopped => 910,
            Self::Failed(_) => 999,
        }
    }

    /// Whether the command itself is at fault: it would fail again, and others would not.
    pub const fn is_the_commands_own(&self) -> bool {
        matches!(self, Self::Panicked(_) | Self::Rounds(_) | Self::Rejected(_))
    }

    /// Wraps a failure of the engine under the store.
    pub fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(Arc::new(source))
    }
}
