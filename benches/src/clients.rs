//! Many clients, each of which waits for the answer to one command before it sends the next.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Result;

/// One run, and what its commands gave.
#[derive(Debug)]
pub struct Timed<T = ()> {
    /// Commands a second.
    pub per_s: f64,
    /// Half of them took at most this long, in microseconds.
    pub p50_us: f64,
    /// 99 in a hundred took at most this long.
    pub p99_us: f64,
    /// What they gave, in any order.
    pub outputs: Vec<T>,
}

/// Carries out the commands 0 to `count`, each once, by so many clients.
///
/// # Errors
/// That of the first command that fails.
pub async fn run<T, F>(
    name: &'static str,
    clients: usize,
    count: usize,
    command: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Result<Timed<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (next, command) = (next.clone(), command.clone());
        tasks.spawn(async move {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return Result::Ok(done);
                }
                let sent = Instant::now();
                let output = command(n).await?;
                done.push((sent.elapsed(), output));
            }
        });
    }
    let progress = tokio::spawn(report_progress(name, next, count));
    let mut done = Vec::with_capacity(count);
    while let Some(some) = tasks.join_next().await {
        done.extend(some??);
    }
    let elapsed = begin.elapsed();
    progress.abort();

    let per_s = count as f64 / elapsed.as_secs_f64();
    eprintln!("{name}: {per_s:.0} a second");
    let (mut took, outputs): (Vec<_>, _) = done.into_iter().unzip();
    let [p50_us, p99_us] = percentiles(&mut took);
    Ok(Timed { per_s, p50_us, p99_us, outputs })
}

/// The 50th and the 99th, in microseconds.
pub fn percentiles(took: &mut [Duration]) -> [f64; 2] {
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
    [0.5, 0.99].map(|share| at(share).unwrap_or_default().as_secs_f64() * 1e6)
}

async fn report_progress(name: &'static str, next: Arc<AtomicUsize>, all: usize) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        eprintln!("{name}: {} of {all}", next.load(Ordering::Relaxed).min(all));
    }
}
