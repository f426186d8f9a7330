//! What Parlor's forwarder is compared with: a plain one, as one would write it on str0m from its
//! chat example.
//!
//! One thread and one UDP socket: receive a datagram, find its session, hand it in; every packet
//! that comes out is written to every other session of the room at once, and whatever a session
//! then wants sent leaves with a system call a datagram. Sessions are found by a map of addresses,
//! and only those whose time has come are told the time: it is plain, not careless. The first
//! three who speak in a room are heard, for that is how many slots a client offers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::crypto::CryptoProvider;
use str0m::media::{Direction, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::Result;
use crate::protocol::{Reply, Request, Snapshot, read_requests, say};

/// Requests are looked for at least so often.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A session is told the time no more often than this.
const TICK: Duration = Duration::from_millis(1);

/// What the socket holds while packets are written: without it, a big room loses most of them.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// How many are heard in a room.
const HEARD_MAX: usize = 3;

/// Runs until it is told to end, or nobody is left to tell it.
pub(crate) fn run() -> Result<()> {
    let mut sfu = Plain::bind()?;
    say(&Reply::Ready { address: sfu.address })?;
    let (sender, requests) = mpsc::channel();
    let read = move || read_requests(|request| sender.send(request).is_ok());
    std::thread::Builder::new().name("requests".into()).spawn(read)?;
    let mut bytes = vec![0; 2_048];
    loop {
        loop {
            match requests.try_recv() {
                Ok(Request::End) | Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
                Ok(request) => sfu.obey(request)?,
                Err(mpsc::TryRecvError::Empty) => break,
            }
        }
        sfu.socket.set_read_timeout(Some(sfu.rest()))?;
        // An error is no datagram, or tells of one that was sent to somebody who has gone.
        if let Ok((len, source)) = sfu.socket.recv_from(&mut bytes) {
            sfu.receive(source, &bytes[..len]);
        }
        sfu.tell_time();
    }
}

struct Plain {
    socket: UdpSocket,
    address: SocketAddr,
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    sessions: Vec<Option<Session>>,
    by_client: HashMap<u64, usize>,
    by_address: HashMap<SocketAddr, usize>,
    rooms: HashMap<u32, Room>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    packets_in: u64,
    copies_sent: u64,
    send_lost: u64,
}

#[derive(Default)]
struct Room {
    sessions: Vec<usize>,
    /// Who is heard, each in the slot of their place here.
    heard: Vec<usize>,
}

struct Session {
    rtc: Rtc,
    room: u32,
    slots: Vec<(Mid, Pt)>,
    wants: Instant,
    scheduled: Option<Instant>,
}

impl Plain {
    fn bind() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER_BYTES)
            .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER_BYTES))?;
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate();
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            crypto: Arc::new(crypto),
            certificate: certificate.ok_or("there is no DTLS certificate to be had")?,
            sessions: Vec::new(),
            by_client: HashMap::new(),
            by_address: HashMap::new(),
            rooms: HashMap::new(),
            deadlines: BinaryHeap::new(),
            packets_in: 0,
            copies_sent: 0,
            send_lost: 0,
        })
    }

    fn obey(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Connect { client, room, offer, .. } => {
                say(&match self.connect(client, room, &offer) {
                    Ok(answer) => Reply::Answer { client, answer },
                    Err(error) => Reply::Refused { client, why: error.to_string() },
                })
            }
            Request::Disconnect { client } => {
                if let Some(n) = self.by_client.get(&client) {
                    self.remove(*n);
                }
                Ok(())
            }
            Request::Begin | Request::Stats => say(&Reply::Stats(Snapshot {
                sessions: self.by_client.len() as u64,
                packets_in: self.packets_in,
                copies_sent: self.copies_sent,
                send_lost: self.send_lost,
                ..Snapshot::of_process()?
            })),
            Request::End => Ok(()),
        }
    }

    fn connect(&mut self, client: u64, room: u32, offer: &str) -> Result<String> {
        let now = Instant::now();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_dtls_cert(self.certificate.clone())
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .clear_extension_map()
            .set_extension(1, Extension::AudioLevel)
            .set_extension(4, Extension::RtpMid)
            .build(now);
        rtc.add_local_candidate(Candidate::host(self.address, "udp")?);
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer)?)?;
        let slots = offer.lines().filter_map(|line| slot(&rtc, line.strip_prefix("a=mid:")?));
        let slots = slots.collect();
        let n = self.sessions.len();
        self.sessions.push(Some(Session { rtc, room, slots, wants: now, scheduled: None }));
        self.by_client.insert(client, n);
        self.rooms.entry(room).or_default().sessions.push(n);
        self.drain(n);
        Ok(answer.to_sdp_string())
    }

    fn remove(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n).and_then(Option::take) else { return };
        self.by_client.retain(|_, other| *other != n);
        self.by_address.retain(|_, other| *other != n);
        if let Some(room) = self.rooms.get_mut(&session.room) {
            room.sessions.retain(|other| *other != n);
        }
    }

    fn receive(&mut self, source: SocketAddr, bytes: &[u8]) {
        let Ok(receive) = Receive::new(Protocol::Udp, source, self.address, bytes) else { return };
        let input = Input::Receive(Instant::now(), receive);
        let known = self.by_address.get(&source).copied();
        let accepts = |it: &Option<Session>| it.as_ref().is_some_and(|it| it.rtc.accepts(&input));
        // An address nobody has had before is looked for as the example does.
        let Some(n) = known.or_else(|| self.sessions.iter().rposition(accepts)) else { return };
        let Some(session) = self.sessions.get_mut(n).and_then(Option::as_mut) else { return };
        if known.is_none() {
            self.by_address.insert(source, n);
        }
        if session.rtc.handle_input(input).is_err() {
            return self.remove(n);
        }
        self.drain(n);
    }

    /// Sends what a session has to send, and forwards what it has received.
    fn drain(&mut self, n: usize) {
        let mut packets = Vec::new();
        while let Some(session) = self.sessions.get_mut(n).and_then(Option::as_mut) {
            match session.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    session.wants = at;
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    let sent = self.socket.send_to(&transmit.contents, transmit.destination);
                    self.send_lost += u64::from(sent.is_err());
                }
                Ok(Output::Event(Event::RtpPacket(packet))) => packets.push(packet),
                Ok(Output::Event(Event::Closed)) | Err(_) => return self.remove(n),
                Ok(Output::Event(_)) => {}
            }
        }
        self.schedule(n);
        for packet in packets {
            self.forward(n, &packet);
        }
    }

    fn forward(&mut self, speaker: usize, packet: &RtpPacket) {
        self.packets_in += 1;
        let Some(Some(Session { room, .. })) = self.sessions.get(speaker) else { return };
        let Some(room) = self.rooms.get_mut(room) else { return };
        if !room.heard.contains(&speaker) && room.heard.len() < HEARD_MAX {
            room.heard.push(speaker);
        }
        let Some(slot) = room.heard.iter().position(|heard| *heard == speaker) else { return };
        let others = room.sessions.clone();
        let now = Instant::now();
        for n in others.into_iter().filter(|n| *n != speaker) {
            if self.write(n, slot, packet, now) {
                self.copies_sent += 1;
                self.drain(n);
            }
        }
    }

    fn write(&mut self, n: usize, slot: usize, packet: &RtpPacket, now: Instant) -> bool {
        let Some(session) = self.sessions.get_mut(n).and_then(Option::as_mut) else {
            return false;
        };
        let Some((mid, pt)) = session.slots.get(slot).copied() else { return false };
        if !session.rtc.is_connected() {
            return false;
        }
        let values = ExtensionValues {
            audio_level: packet.header.ext_vals.audio_level,
            voice_activity: packet.header.ext_vals.voice_activity,
            ..ExtensionValues::default()
        };
        let mut api = session.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return false };
        let (time, payload) = (packet.header.timestamp, packet.payload.clone());
        let write = RtpWrite::new(pt, packet.seq_no, time, now, payload);
        stream.write_rtp(write.marker(packet.header.marker).ext_vals(values));
        true
    }

    fn schedule(&mut self, n: usize) {
        let Some(Some(session)) = self.sessions.get_mut(n) else { return };
        let at = session.wants.max(Instant::now() + TICK);
        if session.scheduled.is_none_or(|scheduled| scheduled > at) {
            session.scheduled = Some(at);
            self.deadlines.push(Reverse((at, n)));
        }
    }

    fn tell_time(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, n))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            let Some(Some(session)) = self.sessions.get_mut(n) else { continue };
            if session.scheduled != Some(at) {
                continue;
            }
            session.scheduled = None;
            if session.wants > now {
                self.schedule(n);
            } else if session.rtc.handle_input(Input::Timeout(now)).is_ok() {
                self.drain(n);
            } else {
                self.remove(n);
            }
        }
    }

    /// How long it may wait for a datagram.
    fn rest(&self) -> Duration {
        let next = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let left = next.map(|at| at.saturating_duration_since(Instant::now()));
        // Zero would mean for ever.
        left.unwrap_or(LOOK_EVERY).clamp(Duration::from_micros(1), LOOK_EVERY)
    }
}

/// The m-line of that name, if something can be sent on it.
fn slot(rtc: &Rtc, mid: &str) -> Option<(Mid, Pt)> {
    let mid = Mid::from(mid.trim());
    let media = rtc.media(mid)?;
    let sends = matches!(media.direction(), Direction::SendOnly | Direction::SendRecv);
    let pt = media.remote_pts().first().copied()?;
    sends.then_some((mid, pt))
}
