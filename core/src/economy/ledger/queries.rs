//! Named reads (Q-E1 to Q-E3).

use super::{Hold, Rejection};
use crate::col;
use crate::record::Timestamp;
use crate::storage::{NamedQuery, Select};

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

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let at = Timestamp::default();
    vec![holds_due(at).into(), rejections_due(at).into()]
}
