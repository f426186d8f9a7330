//! Which node has a room's media. Commands, reads and events are answered by any node; packets go
//! to one, and a lease says to which.
//!
//! ```text
//!  nobody ─ ClaimRoom ─▶ a node ─ RenewLeases ─▶ the same ─ ReleaseRoom ─▶ nobody
//!                          └── its time is over: VacateRoom, or ClaimRoom by another ──▶
//! ```
//!
//! Every change of hands counts the epoch up, so that what a node still says of a room it has lost
//! is refused. Its legs count as lost from then on, and their stays have the grace period to come
//! back, wherever the room is by then.

use serde::{Deserialize, Serialize};

use super::{Event, LegOrphaned, Refusal, Room, RoomId, RoomStatus, Seat, queries};
use crate::calls;
use crate::engine::{Command, Ctx, Deadline, Invalid, Policy, Reaction};
use crate::events::AnyEvent;
use crate::record::{Stored as _, Timestamp};
use crate::storage::{Draft, Stop};

/// The longest name of a node, in graphemes.
pub const NODE_NAME_MAX: usize = 100;
/// The longest address of a node, in graphemes.
pub const NODE_URL_MAX: usize = 500;
/// How many leases are renewed at once.
pub const RENEWED_MAX: usize = 500;

crate::record! {
    /// A process that takes part.
    pub Node in "node" [name: String] {
        /// Where its clients reach it.
        url: String,
        /// Counts its starts: an older process of the same name has no say any more.
        run: i64,
        /// Until when it counts as alive.
        expires_at: Timestamp,
    }
}

crate::record! {
    /// Which node has a room's media (O5).
    pub RoomLease in "room_lease" [room_id: RoomId] {
        /// The node's name; nobody's while the room has no media.
        node: Option<String>,
        /// Which start of the node took it.
        run: i64,
        /// Where its clients reach it.
        url: String,
        /// Counts the changes of hands.
        epoch: i64,
        /// Until when, unless it is renewed; [`Timestamp::NEVER`] while it is nobody's.
        expires_at: Timestamp,
    }
    index room_lease_expiring (expires_at, room_id);
    index room_lease_of_node (node, room_id);
}

impl RoomLease {
    /// The epoch of a room's lease, 0 if it never had one.
    pub fn epoch_of(lease: Option<&Self>) -> i64 {
        lease.map_or(0, |lease| lease.epoch)
    }
}

/// Says that a node is up, and that older processes of its name are not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartNode {
    /// 1 to [`NODE_NAME_MAX`] graphemes on one line, unique among the nodes.
    pub node: String,
    /// Where its clients reach it: at most [`NODE_URL_MAX`] graphemes.
    pub url: String,
}

/// A process of a node, as it identifies itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRun {
    /// The node's name.
    pub node: String,
    /// Which of its starts.
    pub run: i64,
}

impl Command for StartNode {
    type Output = NodeRun;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<NodeRun, Stop<Refusal>> {
        let name = Invalid::line("node", &self.node, NODE_NAME_MAX).map_err(Refusal::from)?;
        let url = Invalid::prose("url", &self.url, NODE_URL_MAX).map_err(Refusal::from)?;
        draft.need([Node::own(name.clone())])?;
        let run = draft.get::<Node>(name.clone())?.map_or(1, |node| node.run + 1);
        let expires_at = ctx.now + ctx.settings.lease;
        draft.put(Node { name: name.clone(), url, run, expires_at })?;
        Ok(NodeRun { node: name, run })
    }
}

/// Asks for a room's media, for a node that was offered some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRoom {
    /// The room.
    pub room: RoomId,
    /// Who asks.
    pub by: NodeRun,
}

/// Who has a room's media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    /// The one who asked.
    Ours {
        /// The epoch, to be named in all that is said of the room's legs.
        epoch: i64,
    },
    /// Somebody else, for now.
    Elsewhere {
        /// The node's name.
        node: String,
        /// Where its clients reach it.
        url: String,
    },
}

impl Command for ClaimRoom {
    type Output = Claimed;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Claimed, Stop<Refusal>> {
        let Self { room, ref by } = *self;
        draft.need([Room::share(room), Node::share(by.node.clone()), RoomLease::own(room)])?;
        let it = draft.look::<Room>(room)?.ok_or(Refusal::NotFound)?;
        if it.status == RoomStatus::Closed {
            return Err(Refusal::Closed.into());
        }
        let node = running(draft, by)?;
        let lease = draft.get::<RoomLease>(room)?;
        let epoch = RoomLease::epoch_of(lease.as_ref());
        if let Some(RoomLease { node: Some(holder), run, url, expires_at, .. }) = lease {
            let is_valid = ctx.now < expires_at;
            match holder == by.node {
                true if run == by.run => return Ok(Claimed::Ours { epoch }),
                false if is_valid => return Ok(Claimed::Elsewhere { node: holder, url }),
                true | false => draft.emit(Event::Vacated { room, epoch }),
            }
        }
        let epoch = epoch + 1;
        draft.put(RoomLease {
            room_id: room,
            node: Some(by.node.clone()),
            run: by.run,
            url: node.url,
            epoch,
            expires_at: ctx.now + ctx.settings.lease,
        })?;
        draft.emit(Event::Claimed { room, node: by.node.clone(), epoch });
        Ok(Claimed::Ours { epoch })
    }
}

/// Says that a node is alive, and keeps the rooms it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewLeases {
    /// Who is.
    pub by: NodeRun,
    /// The rooms it has, by epoch: at most [`RENEWED_MAX`].
    pub rooms: Vec<(RoomId, i64)>,
}

/// What a node still has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The rooms that have gone to others, or to nobody: their media has to end here.
    pub lost: Vec<RoomId>,
}

impl Command for RenewLeases {
    type Output = Renewed;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Renewed, Stop<Refusal>> {
        let rooms = i64::try_from(self.rooms.len()).unwrap_or(i64::MAX);
        Invalid::range("rooms", rooms, 0, RENEWED_MAX as i64).map_err(Refusal::from)?;
        let leases = self.rooms.iter().map(|&(room, _)| RoomLease::own(room));
        draft.need(leases.chain([Node::own(self.by.node.clone())]))?;
        let node = running(draft, &self.by)?;
        let expires_at = ctx.now + ctx.settings.lease;
        draft.put(Node { expires_at, ..node })?;
        let mut renewed = Renewed::default();
        for &(room, epoch) in &self.rooms {
            // One that has run out, and that nobody else took meanwhile, goes on.
            let kept = |lease: &RoomLease| lease.epoch == epoch && lease.node.is_some();
            match draft.get::<RoomLease>(room)?.filter(kept) {
                Some(lease) => draft.put(RoomLease { expires_at, ..lease })?,
                None => renewed.lost.push(room),
            }
        }
        Ok(renewed)
    }
}

/// Gives a room back whose media has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRoom {
    /// The room.
    pub room: RoomId,
    /// The epoch in which it was had: a later one is left alone.
    pub epoch: i64,
}

impl Command for ReleaseRoom {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, _: &Ctx) -> Result<(), Stop<Refusal>> {
        let Some(lease) = had(draft, self.room, self.epoch)? else { return Ok(()) };
        match is_over(draft, self.room)? {
            // Its media has ended, and what was left of it has been told leg by leg.
            true => Ok(draft.delete::<RoomLease>(self.room)?),
            false => vacate(draft, lease),
        }
    }
}

/// Takes a room from a node that has not renewed its lease, or that has started anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VacateRoom {
    /// The room.
    pub room: RoomId,
    /// The epoch in which it was had.
    pub epoch: i64,
}

impl Command for VacateRoom {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let Self { room, epoch } = *self;
        let Some(lease) = had(draft, room, epoch)? else { return Ok(()) };
        if ctx.now < lease.expires_at && !is_of_an_earlier_process(draft, &lease)? {
            return Ok(());
        }
        if is_over(draft, room)? {
            draft.delete::<RoomLease>(room)?;
            // Nobody told how its legs ended.
            draft.emit(Event::Vacated { room, epoch });
            return Ok(());
        }
        vacate(draft, lease)
    }
}

/// The lease of a room, if somebody has it in this epoch.
fn had(draft: &Draft<'_>, room: RoomId, epoch: i64) -> Result<Option<RoomLease>, Stop<Refusal>> {
    draft.need([Room::share(room), RoomLease::own(room)])?;
    let had = |lease: &RoomLease| lease.epoch == epoch && lease.node.is_some();
    Ok(draft.get::<RoomLease>(room)?.filter(had))
}

fn is_over(draft: &Draft<'_>, room: RoomId) -> Result<bool, Stop<Refusal>> {
    Ok(draft.look::<Room>(room)?.is_none_or(|it| it.status == RoomStatus::Closed))
}

/// Whether the node has started anew since it took the lease.
fn is_of_an_earlier_process(draft: &Draft<'_>, lease: &RoomLease) -> Result<bool, Stop<Refusal>> {
    let Some(name) = &lease.node else { return Ok(false) };
    draft.need([Node::share(name.clone())])?;
    Ok(draft.look::<Node>(name.clone())?.is_some_and(|node| node.run > lease.run))
}

fn vacate(draft: &mut Draft<'_>, lease: RoomLease) -> Result<(), Stop<Refusal>> {
    let (room, epoch) = (lease.room_id, lease.epoch);
    draft.put(RoomLease {
        node: None,
        url: String::new(),
        epoch: epoch + 1,
        expires_at: Timestamp::NEVER,
        ..lease
    })?;
    draft.emit(Event::Vacated { room, epoch });
    Ok(())
}

/// Whether what is said in an epoch is said by the node that has the room.
pub(super) fn fence(draft: &Draft<'_>, room: RoomId, epoch: i64) -> Result<(), Stop<Refusal>> {
    draft.need([RoomLease::share(room)])?;
    let lease = draft.look::<RoomLease>(room)?;
    match RoomLease::epoch_of(lease) == epoch {
        true => Ok(()),
        false => Err(Refusal::Fenced.into()),
    }
}

/// The node, if this is the process that goes by its name now.
fn running(draft: &Draft<'_>, by: &NodeRun) -> Result<Node, Stop<Refusal>> {
    let node = draft.get::<Node>(by.node.clone())?.filter(|node| node.run == by.run);
    Ok(node.ok_or(Refusal::Fenced)?)
}

/// When a room is taken from a node that is silent.
pub const LEASE: Deadline = Deadline {
    name: "rooms.lease",
    due: |by| queries::leases_expiring(by).query().clone(),
    at: |row| RoomLease::from_row(row).map_or(Timestamp::NEVER, |lease| lease.expires_at),
    command: |row| {
        let lease = RoomLease::from_row(row)?;
        Some(VacateRoom { room: lease.room_id, epoch: lease.epoch }.into())
    },
};

/// Has the legs of a node that lost a room count as lost: for those whose stays they carried, and
/// in what is kept of each leg.
pub const ORPHANS: Policy = Policy {
    name: "rooms.orphans",
    react: |envelope| match envelope.emitted.event {
        AnyEvent::Rooms(Event::Vacated { room, epoch }) => {
            let seats = queries::seats_up_to(room, i64::MAX);
            let stays = Reaction::for_each(seats, move |seat: &Seat| {
                let participant = seat.participant_id?;
                Some(LegOrphaned { room, participant, epoch })
            });
            vec![stays, calls::orphans(room, epoch)]
        }
        AnyEvent::Rooms(_) | AnyEvent::Identity(_) | AnyEvent::Calls(_) | AnyEvent::Ledger(_) => {
            Vec::new()
        }
    },
};
