//! Sender reports of the streams that the engine seals itself (RFC 3550 §6.4.1).

use std::time::{Duration, SystemTime};

/// The longest canonical name that is sent.
const CNAME_BYTES_MAX: usize = 64;

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;
const VERSION: u8 = 2 << 6;

/// From 1900 to 1970 (RFC 5905 §6).
const NTP_OFFSET_S: u64 = 2_208_988_800;

/// What a sender says of its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct SenderReport<'a> {
    pub(super) ssrc: u32,
    /// The wall clock, as an NTP timestamp.
    pub(super) ntp: u64,
    /// The media clock of the same moment.
    pub(super) time: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
    pub(super) cname: &'a str,
}

/// A compound packet of one report and the name of its source; both are mandatory (§6.1).
pub(super) struct Compound {
    bytes: [u8; 28 + 8 + 2 + CNAME_BYTES_MAX + 4],
    len: usize,
}

impl Compound {
    pub(super) fn of(report: &SenderReport<'_>) -> Self {
        let mut compound = Self { bytes: [0; _], len: 0 };
        compound.put(&[VERSION, SENDER_REPORT, 0, 6]);
        compound.put(&report.ssrc.to_be_bytes());
        compound.put(&report.ntp.to_be_bytes());
        compound.put(&report.time.to_be_bytes());
        compound.put(&report.packets.to_be_bytes());
        compound.put(&report.octets.to_be_bytes());
        let name = report.cname.as_bytes();
        let name = &name[..name.len().min(CNAME_BYTES_MAX)];
        // A chunk ends with one zero octet at least, and on a word's end (§6.5).
        let chunk = (4 + 2 + name.len() + 4) & !3;
        let words = u8::try_from(chunk / 4).expect("a chunk is shorter than 255 words");
        compound.put(&[VERSION | 1, SOURCE_DESCRIPTION, 0, words]);
        compound.put(&report.ssrc.to_be_bytes());
        let name_len = u8::try_from(name.len()).expect("a name is shorter than 255 octets");
        compound.put(&[CNAME, name_len]);
        compound.put(name);
        compound.len = 28 + 4 + chunk;
        compound
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

/// A wall-clock time as a 64-bit NTP timestamp (RFC 5905 §6). It wraps in 2036, as intended.
pub(super) fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(NTP_OFFSET_S) << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_packet_is_laid_out_as_the_standard_says() {
        let report = SenderReport {
            ssrc: 0x0102_0304,
            ntp: ntp(SystemTime::UNIX_EPOCH + Duration::from_millis(500)),
            time: 960,
            packets: 7,
            octets: 700,
            cname: "abcde",
        };
        let compound = Compound::of(&report);
        #[rustfmt::skip]
        let expected = [
            0x80, 200, 0, 6,
            1, 2, 3, 4,
            0x83, 0xAA, 0x7E, 0x80,
            0x80, 0, 0, 0,
            0, 0, 3, 0xC0,
            0, 0, 0, 7,
            0, 0, 2, 0xBC,
            0x81, 202, 0, 3,
            1, 2, 3, 4,
            1, 5, b'a', b'b',
            b'c', b'd', b'e', 0,
        ];
        assert_eq!(compound.bytes(), expected);
    }

    #[test]
    fn a_name_always_ends_with_a_zero_and_on_a_word() {
        for len in 0..=CNAME_BYTES_MAX + 10 {
            let cname = "x".repeat(len);
            let report =
                SenderReport { ssrc: 1, ntp: 0, time: 0, packets: 0, octets: 0, cname: &cname };
            let compound = Compound::of(&report);
            let bytes = compound.bytes();
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(bytes.last(), Some(&0));
            assert_eq!(usize::from(bytes[31]) * 4 + 4, bytes.len() - 28);
        }
    }
}
