//! What the examples are made of: a server with a page, to copy from.
//!
//! `server` is the host application around Parlor: HTTP in, commands and reads out, the feed to
//! WebSockets, media offers to the engine. It holds no rule of the domain.

#![forbid(unsafe_code)]

pub mod client;
pub mod host;
pub mod server;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
