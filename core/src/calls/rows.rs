use super::{EndReason, LegState, Outcome};
use crate::identity::UserId;
use crate::media::{LegId, Quality};
use crate::record::Timestamp;
use crate::rooms::{ParticipantId, RoomId};

crate::record! {
    /// One transport of one participant, from the request on (SM-11; seed `V17`).
    ///
    /// Until `call_session` comes, the session is the room's epoch.
    pub CallLeg in "call_leg" [id: LegId] {
        /// The room.
        room_id: RoomId,
        /// The session of the room.
        epoch: i64,
        /// Whose stay.
        participant_id: ParticipantId,
        /// Who.
        user_id: UserId,
        /// The node whose engine has it.
        node: String,
        /// The epoch of the lease under which that node has it.
        lease_epoch: i64,
        /// How far it is.
        state: LegState,
        /// When it was asked for, before the engine was.
        requested_at: Timestamp,
        /// When the engine had answered. Reckoned back from `connected_at`.
        signaled_at: Option<Timestamp>,
        /// When ICE had a path. Reckoned back from `connected_at`.
        ice_connected_at: Option<Timestamp>,
        /// When it was first up.
        connected_at: Option<Timestamp>,
        /// When the first packet of sound went either way.
        first_media_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// Why it ended.
        end_reason: Option<EndReason>,
        /// What became of the attempt to connect; open until it is up or has ended.
        outcome: Option<Outcome>,
        /// How often it was lost after it had been up.
        reconnects: u32,
        /// How good it was in the latest sample.
        quality: Option<Quality>,
        /// Bytes of RTP that came from the client, as far as samples told.
        bytes_in: i64,
        /// Bytes of RTP that went to the client.
        bytes_out: i64,
        /// How long its microphone carried speech, in milliseconds (seed `R`).
        talk_ms: i64,
        /// When its samples are deleted; empty while it lasts, and when there are none.
        trim_at: Option<Timestamp>,
    }
    index call_leg_of_participant (participant_id, id);
    index call_leg_of_room (room_id, epoch, id);
    index call_leg_open (room_id, id) where ended_at is null;
    index call_leg_trim (trim_at, id) where trim_at is not null;
}

crate::record! {
    /// A time for which a leg was lost.
    pub LegReconnect in "leg_reconnect" [
        /// The leg.
        leg_id: LegId,
        /// The how manieth of the leg, from 1.
        n: u32,
    ] {
        /// When it was lost.
        started_at: Timestamp,
        /// When it was back, or had ended.
        ended_at: Option<Timestamp>,
        /// Whether it came back. So far not, while it is lost.
        recovered: bool,
    }
}

crate::record! {
    /// How a leg did over a while. *In* is from the client to the engine.
    pub QualitySample in "quality_sample" [
        /// The leg.
        leg_id: LegId,
        /// When the while was over.
        at: Timestamp,
    ] {
        /// How long it was, in milliseconds: the weight of the sample.
        window_ms: u32,
        /// The round trip, in milliseconds.
        rtt_ms: Option<u32>,
        /// The interarrival jitter, in milliseconds (RFC 3550 §6.4.1).
        jitter_ms: Option<u32>,
        /// Packets lost on the way in, in parts per million.
        loss_in_ppm: Option<u32>,
        /// Packets lost on the way out, in parts per million.
        loss_out_ppm: Option<u32>,
        /// Bits of RTP a second that came in.
        bitrate_in: i64,
        /// Bits of RTP a second that went out.
        bitrate_out: i64,
        /// The level that follows.
        quality: Quality,
        /// The estimated mean opinion score, in hundredths from 100 to 450; none if nothing was
        /// measured ([`LegSample::mos_centi`](crate::media::LegSample::mos_centi)).
        mos_centi: Option<u32>,
    }
}
