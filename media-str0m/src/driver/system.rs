//! The system calls of Linux that the standard library lacks, and the only unsafe code here.
//!
//! What it offers is safe: lengths and pointers are made from slices at the call, and nothing the
//! kernel has been pointed to is pointed to after it. See recvmmsg(2), sendmmsg(2), cmsg(3) and
//! udp(7), whose `UDP_SEGMENT` and `UDP_GRO` are the offloads.

use std::io;
use std::mem::{offset_of, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;
use std::time::Duration;

use libc::{c_int, c_uint, cmsghdr, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6};

/// How many messages one call sends. The kernel takes 1,024 (`UIO_MAXIOV`).
pub(super) const SENT_MAX: usize = 512;

/// A datagram to send, or several of one size to one destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) destination: SocketAddr,
    /// Where its bytes start.
    pub(super) offset: usize,
    /// How many bytes it has.
    pub(super) len: usize,
    /// The kernel cuts it into datagrams of so many bytes.
    pub(super) cut: Option<u16>,
}

/// The arrays sendmmsg works on, used again at each call.
pub(super) struct Sender(Arrays);

impl Sender {
    pub(super) fn new() -> Self {
        Self(Arrays::new(SENT_MAX))
    }

    /// Sends messages, [`SENT_MAX`] at the most, without waiting; gives how many the kernel took.
    /// An error is about the first.
    pub(super) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        bytes: &[u8],
        messages: impl ExactSizeIterator<Item = Message>,
    ) -> io::Result<usize> {
        let Arrays { headers, iovecs, names, controls } = &mut self.0;
        let count = messages.len().min(SENT_MAX);
        for (at, message) in messages.take(count).enumerate() {
            let payload = &bytes[message.offset..message.offset + message.len];
            // The kernel only reads from it.
            iovecs[at].iov_base = payload.as_ptr().cast_mut().cast();
            iovecs[at].iov_len = payload.len();
            let (name, name_len) = Name::new(message.destination);
            names[at] = name;
            let header = &mut headers[at].msg_hdr;
            header.msg_namelen = name_len;
            header.msg_controllen = 0;
            if let Some(cut) = message.cut {
                header.msg_controllen = controls[at].set_segment(cut) as _;
            }
        }
        self.0.point(count);
        // SAFETY: `point` has made the first `count` headers point into arrays that outlive the
        // call, and the payloads are borrowed for its whole length.
        let sent = unsafe {
            let headers = self.0.headers.as_mut_ptr();
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            libc::sendmmsg(socket.as_raw_fd(), headers, count as c_uint, flags as _)
        };
        checked(sent)
    }
}

/// The arrays recvmmsg works on, used again at each call.
pub(super) struct Receiver(Arrays);

/// What one receive has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) source: SocketAddr,
    pub(super) len: usize,
    /// The kernel has merged it out of datagrams of so many bytes.
    pub(super) each: Option<usize>,
}

impl Receiver {
    /// One for as many slots as this.
    pub(super) fn new(slots_max: usize) -> Self {
        Self(Arrays::new(slots_max))
    }

    /// Receives what has arrived, one a slot, without waiting; gives how many slots it has
    /// filled.
    pub(super) fn receive<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        slots: impl Iterator<Item = &'a mut [u8]>,
    ) -> io::Result<usize> {
        let Arrays { headers, iovecs, .. } = &mut self.0;
        let mut count = 0;
        for (slot, (iovec, header)) in slots.zip(iovecs.iter_mut().zip(headers.iter_mut())) {
            iovec.iov_base = slot.as_mut_ptr().cast();
            iovec.iov_len = slot.len();
            header.msg_hdr.msg_namelen = size_of::<Name>() as _;
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            count += 1;
        }
        self.0.point(count);
        // SAFETY: `point` has made the first `count` headers point into arrays that outlive the
        // call, and the slots are borrowed for longer than it takes.
        let received = unsafe {
            let headers = self.0.headers.as_mut_ptr();
            let flags = libc::MSG_DONTWAIT;
            let no_timeout = ptr::null_mut();
            libc::recvmmsg(socket.as_raw_fd(), headers, count as c_uint, flags as _, no_timeout)
        };
        checked(received)
    }

    /// What the last call has put into a slot; `None` when it is from no internet address.
    pub(super) fn received(&self, slot: usize) -> Option<Received> {
        let header = &self.0.headers[slot];
        let each = self.0.controls[slot].merged(header.msg_hdr.msg_controllen as _);
        let source = self.0.names[slot].address()?;
        Some(Received { source, len: header.msg_len as usize, each })
    }
}

/// Sets an option of a socket whose value is an integer.
pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    let len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the value is there for the whole call, and is as long as it says.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len)
    };
    checked(set).map(drop)
}

/// The value of such an option.
pub(super) fn option(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes no more than `len` bytes, which are those of the value.
    let got = unsafe {
        let value = (&raw mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), level, option, value, &raw mut len)
    };
    checked(got)?;
    Ok(value)
}

/// The CPU time the calling thread has used.
pub(super) fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is there for the whole call.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    match got {
        0 => Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
        _ => Duration::ZERO,
    }
}

fn checked(result: c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// One of each for every message.
struct Arrays {
    headers: Vec<mmsghdr>,
    iovecs: Vec<iovec>,
    names: Vec<Name>,
    controls: Vec<Control>,
}

// SAFETY: the pointers in `headers` and `iovecs` are written before every call and not followed
// after it, so it does not matter which thread has them in between.
unsafe impl Send for Arrays {}

impl Arrays {
    fn new(len: usize) -> Self {
        // SAFETY: these are plain structures of C, for which all bytes zero is a valid value.
        let (header, iovec, control) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        let (name, _) =
            Name::new(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0)));
        Self {
            headers: vec![header; len],
            iovecs: vec![iovec; len],
            names: vec![name; len],
            controls: vec![control; len],
        }
    }

    /// Makes the first headers point to what belongs to them. Nothing may move or borrow the
    /// arrays between this and the call.
    fn point(&mut self, count: usize) {
        let iovecs = self.iovecs.as_mut_ptr();
        let names = self.names.as_mut_ptr();
        let controls = self.controls.as_mut_ptr();
        for (at, mmsghdr { msg_hdr: header, .. }) in self.headers[..count].iter_mut().enumerate() {
            let &mut msghdr { msg_controllen, .. } = header;
            header.msg_iov = iovecs.wrapping_add(at);
            header.msg_iovlen = 1;
            header.msg_name = names.wrapping_add(at).cast();
            header.msg_control = match msg_controllen {
                0 => ptr::null_mut(),
                _ => controls.wrapping_add(at).cast(),
            };
            header.msg_flags = 0;
        }
    }
}

/// An internet address as the kernel has it.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

impl Name {
    fn new(address: SocketAddr) -> (Self, libc::socklen_t) {
        match address {
            SocketAddr::V4(address) => {
                let v4 = sockaddr_in {
                    sin_family: libc::AF_INET as _,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (Self { v4 }, size_of::<sockaddr_in>() as _)
            }
            SocketAddr::V6(address) => {
                let v6 = sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as _,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                (Self { v6 }, size_of::<sockaddr_in6>() as _)
            }
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        // SAFETY: `new` makes the longer variant, and the kernel writes over it, so every byte is
        // initialised; any bytes are a valid address, and both variants start with the family.
        let (family, v4, v6) = unsafe { (self.v4.sin_family, self.v4, self.v6) };
        match c_int::from(family) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// Room for one control message with an integer.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: cmsghdr,
    value: [u8; 8],
}

impl Control {
    /// Where the value begins, `CMSG_LEN(0)`.
    const VALUE: usize = offset_of!(Self, value);

    /// Has the message cut into datagrams of so many bytes; gives how long the control is.
    fn set_segment(&mut self, bytes: u16) -> usize {
        self.header.cmsg_level = libc::SOL_UDP;
        self.header.cmsg_type = libc::UDP_SEGMENT;
        self.header.cmsg_len = (Self::VALUE + size_of::<u16>()) as _;
        self.value[..2].copy_from_slice(&bytes.to_ne_bytes());
        size_of::<Self>()
    }

    /// How long the datagrams were that the kernel has merged, if it has; `len` is what it has
    /// written here.
    fn merged(&self, len: usize) -> Option<usize> {
        let is_told = len >= Self::VALUE + size_of::<c_int>()
            && self.header.cmsg_level == libc::SOL_UDP
            && self.header.cmsg_type == libc::UDP_GRO;
        let [a, b, c, d, ..] = self.value;
        let bytes = usize::try_from(c_int::from_ne_bytes([a, b, c, d])).ok();
        bytes.filter(|bytes| is_told && *bytes > 0)
    }
}

// SAFETY: both are arithmetic on sizes; they are only unsafe because libc declares all of cmsg(3)
// so.
const _: () = unsafe {
    assert!(Control::VALUE == libc::CMSG_LEN(0) as usize);
    assert!(size_of::<Control>() >= libc::CMSG_SPACE(size_of::<c_int>() as c_uint) as usize);
};

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use super::*;

    fn pair(ip: &str) -> Option<(UdpSocket, UdpSocket)> {
        let bind = || UdpSocket::bind((ip, 0));
        Some((bind().ok()?, bind().ok()?))
    }

    /// Sends text cut every `cut` bytes, and gives what arrived in each of four slots.
    fn carry(
        ip: &str,
        messages: &[(usize, usize, Option<u16>)],
        gro: bool,
    ) -> Vec<(usize, Option<usize>)> {
        let Some((from, to)) = pair(ip) else { return Vec::new() };
        if gro {
            set_option(to.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1).unwrap();
        }
        let destination = to.local_addr().unwrap();
        let messages =
            messages.iter().map(|&(offset, len, cut)| Message { destination, offset, len, cut });
        let count = messages.len();
        assert_eq!(Sender::new().send(from.as_fd(), b"abcdefghij", messages).unwrap(), count);
        let mut slots = [[0; 100]; 4];
        let mut receiver = Receiver::new(4);
        let slots = slots.iter_mut().map(|slot| &mut slot[..]);
        let got = receiver.receive(to.as_fd(), slots).unwrap();
        (0..got)
            .map(|at| {
                let received = receiver.received(at).unwrap();
                assert_eq!(received.source, from.local_addr().unwrap());
                (received.len, received.each)
            })
            .collect()
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let sent = [(0, 4, None), (4, 0, None), (3, 7, None)];
        assert_eq!(carry("127.0.0.1", &sent, false), [(4, None), (0, None), (7, None)]);
        let v6 = carry("::1", &sent, false);
        assert!(v6.is_empty() || v6 == [(4, None), (0, None), (7, None)]);
    }

    #[test]
    fn a_cut_message_arrives_in_parts_or_says_how_it_was_cut() {
        let sent = [(0, 10, Some(4)), (0, 3, None)];
        let parts = [(4, None), (4, None), (2, None), (3, None)];
        assert_eq!(carry("127.0.0.1", &sent, false), parts);
        assert_eq!(carry("127.0.0.1", &sent, true), [(10, Some(4)), (3, None)]);
        // One call with control data leaves none behind for the next.
        assert_eq!(carry("127.0.0.1", &[(0, 3, None), (0, 10, Some(4))], false)[0], (3, None));
    }

    #[test]
    fn what_the_kernel_says_comes_back() {
        let (from, to) = pair("127.0.0.1").unwrap();
        let nothing = Receiver::new(1).receive(to.as_fd(), [&mut [0; 8][..]].into_iter());
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let long = vec![0; 70_000];
        let destination = to.local_addr().unwrap();
        let message = Message { destination, offset: 0, len: long.len(), cut: None };
        let error = Sender::new().send(from.as_fd(), &long, [message].into_iter()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        assert!(set_option(from.as_fd(), libc::SOL_UDP, 31_337, 1).is_err());
        assert!(option(from.as_fd(), libc::SOL_UDP, 31_337).is_err());
        set_option(from.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, 65_536).unwrap();
        // The kernel doubles it, for its own book-keeping.
        let got = option(from.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF).unwrap();
        assert_eq!(got, 131_072);
    }

    #[test]
    fn a_thread_uses_time() {
        let before = thread_cpu();
        while thread_cpu() == before {
            std::hint::spin_loop();
        }
    }
}
