//! Short names that are keys and column values: of assets, and of kinds of transactions.

use std::fmt;
use std::str::FromStr;

/// What was given is not such a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCode(&'static str);

/// Declares a short name, kept in place: 1 to 16 bytes of its own alphabet.
macro_rules! code {
    ($(#[$meta:meta])* pub $name:ident of $first:pat_param, then $more:pat, else $wrong:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; CODE_BYTES_MAX]);

        impl $name {
            /// The name, if it is one.
            ///
            /// # Errors
            /// [`BadCode`], which says what it must be made of.
            pub const fn new(text: &str) -> Result<Self, BadCode> {
                let from = text.as_bytes();
                let mut bytes = [0; CODE_BYTES_MAX];
                if from.is_empty() || from.len() > CODE_BYTES_MAX || !matches!(from[0], $first) {
                    return Err(BadCode($wrong));
                }
                let mut n = 0;
                while n < from.len() {
                    if !(matches!(from[n], $first) || matches!(from[n], $more)) {
                        return Err(BadCode($wrong));
                    }
                    bytes[n] = from[n];
                    n += 1;
                }
                Ok(Self(bytes))
            }

            /// The name, from text that is part of the program.
            ///
            /// # Panics
            /// When it is none.
            pub const fn of(text: &'static str) -> Self {
                match Self::new(text) {
                    Ok(code) => code,
                    Err(_) => panic!($wrong),
                }
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                let end = self.0.iter().position(|b| *b == 0).unwrap_or(CODE_BYTES_MAX);
                std::str::from_utf8(&self.0[..end]).expect("codes are ASCII")
            }

            /// In its fixed width, padded with zeros.
            pub const fn bytes(&self) -> &[u8; CODE_BYTES_MAX] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadCode;
            fn from_str(text: &str) -> Result<Self, BadCode> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadCode;
            fn try_from(text: String) -> Result<Self, BadCode> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }

        impl crate::record::Column for $name {
            const KIND: crate::record::Kind = crate::record::Kind::Text;

            fn encode(&self) -> crate::record::Value {
                crate::record::Value::Text(self.as_str().to_owned().into())
            }

            fn decode(value: crate::record::Value) -> Result<Self, crate::record::Corrupt> {
                match value {
                    crate::record::Value::Text(text) => Self::new(&text).map_err(|why| {
                        crate::record::Corrupt { what: stringify!($name), why: why.0.into() }
                    }),
                    other => Err(crate::record::Corrupt::kind(stringify!($name), &other)),
                }
            }
        }
    };
}

/// The longest name.
pub const CODE_BYTES_MAX: usize = 16;

code! {
    /// The name of an asset, such as `EUR` (ISO 4217) or `COIN`: capital letters, digits and `_`.
    pub AssetCode of b'A'..=b'Z', then b'0'..=b'9' | b'_', else
    "an asset's code is 1 to 16 capital letters, digits and _, the first a letter"
}

code! {
    /// What a transaction is in the domain's words, such as `tip` or `top_up`: small letters, digits
    /// and `_`.
    pub Kind of b'a'..=b'z', then b'0'..=b'9' | b'_', else
    "a kind is 1 to 16 small letters, digits and _, the first a letter"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_short_names_of_one_alphabet_each() {
        assert_eq!(AssetCode::of("EUR").as_str(), "EUR");
        assert_eq!(AssetCode::new("A234567890123456").map(|it| it.as_str().len()), Ok(16));
        for wrong in ["", "eur", "1UR", "E R", "A2345678901234567", "É", "E\0"] {
            assert!(AssetCode::new(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Kind::of("top_up").as_str(), "top_up");
        assert!(Kind::new("Top").is_err() && Kind::new("_x").is_err());
    }

    #[test]
    fn codes_sort_like_their_text() {
        let mut codes = ["EUR", "EU", "E_R", "COIN", "EURO"].map(AssetCode::of);
        codes.sort();
        assert_eq!(codes.map(String::from), ["COIN", "EU", "EUR", "EURO", "E_R"]);
    }
}
