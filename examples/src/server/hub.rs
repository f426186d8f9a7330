//! One reader of the feed for all WebSockets: each event is turned into text once.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use parlor_core::engine::Parlor;
use parlor_core::events::{AnyEvent, Audience, Envelope, Position};
use parlor_core::media::MediaEvent;
use parlor_core::rooms::{Event, ParticipantId};
use serde_json::json;
use tokio::sync::{broadcast, watch};

/// How far a WebSocket may fall behind before it is told to start over.
const BACKLOG: usize = 4_096;
/// How many events are read at once.
const PAGE: usize = 512;

/// News, for those it concerns.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) audience: Audience,
    pub(super) text: Utf8Bytes,
    /// Whose stay this ends.
    pub(super) left: Option<ParticipantId>,
}

#[derive(Clone, Debug)]
pub(super) struct Hub {
    frames: broadcast::Sender<Frame>,
    position: watch::Sender<Position>,
    draining: watch::Sender<bool>,
}

impl Hub {
    pub(super) fn new(head: Position) -> Self {
        Self {
            frames: broadcast::Sender::new(BACKLOG),
            position: watch::Sender::new(head),
            draining: watch::Sender::new(false),
        }
    }

    /// What comes after the position it gives.
    pub(super) fn subscribe(&self) -> (broadcast::Receiver<Frame>, Position) {
        let frames = self.frames.subscribe();
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
        if let MediaEvent::Speaking { room, participants } = event {
            let text = json!({ "speaking": { "room": room, "participants": participants } });
            let (audience, text) = (Audience::Room(*room), text.to_string().into());
            // Nobody listens: nobody needs to know.
            let _ = self.frames.send(Frame { audience, text, left: None });
        }
    }

    fn publish(&self, envelope: &Envelope) {
        let event = &envelope.emitted.event;
        let audience = event.audience();
        if audience != Audience::Host {
            let left = match event {
                AnyEvent::Rooms(Event::Left { participant, .. }) => Some(*participant),
                AnyEvent::Rooms(_) | AnyEvent::Identity(_) => None,
            };
            let text = json!({ "event": envelope }).to_string().into();
            let _ = self.frames.send(Frame { audience, text, left });
        }
        self.position.send_replace(envelope.position);
    }
}
