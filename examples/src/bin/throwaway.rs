//! A throw-away PostgreSQL for whoever needs databases for a while: it prints the URL of a new one
//! for each line it reads, and is gone when its input ends.

use std::io::{BufRead as _, Write as _};

use parlor_storage_postgres::cluster::{Cluster, Durability};

fn main() -> anyhow::Result<()> {
    let cluster = Cluster::start(Durability::Full)?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", cluster.database())?;
        stdout.flush()?;
    }
    Ok(())
}
