//! The handlers: each parses, asks Parlor, and gives the answer back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use parlor_core::calls::LevelView;
use parlor_core::engine::{AnyCommand, IdempotencyKey, KEY_BYTES_MAX, Refusal as _};
use parlor_core::events::Actor;
use parlor_core::identity;
use parlor_core::media::SdpOffer;
use parlor_core::record::Timestamp;
use parlor_core::rooms::{self, BannedView, ParticipantView, RoomId, RoomListing, RoomView};
use parlor_core::storage::Page;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::problem::Problem;

type Answer<T> = Result<Json<T>, Problem>;

/// `POST /api/guests`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGuest {
    display_name: String,
}

/// The answer to it: the only time the token is shown.
#[derive(Serialize)]
pub(super) struct SignedUp {
    user: identity::UserId,
    display_name: String,
    token: String,
    expires_at: Timestamp,
}

pub(super) async fn sign_up_guest(
    State(app): State<App>,
    Body(new): Body<NewGuest>,
) -> Result<(StatusCode, Json<SignedUp>), Problem> {
    let guest = app.parlor.sign_up_guest(&new.display_name).await?;
    let (user, display_name, expires_at) = (guest.user, guest.display_name, guest.expires_at);
    let token = guest.token.reveal();
    Ok((StatusCode::CREATED, Json(SignedUp { user, display_name, token, expires_at })))
}

pub(super) async fn me(State(app): State<App>, Caller(actor): Caller) -> Answer<Value> {
    let user = app.parlor.whoami(actor).await?;
    Ok(Json(json!({ "user": user.id, "display_name": user.display_name })))
}

pub(super) async fn command(
    State(app): State<App>,
    Caller(actor): Caller,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Answer<Value> {
    let command = AnyCommand::from_network(&body)?;
    let key = headers.get("idempotency-key").map(|key| idempotency_key(key.as_bytes()));
    let output = app.parlor.execute_any(actor, key.transpose()?.as_ref(), command).await?;
    Ok(Json(json!({ "output": output })))
}

fn idempotency_key(bytes: &[u8]) -> Result<IdempotencyKey, Problem> {
    let key = str::from_utf8(bytes).ok().and_then(IdempotencyKey::new);
    key.ok_or_else(|| {
        let detail = format!("An idempotency key is 1 to {KEY_BYTES_MAX} visible characters.");
        let malformed = Problem::new(StatusCode::BAD_REQUEST, "idempotency.malformed", detail);
        malformed.at(Some("Idempotency-Key"))
    })
}

/// What lists are asked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    #[serde(default)]
    search: String,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/rooms`
#[derive(Serialize)]
pub(super) struct Rooms {
    rooms: Vec<Card>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Card {
    room: RoomId,
    name: String,
    description: String,
    owner_name: String,
    stage_mode: rooms::StageMode,
    status: rooms::RoomStatus,
    locked: bool,
    active: u32,
    max_participants: u32,
}

pub(super) async fn discover(
    State(app): State<App>,
    Caller(actor): Caller,
    Asked(asked): Asked<Listing>,
) -> Answer<Rooms> {
    let limit = asked.limit.unwrap_or(50);
    let page =
        app.parlor.rooms().discover(actor, &asked.search, asked.after.as_deref(), limit).await?;
    let Page { rows: rooms, next } = page.map(Card::from);
    Ok(Json(Rooms { rooms, next }))
}

pub(super) async fn room(
    State(app): State<App>,
    Caller(actor): Caller,
    InPath(room): InPath,
) -> Answer<RoomView> {
    Ok(Json(app.parlor.rooms().room(actor, room).await?))
}

/// `GET /api/rooms/{id}/participants`
#[derive(Serialize)]
pub(super) struct Participants {
    participants: Vec<ParticipantView>,
    next: Option<String>,
}

pub(super) async fn participants(
    State(app): State<App>,
    Caller(actor): Caller,
    InPath(room): InPath,
    Asked(asked): Asked<Listing>,
) -> Answer<Participants> {
    let after = asked.after.as_deref();
    let page = app.parlor.rooms().participants(actor, room, after).await?;
    Ok(Json(Participants { participants: page.rows, next: page.next }))
}

/// `GET /api/rooms/{id}/quality`
#[derive(Serialize)]
pub(super) struct Levels {
    quality: Vec<LevelView>,
    next: Option<String>,
}

pub(super) async fn quality(
    State(app): State<App>,
    Caller(actor): Caller,
    InPath(room): InPath,
    Asked(asked): Asked<Listing>,
) -> Answer<Levels> {
    let page = app.parlor.calls().levels(actor, room, asked.after.as_deref()).await?;
    Ok(Json(Levels { quality: page.rows, next: page.next }))
}

/// `GET /api/rooms/{id}/bans`
#[derive(Serialize)]
pub(super) struct Bans {
    bans: Vec<BannedView>,
    next: Option<String>,
}

pub(super) async fn bans(
    State(app): State<App>,
    Caller(actor): Caller,
    InPath(room): InPath,
    Asked(asked): Asked<Listing>,
) -> Answer<Bans> {
    let page = app.parlor.rooms().bans(actor, room, asked.after.as_deref()).await?;
    Ok(Json(Bans { bans: page.rows, next: page.next }))
}

/// `POST /api/rooms/{id}/media`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    sdp: String,
}

pub(super) async fn media(
    State(app): State<App>,
    Caller(actor): Caller,
    InPath(room): InPath,
    Body(offer): Body<Offer>,
) -> Answer<Value> {
    // On a task of its own: it goes on to its end even if the client does not wait for it.
    let connecting = async move { app.bridge.connect(actor, room, SdpOffer(offer.sdp)).await };
    let connected = tokio::spawn(connecting).await;
    let (leg, answer) = connected.map_err(|_| Problem::internal())??;
    Ok(Json(json!({ "leg": leg, "sdp": answer.0 })))
}

pub(super) async fn health(State(app): State<App>) -> Answer<Value> {
    app.parlor.next_deadline().await?;
    Ok(Json(json!({ "status": "ok" })))
}

impl From<RoomListing> for Card {
    fn from(row: RoomListing) -> Self {
        Self {
            room: row.room_id,
            name: row.name,
            description: row.description,
            owner_name: row.owner_name,
            stage_mode: row.stage_mode,
            status: row.status,
            locked: row.locked,
            active: row.active,
            max_participants: row.max_participants,
        }
    }
}

/// Whoever shows a good token.
pub(super) struct Caller(Actor);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let token = header.and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
        Ok(Self(app.parlor.authenticate(token).await?))
    }
}

/// The room in the path. What is no id is no room.
pub(super) struct InPath(RoomId);

impl FromRequestParts<App> for InPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let room = Path::<String>::from_request_parts(parts, app).await;
        let room = room.ok().and_then(|Path(id)| id.parse().ok()).map(Self);
        room.ok_or_else(|| {
            let refusal = rooms::Refusal::NotFound;
            Problem::new(StatusCode::NOT_FOUND, refusal.code(), refusal.to_string())
        })
    }
}

/// The query string.
pub(super) struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let asked = Query::<T>::from_request_parts(parts, app).await;
        let asked = asked.map(|Query(asked)| Self(asked));
        asked.map_err(|bad| {
            Problem::new(StatusCode::BAD_REQUEST, "http.query", format!("{}.", bad.body_text()))
        })
    }
}

/// The body as it came.
pub(super) struct RawBody(Bytes);

impl FromRequest<App> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Bytes::from_request(request, app).await.map(Self).map_err(|bad| match bad {
            BytesRejection::FailedToBufferBody(bad)
                if bad.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                let detail = "The request is too large.";
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "http.too_large", detail)
            }
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                "http.body",
                "The request did not arrive whole.",
            ),
        })
    }
}

/// The body as JSON.
pub(super) struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let RawBody(bytes) = RawBody::from_request(request, app).await?;
        Ok(Self(parlor_core::engine::from_json(&bytes)?))
    }
}
