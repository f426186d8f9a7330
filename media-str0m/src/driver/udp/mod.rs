mod backlog;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod plain;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use tokio::net::UdpSocket;

use self::backlog::Backlog;
#[cfg(target_os = "linux")]
use self::linux::{Io, Offload};
#[cfg(not(target_os = "linux"))]
use self::plain::{Io, Offload};
use super::{Inbox, SocketStats, Sockets};
use crate::engine::{Batch, Segment};

/// The most local addresses that are bound; a machine with more has to be told which.
pub const ADDRESSES_MAX: usize = 16;

/// How often a free port is looked for that is free on every address.
const PORT_ATTEMPTS: usize = 32;

/// More errors than this from one receive, and other tasks get their turn first.
const ERRORS_MAX: usize = 64;

/// What the kernel is asked to keep of what comes in and of what is to leave, for each socket:
/// the sound of 3,000 listeners, three speakers each, for some 40 ms.
#[cfg(target_os = "linux")]
const BUFFER_BYTES: libc::c_int = 4 << 20;

/// Plain UDP sockets, one an address, all on the same port.
///
/// One socket on the unspecified address would not do: it does not say which address a datagram
/// came to, and ICE has to answer from that one (RFC 8445 §7.3).
///
/// On Linux many datagrams go into one system call. Those of one size for one listener are given
/// to the kernel as one message, which it or the network card cuts (`UDP_SEGMENT`), and merged
/// ones are taken (`UDP_GRO`), wherever the kernel has these; see udp(7). What it has no room for
/// waits, up to 1 MiB a socket, and when there is more the oldest is dropped.
pub struct UdpSockets {
    sockets: Vec<Local>,
    io: Io,
    stats: SocketStats,
    /// The segments of one socket, when a batch is for several.
    own: Vec<Segment>,
    first: usize,
}

/// How [`UdpSockets`] are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// The address to listen on; if it is unspecified, every address of its family.
    pub bind: SocketAddr,
    /// Whether the kernel is to merge and cut datagrams where it can. Off is for network cards
    /// that get it wrong.
    pub offload: bool,
}

/// A socket and what waits to leave through it.
struct Local {
    address: SocketAddr,
    socket: UdpSocket,
    offload: Offload,
    backlog: Backlog,
}

/// How far a send got.
#[derive(Debug)]
enum Sent {
    /// So many of the first segments are on their way.
    Taken(usize),
    /// The kernel has no room; nothing was sent.
    Full,
    /// So many of the first segments cannot be sent.
    Refused(usize, io::Error),
}

impl Sent {
    fn failed(segments: usize, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Full,
            io::ErrorKind::Interrupted => Self::Taken(0),
            _ => Self::Refused(segments, error),
        }
    }
}

impl UdpSockets {
    /// Binds one address; or, if it is unspecified, every address of its family the machine has,
    /// loopback among them, for a browser on the same machine. Port 0 picks one that is free on
    /// all. Link-local addresses are left out, because a browser could not use them.
    ///
    /// # Errors
    /// What the operating system has against it.
    ///
    /// # Panics
    /// Outside a tokio runtime. The runtime it is called in is the one to use the sockets in.
    pub fn bind(config: UdpConfig) -> io::Result<Self> {
        let bind = config.bind;
        let addresses =
            if bind.ip().is_unspecified() { local_addresses(bind.ip())? } else { vec![bind.ip()] };
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Self::bind_all(&addresses, bind.port(), config.offload) {
                // The port the first socket was given is taken on another address.
                Err(error)
                    if bind.port() == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && attempt < PORT_ATTEMPTS => {}
                bound => return bound,
            }
        }
    }

    fn bind_all(addresses: &[IpAddr], port: u16, offload: bool) -> io::Result<Self> {
        let mut port = port;
        let mut sockets = Vec::with_capacity(addresses.len());
        for address in addresses {
            let socket = match std::net::UdpSocket::bind((*address, port)) {
                Ok(socket) => socket,
                // It went away after it was listed, or is not ready yet.
                Err(error)
                    if addresses.len() > 1 && error.kind() == io::ErrorKind::AddrNotAvailable =>
                {
                    tracing::warn!(%address, "an address cannot be bound and is left out");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let local = Local::new(socket, offload)?;
            port = local.address.port();
            sockets.push(local);
        }
        if sockets.is_empty() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let (io, stats) = (Io::new(), SocketStats::default());
        Ok(Self { sockets, io, stats, own: Vec::new(), first: 0 })
    }

    fn send_segments(&mut self, bytes: &[u8], segments: &[Segment]) {
        let Self { sockets, io, stats, own, .. } = self;
        let Some(source) = segments.first().map(|segment| segment.source) else { return };
        let is_for_one = segments.iter().all(|segment| segment.source == source);
        let mut left = segments.len();
        for local in sockets {
            let segments = match is_for_one {
                true if local.address == source => segments,
                true => continue,
                false => {
                    own.clear();
                    own.extend(segments.iter().filter(|it| it.source == local.address));
                    &own[..]
                }
            };
            left -= segments.len();
            local.send(bytes, segments, io, stats);
        }
        stats.lost.no_socket += left as u64;
    }

    /// Goes on with what waits, and has the task woken when it can go on further.
    fn poll_flush(&mut self, cx: &mut Context<'_>) {
        let Self { sockets, io, stats, .. } = self;
        for local in sockets {
            while !local.backlog.is_empty() {
                let Poll::Ready(Ok(())) = local.socket.poll_send_ready(cx) else { break };
                local.flush(io, stats);
            }
        }
    }
}

impl Sockets for UdpSockets {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|local| local.address).collect()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        self.poll_flush(cx);
        let mut errors = 0;
        // Each call starts with another socket, so that a busy one cannot starve the rest.
        self.first = (self.first + 1) % self.sockets.len();
        'sockets: for at in 0..self.sockets.len() {
            let local = &self.sockets[(self.first + at) % self.sockets.len()];
            while local.socket.poll_recv_ready(cx)?.is_ready() {
                if inbox.slot().is_none() {
                    break 'sockets;
                }
                match self.io.receive(&local.socket, local.address, inbox, &mut self.stats) {
                    Ok(true) => {}
                    // What has come is handled before it is asked whether there is more.
                    Ok(false) => break,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // An ICMP message about something sent earlier: it has been taken off the
                    // socket, and the next datagram is behind it.
                    Err(error) => {
                        tracing::trace!(%error, "a receive has failed");
                        errors += 1;
                        if errors > ERRORS_MAX {
                            break 'sockets;
                        }
                    }
                }
            }
        }
        if !inbox.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if errors > ERRORS_MAX {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn send(&mut self, batch: &Batch) {
        self.send_segments(batch.bytes(), batch.segments());
    }

    fn stats(&self) -> SocketStats {
        self.stats
    }
}

impl Local {
    fn new(socket: std::net::UdpSocket, offload: bool) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        let offload = Offload::new(&socket, offload);
        Ok(Self { address, socket, offload, backlog: Backlog::default() })
    }

    /// Sends what the kernel has room for; the rest waits.
    fn send(&mut self, bytes: &[u8], segments: &[Segment], io: &mut Io, stats: &mut SocketStats) {
        self.flush(io, stats);
        let mut done = 0;
        if self.backlog.is_empty() {
            let Self { socket, offload, .. } = self;
            done = dispatch(segments, stats, |segments, stats| {
                io.send((socket, offload), bytes, segments, stats)
            });
        }
        let rest = &segments[done..];
        stats.queued += rest.len() as u64;
        for segment in rest {
            let payload = &bytes[segment.offset..segment.offset + segment.len];
            stats.lost.overflow += self.backlog.push(segment, payload);
        }
    }

    /// Sends what waits, as far as the kernel has room for it.
    fn flush(&mut self, io: &mut Io, stats: &mut SocketStats) {
        let Self { socket, offload, backlog, .. } = self;
        let (bytes, segments) = backlog.waiting();
        let done = dispatch(segments, stats, |segments, stats| {
            io.send((socket, offload), bytes, segments, stats)
        });
        backlog.leave(done);
    }
}

/// Sends segments until all have been seen to or there is no more room; gives how many have been.
fn dispatch(
    segments: &[Segment],
    stats: &mut SocketStats,
    mut send: impl FnMut(&[Segment], &mut SocketStats) -> Sent,
) -> usize {
    let mut done = 0;
    while done < segments.len() {
        match send(&segments[done..], stats) {
            Sent::Taken(count) => done += count,
            Sent::Full => break,
            Sent::Refused(count, error) => {
                let destination = segments[done].destination;
                tracing::trace!(%error, %destination, count, "datagrams are lost");
                stats.lost.refused += count as u64;
                done += count;
            }
        }
    }
    done
}

fn local_addresses(family: IpAddr) -> io::Result<Vec<IpAddr>> {
    let is_usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => family.is_ipv4() && !ip.is_link_local(),
        IpAddr::V6(ip) => family.is_ipv6() && !ip.is_unicast_link_local(),
    };
    let found = if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip());
    let mut addresses: Vec<_> = found.filter(is_usable).collect();
    addresses.push(match family {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    });
    // Clients try candidates in this order: what reaches further comes first.
    addresses.sort_by_key(|ip| (ip.is_loopback(), *ip));
    addresses.dedup();
    if addresses.len() > ADDRESSES_MAX {
        tracing::warn!(
            count = addresses.len(),
            max = ADDRESSES_MAX,
            "this machine has too many addresses to bind them all; name one"
        );
        addresses.truncate(ADDRESSES_MAX);
    }
    Ok(addresses)
}
