//! The constant statements: four a table, and two of the feed.

use std::sync::LazyLock;

use parlor_core::events::OUTBOX;
use parlor_core::record::{ColumnDef, TableDef};
use parlor_core::tables::TABLES;

/// The statements of one table. Parameters are its key columns, then the others, or the hot ones.
///
/// What violates a constraint rolls the transaction back, which is what becomes of it anyway: a
/// statement that could be undone by itself would keep a journal of the pages that it changes.
pub(crate) struct Statements {
    pub(crate) select: String,
    pub(crate) insert: String,
    /// None for tables whose rows are written once.
    pub(crate) update: Option<String>,
    /// Writes the hot columns. The engine leaves out what it need not check then.
    pub(crate) update_hot: Option<String>,
    /// None for tables whose rows are written once.
    pub(crate) delete: Option<String>,
}

/// The statements of all tables, in the order of [`TABLES`].
pub(crate) static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| TABLES.iter().map(|table| Statements::of(table)).collect());

/// Adds an event to the feed.
pub(crate) static APPEND: LazyLock<String> = LazyLock::new(|| insert(OUTBOX.name, OUTBOX.columns));

/// Reads the feed after a position.
pub(crate) static FEED: LazyLock<String> = LazyLock::new(|| {
    let columns = names(OUTBOX.all_columns(), ", ");
    let (feed, position) = (OUTBOX.name, OUTBOX.key[0].name);
    format!("SELECT {columns} FROM {feed} WHERE {position} > ?1 ORDER BY {position} LIMIT ?2")
});

/// Where the feed ends, and the id of the event there.
pub(crate) static HEAD: LazyLock<String> = LazyLock::new(|| {
    let (feed, position) = (OUTBOX.name, OUTBOX.key[0].name);
    format!("SELECT {position}, id FROM {feed} ORDER BY {position} DESC LIMIT 1")
});

impl Statements {
    fn of(table: &TableDef) -> Self {
        let writable = !table.append_only;
        let (name, key) = (table.name, key(table));
        let columns: Vec<_> = table.all_columns().copied().collect();
        let number = |name| table.position(name).expect("it is a column of the table") + 1;
        let update = |set: Vec<String>| {
            let set = set.join(", ");
            let update = || format!("UPDATE OR ROLLBACK {name} SET {set} WHERE {key}");
            (writable && !set.is_empty()).then(update)
        };
        let all = table.updated().map(|it| format!("{} = ?{}", it.name, number(it.name)));
        let hot = table.updated_hot().zip(table.key.len() + 1..);
        let hot = hot.map(|(it, n)| format!("{} = ?{n}", it.name));
        Self {
            select: format!("SELECT {} FROM {name} WHERE {key}", names(&columns, ", ")),
            insert: insert(name, &columns),
            update: update(all.collect()),
            update_hot: update(hot.collect()),
            delete: writable.then(|| format!("DELETE FROM {name} WHERE {key}")),
        }
    }

    /// All of them, in order.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let Self { select, insert, update, update_hot, delete } = self;
        [select, insert].into_iter().chain(update).chain(update_hot).chain(delete)
    }
}

fn insert(table: &str, columns: &[ColumnDef]) -> String {
    let holes: Vec<_> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let (columns, holes) = (names(columns, ", "), holes.join(", "));
    format!("INSERT OR ROLLBACK INTO {table} ({columns}) VALUES ({holes})")
}

fn key(table: &TableDef) -> String {
    let equal = table.key.iter().zip(1..).map(|(column, n)| format!("{} = ?{n}", column.name));
    equal.collect::<Vec<_>>().join(" AND ")
}

fn names<'c>(columns: impl IntoIterator<Item = &'c ColumnDef>, between: &str) -> String {
    columns.into_iter().map(|column| column.name).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::render;

    /// Every statement that is ever run on rows and events.
    fn listing() -> String {
        let mut text = String::from(
            "-- Every statement on the rows and the feed. Generated; a test keeps it fresh:\n\
             -- UPDATE_STATEMENTS=1 cargo test -p parlor-storage-sqlite statements\n\
             --\n\
             -- An IN list stands for 1, 2, 4 … 512 values, and a read that goes on from a page\n\
             -- before has `AND (the sorting columns) > (…)`, or `<` when it is descending.\n",
        );
        let mut add = |title: &str, statements: Vec<String>| {
            text.push_str(&format!("\n-- {title}\n"));
            statements.iter().for_each(|sql| text.push_str(&format!("{sql};\n")));
        };
        add("The feed.", vec![APPEND.clone(), FEED.clone(), HEAD.clone()]);
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
    fn rows_that_are_written_once_have_no_update_and_no_delete() {
        const LEAF: &TableDef = &TableDef::new("leaf", &[], &[], &[]).append_only();
        let statements = Statements::of(LEAF);
        assert_eq!((statements.update, statements.delete), (None, None));
    }
}
