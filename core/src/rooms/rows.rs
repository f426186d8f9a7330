use serde::{Deserialize, Serialize};

use super::{ConnectionState, MicState, RoomStatus, StageState};
use crate::identity::UserId;
use crate::media::LegId;
use crate::record::{Stored as _, Timestamp};

crate::ids! {
    /// A room: the durable definition of a place to meet (seeds `S16`, `R11`).
    pub RoomId,
    /// One identity's stay in one session of a room.
    pub ParticipantId,
}

crate::words! {
    /// Who may be heard (seed `V`: interaction roles).
    pub StageMode {
        /// Everybody.
        OpenFloor = "open_floor",
        /// Those who were given the floor.
        Moderated = "moderated",
    }
}

crate::words! {
    /// What one is in a room, least first. A larger role is immune to a smaller one.
    pub RoomRole {
        /// Has no account.
        Guest = "guest",
        /// Has one.
        Member = "member",
        /// Keeps order.
        Moderator = "moderator",
        /// Stands in for the host.
        Cohost = "cohost",
        /// Runs the room. Its owner always is one.
        Host = "host",
    }
}

crate::words! {
    /// Why a room closed.
    pub RoomCloseReason {
        /// The host closed it.
        ByHost = "by_host",
        /// Everybody had left.
        Empty = "empty",
        /// Nobody ever came.
        NeverJoined = "never_joined",
    }
}

crate::words! {
    /// Why a stay ended.
    pub LeaveReason {
        /// They left.
        Left = "left",
        /// They were sent out.
        Kicked = "kicked",
        /// They were banned.
        Banned = "banned",
        /// The room closed.
        RoomClosed = "room_closed",
        /// They never got a transport up.
        JoinFailed = "join_failed",
        /// They lost their transport and did not come back in time.
        ConnectionTimeout = "connection_timeout",
    }
}

crate::record! {
    /// A room (seeds `S6`, `S16`–`S19`, `V`, `R`).
    pub Room in "room" [id: RoomId] {
        /// 1 to 100 graphemes on one line.
        name: String,
        /// At most 2,000 graphemes.
        description: String,
        /// Who may be heard.
        stage_mode: StageMode,
        /// Where it is in its life.
        status: RoomStatus,
        /// Who made it. They are its host.
        owner_id: UserId,
        /// How many may be in it.
        max_participants: u32,
        /// Since when nobody new is let in.
        locked_at: Option<Timestamp>,
        /// Counts its closings: a participant of an older epoch has left, whatever their row says.
        epoch: i64,
        /// When it was made.
        created_at: Timestamp,
        /// When this row was last changed.
        updated_at: Timestamp,
        /// When somebody was first connected.
        opened_at: Option<Timestamp>,
        /// When it closed.
        closed_at: Option<Timestamp>,
        /// Why it closed.
        close_reason: Option<RoomCloseReason>,
    }
}

crate::record! {
    /// Somebody who may not enter a room.
    pub RoomBan in "room_ban" [room_id: RoomId, user_id: UserId] {
        /// Their name when they were banned.
        display_name: String,
        /// At most 500 graphemes.
        reason: String,
        /// Who said so; nobody when it was the host application.
        banned_by: Option<UserId>,
        /// When.
        at: Timestamp,
    }
    guarded_by |key| Some(Room::wrap_key(key.0));
    index room_ban_by_time (room_id, at, user_id);
}

crate::record! {
    /// One identity's stay (seeds `R`, `V`; K12). It is over once `left_at` is set, or its room has
    /// gone on to a later epoch.
    pub Participant in "participant" [id: ParticipantId] {
        /// Where.
        room_id: RoomId,
        /// The room's epoch when they came.
        epoch: i64,
        /// Who.
        user_id: UserId,
        /// The name when they came.
        display_name: String,
        /// What they are in the room.
        role: RoomRole,
        /// Whether they are on the stage.
        stage: StageState,
        /// Their place in the queue for the floor: smaller is earlier.
        hand_seq: Option<i64>,
        /// Their microphone.
        mic: MicState,
        /// Their transport.
        connection: ConnectionState,
        /// The leg that is, or was last, connected.
        leg_id: Option<LegId>,
        /// The epoch of the lease under which that leg is.
        lease_epoch: i64,
        /// When they came in.
        joined_at: Timestamp,
        /// When their first leg came up.
        connected_at: Option<Timestamp>,
        /// When their leg was lost, while it is.
        lost_at: Option<Timestamp>,
        /// When the stay ends unless a leg comes up; [`Timestamp::NEVER`] while one is.
        lapses_at: Timestamp,
        /// When they left.
        left_at: Option<Timestamp>,
        /// Why they left.
        leave_reason: Option<LeaveReason>,
        /// Who sent them out.
        removed_by: Option<UserId>,
    }
    index participant_lapsing (lapses_at, id) where left_at is null;
    index participant_hand (room_id, hand_seq, id) where hand_seq is not null;
}

crate::record! {
    /// The claim of an identity on its one open stay in a room.
    pub Seat in "seat" [room_id: RoomId, user_id: UserId] {
        /// The stay. Empty once it is over with a locked microphone: the lock awaits them here,
        /// so that nobody escapes it by leaving and coming back.
        participant_id: Option<ParticipantId>,
        /// The room's epoch when it began; an older one than the room's is void.
        epoch: i64,
        /// What they are in the room.
        role: RoomRole,
    }
}

crate::record! {
    /// The queue for the floor of a moderated room.
    pub HandQueue in "hand_queue" [room_id: RoomId] {
        /// The number the next hand gets.
        next_seq: i64,
        /// How many are on the stage.
        speakers: u32,
    }
}

crate::record! {
    /// How many are in a room. A row of its own, so that a join does not lock the room.
    pub Occupancy in "occupancy" [room_id: RoomId] {
        /// Seats taken, by those still connecting too: what capacity is checked against.
        reserved: u32,
        /// Those who are connected or about to be again (seed `S20`).
        active: u32,
        /// The most there ever were.
        peak: u32,
    }
}

crate::record! {
    /// A room's card in the lobby: a copy, at most a second old.
    pub RoomListing in "room_listing" [room_id: RoomId] {
        /// As the room's.
        name: String,
        /// As the room's.
        description: String,
        /// The owner's name.
        owner_name: String,
        /// As the room's.
        stage_mode: StageMode,
        /// As the room's.
        status: RoomStatus,
        /// Whether nobody new is let in.
        locked: bool,
        /// How many are in it.
        active: u32,
        /// As the room's.
        max_participants: u32,
        /// The words of name and description.
        search: String,
        /// When the card was last brought up to date.
        refreshed_at: Timestamp,
    }
    index room_listing_busiest (active, room_id);
    text search;
}

impl Room {
    /// Whether a stay or a seat of this epoch still counts.
    pub fn is_current(&self, epoch: i64) -> bool {
        self.epoch == epoch && self.status != RoomStatus::Closed
    }

    /// The epoch of the room's present session, or of its last one.
    pub fn session(&self) -> i64 {
        self.epoch - i64::from(self.status == RoomStatus::Closed)
    }
}

impl Participant {
    /// Whether they are in `room`, connected or not.
    pub fn is_in(&self, room: &Room) -> bool {
        let open = self.room_id == room.id && self.connection != ConnectionState::Left;
        open && room.is_current(self.epoch)
    }
}

/// What others in the room see of a participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantView {
    /// The stay.
    pub id: ParticipantId,
    /// Who.
    pub user: UserId,
    /// Their name.
    pub display_name: String,
    /// What they are in the room.
    pub role: RoomRole,
    /// Whether they are on the stage.
    pub stage: StageState,
    /// Their place in the queue for the floor.
    pub hand_seq: Option<i64>,
    /// Their microphone.
    pub mic: MicState,
    /// Their transport.
    pub connection: ConnectionState,
    /// When they came in.
    pub joined_at: Timestamp,
}

impl From<Participant> for ParticipantView {
    fn from(row: Participant) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            display_name: row.display_name,
            role: row.role,
            stage: row.stage,
            hand_seq: row.hand_seq,
            mic: row.mic,
            connection: row.connection,
            joined_at: row.joined_at,
        }
    }
}
