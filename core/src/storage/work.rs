use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::by_key::by_key;
use super::draft::Writes;
use super::{Changeset, Draft, Held, Missing, Need, StoreError};
use crate::engine::Ctx;

/// A command on its way into a store: its context, and the decision with the slot for its result
/// inside. It may be run any number of times; the last run counts.
pub struct Work {
    pub(super) ctx: Ctx,
    decide: Box<Decide>,
    learned: Option<Outcome>,
}

type Decide = dyn FnMut(&mut Draft<'_>, &Ctx) -> Run + Send;

/// How one run ended and what it wants, or that it panicked.
pub(super) type Outcome = Result<(Run, Changeset), StoreError>;

impl Work {
    /// Wraps a decision.
    pub fn new(ctx: Ctx, decide: impl FnMut(&mut Draft<'_>, &Ctx) -> Run + Send + 'static) -> Self {
        Self { ctx, decide: Box::new(decide), learned: None }
    }

    /// The same work, whose refusals are taken for good ends: what a store must never do.
    pub(super) fn never_refused(self) -> Self {
        let Self { ctx, mut decide, .. } = self;
        Self::new(ctx, move |draft, ctx| match decide(draft, ctx) {
            Run::Refused => Run::Done,
            end => end,
        })
    }

    /// Learns what the decision needs, by running it on nothing. A plan does so by itself; a store
    /// that plans on a thread of its own takes that work off it by calling this on the caller's.
    pub fn learn(&mut self) {
        if self.learned.is_none() {
            self.learned = Some(self.run(&Held::new(), &by_key()));
        }
    }

    /// The rows that the decision asks for first: what a store may go by when it has more than one
    /// writer to choose from.
    pub fn needs(&mut self) -> &[Need] {
        self.learn();
        match &self.learned {
            Some(Ok((Run::Missing(Missing(needs)), _))) => needs,
            _ => &[],
        }
    }

    /// What a run on nothing comes to.
    pub(super) fn learned(&mut self) -> Outcome {
        self.learn();
        self.learned.take().expect("it has been learned")
    }

    /// Runs the decision. A panic is its own failure; it is pure, so there is nothing to put back.
    pub(super) fn run(&mut self, held: &Held, before: &Writes) -> Outcome {
        let Self { ctx, decide, .. } = self;
        let mut draft = Draft::over(held, before);
        ctx.restart();
        let run = catch_unwind(AssertUnwindSafe(|| decide(&mut draft, ctx)));
        match run {
            Ok(Run::Done) => Ok((Run::Done, draft.finish())),
            Ok(Run::Refused) => Ok((Run::Refused, draft.refuse())),
            Ok(missing) => Ok((missing, Changeset::default())),
            Err(panic) => Err(StoreError::Panicked(panic_text(&*panic))),
        }
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

fn panic_text(panic: &(dyn std::any::Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").into()
}
