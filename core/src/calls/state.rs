//! The machine of a leg: SM-11 of the domain.

use super::Refusal;
use crate::media::CloseReason;

crate::words! {
    /// How far a leg is (SM-11).
    pub LegState {
        /// It was asked for; the engine has not answered yet.
        Requested = "requested",
        /// The engine has answered; the client looks for a path.
        Signaling = "signaling",
        /// ICE has a path (RFC 8445); DTLS is under way (RFC 5764).
        Ice = "ice",
        /// It is up.
        Connected = "connected",
        /// It was up and is lost; it may come back.
        Reconnecting = "reconnecting",
        /// It is over.
        Closed = "closed",
        /// It never was up, for want of time or by a fault.
        Failed = "failed",
    }
}

crate::words! {
    /// What happens to a leg.
    pub LegInput {
        /// The engine took the offer.
        Answered = "answered",
        /// ICE found a path.
        IceConnected = "ice_connected",
        /// DTLS is through, for the first time or again.
        Connected = "connected",
        /// Nothing has come from the client for a while.
        Lost = "lost",
        /// One of the two sides ended it.
        Close = "close",
        /// Something went wrong, or took too long.
        Fail = "fail",
    }
}

crate::words! {
    /// Why a leg ended.
    pub EndReason {
        /// The host ended it: they left or were sent out, or the room closed.
        Disconnected = "disconnected",
        /// The client closed its side.
        ClosedByPeer = "closed_by_peer",
        /// A newer leg of the same participant took over.
        Replaced = "replaced",
        /// The engine did not take the offer.
        SignalingError = "signaling_error",
        /// The engine took no more sessions, or had stopped.
        ServerError = "server_error",
        /// ICE or DTLS did not come up in time.
        SetupTimeout = "setup_timeout",
        /// It was lost and did not come back in time.
        ConnectionTimeout = "connection_timeout",
        /// The client broke the protocol, or its transport failed.
        MediaFailure = "media_failure",
        /// The engine shut down.
        ServerShutdown = "server_shutdown",
        /// Its node fell silent, or lost the room.
        NodeLost = "node_lost",
    }
}

crate::words! {
    /// What became of the attempt to connect (domain §5.5).
    pub Outcome {
        /// It was up.
        Success = "success",
        /// It took too long, or went wrong.
        Failed = "failed",
        /// One of the two sides gave it up before.
        Aborted = "aborted",
    }
}

impl LegState {
    /// The legal moves. An engine need not tell of every step on the way up.
    ///
    /// # Errors
    /// [`Refusal::Ended`] once it has ended, [`Refusal::Illegal`] for what cannot happen.
    pub fn next(self, input: LegInput) -> Result<Self, Refusal> {
        use LegInput::{Answered, Close, Connected, Fail, IceConnected, Lost};
        match (self, input) {
            (Self::Requested, Answered) => Ok(Self::Signaling),
            (Self::Requested | Self::Signaling, IceConnected) => Ok(Self::Ice),
            (Self::Requested | Self::Signaling | Self::Ice, Connected) => Ok(Self::Connected),
            (Self::Connected | Self::Reconnecting, Connected) => Ok(Self::Connected),
            (Self::Connected, Lost) => Ok(Self::Reconnecting),
            (Self::Requested | Self::Signaling | Self::Ice, Fail) => Ok(Self::Failed),
            (Self::Connected | Self::Reconnecting, Fail) => Ok(Self::Closed),
            (
                Self::Requested
                | Self::Signaling
                | Self::Ice
                | Self::Connected
                | Self::Reconnecting,
                Close,
            ) => Ok(Self::Closed),
            (
                Self::Closed | Self::Failed,
                Answered | IceConnected | Connected | Lost | Close | Fail,
            ) => Err(Refusal::Ended),
            (Self::Signaling | Self::Ice | Self::Connected | Self::Reconnecting, Answered)
            | (Self::Ice | Self::Connected | Self::Reconnecting, IceConnected)
            | (Self::Requested | Self::Signaling | Self::Ice | Self::Reconnecting, Lost) => {
                Err(Refusal::Illegal { state: self.word(), input: input.word() })
            }
        }
    }
}

impl EndReason {
    /// What a leg that ends for this reason is told.
    pub fn input(self) -> LegInput {
        match self {
            Self::Disconnected | Self::ClosedByPeer | Self::Replaced => LegInput::Close,
            Self::SignalingError
            | Self::ServerError
            | Self::SetupTimeout
            | Self::ConnectionTimeout
            | Self::MediaFailure
            | Self::ServerShutdown
            | Self::NodeLost => LegInput::Fail,
        }
    }
}

impl From<CloseReason> for EndReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Disconnected => Self::Disconnected,
            CloseReason::ClosedByPeer => Self::ClosedByPeer,
            CloseReason::Replaced => Self::Replaced,
            CloseReason::SetupTimeout => Self::SetupTimeout,
            CloseReason::LostTimeout => Self::ConnectionTimeout,
            CloseReason::Failed => Self::MediaFailure,
            CloseReason::Shutdown => Self::ServerShutdown,
        }
    }
}
