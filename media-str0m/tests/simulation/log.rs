//! What happened in a simulation, in order. All that is checked is checked on this.

use std::time::Duration;

use parlor_core::media::Rights;

use crate::wire::Kind;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) at: Duration,
    pub(crate) fact: Fact,
}

/// Peers are counted from 0; each has one leg. A participant may have several, one after another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact {
    Joined {
        peer: usize,
        room: u128,
        participant: u128,
        rights: Rights,
        slots: usize,
    },
    RightsSet {
        peer: usize,
        rights: Rights,
    },
    /// The client has come up.
    ClientUp {
        peer: usize,
    },
    /// It has left, or has been told that its leg is over.
    ClientGone {
        peer: usize,
    },
    LegUp {
        peer: usize,
    },
    LegLost {
        peer: usize,
    },
    LegClosed {
        peer: usize,
    },
    /// Packets of this peer may go astray until then, whatever the engine does: its address has
    /// changed, or it cannot be reached.
    Disturbed {
        peer: usize,
        until: Duration,
    },
    /// A client's microphone has put a frame onto the wire.
    Said {
        peer: usize,
        frame: u32,
        voiced: bool,
    },
    /// The shard has been handed that frame for the first time.
    Arrived {
        peer: usize,
        frame: u32,
        voiced: bool,
    },
    /// The shard has sent a leg something encrypted.
    Sealed {
        peer: usize,
        kind: Kind,
        digest: u64,
    },
    /// The network has lost an RTP packet on its way to a client.
    LostOnTheWay {
        peer: usize,
    },
    /// A client has taken a packet out. `sealed` is the place of its `Sealed` in this log.
    Heard {
        peer: usize,
        sealed: usize,
        slot: String,
        seq: u64,
        time: u32,
        /// Who said it and which of their frames it is; `None` for silence.
        said: Option<(usize, u32)>,
        digest: u64,
    },
}

impl Record {
    /// What was decided, without what only the crypto library knows.
    pub(crate) fn decision(&self) -> String {
        let at = self.at.as_micros();
        match &self.fact {
            Fact::Sealed { peer, kind: Kind::Rtp { seq, time, .. }, .. } => {
                format!("{at} Sealed RTP {peer} {seq} {time}")
            }
            Fact::Sealed { peer, kind: Kind::Rtcp { .. }, .. } => {
                format!("{at} Sealed RTCP {peer}")
            }
            Fact::Heard { peer, seq, time, said, .. } => {
                format!("{at} Heard {peer} {seq} {time} {said:?}")
            }
            fact => format!("{at} {fact:?}"),
        }
    }
}

/// What a check has against a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) at: Duration,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

pub(crate) fn object<T>(
    record: &Record,
    rule: &'static str,
    what: impl Into<String>,
) -> Result<T, Objection> {
    Err(Objection { at: record.at, rule, what: what.into() })
}
