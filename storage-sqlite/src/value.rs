//! Values of the core as SQLite keeps them, and back.
//!
//! | kind | in a STRICT table |
//! |---|---|
//! | `Bool` | `INTEGER`, 0 or 1 |
//! | `Int`, `Time` | `INTEGER` |
//! | `Text`, `Json` | `TEXT` |
//! | `Date` | `TEXT`, `YYYY-MM-DD`, which sorts as dates do |
//! | `Bytes`, `Uuid` | `BLOB` |

use parlor_core::Uuid;
use parlor_core::record::{Corrupt, Kind, TableDef, Timestamp, Value};
use parlor_core::tables::Row;
use rusqlite::types::{ToSql, ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Result, Statement};
use time::{Date, Month};

/// A value on its way into a statement, not copied.
struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Bool(it) => ValueRef::Integer(i64::from(*it)),
            Value::Int(it) => ValueRef::Integer(*it),
            Value::Time(it) => ValueRef::Integer(it.0),
            Value::Text(it) => ValueRef::Text(it.as_bytes()),
            Value::Json(it) => ValueRef::Text(it.as_bytes()),
            Value::Bytes(it) => ValueRef::Blob(it),
            Value::Uuid(it) => ValueRef::Blob(it.as_bytes()),
            Value::Date(it) => return Ok(ToSqlOutput::Owned(Owned::Text(date_text(*it)))),
        }))
    }
}

/// Binds the parameters from `first` on; returns the number of the next one.
pub(crate) fn bind<'v>(
    statement: &mut Statement<'_>,
    first: usize,
    values: impl IntoIterator<Item = &'v Value>,
) -> Result<usize> {
    let mut at = first;
    for value in values {
        statement.raw_bind_parameter(at, Bound(value))?;
        at += 1;
    }
    Ok(at)
}

/// A row of `table`, whose columns the statement selects in order.
pub(crate) fn row(table: &TableDef, from: &rusqlite::Row<'_>) -> Result<Row, Corrupt> {
    Row::decode(table, &mut values(table, from))
}

/// All columns of a row.
pub(crate) fn values<'r>(
    table: &TableDef,
    from: &'r rusqlite::Row<'_>,
) -> impl Iterator<Item = Value> + use<'r> {
    let columns = table.all_columns().enumerate();
    columns.map_while(|(at, column)| Some(value(column.kind, from.get_ref(at).ok()?)))
}

/// A value that does not fit its kind comes back as what it looks like; the record refuses it.
pub(crate) fn value(kind: Kind, found: ValueRef<'_>) -> Value {
    match (kind, found) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Bool, ValueRef::Integer(it)) => Value::Bool(it != 0),
        (Kind::Time, ValueRef::Integer(it)) => Value::Time(Timestamp(it)),
        (_, ValueRef::Integer(it)) => Value::Int(it),
        (kind, ValueRef::Text(it)) => match (kind, String::from_utf8(it.to_vec())) {
            (Kind::Json, Ok(text)) => Value::Json(text),
            (Kind::Date, Ok(text)) => date(&text).map_or(Value::Text(text.into()), Value::Date),
            (_, Ok(text)) => Value::Text(text.into()),
            (_, Err(bytes)) => Value::Bytes(bytes.into_bytes()),
        },
        (Kind::Uuid, ValueRef::Blob(it)) => {
            Uuid::from_slice(it).map_or_else(|_| Value::Bytes(it.to_vec()), Value::Uuid)
        }
        (_, ValueRef::Blob(it)) => Value::Bytes(it.to_vec()),
        (_, ValueRef::Real(it)) => Value::Text(it.to_string().into()),
    }
}

fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let day = parts.next()?.parse().ok()?;
    Date::from_calendar_date(year, month, day).ok().filter(|_| parts.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_text_that_sorts() {
        let dates = [(31, 3, 9), (1987, 12, 31), (1988, 1, 2)]
            .map(|(y, m, d)| Date::from_calendar_date(y, Month::try_from(m).unwrap(), d).unwrap());
        let texts = dates.map(date_text);
        assert_eq!(texts, ["0031-03-09", "1987-12-31", "1988-01-02"]);
        assert_eq!(texts.each_ref().map(|text| date(text)), dates.map(Some));
        assert_eq!(["", "1987", "1987-13-01", "1987-01-01-01", "x-1-1"].map(date), [None; 5]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_the_record() {
        let short = value(Kind::Uuid, ValueRef::Blob(&[1, 2]));
        assert_eq!(short, Value::Bytes(vec![1, 2]));
        assert_eq!(value(Kind::Text, ValueRef::Text(&[0xff])), Value::Bytes(vec![0xff]));
        assert_eq!(value(Kind::Int, ValueRef::Real(1.5)), Value::Text("1.5".into()));
    }
}
