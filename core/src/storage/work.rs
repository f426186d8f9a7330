use super::{Draft, Missing};
use crate::engine::Ctx;

/// A command on its way into a store: its context, and the decision with the slot for its result
/// inside. It may be run any number of times; the last run counts.
pub struct Work {
    pub(super) ctx: Ctx,
    pub(super) decide: Box<Decide>,
}

type Decide = dyn FnMut(&mut Draft<'_>, &Ctx) -> Run + Send;

impl Work {
    /// Wraps a decision.
    pub fn new(ctx: Ctx, decide: impl FnMut(&mut Draft<'_>, &Ctx) -> Run + Send + 'static) -> Self {
        Self { ctx, decide: Box::new(decide) }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("ctx", &self.ctx).finish_non_exhaustive()
    }
}

/// How a run of a decision ended, as a store needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// It ended well; what it drafted shall be.
    Done,
    /// It was refused; only what it recorded shall be.
    Refused,
    /// It lacks rows.
    Missing(Missing),
}
