//! A way to the server that is cut, or stalls, when a transaction that writes is committed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// When the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets the COMMIT.
    Before,
    /// It has answered, and the answer is lost.
    After,
    /// It gets the COMMIT, and the client does not wait.
    Meanwhile,
    /// The answer is lost, and nobody gets through any more.
    AfterAndForEver,
    /// Not cut: the COMMIT is a while on its way.
    StalledBefore,
    /// Not cut: the answer is.
    StalledAfter,
}

/// How long what is stalled takes: the delay is what is tried, and nothing is measured by it.
const STALL: Duration = Duration::from_millis(150);

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    socket: PathBuf,
    cut: Cut,
    active: AtomicBool,
    closed: AtomicBool,
    commits: AtomicUsize,
    cuts: AtomicUsize,
}

impl Proxy {
    pub(crate) fn start(socket: PathBuf, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            socket,
            cut,
            active: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            commits: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
        });
        let serving = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = serving.clone();
                thread::spawn(move || state.serve(client));
            }
        });
        Self { port, state }
    }

    /// The URL of a database by this way.
    pub(crate) fn url(&self, direct: &str) -> String {
        let (base, _) = direct.split_once('?').expect("a URL with a socket");
        base.replace("@localhost", &format!("@127.0.0.1:{}", self.port)) + "?sslmode=disable"
    }

    pub(crate) fn begin(&self) {
        self.state.active.store(true, Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.state.active.store(false, Ordering::SeqCst);
        self.state.closed.store(false, Ordering::SeqCst);
    }

    pub(crate) fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl Cut {
    /// Whether everything arrives, only later.
    pub(crate) fn is_stall(self) -> bool {
        matches!(self, Self::StalledBefore | Self::StalledAfter)
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) {
        if self.closed.load(Ordering::SeqCst) {
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
        let Ok(mut server) = UnixStream::connect(&self.socket) else { return };
        let _ = client.set_nodelay(true);
        let answers_lost = Arc::new(AtomicBool::new(false));
        let (from, to) = (server.try_clone().expect("a socket"), client.try_clone().expect("one"));
        let held = Arc::new(AtomicBool::new(false));
        let (lost, late) = (answers_lost.clone(), held.clone());
        let answers = thread::spawn(move || carry_back(from, to, &lost, &late));

        let mut chunk = vec![0; 1 << 16];
        let mut writes = false;
        while let Ok(n) = client.read(&mut chunk) {
            let sent = &chunk[..n];
            if n == 0 {
                break;
            }
            writes |= contains(sent, b"READ WRITE");
            if contains(sent, b"COMMIT\0") {
                let is_cut = writes && self.is_cut();
                match self.cut {
                    Cut::StalledBefore if is_cut => thread::sleep(STALL),
                    Cut::StalledAfter => held.store(is_cut, Ordering::SeqCst),
                    _ => {}
                }
                if is_cut && !self.cut.is_stall() {
                    if self.cut != Cut::Before {
                        answers_lost.store(true, Ordering::SeqCst);
                        let _ = server.write_all(sent);
                    }
                    match self.cut {
                        // The server ends the connection only once it has carried out what it got.
                        Cut::After | Cut::AfterAndForEver => {
                            let _ = server.shutdown(Shutdown::Write);
                            let _ = answers.join();
                            let _ = client.shutdown(Shutdown::Both);
                            return;
                        }
                        _ => break,
                    }
                }
                writes = false;
            }
            if server.write_all(sent).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    /// Every third commit is, and never two in a row.
    fn is_cut(&self) -> bool {
        if !self.active.load(Ordering::SeqCst) {
            return false;
        }
        let n = self.commits.fetch_add(1, Ordering::SeqCst);
        let cut = n.is_multiple_of(3);
        if cut {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            self.closed.fetch_or(self.cut == Cut::AfterAndForEver, Ordering::SeqCst);
        }
        cut
    }
}

fn carry_back(mut server: UnixStream, mut client: TcpStream, lost: &AtomicBool, late: &AtomicBool) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(n) = server.read(&mut chunk) {
        if n == 0 {
            break;
        }
        if late.swap(false, Ordering::SeqCst) {
            thread::sleep(STALL);
        }
        if !lost.load(Ordering::SeqCst) && client.write_all(&chunk[..n]).is_err() {
            break;
        }
    }
    if !lost.load(Ordering::SeqCst) {
        let _ = client.shutdown(Shutdown::Both);
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
