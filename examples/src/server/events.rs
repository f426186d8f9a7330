//! The WebSocket: the feed, as far as the actor may see it.
//!
//! The first frame says who asks and for what: `{"token": "…", "room": "…" or null}`. Without a
//! room it is the lobby. Whoever falls too far behind, or whose stay ends, is told so by the
//! closing code, and starts over from a snapshot.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_core::events::Position;
use parlor_core::rooms::{ParticipantId, RoomId};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval_at, timeout};

use super::App;
use super::hub::{Frame, Place};
use super::problem::Problem;

/// The largest frame a client sends.
const FRAME_BYTES_MAX: usize = 4 * 1024;
/// How long a client may take to say who it is, or to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// After how many unanswered questions it is not.
const UNANSWERED_MAX: u32 = 2;

/// Closing codes of our own (RFC 6455 §7.4.2).
mod code {
    /// The stay is over.
    pub(super) const OVER: u16 = 4000;
    /// The first frame was not understood.
    pub(super) const MALFORMED: u16 = 4400;
    /// Sign in first.
    pub(super) const UNAUTHENTICATED: u16 = 4401;
    /// One must be in the room.
    pub(super) const FORBIDDEN: u16 = 4403;
    /// The client was too slow.
    pub(super) const BEHIND: u16 = 4408;
    /// The server is about to go.
    pub(super) const GOING_AWAY: u16 = 1001;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    token: String,
    room: Option<RoomId>,
}

pub(super) async fn socket(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let is_known = |origin| app.nodes.has(origin);
    if !is_same_origin(&headers) && !headers.get(header::ORIGIN).is_some_and(is_known) {
        let detail = "This address is for pages of this server only.";
        return Problem::new(StatusCode::FORBIDDEN, "http.origin", detail).into_response();
    }
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        let detail = "Too many connections. Try again in a moment.";
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        return Problem::new(busy, "http.busy", detail).into_response();
    };
    upgrade.max_message_size(FRAME_BYTES_MAX).max_frame_size(FRAME_BYTES_MAX).on_upgrade(
        async move |mut socket| {
            let (code, reason) = match serve(&app, &mut socket).await {
                Ok(closing) => closing,
                // The client is gone.
                Err(Gone) => return,
            };
            let close = CloseFrame { code, reason: reason.into() };
            let _ = timeout(PATIENCE, socket.send(Message::Close(Some(close)))).await;
            drop(permit);
        },
    )
}

/// Browsers say which page opened a WebSocket; other clients have no cookies to abuse.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin == host)
}

struct Gone;

type Closing = (u16, &'static str);

async fn serve(app: &App, socket: &mut WebSocket) -> Result<Closing, Gone> {
    let (mut frames, own) = match greet(app, socket).await? {
        Ok(subscribed) => subscribed,
        Err(closing) => return Ok(closing),
    };
    let mut draining = app.hub.draining();
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(RecvError::Lagged(_)) => return Ok((code::BEHIND, "too far behind")),
                    Err(RecvError::Closed) => return Ok((code::GOING_AWAY, "going away")),
                };
                send(socket, Message::Text(frame.text)).await?;
                if own.is_some() && frame.left == own {
                    return Ok((code::OVER, "the stay is over"));
                }
            }
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                // Answers to pings. Nothing else is expected; what comes is bounded.
                Some(Ok(_)) => unanswered = 0,
            },
            _ = ping.tick() => {
                unanswered += 1;
                if unanswered > UNANSWERED_MAX {
                    return Err(Gone);
                }
                send(socket, Message::Ping(Default::default())).await?;
            }
            () = async { drop(draining.wait_for(|draining| *draining).await) } => {
                return Ok((code::GOING_AWAY, "going away"));
            }
        }
    }
}

/// News of a place, and the stay whose end ends them.
type Subscribed = (Receiver<Frame>, Option<ParticipantId>);

/// Learns who asks and for what, and says from where on they will be told.
async fn greet(app: &App, socket: &mut WebSocket) -> Result<Result<Subscribed, Closing>, Gone> {
    let hello = match timeout(PATIENCE, socket.recv()).await {
        Ok(Some(Ok(Message::Text(text)))) => text,
        Ok(Some(Ok(_))) | Err(_) => return Ok(Err((code::MALFORMED, "say who you are"))),
        Ok(Some(Err(_)) | None) => return Err(Gone),
    };
    let subscribed = match serde_json::from_str(&hello) {
        Ok(hello) => subscribe(app, hello).await,
        Err(error) => {
            let detail = format!("The first frame is malformed: {error}.");
            Err(Problem::new(StatusCode::BAD_REQUEST, "http.frame", detail))
        }
    };
    match subscribed {
        Ok((subscribed, position)) => {
            let ready = json!({ "position": position, "nodes": app.nodes.urls() });
            let ready = json!({ "ready": ready });
            send(socket, Message::Text(ready.to_string().into())).await?;
            Ok(Ok(subscribed))
        }
        Err(problem) => {
            let refused = json!({ "code": problem.code(), "detail": problem.detail() });
            let refused = json!({ "refused": refused }).to_string();
            send(socket, Message::Text(refused.into())).await?;
            Ok(Err(match () {
                () if problem.is_unauthenticated() => (code::UNAUTHENTICATED, "sign in first"),
                () if problem.code() == "http.frame" => (code::MALFORMED, "malformed"),
                () => (code::FORBIDDEN, "not for you"),
            }))
        }
    }
}

async fn subscribe(app: &App, hello: Hello) -> Result<(Subscribed, Position), Problem> {
    let actor = app.parlor.authenticate(&hello.token).await?;
    let Some(room) = hello.room else {
        let (frames, position) = app.hub.subscribe(Place::Lobby);
        return Ok(((frames, None), position));
    };
    // A room that one is not in is not even listened to; before the stay is looked up for good, so
    // that its end is not missed.
    app.parlor.rooms().own_stay(actor, room).await?;
    let (frames, position) = app.hub.subscribe(Place::Room(room));
    let stay = app.parlor.rooms().own_stay(actor, room).await?;
    Ok(((frames, Some(stay.id)), position))
}

/// A client that does not take what it is sent is let go.
async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Gone> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}
