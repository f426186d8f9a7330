use super::AnyCommand;
use crate::economy::ledger;
use crate::record::Timestamp;
use crate::storage::Query;
use crate::tables::Row;
use crate::{calls, rooms};

/// A time in a column of a table: a command runs for every row whose time has come.
///
/// It is a timer without a row of its own, for what nearly every row of a table has: a stay that
/// must connect in time is one row to write instead of two.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// Its name, unique and stable.
    pub name: &'static str,
    /// The rows whose time comes at this instant or before, the earliest first.
    pub due: fn(Timestamp) -> Query,
    /// A row's time; [`Timestamp::NEVER`] while it has none.
    pub at: fn(&Row) -> Timestamp,
    /// Deals with a row; it is looked at again under lock. One that has been dealt with must not
    /// be found again.
    pub command: fn(&Row) -> Option<AnyCommand>,
}

/// Every deadline.
pub const DEADLINES: &[Deadline] =
    &[rooms::LAPSE, rooms::LEASE, calls::TRIM, ledger::EXPIRY, ledger::FORGET];
