use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use super::{Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer};
use crate::engine::{AnyCommand, Error, IdempotencyKey, Parlor};
use crate::events::{Actor, AnyEvent, Envelope};
use crate::rooms::{
    ConnectionState, LegClosed, LegConnected, LegLost, Participant, ParticipantId, Refusal, RoomId,
    queries,
};
use crate::storage::{PAGE_MAX, StoreError};

/// Joins the domain to a media engine: events change rights, reports of the engine become internal
/// commands.
///
/// A host runs [`follow`](Self::follow) and [`listen`](Self::listen) side by side, and calls
/// [`connect`](Self::connect) with what clients offer. The database says who may do what; the
/// bridge only carries it over, so it can be restarted at any time.
pub struct Bridge {
    parlor: Parlor,
    backend: Arc<dyn MediaBackend>,
    /// The leg of each participant whose media runs here.
    legs: Mutex<BTreeMap<ParticipantId, LegId>>,
}

/// Why a transport was not set up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The actor is not in the room.
    #[error(transparent)]
    Command(#[from] Error<Refusal>),
    /// The engine did not take the offer.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl Bridge {
    /// A bridge between the two.
    pub fn new(parlor: Parlor, backend: Arc<dyn MediaBackend>) -> Self {
        Self { parlor, backend, legs: Mutex::default() }
    }

    /// Marks the legs of an earlier run as lost, so that their participants may come back within
    /// the grace period. To be called once, before clients are served.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let mut recovered = 0;
        loop {
            let page = self.parlor.select(&queries::connected()).await?.rows;
            if page.is_empty() {
                return Ok(recovered);
            }
            recovered += page.len();
            let lost = page.into_iter().filter_map(|row| {
                let (room, participant, leg) = (row.room_id, row.id, row.leg_id?);
                let lost = LegLost { room, participant, leg };
                Some(self.parlor.execute(Actor::HOST, lost))
            });
            for outcome in join_all(lost).await {
                // A stay that ended meanwhile, or with its room, needs nothing more.
                if let Err(Error::Store(error)) = outcome {
                    return Err(error);
                }
            }
        }
    }

    /// Sets up a transport for the actor's open stay in a room. A second one replaces the first.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub async fn connect(
        &self,
        actor: Actor,
        room: RoomId,
        offer: SdpOffer,
    ) -> Result<(LegId, SdpAnswer), ConnectError> {
        let stay = self.parlor.rooms().own_stay(actor, room).await?;
        let (leg, participant) = (self.parlor.new_id::<LegId>(), stay.id);
        // From here on the feed's changes reach the new leg; what changed before is read below.
        let replaced = self.legs().insert(participant, leg);
        let rights = Rights::of(&stay);
        let answer = self.backend.connect(Connect { leg, room, participant, rights, offer }).await;
        match answer {
            Ok(answer) => {
                self.carry_over([participant]).await.map_err(Error::Store)?;
                Ok((leg, answer))
            }
            Err(error) => {
                self.forget(participant, leg, replaced);
                Err(error.into())
            }
        }
    }

    /// Carries rights over to the engine as events change them, for as long as it is polled.
    ///
    /// # Errors
    /// [`StoreError`]; it can be called again and misses nothing, since it begins with the state.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let mut position = self.parlor.head().await?;
        let known: Vec<_> = self.legs().keys().copied().collect();
        self.carry_over(known).await?;
        loop {
            self.parlor.wait(position).await?;
            let page = self.parlor.events(position, PAGE_MAX as usize).await?;
            let Some(last) = page.last() else { continue };
            position = last.position;
            self.carry_over(page.iter().filter_map(whose_rights)).await?;
        }
    }

    /// Turns what the engine reports into commands until the engine stops. What is live, such as
    /// who speaks, goes to `live` and takes no write path.
    pub async fn listen(&self, live: impl Fn(MediaEvent) + Send + Sync) {
        while let Some(event) = self.backend.next_event().await {
            match report(&event) {
                Some((leg, key, command)) => self.carry_out(leg, &key, command).await,
                None => live(event),
            }
        }
    }

    async fn carry_out(&self, leg: LegId, key: &IdempotencyKey, command: AnyCommand) {
        let is_connected = matches!(command, AnyCommand::LegConnected(_));
        match self.parlor.execute_any(Actor::HOST, Some(key), command).await {
            Ok(_) => {}
            // The stay ended while its leg was coming up.
            Err(Error::Refused(refusal)) if is_connected => {
                tracing::debug!(%leg, %refusal, "a leg came up for a stay that is over");
                self.disconnect(leg).await;
            }
            Err(Error::Refused(refusal)) => {
                tracing::debug!(%leg, %refusal, "a report about a leg was refused");
            }
            Err(error) => tracing::error!(%leg, %error, "a report about a leg was lost"),
        }
    }

    async fn carry_over(
        &self,
        participants: impl IntoIterator<Item = ParticipantId>,
    ) -> Result<(), StoreError> {
        let legs = {
            let legs = self.legs();
            let here = participants.into_iter().filter_map(|id| Some((id, *legs.get(&id)?)));
            here.collect::<BTreeMap<_, _>>()
        };
        let ids: Vec<_> = legs.keys().copied().collect();
        for page in ids.chunks(PAGE_MAX as usize) {
            let rows = self.parlor.select(&queries::participants(page.iter().copied())).await?.rows;
            join_all(rows.iter().map(|row| self.apply(row, legs[&row.id]))).await;
        }
        Ok(())
    }

    async fn apply(&self, row: &Participant, leg: LegId) {
        if row.connection == ConnectionState::Left {
            self.forget(row.id, leg, None);
            return self.disconnect(leg).await;
        }
        if let Err(error) = self.backend.set_rights(leg, Rights::of(row)).await {
            tracing::debug!(%leg, %error, "rights were not set");
        }
    }

    async fn disconnect(&self, leg: LegId) {
        if let Err(error) = self.backend.disconnect(leg).await {
            tracing::debug!(%leg, %error, "a leg was not disconnected");
        }
    }

    /// Takes a leg off the books, and puts the one it replaced back.
    fn forget(&self, participant: ParticipantId, leg: LegId, replaced: Option<LegId>) {
        let mut legs = self.legs();
        if legs.get(&participant) == Some(&leg) {
            match replaced {
                Some(replaced) => legs.insert(participant, replaced),
                None => legs.remove(&participant),
            };
        }
    }

    fn legs(&self) -> MutexGuard<'_, BTreeMap<ParticipantId, LegId>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("legs", &self.legs().len()).finish_non_exhaustive()
    }
}

fn whose_rights(envelope: &Envelope) -> Option<ParticipantId> {
    match &envelope.emitted.event {
        AnyEvent::Rooms(event) => event.participant(),
        AnyEvent::Identity(_) => None,
    }
}

/// The command a report becomes, under a key of the leg and a number: a report that is repeated
/// takes effect once.
fn report(event: &MediaEvent) -> Option<(LegId, IdempotencyKey, AnyCommand)> {
    let (leg, what, command) = match *event {
        MediaEvent::Connected { leg, room, participant, n } => {
            (leg, format!("up:{n}"), LegConnected { room, participant, leg }.into())
        }
        MediaEvent::Lost { leg, room, participant, n } => {
            (leg, format!("lost:{n}"), LegLost { room, participant, leg }.into())
        }
        MediaEvent::Closed { leg, room, participant, .. } => {
            (leg, "closed".to_owned(), LegClosed { room, participant, leg }.into())
        }
        MediaEvent::Speaking { .. } => return None,
    };
    let key = IdempotencyKey::new(format!("leg:{leg}:{what}"));
    Some((leg, key.expect("a leg's id and a number are a short key"), command))
}
