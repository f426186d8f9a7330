//! One direction of a connection: what becomes of each datagram, decided by a seed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::dice::{Dice, mix};
use crate::wire::Kind;

/// How a direction behaves. Shares are per mille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    /// Up to this much more, never so much that datagrams overtake each other.
    pub(crate) jitter: Duration,
    pub(crate) loss: u64,
    pub(crate) duplicated: u64,
    /// Held back so long that later ones overtake them.
    pub(crate) reordered: u64,
    /// Every so often all is lost for a moment.
    pub(crate) burst: Option<Burst>,
    pub(crate) bottleneck: Option<Bottleneck>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burst {
    pub(crate) every: Duration,
    pub(crate) lasts: Duration,
}

/// Counts datagrams, not bytes: how long a handshake's datagrams are is up to random numbers of
/// the crypto library, and no decision may depend on those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bottleneck {
    pub(crate) per_second: u32,
    pub(crate) queue: usize,
}

impl Weather {
    pub(crate) const fn clean(delay_ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(delay_ms),
            jitter: Duration::ZERO,
            loss: 0,
            duplicated: 0,
            reordered: 0,
            burst: None,
            bottleneck: None,
        }
    }

    pub(crate) fn any(dice: &mut Dice) -> Self {
        let ms = Duration::from_millis;
        let mut weather = Self::clean(dice.pick(&[1, 10, 40, 150]));
        if dice.one_in(3) {
            return weather;
        }
        weather.jitter = ms(dice.between(0, 60));
        weather.loss = dice.pick(&[0, 0, 10, 50, 100, 300]);
        weather.duplicated = dice.pick(&[0, 0, 20, 200]);
        weather.reordered = dice.pick(&[0, 0, 20, 100]);
        if dice.one_in(4) {
            weather.burst = Some(Burst {
                every: ms(dice.between(500, 3_000)),
                lasts: ms(dice.between(30, 250)),
            });
        }
        if dice.one_in(5) {
            let per_second = dice.pick(&[40, 100, 200]);
            weather.bottleneck = Some(Bottleneck { per_second, queue: 20 });
        }
        weather
    }
}

/// What a link has done with what it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) given: u64,
    pub(crate) dropped: u64,
    pub(crate) duplicated: u64,
}

pub(crate) struct Link {
    pub(crate) weather: Weather,
    pub(crate) carried: Carried,
    seed: u64,
    counts: [u64; 4],
    start: Instant,
    out_until: Option<Instant>,
    /// The latest arrival of what was sent at earlier instants, and of what is sent at `at`:
    /// the order within one instant is up to a hash map of str0m, so nothing may depend on it.
    arrived: Instant,
    at: Instant,
    arriving: Instant,
    /// When those in the queue leave it, as it was when `at` began.
    queue: VecDeque<Instant>,
    joining: usize,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64, now: Instant) -> Self {
        Self {
            weather,
            carried: Carried::default(),
            seed,
            counts: [0; 4],
            start: now,
            out_until: None,
            arrived: now,
            at: now,
            arriving: now,
            queue: VecDeque::new(),
            joining: 0,
        }
    }

    /// Nothing gets through until then.
    pub(crate) fn black_out(&mut self, until: Instant) {
        self.out_until = self.out_until.max(Some(until));
    }

    pub(crate) fn heal(&mut self, weather: Weather) {
        self.weather = weather;
        self.out_until = None;
    }

    /// When a datagram arrives: once, twice or not at all.
    pub(crate) fn carry(&mut self, kind: Kind, now: Instant) -> Vec<Instant> {
        self.carried.given += 1;
        let weather = self.weather;
        if self.out_until.is_some_and(|until| now < until) {
            self.carried.dropped += 1;
            return Vec::new();
        }
        if now > self.at {
            self.next_instant(now);
        }
        let mut dice = self.dice(kind);
        if dice.roll() % 1_000 < weather.loss || self.is_in_burst(now) || self.is_full() {
            self.carried.dropped += 1;
            return Vec::new();
        }
        let waits = self.wait(now);
        let jitter_us = u64::try_from(weather.jitter.as_micros()).expect("jitter is short");
        let jitter = Duration::from_micros(dice.between(0, jitter_us));
        let mut arrives = now + waits + weather.delay + jitter;
        if dice.roll() % 1_000 < weather.reordered {
            arrives += Duration::from_millis(dice.between(21, 90));
        } else {
            arrives = arrives.max(self.arrived);
            self.arriving = self.arriving.max(arrives);
        }
        let mut arrivals = vec![arrives];
        if dice.roll() % 1_000 < weather.duplicated {
            self.carried.duplicated += 1;
            arrivals.push(arrives + Duration::from_millis(dice.between(0, 50)));
        }
        arrivals
    }

    /// RTP is known by its numbers, because several packets of one instant come in any order;
    /// the others by their count.
    fn dice(&mut self, kind: Kind) -> Dice {
        let (class, number) = match kind {
            Kind::Rtp { seq, time, .. } => (0, u64::from(seq) << 32 | u64::from(time)),
            Kind::Rtcp { .. } => (1, self.counts[1]),
            Kind::Stun => (2, self.counts[2]),
            Kind::Dtls => (3, self.counts[3]),
        };
        self.counts[class] += 1;
        Dice(mix(self.seed ^ mix(number ^ (class as u64) << 60)))
    }

    fn next_instant(&mut self, now: Instant) {
        self.arrived = self.arrived.max(self.arriving);
        if let Some(neck) = self.weather.bottleneck {
            let each = Duration::from_secs(1) / neck.per_second;
            for _ in 0..std::mem::take(&mut self.joining) {
                let leaves = self.queue.back().copied().unwrap_or(self.at).max(self.at) + each;
                self.queue.push_back(leaves);
            }
        } else {
            self.queue.clear();
        }
        self.joining = 0;
        self.at = now;
        while self.queue.front().is_some_and(|leaves| *leaves <= now) {
            self.queue.pop_front();
        }
    }

    fn is_full(&self) -> bool {
        self.weather.bottleneck.is_some_and(|neck| self.queue.len() >= neck.queue)
    }

    fn wait(&mut self, now: Instant) -> Duration {
        if self.weather.bottleneck.is_some() {
            self.joining += 1;
        }
        self.queue.back().map_or(Duration::ZERO, |last| last.saturating_duration_since(now))
    }

    fn is_in_burst(&self, now: Instant) -> bool {
        self.weather.burst.is_some_and(|burst| {
            let since = now.saturating_duration_since(self.start).as_millis();
            let (every, lasts) = (burst.every.as_millis(), burst.lasts.as_millis());
            // Each period has its burst at a place of its own.
            let period = u64::try_from(since / every).expect("a simulation is short");
            let room = u64::try_from(every - lasts.min(every - 1)).expect("a period is short");
            let starts = u128::from(mix(self.seed ^ period) % room);
            (starts..starts + lasts).contains(&(since % every))
        })
    }
}
