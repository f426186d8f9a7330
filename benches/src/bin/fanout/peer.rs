//! One client: a socket, the state machine of str0m's behind it, and what it has got.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput};

use crate::Result;
use crate::crowd::Common;
use crate::sockets::{self, Arrived};
use crate::tally::{Frame, Tally, is_media, is_rtp};
use crate::voice::{self, LEVEL, Said};

/// Who a client is, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) room: u32,
    pub(crate) role: Role,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Speaks, and counts what it gets.
    Speaker(u32),
    /// Decrypts what it gets.
    Listener,
    /// Counts what it gets by the clear headers, which costs next to nothing.
    Drained,
}

/// Where a client is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Connecting {
        since: Instant,
    },
    Up,
    /// It has left, because it should.
    Left,
    /// It never came up, or was thrown out.
    Failed,
}

pub(crate) struct Peer {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) seat: Seat,
    pub(crate) port: u16,
    pub(crate) state: State,
    /// Whether it came while people spoke: it is then owed nothing.
    pub(crate) is_late: bool,
    pub(crate) tally: Tally,
    /// Frames that have arrived at its socket, those included that are then dropped on purpose.
    pub(crate) arrived: u64,
    /// Frames it has made, and those of them that were not dropped on purpose.
    pub(crate) made: u64,
    pub(crate) sent: u64,
    /// When its client wants to be told the time.
    pub(crate) wants: Instant,
    /// When it will be.
    pub(crate) scheduled: Option<Instant>,
    client: Option<Client>,
}

impl Peer {
    /// Somebody with a socket of their own and an offer to make.
    pub(crate) fn new(seat: Seat, common: &Common) -> Result<(Self, String)> {
        let socket = Arc::new(sockets::bind()?);
        let address = socket.local_addr()?;
        let config = ClientConfig {
            microphone: matches!(seat.role, Role::Speaker(_)),
            certificate: Some(common.certificate.clone()),
            ..ClientConfig::at(address)
        };
        let now = Instant::now();
        let mut client = Client::new(config, now);
        let offer = client.offer()?;
        let peer = Self {
            socket,
            seat,
            port: address.port(),
            state: State::Connecting { since: now },
            is_late: common.began,
            tally: Tally::default(),
            arrived: 0,
            made: 0,
            sent: 0,
            wants: now,
            scheduled: None,
            client: Some(client),
        };
        Ok((peer, offer))
    }

    pub(crate) fn accept(&mut self, answer: &str, common: &mut Common) -> Result<()> {
        if let Some(client) = &mut self.client {
            client.accept(answer)?;
        }
        self.advance(common);
        Ok(())
    }

    /// A datagram has arrived.
    pub(crate) fn receive(&mut self, datagram: &Arrived<'_>, common: &mut Common) {
        let bytes = datagram.bytes;
        let frame = Frame::of(bytes);
        self.arrived += u64::from(frame.is_some());
        if self.state == State::Up && common.loses() {
            return;
        }
        if let Some(frame) = frame {
            self.tally.add(frame, datagram.at);
        }
        // Connectivity checks and DTLS must go on for everybody.
        if is_media(bytes) && self.seat.role != Role::Listener {
            return;
        }
        if let Some(client) = &mut self.client {
            client.handle_datagram(datagram.source, bytes, Instant::now());
            self.poll(Some(datagram), common);
        }
    }

    /// Time has passed.
    pub(crate) fn advance(&mut self, common: &mut Common) {
        if let Some(client) = &mut self.client {
            client.handle_timeout(Instant::now());
            self.poll(None, common);
        }
    }

    /// A speaker says its next frame.
    pub(crate) fn speak(&mut self, common: &mut Common) {
        let (Role::Speaker(speaker), Some(client)) = (self.seat.role, &mut self.client) else {
            return;
        };
        let said = Said { room: self.seat.room, speaker, at: sockets::now() };
        if client.send_opus(voice::frame(said), LEVEL, Instant::now()) {
            self.poll(None, common);
        }
    }

    /// Says goodbye.
    pub(crate) fn leave(&mut self, common: &mut Common) {
        self.state = State::Left;
        if let Some(client) = &mut self.client {
            client.close();
            self.poll(None, common);
        }
        self.client = None;
    }

    /// It will not come up any more, or has been thrown out.
    pub(crate) fn fail(&mut self) {
        self.state = State::Failed;
        self.client = None;
    }

    fn poll(&mut self, cause: Option<&Arrived<'_>>, common: &mut Common) {
        while let Some(client) = &mut self.client {
            match client.poll() {
                ClientOutput::Timeout(at) => {
                    self.wants = at;
                    return;
                }
                ClientOutput::Transmit(datagram) => {
                    self.transmit(&datagram.bytes, datagram.destination, common);
                }
                ClientOutput::Connected => self.state = State::Up,
                ClientOutput::Received(received) => {
                    if let (Some(said), Some(cause)) = (voice::said(&received.payload), cause) {
                        common.hears(self.seat, said, cause.at);
                    }
                }
                ClientOutput::Closed if self.state == State::Left => return,
                ClientOutput::Closed => self.fail(),
            }
        }
    }

    fn transmit(&mut self, bytes: &[u8], destination: SocketAddr, common: &mut Common) {
        let frames = u64::from(is_rtp(bytes));
        self.made += frames;
        if self.state == State::Up && common.loses() {
            return;
        }
        self.sent += frames;
        // Whatever the kernel has against it, a datagram may be lost, and that will be seen.
        let _ = self.socket.send_to(bytes, destination);
    }
}
