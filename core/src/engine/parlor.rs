use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::feed::AdvanceCursor;
use super::idempotency::fingerprint;
use super::sweep::FinishSweep;
use super::{
    AnyCommand, AnyRefusal, Clock, Command, Ctx, Entropy, FeedCursor, Idempotency, IdempotencyKey,
    POLICIES, Policy, Reaction, SWEEPERS, Settings, Sweep, Sweeper, Timer,
};
use crate::Uuid;
use crate::events::{Actor, Envelope, Position};
use crate::record::{Digest, Json, Stored, Timestamp};
use crate::storage::{Draft, NamedQuery, Page, Run, Select, Stop, Store, StoreError, Work};

/// How many events a policy reads, timers fire or sweeps are looked at in one go.
const PAGE: u32 = 256;

/// A server's Parlor: the commands, the reads and the feed over one store.
///
/// Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub struct Parlor {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
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

/// What one call of [`Parlor::drive`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    /// Events that policies dealt with.
    pub events: usize,
    /// Timers that fired.
    pub timers: usize,
    /// Pages that sweeps dealt with.
    pub pages: usize,
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
        Self { store, clock, entropy, settings: Arc::new(settings) }
    }

    /// The time, by the host's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fresh entropy, by the host's source.
    pub(crate) fn draw(&self) -> [u8; 32] {
        self.entropy.draw()
    }

    /// A new identifier, for what no command makes.
    pub(crate) fn new_id<I: From<Uuid>>(&self) -> I {
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
        self.run(actor, move |draft, ctx| command.decide(draft, ctx)).await
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
        let request = fingerprint(&command.clone().into());
        let outcome = self.once(actor, key, request, move |draft, ctx| {
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
        match key {
            None => self.run(actor, move |draft, ctx| command.decide(draft, ctx)).await,
            Some(key) => {
                let request = fingerprint(&command);
                let decide = move |draft: &mut Draft<'_>, ctx: &Ctx| command.decide(draft, ctx);
                self.once(actor, key, request, decide).await
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
        let mut head = self.position_of(&POLICIES[0]).await?;
        loop {
            match self.events(head, PAGE as usize).await?.last() {
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

    /// Does all that is due now: policies catch up with the feed, timers fire, sweeps run to their
    /// end, outcomes kept for retries expire.
    ///
    /// A host calls it whenever there is news ([`wait`](Self::wait)) and at
    /// [`next_deadline`](Self::next_deadline). Any number of processes may call it at once.
    ///
    /// # Errors
    /// [`StoreError`]; what was done stays done, and the rest is found again by the next call.
    pub async fn drive(&self) -> Result<Driven, StoreError> {
        let mut driven = Driven::default();
        loop {
            let events = self.react().await?;
            let timers = self.tick(self.now()).await?;
            let pages = self.sweep().await?;
            if events + timers + pages + self.expire().await? == 0 {
                return Ok(driven);
            }
            driven.events += events;
            driven.timers += timers;
            driven.pages += pages;
        }
    }

    /// Fires the timers that are due, each exactly once, whichever process they were set by.
    /// Returns how many were due.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tick(&self, now: Timestamp) -> Result<usize, StoreError> {
        let page = self.select(&due_timers(now)).await?;
        let fired = page.rows.into_iter().map(|timer| self.fire(timer, now));
        let fired = join_all(fired).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(fired.len())
    }

    /// When the next timer is due.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        let page = self.select(&due_timers(Timestamp(i64::MAX)).limit(1)).await?;
        Ok(page.rows.first().map(|timer| timer.due_at))
    }

    /// Has the policies deal with one page of the feed. Returns how many events they dealt with.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn react(&self) -> Result<usize, StoreError> {
        let mut events = 0;
        for policy in POLICIES {
            events += self.follow(policy).await?;
        }
        Ok(events)
    }

    /// Takes every sweep under way one page further. Returns how many pages there were.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let mut pages = 0;
        for sweep in self.select(&sweeps()).await?.rows {
            match SWEEPERS.iter().find(|sweeper| sweeper.name == sweep.name) {
                Some(sweeper) => pages += self.sweep_page(sweeper, &sweep).await?,
                None => tracing::warn!(name = sweep.name, "a sweep of a kind that is not known"),
            }
        }
        Ok(pages)
    }

    async fn run<T: Send + 'static, R: Send + 'static>(
        &self,
        actor: Actor,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<T, Stop<R>> + Send + 'static,
    ) -> Result<T, Error<R>> {
        self.run_at(self.now(), actor, decide).await
    }

    async fn run_at<T: Send + 'static, R: Send + 'static>(
        &self,
        now: Timestamp,
        actor: Actor,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<T, Stop<R>> + Send + 'static,
    ) -> Result<T, Error<R>> {
        let ctx = Ctx::new(now, actor, self.settings.clone(), self.draw());
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

    async fn once<R: Send + 'static>(
        &self,
        actor: Actor,
        key: &IdempotencyKey,
        request: Digest,
        decide: impl Fn(&mut Draft<'_>, &Ctx) -> Result<serde_json::Value, Stop<R>> + Send + 'static,
    ) -> Result<serde_json::Value, Error<R>> {
        let row_key = key.row_key(&actor);
        let outcome = self.run(actor, move |draft, ctx| {
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

    /// Deletes the timer and runs its command in one changeset, unless it has been fired, moved or
    /// taken back meanwhile. If the command is refused, the timer is gone all the same.
    ///
    /// It runs at the time by which it was found due: were the clock asked again and had gone
    /// back, the command would be refused as too early, and its timer lost.
    async fn fire(&self, timer: Timer, now: Timestamp) -> Result<(), StoreError> {
        let key = (timer.name.clone(), timer.subject);
        let Json(command) = timer.command;
        let fired = self.run_at(now, Actor::HOST, move |draft, ctx| {
            if let Err(mut missing) = draft.need([Timer::own(key.clone())]) {
                // The needs of the command are not known yet; run on nothing, it names them too.
                if let Err(Stop::Missing(more)) = draft.attempt(|draft| command.decide(draft, ctx)) {
                    missing.0.extend(more.0);
                }
                return Err(Stop::Missing(missing));
            }
            match draft.get::<Timer>(key.clone())? {
                Some(row) if row.due_at == timer.due_at => draft.delete::<Timer>(key.clone())?,
                _ => return Ok(()),
            }
            match draft.attempt(|draft| command.decide(draft, ctx)) {
                Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
                Err(Stop::Refused(refusal)) => {
                    tracing::debug!(command = command.name(), %refusal, "a timer's command was refused");
                    Ok(())
                }
                Ok(_) => Ok(()),
            }
        });
        match fired.await {
            Ok(()) | Err(Error::KeyReused) => Ok(()),
            Err(Error::Refused(())) => Ok(()),
            Err(Error::Store(error)) => Err(error),
        }
    }

    async fn follow(&self, policy: &Policy) -> Result<usize, StoreError> {
        let from = self.position_of(policy).await?;
        let page = self.events(from, PAGE as usize).await?;
        let Some(last) = page.last() else { return Ok(0) };

        let reactions = page.iter().flat_map(|envelope| {
            let reactions = (policy.react)(envelope).into_iter().enumerate();
            reactions.map(move |(n, reaction)| self.carry_out(policy, envelope, n, reaction))
        });
        join_all(reactions).await.into_iter().collect::<Result<Vec<()>, _>>()?;

        let advance = AdvanceCursor { consumer: policy.name.into(), from, to: last.position };
        match self.execute(Actor::HOST, advance).await {
            Ok(_) => Ok(page.len()),
            Err(Error::Store(error)) => Err(error),
            Err(Error::Refused(_) | Error::KeyReused) => Ok(0),
        }
    }

    async fn position_of(&self, policy: &Policy) -> Result<Position, StoreError> {
        let cursor = self.select(&cursors(policy.name)).await?.rows.pop();
        Ok(cursor.map_or(Position::START, |row| row.position))
    }

    async fn carry_out(
        &self,
        policy: &Policy,
        envelope: &Envelope,
        n: usize,
        Reaction::Do(command): Reaction,
    ) -> Result<(), StoreError> {
        let id = envelope.emitted.id;
        let key = IdempotencyKey::new(format!("{}:{id}:{n}", policy.name));
        let key = key.expect("policies have short names");
        let actor = Actor::System { cause: Some(id) };
        match self.execute_any(actor, Some(&key), command).await {
            Ok(_) => Ok(()),
            Err(Error::Store(error)) => Err(error),
            Err(refused) => {
                tracing::warn!(policy = policy.name, event = %id, %refused, "a reaction was refused");
                Ok(())
            }
        }
    }

    async fn sweep_page(&self, sweeper: &Sweeper, sweep: &Sweep) -> Result<usize, StoreError> {
        let rows = self.store.select(&(sweeper.page)(sweep)).await?;
        let command = match rows.is_empty() {
            false => (sweeper.command)(sweep, rows),
            true => {
                let (name, subject, bound) = (sweep.name.clone(), sweep.subject, sweep.bound);
                FinishSweep { name, subject, bound }.into()
            }
        };
        match self.execute_any(Actor::HOST, None, command).await {
            Ok(_) => Ok(1),
            Err(Error::Store(error)) => Err(error),
            Err(refused) => {
                tracing::error!(sweep = sweep.name, %refused, "a page was refused; it is left");
                Ok(0)
            }
        }
    }

    /// Forgets one page of outcomes whose time has come. Returns how many there were.
    async fn expire(&self) -> Result<usize, StoreError> {
        let keys = self.select(&expired_outcomes(self.now())).await?.rows;
        let keys: Vec<_> = keys.into_iter().map(|row| (row.scope, row.key)).collect();
        let expired = keys.len();
        if expired > 0
            && let Err(Error::Store(error)) = self.execute(Actor::HOST, Forget { keys }).await
        {
            return Err(error);
        }
        Ok(expired)
    }
}

impl fmt::Debug for Parlor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parlor").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Forgets outcomes whose time has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// Which: at most a page of them.
    pub keys: Vec<(Uuid, String)>,
}

impl Command for Forget {
    type Output = ();
    type Refusal = AnyRefusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<AnyRefusal>> {
        draft.need(self.keys.iter().cloned().map(Idempotency::own))?;
        for key in &self.keys {
            let row = draft.get::<Idempotency>(key.clone())?;
            if row.is_some_and(|row| row.expires_at <= ctx.now) {
                draft.delete::<Idempotency>(key.clone())?;
            }
        }
        Ok(())
    }
}

fn due_timers(now: Timestamp) -> Select<Timer> {
    Select::new("engine.due_timers")
        .by("timer_due")
        .filter(crate::col!(Timer.due_at).at_most(now))
        .order(crate::col!(Timer.due_at))
        .limit(PAGE)
}

fn sweeps() -> Select<Sweep> {
    Select::new("engine.sweeps").limit(PAGE)
}

fn cursors(consumer: &str) -> Select<FeedCursor> {
    Select::new("engine.cursor").filter(crate::col!(FeedCursor.consumer).is(consumer.into()))
}

fn expired_outcomes(now: Timestamp) -> Select<Idempotency> {
    Select::new("engine.expired_outcomes")
        .by("idempotency_expiry")
        .filter(crate::col!(Idempotency.expires_at).at_most(now))
        .order(crate::col!(Idempotency.expires_at))
        .limit(PAGE)
}

/// The reads of the engine, for the harness.
pub(crate) fn queries() -> Vec<NamedQuery> {
    let now = Timestamp::default();
    vec![
        due_timers(now).into(),
        sweeps().into(),
        cursors("any").into(),
        expired_outcomes(now).into(),
    ]
}
