/// The fixed part of a record of DTLS 1.2 and of the plain text of 1.3 (RFC 6347 §4.1).
const HEADER: usize = 13;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Whether a datagram carries, in plain text, what anybody who knows an address could have made
/// and what ends a handshake: an alert, or a ClientHello for who is the client.
///
/// str0m's DTLS takes both at their word until the keys are there. A peer that really gives up
/// is given up in turn when the time for its setup is over.
pub(super) fn ends_a_handshake(mut datagram: &[u8], we_are_client: bool) -> bool {
    while let [kind @ 20..=26, _, _, epoch_high, epoch_low, ..] = *datagram
        && datagram.len() >= HEADER
    {
        let len = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        let body = &datagram[HEADER..];
        let is_plain = (epoch_high, epoch_low) == (0, 0);
        let is_hello = kind == HANDSHAKE && body.first() == Some(&CLIENT_HELLO);
        if is_plain && (kind == ALERT || (is_hello && we_are_client)) {
            return true;
        }
        datagram = body.get(len..).unwrap_or_default();
    }
    false
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

    #[test]
    fn alerts_and_hellos_in_plain_text_end_a_handshake() {
        let (alert, hello) = (record(21, 0, &[2, 40]), record(22, 0, &[1, 0, 0, 9]));
        let other = record(22, 0, &[11, 0, 0, 9]);
        let table = [
            (alert.clone(), true, true),
            (alert.clone(), false, true),
            (hello.clone(), true, true),
            (hello.clone(), false, false),
            (other.clone(), true, false),
            (record(21, 1, &[9; 30]), true, false),
            ([other.clone(), alert].concat(), true, true),
            ([other, hello].concat(), true, true),
            (vec![21; 13], true, false),
            (vec![], true, false),
            (vec![0x2F; 60], true, false),
        ];
        for (bytes, we_are_client, expected) in table {
            assert_eq!(ends_a_handshake(&bytes, we_are_client), expected, "{bytes:?}");
        }
    }
}
