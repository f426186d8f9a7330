//! A room with an open floor and people at its door, as rows.

#![expect(unreachable_pub, reason = "it is a part of each bench")]

use std::collections::BTreeMap;
use std::sync::Arc;

use parlor_core::Uuid;
use parlor_core::engine::{Ctx, Settings};
use parlor_core::events::Actor;
use parlor_core::identity::{AuthSessionId, User, UserId, UserKind};
use parlor_core::record::Timestamp;
use parlor_core::rooms::{Occupancy, Room, RoomId, RoomStatus, StageMode};
use parlor_core::storage::{Held, Need};
use parlor_core::tables::{Key, Row};

pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub const ROOM: RoomId = RoomId(Uuid::from_u128(1));

/// Rows by their keys.
pub struct Scene(pub BTreeMap<Key, Row>);

impl Scene {
    /// A live room of a host's, which nobody is in, and people who are not in it yet.
    pub fn new(people: u32) -> Self {
        let mut scene = Self(BTreeMap::new());
        for n in 0..=people {
            let (id, display_name) = (person(n), format!("Guest {n}"));
            let kind = UserKind::Guest;
            scene.put(User { id, kind, display_name, created_at: NOW, updated_at: NOW });
        }
        scene.put(Room {
            id: ROOM,
            name: "Tea".into(),
            description: "Earl Grey".into(),
            stage_mode: StageMode::OpenFloor,
            status: RoomStatus::Live,
            owner_id: person(0),
            max_participants: 100_000,
            locked_at: None,
            epoch: 1,
            created_at: NOW,
            updated_at: NOW,
            opened_at: Some(NOW),
            closed_at: None,
            close_reason: None,
        });
        scene.put(Occupancy { room_id: ROOM, reserved: 0, active: 0, peak: 0 });
        scene
    }

    pub fn put(&mut self, row: impl Into<Row>) {
        let row = row.into();
        self.0.insert(row.key(), row);
    }

    /// What a store would hold under these locks.
    pub fn hold(&self, locks: impl IntoIterator<Item = Need>) -> Held {
        let found = locks.into_iter().map(|(key, lock)| {
            let row = self.0.get(&key).cloned();
            (key, lock, row)
        });
        Held::found(found)
    }
}

/// The n-th person; the first is the room's host.
pub fn person(n: u32) -> UserId {
    UserId(Uuid::from_u128(0x1000 + u128::from(n)))
}

/// In whose name the n-th person's commands are decided.
pub fn ctx(n: u32) -> Ctx {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&n.to_be_bytes());
    let actor = Actor::User { user: person(n), session: AuthSessionId(Uuid::nil()) };
    Ctx::new(NOW, actor, Arc::new(Settings::default()), seed)
}
