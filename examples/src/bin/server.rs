//! A voice chat in one binary: people, rooms and stages on SQLite or PostgreSQL, media in the same
//! process.

use clap::Parser as _;
use parlor_examples::server::{Args, run};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,str0m=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    run(args).await
}
