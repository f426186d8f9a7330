//! How Rust types become columns and come back.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::Date;
use uuid::Uuid;

use super::{Corrupt, Kind, Timestamp, Value};

/// A type that fills one column.
pub trait Column: Sized {
    /// The column's kind.
    const KIND: Kind;
    /// Whether the column may be empty.
    const OPTIONAL: bool = false;

    /// The value to store.
    fn encode(&self) -> Value;

    /// The type again.
    ///
    /// # Errors
    /// `Corrupt` when the value is of another kind or out of range.
    fn decode(value: Value) -> Result<Self, Corrupt>;
}

impl<T: Column> Column for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::encode)
    }

    fn decode(value: Value) -> Result<Self, Corrupt> {
        match value {
            Value::Null => Ok(None),
            value => T::decode(value).map(Some),
        }
    }
}

macro_rules! plain_columns {
    ($($type:ty as $kind:ident),+ $(,)?) => { $(
        impl Column for $type {
            const KIND: Kind = Kind::$kind;

            fn encode(&self) -> Value {
                Value::$kind(self.clone().into())
            }

            fn decode(value: Value) -> Result<Self, Corrupt> {
                match value {
                    Value::$kind(it) => Ok(it.into()),
                    other => Err(Corrupt::kind(stringify!($type), &other)),
                }
            }
        }
    )+ };
}

plain_columns! {
    bool as Bool,
    i64 as Int,
    String as Text,
    Cow<'static, str> as Text,
    Vec<u8> as Bytes,
    Uuid as Uuid,
    Timestamp as Time,
    Date as Date,
}

/// Integers narrower than the column are checked when they come back.
macro_rules! narrow_columns {
    ($($type:ty),+ $(,)?) => { $(
        impl Column for $type {
            const KIND: Kind = Kind::Int;

            fn encode(&self) -> Value {
                Value::Int(i64::from(*self))
            }

            fn decode(value: Value) -> Result<Self, Corrupt> {
                let wide = i64::decode(value)?;
                wide.try_into().map_err(|_| Corrupt {
                    what: stringify!($type),
                    why: format!("{wide} is out of range").into(),
                })
            }
        }
    )+ };
}

narrow_columns! { u8, u16, u32, i32 }

/// A digest of 32 bytes, such as the SHA-256 of a token. `Debug` shows only its first four bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

impl Column for Digest {
    const KIND: Kind = Kind::Bytes;

    fn encode(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }

    fn decode(value: Value) -> Result<Self, Corrupt> {
        let bytes = Vec::<u8>::decode(value)?;
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| Corrupt {
            what: "digest",
            why: format!("{length} bytes instead of 32").into(),
        })
    }
}

/// A typed document in a JSON column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    const KIND: Kind = Kind::Json;

    fn encode(&self) -> Value {
        let text = serde_json::to_string(&self.0);
        Value::Json(text.expect("columns hold types whose keys are strings"))
    }

    fn decode(value: Value) -> Result<Self, Corrupt> {
        match value {
            Value::Json(text) => serde_json::from_str(&text)
                .map(Self)
                .map_err(|e| Corrupt { what: "JSON document", why: e.to_string().into() }),
            other => Err(Corrupt::kind("JSON document", &other)),
        }
    }
}

/// Declares an enum that is stored, and written in JSON, as one word a variant.
///
/// ```
/// parlor_core::words! {
///     /// Who may be heard.
///     pub StageMode {
///         /// Everybody.
///         OpenFloor = "open_floor",
///         /// Those who were given the floor.
///         Moderated = "moderated",
///     }
/// }
/// assert_eq!(StageMode::Moderated.word(), "moderated");
/// assert_eq!(StageMode::ALL.len(), 2);
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* pub $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every variant, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl $crate::record::Column for $name {
            const KIND: $crate::record::Kind = $crate::record::Kind::Text;

            fn encode(&self) -> $crate::record::Value {
                $crate::record::Value::Text(std::borrow::Cow::Borrowed(self.word()))
            }

            fn decode(value: $crate::record::Value) -> Result<Self, $crate::record::Corrupt> {
                match value {
                    $($crate::record::Value::Text(text) if text == $word => Ok(Self::$variant),)+
                    $crate::record::Value::Text(text) => Err($crate::record::Corrupt {
                        what: stringify!($name),
                        why: format!("'{text}' is not one of its words").into(),
                    }),
                    other => Err($crate::record::Corrupt::kind(stringify!($name), &other)),
                }
            }
        }
    };
}

/// Declares identifiers: a UUID each, of a type of its own.
#[macro_export]
macro_rules! ids {
    ($($(#[$meta:meta])* pub $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $crate::Uuid);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UuidError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }

        impl $crate::record::Column for $name {
            const KIND: $crate::record::Kind = $crate::record::Kind::Uuid;

            fn encode(&self) -> $crate::record::Value {
                $crate::record::Value::Uuid(self.0)
            }

            fn decode(value: $crate::record::Value) -> Result<Self, $crate::record::Corrupt> {
                <$crate::Uuid as $crate::record::Column>::decode(value).map(Self)
            }
        }
    )+ };
}
