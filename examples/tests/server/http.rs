//! The server as clients meet it: every answer, and every kind of bad input, over HTTP and
//! WebSocket.

use crate::harness::{Harness, assert_problem};
use axum::http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_guest_makes_a_room_joins_it_and_sees_themselves() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;

    let joined = server.command(&ada, "rooms.join", json!({ "room": room })).await;
    let (status, view) = server.get(&ada, &format!("/api/rooms/{room}")).await;
    let (_, list) = server.get(&ada, &format!("/api/rooms/{room}/participants")).await;

    assert_eq!(joined.0, StatusCode::OK);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(view["me"]["id"], joined.1["output"]["participant"]);
    assert_eq!(view["me"]["role"], "host");
    assert_eq!(list["participants"][0]["display_name"], "Ada");
}

#[tokio::test]
async fn the_lobby_lists_what_is_open() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let room = server.room(&ada, json!({ "name": "Café Zürich", "stage_mode": "moderated" })).await;
    server.parlor.drive().await.unwrap();

    let (_, all) = server.get(&ada, "/api/rooms").await;
    let (_, found) = server.get(&ada, "/api/rooms?search=zurich%20caf").await;
    let (_, none) = server.get(&ada, "/api/rooms?search=bern").await;

    assert_eq!(all["rooms"][0]["room"], room);
    assert_eq!(all["rooms"][0]["owner_name"], "Ada");
    assert_eq!(found["rooms"].as_array().unwrap().len(), 1);
    assert_eq!(none["rooms"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn what_cannot_be_a_command_is_refused_and_changes_nothing() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    let head = server.parlor.head().await.unwrap();
    let deep = "[".repeat(10_000);
    let cases: &[(&[u8], StatusCode, &str, Option<&str>)] = &[
        (b"", StatusCode::BAD_REQUEST, "request.malformed", None),
        (b"\xff\xfe\x00", StatusCode::BAD_REQUEST, "request.malformed", None),
        (deep.as_bytes(), StatusCode::BAD_REQUEST, "request.malformed", None),
        (b"{\"name\":\"rooms.join\"}", StatusCode::BAD_REQUEST, "request.malformed", Some("data")),
        (br#"{"name":"rooms.explode","data":{}}"#, StatusCode::NOT_FOUND, "command.unknown", None),
        (br#"{"name":"rooms.leg_connected","data":{}}"#, StatusCode::NOT_FOUND, "command.unknown", None),
        (br#"{"name":"identity.create_guest","data":{}}"#, StatusCode::NOT_FOUND, "command.unknown", None),
        (br#"{"name":"rooms.join","data":{}}"#, StatusCode::BAD_REQUEST, "request.malformed", Some("room")),
        (br#"{"name":"rooms.join","data":{"room":7}}"#, StatusCode::BAD_REQUEST, "request.malformed", Some("room")),
        (
            br#"{"name":"rooms.join","data":{"room":"00000000-0000-0000-0000-000000000000","admin":true}}"#,
            StatusCode::BAD_REQUEST,
            "request.malformed",
            Some("admin"),
        ),
        (
            br#"{"name":"rooms.join","data":{"room":"00000000-0000-0000-0000-000000000000"}}"#,
            StatusCode::NOT_FOUND,
            "rooms.not_found",
            None,
        ),
        (
            br#"{"name":"rooms.create","data":{"name":" ","stage_mode":"open_floor"}}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid.empty",
            Some("name"),
        ),
        (
            br#"{"name":"rooms.create","data":{"name":"x","max_participants":1,"stage_mode":"open_floor"}}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid.range",
            Some("max_participants"),
        ),
    ];
    for (body, status, code, field) in cases {
        let answer = server.post(&ada, "/api/commands", body.to_vec()).await;
        assert_problem(&answer, *status, code, *field);
    }
    assert_eq!(server.parlor.head().await.unwrap(), head, "something was changed");
    assert_eq!(server.get(&ada, &format!("/api/rooms/{room}")).await.1["me"], Value::Null);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let answer = server.post(&ada, "/api/commands", vec![b' '; 1 << 20]).await;
    assert_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, "http.too_large", None);
}

#[tokio::test]
async fn names_that_would_mislead_are_refused_at_their_field() {
    let server = Harness::start().await;
    let long = "x".repeat(51);
    for (name, code) in [
        ("", "invalid.empty"),
        (" \u{a0} ", "invalid.empty"),
        (long.as_str(), "invalid.too_long"),
        ("A\u{0}da", "invalid.character"),
        ("A\u{202e}da", "invalid.character"),
        ("A\nda", "invalid.character"),
    ] {
        let body = serde_json::to_vec(&json!({ "display_name": name })).unwrap();
        let answer = server.post("", "/api/guests", body).await;
        assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, code, Some("display_name"));
    }
}

#[tokio::test]
async fn forged_and_expired_tokens_are_the_same_to_who_shows_them() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let forged = "A".repeat(43);
    let mut answers = Vec::new();
    for token in ["", "x", &forged, &ada[..42]] {
        answers.push(server.get(token, "/api/me").await);
    }
    server.advance(std::time::Duration::from_secs(31 * 24 * 60 * 60));
    answers.push(server.get(&ada, "/api/me").await);
    for answer in &answers {
        assert_problem(answer, StatusCode::UNAUTHORIZED, "identity.unauthenticated", None);
        assert_eq!(answer.1, answers[0].1);
    }
}

#[tokio::test]
async fn who_is_not_in_a_room_does_not_see_who_is() {
    let server = Harness::start().await;
    let (ada, eve) = (server.guest("Ada").await, server.guest("Eve").await);
    let room = server.room(&ada, json!({ "name": "Tea", "stage_mode": "open_floor" })).await;
    server.command(&ada, "rooms.join", json!({ "room": room })).await;

    let list = server.get(&eve, &format!("/api/rooms/{room}/participants")).await;
    let bans = server.get(&eve, &format!("/api/rooms/{room}/bans")).await;
    let path = format!("/api/rooms/{room}/media");
    let offer = server.post(&eve, &path, br#"{"sdp":"v=0"}"#.to_vec()).await;
    let nowhere = server.get(&eve, "/api/rooms/not-an-id").await;

    assert_problem(&list, StatusCode::FORBIDDEN, "rooms.not_here", None);
    assert_problem(&bans, StatusCode::FORBIDDEN, "rooms.not_here", None);
    assert_problem(&offer, StatusCode::FORBIDDEN, "rooms.not_here", None);
    assert_problem(&nowhere, StatusCode::NOT_FOUND, "rooms.not_found", None);
}

#[tokio::test]
async fn a_full_a_locked_and_a_closed_room_say_which_they_are() {
    let server = Harness::start().await;
    let (ada, bob, eve) =
        (server.guest("Ada").await, server.guest("Bob").await, server.guest("Eve").await);
    let room = json!({ "name": "Tea", "max_participants": 2, "stage_mode": "open_floor" });
    let room = server.room(&ada, room).await;
    let data = json!({ "room": room });

    for guest in [&ada, &bob] {
        assert_eq!(server.command(guest, "rooms.join", data.clone()).await.0, StatusCode::OK);
    }
    let full = server.command(&eve, "rooms.join", data.clone()).await;
    server.command(&ada, "rooms.lock", data.clone()).await;
    let locked = server.command(&eve, "rooms.join", data.clone()).await;
    let forbidden = server.command(&bob, "rooms.close", data.clone()).await;
    server.command(&ada, "rooms.close", data.clone()).await;
    let closed = server.command(&eve, "rooms.join", data.clone()).await;

    assert_problem(&full, StatusCode::CONFLICT, "rooms.full", None);
    assert_problem(&locked, StatusCode::FORBIDDEN, "rooms.locked", None);
    assert_problem(&forbidden, StatusCode::FORBIDDEN, "rooms.forbidden", None);
    assert_problem(&closed, StatusCode::CONFLICT, "rooms.closed", None);
}

#[tokio::test]
async fn a_retry_under_one_key_makes_one_room() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    let tea =
        json!({ "name": "rooms.create", "data": { "name": "Tea", "stage_mode": "open_floor" } });
    let other =
        json!({ "name": "rooms.create", "data": { "name": "Ale", "stage_mode": "open_floor" } });

    let first = server.keyed(&ada, "k1", &tea).await;
    let again = server.keyed(&ada, "k1", &tea).await;
    let reused = server.keyed(&ada, "k1", &other).await;
    let malformed = server.keyed(&ada, "not a key", &tea).await;

    assert_eq!(first.0, StatusCode::OK);
    assert_eq!(first, again);
    assert_problem(&reused, StatusCode::CONFLICT, "idempotency.key_reused", None);
    let field = Some("Idempotency-Key");
    assert_problem(&malformed, StatusCode::BAD_REQUEST, "idempotency.malformed", field);
}

#[tokio::test]
async fn a_forged_cursor_is_refused_and_a_real_one_goes_on() {
    let server = Harness::start().await;
    let ada = server.guest("Ada").await;
    for name in ["One", "Two", "Three"] {
        server.room(&ada, json!({ "name": name, "stage_mode": "open_floor" })).await;
    }
    server.parlor.drive().await.unwrap();

    let (_, first) = server.get(&ada, "/api/rooms?limit=2").await;
    let next = first["next"].as_str().unwrap();
    let (_, rest) = server.get(&ada, &format!("/api/rooms?limit=2&after={next}")).await;
    assert_eq!(rest["rooms"].as_array().unwrap().len(), 1);
    for forged in ["x", &next[1..], "W10", &"A".repeat(5_000)] {
        let answer = server.get(&ada, &format!("/api/rooms?after={forged}")).await;
        assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid.cursor", Some("after"));
    }
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems_too() {
    let server = Harness::start().await;
    let nothing = server.get("", "/nothing").await;
    let wrong = server.post("", "/api/me", Vec::new()).await;
    let query = server.get(&server.guest("Ada").await, "/api/rooms?limit=many").await;
    assert_problem(&nothing, StatusCode::NOT_FOUND, "http.not_found", None);
    assert_problem(&wrong, StatusCode::METHOD_NOT_ALLOWED, "http.method", None);
    assert_problem(&query, StatusCode::BAD_REQUEST, "http.query", None);
}

#[tokio::test]
async fn the_page_and_its_parts_are_served_with_a_policy() {
    let server = Harness::start().await;
    let page = server.raw("/").await;
    let traversal = server.raw("/assets/../Cargo.toml").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(policy.starts_with("default-src 'self'"));
    assert_eq!(traversal.status(), StatusCode::NOT_FOUND);
}
