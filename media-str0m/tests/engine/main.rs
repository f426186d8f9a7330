//! The engine in virtual time, without a socket: a shard, and clients built on str0m.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod attacks;
mod costs;
mod forwarding;
mod lane;
mod lifecycle;
mod random;
mod telling;
mod world;
