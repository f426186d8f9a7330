//! The server as clients meet it, over HTTP and WebSocket.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may panic")]

mod harness;
mod http;
mod live;
mod metrics;
mod nodes;
