//! The server of a run, and the databases in it.

use std::path::PathBuf;
use std::sync::Arc;

use parlor_core::identity::UserId;
use parlor_core::rooms::RoomId;
use parlor_storage_postgres::cluster::{Cluster, Durability};
use parlor_storage_postgres::{Options, PostgresStore};

use super::cpu::Processes;
use crate::Result;
use crate::clients;
use crate::device::fsync_us;
use crate::scene::{self, parlor};

/// A server of one's own, with the settings it comes with.
pub(super) struct Server {
    pub(super) cluster: Cluster,
    pub(super) processes: Processes,
    pub(super) fsync_us: f64,
}

impl Server {
    pub(super) async fn start() -> Result<Self> {
        eprintln!("a server starts");
        let started = tokio::task::spawn_blocking(|| Cluster::start(Durability::Full));
        let cluster = started.await??;
        let socket = cluster.socket().ok_or("the server is our own")?;
        let directory = socket.parent().map(PathBuf::from).unwrap_or_default();
        let processes = Processes::of(&directory.join("data"))?;
        Ok(Self { processes, fsync_us: fsync_us(&directory)?, cluster })
    }

    /// A copy of a database that nobody is connected to any more.
    pub(super) fn copy(&self, url: &str, name: &str) -> String {
        let of = name_of(url);
        let leave = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{of}'"
        );
        self.cluster.sql("postgres", &leave);
        self.cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {of}"));
        self.cluster.url(name)
    }

    /// Writes out what other runs have left, so that this one does not.
    pub(super) fn settle(&self) {
        self.cluster.sql("postgres", "CHECKPOINT");
    }
}

fn name_of(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

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

/// The store as it is run without a pooler. The classic way prepares its statements, too.
pub(super) fn options(url: &str) -> Options {
    Options { prepared: true, ..Options::new(url) }
}
