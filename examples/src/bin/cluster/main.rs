//! Two servers on one PostgreSQL, and people in one room over both: one server is killed in the
//! middle of a conversation, and the other takes over.
//!
//! Everything is real and throw-away: a PostgreSQL in a temporary folder, two processes of the
//! server, HTTP, UDP on loopback. It ends with 1 when a promise was broken.

mod node;
mod report;
mod scene;
mod visitor;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use parlor_examples::server;
use tracing_subscriber::EnvFilter;

/// Two servers share a PostgreSQL; one is killed while people talk. Prints how long the other took
/// to take over, and what was lost.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    program: Option<Program>,

    /// How many speak: 2 or 3.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=3))]
    speakers: u8,

    /// How many listen.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(0..=200))]
    listeners: u8,

    /// Print one JSON object, alone on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// One of the servers. It is started by this program itself.
    #[command(hide = true)]
    Node(server::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,str0m=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    if let Some(Program::Node(args)) = args.program {
        server::run(args).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let scene = scene::Scene { speakers: args.speakers.into(), listeners: args.listeners.into() };
    let report = scene.play().await?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{report}")?;
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    }
    let broken = report.broken();
    broken.iter().for_each(|promise| tracing::error!("broken: {promise}"));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
