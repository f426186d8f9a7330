//! The server as a program: what it is started with, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use parlor_core::engine::Parlor;
use parlor_media_str0m::Str0mBackend;
use parlor_storage_postgres::{Options, PostgresStore};
use parlor_storage_sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::App;
use super::metrics::{Database, Metrics};
use crate::host;

/// How long open connections may take to end.
const DRAIN: Duration = Duration::from_secs(10);

/// A voice chat in one binary. Open the address it prints in two browser windows and talk.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where to serve the page. Browsers allow microphones on localhost and over HTTPS only: put a
    /// proxy with a certificate before it to serve others.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The database: a SQLite file, which is made if there is none, or the URL of a PostgreSQL
    /// database (postgres://…), which several nodes can share.
    #[arg(long, default_value = "parlor.db")]
    database: String,

    /// Keep statements prepared, which is faster. Only if --database leads to PostgreSQL itself:
    /// behind a pooler in transaction mode the wrong statements would be run.
    #[arg(long)]
    prepared: bool,

    /// The same PostgreSQL database without a pooler in between, if --database has one: nodes then
    /// wake each other at once.
    #[arg(long)]
    listen_database: Option<String>,

    /// Where to exchange media: a UDP port for each core, this one and those after it. With 0.0.0.0
    /// on every address of this machine; port 0 takes free ones.
    #[arg(long, default_value = "0.0.0.0:0")]
    media: SocketAddr,

    /// Where to serve /metrics for Prometheus; nowhere unless it is said. It should not be public:
    /// anybody who reaches it sees how much is going on.
    #[arg(long)]
    metrics: Option<SocketAddr>,

    /// What this node is called among those that share a PostgreSQL database. Each has a name of
    /// its own, and keeps it when it is started again.
    #[arg(long)]
    node: Option<String>,

    /// Where clients reach this node; by default where it serves the page.
    #[arg(long)]
    url: Option<String>,

    /// Public addresses that lead to this machine's media ports, if it is behind a NAT.
    #[arg(long)]
    advertise: Vec<IpAddr>,
}

/// Parlor on the database, the database, and the node's name.
async fn open(args: &Args) -> anyhow::Result<(Parlor, Database, String)> {
    let is_url = ["postgres://", "postgresql://"].iter().any(|it| args.database.starts_with(it));
    if !is_url {
        let store = SqliteStore::open(&args.database)
            .with_context(|| format!("the database {} cannot be opened", args.database))?;
        let store = Arc::new(store);
        let node = args.node.clone().unwrap_or("local".into());
        return Ok((host::parlor_on(store.clone()), Database::Sqlite(store), node));
    }
    let node = args.node.clone().context(
        "--node is missing: give each server on a PostgreSQL database a name of its own",
    )?;
    let listen_url = args.listen_database.clone();
    let options = Options { listen_url, prepared: args.prepared, ..Options::new(&args.database) };
    // The URL may have a password in it.
    let store = PostgresStore::connect_with(options).await.context("the PostgreSQL database")?;
    let store = Arc::new(store);
    Ok((host::parlor_on(store.clone()), Database::Postgres(store), node))
}

/// Serves until it is interrupted.
///
/// # Errors
/// When the database cannot be opened, or an address not be listened at.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (parlor, database, node) = open(&args).await?;
    let config = parlor_media_str0m::Config {
        bind: args.media,
        advertise: args.advertise,
        ..Default::default()
    };
    let media = Str0mBackend::bind(config)
        .await
        .with_context(|| format!("media cannot be exchanged at {}", args.media))?;
    tracing::info!(candidates = ?media.candidates(), "media");
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("{} cannot be listened at; --listen takes another", args.listen)
    })?;

    let media = Arc::new(media);
    let local = format!("http://{}", listener.local_addr()?);
    let url = args.url.as_deref().unwrap_or(&local).trim_end_matches('/');
    let (app, mut tasks) = App::start(parlor, media.clone(), &node, url).await?;
    let stopping = app.clone();
    let seen = media.clone();
    let metrics = Metrics::new(app.clone(), move || seen.stats(), database);
    let metrics = expose(args.metrics, metrics).await?;
    announce(&local)?;
    let draining = app.clone();
    let shutdown = async move {
        interrupted().await;
        tracing::info!("draining; interrupt again to stop at once");
        draining.drain();
        tokio::spawn(async {
            tokio::select! {
                () = interrupted() => {}
                () = tokio::time::sleep(DRAIN) => {}
            }
            tracing::warn!("stopped with connections open");
            std::process::exit(1);
        });
    };
    axum::serve(listener, app.router()).with_graceful_shutdown(shutdown).await?;
    // Clients are told, and the database hears that their legs are gone before this process is.
    media.shutdown().await;
    // Of the tasks only the one that listens to the engine ends by itself.
    tasks.join_next().await;
    stopping.stop().await?;
    if let Some(metrics) = metrics {
        metrics.abort();
        // It holds on to the store until it has ended.
        let _ = metrics.await;
    }
    Ok(())
}

/// Serves the numbers, if an address is given, until the task is aborted.
async fn expose(
    at: Option<SocketAddr>,
    metrics: Metrics,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Some(at) = at else { return Ok(None) };
    let listener = TcpListener::bind(at)
        .await
        .with_context(|| format!("{at} cannot be listened at; --metrics takes another"))?;
    tracing::info!(at = %listener.local_addr()?, "metrics");
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, metrics.router()).await {
            tracing::error!(%error, "the metrics are served no more");
        }
    })))
}

/// The one line on stdout, for people and for scripts.
fn announce(url: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {url}")?;
    stdout.flush()
}

/// Ctrl-C, or the word of a service manager.
async fn interrupted() {
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
