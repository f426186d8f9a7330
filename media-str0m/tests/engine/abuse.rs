//! More of what comes from people who mean harm: much of it, and from those who are let in.

use std::net::SocketAddr;

use parlor_core::media::{CloseReason, Connect, Rights, SdpOffer};
use parlor_media_str0m::client::{Client, ClientConfig};
use parlor_media_str0m::engine::{Command, Input, PUBLISH_BITS_MAX, Reply, SOURCES_MAX};

use crate::world::{ALL, Dice, World, leg, ms, participant, room, said, speakers};

/// How many datagrams make a flood. `.ci/full` makes it a million.
fn flood() -> u32 {
    let asked = std::env::var("PARLOR_FLOOD").ok();
    asked.map_or(50_000, |n| n.parse().expect("a number of datagrams"))
}

/// One direction of a call, as it was on the wire: handshake, media and all.
fn recorded() -> (World, Vec<Vec<u8>>) {
    let mut world = World::new();
    let mut seen = Vec::new();
    for who in 1..=2 {
        world.add(room(1), participant(who), ALL);
    }
    for frame in 0..150 {
        world.say(0, frame, -20);
        world.run(ms(20));
        seen.extend(world.sent.drain(..).map(|(_, _, bytes)| bytes));
    }
    assert!(world.peers[0].connected);
    (world, seen)
}

/// The last RTP packet that a peer has sent.
fn frame_of(world: &World, at: usize) -> Vec<u8> {
    let source = world.peers[at].seen_as;
    let is_rtp = |bytes: &[u8]| bytes[0] >= 128 && !(64..=95).contains(&(bytes[1] & 0x7F));
    let last = world.sent.iter().rfind(|(from, _, bytes)| *from == source && is_rtp(bytes));
    last.expect("it has spoken").2.clone()
}

#[test]
fn mutated_datagrams_from_strangers_are_met_with_silence() {
    let (mut world, recorded) = recorded();
    let kinds = |first: fn(&u8) -> bool| recorded.iter().filter(|b| first(&b[0])).count();
    assert!(kinds(|b| *b < 2) > 0 && kinds(|b| *b == 22) > 0 && kinds(|b| *b >= 128) > 0);
    world.run(ms(100));
    let before = world.stats();
    let seed = 0xF100D;
    let mut dice = Dice(seed);
    for n in 0..flood() {
        let original = &recorded[dice.below(recorded.len())];
        let mut bytes = original.clone();
        // What stands before the fingerprint is signed (RFC 8489 §14.7).
        let signed = if bytes[0] < 2 { bytes.len() - 8 } else { bytes.len() };
        for _ in 0..=dice.below(6) {
            bytes[dice.below(signed)] ^= u8::try_from(1 + dice.below(255)).unwrap();
        }
        if bytes == *original {
            bytes[signed - 1] ^= 1;
        }
        if dice.below(8) == 0 {
            bytes.truncate(dice.below(bytes.len()));
        }
        let port = u16::try_from(1_000 + n % 60_000).unwrap();
        world.inject(SocketAddr::from(([198, 51, 100, 7], port)), &bytes);
    }
    let after = world.stats();
    let what = format!("seed {seed:#x}: {:?}", after.dropped);
    assert_eq!(after.datagrams_in - before.datagrams_in, u64::from(flood()), "{what}");
    assert_eq!(after.bytes_out, before.bytes_out, "{what}");
    assert_eq!((after.sessions, after.sources, after.panics), (2, 2, 0), "{what}");
    let sum = |stats: parlor_media_str0m::engine::Stats| {
        let d = stats.dropped;
        [d.malformed, d.unknown_source, d.unknown_ufrag, d.bad_integrity]
    };
    let counted: Vec<_> = sum(after).iter().zip(sum(before)).map(|(a, b)| a - b).collect();
    assert!(counted.iter().all(|count| *count > 0), "each way to fail was taken: {counted:?}");
    assert_eq!(counted.iter().sum::<u64>(), u64::from(flood()), "each is counted once: {what}");
    assert_eq!(world.stray, []);
    // Those who were there before notice nothing.
    world.peers[1].take();
    world.speak(&[(0, -20)], 50);
    assert_eq!(world.peers[1].take().len(), 50);
}

#[test]
fn forged_rtp_with_all_the_right_names_does_not_disturb_a_speaker() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 10);
    let source = world.peers[0].seen_as;
    let before = world.stats();
    for frame in 10..400_u32 {
        world.say(0, frame, -20);
        let real = frame_of(&world, 0);
        // The same header, but for a number that is ahead, by one or by nearly half the circle.
        let mut forged = real.clone();
        let seq = u16::from_be_bytes([real[2], real[3]]);
        let ahead = if frame % 2 == 0 { 1 } else { 30_000 };
        forged[2..4].copy_from_slice(&seq.wrapping_add(ahead).to_be_bytes());
        let last = forged.len() - 1;
        forged[last] ^= 1;
        world.inject(source, &forged);
        world.run(ms(20));
    }
    assert_eq!(world.peers[1].take().iter().filter_map(said).count(), 400);
    // Each was received, and none was taken for the speaker's.
    let after = world.stats();
    assert_eq!(after.packets_in - before.packets_in, 390);
    assert!(after.datagrams_in - before.datagrams_in >= 780);
}

#[test]
fn replays_are_forwarded_once_across_a_change_of_ssrc_and_a_wrap() {
    let mut world = World::room_of(2);
    let first = world.peers[0].client.microphone_ssrc().unwrap();
    let mut frame = 0;
    let mut heard = 0;
    let mut kept: Vec<Vec<u8>> = Vec::new();
    // Back and forth between two streams, and past 65,535 on the way.
    for (turn, ssrc) in [first, 0xB, first, 0xB, first].into_iter().enumerate() {
        if turn > 0 {
            // The guard lets another stream in only once the known one has been silent.
            world.run(ms(2_500));
            assert!(world.peers[0].client.set_microphone_ssrc(ssrc));
            // Each stream finds its way over a gap of less than half the circle.
            world.peers[0].client.lose(15_500);
        }
        for _ in 0..600 {
            world.say(0, frame, -20);
            let bytes = frame_of(&world, 0);
            kept.push(bytes.clone());
            let source = world.peers[0].seen_as;
            for _ in 0..5 {
                world.inject(source, &bytes);
            }
            // One from far back as well.
            let old = kept[usize::try_from(frame).unwrap() * 7 / 8].clone();
            world.inject(source, &old);
            world.run(ms(20));
            frame += 1;
        }
        let packets = world.peers[1].take();
        let frames: Vec<_> = packets.iter().filter_map(said).map(|(_, frame)| frame).collect();
        assert!(frames.is_sorted_by(|a, b| a < b), "turn {turn}: none comes twice");
        heard += frames.len();
    }
    let numbers: Vec<_> = kept.iter().map(|b| u16::from_be_bytes([b[2], b[3]])).collect();
    assert!(numbers.windows(2).any(|pair| pair[0] > pair[1]), "the numbers have wrapped");
    assert_eq!(heard, 3_000);
}

#[test]
fn one_client_seen_from_ten_thousand_ports_has_sixteen_addresses() {
    let mut world = World::room_of(2);
    world.run(ms(4_000));
    let is_request = |bytes: &[u8]| bytes[0] == 0 && bytes[1] == 1;
    let (_, _, valid) = world.sent.iter().rfind(|(_, _, b)| is_request(b)).unwrap().clone();
    let before = world.stats();
    for port in 1..=10_000 {
        world.inject(SocketAddr::from(([203, 0, 113, 1], port)), &valid);
    }
    let after = world.stats();
    assert_eq!(after.sources, before.sources + SOURCES_MAX as u64 - 1);
    let refused = after.dropped.too_many_sources - before.dropped.too_many_sources;
    assert_eq!(refused, 10_000 - (SOURCES_MAX as u64 - 1));
    // Answers and checks for the few, nothing for the many.
    let ports: std::collections::BTreeSet<_> = world.stray.iter().map(|(_, to, _)| to).collect();
    assert!(ports.len() < SOURCES_MAX, "{ports:?}");
}

#[test]
fn a_wrong_fingerprint_gets_no_media() {
    let mut world = World::room_of(2);
    let mut client = Client::new(ClientConfig::at("192.168.3.3:3".parse().unwrap()), world.now);
    let offer = client.offer().unwrap();
    let line = offer.lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    let swapped: String = line.chars().rev().take(2).collect();
    let other = if swapped == "00" { "11" } else { "00" };
    let wrong = format!("{}{other}", &line[..line.len() - 2]);
    let request = Connect {
        leg: leg(9),
        room: room(1),
        participant: participant(9),
        rights: ALL,
        offer: SdpOffer(offer.replace(line, &wrong)),
    };
    let answer = world.connect(request).unwrap();
    client.accept(&answer.0).unwrap();
    let at = world.adopt(client, leg(9));
    for frame in 0..1_000 {
        world.say(0, frame, -20);
        world.say(at, frame, -20);
        world.run(ms(20));
    }
    assert!(world.to(at).iter().any(|bytes| bytes[0] == 22), "it came as far as the handshake");
    assert!(world.to(at).iter().all(|bytes| bytes[0] < 128), "RTP has gone out");
    assert_eq!(world.peers[at].take(), []);
    assert_eq!(speakers(&world.peers[1].take()), [0]);
    assert!(!world.story(leg(9)).contains(&"connected 1".to_owned()));
    assert!(world.closed(leg(9)).is_some(), "it has ended: {:?}", world.story(leg(9)));
}

#[test]
fn fifty_publishers_may_all_have_the_same_ssrc() {
    let mut world = World::new();
    let listen = Rights { send_microphone: false, ..ALL };
    let listener = world.add(room(1), participant(0), listen);
    for who in 1..=50 {
        world.add(room(1), participant(who), ALL);
    }
    world.settle();
    for at in 1..=50 {
        assert!(world.peers[at].client.set_microphone_ssrc(1));
    }
    // Three at a time, so that each is owed to everybody.
    for three in (1..=48).step_by(3) {
        let talk: Vec<_> = (three..three + 3).map(|at| (at, -20)).collect();
        world.speak(&talk, 20);
        assert_eq!(speakers(&world.peers[listener].received), [three, three + 1, three + 2]);
        assert_eq!(world.peers[listener].take().iter().filter_map(said).count(), 60);
        world.run(ms(1_100));
    }
    assert_eq!(world.stats().dropped.ssrc_repaired, 0);
}

#[test]
fn a_leg_gets_nothing_of_another_room_whatever_it_sends() {
    let mut world = World::new();
    for who in 1..=2 {
        world.add(room(1), participant(who), ALL);
    }
    let spy = world.add(room(2), participant(3), ALL);
    world.settle();
    world.speak(&[(0, -20)], 20);
    let theirs = world.peers[0].client.microphone_ssrc().unwrap();
    let before = world.stats();
    let source = world.peers[spy].seen_as;
    let mut dice = Dice(18);
    for n in 0..10_000_u32 {
        if n % 100 == 0 {
            world.say(0, n, -20);
            world.run(ms(20));
        }
        // What is theirs, as its own; and with a few bytes guessed.
        let (_, _, mut bytes) = world.sent[dice.below(world.sent.len())].clone();
        if n % 2 == 0 {
            let at = dice.below(bytes.len());
            bytes[at] ^= u8::try_from(1 + dice.below(255)).unwrap();
        }
        world.inject(source, &bytes);
    }
    // With their SSRC for its own, and in an offer.
    assert!(world.peers[spy].client.set_microphone_ssrc(theirs));
    world.restart_ice(spy);
    world.speak(&[(0, -20), (spy, -10)], 100);
    assert_eq!(world.peers[spy].take(), []);
    assert!(world.to(spy).iter().all(|bytes| bytes[0] < 128 || bytes[1] & 0x7F >= 64));
    assert_eq!(speakers(&world.peers[1].take()), [0]);
    assert!(world.stats().dropped.ssrc_guard + world.stats().dropped.ssrc_repaired > 0);
    assert_eq!(world.stats().panics, before.panics);
}

#[test]
fn three_thousand_data_channels_end_the_leg_that_opens_them() {
    let mut world = World::new();
    for who in 1..=2 {
        world.add(room(1), participant(who), ALL);
    }
    let greedy = world.add_with(room(1), participant(3), ALL, |config| config.data = true);
    world.settle();
    world.run(ms(1_000));
    assert_eq!(world.closed(world.peers[greedy].leg), None, "one channel is welcome");
    for frame in 0..3_000 {
        world.peers[greedy].client.open_channel();
        world.drain_peer(greedy);
        if frame % 50 == 0 {
            world.say(0, frame, -20);
            world.run(ms(20));
        }
    }
    world.run(ms(1_000));
    assert_eq!(world.closed(world.peers[greedy].leg), Some(CloseReason::Failed));
    assert_eq!(speakers(&world.peers[1].received), [0]);
    assert_eq!(world.peers[1].take().iter().filter_map(said).count(), 60, "others go on");
    assert_eq!((world.stats().sessions, world.stats().panics), (2, 0));
}

#[test]
fn a_clock_that_jumps_costs_nobody_their_leg() {
    let mut world = World::room_of(3);
    let hour = ms(3_600_000);
    world.speak(&[(0, -20)], 50);
    for _ in 0..10 {
        // One input of an hour ago, in the middle of a call.
        world.shard.handle(Input::Timeout, world.now.checked_sub(hour).unwrap_or(world.start));
        world.drain_shard();
        world.speak(&[(0, -20), (1, -30)], 10);
    }
    assert_eq!(world.peers[2].take().len(), 50 + 200);
    // An hour ahead, for the shard alone: it can only think that everybody has been silent.
    world.shard.handle(Input::Timeout, world.now + hour);
    world.drain_shard();
    world.now += hour;
    world.run(ms(5_000));
    world.peers[2].take();
    world.speak(&[(0, -20), (1, -30)], 50);
    for at in 0..3 {
        assert_eq!(world.closed(world.peers[at].leg), None, "{:?}", world.story(leg(1_000)));
    }
    assert_eq!(world.peers[2].take().len(), 100);
    assert_eq!(world.stats().panics, 0);
}

#[test]
fn a_publisher_of_twenty_megabits_is_cut_down_and_then_off() {
    let mut world = World::new();
    for who in 1..=2 {
        world.add(room(1), participant(who), ALL);
    }
    for who in 3..=4 {
        world.add(room(2), participant(who), ALL);
    }
    world.settle();
    let (flooder, listener) = (0, 1);
    let (mut bits, mut seconds) = (0, 0);
    for ms_since in 0..12_000_u32 {
        if ms_since % 1_000 == 0 && world.closed(world.peers[flooder].leg).is_none() {
            seconds += 1;
        }
        // Two packets of 1,250 bytes a millisecond.
        for n in 0..2 {
            let mut payload = vec![0xF8, 0];
            payload.extend_from_slice(&(ms_since * 2 + n).to_be_bytes());
            payload.resize(1_150, 7);
            let now = world.now;
            world.peers[flooder].client.send_opus(payload, -10, now);
            world.drain_peer(flooder);
        }
        if ms_since % 20 == 0 {
            world.say(2, ms_since, -20);
        }
        world.run(ms(1));
        bits +=
            world.peers[listener].take().iter().map(|p| p.payload.len() as u64 * 8).sum::<u64>();
    }
    assert_eq!(world.closed(world.peers[flooder].leg), Some(CloseReason::Failed));
    assert!((10..=11).contains(&seconds), "after ten seconds it is enough: {seconds}");
    // What it may send at once comes on top.
    assert!(bits <= PUBLISH_BITS_MAX * (seconds + 1), "{bits} bits in {seconds} s");
    assert!(world.stats().dropped.over_rate > 18_000);
    // The other room hears every frame.
    assert_eq!(world.peers[3].take().len(), 600);
    let listener = world.peers[listener].leg;
    assert_eq!(world.command(Command::Disconnect { leg: listener }), Reply::Done);
}

/// What strangers send at 20,000 datagrams a second, from everywhere and from a listener's own
/// address, costs a call of ten nothing.
#[test]
fn a_flood_of_junk_beside_a_call_of_ten_costs_it_no_packet() {
    const A_FRAME: usize = 400;
    let seconds = flood() / 20_000 + 1;
    let mut world = World::room_of(10);
    let mut dice = Dice(0x10C);
    let stranger = "203.0.113.9:9".parse().unwrap();
    let listener = world.peers[9].seen_as;
    let before = world.stats();
    let mut heard = 0;
    for frame in 0..seconds * 50 {
        (0..3).for_each(|at| world.say(at, frame, -20));
        for n in 0..A_FRAME {
            // An unknown name, a ClientHello, short SRTCP, RTP, and noise.
            let first = [0, 22, 0x80, 0x90, 0xFF][n % 5];
            let mut junk: Vec<u8> =
                (0..20 + dice.below(60)).map(|_| dice.below(256) as u8).collect();
            junk[0] = first;
            if first == 0x80 {
                junk.truncate(12);
                junk[1] = 200;
            }
            world.inject(if n % 2 == 0 { stranger } else { listener }, &junk);
        }
        world.run(ms(20));
        heard += world.peers[9].take().iter().filter(|packet| said(packet).is_some()).count();
    }
    assert_eq!(heard, 3 * 50 * seconds as usize);
    let after = world.stats();
    assert_eq!((after.sessions, after.sources), (before.sessions, before.sources));
    assert!(world.stray.is_empty(), "strangers are not answered");
    let dropped = after.dropped;
    assert!(dropped.malformed > 0 && dropped.unknown_source > 0 && dropped.unauthenticated > 0);
}
