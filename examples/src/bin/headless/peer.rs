//! One peer on a socket of its own: what a browser is to the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parlor_core::engine::Parlor;
use parlor_core::events::Actor;
use parlor_core::media::{Bridge, SdpOffer};
use parlor_core::rooms::RoomId;
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput};
use tokio::net::UdpSocket;
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

/// How long one Opus frame lasts.
const FRAME: Duration = Duration::from_millis(20);
/// As many bytes as 32 kbit/s of Opus make in a frame.
const PAYLOAD_BYTES: usize = 80;
/// How loud a speaker is, in dBov.
const LEVEL: i8 = -20;
/// How long ICE and DTLS may take.
const SETUP_MAX: Duration = Duration::from_secs(30);

/// What the peers do together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Connect, and wait.
    Gather,
    /// Speakers speak.
    Talk,
    /// Everybody hangs up.
    End,
}

/// A packet of a speaker that arrived somewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) speaker: usize,
    pub(crate) number: u32,
    pub(crate) at: Duration,
    pub(crate) latency: Duration,
}

/// What one peer did and heard.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// When each packet was sent, by number.
    pub(crate) sent: Vec<Duration>,
    pub(crate) heard: Vec<Heard>,
}

pub(crate) struct Peer {
    client: Client,
    socket: UdpSocket,
    speaker: Option<usize>,
    began: Instant,
    log: Log,
    up: Option<oneshot::Sender<()>>,
}

impl Peer {
    /// Offers, is answered, and is ready to run.
    pub(crate) async fn connect(
        (parlor, bridge): (&Parlor, &Bridge),
        (actor, room): (Actor, RoomId),
        speaker: Option<usize>,
        began: Instant,
    ) -> anyhow::Result<(Self, oneshot::Receiver<()>)> {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let config = ClientConfig {
            microphone: speaker.is_some(),
            ..ClientConfig::at(socket.local_addr()?)
        };
        let mut client = Client::new(config, Instant::now());
        let offer = SdpOffer(client.offer()?);
        let (_, answer) = bridge.connect(actor, room, offer).await.context("the offer")?;
        client.accept(&answer.0)?;
        debug_assert!(parlor.now().0 > 0);
        let (up, is_up) = oneshot::channel();
        Ok((Self { client, socket, speaker, began, log: Log::default(), up: Some(up) }, is_up))
    }

    /// Runs until the last act, and gives what it did and heard.
    pub(crate) async fn run(mut self, mut act: watch::Receiver<Act>) -> anyhow::Result<Log> {
        let mut buffer = vec![0; 2_048];
        let mut frames = interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let deadline = Instant::now() + SETUP_MAX;
        self.client.handle_timeout(Instant::now());
        loop {
            let wake = self.drain().await?;
            anyhow::ensure!(self.up.is_none() || Instant::now() < deadline, "ICE or DTLS hangs");
            let now = *act.borrow();
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received?;
                    self.client.handle_datagram(source, &buffer[..length], Instant::now());
                }
                () = sleep_until(wake.into()) => self.client.handle_timeout(Instant::now()),
                _ = frames.tick(), if self.speaker.is_some() => {
                    if now == Act::Talk {
                        self.speak();
                    }
                }
                changed = act.changed() => {
                    changed?;
                    if *act.borrow() == Act::End {
                        self.client.close();
                        let _ = timeout(FRAME, self.drain()).await;
                        return Ok(self.log);
                    }
                }
            }
        }
    }

    /// Does what the client wants done; gives the time it next wants to be woken at.
    async fn drain(&mut self) -> anyhow::Result<Instant> {
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(at) => return Ok(at),
                ClientOutput::Transmit(datagram) => {
                    self.socket.send_to(&datagram.bytes, datagram.destination).await?;
                }
                ClientOutput::Connected => {
                    self.up.take().map(|up| up.send(()));
                }
                ClientOutput::Received(packet) => self.hear(&packet.payload),
                ClientOutput::Closed => anyhow::bail!("the server ended a call that went on"),
            }
        }
    }

    fn speak(&mut self) {
        let Some(speaker) = self.speaker else { return };
        let at = self.began.elapsed();
        let number = u32::try_from(self.log.sent.len()).unwrap_or(u32::MAX);
        let payload = Payload { speaker, number, at }.encode();
        if self.client.send_opus(payload, LEVEL, Instant::now()) {
            self.log.sent.push(at);
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        // Frames of silence, which close the gap after a mute, carry nothing.
        let Some(Payload { speaker, number, at: sent }) = Payload::decode(payload) else { return };
        let at = self.began.elapsed();
        let latency = at.saturating_sub(sent);
        self.log.heard.push(Heard { speaker, number, at, latency });
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
