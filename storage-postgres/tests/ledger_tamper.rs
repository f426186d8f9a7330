//! A value of each column of the ledger is changed behind the store's back, with all that would refuse
//! it taken away: the audit finds it, and of what is sealed `verify` does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::conformance::{Books, World, block_on};
use parlor_core::economy::ledger::{
    ClosePeriod, Kind, Leg, Limits, Post, SetLimits, Transaction, TransactionId, VelocityRule,
};
use parlor_core::engine::{Command, Error};
use parlor_core::events::Actor;
use parlor_core::record::Timestamp;
use parlor_core::storage::StoreError;
use parlor_core::tables::TABLES;
use parlor_storage_postgres::PostgresStore;
use parlor_storage_postgres::cluster::Cluster;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::runtime::Runtime;

/// What a block is of, and the blocks.
const SEALED: [&str; 4] =
    ["ledger_asset_change", "ledger_account_change", "ledger_transfer", "ledger_block"];

/// A connection that nothing refuses anything, with a copy of each table.
struct Bare {
    runtime: Runtime,
    db: PgConnection,
}

/// A column that is changed.
struct Column {
    table: String,
    name: String,
    /// The other value, in SQL.
    other: String,
    /// Which rows are sealed.
    of: &'static str,
}

impl Bare {
    fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let db = runtime.block_on(PgConnection::connect(url)).unwrap();
        let mut bare = Self { runtime, db };
        let constraints = bare.texts(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) \
             FROM pg_constraint WHERE conrelid::regclass::text LIKE 'ledger\\_%' \
             ORDER BY contype <> 'f'",
        );
        assert!(constraints.len() > 50, "{constraints:?}");
        constraints.iter().for_each(|sql| bare.run(sql));
        let unique = bare.texts(
            "SELECT format('DROP INDEX %I', indexname) FROM pg_indexes \
             WHERE tablename LIKE 'ledger\\_%' AND indexdef LIKE 'CREATE UNIQUE%'",
        );
        unique.iter().for_each(|sql| bare.run(sql));
        for table in ledger() {
            bare.run(&format!("ALTER TABLE {table} DISABLE TRIGGER USER"));
            bare.run(&format!("CREATE TABLE kept_{table} AS TABLE {table}"));
        }
        bare
    }

    fn run(&mut self, sql: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = self.runtime.block_on(statements.execute(&mut self.db));
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn texts(&mut self, sql: &str) -> Vec<String> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql));
        let rows = self.runtime.block_on(statements.fetch_all(&mut self.db)).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn columns(&mut self, table: &str) -> Vec<Column> {
        let names = self.texts(&format!(
            "SELECT column_name || ' ' || data_type FROM information_schema.columns \
             WHERE table_name = '{table}' AND table_schema = current_schema() \
             ORDER BY ordinal_position"
        ));
        let of = match names.iter().find_map(|name| name.strip_suffix(" text")) {
            Some("asset") => "asset = 'COIN'",
            Some("code") => "code = 'COIN'",
            _ => "true",
        };
        let column = |name: &String| {
            let (name, kind) = name.split_once(' ').unwrap();
            let other = match kind {
                "uuid" => format!("md5({name}::text)::uuid"),
                "bytea" => format!("set_byte({name}, 0, get_byte({name}, 0) # 1)"),
                "bigint" => format!("{name} + 1"),
                "jsonb" => format!("jsonb_build_array({name})"),
                "boolean" => format!("NOT {name}"),
                "text" => format!("overlay({name} PLACING chr(ascii({name}) + 1) FROM 1 FOR 1)"),
                "timestamp with time zone" => format!("{name} + interval '1 microsecond'"),
                kind => panic!("{table}.{name} is a {kind}"),
            };
            Column { table: table.into(), name: name.into(), other, of }
        };
        names.iter().map(column).collect()
    }

    /// How many rows were changed: one, if any has a value there.
    fn change(&mut self, Column { table, name, other, of }: &Column) -> usize {
        let changed = self.texts(&format!(
            "UPDATE {table} SET {name} = {other} WHERE ctid = \
             (SELECT ctid FROM {table} WHERE {name} IS NOT NULL AND {of} LIMIT 1) RETURNING 'it'"
        ));
        changed.len()
    }

    fn restore(&mut self, table: &str) {
        self.run(&format!("DELETE FROM {table}; INSERT INTO {table} TABLE kept_{table}"));
    }
}

fn ledger() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).filter(|name| name.starts_with("ledger_"))
}

/// A ledger with something in every column of every table.
fn keep(world: &World<PostgresStore>) {
    Books::keep(world);
    world.clock.advance(Duration::from_secs(1));
    let person = world.guest("Ada");
    let velocity = VelocityRule {
        name: Kind::of("day"),
        window: Duration::from_secs(24 * 60 * 60),
        count_max: Some(9),
        sum_max: None,
    };
    let limits = Limits { velocity: vec![velocity], ..Limits::wallet() };
    done(world, person, SetLimits { account: Books::EVE, limits });
    let until = Timestamp(World::<PostgresStore>::BEGIN.0 + 1);
    done(world, person, ClosePeriod { asset: Books::COIN, until });
    let tip = Transaction {
        user: person.user(),
        reference: Some("psp-1".into()),
        metadata: Some("{}".into()),
        ..Transaction::new(TransactionId(Uuid::from_u128(1_000)), Kind::of("tip"))
    };
    let leg = Leg::transfer(Books::COIN, Books::ADA, Books::EVE, 1);
    done(world, person, Post(tip.leg(leg)));
}

fn done<C: Command>(world: &World<PostgresStore>, actor: Actor, command: C) {
    let done = block_on(world.parlor.execute(actor, command));
    done.map(drop).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn whatever_value_is_changed_is_found() {
    let cluster = Cluster::shared();
    let url = cluster.database();
    let store = block_on(PostgresStore::connect_with(cluster.options(&url))).unwrap();
    let world = World::new(store);
    keep(&world);
    let mut bare = Bare::new(&url);
    let audit = || match block_on(world.parlor.audit(|_| {})) {
        Ok(audit) => audit.findings.is_clean(),
        Err(StoreError::Corrupt(_)) => false,
        Err(error) => panic!("{error}"),
    };
    let ledger_of_coins = world.parlor.ledger();
    let verify = || match block_on(ledger_of_coins.verify(Books::COIN, 0, i64::MAX, |_, _| {})) {
        Ok(verified) => verified.findings.is_clean(),
        Err(Error::Store(StoreError::Corrupt(_))) => false,
        Err(error) => panic!("{error}"),
    };
    assert!(audit() && verify());
    let (mut changed, mut empty, mut missed) = (0, Vec::new(), Vec::new());
    for table in ledger() {
        for column in bare.columns(table) {
            let Column { table, name, .. } = &column;
            if bare.change(&column) == 0 {
                empty.push(format!("{table}.{name}"));
                continue;
            }
            changed += 1;
            if audit() {
                missed.push(format!("{table}.{name}"));
            }
            if SEALED.contains(&table.as_str()) && verify() {
                missed.push(format!("{table}.{name}, by verify"));
            }
            bare.restore(table);
        }
    }
    assert!(missed.is_empty(), "of {changed}: {missed:?}");
    assert!(empty.is_empty(), "nothing has a value of {empty:?}");
    assert!(audit() && verify());
}
