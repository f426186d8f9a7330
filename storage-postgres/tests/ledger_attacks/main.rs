//! The database defends the ledger itself: whatever raw SQL does to it that no decision may do is
//! refused, and the rows are as they were.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod guarded;

use attacks::{Attack, attacks};
use parlor_core::conformance::{Books, World, block_on};
use parlor_core::tables::TABLES;
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::{Cluster, not_run};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::runtime::Runtime;

/// A connection of somebody's own to a database with something in each table of the ledger.
struct Raw {
    runtime: Runtime,
    db: PgConnection,
}

impl Raw {
    fn books() -> Self {
        let cluster = Cluster::shared();
        let url = cluster.database();
        let store = block_on(PostgresStore::connect_with(cluster.options(&url))).unwrap();
        let world = World::new(store);
        Books::keep(&world);
        block_on(world.into_store().stop());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let db = runtime.block_on(PgConnection::connect(&url)).unwrap();
        Self { runtime, db }
    }

    fn run(&mut self, sql: &str) -> Result<(), String> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = self.runtime.block_on(statements.execute(&mut self.db));
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    fn texts(&mut self, sql: &str) -> Vec<String> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        let rows = self.runtime.block_on(statements.fetch_all(&mut self.db)).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every row of every table of the ledger, hashed.
    fn rows(&mut self) -> Vec<String> {
        let hash = |table| {
            format!(
                "SELECT coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') \
                 FROM {table} AS t"
            )
        };
        let all = ledger().map(hash).collect::<Vec<_>>().join(" UNION ALL ");
        self.texts(&all)
    }

    /// As whoever applies changes from elsewhere: no foreign key and no ordinary trigger is looked
    /// at. Nobody but a superuser may be it.
    fn become_replica(&mut self) -> bool {
        let done = self.run("SET session_replication_role = replica");
        done.inspect_err(|error| not_run(error)).is_ok()
    }

    /// Whether one of these attacks is let through, in the transaction under way. It is undone.
    fn is_through(&mut self, attacks: impl IntoIterator<Item = Attack>) -> bool {
        attacks.into_iter().filter(|attack| !attack.by_foreign_key).any(|attack| {
            self.run("SAVEPOINT attack").unwrap();
            let is_through = self.run(&attack.sql).is_ok();
            self.run("ROLLBACK TO attack; RELEASE attack").unwrap();
            is_through
        })
    }

    fn refuses_all(&mut self, attacks: impl IntoIterator<Item = Attack>) {
        let before = self.rows();
        for Attack { name, sql, why, .. } in attacks {
            let error = self.run(&sql).expect_err(&name);
            assert!(error.contains(why), "{name}: {error}");
            assert_eq!(self.rows(), before, "{name}: it was refused, and rows have changed");
        }
    }
}

fn ledger() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).filter(|name| name.starts_with("ledger_"))
}

#[test]
fn every_attack_is_refused_and_changes_nothing() {
    Raw::books().refuses_all(attacks());
}

#[test]
fn every_attack_is_refused_in_the_role_of_a_replica_too() {
    let mut db = Raw::books();
    if db.become_replica() {
        db.refuses_all(attacks().into_iter().filter(|attack| !attack.by_foreign_key));
    }
}

#[test]
fn what_is_within_the_limits_is_let_through() {
    let mut db = Raw::books();
    for (name, sql) in attacks::harmless() {
        let before = db.rows();
        db.run("BEGIN").unwrap();
        db.run(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_ne!(db.rows(), before, "{name}: nothing was written");
        db.run("ROLLBACK").unwrap();
    }
}

#[test]
fn every_table_of_the_ledger_has_something_to_attack() {
    let mut db = Raw::books();
    for table in ledger() {
        let first = db.texts(&format!("SELECT t::text FROM {table} AS t LIMIT 1"));
        assert!(!first.is_empty(), "{table} is empty");
    }
}

#[test]
fn without_any_one_of_the_checks_its_attack_gets_through() {
    let mut db = Raw::books();
    let checks = db.texts(
        "SELECT conrelid::regclass || ' ' || conname FROM pg_constraint WHERE contype = 'c' \
         AND conrelid::regclass::text LIKE 'ledger\\_%'",
    );
    assert!(checks.len() > 50, "{checks:?}");
    let mut redundant = Vec::new();
    for check in checks {
        let (table, check) = check.split_once(' ').unwrap();
        db.run(&format!("BEGIN; ALTER TABLE {table} DROP CONSTRAINT {check}")).unwrap();
        let its = attacks().into_iter().filter(|attack| attack.why == check);
        redundant.extend((!db.is_through(its)).then(|| check.to_owned()));
        db.run("ROLLBACK").unwrap();
    }
    assert!(redundant.is_empty(), "nothing gets through without {redundant:?}");
}

/// As a replica, so that foreign keys do not refuse what triggers should.
#[test]
fn without_any_one_of_the_triggers_an_attack_gets_through() {
    let mut db = Raw::books();
    if !db.become_replica() {
        return;
    }
    // Whoever truncates accounts or assets truncates what refers to them, which is refused, too.
    let triggers = db.texts(
        "SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal \
         AND tgrelid::regclass::text LIKE 'ledger\\_%' \
         AND tgname NOT LIKE 'ledger\\_a%t\\_is\\_never\\_truncated'",
    );
    assert!(triggers.len() > 25, "{triggers:?}");
    let mut redundant = Vec::new();
    for trigger in triggers {
        let (table, trigger) = trigger.split_once(' ').unwrap();
        db.run(&format!("BEGIN; ALTER TABLE {table} DISABLE TRIGGER {trigger}")).unwrap();
        redundant.extend((!db.is_through(attacks())).then(|| trigger.to_owned()));
        db.run("ROLLBACK").unwrap();
    }
    assert!(redundant.is_empty(), "nothing gets through without {redundant:?}");
}
