use serde::{Deserialize, Serialize};

use super::posting::post_expiry;
use super::{Event, Hold, HoldState, Refusal, TransferId, queries};
use crate::engine::{Command, Ctx, Deadline};
use crate::record::{Stored as _, Timestamp};
use crate::storage::{Draft, Stop};

/// Gives up what is left of a hold whose time is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpireHold {
    /// The hold.
    pub hold: TransferId,
}

impl Command for ExpireHold {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([Hold::own(self.hold.key())])?;
        let hold = draft.get::<Hold>(self.hold.key())?.ok_or(Refusal::NotFound)?;
        let is_due = hold.expires_at.is_some_and(|end| end <= ctx.now);
        if hold.state != HoldState::Open || !is_due {
            return Ok(());
        }
        let amount = hold.remaining();
        post_expiry(draft, ctx, hold)?;
        draft.emit(Event::HoldExpired { hold: self.hold, amount });
        Ok(())
    }
}

/// When holds are given up by themselves.
pub const EXPIRY: Deadline = Deadline {
    name: "ledger.expire_hold",
    due: |by| queries::holds_due(by).query().clone(),
    at: |row| Hold::from_row(row).and_then(|it| it.expires_at).unwrap_or(Timestamp::NEVER),
    command: |row| {
        let hold = Hold::from_row(row)?;
        let (transaction, leg) = (hold.transaction_id, hold.leg);
        Some(ExpireHold { hold: TransferId { transaction, leg } }.into())
    },
};
