//! Random lives of a small crowd. Whatever happens in whatever order, some things always hold.

use std::collections::{BTreeMap, BTreeSet};

use parlor_core::media::{CloseReason, MediaEvent, Rights};
use parlor_media_str0m::engine::{Command, Reply};

use crate::world::{ALL, Dice, World, ms, participant, room, said};

const SEEDS: u64 = 12;
const STEPS: usize = 120;
const PEERS_MAX: usize = 14;

/// A crowd, and what we know of it apart from the shard.
struct Crowd {
    world: World,
    dice: Dice,
    rights: Vec<Rights>,
    /// (room, participant) of each peer.
    who: Vec<(u128, u128)>,
    frame: u32,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(),
            dice: Dice(seed),
            rights: Vec::new(),
            who: Vec::new(),
            frame: 0,
        }
    }

    fn step(&mut self) {
        let peers = self.world.peers.len();
        if peers == 0 || (peers < PEERS_MAX && self.dice.below(6) == 0) {
            return self.join();
        }
        let at = self.dice.below(peers);
        let leg = self.world.peers[at].leg;
        match self.dice.below(14) {
            0 => {
                let reply = self.world.command(Command::Disconnect { leg });
                assert_eq!(reply, Reply::Done);
            }
            1 => self.world.peers[at].reachable ^= true,
            2..=4 => self.change_rights(at),
            5 if self.is_open(at) && self.world.peers[at].connected => self.world.restart_ice(at),
            6 => {
                self.world.peers[at].client.close();
                self.world.drain_peer(at);
            }
            7 if self.dice.below(4) == 0 => {
                self.world.command(Command::Poison { leg });
            }
            8 => self.world.run(ms(6_000)),
            _ => self.talk(),
        }
    }

    fn join(&mut self) {
        let (in_room, who) = (self.dice.below(2) as u128, self.dice.below(8) as u128);
        // A participant is in one room.
        let who = who * 2 + in_room;
        self.world.add(room(in_room), participant(who), ALL);
        self.rights.push(ALL);
        self.who.push((in_room, who));
    }

    fn change_rights(&mut self, at: usize) {
        let rights = Rights {
            send_microphone: self.dice.below(2) == 0,
            hear: self.dice.below(2) == 0,
            pinned: at.is_multiple_of(2),
        };
        self.rights[at] = rights;
        self.world.set_rights(at, rights);
        for peer in &mut self.world.peers {
            peer.received.retain(|packet| said(packet).is_none());
        }
        self.check_packets();
    }

    fn talk(&mut self) {
        let count = self.world.peers.len();
        let mask = self.dice.roll();
        for _ in 0..1 + self.dice.below(30) {
            self.frame += 1;
            for at in (0..count).filter(|at| mask >> at & 1 == 1) {
                let level = i8::try_from(self.dice.below(128)).unwrap();
                self.world.say(at, self.frame, -level);
            }
            self.world.run(ms(20));
        }
        self.check_packets();
    }

    fn is_open(&self, at: usize) -> bool {
        self.world.closed(self.world.peers[at].leg).is_none()
    }

    fn check_packets(&mut self) {
        for at in 0..self.world.peers.len() {
            let mut last: BTreeMap<u32, u64> = BTreeMap::new();
            for packet in self.world.peers[at].take() {
                let before = last.insert(packet.ssrc, packet.seq);
                assert!(before.is_none_or(|seq| seq < packet.seq), "numbers only grow");
                let Some((speaker, _)) = said(&packet) else { continue };
                assert_ne!(self.who[speaker].1, self.who[at].1, "nobody hears themself");
                assert_eq!(self.who[speaker].0, self.who[at].0, "rooms are apart");
                assert!(self.rights[speaker].send_microphone, "a mute holds");
                assert!(self.rights[at].hear, "who may not hear does not");
            }
        }
    }

    fn check_stories(&self) {
        let mut open = 0;
        for peer in &self.world.peers {
            let mut up = 0;
            let mut is_lost = false;
            let mut is_closed = false;
            for event in &self.world.events {
                match event {
                    MediaEvent::Connected { leg, n, .. } if *leg == peer.leg => {
                        assert!(!is_closed && (up == 0 || is_lost));
                        assert_eq!(*n, up + 1);
                        (up, is_lost) = (*n, false);
                    }
                    MediaEvent::Lost { leg, n, .. } if *leg == peer.leg => {
                        assert!(!is_closed && !is_lost && up > 0);
                        assert_eq!(*n, up);
                        is_lost = true;
                    }
                    MediaEvent::Closed { leg, reason, .. } if *leg == peer.leg => {
                        assert!(!is_closed);
                        assert!(is_lost || *reason != CloseReason::LostTimeout);
                        assert!(up == 0 || *reason != CloseReason::SetupTimeout);
                        is_closed = true;
                    }
                    _ => {}
                }
            }
            open += u64::from(!is_closed);
        }
        assert_eq!(self.world.stats().sessions, open);
    }
}

#[test]
fn random_lives_keep_every_promise() {
    let mut lived = BTreeSet::new();
    let mut packets = 0;
    for seed in 1..=SEEDS {
        eprintln!("seed {seed}");
        let mut crowd = Crowd::new(seed * 0x9E37_79B9);
        for _ in 0..STEPS {
            crowd.step();
            crowd.check_stories();
        }
        crowd.world.command(Command::Shutdown);
        crowd.check_stories();
        let stats = crowd.world.stats();
        assert_eq!((stats.sessions, stats.rooms, stats.sources), (0, 0, 0));
        // Nothing is left that would have to be woken.
        assert_eq!(crowd.world.next_wake(), None);
        packets += stats.packets_out;
        for peer in &crowd.world.peers {
            lived.extend(crowd.world.story(peer.leg));
        }
    }
    // The dice have shown us all there is.
    assert!(packets > 1_000, "{packets}");
    for moment in [
        "connected 1",
        "lost 1",
        "connected 2",
        "closed Disconnected",
        "closed ClosedByPeer",
        "closed Replaced",
        "closed SetupTimeout",
        "closed LostTimeout",
        "closed Failed",
        "closed Shutdown",
    ] {
        assert!(lived.contains(moment), "{moment} is missing in {lived:?}");
    }
}
