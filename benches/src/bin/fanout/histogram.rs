//! Latencies in little memory, however many there are.

use std::time::Duration;

/// Powers of two, each cut into so many: what is read is at most 3 % too large.
const PARTS: u64 = 32;
const BUCKETS: usize = 64 * PARTS as usize;

/// How often each latency was seen.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS] }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The latency that so large a share does not exceed, in microseconds; `None` if there is
    /// none at all.
    pub(crate) fn quantile_us(&self, share: f64) -> Option<f64> {
        let wanted = ((self.len() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(upper(at) as f64 / 1e3)
    }
}

fn bucket(nanos: u64) -> usize {
    let power = u64::from((nanos | 1).ilog2()).saturating_sub(u64::from(PARTS.ilog2()));
    (power * PARTS + (nanos >> power)) as usize
}

/// The largest latency in a bucket, in nanoseconds.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / PARTS).saturating_sub(1);
    let part = bucket - power * PARTS;
    ((part + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_on_each_other_and_are_narrow() {
        let mut before = 0;
        for nanos in (0..100_000).chain([1 << 40, (1 << 40) + (1 << 35) + 1]) {
            let at = bucket(nanos);
            assert!(at >= before && at <= before.max(1) + 2_000, "{nanos}: {before} {at}");
            assert!(upper(at) >= nanos && upper(at) <= nanos + nanos / 32, "{nanos}");
            before = at;
        }
    }

    #[test]
    fn quantiles_are_what_they_should_be() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(0.5), None);
        (1..=1_000).for_each(|us| histogram.add(Duration::from_micros(us)));
        let near = |share: f64, us: f64| {
            let read = histogram.quantile_us(share).unwrap();
            assert!(read >= us && read <= us * 1.04, "{share}: {read}");
        };
        near(0.5, 500.0);
        near(0.99, 990.0);
        near(0.999, 999.0);
    }
}
