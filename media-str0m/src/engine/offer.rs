use parlor_core::media::Refused;
use str0m::media::Mid;

/// The most bytes an SDP may have.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// The most m-lines (RFC 8866 §5.14).
pub const M_LINES_MAX: usize = 64;
/// The most candidates (RFC 8839 §5.1). They are counted and then ignored.
pub const CANDIDATES_MAX: usize = 32;
/// The most `a=ssrc` lines (RFC 5576).
pub const SSRC_LINES_MAX: usize = 256;
/// The most lines of any kind.
pub const LINES_MAX: usize = 4_096;

/// An offer that is small enough to be parsed, without its candidates.
///
/// The engine has no use for the client's candidates: a client behind any NAT sends the first
/// connectivity check, and the engine learns the address from that, as peer-reflexive (RFC 8445
/// §7.3.1.3). So nothing is ever sent to an address just because an offer names it, parsing stays
/// linear, and offers with mDNS candidates or none at all are as good as any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// What is left of it, with the line ends RFC 8866 asks for.
    pub(super) sdp: String,
    /// The password its owner signs answers to our connectivity checks with.
    pub(super) password: String,
    /// The names of its m-lines, in order.
    pub(super) mids: Vec<Mid>,
}

impl Offer {
    /// Checks the limits, cheapest first.
    pub(super) fn new(text: &str) -> Result<Self, Refused> {
        if text.len() > SDP_BYTES_MAX {
            return Err(Refused::SdpTooLong { bytes: text.len(), max: SDP_BYTES_MAX });
        }
        let lines = || text.lines().map(|line| line.trim_end_matches('\r'));
        let limits = [
            ("m-lines", "m=", M_LINES_MAX),
            ("candidates", "a=candidate:", CANDIDATES_MAX),
            ("ssrc lines", "a=ssrc:", SSRC_LINES_MAX),
            ("lines", "", LINES_MAX),
        ];
        for (what, prefix, max) in limits {
            let count = lines().filter(|line| line.starts_with(prefix)).count();
            if count > max {
                return Err(Refused::SdpTooMany { what, count, max });
            }
        }
        if lines().any(|line| line == "a=ice-lite") {
            return Err(unusable("an ICE-lite client cannot make the first connectivity check"));
        }
        let password = lines().find_map(|line| line.strip_prefix("a=ice-pwd:"));
        let password = password.ok_or_else(|| unusable("it has no a=ice-pwd"))?.to_owned();
        let mids = lines().filter_map(|line| line.strip_prefix("a=mid:"));
        let mids = mids.map(Mid::from).take(M_LINES_MAX).collect();
        let mut sdp = String::with_capacity(text.len() + 64);
        for line in lines().filter(|line| !line.is_empty() && !is_about_candidates(line)) {
            sdp.push_str(line);
            sdp.push_str("\r\n");
        }
        Ok(Self { sdp, password, mids })
    }
}

/// A refusal with a text for the person who wrote the client.
pub(super) fn unusable(why: impl Into<String>) -> Refused {
    let mut why = why.into();
    // Parsers quote what they choke on; the answer to a bomb must not be a bomb.
    if why.len() > WHY_BYTES_MAX {
        let end = (0..=WHY_BYTES_MAX).rev().find(|at| why.is_char_boundary(*at)).unwrap_or(0);
        why.truncate(end);
        why.push('…');
    }
    Refused::Unusable(why)
}

const WHY_BYTES_MAX: usize = 300;

fn is_about_candidates(line: &str) -> bool {
    ["a=candidate:", "a=remote-candidates:", "a=end-of-candidates"]
        .iter()
        .any(|prefix| line.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_left_out() {
        let offer = Offer::new(
            "v=0\na=ice-pwd:secret\r\na=candidate:1 1 udp 1 169.254.169.254 80 typ host\n\
             a=end-of-candidates\n",
        );
        let offer = offer.unwrap();
        assert_eq!(offer.sdp, "v=0\r\na=ice-pwd:secret\r\n");
        assert_eq!(offer.password, "secret");
    }

    #[test]
    fn limits_are_exact() {
        let with = |line: &str, times: usize| format!("a=ice-pwd:x\n{}", line.repeat(times));
        let table = [
            ("m=audio 9 X 0\n", "m-lines", M_LINES_MAX),
            ("a=candidate:1\n", "candidates", CANDIDATES_MAX),
            ("a=ssrc:1 cname:x\n", "ssrc lines", SSRC_LINES_MAX),
        ];
        for (line, what, max) in table {
            assert!(Offer::new(&with(line, max)).is_ok(), "{max} {what}");
            assert_eq!(
                Offer::new(&with(line, max + 1)),
                Err(Refused::SdpTooMany { what, count: max + 1, max })
            );
        }
        let long = "x".repeat(SDP_BYTES_MAX + 1);
        assert_eq!(
            Offer::new(&long),
            Err(Refused::SdpTooLong { bytes: SDP_BYTES_MAX + 1, max: SDP_BYTES_MAX })
        );
    }

    #[test]
    fn reasons_are_short() {
        let Refused::Unusable(why) = unusable("ä".repeat(10_000)) else { unreachable!() };
        assert!(why.len() <= WHY_BYTES_MAX + '…'.len_utf8());
    }
}
