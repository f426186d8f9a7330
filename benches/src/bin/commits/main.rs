//! How many commands a second become durable, and what that is worth.
//!
//! Distinct guests join rooms, each by a command of its own, from many clients at once. What is
//! compared with what is said in [`sqlite`], [`postgres`] and [`postgres::nodes`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

mod postgres;
mod scene;
mod sqlite;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use parlor_benches::Result;

/// Measures how many commands a second become durable.
#[derive(Debug, Parser)]
struct Arguments {
    /// The store to measure.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    store: Backend,
    /// How many commands a run carries out: 50,000 by default, and 30,000 on PostgreSQL.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1_000..=100_000))]
    commands: Option<u32>,
    /// How many of them are carried out one a transaction; by default a tenth, or a third on
    /// PostgreSQL.
    #[arg(long)]
    single_commands: Option<u32>,
    /// How many clients wait for an answer at any moment: 64 by default, and 256 on PostgreSQL.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: Option<u16>,
    /// Where the database of SQLite goes: on a real disk. By default beside this program.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// PostgreSQL alone: this many stores share one database, while a moderator of the room works.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: Option<u16>,
    /// Ends with one JSON object on a line of its own.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn clients(&self, default: u16) -> usize {
        usize::from(self.clients.unwrap_or(default))
    }

    fn commands(&self, default: u32) -> usize {
        self.commands.unwrap_or(default) as usize
    }

    fn single_commands(&self, default: usize) -> usize {
        self.single_commands.map_or(default, |it| it as usize).max(1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Sqlite,
    Postgres,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match (arguments.store, arguments.nodes) {
        (Backend::Sqlite, None) => {
            let report = runtime.block_on(sqlite::measure(&arguments))?;
            end(&arguments, &report, sqlite::print_table)
        }
        (Backend::Sqlite, Some(_)) => Err("a database of SQLite has one node".into()),
        (Backend::Postgres, None) => {
            let report = runtime.block_on(postgres::measure(&arguments))?;
            end(&arguments, &report, postgres::print_table)
        }
        (Backend::Postgres, Some(nodes)) => {
            let report = runtime.block_on(postgres::nodes::measure(&arguments, nodes.into()))?;
            end(&arguments, &report, postgres::nodes::print_table)
        }
    }
}

fn end<R: serde::Serialize>(arguments: &Arguments, report: &R, print: fn(&R)) -> Result<()> {
    print(report);
    if arguments.json {
        println!("{}", serde_json::to_string(report)?);
    }
    Ok(())
}
