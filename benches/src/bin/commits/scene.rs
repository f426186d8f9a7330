//! Who is there, and where they can go.

use parlor_benches::clients;
use parlor_core::Uuid;
use parlor_core::engine::Parlor;
use parlor_core::events::Actor;
use parlor_core::identity::{AuthSessionId, UserId};
use parlor_core::rooms::{Create, Join, RoomId, StageMode};

use crate::Result;

/// Somebody who is signed in.
pub(crate) fn actor(user: UserId) -> Actor {
    Actor::User { user, session: AuthSessionId(Uuid::nil()) }
}

/// Guests sign up. They are in the order of their ids, which grow with time.
pub(crate) async fn guests(parlor: &Parlor, count: usize, by: usize) -> Result<Vec<UserId>> {
    let parlor = parlor.clone();
    let sign_up = move |n: usize| {
        let parlor = parlor.clone();
        async move { Ok(parlor.sign_up_guest(&format!("Guest {n}")).await?.user) }
    };
    let mut users = clients::run("guests", by, count, sign_up).await?.outputs;
    users.sort_unstable();
    Ok(users)
}

/// Rooms that are large enough for everybody, in the order of their ids.
pub(crate) async fn rooms(
    parlor: &Parlor,
    owner: UserId,
    count: usize,
    by: usize,
) -> Result<Vec<RoomId>> {
    let parlor = parlor.clone();
    let create = move |n: usize| {
        let parlor = parlor.clone();
        let create = Create {
            name: format!("Room {n}"),
            description: String::new(),
            max_participants: Some(100_000),
            stage_mode: StageMode::OpenFloor,
        };
        async move { Ok(parlor.execute(actor(owner), create).await?.room) }
    };
    let mut rooms = clients::run("rooms", by, count, create).await?.outputs;
    rooms.sort_unstable();
    Ok(rooms)
}

/// Somebody joins a room.
pub(crate) async fn join(parlor: Parlor, room: RoomId, guest: UserId) -> Result<()> {
    parlor.execute(actor(guest), Join { room }).await?;
    Ok(())
}
