//! What is run, in which order, on whatever store.

use std::future::Future;
use std::time::Duration;

use parlor_benches::Result;
use parlor_benches::clients::{self, Timed};

use crate::report::{Cost, Lone};
use crate::scene::Workload;

/// How many clients there are in the runs that count.
pub(crate) const MANY: usize = 256;
/// How many in those between one and many.
pub(crate) const SOME: usize = 16;
/// How often runs that are compared with each other take turns.
pub(crate) const TURNS: usize = 5;
/// How many transfers make connections, plans and caches warm before anything is timed.
pub(crate) const WARM_UP: usize = 2_000;
/// How many a lone client makes.
const LONE: usize = 400;

/// The processor time that was used so far.
pub(crate) trait Clockwork {
    fn used(&self) -> Result<Duration>;
    /// Writes out what other runs have left, so that the next does not.
    fn settle(&self) {}
}

/// One run.
pub(crate) async fn timed<F: Future<Output = Result<()>> + Send>(
    clockwork: &impl Clockwork,
    name: &'static str,
    clients: usize,
    transfers: usize,
    transfer: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Result<Cost> {
    clockwork.settle();
    let before = clockwork.used()?;
    let Timed { per_s, p50_us, p99_us, .. } =
        clients::run(name, clients, transfers, transfer).await?;
    let cpu_us = (clockwork.used()? - before).as_secs_f64() * 1e6 / transfers as f64;
    Ok(Cost { per_s, cpu_us, p50_us, p99_us })
}

/// The runs of few clients: one, and some.
pub(crate) async fn few<F: Future<Output = Result<()>> + Send>(
    clockwork: &impl Clockwork,
    names: [&'static str; 2],
    transfers: usize,
    transfer: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Result<Lone> {
    let one = timed(clockwork, names[0], 1, LONE.min(transfers), transfer.clone()).await?;
    let some = timed(clockwork, names[1], SOME, (transfers / 4).max(LONE), transfer).await?;
    Ok(Lone { one, some })
}

/// Both workloads.
pub(crate) const WORKLOADS: [Workload; 2] = [Workload::Uniform, Workload::Hot];
