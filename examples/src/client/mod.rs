//! What a browser is to the server, without a browser: a peer that speaks and hears, and requests.

mod http;
mod peer;

pub use http::{Http, HttpError};
pub use peer::{Happening, Heard, Peer};
