use std::time::{Duration, Instant};

/// Quieter than this is silence, in -dBov: what a muted microphone makes (RFC 6464 §3
/// has 127 for digital silence; the noise of an open one is at about 80).
const SILENT: u8 = 100;

/// An Opus packet of up to this size has nothing but a table of contents: discontinuous
/// transmission (RFC 7587 §3.1.3).
const DTX_BYTES_MAX: usize = 2;

/// Silence is still passed on for so long: pauses between words are no edges.
const HANG: Duration = Duration::from_millis(200);

/// Keeps silence from being forwarded: it opens with the first packet that can be heard, and
/// closes after a while of silence.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_open: bool,
    silent_since: Option<Instant>,
}

/// What becomes of a packet at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Pass,
    /// The first of a silence: whoever heard the speaker is to be told that it is one.
    Close,
    Drop,
}

impl Gate {
    /// `level` is in dBov (-127 to 0), if the client says it.
    pub(super) fn pass(&mut self, level: Option<i8>, payload: usize, now: Instant) -> Passage {
        let is_dtx = payload <= DTX_BYTES_MAX;
        let is_silent = is_dtx || level.is_some_and(|level| level.unsigned_abs() >= SILENT);
        if !is_silent {
            (self.is_open, self.silent_since) = (true, None);
            return Passage::Pass;
        }
        if !self.is_open {
            return Passage::Drop;
        }
        let since = *self.silent_since.get_or_insert(now);
        if !is_dtx && now.saturating_duration_since(since) < HANG {
            return Passage::Pass;
        }
        *self = Self::default();
        Passage::Close
    }

    /// Nothing goes through any more until something can be heard.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_passes_for_a_moment_and_then_no_more() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut gate = Gate::default();
        assert_eq!(gate.pass(Some(-127), 80, at(0)), Passage::Drop);
        assert_eq!(gate.pass(Some(-30), 80, at(20)), Passage::Pass);
        for ms in (40..240).step_by(20) {
            assert_eq!(gate.pass(Some(-127), 80, at(ms)), Passage::Pass, "{ms}");
        }
        assert_eq!(gate.pass(Some(-127), 80, at(240)), Passage::Close);
        assert_eq!(gate.pass(Some(-127), 80, at(260)), Passage::Drop);
        assert_eq!(gate.pass(Some(-99), 80, at(280)), Passage::Pass);
        // Discontinuous transmission says so itself.
        assert_eq!(gate.pass(Some(-60), 2, at(300)), Passage::Close);
        assert_eq!(gate.pass(None, 1, at(700)), Passage::Drop);
        assert_eq!(gate.pass(None, 3, at(720)), Passage::Pass);
    }
}
