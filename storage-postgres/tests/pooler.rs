//! Behind PgBouncer in transaction mode: every transaction may get another server connection.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on, threads};
use parlor_core::engine::{Parlor, Settings};
use parlor_core::events::Position;
use parlor_core::rooms::{Create, Join, StageMode};
use parlor_core::storage::{MemoryStore, Store as _};
use parlor_storage_postgres::cluster::{Cluster, not_run};
use parlor_storage_postgres::{Options, PostgresStore};

struct Pooler {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl Pooler {
    /// None where it is not installed.
    fn start(cluster: &Cluster) -> Option<Self> {
        let paths = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program = paths.into_iter().find(|path| fs::exists(path).unwrap_or(false))?;
        let socket = cluster.socket()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).ok()?.port();
        let directory = tempfile::tempdir().expect("a directory");
        let users = directory.path().join("users");
        fs::write(&users, "\"postgres\" \"\"\n").expect("a file");
        let settings = format!(
            "[databases]\n* = host={} port=5432 user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 3\nserver_reset_query_always = 0\n",
            socket.parent()?.display(),
            users.display(),
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("a file");
        let mut pooler = Command::new(program);
        pooler.arg("-q").arg(&file).stdin(Stdio::null());
        pooler.stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses root; the files are not secret.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory.path(), permissions).expect("ours");
        if let Ok(owner) = fs::metadata(socket.parent()?) {
            use std::os::unix::fs::MetadataExt as _;
            let ours = fs::metadata(directory.path()).expect("ours").uid();
            if owner.uid() != ours {
                pooler.uid(owner.uid()).gid(owner.gid());
            }
        }
        let child = pooler.spawn().expect("it starts");
        Some(Self { child, directory, port })
    }

    fn url(&self, direct: &str) -> String {
        let (base, _) = direct.split_once('?').expect("a URL with a socket");
        base.replace("@localhost", &format!("@127.0.0.1:{}", self.port)) + "?sslmode=disable"
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.directory.path();
    }
}

#[test]
fn an_evening_behind_a_pooler_goes_as_without() {
    const PEOPLE: usize = 40;
    let cluster = Cluster::shared();
    let Some(pooler) = Pooler::start(cluster) else {
        return not_run(
            "PgBouncer is missing (apt-get install -y pgbouncer), or the server is not ours",
        );
    };
    let direct = cluster.empty_database();
    let options =
        || Options { listen_url: Some(direct.clone()), ..cluster.options(pooler.url(&direct)) };
    let open = || {
        for _ in 0..100 {
            match block_on(PostgresStore::connect_with(options())) {
                Ok(store) => return Arc::new(store),
                Err(error) => println!("not yet: {error}"),
            }
            // It has been started, and says nothing when it listens.
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the pooler does not answer");
    };
    let nodes = [open(), open()];
    let clock = ManualClock::at(World::<MemoryStore>::BEGIN);
    let parlor = |n: usize| {
        let entropy = SeededEntropy::new(n as u64);
        Parlor::with_settings(nodes[n].clone(), clock.clone(), entropy, Settings::default())
    };
    let parlors = [parlor(0), parlor(1)];

    let guest = |n: usize| {
        let made = block_on(parlors[n % 2].sign_up_guest(&format!("Guest {n}")));
        let token = made.expect("they sign up").token.reveal();
        block_on(parlors[(n + 1) % 2].authenticate(&token)).expect("the other node knows them")
    };
    let host = guest(0);
    let create = Create {
        name: "Tea".into(),
        description: String::new(),
        max_participants: Some(30),
        stage_mode: StageMode::OpenFloor,
    };
    let room = block_on(parlors[0].execute(host, create)).expect("a room").room;
    let admitted = threads(PEOPLE, |n| {
        let who = guest(n + 1);
        block_on(parlors[n % 2].execute(who, Join { room })).is_ok()
    });
    assert_eq!(admitted.iter().filter(|it| **it).count(), 30);

    for node in &nodes {
        block_on(node.wait(Position::START)).expect("there is news");
        let feed = block_on(node.events(Position::START, 1_000)).expect("the feed is read");
        let joined = feed.iter().filter(|it| it.emitted.event.name() == "rooms.joining").count();
        assert_eq!(joined, 30);
    }
}
