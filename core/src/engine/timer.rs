use super::AnyCommand;
use crate::Uuid;
use crate::record::{Json, Stored as _, Timestamp};
use crate::storage::Need;

crate::record! {
    /// A command that runs once its time has come, by whichever process gets to it.
    pub Timer in "timer" [
        /// What kind of timer, such as `rooms.reconnect`.
        name: String,
        /// What it is about.
        subject: Uuid,
    ] {
        /// When.
        due_at: Timestamp,
        /// What runs.
        command: Json<AnyCommand>,
    }
    index timer_due (due_at, name, subject);
}

impl Timer {
    /// A timer.
    pub fn new(key: TimerKey, due_at: Timestamp, command: AnyCommand) -> Self {
        let (name, subject) = key.into();
        Self { name, subject, due_at, command: Json(command) }
    }
}

/// Which timer: one is set for a key at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey {
    /// What kind of timer.
    pub name: &'static str,
    /// What it is about.
    pub subject: Uuid,
}

impl From<TimerKey> for (String, Uuid) {
    fn from(key: TimerKey) -> Self {
        (key.name.to_owned(), key.subject)
    }
}

impl TimerKey {
    /// Asks to own the timer.
    pub fn own(self) -> Need {
        Timer::own(self.into())
    }
}
