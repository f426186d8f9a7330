//! What is left when the process is gone, and what every store has in common.

use futures_util::future::join_all;

use super::super::sample;
use super::engine::{join, leg_lost, leg_up};
use super::{numbered, world};
use crate::calls::{EndReason, ReportQuality, RequestLeg};
use crate::conformance::{Harness, World, block_on, random};
use crate::engine::{AnyCommand, Clock as _, FeedCursor, Settings};
use crate::events::{Actor, Envelope};
use crate::identity::UserId;
use crate::media::{LegId, Setup};
use crate::record::Record;
use crate::rooms::{
    self, Ban, Close, Create, GrantFloor, GrantNext, Join, Kick, Leave, LegClosed, LegConnected,
    LegLost, LiftBan, Lock, LockMic, LowerHand, Mute, ParticipantId, RaiseHand, RoomId,
    SetSelfMute, StageMode, StepDown, Unlock, UnlockMic,
};
use crate::storage::{MemoryStore, Store};
use crate::tables::{Row, TABLES};

/// What a command acknowledged is there when the store is opened again: rows and events, and
/// nothing that was refused.
pub fn what_was_acknowledged_is_there_after_reopening<H: Harness>(harness: &H) {
    let world = world(harness);
    world.write([sample::rows(1, true), sample::ledger(1, true)].concat());
    let (host, people) = (world.guest("Host"), world.crowd(50));
    let room = world.room(host, StageMode::OpenFloor, 40);
    let joins = people.iter().map(|&actor| world.parlor.execute(actor, Join { room }));
    let inside = block_on(join_all(joins)).into_iter().filter(Result::is_ok).count();
    assert_eq!(inside, 40);
    let (rows, feed) = (all_rows(&world), world.feed());

    let Some(store) = harness.reopen(world.into_store()) else { return };

    let world = World::new(store);
    assert_eq!(all_rows(&world), rows);
    assert_eq!(world.feed(), feed);
}

/// A store that was opened again goes on where it was: the feed beyond the last position, timers
/// and policies where they stood.
pub fn the_feed_goes_on_after_reopening<H: Harness>(harness: &H) {
    let first = world(harness);
    let host = first.guest("Host");
    let room = first.room(host, StageMode::OpenFloor, 40);
    let stay = join(&first, host, room);
    leg_up(&first, room, stay);
    leg_lost(&first, room, stay);
    first.drive();
    let (last, now) = (first.feed().last().map(|last| last.position), first.clock.now());
    let last = last.expect("much has happened");

    let Some(store) = harness.reopen(first.into_store()) else { return };

    let world = World::new(store);
    assert_eq!(block_on(world.store.events(last, 1)).expect("the feed is read"), []);
    let told = world.run(|draft| {
        draft.emit(numbered(1));
        Ok(())
    });
    told.expect("it is told");
    let news = block_on(world.store.events(last, 2)).expect("the feed is read");
    assert!(news.len() == 1 && news[0].position > last, "{news:?}");
    world.clock.set(now + Settings::default().reconnect_grace);
    assert_eq!(world.drive().timers, 2, "the card is refreshed, and the stay ends");
    assert_eq!(world.count("rooms.left"), 1);
}

/// The same commands, at the same times, leave the same rows and events as in the memory store,
/// and are answered the same.
pub fn the_same_commands_leave_the_same_as_in_memory<H: Harness>(harness: &H) {
    for seed in seeds() {
        the_same_course_leaves_the_same(harness, seed);
    }
}

/// Three courses of an evening, or as many as `PARLOR_COURSES` says.
pub(super) fn seeds() -> std::ops::Range<u64> {
    const SEEDS: u64 = 3;
    let asked = std::env::var("PARLOR_COURSES").ok().and_then(|courses| courses.parse().ok());
    5..5 + asked.unwrap_or(SEEDS)
}

fn the_same_course_leaves_the_same<H: Harness>(harness: &H, seed: u64) {
    const COMMANDS: usize = 300;
    let (here, there) = (world(harness), World::new(MemoryStore::new()));
    let (mut script, mut other) = (Script::new(&here, seed), Script::new(&there, seed));

    for n in 0..COMMANDS {
        assert_eq!(script.step(&here), other.step(&there), "seed {seed}, command {n}");
        if n % 20 == 0 {
            assert_eq!(script.reads(&here), script.reads(&there), "seed {seed}, command {n}");
        }
    }

    for table in TABLES.iter().filter(|table| table.name != FeedCursor::TABLE.name) {
        assert_eq!(here.table(table), there.table(table), "{}", table.name);
    }
    // Positions may have gaps in one store and none in another; and which of several reactions that
    // run side by side comes first, and gets the first id, is nobody's promise.
    let told = |feed: Vec<Envelope>| -> Vec<String> {
        let told = feed.into_iter().map(|Envelope { emitted: it, .. }| {
            format!("{} {:?} {:?}", it.at.0, it.actor.user(), it.event)
        });
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        told
    };
    assert_eq!(told(here.feed()), told(there.feed()));
}

fn all_rows<S: Store>(world: &World<S>) -> Vec<Row> {
    TABLES.iter().flat_map(|table| world.table(table)).collect()
}

/// A random course of an evening, the same for the same seed.
struct Script {
    next: Box<dyn FnMut() -> u64>,
    people: Vec<Actor>,
    rooms: Vec<RoomId>,
    stays: Vec<(RoomId, ParticipantId)>,
}

impl Script {
    fn new<S: Store>(world: &World<S>, seed: u64) -> Self {
        let people: Vec<Actor> = (0..6).map(|n| world.guest(&format!("Guest {n}"))).collect();
        let rooms =
            [StageMode::OpenFloor, StageMode::Moderated].map(|mode| world.room(people[0], mode, 4));
        Self { next: Box::new(random(seed)), people, rooms: rooms.into(), stays: Vec::new() }
    }

    fn pick<T: Copy>(&mut self, from: impl Fn(&Self) -> &[T]) -> Option<T> {
        let n = (self.next)() as usize;
        let from = from(self);
        (!from.is_empty()).then(|| from[n % from.len()])
    }

    /// What everybody is told who asks about every room.
    fn reads<S: Store>(&self, world: &World<S>) -> Vec<String> {
        let reads = world.parlor.rooms();
        let mut told = Vec::new();
        for &actor in &self.people {
            told.push(format!("{:?}", block_on(reads.discover(actor, "", None, 3))));
            told.push(format!("{:?}", block_on(reads.discover(actor, "te", None, 100))));
            for &room in &self.rooms {
                told.push(format!("{:?}", block_on(reads.room(actor, room))));
                told.push(format!("{:?}", block_on(reads.participants(actor, room, None))));
                told.push(format!("{:?}", block_on(reads.bans(actor, room, None))));
                let calls = world.parlor.calls();
                told.push(format!("{:?}", block_on(calls.session(actor, room, None))));
            }
        }
        told
    }

    /// What is told of a leg beside whether it is up.
    fn told_of(&mut self, room: RoomId, participant: ParticipantId, user: UserId) -> AnyCommand {
        let (leg, lease_epoch, n) = (LegId(participant.0), 0, (self.next)());
        match n % 4 {
            0 | 1 => {
                let (epoch, node) = (1, "a".into());
                RequestLeg { leg, room, epoch, participant, user, node, lease_epoch }.into()
            }
            2 => LegClosed {
                room,
                participant,
                leg,
                lease_epoch,
                reason: EndReason::ALL[n as usize / 4 % EndReason::ALL.len()],
            }
            .into(),
            _ => {
                let samples = vec![super::calls::sample(leg, participant, n / 4 % 1_000)];
                ReportQuality { room, lease_epoch, samples }.into()
            }
        }
    }

    /// Carries out one command and says how it was answered.
    fn step<S: Store>(&mut self, world: &World<S>) -> String {
        let actor = self.pick(|it| &it.people).expect("there are people");
        let room = self.pick(|it| &it.rooms).expect("there are rooms");
        let (at, participant) =
            self.pick(|it| &it.stays).unwrap_or((room, ParticipantId(crate::Uuid::nil())));
        let user = self.pick(|it| &it.people).and_then(|it| it.user()).expect("people");
        let leg = LegId(participant.0);
        let command: AnyCommand = match (self.next)() % 28 {
            0..=4 => Join { room }.into(),
            5..=7 => {
                let setup = Setup::default();
                let up = LegConnected { room: at, participant, leg, lease_epoch: 0, setup };
                return self.answer(world, Actor::HOST, up.into());
            }
            8 => {
                let lost = LegLost { room: at, participant, leg, lease_epoch: 0 };
                return self.answer(world, Actor::HOST, lost.into());
            }
            24..=26 => {
                let told = self.told_of(at, participant, user);
                return self.answer(world, Actor::HOST, told);
            }
            9 => Leave { room: at, participant }.into(),
            10 => Kick { room: at, participant }.into(),
            11 => Ban { room, user, reason: "why not".into() }.into(),
            12 => LiftBan { room, user }.into(),
            13 => RaiseHand { room: at, participant }.into(),
            14 => LowerHand { room: at, participant }.into(),
            15 if (self.next)().is_multiple_of(2) => GrantNext { room }.into(),
            15 => GrantFloor { room: at, participant }.into(),
            16 => StepDown { room: at, participant }.into(),
            17 => {
                SetSelfMute { room: at, participant, muted: (self.next)().is_multiple_of(2) }.into()
            }
            18 => Mute { room: at, participant }.into(),
            19 if (self.next)().is_multiple_of(2) => LockMic { room: at, participant }.into(),
            19 => UnlockMic { room: at, participant }.into(),
            20 if (self.next)().is_multiple_of(2) => Lock { room }.into(),
            20 => Unlock { room }.into(),
            21 if (self.next)().is_multiple_of(4) => Close { room }.into(),
            21 => Create {
                name: "Coffee".into(),
                description: String::new(),
                max_participants: Some(4),
                stage_mode: StageMode::Moderated,
            }
            .into(),
            _ => {
                world.clock.advance(std::time::Duration::from_millis((self.next)() % 8_000));
                return format!("{:?}", world.drive());
            }
        };
        self.answer(world, actor, command)
    }

    fn answer<S: Store>(&mut self, world: &World<S>, actor: Actor, command: AnyCommand) -> String {
        let answer = block_on(world.parlor.execute_any(actor, None, command.clone()));
        match (&command, &answer) {
            (AnyCommand::Join(Join { room }), Ok(admitted)) => {
                let admitted: Result<rooms::Admitted, _> = serde_json::from_value(admitted.clone());
                self.stays.push((*room, admitted.expect("a join admits").participant));
            }
            (AnyCommand::CreateRoom(_), Ok(created)) => {
                let created: Result<rooms::Created, _> = serde_json::from_value(created.clone());
                self.rooms.push(created.expect("a create creates").room);
            }
            _ => {}
        }
        format!("{} by {actor:?}: {answer:?}", command.name())
    }
}
