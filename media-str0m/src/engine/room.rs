use std::time::Instant;

use super::session::Key;
use super::speaking::Speaking;
use super::stage::Stage;

/// The legs that hear each other.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// In the order they came; nothing depends on it but the order of packets on the wire.
    pub(super) legs: Vec<Key>,
    pub(super) stage: Stage,
    pub(super) speaking: Speaking,
    /// When it is to be woken.
    pub(super) scheduled: Option<Instant>,
}
