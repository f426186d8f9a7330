//! What is told of legs. All of it is internal: the bridge to the media engine tells, and what
//! follows the feed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::leg::close;
use super::{CallLeg, EndReason, Event, LegState, QualitySample, Refusal, queries};
use crate::engine::{Command, Ctx, Deadline, Invalid, Reaction};
use crate::identity::UserId;
use crate::media::{LegId, LegSample, SAMPLES_MAX};
use crate::record::{Stored as _, Timestamp};
use crate::rooms::{ParticipantId, RoomId, RoomLease};
use crate::storage::{Draft, PAGE_MAX, Query, Stop};

/// A transport is asked for; the engine is asked next. It is one row and looks at no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLeg {
    /// The new leg.
    pub leg: LegId,
    /// The room.
    pub room: RoomId,
    /// The session of the room: the epoch of the stay.
    pub epoch: i64,
    /// Whose stay.
    pub participant: ParticipantId,
    /// Who.
    pub user: UserId,
    /// The node that is going to have it.
    pub node: String,
    /// The epoch of the lease under which the node has the room.
    pub lease_epoch: i64,
}

impl Command for RequestLeg {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([CallLeg::own(self.leg)])?;
        if draft.look::<CallLeg>(self.leg)?.is_some() {
            return Ok(());
        }
        draft.put(CallLeg {
            id: self.leg,
            room_id: self.room,
            epoch: self.epoch,
            participant_id: self.participant,
            user_id: self.user,
            node: self.node.clone(),
            lease_epoch: self.lease_epoch,
            state: LegState::Requested,
            requested_at: ctx.now,
            signaled_at: None,
            ice_connected_at: None,
            connected_at: None,
            first_media_at: None,
            ended_at: None,
            end_reason: None,
            outcome: None,
            reconnects: 0,
            quality: None,
            bytes_in: 0,
            bytes_out: 0,
            talk_ms: 0,
            trim_at: None,
        })?;
        Ok(())
    }
}

/// The engine did not take the offer of a leg.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegRefused {
    /// The leg.
    pub leg: LegId,
    /// Why.
    pub reason: EndReason,
}

impl Command for LegRefused {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([CallLeg::own(self.leg)])?;
        Ok(close(draft, ctx, self.leg, self.reason)?)
    }
}

/// The first packet of sound has gone to or come from the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegMediaStarted {
    /// The leg.
    pub leg: LegId,
    /// Since the leg was first up.
    pub after: Duration,
}

impl Command for LegMediaStarted {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, _: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([CallLeg::own(self.leg)])?;
        let row = draft.get::<CallLeg>(self.leg)?.filter(|row| row.ended_at.is_none());
        let Some(row) = row else { return Ok(()) };
        if let (Some(connected_at), None) = (row.connected_at, row.first_media_at) {
            let first_media_at = Some(connected_at + self.after);
            draft.put(CallLeg { first_media_at, ..row })?;
        }
        Ok(())
    }
}

/// A leg was on a node that has lost its room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrphanLeg {
    /// The leg.
    pub leg: LegId,
    /// The epoch of the lease that was lost. A leg under a later one stands.
    pub epoch: i64,
}

impl Command for OrphanLeg {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([CallLeg::own(self.leg)])?;
        match draft.look::<CallLeg>(self.leg)? {
            Some(row) if row.lease_epoch <= self.epoch => {
                Ok(close(draft, ctx, self.leg, EndReason::NodeLost)?)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What is done about the legs of a room that a node has lost, whether they were up or not.
pub(crate) fn orphans(room: RoomId, epoch: i64) -> Reaction {
    Reaction::for_each(queries::open_legs(room), move |leg: &CallLeg| {
        (leg.lease_epoch <= epoch).then_some(OrphanLeg { leg: leg.id, epoch })
    })
}

/// How the legs of a room have done over the last while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuality {
    /// The room.
    pub room: RoomId,
    /// The epoch of the lease under which its node has the room; 0 where rooms have no leases.
    /// What is said under an older one is refused.
    pub lease_epoch: i64,
    /// A leg each, at most [`SAMPLES_MAX`]. Those of legs that have ended, are of another room, or
    /// were never heard of are left out.
    pub samples: Vec<LegSample>,
}

impl Command for ReportQuality {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let count = i64::try_from(self.samples.len()).unwrap_or(i64::MAX);
        Invalid::range("samples", count, 0, SAMPLES_MAX as i64).map_err(Refusal::from)?;
        let legs = self.samples.iter().map(|it| CallLeg::own(it.leg));
        let rows = self.samples.iter().map(|it| QualitySample::own((it.leg, ctx.now)));
        draft.need(legs.chain(rows).chain([RoomLease::share(self.room)]))?;
        let lease = draft.look::<RoomLease>(self.room)?;
        if RoomLease::epoch_of(lease) != self.lease_epoch {
            return Err(Refusal::Fenced.into());
        }
        for sample in &self.samples {
            let leg = draft.get::<CallLeg>(sample.leg)?;
            let leg = leg.filter(|leg| leg.room_id == self.room && leg.ended_at.is_none());
            let Some(leg) = leg else { continue };
            let row = sampled(sample, ctx.now);
            let quality = row.quality;
            draft.put(row)?;
            if leg.quality != Some(quality) {
                let (room, participant) = (self.room, leg.participant_id);
                draft.emit(Event::QualityChanged { room, participant, leg: leg.id, quality });
            }
            draft.put(CallLeg {
                quality: Some(quality),
                bytes_in: leg.bytes_in.saturating_add(wide(sample.bytes_in)),
                bytes_out: leg.bytes_out.saturating_add(wide(sample.bytes_out)),
                talk_ms: leg.talk_ms.saturating_add(ms(sample.talk).into()),
                ..leg
            })?;
        }
        Ok(())
    }
}

fn sampled(sample: &LegSample, at: Timestamp) -> QualitySample {
    let bitrate = |bytes: u64| {
        let bits = u128::from(bytes) * 8 * 1_000_000;
        let a_second = bits.checked_div(sample.window.as_micros()).unwrap_or(0);
        i64::try_from(a_second).unwrap_or(i64::MAX)
    };
    QualitySample {
        leg_id: sample.leg,
        at,
        window_ms: ms(sample.window),
        rtt_ms: sample.rtt.map(ms),
        jitter_ms: sample.jitter.map(ms),
        loss_in_ppm: sample.loss_in_ppm.map(|it| it.min(1_000_000)),
        loss_out_ppm: sample.loss_out_ppm.map(|it| it.min(1_000_000)),
        bitrate_in: bitrate(sample.bytes_in),
        bitrate_out: bitrate(sample.bytes_out),
        quality: sample.quality(),
        mos_centi: sample.mos_centi(),
    }
}

/// Milliseconds in a column of 32 bits.
fn ms(it: Duration) -> u32 {
    u32::try_from(it.as_millis()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs())
}

fn wide(it: u64) -> i64 {
    i64::try_from(it).unwrap_or(i64::MAX)
}

/// Deletes samples of a leg whose time has come, a page of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrimSamples {
    /// The leg.
    pub leg: LegId,
}

impl Command for TrimSamples {
    type Output = ();
    type Refusal = Refusal;

    fn search(&self) -> Option<Query> {
        Some(queries::samples(self.leg).limit(PAGE_MAX).query().clone())
    }

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let found: Vec<_> = ctx.found::<QualitySample>().map(|it| (it.leg_id, it.at)).collect();
        let rows = found.iter().copied().map(QualitySample::own);
        draft.need(rows.chain([CallLeg::own(self.leg)]))?;
        let leg = draft.get::<CallLeg>(self.leg)?.ok_or(Refusal::NotFound)?;
        if leg.trim_at.is_none_or(|at| ctx.now < at) {
            return Ok(());
        }
        for key in &found {
            draft.delete::<QualitySample>(*key)?;
        }
        // A leg that has ended gets no more samples, so that a short page is the last one.
        if found.len() < PAGE_MAX as usize {
            draft.put(CallLeg { trim_at: None, ..leg })?;
        }
        Ok(())
    }
}

/// When the samples of a leg that has ended are deleted
/// ([`Settings::sample_retention`](crate::engine::Settings)).
pub const TRIM: Deadline = Deadline {
    name: "calls.trim",
    due: |by| queries::legs_to_trim(by).query().clone(),
    at: |row| CallLeg::from_row(row).and_then(|leg| leg.trim_at).unwrap_or(Timestamp::NEVER),
    command: |row| Some(TrimSamples { leg: CallLeg::from_row(row)?.id }.into()),
};
