//! Many clients, each of which waits for its transfer before it makes the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use doubleentry::AccountHandle;
use doubleentry::store::Store;
use tokio::task::JoinSet;

use crate::books::{Books, transfer};
use crate::poster::Poster;

/// Who pays whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// Anybody pays anybody else.
    Uniform,
    /// One account pays anybody else.
    Hot,
}

/// All clients, and what they were told.
pub(crate) struct Clients<S> {
    poster: Poster<S>,
    wallets: Arc<[AccountHandle]>,
    moved: Arc<[AtomicI64]>,
    count: u16,
    workload: Workload,
}

/// What a run gave.
pub(crate) struct Run {
    pub(crate) transfers: u64,
    /// Until the last client had its last answer.
    pub(crate) took: Duration,
}

impl<S: Store> Clients<S> {
    pub(crate) fn new(books: &Books<S>, poster: Poster<S>, count: u16, workload: Workload) -> Self {
        let wallets = books.wallets.clone();
        let moved = wallets.iter().map(|_| AtomicI64::new(0)).collect();
        Self { poster, wallets, moved, count, workload }
    }

    /// Lets all clients make transfers for so long. The name makes a run's keys its own.
    pub(crate) async fn run(&self, name: &'static str, lasts: Duration) -> anyhow::Result<Run> {
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for client in 0..self.count {
            let (poster, workload) = (self.poster.clone(), self.workload);
            let (wallets, moved) = (self.wallets.clone(), self.moved.clone());
            tasks.spawn(async move {
                let mut random = Random(client.into());
                let mut done = 0;
                while begin.elapsed() < lasts {
                    let (from, to) = random.pair(wallets.len(), workload);
                    let key = format!("{name}-{client}-{done}");
                    poster.post(transfer(key, wallets[from], wallets[to])).await?;
                    moved[from].fetch_sub(1, Ordering::Relaxed);
                    moved[to].fetch_add(1, Ordering::Relaxed);
                    done += 1;
                }
                anyhow::Ok(done)
            });
        }
        let mut transfers = 0;
        while let Some(done) = tasks.join_next().await {
            transfers += done??;
        }
        Ok(Run { transfers, took: begin.elapsed() })
    }

    /// How many transfers each account has got, less those it has paid.
    pub(crate) fn moved(&self) -> Vec<i64> {
        self.moved.iter().map(|it| it.load(Ordering::Relaxed)).collect()
    }
}

/// SplitMix64: the same pairs in every run.
struct Random(u64);

impl Random {
    /// Two different accounts: who pays, and who gets it.
    fn pair(&mut self, accounts: usize, workload: Workload) -> (usize, usize) {
        let from = match workload {
            Workload::Uniform => self.below(accounts),
            Workload::Hot => 0,
        };
        (from, (from + 1 + self.below(accounts - 1)) % accounts)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
