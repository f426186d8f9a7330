use serde::{Deserialize, Serialize};

use super::{Actor, AnyEvent, EventId};
use crate::identity::{AuthSessionId, UserId};
use crate::record::{Column, ColumnDef, Corrupt, Json, Kind, TableDef, Timestamp, Value};

/// Where an event stands in the feed: later ones are larger. Gaps mean nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub i64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl Column for Position {
    const KIND: Kind = Kind::Int;

    fn encode(&self) -> Value {
        Value::Int(self.0)
    }

    fn decode(value: Value) -> Result<Self, Corrupt> {
        i64::decode(value).map(Self)
    }
}

/// An event on its way into the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emitted {
    /// Its id.
    pub id: EventId,
    /// When it was decided.
    pub at: Timestamp,
    /// Who made it happen.
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub event: AnyEvent,
}

/// An event in the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Where it stands.
    pub position: Position,
    /// The event.
    #[serde(flatten)]
    pub emitted: Emitted,
}

/// The feed's table. Its position is given by the store: it is no record.
pub const OUTBOX: &TableDef = &TableDef::new(
    "outbox",
    &[column("position", Kind::Int)],
    &[
        column("id", Kind::Uuid),
        column("at", Kind::Time),
        column("name", Kind::Text),
        optional("user_id", Kind::Uuid),
        optional("session_id", Kind::Uuid),
        optional("cause", Kind::Uuid),
        column("event", Kind::Json),
    ],
    &[],
)
.append_only();

const fn column(name: &'static str, kind: Kind) -> ColumnDef {
    ColumnDef { name, kind, optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> ColumnDef {
    ColumnDef { name, kind, optional: true }
}

impl Emitted {
    /// The columns of [`OUTBOX`] beside the position.
    pub fn values(&self) -> Vec<Value> {
        let (user, session, cause) = match self.actor {
            Actor::User { user, session } => (Some(user), Some(session), None),
            Actor::System { cause } => (None, None, cause),
        };
        vec![
            self.id.encode(),
            self.at.encode(),
            Value::Text(self.event.name().into()),
            user.encode(),
            session.encode(),
            cause.encode(),
            json(&self.event),
        ]
    }
}

impl Envelope {
    /// An envelope from all columns of [`OUTBOX`].
    ///
    /// # Errors
    /// `Corrupt` when they do not fit.
    pub fn decode(values: &mut dyn Iterator<Item = Value>) -> Result<Self, Corrupt> {
        let mut next = || values.next().ok_or(Corrupt::short("outbox"));
        let (position, id, at) =
            (Position::decode(next()?)?, EventId::decode(next()?)?, Timestamp::decode(next()?)?);
        let _name = next()?;
        let user = Option::<UserId>::decode(next()?)?;
        let session = Option::<AuthSessionId>::decode(next()?)?;
        let cause = Option::<EventId>::decode(next()?)?;
        let actor = match (user, session) {
            (Some(user), Some(session)) => Actor::User { user, session },
            (None, None) => Actor::System { cause },
            _ => return Err(Corrupt { what: "outbox", why: "half an actor".into() }),
        };
        let Json(event) = Json::decode(next()?)?;
        Ok(Self { position, emitted: Emitted { id, at, actor, event } })
    }
}

fn json(it: &impl Serialize) -> Value {
    Value::Json(serde_json::to_string(it).expect("events have keys that are strings"))
}
