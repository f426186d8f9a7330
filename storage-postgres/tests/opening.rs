//! Opening a database: what is refused, why, and that it is left alone.

use parlor_core::conformance::{block_on, threads};
use parlor_storage_postgres::cluster::{Cluster, Durability};
use parlor_storage_postgres::{OpenError, Options, PostgresStore};

fn refused(options: Options) -> OpenError {
    block_on(PostgresStore::connect_with(options)).expect_err("it is refused")
}

fn of(url: &str) -> Options {
    Cluster::shared().options(url)
}

fn everything(url: &str) -> String {
    Cluster::shared().sql(url, "SELECT * FROM migration; SELECT relname FROM pg_class ORDER BY 1")
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (cluster, url) = (Cluster::shared(), Cluster::shared().database());
    let newer = "INSERT INTO migration (version, name, checksum) \
                 VALUES (99, 'x', sha256('x'))";
    cluster.sql(&url, newer);
    let before = everything(&url);
    let error = refused(of(&url));
    assert!(matches!(error, OpenError::Newer { found: 99, known: 5 }), "{error}");
    assert_eq!(everything(&url), before);
}

#[test]
fn a_migration_that_was_changed_is_refused() {
    let (cluster, url) = (Cluster::shared(), Cluster::shared().database());
    cluster.sql(&url, "UPDATE migration SET checksum = sha256('x') WHERE version = 2");
    let error = refused(of(&url));
    assert!(matches!(error, OpenError::Changed { version: 2, .. }), "{error}");
}

#[test]
fn a_migration_that_is_missing_is_refused() {
    let (cluster, url) = (Cluster::shared(), Cluster::shared().database());
    cluster.sql(&url, "DELETE FROM migration WHERE version = 1");
    let error = refused(of(&url));
    assert!(matches!(error, OpenError::Changed { version: 2, .. }), "{error}");
}

#[test]
fn stores_that_open_a_new_database_together_migrate_it_once() {
    let url = Cluster::shared().empty_database();
    threads(4, |_| {
        let store = block_on(PostgresStore::connect_with(of(&url))).expect("it opens");
        block_on(store.stop());
    });
    assert_eq!(Cluster::shared().sql(&url, "SELECT count(*) FROM migration"), "5");
}

#[test]
fn a_schema_of_another_application_is_refused_and_left_alone() {
    for table in ["recipe (name TEXT)", "migration (id TEXT)"] {
        let url = Cluster::shared().empty_database();
        Cluster::shared().sql(&url, &format!("CREATE TABLE {table}"));
        let error = refused(of(&url));
        assert!(matches!(&error, OpenError::Foreign { schema } if schema == "public"), "{error}");
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(Cluster::shared().sql(&url, tables), "1");
    }
}

#[test]
fn a_schema_of_its_own_beside_other_tables_will_do() {
    let (cluster, url) = (Cluster::shared(), Cluster::shared().empty_database());
    cluster.sql(&url, "CREATE TABLE recipe (name TEXT); CREATE SCHEMA parlor");
    let url = format!("{url}&options=-c%20search_path%3Dparlor");
    let store = block_on(PostgresStore::connect_with(of(&url))).expect("it opens");
    block_on(store.stop());
    assert_eq!(cluster.sql(&url, "SELECT count(*) FROM parlor.migration"), "5");
}

#[test]
fn what_cannot_be_reached_is_said_with_what_to_do() {
    let cluster = Cluster::shared();
    let error = refused(Options::new("postgres://nobody@127.0.0.1:1/none"));
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(error.to_string().contains("is it running"), "{error}");

    let error = refused(of(&cluster.url("not_there")));
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("createdb"), "{error}");

    let error = refused(Options::new("parlor.db"));
    assert!(matches!(error, OpenError::Url(_)), "{error:?}");
}

#[test]
fn a_user_without_permission_is_said_to_be() {
    let (cluster, url) = (Cluster::shared(), Cluster::shared().empty_database());
    cluster.sql(&url, "CREATE ROLE visitor LOGIN");
    let error = refused(of(&url.replace("postgres@", "visitor@")));
    assert!(matches!(error, OpenError::NotPermitted(_)), "{error:?}");
    let error = refused(of(&url.replace("postgres@", "stranger@")));
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
}

#[test]
fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    let cluster = Cluster::start(Durability::Full).expect("a server");
    let url = cluster.database();
    block_on(block_on(PostgresStore::connect(&url)).expect("it is durable").stop());
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        cluster.sql("postgres", &format!("ALTER SYSTEM SET {setting} = off"));
        cluster.sql("postgres", "SELECT pg_reload_conf()");
        cluster.restart().expect("it starts again");
        let error = refused(Options::new(&url));
        assert!(
            matches!(&error, OpenError::Unsafe { setting: it, .. } if it == setting),
            "{error}"
        );
        let unsafe_too = Options { allow_unsafe_durability: true, ..Options::new(&url) };
        block_on(block_on(PostgresStore::connect_with(unsafe_too)).expect("it opens").stop());
        cluster.sql("postgres", &format!("ALTER SYSTEM RESET {setting}"));
    }
}

#[test]
fn a_password_is_never_printed() {
    let options = Options::new("postgres://ada:s3cret@127.0.0.1:1/none");
    assert!(!format!("{options:?}").contains("s3cret"));
    let error = refused(options);
    assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
}
