use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::listener::{Cue, Listener};
use super::session::Key;
use super::speaking::Speaking;
use super::stage::Stage;

/// How many packets may wait for a room's listeners; beyond that the oldest are dropped.
pub const CUES_MAX: usize = 256;

/// A room of so many listeners is served the moment a packet comes.
const SMALL: usize = 1_000;

/// A larger one waits a little, so that the packets of several speakers leave in one visit.
const TICK_MAX_MS: usize = 5;

/// The legs that hear each other.
#[derive(Default)]
pub(super) struct Room {
    /// In no order that anything but the order of packets on the wire depends on.
    pub(super) listeners: Vec<Listener>,
    pub(super) stage: Stage,
    pub(super) speaking: Speaking,
    /// What is to be passed on.
    pub(super) cues: VecDeque<Cue>,
    /// Who of the listeners is served next, once serving has begun.
    pub(super) served: usize,
    /// Whether it waits to be served.
    pub(super) is_due: bool,
    /// When it is to be woken to tell who speaks, to be served, and to be sampled.
    pub(super) scheduled: Option<Instant>,
    pub(super) serve_at: Option<Instant>,
    pub(super) sample_at: Option<Instant>,
}

impl Room {
    /// Adds a cue. Whether an older one had to go for it.
    pub(super) fn push(&mut self, cue: Cue) -> bool {
        let is_full = self.cues.len() >= CUES_MAX;
        if is_full {
            // Ends of turns stay: a slot that is never released would hold its last frame.
            let oldest = self.cues.iter().position(|cue| matches!(cue, Cue::Voice(_)));
            self.cues.remove(oldest.unwrap_or(0));
        }
        self.cues.push_back(cue);
        is_full
    }

    /// Takes back what has not been passed on of a speaker.
    pub(super) fn retract(&mut self, speaker: Key) {
        self.cues.retain(|cue| match cue {
            Cue::Voice(voice) => voice.origin.speaker != speaker,
            Cue::End(_) => true,
        });
    }

    /// How long a packet waits for others: 1 to 5 ms in large rooms, not at all in others.
    pub(super) fn tick(&self) -> Duration {
        let thousands = (self.listeners.len() / SMALL).min(TICK_MAX_MS);
        Duration::from_millis(thousands as u64)
    }
}
