use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::{Inbox, Sockets};
use crate::engine::Batch;

/// The most local addresses that are bound; a machine with more has to be told which.
pub const ADDRESSES_MAX: usize = 16;

/// How often a free port is looked for that is free on every address.
const PORT_ATTEMPTS: usize = 32;

/// More errors than this from one receive, and other tasks get their turn first.
const ERRORS_MAX: usize = 64;

/// Plain UDP sockets, one an address, all on the same port.
///
/// One socket on the unspecified address would not do: it does not say which address a datagram
/// came to, and ICE has to answer from that one (RFC 8445 §7.3).
#[derive(Debug)]
pub struct UdpSockets {
    sockets: Vec<(SocketAddr, UdpSocket)>,
    first: usize,
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
    /// Outside a tokio runtime.
    pub fn bind(bind: SocketAddr) -> io::Result<Self> {
        let addresses =
            if bind.ip().is_unspecified() { local_addresses(bind.ip())? } else { vec![bind.ip()] };
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Self::bind_all(&addresses, bind.port()) {
                // The port the first socket was given is taken on another address.
                Err(error)
                    if bind.port() == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && attempt < PORT_ATTEMPTS => {}
                bound => return bound,
            }
        }
    }

    fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Self> {
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
            socket.set_nonblocking(true)?;
            let socket = UdpSocket::from_std(socket)?;
            let local = socket.local_addr()?;
            port = local.port();
            sockets.push((local, socket));
        }
        if sockets.is_empty() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Self { sockets, first: 0 })
    }
}

impl Sockets for UdpSockets {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address).collect()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        let mut errors = 0;
        // Each call starts with another socket, so that a busy one cannot starve the rest.
        self.first = (self.first + 1) % self.sockets.len();
        'sockets: for at in 0..self.sockets.len() {
            let (local, socket) = &self.sockets[(self.first + at) % self.sockets.len()];
            loop {
                let Some(slot) = inbox.slot() else { break 'sockets };
                let mut buffer = ReadBuf::new(slot);
                match socket.poll_recv_from(cx, &mut buffer) {
                    Poll::Ready(Ok(source)) => {
                        let len = buffer.filled().len();
                        inbox.fill(len, source, *local);
                    }
                    // An ICMP message about something sent earlier: it has been taken off the
                    // socket, and the next datagram is behind it.
                    Poll::Ready(Err(error)) => {
                        tracing::trace!(%error, "a receive has failed");
                        errors += 1;
                        if errors > ERRORS_MAX {
                            break 'sockets;
                        }
                    }
                    Poll::Pending => break,
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

    fn send(&mut self, batch: &Batch) -> usize {
        let mut sent = 0;
        for datagram in batch.datagrams() {
            let socket = self.sockets.iter().find(|(local, _)| *local == datagram.source);
            let Some((_, socket)) = socket else { continue };
            match socket.try_send_to(datagram.bytes, datagram.destination) {
                Ok(_) => sent += 1,
                Err(error) => tracing::trace!(%error, "a datagram is lost"),
            }
        }
        sent
    }
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
