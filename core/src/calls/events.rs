use crate::events::Audience;
use crate::media::{LegId, Quality};
use crate::rooms::{ParticipantId, RoomId};

crate::events! {
    /// What happens in calls. How transports come and go is told by `rooms`.
    pub Event {
        /// A leg has become better or worse than it was in the sample before, or has a first one.
        QualityChanged = "calls.quality_changed" {
            room: RoomId,
            participant: ParticipantId,
            leg: LegId,
            quality: Quality,
        },
    }
}

impl Event {
    /// Who may be told of it: nobody by the feed. Those in the room see it live.
    pub fn audience(&self) -> Audience {
        Audience::Host
    }
}
