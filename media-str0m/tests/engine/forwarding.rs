//! Who hears whom, and what the packets look like: in virtual time, without a socket.

use std::collections::BTreeMap;

use crate::world::{ALL, World, ms, participant, room, said, speakers};
use parlor_core::media::{MediaEvent, Rights};
use parlor_media_str0m::client::Received;

/// Per slot, sequence numbers without a hole and timestamps that only grow.
fn assert_seamless(packets: &[Received]) {
    let mut slots: BTreeMap<u32, Vec<&Received>> = BTreeMap::new();
    for packet in packets {
        slots.entry(packet.ssrc).or_default().push(packet);
    }
    for packets in slots.values() {
        for pair in packets.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq + 1, "a hole in the numbers of a slot");
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert!((960..48_000 * 60).contains(&step), "the clock of a slot jumps by {step}");
            assert_eq!(pair[0].mid, pair[1].mid);
        }
    }
}

#[test]
fn everybody_hears_everybody_else_from_the_first_packet_on() {
    let mut world = World::room_of(3);
    world.speak(&[(0, -20), (1, -30), (2, -40)], 100);
    for at in 0..3 {
        let heard = world.peers[at].take();
        assert_seamless(&heard);
        let others: Vec<_> = (0..3).filter(|other| *other != at).collect();
        assert_eq!(speakers(&heard), others, "peer {at} hears the others and not itself");
        for other in others {
            let frames: Vec<_> =
                heard.iter().filter_map(said).filter(|(who, _)| *who == other).collect();
            assert_eq!(frames.len(), 100);
            assert!(frames.iter().enumerate().all(|(n, (_, frame))| n == *frame as usize));
        }
    }
    let stats = world.stats();
    assert_eq!((stats.packets_in, stats.packets_out), (300, 600));
    assert_eq!(stats.dropped, Default::default());
}

#[test]
fn levels_travel_with_the_packets() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -33)], 5);
    assert!(world.peers[1].take().iter().all(|packet| packet.level == Some(-33)));
}

#[test]
fn rooms_are_apart() {
    let mut world = World::new();
    for (at, who) in [(1, 1), (1, 2), (2, 3), (2, 4)] {
        world.add(room(at), participant(who), ALL);
    }
    world.settle();
    world.speak(&[(0, -20)], 10);
    let heard: Vec<_> = (0..4).map(|at| world.peers[at].received.len()).collect();
    assert_eq!(heard, [0, 10, 0, 0]);
}

#[test]
fn the_three_loudest_of_five_are_heard() {
    let mut world = World::room_of(6);
    let levels = [(0, -50), (1, -40), (2, -30), (3, -20), (4, -10)];
    world.speak(&levels, 100);
    for peer in &mut world.peers {
        peer.take();
    }
    world.speak(&levels, 50);
    let expected: [&[usize]; 6] =
        [&[2, 3, 4], &[2, 3, 4], &[1, 3, 4], &[1, 2, 4], &[1, 2, 3], &[2, 3, 4]];
    for (at, expected) in expected.iter().enumerate() {
        let heard = world.peers[at].take();
        assert_eq!(speakers(&heard), *expected, "peer {at}");
        assert_eq!(heard.len(), 150);
        assert_seamless(&heard);
    }
    assert!(world.stats().dropped.not_loudest > 0);
}

#[test]
fn slots_are_seamless_when_speakers_change() {
    let mut world = World::room_of(7);
    // Six speakers take turns in being the loud three.
    for round in 0..12_usize {
        let levels: Vec<_> =
            (0..6).map(|at| (at, if (at + round) % 6 < 3 { -10 } else { -60 })).collect();
        world.speak(&levels, 60);
    }
    let heard = world.peers[6].take();
    assert_eq!(speakers(&heard), [0, 1, 2, 3, 4, 5]);
    assert_seamless(&heard);
    let slots: std::collections::BTreeSet<_> = heard.iter().map(|packet| packet.ssrc).collect();
    assert_eq!(slots.len(), 3);
    // A change of speaker starts a turn.
    let mut last: BTreeMap<u32, usize> = BTreeMap::new();
    let mut changes = 0;
    for packet in &heard {
        let (who, _) = said(packet).unwrap();
        if last.insert(packet.ssrc, who).is_some_and(|before| before != who) {
            changes += 1;
            assert!(packet.marker);
        }
    }
    assert!(changes >= 11);
}

#[test]
fn a_speaker_keeps_the_slot_while_heard() {
    let mut world = World::room_of(4);
    world.speak(&[(0, -20), (1, -30), (2, -40)], 50);
    world.speak(&[(0, -40), (1, -20), (2, -30)], 50);
    let mut slots: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for packet in world.peers[3].take() {
        let (who, _) = said(&packet).unwrap();
        slots.entry(who).or_default().push(packet.ssrc);
    }
    for ssrcs in slots.values_mut() {
        ssrcs.dedup();
        assert_eq!(ssrcs.len(), 1);
    }
    assert_eq!(slots.len(), 3);
}

#[test]
fn a_muted_microphone_leaks_nothing_and_ends_in_silence() {
    let mut world = World::room_of(3);
    world.speak(&[(0, -20)], 50);
    world.peers[1].take();
    world.peers[2].take();
    let before = world.stats();
    world.set_rights(0, Rights { send_microphone: false, hear: true, pinned: false });
    world.speak(&[(0, -20)], 3_000);
    for at in [1, 2] {
        let heard = world.peers[at].take();
        assert_eq!(heard.len(), 3);
        assert!(heard.iter().all(|packet| *packet.payload == [0xF8, 0xFF, 0xFE]));
        assert_seamless(&heard);
    }
    let after = world.stats();
    assert_eq!(after.dropped.not_permitted - before.dropped.not_permitted, 3_000);
    assert_eq!(after.packets_out, before.packets_out);
    // It still hears the others itself.
    world.speak(&[(1, -20)], 10);
    assert_eq!(speakers(&world.peers[0].take()), [1]);
}

#[test]
fn a_mute_outlasts_a_reconnection() {
    let mut world = World::room_of(2);
    let muted = Rights { send_microphone: false, hear: true, pinned: false };
    world.set_rights(0, muted);
    let again = world.add(room(1), participant(1), muted);
    world.settle();
    world.speak(&[(0, -20), (again, -20)], 50);
    assert_eq!(world.peers[1].take(), []);
}

#[test]
fn rights_flip_back_without_a_seam() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 20);
    world.set_rights(0, Rights { send_microphone: false, hear: true, pinned: false });
    world.speak(&[(0, -20)], 20);
    world.set_rights(0, ALL);
    world.speak(&[(0, -20)], 20);
    let heard = world.peers[1].take();
    assert_eq!(heard.len(), 20 + 3 + 20);
    assert_seamless(&heard);
    // The clock of the slot has kept pace with the wall: 60 frames, less the one that started.
    let (first, last) = (&heard[0], &heard[heard.len() - 1]);
    let samples = last.timestamp.wrapping_sub(first.timestamp);
    assert!((59 * 960..=60 * 960).contains(&samples), "{samples}");
}

#[test]
fn who_may_not_hear_is_sent_nothing() {
    let mut world = World::new();
    world.add(room(1), participant(1), ALL);
    world.add(
        room(1),
        participant(2),
        Rights { send_microphone: true, hear: false, pinned: false },
    );
    world.settle();
    world.speak(&[(0, -20)], 10);
    assert_eq!(world.peers[1].take(), []);
    world.set_rights(1, ALL);
    world.speak(&[(0, -20)], 10);
    assert_eq!(world.peers[1].take().len(), 10);
    world.set_rights(1, Rights { send_microphone: true, hear: false, pinned: false });
    world.speak(&[(0, -20)], 10);
    assert!(world.peers[1].take().iter().all(|packet| said(packet).is_none()));
}

#[test]
fn a_client_without_levels_is_of_medium_loudness() {
    let mut world = World::new();
    world.add_with(room(1), participant(1), ALL, |config| config.levels = false);
    for who in 2..=5 {
        world.add(room(1), participant(who), ALL);
    }
    world.settle();
    let levels = [(0, 0), (1, -50), (2, -20), (3, -10)];
    world.speak(&levels, 100);
    world.peers[4].take();
    world.speak(&levels, 10);
    assert_eq!(speakers(&world.peers[4].take()), [0, 2, 3]);
}

#[test]
fn fewer_slots_carry_the_loudest() {
    let mut world = World::new();
    for who in 1..=3 {
        world.add(room(1), participant(who), ALL);
    }
    let listener = world.add_with(
        room(1),
        participant(4),
        Rights { send_microphone: false, hear: true, pinned: false },
        |config| {
            (config.slots, config.microphone) = (1, false);
        },
    );
    world.settle();
    let levels = [(0, -40), (1, -10), (2, -30)];
    world.speak(&levels, 50);
    world.peers[listener].take();
    world.speak(&levels, 10);
    let heard = world.peers[listener].take();
    assert_eq!(speakers(&heard), [1]);
    assert_seamless(&heard);
}

#[test]
fn a_speaker_who_leaves_ends_in_silence() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 10);
    world.peers[0].client.close();
    world.drain_peer(0);
    world.run(ms(100));
    let heard = world.peers[1].take();
    assert_eq!(heard.len(), 13);
    assert_seamless(&heard);
}

#[test]
fn who_speaks_is_told_on_change_and_not_too_often() {
    let mut world = World::room_of(3);
    world.speak(&[(0, -20), (1, -70)], 50);
    world.speak(&[(0, -30), (1, -10)], 50);
    world.run(ms(1_000));
    let told: Vec<Vec<_>> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Speaking { room: r, participants, .. } if *r == room(1) => {
                Some(participants.clone())
            }
            _ => None,
        })
        .collect();
    let (one, two) = (participant(1), participant(2));
    // At first as loud as they began, then with the word passed on.
    assert_eq!(told, [vec![one], vec![one, two], vec![two, one], vec![]]);
}

#[test]
fn who_speaks_changes_at_most_five_times_a_second() {
    let mut world = World::room_of(6);
    for round in 0..100_usize {
        world.speak(&[(round % 6, -10)], 5);
    }
    let is_told = |event: &&MediaEvent| matches!(event, MediaEvent::Speaking { .. });
    let told = world.events.iter().filter(is_told).count();
    assert!((10..=51).contains(&told), "{told} events in ten seconds");
}
