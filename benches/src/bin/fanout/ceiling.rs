//! The most there is to be had: packets of the same size are sealed and sent to many sockets on
//! loopback, by one thread that does nothing else.

use std::io::IoSlice;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

use crate::sockets::{self, Reader};
use crate::voice::OPUS_BYTES;
use crate::{Result, usage};

/// RTP with two one-byte extensions: the m-line and the level.
const HEADER_BYTES: usize = 20;
const TAG_BYTES: usize = 16;
const PACKET_BYTES: usize = HEADER_BYTES + OPUS_BYTES + TAG_BYTES;

/// Packets a listener is due at a time.
const TOGETHER: usize = 3;

/// How long each way is measured.
const LASTS: Duration = Duration::from_millis(1_500);

const LISTENERS_MAX: usize = 3_000;

/// How many times everybody may be served ahead of what has been read: the buffers hold more.
const ROUNDS_AHEAD: u64 = 64;

/// Listeners look so often, as they do in a room: whoever sends wakes nobody with each packet.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Packets a CPU second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceiling {
    /// With a system call each.
    pub(crate) sendto: f64,
    /// With one for three, which the kernel cuts apart.
    pub(crate) gso: f64,
}

pub(crate) fn measure(listeners: usize) -> Result<Ceiling> {
    let sink = Sink::start(listeners.min(LISTENERS_MAX))?;
    let sendto = run(&sink, send_each)?;
    let gso = run(&sink, send_together)?;
    Ok(Ceiling { sendto, gso })
}

/// Listeners that read and forget.
struct Sink {
    addresses: Vec<SocketAddrV4>,
    read: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Sink {
    fn start(listeners: usize) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let (mut sockets, mut addresses) = (Vec::new(), Vec::new());
        for n in 0..listeners {
            let socket = sockets::bind()?;
            let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            epoll.add(&socket, EpollEvent::new(flags, n as u64))?;
            if let SocketAddr::V4(address) = socket.local_addr()? {
                addresses.push(address);
            }
            sockets.push(socket);
        }
        let (read, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let sink = Self { addresses, read: read.clone(), is_over: is_over.clone() };
        let forget = move || {
            let mut reader = Reader::new();
            let mut events = [EpollEvent::empty(); 512];
            while !is_over.load(Ordering::Relaxed) {
                let Ok(count) = epoll.wait(&mut events, 100_u8) else { continue };
                for event in &events[..count] {
                    let mut some = 0;
                    reader.read(&sockets[event.data() as usize], |_| some += 1);
                    read.fetch_add(some, Ordering::Relaxed);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        };
        std::thread::Builder::new().name("sink".into()).spawn(forget)?;
        Ok(sink)
    }
}

impl Sink {
    fn read_since(&self, before: u64) -> u64 {
        self.read.load(Ordering::Relaxed) - before
    }

    /// Waits until so many have been read, or until it is clear that some are lost.
    fn wait_for(&self, count: u64, before: u64) {
        let patience = Instant::now() + LASTS;
        while self.read_since(before) < count && Instant::now() < patience {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// What is needed to serve one listener.
struct Target {
    address: SockaddrIn,
    plain: SocketAddr,
    key: LessSafeKey,
    count: u64,
}

type Send = fn(&UdpSocket, &Target, &[u8]) -> Result<()>;

/// Serves one listener after the other, `TOGETHER` packets each, and gives packets a CPU second.
fn run(sink: &Sink, send: Send) -> Result<f64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut targets = targets(sink)?;
    let mut bytes = vec![0; TOGETHER * PACKET_BYTES];
    let round = (targets.len() * TOGETHER) as u64;
    let (mut sent, read_before) = (0, sink.read.load(Ordering::Relaxed));
    let (begin, cpu) = (Instant::now(), usage::thread_cpu_us()?);
    while begin.elapsed() < LASTS {
        for target in &mut targets {
            for packet in bytes.chunks_exact_mut(PACKET_BYTES) {
                seal(target, packet)?;
            }
            send(&socket, target, &bytes)?;
        }
        sent += round;
        // A listener's buffer must never run over. Whoever waits is asleep, and uses no CPU time.
        if sent - sink.read_since(read_before) > round * ROUNDS_AHEAD {
            sink.wait_for(sent - round, read_before);
        }
    }
    let cpu_us = usage::thread_cpu_us()? - cpu;
    // What is still on its way must not be taken for what the next run has sent.
    sink.wait_for(sent, read_before);
    Ok(sent as f64 * 1e6 / cpu_us.max(1) as f64)
}

fn targets(sink: &Sink) -> Result<Vec<Target>> {
    let target = |(n, address): (usize, &SocketAddrV4)| {
        // Everybody has a key of their own, as they have in a room.
        let mut key = [7; 16];
        key[..8].copy_from_slice(&n.to_be_bytes());
        let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| "a key cannot be used")?;
        let (plain, address) = ((*address).into(), (*address).into());
        Ok(Target { address, plain, key: LessSafeKey::new(key), count: 0 })
    };
    sink.addresses.iter().enumerate().map(target).collect()
}

/// SRTP by AES-GCM, as far as the time it takes goes (RFC 7714).
fn seal(target: &mut Target, packet: &mut [u8]) -> Result<()> {
    target.count += 1;
    let (header, body) = packet.split_at_mut(HEADER_BYTES);
    header[..12].copy_from_slice(&[0x90, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header[2..4].copy_from_slice(&(target.count as u16).to_be_bytes());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&target.count.to_be_bytes());
    let (payload, place) = body.split_at_mut(OPUS_BYTES);
    payload.fill(0x55);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = target.key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload);
    place.copy_from_slice(tag.map_err(|_| "a packet cannot be sealed")?.as_ref());
    Ok(())
}

fn send_each(socket: &UdpSocket, target: &Target, bytes: &[u8]) -> Result<()> {
    for packet in bytes.chunks_exact(PACKET_BYTES) {
        socket.send_to(packet, target.plain)?;
    }
    Ok(())
}

fn send_together(socket: &UdpSocket, target: &Target, bytes: &[u8]) -> Result<()> {
    let (slices, size) = ([IoSlice::new(bytes)], PACKET_BYTES as u16);
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    let fd = socket.as_raw_fd();
    sendmsg(fd, &slices, &cut, MsgFlags::empty(), Some(&target.address))?;
    Ok(())
}
