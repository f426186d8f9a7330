//! The stage of a moderated room: hands, invitations, the floor.

use super::about_participant;
use super::standing::{oneself, target_of};
use crate::engine::{Command, Ctx, TimerKey};
use crate::permissions::Permission;
use crate::record::Stored as _;
use crate::rooms::{
    Event, FloorVia, HandQueue, MicInput, Participant, ParticipantId, Refusal, Room, StageInput,
    StageMode, StageState,
};
use crate::storage::{Draft, Stop};

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
