//! A server in this process, on a store in memory and with a media engine that only records.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use parlor_core::engine::{Parlor, Settings};
use parlor_core::media::{
    Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer,
};
use parlor_core::storage::MemoryStore;
use parlor_examples::{host, server};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

pub(crate) type Answer = (StatusCode, Value);

pub(crate) struct Harness {
    pub(crate) parlor: Parlor,
    pub(crate) media: Arc<Recording>,
    pub(crate) app: server::App,
    pub(crate) router: Router,
    late_us: Arc<AtomicI64>,
    _tasks: JoinSet<()>,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        let late_us = Arc::new(AtomicI64::new(0));
        let late = late_us.clone();
        let clock =
            move || host::clock() + Duration::from_micros(late.load(Ordering::Relaxed) as u64);
        let store = Arc::new(MemoryStore::new());
        let parlor = Parlor::with_settings(store, clock, host::entropy, Settings::default());
        let media = Arc::new(Recording::new());
        let (app, tasks) =
            server::App::start(parlor.clone(), media.clone(), "a", "").await.unwrap();
        Self { parlor, media, router: app.clone().router(), app, late_us, _tasks: tasks }
    }

    /// Two servers on one database, at `http://a` and `http://b`.
    pub(crate) async fn two() -> (Self, Self) {
        let b = Self::start().await;
        let parlor = b.parlor.clone();
        let media = Arc::new(Recording::new());
        let start = server::App::start(parlor.clone(), media.clone(), "b", "http://b");
        let (app, tasks) = start.await.unwrap();
        let b = Self { media, router: app.clone().router(), app, _tasks: tasks, ..b };
        let (media, late_us) = (Arc::new(Recording::new()), b.late_us.clone());
        let start = server::App::start(parlor.clone(), media.clone(), "a", "http://a");
        let (app, tasks) = start.await.unwrap();
        let router = app.clone().router();
        (Self { parlor, media, router, app, late_us, _tasks: tasks }, b)
    }

    /// With another media engine instead of the one that records.
    pub(crate) async fn with_media(self, media: impl MediaBackend) -> Self {
        let (app, tasks) =
            server::App::start(self.parlor.clone(), Arc::new(media), "a", "").await.unwrap();
        Self { router: app.clone().router(), app, _tasks: tasks, ..self }
    }

    /// Moves the clock on.
    pub(crate) fn advance(&self, by: Duration) {
        self.late_us.fetch_add(by.as_micros() as i64, Ordering::Relaxed);
    }

    pub(crate) async fn guest(&self, name: &str) -> String {
        let body = serde_json::to_vec(&json!({ "display_name": name })).unwrap();
        let (status, guest) = self.post("", "/api/guests", body).await;
        assert_eq!(status, StatusCode::CREATED, "{guest}");
        guest["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn room(&self, token: &str, data: Value) -> String {
        let (status, made) = self.command(token, "rooms.create", data).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        made["output"]["room"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn command(&self, token: &str, name: &str, data: Value) -> Answer {
        let body = serde_json::to_vec(&json!({ "name": name, "data": data })).unwrap();
        self.post(token, "/api/commands", body).await
    }

    pub(crate) async fn keyed(&self, token: &str, key: &str, command: &Value) -> Answer {
        let request = Request::post("/api/commands").header("idempotency-key", key);
        self.answer(authorized(request, token).body(command.to_string().into()).unwrap()).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Vec<u8>) -> Answer {
        self.answer(authorized(Request::post(path), token).body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.answer(authorized(Request::get(path), token).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn raw(&self, path: &str) -> Response<Body> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let is_problem = !status.is_success();
        let kind = response.headers()[header::CONTENT_TYPE].clone();
        assert_eq!(kind == "application/problem+json", is_problem, "{status} as {kind:?}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn authorized(request: axum::http::request::Builder, token: &str) -> axum::http::request::Builder {
    match token {
        "" => request,
        token => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
    }
}

pub(crate) fn assert_problem(answer: &Answer, status: StatusCode, code: &str, field: Option<&str>) {
    let (got, problem) = answer;
    assert_eq!((*got, problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert_eq!(problem["field"].as_str(), field, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
}

/// A media engine that moves nothing, records what it is asked, and reports what a test says.
pub(crate) struct Recording {
    pub(crate) asked: Mutex<Vec<Asked>>,
    reports: mpsc::UnboundedSender<MediaEvent>,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<MediaEvent>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Connect(Connect),
    Rights(LegId, Rights),
    Disconnect(LegId),
}

impl Recording {
    fn new() -> Self {
        let (reports, events) = mpsc::unbounded_channel();
        Self { asked: Mutex::default(), reports, events: tokio::sync::Mutex::new(events) }
    }
    pub(crate) fn report(&self, event: MediaEvent) {
        self.reports.send(event).unwrap();
    }

    fn record(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }
}

#[async_trait]
impl MediaBackend for Recording {
    async fn connect(&self, request: Connect) -> Result<SdpAnswer, MediaError> {
        self.record(Asked::Connect(request));
        Ok(SdpAnswer("v=0\r\n".into()))
    }

    async fn renegotiate(&self, _: LegId, _: SdpOffer) -> Result<SdpAnswer, MediaError> {
        Ok(SdpAnswer("v=0\r\n".into()))
    }

    async fn set_rights(&self, leg: LegId, rights: Rights) -> Result<(), MediaError> {
        self.record(Asked::Rights(leg, rights));
        Ok(())
    }

    async fn disconnect(&self, leg: LegId) -> Result<(), MediaError> {
        self.record(Asked::Disconnect(leg));
        Ok(())
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.events.lock().await.recv().await
    }
}
