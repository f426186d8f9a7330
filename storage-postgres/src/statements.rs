//! The constant statements: a few for each table, each over arrays, and those of the feed.

use std::sync::LazyLock;

use parlor_core::events::OUTBOX;
use parlor_core::record::{ColumnDef, TableDef};
use parlor_core::tables::TABLES;

use crate::value::type_name;

/// The statements of one table. Parameters are arrays, one for each column: the key's, then the
/// others'.
pub(crate) struct Statements {
    /// Locks rows for writing, in key order, and reads them. None for tables whose rows are written
    /// once: nobody can write one that is there.
    pub(crate) own: Option<String>,
    /// Locks rows against writing, in key order, and reads them. None for the same.
    pub(crate) share: Option<String>,
    /// Reads rows that need no lock, or are locked by other means.
    pub(crate) read: String,
    pub(crate) insert: String,
    /// Inserts many rows at once, in the binary form of [`copy`](crate::copy). Only for tables whose
    /// rows are written once: they come in numbers, and their whole numbers are all `BIGINT`.
    pub(crate) copy: Option<String>,
    /// None for tables whose rows are written once.
    pub(crate) update: Option<String>,
    /// Writes the hot columns. Parameters are those of the key, and theirs.
    pub(crate) update_hot: Option<String>,
    /// None for tables whose rows are written once.
    pub(crate) delete: Option<String>,
}

/// The statements of all tables, in the order of [`TABLES`].
pub(crate) static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| TABLES.iter().map(|table| Statements::of(table)).collect());

/// Before the first position that a reader may see: every transaction with a smaller number has
/// ended, so nothing will ever appear there. Evaluated in the snapshot of the statement around it.
const HORIZON: &str = "(SELECT (shift + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) \
                       << 20 FROM feed_origin WHERE singleton)";

/// How many events one transaction may have: 2^20, less one for counting from 1.
pub(crate) const EVENTS_PER_TRANSACTION_MAX: usize = (1 << 20) - 1;

/// Begins the part of a transaction that has a number of its own; see [`APPEND`].
pub(crate) const BEGIN_APPEND: &str = "SAVEPOINT feed";

/// Adds events to the feed, and the transaction's receipt; says where the last event stands.
///
/// A position is a transaction number, and a count within the transaction in the lower 20 bits. It
/// is not the number of the whole transaction, which it got with its first lock: a transaction that
/// then waited for another would stand before it in the feed, though it came after. It is that of
/// the savepoint, which is given out now that all locks are held. (`xmin` of the receipt just
/// written is its lower half.) Being larger than the whole's, it is no smaller than the horizon of
/// anybody who reads meanwhile.
pub(crate) static APPEND: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<_> = OUTBOX.columns.to_vec();
    let into = names(OUTBOX.all_columns(), ", ");
    let from = columns.iter().map(|column| format!("v.{}", column.name));
    let (arrays, from) = (arrays(&columns), from.collect::<Vec<_>>().join(", "));
    let (events, receipt) = (names(&columns, ", "), columns.len() + 1);
    format!(
        "WITH receipt AS (INSERT INTO receipt (id, committed) VALUES (${receipt}::uuid, true) \
         RETURNING xmin::text::bigint AS part), \
         number AS (SELECT whole + mod(part - mod(whole, 4294967296) + 4294967296, 4294967296) \
         AS part FROM receipt, (SELECT pg_current_xact_id()::text::bigint AS whole) AS it), \
         appended AS (INSERT INTO outbox ({into}) \
         SELECT ((shift + number.part) << 20) + v.n, {from} FROM feed_origin, number, \
         unnest({arrays}) WITH ORDINALITY AS v({events}, n) WHERE singleton RETURNING position) \
         SELECT max(position) FROM appended"
    )
});

/// Reads the feed after a position.
pub(crate) static FEED: LazyLock<String> = LazyLock::new(|| {
    let columns = names(OUTBOX.all_columns(), ", ");
    format!(
        "SELECT {columns} FROM outbox WHERE position > $1 AND position < {HORIZON} \
         ORDER BY position LIMIT $2"
    )
});

/// Where the feed ends for readers.
pub(crate) static HEAD: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT position FROM outbox WHERE position < {HORIZON} ORDER BY position DESC LIMIT 1")
});

/// What has been committed and is hidden from readers: how much, up to a bound, and since when.
pub(crate) static LAG: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT count(*), min(at) FROM (SELECT at FROM outbox WHERE position >= {HORIZON} \
         ORDER BY position LIMIT 10000) AS hidden"
    )
});

impl Statements {
    fn of(table: &TableDef) -> Self {
        let writable = !table.append_only;
        let name = table.name;
        let columns: Vec<_> = table.all_columns().copied().collect();
        let all = columns.iter().map(|column| format!("t.{}", column.name));
        let key = table.key.iter().map(|column| format!("t.{}", column.name));
        let (all, key) = (all.collect::<Vec<_>>().join(", "), key.collect::<Vec<_>>().join(", "));
        let wanted = unnest(table.key);
        let on = table.key.iter().map(|column| format!("t.{0} = v.{0}", column.name));
        let on = on.collect::<Vec<_>>().join(" AND ");
        let read = format!("SELECT {all} FROM {wanted} JOIN {name} AS t ON {on}");

        let update = |set: Vec<&ColumnDef>, given: &[ColumnDef]| {
            let set = set.iter().map(|column| format!("{0} = v.{0}", column.name));
            let (set, given) = (set.collect::<Vec<_>>().join(", "), unnest(given));
            let update = || format!("UPDATE {name} AS t SET {set} FROM {given} WHERE {on}");
            (writable && !set.is_empty()).then(update)
        };
        Self {
            own: writable.then(|| format!("{read} ORDER BY {key} FOR NO KEY UPDATE OF t")),
            share: writable.then(|| format!("{read} ORDER BY {key} FOR SHARE OF t")),
            insert: format!(
                "INSERT INTO {name} ({}) SELECT * FROM unnest({})",
                names(&columns, ", "),
                arrays(&columns)
            ),
            copy: table.append_only.then(|| {
                format!("COPY {name} ({}) FROM STDIN (FORMAT BINARY)", names(&columns, ", "))
            }),
            update: update(table.updated().collect(), &columns),
            update_hot: update(table.updated_hot().collect(), &hot_columns(table)),
            delete: writable.then(|| format!("DELETE FROM {name} AS t USING {wanted} WHERE {on}")),
            read,
        }
    }

    /// All of them, in order.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let Self { own, share, read, insert, copy, update, update_hot, delete } = self;
        let reads = own.iter().chain(share).chain([read]);
        reads.chain([insert]).chain(copy).chain(update).chain(update_hot).chain(delete)
    }
}

/// What an update of hot columns is given.
pub(crate) fn hot_columns(table: &TableDef) -> Vec<ColumnDef> {
    table.key.iter().chain(table.updated_hot()).copied().collect()
}

/// Arrays as rows, named like the columns they are for.
fn unnest(columns: &[ColumnDef]) -> String {
    format!("unnest({}) AS v({})", arrays(columns), names(columns, ", "))
}

fn arrays(columns: &[ColumnDef]) -> String {
    let typed = columns.iter().zip(1..);
    let typed = typed.map(|(column, n)| format!("${n}::{}[]", type_name(column.kind)));
    typed.collect::<Vec<_>>().join(", ")
}

fn names<'c>(columns: impl IntoIterator<Item = &'c ColumnDef>, between: &str) -> String {
    columns.into_iter().map(|column| column.name).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locks::BUCKETS;
    use crate::render::render;
    use crate::{database, receipt};

    /// Every statement that is ever run on rows and events.
    fn listing() -> String {
        let mut text = String::from(
            "-- Every statement on the rows and the feed. Generated; a test keeps it fresh:\n\
             -- UPDATE_STATEMENTS=1 cargo test -p parlor-storage-postgres statements\n\
             --\n\
             -- A read that goes on from a page before has `AND (the sorting columns) > (…)`, or\n\
             -- `<` when it is descending. Rows of a table that many share are read without a\n\
             -- row lock, under the advisory locks taken first.\n",
        );
        let mut add = |title: &str, statements: Vec<String>| {
            text.push_str(&format!("\n-- {title}\n"));
            statements.iter().for_each(|sql| text.push_str(&format!("{sql};\n")));
        };
        add("A transaction that writes.", vec![database::BEGIN_WRITE.into(), BUCKETS.into()]);
        add("A transaction that reads, by an index, or by its full-text index.", {
            vec![database::BEGIN_READ.into(), database::BEGIN_SEARCH.into()]
        });
        add("Whether a transaction was committed.", receipt::texts());
        add(
            "The feed.",
            vec![BEGIN_APPEND.into(), APPEND.clone(), FEED.clone(), HEAD.clone(), LAG.clone()],
        );
        for (table, statements) in TABLES.iter().zip(STATEMENTS.iter()) {
            add(&format!("Rows of {}.", table.name), statements.texts().cloned().collect());
        }
        for named in parlor_core::queries() {
            let title = format!("The read {}, by {}.", named.query.name, named.query.index);
            add(&title, vec![render(&named.query).sql]);
        }
        text
    }

    #[test]
    fn the_list_of_statements_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statements.sql");
        if std::env::var_os("UPDATE_STATEMENTS").is_some() {
            std::fs::write(path, listing()).unwrap();
        }
        let listed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(listed, listing(), "run it with UPDATE_STATEMENTS=1 and look at the difference");
    }

    #[test]
    fn rows_that_are_written_once_have_no_update_no_delete_and_no_lock() {
        const LEAF: &TableDef = &TableDef::new("leaf", &[], &[], &[]).append_only();
        let statements = Statements::of(LEAF);
        assert_eq!((statements.update, statements.delete), (None, None));
        assert_eq!((statements.own, statements.share), (None, None));
    }
}
