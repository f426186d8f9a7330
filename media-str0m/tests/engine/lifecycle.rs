//! How legs begin, falter, come back and end.

use crate::world::{ALL, World, leg, ms, participant, room, speakers};
use parlor_core::media::{CloseReason, Connect, MediaError, Rights, SdpOffer};
use parlor_media_str0m::engine::{Command, Reply};

#[test]
fn a_leg_connects_once_and_is_closed_by_the_host() {
    let mut world = World::room_of(2);
    let leg = world.peers[0].leg;
    assert_eq!(world.command(Command::Disconnect { leg }), Reply::Done);
    assert_eq!(world.story(leg), ["connected 1", "closed Disconnected"]);
    // The client learns it from DTLS, not from silence.
    assert!(world.peers[0].closed);
    assert_eq!((world.stats().sessions, world.stats().rooms), (1, 1));
    // Ending it twice does nothing.
    assert_eq!(world.command(Command::Disconnect { leg }), Reply::Done);
    assert_eq!(world.story(leg).len(), 2);
}

#[test]
fn a_client_that_closes_is_gone_at_once() {
    let mut world = World::room_of(2);
    world.peers[0].client.close();
    world.drain_peer(0);
    world.run(ms(50));
    assert_eq!(world.closed(world.peers[0].leg), Some(CloseReason::ClosedByPeer));
}

#[test]
fn a_client_that_never_comes_up_is_given_up() {
    let mut world = World::new();
    let at = world.add(room(1), participant(1), ALL);
    world.peers[at].reachable = false;
    world.run(ms(14_900));
    assert_eq!(world.story(world.peers[at].leg), [""; 0]);
    world.run(ms(200));
    assert_eq!(world.story(world.peers[at].leg), ["closed SetupTimeout"]);
    assert_eq!((world.stats().sessions, world.stats().rooms), (0, 0));
}

#[test]
fn a_leg_is_lost_after_five_seconds_and_comes_back() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 20);
    world.peers[1].take();
    world.peers[0].reachable = false;
    world.run(ms(4_900));
    assert_eq!(world.story(world.peers[0].leg), ["connected 1"]);
    world.run(ms(3_200));
    assert_eq!(world.story(world.peers[0].leg), ["connected 1", "lost 1"]);
    // Nobody waits for it in the middle of a word.
    assert_eq!(world.peers[1].take().len(), 3);
    world.peers[0].reachable = true;
    world.run(ms(4_000));
    assert_eq!(world.story(world.peers[0].leg), ["connected 1", "lost 1", "connected 2"]);
    world.speak(&[(0, -20), (1, -20)], 20);
    assert_eq!(world.peers[1].take().len(), 20);
    assert_eq!(speakers(&world.peers[0].take()), [1]);
}

#[test]
fn a_lost_leg_is_given_up_after_half_a_minute() {
    let mut world = World::room_of(2);
    world.peers[0].reachable = false;
    world.run(ms(40_000));
    let story = world.story(world.peers[0].leg);
    assert_eq!(story, ["connected 1", "lost 1", "closed LostTimeout"]);
    // The other one was there all the time, saying nothing.
    assert_eq!(world.story(world.peers[1].leg), ["connected 1"]);
}

#[test]
fn a_quiet_listener_stays_connected() {
    let mut world = World::new();
    world.add_with(
        room(1),
        participant(1),
        Rights { send_microphone: false, hear: true, pinned: false },
        |c| {
            c.microphone = false;
        },
    );
    world.settle();
    world.run(ms(120_000));
    assert_eq!(world.story(world.peers[0].leg), ["connected 1"]);
}

#[test]
fn ice_restarts_on_a_standing_leg() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20), (1, -20)], 10);
    world.restart_ice(0);
    // From a new address as well, as after a change of network.
    world.peers[0].seen_as = "198.51.100.77:7777".parse().unwrap();
    world.run(ms(3_000));
    world.peers[0].take();
    world.peers[1].take();
    world.speak(&[(0, -20), (1, -20)], 50);
    assert_eq!(world.peers[0].take().len(), 50);
    assert_eq!(world.peers[1].take().len(), 50);
    assert_eq!(world.story(world.peers[0].leg), ["connected 1"]);
}

#[test]
fn ice_restarts_on_a_lost_leg() {
    let mut world = World::room_of(2);
    world.peers[0].reachable = false;
    world.run(ms(12_000));
    world.peers[0].reachable = true;
    world.peers[0].seen_as = "198.51.100.77:7777".parse().unwrap();
    world.restart_ice(0);
    world.run(ms(3_000));
    assert_eq!(world.story(world.peers[0].leg), ["connected 1", "lost 1", "connected 2"]);
    world.peers[1].take();
    world.speak(&[(0, -20)], 50);
    assert_eq!(world.peers[1].take().len(), 50);
}

#[test]
fn a_refused_renegotiation_leaves_the_leg_as_it_was() {
    let mut world = World::room_of(2);
    let leg = world.peers[0].leg;
    let good = world.peers[0].client.offer().unwrap();
    let bad = [
        good.replace("a=ice-pwd", "a=x-ice-pwd"),
        "v=0\r\na=ice-pwd:nothing-else\r\n".to_owned(),
        good.replacen("a=mid:", "a=mid:other", 1),
        good.replace("a=group:BUNDLE", "a=x-group:BUNDLE"),
    ];
    for offer in bad {
        let reply = world.command(Command::Renegotiate { leg, offer: SdpOffer(offer) });
        assert!(matches!(reply, Reply::Failed(MediaError::Refused(_))), "{reply:?}");
    }
    world.speak(&[(0, -20), (1, -20)], 50);
    assert_eq!(world.peers[0].take().len(), 50);
    assert_eq!(world.peers[1].take().len(), 50);
}

#[test]
fn renegotiation_has_a_rate() {
    let mut world = World::room_of(1);
    let leg = world.peers[0].leg;
    let again = |world: &mut World| {
        world.command(Command::Renegotiate { leg, offer: SdpOffer("x".into()) })
    };
    for _ in 0..5 {
        assert!(matches!(again(&mut world), Reply::Failed(MediaError::Refused(_))));
    }
    assert_eq!(again(&mut world), Reply::Failed(MediaError::Busy));
    world.run(ms(10_000));
    assert!(matches!(again(&mut world), Reply::Failed(MediaError::Refused(_))));
}

#[test]
fn commands_on_a_leg_that_never_was() {
    let mut world = World::new();
    let offer = SdpOffer("v=0".into());
    let renegotiate = Command::Renegotiate { leg: leg(9), offer };
    assert_eq!(world.command(renegotiate), Reply::Failed(MediaError::NoSuchLeg));
    assert_eq!(world.command(Command::Disconnect { leg: leg(9) }), Reply::Done);
    let rights = Command::SetRights { leg: leg(9), rights: ALL };
    assert_eq!(world.command(rights), Reply::Done);
}

#[test]
fn a_leg_id_is_used_once_at_a_time() {
    let mut world = World::room_of(1);
    let mut client = parlor_media_str0m::client::Client::new(
        parlor_media_str0m::client::ClientConfig::at("192.168.7.7:7".parse().unwrap()),
        world.now,
    );
    let request = Connect {
        leg: world.peers[0].leg,
        room: room(1),
        participant: participant(1),
        rights: ALL,
        offer: SdpOffer(client.offer().unwrap()),
    };
    assert!(matches!(world.connect(request), Err(MediaError::Refused(_))));
    assert_eq!(world.stats().sessions, 1);
}

#[test]
fn a_newer_leg_replaces_the_older_one() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 10);
    let old = world.peers[0].leg;
    let new = world.add(room(1), participant(1), ALL);
    assert_eq!(world.story(old), ["connected 1", "closed Replaced"]);
    assert!(world.peers[0].closed, "the older client is told");
    world.run(ms(3_000));
    assert_eq!(world.story(world.peers[new].leg), ["connected 1"]);
    assert_eq!(world.stats().sessions, 2);
    world.peers[1].take();
    world.speak(&[(new, -20), (1, -20)], 10);
    assert_eq!(world.peers[1].take().len(), 10);
    assert_eq!(speakers(&world.peers[new].take()), [1]);
}

#[test]
fn a_refused_newer_leg_leaves_the_older_one() {
    let mut world = World::room_of(2);
    let request = Connect {
        leg: leg(77),
        room: room(1),
        participant: participant(1),
        rights: ALL,
        offer: SdpOffer("v=0".into()),
    };
    assert!(matches!(world.connect(request), Err(MediaError::Refused(_))));
    world.speak(&[(0, -20)], 10);
    assert_eq!(world.peers[1].take().len(), 10);
}

#[test]
fn an_older_leg_that_never_came_up_is_replaced_as_well() {
    let mut world = World::new();
    let first = world.add(room(1), participant(1), ALL);
    world.add(room(1), participant(1), ALL);
    assert_eq!(world.closed(world.peers[first].leg), Some(CloseReason::Replaced));
    assert_eq!(world.stats().sessions, 1);
}

#[test]
fn a_full_shard_still_lets_a_participant_reconnect() {
    let mut world = World::with(|config| config.sessions_max = 1);
    let first = world.add(room(1), participant(1), ALL);
    world.settle();
    let second = world.add(room(1), participant(1), ALL);
    world.run(ms(3_000));
    assert_eq!(world.closed(world.peers[first].leg), Some(CloseReason::Replaced));
    assert_eq!(world.story(world.peers[second].leg), ["connected 1"]);
}

#[test]
fn shutdown_ends_every_leg_and_takes_no_more() {
    let mut world = World::room_of(3);
    assert_eq!(world.command(Command::Shutdown), Reply::Done);
    for peer in &world.peers {
        assert!(peer.closed);
    }
    for at in 0..3 {
        assert_eq!(world.closed(world.peers[at].leg), Some(CloseReason::Shutdown));
    }
    let stats = world.stats();
    assert_eq!((stats.sessions, stats.rooms), (0, 0));
    let mut client = parlor_media_str0m::client::Client::new(
        parlor_media_str0m::client::ClientConfig::at("192.168.7.7:7".parse().unwrap()),
        world.now,
    );
    let request = Connect {
        leg: leg(77),
        room: room(1),
        participant: participant(1),
        rights: ALL,
        offer: SdpOffer(client.offer().unwrap()),
    };
    assert_eq!(world.connect(request), Err(MediaError::Stopped));
}
