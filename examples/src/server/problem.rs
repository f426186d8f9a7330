//! Errors as `application/problem+json` (RFC 9457), with a stable code and the field at fault.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_core::engine::{AnyRefusal, BadCommand, Class, Error, Refusal};
use parlor_core::media::{ConnectError, MediaError};
use parlor_core::storage::StoreError;
use serde::Serialize;

/// What went wrong, for the client and the person before it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Where to ask instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Box<str>>,
}

impl Problem {
    /// A problem.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let (status, detail) = (status.as_u16(), detail.into());
        Self { kind: "about:blank", title, status, detail, code, field: None, url: None }
    }

    /// Something failed that is nobody's business but ours.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed.")
    }

    /// The same, with the field at fault.
    #[must_use]
    pub(super) fn at(mut self, field: Option<impl Into<String>>) -> Self {
        self.field = field.map(Into::into);
        self
    }

    /// Its stable code.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// Its sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether signing in again would help.
    pub(super) fn is_unauthenticated(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED.as_u16()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl<R: Refusal> From<Error<R>> for Problem {
    fn from(error: Error<R>) -> Self {
        match error {
            Error::Refused(refusal) => AnyRefusal::new(&refusal).into(),
            Error::KeyReused => {
                let detail = "This idempotency key has been used for another command.";
                Self::new(StatusCode::CONFLICT, "idempotency.key_reused", detail)
            }
            Error::Store(error) => error.into(),
        }
    }
}

impl From<AnyRefusal> for Problem {
    fn from(refusal: AnyRefusal) -> Self {
        let status = match refusal.class {
            Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Class::Unauthenticated => StatusCode::UNAUTHORIZED,
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Forbidden => StatusCode::FORBIDDEN,
            Class::Conflict => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.code, refusal.detail).at(refusal.field)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        let unavailable = |code, detail| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match error {
            StoreError::Busy { .. } => {
                unavailable("store.busy", "Too much is going on. Try again in a moment.")
            }
            StoreError::CommitUnknown(_) => unavailable(
                "store.commit_unknown",
                "It is not known whether this was done. Try again with the same idempotency key.",
            ),
            StoreError::Full => unavailable("store.full", "The server has no room left."),
            _ => Self::internal(),
        }
    }
}

impl From<BadCommand> for Problem {
    fn from(bad: BadCommand) -> Self {
        let detail = bad.to_string();
        match bad {
            BadCommand::Unknown => Self::new(StatusCode::NOT_FOUND, "command.unknown", detail),
            BadCommand::Malformed { field, .. } => {
                Self::new(StatusCode::BAD_REQUEST, "request.malformed", detail).at(field)
            }
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Command(error) => error.into(),
            ConnectError::Elsewhere { url, .. } => {
                let detail = "Another server has this room.";
                let elsewhere = StatusCode::MISDIRECTED_REQUEST;
                Self { url: Some(url.into()), ..Self::new(elsewhere, "media.elsewhere", detail) }
            }
            ConnectError::Media(error @ MediaError::Refused(_)) => {
                let detail = format!("{error}.");
                let refused = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(refused, "media.offer_refused", detail).at(Some("sdp"))
            }
            ConnectError::Media(error) => {
                tracing::error!(%error, "the media engine failed");
                let detail = "The server takes no more calls at the moment.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "media.unavailable", detail)
            }
        }
    }
}

/// For paths that do not exist.
pub(super) async fn no_such_page() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "http.not_found", "There is nothing here.")
}

/// For methods that a path does not have.
pub(super) async fn wrong_method() -> Problem {
    let detail = "This address does not take requests of this kind.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "http.method", detail)
}
