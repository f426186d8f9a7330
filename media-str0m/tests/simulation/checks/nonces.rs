use std::collections::HashMap;

use crate::log::{Fact, Objection, Record, object};
use crate::wire::Kind;

/// How much has been looked at, so that a test can say it was not nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nonces {
    pub(crate) rtp: u64,
    pub(crate) rtcp: u64,
    /// The highest rollover counter any stream has reached.
    pub(crate) rollovers: u64,
}

/// A key and a nonce seal one packet. The keys of a leg are those of its one DTLS session, so
/// over the whole life of a leg no two different packets may have the same stream and index
/// (RFC 3711 §9.1, RFC 7714 §8.1): with GCM one repetition gives the key away.
pub(crate) fn nonces(log: &[Record]) -> Result<Nonces, Objection> {
    let mut seen = Nonces::default();
    let mut rtp: HashMap<(usize, u32), Stream> = HashMap::new();
    let mut rtcp: HashMap<(usize, u32, u32), u64> = HashMap::new();
    for record in log {
        let Fact::Sealed { peer, kind, digest } = record.fact else { continue };
        match kind {
            Kind::Rtp { ssrc, seq, .. } => {
                seen.rtp += 1;
                let stream = rtp.entry((peer, ssrc)).or_default();
                let index = stream.index(seq);
                seen.rollovers = seen.rollovers.max(index >> 16);
                if stream.sealed.insert(index, digest).is_some_and(|before| before != digest) {
                    let what = format!("leg {peer}, SSRC {ssrc:#x}, index {index}");
                    return object(record, "an SRTP nonce is used once", what);
                }
            }
            Kind::Rtcp { ssrc, index } => {
                seen.rtcp += 1;
                let before = rtcp.insert((peer, ssrc, index), digest);
                if before.is_some_and(|before| before != digest) {
                    let what = format!("leg {peer}, SSRC {ssrc:#x}, index {index}");
                    return object(record, "an SRTCP nonce is used once", what);
                }
            }
            Kind::Stun | Kind::Dtls => {}
        }
    }
    Ok(seen)
}

#[derive(Default)]
struct Stream {
    highest: Option<u64>,
    sealed: HashMap<u64, u64>,
}

impl Stream {
    /// The index a receiver takes it for, which is what it must have been sealed with
    /// (RFC 3711 §3.3.1).
    fn index(&mut self, seq: u16) -> u64 {
        let seq = u64::from(seq);
        let index = match self.highest {
            None => seq,
            Some(highest) => {
                let rollover = highest & !0xFFFF;
                [rollover.wrapping_sub(0x1_0000), rollover, rollover + 0x1_0000]
                    .into_iter()
                    .map(|rollover| rollover.wrapping_add(seq))
                    .min_by_key(|index| index.abs_diff(highest))
                    .expect("there are three")
            }
        };
        self.highest = self.highest.max(Some(index));
        index
    }
}
