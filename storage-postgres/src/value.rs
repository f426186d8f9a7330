//! Values in the engine's binary form, which both sides read without parsing.
//!
//! | kind | type |
//! |---|---|
//! | `Bool` | `BOOLEAN` |
//! | `Int` | `BIGINT`, or `INTEGER` where a CHECK keeps it small |
//! | `Text` | `TEXT COLLATE "C"` |
//! | `Bytes` | `BYTEA` |
//! | `Uuid` | `UUID` |
//! | `Time` | `TIMESTAMPTZ` |
//! | `Date` | `DATE` |
//! | `Json` | `JSONB` |
//!
//! Times are encoded as microseconds, without a calendar in between. The largest timestamp, which
//! means "never", is the engine's `infinity`, and the smallest its `-infinity`.

use parlor_core::Uuid;
use parlor_core::record::{Corrupt, Kind, TableDef, Timestamp, Value};
use parlor_core::tables::Row;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo};
use sqlx::{Postgres, Row as _, Type, ValueRef as _};
use time::Date;

/// 2000-01-01T00:00:00Z, from which the engine counts, in microseconds since 1970.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// The same day, in Julian days.
const EPOCH_DAY: i32 = 2_451_545;
/// 4714-11-24 BC, before which the engine knows no time, in microseconds since 2000.
const FIRST_MICROS: i64 = -211_813_488_000_000_000;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parameter {
    /// One value.
    One(Kind, Value),
    /// An array.
    Many(Kind, Vec<Value>),
}

impl Parameter {
    /// One value.
    pub(crate) fn of(value: Value) -> Self {
        Self::One(kind(&value), value)
    }

    /// Its kind, or that of its elements.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::One(kind, _) | Self::Many(kind, _) => *kind,
        }
    }
}

impl Type<Postgres> for Parameter {
    /// Never used: each one says its own type.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, into: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::One(_, Value::Null) => return Ok(IsNull::Yes),
            Self::One(_, value) => encode(value, into)?,
            Self::Many(kind, values) => array(oids(*kind).0, values, into)?,
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        let (one, many) = oids(self.kind());
        let oid = if matches!(self, Self::One(..)) { one } else { many };
        Some(PgTypeInfo::with_oid(Oid(oid)))
    }
}

/// The numbers of a type and of its array, which are the same in every database.
const fn oids(kind: Kind) -> (u32, u32) {
    match kind {
        Kind::Bool => (16, 1000),
        Kind::Bytes => (17, 1001),
        Kind::Int => (20, 1016),
        Kind::Text => (25, 1009),
        Kind::Date => (1082, 1182),
        Kind::Time => (1184, 1185),
        Kind::Uuid => (2950, 2951),
        Kind::Json => (3802, 3807),
    }
}

/// The name of a kind's type.
pub(crate) const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Bytes => "bytea",
        Kind::Int => "bigint",
        Kind::Text => "text",
        Kind::Date => "date",
        Kind::Time => "timestamptz",
        Kind::Uuid => "uuid",
        Kind::Json => "jsonb",
    }
}

const fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) => Kind::Int,
        Value::Text(_) | Value::Null => Kind::Text,
        Value::Bytes(_) => Kind::Bytes,
        Value::Uuid(_) => Kind::Uuid,
        Value::Time(_) => Kind::Time,
        Value::Date(_) => Kind::Date,
        Value::Json(_) => Kind::Json,
    }
}

fn encode(value: &Value, into: &mut Vec<u8>) -> Result<(), BoxDynError> {
    match value {
        Value::Null => {}
        Value::Bool(it) => into.push(u8::from(*it)),
        Value::Int(it) => into.extend(it.to_be_bytes()),
        Value::Text(it) => into.extend(it.as_bytes()),
        Value::Bytes(it) => into.extend(it),
        Value::Uuid(it) => into.extend(it.as_bytes()),
        Value::Time(it) => {
            let micros = match it.0 {
                infinite @ (i64::MIN | i64::MAX) => Some(infinite),
                finite => finite.checked_sub(EPOCH_MICROS).filter(|it| *it >= FIRST_MICROS),
            };
            let micros = micros.ok_or_else(|| format!("{it} is before the engine's first time"))?;
            into.extend(micros.to_be_bytes());
        }
        Value::Date(it) => into.extend((it.to_julian_day() - EPOCH_DAY).to_be_bytes()),
        Value::Json(it) => {
            into.push(1);
            into.extend(it.as_bytes());
        }
    }
    Ok(())
}

fn array(of: u32, values: &[Value], into: &mut Vec<u8>) -> Result<(), BoxDynError> {
    let has_null = values.contains(&Value::Null);
    let (dimensions, first) = (1_i32, 1_i32);
    into.extend(dimensions.to_be_bytes());
    into.extend(i32::from(has_null).to_be_bytes());
    into.extend(of.to_be_bytes());
    into.extend(i32::try_from(values.len())?.to_be_bytes());
    into.extend(first.to_be_bytes());
    values.iter().try_for_each(|value| field(value, into))
}

/// A value behind its length, which is -1 for nothing.
pub(crate) fn field(value: &Value, into: &mut Vec<u8>) -> Result<(), BoxDynError> {
    if *value == Value::Null {
        into.extend((-1_i32).to_be_bytes());
        return Ok(());
    }
    let at = into.len();
    into.extend([0; 4]);
    encode(value, into)?;
    let length = i32::try_from(into.len() - at - 4)?;
    into[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// As something that values are compared with: a time that the engine has no place for comes before
/// all it has.
pub(crate) fn bound(value: &Value) -> Value {
    match value {
        Value::Time(at) if at.0 < FIRST_MICROS + EPOCH_MICROS => Value::Time(Timestamp(i64::MIN)),
        other => other.clone(),
    }
}

/// A row of `table`, whose columns the statement selects in order.
pub(crate) fn row(table: &TableDef, from: &PgRow) -> Result<Row, Corrupt> {
    Row::decode(table, &mut values(table, from))
}

/// All columns of a row.
pub(crate) fn values<'r>(
    table: &TableDef,
    from: &'r PgRow,
) -> impl Iterator<Item = Value> + use<'r> {
    let columns = table.all_columns().enumerate();
    columns.map_while(|(at, of)| column(of.kind, from, at))
}

/// One column of a row.
pub(crate) fn column(kind: Kind, from: &PgRow, at: usize) -> Option<Value> {
    let found = from.try_get_raw(at).ok()?;
    match found.is_null() {
        true => Some(Value::Null),
        false => Some(decode(kind, found.as_bytes().ok()?)),
    }
}

/// A time of a row, in microseconds since 1970.
pub(crate) fn at(row: &PgRow, column: usize) -> Option<i64> {
    time(row.try_get_raw(column).ok().filter(|it| !it.is_null())?.as_bytes().ok()?)
}

/// A value that does not fit its kind comes back as its bytes; the record refuses it.
fn decode(kind: Kind, bytes: &[u8]) -> Value {
    let odd = || Value::Bytes(bytes.to_vec());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match kind {
        Kind::Bool => bytes.first().map_or_else(odd, |it| Value::Bool(*it != 0)),
        Kind::Int => integer(bytes).map_or_else(odd, Value::Int),
        Kind::Text => text(bytes).map_or_else(odd, |it| Value::Text(it.into())),
        Kind::Bytes => odd(),
        Kind::Uuid => Uuid::from_slice(bytes).map_or_else(|_| odd(), Value::Uuid),
        Kind::Time => time(bytes).map_or_else(odd, |it| Value::Time(Timestamp(it))),
        Kind::Date => date(bytes).map_or_else(odd, Value::Date),
        Kind::Json => match bytes.split_first() {
            Some((1, document)) => text(document).map_or_else(odd, Value::Json),
            _ => odd(),
        },
    }
}

/// A whole number of whatever width.
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    let narrow = || bytes.try_into().map(i32::from_be_bytes).map(i64::from).ok();
    bytes.try_into().map(i64::from_be_bytes).ok().or_else(narrow)
}

fn time(bytes: &[u8]) -> Option<i64> {
    match bytes.try_into().map(i64::from_be_bytes).ok()? {
        infinite @ (i64::MIN | i64::MAX) => Some(infinite),
        finite => finite.checked_add(EPOCH_MICROS),
    }
}

fn date(bytes: &[u8]) -> Option<Date> {
    let day = i32::try_from(integer(bytes)?).ok()?;
    Date::from_julian_day(day.checked_add(EPOCH_DAY)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(value: Value) -> Value {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes).unwrap();
        decode(kind(&value), &bytes)
    }

    #[test]
    fn values_come_back_as_they_went() {
        let date = Date::from_calendar_date(31, time::Month::March, 9).unwrap();
        let values = [
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Text("é".into()),
            Value::Bytes(vec![0, 255]),
            Value::Uuid(Uuid::max()),
            Value::Time(Timestamp::NEVER),
            Value::Time(Timestamp(i64::MIN)),
            Value::Time(Timestamp(i64::MAX - 1)),
            Value::Time(Timestamp(0)),
            Value::Time(Timestamp(-62_135_596_800_000_000)),
            Value::Date(date),
            Value::Date(Date::MAX),
            Value::Json("{}".into()),
        ];
        for value in values {
            assert_eq!(there_and_back(value.clone()), value);
        }
    }

    #[test]
    fn a_time_before_all_times_is_refused_and_may_be_compared_with() {
        let early = Value::Time(Timestamp(i64::MIN + 1));
        assert!(encode(&early, &mut Vec::new()).is_err());
        assert!(encode(&bound(&early), &mut Vec::new()).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused_by_the_record() {
        for kind in [Kind::Uuid, Kind::Int, Kind::Time, Kind::Date, Kind::Json] {
            assert_eq!(decode(kind, &[7, 7, 7]), Value::Bytes(vec![7, 7, 7]), "{kind:?}");
        }
        let last = (i64::MAX - 1).to_be_bytes();
        assert_eq!(decode(Kind::Time, &last), Value::Bytes(last.to_vec()));
        assert_eq!(decode(Kind::Text, &[0xff]), Value::Bytes(vec![0xff]));
    }
}
