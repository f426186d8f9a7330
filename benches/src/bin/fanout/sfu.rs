//! Parlor's forwarder, in a process of its own.

use std::sync::Arc;

use parlor_core::Uuid;
use parlor_core::media::{Connect, LegId, MediaBackend as _, Rights, SdpOffer};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::driver::DriverStats;
use parlor_media_str0m::{Config, Str0mBackend};
use tokio::sync::mpsc;

use crate::Result;
use crate::protocol::{Reply, Request, Snapshot, read_requests, say};

/// Runs until it is told to end, or nobody is left to tell it.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<()> {
    let bind = ([127, 0, 0, 1], 0).into();
    let config = Config { bind, sessions_max: 100_000, ..Config::default() };
    let media = Arc::new(Str0mBackend::bind(config).await?);
    let address = *media.candidates().first().ok_or("the forwarder has an address")?;
    say(&Reply::Ready { address })?;

    // A host that takes no events would be refused new legs.
    let host = media.clone();
    tokio::spawn(async move { while host.next_event().await.is_some() {} });
    let (sender, mut requests) = mpsc::unbounded_channel();
    let read = move || read_requests(|request| sender.send(request).is_ok());
    std::thread::Builder::new().name("requests".into()).spawn(read)?;
    while let Some(request) = requests.recv().await {
        match request {
            Request::Connect { client, room, speaks, offer } => {
                let media = media.clone();
                tokio::spawn(async move { connect(&media, client, room, speaks, offer).await });
            }
            Request::Disconnect { client } => {
                let media = media.clone();
                tokio::spawn(async move { media.disconnect(leg(client)).await });
            }
            Request::Begin | Request::Stats => say(&Reply::Stats(snapshot(&media.stats())?))?,
            Request::End => break,
        }
    }
    Ok(())
}

async fn connect(media: &Str0mBackend, client: u64, room: u32, speaks: bool, offer: String) {
    let request = Connect {
        leg: leg(client),
        room: RoomId(Uuid::from_u128(u128::from(room) + 1)),
        participant: ParticipantId(Uuid::from_u128(u128::from(client) + 1)),
        rights: Rights { send_microphone: speaks, hear: true, pinned: false },
        offer: SdpOffer(offer),
    };
    let reply = match media.connect(request).await {
        Ok(answer) => Reply::Answer { client, answer: answer.0 },
        Err(error) => Reply::Refused { client, why: error.to_string() },
    };
    if let Err(error) = say(&reply) {
        eprintln!("the harness does not listen: {error}");
    }
}

fn leg(client: u64) -> LegId {
    LegId(Uuid::from_u128(u128::from(client) + 1))
}

fn snapshot(stats: &DriverStats) -> Result<Snapshot> {
    let engine = &stats.engine;
    Ok(Snapshot {
        sessions: engine.sessions,
        packets_in: engine.packets_in,
        copies_sent: engine.packets_out,
        send_lost: stats.sockets.lost.total(),
        dropped: format!("{:?}", engine.dropped),
        wakeups: Some(engine.wakeups),
        forwarding_us: Some([0.5, 0.99, 0.999].map(|q| stats.forwarding.quantile(q) as f64)),
        ..Snapshot::of_process()?
    })
}
