//! A throw-away PostgreSQL for tests: its own directory, a Unix socket, no trace afterwards.
//!
//! It takes the programs of an installed PostgreSQL, on the `PATH` or where Debian has them. As root
//! it runs them as `postgres` or `nobody`, since the server refuses root. `DATABASE_URL` names a
//! running server to use instead; the databases made there stay.

use std::fs;
use std::io::{Error, Result, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Options, PostgresStore};

const READY_MAX: Duration = Duration::from_secs(60);
const TEMPLATE: &str = "parlor_template";

/// Runs the server until its input ends or says so. An input that ends is a test that has ended,
/// however it did: then nothing is left behind, not even when it was killed.
const WATCH: &str = "\
    directory=$1; shift; \"$@\" >>\"$directory/log\" 2>&1 & server=$!; \
    if read -r _; then keep=1; fi; \
    kill -QUIT $server 2>/dev/null; wait $server; \
    if [ -z \"$keep\" ]; then rm -rf \"$directory\"; fi";

/// Whether the server waits for its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// Not at all, which is faster.
    None,
}

/// A server with databases.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    made: AtomicU32,
    durability: Durability,
}

#[derive(Debug)]
enum Server {
    /// Ours.
    Own {
        programs: PathBuf,
        directory: PathBuf,
        user: Option<(u32, u32)>,
        watch: Mutex<Option<Child>>,
    },
    /// Somebody's, by the URL of one of its databases.
    External(String),
}

impl Cluster {
    /// The server of this process, started when it is first asked for.
    ///
    /// # Panics
    /// When it does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let started = match std::env::var("DATABASE_URL") {
                Ok(url) => Self::external(url),
                Err(_) => Self::start(Durability::None),
            };
            started.unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// Starts a server of one's own, with one database that has been migrated, to copy.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(durability: Durability) -> Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("parlor-pg-").tempdir()?.keep();
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid))?;
        }
        let server = Server::Own { programs, directory, user, watch: Mutex::new(None) };
        let cluster = Self { server, made: AtomicU32::new(0), durability };
        cluster.initialize()?;
        cluster.restart()?;
        cluster.make_template()?;
        Ok(cluster)
    }

    fn external(url: String) -> Result<Self> {
        let server = Server::External(url);
        let cluster = Self { server, made: AtomicU32::new(0), durability: Durability::None };
        cluster.make_template()?;
        Ok(cluster)
    }

    /// The URL of a new database with the schema in it and nothing else.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("parlor_{}_{}", std::process::id(), self.count());
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {}", self.template()));
        self.url(&name)
    }

    /// The URL of a new database with nothing in it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn empty_database(&self) -> String {
        let name = format!("parlor_{}_{}", std::process::id(), self.count());
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The options for a database of this server.
    pub fn options(&self, url: impl Into<String>) -> Options {
        let allow_unsafe_durability = self.durability == Durability::None;
        Options { allow_unsafe_durability, ..Options::new(url) }
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        match &self.server {
            Server::Own { directory, .. } => {
                format!("postgres://postgres@localhost/{database}?host={}", directory.display())
            }
            Server::External(url) => {
                let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
                let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
                format!("{base}/{database}?{parameters}")
            }
        }
    }

    /// The socket of a server of one's own.
    pub fn socket(&self) -> Option<PathBuf> {
        match &self.server {
            Server::Own { directory, .. } => Some(directory.join(".s.PGSQL.5432")),
            Server::External(_) => None,
        }
    }

    /// A program that came with a server of one's own, if it is installed.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        match &self.server {
            Server::Own { programs, .. } => Some(programs.join(name)).filter(|it| it.exists()),
            Server::External(_) => None,
        }
    }

    /// Runs SQL in a database, given by its name or URL; returns what it prints, unadorned.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let database = match database.contains("://") {
            true => database.to_owned(),
            false => self.url(database),
        };
        let output = self.psql(&database, sql).unwrap_or_else(|error| panic!("psql: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn psql(&self, url: &str, sql: &str) -> Result<Output> {
        let program = match &self.server {
            Server::Own { programs, .. } => programs.join("psql"),
            Server::External(_) => PathBuf::from("psql"),
        };
        let mut psql = Command::new(program);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
        psql.stdin(Stdio::null()).output()
    }

    /// Kills the server as a loss of power would, but for the device.
    ///
    /// # Panics
    /// When it is not a server of one's own, or does not run.
    pub fn kill(&self) {
        let Server::Own { directory, .. } = &self.server else {
            panic!("a server of somebody else is not killed")
        };
        let file = fs::read_to_string(directory.join("data/postmaster.pid"));
        let server = file.ok().and_then(|text| Some(text.lines().next()?.to_owned()));
        let server = server.expect("the server runs");
        let killed = Command::new("kill").args(["-9", &server]).status();
        assert!(killed.is_ok_and(|status| status.success()), "the server was not killed");
    }

    /// Stops the server at once, if it runs, and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&self) -> Result<()> {
        let Server::Own { programs, directory, user, watch } = &self.server else {
            return Err(Error::other("a server of somebody else is not restarted"));
        };
        let mut watch = lock(watch);
        let deadline = Instant::now() + READY_MAX;
        loop {
            watch.take().into_iter().for_each(end);
            *watch = Some(self.spawn(programs, directory, *user)?);
            while watch.as_mut().is_some_and(|it| matches!(it.try_wait(), Ok(None))) {
                if self.psql(&self.url("postgres"), "SELECT").is_ok_and(|it| it.status.success()) {
                    return Ok(());
                }
                // After a kill, what is left of the old server keeps the new one out for a moment.
                let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
                if log.contains("FATAL:  pre-existing shared memory") || Instant::now() > deadline {
                    let _ = fs::rename(directory.join("log"), directory.join("log.old"));
                    break;
                }
                // It has been started, and is asked until it answers.
                sleep(Duration::from_millis(30));
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(directory.join("log.old")).unwrap_or_default();
                return Err(Error::other(format!("PostgreSQL does not start: {log}")));
            }
        }
    }

    fn spawn(&self, programs: &Path, directory: &Path, user: Option<(u32, u32)>) -> Result<Child> {
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(directory).arg(programs.join("postgres"));
        watch.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
        let mut settings =
            vec!["listen_addresses=", "max_connections=200", "autovacuum=off", "timezone=UTC"];
        if self.durability == Durability::None {
            settings.extend(["fsync=off", "full_page_writes=off"]);
        }
        watch.args(settings.iter().flat_map(|setting| ["-c", setting]));
        run_as(&mut watch, user).current_dir(directory).stdin(Stdio::piped());
        // A group of its own: a terminal's Ctrl-C is for the test, whose end is enough.
        watch.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()
    }

    fn initialize(&self) -> Result<()> {
        let Server::Own { programs, directory, user, .. } = &self.server else { return Ok(()) };
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        initdb.arg("-D").arg(directory.join("data")).current_dir(directory);
        let output = run_as(&mut initdb, *user).stdin(Stdio::null()).output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }

    fn make_template(&self) -> Result<()> {
        let template = self.template();
        self.sql("postgres", &format!("CREATE DATABASE {template}"));
        let options =
            Options { allow_unsafe_durability: true, ..Options::new(self.url(&template)) };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let migrated = runtime.block_on(async {
            let store = PostgresStore::connect_with(options).await?;
            store.stop().await;
            Ok::<(), crate::OpenError>(())
        });
        migrated.map_err(Error::other)
    }

    fn template(&self) -> String {
        match &self.server {
            Server::Own { .. } => TEMPLATE.to_owned(),
            Server::External(_) => format!("{TEMPLATE}_{}", std::process::id()),
        }
    }

    fn count(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Server::Own { watch, directory, .. } = &self.server {
            lock(watch).take().into_iter().for_each(|mut watch| {
                drop(watch.stdin.take());
                let _ = watch.wait();
            });
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Says why a test has nothing to try, where the test runner does not hide it.
pub fn not_run(why: &str) {
    let _ = writeln!(std::io::stderr(), "not run: {why}");
}

fn end(mut watch: Child) {
    if let Some(mut stdin) = watch.stdin.take() {
        let _ = stdin.write_all(b"end\n");
    }
    let _ = watch.wait();
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_as(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((uid, gid)) => command.uid(uid).gid(gid),
        None => command,
    }
}

/// Whom to be instead of root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    let user = |name| Some((id(&["-u", name])?, id(&["-g", name])?));
    user("postgres").or_else(|| user("nobody"))
}

/// Where the programs of PostgreSQL are: the newest, if there are several.
fn programs() -> Result<PathBuf> {
    let all = |it: &Path| ["initdb", "postgres", "psql"].iter().all(|name| it.join(name).exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|it| all(it));
    let of_debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let versions = versions.filter_map(|it| Some(it.ok()?.path().join("bin")));
        versions.filter(|it| all(it)).max()
    };
    let missing = "PostgreSQL is not installed: apt-get install -y postgresql";
    on_path.or_else(of_debian).ok_or_else(|| Error::other(missing))
}
