//! The servers there are: pages of any of them may speak to all of them.

use axum::http::{HeaderName, HeaderValue, Method, header};
use parlor_core::engine::Parlor;
use parlor_core::storage::StoreError;
use tokio::sync::watch;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Where the servers are reached that are up, as of the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    urls: watch::Sender<Vec<String>>,
}

impl Nodes {
    /// Looks again.
    pub(super) async fn refresh(&self, parlor: &Parlor) -> Result<(), StoreError> {
        let urls = parlor.nodes().await?.into_iter().map(|node| node.url);
        let urls = urls.filter(|url| !url.is_empty()).collect();
        self.urls.send_if_modified(|known| {
            let is_news = *known != urls;
            *known = urls;
            is_news
        });
        Ok(())
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.urls.borrow().clone()
    }

    /// Whether a page comes from one of them.
    pub(super) fn has(&self, origin: &HeaderValue) -> bool {
        self.urls.borrow().iter().any(|url| url.as_bytes() == origin.as_bytes())
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
        self.urls.borrow().join(" ")
    }
}
