//! What becomes of a leg's row, for whichever command tells of it. Nothing here refuses: telemetry
//! that does not fit is left out, and the report it came with goes on.

use super::{CallLeg, EndReason, LegInput, LegReconnect, Outcome};
use crate::engine::Ctx;
use crate::media::{LegId, Setup};
use crate::record::{Stored as _, Timestamp};
use crate::storage::{Draft, Missing};

/// A leg is up, for the first time or again. To be called with the leg's row owned.
///
/// The engine says how long the steps took; when they were is reckoned back from now.
pub(crate) fn come_up(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    leg: LegId,
    lease_epoch: i64,
    setup: Setup,
) -> Result<(), Missing> {
    let Some(row) = draft.get::<CallLeg>(leg)? else { return Ok(()) };
    let Ok(state) = row.state.next(LegInput::Connected) else { return Ok(()) };
    end_reconnect(draft, ctx, &row, true)?;
    let row = match row.connected_at {
        Some(_) => row,
        None => {
            let ice_connected_at = (ctx.now - setup.dtls).max(row.requested_at);
            let signaled_at = (ice_connected_at - setup.ice).max(row.requested_at);
            CallLeg {
                signaled_at: Some(signaled_at),
                ice_connected_at: Some(ice_connected_at),
                connected_at: Some(ctx.now.max(row.requested_at)),
                outcome: Some(Outcome::Success),
                ..row
            }
        }
    };
    draft.put(CallLeg { state, lease_epoch, ..row })
}

/// A leg is lost. To be called with the leg's row owned.
pub(crate) fn lose(draft: &mut Draft<'_>, ctx: &Ctx, leg: LegId) -> Result<(), Missing> {
    let Some(row) = draft.get::<CallLeg>(leg)? else { return Ok(()) };
    let Ok(state) = row.state.next(LegInput::Lost) else { return Ok(()) };
    let n = row.reconnects.saturating_add(1);
    draft.need([LegReconnect::own((leg, n))])?;
    let started_at = ctx.now;
    draft.put(LegReconnect { leg_id: leg, n, started_at, ended_at: None, recovered: false })?;
    draft.put(CallLeg { state, reconnects: n, ..row })
}

/// A leg is over. To be called with the leg's row owned. One that has ended stays as it ended.
pub(crate) fn close(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    leg: LegId,
    reason: EndReason,
) -> Result<(), Missing> {
    let Some(row) = draft.get::<CallLeg>(leg)? else { return Ok(()) };
    let Ok(state) = row.state.next(reason.input()) else { return Ok(()) };
    end_reconnect(draft, ctx, &row, false)?;
    let outcome = row.outcome.unwrap_or(match reason.input() {
        LegInput::Close => Outcome::Aborted,
        _ => Outcome::Failed,
    });
    draft.put(CallLeg {
        state,
        ended_at: Some(ctx.now.max(row.requested_at)),
        end_reason: Some(reason),
        outcome: Some(outcome),
        trim_at: row.quality.map(|_| ctx.now + ctx.settings.sample_retention),
        ..row
    })
}

/// Ends the time for which the leg was lost, if it is.
fn end_reconnect(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    row: &CallLeg,
    recovered: bool,
) -> Result<(), Missing> {
    if row.state != super::LegState::Reconnecting {
        return Ok(());
    }
    let key = (row.id, row.reconnects);
    draft.need([LegReconnect::own(key)])?;
    let Some(open) = draft.get::<LegReconnect>(key)? else { return Ok(()) };
    let ended_at: Timestamp = ctx.now.max(open.started_at);
    draft.put(LegReconnect { ended_at: Some(ended_at), recovered, ..open })
}
