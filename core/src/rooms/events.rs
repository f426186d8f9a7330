use serde::{Deserialize, Serialize};

use super::{
    LeaveReason, MicState, ParticipantId, RoomCloseReason, RoomId, RoomRole, RoomStatus, StageMode,
    StageState,
};
use crate::events::Audience;
use crate::identity::UserId;

crate::words! {
    /// How somebody came to the floor.
    pub FloorVia {
        /// They had raised a hand.
        Request = "request",
        /// They had been invited.
        Invite = "invite",
    }
}

crate::events! {
    /// What happens in rooms.
    pub Event {
        /// A room was made.
        Created = "rooms.created" { room: RoomId, owner: UserId },
        /// Somebody was connected for the first time.
        WentLive = "rooms.went_live" { room: RoomId },
        /// The last one left.
        Emptied = "rooms.emptied" { room: RoomId },
        /// It is over.
        Closed = "rooms.closed" { room: RoomId, reason: RoomCloseReason },
        /// Nobody new is let in.
        Locked = "rooms.locked" { room: RoomId, by: Option<UserId> },
        /// People are let in again.
        Unlocked = "rooms.unlocked" { room: RoomId, by: Option<UserId> },
        /// Somebody was let in; their transport is not up yet.
        Joining = "rooms.joining" { room: RoomId, participant: ParticipantId, user: UserId },
        /// Somebody is there.
        Joined = "rooms.joined" {
            room: RoomId,
            participant: ParticipantId,
            user: UserId,
            display_name: String,
            role: RoomRole,
            stage: StageState,
            mic: MicState,
        },
        /// Somebody's transport was lost.
        Reconnecting = "rooms.reconnecting" { room: RoomId, participant: ParticipantId },
        /// It is back.
        Reconnected = "rooms.reconnected" {
            room: RoomId,
            participant: ParticipantId,
            /// How long it was gone, in milliseconds.
            downtime_ms: u64,
        },
        /// Somebody left or was sent out.
        Left = "rooms.left" {
            room: RoomId,
            participant: ParticipantId,
            user: UserId,
            reason: LeaveReason,
            by: Option<UserId>,
        },
        /// Somebody asks for the floor.
        HandRaised = "rooms.hand_raised" { room: RoomId, participant: ParticipantId, hand_seq: i64 },
        /// They no longer do.
        HandLowered = "rooms.hand_lowered" {
            room: RoomId,
            participant: ParticipantId,
            by: Option<UserId>,
        },
        /// Somebody was invited to speak.
        SpeakInvited = "rooms.speak_invited" {
            room: RoomId,
            participant: ParticipantId,
            by: Option<UserId>,
        },
        /// They declined, or did not answer.
        SpeakInviteDeclined = "rooms.speak_invite_declined" {
            room: RoomId,
            participant: ParticipantId,
        },
        /// Somebody has the floor.
        SpeakerAdded = "rooms.speaker_added" {
            room: RoomId,
            participant: ParticipantId,
            via: FloorVia,
            mic: MicState,
        },
        /// They no longer have.
        SpeakerRemoved = "rooms.speaker_removed" {
            room: RoomId,
            participant: ParticipantId,
            by: Option<UserId>,
        },
        /// A microphone is in another state.
        MicChanged = "rooms.mic_changed" {
            room: RoomId,
            participant: ParticipantId,
            mic: MicState,
            by: Option<UserId>,
        },
        /// Somebody was banned.
        Banned = "rooms.banned" { room: RoomId, user: UserId, by: Option<UserId> },
        /// They no longer are.
        BanLifted = "rooms.ban_lifted" { room: RoomId, user: UserId, by: Option<UserId> },
        /// A node took the room's media.
        Claimed = "rooms.claimed" { room: RoomId, node: String, epoch: i64 },
        /// It has it no more: who was connected there has to connect anew.
        Vacated = "rooms.vacated" { room: RoomId, epoch: i64 },
        /// A card in the lobby is new or has changed.
        Listed = "rooms.listed" {
            room: RoomId,
            name: String,
            description: String,
            owner_name: String,
            stage_mode: StageMode,
            status: RoomStatus,
            locked: bool,
            active: u32,
            max_participants: u32,
        },
        /// A card is gone.
        Delisted = "rooms.delisted" { room: RoomId },
    }
}

impl Event {
    /// The room it happened in.
    pub fn room(&self) -> RoomId {
        match self {
            Self::Created { room, .. }
            | Self::WentLive { room }
            | Self::Emptied { room }
            | Self::Closed { room, .. }
            | Self::Locked { room, .. }
            | Self::Unlocked { room, .. }
            | Self::Joining { room, .. }
            | Self::Joined { room, .. }
            | Self::Reconnecting { room, .. }
            | Self::Reconnected { room, .. }
            | Self::Left { room, .. }
            | Self::HandRaised { room, .. }
            | Self::HandLowered { room, .. }
            | Self::SpeakInvited { room, .. }
            | Self::SpeakInviteDeclined { room, .. }
            | Self::SpeakerAdded { room, .. }
            | Self::SpeakerRemoved { room, .. }
            | Self::MicChanged { room, .. }
            | Self::Claimed { room, .. }
            | Self::Vacated { room, .. }
            | Self::Banned { room, .. }
            | Self::BanLifted { room, .. }
            | Self::Listed { room, .. }
            | Self::Delisted { room } => *room,
        }
    }

    /// The participant whose rights it may have changed.
    pub fn participant(&self) -> Option<ParticipantId> {
        match self {
            Self::Joining { participant, .. }
            | Self::Joined { participant, .. }
            | Self::Reconnecting { participant, .. }
            | Self::Reconnected { participant, .. }
            | Self::Left { participant, .. }
            | Self::HandRaised { participant, .. }
            | Self::HandLowered { participant, .. }
            | Self::SpeakInvited { participant, .. }
            | Self::SpeakInviteDeclined { participant, .. }
            | Self::SpeakerAdded { participant, .. }
            | Self::SpeakerRemoved { participant, .. }
            | Self::MicChanged { participant, .. } => Some(*participant),
            Self::Created { .. }
            | Self::WentLive { .. }
            | Self::Emptied { .. }
            | Self::Closed { .. }
            | Self::Locked { .. }
            | Self::Unlocked { .. }
            | Self::Claimed { .. }
            | Self::Vacated { .. }
            | Self::Banned { .. }
            | Self::BanLifted { .. }
            | Self::Listed { .. }
            | Self::Delisted { .. } => None,
        }
    }

    /// Who may be told of it.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Listed { .. } | Self::Delisted { .. } => Audience::Lobby,
            Self::Created { .. } => Audience::Host,
            _ => Audience::Room(self.room()),
        }
    }
}

/// What a join ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The stay, new or the one that was open already.
    pub participant: ParticipantId,
    /// What they are in the room.
    pub role: RoomRole,
    /// Whether they are on the stage.
    pub stage: StageState,
    /// Their microphone.
    pub mic: MicState,
}
