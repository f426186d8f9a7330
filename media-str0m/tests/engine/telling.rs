//! What the host is told, and what is not passed on.

use std::time::Duration;

use crate::world::{ALL, World, ms, participant, room};
use parlor_core::media::{MediaEvent, Quality, Rights};

const HEARS: Rights = Rights { send_microphone: false, hear: true, pinned: false };

#[test]
fn silence_is_not_passed_on_and_ends_with_comfort_frames() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 50);
    world.speak(&[(0, -127)], 100);
    let heard = world.peers[1].take();
    // 200 ms of silence until it counts as one, then three frames that say so.
    assert_eq!(heard.len(), 50 + 10 + 3);
    assert!(heard[60..].iter().all(|packet| *packet.payload == [0xF8, 0xFF, 0xFE]));
    assert_eq!(world.stats().dropped.silence, 90);
    world.speak(&[(0, -20)], 10);
    let again = world.peers[1].take();
    assert_eq!((again.len(), again[0].marker), (10, true));
    assert_eq!(again[0].seq, heard[62].seq + 1);
}

#[test]
fn a_pinned_voice_is_heard_before_louder_ones() {
    let mut world = World::room_of(5);
    let levels = [(0, -60), (1, -10), (2, -10), (3, -10)];
    world.speak(&levels, 100);
    world.peers[4].take();
    world.speak(&levels, 10);
    let says = |world: &mut World| {
        let heard = world.peers[4].take();
        heard.iter().filter(|packet| packet.payload[1] == 0).count()
    };
    assert_eq!(says(&mut world), 0);
    world.set_rights(0, Rights { pinned: true, ..ALL });
    world.speak(&levels, 50);
    assert_eq!(says(&mut world), 50);
}

#[test]
fn someone_promoted_is_heard_with_their_next_packet() {
    let mut world = World::new();
    world.add(room(1), participant(1), HEARS);
    world.add(room(1), participant(2), HEARS);
    world.settle();
    assert_eq!((world.stats().listeners, world.stats().speakers), (2, 0));
    world.speak(&[(0, -20)], 10);
    assert_eq!(world.peers[1].take(), []);
    world.set_rights(0, ALL);
    assert_eq!((world.stats().listeners, world.stats().speakers), (1, 1));
    world.speak(&[(0, -20)], 1);
    assert_eq!(world.peers[1].take().len(), 1);
}

#[test]
fn the_host_is_told_how_legs_do_and_when_that_changes() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 1_000);
    let samples: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Sampled { samples, .. } => Some(samples.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(samples.len(), 4);
    let of = |who| samples.iter().rfind(|sample| sample.participant == participant(who)).unwrap();
    let (speaker, listener) = (of(1), of(2));
    assert_eq!(speaker.window, Duration::from_secs(10));
    assert_eq!((speaker.loss_in_ppm, listener.loss_in_ppm), (Some(0), None));
    assert_eq!(listener.loss_out_ppm, Some(0));
    assert!(speaker.bytes_in > 29_000 && speaker.bytes_out == 0, "{speaker:?}");
    assert!(listener.bytes_out > 29_000 && listener.bytes_in == 0, "{listener:?}");
    assert!(speaker.talk > ms(9_900) && listener.talk == ms(0), "{speaker:?}");
    assert!(speaker.rtt.is_some());
    let started = |who| {
        let is_it = |event: &&MediaEvent| matches!(event, MediaEvent::MediaStarted { participant: p, .. } if *p == participant(who));
        world.events.iter().filter(is_it).count()
    };
    assert_eq!((started(1), started(2)), (1, 1));
    let changes = |world: &World| {
        let change = |event: &MediaEvent| match event {
            MediaEvent::QualityChanged { participant, quality, .. } => {
                Some((*participant, *quality))
            }
            _ => None,
        };
        world.events.iter().filter_map(change).collect::<Vec<_>>()
    };
    let excellent = |who| (participant(who), Quality::Excellent);
    assert_eq!(changes(&world), [excellent(1), excellent(2)]);
    world.peers[1].reachable = false;
    world.run(ms(8_000));
    assert_eq!(changes(&world)[2..], [(participant(2), Quality::Lost)]);
    world.peers[1].reachable = true;
    world.run(ms(15_000));
    assert_eq!(changes(&world)[3..], [excellent(2)]);
}
