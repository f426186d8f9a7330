use super::AnyCommand;
use crate::events::Envelope;
use crate::rooms;

/// What one context does about events of another: a pure function of the event.
///
/// Policies run at least once for every event, on any node; each reaction takes effect once.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Its name, unique and stable: its cursor and its idempotency keys are made of it.
    pub name: &'static str,
    /// What it does about an event.
    pub react: fn(&Envelope) -> Vec<Reaction>,
}

/// What a policy wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// Run this. A refusal is an answer too: it is logged and not tried again.
    Do(AnyCommand),
}

/// Every policy.
pub const POLICIES: &[Policy] = &[rooms::LISTING];
