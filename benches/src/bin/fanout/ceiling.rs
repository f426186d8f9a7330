//! The most there is to be had: packets of the same size are sealed and sent to many sockets on
//! loopback, and nothing else is done meanwhile.
//!
//! One thread does it all by turns: it serves everybody once, as a forwarder does in a frame, and
//! then empties their sockets, whose time is not counted. Nobody has to be woken, and nobody reads
//! beside it on another core: it is the best case, and figures against it are on the safe side.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
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

/// Packets a CPU second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceiling {
    /// With a system call each.
    pub(crate) sendto: f64,
    /// With one for three, which the kernel cuts apart.
    pub(crate) gso: f64,
}

pub(crate) fn measure(listeners: usize) -> Result<Ceiling> {
    let sockets = (0..listeners.min(LISTENERS_MAX)).map(|_| sockets::bind());
    let sockets = sockets.collect::<std::io::Result<Vec<_>>>()?;
    Ok(Ceiling { sendto: run(&sockets, send_each)?, gso: run(&sockets, send_together)? })
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
fn run(sockets: &[UdpSocket], send: Send) -> Result<f64> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut targets = sockets.iter().enumerate().map(target).collect::<Result<Vec<_>>>()?;
    let mut bytes = vec![0; TOGETHER * PACKET_BYTES];
    let mut reader = Reader::new();
    let (begin, mut used, mut arrived) = (Instant::now(), Duration::ZERO, 0_u64);
    while begin.elapsed() < LASTS {
        let before = usage::thread_cpu()?;
        for target in &mut targets {
            for packet in bytes.chunks_exact_mut(PACKET_BYTES) {
                seal(target, packet)?;
            }
            send(&socket, target, &bytes)?;
        }
        used += usage::thread_cpu()? - before;
        for socket in sockets {
            reader.read(socket, |_| arrived += 1);
        }
    }
    // What has not arrived was not worth its time.
    Ok(arrived as f64 / used.as_secs_f64().max(1e-9))
}

fn target((n, socket): (usize, &UdpSocket)) -> Result<Target> {
    let SocketAddr::V4(address) = socket.local_addr()? else {
        return Err("a socket on loopback has an IPv4 address".into());
    };
    // Everybody has a key of their own, as they have in a room.
    let mut key = [7; 16];
    key[..8].copy_from_slice(&n.to_be_bytes());
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| "a key cannot be used")?;
    let key = LessSafeKey::new(key);
    Ok(Target { address: address.into(), plain: address.into(), key, count: 0 })
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
