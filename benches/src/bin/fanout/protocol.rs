//! What the harness and the forwarder in its child process say to each other: one JSON object a
//! line, requests on standard input, replies on standard output.

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::usage;

/// What the harness wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Take somebody into a room. Answered by [`Reply::Answer`] or [`Reply::Refused`].
    Connect { client: u64, room: u32, speaks: bool, offer: String },
    /// Somebody leaves. Not answered.
    Disconnect { client: u64 },
    /// People begin to speak. Answered by [`Reply::Stats`].
    Begin,
    /// Answered by [`Reply::Stats`].
    Stats,
    /// That is all.
    End,
}

/// What the forwarder answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Said once, before anything is asked.
    Ready { address: SocketAddr },
    /// The answer to an offer.
    Answer { client: u64, answer: String },
    /// An offer is not taken.
    Refused { client: u64, why: String },
    /// How things are.
    Stats(Snapshot),
}

/// How things are with the forwarder. All but the memory and the number of sessions only grow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// CPU time of the whole process, in user mode and in the kernel.
    pub(crate) cpu_us: u64,
    pub(crate) rss_bytes: u64,
    pub(crate) sessions: u64,
    /// Packets of microphones that came in.
    pub(crate) packets_in: u64,
    /// Copies of them that were sent.
    pub(crate) copies_sent: u64,
    /// Datagrams the socket did not take.
    pub(crate) send_lost: u64,
    /// What was dropped on purpose and why, as the engine counts it.
    pub(crate) dropped: String,
    /// How often something was done for a session, where the engine counts it.
    pub(crate) wakeups: Option<u64>,
    /// From ingress to egress, in microseconds: p50, p99, p99.9, where the engine says so.
    pub(crate) forwarding_us: Option<[f64; 3]>,
}

impl Snapshot {
    /// What the operating system knows of this process.
    pub(crate) fn of_process() -> Result<Self> {
        let rss_bytes = usage::rss_bytes()?;
        let cpu_us = u64::try_from(usage::process_cpu()?.as_micros())?;
        Ok(Self { cpu_us, rss_bytes, ..Self::default() })
    }
}

/// Gives every request to `take` until there are no more, or nobody takes them.
pub(crate) fn read_requests(mut take: impl FnMut(Request) -> bool) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        match serde_json::from_str(&line) {
            Ok(request) => {
                if !take(request) {
                    return;
                }
            }
            Err(error) => eprintln!("a request does not parse: {error}"),
        }
    }
}

/// Sends a reply.
pub(crate) fn say(reply: &Reply) -> Result<()> {
    let mut line = serde_json::to_string(reply)?;
    line.push('\n');
    // Written as a whole: tasks may speak one after another, never into each other.
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    Ok(stdout.flush()?)
}
