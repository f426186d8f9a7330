use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime};

use tokio::sync::oneshot;

use super::placement::Placement;
use super::{BindError, Config};
use crate::driver::{Driver, EventQueue, EventSource, Handle, Sockets};
use crate::engine::{Certificate, Mapped, Shard, ShardConfig};

/// A shard on a thread of its own, whose runtime nothing else uses: however busy the host's is,
/// audio does not wait for it.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) handle: Handle,
    pub(super) runtime: tokio::runtime::Handle,
    /// The addresses clients are offered.
    pub(super) candidates: Vec<SocketAddr>,
}

/// What a worker needs from outside.
pub(super) struct Setup {
    /// Which of the shards it is.
    pub(super) number: usize,
    pub(super) config: Config,
    /// That of all shards.
    pub(super) certificate: Certificate,
    pub(super) events: Arc<EventQueue>,
    pub(super) placement: Arc<Placement>,
}

impl Worker {
    /// Starts the thread, opens the sockets on it, and returns once it is ready.
    pub(super) async fn start<S: Sockets>(
        setup: Setup,
        open: impl FnOnce() -> io::Result<S> + Send + 'static,
    ) -> Result<Self, BindError> {
        let (tell, told) = oneshot::channel();
        // The kernel shows 15 characters of it.
        let name = format!("parlor-media-{}", setup.number);
        thread::Builder::new().name(name).spawn(move || run(setup, open, tell))?;
        told.await.unwrap_or_else(|_| Err(io::Error::other("the thread has panicked").into()))
    }
}

/// All of the thread.
fn run<S: Sockets>(
    setup: Setup,
    open: impl FnOnce() -> io::Result<S>,
    tell: oneshot::Sender<Result<Worker, BindError>>,
) {
    let Setup { number, config, certificate, events, placement } = setup;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(tell.send(Err(error.into()))),
    };
    let guard = runtime.enter();
    let (driver, handle, candidates) = match open_driver(&config, certificate, open, &events) {
        Ok(opened) => opened,
        Err(error) => return drop(tell.send(Err(error))),
    };
    drop(guard);
    let _ending = Ending { number, placement, source: events.source() };
    let worker = Worker { handle, runtime: runtime.handle().clone(), candidates };
    // If nobody waits for it any more, its handle is gone and it ends at once.
    drop(tell.send(Ok(worker)));
    if let Err(error) = runtime.block_on(driver.run()) {
        tracing::error!(%error, shard = number, "the media engine has lost its sockets");
    }
}

type Opened<S> = (Driver<S>, Handle, Vec<SocketAddr>);

fn open_driver<S: Sockets>(
    config: &Config,
    certificate: Certificate,
    open: impl FnOnce() -> io::Result<S>,
    events: &Arc<EventQueue>,
) -> Result<Opened<S>, BindError> {
    let sockets = open()?;
    let addresses = sockets.addresses();
    let mapped = config.advertise.iter().map(|ip| mapped(*ip, &addresses));
    let mapped = mapped.collect::<Result<Vec<_>, _>>()?;
    let public = mapped.iter().map(|mapped| mapped.public);
    let candidates = addresses.iter().copied().chain(public).collect();
    let shard = ShardConfig {
        addresses,
        mapped,
        // All together may have so many, and they may all be in one room.
        sessions_max: config.sessions_max,
        setup_timeout: config.setup_timeout,
        silence_timeout: config.silence_timeout,
        lost_timeout: config.lost_timeout,
        certificate: Some(certificate),
        wall_clock: SystemTime::now(),
        ..ShardConfig::default()
    };
    let shard = Shard::new(shard, Instant::now())?;
    let (driver, handle) = Driver::with_events(shard, sockets, events.clone());
    Ok((driver, handle, candidates))
}

/// A NAT maps onto an address that reaches further than the machine itself, if there is one.
fn mapped(public: IpAddr, addresses: &[SocketAddr]) -> Result<Mapped, BindError> {
    let same = || addresses.iter().filter(|local| local.is_ipv4() == public.is_ipv4());
    let local = same().find(|local| !local.ip().is_loopback()).or_else(|| same().next());
    let local = *local.ok_or(BindError::Advertise(public))?;
    Ok(Mapped { public: SocketAddr::new(public, local.port()), local })
}

/// However the thread ends, even by a panic, nobody waits for a leg of its.
struct Ending {
    number: usize,
    placement: Arc<Placement>,
    source: EventSource,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.source.push(self.placement.end(self.number));
    }
}
