//! The play: people gather in a moderated room, speak, one is muted half-way, all hang up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parlor_core::engine::{Command, Parlor, Refusal};
use parlor_core::events::Actor;
use parlor_core::media::Bridge;
use parlor_core::rooms::{
    ConnectionState, Create, GrantFloor, Join, MicState, Mute, ParticipantId, ParticipantView,
    RaiseHand, RoomId, SetSelfMute, StageMode,
};
use parlor_examples::host;
use parlor_media_str0m::{Config, Str0mBackend};
use parlor_storage_sqlite::SqliteStore;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::peer::{Act, Log, connect, run as run_peer};
use super::report::{Observed, Report};

/// How long the network may take to deliver what was sent last.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) struct Scene {
    pub(crate) speakers: usize,
    pub(crate) listeners: usize,
    pub(crate) talk: Duration,
}

/// Somebody in the room.
#[derive(Clone, Copy)]
struct Person {
    actor: Actor,
    participant: ParticipantId,
}

struct Stage {
    parlor: Parlor,
    bridge: Arc<Bridge>,
    media: Arc<Str0mBackend>,
    room: RoomId,
    /// The speakers, the host first, then the listeners.
    people: Vec<Person>,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn play(&self) -> anyhow::Result<Report> {
        let stage = self.set().await?;
        let began = Instant::now();
        let (act, acts) = watch::channel(Act::Gather);
        let mut peers = self.gather(&stage, began, &acts).await?;

        let before = stage.media.stats();
        act.send_replace(Act::Talk);
        tokio::time::sleep(self.talk / 2).await;
        let muted = self.speakers - 1;
        let mute_asked = began.elapsed();
        self.mute(&stage, muted).await?;
        let mute_done = began.elapsed();
        tokio::time::sleep(self.talk / 2).await;
        // The engine's threads do nothing else, so their CPU time is its own.
        let after = stage.media.stats();
        let packets = after.engine.packets_out - before.engine.packets_out;
        let cpu = after.cpu.saturating_sub(before.cpu);
        // What is on its way arrives; nobody speaks any more.
        act.send_replace(Act::Gather);
        let spoke_until = began.elapsed();
        tokio::time::sleep(SETTLE).await;
        let recorded = stage.recorded().await?;
        act.send_replace(Act::End);

        let mut logs: Vec<(usize, Log)> = Vec::new();
        while let Some(ended) = peers.join_next().await {
            let (place, log) = ended?;
            logs.push((place, log.with_context(|| format!("peer {place}"))?));
        }
        logs.sort_by_key(|(place, _)| *place);
        let logs = logs.into_iter().map(|(_, log)| log).collect();
        let (speakers, seconds) = (self.speakers, self.talk.as_secs());
        let observed = Observed {
            speakers,
            seconds,
            logs,
            muted,
            mute_asked,
            mute_done,
            spoke_until,
            packets,
            cpu,
            recorded,
        };
        Ok(Report::new(observed))
    }

    /// A server, a room, and people in it: speakers on the stage, listeners in the audience.
    async fn set(&self) -> anyhow::Result<Stage> {
        let folder = tempfile::tempdir()?;
        let parlor = host::parlor(SqliteStore::open(folder.path().join("headless.db"))?);
        let config = Config { bind: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        let media = Arc::new(Str0mBackend::bind(config).await?);
        let bridge = Bridge::start(parlor.clone(), media.clone(), "headless", "").await?;
        let bridge = Arc::new(bridge);
        let mut tasks = JoinSet::new();
        tasks.spawn(host::drive(parlor.clone()));
        let (following, listening) = (bridge.clone(), bridge.clone());
        tasks.spawn(async move { drop(following.follow().await) });
        tasks.spawn(async move {
            let moment = || tokio::time::sleep(Duration::from_millis(50));
            listening.listen(|_speaking| {}, moment).await;
        });

        let mut actors = Vec::new();
        for n in 0..self.speakers + self.listeners {
            let guest = parlor.sign_up_guest(&format!("Guest {n}")).await?;
            actors.push(parlor.authenticate(&guest.token.reveal()).await?);
        }
        let hall = Create {
            name: "Hall".into(),
            description: String::new(),
            max_participants: None,
            stage_mode: StageMode::Moderated,
        };
        let room = run(&parlor, actors[0], hall).await?.room;
        let mut people = Vec::new();
        for actor in actors {
            let participant = run(&parlor, actor, Join { room }).await?.participant;
            people.push(Person { actor, participant });
        }
        let host = people[0].actor;
        for &Person { actor, participant } in &people[1..self.speakers] {
            run(&parlor, actor, RaiseHand { room, participant }).await?;
            run(&parlor, host, GrantFloor { room, participant }).await?;
            run(&parlor, actor, SetSelfMute { room, participant, muted: false }).await?;
        }
        Ok(Stage { parlor, bridge, media, room, people, _tasks: tasks, _folder: folder })
    }

    /// Everybody connects; returns once all are through.
    async fn gather(
        &self,
        stage: &Stage,
        began: Instant,
        acts: &watch::Receiver<Act>,
    ) -> anyhow::Result<JoinSet<(usize, anyhow::Result<Log>)>> {
        let (mut peers, mut ups) = (JoinSet::new(), Vec::new());
        for (place, person) in stage.people.iter().enumerate() {
            let speaker = (place < self.speakers).then_some(place);
            let who = (person.actor, stage.room);
            let peer = connect(&stage.bridge, who, speaker, began).await?;
            let (up, is_up) = oneshot::channel();
            let acts = acts.clone();
            peers.spawn(async move { (place, run_peer(peer, up, acts).await) });
            ups.push(is_up);
        }
        for (place, up) in ups.into_iter().enumerate() {
            if up.await.is_err() {
                let failed = peers.join_next().await.transpose()?;
                let why = failed.and_then(|(_, log)| log.err());
                let why = why.unwrap_or_else(|| anyhow::anyhow!("it ended"));
                return Err(why.context(format!("peer {place} did not connect")));
            }
        }
        stage.all_connected().await?;
        Ok(peers)
    }

    /// The host mutes a speaker; a host who speaks alone mutes themselves.
    async fn mute(&self, stage: &Stage, who: usize) -> anyhow::Result<()> {
        let (room, host) = (stage.room, stage.people[0].actor);
        let participant = stage.people[who].participant;
        match who {
            0 => run(&stage.parlor, host, SetSelfMute { room, participant, muted: true }).await,
            _ => run(&stage.parlor, host, Mute { room, participant }).await,
        }
    }
}

/// What the database says at the end.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) participants: usize,
    pub(crate) connected: usize,
    pub(crate) muted: usize,
    pub(crate) active: u32,
}

impl Stage {
    /// Returns once the database knows that everybody is connected.
    async fn all_connected(&self) -> anyhow::Result<()> {
        let mut position = parlor_core::events::Position::START;
        loop {
            let people = self.participants().await?;
            if people.iter().all(|it| it.connection == ConnectionState::Connected) {
                return Ok(());
            }
            let news = tokio::time::timeout(Duration::from_secs(10), self.parlor.wait(position));
            news.await.context("the database never heard that everybody is connected")??;
            position = self.parlor.head().await?;
        }
    }

    async fn recorded(&self) -> anyhow::Result<Recorded> {
        let people = self.participants().await?;
        let count =
            |which: &dyn Fn(&ParticipantView) -> bool| people.iter().filter(|it| which(it)).count();
        let muted =
            |it: &ParticipantView| matches!(it.mic, MicState::MutedServer | MicState::MutedSelf);
        Ok(Recorded {
            participants: people.len(),
            connected: count(&|it| it.connection == ConnectionState::Connected),
            muted: count(&muted),
            active: self.parlor.rooms().room(self.people[0].actor, self.room).await?.active,
        })
    }

    async fn participants(&self) -> anyhow::Result<Vec<ParticipantView>> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let host = self.people[0].actor;
            let page = self.parlor.rooms().participants(host, self.room, after.as_deref()).await?;
            all.extend(page.rows);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

async fn run<C: Command>(parlor: &Parlor, actor: Actor, command: C) -> anyhow::Result<C::Output>
where
    C::Refusal: Refusal,
{
    Ok(parlor.execute(actor, command).await?)
}
