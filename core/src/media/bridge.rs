use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, join_all, select};
use futures_util::lock::Mutex as AsyncMutex;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::report::{Report, What};
use super::{
    Connect, LegId, LegSample, MediaBackend, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer,
};
use crate::calls::{EndReason, LegRefused, ReportQuality, RequestLeg};
use crate::engine::{Error, Parlor};
use crate::events::{Actor, AnyEvent, Envelope};
use crate::rooms::{
    ClaimRoom, Claimed, ConnectionState, Event, NodeRun, Participant, ParticipantId, RENEWED_MAX,
    Refusal, ReleaseRoom, RenewLeases, RoomId, StartNode, VacateRoom, queries,
};
use crate::storage::{PAGE_MAX, StoreError};

/// How many reports of the engine may wait for the store before no more are taken from it.
const REPORTS_MAX: usize = 16_384;
/// How many pages of samples may wait for the store before more are left out.
const SAMPLED_MAX: usize = 256;

/// Joins the domain to a media engine: events change rights, reports of the engine become internal
/// commands.
///
/// A host runs [`follow`](Self::follow) and [`listen`](Self::listen) side by side, calls
/// [`renew`](Self::renew) a few times within each [`Settings::lease`](crate::engine::Settings), and
/// [`connect`](Self::connect) with what clients offer. The database says who may do what, and which
/// node has a room's media; the bridge only carries it over, so it can be restarted at any time.
pub struct Bridge {
    parlor: Parlor,
    backend: Arc<dyn MediaBackend>,
    node: NodeRun,
    /// The rooms whose media is here.
    rooms: Mutex<BTreeMap<RoomId, Held>>,
    legs: Mutex<BTreeMap<ParticipantId, Legs>>,
    /// Held from reading a participant to setting their rights: an older reading never overtakes a
    /// newer one.
    carrying: AsyncMutex<()>,
    left_out: AtomicU64,
}

/// The legs of a participant whose media runs here. The engine keeps one of them at the most; until
/// it says which ones have ended, all are told.
struct Legs {
    room: RoomId,
    ids: BTreeSet<LegId>,
}

/// A room whose lease this node has.
#[derive(Clone, Copy)]
struct Held {
    epoch: i64,
    /// Nobody was connected when the lease was renewed last.
    is_idle: bool,
}

/// Why a transport was not set up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The actor is not in the room.
    #[error(transparent)]
    Command(#[from] Error<Refusal>),
    /// Another node has the room's media.
    #[error("the room's media is at the node {node}, {url}")]
    Elsewhere {
        /// The node's name.
        node: String,
        /// Where its clients reach it.
        url: String,
    },
    /// The engine did not take the offer.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl Bridge {
    /// A bridge between the two, for a node of this name that clients reach at `url`. What an
    /// earlier process of the name had is given up: its participants may come back within their
    /// grace period. One process with media goes by a name at a time.
    ///
    /// # Errors
    /// [`Error`]: the name or address is malformed, or the store failed.
    pub async fn start(
        parlor: Parlor,
        backend: Arc<dyn MediaBackend>,
        node: &str,
        url: &str,
    ) -> Result<Self, Error<Refusal>> {
        let start = StartNode { node: node.to_owned(), url: url.to_owned() };
        let node = parlor.execute(Actor::HOST, start).await?;
        let (rooms, legs) = (Mutex::default(), Mutex::default());
        let (carrying, left_out) = (AsyncMutex::new(()), AtomicU64::new(0));
        let bridge = Self { parlor, backend, node, rooms, legs, carrying, left_out };
        loop {
            let left = bridge.parlor.select(&queries::leases_of(&bridge.node.node)).await?.rows;
            if left.is_empty() {
                return Ok(bridge);
            }
            let given_up = left.into_iter().map(|it| bridge.vacate(it.room_id, it.epoch));
            join_all(given_up).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        }
    }

    /// Keeps the rooms that people are connected to, lets go of the others, and ends what has gone
    /// to another node.
    ///
    /// When the store cannot be reached, media goes on: nobody else can take the rooms then.
    ///
    /// # Errors
    /// [`Refusal::Fenced`] when another process goes by this node's name: all media here has
    /// ended. Otherwise [`StoreError`]; to be called again.
    pub async fn renew(&self) -> Result<(), Error<Refusal>> {
        let connected: BTreeSet<_> = self.legs().values().map(|legs| legs.room).collect();
        let mut idle = Vec::new();
        for (room, held) in self.rooms().iter_mut() {
            // Twice in a row: somebody may be on the way.
            match !connected.contains(room) {
                true if held.is_idle => idle.push((*room, held.epoch)),
                is_idle => held.is_idle = is_idle,
            }
        }
        for (room, epoch) in idle {
            self.rooms().remove(&room);
            self.give_up(room, epoch).await?;
        }
        let kept: Vec<_> = self.rooms().iter().map(|(room, held)| (*room, held.epoch)).collect();
        let mut pages: Vec<_> = kept.chunks(RENEWED_MAX).map(<[_]>::to_vec).collect();
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        for rooms in pages {
            let renew = RenewLeases { by: self.node.clone(), rooms };
            match self.parlor.execute(Actor::HOST, renew).await {
                Ok(renewed) => {
                    for room in renewed.lost {
                        self.lose(room).await;
                    }
                }
                Err(error) => {
                    if matches!(error, Error::Refused(_)) {
                        for (room, _) in &kept {
                            self.lose(*room).await;
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives all rooms back, for others to take at once. To be called last, when the media engine
    /// has shut down and [`listen`](Self::listen) has ended.
    ///
    /// # Errors
    /// [`StoreError`]; what is not given back runs out.
    pub async fn stop(&self) -> Result<(), StoreError> {
        let rooms = std::mem::take(&mut *self.rooms());
        for (room, held) in rooms {
            self.give_up(room, held.epoch).await?;
        }
        Ok(())
    }

    async fn give_up(&self, room: RoomId, epoch: i64) -> Result<(), StoreError> {
        match self.parlor.execute(Actor::HOST, ReleaseRoom { room, epoch }).await {
            Err(Error::Store(error)) => Err(error),
            Ok(()) | Err(Error::Refused(_) | Error::KeyReused) => Ok(()),
        }
    }

    /// Takes a room from an earlier process of this name, which can tell of its legs no more.
    async fn vacate(&self, room: RoomId, epoch: i64) -> Result<(), StoreError> {
        match self.parlor.execute(Actor::HOST, VacateRoom { room, epoch }).await {
            Err(Error::Store(error)) => Err(error),
            Ok(()) | Err(Error::Refused(_) | Error::KeyReused) => Ok(()),
        }
    }

    /// The epoch in which this node has a room, taking the room if it is nobody's.
    async fn claim(&self, room: RoomId) -> Result<i64, ConnectError> {
        if let Some(held) = self.rooms().get_mut(&room) {
            held.is_idle = false;
            return Ok(held.epoch);
        }
        match self.parlor.execute(Actor::HOST, ClaimRoom { room, by: self.node.clone() }).await? {
            Claimed::Ours { epoch } => {
                self.rooms().insert(room, Held { epoch, is_idle: false });
                Ok(epoch)
            }
            Claimed::Elsewhere { node, url } => Err(ConnectError::Elsewhere { node, url }),
        }
    }

    /// Sets up a transport for the actor's open stay in a room. A second one replaces the first.
    ///
    /// To be polled to its end even if the client has gone: run it on a task of its own.
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
        let lease_epoch = self.claim(room).await?;
        let (leg, participant) = (self.parlor.new_id::<LegId>(), stay.id);
        self.request(leg, &stay, lease_epoch).await?;
        // From here on the feed's changes reach the new leg; what changed before is read below.
        self.note(room, participant, leg);
        let rights = Rights::of(&stay);
        let answer = self.backend.connect(Connect { leg, room, participant, rights, offer }).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.forget(participant, leg);
                self.refuse(leg, &error).await;
                return Err(error.into());
            }
        };
        if let Err(error) = self.carry_over([participant]).await {
            self.disconnect(leg).await;
            return Err(Error::Store(error).into());
        }
        Ok((leg, answer))
    }

    /// Writes down that a leg is asked for.
    async fn request(
        &self,
        leg: LegId,
        stay: &Participant,
        lease_epoch: i64,
    ) -> Result<(), ConnectError> {
        let request = RequestLeg {
            leg,
            room: stay.room_id,
            epoch: stay.epoch,
            participant: stay.id,
            user: stay.user_id,
            node: self.node.node.clone(),
            lease_epoch,
        };
        match self.parlor.execute(Actor::HOST, request).await {
            Err(Error::Store(error)) => Err(Error::Store(error).into()),
            Ok(()) | Err(Error::Refused(_) | Error::KeyReused) => Ok(()),
        }
    }

    /// Writes down that the engine did not take it. If that fails, the client is answered all the
    /// same.
    async fn refuse(&self, leg: LegId, error: &MediaError) {
        let reason = match error {
            MediaError::Refused(_) => EndReason::SignalingError,
            MediaError::NoSuchLeg | MediaError::Busy | MediaError::Stopped => {
                EndReason::ServerError
            }
        };
        if let Err(error) = self.parlor.execute(Actor::HOST, LegRefused { leg, reason }).await {
            tracing::debug!(%leg, %error, "a refused offer was not written down");
        }
    }

    /// How many pages of samples were left out since the start, because the store lagged behind or
    /// did not take them.
    pub fn samples_left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
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
            for envelope in &page {
                self.heed(envelope).await?;
            }
            self.carry_over(page.iter().filter_map(whose_rights)).await?;
        }
    }

    /// Turns what the engine reports into commands until the engine stops. What is live, such as
    /// who speaks, goes to `live` and takes no write path.
    ///
    /// Reports about one participant are carried out in order, those about several side by side. A
    /// report that the store could not take is tried again after a `pause`, for it will not come
    /// again. Samples of quality are tried once, and left out while the store lags behind: they
    /// hold up nothing.
    pub async fn listen<P: Future<Output = ()> + Send>(
        &self,
        live: impl Fn(MediaEvent) + Send + Sync,
        pause: impl Fn() -> P + Send + Sync,
    ) {
        let mut queues = BTreeMap::<ParticipantId, VecDeque<Report>>::new();
        let mut under_way = FuturesUnordered::new();
        let (mut waiting, mut sampled) = (0, 0);
        let mut next = self.backend.next_event();
        let mut is_running = true;
        while is_running || !under_way.is_empty() {
            let event = if !is_running || waiting >= REPORTS_MAX {
                Either::Right(under_way.next().await)
            } else if under_way.is_empty() {
                Either::Left(next.as_mut().await)
            } else {
                match select(next.as_mut(), under_way.next()).await {
                    Either::Left((event, _)) => Either::Left(event),
                    Either::Right((done, _)) => Either::Right(done),
                }
            };
            match event {
                Either::Left(None) => is_running = false,
                Either::Left(Some(event)) => {
                    next = self.backend.next_event();
                    let event = match event {
                        MediaEvent::Sampled { .. } if sampled == SAMPLED_MAX => {
                            self.leave_out();
                            continue;
                        }
                        MediaEvent::Sampled { room, samples } => {
                            sampled += 1;
                            under_way.push(Either::Right(self.keep(room, samples)));
                            continue;
                        }
                        event => event,
                    };
                    match Report::of(&event, |room| self.epoch(room)) {
                        None => live(event),
                        Some(report) => {
                            waiting += 1;
                            match queues.get_mut(&report.participant) {
                                Some(queue) => queue.push_back(report),
                                None => {
                                    queues.insert(report.participant, VecDeque::new());
                                    under_way.push(Either::Left(self.carry_out(report, &pause)));
                                }
                            }
                        }
                    }
                }
                Either::Right(done) => {
                    let Done::Report(participant) = done.expect("something is under way") else {
                        sampled -= 1;
                        continue;
                    };
                    waiting -= 1;
                    let queue = queues.get_mut(&participant);
                    match queue.and_then(VecDeque::pop_front) {
                        Some(report) => {
                            under_way.push(Either::Left(self.carry_out(report, &pause)));
                        }
                        None => drop(queues.remove(&participant)),
                    }
                }
            }
        }
    }

    async fn carry_out<P: Future<Output = ()> + Send>(
        &self,
        report: Report,
        pause: impl Fn() -> P,
    ) -> Done {
        let Report { participant, leg, what, key, command } = report;
        if what == What::Closed {
            self.forget(participant, leg);
        }
        loop {
            match self.parlor.execute_any(Actor::HOST, key.as_ref(), command.clone()).await {
                Ok(_) => {}
                // The stay ended while its leg was coming up.
                Err(Error::Refused(refusal)) if what == What::Connected => {
                    tracing::debug!(%leg, %refusal, "a leg came up for a stay that is over");
                    self.disconnect(leg).await;
                }
                Err(Error::Store(error)) if is_worth_a_retry(&error) => {
                    tracing::warn!(%leg, %error, "a report about a leg waits for the store");
                    pause().await;
                    continue;
                }
                Err(error) => tracing::debug!(%leg, %error, "a report about a leg was refused"),
            }
            return Done::Report(participant);
        }
    }

    /// Writes samples down, if the store takes them.
    async fn keep(&self, room: RoomId, samples: Vec<LegSample>) -> Done {
        let report = ReportQuality { room, lease_epoch: self.epoch(room), samples };
        if let Err(error) = self.parlor.execute(Actor::HOST, report).await {
            tracing::debug!(%room, %error, "samples of quality were left out");
            self.leave_out();
        }
        Done::Samples
    }

    fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }

    async fn carry_over(
        &self,
        participants: impl IntoIterator<Item = ParticipantId>,
    ) -> Result<(), StoreError> {
        let here: BTreeSet<_> = {
            let legs = self.legs();
            participants.into_iter().filter(|id| legs.contains_key(id)).collect()
        };
        let here: Vec<_> = here.into_iter().collect();
        for page in here.chunks(PAGE_MAX as usize) {
            let _carrying = self.carrying.lock().await;
            let rows = self.parlor.select(&queries::participants(page.iter().copied())).await?.rows;
            join_all(rows.iter().map(|row| self.apply(row))).await;
        }
        Ok(())
    }

    async fn apply(&self, row: &Participant) {
        let is_over = row.connection == ConnectionState::Left;
        let legs: Vec<_> = {
            let mut legs = self.legs();
            let ids = legs.get(&row.id).map(|legs| legs.ids.iter().copied().collect());
            if is_over {
                legs.remove(&row.id);
            }
            ids.unwrap_or_default()
        };
        for leg in legs {
            if is_over {
                self.disconnect(leg).await;
            } else if let Err(error) = self.backend.set_rights(leg, Rights::of(row)).await {
                tracing::debug!(%leg, %error, "rights were not set");
            }
        }
    }

    /// What ends media here: the room is over, or another node's.
    async fn heed(&self, envelope: &Envelope) -> Result<(), StoreError> {
        match envelope.emitted.event {
            AnyEvent::Rooms(Event::Closed { room, .. }) => {
                self.end(room).await;
                let held = self.rooms().remove(&room);
                if let Some(held) = held {
                    self.give_up(room, held.epoch).await?;
                }
            }
            AnyEvent::Rooms(Event::Vacated { room, epoch }) => {
                let is_held = self.rooms().get(&room).is_some_and(|held| held.epoch == epoch);
                if is_held {
                    self.lose(room).await;
                }
            }
            AnyEvent::Rooms(_)
            | AnyEvent::Identity(_)
            | AnyEvent::Calls(_)
            | AnyEvent::Ledger(_) => {}
        }
        Ok(())
    }

    /// Ends what is left here of a room that is another's.
    async fn lose(&self, room: RoomId) {
        tracing::warn!(%room, "the room's media has gone to another node, or to none");
        self.rooms().remove(&room);
        self.end(room).await;
    }

    /// Ends the legs of a room; their stays are marked by a sweep, or by a policy.
    async fn end(&self, room: RoomId) {
        let ended: Vec<_> = {
            let mut legs = self.legs();
            let (ended, rest) =
                std::mem::take(&mut *legs).into_iter().partition(|it| it.1.room == room);
            *legs = rest;
            let ended: BTreeMap<_, Legs> = ended;
            ended.into_values().flat_map(|legs| legs.ids).collect()
        };
        for leg in ended {
            self.disconnect(leg).await;
        }
    }

    async fn disconnect(&self, leg: LegId) {
        if let Err(error) = self.backend.disconnect(leg).await {
            tracing::debug!(%leg, %error, "a leg was not disconnected");
        }
    }

    fn note(&self, room: RoomId, participant: ParticipantId, leg: LegId) {
        let mut legs = self.legs();
        let entry = legs.entry(participant).or_insert(Legs { room, ids: BTreeSet::new() });
        entry.ids.insert(leg);
    }

    fn forget(&self, participant: ParticipantId, leg: LegId) {
        let mut legs = self.legs();
        if let Some(entry) = legs.get_mut(&participant) {
            entry.ids.remove(&leg);
            if entry.ids.is_empty() {
                legs.remove(&participant);
            }
        }
    }

    /// The epoch to be named in what is said of a room's legs; none that there is, if the room is
    /// not ours.
    fn epoch(&self, room: RoomId) -> i64 {
        self.rooms().get(&room).map_or(-1, |held| held.epoch)
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<RoomId, Held>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn legs(&self) -> MutexGuard<'_, BTreeMap<ParticipantId, Legs>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("legs", &self.legs().len()).finish_non_exhaustive()
    }
}

/// What has been carried out.
enum Done {
    Report(ParticipantId),
    Samples,
}

fn is_worth_a_retry(error: &StoreError) -> bool {
    !matches!(error, StoreError::Stopped) && !error.is_the_commands_own()
}

fn whose_rights(envelope: &Envelope) -> Option<ParticipantId> {
    match &envelope.emitted.event {
        AnyEvent::Rooms(event) => event.participant(),
        AnyEvent::Identity(_) | AnyEvent::Calls(_) | AnyEvent::Ledger(_) => None,
    }
}
