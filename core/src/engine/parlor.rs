use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::idempotency::fingerprint;
use super::{
    AnyCommand, AnyRefusal, Clock, Command, Ctx, Entropy, Idempotency, IdempotencyKey, POLICIES,
    Policy, Refusal, Settings,
};
use crate::Uuid;
use crate::events::{Actor, Envelope, Position};
use crate::record::{Digest, Json, Stored, Timestamp};
use crate::storage::{
    Draft, Group, PAGE_MAX, Page, Query, Run, Select, Stop, Store, StoreError, Summary, Work,
};

/// How often a command searches again, because what it had found has changed meanwhile.
const STALE_MAX: usize = 3;

/// A server's Parlor: the commands, the reads and the feed over one store.
///
/// Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub struct Parlor {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    policies: &'static [Policy],
}

/// Why a command was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error<R> {
    /// The answer is no.
    #[error("{0}")]
    Refused(R),
    /// The idempotency key has been used for another command.
    #[error("This idempotency key has been used for another command.")]
    KeyReused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Parlor {
    /// Parlor on a store, with the host's clock and entropy.
    pub fn new(store: impl Store, clock: impl Clock, entropy: impl Entropy) -> Self {
        Self::with_settings(Arc::new(store), clock, entropy, Settings::default())
    }

    /// As [`new`](Self::new), with time-outs and limits of one's own and a store that is shared.
    pub fn with_settings(
        store: Arc<dyn Store>,
        clock: impl Clock,
        entropy: impl Entropy,
        settings: Settings,
    ) -> Self {
        let (clock, entropy) = (Arc::new(clock), Arc::new(entropy));
        Self { store, clock, entropy, settings: Arc::new(settings), policies: POLICIES }
    }

    /// With these policies and no others: the suite tries what no policy of this build does.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn with_policies(mut self, policies: &'static [Policy]) -> Self {
        self.policies = policies;
        self
    }

    /// The policies that [`drive`](Self::drive) runs.
    pub(super) fn policies(&self) -> &'static [Policy] {
        self.policies
    }

    /// The time, by the host's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fresh entropy, by the host's source.
    pub(crate) fn draw(&self) -> [u8; 32] {
        self.entropy.draw()
    }

    /// A new identifier, for what no command makes, such as a
    /// [`Transaction`](crate::economy::ledger::Transaction): a UUID of version 7 (RFC 9562 §5.7).
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        Ctx::new(self.now(), Actor::HOST, self.settings.clone(), self.draw()).new_id()
    }

    /// The time-outs and limits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Runs a command, and returns once what it did is durable.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn execute<C: Command>(
        &self,
        actor: Actor,
        command: C,
    ) -> Result<C::Output, Error<C::Refusal>> {
        let search = command.search();
        self.run(actor, search, move |draft, ctx| command.decide(draft, ctx)).await
    }

    /// Runs a command at most once for a key of this actor: a retry gets the first outcome again.
    /// Refusals are not remembered: a retry is decided anew.
    ///
    /// # Errors
    /// [`Error`]; [`Error::KeyReused`] when the key stands for another command.
    pub async fn execute_with<C: Command>(
        &self,
        actor: Actor,
        key: &IdempotencyKey,
        command: C,
    ) -> Result<C::Output, Error<C::Refusal>> {
        let (request, search) = (fingerprint(&command.clone().into()), command.search());
        let outcome = self.once(actor, key, request, search, move |draft, ctx| {
            let output = command.decide(draft, ctx)?;
            Ok(serde_json::to_value(output).expect("outputs have keys that are strings"))
        });
        let corrupt = |e: serde_json::Error| crate::record::Corrupt {
            what: "stored outcome",
            why: e.to_string().into(),
        };
        let output = serde_json::from_value(outcome.await?);
        output.map_err(|e| Error::Store(corrupt(e).into()))
    }

    /// Runs a command of whatever type, at most once for a key if one is given. Output and refusal
    /// are data.
    ///
    /// # Errors
    /// As [`execute_with`](Self::execute_with).
    pub async fn execute_any(
        &self,
        actor: Actor,
        key: Option<&IdempotencyKey>,
        command: AnyCommand,
    ) -> Result<serde_json::Value, Error<AnyRefusal>> {
        let search = command.search();
        match key {
            None => self.run(actor, search, move |draft, ctx| command.decide(draft, ctx)).await,
            Some(key) => {
                let request = fingerprint(&command);
                let decide = move |draft: &mut Draft<'_>, ctx: &Ctx| command.decide(draft, ctx);
                self.once(actor, key, request, search, decide).await
            }
        }
    }

    /// One page of a named read.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn select<R: Stored>(&self, select: &Select<R>) -> Result<Page<R>, StoreError> {
        Ok(select.page(self.store.select(select.query()).await?)?)
    }

    /// What is reckoned over rows, in the order of the groups' keys.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Overflow`] for a sum that does not fit.
    pub async fn aggregate<R: Stored>(
        &self,
        summary: &Summary<R>,
    ) -> Result<Vec<Group>, StoreError> {
        self.store.aggregate(summary.aggregate()).await
    }

    /// The feed after a position, oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.store.events(after, limit).await
    }

    /// Where the feed ends now: from here on a follower sees what is new.
    ///
    /// Costs a read of what the policies have not dealt with yet, which is little while
    /// [`drive`](Self::drive) runs.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn head(&self) -> Result<Position, StoreError> {
        let mut head = match self.policies.first() {
            Some(policy) => self.position_of(policy).await?,
            None => Position::START,
        };
        loop {
            match self.events(head, PAGE_MAX as usize).await?.last() {
                Some(last) => head = last.position,
                None => return Ok(head),
            }
        }
    }

    /// Returns when the feed has, or may have, an event after this position.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.store.wait(after).await
    }

    pub(super) async fn run<T: Send + 'static, R: Refusal>(
        &self,
        actor: Actor,
        search: Option<Query>,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<T, Stop<R>> + Send + Sync + 'static,
    ) -> Result<T, Error<R>> {
        self.run_at(self.now(), actor, search, decide).await
    }

    /// Runs a decision on what its search finds, and again while that is stale.
    pub(super) async fn run_at<T: Send + 'static, R: Refusal>(
        &self,
        now: Timestamp,
        actor: Actor,
        search: Option<Query>,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<T, Stop<R>> + Send + Sync + 'static,
    ) -> Result<T, Error<R>> {
        let ctx = || Ctx::new(now, actor, self.settings.clone(), self.draw());
        let Some(query) = search else { return self.run_once(ctx(), decide).await };
        let decide = Arc::new(decide);
        for _ in 0..STALE_MAX {
            let (decide, ctx) =
                (decide.clone(), ctx().with_found(self.store.select(&query).await?));
            match self.run_once(ctx, move |draft, ctx| decide(draft, ctx)).await {
                Err(Error::Refused(refusal)) if refusal.is_stale() => {}
                end => return end,
            }
        }
        let ctx = ctx().with_found(self.store.select(&query).await?);
        self.run_once(ctx, move |draft, ctx| decide(draft, ctx)).await
    }

    async fn run_once<T: Send + 'static, R: Send + 'static>(
        &self,
        ctx: Ctx,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<T, Stop<R>> + Send + 'static,
    ) -> Result<T, Error<R>> {
        let slot = Arc::new(Mutex::new(None));
        let result = slot.clone();
        let work = Work::new(ctx, move |draft, ctx| {
            let (run, outcome) = match decide(draft, ctx) {
                Ok(output) => (Run::Done, Ok(output)),
                Err(Stop::Refused(refusal)) => (Run::Refused, Err(refusal)),
                Err(Stop::Missing(missing)) => return Run::Missing(missing),
            };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            run
        });
        self.store.submit(work).await?;
        let outcome = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.expect("a store returns once the work has run").map_err(Error::Refused)
    }

    async fn once<R: Refusal>(
        &self,
        actor: Actor,
        key: &IdempotencyKey,
        request: Digest,
        search: Option<Query>,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<serde_json::Value, Stop<R>>
        + Send
        + Sync
        + 'static,
    ) -> Result<serde_json::Value, Error<R>> {
        let row_key = key.row_key(&actor);
        let outcome = self.run(actor, search, move |draft, ctx| {
            let remembered = draft.need([Idempotency::own(row_key.clone())]);
            let remembered = remembered.and_then(|()| draft.get::<Idempotency>(row_key.clone()));
            let remembered = match remembered {
                Ok(remembered) => remembered.filter(|row| ctx.now < row.expires_at),
                Err(mut missing) => {
                    // The needs of the command are not known yet; run on nothing, it names them.
                    if let Err(Stop::Missing(more)) = draft.attempt(|draft| decide(draft, ctx)) {
                        missing.0.extend(more.0);
                    }
                    return Err(Stop::Missing(missing));
                }
            };
            if let Some(row) = remembered {
                return Ok((row.request == request).then_some(row.outcome.0));
            }
            let outcome = decide(draft, ctx)?;
            draft.put(Idempotency {
                scope: row_key.0,
                key: row_key.1.clone(),
                request,
                outcome: Json(outcome.clone()),
                expires_at: ctx.now + ctx.settings.idempotency_ttl,
            })?;
            Ok(Some(outcome))
        });
        outcome.await?.ok_or(Error::KeyReused)
    }
}

impl fmt::Debug for Parlor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parlor").field("settings", &self.settings).finish_non_exhaustive()
    }
}
