use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use parlor_core::media::MediaEvent;
use tokio::sync::Notify;

/// Events on their way to the host. It is bounded even if the host never takes any: when it is
/// full, who speaks, who connects and who is lost are no longer told; that a leg is over always
/// is, and no new legs are taken, so there are never more than `max` plus a leg each.
#[derive(Debug)]
pub(super) struct EventQueue {
    state: Mutex<State>,
    news: Notify,
    max: usize,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<MediaEvent>,
    closed: bool,
    dropped: u64,
}

impl EventQueue {
    pub(super) fn new(max: usize) -> Self {
        Self { state: Mutex::default(), news: Notify::new(), max }
    }

    pub(super) fn push(&self, event: MediaEvent) {
        let mut state = self.state();
        let must = matches!(event, MediaEvent::Closed { .. });
        if state.events.len() >= self.max && !must {
            state.dropped += 1;
            return;
        }
        state.events.push_back(event);
        drop(state);
        self.news.notify_one();
    }

    /// There will be no more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.news.notify_one();
    }

    pub(super) fn is_full(&self) -> bool {
        self.state().events.len() >= self.max
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    pub(super) async fn next(&self) -> Option<MediaEvent> {
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

#[cfg(test)]
mod tests {
    use parlor_core::Uuid;
    use parlor_core::media::{CloseReason, LegId};
    use parlor_core::rooms::{ParticipantId, RoomId};

    use super::*;

    #[tokio::test]
    async fn a_full_queue_drops_all_but_ends() {
        let (leg, room) = (LegId(Uuid::nil()), RoomId(Uuid::nil()));
        let participant = ParticipantId(Uuid::nil());
        let speaking =
            || MediaEvent::Speaking { room, participants: vec![], dominant: None, recent: vec![] };
        let reason = CloseReason::Disconnected;
        let closed = || MediaEvent::Closed { leg, room, participant, reason };
        let queue = EventQueue::new(2);
        for _ in 0..5 {
            queue.push(speaking());
        }
        queue.push(closed());
        queue.close();
        assert!(queue.is_full());
        assert_eq!(queue.dropped(), 3);
        assert_eq!(queue.next().await, Some(speaking()));
        assert_eq!(queue.next().await, Some(speaking()));
        assert_eq!(queue.next().await, Some(closed()));
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.next().await, None);
    }
}
