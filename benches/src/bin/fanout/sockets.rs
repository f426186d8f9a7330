//! Sockets of clients, read many datagrams at a time.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, recvmmsg, setsockopt,
};
use nix::sys::time::TimeSpec;

/// What a client's socket holds while nobody reads: a harness that lags must not lose what the
/// forwarder has sent.
const RECEIVE_BUFFER_BYTES: usize = 2 << 20;

/// How many datagrams one read takes: a little more than a listener gets in a frame.
const DATAGRAMS_MAX: usize = 16;
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// A socket on loopback with a large buffer; the kernel notes when datagrams arrive.
pub(crate) fn bind() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    // Only the superuser gets past the system's limit.
    setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER_BYTES)
        .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER_BYTES))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
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
    headers: MultiHeaders<SockaddrIn>,
    bytes: Vec<u8>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        // A header keeps the length of the notes that its last datagram had. All of ours have one
        // note, of one size, so that it always fits.
        let control = nix::cmsg_space!(TimeSpec);
        Self {
            headers: MultiHeaders::preallocate(DATAGRAMS_MAX, Some(control)),
            bytes: vec![0; DATAGRAMS_MAX * DATAGRAM_BYTES_MAX],
        }
    }

    /// Gives everything that has arrived to `take`.
    pub(crate) fn read(&mut self, socket: &UdpSocket, mut take: impl FnMut(&Arrived<'_>)) {
        loop {
            match self.read_some(socket, &mut take) {
                // There may be more.
                Ok(DATAGRAMS_MAX) => {}
                // The first is an ICMP message about something sent earlier; it is taken off by
                // being told, and datagrams may be behind it.
                Err(Errno::ECONNREFUSED | Errno::EINTR) => {}
                // Fewer than were asked for are all there are: to ask again would cost as much.
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn read_some(
        &mut self,
        socket: &UdpSocket,
        take: &mut impl FnMut(&Arrived<'_>),
    ) -> nix::Result<usize> {
        let mut slots = self.bytes.chunks_exact_mut(DATAGRAM_BYTES_MAX);
        let mut slots: [[IoSliceMut<'_>; 1]; DATAGRAMS_MAX] = std::array::from_fn(|_| {
            [IoSliceMut::new(slots.next().expect("there is a slot for each datagram"))]
        });
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let received = recvmmsg(fd, &mut self.headers, slots.iter_mut(), flags, None)?;
        let mut count = 0;
        for message in received {
            count += 1;
            let Some(source) = message.address.map(SocketAddrV4::from) else { continue };
            let at = arrival(&message);
            if let Some(bytes) = message.iovs().next() {
                take(&Arrived { source: source.into(), at, bytes });
            }
        }
        Ok(count)
    }
}

fn arrival(message: &RecvMsg<'_, '_, SockaddrIn>) -> Duration {
    let notes = message.cmsgs().into_iter().flatten();
    let noted = notes.filter_map(|note| match note {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
        _ => None,
    });
    noted.last().unwrap_or_else(now)
}

/// Since the epoch: the clock of the kernel's notes.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
