//! Random evenings: people come and go, hosts keep order, transports fail, timers are late, early
//! or told twice. After every step, what must always be true is true.
#![cfg(feature = "conformance")]
#![cfg_attr(
    feature = "conformance",
    expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parlor_core::calls::{
    CallLeg, EndReason, LegMediaStarted, LegReconnect, LegState, Outcome, ReportQuality, RequestLeg,
};
use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on};
use parlor_core::engine::{AnyCommand, Clock as _, Error, Parlor, Settings, Sweep, Timer};
use parlor_core::events::Actor;
use parlor_core::media::{LegId, LegSample, Setup};
use parlor_core::rooms::{
    AcceptInvite, Admitted, Ban, ClaimRoom, Close, ConnectionState, DeclineInvite, ExpireDeparted,
    ExpireEmpty, ExpireInvite, GrantFloor, GrantNext, HandQueue, InviteToSpeak, Join, Kick, Lapse,
    Leave, LeaveReason, LegClosed, LegConnected, LegLost, LiftBan, Lock, LockMic, LowerHand,
    MicState, MoveToAudience, Mute, NodeRun, Occupancy, Participant, ParticipantId, RaiseHand,
    RefreshListing, ReleaseRoom, Room, RoomBan, RoomCloseReason, RoomId, RoomLease, RoomListing,
    RoomRole, RoomStatus, Seat, SetSelfMute, StageMode, StageState, StartNode, StepDown, Unlock,
    UnlockMic, VacateRoom,
};
use parlor_core::storage::MemoryStore;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

const PEOPLE: usize = 6;
const SPEAKERS_MAX: u32 = 2;
const CAPACITY: u32 = 4;

/// One step: what happens, who does it, and to whom.
#[derive(Clone, Copy, Debug)]
struct Step {
    what: u8,
    who: usize,
    room: usize,
    whom: usize,
    n: u64,
}

prop_compose! {
    fn a_step()(what in 0..41u8, who in 0..PEOPLE, room in 0..2usize, whom in 0..12usize, n in 0..64u64) -> Step {
        Step { what, who, room, whom, n }
    }
}

/// Plays an evening, and says how often each command was carried out, and why stays and rooms
/// ended.
fn play(steps: Vec<Step>) -> BTreeMap<&'static str, usize> {
    let mut evening = Evening::begin();
    for step in steps {
        let before = evening.look();
        let command = evening.take(step);
        let after = evening.look();
        evening.check(&after);
        check_step(command.as_ref(), &before, &after);
    }
    evening.end()
}

fn evenings() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(a_step(), 1..250)
}

/// A few on every change; `.ci/full` asks for more.
fn how_many() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: how_many(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_must_always_be_true_is(steps in evenings()) {
        play(steps);
    }
}

/// The evenings are lively enough to say something: every command is carried out in some.
#[test]
fn everything_happens_on_some_evening() {
    let mut runner = TestRunner::deterministic();
    let mut done = BTreeMap::new();
    for _ in 0..48 {
        let steps = evenings().new_tree(&mut runner).unwrap().current();
        play(steps).into_iter().for_each(|(name, n)| *done.entry(name).or_insert(0) += n);
    }
    for name in AnyCommand::PUBLIC.iter().chain(&INTERNAL).filter(|name| **name != "rooms.create") {
        assert!(done.contains_key(name), "{name} was never carried out: {done:?}");
    }
    let left = LeaveReason::ALL.iter().map(|it| it.word());
    for reason in left.chain(RoomCloseReason::ALL.iter().map(|it| it.word())) {
        assert!(done.contains_key(reason), "nothing ended because {reason}: {done:?}");
    }
}

const INTERNAL: [&str; 8] = [
    "calls.request_leg",
    "calls.leg_media_started",
    "calls.report_quality",
    "rooms.leg_connected",
    "rooms.leg_lost",
    "rooms.leg_closed",
    "rooms.expire_empty",
    "rooms.expire_departed",
];

struct Evening {
    world: World<MemoryStore>,
    parlor: Parlor,
    people: Vec<Actor>,
    rooms: [RoomId; 2],
    /// Stays there have been, and the legs each has had.
    stays: Vec<(RoomId, ParticipantId)>,
    done: BTreeMap<&'static str, usize>,
}

/// All that is in the store about rooms.
struct Look {
    rooms: BTreeMap<RoomId, Room>,
    stays: BTreeMap<ParticipantId, Participant>,
    seats: Vec<Seat>,
    bans: BTreeSet<(RoomId, parlor_core::identity::UserId)>,
    occupancy: BTreeMap<RoomId, Occupancy>,
    queues: BTreeMap<RoomId, HandQueue>,
    legs: BTreeMap<LegId, CallLeg>,
    reconnects: Vec<LegReconnect>,
}

impl Evening {
    fn begin() -> Self {
        let world = World::new(MemoryStore::new());
        let settings = Settings { max_speakers: SPEAKERS_MAX, ..Settings::default() };
        let parlor = Parlor::with_settings(
            world.store.clone(),
            world.clock.clone(),
            SeededEntropy::new(77),
            settings,
        );
        let people = world.crowd(PEOPLE);
        for node in ["a", "b"].map(String::from) {
            let start = StartNode { node, url: String::new() };
            block_on(parlor.execute(Actor::HOST, start)).unwrap();
        }
        let rooms = [StageMode::OpenFloor, StageMode::Moderated]
            .map(|mode| world.room(people[0], mode, CAPACITY));
        Self { world, parlor, people, rooms, stays: Vec::new(), done: BTreeMap::new() }
    }

    /// Takes one step; returns the command it was, if it was one.
    fn take(&mut self, step: Step) -> Option<(Actor, AnyCommand)> {
        let Step { what, who, n, .. } = step;
        let is_over = |id| self.world.held::<Room>(id).unwrap().status == RoomStatus::Closed;
        if n % 4 == 0 && is_over(self.rooms[step.room]) {
            let mode = StageMode::ALL[step.room];
            self.rooms[step.room] = self.world.room(self.people[0], mode, CAPACITY);
            return None;
        }
        let room = self.rooms[step.room];
        // Mostly somebody who is in the room, and whom it suits; mostly oneself for what one does
        // for oneself.
        let suits = |it: &Participant| match what {
            9 | 10 | 13 => it.stage == StageState::Audience,
            11 | 12 => it.stage == StageState::Requested,
            14 | 15 => it.stage == StageState::Invited,
            16..=21 => it.stage == StageState::Speaker,
            _ => true,
        };
        let place = if (9..=17).contains(&what) { self.rooms[1] } else { room };
        let is_open = |it: &Participant| it.room_id == place && it.left_at.is_none();
        let mut open: Vec<_> = self.world.rows::<Participant>();
        open.retain(|it| is_open(it) && (n % 5 == 0 || suits(it)));
        let open: Vec<_> = open.iter().map(|it| (it.room_id, it.id)).collect();
        let from = if open.is_empty() || n % 8 == 1 { &self.stays } else { &open };
        let nobody = (room, ParticipantId(parlor_core::Uuid::nil()));
        let (at, participant) = from.get(step.whom % from.len().max(1)).copied().unwrap_or(nobody);
        let stay = self.world.held::<Participant>(participant);
        let oneself = stay.as_ref().map(actor).filter(|_| n % 16 != 0);
        let actor = self.people[if n % 3 == 0 { who } else { 0 }];
        let own = oneself.unwrap_or(actor);
        let user = self.people[step.whom % PEOPLE].user().unwrap();
        // A few each: what is told comes back to them again and again.
        let leg = LegId(parlor_core::Uuid::from_u128(participant.0.as_u128() ^ u128::from(n % 3)));

        let (actor, command): (Actor, AnyCommand) = match what {
            0..=4 => (self.people[who], Join { room }.into()),
            5 => (own, Leave { room: at, participant }.into()),
            6 => (actor, Kick { room: at, participant }.into()),
            7 if n < 32 => (actor, Ban { room, user, reason: String::new() }.into()),
            8 => (actor, LiftBan { room, user }.into()),
            9 | 10 => (own, RaiseHand { room: at, participant }.into()),
            11 => (own, LowerHand { room: at, participant }.into()),
            12 if n % 2 == 0 => (actor, GrantNext { room }.into()),
            12 => (actor, GrantFloor { room: at, participant }.into()),
            13 => (actor, InviteToSpeak { room: at, participant }.into()),
            14 => (own, AcceptInvite { room: at, participant }.into()),
            15 => (own, DeclineInvite { room: at, participant }.into()),
            16 => (own, StepDown { room: at, participant }.into()),
            17 => (actor, MoveToAudience { room: at, participant }.into()),
            18 => (own, SetSelfMute { room: at, participant, muted: n % 2 == 0 }.into()),
            19 => (actor, Mute { room: at, participant }.into()),
            20 => (actor, LockMic { room: at, participant }.into()),
            21 => (actor, UnlockMic { room: at, participant }.into()),
            22 => (actor, Lock { room }.into()),
            23 => (actor, Unlock { room }.into()),
            24 if n < 3 => (actor, Close { room }.into()),
            // Mostly what the node says that has the room, sometimes one that has lost it.
            25..=27 => {
                let lease_epoch = self.epoch(at) - i64::from(n % 8 == 0);
                let setup = Setup::default();
                let up = LegConnected { room: at, participant, leg, lease_epoch, setup };
                (Actor::HOST, up.into())
            }
            28 => {
                let lease_epoch = self.epoch(at) - i64::from(n % 8 == 0);
                (Actor::HOST, LegLost { room: at, participant, leg, lease_epoch }.into())
            }
            29 => {
                let lease_epoch = self.epoch(at);
                let reason = EndReason::ALL[n as usize % EndReason::ALL.len()];
                let closed = LegClosed { room: at, participant, leg, lease_epoch, reason };
                (Actor::HOST, closed.into())
            }
            // A timer that fires out of turn: early, late, again, or for what is long over.
            30 => (Actor::HOST, out_of_turn(n, at, participant)),
            37..=39 => (Actor::HOST, told_of(n, at, participant, leg, self.epoch(at))),
            // Nodes take rooms, and lose them.
            36 => (Actor::HOST, hands_over(n, at, self.epoch(at))),
            31 => {
                // A server whose clock has been set back, and one whose clock runs ahead.
                let skew = Duration::from_secs(n);
                let clock = ManualClock::at(self.world.clock.now() + skew);
                let server = self.server(clock, n);
                block_on(server.drive()).unwrap();
                return None;
            }
            32 => {
                let ahead = self.world.clock.now() + Duration::from_secs(n);
                block_on(self.parlor.tick(ahead)).unwrap();
                return None;
            }
            33 => {
                block_on(self.parlor.react()).unwrap();
                return None;
            }
            _ => {
                self.world.clock.advance(Duration::from_secs(n / 8));
                if n % 2 == 0 {
                    block_on(self.parlor.drive()).unwrap();
                }
                return None;
            }
        };
        let outcome = block_on(self.parlor.execute_any(actor, None, command.clone()));
        *self.done.entry(command.name()).or_insert(0) += usize::from(outcome.is_ok());
        match outcome {
            Ok(output) if matches!(command, AnyCommand::Join(_)) => {
                let admitted: Admitted = serde_json::from_value(output).unwrap();
                if !self.stays.contains(&(room, admitted.participant)) {
                    self.stays.push((room, admitted.participant));
                }
            }
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(other) => panic!("{command:?}: {other}"),
        }
        Some((actor, command))
    }

    /// The epoch in which a node has a room.
    fn epoch(&self, room: RoomId) -> i64 {
        RoomLease::epoch_of(self.world.held::<RoomLease>(room).as_ref())
    }

    fn server(&self, clock: ManualClock, seed: u64) -> Parlor {
        let (store, entropy) = (self.world.store.clone(), SeededEntropy::new(1_000 + seed));
        Parlor::with_settings(store, clock, entropy, self.parlor.settings().clone())
    }

    fn look(&self) -> Look {
        let (world, by_id) = (&self.world, |it: Participant| (it.id, it));
        Look {
            rooms: world.rows::<Room>().into_iter().map(|it| (it.id, it)).collect(),
            stays: world.rows::<Participant>().into_iter().map(by_id).collect(),
            seats: world.rows(),
            bans: world.rows::<RoomBan>().iter().map(|it| (it.room_id, it.user_id)).collect(),
            occupancy: world.rows::<Occupancy>().into_iter().map(|it| (it.room_id, it)).collect(),
            queues: world.rows::<HandQueue>().into_iter().map(|it| (it.room_id, it)).collect(),
            legs: world.rows::<CallLeg>().into_iter().map(|it| (it.id, it)).collect(),
            reconnects: world.rows(),
        }
    }

    fn check(&self, look: &Look) {
        for room in look.rooms.values() {
            let id = room.id;
            let inside: Vec<_> = look.stays.values().filter(|it| it.is_in(room)).collect();
            let (occupancy, queue) = (&look.occupancy[&id], &look.queues[&id]);

            // I-R1, and what capacity is checked against.
            let active = inside.iter().filter(|it| it.connection.is_active()).count() as u32;
            assert_eq!((occupancy.reserved, occupancy.active), (inside.len() as u32, active));
            assert!(occupancy.peak >= active);

            // I-R2 as far as there are sessions.
            assert_eq!(room.status == RoomStatus::Closed, room.closed_at.is_some());
            assert_eq!(room.closed_at.is_some(), room.close_reason.is_some());
            assert!(room.status != RoomStatus::Live || room.opened_at.is_some());

            // I-R3; hosts and cohosts enter full rooms and full stages.
            let (hosts, others): (Vec<_>, Vec<_>) =
                inside.iter().copied().partition(|it: &&Participant| it.role >= RoomRole::Cohost);
            assert!(others.len() as u32 <= room.max_participants, "too many in {id}");
            if room.stage_mode == StageMode::Moderated {
                let on_stage = |it: &&&Participant| it.stage == StageState::Speaker;
                let speakers = inside.iter().filter(on_stage).count() as u32;
                assert_eq!(queue.speakers, speakers);
                let guests = others.iter().filter(on_stage).count() as u32;
                assert!(guests <= SPEAKERS_MAX, "{guests} and {} hosts on stage", hosts.len());
            }

            // I-R5: seats are those who are inside, one each.
            let seat = |it: &Seat| Some((it.user_id, it.participant_id?, it.role));
            let current = |it: &&Seat| it.room_id == id && room.is_current(it.epoch);
            let seats: BTreeSet<_> = look.seats.iter().filter(current).filter_map(seat).collect();
            let stays: BTreeSet<_> = inside.iter().map(|it| (it.user_id, it.id, it.role)).collect();
            assert_eq!(seats, stays);
            let people: BTreeSet<_> = inside.iter().map(|it| it.user_id).collect();
            assert_eq!(people.len(), inside.len(), "somebody has two stays");

            // I-R6.
            let hands: Vec<_> = inside.iter().filter_map(|it| it.hand_seq).collect();
            assert_eq!(hands.iter().collect::<BTreeSet<_>>().len(), hands.len());
            assert!(hands.iter().all(|hand| (1..queue.next_seq).contains(hand)));

            // I-R7.
            assert!(inside.iter().all(|it| !look.bans.contains(&(id, it.user_id))));
        }
        for leg in look.legs.values() {
            let is_over = matches!(leg.state, LegState::Closed | LegState::Failed);
            assert_eq!(is_over, leg.ended_at.is_some(), "{leg:?}");
            assert_eq!(is_over, leg.end_reason.is_some(), "{leg:?}");
            assert_eq!(leg.connected_at.is_some(), leg.outcome == Some(Outcome::Success));
            assert!(!is_over || leg.outcome.is_some(), "{leg:?}");
            // Each time for which it was lost has a number, and only the last one may last.
            let lost: Vec<_> = look.reconnects.iter().filter(|it| it.leg_id == leg.id).collect();
            assert!(lost.iter().map(|it| it.n).eq(1..=leg.reconnects), "{lost:?}");
            let lasting = lost.iter().filter(|it| it.ended_at.is_none()).map(|it| it.n);
            let is_lost = leg.state == LegState::Reconnecting;
            assert!(lasting.eq(is_lost.then_some(leg.reconnects)), "{leg:?} {lost:?}");
        }
        for stay in look.stays.values() {
            let is_over = stay.connection == ConnectionState::Left;
            assert_eq!(is_over, stay.left_at.is_some());
            assert_eq!(is_over, stay.leave_reason.is_some());
            assert_eq!(stay.connection == ConnectionState::Reconnecting, stay.lost_at.is_some());
            assert_eq!(stay.stage == StageState::Requested, stay.hand_seq.is_some());
            if look.rooms[&stay.room_id].stage_mode == StageMode::Moderated && !is_over {
                let may_be_off = matches!(stay.mic, MicState::Off | MicState::Locked);
                assert!(stay.stage == StageState::Speaker || may_be_off, "{stay:?}");
                assert!(stay.stage != StageState::Speaker || stay.mic != MicState::Off, "{stay:?}");
            }
        }
    }

    /// Everybody stops; time passes; nothing is left undone.
    fn end(self) -> BTreeMap<&'static str, usize> {
        for _ in 0..8 {
            self.world.clock.advance(Duration::from_secs(400));
            block_on(self.parlor.drive()).unwrap();
        }
        let look = self.look();
        self.check(&look);
        assert_eq!(self.world.rows::<Timer>(), [], "a timer was left");
        assert_eq!(self.world.rows::<Sweep>(), [], "a sweep was left");
        let is_void = |seat: &&Seat| !look.rooms[&seat.room_id].is_current(seat.epoch);
        assert_eq!(look.seats.iter().find(is_void), None, "a seat was left");
        let cards: BTreeMap<_, _> =
            self.world.rows::<RoomListing>().into_iter().map(|it| (it.room_id, it)).collect();
        for room in look.rooms.values() {
            let inside: Vec<_> = look.stays.values().filter(|it| it.is_in(room)).collect();
            let connected = |it: &&Participant| it.connection == ConnectionState::Connected;
            assert!(inside.iter().all(connected), "somebody never came, or never went");
            assert_eq!(room.status == RoomStatus::Closed, inside.is_empty(), "{room:?}");
            let card = cards.get(&room.id);
            assert_eq!(card.is_some(), room.status != RoomStatus::Closed);
            assert!(card.is_none_or(|card| card.active as usize == inside.len()));
            let open = |it: &&Participant| it.room_id == room.id && it.left_at.is_none();
            assert_eq!(look.stays.values().filter(open).count(), inside.len(), "unmarked stays");
        }
        let told = self.world.feed();
        for stay in look.stays.values() {
            let about = |name: &str| {
                let mine = told.iter().filter(|it| it.emitted.event.name() == name);
                let id = format!("{}", stay.id);
                mine.filter(|it| format!("{:?}", it.emitted.event).contains(&id)).count()
            };
            assert_eq!(about("rooms.joining"), 1);
            assert_eq!(about("rooms.left"), usize::from(stay.left_at.is_some()));
            assert_eq!(about("rooms.joined"), usize::from(stay.connected_at.is_some()));
        }
        let mut done = self.done;
        let left = look.stays.values().filter_map(|it| Some(it.leave_reason?.word()));
        let closed = look.rooms.values().filter_map(|it| Some(it.close_reason?.word()));
        left.chain(closed).for_each(|reason| *done.entry(reason).or_insert(0) += 1);
        done.into_iter().filter(|(_, n)| *n > 0).collect()
    }
}

/// What one step may change.
fn check_step(command: Option<&(Actor, AnyCommand)>, before: &Look, after: &Look) {
    for (id, was) in &before.stays {
        let is = &after.stays[id];
        if was.connection == ConnectionState::Left {
            assert_eq!(was, is, "a stay that is over changed");
        }
        // To be heard is always one's own act.
        if is.mic == MicState::Live && was.mic != MicState::Live {
            let Some((by, AnyCommand::SetSelfMute(it))) = command else {
                panic!("{command:?} made {id} live");
            };
            assert!(!it.muted && it.participant == *id && by.user() == Some(is.user_id));
        }
        // What is said of a leg that was replaced changes nothing.
        if let Some(
            (_, AnyCommand::LegLost(LegLost { participant, leg, .. }))
            | (_, AnyCommand::LegClosed(LegClosed { participant, leg, .. })),
        ) = command
            && participant == id
            && was.leg_id != Some(*leg)
        {
            assert_eq!(was, is);
        }
    }
    for (id, was) in &before.legs {
        let is = &after.legs[id];
        let untrimmed = CallLeg { trim_at: was.trim_at, ..is.clone() };
        assert!(was.ended_at.is_none() || *was == untrimmed, "a leg that has ended changed");
        assert!(was.connected_at.is_none() || was.connected_at == is.connected_at);
        assert!(is.talk_ms >= was.talk_ms && is.reconnects >= was.reconnects);
    }
    // Nobody escapes a lock by leaving and coming back.
    let awaits = |look: &Look, stay: &Participant| {
        let theirs = |it: &&Seat| (it.room_id, it.user_id) == (stay.room_id, stay.user_id);
        look.seats.iter().filter(theirs).any(|it| it.participant_id.is_none())
    };
    for (id, is) in &after.stays {
        match before.stays.get(id) {
            None if awaits(before, is) => assert_eq!(is.mic, MicState::Locked, "{id} shook it off"),
            Some(was) if was.left_at.is_none() && is.left_at.is_some() => {
                let is_open = after.rooms[&is.room_id].is_current(is.epoch);
                assert!(!is_open || is.mic != MicState::Locked || awaits(after, is), "{id}");
            }
            None | Some(_) => {}
        }
    }
    for (id, was) in &before.rooms {
        let is = &after.rooms[id];
        assert!(is.epoch >= was.epoch && is.created_at == was.created_at);
        assert!(was.status != RoomStatus::Closed || was == is, "a closed room changed");
        assert!(after.occupancy[id].peak >= before.occupancy[id].peak);
        assert!(after.queues[id].next_seq >= before.queues[id].next_seq);
    }
    if let Some((Actor::User { .. }, AnyCommand::Join(Join { room }))) = command {
        let new = after.stays.len() - before.stays.len();
        let was_open = before.rooms[room].locked_at.is_none();
        let owner = before.rooms[room].owner_id;
        let host = |it: &&Participant| it.room_id == *room && it.user_id == owner;
        let hosts = |look: &Look| look.stays.values().filter(host).count();
        assert!(new == 0 || was_open || hosts(after) > hosts(before), "a lock let somebody in");
    }
}

fn actor(stay: &Participant) -> Actor {
    let session = parlor_core::identity::AuthSessionId(parlor_core::Uuid::nil());
    Actor::User { user: stay.user_id, session }
}

fn hands_over(n: u64, room: RoomId, epoch: i64) -> AnyCommand {
    let node = |name: &str| NodeRun { node: name.into(), run: 1 };
    match n % 4 {
        0 => ClaimRoom { room, by: node("a") }.into(),
        1 => ClaimRoom { room, by: node("b") }.into(),
        2 => VacateRoom { room, epoch }.into(),
        _ => ReleaseRoom { room, epoch }.into(),
    }
}

/// What else is told of a leg: that it is asked for, when it is first heard, how it did.
fn told_of(
    n: u64,
    room: RoomId,
    participant: ParticipantId,
    leg: LegId,
    lease_epoch: i64,
) -> AnyCommand {
    let user = parlor_core::identity::UserId(participant.0);
    let sample = LegSample {
        leg,
        participant,
        window: Duration::from_secs(10),
        rtt: Some(Duration::from_millis(n * 8)),
        jitter: None,
        loss_in_ppm: None,
        loss_out_ppm: None,
        bytes_in: n,
        bytes_out: n,
        talk: Duration::from_millis(n),
    };
    match n % 4 {
        0 | 1 => {
            let (epoch, node) = (1, "a".into());
            RequestLeg { leg, room, epoch, participant, user, node, lease_epoch }.into()
        }
        2 => LegMediaStarted { leg, after: Duration::from_millis(n) }.into(),
        _ => ReportQuality { room, lease_epoch, samples: vec![sample] }.into(),
    }
}

fn out_of_turn(n: u64, room: RoomId, participant: ParticipantId) -> AnyCommand {
    match n % 5 {
        0 => Lapse { room, participant }.into(),
        1 => ExpireInvite { room, participant }.into(),
        2 => ExpireEmpty { room }.into(),
        3 => ExpireDeparted { room }.into(),
        _ => RefreshListing { room }.into(),
    }
}
