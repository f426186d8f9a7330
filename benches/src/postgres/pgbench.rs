//! The server's own yardstick, for orientation.

use std::process::{Command, Stdio};

use parlor_storage_postgres::cluster::Cluster;

use crate::Result;

/// TPC-B at scale 10 by 32 clients for four seconds, in transactions a second. None where the
/// program is not installed.
///
/// # Errors
/// What the program says.
pub fn tps(cluster: &Cluster) -> Result<Option<f64>> {
    let Some(program) = cluster.program("pgbench") else {
        eprintln!("pgbench is not installed beside the server");
        return Ok(None);
    };
    eprintln!("pgbench");
    let url = cluster.empty_database();
    let run = |arguments: &[&str]| -> Result<String> {
        let mut pgbench = Command::new(&program);
        let output = pgbench.args(arguments).arg(&url).stdin(Stdio::null()).output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into()),
        }
    };
    run(&["--initialize", "--scale=10", "--quiet"])?;
    let said = run(&["--client=32", "--jobs=2", "--time=4", "--protocol=prepared"])?;
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    Ok(Some(tps.ok_or("pgbench says how many")?.parse()?))
}
