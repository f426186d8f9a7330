//! What must hold of every log. Each check reads the log alone, so that it can be shown a
//! doctored one, and object.

mod hearing;
mod nonces;
mod owed;
mod slots;

use crate::log::{Objection, Record};

pub(crate) use nonces::{Nonces, nonces};
pub(crate) use owed::{Owed, owed};

type Check = fn(&[Record]) -> Result<(), Objection>;

/// Every check there is.
pub(crate) const CHECKS: [(&str, Check); 4] = [
    ("nonces", |log| nonces(log).map(drop)),
    ("hearing", hearing::hearing),
    ("slots", slots::slots),
    ("owed", |log| owed(log).map(drop)),
];

pub(crate) fn all(log: &[Record]) -> Result<(), Objection> {
    CHECKS.iter().try_for_each(|(_, check)| check(log))
}
