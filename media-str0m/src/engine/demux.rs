use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::catch_unwind;

use str0m::crypto::CryptoProvider;
use str0m::ice::StunMessage;

use super::session::Key;

/// What a datagram is, by its first bytes (RFC 7983, RFC 5761 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stun,
    Dtls,
    Rtp { ssrc: u32 },
    Rtcp,
}

impl Kind {
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match (bytes.first()?, bytes.len()) {
            (0..=1, 20..) => Some(Self::Stun),
            (20..=63, 13..) => Some(Self::Dtls),
            (128..=191, 8..) if matches!(bytes[1] & 0x7F, 64..=95) => Some(Self::Rtcp),
            (128..=191, 12..) => {
                let ssrc = bytes[8..12].try_into().expect("a slice of four");
                Some(Self::Rtp { ssrc: u32::from_be_bytes(ssrc) })
            }
            _ => None,
        }
    }
}

/// Finds the session of a datagram in constant time and without allocating, however many
/// sessions there are and whatever the datagram says.
#[derive(Debug, Default)]
pub(super) struct Demux {
    sources: HashMap<SocketAddr, Key>,
    ufrags: HashMap<String, Key>,
}

impl Demux {
    /// How many addresses are known.
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }

    pub(super) fn by_source(&self, source: SocketAddr) -> Option<Key> {
        self.sources.get(&source).copied()
    }

    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<Key> {
        self.ufrags.get(ufrag).copied()
    }

    pub(super) fn add_source(&mut self, source: SocketAddr, key: Key) {
        self.sources.insert(source, key);
    }

    pub(super) fn remove_source(&mut self, source: SocketAddr, key: Key) {
        if self.by_source(source) == Some(key) {
            self.sources.remove(&source);
        }
    }

    pub(super) fn add_ufrag(&mut self, ufrag: &str, key: Key) {
        self.ufrags.insert(ufrag.to_owned(), key);
    }

    pub(super) fn remove_ufrag(&mut self, ufrag: &str) {
        self.ufrags.remove(ufrag);
    }
}

/// A STUN message that parses. str0m would parse and check it as well, but only after it has
/// been given to a session; here nothing that is not signed gets that far.
pub(super) struct Stun<'a> {
    message: StunMessage<'a>,
}

impl<'a> Stun<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // The parser sees bytes from anybody.
        let message = catch_unwind(|| StunMessage::parse(bytes)).ok()?.ok()?;
        Some(Self { message })
    }

    /// Whose username fragment a binding request is for; `None` for anything else.
    pub(super) fn request_for(&self) -> Option<&str> {
        if !self.message.is_binding_request() {
            return None;
        }
        self.message.split_username().map(|(ours, _)| ours)
    }

    /// Whether it answers a request of ours.
    pub(super) fn is_response(&self) -> bool {
        self.message.is_successful_binding_response() || self.message.is_failed_binding_response()
    }

    /// Whether it is signed with this password (RFC 8489 §14.5), compared in constant time.
    pub(super) fn is_signed(&self, password: &str, crypto: &CryptoProvider) -> bool {
        self.message.verify(password.as_bytes(), |key, parts| {
            crypto.sha1_hmac_provider.sha1_hmac(key, parts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_kind() {
        let of = |first: u8, second: u8, len: usize| {
            let mut bytes = vec![0; len];
            (bytes[0], bytes[1]) = (first, second);
            Kind::of(&bytes)
        };
        assert_eq!(Kind::of(&[]), None);
        assert_eq!(of(0, 1, 19), None);
        assert_eq!(of(0, 1, 20), Some(Kind::Stun));
        assert_eq!(of(2, 1, 20), None);
        assert_eq!(of(22, 0, 12), None);
        assert_eq!(of(22, 0, 13), Some(Kind::Dtls));
        assert_eq!(of(0x80, 111, 11), None);
        assert_eq!(of(0x80, 111, 12), Some(Kind::Rtp { ssrc: 0 }));
        assert_eq!(of(0x80, 0x80 | 111, 12), Some(Kind::Rtp { ssrc: 0 }));
        assert_eq!(of(0x80, 200, 8), Some(Kind::Rtcp));
        assert_eq!(of(0x80, 200, 7), None);
        assert_eq!(of(192, 0, 40), None);
    }
}
