//! Promises about bad networks, one by one and with numbers.

use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::media::LegId;

use crate::checks;
use crate::link::Weather;
use crate::log::Fact;
use crate::world::{ALL, LISTEN, Talk, World, ms};

/// When a listener first hears somebody, not counting what comes before `from` in the log.
fn first_heard(world: &World, listener: usize, speaker: usize, from: usize) -> Option<Duration> {
    world.log[from..].iter().find_map(|record| match record.fact {
        Fact::Heard { peer, said: Some((who, _)), .. } if (peer, who) == (listener, speaker) => {
            Some(record.at)
        }
        _ => None,
    })
}

/// Audio is not sent again, so what the network drops is gone. At least 99 % of what it does not
/// drop arrives, and is in its place.
#[test]
fn a_bad_network_costs_no_more_than_it_drops() {
    let mut world = World::new(29);
    let (loss, reordered, jitter) = (100, 50, ms(80));
    let weather = Weather { loss, reordered, jitter, ..Weather::clean(40) };
    for who in 0..4 {
        world.join(0, who, ALL, weather);
    }
    world.run(ms(2_000));
    (0..2).for_each(|at| world.talk(at, Talk::Voice(-20)));
    world.run(ms(60_000));
    (0..2).for_each(|at| world.talk(at, Talk::Off));
    world.run(ms(2_500));
    assert_eq!(checks::all(&world.log), Ok(()));
    let sum = checks::owed(&world.log).unwrap();
    let passable = sum.owed - sum.lost;
    assert!(sum.owed > 10_000, "{sum:?}");
    assert!(sum.lost * 100 > sum.owed * 8, "the network has dropped its share: {sum:?}");
    assert!(sum.heard * 100 >= passable * 99, "{sum:?}");
}

#[test]
fn media_is_back_within_three_seconds_of_a_blackout_without_rejoining() {
    for seconds in [1, 3, 6, 10, 15] {
        for speaks in [true, false] {
            let mut world = World::room_of(2, 20);
            world.talk(1, Talk::Voice(-20));
            world.talk(0, if speaks { Talk::Voice(-20) } else { Talk::Off });
            world.run(ms(1_000));
            world.black_out(0, ms(seconds * 1_000));
            world.run(ms(seconds * 1_000));
            let (healed, from) = (world.clock(), world.log.len());
            world.run(ms(3_000));
            let what = format!("{seconds} s, speaks: {speaks}: {:?}", world.peers[0].story);
            let heard = first_heard(&world, 0, 1, from).expect(&what);
            // Whoever says something is known to be back by that.
            let limit = if speaks { ms(60) } else { ms(3_000) };
            assert!(heard - healed <= limit, "{what}: {:?}", heard - healed);
            assert_eq!(first_heard(&world, 1, 0, from).is_some(), speaks, "{what}");
            assert!(world.is_up(0) && !world.peers[0].closed, "{what}");
            assert_eq!(checks::all(&world.log), Ok(()), "{what}");
        }
    }
}

#[test]
fn a_promoted_listener_is_heard_within_a_round_trip_and_two_frames() {
    for round_trip in [20, 100, 300] {
        // Their microphone is open and sends already: only the engine keeps it from being heard.
        let mut world = World::new(round_trip);
        let weather = Weather::clean(round_trip / 2);
        let listener = world.join(0, 0, LISTEN, weather);
        let promoted = world.join(0, 1, LISTEN, weather);
        world.run(ms(3_000));
        world.talk(promoted, Talk::Voice(-20));
        world.run(ms(1_007));
        assert_eq!(first_heard(&world, listener, promoted, 0), None);
        let asked = world.clock();
        world.set_rights(promoted, ALL);
        world.run(ms(3_000));
        let heard = first_heard(&world, listener, promoted, 0).unwrap() - asked;
        assert!(heard <= ms(round_trip + 40), "{round_trip} ms: {heard:?}");
        assert_eq!(checks::all(&world.log), Ok(()));
    }
}

#[test]
fn a_promoted_listener_who_has_to_be_told_is_passed_on_within_a_round_trip_and_two_frames() {
    for round_trip in [20, 100, 300] {
        let mut world = World::new(round_trip);
        let near = world.join(0, 0, LISTEN, Weather::clean(1));
        let promoted = world.join(0, 1, LISTEN, Weather::clean(round_trip / 2));
        world.run(ms(3_007));
        let asked = world.clock();
        world.set_rights(promoted, ALL);
        // The news takes half a round trip, and their first frame the other half.
        world.run(ms(round_trip / 2));
        world.talk(promoted, Talk::Voice(-20));
        world.run(ms(3_000));
        let heard = first_heard(&world, near, promoted, 0).unwrap() - asked;
        assert!(heard <= ms(round_trip + 40), "{round_trip} ms: {heard:?}");
    }
}

/// The whole life of one slot: more packets than its numbers can count, speakers that change,
/// ICE restarts, a leg that is lost and comes back. No nonce comes twice.
#[test]
fn a_slot_outlives_its_sequence_numbers() {
    let mut world = World::room_of(3, 1);
    let listener = 2;
    for turn in 0..26_usize {
        let speaker = turn % 2;
        world.talk(speaker, Talk::Voice(-20));
        world.run(ms(20) * 2_600);
        world.talk(speaker, Talk::Off);
        // Long enough to be off the stage, so that the next one takes over the slot.
        world.run(ms(1_500));
        if turn % 5 == 2 {
            assert!(world.restart_ice(listener));
            world.run(ms(1_000));
        }
        if turn == 8 {
            world.black_out(listener, ms(7_000));
            world.run(ms(10_500));
        }
        if turn == 17 {
            // A gap as wide as a receiver can follow.
            world.skip(1 - speaker, 30_000);
        }
    }
    world.run(ms(2_500));
    assert_eq!(checks::all(&world.log), Ok(()));
    let seen = checks::nonces(&world.log).unwrap();
    assert!(seen.rollovers >= 1 && seen.rtcp > 100, "{seen:?}");
    let mut slots = std::collections::BTreeMap::new();
    for record in &world.log {
        if let Fact::Heard { peer, slot, .. } = &record.fact
            && *peer == listener
        {
            *slots.entry(slot).or_insert(0_u64) += 1;
        }
    }
    assert!(slots.values().any(|packets| *packets > 65_536), "{slots:?}");
    assert_eq!(world.peers[listener].story, ["up", "lost", "up"]);
}

/// What needs no key: alerts and close_notify in plain text, a ClientHello, garbage (RFC 6347
/// §4.1), from the very address the peer has, before and after each datagram of the handshake.
/// A hello comes only after the peer's own: the first is taken for the peer's, for nothing in it
/// says whose it is.
#[test]
fn forged_dtls_at_every_step_breaks_no_handshake() {
    let record = |kind: u8, epoch: u8, body: &[u8]| {
        let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 9];
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    };
    let mut hello = vec![1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xFE, 0xFD];
    hello.extend_from_slice(&[3; 32]);
    hello.extend_from_slice(&[0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
    let mut world = World::new(16);
    world.forged = vec![
        record(21, 0, &[2, 40]),
        record(21, 0, &[1, 0]),
        record(22, 0, &hello),
        record(23, 0, &[9; 40]),
        record(22, 1, &[9; 60]),
    ];
    for who in 0..12 {
        world.join(who / 3, who, ALL, Weather::clean(20));
    }
    world.run(ms(5_000));
    assert!(world.forged_at >= 60, "{} moments", world.forged_at);
    for at in 0..12 {
        assert!(world.is_up(at), "peer {at}: {:?}", world.peers[at].story);
        world.talk(at, Talk::Voice(-20));
    }
    world.run(ms(4_000));
    (0..12).for_each(|at| world.talk(at, Talk::Off));
    world.run(ms(2_500));
    assert!(world.shard.stats().dropped.forged_dtls >= 2 * world.forged_at);
    let sum = checks::owed(&world.log).unwrap();
    assert_eq!(checks::all(&world.log), Ok(()));
    assert!(sum.owed >= 1_000 && sum.heard == sum.owed, "{sum:?}");
}

#[test]
fn handshakes_come_through_bad_weather() {
    let mut world = World::new(7);
    for who in 0..12_u128 {
        let weather = Weather {
            loss: 100,
            reordered: 50,
            duplicated: 50,
            jitter: ms(60),
            ..Weather::clean(50)
        };
        let leg = LegId(Uuid::from_u128(1_000 + who));
        world.join_in(leg, 0, who, ALL, weather);
    }
    world.run(ms(14_900));
    let up = (0..12).filter(|at| world.is_up(*at)).count();
    // Each is up with all but certainty; when their datagrams are sent again is not in our hands.
    assert!(up >= 11, "{up} of 12");
    assert_eq!(checks::all(&world.log), Ok(()));
}

/// A mobile client's address may change without its client noticing. Whoever speaks is heard on;
/// what they are sent follows once str0m has given up the old address, 24 s later. A client that
/// restarts ICE, as browsers do when their network changes, does not wait.
#[test]
fn a_new_address_is_followed_without_a_new_offer() {
    let mut world = World::room_of(2, 20);
    world.talk(0, Talk::Voice(-20));
    world.talk(1, Talk::Voice(-20));
    world.run(ms(1_000));
    for restarts in [false, true] {
        let from = world.log.len();
        world.rebind(0);
        let moved = world.clock();
        if restarts {
            assert!(world.restart_ice(0));
        }
        world.run(ms(25_000));
        let after = |listener, speaker| {
            first_heard(&world, listener, speaker, from).expect("is heard in the end") - moved
        };
        assert!(after(1, 0) <= ms(40), "{:?}", after(1, 0));
        // The first that was under way when the address changed is lost.
        let limit = if restarts { ms(1_000) } else { ms(25_000) };
        assert!(after(0, 1) <= limit, "restarts: {restarts}, {:?}", after(0, 1));
        assert_eq!(world.peers[0].story, ["up"]);
    }
}
