//! A client without a browser: the other end of a leg, for tests and load harnesses.
//!
//! Like the [engine](crate::engine) it is a state machine without sockets or a clock. It offers
//! one microphone and a number of listener slots, as a web page would.
//!
//! ```
//! use std::time::Instant;
//! use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput};
//!
//! let now = Instant::now();
//! let mut client = Client::new(ClientConfig::at("127.0.0.1:5000".parse().unwrap()), now);
//! let offer = client.offer().unwrap();
//! assert!(offer.starts_with("v=0"));
//! // The offer goes to `MediaBackend::connect`, its answer to `client.accept`. Then, whenever
//! // a datagram arrives or time has passed, it is told so and polled until it gives a timeout.
//! client.handle_timeout(now);
//! loop {
//!     match client.poll() {
//!         ClientOutput::Timeout(_) => break,
//!         ClientOutput::Transmit(datagram) => drop(datagram),
//!         ClientOutput::Connected | ClientOutput::Closed | ClientOutput::Received(_) => {}
//!     }
//! }
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelConfig;
use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig, RtcError};

/// Samples of one 20 ms Opus frame at 48 kHz.
pub const FRAME_SAMPLES: u32 = 960;

/// What a [`Client`] offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// The address its datagrams leave from and arrive at; offered as a host candidate.
    pub address: SocketAddr,
    /// Whether it offers a microphone.
    pub microphone: bool,
    /// How many receive-only audio m-lines it offers.
    pub slots: usize,
    /// Whether its packets say how loud they are (RFC 6464).
    pub levels: bool,
    /// The certificate it shows; without one it makes its own.
    pub certificate: Option<Certificate>,
    /// Whether it offers an m-line for data channels (RFC 8841).
    pub data: bool,
}

impl ClientConfig {
    /// A microphone with levels and three slots, and no data channels.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, microphone: true, slots: 3, levels: true, data: false, certificate: None }
    }
}

/// A DTLS certificate with its key, which many clients may share: to make one for each costs a
/// load harness more than it tells.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<DtlsCert>);

impl Certificate {
    /// Makes one. `None` if the crypto library gives none.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let made = str0m::crypto::from_feature_flags().dtls_provider.generate_certificate()?;
        Some(Self(Arc::new(made)))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.certificate == other.0.certificate
    }
}

impl Eq for Certificate {}

/// Why a client could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// str0m refused, for example because an answer does not fit the offer.
    #[error("the session refused: {0}")]
    Session(#[from] RtcError),
    /// An answer does not parse.
    #[error("the answer does not parse: {0}")]
    Answer(String),
    /// There is no offer to answer, or an offer is waiting for its answer.
    #[error("offer and answer are out of step")]
    OutOfStep,
}

/// A datagram a client wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDatagram {
    /// The client's own address.
    pub source: SocketAddr,
    /// The engine's address.
    pub destination: SocketAddr,
    /// What to send.
    pub bytes: Vec<u8>,
}

/// An audio packet that arrived on a listener slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The m-line of the slot.
    pub mid: String,
    /// Its stream.
    pub ssrc: u32,
    /// The sequence number, extended beyond 16 bits.
    pub seq: u64,
    /// The RTP timestamp at 48 kHz.
    pub timestamp: u32,
    /// Set on the first packet of a speaker's turn.
    pub marker: bool,
    /// How loud its sender says it is, in dBov from -127 to 0.
    pub level: Option<i8>,
    /// The Opus packet.
    pub payload: Arc<[u8]>,
}

/// What a [`Client`] wants done, or has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOutput {
    /// Send this.
    Transmit(ClientDatagram),
    /// ICE and DTLS are up.
    Connected,
    /// A packet has arrived.
    Received(Received),
    /// The engine has ended the session, or it has failed.
    Closed,
    /// There is nothing more to do until then.
    Timeout(Instant),
}

/// The other end of a leg. See the [module](self).
pub struct Client {
    rtc: Rtc,
    config: ClientConfig,
    pending: Option<SdpPendingOffer>,
    started: bool,
    mic: Option<Mid>,
    failed: bool,
    now: Instant,
    seq: u64,
    time: u32,
}

impl Client {
    /// Makes a client.
    ///
    /// # Panics
    /// If the address cannot be a candidate, because it is unspecified, multicast or link-local.
    #[must_use]
    pub fn new(config: ClientConfig, now: Instant) -> Self {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .clear_extension_map()
            .set_extension(4, Extension::RtpMid);
        if config.levels {
            rtc = rtc.set_extension(1, Extension::AudioLevel);
        }
        if let Some(Certificate(certificate)) = &config.certificate {
            rtc = rtc.set_dtls_cert(DtlsCert::clone(certificate));
        }
        let mut rtc = rtc.build(now);
        let candidate = Candidate::host(config.address, "udp");
        rtc.add_local_candidate(candidate.expect("the address of a client can be a candidate"));
        Self {
            rtc,
            config,
            pending: None,
            started: false,
            mic: None,
            failed: false,
            now,
            seq: 1_000,
            time: 0,
        }
    }

    /// Makes an offer: the first with all m-lines, each later one to restart ICE.
    ///
    /// # Errors
    /// [`ClientError::OutOfStep`] while an offer waits for its answer.
    pub fn offer(&mut self) -> Result<String, ClientError> {
        if self.pending.is_some() {
            return Err(ClientError::OutOfStep);
        }
        let mut changes = self.rtc.sdp_api();
        if self.started {
            changes.ice_restart(true);
        } else {
            if self.config.microphone {
                let audio = MediaKind::Audio;
                self.mic = Some(changes.add_media(audio, Direction::SendOnly, None, None, None));
            }
            for _ in 0..self.config.slots {
                changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
            }
            if self.config.data {
                changes.add_channel("first".to_owned());
            }
        }
        let (offer, pending) = changes.apply().ok_or(ClientError::OutOfStep)?;
        (self.pending, self.started) = (Some(pending), true);
        Ok(offer.to_sdp_string())
    }

    /// Takes the answer to the last offer.
    ///
    /// # Errors
    /// [`ClientError::OutOfStep`] without an offer, and what str0m has against the answer.
    pub fn accept(&mut self, answer: &str) -> Result<(), ClientError> {
        let answer = SdpAnswer::from_sdp_string(answer)
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let pending = self.pending.take().ok_or(ClientError::OutOfStep)?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        Ok(())
    }

    /// Forgets an offer that has been refused, so that another can be made.
    pub fn withdraw(&mut self) {
        self.pending = None;
    }

    /// The address it was made with.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.config.address
    }

    /// Whether ICE and DTLS are up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    /// A datagram came in. What is not meant for it is ignored. Poll afterwards.
    pub fn handle_datagram(&mut self, source: SocketAddr, bytes: &[u8], now: Instant) {
        self.now = self.now.max(now);
        let Ok(receive) = Receive::new(Protocol::Udp, source, self.config.address, bytes) else {
            return;
        };
        let input = Input::Receive(self.now, receive);
        if self.rtc.accepts(&input) {
            self.failed |= self.rtc.handle_input(input).is_err();
        }
    }

    /// Time has passed. Poll afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.failed |= self.rtc.handle_input(Input::Timeout(self.now)).is_err();
    }

    /// Sends the next 20 ms frame from the microphone, `level` dBov loud (-127 to 0). Whether
    /// there is a microphone to send from. Poll afterwards.
    pub fn send_opus(&mut self, payload: impl Into<Arc<[u8]>>, level: i8, now: Instant) -> bool {
        let Some(mid) = self.mic else { return false };
        let Some(pt) = self.rtc.media(mid).and_then(|media| media.remote_pts().first().copied())
        else {
            return false;
        };
        self.seq += 1;
        self.time = self.time.wrapping_add(FRAME_SAMPLES);
        let values = ExtensionValues {
            audio_level: Some(level),
            voice_activity: Some(level > -50),
            ..ExtensionValues::default()
        };
        let packet = RtpWrite::new(pt, self.seq.into(), self.time, now, payload);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return false };
        stream.write_rtp(packet.ext_vals(values));
        self.handle_timeout(now);
        true
    }

    /// Lets the microphone's clock go on by so many frames without sending, as with discontinuous
    /// transmission (RFC 7587 §3.1.3): the timestamps have a gap, the sequence numbers have none.
    pub fn pause(&mut self, frames: u32) {
        self.time = self.time.wrapping_add(frames.wrapping_mul(FRAME_SAMPLES));
    }

    /// Leaves out so many frames, as if the network had lost them: a gap in both. A receiver of
    /// SRTP takes a gap of 32,768 or more for a step back (RFC 3711 §3.3.1).
    pub fn lose(&mut self, frames: u16) {
        self.seq += u64::from(frames);
        self.pause(u32::from(frames));
    }

    /// The SSRC its microphone sends with, once an offer has been answered.
    pub fn microphone_ssrc(&mut self) -> Option<u32> {
        let mid = self.mic?;
        self.rtc.direct_api().stream_tx_by_mid(mid, None).map(|stream| *stream.ssrc())
    }

    /// Has its microphone send with another SSRC from now on, as a browser does that has lost
    /// its track. Its numbers go on. Whether there is a microphone.
    pub fn set_microphone_ssrc(&mut self, ssrc: u32) -> bool {
        let Some(mid) = self.mic else { return false };
        self.rtc.direct_api().reset_stream_tx(mid, None, ssrc.into(), None).is_some()
    }

    /// Opens one more data channel (RFC 8832), if it offers an m-line for them. Poll afterwards.
    pub fn open_channel(&mut self) {
        self.rtc.direct_api().create_data_channel(ChannelConfig::default());
        self.handle_timeout(self.now);
    }

    /// The name of the microphone's m-line, once it has been offered (RFC 5888).
    #[must_use]
    pub fn microphone_mid(&self) -> Option<String> {
        self.mic.map(|mid| mid.to_string())
    }

    /// Ends the session and tells the engine so. Poll afterwards.
    pub fn close(&mut self) {
        self.failed |= self.rtc.close().is_err();
        self.handle_timeout(self.now);
    }

    /// Gives the next thing to do. Call it until it gives [`ClientOutput::Timeout`].
    pub fn poll(&mut self) -> ClientOutput {
        loop {
            if std::mem::take(&mut self.failed) {
                self.rtc.disconnect();
                return ClientOutput::Closed;
            }
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => return ClientOutput::Timeout(at),
                Ok(Output::Transmit(transmit)) => {
                    return ClientOutput::Transmit(ClientDatagram {
                        source: transmit.source,
                        destination: transmit.destination,
                        bytes: transmit.contents.into(),
                    });
                }
                Ok(Output::Event(Event::Connected)) => return ClientOutput::Connected,
                Ok(Output::Event(Event::Closed)) => return ClientOutput::Closed,
                Ok(Output::Event(Event::RtpPacket(packet))) => {
                    return ClientOutput::Received(self.received(packet));
                }
                Ok(Output::Event(_)) => {}
                Err(_) => self.failed = true,
            }
        }
    }

    fn received(&mut self, packet: RtpPacket) -> Received {
        let ssrc = packet.header.ssrc;
        let mid = self.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid().to_string());
        Received {
            mid: mid.unwrap_or_default(),
            ssrc: *ssrc,
            seq: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            level: packet.header.ext_vals.audio_level,
            payload: packet.payload,
        }
    }
}
