use std::time::Duration;

use parlor_core::calls::{
    CallLeg, EndReason, Event, LegMediaStarted, LegReconnect, LegRefused, LegState, OrphanLeg,
    Outcome, QualitySample, Refusal, ReportQuality, RequestLeg, TrimSamples,
};
use parlor_core::engine::{Invalid, Problem};
use parlor_core::media::{LegSample, Quality, SAMPLES_MAX, Setup};
use parlor_core::rooms::{self, LegClosed, LegConnected, LegLost, RoomLease};

use super::*;

const SETUP: Setup = Setup { ice: Duration::from_millis(120), dtls: Duration::from_millis(80) };
const UP: LegConnected =
    LegConnected { room: ROOM, participant: STAY, leg: LEG, lease_epoch: 0, setup: SETUP };
const LOST: LegLost = LegLost { room: ROOM, participant: STAY, leg: LEG, lease_epoch: 0 };
const CLOSED: LegClosed = LegClosed {
    room: ROOM,
    participant: STAY,
    leg: LEG,
    lease_epoch: 0,
    reason: EndReason::ConnectionTimeout,
};
const SECOND: Duration = Duration::from_secs(1);

/// The guest's leg, asked for a second ago.
fn requested() -> CallLeg {
    CallLeg {
        id: LEG,
        room_id: ROOM,
        epoch: 4,
        participant_id: STAY,
        user_id: GUEST,
        node: "a".into(),
        lease_epoch: 0,
        state: LegState::Requested,
        requested_at: NOW - SECOND,
        signaled_at: None,
        ice_connected_at: None,
        connected_at: None,
        first_media_at: None,
        ended_at: None,
        end_reason: None,
        outcome: None,
        reconnects: 0,
        quality: None,
        bytes_in: 0,
        bytes_out: 0,
        talk_ms: 0,
        trim_at: None,
    }
}

/// The guest's leg, up for an hour.
fn up() -> CallLeg {
    CallLeg {
        state: LegState::Connected,
        requested_at: BEFORE - SECOND,
        signaled_at: Some(BEFORE),
        ice_connected_at: Some(BEFORE),
        connected_at: Some(BEFORE),
        outcome: Some(Outcome::Success),
        ..requested()
    }
}

fn lost() -> CallLeg {
    CallLeg { state: LegState::Reconnecting, reconnects: 2, ..up() }
}

/// The second time for which it is lost.
fn gone() -> LegReconnect {
    let started_at = NOW - Duration::from_secs(3);
    LegReconnect { leg_id: LEG, n: 2, started_at, ended_at: None, recovered: false }
}

/// What is held when something is told of the leg of somebody who is there.
fn told(leg: CallLeg) -> Held {
    let held = Held::new().shared(room()).owned(stay()).owned(occupancy(3, 2, 2));
    held.absent::<RoomLease>(ROOM, Lock::Share).owned(leg)
}

/// The guest's stay, whose leg is lost.
fn waiting() -> Participant {
    let settings = Settings::default();
    Participant {
        connection: ConnectionState::Reconnecting,
        lost_at: Some(NOW),
        lapses_at: NOW + settings.reconnect_grace,
        ..stay()
    }
}

#[test]
fn a_leg_that_is_asked_for_is_one_row() {
    let request = RequestLeg {
        leg: LEG,
        room: ROOM,
        epoch: 4,
        participant: STAY,
        user: GUEST,
        node: "a".into(),
        lease_epoch: 0,
    };
    let asked = CallLeg { requested_at: NOW, ..requested() };
    let nothing = Held::new().absent::<CallLeg>(LEG, Lock::Own);
    assert_eq!(changes(nothing, Actor::HOST, &request), changeset([put(asked)], []));
    let again = Held::new().owned(up());
    assert_eq!(changes(again, Actor::HOST, &request), changeset([], []));
}

#[test]
fn when_the_steps_of_a_setup_were_is_reckoned_back_from_its_end() {
    let came_up = CallLeg {
        state: LegState::Connected,
        signaled_at: Some(NOW - Duration::from_millis(200)),
        ice_connected_at: Some(NOW - Duration::from_millis(80)),
        connected_at: Some(NOW),
        outcome: Some(Outcome::Success),
        ..requested()
    };
    let expected = changeset([put(stay()), put(came_up)], []);
    assert_eq!(changes(told(requested()), Actor::HOST, &UP), expected);

    // A clock that was set back, or an engine that exaggerates, moves nothing before the request.
    let slow = LegConnected { setup: Setup { ice: SECOND * 60, dtls: SECOND / 4 }, ..UP };
    let clamped = CallLeg {
        state: LegState::Connected,
        signaled_at: Some(NOW - SECOND),
        ice_connected_at: Some(NOW - SECOND / 4),
        connected_at: Some(NOW),
        outcome: Some(Outcome::Success),
        ..requested()
    };
    let expected = changeset([put(stay()), put(clamped)], []);
    assert_eq!(changes(told(requested()), Actor::HOST, &slow), expected);
}

#[test]
fn a_leg_that_is_lost_is_so_for_a_time_until_it_is_back() {
    let nothing = |held: Held, n| held.absent::<LegReconnect>((LEG, n), Lock::Own);
    let first = LegReconnect { n: 1, started_at: NOW, ..gone() };
    let away = CallLeg { reconnects: 1, ..lost() };
    let reconnecting = rooms::Event::Reconnecting { room: ROOM, participant: STAY };
    assert_eq!(
        changes(nothing(told(up()), 1), Actor::HOST, &LOST),
        changeset([put(waiting()), put(away), put(first)], [reconnecting])
    );

    let held = Held::new().shared(room()).owned(waiting()).owned(occupancy(3, 2, 2));
    let held = held.absent::<RoomLease>(ROOM, Lock::Share).owned(lost()).owned(gone());
    let back = LegReconnect { ended_at: Some(NOW), recovered: true, ..gone() };
    let reconnected = rooms::Event::Reconnected { room: ROOM, participant: STAY, downtime_ms: 0 };
    assert_eq!(
        changes(held, Actor::HOST, &UP),
        changeset([put(stay()), put(CallLeg { reconnects: 2, ..up() }), put(back)], [reconnected])
    );
}

#[test]
fn a_leg_that_ends_while_it_is_lost_did_not_come_back() {
    let held = told(lost()).owned(gone());
    let over = CallLeg {
        state: LegState::Closed,
        ended_at: Some(NOW),
        end_reason: Some(EndReason::ConnectionTimeout),
        ..lost()
    };
    let never_back = LegReconnect { ended_at: Some(NOW), ..gone() };
    let reconnecting = rooms::Event::Reconnecting { room: ROOM, participant: STAY };
    assert_eq!(
        changes(held, Actor::HOST, &CLOSED),
        changeset([put(waiting()), put(over), put(never_back)], [reconnecting])
    );
}

#[test]
fn a_leg_ends_after_the_stay_that_it_carried() {
    let left = Participant {
        connection: ConnectionState::Left,
        left_at: Some(BEFORE),
        leave_reason: Some(rooms::LeaveReason::Kicked),
        ..stay()
    };
    // Under whatever lease: the room may have closed, and its lease be gone.
    let closed = LegClosed { lease_epoch: -1, reason: EndReason::Disconnected, ..CLOSED };
    let sampled = CallLeg { quality: Some(Quality::Good), ..up() };
    let over = CallLeg {
        state: LegState::Closed,
        ended_at: Some(NOW),
        end_reason: Some(EndReason::Disconnected),
        trim_at: Some(NOW + Settings::default().sample_retention),
        ..sampled.clone()
    };
    let held = Held::new().shared(room()).owned(left).owned(sampled);
    let held = held.absent::<RoomLease>(ROOM, Lock::Share);
    assert_eq!(changes(held, Actor::HOST, &closed), changeset([put(over)], []));
}

#[test]
fn how_a_leg_ends_says_what_became_of_the_attempt() {
    use EndReason::{ClosedByPeer, MediaFailure, NodeLost, SetupTimeout, SignalingError};
    let table = [
        (requested(), SignalingError, LegState::Failed, Outcome::Failed),
        (requested(), SetupTimeout, LegState::Failed, Outcome::Failed),
        (requested(), NodeLost, LegState::Failed, Outcome::Failed),
        (requested(), ClosedByPeer, LegState::Closed, Outcome::Aborted),
        (up(), ClosedByPeer, LegState::Closed, Outcome::Success),
        (up(), MediaFailure, LegState::Closed, Outcome::Success),
    ];
    for (leg, reason, state, outcome) in table {
        let ended = CallLeg {
            state,
            ended_at: Some(NOW),
            end_reason: Some(reason),
            outcome: Some(outcome),
            ..leg.clone()
        };
        let refused = LegRefused { leg: LEG, reason };
        let over = changeset([put(ended.clone())], []);
        assert_eq!(changes(Held::new().owned(leg), Actor::HOST, &refused), over);
        // It ends once.
        assert_eq!(changes(Held::new().owned(ended), Actor::HOST, &refused), changeset([], []));
    }
}

#[test]
fn the_first_sound_is_so_long_after_the_leg_was_up() {
    let started = LegMediaStarted { leg: LEG, after: SECOND };
    let heard = CallLeg { first_media_at: Some(BEFORE + SECOND), ..up() };
    let after = |leg| changes(Held::new().owned(leg), Actor::HOST, &started);
    assert_eq!(after(up()), changeset([put(heard.clone())], []));
    assert_eq!(after(CallLeg { first_media_at: Some(NOW), ..heard }), changeset([], []));
    assert_eq!(after(requested()), changeset([], []));
    let over = CallLeg { state: LegState::Closed, ended_at: Some(NOW), ..up() };
    assert_eq!(after(over), changeset([], []));
    let unknown = Held::new().absent::<CallLeg>(LEG, Lock::Own);
    assert_eq!(changes(unknown, Actor::HOST, &started), changeset([], []));
}

#[test]
fn a_leg_goes_with_its_node_and_stands_under_a_later_lease() {
    let orphan = OrphanLeg { leg: LEG, epoch: 2 };
    let under = |lease_epoch| CallLeg { lease_epoch, ..up() };
    let after = |leg| changes(Held::new().owned(leg), Actor::HOST, &orphan);
    let over = CallLeg {
        state: LegState::Closed,
        ended_at: Some(NOW),
        end_reason: Some(EndReason::NodeLost),
        ..under(2)
    };
    assert_eq!(after(under(2)), changeset([put(over)], []));
    assert_eq!(after(under(3)), changeset([], []));
}

/// Ten seconds of the guest's leg.
fn sample() -> LegSample {
    LegSample {
        leg: LEG,
        participant: STAY,
        window: SECOND * 10,
        rtt: Some(Duration::from_millis(120)),
        jitter: None,
        loss_in_ppm: Some(7_000),
        loss_out_ppm: Some(5_000_000),
        bytes_in: 50_000,
        bytes_out: 10,
        talk: SECOND * 4,
    }
}

fn report(samples: Vec<LegSample>) -> ReportQuality {
    ReportQuality { room: ROOM, lease_epoch: 0, samples }
}

/// What is held when it is told how legs did: of one.
fn sampled(leg: CallLeg) -> Held {
    let held = Held::new().absent::<RoomLease>(ROOM, Lock::Share);
    held.absent::<QualitySample>((LEG, NOW), Lock::Own).owned(leg)
}

#[test]
fn a_sample_is_kept_and_added_up() {
    let fair = LegSample { loss_out_ppm: Some(20_000), ..sample() };
    let kept = QualitySample {
        leg_id: LEG,
        at: NOW,
        window_ms: 10_000,
        rtt_ms: Some(120),
        jitter_ms: None,
        loss_in_ppm: Some(7_000),
        loss_out_ppm: Some(20_000),
        bitrate_in: 40_000,
        bitrate_out: 8,
        quality: Quality::Good,
        mos_centi: fair.mos_centi(),
    };
    let was = CallLeg { bytes_in: 1, bytes_out: i64::MAX, talk_ms: 500, ..up() };
    let sum = CallLeg {
        quality: Some(Quality::Good),
        bytes_in: 50_001,
        bytes_out: i64::MAX,
        talk_ms: 4_500,
        ..was.clone()
    };
    let changed =
        |quality| Event::QualityChanged { room: ROOM, participant: STAY, leg: LEG, quality };
    let expected = |events: Vec<Event>| Changeset {
        events: events.into_iter().map(AnyEvent::from).collect(),
        ..changeset([put(sum.clone()), put(kept.clone())], [])
    };
    for (before, events) in [
        (None, vec![changed(Quality::Good)]),
        (Some(Quality::Poor), vec![changed(Quality::Good)]),
        (Some(Quality::Good), vec![]),
    ] {
        let held = sampled(CallLeg { quality: before, ..was.clone() });
        assert_eq!(changes(held, Actor::HOST, &report(vec![fair])), expected(events));
    }
}

#[test]
fn an_engine_that_makes_things_up_is_held_to_what_can_be() {
    let endless = LegSample {
        window: Duration::MAX,
        rtt: Some(Duration::MAX),
        jitter: Some(Duration::MAX),
        bytes_in: u64::MAX,
        bytes_out: u64::MAX,
        talk: Duration::MAX,
        ..sample()
    };
    let nothing = LegSample { window: Duration::ZERO, rtt: None, ..sample() };
    let row = |sample| {
        let changes = changes(sampled(up()), Actor::HOST, &report(vec![sample]));
        let row = changes.writes.into_values().flatten().find_map(QualitySample::take_row);
        row.expect("a sample")
    };
    let (endless, nothing) = (row(endless), row(nothing));
    let most = i32::MAX as u32;
    assert_eq!(
        (endless.window_ms, endless.rtt_ms, endless.jitter_ms),
        (most, Some(most), Some(most))
    );
    assert_eq!((endless.loss_out_ppm, endless.mos_centi), (Some(1_000_000), Some(100)));
    assert_eq!((nothing.bitrate_in, nothing.bitrate_out), (0, 0));
}

#[test]
fn samples_of_legs_that_ended_or_that_nobody_knows_are_left_out() {
    let ended = CallLeg { state: LegState::Closed, ended_at: Some(NOW), ..up() };
    let elsewhere = CallLeg { room_id: rooms::RoomId(Uuid::nil()), ..up() };
    let unknown = Held::new().absent::<CallLeg>(LEG, Lock::Own);
    let unknown = unknown.absent::<RoomLease>(ROOM, Lock::Share);
    let unknown = unknown.absent::<QualitySample>((LEG, NOW), Lock::Own);
    for held in [sampled(ended), sampled(elsewhere), unknown] {
        assert_eq!(changes(held, Actor::HOST, &report(vec![sample()])), changeset([], []));
    }
}

#[test]
fn what_a_node_says_of_legs_in_a_room_it_has_lost_is_refused() {
    let (node, url) = (Some("b".into()), String::new());
    let lease =
        RoomLease { room_id: ROOM, node, run: 1, url, epoch: 2, expires_at: Timestamp::NEVER };
    let held = Held::new().shared(lease).owned(up());
    let held = held.absent::<QualitySample>((LEG, NOW), Lock::Own);
    assert_eq!(refusal(held, Actor::HOST, &report(vec![sample()])), Refusal::Fenced);
}

#[test]
fn a_report_tells_of_so_many_legs_and_no_more() {
    let many = report(vec![sample(); SAMPLES_MAX + 1]);
    let problem = Problem::OutOfRange { min: 0, max: SAMPLES_MAX as i64 };
    let invalid = Refusal::Invalid(Invalid { field: "samples", problem });
    assert_eq!(refusal(Held::new(), Actor::HOST, &many), invalid);
}

#[test]
fn samples_are_deleted_when_their_time_has_come() {
    let kept = |n: i64| QualitySample {
        leg_id: LEG,
        at: Timestamp(n),
        window_ms: 0,
        rtt_ms: None,
        jitter_ms: None,
        loss_in_ppm: None,
        loss_out_ppm: None,
        bitrate_in: 0,
        bitrate_out: 0,
        quality: Quality::Lost,
        mos_centi: None,
    };
    let over = |trim_at| CallLeg { state: LegState::Closed, trim_at, ..up() };
    let after = |leg: CallLeg, n: i64| {
        let found: Vec<Row> = (0..n).map(|n| kept(n).into()).collect();
        let held = (0..n).fold(Held::new().owned(leg), |held, n| held.owned(kept(n)));
        let ctx = ctx(Actor::HOST).with_found(found);
        decide_in(held, &ctx, &TrimSamples { leg: LEG }).expect("it ends well").1
    };
    let gone = |n: i64| delete::<QualitySample>((LEG, Timestamp(n)));

    let (due, early) = (Some(NOW), Some(NOW + Duration::from_micros(1)));
    assert_eq!(after(over(due), 2), changeset([put(over(None)), gone(0), gone(1)], []));
    assert_eq!(after(over(early), 2), changeset([], []));
    assert_eq!(after(over(None), 2), changeset([], []));
    // A full page may not be the last one.
    let page = after(over(due), 500);
    assert_eq!(page.writes.len(), 500);
    assert!(page.writes.values().all(Option::is_none));
}
