//! What is pushed to clients, and what the media engine is told, over a real socket.

use std::time::Duration;

use crate::harness::{Asked, Harness, assert_problem};
use axum::http::StatusCode;
use futures_util::{SinkExt as _, StreamExt as _};
use parlor_core::media::{LegSample, MediaEvent, Quality, Rights, Setup};
use parlor_core::rooms::ParticipantId;
use parlor_media_str0m::client::{Client, ClientConfig};
use parlor_media_str0m::{Config, Str0mBackend};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

const SOON: Duration = Duration::from_secs(10);

async fn listen(server: &Harness) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("ws://{address}/api/events")
}

async fn subscribe(url: &str, hello: &Value) -> Socket {
    let (mut socket, _) = connect_async(url).await.unwrap();
    socket.send(Message::text(hello.to_string())).await.unwrap();
    socket
}

/// The next frame that is text, or the closing code.
async fn next(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match timeout(SOON, socket.next()).await.expect("a frame comes soon") {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
            Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(0),
            Some(Ok(_)) => {}
        }
    }
}

/// Frames up to the event of this name.
async fn event(socket: &mut Socket, name: &str) -> Value {
    loop {
        let frame = next(socket).await.unwrap_or_else(|code| panic!("closed with {code}"));
        if frame["event"]["name"] == name {
            return frame["event"]["data"].clone();
        }
    }
}

/// The next frame of something live.
async fn live(socket: &mut Socket, name: &str) -> Value {
    loop {
        let frame = next(socket).await.unwrap_or_else(|code| panic!("closed with {code}"));
        if !frame[name].is_null() {
            return frame[name].clone();
        }
    }
}

#[tokio::test]
async fn those_in_a_room_are_told_and_others_are_not() {
    let server = Harness::start().await;
    let url = listen(&server).await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let tea = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    let ale = server.room(&bob, json!({ "name": "Ale", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": tea })).await;
    server.command(&bob, "rooms.join", json!({ "room": ale })).await;

    let mut in_tea = subscribe(&url, &json!({ "token": ada, "room": tea })).await;
    let mut outside = subscribe(&url, &json!({ "token": bob, "room": tea })).await;
    assert!(next(&mut in_tea).await.unwrap()["ready"]["position"].is_i64());
    assert_eq!(next(&mut outside).await.unwrap()["refused"]["code"], "rooms.not_here");
    assert_eq!(next(&mut outside).await, Err(4403));

    server.command(&bob, "rooms.lock", json!({ "room": ale })).await;
    server.command(&ada, "rooms.lock", json!({ "room": tea })).await;
    assert_eq!(event(&mut in_tea, "rooms.locked").await["room"], tea);
}

#[tokio::test]
async fn whoever_is_sent_out_is_told_why_and_then_nothing_more() {
    let server = Harness::start().await;
    let url = listen(&server).await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": room })).await;
    let joined = server.command(&bob, "rooms.join", json!({ "room": room })).await.1;
    let stay = &joined["output"]["participant"];

    let mut socket = subscribe(&url, &json!({ "token": bob, "room": room })).await;
    next(&mut socket).await.unwrap();
    server.command(&ada, "rooms.kick", json!({ "room": room, "participant": stay })).await;

    let left = event(&mut socket, "rooms.left").await;
    assert_eq!((&left["participant"], &left["reason"]), (stay, &json!("kicked")));
    assert_eq!(next(&mut socket).await, Err(4000));
}

#[tokio::test]
async fn a_first_frame_that_is_not_one_is_refused() {
    let server = Harness::start().await;
    let url = listen(&server).await;
    for (hello, code) in [
        (json!({}), 4400),
        (json!({ "token": "x", "room": null, "admin": true }), 4400),
        (json!({ "token": "x", "room": null }), 4401),
        (json!("hello"), 4400),
    ] {
        let mut socket = subscribe(&url, &hello).await;
        assert!(next(&mut socket).await.unwrap()["refused"]["detail"].is_string());
        assert_eq!(next(&mut socket).await, Err(code), "{hello}");
    }
    let mut binary = connect_async(&url).await.unwrap().0;
    binary.send(Message::binary(vec![0xff; 16])).await.unwrap();
    assert_eq!(next(&mut binary).await, Err(4400));
}

#[tokio::test]
async fn pages_of_other_origins_are_turned_away() {
    let server = Harness::start().await;
    let url = listen(&server).await;
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://elsewhere.example".parse().unwrap());
    let refused = connect_async(request).await.unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");
}

#[tokio::test]
async fn rights_follow_the_microphone_and_end_with_the_stay() {
    let server = Harness::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": room })).await;
    let joined = server.command(&bob, "rooms.join", json!({ "room": room })).await.1;
    let stay = joined["output"]["participant"].clone();
    let about_bob = json!({ "room": room, "participant": stay });

    let path = format!("/api/rooms/{room}/media");
    let answer = server.post(&bob, &path, br#"{"sdp":"v=0"}"#.to_vec()).await.1;
    let leg = answer["leg"].as_str().unwrap().parse().unwrap();
    let connected = MediaEvent::Connected {
        leg,
        room: room.parse().unwrap(),
        participant: stay.as_str().unwrap().parse().unwrap(),
        n: 1,
        setup: Setup::default(),
    };
    server.media.report(connected.clone());
    server.media.report(connected);
    server.command(&ada, "rooms.mute", about_bob.clone()).await;
    let muted = Rights { send_microphone: false, hear: true, pinned: false };
    asked(&server, &Asked::Rights(leg, muted)).await;
    server.command(&ada, "rooms.kick", about_bob).await;
    asked(&server, &Asked::Disconnect(leg)).await;

    let all = server.media.asked.lock().unwrap().clone();
    let heard = Rights { send_microphone: true, hear: true, pinned: false };
    let connects = |it: &&Asked| matches!(it, Asked::Connect(connect) if connect.rights == heard);
    assert_eq!(all.iter().filter(connects).count(), 1);
}

#[tokio::test]
async fn those_in_a_room_see_who_speaks_and_how_good_connections_are() {
    let server = Harness::start().await;
    let url = listen(&server).await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": room })).await;
    let joined = server.command(&bob, "rooms.join", json!({ "room": room })).await.1;
    let stay = joined["output"]["participant"].clone();
    let (id, participant) =
        (room.parse().unwrap(), stay.as_str().unwrap().parse::<ParticipantId>().unwrap());
    let path = format!("/api/rooms/{room}/media");
    let answer = server.post(&bob, &path, br#"{"sdp":"v=0"}"#.to_vec()).await.1;
    let leg = answer["leg"].as_str().unwrap().parse().unwrap();
    let mut socket = subscribe(&url, &json!({ "token": ada, "room": room })).await;
    next(&mut socket).await.unwrap();

    let (dominant, recent) = (Some(participant), vec![participant]);
    let speaking =
        MediaEvent::Speaking { room: id, participants: vec![participant], dominant, recent };
    server.media.report(speaking);
    let quality = Quality::Poor;
    server.media.report(MediaEvent::QualityChanged { leg, room: id, participant, quality });
    assert_eq!(
        live(&mut socket, "speaking").await,
        json!({ "room": room, "participants": [stay], "dominant": stay })
    );
    assert_eq!(
        live(&mut socket, "quality").await,
        json!({ "room": room, "participant": stay, "quality": "poor" })
    );

    // Whoever comes later asks, once it has been sampled.
    let sample = LegSample {
        leg,
        participant,
        window: Duration::from_secs(10),
        rtt: Some(Duration::from_millis(120)),
        jitter: None,
        loss_in_ppm: None,
        loss_out_ppm: None,
        bytes_in: 0,
        bytes_out: 0,
        talk: Duration::ZERO,
    };
    server.media.report(MediaEvent::Sampled { room: id, samples: vec![sample] });
    let path = format!("/api/rooms/{room}/quality");
    let known = async {
        loop {
            let (status, answer) = server.get(&ada, &path).await;
            assert_eq!(status, StatusCode::OK);
            if answer["quality"] != json!([]) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let known = timeout(SOON, known).await.expect("the sample is written down");
    let good = json!([{ "participant": stay, "quality": "good" }]);
    assert_eq!(known, json!({ "quality": good, "next": null }));
    let eve = server.guest("Eve").await;
    let refused = server.get(&eve, &path).await;
    assert_problem(&refused, StatusCode::NOT_FOUND, "calls.not_found", None);
}

#[tokio::test]
async fn an_offer_that_cannot_be_used_is_refused_at_its_field_and_a_good_one_answered() {
    let config = Config { bind: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let media = Str0mBackend::bind(config).await.unwrap();
    let server = Harness::start().await.with_media(media).await;
    let ada = server.guest("Ada").await;
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": room })).await;
    let path = format!("/api/rooms/{room}/media");
    let offer = async |sdp: &str| {
        let body = serde_json::to_vec(&json!({ "sdp": sdp })).unwrap();
        server.post(&ada, &path, body).await
    };

    let long = "a=x\r\n".repeat(20_000);
    let lines = format!("v=0\r\n{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(100));
    for bad in ["", "hello", "v=0\r\n", "v=0\u{0}\r\n", &long, &lines] {
        let refused = offer(bad).await;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        assert_problem(&refused, status, "media.offer_refused", Some("sdp"));
    }
    let not_text = server.post(&ada, &path, b"{\"sdp\":\"\xff\"}".to_vec()).await;
    assert_problem(&not_text, StatusCode::BAD_REQUEST, "request.malformed", Some("sdp"));

    let address = "127.0.0.1:9".parse().unwrap();
    let mut client = Client::new(ClientConfig::at(address), std::time::Instant::now());
    let (status, answer) = offer(&client.offer().unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    client.accept(answer["sdp"].as_str().unwrap()).unwrap();
}

/// Returns once the engine has been asked for this.
async fn asked(server: &Harness, what: &Asked) {
    let seen = async {
        while !server.media.asked.lock().unwrap().contains(what) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, seen).await.unwrap_or_else(|_| panic!("the engine was never asked for {what:?}"));
}
