//! The forwarder's process, as the harness sees it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Order};
use crate::protocol::{Reply, Request, Snapshot};
use crate::{Engine, Result};

/// How long a forwarder that works as hard as it can may take to say how it is.
const REPLY_MAX: Duration = Duration::from_secs(30);

/// How long it may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// A forwarder in a process of its own, so that what it uses can be told from what clients use.
pub(crate) struct Sfu {
    process: Child,
    requests: Arc<Requests>,
    replies: Option<BufReader<ChildStdout>>,
    snapshots: mpsc::Receiver<Snapshot>,
    told: mpsc::Sender<Snapshot>,
    pub(crate) port: u16,
}

/// The way to the forwarder, for many threads.
pub(crate) struct Requests {
    stdin: Mutex<ChildStdin>,
}

impl Requests {
    pub(crate) fn send(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush());
        sent.map_err(|error| format!("the forwarder takes no requests: {error}").into())
    }
}

impl Sfu {
    /// Starts this program once more, as a forwarder.
    pub(crate) fn start(engine: Engine) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--engine", engine.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take().ok_or("a child has an input")?;
        let mut replies = BufReader::new(process.stdout.take().ok_or("a child has an output")?);
        let mut line = String::new();
        replies.read_line(&mut line)?;
        let Ok(Reply::Ready { address }) = serde_json::from_str(&line) else {
            return Err(format!("the forwarder does not start; it says {line:?}").into());
        };
        let (told, snapshots) = mpsc::channel();
        let requests = Arc::new(Requests { stdin: Mutex::new(stdin) });
        Ok(Self {
            process,
            requests,
            replies: Some(replies),
            snapshots,
            told,
            port: address.port(),
        })
    }

    pub(crate) fn requests(&self) -> Arc<Requests> {
        self.requests.clone()
    }

    /// From now on answers go to those whose offers they answer.
    pub(crate) fn route(&mut self, crowds: Vec<Crowd>) -> Result<()> {
        let replies = self.replies.take().ok_or("replies are routed once")?;
        let told = self.told.clone();
        let route = move || {
            for line in replies.lines().map_while(std::io::Result::ok) {
                let (client, answer) = match serde_json::from_str(&line) {
                    Ok(Reply::Answer { client, answer }) => (client, Ok(answer)),
                    Ok(Reply::Refused { client, why }) => (client, Err(why)),
                    Ok(Reply::Stats(snapshot)) => {
                        let _ = told.send(snapshot);
                        continue;
                    }
                    Ok(Reply::Ready { .. }) | Err(_) => {
                        eprintln!("the forwarder says {line:?}");
                        continue;
                    }
                };
                if let Some(crowd) = crowds.get((client >> 32) as usize) {
                    crowd.order(Order::Answer(client as u32, answer));
                }
            }
        };
        std::thread::Builder::new().name("replies".into()).spawn(route)?;
        Ok(())
    }

    /// How it is at the moment.
    pub(crate) fn stats(&self) -> Result<Snapshot> {
        self.ask(&Request::Stats)
    }

    /// Tells it that people begin to speak.
    pub(crate) fn begin(&self) -> Result<Snapshot> {
        self.ask(&Request::Begin)
    }

    fn ask(&self, request: &Request) -> Result<Snapshot> {
        self.requests.send(request)?;
        let snapshot = self.snapshots.recv_timeout(REPLY_MAX);
        snapshot.map_err(|_| "the forwarder does not say how it is: it may have died".into())
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// If it does not: how it ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            Some(status) => Err(format!("the forwarder's process has ended: {status}").into()),
            None => Ok(()),
        }
    }

    /// Ends it.
    pub(crate) fn end(mut self) -> Result<()> {
        self.requests.send(&Request::End)?;
        let deadline = Instant::now() + END_MAX;
        while self.process.try_wait()?.is_none() {
            // Another process tells nothing by itself: it is asked again after a moment.
            std::thread::sleep(Duration::from_millis(10));
            if Instant::now() > deadline {
                return Err("the forwarder does not end".into());
            }
        }
        Ok(())
    }
}

impl Drop for Sfu {
    /// However the harness ends, no forwarder is left behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
