//! Every command there is.

use super::drive::Forget;
use super::feed::AdvanceCursor;
use super::sweep::FinishSweep;
use crate::economy::ledger;
use crate::{calls, identity, rooms};

crate::commands! {
    "engine.advance_cursor" => internal AdvanceCursor(AdvanceCursor),
    "engine.finish_sweep" => internal FinishSweep(FinishSweep),
    "engine.forget" => internal Forget(Forget),

    "identity.create_guest" => internal CreateGuest(identity::CreateGuest),

    "rooms.create" => public CreateRoom(rooms::Create),
    "rooms.lock" => public LockRoom(rooms::Lock),
    "rooms.unlock" => public UnlockRoom(rooms::Unlock),
    "rooms.close" => public CloseRoom(rooms::Close),
    "rooms.join" => public Join(rooms::Join),
    "rooms.leave" => public Leave(rooms::Leave),
    "rooms.kick" => public Kick(rooms::Kick),
    "rooms.ban" => public Ban(rooms::Ban),
    "rooms.lift_ban" => public LiftBan(rooms::LiftBan),
    "rooms.raise_hand" => public RaiseHand(rooms::RaiseHand),
    "rooms.lower_hand" => public LowerHand(rooms::LowerHand),
    "rooms.grant_floor" => public GrantFloor(rooms::GrantFloor),
    "rooms.grant_next" => public GrantNext(rooms::GrantNext),
    "rooms.invite_to_speak" => public InviteToSpeak(rooms::InviteToSpeak),
    "rooms.accept_invite" => public AcceptInvite(rooms::AcceptInvite),
    "rooms.decline_invite" => public DeclineInvite(rooms::DeclineInvite),
    "rooms.step_down" => public StepDown(rooms::StepDown),
    "rooms.move_to_audience" => public MoveToAudience(rooms::MoveToAudience),
    "rooms.set_self_mute" => public SetSelfMute(rooms::SetSelfMute),
    "rooms.mute" => public Mute(rooms::Mute),
    "rooms.lock_mic" => public LockMic(rooms::LockMic),
    "rooms.unlock_mic" => public UnlockMic(rooms::UnlockMic),

    "rooms.expire_empty" => internal ExpireEmpty(rooms::ExpireEmpty),
    "rooms.expire_departed" => internal ExpireDeparted(rooms::ExpireDeparted),
    "rooms.lapse" => internal Lapse(rooms::Lapse),
    "rooms.expire_invite" => internal ExpireInvite(rooms::ExpireInvite),
    "rooms.clear_seats" => internal ClearSeats(rooms::ClearSeats),
    "rooms.leg_connected" => internal LegConnected(rooms::LegConnected),
    "rooms.leg_lost" => internal LegLost(rooms::LegLost),
    "rooms.leg_closed" => internal LegClosed(rooms::LegClosed),
    "rooms.leg_orphaned" => internal LegOrphaned(rooms::LegOrphaned),
    "rooms.start_node" => internal StartNode(rooms::StartNode),
    "rooms.claim" => internal ClaimRoom(rooms::ClaimRoom),
    "rooms.renew_leases" => internal RenewLeases(rooms::RenewLeases),
    "rooms.release" => internal ReleaseRoom(rooms::ReleaseRoom),
    "rooms.vacate" => internal VacateRoom(rooms::VacateRoom),
    "rooms.refresh_listing" => internal RefreshListing(rooms::RefreshListing),

    "calls.request_leg" => internal RequestLeg(calls::RequestLeg),
    "calls.leg_refused" => internal LegRefused(calls::LegRefused),
    "calls.leg_media_started" => internal LegMediaStarted(calls::LegMediaStarted),
    "calls.orphan_leg" => internal OrphanLeg(calls::OrphanLeg),
    "calls.report_quality" => internal ReportQuality(calls::ReportQuality),
    "calls.trim_samples" => internal TrimSamples(calls::TrimSamples),

    "ledger.open_asset" => internal OpenAsset(ledger::OpenAsset),
    "ledger.close_period" => internal ClosePeriod(ledger::ClosePeriod),
    "ledger.open_account" => internal OpenAccount(ledger::OpenAccount),
    "ledger.set_limits" => internal SetLimits(ledger::SetLimits),
    "ledger.freeze" => internal FreezeAccount(ledger::Freeze),
    "ledger.close_account" => internal CloseAccount(ledger::Close),
    "ledger.reopen_account" => internal ReopenAccount(ledger::Reopen),
    "ledger.post" => internal Post(ledger::Post),
    "ledger.refund" => internal Refund(ledger::Refund),
    "ledger.erase_memo" => internal EraseMemo(ledger::EraseMemo),
    "ledger.expire_hold" => internal ExpireHold(ledger::ExpireHold),
    "ledger.forget_rejection" => internal ForgetRejection(ledger::ForgetRejection),
}
