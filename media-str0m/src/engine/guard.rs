use std::time::{Duration, Instant};

/// How long a known SSRC keeps others out after its last authenticated packet.
const HEARD: Duration = Duration::from_secs(2);

/// How many SSRCs a microphone may have gone through and still be recognised.
const SSRCS_MAX: usize = 8;

/// Keeps forged RTP away from the session's SSRC table.
///
/// str0m maps a new SSRC to an m-line by the MID header extension (RFC 8843 §9.2) *before* it
/// authenticates the packet, and forgets the old one. One packet from the peer's address, made
/// without any key, would silence the microphone for good. So while the known SSRC is heard, an
/// unknown one is dropped; and when an unknown one is tried in a pause and does not
/// authenticate, the session is told the known one again.
#[derive(Debug, Default)]
pub(super) struct SsrcGuard {
    known: Vec<u32>,
    heard: Option<Instant>,
}

impl SsrcGuard {
    pub(super) fn knows(&self, ssrc: u32) -> bool {
        self.known.contains(&ssrc)
    }

    /// Whether a packet with this SSRC may reach the session.
    pub(super) fn admits(&self, ssrc: u32, now: Instant) -> bool {
        // SSRC 0 is for bandwidth probes, which audio has none of; a session would make a
        // stream for it unasked.
        ssrc != 0
            && (self.knows(ssrc)
                || self.heard.is_none_or(|at| now.saturating_duration_since(at) >= HEARD))
    }

    /// The session has authenticated a packet with this SSRC.
    pub(super) fn authenticated(&mut self, ssrc: u32, now: Instant) {
        self.heard = Some(now);
        if self.known.first() == Some(&ssrc) {
            return;
        }
        self.known.retain(|known| *known != ssrc);
        self.known.insert(0, ssrc);
        self.known.truncate(SSRCS_MAX);
    }

    /// The client has said over signalling that its streams may have changed.
    pub(super) fn relax(&mut self) {
        self.heard = None;
    }

    /// The SSRC that was authenticated last.
    pub(super) fn latest(&self) -> Option<u32> {
        self.known.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_ssrc_waits_for_a_pause() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut guard = SsrcGuard::default();
        assert!(guard.admits(1, at(0)));
        assert!(!guard.admits(0, at(0)));
        guard.authenticated(1, at(0));
        assert!(guard.admits(1, at(1)));
        assert!(!guard.admits(2, at(1_999)));
        assert!(guard.admits(2, at(2_000)));
        guard.authenticated(2, at(2_000));
        assert!(guard.admits(1, at(2_001)));
        assert_eq!(guard.latest(), Some(2));
        for ssrc in 3..100 {
            guard.authenticated(ssrc, at(3_000));
        }
        assert_eq!(guard.known.len(), SSRCS_MAX);
    }
}
