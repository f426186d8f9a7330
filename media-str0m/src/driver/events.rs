use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_core::media::MediaEvent;
use tokio::sync::Notify;

/// Events on their way from one driver or several to the host. It is bounded even if the host
/// never takes any: when it is full, who speaks, who connects and who is lost are no longer told;
/// that a leg is over always is, and no new legs are taken, so there are never more than `max`
/// plus a leg each.
pub(crate) struct EventQueue {
    state: Mutex<State>,
    news: Notify,
    max: usize,
    on_event: OnEvent,
}

/// Sees every event before it is queued, those included that are then dropped, and may change it.
type OnEvent = Box<dyn Fn(MediaEvent) -> MediaEvent + Send + Sync>;

#[derive(Debug, Default)]
struct State {
    events: VecDeque<MediaEvent>,
    /// How many may still add to it.
    sources: usize,
    closed: bool,
}

impl EventQueue {
    pub(crate) fn new(max: usize, on_event: OnEvent) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), news: Notify::new(), max, on_event })
    }

    /// Someone who adds to it. When there is none any more, it ends.
    pub(crate) fn source(self: &Arc<Self>) -> EventSource {
        self.state().sources += 1;
        EventSource(self.clone())
    }

    pub(crate) async fn next(&self) -> Option<MediaEvent> {
        loop {
            let news = self.news.notified();
            {
                let mut state = self.state();
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                if state.closed {
                    // Whoever else waits must learn it too.
                    self.news.notify_one();
                    return None;
                }
            }
            news.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that could panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EventQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventQueue").field("state", &self.state).field("max", &self.max).finish()
    }
}

/// Adds to an [`EventQueue`].
#[derive(Debug)]
pub(crate) struct EventSource(Arc<EventQueue>);

impl EventSource {
    /// Adds events, which nothing from elsewhere comes between; gives how many were dropped.
    pub(crate) fn push(&self, events: impl IntoIterator<Item = MediaEvent>) -> u64 {
        let mut dropped = 0;
        let mut state = self.0.state();
        for event in events {
            let event = (self.0.on_event)(event);
            let must = matches!(event, MediaEvent::Closed { .. });
            if state.events.len() >= self.0.max && !must {
                dropped += 1;
            } else {
                state.events.push_back(event);
            }
        }
        drop(state);
        self.0.news.notify_one();
        dropped
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.state().events.len() >= self.0.max
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.sources -= 1;
        if state.sources == 0 {
            state.closed = true;
            self.0.news.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;
    use parlor_core::media::{CloseReason, LegId};
    use parlor_core::rooms::{ParticipantId, RoomId};

    use super::*;

    fn speaking() -> MediaEvent {
        let room = RoomId(Uuid::nil());
        MediaEvent::Speaking { room, participants: vec![], dominant: None, recent: vec![] }
    }

    fn closed(reason: CloseReason) -> MediaEvent {
        let (leg, room) = (LegId(Uuid::nil()), RoomId(Uuid::nil()));
        MediaEvent::Closed { leg, room, participant: ParticipantId(Uuid::nil()), reason }
    }

    #[tokio::test]
    async fn a_full_queue_drops_all_but_ends() {
        let ended = || closed(CloseReason::Disconnected);
        let queue = EventQueue::new(2, Box::new(|event| event));
        let source = queue.source();
        assert_eq!(source.push((0..5).map(|_| speaking())), 3);
        assert_eq!(source.push([ended()]), 0);
        assert!(source.is_full());
        drop(source);
        assert_eq!(queue.next().await, Some(speaking()));
        assert_eq!(queue.next().await, Some(speaking()));
        assert_eq!(queue.next().await, Some(ended()));
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn it_ends_with_the_last_source() {
        let replaced = |_| closed(CloseReason::Replaced);
        let queue = EventQueue::new(2, Box::new(replaced));
        let (one, two) = (queue.source(), queue.source());
        drop(one);
        two.push([closed(CloseReason::Disconnected)]);
        drop(two);
        assert_eq!(queue.next().await, Some(closed(CloseReason::Replaced)));
        assert_eq!(queue.next().await, None);
    }
}
