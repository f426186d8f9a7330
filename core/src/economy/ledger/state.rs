//! The words of the ledger, and the machine of a hold.

use super::Refusal;

crate::words! {
    /// What an account is for.
    pub AccountKind {
        /// What somebody may spend.
        Wallet = "wallet",
        /// What somebody has earned.
        Earnings = "earnings",
        /// What a community has together.
        Treasury = "treasury",
        /// What is reserved, until it is known for whom.
        Escrow = "escrow",
        /// What the platform has earned.
        Fees = "fees",
        /// Where an asset comes from: its balance is what is issued, below zero.
        Issuance = "issuance",
        /// Where an asset goes to when it is used up.
        Burn = "burn",
        /// The other side of exchanges.
        Liquidity = "liquidity",
        /// What is on its way from or to a payment provider: it must come back to zero.
        Clearing = "clearing",
        /// What was given away and cannot be paid out.
        Promo = "promo",
        /// What is in dispute.
        Dispute = "dispute",
        /// What is owed in tax.
        Tax = "tax",
        /// What is about to be paid out.
        Payout = "payout",
    }
}

impl AccountKind {
    /// Whether it belongs to a person, so that an asset that is not transferable stays on it.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Wallet | Self::Earnings | Self::Promo)
    }
}

crate::words! {
    /// What a transfer does.
    pub Phase {
        /// It moves an amount at once.
        Single = "single",
        /// It reserves an amount.
        Hold = "hold",
        /// It moves what was reserved, or a part of it.
        Capture = "capture",
        /// It gives up what was reserved, or a part of it.
        Void = "void",
        /// It gives up what was reserved for too long.
        Expiry = "expiry",
        /// It gives back what was moved, or a part of it.
        Refund = "refund",
        /// It undoes what was moved.
        Reversal = "reversal",
    }
}

impl Phase {
    /// Whether it changes what is posted; the others change what is pending alone.
    pub const fn posts(self) -> bool {
        matches!(self, Self::Single | Self::Capture | Self::Refund | Self::Reversal)
    }

    /// Whether it resolves a hold.
    pub const fn resolves(self) -> bool {
        matches!(self, Self::Capture | Self::Void | Self::Expiry)
    }

    /// Whether what it moved can be given back.
    pub const fn is_returnable(self) -> bool {
        matches!(self, Self::Single | Self::Capture)
    }
}

crate::words! {
    /// The side of an account that a transfer changes.
    pub Side {
        /// What goes out.
        Debit = "debit",
        /// What comes in.
        Credit = "credit",
    }
}

crate::words! {
    /// What has become of a hold.
    pub HoldState {
        /// Something of it is reserved still.
        Open = "open",
        /// All of it was moved, or a part, and the rest given up.
        Captured = "captured",
        /// All of it was given up.
        Voided = "voided",
        /// Its time was over, and what was left of it given up.
        Expired = "expired",
    }
}

crate::words! {
    /// What happens to a hold.
    pub HoldInput {
        /// A part is moved, and more is left.
        CapturePart = "capture_part",
        /// Nothing is left, and something was moved.
        CaptureLast = "capture_last",
        /// A part is given up, and more is left.
        VoidPart = "void_part",
        /// Nothing is left, and nothing was moved.
        VoidAll = "void_all",
        /// Its time is over.
        Expire = "expire",
    }
}

impl HoldState {
    /// The state after an input.
    ///
    /// # Errors
    /// What has become of the hold already.
    pub fn next(self, input: HoldInput) -> Result<Self, Refusal> {
        use HoldInput::{CaptureLast, CapturePart, Expire, VoidAll, VoidPart};
        match (self, input) {
            (Self::Open, CapturePart | VoidPart) => Ok(Self::Open),
            (Self::Open, CaptureLast) => Ok(Self::Captured),
            (Self::Open, VoidAll) => Ok(Self::Voided),
            (Self::Open, Expire) => Ok(Self::Expired),
            (Self::Captured, CapturePart | CaptureLast | VoidPart | VoidAll | Expire) => {
                Err(Refusal::HoldAlreadyCaptured)
            }
            (Self::Voided, CapturePart | CaptureLast | VoidPart | VoidAll | Expire) => {
                Err(Refusal::HoldVoided)
            }
            (Self::Expired, CapturePart | CaptureLast | VoidPart | VoidAll | Expire) => {
                Err(Refusal::HoldExpired)
            }
        }
    }
}
