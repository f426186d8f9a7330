//! Commits a second.
fn main() {}
