mod placement;
mod worker;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use parlor_core::media::{
    Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer,
};

use self::placement::Placement;
use self::worker::{Setup, Worker};
use crate::driver::{
    DriverConfig, DriverStats, EventQueue, Handle, Sockets, UdpConfig, UdpSockets,
};
use crate::engine::{Certificate, Command, ConfigError, Reply, ShardConfig};

/// The most shards a backend may have; more would help no machine.
pub const SHARDS_MAX: usize = 256;

/// How a [`Str0mBackend`] is set up. The default binds every IPv4 address of the machine on
/// ports of the system's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The UDP address to listen on. If it is unspecified (`0.0.0.0`, `[::]`), every address of
    /// its family is bound, loopback included.
    ///
    /// Each shard has a port of its own: the first this one, the next the one after it, and so
    /// on. A firewall has to let the ports `bind.port()` to `bind.port() + shards - 1` through.
    /// With port 0, each shard takes any that is free.
    pub bind: SocketAddr,
    /// How many shards there are, from 1 to [`SHARDS_MAX`], each on a thread of its own. By
    /// default one for each core the process may use. A room is on one shard.
    pub shards: usize,
    /// Whether the kernel may merge what it receives and cut what is sent (GRO and GSO, on
    /// Linux), which saves most of its work. Off is for network cards that get it wrong.
    pub offload: bool,
    /// Public addresses that a 1:1 NAT maps onto this machine, with the same ports. Clients are
    /// offered them beside the local ones.
    pub advertise: Vec<IpAddr>,
    /// The most legs at a time, of all shards; more are answered with [`MediaError::Busy`]. A
    /// leg that replaces another is taken all the same.
    pub sessions_max: usize,
    /// The most events that may wait for [`MediaBackend::next_event`]; beyond that new legs are
    /// answered with [`MediaError::Busy`].
    pub events_max: usize,
    /// How long ICE and DTLS may take to come up.
    pub setup_timeout: Duration,
    /// How long a client may be silent before its leg is lost.
    pub silence_timeout: Duration,
    /// How long a lost leg may take to come back.
    pub lost_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let shard = ShardConfig::default();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            bind: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            shards: cores.min(SHARDS_MAX),
            offload: true,
            advertise: Vec::new(),
            sessions_max: shard.sessions_max,
            events_max: DriverConfig::default().events_max,
            setup_timeout: shard.setup_timeout,
            silence_timeout: shard.silence_timeout,
            lost_timeout: shard.lost_timeout,
        }
    }
}

impl Config {
    /// Where a shard listens.
    fn bind_of(&self, shard: usize) -> Option<SocketAddr> {
        let first = self.bind.port();
        let port = match first {
            0 => 0,
            _ => first.checked_add(u16::try_from(shard).ok()?)?,
        };
        Some(SocketAddr::new(self.bind.ip(), port))
    }
}

/// Why a backend could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The operating system refuses.
    #[error("the UDP port cannot be bound")]
    Io(#[from] io::Error),
    /// The addresses cannot be offered to clients.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address to advertise has no bound address of its family behind it.
    #[error("there is no local address to advertise {0} for")]
    Advertise(IpAddr),
    /// There are none, or too many.
    #[error("there are 1 to {SHARDS_MAX} shards, not {0}")]
    Shards(usize),
    /// The ports of the shards end after the last there is.
    #[error("there are no {shards} ports from {port} on")]
    Ports {
        /// The port of the first shard.
        port: u16,
        /// How many shards there are to be.
        shards: usize,
    },
}

/// The media engine as the domain sees it: shards, each a [`Driver`](crate::driver::Driver) on a
/// thread of its own with sockets of its own.
///
/// A room is put on the shard with the fewest legs when its first leg comes, and stays there
/// until its last has gone. All shards share the limits, and one queue of events.
///
/// A participant has one leg: a new one ends the one before it as soon as its offer has been
/// taken, so that rights are never set on one leg while another goes on with older ones. An offer
/// that is refused leaves the present leg alone.
///
/// A shard that fails takes its own legs with it, which are told as closed, and no others.
///
/// Dropping it ends every leg; [`Str0mBackend::shutdown`] does so and waits.
#[derive(Debug)]
pub struct Str0mBackend {
    shards: Arc<[Handle]>,
    runtimes: Vec<tokio::runtime::Handle>,
    candidates: Vec<SocketAddr>,
    placement: Arc<Placement>,
    events: Arc<EventQueue>,
}

impl Str0mBackend {
    /// Binds the ports and starts the engine, on threads of its own.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let Config { shards, offload, .. } = config;
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(BindError::Shards(shards));
        }
        let port = config.bind.port();
        let binds = (0..shards).map(|shard| config.bind_of(shard));
        let binds = binds.collect::<Option<Vec<_>>>().ok_or(BindError::Ports { port, shards })?;
        let udp = |bind| move || UdpSockets::bind(UdpConfig { bind, offload });
        Self::open(config, binds.into_iter().map(udp)).await
    }

    /// Starts the engine on sockets of the host's own, a shard for each, of which there must be
    /// one. Of the configuration, `bind`, `shards` and `offload` are not looked at. The sockets
    /// are polled on a thread and a tokio runtime that are not those of the caller.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn start<S: Sockets>(config: Config, sockets: Vec<S>) -> Result<Self, BindError> {
        if !(1..=SHARDS_MAX).contains(&sockets.len()) {
            return Err(BindError::Shards(sockets.len()));
        }
        Self::open(config, sockets.into_iter().map(|sockets| || Ok(sockets))).await
    }

    async fn open<S, O>(
        config: Config,
        shards: impl ExactSizeIterator<Item = O>,
    ) -> Result<Self, BindError>
    where
        S: Sockets,
        O: FnOnce() -> io::Result<S> + Send + 'static,
    {
        let placement = Placement::new(shards.len(), config.sessions_max);
        let seen = placement.clone();
        let on_event = Box::new(move |event| seen.on_event(event));
        let events = EventQueue::new(config.events_max, on_event);
        let certificate = Certificate::generate()?;
        // The queue does not end before the last shard has begun.
        let _starting = events.source();
        let (mut handles, mut runtimes, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
        for (number, open) in shards.enumerate() {
            let (config, events, placement) = (config.clone(), events.clone(), placement.clone());
            let certificate = certificate.clone();
            let setup = Setup { number, config, certificate, events, placement };
            let worker = Worker::start(setup, open).await?;
            handles.push(worker.handle);
            runtimes.push(worker.runtime);
            candidates.extend(worker.candidates);
        }
        Ok(Self { shards: handles.into(), runtimes, candidates, placement, events })
    }

    /// The addresses clients are offered, of all shards: of each the local ones first, then those
    /// advertised. An answer names those of the shard its room is on.
    #[must_use]
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }

    /// The counters of all shards, added up.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        let mut sum = DriverStats::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.stats()));
        sum
    }

    /// The counters of each shard.
    #[must_use]
    pub fn shard_stats(&self) -> Vec<DriverStats> {
        self.shards.iter().map(Handle::stats).collect()
    }

    /// Ends every leg with [`CloseReason::Shutdown`](parlor_core::media::CloseReason::Shutdown)
    /// and takes no new ones. When it returns, clients have been sent a goodbye.
    pub async fn shutdown(&self) {
        let mut replies = Vec::new();
        for shard in self.shards.iter() {
            // If it has stopped already, that is what was wanted.
            replies.extend(shard.send(Command::Shutdown).await);
        }
        for reply in replies {
            let _ = reply.await;
        }
    }

    /// Has a command done by the shard a leg is on; `None` if there is no such leg.
    async fn command(&self, leg: LegId, command: Command) -> Result<Option<Reply>, MediaError> {
        let Some(shard) = self.placement.shard_of(leg) else {
            return if self.placement.has_ended() { Err(MediaError::Stopped) } else { Ok(None) };
        };
        let reply = self.shards[shard].command(command).await.map_err(|_| MediaError::Stopped)?;
        match reply {
            Reply::Failed(error) => Err(error),
            reply => Ok(Some(reply)),
        }
    }
}

#[async_trait]
impl MediaBackend for Str0mBackend {
    async fn connect(&self, request: Connect) -> Result<SdpAnswer, MediaError> {
        let asked = self.placement.ask(&request)?;
        let shard = asked.shard();
        let reply = self.shards[shard].send(Command::Connect(request)).await;
        let reply = reply.map_err(|_| MediaError::Stopped)?;
        let shards = self.shards.clone();
        // On a task, for it has to be seen through even if nobody waits for the answer any more.
        let seen_through = self.runtimes[shard].spawn(async move {
            let answer = match reply.await {
                Ok(Reply::Answer(answer)) => answer,
                Ok(Reply::Failed(error)) => return Err(error),
                Ok(Reply::Done) | Err(_) => return Err(MediaError::Stopped),
            };
            if let Some((older, shard)) = asked.answered() {
                // A shard that has stopped has ended its legs.
                let _ = shards[shard].command(Command::Disconnect { leg: older }).await;
            }
            Ok(answer)
        });
        seen_through.await.unwrap_or(Err(MediaError::Stopped))
    }

    async fn renegotiate(&self, leg: LegId, offer: SdpOffer) -> Result<SdpAnswer, MediaError> {
        match self.command(leg, Command::Renegotiate { leg, offer }).await? {
            Some(Reply::Answer(answer)) => Ok(answer),
            Some(_) => Err(MediaError::Stopped),
            None => Err(MediaError::NoSuchLeg),
        }
    }

    async fn set_rights(&self, leg: LegId, rights: Rights) -> Result<(), MediaError> {
        self.command(leg, Command::SetRights { leg, rights }).await.map(drop)
    }

    async fn disconnect(&self, leg: LegId) -> Result<(), MediaError> {
        self.command(leg, Command::Disconnect { leg }).await.map(drop)
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.events.next().await
    }
}
