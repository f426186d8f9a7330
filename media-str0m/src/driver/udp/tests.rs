//! Real sockets on the loopback interface.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::driver::SendLost;

/// Nothing takes this long unless it never happens.
const LONG: Duration = Duration::from_secs(20);

async fn bind(ip: &str, offload: bool) -> UdpSockets {
    let bind = SocketAddr::new(ip.parse().unwrap(), 0);
    let sockets = UdpSockets::bind(UdpConfig { bind, offload }).unwrap();
    for local in &sockets.sockets {
        local.socket.writable().await.unwrap();
    }
    sockets
}

/// What a shard would send: back to back, each with bytes that tell it from the others.
#[derive(Default)]
struct Parcel {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

impl Parcel {
    fn add(&mut self, source: SocketAddr, destination: SocketAddr, len: usize) {
        let offset = self.bytes.len();
        let number = self.segments.len() as u32;
        let content = number.to_be_bytes().into_iter().cycle().take(len);
        self.bytes.extend(content);
        self.segments.push(Segment { source, destination, offset, len });
    }

    fn send(&self, sockets: &mut UdpSockets) {
        sockets.send_segments(&self.bytes, &self.segments);
    }

    /// What one destination is to receive.
    fn of(&self, destination: SocketAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        let own = self.segments.iter().filter(|it| it.destination == destination);
        own.map(|it| (it.source, self.bytes[it.offset..it.offset + it.len].to_vec())).collect()
    }
}

async fn receive(sockets: &mut UdpSockets, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut inbox = Inbox::new();
    let mut all = Vec::new();
    let local = sockets.addresses();
    while all.len() < count {
        let received = timeout(LONG, poll_fn(|cx| sockets.poll_receive(cx, &mut inbox))).await;
        received.expect("in time").unwrap();
        for datagram in inbox.datagrams() {
            assert!(local.contains(&datagram.destination));
            all.push((datagram.source, datagram.bytes.to_vec()));
        }
        inbox.clear();
    }
    all
}

fn has_v6() -> bool {
    std::net::UdpSocket::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn whatever_the_kernel_merges_and_cuts_the_same_datagrams_arrive_in_order() {
    for ip in ["127.0.0.1", "::1"].into_iter().filter(|ip| *ip != "::1" || has_v6()) {
        for (cuts, merges) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut from = bind(ip, cuts).await;
            let (mut one, mut two) = (bind(ip, merges).await, bind(ip, merges).await);
            let (source, to) = (from.addresses()[0], [one.addresses()[0], two.addresses()[0]]);
            let mut parcel = Parcel::default();
            // More than one message takes; the next of a group is shorter, longer, equal.
            for len in [[100; 130].as_slice(), &[60, 60, 61, 4, 0, 0, 1_500, 1_500, 1_100]].concat()
            {
                parcel.add(source, to[0], len);
            }
            for at in 0..40 {
                parcel.add(source, to[at % 2], 80);
                parcel.add(source, to[at % 2], 80 - at);
            }
            parcel.send(&mut from);
            for (peer, to) in [(&mut one, to[0]), (&mut two, to[1])] {
                let expected = parcel.of(to);
                assert_eq!(receive(peer, expected.len()).await, expected, "{cuts} {merges}");
            }
            assert_eq!(from.stats().lost.total(), 0);
            if cfg!(target_os = "linux") {
                assert_eq!(from.stats().send_calls, 1);
                assert_eq!(from.stats().gso_messages > 0, cuts);
                let merged = one.stats().gro_messages;
                assert!(if cuts && merges { merged > 0 } else { merged == 0 });
            }
        }
    }
}

#[tokio::test]
async fn a_datagram_that_cannot_be_sent_takes_no_other_with_it() {
    for offload in [false, true] {
        let mut from = bind("127.0.0.1", offload).await;
        let mut one = bind("127.0.0.1", offload).await;
        let (source, to) = (from.addresses()[0], one.addresses()[0]);
        let nobody = bind("127.0.0.1", offload).await.addresses()[0];
        let mut parcel = Parcel::default();
        for _ in 0..3 {
            parcel.add(source, to, 50);
            // A closed port, a port that is none, a family the socket is not of, no permission.
            for bad in [nobody, "127.0.0.1:0".parse().unwrap()] {
                parcel.add(source, bad, 50);
                parcel.add(source, bad, 50);
            }
            parcel.add(source, to, 50);
            parcel.add(source, "[2001:db8::1]:9".parse().unwrap(), 50);
            parcel.add(source, "255.255.255.255:9".parse().unwrap(), 50);
            parcel.add("127.0.0.1:1".parse().unwrap(), to, 50);
            parcel.add(source, to, 50);
            parcel.add(source, to, 50);
        }
        parcel.send(&mut from);
        let expected: Vec<_> = parcel.of(to).into_iter().filter(|it| it.0 == source).collect();
        assert_eq!(receive(&mut one, expected.len()).await, expected);
        assert_eq!(from.stats().lost, SendLost { overflow: 0, refused: 12, no_socket: 3 });
        // None of that is held against cutting.
        assert_eq!(from.stats().gso_messages > 0, offload && cfg!(target_os = "linux"));
    }
}

/// A socket that has just been opened is not known to have room, so all is kept at first.
#[tokio::test]
async fn what_there_is_no_room_for_waits_and_the_oldest_is_dropped() {
    let mut one = bind("127.0.0.1", true).await;
    let to = one.addresses()[0];
    let config = UdpConfig { bind: "127.0.0.1:0".parse().unwrap(), offload: true };
    let mut from = UdpSockets::bind(config).unwrap();
    let source = from.addresses()[0];
    let mut parcel = Parcel::default();
    let fit = Backlog::BYTES_MAX / 1_000;
    for _ in 0..fit + 500 {
        parcel.add(source, to, 1_000);
    }
    parcel.send(&mut from);
    let stats = from.stats();
    assert_eq!((stats.queued, stats.send_calls), ((fit + 500) as u64, 0));
    assert_eq!(stats.lost.overflow, 500);
    let (bytes, waiting) = from.sockets[0].backlog.waiting();
    let waiting: Vec<_> = waiting
        .iter()
        .map(|it| (it.source, bytes[it.offset..it.offset + it.len].to_vec()))
        .collect();
    let expected = parcel.of(to).split_off(500);
    assert!(waiting == expected);

    // It leaves as soon as there is room, with nobody's further doing.
    let sender = tokio::spawn(async move {
        let mut inbox = Inbox::new();
        let _ = poll_fn(|cx| from.poll_receive(cx, &mut inbox)).await;
        from
    });
    // The receiver's kernel may have less room than all of them need.
    assert_eq!(receive(&mut one, 10).await[..10], expected[..10]);
    let mut reply = bind("127.0.0.1", true).await;
    let mut wake = Parcel::default();
    wake.add(reply.addresses()[0], source, 10);
    wake.send(&mut reply);
    let from = timeout(LONG, sender).await.expect("in time").unwrap();
    assert_eq!(from.stats().lost.total(), 500);
    assert!(from.sockets[0].backlog.is_empty());
}

#[tokio::test]
async fn every_address_answers_from_itself() {
    let mut all = bind("0.0.0.0", true).await;
    let (addresses, mut peer) = (all.addresses(), bind("127.0.0.1", true).await);
    let mut parcel = Parcel::default();
    for _ in 0..3 {
        for source in addresses.iter().filter(|it| it.ip().is_loopback()) {
            parcel.add(*source, peer.addresses()[0], 20);
            parcel.add(*source, peer.addresses()[0], 20);
        }
        parcel.add("127.0.0.9:9".parse().unwrap(), peer.addresses()[0], 20);
    }
    parcel.send(&mut all);
    let mut expected = parcel.of(peer.addresses()[0]);
    expected.retain(|(source, _)| addresses.contains(source));
    assert_eq!(receive(&mut peer, expected.len()).await, expected);
    assert_eq!(all.stats().lost.no_socket, 3);
}

#[tokio::test]
async fn the_plain_way_does_the_same() {
    let at = "127.0.0.1:0";
    let (from, to) = (UdpSocket::bind(at).await.unwrap(), UdpSocket::bind(at).await.unwrap());
    let (source, local) = (from.local_addr().unwrap(), to.local_addr().unwrap());
    let mut parcel = Parcel::default();
    for len in [10, 10, 0, 1_500] {
        parcel.add(source, local, len);
    }
    let (mut io, mut stats) = (plain::Io::new(), SocketStats::default());
    let mut offload = plain::Offload::new(&from, true);
    from.writable().await.unwrap();
    let sent = dispatch(&parcel.segments, &mut stats, |segments, stats| {
        io.send((&from, &mut offload), &parcel.bytes, segments, stats)
    });
    assert_eq!(sent, 4);
    let mut inbox = Inbox::new();
    while inbox.datagrams().count() < 4 {
        timeout(LONG, to.readable()).await.expect("in time").unwrap();
        let _ = io.receive(&to, local, &mut inbox, &mut stats);
    }
    let got: Vec<_> = inbox.datagrams().map(|it| (it.source, it.bytes.to_vec())).collect();
    assert_eq!(got, parcel.of(local));
}
