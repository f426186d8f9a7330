//! Reads as data: a small closed algebra that every store interprets, and the in-memory store
//! defines.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

use super::text;
use crate::record::{Column, Corrupt, Kind, Record, Stored, TableDef, Timestamp, Value};
use crate::tables::Row;

/// The most rows one page has.
pub const PAGE_MAX: u32 = 500;
/// The most values an `is_in` takes.
pub const VALUES_MAX: usize = 500;
/// The most words a search takes; what is beyond is ignored.
pub const WORDS_MAX: usize = 16;
/// The longest cursor that is looked at.
const CURSOR_BYTES_MAX: usize = 1_024;

/// A named read: which table, which rows, in which order, how many. Always limited, always paged
/// by key.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its name, such as `rooms.discover`.
    pub name: &'static str,
    /// The index that carries it, or `"primary key"`. A test asks the engine whether it does.
    pub index: &'static str,
    /// The table.
    pub table: &'static TableDef,
    /// Which rows.
    pub filter: Filter,
    /// The columns to sort by; the key follows as tie-break where one is needed.
    pub order: Vec<&'static str>,
    /// Largest first, in all columns.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// How many rows at most, 1 to [`PAGE_MAX`].
    pub limit: u32,
}

impl Query {
    /// The columns the rows are sorted by, each once: the key follows, unless a unique index says
    /// that no two of the rows agree in what they are sorted by already.
    pub fn sorting(&self) -> Vec<&'static str> {
        let mut columns = self.order.clone();
        if columns.is_empty() || !self.is_settled_by_order() {
            let key = self.table.key.iter().map(|c| c.name);
            columns.extend(key.filter(|name| !self.order.contains(name)));
        }
        columns
    }

    /// Whether a unique index is of nothing but columns that are sorted by, or are one value.
    fn is_settled_by_order(&self) -> bool {
        let parts = match &self.filter {
            Filter::All(parts) => &parts[..],
            part => std::slice::from_ref(part),
        };
        let is_one =
            |name: &str| parts.iter().any(|it| matches!(it, Filter::Eq(of, _) if *of == name));
        let is_settled = |name: &&str| {
            let of = self.table.all_columns().find(|column| column.name == *name);
            of.is_some_and(|it| !it.optional && (self.order.contains(name) || is_one(name)))
        };
        let unique = self.table.indexes.iter().filter(|it| it.unique && it.only.is_none());
        unique.into_iter().any(|index| index.columns.iter().all(is_settled))
    }
}

/// Which rows a query wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these hold; true of every row when there are none.
    All(Vec<Filter>),
    /// One of these holds; false of every row when there are none.
    Any(Vec<Filter>),
    /// The column has this value.
    Eq(&'static str, Value),
    /// The column has one of these values.
    In(&'static str, Vec<Value>),
    /// The column is at least this and at most that, where given.
    Range(&'static str, Option<Value>, Option<Value>),
    /// The text begins with this, byte for byte.
    Prefix(&'static str, String),
    /// Each of these words begins a word of the table's text column.
    Matches(Vec<String>),
    /// The column is empty.
    IsNull(&'static str),
    /// A row of a child table agrees with this one in pairs of (child, parent) columns, and
    /// fits the filter.
    Exists(&'static TableDef, Vec<(&'static str, &'static str)>, Box<Filter>),
}

impl Filter {
    /// The search a person typed, as a filter; true of every row when it has no words.
    pub fn search(typed: &str) -> Self {
        let words = text::words(typed);
        let words: Vec<_> = words.split(' ').filter(|word| !word.is_empty()).collect();
        match words.is_empty() {
            true => Self::All(Vec::new()),
            false => Self::Matches(words.iter().take(WORDS_MAX).map(ToString::to_string).collect()),
        }
    }

    /// This and that; an empty [`Filter::All`] adds nothing.
    pub(super) fn and(self, more: Self) -> Self {
        match self {
            Self::All(mut all) => {
                all.push(more);
                Self::All(all)
            }
            one => Self::All(vec![one, more]),
        }
    }

    /// The smallest text that no text with this prefix reaches; `None` when there is none.
    pub fn prefix_end(prefix: &str) -> Option<String> {
        let mut chars: Vec<char> = prefix.chars().collect();
        while let Some(last) = chars.pop() {
            let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
            if let Some(next) = next {
                chars.push(next);
                return Some(chars.into_iter().collect());
            }
        }
        None
    }
}

/// A column of a record, with the type of what it holds. Made by [`col!`](crate::col!).
#[derive(Clone, Copy, Debug)]
pub struct Col<R, T> {
    name: &'static str,
    of: PhantomData<fn(&R) -> T>,
}

impl<R: Record, T: Column> Col<R, T> {
    /// The column `name`; the accessor proves that it is there and has this type.
    pub const fn new(name: &'static str, _: fn(&R) -> &T) -> Self {
        Self { name, of: PhantomData }
    }

    /// The column has this value.
    pub fn is(self, value: T) -> Filter {
        match value.encode() {
            Value::Null => Filter::IsNull(self.name),
            value => Filter::Eq(self.name, value),
        }
    }

    /// The column has one of these values, [`VALUES_MAX`] at most.
    pub fn is_in(self, values: impl IntoIterator<Item = T>) -> Filter {
        let values: Vec<Value> = values.into_iter().map(|value| value.encode()).collect();
        assert!(values.len() <= VALUES_MAX, "{} values for {}", values.len(), self.name);
        Filter::In(self.name, values)
    }

    /// The column is at most this.
    pub fn at_most(self, value: T) -> Filter {
        Filter::Range(self.name, None, Some(value.encode()))
    }

    /// The column is at least this.
    pub fn at_least(self, value: T) -> Filter {
        Filter::Range(self.name, Some(value.encode()), None)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<R: Record, T: Column> Col<R, Option<T>> {
    /// The column is empty.
    pub fn is_null(self) -> Filter {
        Filter::IsNull(self.name)
    }
}

/// A column of a record, by name and checked: `col!(Participant.room_id)`.
#[macro_export]
macro_rules! col {
    ($record:ident . $column:ident) => {
        $crate::storage::Col::new(stringify!($column), |row: &$record| &row.$column)
    };
}

/// A [`Query`] whose rows are of type `R`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select<R> {
    query: Query,
    of: PhantomData<fn() -> R>,
}

impl<R: Stored> Select<R> {
    /// A read of all rows by primary key; what follows narrows it.
    pub fn new(name: &'static str) -> Self {
        let query = Query {
            name,
            index: "primary key",
            table: R::TABLE,
            filter: Filter::All(Vec::new()),
            order: Vec::new(),
            descending: false,
            after: None,
            limit: 100,
        };
        Self { query, of: PhantomData }
    }

    /// Carried by this index.
    #[must_use]
    pub fn by(mut self, index: &'static str) -> Self {
        self.query.index = index;
        self
    }

    /// Only rows that fit this as well.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.query.filter = self.query.filter.and(filter);
        self
    }

    /// Sorted by this column next. It must not be optional: engines disagree where nothing sorts.
    #[must_use]
    pub fn order<T: Column>(mut self, column: Col<R, T>) -> Self {
        assert!(!T::OPTIONAL, "cannot sort by {}, which may be empty", column.name);
        self.query.order.push(column.name);
        self
    }

    /// Sorted by this optional column next, and only rows where it is not empty.
    #[must_use]
    pub fn order_some<T: Column>(mut self, column: Col<R, Option<T>>) -> Self {
        self.query.order.push(column.name);
        self.filter(Filter::Range(column.name, None, None))
    }

    /// Largest first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.query.descending = true;
        self
    }

    /// This many rows at most; held between 1 and [`PAGE_MAX`].
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.query.limit = rows.clamp(1, PAGE_MAX);
        self
    }

    /// The page after the one that ended with this cursor, as the client gave it back.
    ///
    /// # Errors
    /// [`BadCursor`] when it is not a cursor of this query.
    pub fn after(mut self, cursor: Option<&str>) -> Result<Self, BadCursor> {
        self.query.after = cursor.map(|text| Cursor::parse(text, &self.query)).transpose()?;
        Ok(self)
    }

    /// The query without its type.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The page that these rows are.
    ///
    /// # Errors
    /// `Corrupt` when a store answered with rows of another table.
    pub fn page(&self, rows: Vec<Row>) -> Result<Page<R>, Corrupt> {
        let full = rows.len() >= self.query.limit as usize;
        let last = rows.last().filter(|_| full);
        let next = last.map(|row| Cursor::of(row, &self.query).render(self.query.name));
        let wrong = Corrupt { what: R::TABLE.name, why: "a row of another table".into() };
        let rows = rows.into_iter().map(|row| R::take_row(row).ok_or_else(|| wrong.clone()));
        Ok(Page { rows: rows.collect::<Result<_, _>>()?, next })
    }
}

/// Some rows, and where the next ones begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The rows.
    pub rows: Vec<R>,
    /// To be given to [`Select::after`]; `None` when this was the last page.
    pub next: Option<String>,
}

impl<R> Page<R> {
    /// The same page of something made of the rows.
    pub fn map<T>(self, f: impl FnMut(R) -> T) -> Page<T> {
        Page { rows: self.rows.into_iter().map(f).collect(), next: self.next }
    }
}

/// A query under its name, with arguments that stand for any: what the harness asks the engine to
/// explain.
#[derive(Clone, Debug)]
pub struct NamedQuery {
    /// What is asked.
    pub query: Query,
}

impl<R: Stored> From<Select<R>> for NamedQuery {
    fn from(select: Select<R>) -> Self {
        Self { query: select.query }
    }
}

/// Where a page ended: the sorting columns of its last row.
///
/// To clients it is opaque text. It grants nothing: the query's own filter still applies to the
/// page after it, so a forged cursor shows no row the query would not.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor(pub Vec<Value>);

/// What was given as a cursor is not one of this query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This cursor does not belong to this list; start again without one.")]
pub struct BadCursor;

impl Cursor {
    /// Where a page ends whose last row is this.
    pub(crate) fn of(row: &Row, query: &Query) -> Self {
        let mut values = row.key().values();
        values.extend(row.values());
        let at = |name| query.table.position(name).expect("queries sort by columns of their table");
        Self(query.sorting().into_iter().map(|name| values[at(name)].clone()).collect())
    }

    /// As the text that clients are given.
    pub(crate) fn render(&self, name: &str) -> String {
        let mut parts = vec![Json::from(name)];
        parts.extend(self.0.iter().map(to_json));
        URL_SAFE_NO_PAD.encode(Json::from(parts).to_string())
    }

    fn parse(text: &str, query: &Query) -> Result<Self, BadCursor> {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let parts: Vec<Json> = serde_json::from_slice(&bytes).map_err(|_| BadCursor)?;
        let (name, values) = parts.split_first().ok_or(BadCursor)?;
        let sorting = query.sorting();
        if name != query.name || values.len() != sorting.len() {
            return Err(BadCursor);
        }
        let columns =
            sorting.iter().map(|name| query.table.all_columns().find(|c| c.name == *name));
        let values = columns.zip(values).map(|(c, value)| from_json(c?.kind, value));
        values.collect::<Option<Vec<_>>>().map(Self).ok_or(BadCursor)
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(it) => Json::from(*it),
        Value::Int(it) => Json::from(*it),
        Value::Text(it) => Json::from(it.as_ref()),
        Value::Bytes(it) => Json::from(URL_SAFE_NO_PAD.encode(it)),
        Value::Uuid(it) => Json::from(it.to_string()),
        Value::Time(it) => Json::from(it.0),
        Value::Date(it) => Json::from(it.to_julian_day()),
        Value::Json(it) => Json::from(it.as_str()),
    }
}

fn from_json(kind: Kind, json: &Json) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(json.as_bool()?),
        Kind::Int => Value::Int(json.as_i64()?),
        Kind::Text => Value::Text(json.as_str()?.to_owned().into()),
        Kind::Bytes => Value::Bytes(URL_SAFE_NO_PAD.decode(json.as_str()?).ok()?),
        Kind::Uuid => Value::Uuid(json.as_str()?.parse().ok()?),
        Kind::Time => Value::Time(Timestamp(json.as_i64()?)),
        Kind::Date => {
            let day = json.as_i64()?.try_into().ok()?;
            Value::Date(time::Date::from_julian_day(day).ok()?)
        }
        Kind::Json => Value::Json(json.as_str()?.to_owned()),
    })
}
