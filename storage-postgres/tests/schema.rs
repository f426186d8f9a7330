//! The migrations make the tables that the core declares, column by column.

use std::collections::BTreeSet;

use parlor_core::events::OUTBOX;
use parlor_core::record::{ColumnDef, Kind, Only, TableDef};
use parlor_core::tables::TABLES;
use parlor_storage_postgres::cluster::Cluster;

/// Lines that a query prints about a new database.
fn lines(sql: &str) -> Vec<String> {
    let cluster = Cluster::shared();
    let printed = cluster.sql(&cluster.database(), sql);
    printed.lines().map(str::to_owned).collect()
}

/// `table.column type NOT NULL pk n`.
fn declared(table: &TableDef) -> Vec<String> {
    let column = |column: &ColumnDef| {
        let kind = match column.kind {
            Kind::Bool => "boolean",
            Kind::Int => "integer",
            Kind::Time => "timestamp with time zone",
            Kind::Text => "text C",
            Kind::Json => "jsonb",
            Kind::Date => "date",
            Kind::Bytes => "bytea",
            Kind::Uuid => "uuid",
        };
        let empty = if column.optional { "" } else { " NOT NULL" };
        format!("{}.{} {kind}{empty}", table.name, column.name)
    };
    let key = table.key.iter().zip(1..).map(|(c, n)| format!("{} pk {n}", column(c)));
    key.chain(table.columns.iter().map(column)).collect()
}

#[test]
fn every_table_has_the_columns_of_its_record_in_order() {
    let found = lines(
        "SELECT c.relname || '.' || a.attname || ' ' \
         || replace(format_type(a.atttypid, a.atttypmod), 'bigint', 'integer') \
         || coalesce(' ' || nullif(l.collname, 'default'), '') \
         || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END \
         || coalesce(' pk ' || array_position(k.conkey, a.attnum), '') \
         FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 \
         LEFT JOIN pg_collation AS l ON l.oid = a.attcollation \
         LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \
         ORDER BY c.relname, a.attnum",
    );
    for table in TABLES.iter().chain([&OUTBOX]) {
        let prefix = format!("{}.", table.name);
        let found: Vec<_> = found.iter().filter(|it| it.starts_with(&prefix)).cloned().collect();
        assert_eq!(found, declared(table), "{}", table.name);
    }
}

#[test]
fn every_table_has_the_indexes_of_its_record_and_no_other() {
    let found = lines(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
         AND indexname NOT LIKE '%\\_pkey' ORDER BY indexname",
    );
    let found: BTreeSet<String> = found.into_iter().collect();
    let mut declared: BTreeSet<String> = BTreeSet::new();
    for table in TABLES.iter().chain([&OUTBOX]) {
        declared.extend(table.indexes.iter().map(|index| {
            let unique = if index.unique { "UNIQUE " } else { "" };
            let partial = index.only.map(|only| match only {
                Only::Null(column) => format!(" WHERE ({column} IS NULL)"),
                Only::NotNull(column) => format!(" WHERE ({column} IS NOT NULL)"),
            });
            let (name, columns) = (index.name, index.columns.join(", "));
            format!(
                "CREATE {unique}INDEX {name} ON public.{} USING btree ({columns}){}",
                table.name,
                partial.unwrap_or_default()
            )
        }));
        declared.extend(table.text.map(|text| {
            let table = table.name;
            format!("CREATE INDEX {table}_text ON public.{table} USING gin (search_words({text}))")
        }));
    }
    declared.insert("CREATE INDEX receipt_by_time ON public.receipt USING btree (at)".into());
    assert_eq!(found, declared);
}

/// Rows that are written once go by `COPY`, which takes a whole number for what its bytes say.
#[test]
fn rows_that_are_copied_have_whole_numbers_of_one_width() {
    let narrow = lines(
        "SELECT DISTINCT table_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND data_type IN ('integer', 'smallint')",
    );
    assert!(!narrow.is_empty());
    for table in TABLES.iter().filter(|table| table.append_only) {
        assert!(!narrow.contains(&table.name.to_owned()), "{}", table.name);
    }
}

#[test]
fn there_is_no_table_that_nobody_declared() {
    let found: BTreeSet<String> =
        lines("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").into_iter().collect();
    let mut declared: BTreeSet<String> = TABLES.iter().map(|table| table.name.into()).collect();
    declared.extend([OUTBOX.name, "migration", "receipt", "feed_origin"].map(String::from));
    assert_eq!(found, declared);
}

#[test]
fn foreign_keys_point_at_tables_that_are_written_before() {
    let found = lines(
        "SELECT conrelid::regclass || ' ' || confrelid::regclass FROM pg_constraint \
         WHERE contype = 'f'",
    );
    assert!(!found.is_empty());
    let at = |name: &str| TABLES.iter().position(|table| table.name == name);
    for line in found {
        let (child, parent) = line.split_once(' ').expect("two tables");
        assert!(at(parent) < at(child) && at(parent).is_some(), "{child} refers to {parent}");
    }
}

const APPEND: &str = "INSERT INTO outbox (position, id, at, name, event) SELECT n, \
                      gen_random_uuid(), now(), 'x', '{}' FROM generate_series(1, 2) AS n;";

fn refusal(sql: &str) -> String {
    let cluster = Cluster::shared();
    let block = format!(
        "{APPEND} DO $$ BEGIN {sql}; RAISE EXCEPTION 'it was allowed'; \
         EXCEPTION WHEN restrict_violation THEN RAISE EXCEPTION 'refused: %', SQLERRM; END $$"
    );
    let url = cluster.database();
    let refused = std::panic::catch_unwind(|| cluster.sql(&url, &block)).expect_err("it fails");
    refused.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn events_are_never_changed() {
    for sql in ["UPDATE outbox SET name = 'y'", "TRUNCATE outbox"] {
        assert!(refusal(sql).contains("refused: events are never changed"), "{sql}");
    }
}

#[test]
fn old_events_may_go_but_the_last_stays() {
    let refused = refusal("DELETE FROM outbox WHERE position = 2");
    assert!(refused.contains("refused: the last event is never deleted"), "{refused}");
    let left = lines(&format!(
        "{APPEND} DELETE FROM outbox WHERE position = 1; SELECT position FROM outbox"
    ));
    assert_eq!(left, ["2"]);
}
