//! A database of the last schema, with people and rooms in it, is brought up to date when it is
//! opened; all that was there is there still, and there is a ledger.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use parlor_core::conformance::World;
use parlor_core::conformance::bank::{self, Answers};
use parlor_core::identity::User;
use parlor_core::rooms::{Participant, Room, StageMode};
use parlor_storage_sqlite::SqliteStore;
use rusqlite::Connection;

/// The schema before the ledger.
const BEFORE: [&str; 4] = [
    include_str!("../migrations/0001_engine.sql"),
    include_str!("../migrations/0002_identity.sql"),
    include_str!("../migrations/0003_rooms.sql"),
    include_str!("../migrations/0004_calls.sql"),
];

/// Makes a database of the schema before the ledger, with all that another has in those tables.
fn of_before(source: &Path, old: &Path) {
    let db = Connection::open(old).unwrap();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    db.execute("ATTACH ?1 AS source", [source.to_str().unwrap()]).unwrap();
    let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    db.execute_batch(&text("SELECT sql FROM source.sqlite_schema WHERE name = 'migration'"))
        .unwrap();
    BEFORE.iter().for_each(|migration| db.execute_batch(migration).unwrap());
    db.execute_batch("INSERT INTO migration SELECT * FROM source.migration WHERE version <= 4")
        .unwrap();
    let application = db.query_row("PRAGMA source.application_id", [], |row| row.get::<_, i64>(0));
    db.pragma_update(None, "application_id", application.unwrap()).unwrap();
    // What a full-text index has comes with the rows it is of, by triggers.
    let tables = "SELECT name FROM pragma_table_list \
                  WHERE schema = 'main' AND type = 'table' \
                  AND name NOT LIKE 'sqlite_%' AND name NOT IN ('migration', 'room_listing_doc')";
    let mut statement = db.prepare(tables).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for name in names.map(Result::unwrap) {
        let copy = format!("DELETE FROM {name}; INSERT INTO {name} SELECT * FROM source.{name}");
        db.execute_batch(&copy).unwrap();
    }
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM main.sqlite_schema WHERE name LIKE 'ledger%'"), 0);
    assert_eq!(number("SELECT count(*) FROM main.pragma_foreign_key_check"), 0);
}

#[test]
fn a_database_from_before_the_ledger_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let (source, old) = (directory.path().join("source.db"), directory.path().join("old.db"));
    let world = World::new(SqliteStore::open(&source).unwrap());
    let (host, guest) = (world.guest("Host"), world.guest("Guest"));
    let room = world.room(host, StageMode::OpenFloor, 10);
    world.join(host, room).unwrap();
    world.drive();
    let everything = |world: &World<SqliteStore>| {
        (world.rows::<User>(), world.rows::<Room>(), world.rows::<Participant>(), world.feed())
    };
    let before = everything(&world);
    drop(world);
    of_before(&source, &old);

    let mut world = World::new(SqliteStore::open(&old).unwrap());
    world.parlor = world.server(1);
    assert_eq!(everything(&world), before);
    world.join(guest, room).unwrap();
    bank::open(&world.parlor);
    let (parlors, mut answers) = ([world.parlor.clone()], Answers::default());
    bank::work(&parlors, 1, 4, 20, &mut answers);
    answers.check(&parlors[0]);
    drop((parlors, world));

    let world = World::new(SqliteStore::open(&old).unwrap());
    answers.retry(&world.parlor, 0);
    answers.check(&world.parlor);
    assert_eq!(world.rows::<Participant>().len(), 2);
    let db = Connection::open(&old).unwrap();
    let count = db.query_row("SELECT count(*) FROM migration", [], |row| row.get::<_, u32>(0));
    assert_eq!(count, Ok(5));
}
