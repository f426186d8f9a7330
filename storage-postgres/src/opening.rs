//! Opening: the server is looked at, the schema brought up to date, the feed's origin raised.

use std::sync::Arc;

use parlor_core::events::Position;
use sqlx::Row as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

use crate::database::{BEGIN_WRITE, Database, Session};
use crate::error::{Failure, OpenError};
use crate::feed::{self, Feed};
use crate::migrations;
use crate::options::Options;
use crate::reader::{Readers, number};
use crate::receipt::TRIM;
use crate::writer::{Counters, Job, Writer};

/// The oldest server that has all we use.
const VERSION_MIN: u32 = 13;
/// What keeps an acknowledged transaction through a crash.
const SETTINGS: &str = "\
    SELECT name, setting FROM pg_settings WHERE name IN \
    ('fsync', 'full_page_writes', 'server_version_num', 'synchronous_commit') ORDER BY name";

/// Transaction numbers of this cluster may be smaller than those in the feed, if it was restored
/// from a copy. Then positions go on after the last.
const RAISE_ORIGIN: &str = "\
    UPDATE feed_origin SET shift = (last.position >> 20) + 1 \
    FROM (SELECT max(position) AS position FROM outbox) AS last \
    WHERE last.position >> 20 >= shift + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// Where the feed ends, hidden events included.
const LAST: &str = "SELECT coalesce(max(position), 0) FROM outbox";

/// How often receipts are looked through for old ones.
const TRIM_EVERY: Duration = Duration::from_secs(300);

/// A store that is being opened.
pub(crate) struct Opened {
    pub(crate) readers: Arc<Readers>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) writers: Vec<mpsc::Sender<Job>>,
    /// Ends when the senders are gone and all that they sent is done.
    pub(crate) writing: Vec<JoinHandle<()>>,
}

/// Connects, and starts all tasks on the runtime at hand.
pub(crate) async fn open(options: &Options) -> Result<Opened, OpenError> {
    let database = Database::new(&options.url, options.prepared)?;
    if let Some(url) = &options.listen_url {
        Database::new(url, false)?;
    }
    let mut db = Session::new(database.open().await?);
    check_server(&mut db, options.allow_unsafe_durability).await?;
    migrations::apply(&mut db).await?;
    let last = find_last(&mut db).await?;
    db.close().await;

    let readers = Arc::new(Readers::new(database.clone(), options));
    let (feed, counters) = (Arc::new(Feed::new(last)), Arc::new(Counters::default()));
    let (mut writers, mut writing) = (Vec::new(), Vec::new());
    for _ in 0..options.writers.max(1) {
        let (sender, inbox) = mpsc::channel(options.queue_max.max(1));
        let (feed, counters) = (feed.clone(), counters.clone());
        let writer = Arc::new(Writer::new(database.clone(), inbox, options, feed, counters));
        writers.push(sender);
        writing.push(tokio::spawn(writer.run()));
    }
    tokio::spawn(feed::look(feed.clone(), readers.clone()));
    #[cfg(feature = "metrics")]
    tokio::spawn(feed::meter(readers.clone()));
    tokio::spawn(trim(database.clone()));
    if let Some(url) = options.listen_url.clone() {
        tokio::spawn(feed::listen(feed.clone(), url));
        tokio::spawn(feed::tell(feed.clone(), database));
    }
    Ok(Opened { readers, feed, counters, writers, writing })
}

async fn check_server(db: &mut Session, allow_unsafe: bool) -> Result<(), OpenError> {
    for row in db.rows(SETTINGS.to_owned()).await? {
        let text = |at: usize| row.try_get::<String, _>(at).unwrap_or_default();
        let (setting, value) = (text(0), text(1));
        if setting == "server_version_num" {
            let found = value.parse::<u32>().unwrap_or_default() / 10_000;
            if found < VERSION_MIN {
                return Err(OpenError::TooOld { found: found.to_string(), needed: VERSION_MIN });
            }
        } else if value == "off" && !allow_unsafe {
            return Err(OpenError::Unsafe { setting, value });
        }
    }
    Ok(())
}

/// Where the feed ends, after its origin has been raised if need be.
async fn find_last(db: &mut Session) -> Result<Position, OpenError> {
    db.run(BEGIN_WRITE).await?;
    if db.execute(RAISE_ORIGIN, Vec::new()).await? > 0 {
        tracing::warn!(
            "the database is a copy from another cluster; its feed goes on after its end"
        );
    }
    let last = db.fetch(LAST, Vec::new()).await?;
    db.run("COMMIT").await?;
    Ok(Position(last.first().and_then(|row| number(row, 0)).unwrap_or_default()))
}

/// Deletes old receipts from time to time, whichever node gets to it.
async fn trim(database: Database) {
    loop {
        sleep(TRIM_EVERY).await;
        let trimmed = async {
            let mut db = Session::new(database.connect().await?);
            db.run(BEGIN_WRITE).await?;
            db.execute(TRIM, Vec::new()).await?;
            db.run("COMMIT").await?;
            db.close().await;
            Ok::<(), Failure>(())
        };
        if let Err(failure) = trimmed.await {
            tracing::warn!(%failure, "old receipts were not deleted");
        }
    }
}
