//! Planted bugs: each check is shown a log that is wrong in one way, and must object. A check
//! that is blind is worse than none.

use parlor_core::media::Rights;

use crate::checks::{self, CHECKS};
use crate::log::{Fact, Record};
use crate::wire::Kind;
use crate::world::{ALL, Talk, World, ms};

/// Two rooms, five people, and a good minute of everything.
fn good() -> Vec<Record> {
    let mut world = World::room_of(3, 20);
    for who in 3..5 {
        world.join(1, who, ALL, crate::link::Weather::clean(20));
    }
    world.run(ms(1_000));
    for at in [0, 1, 3] {
        world.talk(at, Talk::Voice(-20));
    }
    world.run(ms(2_000));
    world.set_rights(1, Rights { send_microphone: false, ..ALL });
    world.run(ms(1_000));
    for at in [0, 1, 3] {
        world.talk(at, Talk::Off);
    }
    world.run(ms(2_500));
    world.log
}

struct Bug {
    name: &'static str,
    rule: &'static str,
    plant: fn(&mut Vec<Record>),
}

const BUGS: [Bug; 18] = [
    Bug {
        name: "an RTP number is sealed again, with other bytes",
        rule: "an SRTP nonce is used once",
        plant: |log| again(log, |kind| matches!(kind, Kind::Rtp { .. }), |kind| kind),
    },
    Bug {
        name: "numbers run through all 65,536 and one more comes without a rollover",
        rule: "an SRTP nonce is used once",
        plant: |log| {
            // 65,536 steps forward, then one back: the same index as before.
            let (at, peer, ssrc) = first_rtp(log);
            for n in 0..=65_536_u32 {
                seal(log, at, peer, Kind::Rtp { ssrc, seq: n as u16, time: 0 }, u64::from(n));
            }
            seal(log, at, peer, Kind::Rtp { ssrc, seq: 0xFFFF, time: 0 }, 1);
        },
    },
    Bug {
        name: "a late packet from before the rollover is sealed again",
        rule: "an SRTP nonce is used once",
        plant: |log| {
            let (at, peer, ssrc) = first_rtp(log);
            let ssrc = ssrc ^ 1;
            for (seq, digest) in [(0xFFFE, 1), (0xFFFF, 2), (0, 3), (0xFFFF, 4)] {
                seal(log, at, peer, Kind::Rtp { ssrc, seq, time: 0 }, digest);
            }
        },
    },
    Bug {
        name: "an RTCP index is sealed again, with other bytes",
        rule: "an SRTCP nonce is used once",
        plant: |log| {
            let (at, peer, ssrc) = first_rtp(log);
            for digest in 0..2 {
                seal(log, at, peer, Kind::Rtcp { ssrc, index: 7 }, digest);
            }
        },
    },
    Bug {
        name: "a frame is forwarded to its own speaker",
        rule: "nobody hears themself",
        plant: |log| on_heard(log, |from, _, peer, _| *peer = from),
    },
    Bug {
        name: "a frame is forwarded into another room",
        rule: "rooms are apart",
        plant: |log| on_heard(log, |_, _, peer, _| *peer = 4),
    },
    Bug {
        name: "a mute comes after the packet instead of before it",
        rule: "nobody hears a muted microphone",
        plant: |log| forbid(log, |from, _| (from, Rights { send_microphone: false, ..ALL })),
    },
    Bug {
        name: "a deafened listener is sent on",
        rule: "who may not hear does not",
        plant: |log| forbid(log, |_, to| (to, Rights { hear: false, ..ALL })),
    },
    Bug {
        name: "a leg that is closed is heard on",
        rule: "who has left is not heard",
        plant: |log| {
            let at = log[0].at;
            log.insert(3, Record { at, fact: Fact::LegClosed { peer: 0 } });
            shift(log, 3);
        },
    },
    Bug {
        name: "a frame is forwarded twice",
        rule: "a frame is heard once",
        plant: |log| {
            let at = heard(log);
            let twice = log[at].clone();
            log.insert(at, twice);
        },
    },
    Bug {
        name: "a frame is heard that has never come in",
        rule: "nothing is heard before it is said",
        plant: |log| on_heard(log, |_, frame, _, _| *frame += 1_000_000),
    },
    Bug {
        name: "somebody is heard who has never joined",
        rule: "only who is there is heard",
        plant: |log| log.retain(|record| !matches!(record.fact, Fact::Joined { peer: 0, .. })),
    },
    Bug {
        name: "a fourth slot",
        rule: "only so many speak at a time",
        plant: |log| {
            for n in 0..4 {
                let at = heard(log);
                if let Fact::Heard { slot, said, seq, .. } = &mut log[at].fact {
                    (*slot, *said, *seq) = (format!("extra {n}"), None, n);
                }
            }
        },
    },
    Bug {
        name: "a number of a slot stands for two packets",
        rule: "a number of a slot is used once",
        plant: |log| {
            let at = heard(log);
            let mut other = log[at].clone();
            if let Fact::Heard { said, digest, .. } = &mut other.fact {
                (*said, *digest) = (None, *digest ^ 1);
            }
            log.insert(at, other);
        },
    },
    Bug {
        name: "the clock of a slot goes back",
        rule: "the clock of a slot goes on",
        plant: |log| {
            let at = log.iter().rposition(|r| matches!(r.fact, Fact::Heard { .. }));
            if let Fact::Heard { time, .. } = &mut log[at.expect("something is heard")].fact {
                *time = time.wrapping_sub(960 * 200);
            }
        },
    },
    Bug {
        name: "the clock of a slot stands still",
        rule: "the clock of a slot goes on",
        plant: |log| {
            let mut last = None;
            for record in log {
                if let Fact::Heard { peer: 2, time, slot, .. } = &mut record.fact {
                    let (before, first) = last.get_or_insert((*time, slot.clone()));
                    if *first == *slot {
                        *time = *before;
                    }
                }
            }
        },
    },
    Bug {
        name: "a single frame is not forwarded to a single listener",
        rule: "what is owed arrives",
        plant: |log| {
            let at = heard(log);
            log.remove(at);
        },
    },
    Bug {
        name: "a new listener is never sent anything",
        rule: "what is owed arrives",
        plant: |log| log.retain(|r| !matches!(r.fact, Fact::Heard { peer: 2, .. })),
    },
];

#[test]
fn a_good_log_is_found_good() {
    let log = good();
    assert_eq!(checks::all(&log), Ok(()));
    let sum = checks::owed(&log).unwrap();
    assert!(sum.owed > 300 && sum.heard == sum.owed, "{sum:?}");
}

#[test]
fn every_planted_bug_is_found() {
    let good = good();
    let mut found = std::collections::BTreeSet::new();
    for bug in BUGS {
        let mut log = good.clone();
        (bug.plant)(&mut log);
        assert_ne!(log, good, "{}: nothing has been planted", bug.name);
        let objections: Vec<_> =
            CHECKS.iter().filter_map(|(name, check)| Some((name, check(&log).err()?))).collect();
        let seen = objections.iter().find(|(_, objection)| objection.rule == bug.rule);
        let Some((check, _)) = seen else { panic!("{}: {objections:?}", bug.name) };
        found.insert(**check);
    }
    assert_eq!(found.len(), CHECKS.len(), "each check has found something: {found:?}");
}

/// The place of a packet with a frame in it, heard by a listener of the first room in the middle
/// of the talk.
fn heard(log: &[Record]) -> usize {
    let is_one = |record: &Record| match &record.fact {
        Fact::Heard { peer: 2, said: Some((0, frame)), .. } => *frame == 40,
        _ => false,
    };
    log.iter()
        .position(is_one)
        .or_else(|| {
            log.iter().position(|r| matches!(r.fact, Fact::Heard { peer: 2, said: Some(_), .. }))
        })
        .expect("something is heard")
}

fn on_heard(log: &mut [Record], change: fn(usize, &mut u32, &mut usize, &mut usize)) {
    let at = heard(log);
    let Fact::Heard { peer, sealed, said: Some((from, frame)), .. } = &mut log[at].fact else {
        unreachable!()
    };
    change(*from, frame, peer, sealed);
}

/// Takes rights away just before a packet that is heard all the same has been sealed.
fn forbid(log: &mut Vec<Record>, whose: fn(usize, usize) -> (usize, Rights)) {
    let at = heard(log);
    let Fact::Heard { peer: to, sealed, said: Some((from, _)), .. } = log[at].fact else {
        unreachable!()
    };
    let (peer, rights) = whose(from, to);
    let at = log[sealed].at;
    log.insert(sealed, Record { at, fact: Fact::RightsSet { peer, rights } });
    shift(log, sealed);
}

/// Something has been put into the log: what comes after has moved on by one.
fn shift(log: &mut [Record], from: usize) {
    for record in log {
        if let Fact::Heard { sealed, .. } = &mut record.fact
            && *sealed >= from
        {
            *sealed += 1;
        }
    }
}

fn first_rtp(log: &[Record]) -> (usize, usize, u32) {
    let found = log.iter().enumerate().find_map(|(at, record)| match record.fact {
        Fact::Sealed { peer, kind: Kind::Rtp { ssrc, .. }, .. } => Some((at, peer, ssrc)),
        _ => None,
    });
    found.expect("something is sealed")
}

/// Puts in something sealed; at the end, so that no place in the log moves.
fn seal(log: &mut Vec<Record>, like: usize, peer: usize, kind: Kind, digest: u64) {
    let at = log[like].at;
    log.push(Record { at, fact: Fact::Sealed { peer, kind, digest } });
}

fn again(log: &mut Vec<Record>, which: fn(&Kind) -> bool, change: fn(Kind) -> Kind) {
    let found = log.iter().rev().find_map(|record| match &record.fact {
        Fact::Sealed { peer, kind, digest } if which(kind) => Some((*peer, *kind, *digest)),
        _ => None,
    });
    let (peer, kind, digest) = found.expect("something is sealed");
    seal(log, 0, peer, change(kind), digest ^ 1);
}
