//! Somebody in the room, who comes back by themselves.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parlor_examples::client::{Happening, Http, Peer};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a call may take to come up.
const SETUP_MAX: Duration = Duration::from_secs(5);
/// Whoever hears nobody for this long while others speak has lost the server.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// What a visitor has heard so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearing {
    /// The calls that came up.
    pub(crate) calls: usize,
    /// When somebody was heard first in the present call, since the beginning.
    pub(crate) first: Option<Duration>,
    /// Who was heard in the present call, and which of their packets last.
    pub(crate) last: BTreeMap<usize, u32>,
}

pub(crate) struct Visitor {
    pub(crate) http: Http,
    pub(crate) room: String,
    pub(crate) participant: String,
    /// Where the servers are; the first is asked first.
    pub(crate) servers: Vec<String>,
    /// Which speaker they are, if one.
    pub(crate) speaker: Option<usize>,
    pub(crate) began: Instant,
}

impl Visitor {
    /// Enters the room by a server, in a stay that is told.
    pub(crate) async fn enter(
        http: Http,
        room: &str,
        servers: Vec<String>,
        speaker: Option<usize>,
        began: Instant,
    ) -> anyhow::Result<Self> {
        let admitted = join(&http, &servers[0], room).await?;
        let (participant, room) = (admitted, room.to_owned());
        Ok(Self { http, room, participant, servers, speaker, began })
    }

    /// Talks until `is_over`, wherever the room is.
    pub(crate) async fn stay(
        mut self,
        hearing: watch::Sender<Hearing>,
        mut is_over: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        while !*is_over.borrow() {
            tokio::select! {
                call = self.call(&hearing) => match call {
                    Ok(()) => {}
                    Err(error) => {
                        tracing::debug!(%error, "the call is over; trying again");
                        sleep(PAUSE).await;
                    }
                },
                changed = is_over.changed() => changed?,
            }
        }
        Ok(())
    }

    /// One call, from the offer until nobody is heard any more.
    async fn call(&mut self, hearing: &watch::Sender<Hearing>) -> anyhow::Result<()> {
        let mut peer = Peer::bind(self.speaker, self.began).await?;
        let offer = peer.offer()?;
        let answer = self.offer(&offer).await?;
        peer.accept(&answer)?;
        let up = async {
            loop {
                match peer.next(false).await? {
                    Happening::Up => return anyhow::Ok(()),
                    Happening::Heard(_) => {}
                    Happening::Closed => anyhow::bail!("refused while it was coming up"),
                }
            }
        };
        timeout(SETUP_MAX, up).await.context("ICE or DTLS hangs")??;
        hearing.send_modify(|it| *it = Hearing { calls: it.calls + 1, ..Hearing::default() });
        let mut last = Instant::now();
        loop {
            match timeout(SILENCE_MAX, peer.next(true)).await {
                Ok(Ok(Happening::Heard(packet))) => {
                    last = Instant::now();
                    hearing.send_modify(|it| {
                        it.first.get_or_insert(packet.at);
                        it.last.insert(packet.speaker, packet.number);
                    });
                }
                Ok(Ok(Happening::Up)) | Err(_) => {}
                Ok(Ok(Happening::Closed)) => anyhow::bail!("the server ended the call"),
                Ok(Err(error)) => return Err(error),
            }
            anyhow::ensure!(last.elapsed() < 2 * SILENCE_MAX, "nobody is heard");
        }
    }

    /// Offers to the server that was good last; goes where it is sent, or on to the next.
    async fn offer(&mut self, offer: &str) -> anyhow::Result<String> {
        match self.http.offer(&self.servers[0], &self.room, offer).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let next = error.elsewhere().map(str::to_owned);
                let next = next.or_else(|| self.servers.get(1).cloned());
                if let Some(next) = next {
                    self.servers.retain(|server| *server != next);
                    self.servers.insert(0, next);
                }
                Err(error.into())
            }
        }
    }
}

/// Joins, or goes on with the stay there is; gives the participant.
pub(crate) async fn join(http: &Http, server: &str, room: &str) -> anyhow::Result<String> {
    let admitted: Value = http.command(server, None, "rooms.join", json!({ "room": room })).await?;
    let participant = admitted["participant"].as_str().context("a join tells the participant")?;
    Ok(participant.to_owned())
}
