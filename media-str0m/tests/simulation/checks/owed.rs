use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use parlor_core::media::Rights;
use parlor_media_str0m::engine::LOUDEST;

use crate::log::{Fact, Objection, Record, object};

/// How long after their last packet someone may still count as one of the loudest.
const ACTIVE: Duration = Duration::from_millis(1_100);

/// A packet takes no longer than this to a client, and a client no longer to say goodbye.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// What was owed and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) owed: u64,
    pub(crate) heard: u64,
    /// RTP packets the network has lost on their way to a client.
    pub(crate) lost: u64,
}

/// While no more than [`LOUDEST`] send in a room, each of their frames that reaches the shard
/// reaches everybody else who may hear, unless the network loses it on its way there.
///
/// A frame that comes to the shard after the later one with which its turn began, or with which
/// its listener came, is too late, so of each turn the first moment is not owed where frames
/// overtake each other.
pub(crate) fn owed(log: &[Record]) -> Result<Owed, Objection> {
    let heard: HashSet<_> = log
        .iter()
        .filter_map(|record| match record.fact {
            Fact::Heard { peer, said: Some((from, frame)), .. } => Some((peer, from, frame)),
            _ => None,
        })
        .collect();
    let end = log.last().map_or(Duration::ZERO, |record| record.at);
    let closes: HashMap<_, _> = log
        .iter()
        .filter_map(|record| match record.fact {
            Fact::LegClosed { peer } | Fact::ClientGone { peer } => Some((peer, record.at)),
            _ => None,
        })
        .rev()
        .collect();
    let mut legs: BTreeMap<usize, Leg> = BTreeMap::new();
    let mut sums: BTreeMap<usize, Sum<'_>> = BTreeMap::new();
    for record in log {
        let Record { at, ref fact } = *record;
        note(&mut legs, at, fact);
        if let Fact::LostOnTheWay { peer } = fact {
            sums.entry(*peer).or_default().lost += 1;
        }
        let Fact::Arrived { peer: from, frame, voiced: true } = *fact else { continue };
        let Some(speaker) = legs.get(&from) else { continue };
        if at + UNDER_WAY > end || !speaker.is_clear(at) || !speaker.rights.send_microphone {
            continue;
        }
        let overtaken = speaker.latest.is_some_and(|latest| frame < latest);
        let senders = legs.values().filter(|leg| leg.room == speaker.room && leg.sends(at));
        if senders.count() > LOUDEST {
            continue;
        }
        for (to, listener) in &legs {
            let leaves = closes.get(to).is_some_and(|closes| *closes < at + UNDER_WAY);
            let is_owed = listener.room == speaker.room
                && listener.participant != speaker.participant
                && listener.slots >= LOUDEST
                && listener.rights.hear
                && listener.is_clear(at)
                && !(overtaken && !(speaker.is_settled(at) && listener.is_settled(at)))
                && !leaves;
            if is_owed {
                let sum = sums.entry(*to).or_default();
                sum.owed += 1;
                if heard.contains(&(*to, from, frame)) {
                    sum.heard += 1;
                } else {
                    sum.missing.push((record, from, frame));
                }
            }
        }
    }
    settle(&sums)
}

#[derive(Default)]
struct Sum<'a> {
    owed: u64,
    heard: u64,
    lost: u64,
    missing: Vec<(&'a Record, usize, u32)>,
}

fn settle(sums: &BTreeMap<usize, Sum<'_>>) -> Result<Owed, Objection> {
    let mut total = Owed::default();
    for (peer, sum) in sums {
        if sum.missing.len() as u64 > sum.lost {
            let (record, from, frame) = sum.missing[0];
            let what = format!(
                "{} frames of {} at {peer}, of which {} lost on the way; first frame {frame} of {from}",
                sum.missing.len(),
                sum.owed,
                sum.lost
            );
            return object(record, "what is owed arrives", what);
        }
        total.owed += sum.owed;
        total.heard += sum.heard;
        total.lost += sum.lost;
    }
    Ok(total)
}

struct Leg {
    room: u128,
    participant: u128,
    rights: Rights,
    slots: usize,
    client_up: bool,
    leg_up: bool,
    disturbed: Duration,
    /// When the present turn of speaking or listening began, when the last packet came, and the latest frame.
    turn: Duration,
    sent: Option<Duration>,
    latest: Option<u32>,
    /// The last frame to come was silence: the next begins a turn.
    is_silent: bool,
}

impl Leg {
    /// Whether packets from and to it get through, but for what its network loses.
    fn is_clear(&self, at: Duration) -> bool {
        self.client_up && self.leg_up && at >= self.disturbed
    }

    fn sends(&self, at: Duration) -> bool {
        self.sent.is_some_and(|sent| at - sent < ACTIVE)
    }

    /// Whether no frame from before its turn can come any more.
    fn is_settled(&self, at: Duration) -> bool {
        at - self.turn > Duration::from_millis(500)
    }
}

fn note(legs: &mut BTreeMap<usize, Leg>, at: Duration, fact: &Fact) {
    if let Fact::Joined { peer, room, participant, rights, slots } = *fact {
        let leg = Leg {
            room,
            participant,
            rights,
            slots,
            client_up: false,
            leg_up: false,
            disturbed: Duration::ZERO,
            turn: at,
            sent: None,
            latest: None,
            is_silent: false,
        };
        legs.insert(peer, leg);
        return;
    }
    let (Fact::RightsSet { peer, .. }
    | Fact::ClientUp { peer }
    | Fact::ClientGone { peer }
    | Fact::LegUp { peer }
    | Fact::LegLost { peer }
    | Fact::LegClosed { peer }
    | Fact::Disturbed { peer, .. }
    | Fact::Arrived { peer, .. }) = *fact
    else {
        return;
    };
    let Some(leg) = legs.get_mut(&peer) else { return };
    match *fact {
        Fact::RightsSet { rights, .. } => (leg.rights, leg.turn) = (rights, at),
        Fact::ClientUp { .. } => (leg.client_up, leg.turn) = (true, at),
        Fact::LegUp { .. } => (leg.leg_up, leg.turn) = (true, at),
        Fact::ClientGone { .. } => leg.client_up = false,
        Fact::LegLost { .. } | Fact::LegClosed { .. } => leg.leg_up = false,
        Fact::Disturbed { until, .. } => leg.disturbed = leg.disturbed.max(until),
        Fact::Arrived { frame, voiced, .. } => {
            let is_back = voiced && leg.is_silent;
            leg.is_silent = !voiced;
            if is_back || leg.sent.is_none_or(|sent| at - sent > Duration::from_millis(900)) {
                leg.turn = at;
            }
            leg.sent = Some(at);
            leg.latest = leg.latest.max(Some(frame));
        }
        _ => {}
    }
}
