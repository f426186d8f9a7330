//! The whole backend over real sockets on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_core::Uuid;
use parlor_core::media::{
    CloseReason, Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpOffer,
};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig, ClientOutput, Received};
use parlor_media_str0m::{Config, Str0mBackend};
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
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = ClientConfig::at(socket.local_addr().unwrap());
    let mut client = Client::new(config, Instant::now());
    let leg = LegId(Uuid::from_u128(100 + n));
    let request = Connect {
        leg,
        room: RoomId(Uuid::from_u128(1)),
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
    let media = Str0mBackend::bind(Config { advertise, ..Config::default() }).await.unwrap();
    let candidates = media.candidates();
    let port = candidates[0].port();
    assert_ne!(port, 0);
    assert!(candidates.iter().all(|candidate| candidate.port() == port));
    assert!(candidates.iter().all(|candidate| !candidate.ip().is_unspecified()));
    assert!(candidates.contains(&SocketAddr::from(([127, 0, 0, 1], port))));
    assert_eq!(candidates.last(), Some(&SocketAddr::from(([203, 0, 113, 7], port))));
    // All of them are in the answer.
    let at = ClientConfig::at("127.0.0.1:9".parse().unwrap());
    let offer = SdpOffer(Client::new(at, Instant::now()).offer().unwrap());
    let request = Connect {
        leg: LegId(Uuid::from_u128(1)),
        room: RoomId(Uuid::from_u128(1)),
        participant: ParticipantId(Uuid::from_u128(1)),
        rights: ALL,
        offer,
    };
    let answer = media.connect(request).await.unwrap();
    for candidate in candidates {
        let line = format!(" {} {} typ ", candidate.ip(), candidate.port());
        assert!(answer.0.contains(&line), "{line} in {}", answer.0);
    }
}

#[tokio::test]
async fn a_host_that_takes_no_events_is_not_given_more_legs() {
    let config = Config { events_max: 1, ..loopback() };
    let media = Str0mBackend::bind(config).await.unwrap();
    let connect = |n: u128| {
        let at = ClientConfig::at("127.0.0.1:9".parse().unwrap());
        Connect {
            leg: LegId(Uuid::from_u128(n)),
            room: RoomId(Uuid::from_u128(1)),
            participant: ParticipantId(Uuid::from_u128(n)),
            rights: ALL,
            offer: SdpOffer(Client::new(at, Instant::now()).offer().unwrap()),
        }
    };
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
