//! The other ledger, which is built in a workspace of its own: it needs another SQLite beside it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use parlor_benches::Result;
use serde::Deserialize;

use crate::report::Rival;
use crate::scene::Workload;

/// What its program says.
#[derive(Deserialize)]
struct Said {
    transfers_per_second: f64,
    cpu_us_per_transfer: f64,
}

/// The program, built.
pub(crate) struct Program(PathBuf);

impl Program {
    /// Builds it, which takes minutes the first time.
    pub(crate) fn build() -> Result<Self> {
        eprintln!("doubleentry is built");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rivals");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "--quiet"])
            .current_dir(&folder)
            // Whoever runs this by cargo passes Parlor's own on; the rival's stand in its folder.
            .env_remove("LIBSQLITE3_FLAGS")
            .status()?;
        match status.success() {
            true => Ok(Self(folder.join("target/release/doubleentry"))),
            false => Err("doubleentry cannot be built; go without it with --no-rival".into()),
        }
    }

    /// Runs it for a while on an empty database.
    pub(crate) fn run(
        &self,
        store: &str,
        database: &str,
        workload: Workload,
        accounts: usize,
    ) -> Result<Rival> {
        eprintln!("doubleentry, {}", workload.name());
        let (accounts, clients) = (accounts.to_string(), crate::course::MANY.to_string());
        let output = Command::new(&self.0)
            .args(["--store", store, "--database", database, "--workload", workload.name()])
            .args(["--accounts", &accounts, "--clients", &clients, "--seconds", "10"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("doubleentry ended with {}", output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let said: Said = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        Ok(Rival { per_s: said.transfers_per_second, cpu_us: said.cpu_us_per_transfer })
    }
}
