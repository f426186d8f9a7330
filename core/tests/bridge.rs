//! The bridge between the domain and a media engine, with an engine that only records.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may panic")]

use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use parlor_core::calls::{CallLeg, EndReason, LegState, Outcome, QualitySample};
use parlor_core::conformance::{SeededEntropy, World, block_on};
use parlor_core::engine::{Error, Parlor, Settings};
use parlor_core::events::{Actor, Envelope, Position};
use parlor_core::media::{
    Bridge, CloseReason, Connect, ConnectError, LegId, LegSample, MediaBackend, MediaError,
    MediaEvent, Quality, Refused, Rights, SdpAnswer, SdpOffer, Setup,
};
use parlor_core::rooms::{
    Close, ConnectionState, Kick, Mute, Participant, ParticipantId, Refusal, RoomId, RoomLease,
    StageMode,
};
use parlor_core::storage::{Aggregate, Group, MemoryStore, Query, Store, StoreError, Work};
use parlor_core::tables::Row;

const GOOD: &str = "good";
const BAD: &str = "bad";

/// An engine that records what it is asked, takes good offers only, and reports what it is given.
#[derive(Default)]
struct Engine {
    asked: Mutex<Vec<Asked>>,
    reports: Mutex<VecDeque<MediaEvent>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Connect(LegId, Rights),
    Rights(LegId, Rights),
    Disconnect(LegId),
}

#[async_trait]
impl MediaBackend for Engine {
    async fn connect(&self, request: Connect) -> Result<SdpAnswer, MediaError> {
        let is_good = request.offer.0 == GOOD;
        if is_good {
            self.asked.lock().unwrap().push(Asked::Connect(request.leg, request.rights));
        }
        others_first().await;
        match is_good {
            true => Ok(SdpAnswer(String::new())),
            false => Err(Refused::Unusable("as planned".into()).into()),
        }
    }

    async fn renegotiate(&self, _: LegId, _: SdpOffer) -> Result<SdpAnswer, MediaError> {
        Err(MediaError::NoSuchLeg)
    }

    async fn set_rights(&self, leg: LegId, rights: Rights) -> Result<(), MediaError> {
        self.asked.lock().unwrap().push(Asked::Rights(leg, rights));
        Ok(())
    }

    async fn disconnect(&self, leg: LegId) -> Result<(), MediaError> {
        self.asked.lock().unwrap().push(Asked::Disconnect(leg));
        Ok(())
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.reports.lock().unwrap().pop_front()
    }
}

/// Lets whatever else is under way go on.
async fn others_first() {
    let mut is_first = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut is_first) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs something as far as it goes at once, and gives it up then.
fn once(future: impl Future) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(future).poll(&mut cx).is_pending());
}

struct Evening {
    world: World<MemoryStore>,
    engine: Arc<Engine>,
    bridge: Bridge,
    host: Actor,
    guest: Actor,
    room: RoomId,
    stay: ParticipantId,
}

/// A room with an open floor, its host and a guest, neither of whom is connected.
fn evening() -> Evening {
    let world = World::new(MemoryStore::new());
    let (host, guest) = (world.guest("Host"), world.guest("Guest"));
    let room = world.room(host, StageMode::OpenFloor, 10);
    world.join(host, room).unwrap();
    let stay = world.join(guest, room).unwrap().participant;
    let engine = Arc::new(Engine::default());
    let bridge = bridge(&world.parlor, &engine);
    Evening { world, engine, bridge, host, guest, room, stay }
}

fn bridge(parlor: &Parlor, engine: &Arc<Engine>) -> Bridge {
    block_on(Bridge::start(parlor.clone(), engine.clone(), "a", "https://a")).unwrap()
}

impl Evening {
    fn offer(&self, sdp: &str) -> Option<LegId> {
        let offer = SdpOffer(sdp.into());
        block_on(self.bridge.connect(self.guest, self.room, offer)).ok().map(|(leg, _)| leg)
    }

    /// Everything that the engine has been asked since the last look.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.engine.asked.lock().unwrap())
    }

    /// Lets the engine say something, and the bridge hear it.
    fn report(&self, event: MediaEvent) {
        self.engine.reports.lock().unwrap().push_back(event);
        block_on(self.bridge.listen(|_| {}, || ready(())));
    }

    fn up(&self, leg: LegId) -> MediaEvent {
        let setup = Setup::default();
        MediaEvent::Connected { leg, room: self.room, participant: self.stay, n: 1, setup }
    }

    fn legs(&self) -> Vec<CallLeg> {
        self.world.rows::<CallLeg>()
    }

    /// Ten seconds of a leg.
    fn sampled(&self, leg: LegId) -> MediaEvent {
        let sample = LegSample {
            leg,
            participant: self.stay,
            window: Duration::from_secs(10),
            rtt: Some(Duration::from_millis(500)),
            jitter: None,
            loss_in_ppm: None,
            loss_out_ppm: None,
            bytes_in: 1,
            bytes_out: 2,
            talk: Duration::from_secs(3),
        };
        MediaEvent::Sampled { room: self.room, samples: vec![sample] }
    }

    fn guest_row(&self) -> Participant {
        self.world.held::<Participant>(self.stay).unwrap()
    }
}

const HEARD: Rights = Rights { send_microphone: true, hear: true, pinned: false };
const SILENT: Rights = Rights { send_microphone: false, hear: true, pinned: false };

#[test]
fn a_mute_reaches_the_leg_and_a_kick_ends_it() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    assert_eq!(it.asked(), [Asked::Connect(leg, HEARD), Asked::Rights(leg, HEARD)]);

    let (room, participant) = (it.room, it.stay);
    block_on(it.world.parlor.execute(it.host, Mute { room, participant })).unwrap();
    once(it.bridge.follow());
    assert_eq!(it.asked(), [Asked::Rights(leg, SILENT)]);

    block_on(it.world.parlor.execute(it.host, Kick { room, participant })).unwrap();
    once(it.bridge.follow());
    assert_eq!(it.asked(), [Asked::Disconnect(leg)]);
}

#[test]
fn bad_offers_at_once_do_not_take_a_leg_that_stands_off_the_books() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    let bad = || it.bridge.connect(it.guest, it.room, SdpOffer(BAD.into()));
    let (a, b) = block_on(join(bad(), bad()));
    assert!(a.is_err() && b.is_err());
    it.asked();

    let (room, participant) = (it.room, it.stay);
    block_on(it.world.parlor.execute(it.host, Mute { room, participant })).unwrap();
    once(it.bridge.follow());
    assert_eq!(it.asked(), [Asked::Rights(leg, SILENT)]);
}

#[test]
fn a_client_that_hangs_up_while_it_is_answered_can_still_be_muted() {
    let it = evening();
    once(it.bridge.connect(it.guest, it.room, SdpOffer(GOOD.into())));
    let [Asked::Connect(leg, _)] = it.asked()[..] else { panic!("the engine has no leg") };
    let (room, participant) = (it.room, it.stay);
    block_on(it.world.parlor.execute(it.host, Mute { room, participant })).unwrap();
    once(it.bridge.follow());
    assert_eq!(it.asked(), [Asked::Rights(leg, SILENT)]);
}

#[test]
fn a_closed_room_falls_silent_before_its_stays_are_marked() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    it.asked();
    let mut follow = Box::pin(it.bridge.follow());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(follow.as_mut().poll(&mut cx).is_pending());

    block_on(it.world.parlor.execute(it.host, Close { room: it.room })).unwrap();
    for _ in 0..4 {
        assert!(follow.as_mut().poll(&mut cx).is_pending());
    }
    assert!(it.asked().contains(&Asked::Disconnect(leg)));
    assert_ne!(it.guest_row().connection, ConnectionState::Left);
}

#[test]
fn a_start_after_a_crash_counts_legs_as_lost() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    it.report(it.up(leg));
    assert_eq!(it.guest_row().connection, ConnectionState::Connected);

    let again = bridge(&it.world.parlor, &it.engine);
    it.world.drive();
    assert_eq!(it.guest_row().connection, ConnectionState::Reconnecting);

    let [gone] = &it.legs()[..] else { panic!("one leg was asked for") };
    assert_eq!((gone.state, gone.end_reason), (LegState::Closed, Some(EndReason::NodeLost)));

    // The earlier process was not dead after all: nobody heeds it, and it finds out.
    it.asked();
    assert!(matches!(block_on(it.bridge.renew()), Err(Error::Refused(Refusal::Fenced))));
    assert_eq!(it.asked(), [Asked::Disconnect(leg)]);
    it.report(it.up(leg));
    assert_eq!(it.guest_row().connection, ConnectionState::Reconnecting);

    let offer = SdpOffer(GOOD.into());
    let (leg, _) = block_on(again.connect(it.guest, it.room, offer)).unwrap();
    it.engine.reports.lock().unwrap().push_back(it.up(leg));
    block_on(again.listen(|_| {}, || ready(())));
    assert_eq!(it.guest_row().connection, ConnectionState::Connected);
    assert_eq!(it.guest_row().id, it.stay);
}

#[test]
fn a_room_is_one_nodes_until_it_is_silent_for_too_long() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    it.report(it.up(leg));
    let engine = Arc::new(Engine::default());
    let start = Bridge::start(it.world.parlor.clone(), engine.clone(), "b", "https://b");
    let other = block_on(start).unwrap();
    let offer = || block_on(other.connect(it.guest, it.room, SdpOffer(GOOD.into())));

    let elsewhere = offer().unwrap_err();
    assert!(
        matches!(&elsewhere, ConnectError::Elsewhere { node, url } if node == "a" && url == "https://a"),
        "{elsewhere}"
    );
    let lease = Settings::default().lease;
    for _ in 0..3 {
        it.world.clock.advance(lease / 2);
        block_on(it.bridge.renew()).unwrap();
        block_on(other.renew()).unwrap();
        it.world.drive();
    }
    assert!(offer().is_err());
    assert_eq!(it.guest_row().connection, ConnectionState::Connected);

    it.world.clock.advance(lease);
    it.world.drive();
    assert_eq!(it.guest_row().connection, ConnectionState::Reconnecting);
    block_on(other.renew()).unwrap();
    let (leg, _) = offer().unwrap();
    engine.reports.lock().unwrap().push_back(it.up(leg));
    block_on(other.listen(|_| {}, || ready(())));
    assert_eq!(it.guest_row().connection, ConnectionState::Connected);
    assert_eq!(it.guest_row().id, it.stay);

    // The first one was only slow. It hears that the room is gone, and no more of it is heard.
    it.asked();
    block_on(it.bridge.renew()).unwrap();
    assert!(it.asked().iter().any(|asked| matches!(asked, Asked::Disconnect(_))));
    assert_eq!(it.world.held::<Participant>(it.stay).unwrap().leg_id, Some(leg));
}

#[test]
fn a_room_that_nobody_is_connected_to_any_more_is_given_back() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    it.report(it.up(leg));
    let (room, participant) = (it.room, it.stay);
    block_on(it.world.parlor.execute(it.host, Kick { room, participant })).unwrap();
    once(it.bridge.follow());
    let node = || it.world.held::<RoomLease>(it.room).unwrap().node;
    for _ in 0..2 {
        assert_eq!(node().as_deref(), Some("a"));
        block_on(it.bridge.renew()).unwrap();
    }
    assert_eq!(node(), None);
}

/// A store that is busy for a while.
struct Busy {
    store: Arc<MemoryStore>,
    times: AtomicUsize,
}

#[async_trait]
impl Store for Busy {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        let left = |times: usize| times.checked_sub(1);
        match self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Err(StoreError::Busy { waiting: 1 }),
            Err(_) => self.store.submit(work).await,
        }
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.store.select(query).await
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        self.store.aggregate(aggregate).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.store.wait(after).await
    }
}

#[test]
fn a_report_that_the_store_could_not_take_is_not_lost_and_keeps_its_place() {
    let it = evening();
    let busy = Arc::new(Busy { store: it.world.store.clone(), times: AtomicUsize::new(0) });
    let (clock, entropy) = (it.world.clock.clone(), SeededEntropy::new(5));
    let parlor = Parlor::with_settings(busy.clone(), clock, entropy, Settings::default());
    let bridge = bridge(&parlor, &it.engine);
    let offer = SdpOffer(GOOD.into());
    let (leg, _) = block_on(bridge.connect(it.guest, it.room, offer)).unwrap();
    let closed = MediaEvent::Closed {
        leg,
        room: it.room,
        participant: it.stay,
        reason: CloseReason::ClosedByPeer,
    };
    it.engine.reports.lock().unwrap().extend([it.up(leg), it.up(leg), closed]);
    busy.times.store(5, Ordering::Relaxed);
    let pauses = AtomicUsize::new(0);

    block_on(bridge.listen(
        |_| panic!("nothing here is live"),
        || {
            pauses.fetch_add(1, Ordering::Relaxed);
            ready(())
        },
    ));

    assert_eq!(pauses.into_inner(), 5);
    let told = [it.world.count("rooms.joined"), it.world.count("rooms.reconnecting")];
    assert_eq!(told, [1, 1]);
    assert_eq!(it.guest_row().connection, ConnectionState::Reconnecting);
}

#[test]
fn a_leg_that_comes_up_for_a_stay_that_is_over_is_ended() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    let (room, participant) = (it.room, it.stay);
    block_on(it.world.parlor.execute(it.host, Kick { room, participant })).unwrap();
    it.asked();
    it.engine.reports.lock().unwrap().push_back(it.up(leg));
    block_on(it.bridge.listen(|_| {}, || ready(())));
    assert_eq!(it.asked(), [Asked::Disconnect(leg)]);
}

#[test]
fn a_leg_is_written_down_before_the_engine_is_asked_and_when_it_says_no() {
    let it = evening();
    assert_eq!(it.offer(BAD), None);
    it.world.clock.advance(Duration::from_secs(1));
    let leg = it.offer(GOOD).unwrap();
    let [refused, asked] = &it.legs()[..] else { panic!("two legs were asked for") };
    let ended = (refused.state, refused.end_reason, refused.outcome);
    let reason = Some(EndReason::SignalingError);
    assert_eq!(ended, (LegState::Failed, reason, Some(Outcome::Failed)));
    let named = (asked.id, asked.participant_id, asked.node.as_str(), asked.lease_epoch);
    assert_eq!(named, (leg, it.stay, "a", 1));
    assert_eq!((asked.state, asked.outcome), (LegState::Requested, None));
}

#[test]
fn a_leg_is_followed_from_its_first_sound_to_its_end_even_if_the_stay_ends_first() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    let (room, participant) = (it.room, it.stay);
    it.report(it.up(leg));
    let after = Duration::from_millis(40);
    it.report(MediaEvent::MediaStarted { leg, room, participant, after });
    it.report(it.sampled(leg));
    let mut follow = Box::pin(it.bridge.follow());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(follow.as_mut().poll(&mut cx).is_pending());
    block_on(it.world.parlor.execute(it.host, Close { room })).unwrap();
    assert!(follow.as_mut().poll(&mut cx).is_pending());
    it.report(it.sampled(leg));
    let reason = CloseReason::Disconnected;
    it.report(MediaEvent::Closed { leg, room, participant, reason });

    let [row] = &it.legs()[..] else { panic!("one leg was asked for") };
    assert_eq!(row.first_media_at, row.connected_at.map(|at| at + after));
    assert_eq!((row.quality, row.talk_ms), (Some(Quality::Lost), 3_000));
    let ended = (row.state, row.end_reason, row.outcome);
    let reason = Some(EndReason::Disconnected);
    assert_eq!(ended, (LegState::Closed, reason, Some(Outcome::Success)));
    assert_eq!(it.world.rows::<QualitySample>().len(), 1, "the second was of a room that is over");
    assert_eq!(it.world.count("calls.quality_changed"), 1);
}

#[test]
fn legs_of_a_room_that_closed_while_its_node_was_dead_end_too() {
    for comes_back in [true, false] {
        let it = evening();
        let leg = it.offer(GOOD).unwrap();
        it.report(it.up(leg));
        block_on(it.world.parlor.execute(it.host, Close { room: it.room })).unwrap();
        match comes_back {
            true => drop(bridge(&it.world.parlor, &it.engine)),
            false => it.world.clock.advance(Settings::default().lease),
        }
        it.world.drive();
        let [row] = &it.legs()[..] else { panic!("one leg was asked for") };
        assert_eq!((row.state, row.end_reason), (LegState::Closed, Some(EndReason::NodeLost)));
        assert_eq!(it.world.rows::<RoomLease>(), []);
    }
}

#[test]
fn samples_that_the_store_does_not_take_are_left_out_and_reports_are_not() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    let busy = Arc::new(Busy { store: it.world.store.clone(), times: AtomicUsize::new(0) });
    let (clock, entropy) = (it.world.clock.clone(), SeededEntropy::new(5));
    let parlor = Parlor::with_settings(busy.clone(), clock, entropy, Settings::default());
    let bridge = bridge(&parlor, &it.engine);
    let offer = SdpOffer(GOOD.into());
    let (again, _) = block_on(bridge.connect(it.guest, it.room, offer)).unwrap();
    let many = (0..2).map(|_| it.sampled(leg));
    it.engine.reports.lock().unwrap().extend(many);
    it.engine.reports.lock().unwrap().extend([it.up(again), it.sampled(again)]);
    busy.times.store(3, Ordering::Relaxed);

    block_on(bridge.listen(|_| panic!("nothing here is live"), || ready(())));

    assert_eq!(it.guest_row().connection, ConnectionState::Connected);
    let (left_out, kept) = (bridge.samples_left_out(), it.world.rows::<QualitySample>().len());
    assert_eq!((left_out, kept), (2, 1));
}

#[test]
fn how_good_a_leg_is_goes_to_those_who_look_and_to_nobody_else() {
    let it = evening();
    let leg = it.offer(GOOD).unwrap();
    let (room, participant, quality) = (it.room, it.stay, Quality::Poor);
    let changed = MediaEvent::QualityChanged { leg, room, participant, quality };
    it.engine.reports.lock().unwrap().push_back(changed.clone());
    let before = it.world.feed().len();
    let seen = Mutex::new(Vec::new());
    block_on(it.bridge.listen(|event| seen.lock().unwrap().push(event), || ready(())));
    assert_eq!(*seen.lock().unwrap(), [changed]);
    assert_eq!(it.world.feed().len(), before);
}
