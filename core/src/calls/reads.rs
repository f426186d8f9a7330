//! What those who keep order in a room may see of its calls (Q-L3): a session's legs, when each was
//! lost, and how it did. To everybody else none of it is there.

use serde::Serialize;

use super::{CallLeg, EndReason, LegReconnect, LegState, Outcome, QualitySample, Refusal, queries};
use crate::engine::{Error, Parlor};
use crate::events::Actor;
use crate::identity::UserId;
use crate::media::{LegId, Quality};
use crate::permissions::Permission;
use crate::record::{Stored, Timestamp};
use crate::rooms::{ParticipantId, RoomId};
use crate::storage::{PAGE_MAX, Page, Select};

/// The reads of calls: [`Parlor::calls`].
#[derive(Clone, Copy, Debug)]
pub struct Reads<'p> {
    parlor: &'p Parlor,
}

/// A transport, as those who keep order see it. Times are as in [`CallLeg`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as the columns of the row, documented there")]
pub struct LegView {
    pub id: LegId,
    pub participant: ParticipantId,
    pub user: UserId,
    pub node: String,
    pub state: LegState,
    pub requested_at: Timestamp,
    pub signaled_at: Option<Timestamp>,
    pub ice_connected_at: Option<Timestamp>,
    pub connected_at: Option<Timestamp>,
    pub first_media_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<EndReason>,
    pub outcome: Option<Outcome>,
    pub reconnects: u32,
    pub quality: Option<Quality>,
    pub bytes_in: i64,
    pub bytes_out: i64,
    pub talk_ms: i64,
}

/// A time for which a leg was lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReconnectView {
    /// The how manieth of the leg, from 1.
    pub n: u32,
    /// When it was lost.
    pub started_at: Timestamp,
    /// When it was back, or had ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it came back.
    pub recovered: bool,
}

/// How a leg did over a while. Units are as in [`QualitySample`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as the columns of the row, documented there")]
pub struct SampleView {
    pub at: Timestamp,
    pub window_ms: u32,
    pub rtt_ms: Option<u32>,
    pub jitter_ms: Option<u32>,
    pub loss_in_ppm: Option<u32>,
    pub loss_out_ppm: Option<u32>,
    pub bitrate_in: i64,
    pub bitrate_out: i64,
    pub quality: Quality,
    pub mos_centi: Option<u32>,
}

/// How good the transport of somebody in a room is, as those who are in it too see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LevelView {
    /// Whose.
    pub participant: ParticipantId,
    /// In the latest sample.
    pub quality: Quality,
}

impl Parlor {
    /// The reads of calls.
    pub fn calls(&self) -> Reads<'_> {
        Reads { parlor: self }
    }
}

impl Reads<'_> {
    /// How good the transports of a room are, for those who are in it: a page of at most 500 legs
    /// that stand. Of several legs of a participant the last one counts; those that have no sample
    /// yet are left out. What changes from here on is told live, by
    /// [`MediaEvent::QualityChanged`](crate::media::MediaEvent::QualityChanged).
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for those who are not in it, [`Refusal::BadCursor`].
    pub async fn levels(
        &self,
        actor: Actor,
        room: RoomId,
        after: Option<&str>,
    ) -> Result<Page<LevelView>, Error<Refusal>> {
        self.parlor.rooms().own_stay(actor, room).await.map_err(not_there)?;
        let page = self.page(queries::open_legs(room).limit(PAGE_MAX), after).await?;
        let level = |leg: CallLeg| {
            Some(LevelView { participant: leg.participant_id, quality: leg.quality? })
        };
        Ok(Page { rows: page.rows.into_iter().filter_map(level).collect(), next: page.next })
    }

    /// The legs of a room's present session, or of its last one, the first to be asked for first:
    /// a page of 100.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for those who do not keep order there, [`Refusal::BadCursor`].
    pub async fn session(
        &self,
        actor: Actor,
        room: RoomId,
        after: Option<&str>,
    ) -> Result<Page<LegView>, Error<Refusal>> {
        let room = self.overseen(actor, room).await?;
        let select = queries::legs_of_session(room.id, room.session());
        Ok(self.page(select, after).await?.map(LegView::from))
    }

    /// The legs of one participant of a room, the first to be asked for first: a page of 100.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn participant(
        &self,
        actor: Actor,
        room: RoomId,
        participant: ParticipantId,
        after: Option<&str>,
    ) -> Result<Page<LegView>, Error<Refusal>> {
        let room = self.overseen(actor, room).await?;
        let mut page = self.page(queries::legs_of_participant(participant), after).await?;
        page.rows.retain(|leg| leg.room_id == room.id);
        Ok(page.map(LegView::from))
    }

    /// The times for which a leg of a room was lost, the first one first: a page of 100.
    ///
    /// # Errors
    /// As [`session`](Self::session), and when the leg is none of the room's.
    pub async fn reconnects(
        &self,
        actor: Actor,
        room: RoomId,
        leg: LegId,
        after: Option<&str>,
    ) -> Result<Page<ReconnectView>, Error<Refusal>> {
        self.leg_of(actor, room, leg).await?;
        Ok(self.page(queries::reconnects(leg), after).await?.map(ReconnectView::from))
    }

    /// The samples of a leg of a room, the oldest first: a page of 500. They are kept for
    /// [`Settings::sample_retention`](crate::engine::Settings) after its end.
    ///
    /// # Errors
    /// As [`reconnects`](Self::reconnects).
    pub async fn samples(
        &self,
        actor: Actor,
        room: RoomId,
        leg: LegId,
        after: Option<&str>,
    ) -> Result<Page<SampleView>, Error<Refusal>> {
        self.leg_of(actor, room, leg).await?;
        let select = queries::samples(leg).limit(PAGE_MAX);
        Ok(self.page(select, after).await?.map(SampleView::from))
    }

    /// The room, for those who may see how its connections do.
    async fn overseen(
        &self,
        actor: Actor,
        room: RoomId,
    ) -> Result<crate::rooms::Room, Error<Refusal>> {
        let room = self.parlor.rooms().overseen(actor, room, Permission::ViewConnections).await;
        room.map_err(not_there)
    }

    async fn leg_of(&self, actor: Actor, room: RoomId, leg: LegId) -> Result<(), Error<Refusal>> {
        let room = self.overseen(actor, room).await?;
        let row = self.parlor.select(&queries::leg(leg)).await?.rows.pop();
        match row {
            Some(row) if row.room_id == room.id => Ok(()),
            Some(_) | None => Err(Error::Refused(Refusal::NotFound)),
        }
    }

    async fn page<R: Stored>(
        &self,
        select: Select<R>,
        after: Option<&str>,
    ) -> Result<Page<R>, Error<Refusal>> {
        let select = select.after(after).map_err(|bad| Error::Refused(bad.into()))?;
        Ok(self.parlor.select(&select).await?)
    }
}

/// Whoever may not see a room's calls does not learn whether there are any.
fn not_there(error: Error<crate::rooms::Refusal>) -> Error<Refusal> {
    match error {
        Error::Refused(_) => Error::Refused(Refusal::NotFound),
        Error::KeyReused => Error::KeyReused,
        Error::Store(error) => Error::Store(error),
    }
}

impl From<CallLeg> for LegView {
    fn from(row: CallLeg) -> Self {
        Self {
            id: row.id,
            participant: row.participant_id,
            user: row.user_id,
            node: row.node,
            state: row.state,
            requested_at: row.requested_at,
            signaled_at: row.signaled_at,
            ice_connected_at: row.ice_connected_at,
            connected_at: row.connected_at,
            first_media_at: row.first_media_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason,
            outcome: row.outcome,
            reconnects: row.reconnects,
            quality: row.quality,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            talk_ms: row.talk_ms,
        }
    }
}

impl From<LegReconnect> for ReconnectView {
    fn from(row: LegReconnect) -> Self {
        let LegReconnect { n, started_at, ended_at, recovered, .. } = row;
        Self { n, started_at, ended_at, recovered }
    }
}

impl From<QualitySample> for SampleView {
    fn from(row: QualitySample) -> Self {
        Self {
            at: row.at,
            window_ms: row.window_ms,
            rtt_ms: row.rtt_ms,
            jitter_ms: row.jitter_ms,
            loss_in_ppm: row.loss_in_ppm,
            loss_out_ppm: row.loss_out_ppm,
            bitrate_in: row.bitrate_in,
            bitrate_out: row.bitrate_out,
            quality: row.quality,
            mos_centi: row.mos_centi,
        }
    }
}
