use crate::engine::Parlor;

/// The reads of the ledger: [`Parlor::ledger`].
#[derive(Clone, Copy, Debug)]
pub struct Reads<'p> {
    pub(super) parlor: &'p Parlor,
}

impl Parlor {
    /// The reads of the ledger.
    pub fn ledger(&self) -> Reads<'_> {
        Reads { parlor: self }
    }
}
