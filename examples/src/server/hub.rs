//! One reader of the feed for all WebSockets: each event is turned into text once, and goes only to
//! those who look at the place it happened in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use parlor_core::engine::Parlor;
use parlor_core::events::{AnyEvent, Audience, Envelope, EventId, Position};
use parlor_core::identity::UserId;
use parlor_core::media::MediaEvent;
use parlor_core::record::Timestamp;
use parlor_core::rooms::{Event, ParticipantId, RoomId};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{broadcast, watch};

/// How far a WebSocket may fall behind before it is told to start over.
const BACKLOG: usize = 1_024;
/// How many events are read at once.
const PAGE: usize = 512;

/// What one can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Lobby,
    Room(RoomId),
}

/// News of a place.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) text: Utf8Bytes,
    /// Whose stay this ends.
    pub(super) left: Option<ParticipantId>,
}

/// An event as people are told of it: by whom, but not by which of their sign-ins.
#[derive(Serialize)]
struct Told<'e> {
    position: Position,
    id: EventId,
    at: Timestamp,
    by: Option<UserId>,
    #[serde(flatten)]
    event: &'e AnyEvent,
}

#[derive(Clone, Debug)]
pub(super) struct Hub {
    places: Arc<Mutex<HashMap<Place, broadcast::Sender<Frame>>>>,
    position: watch::Sender<Position>,
    draining: watch::Sender<bool>,
}

impl Hub {
    pub(super) fn new(head: Position) -> Self {
        let (position, draining) = (watch::Sender::new(head), watch::Sender::new(false));
        Self { places: Arc::default(), position, draining }
    }

    /// News of a place: all that comes after the position it gives, and perhaps some before.
    pub(super) fn subscribe(&self, place: Place) -> (broadcast::Receiver<Frame>, Position) {
        let new = || broadcast::Sender::new(BACKLOG);
        let frames = self.places().entry(place).or_insert_with(new).subscribe();
        let position = *self.position.borrow();
        (frames, position)
    }

    /// Becomes true when the server is about to go.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    pub(super) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Reads the feed for as long as it is polled.
    pub(super) async fn follow(self, parlor: Parlor) {
        loop {
            let position = *self.position.borrow();
            let page = async {
                parlor.wait(position).await?;
                parlor.events(position, PAGE).await
            };
            match page.await {
                Ok(page) => page.iter().for_each(|envelope| self.publish(envelope)),
                Err(error) => {
                    tracing::error!(%error, "the feed was not read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Passes on what is live and in no feed.
    pub(super) fn live(&self, event: &MediaEvent) {
        let (room, told) = match event {
            MediaEvent::Speaking { room, participants, dominant, .. } => {
                let speaking =
                    json!({ "room": room, "participants": participants, "dominant": dominant });
                (room, json!({ "speaking": speaking }))
            }
            MediaEvent::QualityChanged { room, participant, quality, .. } => {
                let changed =
                    json!({ "room": room, "participant": participant, "quality": quality });
                (room, json!({ "quality": changed }))
            }
            MediaEvent::Connected { .. }
            | MediaEvent::MediaStarted { .. }
            | MediaEvent::Lost { .. }
            | MediaEvent::Closed { .. }
            | MediaEvent::Sampled { .. } => return,
        };
        self.send(Place::Room(*room), || Frame { text: told.to_string().into(), left: None });
    }

    fn publish(&self, envelope: &Envelope) {
        // First, so that whoever subscribes meanwhile is told twice rather than not at all.
        self.position.send_replace(envelope.position);
        let place = match envelope.emitted.event.audience() {
            Audience::Lobby => Place::Lobby,
            Audience::Room(room) => Place::Room(room),
            Audience::Host => return,
        };
        self.send(place, || frame(envelope));
    }

    /// Makes the frame only if somebody looks; a place that nobody looks at any more is let go.
    fn send(&self, place: Place, frame: impl FnOnce() -> Frame) {
        let mut places = self.places();
        let Some(sender) = places.get(&place) else { return };
        if sender.receiver_count() == 0 {
            places.remove(&place);
            return;
        }
        // It fails only when nobody listens.
        let _ = sender.send(frame());
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Place, broadcast::Sender<Frame>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn frame(envelope: &Envelope) -> Frame {
    let emitted = &envelope.emitted;
    let left = match &emitted.event {
        AnyEvent::Rooms(Event::Left { participant, .. }) => Some(*participant),
        AnyEvent::Rooms(_) | AnyEvent::Identity(_) | AnyEvent::Calls(_) | AnyEvent::Ledger(_) => {
            None
        }
    };
    let told = Told {
        position: envelope.position,
        id: emitted.id,
        at: emitted.at,
        by: emitted.actor.user(),
        event: &emitted.event,
    };
    Frame { text: json!({ "event": told }).to_string().into(), left }
}
