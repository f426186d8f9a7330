//! Microphones: one's own, and those one keeps in order.

use serde::{Deserialize, Serialize};

use super::about_participant;
use super::standing::{oneself, target_of};
use crate::engine::{Command, Ctx};
use crate::permissions::Permission;
use crate::rooms::{
    Event, MicInput, MicState, Participant, ParticipantId, Refusal, RoomId, StageState,
};
use crate::storage::{Draft, Stop};

/// Mutes or unmutes the actor's own microphone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSelfMute {
    /// The room.
    pub room: RoomId,
    /// The actor's own participant.
    pub participant: ParticipantId,
    /// Muted, or heard.
    pub muted: bool,
}

impl Command for SetSelfMute {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (_, own) = oneself(draft, ctx, (self.room, self.participant), [])?;
        let input = if self.muted { MicInput::MuteSelf } else { MicInput::UnmuteSelf };
        let mic = own.mic.next(input)?;
        set_mic(draft, ctx, own, mic)
    }
}

about_participant! {
    /// Mutes somebody, who may unmute again.
    Mute,
    /// Mutes somebody, who may not unmute until it is unlocked.
    LockMic,
    /// Lets somebody unmute again. It never unmutes them: that is their own act.
    UnlockMic,
}

impl Command for Mute {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        moderate(draft, ctx, (self.room, self.participant), MicInput::Mute)
    }
}

impl Command for LockMic {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        moderate(draft, ctx, (self.room, self.participant), MicInput::Lock)
    }
}

impl Command for UnlockMic {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        moderate(draft, ctx, (self.room, self.participant), MicInput::Unlock)
    }
}

fn moderate(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    whom: (RoomId, ParticipantId),
    input: MicInput,
) -> Result<(), Stop<Refusal>> {
    let (standing, _, target) = target_of(draft, ctx, whom, Permission::MuteParticipants, [])?;
    standing.outrank(target.role)?;
    let mut mic = target.mic.next(input)?;
    if target.stage != StageState::Speaker && mic != MicState::Locked {
        mic = mic.next(MicInput::LeaveStage)?;
    }
    set_mic(draft, ctx, target, mic)
}

fn set_mic(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    whose: Participant,
    mic: MicState,
) -> Result<(), Stop<Refusal>> {
    if mic == whose.mic {
        return Ok(());
    }
    let (room, participant) = (whose.room_id, whose.id);
    draft.put(Participant { mic, ..whose })?;
    draft.emit(Event::MicChanged { room, participant, mic, by: ctx.actor.user() });
    Ok(())
}
