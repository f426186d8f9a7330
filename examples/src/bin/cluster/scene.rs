//! The play: people gather over two servers, one is muted from the other server, the server that
//! has the room is killed, everybody is heard again, and the database is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parlor_core::engine::Parlor;
use parlor_core::events::{EventId, Position};
use parlor_core::storage::PAGE_MAX;
use parlor_examples::client::Http;
use parlor_examples::host;
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::{Cluster, Durability};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::node::Node;
use super::report::Report;
use super::visitor::{Hearing, Visitor, join};

/// How long anything but a takeover may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a mute packets may still be on their way.
const SETTLE: Duration = Duration::from_millis(500);
/// How many others use the servers meanwhile.
const WRITERS: usize = 4;

pub(crate) struct Scene {
    pub(crate) speakers: usize,
    pub(crate) listeners: usize,
}

/// A visitor, as the play sees them.
struct Guest {
    http: Http,
    participant: String,
    hearing: watch::Receiver<Hearing>,
}

impl Scene {
    pub(crate) async fn play(&self) -> anyhow::Result<Report> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(Durability::Full)).await??;
        let cluster = Arc::new(cluster);
        let database = cluster.database();
        let mut a = Node::start("a", &database).await?;
        let b = Node::start("b", &database).await?;
        let servers = [a.url.clone(), b.url.clone()];
        let store = PostgresStore::connect_with(cluster.options(database)).await?;
        let parlor = host::parlor(store);

        let (over, is_over) = watch::channel(false);
        let follower = tokio::spawn(follow(parlor.clone(), is_over.clone()));
        let (room, guests, mut talking) = self.gather(&servers, &is_over).await?;
        let mut writing = JoinSet::new();
        for n in 0..WRITERS {
            let servers = [servers[n % 2].clone(), servers[(n + 1) % 2].clone()];
            writing.spawn(write(n, servers, is_over.clone()));
        }
        sleep(SETTLE).await;
        let moderated = self.moderate(&servers, &room, &guests).await?;

        let calls: Vec<_> = guests.iter().map(|it| it.hearing.borrow().calls).collect();
        let killed = Instant::now();
        a.kill()?;
        let lease = parlor.settings().lease;
        for (n, guest) in guests.iter().enumerate() {
            let mut hearing = guest.hearing.clone();
            let again = hearing.wait_for(|it| it.calls > calls[n] && it.first.is_some());
            timeout(lease + PATIENCE, again).await.context("somebody never came back")??;
        }
        let takeover = killed.elapsed();
        sleep(SETTLE).await;

        over.send_replace(true);
        while let Some(ended) = talking.join_next().await {
            ended??;
        }
        let mut acknowledged = BTreeMap::new();
        while let Some(told) = writing.join_next().await {
            acknowledged.extend(told??);
        }
        let mut same_participants = true;
        for guest in &guests {
            same_participants &= join(&guest.http, &servers[1], &room).await? == guest.participant;
        }
        let followed = follower.await??;
        let feed = read(&parlor).await?;
        Ok(Report {
            participants: guests.len(),
            lease_ms: lease.as_millis() as u64,
            takeover_ms: takeover.as_millis() as u64,
            moderated_across_nodes: moderated,
            same_participants,
            acknowledged: acknowledged.len(),
            lost_commits: lost(&servers[1], &acknowledged, &feed).await?,
            duplicate_events: duplicates(&feed) + duplicates(&followed),
            skipped_events: skipped(&followed, &feed),
        })
    }

    /// Everybody is in the room and hears all speakers. The first server has the room.
    async fn gather(
        &self,
        servers: &[String; 2],
        is_over: &watch::Receiver<bool>,
    ) -> anyhow::Result<(String, Vec<Guest>, JoinSet<anyhow::Result<()>>)> {
        let began = Instant::now();
        let (mut guests, mut talking) = (Vec::new(), JoinSet::new());
        let mut room = String::new();
        for n in 0..self.speakers + self.listeners {
            let nearest = vec![servers[n % 2].clone(), servers[(n + 1) % 2].clone()];
            let http = Http::guest(&nearest[0], &format!("Guest {n}")).await?;
            if n == 0 {
                let hall = json!({ "name": "Hall", "stage_mode": "open_floor" });
                let made = http.command(&servers[0], None, "rooms.create", hall).await?;
                room = made["room"].as_str().context("a room has an id")?.to_owned();
            }
            let speaker = (n < self.speakers).then_some(n);
            let visitor = Visitor::enter(http.clone(), &room, nearest, speaker, began).await?;
            let participant = visitor.participant.clone();
            let (heard, mut hearing) = watch::channel(Hearing::default());
            talking.spawn(visitor.stay(heard, is_over.clone()));
            if n == 0 {
                timeout(PATIENCE, hearing.wait_for(|it| it.calls > 0)).await??;
            }
            guests.push(Guest { http, participant, hearing });
        }
        for (n, guest) in guests.iter().enumerate() {
            let others = self.speakers - usize::from(n < self.speakers);
            let mut hearing = guest.hearing.clone();
            let all = hearing.wait_for(|it| it.last.len() == others);
            timeout(PATIENCE, all)
                .await
                .with_context(|| format!("guest {n} misses somebody"))??;
        }
        Ok((room, guests, talking))
    }

    /// The host mutes the last speaker by the server that has not the room, and they unmute
    /// themselves by the one that has. Whether both took effect.
    async fn moderate(
        &self,
        servers: &[String; 2],
        room: &str,
        guests: &[Guest],
    ) -> anyhow::Result<bool> {
        let who = self.speakers - 1;
        let about = json!({ "room": room, "participant": guests[who].participant });
        let mute = guests[0].http.command(&servers[1], None, "rooms.mute", about.clone());
        mute.await?;
        sleep(SETTLE).await;
        let begin = guests[0].hearing.borrow().clone();
        let heard = |it: &Hearing| it.last.get(&who).copied();
        let before = heard(&begin);
        sleep(SETTLE).await;
        let is_silent = heard(&guests[0].hearing.borrow()) == before;

        let mut unmute = about;
        unmute["muted"] = json!(false);
        let unmute = guests[who].http.command(&servers[0], None, "rooms.set_self_mute", unmute);
        unmute.await?;
        let mut hearing = guests[0].hearing.clone();
        let again = hearing.wait_for(|it| heard(it) > before);
        let is_back = timeout(PATIENCE, again).await.is_ok();
        Ok(is_silent && is_back)
    }
}

/// Somebody who makes rooms all the time, and asks again with the same key until it is
/// acknowledged; gives each key and what they were told.
async fn write(
    n: usize,
    mut servers: [String; 2],
    is_over: watch::Receiver<bool>,
) -> anyhow::Result<BTreeMap<String, (Http, Value)>> {
    let http = Http::guest(&servers[0], &format!("Writer {n}")).await?;
    let mut told = BTreeMap::new();
    for k in 0.. {
        if *is_over.borrow() {
            break;
        }
        let key = format!("{n}-{k}");
        let room = json!({ "name": key, "stage_mode": "open_floor" });
        loop {
            match http.command(&servers[0], Some(&key), "rooms.create", room.clone()).await {
                Ok(made) => break drop(told.insert(key, (http.clone(), made))),
                Err(error) => {
                    tracing::debug!(%error, "asking the other server");
                    servers.swap(0, 1);
                    sleep(SETTLE / 5).await;
                }
            }
        }
        sleep(SETTLE / 50).await;
    }
    Ok(told)
}

/// How many of the acknowledged commands have not happened, or not once.
async fn lost(
    server: &str,
    acknowledged: &BTreeMap<String, (Http, Value)>,
    feed: &[(EventId, Value)],
) -> anyhow::Result<usize> {
    let mut made = BTreeMap::<&str, usize>::new();
    for (_, event) in feed.iter().filter(|(_, event)| event["name"] == "rooms.created") {
        *made.entry(event["data"]["room"].as_str().unwrap_or_default()).or_default() += 1;
    }
    let mut lost = 0;
    for (key, (http, told)) in acknowledged {
        let room = json!({ "name": key, "stage_mode": "open_floor" });
        let again = http.command(server, Some(key), "rooms.create", room).await?;
        let times = told["room"].as_str().and_then(|room| made.get(room));
        lost += usize::from(again != *told || times != Some(&1));
    }
    Ok(lost)
}

/// Reads the feed as it grows.
async fn follow(
    parlor: Parlor,
    mut is_over: watch::Receiver<bool>,
) -> anyhow::Result<Vec<(EventId, Value)>> {
    let (mut events, mut position) = (Vec::new(), Position::START);
    loop {
        let is_last = *is_over.borrow();
        let page = parlor.events(position, PAGE_MAX as usize).await?;
        match page.last() {
            Some(last) => position = last.position,
            None if is_last => return Ok(events),
            None => {
                tokio::select! {
                    news = parlor.wait(position) => news?,
                    changed = is_over.changed() => changed?,
                }
            }
        }
        for it in page {
            events.push((it.emitted.id, serde_json::to_value(&it.emitted.event)?));
        }
    }
}

/// The whole feed, in one go.
async fn read(parlor: &Parlor) -> anyhow::Result<Vec<(EventId, Value)>> {
    let (_, is_over) = watch::channel(true);
    follow(parlor.clone(), is_over).await
}

fn duplicates(feed: &[(EventId, Value)]) -> usize {
    let mut ids: Vec<_> = feed.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    feed.len() - ids.len()
}

/// How many events the follower should have seen before its last one, and has not.
fn skipped(followed: &[(EventId, Value)], feed: &[(EventId, Value)]) -> usize {
    let seen: std::collections::BTreeSet<_> = followed.iter().map(|(id, _)| *id).collect();
    let last = followed.last().and_then(|(last, _)| feed.iter().position(|(id, _)| id == last));
    let until = last.map_or(0, |last| last + 1);
    feed[..until].iter().filter(|(id, _)| !seen.contains(id)).count()
}
