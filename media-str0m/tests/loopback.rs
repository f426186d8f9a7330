//! The whole backend over real sockets on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::media::{
    CloseReason, Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpOffer,
};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput, Received};
use parlor_media_str0m::driver::{Inbox, SocketStats, Sockets, UdpConfig, UdpSockets};
use parlor_media_str0m::engine::Batch;
use parlor_media_str0m::{BindError, Config, Str0mBackend};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

const ALL: Rights = Rights { send_microphone: true, hear: true, pinned: false };

/// Nothing takes this long unless it never happens.
const LONG: Duration = Duration::from_secs(20);

enum Told {
    Connected,
    Heard(Received),
    Closed,
}

/// A client on a task of its own, which says a frame every 20 ms while `speaks`.
struct Guest {
    told: mpsc::UnboundedReceiver<Told>,
    leg: LegId,
}

async fn join(media: &Arc<Str0mBackend>, n: u128, speaks: bool, rights: Rights) -> Guest {
    enter(media, (100 + n, 1, n), speaks, rights).await
}

/// Participant `n` enters a room with a leg.
async fn enter(
    media: &Arc<Str0mBackend>,
    (leg, room, n): (u128, u128, u128),
    speaks: bool,
    rights: Rights,
) -> Guest {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = ClientConfig::at(socket.local_addr().unwrap());
    let mut client = Client::new(config, Instant::now());
    let leg = LegId(Uuid::from_u128(leg));
    let request = Connect {
        leg,
        room: RoomId(Uuid::from_u128(room)),
        participant: ParticipantId(Uuid::from_u128(n)),
        rights,
        offer: SdpOffer(client.offer().unwrap()),
    };
    let answer = media.connect(request).await.unwrap();
    client.accept(&answer.0).unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(run(client, socket, speaks.then_some(n), tell));
    Guest { told, leg }
}

async fn run(
    mut client: Client,
    socket: UdpSocket,
    speaks: Option<u128>,
    tell: mpsc::UnboundedSender<Told>,
) {
    let mut buffer = [0; 2_000];
    let mut frame = tokio::time::interval(Duration::from_millis(20));
    while !tell.is_closed() {
        let deadline = loop {
            match client.poll() {
                ClientOutput::Transmit(datagram) => {
                    let _ = socket.send_to(&datagram.bytes, datagram.destination).await;
                }
                ClientOutput::Connected => drop(tell.send(Told::Connected)),
                ClientOutput::Received(packet) => drop(tell.send(Told::Heard(packet))),
                ClientOutput::Closed => drop(tell.send(Told::Closed)),
                ClientOutput::Timeout(at) => break at,
            }
        };
        tokio::select! {
            Ok((len, from)) = socket.recv_from(&mut buffer) => {
                client.handle_datagram(from, &buffer[..len], Instant::now());
            }
            () = tokio::time::sleep_until(deadline.into()) => client.handle_timeout(Instant::now()),
            _ = frame.tick() => if let Some(n) = speaks && client.is_connected() {
                let payload = vec![0xF8, u8::try_from(n).unwrap(), 1, 2, 3, 4];
                client.send_opus(payload, -20, Instant::now());
            }
        }
    }
}

impl Guest {
    async fn next(&mut self) -> Told {
        timeout(LONG, self.told.recv()).await.expect("in time").expect("the guest runs")
    }

    async fn connected(&mut self) {
        while !matches!(self.next().await, Told::Connected) {}
    }

    async fn hear(&mut self, speaker: u8) {
        loop {
            if let Told::Heard(packet) = self.next().await
                && packet.payload.get(1) == Some(&speaker)
            {
                return;
            }
        }
    }

    async fn hear_silence(&mut self) {
        loop {
            if let Told::Heard(packet) = self.next().await
                && packet.payload.len() == 3
            {
                return;
            }
        }
    }
}

async fn event(media: &Str0mBackend, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
    loop {
        let event = timeout(LONG, media.next_event()).await.expect("in time").expect("an event");
        if wanted(&event) {
            return event;
        }
    }
}

/// A request of a client that then does nothing.
fn request(leg: u128, room: u128, participant: u128) -> Connect {
    let at = ClientConfig::at("127.0.0.1:9".parse().unwrap());
    Connect {
        leg: LegId(Uuid::from_u128(leg)),
        room: RoomId(Uuid::from_u128(room)),
        participant: ParticipantId(Uuid::from_u128(participant)),
        rights: ALL,
        offer: SdpOffer(Client::new(at, Instant::now()).offer().unwrap()),
    }
}

fn leg(n: u128) -> LegId {
    LegId(Uuid::from_u128(n))
}

/// How many legs each shard has.
fn sessions(media: &Str0mBackend) -> Vec<u64> {
    media.shard_stats().iter().map(|shard| shard.engine.sessions).collect()
}

async fn closed(media: &Str0mBackend) -> (LegId, CloseReason) {
    match event(media, |event| matches!(event, MediaEvent::Closed { .. })).await {
        MediaEvent::Closed { leg, reason, .. } => (leg, reason),
        other => panic!("{other:?}"),
    }
}

fn loopback() -> Config {
    Config { bind: "127.0.0.1:0".parse().unwrap(), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_real_sockets() {
    let media = Arc::new(Str0mBackend::bind(loopback()).await.unwrap());
    let mut one = join(&media, 1, true, ALL).await;
    let mut two = join(&media, 2, true, ALL).await;
    one.connected().await;
    two.connected().await;
    one.hear(2).await;
    two.hear(1).await;
    for _ in 0..2 {
        event(&media, |event| matches!(event, MediaEvent::Connected { n: 1, .. })).await;
    }
    event(&media, |event| {
        matches!(event, MediaEvent::Speaking { participants, .. } if participants.len() == 2)
    })
    .await;

    // A server mute holds, and gives way again.
    media
        .set_rights(one.leg, Rights { send_microphone: false, hear: true, pinned: false })
        .await
        .unwrap();
    two.hear_silence().await;
    media.set_rights(one.leg, ALL).await.unwrap();
    two.hear(1).await;

    // The client learns that it is out.
    media.disconnect(one.leg).await.unwrap();
    while !matches!(one.next().await, Told::Closed) {}
    let leg = one.leg;
    event(&media, |event| {
        matches!(event, MediaEvent::Closed { leg: l, reason: CloseReason::Disconnected, .. }
            if *l == leg)
    })
    .await;

    let stats = media.stats();
    assert!(stats.engine.packets_out > 0);
    assert_eq!(stats.engine.sessions, 1);

    // The end of all.
    media.shutdown().await;
    while !matches!(two.next().await, Told::Closed) {}
    event(&media, |event| {
        matches!(event, MediaEvent::Closed { reason: CloseReason::Shutdown, .. })
    })
    .await;
    while timeout(LONG, media.next_event()).await.expect("in time").is_some() {}
    let stopped = media.set_rights(two.leg, ALL).await;
    assert_eq!(stopped, Err(MediaError::Stopped));
}

#[tokio::test]
async fn the_unspecified_address_becomes_every_address_on_one_port() {
    let advertise = vec!["203.0.113.7".parse().unwrap()];
    let config = Config { advertise, shards: 1, ..Config::default() };
    let media = Str0mBackend::bind(config).await.unwrap();
    let candidates = media.candidates();
    let port = candidates[0].port();
    assert_ne!(port, 0);
    assert!(candidates.iter().all(|candidate| candidate.port() == port));
    assert!(candidates.iter().all(|candidate| !candidate.ip().is_unspecified()));
    assert!(candidates.contains(&SocketAddr::from(([127, 0, 0, 1], port))));
    assert_eq!(candidates.last(), Some(&SocketAddr::from(([203, 0, 113, 7], port))));
    // All of them are in the answer.
    let answer = media.connect(request(1, 1, 1)).await.unwrap();
    for candidate in candidates {
        let line = format!(" {} {} typ ", candidate.ip(), candidate.port());
        assert!(answer.0.contains(&line), "{line} in {}", answer.0);
    }
}

#[tokio::test]
async fn a_host_that_takes_no_events_is_not_given_more_legs() {
    let config = Config { events_max: 1, ..loopback() };
    let media = Str0mBackend::bind(config).await.unwrap();
    let connect = |n| request(n, 1, n);
    media.connect(connect(1)).await.unwrap();
    media.disconnect(LegId(Uuid::from_u128(1))).await.unwrap();
    assert_eq!(media.connect(connect(2)).await, Err(MediaError::Busy));
    assert!(media.next_event().await.is_some());
    assert!(media.connect(connect(3)).await.is_ok());
}

#[tokio::test]
async fn an_address_of_another_family_cannot_be_advertised() {
    let advertise = vec!["2001:db8::1".parse().unwrap()];
    let error = Str0mBackend::bind(Config { advertise, ..loopback() }).await.unwrap_err();
    assert!(error.to_string().contains("2001:db8::1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_spread_over_shards_and_each_is_heard() {
    let media = Arc::new(Str0mBackend::bind(Config { shards: 2, ..loopback() }).await.unwrap());
    let mut guests = Vec::new();
    for (n, room) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        guests.push(enter(&media, (n, room, n), true, ALL).await);
    }
    for guest in &mut guests {
        guest.connected().await;
    }
    for (guest, other) in guests.iter_mut().zip([2, 1, 4, 3]) {
        guest.hear(other).await;
    }
    // Of every leg it is told that it is up, over one queue.
    for _ in 0..4 {
        event(&media, |event| matches!(event, MediaEvent::Connected { .. })).await;
    }
    assert_eq!(sessions(&media), [2, 2]);
    let all = media.stats();
    assert_eq!((all.engine.sessions, all.engine.rooms), (4, 2));
    assert!(all.sockets.receive_calls > 0 && all.sockets.send_calls > 0);
    assert_eq!(all.sockets.lost.total(), 0);

    // Who goes over to the other room takes their place there and leaves the one they had.
    let mut moved = enter(&media, (5, 2, 1), true, ALL).await;
    assert_eq!(closed(&media).await, (leg(1), CloseReason::Replaced));
    while !matches!(guests[0].next().await, Told::Closed) {}
    moved.connected().await;
    moved.hear(3).await;
    guests[2].hear(1).await;
    assert_eq!(sessions(&media), [1, 3]);

    media.shutdown().await;
    let mut over = Vec::new();
    for _ in 0..4 {
        over.push(closed(&media).await);
    }
    over.sort_by_key(|(leg, _)| *leg);
    assert_eq!(over, [2, 3, 4, 5].map(|n| (leg(n), CloseReason::Shutdown)));
    while timeout(LONG, media.next_event()).await.expect("in time").is_some() {}
    assert_eq!(media.connect(request(9, 9, 9)).await, Err(MediaError::Stopped));
}

#[tokio::test]
async fn an_answer_names_the_port_of_its_shard() {
    let media = Str0mBackend::bind(Config { shards: 3, ..loopback() }).await.unwrap();
    let candidates = media.candidates().to_vec();
    assert_eq!(candidates.len(), 3);
    for (n, candidate) in candidates.iter().enumerate() {
        let answer = media.connect(request(n as u128, n as u128, n as u128)).await.unwrap();
        for other in &candidates {
            let line = format!(" {} {} typ ", other.ip(), other.port());
            assert_eq!(answer.0.contains(&line), other == candidate);
        }
    }
}

#[tokio::test]
async fn the_limit_of_legs_is_for_all_shards() {
    let config = Config { shards: 2, sessions_max: 2, ..loopback() };
    let media = Str0mBackend::bind(config).await.unwrap();
    media.connect(request(1, 1, 1)).await.unwrap();
    media.connect(request(2, 2, 2)).await.unwrap();
    assert_eq!(media.connect(request(3, 3, 3)).await, Err(MediaError::Busy));
    // A refused offer leaves the present leg alone, a good one takes its place.
    let unusable = Connect { offer: SdpOffer("v=0".into()), ..request(3, 2, 1) };
    assert!(matches!(media.connect(unusable).await, Err(MediaError::Refused(_))));
    media.connect(request(4, 2, 1)).await.unwrap();
    assert_eq!(closed(&media).await, (leg(1), CloseReason::Replaced));
    assert_eq!(media.connect(request(5, 1, 5)).await, Err(MediaError::Busy));
    media.disconnect(leg(2)).await.unwrap();
    assert_eq!(closed(&media).await, (leg(2), CloseReason::Disconnected));
    media.connect(request(6, 1, 6)).await.unwrap();
    // What there is not, or no more.
    media.set_rights(leg(2), ALL).await.unwrap();
    media.disconnect(leg(77)).await.unwrap();
    let offer = request(2, 2, 2).offer;
    assert_eq!(media.renegotiate(leg(2), offer).await, Err(MediaError::NoSuchLeg));
}

#[tokio::test]
async fn ports_follow_one_another() {
    for (port, shards) in [(65_535, 2), (65_400, 200), (0, 0), (0, 1_000)] {
        let bind = SocketAddr::from(([127, 0, 0, 1], port));
        let error = Str0mBackend::bind(Config { bind, shards, ..Config::default() }).await;
        match error.unwrap_err() {
            BindError::Ports { port: p, shards: s } => {
                assert_eq!((p, s, 0 < port), (port, shards, true))
            }
            BindError::Shards(count) => assert_eq!((count, port), (shards, 0)),
            other => panic!("{other}"),
        }
    }
    let mut attempts = 0;
    let (first, media) = loop {
        // The port behind a free one may be taken.
        let first = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = Config { bind: first, shards: 2, ..Config::default() };
        match Str0mBackend::bind(config).await {
            Ok(media) => break (first, media),
            Err(_) => attempts += 1,
        }
        assert!(attempts < 100);
    };
    let second = SocketAddr::new(first.ip(), first.port() + 1);
    assert_eq!(media.candidates(), [first, second]);
}

/// Sockets that fail once anything comes in while they are to.
struct Failing {
    inner: UdpSockets,
    fails: Arc<AtomicBool>,
}

impl Sockets for Failing {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.inner.addresses()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, inbox: &mut Inbox) -> Poll<io::Result<()>> {
        ready!(self.inner.poll_receive(cx, inbox))?;
        match self.fails.load(Ordering::Relaxed) {
            true => Poll::Ready(Err(io::Error::other("the network is gone"))),
            false => Poll::Ready(Ok(())),
        }
    }

    fn send(&mut self, batch: &Batch) {
        self.inner.send(batch);
    }

    fn stats(&self) -> SocketStats {
        self.inner.stats()
    }
}

#[tokio::test]
async fn a_shard_without_a_network_takes_only_its_own_legs_with_it() {
    let fails = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
    let sockets = fails.iter().map(|fails| {
        let bind = loopback().bind;
        let inner = UdpSockets::bind(UdpConfig { bind, offload: true }).unwrap();
        Failing { inner, fails: fails.clone() }
    });
    let media = Str0mBackend::start(Config::default(), sockets.collect()).await.unwrap();
    media.connect(request(1, 1, 1)).await.unwrap();
    media.connect(request(2, 2, 2)).await.unwrap();
    media.connect(request(3, 1, 3)).await.unwrap();
    fails[0].store(true, Ordering::Relaxed);
    let anyone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    anyone.send_to(b"hello", media.candidates()[0]).await.unwrap();
    let mut over = [closed(&media).await, closed(&media).await];
    over.sort_by_key(|(leg, _)| *leg);
    assert_eq!(over, [1, 3].map(|n| (leg(n), CloseReason::Shutdown)));
    // The room finds a place elsewhere as soon as the shard is gone.
    let moved = async {
        let mut n = 10;
        while media.connect(request(n, 1, 1)).await.is_err() {
            n += 1;
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, moved).await.expect("in time");
    assert_eq!(media.shard_stats()[1].engine.sessions, 2);
    fails[1].store(true, Ordering::Relaxed);
    anyone.send_to(b"hello", media.candidates()[1]).await.unwrap();
    while timeout(LONG, media.next_event()).await.expect("in time").is_some() {}
    assert_eq!(media.set_rights(leg(2), ALL).await, Err(MediaError::Stopped));
}
