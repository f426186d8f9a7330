use serde::{Deserialize, Serialize};

use crate::rooms::{ConnectionState, MicState, Participant, RoomRole, StageState};

/// What a participant's transport may do right now. The engine checks it on every packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Packets of its microphone are forwarded; otherwise they are dropped where they come in.
    pub send_microphone: bool,
    /// It is sent what the loudest others in the room say.
    pub hear: bool,
    /// Whenever it speaks it is heard, before others who are louder.
    pub pinned: bool,
}

impl Rights {
    /// Neither sends nor hears.
    pub const NONE: Self = Self { send_microphone: false, hear: false, pinned: false };

    /// What a participant's state allows (SM-8): to send, one is on the stage with a live
    /// microphone; to hear, it is enough to be there. The host's word is pinned.
    pub fn of(participant: &Participant) -> Self {
        let is_here = participant.connection != ConnectionState::Left;
        let is_live = participant.mic == MicState::Live;
        let on_stage = participant.stage == StageState::Speaker;
        let is_host = participant.role == RoomRole::Host;
        Self {
            send_microphone: is_here && is_live && on_stage,
            hear: is_here,
            pinned: is_here && is_host,
        }
    }
}
