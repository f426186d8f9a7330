use parlor_core::events::Actor;
use parlor_core::permissions::Permission;
use parlor_core::rooms::{
    Event, LockMic, MicState, Mute, Participant, Refusal, RoomRole, SetSelfMute, UnlockMic,
};
use parlor_core::storage::Held;

use super::*;

const MUTE: Mute = Mute { room: ROOM, participant: STAY };
const LOCK: LockMic = LockMic { room: ROOM, participant: STAY };
const UNLOCK: UnlockMic = UnlockMic { room: ROOM, participant: STAY };

fn own(muted: bool) -> SetSelfMute {
    SetSelfMute { room: ROOM, participant: STAY, muted }
}

fn here(stay: Participant) -> Held {
    Held::new().shared(room()).owned(stay)
}

fn with(mic: MicState) -> Participant {
    Participant { mic, ..stay() }
}

/// The changeset of a microphone that somebody turned.
fn turned(mic: MicState, by: UserId) -> Changeset {
    let told = Event::MicChanged { room: ROOM, participant: STAY, mic, by: Some(by) };
    changeset([put(with(mic))], [told])
}

#[test]
fn one_mutes_and_unmutes_oneself() {
    let (live, muted) = (MicState::Live, MicState::MutedSelf);
    assert_eq!(changes(here(with(live)), by(GUEST), &own(true)), turned(muted, GUEST));
    assert_eq!(changes(here(with(muted)), by(GUEST), &own(false)), turned(live, GUEST));
    assert_eq!(changes(here(with(live)), by(GUEST), &own(false)), changeset([], []));
    // Whoever was muted by somebody else may unmute, and has not muted themselves.
    let server = || here(with(MicState::MutedServer));
    assert_eq!(changes(server(), by(GUEST), &own(false)), turned(live, GUEST));
    assert_eq!(changes(server(), by(GUEST), &own(true)), changeset([], []));
}

#[test]
fn nobody_unmutes_a_locked_microphone_or_somebody_elses() {
    let locked = refusal(here(with(MicState::Locked)), by(GUEST), &own(false));
    assert_eq!(locked, Refusal::MicLocked);
    let other = refusal(here(with(MicState::MutedSelf)), by(OWNER), &own(false));
    assert_eq!(other, Refusal::NotYours);
    let off = refusal(here(listening()), by(GUEST), &own(false));
    assert_eq!(off, Refusal::NotOnStage);
}

#[test]
fn a_moderator_mutes_locks_and_unlocks() {
    let held = |mic| moderator_is_here(here(with(mic)));
    let (live, server, locked) = (MicState::Live, MicState::MutedServer, MicState::Locked);
    assert_eq!(changes(held(live), by(MODERATOR), &MUTE), turned(server, MODERATOR));
    assert_eq!(changes(held(MicState::MutedSelf), by(MODERATOR), &MUTE), changeset([], []));
    assert_eq!(changes(held(live), by(MODERATOR), &LOCK), turned(locked, MODERATOR));
    // To unlock is not to unmute.
    let unlocked = turned(MicState::MutedSelf, MODERATOR);
    assert_eq!(changes(held(locked), by(MODERATOR), &UNLOCK), unlocked);
    assert_eq!(changes(held(live), by(MODERATOR), &UNLOCK), changeset([], []));
}

#[test]
fn a_microphone_can_be_locked_before_its_owner_is_on_stage() {
    let held = |mic| moderator_is_here(here(Participant { mic, ..listening() }));
    let off = |mic| {
        let told = Event::MicChanged { room: ROOM, participant: STAY, mic, by: Some(MODERATOR) };
        changeset([put(Participant { mic, ..listening() })], [told])
    };
    let locked = MicState::Locked;
    assert_eq!(changes(held(MicState::Off), by(MODERATOR), &LOCK), off(locked));
    assert_eq!(changes(held(locked), by(MODERATOR), &UNLOCK), off(MicState::Off));
    assert_eq!(refusal(held(MicState::Off), by(MODERATOR), &MUTE), Refusal::NotOnStage);
}

#[test]
fn mute_is_refused_to_who_may_not() {
    let peer = Participant { role: RoomRole::Moderator, ..stay() };
    let held = || moderator_is_here(here(peer.clone()));
    assert_eq!(refusal(held(), by(MODERATOR), &MUTE), Refusal::Outranked);
    assert_eq!(refusal(held(), by(MODERATOR), &LOCK), Refusal::Outranked);
    assert_eq!(refusal(held(), by(MODERATOR), &UNLOCK), Refusal::Outranked);
    let guest = here(stay()).shared(seat(GUEST, RoomRole::Guest));
    let forbidden = Refusal::Forbidden(Permission::MuteParticipants);
    assert_eq!(refusal(guest, by(GUEST), &MUTE), forbidden);
    // The host application stands above all.
    let changed = changes(here(peer.clone()), Actor::HOST, &MUTE);
    let mic = MicState::MutedServer;
    let told = Event::MicChanged { room: ROOM, participant: STAY, mic, by: None };
    assert_eq!(changed, changeset([put(Participant { mic, ..peer })], [told]));
}
