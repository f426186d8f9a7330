//! The stage of a moderated room: hands, invitations, the floor.

use serde::{Deserialize, Serialize};

use super::standing::{Standing, oneself, open_room, target_of};
use super::{about_participant, about_room};
use crate::engine::{Command, Ctx, TimerKey};
use crate::permissions::Permission;
use crate::record::Stored as _;
use crate::rooms::{
    Event, FloorVia, HandQueue, MicInput, Participant, ParticipantId, Refusal, Room, StageInput,
    StageMode, StageState, queries,
};
use crate::storage::{Draft, Query, Stop};

about_participant! {
    /// Asks for the floor. Hands are served in the order in which the server saw them.
    RaiseHand,
    /// Takes a hand down: one's own, or somebody else's.
    LowerHand,
    /// Gives the floor to somebody who has asked for it. Their microphone starts muted.
    GrantFloor,
    /// Invites somebody to speak who has not asked.
    InviteToSpeak,
    /// Takes the floor one was invited to. The microphone starts muted.
    AcceptInvite,
    /// Declines to speak.
    DeclineInvite,
    /// Ends an invitation that was not answered in time.
    ExpireInvite,
    /// Gives up the floor.
    StepDown,
    /// Takes the floor from somebody.
    MoveToAudience,
}

about_room! {
    /// Gives the floor to whoever has asked for it first.
    GrantNext,
}

/// Whom the floor was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorGranted {
    /// The stay.
    pub participant: ParticipantId,
}

impl Command for RaiseHand {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (room, participant) = (self.room, self.participant);
        let queue = [HandQueue::own(room)];
        let (it, own) = oneself(draft, ctx, (room, participant), queue)?;
        require_stage(&it)?;
        let stage = own.stage.next(StageInput::RaiseHand)?;
        let queue = draft.get::<HandQueue>(room)?.ok_or(Refusal::NotFound)?;
        let hand_seq = queue.next_seq;
        draft.put(Participant { stage, hand_seq: Some(hand_seq), ..own })?;
        draft.put(HandQueue { next_seq: hand_seq + 1, ..queue })?;
        draft.emit(Event::HandRaised { room, participant, hand_seq });
        Ok(())
    }
}

impl Command for LowerHand {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (room, participant) = (self.room, self.participant);
        let (it, whose) = match oneself(draft, ctx, (room, participant), []) {
            Err(Stop::Refused(Refusal::NotYours)) => {
                let whom = (room, participant);
                let (_, it, target) = target_of(draft, ctx, whom, Permission::ManageStage, [])?;
                (it, target)
            }
            own => own?,
        };
        require_stage(&it)?;
        let stage = whose.stage.next(StageInput::LowerHand)?;
        draft.put(Participant { stage, hand_seq: None, ..whose })?;
        draft.emit(Event::HandLowered { room, participant, by: ctx.actor.user() });
        Ok(())
    }
}

impl Command for GrantFloor {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (whom, queue) = ((self.room, self.participant), [HandQueue::own(self.room)]);
        let (_, room, target) = target_of(draft, ctx, whom, Permission::ManageStage, queue)?;
        require_stage(&room)?;
        enter_stage(draft, ctx, target, StageInput::GrantFloor, FloorVia::Request)
    }
}

impl Command for GrantNext {
    type Output = FloorGranted;
    type Refusal = Refusal;

    fn search(&self) -> Option<Query> {
        Some(queries::hands(self.room).query().clone())
    }

    /// A hand that goes up gets a larger number than all before. So of those that were first when
    /// it was looked, the first whose hand is up still is the first now.
    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<FloorGranted, Stop<Refusal>> {
        let first = ctx.found::<Participant>().next().map(|it| Participant::own(it.id));
        let needs = [Room::share(self.room), HandQueue::own(self.room)].into_iter().chain(first);
        draft.need(needs.chain(Standing::needs(self.room, ctx)))?;
        let room = open_room(draft, self.room)?;
        Standing::of(draft, &room, ctx)?.require(Permission::ManageStage)?;
        require_stage(&room)?;
        if ctx.found::<Participant>().next().is_none() {
            return Err(Refusal::NoHandUp.into());
        }
        for found in ctx.found::<Participant>() {
            draft.need([Participant::own(found.id)])?;
            let stay = draft.get::<Participant>(found.id)?;
            let is_waiting = |it: &Participant| it.is_in(&room) && it.hand_seq == found.hand_seq;
            if let Some(stay) = stay.filter(is_waiting) {
                enter_stage(draft, ctx, stay, StageInput::GrantFloor, FloorVia::Request)?;
                return Ok(FloorGranted { participant: found.id });
            }
        }
        Err(Refusal::Stale.into())
    }
}

impl Command for InviteToSpeak {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (room, participant) = (self.room, self.participant);
        let timer = [invite_timer(participant).own()];
        let permission = Permission::ManageStage;
        let (_, it, target) = target_of(draft, ctx, (room, participant), permission, timer)?;
        require_stage(&it)?;
        let stage = target.stage.next(StageInput::InviteToSpeak)?;
        draft.put(Participant { stage, ..target })?;
        draft.schedule(
            invite_timer(participant),
            ctx.now + ctx.settings.speak_invite_ttl,
            ExpireInvite { room, participant },
        )?;
        draft.emit(Event::SpeakInvited { room, participant, by: ctx.actor.user() });
        Ok(())
    }
}

impl Command for AcceptInvite {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let timer = invite_timer(self.participant);
        let needs = [HandQueue::own(self.room), timer.own()];
        let (_, own) = oneself(draft, ctx, (self.room, self.participant), needs)?;
        draft.cancel(timer)?;
        enter_stage(draft, ctx, own, StageInput::AcceptInvite, FloorVia::Invite)
    }
}

impl Command for DeclineInvite {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let timer = invite_timer(self.participant);
        let (_, own) = oneself(draft, ctx, (self.room, self.participant), [timer.own()])?;
        draft.cancel(timer)?;
        decline(draft, own)
    }
}

impl Command for ExpireInvite {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (_, invited) = oneself(draft, ctx, (self.room, self.participant), [])?;
        decline(draft, invited)
    }
}

impl Command for StepDown {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let queue = [HandQueue::own(self.room)];
        let (room, own) = oneself(draft, ctx, (self.room, self.participant), queue)?;
        require_stage(&room)?;
        leave_stage(draft, ctx, own)
    }
}

impl Command for MoveToAudience {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (whom, queue) = ((self.room, self.participant), [HandQueue::own(self.room)]);
        let (standing, room, target) = target_of(draft, ctx, whom, Permission::ManageStage, queue)?;
        standing.outrank(target.role)?;
        require_stage(&room)?;
        leave_stage(draft, ctx, target)
    }
}

fn require_stage(room: &Room) -> Result<(), Refusal> {
    match room.stage_mode {
        StageMode::Moderated => Ok(()),
        StageMode::OpenFloor => Err(Refusal::OpenFloor),
    }
}

fn enter_stage(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    who: Participant,
    input: StageInput,
    via: FloorVia,
) -> Result<(), Stop<Refusal>> {
    let stage = who.stage.next(input)?;
    let queue = draft.get::<HandQueue>(who.room_id)?.ok_or(Refusal::NotFound)?;
    let max = ctx.settings.max_speakers;
    if queue.speakers >= max {
        return Err(Refusal::StageFull { max }.into());
    }
    let (room, participant) = (who.room_id, who.id);
    let mic = who.mic.next(MicInput::EnterStage)?;
    draft.put(HandQueue { speakers: queue.speakers + 1, ..queue })?;
    draft.put(Participant { stage, hand_seq: None, mic, ..who })?;
    draft.emit(Event::SpeakerAdded { room, participant, via, mic });
    Ok(())
}

fn leave_stage(draft: &mut Draft<'_>, ctx: &Ctx, who: Participant) -> Result<(), Stop<Refusal>> {
    let stage = who.stage.next(StageInput::LeaveStage)?;
    let queue = draft.get::<HandQueue>(who.room_id)?.ok_or(Refusal::NotFound)?;
    let (room, participant) = (who.room_id, who.id);
    let mic = who.mic.next(MicInput::LeaveStage)?;
    draft.put(HandQueue { speakers: queue.speakers.saturating_sub(1), ..queue })?;
    draft.put(Participant { stage, mic, ..who })?;
    draft.emit(Event::SpeakerRemoved { room, participant, by: ctx.actor.user() });
    Ok(())
}

fn decline(draft: &mut Draft<'_>, who: Participant) -> Result<(), Stop<Refusal>> {
    let stage = who.stage.next(StageInput::DeclineInvite)?;
    debug_assert_eq!(stage, StageState::Audience);
    let (room, participant) = (who.room_id, who.id);
    draft.put(Participant { stage, ..who })?;
    draft.emit(Event::SpeakInviteDeclined { room, participant });
    Ok(())
}

const fn invite_timer(participant: ParticipantId) -> TimerKey {
    TimerKey { name: "rooms.speak_invite", subject: participant.0 }
}
