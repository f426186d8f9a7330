//! The one encoding that is hashed: fixed widths, big-endian, texts by their length first. What two
//! stores hold alike is encoded alike.

use sha2::{Digest as _, Sha256};

use crate::Uuid;
use crate::record::{Digest, Timestamp};

/// What is being encoded.
#[derive(Debug)]
pub(super) struct Canonical(Vec<u8>);

impl Canonical {
    /// Begins with what kind of thing it is and by which version of the encoding.
    pub(super) fn new(tag: &[u8; 8]) -> Self {
        let mut bytes = Vec::with_capacity(320);
        bytes.extend_from_slice(tag);
        Self(bytes)
    }

    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn int(&mut self, int: i64) -> &mut Self {
        self.0.extend_from_slice(&int.to_be_bytes());
        self
    }

    pub(super) fn time(&mut self, at: Timestamp) -> &mut Self {
        self.int(at.0)
    }

    pub(super) fn id(&mut self, id: Uuid) -> &mut Self {
        self.0.extend_from_slice(id.as_bytes());
        self
    }

    pub(super) fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.int(i64::try_from(text.len()).unwrap_or(i64::MAX)).fixed(text.as_bytes())
    }

    /// A byte that tells whether it is there, and then what it is.
    pub(super) fn option<T>(
        &mut self,
        it: Option<T>,
        encode: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match it {
            None => self.byte(0),
            Some(it) => encode(self.byte(1), it),
        }
    }

    pub(super) fn bool(&mut self, it: bool) -> &mut Self {
        self.byte(u8::from(it))
    }

    /// The SHA-256 of it.
    pub(super) fn hash(&self) -> Digest {
        Digest(Sha256::digest(&self.0).into())
    }

    /// As a leaf of a tree: the SHA-256 of a zero byte and it (RFC 6962 §2.1).
    pub(super) fn leaf(&self) -> Digest {
        Digest(Sha256::new().chain_update([0]).chain_update(&self.0).finalize().into())
    }
}
