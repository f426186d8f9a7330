use std::fmt;

use super::AnyCommand;
use crate::events::Envelope;
use crate::record::Stored;
use crate::rooms;
use crate::storage::{Query, Select};
use crate::tables::Row;

/// What one context does about events of another: a pure function of the event.
///
/// Policies run at least once for every event, on any node; each reaction takes effect once.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Its name, unique and stable, of at most 40 visible ASCII characters: its cursor and its
    /// idempotency keys are made of it.
    pub name: &'static str,
    /// What it does about an event.
    pub react: fn(&Envelope) -> Vec<Reaction>,
}

/// What a policy wants done.
pub enum Reaction {
    /// Run this. A refusal is an answer too: it is logged and not tried again.
    Do(AnyCommand),
    /// Run a command for each row of a query; see [`Reaction::for_each`].
    ForEach {
        /// Which rows. Its limit is not looked at: it is read to its end in pages.
        query: Query,
        /// The command for a row, if it needs one.
        make: Make,
    },
}

/// Makes the command for a row.
pub type Make = Box<dyn Fn(&Row) -> Option<AnyCommand> + Send + Sync>;

impl Reaction {
    /// Runs what `make` says for each row that `select` finds, a page of at most 256 at a time.
    ///
    /// A row that is there from the event on is dealt with once, whoever runs the policy and
    /// however often it is begun again: the command's key is the policy, the event and the row's
    /// own key. A row that comes or goes meanwhile may or may not be; the command looks at it
    /// again under lock. After a failure of the store the rows are gone through from the first
    /// one, and what was done is not done again, for as long as outcomes are kept
    /// ([`Settings::idempotency_ttl`](super::Settings::idempotency_ttl)).
    pub fn for_each<R: Stored, C: Into<AnyCommand>>(
        select: Select<R>,
        make: impl Fn(&R) -> Option<C> + Send + Sync + 'static,
    ) -> Self {
        let make = move |row: &Row| make(R::from_row(row)?).map(Into::into);
        Self::ForEach { query: select.query().clone(), make: Box::new(make) }
    }
}

impl fmt::Debug for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Do(command) => f.debug_tuple("Do").field(command).finish(),
            Self::ForEach { query, .. } => {
                f.debug_struct("ForEach").field("query", query).finish_non_exhaustive()
            }
        }
    }
}

/// Every policy.
pub const POLICIES: &[Policy] = &[rooms::LISTING, rooms::ORPHANS];
