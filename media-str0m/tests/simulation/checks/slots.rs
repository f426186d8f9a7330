use std::collections::{BTreeMap, BTreeSet, HashMap};

use parlor_media_str0m::engine::LOUDEST;

use crate::log::{Fact, Objection, Record, object};

/// The packets of a slot by their numbers: the timestamp, and where it is said.
type Packets<'a> = BTreeMap<u64, (u32, &'a Record)>;

/// What a listener's decoder relies on: each slot is one stream whose numbers stand for one
/// packet each and whose clock never goes back, and there are only so many.
pub(super) fn slots(log: &[Record]) -> Result<(), Objection> {
    let mut slots: HashMap<(usize, &str), Packets<'_>> = HashMap::new();
    let mut names: HashMap<usize, BTreeSet<&str>> = HashMap::new();
    for record in log {
        let Fact::Heard { peer, slot, seq, time, .. } = &record.fact else { continue };
        let held = names.entry(*peer).or_default();
        held.insert(slot);
        if held.len() > LOUDEST {
            return object(record, "only so many speak at a time", format!("{held:?} at {peer}"));
        }
        let packets = slots.entry((*peer, slot)).or_default();
        let before = packets.insert(*seq, (*time, record));
        if before.is_some() {
            let what = format!("{seq} in slot {slot} of {peer}");
            return object(record, "a number of a slot is used once", what);
        }
    }
    for ((peer, slot), packets) in &slots {
        let mut last: Option<(u64, u32)> = None;
        for (seq, (time, record)) in packets {
            // Serial arithmetic (RFC 1982): a step of more than half the circle is one back.
            if let Some((before, clock)) = last
                && time.wrapping_sub(clock).wrapping_sub(1) >= 1 << 31
            {
                let what = format!("{clock} at {before}, {time} at {seq}, slot {slot} of {peer}");
                return object(record, "the clock of a slot goes on", what);
            }
            last = Some((*seq, *time));
        }
    }
    Ok(())
}
