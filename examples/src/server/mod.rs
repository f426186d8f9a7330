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
pub mod metrics;
mod nodes;
mod page;
mod problem;
mod run;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Request, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use parlor_core::engine::{Error, Parlor};
use parlor_core::media::{Bridge, MediaBackend};
use parlor_core::rooms;
use parlor_core::storage::StoreError;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::host;
pub use run::{Args, run};

use hub::Hub;
use nodes::Nodes;

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
    nodes: Nodes,
    sockets: Arc<Semaphore>,
}

impl App {
    /// An application on a store and a media engine, as a node of this name that clients reach at
    /// `url`, with the tasks it needs. They end when the set is dropped.
    ///
    /// # Errors
    /// [`Error`] when the name or address is malformed, or the store failed.
    pub async fn start(
        parlor: Parlor,
        media: Arc<dyn MediaBackend>,
        node: &str,
        url: &str,
    ) -> Result<(Self, JoinSet<()>), Error<rooms::Refusal>> {
        let bridge = Arc::new(Bridge::start(parlor.clone(), media, node, url).await?);
        let hub = Hub::new(parlor.head().await?);
        let nodes = Nodes::default();
        nodes.refresh(&parlor).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(keep(bridge.clone(), parlor.clone(), nodes.clone(), hub.clone()));
        tasks.spawn(host::drive(parlor.clone()));
        tasks.spawn(hub.clone().follow(parlor.clone()));
        tasks.spawn(follow(bridge.clone()));
        let (listening, live) = (bridge.clone(), hub.clone());
        tasks.spawn(async move {
            let moment = || tokio::time::sleep(Duration::from_millis(200));
            listening.listen(|event| live.live(&event), moment).await;
        });
        let sockets = Arc::new(Semaphore::new(SOCKETS_MAX));
        Ok((Self { parlor, bridge, hub, nodes, sockets }, tasks))
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
            .route("/api/rooms/{room}/quality", get(api::quality))
            .route("/api/rooms/{room}/bans", get(api::bans))
            .route("/api/rooms/{room}/media", post(api::media))
            .route("/api/events", get(events::socket))
            .route("/healthz", get(api::health))
            .route("/", get(page::index))
            .route("/assets/{*path}", get(page::asset))
            .fallback(problem::no_such_page)
            .method_not_allowed_fallback(problem::wrong_method)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(from_fn_with_state(self.nodes.clone(), secure))
            .layer(self.nodes.cors())
            .with_state(self)
    }

    /// Tells every WebSocket that the server is about to go.
    pub fn drain(&self) {
        self.hub.drain();
    }

    /// Gives back the rooms whose media was here; once the media engine has shut down.
    ///
    /// # Errors
    /// [`StoreError`]; the leases run out by themselves then.
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.bridge.stop().await
    }
}

/// Keeps the rooms whose media is here, and an eye on the other nodes.
async fn keep(bridge: Arc<Bridge>, parlor: Parlor, nodes: Nodes, hub: Hub) {
    // Two may fail before a lease runs out.
    let mut turn = tokio::time::interval(parlor.settings().lease / 3);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        match bridge.renew().await {
            Ok(()) => {}
            Err(Error::Refused(refusal)) => {
                tracing::error!(%refusal, "another process goes by this node's name");
                return hub.drain();
            }
            Err(error) => tracing::error!(%error, "the leases were not renewed; trying again"),
        }
        if let Err(error) = nodes.refresh(&parlor).await {
            tracing::error!(%error, "the other nodes were not looked up; trying again");
        }
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
async fn secure(
    State(nodes): State<Nodes>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "microphone=(self)"),
    ];
    let policy = format!(
        "default-src 'self'; connect-src 'self' {} ws: wss:; media-src 'self' blob: mediastream:; \
         img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        nodes.policy()
    );
    let mut response = next.run(request).await;
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
