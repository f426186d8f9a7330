use super::{Hold, HoldInput, HoldState, Refusal, TransferId};

impl Hold {
    /// The transfer that reserved it.
    pub const fn transfer(&self) -> TransferId {
        TransferId { transaction: self.transaction_id, leg: self.leg }
    }

    /// How much of it is reserved still.
    pub const fn remaining(&self) -> i64 {
        self.amount - self.captured - self.released
    }

    /// Takes parts out of it.
    pub(super) fn take(&mut self, captured: i64, released: i64) -> Result<(), Refusal> {
        let is_over = captured + released == self.remaining();
        let input = match (is_over, self.captured + captured > 0) {
            (true, true) => HoldInput::CaptureLast,
            (true, false) => HoldInput::VoidAll,
            (false, _) if captured > 0 => HoldInput::CapturePart,
            (false, _) => HoldInput::VoidPart,
        };
        self.step(input, captured, released)
    }

    /// Gives up what is left of it, since its time is over.
    pub(super) fn expire(&mut self) -> Result<(), Refusal> {
        self.step(HoldInput::Expire, 0, self.remaining())
    }

    fn step(&mut self, input: HoldInput, captured: i64, released: i64) -> Result<(), Refusal> {
        self.state = self.state.next(input)?;
        self.captured += captured;
        self.released += released;
        if self.state != HoldState::Open {
            self.expires_at = None;
        }
        Ok(())
    }
}
