//! How much a forwarder does with its CPU time, how fast, and for how many: the load harness of
//! the media engine.
//!
//! The forwarder runs in a process of its own, so that what is counted is its own: this program
//! starts itself once more ([`child`], [`sfu`]). Here are the clients ([`crowd`], [`peer`]): all
//! connect over UDP on loopback with ICE, DTLS and SRTP; a few decrypt what they get, the others
//! count it by its clear headers, so that the harness leaves the machine to the forwarder.
//!
//! Beside Parlor's forwarder the same script is played to a plain one ([`plain`]); and what the
//! machine would give at most is measured too ([`ceiling`]). Figures of one run can be compared,
//! those of different machines cannot.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

mod allocations;
mod ceiling;
mod child;
mod counting;
mod crowd;
mod histogram;
mod metronome;
mod peer;
mod plain;
mod protocol;
mod report;
mod run;
mod sfu;
mod sockets;
mod tally;
mod usage;
mod voice;

use std::error::Error;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use parlor_media_str0m::client::Certificate;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Measures the forwarder: packets a CPU second, latency, memory, beside a plain forwarder on
/// str0m and what the machine gives at most.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// How many speak in each room, all at once and equally loud. The three loudest are heard.
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100))]
    speakers: u32,
    /// How many listen in each room. 50 of all decrypt what they hear.
    #[arg(long, default_value_t = 400, value_parser = RangedU64ValueParser::<u32>::new().range(4..=20_000))]
    listeners: u32,
    /// How many rooms there are. Their speakers take turns within the 20 ms of a frame.
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    rooms: u32,
    /// How many listeners leave a second while people speak; as many others join.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    churn: f64,
    /// The fraction of datagrams that connected clients drop, of those they send and of those
    /// they receive.
    #[arg(long, default_value_t = 0.0, value_parser = fraction)]
    loss: f64,
    /// For how many seconds people speak.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Ends with one JSON object on a line of its own.
    #[arg(long)]
    json: bool,
    /// Be the forwarder, and take requests from standard input.
    #[arg(long, hide = true, value_enum)]
    engine: Option<Engine>,
}

/// An address has so many ports for sockets that do not ask for one, less a few for others.
const FILES_MAX: u64 = 27_000;

/// What forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Parlor,
    Plain,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Parlor => "parlor",
            Self::Plain => "plain",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.engine {
        Some(Engine::Parlor) => sfu::run(),
        Some(Engine::Plain) => plain::run(),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let clients = files(arguments);
    if clients > FILES_MAX {
        return Err(format!("loopback has ports for {FILES_MAX} clients, not {clients}").into());
    }
    usage::allow_open_files(clients)?;
    let certificate = Certificate::generate().ok_or("there is no DTLS certificate to be had")?;
    let parlor = run::run(arguments, Engine::Parlor, &certificate)?;
    let plain = run::run(arguments, Engine::Plain, &certificate)?;
    eprintln!("ceiling: seal and send, and nothing else");
    let ceiling = ceiling::measure((arguments.rooms * arguments.listeners) as usize)?;
    eprintln!("allocations: in virtual time");
    let allocations = allocations::measure(&certificate)?;
    let report = report::Report::new(arguments, &parlor, &plain, ceiling, allocations);
    report.print();
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

/// How many files are open at most: a socket a client, those who have left included, and a few.
fn files(arguments: &Arguments) -> u64 {
    let clients = arguments.rooms * (arguments.speakers + arguments.listeners);
    u64::from(clients) + (arguments.churn * arguments.seconds as f64) as u64 + 256
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    within(text, 0.0, 1_000.0)
}

fn fraction(text: &str) -> std::result::Result<f64, String> {
    within(text, 0.0, 0.9)
}

fn within(text: &str, min: f64, max: f64) -> std::result::Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    let is_within = (min..=max).contains(&number);
    is_within.then_some(number).ok_or(format!("it is not between {min} and {max}"))
}
