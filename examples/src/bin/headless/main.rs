//! A server, speakers and listeners in one process, without a browser and without set-up: proof
//! that people hear each other, and how fast.
//!
//! The store is a SQLite file in a temporary folder, media goes over real UDP on loopback, and the
//! peers are what browsers are to the server: an SDP offer, ICE, DTLS, SRTP, Opus. Half-way the
//! host mutes a speaker. Whoever breaks a promise makes it end with 1.

mod peer;
mod report;
mod scene;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

/// Speakers and listeners talk through a server in this process; prints who heard whom, and how
/// fast. Ends with 1 when a promise was broken.
#[derive(Clone, Copy, Debug, Parser)]
struct Args {
    /// How many speak: 1 to 3, since no more than three are forwarded at once.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=3))]
    speakers: usize,

    /// How many listen.
    #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=2_000))]
    listeners: usize,

    /// For how many seconds they speak.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=3_600))]
    seconds: u64,

    /// Print one JSON object, alone on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,str0m=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let peers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let scene = scene::Scene {
        speakers: args.speakers,
        listeners: args.listeners,
        talk: Duration::from_secs(args.seconds),
    };
    let report = peers.block_on(scene.play())?;

    let mut stdout = std::io::stdout().lock();
    match args.json {
        true => writeln!(stdout, "{}", serde_json::to_string(&report)?)?,
        false => writeln!(stdout, "{report}")?,
    }
    let broken = report.broken();
    broken.iter().for_each(|promise| tracing::error!("broken: {promise}"));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
