//! What came of it, as a table and as JSON.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::peer::Log;
use super::scene::Recorded;

/// How long after the mute was acknowledged a packet may still be on its way.
const MUTE_GRACE: Duration = Duration::from_millis(100);
/// The largest fraction of packets that may be lost.
const LOSS_MAX: f64 = 0.001;

/// Everything that was seen.
pub(crate) struct Observed {
    pub(crate) speakers: usize,
    pub(crate) seconds: u64,
    /// What each peer did and heard: the speakers first.
    pub(crate) logs: Vec<Log>,
    /// Which speaker was muted, when that was asked for, and when it was acknowledged.
    pub(crate) muted: usize,
    pub(crate) mute_asked: Duration,
    pub(crate) mute_done: Duration,
    pub(crate) spoke_until: Duration,
    /// Copies the engine sent while people spoke, and the CPU time it took.
    pub(crate) packets: u64,
    pub(crate) cpu: Duration,
    pub(crate) recorded: Recorded,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    speakers: usize,
    listeners: usize,
    seconds: u64,
    /// Every peer got packets of every speaker but itself.
    heard_all: bool,
    /// The fraction of packets that did not arrive, of those sent before the mute and, of the
    /// others, up to the end.
    loss: f64,
    packets_sent: usize,
    packets_received: usize,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    /// From asking for the mute to its being durable.
    mute_us: u64,
    /// Packets of the muted speaker that arrived later than 100 ms after that.
    muted_leak_packets: usize,
    db_participants: usize,
    db_connected: usize,
    db_muted: usize,
    db_active: u32,
    sfu_packets_per_cpu_second: u64,
    /// How many packets each peer got of each speaker.
    #[serde(skip)]
    matrix: Vec<Vec<usize>>,
}

impl Report {
    pub(crate) fn new(seen: Observed) -> Self {
        let matrix: Vec<Vec<usize>> =
            seen.logs.iter().map(|log| heard_of_each(log, seen.speakers)).collect();
        let owed = |place: usize, speaker: usize| place != speaker;
        let pairs =
            || (0..seen.logs.len()).flat_map(|place| (0..seen.speakers).map(move |s| (place, s)));
        let heard_all = pairs().filter(|&(p, s)| owed(p, s)).all(|(p, s)| matrix[p][s] > 0);

        let (mut sent, mut received) = (0, 0);
        for (place, speaker) in pairs().filter(|&(place, speaker)| owed(place, speaker)) {
            let until = if speaker == seen.muted { seen.mute_asked } else { seen.spoke_until };
            let counted = seen.logs[speaker].sent.partition_point(|at| *at < until);
            let heard = seen.logs[place].heard.iter().filter(|it| it.speaker == speaker);
            let heard: BTreeSet<u32> = heard.map(|it| it.number).collect();
            sent += counted;
            received += heard.range(..u32::try_from(counted).unwrap_or(u32::MAX)).count();
        }
        let all = || seen.logs.iter().flat_map(|log| &log.heard);
        let mut latencies: Vec<u64> =
            all().map(|it| u64::try_from(it.latency.as_micros()).unwrap_or(u64::MAX)).collect();
        latencies.sort_unstable();
        let at = |fraction: f64| {
            let place = (latencies.len() as f64 * fraction) as usize;
            latencies.get(place.min(latencies.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let late = seen.mute_done + MUTE_GRACE;
        let leaks = all().filter(|it| it.speaker == seen.muted && it.at > late);
        let mute = seen.mute_done.saturating_sub(seen.mute_asked);
        Self {
            speakers: seen.speakers,
            listeners: seen.logs.len() - seen.speakers,
            seconds: seen.seconds,
            heard_all,
            loss: if sent == 0 { 1.0 } else { 1.0 - received as f64 / sent as f64 },
            packets_sent: sent,
            packets_received: received,
            p50_us: at(0.5),
            p99_us: at(0.99),
            max_us: at(1.0),
            mute_us: u64::try_from(mute.as_micros()).unwrap_or(u64::MAX),
            muted_leak_packets: leaks.count(),
            db_participants: seen.recorded.participants,
            db_connected: seen.recorded.connected,
            db_muted: seen.recorded.muted,
            db_active: seen.recorded.active,
            sfu_packets_per_cpu_second: (seen.packets as f64 / seen.cpu.as_secs_f64().max(1e-9))
                as u64,
            matrix,
        }
    }

    /// The promises that were broken.
    pub(crate) fn broken(&self) -> Vec<String> {
        let people = self.speakers + self.listeners;
        let promises = [
            (self.heard_all, "everybody hears every speaker".to_owned()),
            (self.loss <= LOSS_MAX, format!("at most {LOSS_MAX} is lost, not {}", self.loss)),
            (
                self.muted_leak_packets == 0,
                format!("nothing is heard of the muted, not {} packets", self.muted_leak_packets),
            ),
            (
                (self.db_participants, self.db_connected) == (people, people)
                    && self.db_active as usize == people,
                format!("the database knows that all {people} are connected"),
            ),
            (self.db_muted == 1, "the database knows who is muted".to_owned()),
        ];
        promises.into_iter().filter(|(kept, _)| !kept).map(|(_, promise)| promise).collect()
    }
}

fn heard_of_each(log: &Log, speakers: usize) -> Vec<usize> {
    let mut heard = vec![0; speakers];
    for it in &log.heard {
        if let Some(count) = heard.get_mut(it.speaker) {
            *count += 1;
        }
    }
    heard
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        writeln!(f, "who heard whom (packets; the last speaker was muted half-way)")?;
        write!(f, "{:>14}", "")?;
        (0..self.speakers).try_for_each(|speaker| write!(f, "  speaker {speaker}"))?;
        writeln!(f)?;
        for (place, heard) in self.matrix.iter().enumerate().take(SHOWN) {
            let what = if place < self.speakers { "speaker" } else { "listener" };
            write!(f, "{:>14}", format!("{what} {place}"))?;
            for (speaker, count) in heard.iter().enumerate() {
                let count = if place == speaker { "–".to_owned() } else { count.to_string() };
                write!(f, "  {count:>9}")?;
            }
            writeln!(f)?;
        }
        if self.matrix.len() > SHOWN {
            writeln!(f, "{:>14}", format!("and {} more", self.matrix.len() - SHOWN))?;
        }
        let ms = |us: u64| us as f64 / 1_000.0;
        writeln!(f)?;
        writeln!(f, "packets owed       {:>10}", self.packets_sent)?;
        writeln!(
            f,
            "packets arrived    {:>10}  loss {:.4} %",
            self.packets_received,
            self.loss * 100.0
        )?;
        writeln!(
            f,
            "latency            {:>7.2} ms  p99 {:.2} ms, at most {:.2} ms",
            ms(self.p50_us),
            ms(self.p99_us),
            ms(self.max_us),
        )?;
        writeln!(
            f,
            "mute acknowledged  {:>7.2} ms  leaked packets {}",
            ms(self.mute_us),
            self.muted_leak_packets
        )?;
        writeln!(
            f,
            "database           {:>10}  participants, {} connected, {} muted",
            self.db_participants, self.db_connected, self.db_muted,
        )?;
        write!(
            f,
            "engine             {:>10}  packets a CPU second",
            self.sfu_packets_per_cpu_second
        )
    }
}
