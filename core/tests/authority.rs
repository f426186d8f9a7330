//! Who may do what in a room: every public command, asked for by everybody there is.
//!
//! A cell is `ok` or the code of the refusal. Whatever is refused writes nothing.
#![cfg(feature = "conformance")]
#![cfg_attr(
    feature = "conformance",
    expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use parlor_core::conformance::{World, block_on};
use parlor_core::engine::{AnyCommand, Error};
use parlor_core::events::Actor;
use parlor_core::record::Timestamp;
use parlor_core::rooms::{
    AcceptInvite, Ban, Close, ConnectionState, Create, DeclineInvite, GrantFloor, GrantNext,
    HandQueue, InviteToSpeak, Join, Kick, Leave, LiftBan, Lock, LockMic, LowerHand, MicState,
    MoveToAudience, Mute, Occupancy, Participant, ParticipantId, RaiseHand, Room, RoomId, RoomRole,
    Seat, SetSelfMute, StageMode, StageState, StepDown, Unlock, UnlockMic,
};
use parlor_core::storage::MemoryStore;
use parlor_core::tables::TABLES;

/// Who asks: the host application, somebody who is not in the room, those who are, and the owner,
/// in the room and out of it.
const ASKERS: [&str; 8] =
    ["system", "nobody", "guest", "moderator", "cohost", "host", "owner", "owner away"];

/// A moderated room with somebody of each role in it, and somebody to do things to.
struct Scene {
    world: World<MemoryStore>,
    room: RoomId,
    target: (Actor, ParticipantId),
    asker: (Actor, ParticipantId),
}

/// What the target is, and both stand, before the command comes.
#[derive(Clone, Copy)]
struct Given {
    target_role: RoomRole,
    stage: StageState,
    mic: MicState,
}

const GUEST: Given =
    Given { target_role: RoomRole::Guest, stage: StageState::Audience, mic: MicState::Off };
const SPEAKING: Given = Given { stage: StageState::Speaker, mic: MicState::MutedSelf, ..GUEST };
const REQUESTED: Given = Given { stage: StageState::Requested, ..GUEST };
const INVITED: Given = Given { stage: StageState::Invited, ..GUEST };

/// Makes the command of a scene.
type Make = fn(&Scene) -> AnyCommand;

/// Every public command at least once: on oneself, or on a target of some role.
const QUESTIONS: &[(&str, Given, Make)] = &[
    ("create", GUEST, |_| {
        let (name, description) = ("Tea".into(), String::new());
        let stage_mode = StageMode::OpenFloor;
        Create { name, description, max_participants: None, stage_mode }.into()
    }),
    ("join", GUEST, |it| Join { room: it.room }.into()),
    ("lock", GUEST, |it| Lock { room: it.room }.into()),
    ("unlock", GUEST, |it| Unlock { room: it.room }.into()),
    ("close", GUEST, |it| Close { room: it.room }.into()),
    ("leave, oneself", GUEST, |it| Leave { room: it.room, participant: it.asker.1 }.into()),
    ("leave, another", GUEST, |it| Leave { room: it.room, participant: it.target.1 }.into()),
    ("kick a guest", GUEST, kick),
    ("kick a moderator", Given { target_role: RoomRole::Moderator, ..GUEST }, kick),
    ("kick a cohost", Given { target_role: RoomRole::Cohost, ..GUEST }, kick),
    ("kick a host", Given { target_role: RoomRole::Host, ..GUEST }, kick),
    ("kick oneself", GUEST, |it| Kick { room: it.room, participant: it.asker.1 }.into()),
    ("ban a guest", GUEST, ban),
    ("ban a moderator", Given { target_role: RoomRole::Moderator, ..GUEST }, ban),
    ("ban a cohost", Given { target_role: RoomRole::Cohost, ..GUEST }, ban),
    ("ban a host", Given { target_role: RoomRole::Host, ..GUEST }, ban),
    ("ban the owner", GUEST, |it| {
        let owner = it.world.held::<Room>(it.room).unwrap().owner_id;
        Ban { room: it.room, user: owner, reason: String::new() }.into()
    }),
    ("ban oneself", GUEST, |it| {
        let user = it.asker.0.user().or(it.target.0.user()).unwrap();
        Ban { room: it.room, user, reason: String::new() }.into()
    }),
    ("lift_ban", GUEST, |it| LiftBan { room: it.room, user: it.target.0.user().unwrap() }.into()),
    ("raise_hand, oneself", GUEST, |it| {
        RaiseHand { room: it.room, participant: it.asker.1 }.into()
    }),
    ("raise_hand, another", GUEST, |it| {
        RaiseHand { room: it.room, participant: it.target.1 }.into()
    }),
    ("lower_hand, oneself", REQUESTED, |it| {
        LowerHand { room: it.room, participant: it.asker.1 }.into()
    }),
    ("lower_hand, another", REQUESTED, |it| {
        LowerHand { room: it.room, participant: it.target.1 }.into()
    }),
    ("grant_floor", REQUESTED, |it| GrantFloor { room: it.room, participant: it.target.1 }.into()),
    ("grant_floor, oneself", REQUESTED, |it| {
        GrantFloor { room: it.room, participant: it.asker.1 }.into()
    }),
    ("grant_next", REQUESTED, |it| GrantNext { room: it.room }.into()),
    ("grant_next, nobody waits", GUEST, |it| GrantNext { room: it.room }.into()),
    ("invite_to_speak", GUEST, |it| {
        InviteToSpeak { room: it.room, participant: it.target.1 }.into()
    }),
    ("accept_invite, oneself", INVITED, |it| {
        AcceptInvite { room: it.room, participant: it.asker.1 }.into()
    }),
    ("accept_invite, another", INVITED, |it| {
        AcceptInvite { room: it.room, participant: it.target.1 }.into()
    }),
    ("decline_invite, oneself", INVITED, |it| {
        DeclineInvite { room: it.room, participant: it.asker.1 }.into()
    }),
    ("decline_invite, another", INVITED, |it| {
        DeclineInvite { room: it.room, participant: it.target.1 }.into()
    }),
    ("step_down, oneself", SPEAKING, |it| {
        StepDown { room: it.room, participant: it.asker.1 }.into()
    }),
    ("step_down, another", SPEAKING, |it| {
        StepDown { room: it.room, participant: it.target.1 }.into()
    }),
    ("move_to_audience a guest", SPEAKING, move_to_audience),
    (
        "move_to_audience a moderator",
        Given { target_role: RoomRole::Moderator, ..SPEAKING },
        move_to_audience,
    ),
    (
        "move_to_audience a host",
        Given { target_role: RoomRole::Host, ..SPEAKING },
        move_to_audience,
    ),
    ("set_self_mute, oneself", SPEAKING, |it| {
        SetSelfMute { room: it.room, participant: it.asker.1, muted: false }.into()
    }),
    ("set_self_mute, another", SPEAKING, |it| {
        SetSelfMute { room: it.room, participant: it.target.1, muted: false }.into()
    }),
    ("mute a guest", SPEAKING, |it| Mute { room: it.room, participant: it.target.1 }.into()),
    ("mute a moderator", Given { target_role: RoomRole::Moderator, ..SPEAKING }, |it| {
        Mute { room: it.room, participant: it.target.1 }.into()
    }),
    ("mute a host", Given { target_role: RoomRole::Host, ..SPEAKING }, |it| {
        Mute { room: it.room, participant: it.target.1 }.into()
    }),
    ("lock_mic a guest", SPEAKING, |it| LockMic { room: it.room, participant: it.target.1 }.into()),
    ("lock_mic a cohost", Given { target_role: RoomRole::Cohost, ..SPEAKING }, |it| {
        LockMic { room: it.room, participant: it.target.1 }.into()
    }),
    ("unlock_mic a guest", Given { mic: MicState::Locked, ..SPEAKING }, |it| {
        UnlockMic { room: it.room, participant: it.target.1 }.into()
    }),
    ("unlock_mic oneself", Given { mic: MicState::Locked, ..SPEAKING }, |it| {
        UnlockMic { room: it.room, participant: it.asker.1 }.into()
    }),
];

fn kick(it: &Scene) -> AnyCommand {
    Kick { room: it.room, participant: it.target.1 }.into()
}

fn ban(it: &Scene) -> AnyCommand {
    Ban { room: it.room, user: it.target.0.user().unwrap(), reason: String::new() }.into()
}

fn move_to_audience(it: &Scene) -> AnyCommand {
    MoveToAudience { room: it.room, participant: it.target.1 }.into()
}

#[test]
fn every_command_by_everybody() {
    let mut table = format!("{:<30}", "");
    ASKERS.iter().for_each(|asker| write!(table, "{asker:<14}").unwrap());
    let mut asked = BTreeSet::new();
    for (question, given, make) in QUESTIONS {
        write!(table, "\n{question:<30}").unwrap();
        for asker in ASKERS {
            let scene = Scene::new(asker, *given);
            let command = make(&scene);
            asked.insert(command.name());
            write!(table, "{:<14}", scene.ask(command)).unwrap();
        }
    }

    for public in AnyCommand::PUBLIC {
        assert!(asked.contains(public), "{public} is missing from the table");
    }
    insta::assert_snapshot!(table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}

impl Scene {
    fn new(asker: &str, given: Given) -> Self {
        let world = World::new(MemoryStore::new());
        let people = world.crowd(3);
        let [owner, target, other] = people[..] else { unreachable!() };
        let room = world.room(owner, StageMode::Moderated, 100);
        let (target_stay, own_stay) = (ParticipantId::from(id(1)), ParticipantId::from(id(2)));
        let mut seats = vec![stay(room, target_stay, target, given.target_role, given)];
        let own_role = match asker {
            "guest" => Some(RoomRole::Guest),
            "moderator" => Some(RoomRole::Moderator),
            "cohost" => Some(RoomRole::Cohost),
            "host" | "owner" => Some(RoomRole::Host),
            _ => None,
        };
        let actor = match asker {
            "system" => Actor::HOST,
            "owner" | "owner away" => owner,
            _ => other,
        };
        seats.extend(own_role.map(|role| stay(room, own_stay, actor, role, given)));
        let n = seats.len() as u32;
        let speakers = if given.stage == StageState::Speaker { n } else { 0 };
        world.write([
            HandQueue { room_id: room, next_seq: 10, speakers }.into(),
            Occupancy { room_id: room, reserved: n, active: n, peak: n }.into(),
        ]);
        for stay in seats {
            let seat = Seat {
                room_id: room,
                user_id: stay.user_id,
                participant_id: Some(stay.id),
                epoch: stay.epoch,
                role: stay.role,
            };
            world.write([stay.into(), seat.into()]);
        }
        Self { world, room, target: (target, target_stay), asker: (actor, own_stay) }
    }

    fn ask(&self, command: AnyCommand) -> String {
        let before = self.everything();
        match block_on(self.world.parlor.execute_any(self.asker.0, None, command.clone())) {
            Ok(_) => "ok".to_owned(),
            Err(Error::Refused(refusal)) => {
                assert_eq!(self.everything(), before, "a refusal wrote: {command:?}");
                refusal.code.trim_start_matches("rooms.").to_owned()
            }
            Err(other) => panic!("{command:?}: {other}"),
        }
    }

    fn everything(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let rows: Vec<_> = TABLES.iter().map(|table| self.world.table(table)).collect();
        (rows, self.world.feed())
    }
}

fn id(n: u128) -> parlor_core::Uuid {
    parlor_core::Uuid::from_u128(n)
}

fn stay(
    room_id: RoomId,
    id: ParticipantId,
    actor: Actor,
    role: RoomRole,
    given: Given,
) -> Participant {
    let at: Timestamp = World::<MemoryStore>::BEGIN;
    let hand = i64::from(id == ParticipantId::from(self::id(2))) + 1;
    Participant {
        id,
        room_id,
        epoch: 1,
        user_id: actor.user().unwrap(),
        display_name: "Somebody".into(),
        role,
        stage: given.stage,
        hand_seq: (given.stage == StageState::Requested).then_some(hand),
        mic: given.mic,
        connection: ConnectionState::Connected,
        leg_id: None,
        lease_epoch: 0,
        joined_at: at,
        connected_at: Some(at),
        lost_at: None,
        lapses_at: Timestamp::NEVER,
        left_at: None,
        leave_reason: None,
        removed_by: None,
    }
}
