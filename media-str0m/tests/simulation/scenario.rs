//! An evening made up by a seed: people come and go, talk, are muted, and have bad networks.

use parlor_core::media::{MediaError, Rights, SdpOffer};
use parlor_media_str0m::engine::{Command, LOUDEST, Reply};

use crate::checks::{self, Nonces, Owed};
use crate::dice::{Dice, mix};
use crate::link::Weather;
use crate::log::Record;
use crate::world::{ALL, Talk, World, ms};

const PEERS_MAX: usize = 24;

/// What a run was good for; a test adds these up to see that the dice have shown it all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Yield {
    pub(crate) nonces: Nonces,
    pub(crate) owed: Owed,
    pub(crate) steps: [u64; 12],
    pub(crate) recovered: u64,
}

struct Evening {
    world: World,
    dice: Dice,
    rooms: usize,
    crowd: usize,
    steps: [u64; 12],
    recovered: u64,
}

/// Lives through the evening of a seed. Gives its log as well.
pub(crate) fn live(seed: u64) -> (Yield, Vec<Record>) {
    let mut dice = Dice(mix(seed));
    let rooms = 1 + dice.below(3);
    let crowd = 2 + dice.below(6) + dice.below(6);
    let mut evening =
        Evening { world: World::new(seed), dice, rooms, crowd, steps: [0; 12], recovered: 0 };
    for _ in 0..2 + evening.dice.below(evening.crowd) {
        evening.join();
    }
    evening.world.run(ms(1_500));
    for _ in 0..25 {
        evening.step();
    }
    evening.heal();
    evening.is_alive();
    evening.end()
}

impl Evening {
    fn step(&mut self) {
        let at = self.dice.below(self.world.peers.len());
        let step = self.dice.below(24);
        // Rolled for every step, so that a step that does nothing changes nothing after it.
        let weight = self.dice.roll();
        let is_open = !self.world.peers[at].closed;
        let is_up = is_open && self.world.is_up(at);
        self.steps[step / 2] += 1;
        match step {
            0 | 1 => self.join(),
            2 => self.world.close_client(at),
            3 => {
                let leg = self.world.peers[at].leg;
                assert_eq!(self.world.command(Command::Disconnect { leg }), Reply::Done);
            }
            4..=7 => self.change_rights(at, weight),
            8 | 9 if is_up => {
                let weather = Weather::any(&mut self.dice);
                self.world.peers[at].up.weather = weather;
                let weather = Weather::any(&mut self.dice);
                self.world.peers[at].down.weather = weather;
            }
            10 if is_up => self.world.black_out(at, ms(100 + weight % 2_000)),
            11 if is_up => self.world.black_out(at, ms(5_000 + weight % 7_000)),
            12 if is_up => drop(self.world.restart_ice(at)),
            13 if is_up => {
                // A browser restarts ICE when its network has changed; sometimes it notices late.
                self.world.rebind(at);
                self.world.run(ms(weight % 800));
                self.world.restart_ice(at);
            }
            14 if is_open => self.offer_garbage(at),
            _ => self.change_talk(),
        }
        let time = self.dice.between(20, 900);
        self.world.run(ms(time));
    }

    fn join(&mut self) {
        let (room, who) = (self.dice.below(self.rooms), self.dice.below(self.crowd));
        let weather = Weather::any(&mut self.dice);
        let rights = Rights { send_microphone: self.dice.below(4) > 0, ..ALL };
        if self.world.peers.len() < PEERS_MAX {
            // A participant is in one room; who comes again replaces the leg they had.
            let who = (who * 3 + room) as u128;
            self.world.join(room as u128, who, rights, weather);
        }
    }

    fn change_rights(&mut self, at: usize, weight: u64) {
        let mut rights = self.world.peers[at].rights;
        match weight % 5 {
            0 | 1 => rights.send_microphone ^= true,
            2 => rights.hear ^= true,
            3 => rights.pinned ^= true,
            _ => rights = ALL,
        }
        self.world.set_rights(at, rights);
    }

    /// Mostly so few that each is owed to everybody.
    fn change_talk(&mut self) {
        let few = !self.dice.one_in(4);
        let mut talking = [0; 3];
        for at in 0..self.world.peers.len() {
            let talk = match self.dice.below(6) {
                0 => Talk::Quiet,
                1 => Talk::Dtx,
                2 => Talk::Off,
                _ => Talk::Voice(-i8::try_from(self.dice.below(70)).expect("up to 70")),
            };
            let room = usize::try_from(self.world.peers[at].room).expect("three at most");
            let is_one_more = talk != Talk::Off && !self.world.peers[at].closed;
            talking[room] += usize::from(is_one_more);
            let talk = if few && talking[room] > LOUDEST { Talk::Off } else { talk };
            self.world.talk(at, talk);
        }
    }

    fn offer_garbage(&mut self, at: usize) {
        let leg = self.world.peers[at].leg;
        let offer = SdpOffer("v=0\r\na=ice-pwd:x\r\nm=nonsense".to_owned());
        let reply = self.world.command(Command::Renegotiate { leg, offer });
        assert!(matches!(reply, Reply::Failed(MediaError::Refused(_) | MediaError::Busy)));
    }

    /// The storm is over. Within three seconds and a round trip every leg that stands is up
    /// again, even if nobody says a word: that is how far apart str0m's checks get to be.
    fn heal(&mut self) {
        for at in 0..self.world.peers.len() {
            let was_lost = self.world.peers[at].story.last() == Some(&"lost");
            self.recovered += u64::from(was_lost);
            let peer = &mut self.world.peers[at];
            peer.brewing = None;
            peer.up.heal(Weather::clean(20));
            peer.down.heal(Weather::clean(20));
            self.world.talk(at, Talk::Off);
            if !self.world.peers[at].closed {
                self.world.set_rights(at, ALL);
            }
        }
        self.world.run(ms(3_050));
        for (at, peer) in self.world.peers.iter().enumerate() {
            // Whose goodbye was lost is waited for, and given up in the end.
            if peer.closed || peer.gone {
                continue;
            }
            assert!(self.world.is_up(at), "leg {at} stands and is not up: {:?}", peer.story);
        }
    }

    /// Everybody who is there hears everybody else, as the last word.
    fn is_alive(&mut self) {
        for turn in 0..LOUDEST {
            for room in 0..self.rooms {
                let open = |at: &usize| {
                    let peer = &self.world.peers[*at];
                    !peer.closed && peer.room == room as u128
                };
                let open: Vec<_> = (0..self.world.peers.len()).filter(open).collect();
                for (n, at) in open.into_iter().enumerate() {
                    let talk = if n / LOUDEST == turn { Talk::Voice(-20) } else { Talk::Off };
                    self.world.talk(at, talk);
                }
            }
            self.world.run(ms(300));
            (0..self.world.peers.len()).for_each(|at| self.world.talk(at, Talk::Off));
            self.world.run(ms(1_200));
        }
        self.world.run(ms(2_000));
    }

    fn end(mut self) -> (Yield, Vec<Record>) {
        assert_eq!(self.world.command(Command::Shutdown), Reply::Done);
        self.world.run(ms(500));
        let stats = self.world.shard.stats();
        assert_eq!((stats.sessions, stats.rooms, stats.sources), (0, 0, 0), "nothing is left");
        let log = std::mem::take(&mut self.world.log);
        if let Err(objection) = checks::all(&log) {
            panic!("{objection:?}");
        }
        let (nonces, owed) = (checks::nonces(&log), checks::owed(&log));
        let (nonces, owed) = (nonces.expect("checked"), owed.expect("checked"));
        (Yield { nonces, owed, steps: self.steps, recovered: self.recovered }, log)
    }
}
