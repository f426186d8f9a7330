//! What every store must keep, kept by this one.

use parlor_core::conformance::{Explanation, Harness, block_on};
use parlor_core::storage::{Aggregate, Query};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

/// One server, a database a store.
struct Postgres;

fn connect(url: &str) -> PostgresStore {
    let options = Cluster::shared().options(url);
    block_on(PostgresStore::connect_with(options)).expect("the database opens")
}

impl Harness for Postgres {
    type Store = PostgresStore;

    fn open(&self) -> PostgresStore {
        connect(&Cluster::shared().database())
    }

    fn reopen(&self, store: PostgresStore) -> Option<PostgresStore> {
        let url = store.options().url.clone();
        drop(store);
        Some(connect(&url))
    }

    /// Whatever else writes in the cluster holds the feed back, the neighbours' cases included.
    fn settle(store: &PostgresStore) {
        while block_on(store.feed_lag()).expect("the store works").hidden > 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    fn explain(&self, store: &PostgresStore, query: &Query) -> Option<Explanation> {
        let steps = block_on(store.explain(query)).expect("the query is good");
        Some(read_plan(&steps))
    }

    fn explain_aggregate(
        &self,
        store: &PostgresStore,
        aggregate: &Aggregate,
    ) -> Option<Explanation> {
        let steps = block_on(store.explain_aggregate(aggregate)).expect("the aggregate is good");
        Some(read_plan(&steps))
    }
}

/// What the engine's words mean.
fn read_plan(steps: &[String]) -> Explanation {
    let text = steps.join("\n");
    let mut indexes = Vec::new();
    let (mut scans, mut sorts) = (false, false);
    for step in steps {
        let step = step.trim_start().trim_start_matches("->").trim_start();
        let words: Vec<&str> = step.split(' ').collect();
        let after = |word: &str| words.iter().skip_while(|it| **it != word).nth(1).copied();
        let index = match words[..] {
            ["Index", "Scan" | "Only", ..] => after("using"),
            ["Bitmap", "Index", "Scan", ..] => after("on"),
            _ => None,
        };
        scans |= step.starts_with("Seq Scan") || step.starts_with("Parallel Seq Scan");
        sorts |= step.starts_with("Sort ") || step.starts_with("Incremental Sort");
        indexes.extend(index.map(|index| match index.ends_with("_pkey") {
            true => "primary key".to_owned(),
            false => index.to_owned(),
        }));
    }
    Explanation { indexes, scans, sorts, text }
}

parlor_core::suite!(Postgres);
