use std::net::SocketAddr;
use std::time::Duration;

/// How a [`Shard`](super::Shard) is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardConfig {
    /// The local addresses datagrams come in on; each is offered as a host candidate
    /// (RFC 8445 §5.1.1.1). A datagram to any other address is not answered.
    pub addresses: Vec<SocketAddr>,
    /// Public addresses that a 1:1 NAT maps onto one of `addresses`; each is offered as a
    /// server-reflexive candidate.
    pub mapped: Vec<Mapped>,
    /// The most legs at a time; more are refused with
    /// [`MediaError::Busy`](parlor_core::media::MediaError::Busy). A leg keeps the offer it
    /// stands on, of at most [`SDP_BYTES_MAX`](super::SDP_BYTES_MAX).
    pub sessions_max: usize,
    /// How long ICE and DTLS may take to come up.
    pub setup_timeout: Duration,
    /// How long a leg may be silent before it counts as lost. A client sends something
    /// authenticated at least every 3 s, because it answers the engine's consent checks
    /// (RFC 7675); less than that would call healthy clients lost.
    pub silence_timeout: Duration,
    /// How long a lost leg may take to come back.
    pub lost_timeout: Duration,
}

/// A public address in front of a local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// What the world sends to.
    pub public: SocketAddr,
    /// The local address on which it arrives.
    pub local: SocketAddr,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            mapped: Vec::new(),
            sessions_max: 10_000,
            setup_timeout: Duration::from_secs(15),
            silence_timeout: Duration::from_secs(5),
            lost_timeout: Duration::from_secs(30),
        }
    }
}
