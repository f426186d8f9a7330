//! Sockets of clients, read many datagrams at a time.
//!
//! They take merged datagrams (GRO). On loopback the kernel does the receiver's work on the account
//! of whoever sends; cutting up what a network card would cut up is no work of a forwarder.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns, UdpGroSegment};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

/// What a client's socket holds while nobody reads: a harness that lags must not lose what the
/// forwarder has sent.
const RECEIVE_BUFFER_BYTES: usize = 2 << 20;

/// No UDP payload is longer, merged or not.
const MESSAGE_BYTES_MAX: usize = 65_536;

/// A socket on loopback with a large buffer; the kernel notes when datagrams arrive.
pub(crate) fn bind() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    // Only the superuser gets past the system's limit.
    setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER_BYTES)
        .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER_BYTES))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    setsockopt(&socket, UdpGroSegment, &true)?;
    Ok(socket)
}

/// A datagram, and when it arrived at the socket, whenever it was read.
pub(crate) struct Arrived<'a> {
    pub(crate) source: SocketAddr,
    /// Since the epoch.
    pub(crate) at: Duration,
    pub(crate) bytes: &'a [u8],
}

/// Memory to read into.
pub(crate) struct Reader {
    notes: Vec<u8>,
    bytes: Vec<u8>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let notes = nix::cmsg_space!(TimeSpec, i32);
        Self { notes, bytes: vec![0; MESSAGE_BYTES_MAX] }
    }

    /// Gives everything that has arrived to `take`.
    pub(crate) fn read(&mut self, socket: &UdpSocket, mut take: impl FnMut(&Arrived<'_>)) {
        loop {
            match self.read_one(socket, &mut take) {
                // The second is an ICMP message about something sent earlier; it is taken off by
                // being told, and datagrams may be behind it.
                Ok(()) | Err(Errno::ECONNREFUSED | Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// One message, of one datagram or of several that are merged.
    fn read_one(
        &mut self,
        socket: &UdpSocket,
        take: &mut impl FnMut(&Arrived<'_>),
    ) -> nix::Result<()> {
        let mut slots = [IoSliceMut::new(&mut self.bytes)];
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let message = recvmsg::<SockaddrIn>(fd, &mut slots, Some(&mut self.notes), flags)?;
        let (len, source) = (message.bytes, message.address.map(SocketAddrV4::from));
        let (mut at, mut each) = (None, len);
        for note in message.cmsgs().into_iter().flatten() {
            match note {
                ControlMessageOwned::ScmTimestampns(noted) => at = Some(Duration::from(noted)),
                ControlMessageOwned::UdpGroSegments(size) => {
                    each = usize::try_from(size).unwrap_or(len);
                }
                _ => {}
            }
        }
        let Some(source) = source.map(SocketAddr::from) else { return Ok(()) };
        let at = at.unwrap_or_else(now);
        for bytes in self.bytes[..len].chunks(each.max(1)) {
            take(&Arrived { source, at, bytes });
        }
        Ok(())
    }
}

/// Since the epoch: the clock of the kernel's notes.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
