//! A database of the last schema, with people and rooms in it, is brought up to date when it is
//! opened; all that was there is there still, and there is a ledger.

use parlor_core::conformance::bank::{self, Answers};
use parlor_core::conformance::{World, block_on};
use parlor_core::identity::User;
use parlor_core::rooms::{Participant, Room, StageMode};
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;

/// The schema before the ledger.
const BEFORE: [&str; 4] = [
    include_str!("../migrations/0001_engine.sql"),
    include_str!("../migrations/0002_identity.sql"),
    include_str!("../migrations/0003_rooms.sql"),
    include_str!("../migrations/0004_calls.sql"),
];

/// Copies all rows of the tables that both have.
const COPY: &str = "\
    DO $$ DECLARE name text; names text; BEGIN \
        SET LOCAL session_replication_role = replica; \
        FOR name IN SELECT tablename FROM pg_tables \
        WHERE schemaname = 'old' AND tablename <> 'migration' LOOP \
            SELECT string_agg(quote_ident(column_name), ', ') INTO names \
            FROM information_schema.columns \
            WHERE table_schema = 'old' AND table_name = name AND is_generated = 'NEVER'; \
            EXECUTE format('DELETE FROM old.%I', name); \
            EXECUTE format('INSERT INTO old.%I (%s) OVERRIDING SYSTEM VALUE \
                SELECT %s FROM public.%I', name, names, names, name); \
        END LOOP; \
    END $$";

fn open(url: &str) -> World<PostgresStore> {
    let options = Cluster::shared().options(url);
    World::new(block_on(PostgresStore::connect_with(options)).expect("it opens"))
}

/// Makes a schema as it was before the ledger, with all that another has in those tables.
fn of_before(source: &str) -> String {
    let cluster = Cluster::shared();
    cluster.sql(source, "CREATE SCHEMA old");
    let old = format!("{source}&options=-c%20search_path%3Dold");
    cluster.sql(&old, "CREATE TABLE migration (LIKE public.migration INCLUDING ALL)");
    BEFORE.iter().for_each(|migration| drop(cluster.sql(&old, migration)));
    cluster.sql(&old, "INSERT INTO migration SELECT * FROM public.migration WHERE version <= 4");
    cluster.sql(&old, COPY);
    let tables =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'old' AND tablename ~ '^ledger'";
    assert_eq!(cluster.sql(&old, tables), "0");
    old
}

#[test]
fn a_database_from_before_the_ledger_is_brought_up_to_date() {
    let source = Cluster::shared().database();
    let world = open(&source);
    let (host, guest) = (world.guest("Host"), world.guest("Guest"));
    let room = world.room(host, StageMode::OpenFloor, 10);
    world.join(host, room).unwrap();
    world.drive();
    let everything = |world: &World<PostgresStore>| {
        (world.rows::<User>(), world.rows::<Room>(), world.rows::<Participant>(), world.feed())
    };
    let before = everything(&world);
    drop(world);
    let old = of_before(&source);

    let mut world = open(&old);
    world.parlor = world.server(1);
    assert_eq!(everything(&world), before);
    world.join(guest, room).unwrap();
    bank::open(&world.parlor);
    let (parlors, mut answers) = ([world.parlor.clone()], Answers::default());
    bank::work(&parlors, 1, 4, 20, &mut answers);
    answers.check(&parlors[0]);
    drop((parlors, world));

    let world = open(&old);
    answers.retry(&world.parlor, 0);
    answers.check(&world.parlor);
    assert_eq!(world.rows::<Participant>().len(), 2);
    assert_eq!(Cluster::shared().sql(&old, "SELECT count(*) FROM migration"), "5");
}
