use std::collections::{HashMap, HashSet};

use parlor_core::media::Rights;

use crate::log::{Fact, Objection, Record, object};

/// Who may be heard by whom, at the moment the shard passed a packet on: what was on its way to
/// the listener by then still arrives.
pub(super) fn hearing(log: &[Record]) -> Result<(), Objection> {
    let legs = Legs::of(log);
    let mut arrived: HashMap<(usize, u32), usize> = HashMap::new();
    let mut heard: HashSet<(usize, usize, u32)> = HashSet::new();
    for (at, record) in log.iter().enumerate() {
        if let Fact::Arrived { peer, frame, .. } = record.fact {
            arrived.insert((peer, frame), at);
        }
        let Fact::Heard { peer: to, sealed, said: Some((from, frame)), .. } = record.fact else {
            continue;
        };
        let what = format!("frame {frame} of {from} at {to}");
        let (Some(speaker), Some(listener)) = (legs.0.get(&from), legs.0.get(&to)) else {
            return object(record, "only who is there is heard", what);
        };
        if speaker.participant == listener.participant {
            return object(record, "nobody hears themself", what);
        }
        if speaker.room != listener.room {
            return object(record, "rooms are apart", what);
        }
        if !speaker.rights_at(sealed).send_microphone {
            return object(record, "nobody hears a muted microphone", what);
        }
        if !listener.rights_at(sealed).hear {
            return object(record, "who may not hear does not", what);
        }
        if speaker.closed.is_some_and(|closed| closed < sealed) {
            return object(record, "who has left is not heard", what);
        }
        if arrived.get(&(from, frame)).is_none_or(|at| *at > sealed) {
            return object(record, "nothing is heard before it is said", what);
        }
        if !heard.insert((to, from, frame)) {
            return object(record, "a frame is heard once", what);
        }
    }
    Ok(())
}

struct Legs(HashMap<usize, Leg>);

struct Leg {
    room: u128,
    participant: u128,
    /// Since which place in the log it has which rights.
    rights: Vec<(usize, Rights)>,
    closed: Option<usize>,
}

impl Legs {
    fn of(log: &[Record]) -> Self {
        let mut legs = HashMap::new();
        for (at, record) in log.iter().enumerate() {
            match record.fact {
                Fact::Joined { peer, room, participant, rights, .. } => {
                    let rights = vec![(at, rights)];
                    legs.insert(peer, Leg { room, participant, rights, closed: None });
                }
                Fact::RightsSet { peer, rights } => {
                    legs.entry(peer).and_modify(|leg| leg.rights.push((at, rights)));
                }
                Fact::LegClosed { peer } => {
                    legs.entry(peer).and_modify(|leg| leg.closed = Some(at));
                }
                _ => {}
            }
        }
        Self(legs)
    }
}

impl Leg {
    fn rights_at(&self, place: usize) -> Rights {
        let before = self.rights.iter().rfind(|(since, _)| *since < place);
        before.map_or(Rights::NONE, |(_, rights)| *rights)
    }
}
