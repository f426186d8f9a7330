//! Named reads (Q-L3). Who may make them is said in [`Reads`](super::Reads).

use super::{CallLeg, LegReconnect, QualitySample};
use crate::Uuid;
use crate::col;
use crate::media::LegId;
use crate::record::Timestamp;
use crate::rooms::{ParticipantId, RoomId};
use crate::storage::{NamedQuery, Select};

/// One leg.
pub(super) fn leg(id: LegId) -> Select<CallLeg> {
    Select::new("calls.leg").filter(col!(CallLeg.id).is(id)).limit(1)
}

/// The legs of a session of a room, the first to be asked for first.
pub(super) fn legs_of_session(room: RoomId, epoch: i64) -> Select<CallLeg> {
    Select::new("calls.legs_of_session")
        .by("call_leg_of_room")
        .filter(col!(CallLeg.room_id).is(room))
        .filter(col!(CallLeg.epoch).is(epoch))
}

/// The legs of a participant, the first to be asked for first.
pub(super) fn legs_of_participant(participant: ParticipantId) -> Select<CallLeg> {
    Select::new("calls.legs_of_participant")
        .by("call_leg_of_participant")
        .filter(col!(CallLeg.participant_id).is(participant))
}

/// The legs of a room that have not ended.
pub(super) fn open_legs(room: RoomId) -> Select<CallLeg> {
    Select::new("calls.open_legs")
        .by("call_leg_open")
        .filter(col!(CallLeg.room_id).is(room))
        .filter(col!(CallLeg.ended_at).is_null())
}

/// Legs whose samples are to be deleted by a time, the first to be first.
pub(super) fn legs_to_trim(by: Timestamp) -> Select<CallLeg> {
    Select::new("calls.legs_to_trim")
        .by("call_leg_trim")
        .filter(col!(CallLeg.trim_at).at_most(Some(by)))
        .order_some(col!(CallLeg.trim_at))
}

/// The times for which a leg was lost, the first one first.
pub(super) fn reconnects(leg: LegId) -> Select<LegReconnect> {
    Select::new("calls.reconnects").filter(col!(LegReconnect.leg_id).is(leg))
}

/// The samples of a leg, the oldest first.
pub(super) fn samples(leg: LegId) -> Select<QualitySample> {
    Select::new("calls.samples").filter(col!(QualitySample.leg_id).is(leg))
}

/// All of them, for the harness.
pub(crate) fn all() -> Vec<NamedQuery> {
    let leg_id = LegId(Uuid::nil());
    vec![
        leg(leg_id).into(),
        legs_of_session(RoomId(Uuid::nil()), 1).into(),
        legs_of_participant(ParticipantId(Uuid::nil())).into(),
        open_legs(RoomId(Uuid::nil())).into(),
        legs_to_trim(Timestamp::default()).into(),
        reconnects(leg_id).into(),
        samples(leg_id).into(),
    ]
}
