//! What every store must keep, kept by this one.

use std::sync::atomic::{AtomicU32, Ordering};

use parlor_core::conformance::{Explanation, Harness, block_on};
use parlor_core::record::TableDef;
use parlor_core::storage::{Aggregate, Query};
use parlor_storage_sqlite::{Options, SqliteStore, Synchronous};
use rusqlite::Connection;
use tempfile::TempDir;

/// Databases in a directory of their own.
struct Sqlite {
    directory: TempDir,
    made: AtomicU32,
}

impl Sqlite {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), made: AtomicU32::new(0) }
    }
}

/// Nobody cuts the power here, and thousands of waits for the device add up.
fn options() -> Options {
    Options { synchronous: Synchronous::Normal, ..Options::default() }
}

impl Harness for Sqlite {
    type Store = SqliteStore;

    fn open(&self) -> SqliteStore {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("{n}.db"));
        SqliteStore::open_with(path, options()).expect("a new database")
    }

    fn reopen(&self, store: SqliteStore) -> Option<SqliteStore> {
        let path = store.path().to_owned();
        drop(store);
        Some(SqliteStore::open_with(path, options()).expect("the database of before"))
    }

    fn explain(&self, store: &SqliteStore, query: &Query) -> Option<Explanation> {
        let steps = block_on(store.explain(query)).expect("the query is good");
        Some(read_plan(&steps, is_in_key_order(store, query.table)))
    }

    fn explain_aggregate(&self, store: &SqliteStore, aggregate: &Aggregate) -> Option<Explanation> {
        let steps = block_on(store.explain_aggregate(aggregate)).expect("the aggregate is good");
        Some(read_plan(&steps, is_in_key_order(store, aggregate.table)))
    }
}

fn is_in_key_order(store: &SqliteStore, table: &TableDef) -> bool {
    let db = Connection::open(store.path()).expect("the database");
    let sql = "SELECT sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE name = ?1";
    db.query_row(sql, [table.name], |row| row.get(0)).expect("its table")
}

/// What the engine's words mean. `in_key_order`: the table of the query is kept in the order of its
/// primary key, so that going through it is going along the key.
fn read_plan(steps: &[String], in_key_order: bool) -> Explanation {
    let text = steps.join("\n");
    let mut indexes = Vec::new();
    let mut scans = false;
    for step in steps {
        let words: Vec<&str> = step.split(' ').collect();
        let after = |word: &str| {
            let at = words.iter().position(|it| *it == word)?;
            words.get(at + 1).copied()
        };
        match words[..] {
            ["SCAN", table, "VIRTUAL", ..] => indexes.push(table.to_owned()),
            ["SCAN" | "SEARCH", ..] => match after("INDEX").or(after("USING")) {
                Some(index) if index.starts_with("sqlite_autoindex_") => {
                    indexes.push("primary key".to_owned());
                }
                Some("PRIMARY" | "INTEGER") => indexes.push("primary key".to_owned()),
                Some(index) => indexes.push(index.to_owned()),
                None if in_key_order => indexes.push("primary key".to_owned()),
                None => scans = true,
            },
            _ => {}
        }
    }
    Explanation { indexes, scans, sorts: text.contains("USE TEMP B-TREE"), text }
}

parlor_core::suite!(Sqlite::new());
