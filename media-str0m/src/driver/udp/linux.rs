//! Many datagrams a system call: `recvmmsg` with GRO, `sendmmsg` with GSO.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Once;

use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{BUFFER_BYTES, Sent};
use crate::driver::system::{self, Message, Receiver, SENT_MAX, Sender};
use crate::driver::{Inbox, SocketStats};
use crate::engine::Segment;

/// Linux cuts a message into no more datagrams; later versions into 128 (`UDP_MAX_SEGMENTS`).
const GSO_DATAGRAMS_MAX: usize = 64;

/// The longest message: 65,535 bytes less the headers of IPv4 and UDP.
const GSO_BYTES_MAX: usize = 65_507;

/// Longer datagrams are sent one by one: IP may have to fragment them, which the kernel refuses
/// for those it cuts. So much fits into the least MTU of IPv6, 1,280 bytes (RFC 8200 §5).
const GSO_DATAGRAM_BYTES_MAX: usize = 1_232;

/// What the system calls need; one for all sockets of a shard.
pub(super) struct Io {
    sender: Sender,
    receiver: Receiver,
    plan: Vec<Planned>,
}

/// What a socket can do.
#[derive(Debug)]
pub(super) struct Offload {
    gso: Gso,
}

/// Whether the kernel cuts messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gso {
    /// It says it does; whether the network card does remains to be seen.
    Untried,
    /// It has.
    Works,
    Off,
}

impl Offload {
    /// Sets the socket up, with merging and cutting if it is wanted and there.
    pub(super) fn new(socket: &UdpSocket, wanted: bool) -> Self {
        widen(socket, &RECEIVE);
        widen(socket, &SEND);
        if !wanted {
            return Self { gso: Gso::Off };
        }
        let socket = socket.as_fd();
        if let Err(error) = system::set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1) {
            tracing::info!(%error, "this kernel does not merge what it receives");
        }
        // Zero is what it is set to already; a kernel before 4.18 does not know the option.
        let gso = match system::set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0) {
            Ok(()) => Gso::Untried,
            Err(error) => {
                tracing::info!(%error, "this kernel does not cut what is sent");
                Gso::Off
            }
        };
        Self { gso }
    }

    /// Whether this may be because the message was to be cut. No checksum offload: `EIO`. A route
    /// whose MTU is less than a part: `EINVAL` or `EMSGSIZE`.
    fn is_suspect(error: &io::Error) -> bool {
        let suspect = [libc::EIO, libc::EOPNOTSUPP, libc::EINVAL, libc::EMSGSIZE];
        error.raw_os_error().is_some_and(|errno| suspect.contains(&errno))
    }

    /// A message was refused, and its parts were not. Anybody can have a route with a tiny MTU to
    /// themselves, so what has once worked is not given up for that.
    fn learn(&mut self, error: &io::Error) {
        let errno = error.raw_os_error();
        let is_final = matches!(errno, Some(libc::EIO | libc::EOPNOTSUPP));
        if is_final || self.gso == Gso::Untried {
            tracing::warn!(%error, "messages are not cut by the kernel; each is sent by itself");
            self.gso = Gso::Off;
        }
    }
}

/// Segments that leave as one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Planned {
    destination: SocketAddr,
    offset: usize,
    len: usize,
    segments: usize,
    /// How long each is but the last.
    each: usize,
}

impl Planned {
    fn one(segment: &Segment) -> Self {
        let &Segment { destination, offset, len, .. } = segment;
        Self { destination, offset, len, segments: 1, each: len }
    }

    /// Whether a segment can be appended: the kernel cuts from the front, so only the last may be
    /// shorter.
    fn takes(&self, segment: &Segment) -> bool {
        self.len == self.each * self.segments
            && (1..=self.each).contains(&segment.len)
            && self.each <= GSO_DATAGRAM_BYTES_MAX
            && segment.destination == self.destination
            && segment.offset == self.offset + self.len
            && self.segments < GSO_DATAGRAMS_MAX
            && self.len + segment.len <= GSO_BYTES_MAX
    }

    fn message(&self) -> Message {
        let &Self { destination, offset, len, segments, each } = self;
        let cut = if segments > 1 { u16::try_from(each).ok() } else { None };
        Message { destination, offset, len, cut }
    }
}

impl Io {
    pub(super) fn new() -> Self {
        Self {
            sender: Sender::new(),
            receiver: Receiver::new(Inbox::SLOTS_MAX),
            plan: Vec::with_capacity(SENT_MAX),
        }
    }

    /// Fills free slots of the inbox, of which there must be one; true if there may be more.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        local: SocketAddr,
        inbox: &mut Inbox,
        stats: &mut SocketStats,
    ) -> io::Result<bool> {
        let slots = inbox.slots().count();
        let received = socket.try_io(Interest::READABLE, || {
            stats.receive_calls += 1;
            self.receiver.receive(socket.as_fd(), inbox.slots())
        })?;
        for slot in 0..received {
            // What is from nowhere leaves its slot empty.
            match self.receiver.received(slot) {
                Some(received) => {
                    let each = received.each.unwrap_or(received.len);
                    stats.gro_messages += u64::from(each < received.len);
                    inbox.fill_merged(received.len, each, received.source, local);
                }
                None => inbox.fill(0, local, local),
            }
        }
        Ok(received == slots)
    }

    /// Sends the first of these segments, as many as one call takes.
    pub(super) fn send(
        &mut self,
        (socket, offload): (&UdpSocket, &mut Offload),
        bytes: &[u8],
        segments: &[Segment],
        stats: &mut SocketStats,
    ) -> Sent {
        self.plan(segments, offload.gso != Gso::Off);
        let error = match self.send_planned(socket, bytes, stats) {
            Ok(messages) => {
                let sent = &self.plan[..messages];
                let cut = sent.iter().filter(|planned| planned.segments > 1).count();
                stats.gso_messages += cut as u64;
                if cut > 0 {
                    offload.gso = Gso::Works;
                }
                return Sent::Taken(sent.iter().map(|planned| planned.segments).sum());
            }
            Err(error) => error,
        };
        let first = self.plan[0].segments;
        if first == 1 || !Offload::is_suspect(&error) {
            return Sent::failed(first, error);
        }
        // Once more, one by one.
        self.plan(&segments[..first], false);
        match self.send_planned(socket, bytes, stats) {
            Ok(messages) => {
                offload.learn(&error);
                Sent::Taken(messages)
            }
            // Nothing wrong with cutting, then.
            Err(error) => Sent::failed(first, error),
        }
    }

    fn send_planned(
        &mut self,
        socket: &UdpSocket,
        bytes: &[u8],
        stats: &mut SocketStats,
    ) -> io::Result<usize> {
        socket.try_io(Interest::WRITABLE, || {
            stats.send_calls += 1;
            let messages = self.plan.iter().map(Planned::message);
            self.sender.send(socket.as_fd(), bytes, messages)
        })
    }

    fn plan(&mut self, segments: &[Segment], gso: bool) {
        self.plan.clear();
        for segment in segments {
            if let Some(last) = self.plan.last_mut().filter(|last| gso && last.takes(segment)) {
                last.len += segment.len;
                last.segments += 1;
            } else if self.plan.len() < SENT_MAX {
                self.plan.push(Planned::one(segment));
            } else {
                return;
            }
        }
    }
}

/// A buffer of the kernel's, and the options that set it.
struct Buffer {
    what: &'static str,
    option: libc::c_int,
    /// Not bound by the system's limit, for those with `CAP_NET_ADMIN`.
    force: libc::c_int,
    /// Whoever runs this has been told that it is small.
    told: Once,
}

static RECEIVE: Buffer = Buffer {
    what: "receive",
    option: libc::SO_RCVBUF,
    force: libc::SO_RCVBUFFORCE,
    told: Once::new(),
};

static SEND: Buffer = Buffer {
    what: "send",
    option: libc::SO_SNDBUF,
    force: libc::SO_SNDBUFFORCE,
    told: Once::new(),
};

/// Has the kernel keep more than the few 100 KiB it would. See socket(7).
fn widen(socket: &UdpSocket, buffer: &Buffer) {
    let socket = socket.as_fd();
    let set = |option| system::set_option(socket, libc::SOL_SOCKET, option, BUFFER_BYTES);
    let _ = set(buffer.force).or_else(|_| set(buffer.option));
    let got = system::option(socket, libc::SOL_SOCKET, buffer.option).unwrap_or_default();
    // The kernel says twice of what it has set aside for payloads.
    if got < 2 * BUFFER_BYTES {
        // It is the same for every socket.
        buffer.told.call_once(|| {
            tracing::warn!(
                bytes = got / 2,
                wanted = BUFFER_BYTES,
                "the kernel's {} buffer is small; net.core.rmem_max and wmem_max limit it",
                buffer.what
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (port of the destination, length)
    fn plan(datagrams: &[(u16, usize)], gso: bool) -> Vec<(u16, usize, usize)> {
        let source = ([127, 0, 0, 1], 1).into();
        let mut offset = 0;
        let segments: Vec<_> = datagrams
            .iter()
            .map(|&(port, len)| {
                let destination = ([127, 0, 0, 2], port).into();
                let segment = Segment { source, destination, offset, len };
                offset += len;
                segment
            })
            .collect();
        let mut io = Io::new();
        io.plan(&segments, gso);
        io.plan.iter().map(|it| (it.destination.port(), it.segments, it.len)).collect()
    }

    #[test]
    fn equal_neighbours_leave_together() {
        let batch = [(7, 100), (7, 100), (7, 60), (7, 60), (8, 60), (8, 61), (8, 0), (8, 0)];
        let planned = [(7, 3, 260), (7, 1, 60), (8, 1, 60), (8, 1, 61), (8, 1, 0), (8, 1, 0)];
        assert_eq!(plan(&batch, true), planned);
        assert_eq!(plan(&batch, false).len(), batch.len());
    }

    #[test]
    fn messages_are_bounded() {
        assert_eq!(plan(&[(7, 1); 130], true), [(7, 64, 64), (7, 64, 64), (7, 2, 2)]);
        let most = GSO_BYTES_MAX / 1_200;
        let expected = [(7, most, most * 1_200), (7, 60 - most, (60 - most) * 1_200)];
        assert_eq!(plan(&[(7, 1_200); 60], true), expected);
        assert_eq!(plan(&[(7, GSO_DATAGRAM_BYTES_MAX + 1); 3], true).len(), 3);
        assert_eq!(plan(&[(7, 1); 600], false).len(), SENT_MAX);
        // The last message of a full plan still takes what belongs to it.
        let mut many: Vec<_> = (0..512).map(|port| (port, 10)).collect();
        many.extend([(511, 10), (511, 10), (512, 10)]);
        assert_eq!(plan(&many, true).last(), Some(&(511, 3, 30)));
    }

    #[test]
    fn cutting_is_given_up_only_for_good_reason() {
        let learn = |gso, errno| {
            let mut offload = Offload { gso };
            offload.learn(&io::Error::from_raw_os_error(errno));
            offload.gso
        };
        assert_eq!(learn(Gso::Works, libc::EIO), Gso::Off);
        assert_eq!(learn(Gso::Untried, libc::EINVAL), Gso::Off);
        assert_eq!(learn(Gso::Works, libc::EINVAL), Gso::Works);
        assert!(!Offload::is_suspect(&io::Error::from_raw_os_error(libc::EPERM)));
    }
}
