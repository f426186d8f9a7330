//! The stores of the ledger, and whether what they acknowledge is durable.

use anyhow::ensure;
use doubleentry::store::{Postgres, SqlOptions, SqlStore, Sqlite};
use sqlx::{Connection as _, PgConnection};

/// A file. The ledger itself sets WAL, `synchronous=FULL`, foreign keys and recursive triggers on
/// every connection and leaves the rest at its defaults; nothing of it can be set otherwise.
///
/// One connection: there is one writer, and writers that wait for a connection take turns, while
/// those that wait for the file's lock poll it. There is no `ANALYZE`, after which the ledger's
/// lookups are three times as slow.
pub(crate) async fn sqlite(path: &str) -> anyhow::Result<SqlStore<Sqlite>> {
    let path = path.replace('%', "%25").replace('?', "%3F");
    let options = SqlOptions { max_connections: 1, ..SqlOptions::default() };
    Ok(SqlStore::sqlite_with(&format!("sqlite://{path}"), options).await?)
}

/// A database of a server, with the ledger's own pool.
pub(crate) async fn postgres(url: &str) -> anyhow::Result<SqlStore<Postgres>> {
    Ok(SqlStore::postgres(url).await?)
}

/// Refuses a server that acknowledges what it may still lose.
pub(crate) async fn refuse_unless_durable(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let setting = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
        let setting: String = setting.fetch_one(&mut connection).await?;
        ensure!(setting == "on", "{name} is {setting}");
    }
    Ok(connection.close().await?)
}

/// As the server would by itself after a while: the planner knows how large tables are. Without it
/// statements planned on empty tables go on scanning them, and a transfer takes twice as long.
pub(crate) async fn analyze(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await?;
    Ok(connection.close().await?)
}
