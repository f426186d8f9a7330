use serde::{Deserialize, Serialize};

use super::AnyCommand;
use crate::Uuid;
use crate::record::{Json, Stored as _, Timestamp};
use crate::storage::Need;

crate::record! {
    /// A command that runs once its time has come, by whichever process gets to it.
    pub Timer in "timer" [
        /// What kind of timer, such as `rooms.departure`.
        name: String,
        /// What it is about.
        subject: Uuid,
    ] {
        /// When.
        due_at: Timestamp,
        /// What runs.
        command: Json<Scheduled>,
    }
    index timer_due (due_at, name, subject);
}

impl Timer {
    /// A timer.
    pub fn new(key: TimerKey, due_at: Timestamp, command: AnyCommand) -> Self {
        let (name, subject) = key.into();
        Self { name, subject, due_at, command: Json(command.into()) }
    }
}

/// What a timer runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scheduled {
    /// A command of this build.
    Known(AnyCommand),
    /// A command of some other build, which has to run it.
    Unknown(serde_json::Value),
}

impl<C: Into<AnyCommand>> From<C> for Scheduled {
    fn from(command: C) -> Self {
        Self::Known(command.into())
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
