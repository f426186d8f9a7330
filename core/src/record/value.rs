//! The values a column can hold, and what kind of column holds them.

use std::borrow::Cow;

use time::Date;
use uuid::Uuid;

use super::Timestamp;

/// One column of one row, as a store reads and writes it.
///
/// The order is the one every store sorts by: `Null` before all else, text by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value, in a column that is optional.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; money is integer minor units.
    Int(i64),
    /// Text, compared byte by byte.
    Text(Cow<'static, str>),
    /// Opaque bytes, such as a hash.
    Bytes(Vec<u8>),
    /// An identifier.
    Uuid(Uuid),
    /// An instant in UTC with microseconds.
    Time(Timestamp),
    /// A calendar date without a time zone.
    Date(Date),
    /// A JSON document, as text.
    Json(String),
}

/// The type of a column. A store maps each kind to the best type its engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Value::Bool`].
    Bool,
    /// See [`Value::Int`].
    Int,
    /// See [`Value::Text`].
    Text,
    /// See [`Value::Bytes`].
    Bytes,
    /// See [`Value::Uuid`].
    Uuid,
    /// See [`Value::Time`].
    Time,
    /// See [`Value::Date`].
    Date,
    /// See [`Value::Json`].
    Json,
}

/// What a store holds does not fit what `record!` declares: a failure, never a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored {what} does not decode: {why}")]
pub struct Corrupt {
    /// The type or table that was being decoded.
    pub what: &'static str,
    /// What was found instead.
    pub why: Cow<'static, str>,
}

impl Corrupt {
    /// A row had fewer columns than its record.
    pub fn short(what: &'static str) -> Self {
        Self { what, why: "a column is missing".into() }
    }

    /// A column held a value of another kind.
    pub fn kind(what: &'static str, found: &Value) -> Self {
        let kind = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Uuid(_) => "an identifier",
            Value::Time(_) => "a time",
            Value::Date(_) => "a date",
            Value::Json(_) => "JSON",
        };
        Self { what, why: format!("found {kind}").into() }
    }
}
