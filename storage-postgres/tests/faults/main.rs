//! Connections cut, backends ended, the server killed: what was acknowledged is there, and nothing
//! is there twice.

mod bank;
mod load;
mod proxy;

use std::thread;
use std::time::Duration;

use parlor_core::conformance::block_on;
use parlor_storage_postgres::cluster::{Cluster, Durability, not_run};
use parlor_storage_postgres::{Options, PostgresStore};

use load::Load;
use proxy::{Cut, Proxy};

/// Commands one after the other through a proxy that cuts every third commit. None is retried by
/// its caller: the store finds out by itself what became of it.
fn commands_succeed_though_commits_are_cut(cut: Cut) {
    const COMMANDS: usize = 45;
    let cluster = Cluster::shared();
    let url = cluster.database();
    let Some(socket) = cluster.socket() else { return not_run("the server is not ours") };
    let proxy = Proxy::start(socket, cut);
    let through = proxy.url(&url);
    let load = Load::new(
        block_on(PostgresStore::connect_with(cluster.options(through))).expect("it opens"),
    );

    proxy.begin();
    for n in 0..COMMANDS {
        load.once(n).unwrap_or_else(|error| panic!("{cut:?}, command {n}: {error}"));
    }
    assert!(proxy.cuts() >= COMMANDS / 3, "{} commits were cut", proxy.cuts());
    proxy.end();

    let doubts = load.store.stats().doubts;
    let least = if cut.is_stall() { 0 } else { (COMMANDS / 3) as u64 };
    assert!(doubts >= least && (doubts > 0) != cut.is_stall(), "{doubts} commits in doubt");
    load.assert_all_there_once(cluster, &url, COMMANDS);
}

#[test]
fn a_commit_that_never_arrived_is_made_again() {
    commands_succeed_though_commits_are_cut(Cut::Before);
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_made_again() {
    commands_succeed_though_commits_are_cut(Cut::After);
}

#[test]
fn a_commit_under_way_while_it_is_looked_up_happens_once_or_not_at_all() {
    commands_succeed_though_commits_are_cut(Cut::Meanwhile);
}

#[test]
fn a_commit_that_is_slow_on_its_way_there_or_back_is_waited_for() {
    commands_succeed_though_commits_are_cut(Cut::StalledBefore);
    commands_succeed_though_commits_are_cut(Cut::StalledAfter);
}

#[test]
fn a_commit_that_nobody_can_tell_of_is_said_to_be_unknown() {
    let cluster = Cluster::shared();
    let url = cluster.database();
    let Some(socket) = cluster.socket() else { return not_run("the server is not ours") };
    let proxy = Proxy::start(socket, Cut::AfterAndForEver);
    let options = Options {
        doubt_max: Duration::from_millis(300),
        patience: Duration::from_millis(100),
        ..cluster.options(proxy.url(&url))
    };
    let load = Load::new(block_on(PostgresStore::connect_with(options)).unwrap());
    load.until_done(0);

    proxy.begin();
    let answers: Vec<_> = (1..5).map(|n| load.once(n)).collect();
    let unknown = answers.iter().filter(|answer| load::is_unknown(answer)).count();
    assert_eq!(unknown, 1, "{answers:?}");
    assert!(answers.iter().filter(|answer| answer.is_err()).count() >= 2, "{answers:?}");
    proxy.end();

    // Asked again with the same keys, each takes effect once.
    (1..5).for_each(|n| load.until_done(n));
    load.assert_all_there_once(cluster, &url, 5);
}

#[test]
fn backends_that_are_ended_take_no_command_along() {
    const THREADS: usize = 4;
    const EACH: usize = 40;
    let cluster = Cluster::shared();
    let url = cluster.database();
    let store = block_on(PostgresStore::connect_with(cluster.options(&url))).unwrap();
    let load = &Load::new(store);

    thread::scope(|scope| {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'parlor'";
        scope.spawn(|| {
            for done in (0..THREADS * EACH).step_by(12) {
                load.wait_for(done);
                cluster.sql(&url, end);
            }
        });
        let each = |k| move || (0..EACH).for_each(|n| load.until_done(k * EACH + n));
        let clients: Vec<_> = (0..THREADS).map(|k| scope.spawn(each(k))).collect();
        assert!(clients.into_iter().map(thread::ScopedJoinHandle::join).all(|it| it.is_ok()));
    });

    load.assert_all_there_once(cluster, &url, THREADS * EACH);
}

#[test]
fn a_server_that_is_killed_under_load_loses_nothing_it_acknowledged() {
    const THREADS: usize = 4;
    const EACH: usize = 60;
    const KILLS: usize = 3;
    let cluster = &Cluster::start(Durability::Full).unwrap();
    let url = cluster.database();
    let store = block_on(PostgresStore::connect_with(cluster.options(&url))).unwrap();
    let load = &Load::new(store);

    thread::scope(|scope| {
        let each = |k| move || (0..EACH).for_each(|n| load.until_done(k * EACH + n));
        let clients: Vec<_> = (0..THREADS).map(|k| scope.spawn(each(k))).collect();
        for kill in 1..=KILLS {
            load.wait_for(kill * THREADS * EACH / (KILLS + 1));
            cluster.kill();
            cluster.restart().unwrap();
        }
        assert!(clients.into_iter().map(thread::ScopedJoinHandle::join).all(|it| it.is_ok()));
    });

    load.assert_all_there_once(cluster, &url, THREADS * EACH);
}

#[test]
fn a_queue_that_is_full_says_so_and_loses_nothing_else() {
    const COMMANDS: usize = 200;
    let cluster = Cluster::shared();
    let url = cluster.database();
    let options = Options { queue_max: 4, batch_max: 2, writers: 1, ..cluster.options(&url) };
    let load = &Load::new(block_on(PostgresStore::connect_with(options)).unwrap());

    let answers = load.all_at_once(COMMANDS);
    let busy = answers.iter().filter(|answer| load::is_busy(answer)).count();
    assert!(busy > 0, "somebody is told that the store is busy");
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(busy + done, COMMANDS, "{answers:?}");
    assert_eq!(cluster.sql(&url, "SELECT count(*) FROM app_user"), done.to_string());
}

#[test]
fn a_store_that_is_stopped_finishes_what_it_took_and_takes_no_more() {
    let cluster = Cluster::shared();
    let url = cluster.database();
    let load = Load::new(block_on(PostgresStore::connect_with(cluster.options(&url))).unwrap());
    (0..20).for_each(|n| load.until_done(n));

    block_on(load.store.stop());

    assert!(load.once(20).is_err());
    load.assert_all_there_once(cluster, &url, 20);
}
