use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use parlor_core::media::{
    Connect, LegId, MediaBackend, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer,
};

use crate::driver::{Driver, DriverConfig, DriverStats, Handle, Sockets, UdpSockets};
use crate::engine::{Command, ConfigError, Mapped, Reply, Shard, ShardConfig};

/// How a [`Str0mBackend`] is set up. The default binds every IPv4 address of the machine on a
/// port of the system's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The UDP address to listen on. If it is unspecified (`0.0.0.0`, `[::]`), every address of
    /// its family is bound, loopback included; a firewall has to let its port through.
    pub bind: SocketAddr,
    /// Public addresses that a 1:1 NAT maps onto this machine, with the same port. Clients are
    /// offered them beside the local ones.
    pub advertise: Vec<IpAddr>,
    /// The most legs at a time; more are answered with [`MediaError::Busy`].
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
        Self {
            bind: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            advertise: Vec::new(),
            sessions_max: shard.sessions_max,
            events_max: DriverConfig::default().events_max,
            setup_timeout: shard.setup_timeout,
            silence_timeout: shard.silence_timeout,
            lost_timeout: shard.lost_timeout,
        }
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
}

/// The media engine as the domain sees it: a [`Driver`] on a task of its own.
///
/// A participant has one leg: a new one ends the one before it as soon as its offer has been
/// taken, so that rights are never set on one leg while another goes on with older ones. An offer
/// that is refused leaves the present leg alone.
///
/// Dropping it ends every leg; [`Str0mBackend::shutdown`] does so and waits.
#[derive(Debug)]
pub struct Str0mBackend {
    handle: Handle,
    candidates: Vec<SocketAddr>,
}

impl Str0mBackend {
    /// Binds the port and starts the engine on the present tokio runtime.
    ///
    /// # Errors
    /// See [`BindError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let sockets = UdpSockets::bind(config.bind)?;
        Self::start(config, sockets)
    }

    /// Starts the engine on sockets of the host's own; `config.bind` is not looked at.
    ///
    /// # Errors
    /// See [`BindError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(config: Config, sockets: impl Sockets) -> Result<Self, BindError> {
        let addresses = sockets.addresses();
        let mapped = config.advertise.iter().map(|ip| mapped(*ip, &addresses));
        let mapped = mapped.collect::<Result<Vec<_>, _>>()?;
        let public = mapped.iter().map(|mapped| mapped.public);
        let candidates = addresses.iter().copied().chain(public).collect();
        let shard = ShardConfig {
            addresses,
            mapped,
            sessions_max: config.sessions_max,
            setup_timeout: config.setup_timeout,
            silence_timeout: config.silence_timeout,
            lost_timeout: config.lost_timeout,
            wall_clock: SystemTime::now(),
            ..ShardConfig::default()
        };
        let shard = Shard::new(shard, Instant::now())?;
        let driver_config = DriverConfig { events_max: config.events_max };
        let (driver, handle) = Driver::new(shard, sockets, driver_config);
        tokio::spawn(async move {
            if let Err(error) = driver.run().await {
                tracing::error!(%error, "the media engine has lost its sockets");
            }
        });
        Ok(Self { handle, candidates })
    }

    /// The addresses clients are offered: local ones first, then those advertised.
    #[must_use]
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> DriverStats {
        self.handle.stats()
    }

    /// Ends every leg with [`CloseReason::Shutdown`](parlor_core::media::CloseReason::Shutdown)
    /// and takes no new ones. When it returns, clients have been sent a goodbye.
    pub async fn shutdown(&self) {
        // If it has stopped already, that is what was wanted.
        let _ = self.handle.command(Command::Shutdown).await;
    }

    async fn answer(&self, command: Command) -> Result<SdpAnswer, MediaError> {
        match self.handle.command(command).await {
            Ok(Reply::Answer(answer)) => Ok(answer),
            Ok(Reply::Failed(error)) => Err(error),
            Ok(Reply::Done) | Err(_) => Err(MediaError::Stopped),
        }
    }

    async fn done(&self, command: Command) -> Result<(), MediaError> {
        match self.handle.command(command).await {
            Ok(Reply::Answer(_) | Reply::Done) => Ok(()),
            Ok(Reply::Failed(error)) => Err(error),
            Err(_) => Err(MediaError::Stopped),
        }
    }
}

#[async_trait]
impl MediaBackend for Str0mBackend {
    async fn connect(&self, request: Connect) -> Result<SdpAnswer, MediaError> {
        self.answer(Command::Connect(request)).await
    }

    async fn renegotiate(&self, leg: LegId, offer: SdpOffer) -> Result<SdpAnswer, MediaError> {
        self.answer(Command::Renegotiate { leg, offer }).await
    }

    async fn set_rights(&self, leg: LegId, rights: Rights) -> Result<(), MediaError> {
        self.done(Command::SetRights { leg, rights }).await
    }

    async fn disconnect(&self, leg: LegId) -> Result<(), MediaError> {
        self.done(Command::Disconnect { leg }).await
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.handle.next_event().await
    }
}

/// A NAT maps onto an address that reaches further than the machine itself, if there is one.
fn mapped(public: IpAddr, addresses: &[SocketAddr]) -> Result<Mapped, BindError> {
    let same = || addresses.iter().filter(|local| local.is_ipv4() == public.is_ipv4());
    let local = same().find(|local| !local.ip().is_loopback()).or_else(|| same().next());
    let local = *local.ok_or(BindError::Advertise(public))?;
    Ok(Mapped { public: SocketAddr::new(public, local.port()), local })
}
