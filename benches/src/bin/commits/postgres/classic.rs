//! The classic way: a transaction a command, on connections that clients take in turn.
//!
//! What an ordinary application does for a join, and does well: 32 connections that stay open; one
//! round trip a statement, each prepared once on each connection and then kept by the driver, so
//! that the server plans it once; rows by their keys, shared where the decision relies on them and
//! locked where it changes them, the room's counter, which everybody wants, after all others; only
//! then the inserts, the update and the event, in the same tables with the same constraints.
//!
//! ```text
//! BEGIN · app_user, room, room_ban FOR SHARE · seat, occupancy FOR UPDATE
//!       · INSERT participant, seat · UPDATE occupancy · INSERT outbox · COMMIT
//! ```
//!
//! It has it easier in two ways: no receipt tells what became of a commit, and the position of an
//! event is the next of a sequence, by which a reader of the feed would miss late commits.

use std::sync::{Arc, Mutex, PoisonError};

use parlor_benches::postgres::id::Id;
use parlor_core::Uuid;
use parlor_core::identity::UserId;
use parlor_core::rooms::RoomId;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Semaphore;

use crate::Result;

/// How many connections there are for all clients.
const CONNECTIONS: usize = 32;

/// What the schema lacks for it.
pub(super) const SEQUENCE: &str = "CREATE SEQUENCE classic_position START 4611686018427387904";

const USER: &str = "SELECT kind, display_name FROM app_user WHERE id = $1 FOR SHARE";
const ROOM: &str = "SELECT status, stage_mode, owner_id, max_participants, locked_at IS NOT NULL, \
    epoch FROM room WHERE id = $1 FOR SHARE";
const BAN: &str = "SELECT reason FROM room_ban WHERE room_id = $1 AND user_id = $2 FOR SHARE";
const SEAT: &str = "SELECT participant_id, epoch, role FROM seat \
    WHERE room_id = $1 AND user_id = $2 FOR UPDATE";
const OCCUPANCY: &str =
    "SELECT reserved, active, peak FROM occupancy WHERE room_id = $1 FOR UPDATE";
const STAY: &str = "INSERT INTO participant (id, room_id, epoch, user_id, display_name, role, \
    stage, mic, connection, lease_epoch, joined_at, lapses_at) VALUES ($1, $2, $3, $4, $5, \
    'guest', 'speaker', 'live', 'joining', 0, now(), now() + interval '15 s')";
const TAKE: &str = "INSERT INTO seat (room_id, user_id, participant_id, epoch, role) \
    VALUES ($1, $2, $3, $4, 'guest')";
const OCCUPY: &str = "UPDATE occupancy SET reserved = $2 WHERE room_id = $1";
const EVENT: &str = "INSERT INTO outbox (position, id, at, name, user_id, session_id, event) \
    VALUES (nextval('classic_position'), $1, now(), 'rooms.joining', $2, $3, $4::jsonb)";

/// The connections, for whoever comes.
pub(super) struct Classic {
    free: Mutex<Vec<PgConnection>>,
    turns: Semaphore,
}

impl Classic {
    pub(super) async fn connect(url: &str) -> Result<Arc<Self>> {
        let mut free = Vec::new();
        for _ in 0..CONNECTIONS {
            free.push(PgConnection::connect(url).await?);
        }
        Ok(Arc::new(Self { free: Mutex::new(free), turns: Semaphore::new(CONNECTIONS) }))
    }

    /// Waits for a connection, and joins on it.
    pub(super) async fn join(&self, room: RoomId, user: UserId) -> Result<()> {
        let _turn = self.turns.acquire().await?;
        let taken = self.lock().pop();
        let mut db = taken.ok_or("there are as many connections as turns")?;
        join(&mut db, room, user).await?;
        self.lock().push(db);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn join(db: &mut PgConnection, room: RoomId, user: UserId) -> Result<()> {
    let (room, user) = (Id(room.0), Id(user.0));
    sqlx::raw_sql("BEGIN").execute(&mut *db).await?;
    let person = one(db, USER, &[user]).await?.ok_or("nobody")?;
    let place = one(db, ROOM, &[room]).await?.ok_or("nowhere")?;
    let ban = one(db, BAN, &[room, user]).await?;
    let seat = one(db, SEAT, &[room, user]).await?;
    let counter = one(db, OCCUPANCY, &[room]).await?.ok_or("no counter")?;

    let (name, epoch): (String, i64) = (person.try_get(1)?, place.try_get(5)?);
    let (capacity, reserved): (i32, i64) = (place.try_get(3)?, counter.try_get(0)?);
    let is_closed = place.try_get::<String, _>(0)? == "closed" || place.try_get(4)?;
    if ban.is_some() || seat.is_some() || is_closed || reserved >= i64::from(capacity) {
        return Err("everybody is let in".into());
    }

    let (stay, event) = (Id::draw()?, Id::draw()?);
    let insert = sqlx::query(STAY).bind(stay).bind(room).bind(epoch).bind(user).bind(name);
    insert.execute(&mut *db).await?;
    let take = sqlx::query(TAKE).bind(room).bind(user).bind(stay).bind(epoch);
    take.execute(&mut *db).await?;
    sqlx::query(OCCUPY).bind(room).bind(reserved + 1).execute(&mut *db).await?;
    let data = format!(
        r#"{{"name":"rooms.joining","data":{{"room":"{}","participant":"{}","user":"{}"}}}}"#,
        room.0, stay.0, user.0
    );
    let emit = sqlx::query(EVENT).bind(event).bind(user).bind(Id(Uuid::nil())).bind(data);
    emit.execute(&mut *db).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *db).await?;
    Ok(())
}

async fn one(db: &mut PgConnection, sql: &'static str, ids: &[Id]) -> Result<Option<PgRow>> {
    let mut query = sqlx::query(sql);
    for id in ids {
        query = query.bind(*id);
    }
    Ok(query.fetch_optional(db).await?)
}
