//! What is due, done: timers, sweeps, outcomes that expire, and policies ([`react`](super::react)).

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::react::cursors;
use super::sweep::FinishSweep;
use super::{
    AnyRefusal, Command, Ctx, DEADLINES, Deadline, Error, Idempotency, Parlor, Refusal as _,
    SWEEPERS, Scheduled, Sweep, Sweeper, Timer,
};
use crate::Uuid;
use crate::events::Actor;
use crate::record::{Json, Stored as _, Timestamp};
use crate::storage::{Draft, NamedQuery, Query, Select, Stop, StoreError};
use crate::tables::Row;

/// How many events a policy reads, timers fire or sweeps are looked at in one go.
pub(super) const PAGE: u32 = 256;

/// What one call of [`Parlor::drive`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    /// Events that policies dealt with.
    pub events: usize,
    /// Timers that fired, and rows whose deadline had come.
    pub timers: usize,
    /// Pages that sweeps dealt with.
    pub pages: usize,
}

impl Parlor {
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
            // Each is tried, whatever becomes of the others.
            let due = [
                self.react().await,
                self.tick(self.now()).await,
                self.sweep().await,
                self.expire().await,
            ];
            let [events, timers, pages, expired] = due;
            let (events, timers, pages) = (events?, timers?, pages?);
            if events + timers + pages + expired? == 0 {
                return Ok(driven);
            }
            driven.events += events;
            driven.timers += timers;
            driven.pages += pages;
        }
    }

    /// Fires the timers that are due, each exactly once, whichever process they were set by, and
    /// deals with rows whose [`Deadline`] has come. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tick(&self, now: Timestamp) -> Result<usize, StoreError> {
        let page = self.select(&due_timers(now)).await?;
        let fired = page.rows.into_iter().map(|timer| self.fire(timer, now));
        let mut fired = join_all(fired).await.into_iter().collect::<Result<Vec<bool>, _>>()?;
        for deadline in DEADLINES {
            let due = Query { limit: PAGE, ..(deadline.due)(now) };
            let rows = self.store().select(&due).await?;
            let met = rows.iter().map(|row| self.meet(deadline, row, now));
            fired.extend(join_all(met).await.into_iter().collect::<Result<Vec<bool>, _>>()?);
        }
        Ok(fired.into_iter().filter(|fired| *fired).count())
    }

    /// When the next timer is due, or the next row's [`Deadline`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        let page = self.select(&due_timers(Timestamp::NEVER).limit(1)).await?;
        let mut next = page.rows.first().map_or(Timestamp::NEVER, |timer| timer.due_at);
        for deadline in DEADLINES {
            let first = Query { limit: 1, ..(deadline.due)(Timestamp::NEVER) };
            let rows = self.store().select(&first).await?;
            next = rows.first().map_or(next, |row| next.min((deadline.at)(row)));
        }
        Ok(Some(next).filter(|next| *next < Timestamp::NEVER))
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

    /// Deletes the timer and runs its command in one changeset, unless it has been fired, moved or
    /// taken back meanwhile. If the command is refused, the timer is gone all the same.
    ///
    /// It runs at the time by which it was found due: were the clock asked again and had gone
    /// back, the command would be refused as too early, and its timer lost.
    /// One whose command this build does not know is left to those that do.
    async fn fire(&self, timer: Timer, now: Timestamp) -> Result<bool, StoreError> {
        let (key, due_at) = ((timer.name, timer.subject), timer.due_at);
        let lost = key.clone();
        let Json(Scheduled::Known(command)) = timer.command else {
            tracing::error!(name = key.0, subject = %key.1, "a timer for a command that is not known");
            return Ok(false);
        };
        let search = command.search();
        let fired = self.run_at(now, Actor::HOST, search, move |draft, ctx| {
            if let Err(mut missing) = draft.need([Timer::own(key.clone())]) {
                // The needs of the command are not known yet; run on nothing, it names them too.
                if let Err(Stop::Missing(more)) = draft.attempt(|draft| command.decide(draft, ctx)) {
                    missing.0.extend(more.0);
                }
                return Err(Stop::Missing(missing));
            }
            match draft.get::<Timer>(key.clone())? {
                Some(row) if row.due_at == due_at => draft.delete::<Timer>(key.clone())?,
                _ => return Ok(()),
            }
            match draft.attempt(|draft| command.decide(draft, ctx)) {
                Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
                // Nothing has happened then, and the timer is there still.
                Err(Stop::Refused(refusal)) if refusal.is_stale() => Err(Stop::Refused(refusal)),
                Err(Stop::Refused(refusal)) => {
                    tracing::debug!(command = command.name(), %refusal, "a timer's command was refused");
                    Ok(())
                }
                Ok(_) => Ok(()),
            }
        });
        match fired.await {
            Err(Error::Store(error)) if error.is_the_commands_own() => {
                tracing::error!(name = lost.0, subject = %lost.1, %error, "a timer's command failed");
                self.give_up(lost, due_at).await
            }
            Err(Error::Store(error)) => return Err(error),
            Err(Error::Refused(_) | Error::KeyReused) => return Ok(false),
            Ok(()) => Ok(()),
        }?;
        Ok(true)
    }

    /// Runs the command for a row whose time has come, at the time by which it was found so, as
    /// with timers. One that cannot be carried out is found again, and logged again.
    async fn meet(
        &self,
        deadline: &Deadline,
        row: &Row,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(command) = (deadline.command)(row) else { return Ok(false) };
        let (name, search) = (command.name(), command.search());
        let met =
            self.run_at(now, Actor::HOST, search, move |draft, ctx| command.decide(draft, ctx));
        match met.await {
            Ok(_) => Ok(true),
            Err(Error::Store(error)) if !error.is_the_commands_own() => Err(error),
            Err(Error::Store(error)) => {
                tracing::error!(command = name, %error, "a deadline's command failed");
                Ok(false)
            }
            Err(refused) => {
                tracing::debug!(command = name, %refused, "a deadline's command was refused");
                Ok(false)
            }
        }
    }

    /// Deletes a timer whose command cannot be carried out: it would come up for ever, and keep
    /// what is due after it waiting.
    async fn give_up(&self, key: (String, Uuid), due_at: Timestamp) -> Result<(), StoreError> {
        let given_up = self.run(Actor::HOST, None, move |draft, _| {
            draft.need([Timer::own(key.clone())])?;
            match draft.get::<Timer>(key.clone())? {
                Some(row) if row.due_at == due_at => Ok(draft.delete::<Timer>(key.clone())?),
                Some(_) | None => Ok::<(), Stop<AnyRefusal>>(()),
            }
        });
        match given_up.await {
            Err(Error::Store(error)) => Err(error),
            Ok(()) | Err(Error::Refused(_) | Error::KeyReused) => Ok(()),
        }
    }

    async fn sweep_page(&self, sweeper: &Sweeper, sweep: &Sweep) -> Result<usize, StoreError> {
        let rows = self.store().select(&(sweeper.page)(sweep)).await?;
        let command = match rows.is_empty() {
            false => (sweeper.command)(sweep, rows),
            true => {
                let (name, subject, bound) = (sweep.name.clone(), sweep.subject, sweep.bound);
                FinishSweep { name, subject, bound }.into()
            }
        };
        match self.execute_any(Actor::HOST, None, command).await {
            Ok(_) => Ok(1),
            Err(Error::Store(error)) if !error.is_the_commands_own() => Err(error),
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
