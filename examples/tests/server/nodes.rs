//! Several servers on one database: any answers, one has the room's media.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt as _;

use super::harness::{Asked, Harness};

#[tokio::test]
async fn a_rooms_media_is_at_one_server_and_the_others_say_where() {
    let (a, b) = Harness::two().await;
    let token = a.guest("Ada").await;
    let room = b.room(&token, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    let joined = a.command(&token, "rooms.join", json!({ "room": room })).await.1;
    let path = format!("/api/rooms/{room}/media");
    let offer = || br#"{"sdp":"v=0"}"#.to_vec();

    let (status, answer) = b.post(&token, &path, offer()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, problem) = a.post(&token, &path, offer()).await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(
        (&problem["code"], &problem["url"]),
        (&json!("media.elsewhere"), &json!("http://b"))
    );

    // A command to one reaches the media of the other.
    let participant = &joined["output"]["participant"];
    let mute = json!({ "room": room, "participant": participant, "muted": true });
    assert_eq!(a.command(&token, "rooms.set_self_mute", mute).await.0, StatusCode::OK);
    let leg = answer["leg"].as_str().unwrap().parse().unwrap();
    let is_silent = |it: &Asked| matches!(it, Asked::Rights(id, rights) if *id == leg && !rights.send_microphone);
    while !b.media.asked.lock().unwrap().iter().any(is_silent) {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.media.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn pages_of_the_other_servers_are_let_in_and_of_strangers_are_not() {
    let (a, _b) = Harness::two().await;
    for (origin, is_known) in [("http://b", true), ("http://elsewhere.example", false)] {
        let request = Request::get("/api/rooms").header(header::ORIGIN, origin);
        let request = request.body(Body::empty()).unwrap();
        let response = a.router.clone().oneshot(request).await.unwrap();
        let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed.is_some_and(|it| it == origin), is_known, "{origin}");
    }
    let page = a.raw("/").await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("connect-src 'self' http://a http://b ws:"), "{policy}");
}
