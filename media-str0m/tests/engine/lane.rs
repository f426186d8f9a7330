//! The fast lane: what the engine seals itself, as str0m peers see it.

use std::collections::HashSet;

use parlor_media_str0m::engine::Stats;

use crate::world::{ALL, World, ms, participant, room};

fn lanes(stats: &Stats) -> (u64, u64) {
    (stats.sessions, stats.fast_lanes)
}

#[test]
fn every_leg_with_gcm_is_on_the_lane_and_hears_the_same_as_without() {
    let run = |fast_lane| {
        let mut world = World::with(|config| config.fast_lane = fast_lane);
        for who in 1..=5 {
            world.add(room(1), participant(who), ALL);
        }
        world.settle();
        assert_eq!(lanes(&world.stats()), (5, if fast_lane { 5 } else { 0 }));
        world.speak(&[(0, -20), (1, -25), (2, -30), (3, -90)], 100);
        world.speak(&[(1, -25), (3, -20)], 100);
        world.run(ms(100));
        let heard = |at: usize| {
            let packets = world.peers[at].received.iter();
            let mut heard: Vec<_> = packets
                .map(|it| (it.seq, it.timestamp, it.marker, it.level, it.payload.clone()))
                .collect();
            heard.sort();
            heard
        };
        (0..5).map(heard).collect::<Vec<_>>()
    };
    let (with, without) = (run(true), run(false));
    assert_eq!(with[4].len(), without[4].len());
    assert!(with == without);
}

#[test]
fn numbers_and_indices_are_used_once_through_restarts_losses_and_returns() {
    let mut world = World::room_of(3);
    world.keeps = true;
    let listener = world.peers[2].seen_as;
    let mut seen = HashSet::new();
    let mut check = |world: &mut World| {
        let mut rtp = 0;
        for (_, destination, bytes) in world.delivered.drain(..) {
            if destination != listener || !(128..=191).contains(&bytes[0]) {
                continue;
            }
            let is_rtcp = (192..=223).contains(&bytes[1]);
            let nonce = match is_rtcp {
                true => (true, bytes[4..8].to_vec(), bytes[bytes.len() - 4..].to_vec()),
                false => (false, bytes[8..12].to_vec(), bytes[2..4].to_vec()),
            };
            assert!(seen.insert(nonce.clone()), "{nonce:?} is used twice");
            rtp += usize::from(!is_rtcp);
        }
        rtp
    };
    world.speak(&[(0, -20), (1, -30)], 300);
    assert!(check(&mut world) >= 600);
    world.restart_ice(2);
    world.speak(&[(0, -20), (1, -30)], 100);
    assert!(check(&mut world) >= 200);
    world.peers[2].reachable = false;
    world.run(ms(8_000));
    world.peers[2].reachable = true;
    world.run(ms(8_000));
    world.speak(&[(1, -20), (0, -30)], 300);
    assert!(check(&mut world) >= 600);
}

#[test]
fn a_slot_that_goes_and_comes_back_uses_no_number_twice() {
    for fast_lane in [true, false] {
        let mut world = World::with(|config| config.fast_lane = fast_lane);
        for who in 1..=4 {
            world.add(room(1), participant(who), ALL);
        }
        world.settle();
        world.keeps = true;
        let listener = world.peers[3].seen_as;
        let mut seen = HashSet::new();
        let mut ssrcs = HashSet::new();
        for direction in ["recvonly", "inactive", "recvonly", "inactive", "recvonly"] {
            world.peers[3].client.withdraw();
            let offer = world.peers[3].client.offer().unwrap();
            let offer = offer.replacen("a=recvonly", &format!("a={direction}"), 1);
            world.renegotiate(3, offer);
            world.speak(&[(0, -20), (1, -20), (2, -20)], 30);
            for (_, destination, bytes) in world.delivered.drain(..) {
                let is_rtp = (128..=191).contains(&bytes[0]) && !(192..=223).contains(&bytes[1]);
                if destination == listener && is_rtp {
                    let nonce = (bytes[8..12].to_vec(), bytes[2..4].to_vec());
                    ssrcs.insert(nonce.0.clone());
                    assert!(seen.insert(nonce.clone()), "{nonce:?} is used twice");
                }
            }
        }
        assert!(seen.len() >= 5 * 60, "{}", seen.len());
        assert!(ssrcs.len() >= 5, "a slot that comes back has another stream: {}", ssrcs.len());
    }
}

#[test]
fn clients_are_told_the_clocks_of_their_streams() {
    let mut world = World::room_of(2);
    world.keeps = true;
    world.speak(&[(0, -20)], 600);
    let reports = world.delivered.iter().filter(|(_, to, bytes)| {
        *to == world.peers[1].seen_as && (128..=191).contains(&bytes[0]) && bytes[1] == 200
    });
    assert_eq!(reports.count(), 3);
}

#[test]
fn a_listener_that_panics_falls_alone() {
    let mut world = World::room_of(4);
    world.poison_lane(1);
    world.speak(&[(0, -20)], 50);
    assert_eq!(world.stats().panics, 1);
    assert_eq!(world.peers[2].take().len(), 50);
    assert_eq!(world.peers[3].take().len(), 50);
    assert_eq!(world.stats().sessions, 3);
}

#[test]
fn an_idle_listener_is_woken_less_than_once_a_second() {
    let mut world = World::room_of(10);
    world.run(ms(10_000));
    let before = world.stats().wakeups;
    world.run(ms(60_000));
    let a_second = (world.stats().wakeups - before) as f64 / 60.0 / 10.0;
    assert!(a_second < 1.0, "{a_second} wake-ups a second each");
}
