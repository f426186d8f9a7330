use std::time::Duration;

/// Buckets below this many microseconds hold one value each; above, this many share an octave.
const PARTS: usize = 16;
/// Values from 2^26 µs, about 67 s, all count as the largest below it.
const BITS_MAX: u32 = 26;
const BUCKETS: usize = PARTS + (BITS_MAX - PARTS.ilog2()) as usize * PARTS;

/// How durations are distributed, in microseconds.
///
/// The buckets are log-linear: exact below 16 µs, then 16 to each power of two, so that what a
/// quantile says is at most 1/16 above what was recorded. It has 368 buckets, 3 KiB, however much
/// is recorded; recording allocates nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), count: 0, sum: 0, max: 0 }
    }

    /// Counts a value of so many microseconds, `count` times.
    pub fn record(&mut self, micros: u64, count: u64) {
        if count == 0 {
            return;
        }
        let micros = micros.min((1 << BITS_MAX) - 1);
        self.counts[bucket(micros)] += count;
        self.count += count;
        self.sum = self.sum.saturating_add(micros.saturating_mul(count));
        self.max = self.max.max(micros);
    }

    /// Counts a duration, `count` times. What is less than a microsecond counts as 0.
    pub fn record_duration(&mut self, duration: Duration, count: u64) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), count);
    }

    /// The least value, in microseconds and rounded up to the end of its bucket, that at least
    /// `q` of all values do not exceed; `q` is from 0 to 1. It is 0 while nothing is recorded.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        // A count beyond 2^53 would lose its last digits, which no quantile shows.
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return last_of(at).min(self.max);
            }
        }
        self.max
    }

    /// How many values lie below each power of two, as `(microseconds, count)`: the cumulative
    /// buckets (`le`) of a Prometheus histogram, to which the scraper adds `+Inf` with
    /// [`count`](Self::count).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut seen: u64 = self.counts[..PARTS].iter().sum();
        let first = PARTS.ilog2();
        let octaves = self.counts[PARTS..].chunks(PARTS).zip(first + 1..);
        let rest = octaves.map(move |(counts, bits)| {
            seen += counts.iter().sum::<u64>();
            (1 << bits, seen)
        });
        let below = move |bits: u32| self.counts[..1 << bits].iter().sum();
        (0..=first).map(move |bits| (1 << bits, below(bits))).chain(rest)
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All values added up, in microseconds.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value, in microseconds.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts.iter()) {
            *count += more;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Histogram {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), ..*self }
    }

    /// Copies into the memory that is there already.
    fn clone_from(&mut self, other: &Self) {
        self.counts.clone_from(&other.counts);
        (self.count, self.sum, self.max) = (other.count, other.sum, other.max);
    }
}

fn bucket(micros: u64) -> usize {
    if micros < PARTS as u64 {
        return micros as usize;
    }
    let octave = micros.ilog2() - PARTS.ilog2();
    // The leading bit says the octave, the next four the part of it.
    let part = (micros >> octave) as usize - PARTS;
    PARTS + octave as usize * PARTS + part
}

/// The largest value a bucket holds.
fn last_of(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let (octave, part) = ((bucket - PARTS) / PARTS, bucket % PARTS);
    (((PARTS + part + 1) as u64) << octave) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_bucket_follows_the_one_before_it() {
        assert_eq!(bucket(0), 0);
        for at in 0..BUCKETS - 1 {
            assert_eq!(bucket(last_of(at)), at);
            assert_eq!(bucket(last_of(at) + 1), at + 1);
        }
        assert_eq!(last_of(BUCKETS - 1), (1 << BITS_MAX) - 1);
    }

    #[test]
    fn an_empty_one_says_nothing() {
        let empty = Histogram::new();
        assert_eq!((empty.quantile(0.5), empty.count(), empty.sum(), empty.max()), (0, 0, 0, 0));
        assert!(empty.buckets().all(|(_, count)| count == 0));
    }

    #[test]
    fn buckets_are_cumulative_powers_of_two() {
        let mut histogram = Histogram::new();
        for (micros, count) in [(0, 1), (1, 1), (15, 2), (16, 3), (1_000, 4), (u64::MAX, 5)] {
            histogram.record(micros, count);
        }
        let buckets: Vec<_> = histogram.buckets().collect();
        let bounds: Vec<_> = buckets.iter().map(|(bound, _)| *bound).collect();
        assert_eq!(bounds, (0..=BITS_MAX).map(|bits| 1 << bits).collect::<Vec<u64>>());
        let below = |bound: u64| buckets.iter().find(|(at, _)| *at == bound).map(|(_, n)| *n);
        assert_eq!(below(1), Some(1));
        assert_eq!(below(2), Some(2));
        assert_eq!(below(16), Some(4));
        assert_eq!(below(32), Some(7));
        assert_eq!(below(512), Some(7));
        assert_eq!(below(1_024), Some(11));
        assert_eq!(below(1 << BITS_MAX), Some(histogram.count()));
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_sixteenth(
            mut values in prop::collection::vec((0..26_u32, 0..u64::MAX), 1..200),
            q in 0.0..=1.0_f64,
        ) {
            let mut values: Vec<u64> =
                values.drain(..).map(|(bits, n)| n % (1 << (bits + 1))).collect();
            let (mut whole, mut parts) = (Histogram::new(), [Histogram::new(), Histogram::new()]);
            for (at, value) in values.iter().enumerate() {
                whole.record(*value, 1);
                parts[at % 2].record(*value, 1);
            }
            let [mut merged, other] = parts;
            merged.merge(&other);
            prop_assert_eq!(&merged, &whole);
            merged.clone_from(&other);
            prop_assert_eq!(&merged, &other);

            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let naive = values[rank - 1];
            let told = whole.quantile(q);
            prop_assert!(naive <= told && told <= naive + naive / 16, "{told} for {naive}");
        }
    }
}
