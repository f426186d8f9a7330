//! The people and rooms of a run.

use std::sync::Arc;

use parlor_benches::clients;
use parlor_benches::host::parlor;
use parlor_benches::postgres::{Server, options};
use parlor_core::identity::UserId;
use parlor_core::rooms::RoomId;
use parlor_storage_postgres::PostgresStore;

use crate::Result;
use crate::scene;

/// How many are in the first room from the beginning.
const SOME: usize = 1_000;

/// A database with people and rooms in it, the first of which is not empty.
pub(super) struct Scene {
    pub(super) url: String,
    pub(super) owner: UserId,
    pub(super) guests: Arc<[UserId]>,
    pub(super) rooms: Arc<[RoomId]>,
}

impl Scene {
    pub(super) async fn prepare(
        server: &Server,
        guests: usize,
        rooms: usize,
        clients: usize,
    ) -> Result<Self> {
        let url = server.cluster.database();
        let store = Arc::new(PostgresStore::connect_with(options(&url)).await?);
        let parlor = parlor(store.clone());
        let owner = parlor.sign_up_guest("Host").await?.user;
        let guests: Arc<[UserId]> = scene::guests(&parlor, guests, clients).await?.into();
        let rooms: Arc<[RoomId]> = scene::rooms(&parlor, owner, rooms, clients).await?.into();
        // Some are in a room already: statements that are planned on empty tables would go on
        // scanning them, which no application does that has run for a while.
        let joined = (parlor.clone(), Arc::<[UserId]>::clone(&guests), rooms[0]);
        let join = move |n: usize| scene::join(joined.0.clone(), joined.2, joined.1[n]);
        clients::run("some join", clients, SOME.min(guests.len()), join).await?;
        store.stop().await;
        // As the server would by itself after a while: the planner knows how large tables are.
        server.cluster.sql(&url, "VACUUM ANALYZE");
        Ok(Self { url, owner, guests, rooms })
    }
}
