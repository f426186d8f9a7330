//! What the media engine reports of a participant's transport, and what follows when it is late.

use serde::{Deserialize, Serialize};

use super::about_participant;
use super::stay::depart;
use crate::calls::{self, CallLeg, EndReason};
use crate::engine::{Command, Ctx, Deadline};
use crate::media::{LegId, Setup};
use crate::record::{Stored as _, Timestamp};
use crate::rooms::lease::fence;
use crate::rooms::{
    ConnectionInput, ConnectionState, Event, LeaveReason, Occupancy, Participant, ParticipantId,
    Refusal, Room, RoomId, RoomInput, RoomLease, RoomStatus, queries,
};
use crate::storage::{Draft, Need, Stop};

/// Declares a report about a leg, and what else it tells.
macro_rules! about_leg {
    ($($(#[$meta:meta])* $name:ident $({ $(#[$more_meta:meta])* $more:ident: $type:ty })?),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The room.
            pub room: RoomId,
            /// Whose leg.
            pub participant: ParticipantId,
            /// Which leg. That one which has been replaced is lost or closed changes nothing.
            pub leg: LegId,
            /// The epoch of the lease under which its node has the room; 0 where rooms have no
            /// leases. What is said under an older one is refused.
            pub lease_epoch: i64,
            $($(#[$more_meta])* pub $more: $type,)?
        }
    )+ };
}

about_leg! {
    /// A leg is up: the first, a new one, or the old one again.
    LegConnected {
        /// How long it took to come up for the first time.
        setup: Setup
    },
    /// Nothing has come from the client for a while.
    LegLost,
    /// The leg is over. The client may still come back with another.
    LegClosed {
        /// Why it ended.
        reason: EndReason
    },
}

impl Command for LegConnected {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let needs =
            [Occupancy::own(self.room), RoomLease::share(self.room), CallLeg::own(self.leg)];
        let (room, stay) = stay_of(draft, self.room, self.participant, needs)?;
        fence(draft, self.room, self.lease_epoch)?;
        calls::come_up(draft, ctx, self.leg, self.lease_epoch, self.setup)?;
        let connection = stay.connection.next(ConnectionInput::LegConnected)?;
        match stay.connection {
            ConnectionState::Joining => arrive(draft, ctx, room, &stay)?,
            ConnectionState::Reconnecting => {
                let lost_at = stay.lost_at.unwrap_or(ctx.now);
                let downtime = ctx.now.since(lost_at).as_millis();
                draft.emit(Event::Reconnected {
                    room: self.room,
                    participant: stay.id,
                    downtime_ms: u64::try_from(downtime).unwrap_or(u64::MAX),
                });
            }
            ConnectionState::Connected | ConnectionState::Left => {}
        }
        draft.put(Participant {
            connection,
            leg_id: Some(self.leg),
            lease_epoch: self.lease_epoch,
            connected_at: stay.connected_at.or(Some(ctx.now)),
            lost_at: None,
            lapses_at: Timestamp::NEVER,
            ..stay
        })?;
        Ok(())
    }
}

impl Command for LegLost {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let needs = [RoomLease::share(self.room), CallLeg::own(self.leg)];
        let (_, stay) = stay_of(draft, self.room, self.participant, needs)?;
        fence(draft, self.room, self.lease_epoch)?;
        calls::lose(draft, ctx, self.leg)?;
        let is_it = stay.leg_id == Some(self.leg);
        if is_it { lose(draft, ctx, stay) } else { Ok(()) }
    }
}

impl Command for LegClosed {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let needs = [RoomLease::share(self.room), CallLeg::own(self.leg)];
        let stay = match stay_of(draft, self.room, self.participant, needs) {
            // Those who leave, and those whose room closes, are gone before their leg is. Nobody
            // but its own node tells of a leg, so that there is nothing to fence.
            Err(Stop::Refused(Refusal::NotHere)) => None,
            other => Some(other?.1),
        };
        if stay.is_some() {
            fence(draft, self.room, self.lease_epoch)?;
        }
        calls::close(draft, ctx, self.leg, self.reason)?;
        match stay.filter(|stay| stay.leg_id == Some(self.leg)) {
            Some(stay) => lose(draft, ctx, stay),
            None => Ok(()),
        }
    }
}

/// A node has lost a room, and with it the legs it had there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegOrphaned {
    /// The room.
    pub room: RoomId,
    /// Whose leg may be one of them.
    pub participant: ParticipantId,
    /// The epoch of the lease that was lost. A leg under a later one stands.
    pub epoch: i64,
}

impl Command for LegOrphaned {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let (_, stay) = stay_of(draft, self.room, self.participant, [])?;
        if stay.lease_epoch <= self.epoch { lose(draft, ctx, stay) } else { Ok(()) }
    }
}

about_participant! {
    /// Ends a stay whose leg did not come up, or not again, in time.
    Lapse,
}

impl Command for Lapse {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let needs = [Occupancy::own(self.room)];
        let (room, stay) = stay_of(draft, self.room, self.participant, needs)?;
        if ctx.now < stay.lapses_at {
            return Ok(());
        }
        let (input, reason) = match stay.connection {
            ConnectionState::Reconnecting => {
                (ConnectionInput::ReconnectTimeout, LeaveReason::ConnectionTimeout)
            }
            ConnectionState::Joining | ConnectionState::Connected | ConnectionState::Left => {
                (ConnectionInput::ConnectTimeout, LeaveReason::JoinFailed)
            }
        };
        depart(draft, ctx, &room, stay, input, reason)
    }
}

/// When stays end for want of a leg.
pub const LAPSE: Deadline = Deadline {
    name: "rooms.lapse",
    due: |by| queries::lapsing(by).query().clone(),
    at: |row| Participant::from_row(row).map_or(Timestamp::NEVER, |stay| stay.lapses_at),
    command: |row| {
        let stay = Participant::from_row(row)?;
        Some(Lapse { room: stay.room_id, participant: stay.id }.into())
    },
};

/// A stay that is open, and its room.
fn stay_of(
    draft: &Draft<'_>,
    room: RoomId,
    participant: ParticipantId,
    more: impl IntoIterator<Item = Need>,
) -> Result<(Room, Participant), Stop<Refusal>> {
    let needs = [Room::share(room), Participant::own(participant)];
    draft.need(needs.into_iter().chain(more))?;
    let room = draft.get::<Room>(room)?.ok_or(Refusal::NotFound)?;
    let stay = draft.get::<Participant>(participant)?.filter(|stay| stay.is_in(&room));
    Ok((room, stay.ok_or(Refusal::NotHere)?))
}

/// Somebody is there for the first time; if they are the first of all, the room goes live.
fn arrive(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    room: Room,
    stay: &Participant,
) -> Result<(), Stop<Refusal>> {
    let id = room.id;
    let occupancy = draft.get::<Occupancy>(id)?.ok_or(Refusal::NotFound)?;
    let active = occupancy.active + 1;
    draft.put(Occupancy { active, peak: occupancy.peak.max(active), ..occupancy })?;
    if room.status == RoomStatus::Idle {
        let status = room.status.next(RoomInput::Connected)?;
        draft.put(Room { status, opened_at: Some(ctx.now), updated_at: ctx.now, ..room })?;
        draft.emit(Event::WentLive { room: id });
    }
    draft.emit(Event::Joined {
        room: id,
        participant: stay.id,
        user: stay.user_id,
        display_name: stay.display_name.clone(),
        role: stay.role,
        stage: stay.stage,
        mic: stay.mic,
    });
    Ok(())
}

fn lose(draft: &mut Draft<'_>, ctx: &Ctx, stay: Participant) -> Result<(), Stop<Refusal>> {
    if stay.connection != ConnectionState::Connected {
        return Ok(());
    }
    let (room, participant) = (stay.room_id, stay.id);
    let connection = stay.connection.next(ConnectionInput::LegLost)?;
    let (lost_at, lapses_at) = (Some(ctx.now), ctx.now + ctx.settings.reconnect_grace);
    draft.put(Participant { connection, lost_at, lapses_at, ..stay })?;
    draft.emit(Event::Reconnecting { room, participant });
    Ok(())
}
