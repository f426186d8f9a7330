use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use str0m::crypto::dtls::DtlsCert;

use super::ConfigError;

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
    /// Whether the engine seals the packets of listeners itself, where AES-GCM is negotiated
    /// (RFC 7714), instead of having str0m write them.
    pub fast_lane: bool,
    /// The certificate it shows in DTLS; it makes one of its own if there is none. A process with
    /// several shards gives them all the same.
    pub certificate: Option<Certificate>,
    /// The wall clock at the instant the shard is made, for sender reports (RFC 3550 §6.4.1).
    pub wall_clock: SystemTime,
}

/// A DTLS certificate and its key.
#[derive(Clone)]
pub struct Certificate(pub(super) DtlsCert);

impl Certificate {
    /// Makes one that is good for nothing but this: self-signed, and known to clients by its
    /// fingerprint (RFC 8122).
    ///
    /// # Errors
    /// [`ConfigError::Certificate`] when the crypto library gives none.
    pub fn generate() -> Result<Self, ConfigError> {
        let crypto = str0m::crypto::from_feature_flags();
        let made = crypto.dtls_provider.generate_certificate();
        made.map(Self).ok_or(ConfigError::Certificate)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.certificate == other.0.certificate
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(..)")
    }
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
            fast_lane: true,
            certificate: None,
            wall_clock: SystemTime::UNIX_EPOCH,
        }
    }
}
