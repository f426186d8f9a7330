//! What can be read of a datagram without its keys.

use std::hash::{DefaultHasher, Hasher};

/// A datagram by its clear header (RFC 7983, RFC 3550 §5.1, RFC 3711 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Rtp {
        ssrc: u32,
        seq: u16,
        time: u32,
    },
    /// `index` is the SRTCP index. Both ends prefer GCM, whose packets end in it (RFC 7714 §9.2).
    Rtcp {
        ssrc: u32,
        index: u32,
    },
    Stun,
    Dtls,
}

impl Kind {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        match bytes[0] {
            0..=3 => Self::Stun,
            20..=63 => Self::Dtls,
            128..=191 if matches!(bytes[1] & 0x7F, 64..=95) => {
                let trailer = word(bytes.len() - 4);
                assert!(trailer >> 31 == 1, "RTCP leaves encrypted, with its index at the end");
                Self::Rtcp { ssrc: word(4), index: trailer & 0x7FFF_FFFF }
            }
            128..=191 => {
                let seq = u16::from_be_bytes([bytes[2], bytes[3]]);
                Self::Rtp { ssrc: word(8), seq, time: word(4) }
            }
            first => panic!("a datagram of no kind starts with {first}"),
        }
    }
}

/// A short name for bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
