//! A server as a process of its own.

use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A server that runs until it is killed or dropped.
pub(crate) struct Node {
    child: Child,
    /// Where it is reached.
    pub(crate) url: String,
}

impl Node {
    /// Starts one, and waits until it serves.
    pub(crate) async fn start(name: &str, database: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["node", "--node", name, "--database", database])
            .args(["--listen", "127.0.0.1:0", "--media", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("a pipe was asked for")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.next_line().await?.with_context(|| format!("the node {name} ended"))?;
        let url = line.strip_prefix("listening on ").context("it says where it listens")?;
        Ok(Self { child, url: url.to_owned() })
    }

    /// SIGKILL: it has no time for anything.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.start_kill()?)
    }
}
