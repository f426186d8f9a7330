//! A host application: Parlor behind HTTP, with a page.
//!
//! ```text
//!  POST /api/guests            a display name ─▶ a token
//!  POST /api/commands          {"name": "rooms.join", "data": {…}} ─▶ Parlor::execute_any
//!  GET  /api/rooms …           reads, each with the actor
//!  POST /api/rooms/{id}/media  an SDP offer ─▶ Bridge::connect ─▶ the answer
//!  GET  /api/events            a WebSocket: the feed, as far as the actor may see it
//! ```

mod api;
mod events;
mod hub;
mod page;
mod problem;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Request, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use parlor_core::engine::Parlor;
use parlor_core::media::{Bridge, MediaBackend};
use parlor_core::storage::StoreError;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::host;
use hub::Hub;

/// The largest request: an SDP offer of 64 KiB, as JSON.
const BODY_BYTES_MAX: usize = 160 * 1024;
/// How many WebSockets may be open at once.
const SOCKETS_MAX: usize = 20_000;

/// What every handler has at hand.
#[derive(Clone, Debug)]
pub struct App {
    parlor: Parlor,
    bridge: Arc<Bridge>,
    hub: Hub,
    sockets: Arc<Semaphore>,
}

impl App {
    /// An application on a store and a media engine, with the tasks it needs. They end when the
    /// set is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the legs of an earlier run cannot be marked as lost.
    pub async fn start(
        parlor: Parlor,
        media: Arc<dyn MediaBackend>,
    ) -> Result<(Self, JoinSet<()>), StoreError> {
        let bridge = Arc::new(Bridge::new(parlor.clone(), media));
        let hub = Hub::new(parlor.head().await?);
        let recovered = bridge.recover().await?;
        if recovered > 0 {
            tracing::info!(recovered, "stays of an earlier run are kept for their grace period");
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(host::drive(parlor.clone()));
        tasks.spawn(hub.clone().follow(parlor.clone()));
        tasks.spawn(follow(bridge.clone()));
        let (listening, live) = (bridge.clone(), hub.clone());
        tasks.spawn(async move {
            let moment = || tokio::time::sleep(Duration::from_millis(200));
            listening.listen(|event| live.live(&event), moment).await;
        });
        let sockets = Arc::new(Semaphore::new(SOCKETS_MAX));
        Ok((Self { parlor, bridge, hub, sockets }, tasks))
    }

    /// All routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/guests", post(api::sign_up_guest))
            .route("/api/me", get(api::me))
            .route("/api/commands", post(api::command))
            .route("/api/rooms", get(api::discover))
            .route("/api/rooms/{room}", get(api::room))
            .route("/api/rooms/{room}/participants", get(api::participants))
            .route("/api/rooms/{room}/bans", get(api::bans))
            .route("/api/rooms/{room}/media", post(api::media))
            .route("/api/events", get(events::socket))
            .route("/healthz", get(api::health))
            .route("/", get(page::index))
            .route("/assets/{*path}", get(page::asset))
            .fallback(problem::no_such_page)
            .method_not_allowed_fallback(problem::wrong_method)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(from_fn(secure))
            .with_state(self)
    }

    /// Tells every WebSocket that the server is about to go.
    pub fn drain(&self) {
        self.hub.drain();
    }
}

/// Carries rights over to the media engine; what a failing store made it miss it catches up on.
async fn follow(bridge: Arc<Bridge>) {
    loop {
        if let Err(error) = bridge.follow().await {
            tracing::error!(%error, "the bridge lost the feed; trying again");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The page loads nothing from elsewhere, and nobody frames it.
async fn secure(request: Request<axum::body::Body>, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; \
             img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "microphone=(self)"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
