//! The servers there are: pages of any of them may speak to all of them.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use parlor_core::engine::Parlor;
use parlor_core::record::Timestamp;
use parlor_core::storage::StoreError;
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a server is remembered that is gone: its pages live on, and come to the others.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the servers are reached, as of the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    known: watch::Sender<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Those that are up.
    alive: Vec<String>,
    /// Those that are up, or were not long ago.
    recent: Vec<String>,
}

impl Nodes {
    /// Looks again.
    pub(super) async fn refresh(&self, parlor: &Parlor) -> Result<(), StoreError> {
        let (nodes, now) = (parlor.nodes().await?, parlor.now());
        let since = |at: Timestamp| {
            let nodes = nodes.iter().filter(|node| at < node.expires_at && !node.url.is_empty());
            nodes.map(|node| node.url.clone()).collect()
        };
        self.known.send_replace(Known { alive: since(now), recent: since(now - REMEMBERED) });
        Ok(())
    }

    /// Where those are that are up.
    pub(super) fn urls(&self) -> Vec<String> {
        self.known.borrow().alive.clone()
    }

    /// Whether a page comes from one of them.
    pub(super) fn has(&self, origin: &HeaderValue) -> bool {
        self.known.borrow().recent.iter().any(|url| url.as_bytes() == origin.as_bytes())
    }

    /// What lets their pages in.
    pub(super) fn cors(&self) -> CorsLayer {
        const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
        let nodes = self.clone();
        let known = AllowOrigin::predicate(move |origin, _| nodes.has(origin));
        let headers =
            [header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, IDEMPOTENCY_KEY];
        CorsLayer::new()
            .allow_origin(known)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(headers)
    }

    /// What a page may connect to, beside its own server.
    pub(super) fn policy(&self) -> String {
        self.known.borrow().alive.join(" ")
    }
}
