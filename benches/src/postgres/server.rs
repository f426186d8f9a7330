use std::path::PathBuf;

use parlor_storage_postgres::Options;
use parlor_storage_postgres::cluster::{Cluster, Durability};

use super::Processes;
use crate::Result;
use crate::device::fsync_us;

/// A server of one's own, with the settings it comes with.
#[derive(Debug)]
pub struct Server {
    /// The server.
    pub cluster: Cluster,
    /// Its processes and this one.
    pub processes: Processes,
    /// See [`fsync_us`].
    pub fsync_us: f64,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// When there is none on this machine.
    pub async fn start() -> Result<Self> {
        eprintln!("a server starts");
        let started = tokio::task::spawn_blocking(|| Cluster::start(Durability::Full));
        let cluster = started.await??;
        let socket = cluster.socket().ok_or("the server is our own")?;
        let directory = socket.parent().map(PathBuf::from).unwrap_or_default();
        let processes = Processes::of(&directory.join("data"))?;
        Ok(Self { processes, fsync_us: fsync_us(&directory)?, cluster })
    }

    /// A copy of a database that nobody is connected to any more.
    pub fn copy(&self, url: &str, name: &str) -> String {
        let of = name_of(url);
        let leave = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{of}'"
        );
        self.cluster.sql("postgres", &leave);
        self.cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {of}"));
        self.cluster.url(name)
    }

    /// Writes out what other runs have left, so that this one does not.
    pub fn settle(&self) {
        self.cluster.sql("postgres", "CHECKPOINT");
    }
}

fn name_of(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

/// The store as it is run without a pooler. The classic way prepares its statements, too.
pub fn options(url: &str) -> Options {
    Options { prepared: true, ..Options::new(url) }
}
