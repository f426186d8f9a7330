//! What Prometheus is shown, and where.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use parlor_examples::server::metrics::{Database, Feed, Metrics, Snapshot, StoreCounters};
use parlor_media_str0m::driver::{DriverStats, Histogram, SendLost, SocketStats};
use parlor_media_str0m::engine::{Dropped, Stats};
use parlor_storage_sqlite::SqliteStore;
use tower::ServiceExt as _;

use crate::harness::Harness;

/// Every number another one.
fn busy() -> Snapshot {
    let dropped = Dropped {
        malformed: 1,
        unknown_source: 2,
        unknown_ufrag: 3,
        bad_integrity: 4,
        forged_dtls: 49,
        too_many_sources: 5,
        source_taken: 6,
        ssrc_guard: 7,
        ssrc_repaired: 8,
        unauthenticated: 50,
        not_permitted: 9,
        not_microphone: 10,
        not_loudest: 11,
        too_late: 12,
        no_slot: 13,
        silence: 14,
        over_rate: 15,
        queue_full: 16,
    };
    let engine = Stats {
        sessions: 39,
        listeners: 19,
        speakers: 20,
        fast_lanes: 18,
        wakeups: 17,
        rooms: 21,
        sources: 22,
        datagrams_in: 23,
        bytes_in: 24,
        datagrams_out: 25,
        bytes_out: 26,
        packets_in: 27,
        packets_out: 28,
        panics: 29,
        dropped,
    };
    let sockets = SocketStats {
        receive_calls: 40,
        send_calls: 41,
        gro_messages: 42,
        gso_messages: 43,
        queued: 44,
        lost: SendLost { overflow: 45, refused: 46, no_socket: 47 },
    };
    let cpu = Duration::from_millis(48_500);
    let (mut lateness, mut forwarding) = (Histogram::new(), Histogram::new());
    lateness.record(3, 1);
    lateness.record(1_000, 2);
    forwarding.record(70, 5);
    Snapshot {
        media: DriverStats { engine, sockets, events_dropped: 31, cpu, lateness, forwarding },
        websockets: 32,
        samples_left_out: 33,
        store: StoreCounters { commands: 34, transactions: 35, retries: 36, doubts: 37 },
        feed: Some(Feed { hidden: 38, lag: 1.5 }),
    }
}

#[test]
fn every_number_is_told_once() {
    assert_eq!(busy().render(), include_str!("metrics.txt"));
}

#[test]
fn what_cannot_be_told_is_left_out() {
    let text = Snapshot { feed: None, ..busy() }.render();
    assert!(!text.contains("parlor_feed"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_numbers_are_at_an_address_of_their_own() {
    let server = Harness::start().await;
    let public = server.raw("/metrics").await;
    assert_eq!(public.status(), StatusCode::NOT_FOUND);

    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("parlor.db")).unwrap();
    let engine = Stats { sessions: 7, listeners: 7, ..Stats::default() };
    let media = move || DriverStats { engine, ..DriverStats::default() };
    let metrics = Metrics::new(server.app.clone(), media, Database::Sqlite(Arc::new(store)));
    let router = metrics.router();
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        (parts, String::from_utf8(text.to_vec()).unwrap())
    };

    let (answer, text) = get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers[header::CONTENT_TYPE], kind);
    for line in [
        "parlor_media_sessions{class=\"listener\"} 7",
        "parlor_websockets 0.0",
        "parlor_store_commands_total 0",
    ] {
        assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
    }
    for path in ["/", "/api/rooms", "/healthz"] {
        assert_eq!(get(path).await.0.status, StatusCode::NOT_FOUND, "{path}");
    }
}
