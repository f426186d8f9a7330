//! What was measured, and how it is told.

use serde::Serialize;

/// What transfers cost in one run, or in the median of several.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    /// Transfers a second.
    pub(crate) per_s: f64,
    /// Processor time of one, server included, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Cost {
    /// The median of each figure.
    pub(crate) fn median(of: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let mut all: Vec<f64> = of.iter().map(figure).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            per_s: median(|it| it.per_s),
            cpu_us: median(|it| it.cpu_us),
            p50_us: median(|it| it.p50_us),
            p99_us: median(|it| it.p99_us),
        }
    }
}

/// The runs of few clients.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Lone {
    /// One.
    pub(crate) one: Cost,
    /// Sixteen.
    pub(crate) some: Cost,
}

/// One workload.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// Through the ledger.
    pub(crate) ledger: Cost,
    /// The same with fewer clients.
    pub(crate) ledger_few: Lone,
    /// The same with an asset that is not sealed.
    pub(crate) unsealed: Cost,
    /// One transaction of the database a transfer.
    pub(crate) naive: Cost,
    /// The same with fewer clients.
    pub(crate) naive_few: Lone,
    /// The same on SQLite with one connection for which everybody waits in turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_hand: Option<Cost>,
    /// Through the ledger on SQLite, with a store that is held to one command a transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_to_one: Option<Cost>,
    /// The other ledger.
    pub(crate) doubleentry: Option<Rival>,
}

/// What the other ledger came to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rival {
    /// Transfers a second.
    pub(crate) per_s: f64,
    /// Processor time of one, without the server's, in microseconds.
    pub(crate) cpu_us: f64,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    store: &'static str,
    accounts: usize,
    transfers: usize,
    clients: usize,
    hot_ratio: f64,
    hot_cpu_ratio: f64,
    uniform_ratio: f64,
    uniform_cpu_ratio: f64,
    hot_vs_uniform: f64,
    doubleentry_ratio: Option<f64>,
    sealing_cost: f64,
    uniform: Figures,
    hot: Figures,
    transfers_per_transaction: f64,
    pgbench_tps: Option<f64>,
    fsync_us: f64,
}

/// What a report is made of beside its figures.
pub(crate) struct About {
    pub(crate) store: &'static str,
    pub(crate) accounts: usize,
    pub(crate) transfers: usize,
    pub(crate) transfers_per_transaction: f64,
    pub(crate) pgbench_tps: Option<f64>,
    pub(crate) fsync_us: f64,
}

impl Report {
    pub(crate) fn new(about: About, uniform: Figures, hot: Figures) -> Self {
        let faster = |it: &Figures| it.ledger.per_s / it.naive.per_s;
        let cheaper = |it: &Figures| it.naive.cpu_us / it.ledger.cpu_us;
        let rival = |it: &Figures| it.doubleentry.map(|other| it.ledger.per_s / other.per_s);
        // Of what sealing takes, by the clock or by the processor, the larger.
        let sealing = |it: &Figures| {
            let time = 1.0 - it.ledger.per_s / it.unsealed.per_s;
            time.max(1.0 - it.unsealed.cpu_us / it.ledger.cpu_us).max(0.0)
        };
        Self {
            store: about.store,
            accounts: about.accounts,
            transfers: about.transfers,
            clients: crate::course::MANY,
            hot_ratio: faster(&hot),
            hot_cpu_ratio: cheaper(&hot),
            uniform_ratio: faster(&uniform),
            uniform_cpu_ratio: cheaper(&uniform),
            hot_vs_uniform: hot.ledger.per_s / uniform.ledger.per_s,
            doubleentry_ratio: rival(&uniform).zip(rival(&hot)).map(|(a, b)| a.min(b)),
            sealing_cost: sealing(&uniform).max(sealing(&hot)),
            uniform,
            hot,
            transfers_per_transaction: about.transfers_per_transaction,
            pgbench_tps: about.pgbench_tps,
            fsync_us: about.fsync_us,
        }
    }

    pub(crate) fn print_table(&self) {
        let Self { store, accounts, transfers, clients, .. } = self;
        println!("{store}: transfers between {accounts} accounts, {transfers} a run");
        println!();
        println!("{:36} {:>10} {:>8} {:>9} {:>9}", "", "a second", "CPU µs", "p50 µs", "p99 µs");
        for (name, of) in [("uniform", &self.uniform), ("hot", &self.hot)] {
            println!("{name}");
            row(&format!("ledger, {clients} clients"), of.ledger);
            row("ledger, 16 clients", of.ledger_few.some);
            row("ledger, one client", of.ledger_few.one);
            row(&format!("not sealed, {clients} clients"), of.unsealed);
            row(&format!("a transaction each, {clients} clients"), of.naive);
            row("a transaction each, 16 clients", of.naive_few.some);
            row("a transaction each, one client", of.naive_few.one);
            if let Some(it) = of.by_hand {
                row(&format!("the same by hand, {clients} clients"), it);
            }
            if let Some(it) = of.held_to_one {
                row(&format!("the ledger held to it, {clients} clients"), it);
            }
            if let Some(it) = of.doubleentry {
                println!("  {:34} {:>10.0} {:>8.1}", "doubleentry", it.per_s, it.cpu_us);
            }
        }
        println!();
        let line = |name: &str, ratio: f64| println!("  {name:34} {ratio:>10.2}");
        line("hot, against a transaction each", self.hot_ratio);
        line("the same, processor time", self.hot_cpu_ratio);
        line("uniform, against a transaction each", self.uniform_ratio);
        line("the same, processor time", self.uniform_cpu_ratio);
        line("hot against uniform", self.hot_vs_uniform);
        match self.doubleentry_ratio {
            Some(ratio) => line("against doubleentry", ratio),
            None => println!("  {:34} {:>10}", "against doubleentry", "not run"),
        }
        line("what sealing takes", self.sealing_cost);
        line("transfers a transaction", self.transfers_per_transaction);
        if let Some(tps) = self.pgbench_tps {
            line("pgbench, TPC-B, a second", tps);
        }
        line("fdatasync of a small append, µs", self.fsync_us);
    }
}

fn row(name: &str, cost: Cost) {
    let Cost { per_s, cpu_us, p50_us, p99_us } = cost;
    println!("  {name:34} {per_s:>10.0} {cpu_us:>8.1} {p50_us:>9.0} {p99_us:>9.0}");
}
