//! What each fuzz target does with its input, as plain functions: libFuzzer calls them, and so
//! does `cargo test`, with random bytes.
//!
//! A function returns on any input. It panics on a broken promise; under libFuzzer a panic that
//! the library has caught counts as well.

mod call;
mod datagrams;
mod offers;
mod ops;
mod texts;

pub use datagrams::datagram;
pub use offers::offer;
pub use ops::ops;
pub use texts::{command, cursor, search};

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 6] = [
    ("datagram", datagram),
    ("ops", ops),
    ("offer", offer),
    ("command", command),
    ("cursor", cursor),
    ("search", search),
];
