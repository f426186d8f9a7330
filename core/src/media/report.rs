use super::{LegId, MediaEvent};
use crate::calls::LegMediaStarted;
use crate::engine::{AnyCommand, IdempotencyKey};
use crate::rooms::{LegClosed, LegConnected, LegLost, ParticipantId, RoomId};

/// What the engine says of a leg, as a command under a key of the leg and a number: a report that
/// is repeated takes effect once.
pub(super) struct Report {
    pub(super) participant: ParticipantId,
    pub(super) leg: LegId,
    pub(super) what: What,
    /// None where saying it twice changes nothing.
    pub(super) key: Option<IdempotencyKey>,
    pub(super) command: AnyCommand,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Connected,
    MediaStarted,
    Lost,
    Closed,
}

impl Report {
    /// What an event tells of one leg, if it does and the store is to know. The epoch of a room is
    /// that of the lease under which its media is here.
    pub(super) fn of(event: &MediaEvent, epoch: impl Fn(RoomId) -> i64) -> Option<Self> {
        let report = match *event {
            MediaEvent::Connected { leg, room, participant, n, setup } => {
                let lease_epoch = epoch(room);
                let command = LegConnected { room, participant, leg, lease_epoch, setup }.into();
                let key = key(format!("leg:{leg}:up:{n}"));
                Self { participant, leg, what: What::Connected, key, command }
            }
            MediaEvent::MediaStarted { leg, participant, after, .. } => {
                let command = LegMediaStarted { leg, after }.into();
                Self { participant, leg, what: What::MediaStarted, key: None, command }
            }
            MediaEvent::Lost { leg, room, participant, n } => {
                let lease_epoch = epoch(room);
                let command = LegLost { room, participant, leg, lease_epoch }.into();
                let key = key(format!("leg:{leg}:lost:{n}"));
                Self { participant, leg, what: What::Lost, key, command }
            }
            MediaEvent::Closed { leg, room, participant, reason } => {
                let (lease_epoch, reason) = (epoch(room), reason.into());
                let command = LegClosed { room, participant, leg, lease_epoch, reason }.into();
                let key = key(format!("leg:{leg}:closed"));
                Self { participant, leg, what: What::Closed, key, command }
            }
            MediaEvent::Speaking { .. }
            | MediaEvent::Sampled { .. }
            | MediaEvent::QualityChanged { .. } => return None,
        };
        Some(report)
    }
}

fn key(text: String) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::new(text).expect("a leg's id and a number are a short key"))
}
