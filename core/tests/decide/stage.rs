use parlor_core::events::Actor;
use parlor_core::permissions::Permission;
use parlor_core::rooms::{
    AcceptInvite, DeclineInvite, Event, ExpireInvite, FloorGranted, FloorVia, GrantFloor,
    GrantNext, InviteToSpeak, LowerHand, MicState, MoveToAudience, Participant, RaiseHand, Refusal,
    Room, RoomRole, StageState, StepDown,
};
use parlor_core::storage::Held;

use super::*;

/// A command about the guest.
macro_rules! about {
    ($command:ident) => {
        $command { room: ROOM, participant: STAY }
    };
}

fn requested() -> Participant {
    Participant { stage: StageState::Requested, hand_seq: Some(3), ..listening() }
}

fn invited() -> Participant {
    Participant { stage: StageState::Invited, ..listening() }
}

fn speaking(mic: MicState) -> Participant {
    Participant { mic, ..stay() }
}

fn here(room: Room, stay: Participant) -> Held {
    Held::new().shared(room).owned(stay)
}

fn invitation() -> parlor_core::engine::Timer {
    set(timer("rooms.speak_invite", STAY.0), 60, about!(ExpireInvite))
}

fn illegal(state: &'static str, input: &'static str) -> Refusal {
    Refusal::Illegal { state, input }
}

#[test]
fn raise_hand_takes_the_next_number() {
    let held = |stay| here(moderated(), stay).owned(queue(3, 1));
    assert_eq!(
        changes(held(listening()), by(GUEST), &about!(RaiseHand)),
        changeset(
            [put(requested()), put(queue(4, 1))],
            [Event::HandRaised { room: ROOM, participant: STAY, hand_seq: 3 }],
        )
    );
    let twice = refusal(held(requested()), by(GUEST), &about!(RaiseHand));
    assert_eq!(twice, illegal("requested", "raise_hand"));
    let other = refusal(held(listening()), by(MODERATOR), &about!(RaiseHand));
    assert_eq!(other, Refusal::NotYours);
}

#[test]
fn with_an_open_floor_there_is_no_stage() {
    let held = || here(room(), stay()).owned(queue(3, 1));
    let open = Refusal::OpenFloor;
    assert_eq!(refusal(held(), by(GUEST), &about!(RaiseHand)), open);
    assert_eq!(refusal(held(), by(GUEST), &about!(LowerHand)), open);
    assert_eq!(refusal(held(), by(GUEST), &about!(StepDown)), open);
    let held = || moderator_is_here(held());
    assert_eq!(refusal(held(), by(MODERATOR), &about!(GrantFloor)), open);
    assert_eq!(refusal(held(), by(MODERATOR), &about!(MoveToAudience)), open);
    let held = no_timer(held(), timer("rooms.speak_invite", STAY.0));
    assert_eq!(refusal(held, by(MODERATOR), &about!(InviteToSpeak)), open);
}

#[test]
fn lower_hand_is_for_oneself_and_for_who_runs_the_stage() {
    let told = |by| Event::HandLowered { room: ROOM, participant: STAY, by };
    let lower = about!(LowerHand);
    let held = here(moderated(), requested());
    assert_eq!(
        changes(held, by(GUEST), &lower),
        changeset([put(listening())], [told(Some(GUEST))])
    );
    let held = moderator_is_here(here(moderated(), requested()));
    assert_eq!(
        changes(held, by(MODERATOR), &lower),
        changeset([put(listening())], [told(Some(MODERATOR))])
    );
    let other = UserId(Uuid::from_u128(4));
    let held = here(moderated(), requested()).shared(seat(other, RoomRole::Guest));
    let forbidden = Refusal::Forbidden(Permission::ManageStage);
    assert_eq!(refusal(held, by(other), &lower), forbidden);
    let down = refusal(here(moderated(), listening()), by(GUEST), &lower);
    assert_eq!(down, illegal("audience", "lower_hand"));
}

#[test]
fn grant_floor_puts_a_raised_hand_on_stage_muted() {
    let held =
        |speakers| moderator_is_here(here(moderated(), requested()).owned(queue(9, speakers)));
    let (via, mic) = (FloorVia::Request, MicState::MutedSelf);
    assert_eq!(
        changes(held(49), by(MODERATOR), &about!(GrantFloor)),
        changeset(
            [put(speaking(mic)), put(queue(9, 50))],
            [Event::SpeakerAdded { room: ROOM, participant: STAY, via, mic }],
        )
    );
    let full = refusal(held(50), by(MODERATOR), &about!(GrantFloor));
    assert_eq!(full, Refusal::StageFull { max: 50 });
    let held = moderator_is_here(here(moderated(), listening()).owned(queue(9, 1)));
    let unasked = refusal(held, by(MODERATOR), &about!(GrantFloor));
    assert_eq!(unasked, illegal("audience", "grant_floor"));
}

/// Grants the floor to the next, of those that a search has found.
fn grant_next(
    held: Held,
    actor: Actor,
    found: &[Participant],
) -> Result<(FloorGranted, Changeset), Refusal> {
    let ctx = ctx(actor).with_found(found.iter().cloned().map(Row::from).collect());
    decide_in(held, &ctx, &GrantNext { room: ROOM })
}

fn second() -> Participant {
    let id = ParticipantId(Uuid::from_u128(0x204));
    Participant { id, user_id: UserId(Uuid::from_u128(4)), hand_seq: Some(5), ..requested() }
}

#[test]
fn grant_next_puts_the_first_hand_on_stage_muted() {
    let held = || moderator_is_here(here(moderated(), requested()).owned(queue(9, 1)));
    let (via, mic) = (FloorVia::Request, MicState::MutedSelf);
    let granted = changeset(
        [put(speaking(mic)), put(queue(9, 2))],
        [Event::SpeakerAdded { room: ROOM, participant: STAY, via, mic }],
    );
    assert_eq!(
        grant_next(held(), by(MODERATOR), &[requested(), second()]),
        Ok((FloorGranted { participant: STAY }, granted))
    );
    let full = moderator_is_here(here(moderated(), requested()).owned(queue(9, 50)));
    let full = grant_next(full, by(MODERATOR), &[requested()]);
    assert_eq!(full, Err(Refusal::StageFull { max: 50 }));
}

#[test]
fn grant_next_passes_over_hands_that_have_gone_down_meanwhile() {
    let (via, mic) = (FloorVia::Request, MicState::MutedSelf);
    let next = second();
    let up = Participant { stage: StageState::Speaker, hand_seq: None, mic, ..next.clone() };
    let again = Participant { hand_seq: Some(8), ..requested() };
    for gone in [listening(), again, speaking(mic)] {
        let held = moderator_is_here(here(moderated(), gone.clone()).owned(queue(9, 1)));
        let alone = grant_next(held.clone(), by(MODERATOR), &[requested()]);
        assert_eq!(alone, Err(Refusal::Stale));

        let granted = changeset(
            [put(up.clone()), put(queue(9, 2))],
            [Event::SpeakerAdded { room: ROOM, participant: next.id, via, mic }],
        );
        assert_eq!(
            grant_next(held.owned(next.clone()), by(MODERATOR), &[requested(), next.clone()]),
            Ok((FloorGranted { participant: next.id }, granted))
        );
    }
}

#[test]
fn grant_next_tells_who_waits_only_those_who_run_the_stage() {
    let held = |room: Room| Held::new().shared(room).owned(queue(9, 1));
    let found_nobody = grant_next(moderator_is_here(held(moderated())), by(MODERATOR), &[]);
    assert_eq!(found_nobody, Err(Refusal::NoHandUp));
    let open = grant_next(moderator_is_here(held(room())), by(MODERATOR), &[]);
    assert_eq!(open, Err(Refusal::OpenFloor));
    let over = grant_next(moderator_is_here(held(closed())), by(MODERATOR), &[]);
    assert_eq!(over, Err(Refusal::Closed));

    let guest = held(moderated()).shared(seat(GUEST, RoomRole::Guest));
    let forbidden = Refusal::Forbidden(Permission::ManageStage);
    assert_eq!(grant_next(guest, by(GUEST), &[]), Err(forbidden));
    let stranger = held(moderated()).absent::<parlor_core::rooms::Seat>((ROOM, GUEST), Lock::Share);
    assert_eq!(grant_next(stranger, by(GUEST), &[]), Err(Refusal::NotHere));
}

#[test]
fn a_locked_microphone_stays_locked_on_stage() {
    let locked = Participant { mic: MicState::Locked, ..requested() };
    let held = moderator_is_here(here(moderated(), locked).owned(queue(9, 1)));
    let (via, mic) = (FloorVia::Request, MicState::Locked);
    assert_eq!(
        changes(held, by(MODERATOR), &about!(GrantFloor)),
        changeset(
            [put(speaking(mic)), put(queue(9, 2))],
            [Event::SpeakerAdded { room: ROOM, participant: STAY, via, mic }],
        )
    );
}

#[test]
fn an_invitation_lasts_a_minute() {
    let held = |stay| {
        let held = moderator_is_here(here(moderated(), stay));
        no_timer(held, timer("rooms.speak_invite", STAY.0))
    };
    let told = Event::SpeakInvited { room: ROOM, participant: STAY, by: Some(MODERATOR) };
    assert_eq!(
        changes(held(listening()), by(MODERATOR), &about!(InviteToSpeak)),
        changeset([put(invited()), put(invitation())], [told])
    );
    let asked = refusal(held(requested()), by(MODERATOR), &about!(InviteToSpeak));
    assert_eq!(asked, illegal("requested", "invite_to_speak"));
}

#[test]
fn accept_invite_takes_the_floor_muted() {
    let held =
        |stay, speakers| here(moderated(), stay).owned(queue(9, speakers)).owned(invitation());
    let (via, mic) = (FloorVia::Invite, MicState::MutedSelf);
    assert_eq!(
        changes(held(invited(), 1), by(GUEST), &about!(AcceptInvite)),
        changeset(
            [put(speaking(mic)), put(queue(9, 2)), (put(invitation()).0, None)],
            [Event::SpeakerAdded { room: ROOM, participant: STAY, via, mic }],
        )
    );
    let full = refusal(held(invited(), 50), by(GUEST), &about!(AcceptInvite));
    assert_eq!(full, Refusal::StageFull { max: 50 });
    let uninvited = refusal(held(listening(), 1), by(GUEST), &about!(AcceptInvite));
    assert_eq!(uninvited, illegal("audience", "accept_invite"));
    let other = refusal(held(invited(), 1), by(MODERATOR), &about!(AcceptInvite));
    assert_eq!(other, Refusal::NotYours);
}

#[test]
fn decline_and_silence_end_an_invitation() {
    let told = Event::SpeakInviteDeclined { room: ROOM, participant: STAY };
    let held = here(moderated(), invited()).owned(invitation());
    assert_eq!(
        changes(held, by(GUEST), &about!(DeclineInvite)),
        changeset([put(listening()), (put(invitation()).0, None)], [told.clone()])
    );
    assert_eq!(
        changes(here(moderated(), invited()), Actor::HOST, &about!(ExpireInvite)),
        changeset([put(listening())], [told])
    );
    let late = refusal(here(moderated(), stay()), Actor::HOST, &about!(ExpireInvite));
    assert_eq!(late, illegal("speaker", "decline_invite"));
}

#[test]
fn step_down_and_move_to_audience_leave_the_stage() {
    let told = |by| Event::SpeakerRemoved { room: ROOM, participant: STAY, by };
    let on_stage = |mic| here(moderated(), speaking(mic)).owned(queue(9, 2));
    let down = changes(on_stage(MicState::Live), by(GUEST), &about!(StepDown));
    assert_eq!(down, changeset([put(listening()), put(queue(9, 1))], [told(Some(GUEST))]));
    let held = moderator_is_here(on_stage(MicState::Locked));
    let locked = Participant { mic: MicState::Locked, ..listening() };
    assert_eq!(
        changes(held, by(MODERATOR), &about!(MoveToAudience)),
        changeset([put(locked), put(queue(9, 1))], [told(Some(MODERATOR))])
    );

    let off = here(moderated(), listening()).owned(queue(9, 2));
    assert_eq!(refusal(off, by(GUEST), &about!(StepDown)), illegal("audience", "leave_stage"));
    let peer = Participant { role: RoomRole::Moderator, ..stay() };
    let held = moderator_is_here(here(moderated(), peer).owned(queue(9, 2)));
    let outranked = refusal(held, by(MODERATOR), &about!(MoveToAudience));
    assert_eq!(outranked, Refusal::Outranked);
}
