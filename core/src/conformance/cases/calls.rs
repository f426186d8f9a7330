//! What is kept of transports: found leg by leg, taken whole, and let go in time.

use std::time::Duration;

use super::engine::{join, leg_lost, leg_up};
use super::world;
use crate::calls::{
    CallLeg, EndReason, LegMediaStarted, LegState, LegView, LevelView, QualitySample,
    ReconnectView, ReportQuality, RequestLeg, SampleView,
};
use crate::conformance::{Harness, World, block_on};
use crate::engine::{AnyCommand, Settings};
use crate::events::Actor;
use crate::identity::UserId;
use crate::media::{LegId, LegSample, Quality, SAMPLES_MAX};
use crate::record::Timestamp;
use crate::rooms::{LegClosed, ParticipantId, RoomId, RoomRole, Seat, StageMode};
use crate::storage::{PAGE_MAX, Store};
use crate::tables::Row;

/// Ten seconds of a leg with this round trip, in milliseconds.
pub(super) fn sample(leg: LegId, participant: ParticipantId, rtt: u64) -> LegSample {
    LegSample {
        leg,
        participant,
        window: Duration::from_secs(10),
        rtt: Some(Duration::from_millis(rtt)),
        jitter: Some(Duration::from_millis(5)),
        loss_in_ppm: Some(2_000),
        loss_out_ppm: None,
        bytes_in: 40_000,
        bytes_out: 120_000,
        talk: Duration::from_millis(2_500),
    }
}

/// Those who keep order in a room find a session's legs, when each was lost and how it did, each in
/// order and page by page; nobody else finds any of it.
pub fn a_session_is_told_leg_by_leg_in_order<H: Harness>(harness: &H) {
    let world = world(harness);
    let (host, guest) = (world.guest("Host"), world.guest("Guest"));
    let room = world.room(host, StageMode::OpenFloor, 10);
    let stays = [(join(&world, host, room), host), (join(&world, guest, room), guest)];
    let wait = |ms| world.clock.advance(Duration::from_millis(ms));
    for (stay, who) in stays {
        request(&world, room, (stay, who));
        wait(400);
        leg_up(&world, room, stay);
        tell(&world, LegMediaStarted { leg: LegId(stay.0), after: Duration::from_millis(30) });
    }
    let (stay, leg) = (stays[1].0, LegId(stays[1].0.0));
    for rtt in [40, 300, 300] {
        wait(10_000);
        let samples = vec![sample(leg, stay, rtt)];
        tell(&world, ReportQuality { room, lease_epoch: 0, samples });
    }
    leg_lost(&world, room, stay);
    wait(3_000);
    leg_up(&world, room, stay);
    wait(1_000);
    leg_lost(&world, room, stay);
    wait(2_000);
    let reason = EndReason::ConnectionTimeout;
    tell(&world, LegClosed { room, participant: stay, leg, lease_epoch: 0, reason });

    let at = |ms: u64| World::<H::Store>::BEGIN + Duration::from_millis(ms);
    let calls = world.parlor.calls();
    let legs = block_on(calls.session(host, room, None)).expect("the host keeps order").rows;
    let of: Vec<_> = legs.iter().map(|it| (it.participant, it.state)).collect();
    assert_eq!(of, [(stays[0].0, LegState::Connected), (stay, LegState::Closed)]);
    let mine = block_on(calls.participant(host, room, stay, None)).expect("as for the session");
    assert_eq!(mine.rows, legs[1..]);
    let ended = LegView {
        connected_at: Some(at(800)),
        first_media_at: Some(at(830)),
        ended_at: Some(at(36_800)),
        end_reason: Some(reason),
        reconnects: 2,
        quality: Some(Quality::Poor),
        bytes_in: 120_000,
        bytes_out: 360_000,
        talk_ms: 7_500,
        ..legs[1].clone()
    };
    assert_eq!(legs[1], ended);

    let lost = |n, from, to, recovered| ReconnectView {
        n,
        started_at: at(from),
        ended_at: Some(at(to)),
        recovered,
    };
    let reconnects = block_on(calls.reconnects(host, room, leg, None)).expect("it is the room's");
    assert_eq!(reconnects.rows, [lost(1, 30_800, 33_800, true), lost(2, 34_800, 36_800, false)]);
    let sampled = |ms, rtt, quality, mos| SampleView {
        at: at(ms),
        window_ms: 10_000,
        rtt_ms: Some(rtt),
        jitter_ms: Some(5),
        loss_in_ppm: Some(2_000),
        loss_out_ppm: None,
        bitrate_in: 32_000,
        bitrate_out: 96_000,
        quality,
        mos_centi: Some(mos),
    };
    let samples = block_on(calls.samples(host, room, leg, None)).expect("it is the room's");
    assert_eq!(
        samples.rows,
        [
            sampled(10_800, 40, Quality::Excellent, 436),
            sampled(20_800, 300, Quality::Poor, 428),
            sampled(30_800, 300, Quality::Poor, 428),
        ]
    );
    assert_eq!(world.count("calls.quality_changed"), 2, "a first level, and an edge");

    let level = |it: usize, quality| LevelView { participant: stays[it].0, quality };
    let levels = || block_on(calls.levels(guest, room, None)).expect("they are in it").rows;
    assert_eq!(levels(), [], "the one leg has ended, and the other has no sample");
    let samples = vec![sample(LegId(stays[0].0.0), stays[0].0, 120)];
    tell(&world, ReportQuality { room, lease_epoch: 0, samples });
    assert_eq!(levels(), [level(0, Quality::Good)]);

    let nobody = world.guest("Nobody");
    assert!(block_on(calls.levels(nobody, room, None)).is_err());
    for who in [guest, nobody, Actor::HOST] {
        assert!(block_on(calls.session(who, room, None)).is_err());
        assert!(block_on(calls.participant(who, room, stay, None)).is_err());
        assert!(block_on(calls.reconnects(who, room, leg, None)).is_err());
        assert!(block_on(calls.samples(who, room, leg, None)).is_err());
    }
    let seat = (room, guest.user().expect("a guest is somebody"));
    let seat = world.held::<Seat>(seat).expect("they sit there");
    world.write([Seat { role: RoomRole::Moderator, ..seat }.into()]);
    let elsewhere = world.room(nobody, StageMode::OpenFloor, 10);
    assert!(block_on(calls.samples(nobody, elsewhere, leg, None)).is_err(), "another room's");
}

/// A report on as many legs as one may tell of is one changeset; one leg more is refused.
pub fn a_report_on_as_many_legs_as_allowed_is_taken_whole<H: Harness>(harness: &H) {
    let world = world(harness);
    let host = world.guest("Host");
    let room = world.room(host, StageMode::OpenFloor, 10);
    let stay = |n: usize| ParticipantId(crate::Uuid::from_u128(n as u128 + 1));
    let legs = (0..SAMPLES_MAX).map(|n| (stay(n), host));
    legs.for_each(|it| request(&world, room, it));
    let samples = |n: usize| (0..n).map(|n| sample(LegId(stay(n).0), stay(n), 10)).collect();
    let report = |n| ReportQuality { room, lease_epoch: 0, samples: samples(n) };

    let refused = block_on(world.parlor.execute_any(Actor::HOST, None, report(251).into()));
    let field = match refused {
        Err(crate::engine::Error::Refused(refusal)) => refusal.field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field, Some("samples"));
    tell(&world, report(SAMPLES_MAX));

    assert_eq!(world.rows::<QualitySample>().len(), SAMPLES_MAX);
    let talked = |leg: &CallLeg| leg.talk_ms == 2_500 && leg.quality == Some(Quality::Excellent);
    assert!(world.rows::<CallLeg>().iter().all(talked));
}

/// The samples of a leg are deleted once they are old, in pages, whoever drives; its row stays.
pub fn samples_are_deleted_once_they_are_old<H: Harness>(harness: &H) {
    let world = world(harness);
    let host = world.guest("Host");
    let room = world.room(host, StageMode::OpenFloor, 10);
    let (old, young) = (join(&world, host, room), ParticipantId(crate::Uuid::from_u128(1)));
    for stay in [old, young] {
        request(&world, room, (stay, host));
        let samples = vec![sample(LegId(stay.0), stay, 10)];
        tell(&world, ReportQuality { room, lease_epoch: 0, samples });
    }
    let like = world.rows::<QualitySample>()[0].clone();
    let more = |n: i64| -> Row {
        let at = Timestamp(like.at.0 + n);
        QualitySample { leg_id: LegId(old.0), at, ..like.clone() }.into()
    };
    world.write((1..=i64::from(PAGE_MAX)).map(more));
    let (participant, leg, reason) = (old, LegId(old.0), EndReason::ClosedByPeer);
    tell(&world, LegClosed { room, participant, leg, lease_epoch: 0, reason });

    let retention = Settings::default().sample_retention;
    world.clock.advance(retention - Duration::from_micros(1));
    world.drive();
    assert_eq!(world.rows::<QualitySample>().len(), PAGE_MAX as usize + 2);
    world.clock.advance(Duration::from_micros(1));
    world.drive();

    let left: Vec<_> = world.rows::<QualitySample>().iter().map(|it| it.leg_id).collect();
    assert_eq!(left, [LegId(young.0)]);
    assert_eq!(world.rows::<CallLeg>().len(), 2);
    assert_eq!(world.drive(), crate::engine::Driven::default());
}

fn request<S: Store>(world: &World<S>, room: RoomId, (participant, who): (ParticipantId, Actor)) {
    let user: UserId = who.user().expect("they are somebody");
    let (leg, node) = (LegId(participant.0), "a".into());
    tell(world, RequestLeg { leg, room, epoch: 1, participant, user, node, lease_epoch: 0 });
}

fn tell<S: Store>(world: &World<S>, command: impl Into<AnyCommand>) {
    let told = block_on(world.parlor.execute_any(Actor::HOST, None, command.into()));
    told.expect("it is taken");
}
