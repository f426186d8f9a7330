//! PostgreSQL at default durability.

pub(crate) mod naive;

use std::sync::Arc;
use std::time::Duration;

use parlor_benches::host::parlor;
use parlor_benches::postgres::{Server, options, pgbench};
use parlor_benches::{Result, clients};
use parlor_storage_postgres::PostgresStore;

use self::naive::{Naive, SEQUENCES};
use crate::Arguments;
use crate::course::{Clockwork, MANY, TURNS, WARM_UP, WORKLOADS, few, timed};
use crate::report::{About, Cost, Figures, Report};
use crate::rival::Program;
use crate::scene::{self, Book, Workload};

impl Clockwork for Server {
    fn used(&self) -> Result<Duration> {
        self.processes.used()
    }

    fn settle(&self) {
        Self::settle(self);
    }
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let rival = (!arguments.no_rival).then(Program::build).transpose()?;
    let (accounts, transfers) = (arguments.accounts as usize, arguments.transfers as usize);
    let server = Server::start().await?;
    let start = server.cluster.database();
    let books = {
        let store = Arc::new(PostgresStore::connect_with(options(&start)).await?);
        let parlor = parlor(store.clone());
        let books = scene::open(&parlor, accounts).await?;
        // Some transfers are there: statements that are planned on empty tables would go on
        // scanning them, which no application does that has run for a while.
        let book = books[0].clone();
        let tip = move |n| scene::tip(parlor.clone(), book.clone(), Workload::Uniform, n);
        clients::run("some transfers", MANY, WARM_UP, tip).await?;
        store.stop().await;
        books
    };
    server.cluster.sql(&start, "VACUUM ANALYZE");

    let mut all = Vec::new();
    let (mut transactions, mut made) = (0, 0);
    for workload in WORKLOADS {
        let names = [workload.name().to_owned(), format!("{}_naive", workload.name())];
        let [ours, theirs] = names.map(|name| server.copy(&start, &name));
        server.cluster.sql(&theirs, SEQUENCES);
        let run = run(&server, &ours, &theirs, &books, workload, transfers).await?;
        transactions += run.transactions;
        made += run.transfers;
        let mut figures = run.figures;
        if let Some(program) = &rival {
            let database = server.cluster.empty_database();
            figures.doubleentry = Some(program.run("postgres", &database, workload, accounts)?);
        }
        all.push(figures);
    }
    let transfers_per_transaction = made as f64 / transactions as f64;
    let about = About {
        store: "postgres",
        accounts,
        transfers,
        transfers_per_transaction,
        pgbench_tps: pgbench::tps(&server.cluster)?,
        fsync_us: server.fsync_us,
    };
    Ok(Report::new(about, all[0], all[1]))
}

/// The runs of one workload.
struct Run {
    figures: Figures,
    transfers: usize,
    transactions: u64,
}

async fn run(
    server: &Server,
    ours: &str,
    theirs: &str,
    [sealed, unsealed]: &[Book; 2],
    workload: Workload,
    transfers: usize,
) -> Result<Run> {
    let store = Arc::new(PostgresStore::connect_with(options(ours)).await?);
    let parlor = parlor(store.clone());
    let tip = |book: &Book| {
        let (parlor, book) = (parlor.clone(), book.clone());
        move |n: usize| scene::tip(parlor.clone(), book.clone(), workload, n)
    };
    let naive = Naive::connect(theirs).await?;
    let book = sealed.clone();
    let plain = move |n: usize| {
        let (naive, book) = (naive.clone(), book.clone());
        async move { naive.tip(&book, workload, n).await }
    };
    clients::run("warm-up", MANY, WARM_UP, tip(sealed)).await?;
    clients::run("warm-up, a transaction each", MANY, WARM_UP / 4, plain.clone()).await?;

    let (mut with, mut without, mut each) = (Vec::new(), Vec::new(), Vec::new());
    let (mut transactions, mut made) = (0, 0);
    for _ in 0..TURNS {
        let before = store.stats().transactions;
        with.push(timed(server, "sealed", MANY, transfers, tip(sealed)).await?);
        transactions += store.stats().transactions - before;
        made += transfers;
        without.push(timed(server, "not sealed", MANY, transfers, tip(unsealed)).await?);
        let some = transfers / 20;
        each.push(timed(server, "a transaction each", MANY, some, plain.clone()).await?);
    }
    let names = ["one client", "16 clients"];
    let ledger_few = few(server, names, transfers, tip(sealed)).await?;
    let names = ["a transaction each, one client", "a transaction each, 16 clients"];
    let naive_few = few(server, names, transfers / 20, plain).await?;
    store.stop().await;
    let figures = Figures {
        ledger: Cost::median(&with),
        ledger_few,
        unsealed: Cost::median(&without),
        naive: Cost::median(&each),
        naive_few,
        by_hand: None,
        held_to_one: None,
        doubleentry: None,
    };
    Ok(Run { figures, transfers: made, transactions })
}
