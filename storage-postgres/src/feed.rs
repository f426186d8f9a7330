//! News of the feed: where it ends, as far as this store knows, and who waits for more.
//!
//! What this store commits it knows at once. What other nodes commit it sees by looking, often
//! while somebody waits and something happens, seldom otherwise; `NOTIFY` makes it look sooner. The
//! table is the truth: a notification that is lost costs a quarter of a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parlor_core::events::{Envelope, Position};
use parlor_core::record::Timestamp;
use parlor_core::storage::StoreError;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use crate::database::{Database, Session, jittered};
use crate::reader::Readers;

/// How often to look while something happens, and at least.
const LOOK_MIN: Duration = Duration::from_millis(25);
const LOOK_MAX: Duration = Duration::from_millis(250);
/// How long a read waits until this store's own commits come into view.
const OWN_MAX: Duration = Duration::from_secs(1);
const LISTEN: &str = "parlor_feed";
const NOTIFY: &str = "NOTIFY parlor_feed";

/// What has been committed and is still hidden from readers, because a transaction that began to
/// write before it has not ended. That may be any transaction of the cluster, in other databases
/// too. A lag of more than a few seconds is worth an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedLag {
    /// How many events, 10,000 at most.
    pub hidden: u64,
    /// When the oldest of them was decided.
    pub since: Option<Timestamp>,
}

/// What is known of the feed.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Where it ends.
    head: watch::Sender<Position>,
    /// Where the last commit of this store stands.
    own: watch::Sender<Position>,
    waiting: AtomicUsize,
    look: Notify,
    news: Notify,
}

impl Feed {
    pub(crate) fn new(last: Position) -> Self {
        Self {
            head: watch::Sender::new(last),
            own: watch::Sender::new(last),
            waiting: AtomicUsize::new(0),
            look: Notify::new(),
            news: Notify::new(),
        }
    }

    /// This store has committed events, the last of them here.
    pub(crate) fn announce(&self, last: Position) {
        advance(&self.own, last);
        advance(&self.head, last);
        self.news.notify_one();
    }

    /// Returns when there is something after this position.
    pub(crate) async fn wait(&self, after: Position) -> Result<(), StoreError> {
        let mut head = self.head.subscribe();
        let _waiting = Waiting::new(self);
        head.wait_for(|head| *head > after).await.map(drop).map_err(|_| StoreError::Stopped)
    }

    /// The feed after a position. What this store has acknowledged is in it: if it is hidden still,
    /// the read waits a little until it is not.
    pub(crate) async fn read(
        &self,
        readers: &Readers,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let own = *self.own.borrow();
        let deadline = Instant::now() + OWN_MAX;
        let mut pause = Duration::from_millis(1);
        loop {
            let page = readers.events(after, limit).await?;
            let last = page.last().map_or(after, |last| last.position);
            if page.len() >= limit || last >= own || Instant::now() >= deadline {
                return Ok(page);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_MIN);
        }
    }
}

/// Whether it was news.
fn advance(to: &watch::Sender<Position>, position: Position) -> bool {
    to.send_if_modified(|known| {
        let is_news = *known < position;
        *known = position.max(*known);
        is_news
    })
}

/// Somebody waits, for as long as this is held.
struct Waiting<'f>(&'f Feed);

impl<'f> Waiting<'f> {
    fn new(feed: &'f Feed) -> Self {
        if feed.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            feed.look.notify_one();
        }
        Self(feed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Looks for what other nodes have committed, for as long as somebody waits.
pub(crate) async fn look(feed: Arc<Feed>, readers: Arc<Readers>) {
    let mut pause = LOOK_MIN;
    loop {
        if feed.waiting.load(Ordering::SeqCst) == 0 {
            feed.look.notified().await;
            pause = LOOK_MIN;
        }
        let is_news = match readers.head().await {
            Ok(head) => advance(&feed.head, head),
            Err(error) => {
                tracing::warn!(%error, "the feed cannot be looked at");
                false
            }
        };
        pause = if is_news { LOOK_MIN } else { (pause * 3 / 2).min(LOOK_MAX) };
        tokio::select! {
            () = sleep(jittered(pause)) => {}
            () = feed.look.notified() => {}
        }
    }
}

/// Looks as soon as another node says that there is something.
pub(crate) async fn listen(feed: Arc<Feed>, url: String) {
    loop {
        let heard = async {
            let mut listener = PgListener::connect(&url).await?;
            listener.listen(LISTEN).await?;
            loop {
                listener.recv().await?;
                feed.look.notify_one();
            }
        };
        let ended: Result<(), sqlx::Error> = heard.await;
        let error = ended.err().map(|error| error.to_string()).unwrap_or_default();
        tracing::warn!(error, "news of other nodes comes late: nothing can be listened to");
        sleep(jittered(Duration::from_secs(2))).await;
    }
}

/// Tells other nodes, after the commit and apart from it: the server lets transactions that notify
/// commit one at a time, and those that write shall not be among them. One for many is enough.
pub(crate) async fn tell(feed: Arc<Feed>, database: Database) {
    loop {
        let told = async {
            let mut db = Session::new(database.connect().await?);
            loop {
                feed.news.notified().await;
                db.run(NOTIFY).await?;
                sleep(Duration::from_millis(5)).await;
            }
        };
        let ended: Result<(), crate::error::Failure> = told.await;
        let error = ended.err().map(|error| error.to_string()).unwrap_or_default();
        tracing::warn!(error, "other nodes are told late");
        sleep(jittered(Duration::from_secs(2))).await;
    }
}

/// Shows the lag to whichever recorder of `metrics` the host has installed.
#[cfg(feature = "metrics")]
pub(crate) async fn meter(readers: Arc<Readers>) {
    const EVERY: Duration = Duration::from_secs(5);
    metrics::describe_gauge!(
        "parlor_feed_hidden_events",
        "Events that are committed and held back from readers"
    );
    metrics::describe_gauge!(
        "parlor_feed_lag_seconds",
        metrics::Unit::Seconds,
        "How long the oldest event that is held back has been"
    );
    loop {
        match readers.lag().await {
            Ok(lag) => {
                let now = Timestamp::from(std::time::SystemTime::now());
                let seconds = lag.since.map_or(0.0, |since| now.since(since).as_secs_f64());
                metrics::gauge!("parlor_feed_hidden_events").set(lag.hidden as f64);
                metrics::gauge!("parlor_feed_lag_seconds").set(seconds);
            }
            Err(error) => tracing::warn!(%error, "the feed's lag cannot be told"),
        }
        sleep(EVERY).await;
    }
}
