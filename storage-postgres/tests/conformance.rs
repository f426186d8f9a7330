//! What every store must keep, kept by this one.

use parlor_core::conformance::{Explanation, Harness, all, block_on};
use parlor_core::storage::{Aggregate, Query};
use parlor_storage_postgres::cluster::Cluster;
use parlor_storage_postgres::{Options, PostgresStore};

/// One server, a database a store.
struct Postgres {
    writers: usize,
}

fn connect(url: &str, writers: usize) -> PostgresStore {
    // One writer without prepared statements, several with.
    let options = Options { writers, prepared: writers > 1, ..Cluster::shared().options(url) };
    block_on(PostgresStore::connect_with(options)).expect("the database opens")
}

impl Harness for Postgres {
    type Store = PostgresStore;

    fn open(&self) -> PostgresStore {
        connect(&Cluster::shared().database(), self.writers)
    }

    fn reopen(&self, store: PostgresStore) -> Option<PostgresStore> {
        let url = store.options().url.clone();
        drop(store);
        Some(connect(&url, self.writers))
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

parlor_core::suite!(Postgres { writers: 1 });

/// The order of commands that are submitted at the same time is that of one writer, and of several
/// it is nobody's; the case that compares it with another store's has no say here.
#[test]
fn all_of_it_is_kept_by_several_writers_with_prepared_statements_too() {
    let ordered = "the_same_commands_leave_the_same_as_in_memory";
    for case in all::<Postgres>().into_iter().filter(|case| case.name != ordered) {
        println!("{}", case.name);
        (case.run)(&Postgres { writers: 3 });
    }
}
