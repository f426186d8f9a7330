use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::record::Digest;

/// A secret of 256 bits that stands for a sign-in. `Debug` does not show it; [`reveal`] does.
///
/// Its hash needs no salt and no stretching: nobody guesses 256 random bits.
///
/// [`reveal`]: Token::reveal
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A token of fresh entropy.
    pub(crate) const fn new(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// What is stored of it.
    pub fn hash(&self) -> Digest {
        Digest(Sha256::digest(self.0).into())
    }

    /// The token as its owner keeps it: 43 characters of base64url (RFC 4648 §5).
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(NotAToken),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The text is not 32 bytes of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token")]
pub struct NotAToken;
