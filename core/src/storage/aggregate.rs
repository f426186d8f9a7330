//! Reckoning as data: what a store counts and adds up by itself, so that its rows need not be read.

use std::marker::PhantomData;
use std::time::Duration;

use super::{Col, Filter};
use crate::record::{Column, Kind, Stored, TableDef, Timestamp, Value};

/// The most groups one reckoning has.
pub const GROUPS_MAX: u32 = 1_000;
/// The most columns it groups by, and the most measures it takes.
pub const MEASURES_MAX: usize = 16;

/// A named reckoning over the rows of a table: which rows, in which groups, and what is measured
/// of each group.
///
/// Groups come in the order of their keys, the empty value first: at most `limit` of them. Without
/// columns and bucket there is one group, of no key, even if there are no rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Its name, such as `rooms.bans_by_day`.
    pub name: &'static str,
    /// The index that carries its filter, or `"primary key"`; the whole table is read when the
    /// filter is empty.
    pub index: &'static str,
    /// The table.
    pub table: &'static TableDef,
    /// Which rows.
    pub filter: Filter,
    /// The columns whose values make a group, of any kind but JSON.
    pub by: Vec<&'static str>,
    /// The span of time that makes a group too; it comes last in the key.
    pub bucket: Option<Bucket>,
    /// What is measured: 1 to [`MEASURES_MAX`].
    pub measures: Vec<Measure>,
    /// How many groups at most, 1 to [`GROUPS_MAX`].
    pub limit: u32,
}

/// Spans of time of one width, in UTC: hours and days are those of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The column with the time.
    pub column: &'static str,
    /// How many microseconds each has, 1 at least.
    pub width_us: i64,
}

impl Bucket {
    /// Which bucket an instant falls into: 0 begins at the epoch, and -1 ends there.
    pub const fn number(&self, at: Timestamp) -> i64 {
        at.0.div_euclid(self.width_us)
    }

    /// When the bucket of this number begins.
    pub const fn start(&self, number: i64) -> Timestamp {
        Timestamp(number.saturating_mul(self.width_us))
    }
}

/// What is measured of a group. What is empty is measured by none but [`Measure::Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many rows there are.
    Rows,
    /// In how many rows the column is not empty.
    Count(&'static str),
    /// The sum of a column of whole numbers; 0 of nothing. One that does not fit 64 bits is
    /// [`StoreError::Overflow`](super::StoreError::Overflow), whatever the order of the rows.
    Sum(&'static str),
    /// The least value of a column of whole numbers, texts, times or dates; null of nothing.
    Min(&'static str),
    /// The greatest; null of nothing.
    Max(&'static str),
    /// How many different values the column has.
    Distinct(&'static str),
}

impl Measure {
    /// The column it is about.
    pub const fn column(&self) -> Option<&'static str> {
        match self {
            Self::Rows => None,
            Self::Count(column)
            | Self::Sum(column)
            | Self::Min(column)
            | Self::Max(column)
            | Self::Distinct(column) => Some(column),
        }
    }
}

/// What a store's answer to an aggregate has in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A value of this kind.
    Of(Kind),
    /// A sum, however the engine tells it.
    Sum,
}

impl Aggregate {
    /// One group from a store's answer, whose values `next` gives: those of the columns it is made
    /// by, the number of its bucket, then its measures. A sum of nothing comes as 0.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn group<E>(&self, mut next: impl FnMut(Answered) -> Result<Value, E>) -> Result<Group, E> {
        let of = |name: &str| {
            let column = self.table.all_columns().find(|column| column.name == name);
            Answered::Of(column.expect("an aggregate names columns of its table").kind)
        };
        let (mut key, mut measures) = (Vec::new(), Vec::new());
        for column in &self.by {
            key.push(next(of(column))?);
        }
        if let Some(bucket) = self.bucket {
            key.push(match next(Answered::Of(Kind::Int))? {
                Value::Int(number) => Value::Time(bucket.start(number)),
                other => other,
            });
        }
        for measure in &self.measures {
            measures.push(next(match measure {
                Measure::Rows | Measure::Count(_) | Measure::Distinct(_) => Answered::Of(Kind::Int),
                Measure::Min(column) | Measure::Max(column) => of(column),
                Measure::Sum(_) => Answered::Sum,
            })?);
        }
        Ok(Group { key, measures })
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values of the columns it is made by, then when its bucket begins: null for rows
    /// without a time.
    pub key: Vec<Value>,
    /// What was measured, in the order of [`Aggregate::measures`].
    pub measures: Vec<Value>,
}

/// An [`Aggregate`] over the rows of type `R`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary<R> {
    aggregate: Aggregate,
    of: PhantomData<fn() -> R>,
}

impl<R: Stored> Summary<R> {
    /// A reckoning over all rows that measures nothing yet.
    pub const fn new(name: &'static str) -> Self {
        let aggregate = Aggregate {
            name,
            index: "primary key",
            table: R::TABLE,
            filter: Filter::All(Vec::new()),
            by: Vec::new(),
            bucket: None,
            measures: Vec::new(),
            limit: 100,
        };
        Self { aggregate, of: PhantomData }
    }

    /// Carried by this index.
    #[must_use]
    pub fn by(mut self, index: &'static str) -> Self {
        self.aggregate.index = index;
        self
    }

    /// Only rows that fit this as well.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.aggregate.filter = self.aggregate.filter.and(filter);
        self
    }

    /// A group for each value of this column as well.
    #[must_use]
    pub fn group<T: Column>(mut self, column: Col<R, T>) -> Self {
        assert!(T::KIND != Kind::Json, "cannot group by {}, which is JSON", column.name());
        assert!(self.aggregate.by.len() < MEASURES_MAX, "too many columns to group by");
        self.aggregate.by.push(column.name());
        self
    }

    /// A group for each span of time that this column's time falls into; `width` is one
    /// microsecond at least, and cut to whole ones.
    #[must_use]
    pub fn bucket<T: Column>(mut self, column: Col<R, T>, width: Duration) -> Self {
        assert!(T::KIND == Kind::Time, "{} is not a time", column.name());
        let width_us = i64::try_from(width.as_micros()).unwrap_or(i64::MAX);
        assert!(width_us > 0, "a bucket has a width");
        self.aggregate.bucket = Some(Bucket { column: column.name(), width_us });
        self
    }

    /// A group for each hour.
    #[must_use]
    pub fn hourly<T: Column>(self, column: Col<R, T>) -> Self {
        self.bucket(column, Duration::from_secs(60 * 60))
    }

    /// A group for each day, which begins at midnight in UTC.
    #[must_use]
    pub fn daily<T: Column>(self, column: Col<R, T>) -> Self {
        self.bucket(column, Duration::from_secs(24 * 60 * 60))
    }

    /// Measures [`Measure::Rows`].
    #[must_use]
    pub fn rows(self) -> Self {
        self.measure(Measure::Rows)
    }

    /// Measures [`Measure::Count`].
    #[must_use]
    pub fn count<T: Column>(self, column: Col<R, T>) -> Self {
        self.measure(Measure::Count(column.name()))
    }

    /// Measures [`Measure::Sum`].
    #[must_use]
    pub fn sum<T: Column>(self, column: Col<R, T>) -> Self {
        assert!(T::KIND == Kind::Int, "cannot add up {}", column.name());
        self.measure(Measure::Sum(column.name()))
    }

    /// Measures [`Measure::Min`].
    #[must_use]
    pub fn min<T: Column>(self, column: Col<R, T>) -> Self {
        assert!(is_ranked(T::KIND), "{} has no least value", column.name());
        self.measure(Measure::Min(column.name()))
    }

    /// Measures [`Measure::Max`].
    #[must_use]
    pub fn max<T: Column>(self, column: Col<R, T>) -> Self {
        assert!(is_ranked(T::KIND), "{} has no greatest value", column.name());
        self.measure(Measure::Max(column.name()))
    }

    /// Measures [`Measure::Distinct`].
    #[must_use]
    pub fn distinct<T: Column>(self, column: Col<R, T>) -> Self {
        assert!(T::KIND != Kind::Json, "{} is JSON, which is never the same", column.name());
        self.measure(Measure::Distinct(column.name()))
    }

    /// This many groups at most; held between 1 and [`GROUPS_MAX`].
    #[must_use]
    pub fn limit(mut self, groups: u32) -> Self {
        self.aggregate.limit = groups.clamp(1, GROUPS_MAX);
        self
    }

    /// The reckoning without its type.
    ///
    /// # Panics
    /// When it measures nothing.
    pub fn aggregate(&self) -> &Aggregate {
        assert!(!self.aggregate.measures.is_empty(), "{} measures nothing", self.aggregate.name);
        &self.aggregate
    }

    fn measure(mut self, measure: Measure) -> Self {
        assert!(self.aggregate.measures.len() < MEASURES_MAX, "too many measures");
        self.aggregate.measures.push(measure);
        self
    }
}

/// Every engine has a least and a greatest of these.
pub(crate) const fn is_ranked(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Text | Kind::Time | Kind::Date)
}
