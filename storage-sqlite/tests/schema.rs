//! The migrations make the tables that the core declares, column by column.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use parlor_core::events::OUTBOX;
use parlor_core::record::{ColumnDef, Kind, Only, TableDef};
use parlor_core::tables::TABLES;
use parlor_storage_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

fn database() -> (TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parlor.db");
    drop(SqliteStore::open(&path).unwrap());
    (directory, Connection::open(path).unwrap())
}

fn texts(db: &Connection, sql: &str, name: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([name], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// `name TYPE NOT NULL pk n`, a line a column.
fn columns(db: &Connection, table: &str) -> Vec<String> {
    let sql = "SELECT name || ' ' || type || iif(\"notnull\", ' NOT NULL', '') \
               || iif(pk, ' pk ' || pk, '') FROM pragma_table_info(?1) ORDER BY cid";
    texts(db, sql, table)
}

fn declared(table: &TableDef) -> Vec<String> {
    let column = |column: &ColumnDef| {
        let kind = match column.kind {
            Kind::Bool | Kind::Int | Kind::Time => "INTEGER",
            Kind::Text | Kind::Json | Kind::Date => "TEXT",
            Kind::Bytes | Kind::Uuid => "BLOB",
        };
        format!("{} {kind}{}", column.name, if column.optional { "" } else { " NOT NULL" })
    };
    let key = table.key.iter().zip(1..).map(|(c, n)| format!("{} pk {n}", column(c)));
    key.chain(table.columns.iter().map(column)).collect()
}

#[test]
fn every_table_has_the_columns_of_its_record_in_order() {
    let (_directory, db) = database();
    for table in TABLES.iter().chain([&OUTBOX]) {
        assert_eq!(columns(&db, table.name), declared(table), "{}", table.name);
    }
}

#[test]
fn every_table_has_the_indexes_of_its_record_and_no_other() {
    let (_directory, db) = database();
    for table in TABLES.iter().chain([&OUTBOX]) {
        let sql = "SELECT l.name || ' (' || (SELECT group_concat(i.name, ', ' ORDER BY i.seqno) \
                   FROM pragma_index_info(l.name) AS i) || ')' || iif(l.\"unique\", ' unique', '') \
                   || iif(l.partial, (SELECT substr(s.sql, instr(s.sql, ' WHERE ')) \
                   FROM sqlite_schema AS s WHERE s.name = l.name), '') \
                   FROM pragma_index_list(?1) AS l WHERE l.origin <> 'pk'";
        let found: BTreeSet<String> = texts(&db, sql, table.name).into_iter().collect();
        let declared = table.indexes.iter().map(|index| {
            let unique = if index.unique { " unique" } else { "" };
            let partial = index.only.map(|only| match only {
                Only::Null(column) => format!(" WHERE {column} IS NULL"),
                Only::NotNull(column) => format!(" WHERE {column} IS NOT NULL"),
            });
            let columns = index.columns.join(", ");
            format!("{} ({columns}){unique}{}", index.name, partial.unwrap_or_default())
        });
        assert_eq!(found, declared.collect(), "{}", table.name);
    }
}

#[test]
fn there_is_no_table_that_nobody_declared() {
    let (_directory, db) = database();
    let mut declared: BTreeSet<String> = TABLES.iter().map(|table| table.name.into()).collect();
    declared.extend([OUTBOX.name.into(), "migration".into()]);
    for table in TABLES.iter().filter(|table| table.text.is_some()) {
        declared.extend(["doc", "text"].map(|suffix| format!("{}_{suffix}", table.name)));
    }
    let sql = "SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual') \
               AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema') AND schema = ?1";
    let found: BTreeSet<String> = texts(&db, sql, "main").into_iter().collect();
    assert_eq!(found, declared);
    let strict = "SELECT name FROM pragma_table_list WHERE NOT strict AND type = 'table' \
                  AND name NOT LIKE 'sqlite_%' AND schema = ?1";
    assert_eq!(texts(&db, strict, "main"), [""; 0]);
}

#[test]
fn a_full_text_index_has_the_column_of_its_record() {
    let (_directory, db) = database();
    for table in TABLES {
        let Some(text) = table.text else { continue };
        let index = format!("{}_text", table.name);
        let sql = "SELECT name FROM pragma_table_info(?1)";
        assert_eq!(texts(&db, sql, &index), [text], "{index}");
        let key: Vec<&str> = table.key.iter().map(|column| column.name).collect();
        let doc = texts(&db, sql, &format!("{}_doc", table.name));
        assert_eq!(doc[1..], key, "{}_doc", table.name);
    }
}

#[test]
fn foreign_keys_point_at_tables_that_are_written_before() {
    let (_directory, db) = database();
    for (n, table) in TABLES.iter().enumerate() {
        let sql = "SELECT \"table\" FROM pragma_foreign_key_list(?1)";
        for parent in texts(&db, sql, table.name) {
            let at = TABLES.iter().position(|table| table.name == parent);
            assert!(at.is_some_and(|at| at < n), "{} refers to {parent}", table.name);
        }
    }
}

#[test]
fn events_are_never_changed() {
    let (_directory, db) = database();
    db.execute_batch(
        "INSERT INTO outbox (id, at, name, event) VALUES (zeroblob(16), 0, 'x', '{}')",
    )
    .unwrap();
    let error = db.execute("UPDATE outbox SET name = 'y'", []).unwrap_err();
    assert!(error.to_string().contains("events are never changed"), "{error}");
}

#[test]
fn the_last_event_stays_so_that_no_position_is_used_twice() {
    let (_directory, db) = database();
    let append = "INSERT INTO outbox (id, at, name, event) \
                  VALUES (zeroblob(16), 0, 'x', '{}')";
    db.execute(append, []).unwrap();
    db.execute(append, []).unwrap();
    let error = db.execute("DELETE FROM outbox", []).unwrap_err();
    assert!(error.to_string().contains("the last event is never deleted"), "{error}");
    assert_eq!(db.execute("DELETE FROM outbox WHERE position = 1", []), Ok(1));
    db.execute(append, []).unwrap();
    let last = db.query_row("SELECT max(position) FROM outbox", [], |row| row.get(0));
    assert_eq!(last, Ok(3));
}

#[test]
fn what_is_written_most_keeps_no_journal_of_its_own() {
    let (_directory, db) = database();
    for table in ["ledger_transfer", "ledger_entry"] {
        let values = vec!["NULL"; columns(&db, table).len()].join(", ");
        let sql = format!("EXPLAIN INSERT OR ROLLBACK INTO {table} VALUES ({values})");
        let mut statement = db.prepare(&sql).unwrap();
        let opcodes = statement.query_map([], |row| row.get::<_, String>(1)).unwrap();
        let opcodes: Vec<_> = opcodes.collect::<Result<_, _>>().unwrap();
        assert!(opcodes.iter().any(|it| it == "Program"), "{table} has no trigger");
        assert!(!opcodes.iter().any(|it| it.contains("Func")), "{table} calls a function");
    }
}
