//! Policies on their way through the feed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use super::drive::PAGE;
use super::feed::AdvanceCursor;
use super::{
    AnyCommand, Error, FeedCursor, IdempotencyKey, Make, Parlor, Policy, Reaction, Refusal as _,
};
use crate::events::{Actor, Envelope, EventId, Position};
use crate::storage::{Cursor, Query, Select, StoreError};
use crate::tables::Row;

impl Parlor {
    /// Has the policies deal with one page of the feed. Returns how many events they dealt with.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn react(&self) -> Result<usize, StoreError> {
        let mut events = 0;
        for policy in self.policies() {
            events += self.follow(policy).await?;
        }
        Ok(events)
    }

    /// Where a policy stands in the feed.
    pub(super) async fn position_of(&self, policy: &Policy) -> Result<Position, StoreError> {
        let cursor = self.select(&cursors(policy.name)).await?.rows.pop();
        Ok(cursor.map_or(Position::START, |row| row.position))
    }

    /// Takes a policy one page further. What goes through rows may take long, so the cursor moves
    /// on after each event that asks for it, and a server that fails does not begin before it.
    async fn follow(&self, policy: &Policy) -> Result<usize, StoreError> {
        let mut from = self.position_of(policy).await?;
        let page = self.events(from, PAGE as usize).await?;
        let reactions = page.iter().map(|it| (it, (policy.react)(it))).collect::<Vec<_>>();
        let takes_long = |(_, reactions): &(&Envelope, Vec<Reaction>)| {
            reactions.iter().any(|it| matches!(it, Reaction::ForEach { .. }))
        };

        let mut events = 0;
        for part in reactions.split_inclusive(takes_long) {
            self.carry_out(policy, part).await?;
            let Some((last, _)) = part.last() else { break };
            events += part.len();
            if !self.advance(policy, from, last.position).await? {
                break;
            }
            from = last.position;
        }
        Ok(events)
    }

    /// Moves a policy's cursor on; says whether nobody else had.
    async fn advance(
        &self,
        policy: &Policy,
        from: Position,
        to: Position,
    ) -> Result<bool, StoreError> {
        let advance = AdvanceCursor { consumer: policy.name.into(), from, to };
        match self.execute(Actor::HOST, advance).await {
            Ok(moved) => Ok(moved),
            Err(Error::Store(error)) => Err(error),
            Err(Error::Refused(_) | Error::KeyReused) => Ok(false),
        }
    }

    /// Runs single commands together, then goes through rows, one query after the other: what is
    /// in flight at a time is bounded by a page.
    async fn carry_out(
        &self,
        policy: &Policy,
        reactions: &[(&Envelope, Vec<Reaction>)],
    ) -> Result<(), StoreError> {
        let mut single = Vec::new();
        let mut each = Vec::new();
        for (envelope, reactions) in reactions {
            let id = envelope.emitted.id;
            for (n, reaction) in reactions.iter().enumerate() {
                let name = format!("{}:{id}:{n}", policy.name);
                match reaction {
                    Reaction::Do(command) => single.push(self.answer(id, name, command.clone())),
                    Reaction::ForEach { query, make } => each.push((id, name, query, make)),
                }
            }
        }
        join_all(single).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        for (id, name, query, make) in each {
            self.answer_each(id, &name, query, make).await?;
        }
        Ok(())
    }

    /// Goes through the rows of a query.
    async fn answer_each(
        &self,
        id: EventId,
        name: &str,
        query: &Query,
        make: &Make,
    ) -> Result<(), StoreError> {
        let mut query = Query { limit: PAGE, ..query.clone() };
        loop {
            let rows = self.store().select(&query).await?;
            let commands = rows.iter().filter_map(|row| {
                let command = make(row)?;
                Some(self.answer(id, format!("{name}:{}", row_name(row)), command))
            });
            join_all(commands).await.into_iter().collect::<Result<Vec<()>, _>>()?;
            let Some(last) = rows.last().filter(|_| rows.len() == PAGE as usize) else {
                return Ok(());
            };
            query.after = Some(Cursor::of(last, &query));
        }
    }

    /// Runs one command at most once. One that is refused, or fails by itself, is given up.
    async fn answer(
        &self,
        id: EventId,
        name: String,
        command: AnyCommand,
    ) -> Result<(), StoreError> {
        let key = IdempotencyKey::new(name).expect("policies have short names");
        let actor = Actor::System { cause: Some(id) };
        match self.execute_any(actor, Some(&key), command).await {
            Ok(_) => Ok(()),
            // It has been carried out, for the row as it then was.
            Err(Error::KeyReused) => Ok(()),
            Err(Error::Store(error)) if error.is_the_commands_own() => {
                tracing::error!(reaction = %key, %error, "a reaction failed");
                Ok(())
            }
            Err(Error::Store(error)) => Err(error),
            // That is no answer: the next run of the policy asks again.
            Err(Error::Refused(refusal)) if refusal.is_stale() => {
                Err(StoreError::Busy { waiting: 1 })
            }
            Err(Error::Refused(refusal)) => {
                tracing::warn!(reaction = %key, %refusal, "a reaction was refused");
                Ok(())
            }
        }
    }
}

/// A row's key in a few characters of an idempotency key: rows with different keys have different
/// ones.
fn row_name(row: &Row) -> String {
    let key = Cursor(row.key().values()).render(row.table().name);
    URL_SAFE_NO_PAD.encode(Sha256::digest(key))
}

pub(super) fn cursors(consumer: &str) -> Select<FeedCursor> {
    Select::new("engine.cursor").filter(crate::col!(FeedCursor.consumer).is(consumer.into()))
}
