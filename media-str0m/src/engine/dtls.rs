/// The fixed part of a record of DTLS 1.2 and of the plain text of 1.3 (RFC 6347 §4.1).
const RECORD_HEADER: usize = 13;
/// That of a handshake message (§4.2.2).
const MESSAGE_HEADER: usize = 12;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// A client's random value, behind its version (RFC 5246 §7.4.1.2).
const RANDOM: std::ops::Range<usize> = MESSAGE_HEADER + 2..MESSAGE_HEADER + 34;

/// Keeps from the session what in a handshake is in plain text, could have been made by anybody
/// who knows an address, and would end it: an alert, and a ClientHello other than the peer's.
///
/// str0m's DTLS takes both at their word until the keys are there. A peer that really gives up is
/// given up in turn when the time for its setup is over.
///
/// The engine is the DTLS server wherever it may choose: browsers put AES-GCM last, and a server
/// of theirs would not pick it. So the first ClientHello is taken for the peer's; who could slip
/// one in before it would keep the leg from coming up.
#[derive(Debug, Default)]
pub(super) struct DtlsGuard {
    we_are_client: bool,
    /// What tells the peer's ClientHello from others.
    greeting: Option<[u8; 32]>,
}

impl DtlsGuard {
    /// Takes note of the role that an answer gives us (RFC 8842 §5.3).
    pub(super) fn answered(&mut self, sdp: &str) {
        self.we_are_client = sdp.lines().any(|line| line == "a=setup:active");
    }

    /// Whether a datagram may reach the session.
    pub(super) fn admits(&mut self, mut datagram: &[u8]) -> bool {
        while let [kind @ 20..=26, _, _, epoch_high, epoch_low, ..] = *datagram
            && datagram.len() >= RECORD_HEADER
        {
            let len = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
            let (record, rest) = datagram[RECORD_HEADER..]
                .split_at_checked(len)
                .unwrap_or((&datagram[RECORD_HEADER..], &[]));
            let is_plain = (epoch_high, epoch_low) == (0, 0);
            if is_plain && (kind == ALERT || (kind == HANDSHAKE && !self.admits_all(record))) {
                return false;
            }
            datagram = rest;
        }
        true
    }

    /// Of the messages of a record.
    fn admits_all(&mut self, mut record: &[u8]) -> bool {
        while !record.is_empty() {
            if !self.admits_message(record) {
                return false;
            }
            let Some(&[high, middle, low]) = record.get(9..MESSAGE_HEADER) else { return true };
            let len = u32::from_be_bytes([0, high, middle, low]) as usize;
            record = record.get(MESSAGE_HEADER + len..).unwrap_or_default();
        }
        true
    }

    fn admits_message(&mut self, message: &[u8]) -> bool {
        if message.first() != Some(&CLIENT_HELLO) {
            return true;
        }
        let Some(offset) = message.get(6..9).filter(|_| !self.we_are_client) else { return false };
        if offset != [0; 3] {
            // A fragment behind the first has no say of its own.
            return true;
        }
        let random = message.get(RANDOM).and_then(|random| random.try_into().ok());
        random.is_some_and(|random| *self.greeting.get_or_insert(random) == random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 1, len[0], len[1]];
        record.extend_from_slice(body);
        record
    }

    fn hello(random: u8) -> Vec<u8> {
        let mut message = vec![CLIENT_HELLO, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xFE, 0xFD];
        message.extend_from_slice(&[random; 32]);
        message.extend_from_slice(&[0; 8]);
        record(HANDSHAKE, 0, &message)
    }

    #[test]
    fn alerts_in_plain_text_are_kept_out() {
        let alert = record(ALERT, 0, &[2, 40]);
        let other = record(HANDSHAKE, 0, &[11, 0, 0, 9]);
        let table = [
            (alert.clone(), false),
            (other.clone(), true),
            (record(ALERT, 1, &[9; 30]), true),
            ([other, alert].concat(), false),
            (vec![ALERT; RECORD_HEADER], true),
            (vec![], true),
            (vec![0x2F; 60], true),
        ];
        for (bytes, admitted) in table {
            assert_eq!(DtlsGuard::default().admits(&bytes), admitted, "{bytes:?}");
        }
    }

    #[test]
    fn a_server_goes_on_with_the_first_hello() {
        let mut guard = DtlsGuard::default();
        assert!(guard.admits(&hello(1)));
        assert!(guard.admits(&hello(1)), "it is sent again");
        assert!(!guard.admits(&hello(2)));
        let other = record(HANDSHAKE, 0, &[11, 0, 0, 9]);
        assert!(!guard.admits(&[other, hello(3)].concat()));
        assert!(!guard.admits(&record(HANDSHAKE, 0, &[1, 0, 0, 9])), "it has no random");
        let empty = [14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let second = [&empty, &hello(4)[RECORD_HEADER..]].concat();
        assert!(!guard.admits(&record(HANDSHAKE, 0, &second)), "it is second in its record");
    }

    #[test]
    fn a_client_wants_no_hello() {
        let mut guard = DtlsGuard::default();
        guard.answered("v=0\r\na=setup:active\r\n");
        assert!(!guard.admits(&hello(1)));
    }
}
