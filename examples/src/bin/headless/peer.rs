//! One peer of the play, and what it did and heard.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use parlor_core::events::Actor;
use parlor_core::media::{Bridge, SdpOffer};
use parlor_core::rooms::RoomId;
use parlor_examples::client::{Happening, Heard, Peer};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

/// How long ICE and DTLS may take.
const SETUP_MAX: Duration = Duration::from_secs(30);

/// What the peers do together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Connect, and wait.
    Gather,
    /// Speakers speak.
    Talk,
    /// Everybody hangs up.
    End,
}

/// What one peer did and heard.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// When each packet was sent, by number.
    pub(crate) sent: Vec<Duration>,
    pub(crate) heard: Vec<Heard>,
}

/// Offers and is answered.
pub(crate) async fn connect(
    bridge: &Bridge,
    (actor, room): (Actor, RoomId),
    speaker: Option<usize>,
    began: Instant,
) -> anyhow::Result<Peer> {
    let mut peer = Peer::bind(speaker, began).await?;
    let offer = SdpOffer(peer.offer()?);
    let (_, answer) = bridge.connect(actor, room, offer).await.context("the offer")?;
    peer.accept(&answer.0)?;
    Ok(peer)
}

/// Runs until the last act, and gives what it did and heard; says when it is up.
pub(crate) async fn run(
    mut peer: Peer,
    up: oneshot::Sender<()>,
    mut act: watch::Receiver<Act>,
) -> anyhow::Result<Log> {
    let mut heard = Vec::new();
    let mut up = Some(up);
    let deadline = tokio::time::Instant::now() + SETUP_MAX;
    loop {
        let now = *act.borrow();
        tokio::select! {
            happening = peer.next(now == Act::Talk) => match happening? {
                Happening::Up => {
                    up.take().map(|up| up.send(()));
                }
                Happening::Heard(packet) => heard.push(packet),
                Happening::Closed => anyhow::bail!("the server ended a call that went on"),
            },
            () = sleep_until(deadline), if up.is_some() => anyhow::bail!("ICE or DTLS hangs"),
            changed = act.changed() => {
                changed?;
                if *act.borrow() == Act::End {
                    peer.hang_up().await;
                    return Ok(Log { sent: peer.sent().to_vec(), heard });
                }
            }
        }
    }
}
