use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{LegId, LegSample, Quality, Rights};
use crate::rooms::{ParticipantId, RoomId};

/// An SDP offer as the client sent it; the engine bounds it before it parses it (RFC 8866).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SdpOffer(pub String);

/// The SDP answer to give to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SdpAnswer(pub String);

/// A request to bring a participant's transport up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The new leg. An id is used once.
    pub leg: LegId,
    /// Where it hears and is heard.
    pub room: RoomId,
    /// Whose transport it is. Once the offer is taken, an older leg of the same participant ends
    /// with [`CloseReason::Replaced`].
    pub participant: ParticipantId,
    /// What it may do from its first packet on.
    pub rights: Rights,
    /// What the client offers.
    pub offer: SdpOffer,
}

/// The engine that moves packets, as the domain sees it. Hosts without media use none.
#[async_trait]
pub trait MediaBackend: Send + Sync + 'static {
    /// Answers an offer and starts a leg. ICE and DTLS follow; [`MediaEvent::Connected`] tells
    /// when they are through.
    ///
    /// # Errors
    /// [`MediaError::Refused`] when the offer is beyond a limit or unusable; nothing has started.
    async fn connect(&self, request: Connect) -> Result<SdpAnswer, MediaError>;

    /// Answers a new offer on a leg that stands, such as an ICE restart.
    ///
    /// # Errors
    /// [`MediaError::NoSuchLeg`] when the leg has ended; [`MediaError::Refused`] as in `connect`,
    /// and [`MediaError::Busy`] when it comes too often: the leg goes on as it was.
    async fn renegotiate(&self, leg: LegId, offer: SdpOffer) -> Result<SdpAnswer, MediaError>;

    /// Sets what a leg may do. When it returns, no packet that comes in later is judged by the
    /// old rights. A leg that has ended is left alone.
    async fn set_rights(&self, leg: LegId, rights: Rights) -> Result<(), MediaError>;

    /// Ends a leg. Ending one that has ended does nothing.
    async fn disconnect(&self, leg: LegId) -> Result<(), MediaError>;

    /// The next event, in order; `None` once the engine has shut down. One caller at a time.
    async fn next_event(&self) -> Option<MediaEvent>;
}

/// What the engine reports.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// ICE and DTLS are up, for the first time or again after [`MediaEvent::Lost`].
    Connected {
        /// The leg that is up.
        leg: LegId,
        /// Its room.
        room: RoomId,
        /// Its participant.
        participant: ParticipantId,
        /// How often the leg has come up, from 1.
        n: u32,
        /// How long it took to come up for the first time.
        setup: Setup,
    },
    /// The first packet of sound has gone to or come from the client. Told once a leg.
    MediaStarted {
        /// The leg.
        leg: LegId,
        /// Its room.
        room: RoomId,
        /// Its participant.
        participant: ParticipantId,
        /// Since the leg was first up.
        after: Duration,
    },
    /// Nothing has come from the client for a while; it may come back.
    Lost {
        /// The leg that fell silent.
        leg: LegId,
        /// Its room.
        room: RoomId,
        /// Its participant.
        participant: ParticipantId,
        /// As in the `Connected` before it.
        n: u32,
    },
    /// The leg is over and will not come back.
    Closed {
        /// The leg that ended.
        leg: LegId,
        /// Its room.
        room: RoomId,
        /// Its participant.
        participant: ParticipantId,
        /// Why it ended.
        reason: CloseReason,
    },
    /// Who is speaking in a room has changed. Live: it never takes the write path.
    Speaking {
        /// The room.
        room: RoomId,
        /// Those who speak now, loudest first.
        participants: Vec<ParticipantId>,
        /// Who has the word: it passes on only to someone who is clearly louder for a while, and
        /// stays with the last one through a silence.
        dominant: Option<ParticipantId>,
        /// Those who were dominant, the latest first, the present one among them.
        recent: Vec<ParticipantId>,
    },
    /// How the transports of a room have done since they were told of last; every 10 s, in pages
    /// of at most [`SAMPLES_MAX`].
    Sampled {
        /// The room.
        room: RoomId,
        /// A leg each.
        samples: Vec<LegSample>,
    },
    /// A leg has become better or worse. Live: it never takes the write path.
    QualityChanged {
        /// The leg.
        leg: LegId,
        /// Its room.
        room: RoomId,
        /// Its participant.
        participant: ParticipantId,
        /// What it is now.
        quality: Quality,
    },
}

/// How many legs one [`MediaEvent::Sampled`] tells of at the most.
pub const SAMPLES_MAX: usize = 250;

/// How long the steps of a leg's setup took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// From the answer to the offer until ICE had a path (RFC 8445).
    pub ice: Duration,
    /// From there until DTLS was through (RFC 5764).
    pub dtls: Duration,
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The host asked for it.
    Disconnected,
    /// The client closed its side.
    ClosedByPeer,
    /// A newer leg of the same participant took over.
    Replaced,
    /// ICE or DTLS never came up in time.
    SetupTimeout,
    /// It was lost and did not come back in time.
    LostTimeout,
    /// The client broke the protocol or its transport failed.
    Failed,
    /// The engine shut down.
    Shutdown,
}

/// Why an offer was not taken. The text is for the person who wrote the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More bytes than the limit.
    #[error("the SDP has {bytes} bytes; at most {max} are taken")]
    SdpTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More of one kind of line than the limit.
    #[error("the SDP has {count} {what}; at most {max} are taken")]
    SdpTooMany {
        /// `"lines"`, `"m-lines"`, `"candidates"` or `"ssrc lines"`.
        what: &'static str,
        /// How many there were.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// It does not parse, or lacks what a session needs.
    #[error("the SDP cannot be used: {0}")]
    Unusable(String),
}

/// A failure of the engine, or its refusal of an offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The offer is at fault.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The leg has ended or never was.
    #[error("there is no such leg")]
    NoSuchLeg,
    /// The engine takes no new sessions: it is full or draining.
    #[error("the media engine takes no new sessions at the moment")]
    Busy,
    /// The engine has stopped.
    #[error("the media engine has stopped")]
    Stopped,
}
