//! Rows as data: what a store needs to know about a table, said once.
//!
//! [`record!`](crate::record!) declares one table: the struct, its key, its columns, its indexes
//! and what is special about it. [`tables!`](crate::tables!) lists them all. An adapter writes no
//! table's name twice: it generates its statements from [`TableDef`].

mod column;
mod macros;
mod timestamp;
mod value;

pub use column::{Column, Digest, Json};
pub use timestamp::Timestamp;
pub use value::{Corrupt, Kind, Value};

use crate::storage::{Lock, Need};
use crate::tables::{Key, Row};

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name, in the struct and in every store.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be empty.
    pub optional: bool,
}

/// One index of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexDef {
    /// Its name, in every store.
    pub name: &'static str,
    /// Its columns, most significant first.
    pub columns: &'static [&'static str],
    /// Whether two rows may agree in all its columns. A violation is a failure of the command that
    /// caused it; uniqueness that callers can run into is a claim row's.
    pub unique: bool,
    /// Which rows are in it; all of them when it does not say.
    pub only: Option<Only>,
}

/// Which rows are in a partial index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Those whose column is empty.
    Null(&'static str),
    /// Those whose column is not.
    NotNull(&'static str),
}

/// One table, as `record!` declared it.
#[derive(Debug, PartialEq, Eq)]
pub struct TableDef {
    /// Its name, in every store.
    pub name: &'static str,
    /// The columns of the primary key, in order.
    pub key: &'static [ColumnDef],
    /// The other columns, in order.
    pub columns: &'static [ColumnDef],
    /// Its secondary indexes.
    pub indexes: &'static [IndexDef],
    /// The column that full-text search looks into; it holds what
    /// [`words`](crate::storage::text::words) makes of the text.
    pub text: Option<&'static str>,
    /// Columns that stay as they were inserted: no update writes them. The last column is none.
    pub fixed: &'static [&'static str],
    /// Its rows are written only by who owns the row they are [within](Record::within).
    pub within: bool,
    /// Columns that nearly all updates change, and no others: those have a shorter statement.
    pub hot: &'static [&'static str],
    /// Its rows may be recorded by a command that is refused.
    pub on_refusal: bool,
    /// Its rows are never updated or deleted.
    pub append_only: bool,
}

impl TableDef {
    /// A table with nothing special about it.
    pub const fn new(
        name: &'static str,
        key: &'static [ColumnDef],
        columns: &'static [ColumnDef],
        indexes: &'static [IndexDef],
    ) -> Self {
        Self {
            name,
            key,
            columns,
            indexes,
            text: None,
            fixed: &[],
            within: false,
            hot: &[],
            on_refusal: false,
            append_only: false,
        }
    }

    /// With a full-text column.
    pub const fn text(mut self, column: &'static str) -> Self {
        self.text = Some(column);
        self
    }

    /// With rows that are within those of another table, or not.
    pub const fn within(mut self, within: bool) -> Self {
        self.within = within;
        self
    }

    /// With columns that stay as they were inserted.
    pub const fn fixed(mut self, columns: &'static [&'static str]) -> Self {
        self.fixed = columns;
        self
    }

    /// With columns that nearly all updates change, and no others.
    pub const fn hot(mut self, columns: &'static [&'static str]) -> Self {
        self.hot = columns;
        self
    }

    /// The columns that an update writes.
    pub fn updated(&self) -> impl Iterator<Item = &'static ColumnDef> {
        self.columns.iter().filter(|column| !self.fixed.contains(&column.name))
    }

    /// The columns that an update of hot columns writes.
    pub fn updated_hot(&self) -> impl Iterator<Item = &'static ColumnDef> {
        let of = |name: &&str| self.columns.iter().find(|column| column.name == *name);
        self.hot.iter().filter_map(of)
    }

    /// With rows that outlive a refusal.
    pub const fn on_refusal(mut self) -> Self {
        self.on_refusal = true;
        self
    }

    /// With rows that are written once.
    pub const fn append_only(mut self) -> Self {
        self.append_only = true;
        self
    }

    /// Key columns, then the others: the order of every row of values.
    pub fn all_columns(&self) -> impl Iterator<Item = &'static ColumnDef> + use<> {
        self.key.iter().chain(self.columns)
    }

    /// Where a column stands in a row of values.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.all_columns().position(|c| c.name == column)
    }
}

/// A row of one table. Implemented by [`record!`](crate::record!).
pub trait Record: Clone + Sized + Send + Sync + 'static {
    /// The primary key: the column's type, or a tuple of several.
    type Key: Clone + Send + Sync;
    /// The table.
    const TABLE: &'static TableDef;

    /// This row's key.
    fn key(&self) -> Self::Key;

    /// A key as values.
    fn key_values(key: &Self::Key) -> Vec<Value>;

    /// The columns beside the key, as values.
    fn values(&self) -> Vec<Value>;

    /// A row from the values of all its columns.
    ///
    /// # Errors
    /// `Corrupt` when they do not fit the declaration.
    fn decode(values: &mut dyn Iterator<Item = Value>) -> Result<Self, Corrupt>;

    /// The row that stands for the absence of rows in this table: whoever relies on a row's
    /// absence shares the guard, whoever inserts one owns it.
    fn guard(_key: &Self::Key) -> Option<Key> {
        None
    }

    /// The row that this one belongs to so closely that whoever writes this one owns that one. It is
    /// of a table further up. A store may then leave out the lock on this one.
    fn within(&self) -> Option<Key> {
        None
    }

    /// Whether it is this row with other values in hot columns, if at all.
    fn differs_in_hot_only(&self, _before: &Self) -> bool {
        false
    }

    /// The hot columns, as values, in the order of [`TableDef::hot`].
    fn hot_values(&self) -> Vec<Value> {
        Vec::new()
    }
}

/// Takes a record from its own types to the enums over all tables, and back. Implemented by
/// [`tables!`](crate::tables!).
pub trait Stored: Record + Into<Row> {
    /// The key among all keys.
    fn wrap_key(key: Self::Key) -> Key;

    /// The row, if it is of this table.
    fn from_row(row: &Row) -> Option<&Self>;

    /// The row, if it is of this table.
    fn take_row(row: Row) -> Option<Self>;

    /// "I will read it."
    fn share(key: Self::Key) -> Need {
        (Self::wrap_key(key), Lock::Share)
    }

    /// "I may write it."
    fn own(key: Self::Key) -> Need {
        (Self::wrap_key(key), Lock::Own)
    }
}
