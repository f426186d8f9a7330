use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests to servers, with somebody's token.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    token: String,
}

/// Why a request was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server says no, or where to ask instead.
    #[error("{status}: {problem}")]
    Problem {
        /// The status.
        status: StatusCode,
        /// The problem document (RFC 9457).
        problem: Value,
    },
    /// The server did not answer.
    #[error("the server does not answer: {0:#}")]
    Away(anyhow::Error),
}

impl Http {
    /// Somebody new of this name, at the server with this base address.
    ///
    /// # Errors
    /// [`HttpError`]
    pub async fn guest(base: &str, display_name: &str) -> Result<Self, HttpError> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let http = Self { client, token: String::new() };
        let body = json!({ "display_name": display_name });
        let guest = http.post(base, "/api/guests", None, body).await?;
        let token = guest["token"].as_str().unwrap_or_default().to_owned();
        Ok(Self { token, ..http })
    }

    /// Runs a command under an idempotency key; gives its output.
    ///
    /// # Errors
    /// [`HttpError`]
    pub async fn command(
        &self,
        base: &str,
        key: Option<&str>,
        name: &str,
        data: Value,
    ) -> Result<Value, HttpError> {
        let body = json!({ "name": name, "data": data });
        Ok(self.post(base, "/api/commands", key, body).await?["output"].take())
    }

    /// Offers media; gives the answer.
    ///
    /// # Errors
    /// [`HttpError`]; [`HttpError::elsewhere`] says where the room's media is if not here.
    pub async fn offer(&self, base: &str, room: &str, sdp: &str) -> Result<String, HttpError> {
        let path = format!("/api/rooms/{room}/media");
        let answer = self.post(base, &path, None, json!({ "sdp": sdp })).await?;
        Ok(answer["sdp"].as_str().unwrap_or_default().to_owned())
    }

    async fn post(
        &self,
        base: &str,
        path: &str,
        key: Option<&str>,
        body: Value,
    ) -> Result<Value, HttpError> {
        let mut request = Request::post(format!("{base}{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answered = async {
            let request = request.body(Full::from(body.to_string()))?;
            let response = tokio::time::timeout(PATIENCE, self.client.request(request));
            let response = response.await.context("it takes too long")??;
            let status = response.status();
            let bytes = response.into_body().collect().await?.to_bytes();
            anyhow::Ok((status, serde_json::from_slice(&bytes)?))
        };
        match answered.await.map_err(HttpError::Away)? {
            (status, answer) if status.is_success() => Ok(answer),
            (status, problem) => Err(HttpError::Problem { status, problem }),
        }
    }
}

impl HttpError {
    /// Where to ask instead.
    pub fn elsewhere(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => problem["url"].as_str(),
            Self::Away(_) => None,
        }
    }
}

/// Without the token.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}
