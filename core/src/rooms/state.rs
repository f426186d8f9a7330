//! The machines of a room and of those in it: SM-4, SM-6, SM-7 and SM-8 of the domain, as far as
//! rooms of guests need them. Each `next` lists its legal moves; every other is refused.

use super::Refusal;

crate::words! {
    /// Where a room is in its life (SM-4).
    pub RoomStatus {
        /// Open, and nobody has been connected yet.
        Idle = "idle",
        /// Somebody has been connected.
        Live = "live",
        /// Over.
        Closed = "closed",
    }
}

crate::words! {
    /// What happens to a room.
    pub RoomInput {
        /// A participant's transport came up.
        Connected = "connected",
        /// Its host closed it.
        Close = "close",
        /// Nobody came in time.
        NobodyCame = "nobody_came",
        /// Everybody left, and nobody came back in time.
        EverybodyLeft = "everybody_left",
    }
}

impl RoomStatus {
    /// The legal moves.
    ///
    /// # Errors
    /// [`Refusal::Closed`] once it is closed, [`Refusal::Illegal`] for what cannot happen.
    pub fn next(self, input: RoomInput) -> Result<Self, Refusal> {
        use RoomInput::{Close, Connected, EverybodyLeft, NobodyCame};
        match (self, input) {
            (Self::Idle | Self::Live, Connected) => Ok(Self::Live),
            (Self::Idle | Self::Live, Close) => Ok(Self::Closed),
            (Self::Idle, NobodyCame) => Ok(Self::Closed),
            (Self::Live, EverybodyLeft) => Ok(Self::Closed),
            (Self::Closed, Connected | Close | NobodyCame | EverybodyLeft) => Err(Refusal::Closed),
            (Self::Idle, EverybodyLeft) | (Self::Live, NobodyCame) => {
                Err(Refusal::illegal(self.word(), input.word()))
            }
        }
    }
}

crate::words! {
    /// A participant's transport (SM-6).
    pub ConnectionState {
        /// Let in; no transport is up yet.
        Joining = "joining",
        /// A transport is up.
        Connected = "connected",
        /// It was lost; the place is kept for a while.
        Reconnecting = "reconnecting",
        /// The stay is over.
        Left = "left",
    }
}

crate::words! {
    /// What happens to a participant's transport.
    pub ConnectionInput {
        /// A leg is up.
        LegConnected = "leg_connected",
        /// The leg was lost or closed.
        LegLost = "leg_lost",
        /// They leave or are sent out.
        Leave = "leave",
        /// No leg came up in time.
        ConnectTimeout = "connect_timeout",
        /// The leg did not come back in time.
        ReconnectTimeout = "reconnect_timeout",
    }
}

impl ConnectionState {
    /// The legal moves.
    ///
    /// # Errors
    /// [`Refusal::NotHere`] once they have left, [`Refusal::Illegal`] for what cannot happen.
    pub fn next(self, input: ConnectionInput) -> Result<Self, Refusal> {
        use ConnectionInput::{ConnectTimeout, Leave, LegConnected, LegLost, ReconnectTimeout};
        match (self, input) {
            (Self::Joining | Self::Connected | Self::Reconnecting, LegConnected) => {
                Ok(Self::Connected)
            }
            (Self::Connected, LegLost) => Ok(Self::Reconnecting),
            (Self::Joining | Self::Connected | Self::Reconnecting, Leave) => Ok(Self::Left),
            (Self::Joining, ConnectTimeout) => Ok(Self::Left),
            (Self::Reconnecting, ReconnectTimeout) => Ok(Self::Left),
            (Self::Left, LegConnected | LegLost | Leave | ConnectTimeout | ReconnectTimeout) => {
                Err(Refusal::NotHere)
            }
            (Self::Joining | Self::Reconnecting, LegLost)
            | (Self::Connected | Self::Reconnecting, ConnectTimeout)
            | (Self::Joining | Self::Connected, ReconnectTimeout) => {
                Err(Refusal::illegal(self.word(), input.word()))
            }
        }
    }

    /// Whether they count as present (I-R1).
    pub fn is_active(self) -> bool {
        matches!(self, Self::Connected | Self::Reconnecting)
    }
}

crate::words! {
    /// Whether a participant is on the stage (SM-7). With an open floor everybody is.
    pub StageState {
        /// Listens.
        Audience = "audience",
        /// Has raised a hand.
        Requested = "requested",
        /// Has been invited to speak.
        Invited = "invited",
        /// May speak.
        Speaker = "speaker",
    }
}

crate::words! {
    /// What happens on a moderated stage.
    pub StageInput {
        /// They raise a hand.
        RaiseHand = "raise_hand",
        /// They, or somebody else, lower it.
        LowerHand = "lower_hand",
        /// They are given the floor.
        GrantFloor = "grant_floor",
        /// They are invited to speak.
        InviteToSpeak = "invite_to_speak",
        /// They accept.
        AcceptInvite = "accept_invite",
        /// They decline, or do not answer in time.
        DeclineInvite = "decline_invite",
        /// They step down or are moved to the audience.
        LeaveStage = "leave_stage",
    }
}

impl StageState {
    /// The legal moves.
    ///
    /// # Errors
    /// [`Refusal::Illegal`] for every other.
    pub fn next(self, input: StageInput) -> Result<Self, Refusal> {
        use StageInput::{
            AcceptInvite, DeclineInvite, GrantFloor, InviteToSpeak, LeaveStage, LowerHand,
            RaiseHand,
        };
        match (self, input) {
            (Self::Audience, RaiseHand) => Ok(Self::Requested),
            (Self::Requested, LowerHand) => Ok(Self::Audience),
            (Self::Requested, GrantFloor) => Ok(Self::Speaker),
            (Self::Audience, InviteToSpeak) => Ok(Self::Invited),
            (Self::Invited, AcceptInvite) => Ok(Self::Speaker),
            (Self::Invited, DeclineInvite) => Ok(Self::Audience),
            (Self::Speaker, LeaveStage) => Ok(Self::Audience),
            (
                Self::Audience,
                LowerHand | GrantFloor | AcceptInvite | DeclineInvite | LeaveStage,
            )
            | (
                Self::Requested,
                RaiseHand | InviteToSpeak | AcceptInvite | DeclineInvite | LeaveStage,
            )
            | (Self::Invited, RaiseHand | LowerHand | GrantFloor | InviteToSpeak | LeaveStage)
            | (
                Self::Speaker,
                RaiseHand | LowerHand | GrantFloor | InviteToSpeak | AcceptInvite | DeclineInvite,
            ) => Err(Refusal::illegal(self.word(), input.word())),
        }
    }
}

crate::words! {
    /// A participant's microphone (SM-8).
    pub MicState {
        /// Not on the stage.
        Off = "off",
        /// Heard.
        Live = "live",
        /// Muted by themselves.
        MutedSelf = "muted_self",
        /// Muted by somebody else; they may unmute.
        MutedServer = "muted_server",
        /// Muted by somebody else; they may not unmute.
        Locked = "locked",
    }
}

crate::words! {
    /// What happens to a microphone.
    pub MicInput {
        /// They mute themselves.
        MuteSelf = "mute_self",
        /// They unmute themselves.
        UnmuteSelf = "unmute_self",
        /// Somebody else mutes them.
        Mute = "mute",
        /// Somebody else locks it.
        Lock = "lock",
        /// Somebody else unlocks it.
        Unlock = "unlock",
        /// They are given the floor.
        EnterStage = "enter_stage",
        /// They lose the floor.
        LeaveStage = "leave_stage",
    }
}

impl MicState {
    /// The legal moves. None but `UnmuteSelf` leads to `Live`: to be heard is always one's own act.
    ///
    /// # Errors
    /// [`Refusal::MicLocked`] when a lock forbids it, [`Refusal::NotOnStage`] when there is nothing
    /// to mute.
    pub fn next(self, input: MicInput) -> Result<Self, Refusal> {
        use MicInput::{EnterStage, LeaveStage, Lock, Mute, MuteSelf, Unlock, UnmuteSelf};
        match (self, input) {
            (Self::Live | Self::MutedSelf, MuteSelf) => Ok(Self::MutedSelf),
            (Self::MutedServer, MuteSelf) => Ok(Self::MutedServer),
            (Self::Live | Self::MutedSelf | Self::MutedServer, UnmuteSelf) => Ok(Self::Live),
            (Self::Live | Self::MutedServer, Mute) => Ok(Self::MutedServer),
            (Self::MutedSelf, Mute) => Ok(Self::MutedSelf),
            (Self::Locked, MuteSelf | Mute) => Ok(Self::Locked),
            (Self::Locked, UnmuteSelf) => Err(Refusal::MicLocked),
            (_, Lock) => Ok(Self::Locked),
            (Self::Locked, Unlock) => Ok(Self::MutedSelf),
            (Self::Off | Self::Live | Self::MutedSelf | Self::MutedServer, Unlock) => Ok(self),
            (Self::Off, EnterStage) => Ok(Self::MutedSelf),
            (Self::Live | Self::MutedSelf | Self::MutedServer | Self::Locked, EnterStage) => {
                Ok(self)
            }
            (Self::Locked, LeaveStage) => Ok(Self::Locked),
            (Self::Off | Self::Live | Self::MutedSelf | Self::MutedServer, LeaveStage) => {
                Ok(Self::Off)
            }
            (Self::Off, MuteSelf | UnmuteSelf | Mute) => Err(Refusal::NotOnStage),
        }
    }
}
