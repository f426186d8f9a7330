//! Whether a transaction was committed, when the connection was lost just then.
//!
//! Each transaction writes a receipt under an id of its own. Whoever is in doubt writes `false` under
//! the same id on a new connection: the server lets only one of the two be. If the old transaction
//! still runs, the new one waits for it; if it has not come as far as its receipt, it will fail
//! there. So what is found is final, and the works of a transaction that was not committed may be
//! run again.

use std::time::Duration;

use parlor_core::Uuid;
use sqlx::Row as _;
use tokio::time::{Instant, sleep};

use crate::database::{BEGIN_WRITE, Database, Session, jittered};
use crate::error::{Failure, Remedy};

/// Receipts that nobody will ask for. Some at a time, so that it never takes long.
pub(crate) const TRIM: &str = "\
    DELETE FROM receipt WHERE id IN (SELECT id FROM receipt \
    WHERE at < now() - interval '1 hour' ORDER BY at LIMIT 10000)";

/// A new id.
pub(crate) fn draw() -> Result<Uuid, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Uuid::from_bytes(bytes))
}

/// Commits a transaction that has written its receipt already.
pub(crate) const COMMIT: &str = "COMMIT";

/// Commits a transaction, with its receipt, in one message.
pub(crate) fn commit_with(id: Uuid) -> String {
    format!("INSERT INTO receipt (id, committed) VALUES ('{id}', true); COMMIT")
}

fn claim(id: Uuid) -> String {
    format!(
        "INSERT INTO receipt (id, committed) VALUES ('{id}', false) ON CONFLICT (id) DO NOTHING"
    )
}

fn find(id: Uuid) -> String {
    format!("SELECT committed::int FROM receipt WHERE id = '{id}'")
}

/// Whether the transaction with this receipt was committed. It has ended when this returns.
///
/// # Errors
/// The last failure, if the server could not tell in time.
pub(crate) async fn settle(
    database: &Database,
    id: Uuid,
    patience: Duration,
) -> Result<bool, Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = match database.reach(left).await {
            Ok(db) => ask(Session::new(db), id).await,
            Err(failure) => Err(failure),
        };
        match asked {
            Ok(committed) => return Ok(committed),
            Err(failure) if failure.remedy() == Remedy::None || Instant::now() >= deadline => {
                return Err(failure);
            }
            Err(failure) => tracing::warn!(%failure, "a commit is in doubt"),
        }
        sleep(jittered(Duration::from_millis(100))).await;
    }
}

async fn ask(mut db: Session, id: Uuid) -> Result<bool, Failure> {
    db.run(BEGIN_WRITE).await?;
    db.run_text(claim(id)).await?;
    let found = db.rows(find(id)).await?;
    db.run(COMMIT).await?;
    db.close().await;
    let row = found.first().ok_or(Failure::Engine(sqlx::Error::RowNotFound))?;
    Ok(row.try_get_raw(0)?.as_bytes().is_ok_and(|it| it == b"1"))
}

/// All statements, for the list.
#[cfg(test)]
pub(crate) fn texts() -> Vec<String> {
    let id = Uuid::nil();
    vec![commit_with(id), claim(id), find(id), TRIM.into()]
}
