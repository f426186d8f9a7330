//! One peer on a socket of its own.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput};
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout};

/// How long one Opus frame lasts.
const FRAME: Duration = Duration::from_millis(20);
/// As many bytes as 32 kbit/s of Opus make in a frame.
const PAYLOAD_BYTES: usize = 80;
/// How loud a speaker is, in dBov.
const LEVEL: i8 = -20;

/// A packet of a speaker that arrived somewhere.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Which speaker.
    pub speaker: usize,
    /// Which of their packets, from 0.
    pub number: u32,
    /// When it arrived, since the beginning.
    pub at: Duration,
    /// How long it was on its way.
    pub latency: Duration,
}

/// What happens to a peer.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// ICE and DTLS are up.
    Up,
    /// It hears somebody.
    Heard(Heard),
    /// The server has ended the call.
    Closed,
}

/// A peer connection that sends synthetic Opus, and knows its like when it hears it.
pub struct Peer {
    client: Client,
    socket: UdpSocket,
    buffer: Vec<u8>,
    frames: Interval,
    speaker: Option<usize>,
    began: Instant,
    sent: Vec<Duration>,
    happened: VecDeque<Happening>,
}

impl Peer {
    /// A peer on loopback: speaker number `speaker`, or a listener. All times are since `began`.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub async fn bind(speaker: Option<usize>, began: Instant) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let config = ClientConfig {
            microphone: speaker.is_some(),
            ..ClientConfig::at(socket.local_addr()?)
        };
        let client = Client::new(config, Instant::now());
        let mut frames = interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (buffer, sent, happened) = (vec![0; 2_048], Vec::new(), VecDeque::new());
        Ok(Self { client, socket, buffer, frames, speaker, began, sent, happened })
    }

    /// What it offers the server.
    ///
    /// # Errors
    /// When there is an offer already.
    pub fn offer(&mut self) -> anyhow::Result<String> {
        Ok(self.client.offer()?)
    }

    /// Takes the server's answer.
    ///
    /// # Errors
    /// When it is no answer to the offer.
    pub fn accept(&mut self, answer: &str) -> anyhow::Result<()> {
        self.client.accept(answer)?;
        self.client.handle_timeout(Instant::now());
        Ok(())
    }

    /// When each packet was sent, by number.
    pub fn sent(&self) -> &[Duration] {
        &self.sent
    }

    /// Goes on until something happens; speaks meanwhile if it is a speaker and shall.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn next(&mut self, shall_speak: bool) -> anyhow::Result<Happening> {
        loop {
            let wake = self.drain().await?;
            if let Some(happening) = self.happened.pop_front() {
                return Ok(happening);
            }
            tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => {
                    let (length, source) = received?;
                    self.client.handle_datagram(source, &self.buffer[..length], Instant::now());
                }
                () = sleep_until(wake.into()) => self.client.handle_timeout(Instant::now()),
                _ = self.frames.tick(), if self.speaker.is_some() => {
                    if shall_speak {
                        self.speak();
                    }
                }
            }
        }
    }

    /// Tells the server that it goes.
    pub async fn hang_up(&mut self) {
        self.client.close();
        let _ = timeout(FRAME, self.drain()).await;
    }

    /// Does what the client wants done; gives the time it next wants to be woken at.
    async fn drain(&mut self) -> anyhow::Result<Instant> {
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(at) => return Ok(at),
                ClientOutput::Transmit(datagram) => {
                    // A server that is gone is not an error of this side's socket.
                    let _ = self.socket.send_to(&datagram.bytes, datagram.destination).await;
                }
                ClientOutput::Connected => self.happened.push_back(Happening::Up),
                ClientOutput::Received(packet) => self.hear(&packet.payload),
                ClientOutput::Closed => self.happened.push_back(Happening::Closed),
            }
        }
    }

    fn speak(&mut self) {
        let Some(speaker) = self.speaker else { return };
        let at = self.began.elapsed();
        let number = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let payload = Payload { speaker, number, at }.encode();
        if self.client.send_opus(payload, LEVEL, Instant::now()) {
            self.sent.push(at);
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        // Frames of silence, which close the gap after a mute, carry nothing.
        let Some(Payload { speaker, number, at: sent }) = Payload::decode(payload) else { return };
        let at = self.began.elapsed();
        let latency = at.saturating_sub(sent);
        self.happened.push_back(Happening::Heard(Heard { speaker, number, at, latency }));
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("speaker", &self.speaker).finish_non_exhaustive()
    }
}

/// What a synthetic Opus frame carries: who sent it, and when. Servers do not look inside.
struct Payload {
    speaker: usize,
    number: u32,
    at: Duration,
}

impl Payload {
    /// The first byte is that of a 20 ms frame of fullband speech (RFC 6716 §3.1).
    const TOC: u8 = 0x78;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES);
        bytes.push(Self::TOC);
        bytes.push(u8::try_from(self.speaker).unwrap_or(u8::MAX));
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(u64::try_from(self.at.as_micros()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.resize(PAYLOAD_BYTES, 0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != PAYLOAD_BYTES || bytes[0] != Self::TOC {
            return None;
        }
        let number = u32::from_be_bytes(bytes[2..6].try_into().ok()?);
        let micros = u64::from_be_bytes(bytes[6..14].try_into().ok()?);
        Some(Self { speaker: bytes[1].into(), number, at: Duration::from_micros(micros) })
    }
}
