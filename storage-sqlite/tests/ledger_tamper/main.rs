//! Whatever is changed in the ledger's tables behind the store's back is found, and where it is.
//!
//! Every trigger, check and index that would refuse a change is taken away first. By default a
//! sample is changed; `PARLOR_TAMPER=all` changes every byte of every row of the small ledger, and of
//! blocks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod changes;
mod kept;
mod places;
mod words;

use std::path::PathBuf;

use changes::{Change, Rows};
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{AssetCode, Finding, Refusal};
use parlor_core::engine::Error;
use parlor_core::storage::StoreError;
use parlor_storage_sqlite::{Options, SqliteStore, Synchronous};
use rusqlite::Connection;
use tempfile::TempDir;

/// A ledger that nothing defends.
struct Bare {
    world: World<SqliteStore>,
    db: Connection,
    _directory: TempDir,
}

/// What was said of a change.
#[derive(Debug)]
enum Said {
    /// The database does not take it: a key is there already.
    Refused,
    /// The row cannot be read any more.
    Corrupt,
    /// This was found.
    Found(Vec<Finding>),
}

impl Bare {
    /// A ledger that is kept by the store, and then stripped of what defends it.
    fn new(keep: impl FnOnce(&World<SqliteStore>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("parlor.db");
        let options = || Options { synchronous: Synchronous::Normal, ..Options::default() };
        let world = World::new(SqliteStore::open_with(&path, options()).unwrap());
        keep(&world);
        drop(world.into_store());
        let db = Connection::open(&path).unwrap();
        strip(&db);
        let world = World::new(SqliteStore::open_with(&path, options()).unwrap());
        Self { world, db, _directory: directory }
    }

    fn audit(&self) -> Said {
        match block_on(self.world.parlor.audit(|_| {})) {
            Ok(audit) => Said::Found(audit.findings.first),
            Err(StoreError::Corrupt(_)) => Said::Corrupt,
            Err(error) => panic!("{error}"),
        }
    }

    fn verify(&self, asset: AssetCode, from: i64, to: i64) -> Said {
        match block_on(self.world.parlor.ledger().verify(asset, from, to, |_, _| {})) {
            Ok(verified) => Said::Found(verified.findings.first),
            Err(Error::Store(StoreError::Corrupt(_))) => Said::Corrupt,
            Err(Error::Refused(Refusal::AssetNotFound { .. })) => Said::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    /// What is said while a change is there, by `ask`.
    fn during(&self, change: &Change, ask: impl FnOnce(&Self) -> Said) -> Said {
        if !change.make(&self.db) {
            return Said::Refused;
        }
        let said = ask(self);
        change.unmake(&self.db);
        said
    }

    fn is_clean(&self) {
        let Said::Found(findings) = self.audit() else { panic!("the audit could not be made") };
        assert_eq!(findings, []);
    }
}

/// Takes away all that refuses a change: triggers, checks, and what may be there once only.
fn strip(db: &Connection) {
    let names = |sql: &str| -> Vec<(String, Option<String>)> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let of = "FROM sqlite_schema WHERE tbl_name GLOB 'ledger_*' AND type =";
    for (trigger, _) in names(&format!("SELECT name, sql {of} 'trigger'")) {
        db.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    for (index, sql) in names(&format!("SELECT name, sql {of} 'index' AND sql LIKE '%UNIQUE%'")) {
        let sql = sql.unwrap().replace("UNIQUE ", "");
        db.execute_batch(&format!("DROP INDEX {index}; {sql}")).unwrap();
    }
    let bare = "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') \
                WHERE type = 'table' AND name GLOB 'ledger_*'";
    db.execute_batch(&format!(
        "PRAGMA writable_schema = ON; {bare}; PRAGMA writable_schema = RESET; \
         PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF;"
    ))
    .unwrap();
}

fn everything() -> bool {
    std::env::var("PARLOR_TAMPER").is_ok_and(|how| how == "all")
}

/// Makes each change, and says which were not found, or somewhere else.
fn missed(bare: &Bare, all: &[Change]) -> (usize, Vec<String>) {
    let (mut made, mut missed) = (0, Vec::new());
    for change in all {
        let said = bare.during(change, Bare::audit);
        match &said {
            Said::Refused => continue,
            Said::Corrupt => {}
            Said::Found(findings) if findings.is_empty() => {
                if !places::is_out_of_sight(change) {
                    missed.push(format!("{change}: nothing was found"));
                }
            }
            Said::Found(findings) => {
                let right = places::of(change);
                let found = |it: &Finding| places::is_right(change, &it.place.to_string());
                if change.before.len() == 1 && !findings.iter().any(found) {
                    let said: Vec<_> = findings.iter().take(5).map(ToString::to_string).collect();
                    missed.push(format!("{change}: {said:?}, and not at {right:?}"));
                }
            }
        }
        made += 1;
        let Some(asset) = places::sealed_log(change) else { continue };
        if let Said::Found(findings) = bare.during(change, |it| it.verify(asset, 0, i64::MAX))
            && findings.is_empty()
        {
            missed.push(format!("{change}: verify finds nothing"));
        }
    }
    (made, missed)
}

#[test]
fn whatever_is_changed_in_a_small_ledger_is_found() {
    let bare = Bare::new(kept::small);
    bare.is_clean();
    let all: Vec<Change> =
        Rows::of_every_table(&bare.db).iter().flat_map(|rows| rows.changes(everything())).collect();
    let (made, missed) = missed(&bare, &all);
    assert!(missed.is_empty(), "{} of {made}:\n{}", missed.len(), missed.join("\n"));
    assert!(made > 900, "only {made} changes could be made");
    bare.is_clean();
}

/// A row that was right once is not when the log goes on.
#[test]
fn a_row_as_it_was_before_is_found() {
    let bare = Bare::new(kept::small);
    let ben = format!("x'{}'", kept::BEN.0.simple());
    let last = format!("(SELECT max(version) - 1 FROM ledger_entry WHERE account_id = {ben})");
    let counters = "debits_posted, credits_posted, debits_pending, credits_pending, version";
    let account = format!(
        "UPDATE ledger_account SET ({counters}) = (SELECT {counters} FROM ledger_entry \
         WHERE account_id = {ben} AND version = {last}) WHERE id = {ben}"
    );
    let hold = "UPDATE ledger_hold SET captured = 0, released = 0 WHERE captured = 1".to_owned();
    let returned =
        "UPDATE ledger_returned SET returned = 1 WHERE returned = 2 AND amount = 5".to_owned();
    for (sql, place) in [(account, "account"), (hold, "hold"), (returned, "what was given back")] {
        let table = Rows::of_every_table(&bare.db);
        assert_eq!(bare.db.execute(&sql, []).unwrap(), 1, "{sql}");
        let Said::Found(findings) = bare.audit() else { panic!("{sql}") };
        let at_place = |it: &Finding| it.place.to_string().starts_with(place);
        assert!(findings.iter().any(at_place), "{sql}: {findings:?}");
        for (was, is) in table.iter().zip(Rows::of_every_table(&bare.db)) {
            was.put_back(&is, &bare.db);
        }
        bare.is_clean();
    }
}

#[test]
fn whatever_is_changed_in_sealed_blocks_is_found() {
    let bare = Bare::new(kept::large);
    bare.is_clean();
    let tables = ["ledger_block", "ledger_asset", "ledger_transfer"];
    let mut all = Vec::new();
    for rows in Rows::of_every_table(&bare.db) {
        match rows.table.name {
            "ledger_block" if everything() => all.extend(rows.changes(true)),
            name if tables.contains(&name) => {
                all.extend(rows.row_changes().into_iter().chain(rows.one_each()));
            }
            _ => {}
        }
    }
    let thin = if everything() { 1 } else { 3 };
    let all: Vec<Change> = all.into_iter().step_by(thin).collect();
    let (made, missed) = missed(&bare, &all);
    assert!(missed.is_empty(), "{} of {made}:\n{}", missed.len(), missed.join("\n"));
    assert!(made > 40, "only {made} changes could be made");
    bare.is_clean();
}

/// Whoever looks at one entry sees that it was changed, though its block's root is reckoned at the end.
#[test]
fn a_changed_entry_is_found_by_looking_at_it_alone() {
    let bare = Bare::new(kept::large);
    let head = |size| block_on(bare.world.parlor.ledger().head_at(kept::COIN, size)).unwrap();
    let size = "SELECT size FROM ledger_asset WHERE code = 'COIN'";
    let size: i64 = bare.db.query_row(size, [], |row| row.get(0)).unwrap();
    let sizes = [1_023, 1_024, 1_025, size];
    let kept = sizes.map(head);
    for seq in [10, 500, 1_023, 1_024, size - 1] {
        let change = |by| {
            let sql = "UPDATE ledger_transfer SET amount = amount + ?1 WHERE seq = ?2";
            assert_eq!(bare.db.execute(sql, [by, seq]).unwrap(), 1, "{seq}");
        };
        change(1);
        let Said::Found(findings) = bare.verify(kept::COIN, seq, seq + 1) else { panic!("{seq}") };
        assert!(!findings.is_empty(), "{seq} of {size}");
        change(-1);
    }
    bare.is_clean();
    // Who reckons the roots anew comes to other heads.
    let sql = "UPDATE ledger_block SET root = zeroblob(32) WHERE n = 0";
    assert_eq!(bare.db.execute(sql, []).unwrap(), 1);
    let differ: Vec<bool> =
        sizes.iter().zip(kept).map(|(size, kept)| head(*size) != kept).collect();
    assert_eq!(differ, [false, true, true, true]);
}
