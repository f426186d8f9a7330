//! A row of every table and an event of every kind, with values at the edges of what fits.

mod ledger;

use serde_json::json;

use crate::Uuid;
use crate::calls::{self, CallLeg, EndReason, LegReconnect, LegState, Outcome, QualitySample};
use crate::engine::{FeedCursor, Idempotency, Sweep, Timer};
use crate::events::{AnyEvent, Position};
use crate::identity::{self, AuthSession, AuthSessionId, User, UserId, UserKind};
use crate::media::{LegId, Quality};
use crate::record::{Digest, Json, Timestamp};
use crate::rooms::{
    Ban, ConnectionState, Event, ExpireEmpty, FloorVia, HandQueue, LeaveReason, MicState, Node,
    Occupancy, Participant, ParticipantId, Room, RoomBan, RoomCloseReason, RoomId, RoomLease,
    RoomListing, RoomRole, RoomStatus, Seat, StageMode, StageState,
};
use crate::storage::text;
use crate::tables::Row;

pub(super) use ledger::ledger;

/// Four-byte characters, combining marks, and all that means something to SQL.
const ODD: &str = "𝒯éa e\u{301} 🧑‍🚀 '\"\\%_;--";
/// The first instant of the year 1.
const EARLY: Timestamp = Timestamp(-62_135_596_800_000_000);
/// The last of the year 9999.
const LATE: Timestamp = Timestamp(253_402_300_799_999_999);

/// Rows of every table but those of which [`ledger`](ledger()) has some, parents first. The same `n`
/// gives the same keys; `full` says whether optional columns hold something, and all other columns
/// differ with it too.
///
/// A stay cannot be lost and over at once, so that there are two of them.
pub(super) fn rows(n: u128, full: bool) -> Vec<Row> {
    let id = |k: u128| Uuid::from_u128(n << 64 | k);
    let (user, other, room) = (UserId(id(1)), UserId(id(2)), RoomId(id(3)));
    let (first, second) = (ParticipantId(id(4)), ParticipantId(id(5)));
    let [a, b] = stays(first, second, room, (user, other), full);
    let epoch = if full { i64::MAX } else { 1 };
    let mut rows: Vec<Row> = vec![
        person(user, full).into(),
        person(other, full).into(),
        AuthSession {
            id: AuthSessionId(id(6)),
            user_id: user,
            access_token_hash: Digest([if full { 0xff } else { n as u8 }; 32]),
            expires_at: at(full),
            created_at: at(full),
        }
        .into(),
        a_room(room, user, full).into(),
        RoomBan {
            room_id: room,
            user_id: other,
            display_name: text_of("Ada", full),
            reason: text_of("", full),
            banned_by: full.then_some(user),
            at: at(full),
        }
        .into(),
        a.into(),
        b.into(),
        Seat {
            room_id: room,
            user_id: user,
            participant_id: full.then_some(first),
            epoch,
            role: if full { RoomRole::Cohost } else { RoomRole::Guest },
        }
        .into(),
        HandQueue { room_id: room, next_seq: epoch, speakers: if full { u32::MAX } else { 0 } }
            .into(),
        occupancy(room, if full { u32::MAX } else { 0 }).into(),
        Node {
            name: format!("{n}~!%_'\"\\"),
            url: text_of("", full),
            run: epoch,
            expires_at: at(full),
        }
        .into(),
        RoomLease {
            room_id: room,
            node: full.then(|| ODD.into()),
            run: if full { i64::MIN } else { 0 },
            url: text_of("", full),
            epoch,
            expires_at: if full { LATE } else { Timestamp::NEVER },
        }
        .into(),
        a_card(room, full).into(),
        a_leg(LegId(id(7)), (room, first, user), full).into(),
        LegReconnect {
            leg_id: LegId(id(7)),
            n: 1,
            started_at: EARLY,
            ended_at: full.then_some(LATE),
            recovered: full,
        }
        .into(),
        a_sample(LegId(id(7)), full).into(),
        Sweep {
            name: format!("suite.{n}"),
            subject: Uuid::max(),
            bound: if full { i64::MAX } else { i64::MIN },
            started_at: at(full),
        }
        .into(),
        a_timer(n, room, user, full).into(),
        Idempotency {
            scope: Uuid::nil(),
            key: format!("{n}~!%_'\"\\"),
            request: Digest([if full { 0xff } else { 0 }; 32]),
            outcome: Json(if full {
                json!({ "a": [null, 1.5, i64::MIN, ODD] })
            } else {
                json!(null)
            }),
            expires_at: at(full),
        }
        .into(),
        FeedCursor {
            consumer: format!("suite {n} {ODD}"),
            position: Position(if full { i64::MAX } else { 0 }),
        }
        .into(),
    ];
    rows.extend(ledger::that_may_go(n, full));
    rows
}

fn at(full: bool) -> Timestamp {
    if full { LATE } else { EARLY }
}

fn text_of(plain: &str, full: bool) -> String {
    if full { ODD.to_owned() } else { plain.to_owned() }
}

fn person(id: UserId, full: bool) -> User {
    User {
        id,
        kind: if full { UserKind::Service } else { UserKind::Guest },
        display_name: text_of("Ada", full),
        created_at: at(full),
        updated_at: at(full),
    }
}

fn a_room(id: RoomId, owner_id: UserId, full: bool) -> Room {
    Room {
        id,
        name: text_of("Tea", full),
        description: text_of("", full),
        stage_mode: if full { StageMode::Moderated } else { StageMode::OpenFloor },
        status: if full { RoomStatus::Closed } else { RoomStatus::Idle },
        owner_id,
        max_participants: if full { 100_000 } else { 2 },
        locked_at: full.then_some(LATE),
        epoch: if full { i64::MAX } else { 1 },
        created_at: EARLY,
        updated_at: at(full),
        opened_at: full.then_some(EARLY),
        closed_at: full.then_some(LATE),
        close_reason: full.then_some(RoomCloseReason::NeverJoined),
    }
}

/// Two stays: just let in, or, when full, one that is lost and one that is over.
fn stays(
    first: ParticipantId,
    second: ParticipantId,
    room_id: RoomId,
    (user_id, other): (UserId, UserId),
    full: bool,
) -> [Participant; 2] {
    let stay = Participant {
        id: first,
        room_id,
        epoch: if full { i64::MAX } else { 1 },
        user_id,
        display_name: text_of("Ada", full),
        role: if full { RoomRole::Host } else { RoomRole::Guest },
        stage: StageState::Audience,
        hand_seq: None,
        mic: if full { MicState::Locked } else { MicState::Off },
        connection: ConnectionState::Joining,
        leg_id: None,
        lease_epoch: i64::from(full),
        joined_at: EARLY,
        connected_at: None,
        lost_at: None,
        lapses_at: if full { EARLY } else { Timestamp::NEVER },
        left_at: None,
        leave_reason: None,
        removed_by: None,
    };
    if !full {
        return [stay.clone(), Participant { id: second, user_id: other, ..stay }];
    }
    let lost = Participant {
        stage: StageState::Requested,
        hand_seq: Some(i64::MAX),
        connection: ConnectionState::Reconnecting,
        leg_id: Some(LegId(Uuid::max())),
        connected_at: Some(EARLY),
        lost_at: Some(LATE),
        lapses_at: LATE,
        ..stay.clone()
    };
    let over = Participant {
        id: second,
        user_id: other,
        connection: ConnectionState::Left,
        connected_at: Some(EARLY),
        lapses_at: Timestamp::NEVER,
        left_at: Some(LATE),
        leave_reason: Some(LeaveReason::ConnectionTimeout),
        removed_by: Some(user_id),
        ..stay
    };
    [lost, over]
}

pub(super) fn occupancy(room_id: RoomId, n: u32) -> Occupancy {
    Occupancy { room_id, reserved: n, active: n, peak: n }
}

fn a_card(room_id: RoomId, full: bool) -> RoomListing {
    RoomListing {
        room_id,
        name: text_of("Tea", full),
        description: text_of("", full),
        owner_name: text_of("Ada", full),
        stage_mode: if full { StageMode::Moderated } else { StageMode::OpenFloor },
        status: if full { RoomStatus::Live } else { RoomStatus::Idle },
        locked: full,
        active: if full { u32::MAX } else { 0 },
        max_participants: if full { 100_000 } else { 2 },
        search: if full { text::words(ODD) } else { String::new() },
        refreshed_at: at(full),
    }
}

fn a_leg(
    id: LegId,
    (room_id, participant_id, user_id): (RoomId, ParticipantId, UserId),
    full: bool,
) -> CallLeg {
    let at = full.then_some(LATE);
    let sum = if full { i64::MAX } else { 0 };
    CallLeg {
        id,
        room_id,
        epoch: if full { i64::MAX } else { 1 },
        participant_id,
        user_id,
        node: text_of("a", full),
        lease_epoch: sum,
        state: if full { LegState::Closed } else { LegState::Requested },
        requested_at: EARLY,
        signaled_at: at,
        ice_connected_at: at,
        connected_at: at,
        first_media_at: at,
        ended_at: at,
        end_reason: full.then_some(EndReason::ConnectionTimeout),
        outcome: full.then_some(Outcome::Success),
        reconnects: if full { u32::MAX } else { 0 },
        quality: full.then_some(Quality::Lost),
        bytes_in: sum,
        bytes_out: sum,
        talk_ms: sum,
        trim_at: at,
    }
}

fn a_sample(leg_id: LegId, full: bool) -> QualitySample {
    let ms = i32::MAX.unsigned_abs();
    QualitySample {
        leg_id,
        at: EARLY,
        window_ms: if full { ms } else { 0 },
        rtt_ms: full.then_some(ms),
        jitter_ms: full.then_some(ms),
        loss_in_ppm: full.then_some(1_000_000),
        loss_out_ppm: full.then_some(1_000_000),
        bitrate_in: if full { i64::MAX } else { 0 },
        bitrate_out: if full { i64::MAX } else { 0 },
        quality: if full { Quality::Lost } else { Quality::Excellent },
        mos_centi: full.then_some(450),
    }
}

fn a_timer(n: u128, room: RoomId, user: UserId, full: bool) -> Timer {
    let odd = Ban { room, user, reason: ODD.into() };
    Timer {
        name: format!("suite.{n}"),
        subject: Uuid::nil(),
        due_at: at(full),
        command: Json(if full { odd.into() } else { ExpireEmpty { room }.into() }),
    }
}

/// An event of every kind.
pub fn every_event() -> Vec<AnyEvent> {
    let (room, user) = (RoomId(Uuid::max()), UserId(Uuid::nil()));
    let (participant, by) = (ParticipantId(Uuid::from_u128(1)), Some(user));
    let (mic, stage) = (MicState::MutedServer, StageState::Speaker);
    let rooms = vec![
        Event::Created { room, owner: user },
        Event::WentLive { room },
        Event::Emptied { room },
        Event::Closed { room, reason: RoomCloseReason::ByHost },
        Event::Locked { room, by },
        Event::Unlocked { room, by: None },
        Event::Joining { room, participant, user },
        Event::Joined {
            room,
            participant,
            user,
            display_name: ODD.into(),
            role: RoomRole::Member,
            stage,
            mic,
        },
        Event::Reconnecting { room, participant },
        Event::Reconnected { room, participant, downtime_ms: 20_000 },
        Event::Left { room, participant, user, reason: LeaveReason::Kicked, by },
        Event::HandRaised { room, participant, hand_seq: i64::MAX },
        Event::HandLowered { room, participant, by },
        Event::SpeakInvited { room, participant, by },
        Event::SpeakInviteDeclined { room, participant },
        Event::SpeakerAdded { room, participant, via: FloorVia::Invite, mic },
        Event::SpeakerRemoved { room, participant, by },
        Event::MicChanged { room, participant, mic, by: None },
        Event::Banned { room, user, by },
        Event::BanLifted { room, user, by },
        Event::Claimed { room, node: ODD.into(), epoch: i64::MAX },
        Event::Vacated { room, epoch: 1 },
        Event::Listed {
            room,
            name: ODD.into(),
            description: String::new(),
            owner_name: "Ada".into(),
            stage_mode: StageMode::Moderated,
            status: RoomStatus::Live,
            locked: true,
            active: u32::MAX,
            max_participants: 2,
        },
        Event::Delisted { room },
    ];
    let people = [identity::Event::GuestCreated { user }];
    let (leg, quality) = (LegId(Uuid::from_u128(2)), Quality::Poor);
    let calls = [calls::Event::QualityChanged { room, participant, leg, quality }];
    let mut all: Vec<AnyEvent> = people.into_iter().map(AnyEvent::from).collect();
    all.extend(rooms.into_iter().map(AnyEvent::from));
    all.extend(calls.into_iter().map(AnyEvent::from));
    all.extend(ledger::every_event().map(AnyEvent::from));
    all
}
