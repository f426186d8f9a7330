//! The engine on bad networks, in virtual time: str0m peers against a shard, with links between
//! them that delay, lose, duplicate, overtake, fill up and go dark.
//!
//! Everything is decided by a seed. `PARLOR_SIM_SEEDS=n` lives through the first n seeds,
//! `PARLOR_SIM_SEED=n` through that one alone. What is random in the crypto library (keys,
//! certificates, identifiers, when a handshake's datagram is sent again) decides nothing here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod dice;
mod doctored;
mod link;
mod log;
mod promises;
mod scenario;
mod seeds;
mod wire;
mod world;
