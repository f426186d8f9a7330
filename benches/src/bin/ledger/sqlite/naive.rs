//! One transaction of the database a transfer, as it is usually done: a pool of 32 connections, each
//! for one client at a time on a thread that may block, statements that are prepared once on each
//! connection, and the very tables of the ledger with their constraints and triggers. Whoever finds
//! the database locked waits as the engine does it (`busy_timeout` of 5 s, the pools' default), and
//! begins again if that was not enough.
//!
//! ```text
//! BEGIN IMMEDIATE · was it posted? · both accounts · INSERT transfer, two entries, event
//!                 · UPDATE both accounts · COMMIT
//! ```
//!
//! *By hand* is the same with one connection for which everybody waits in turn: what a program does
//! that is made for this engine. Both have it easier than the ledger: nothing is sealed, and numbers
//! in the log are counted in memory.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use parlor_benches::Result;
use parlor_core::Uuid;
use parlor_core::economy::ledger::AccountId;
use parlor_core::record::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use tokio::sync::Semaphore;

use crate::scene::{Book, TIP, Workload, draw};

const POSTED: &str =
    "SELECT fingerprint FROM ledger_transfer WHERE transaction_id = ?1 AND leg = 0";
const ACCOUNT: &str = "SELECT debits_posted, credits_posted, debits_pending, credits_pending, \
    version, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed \
    FROM ledger_account WHERE id = ?1";
const TRANSFER: &str = "INSERT INTO ledger_transfer (transaction_id, leg, legs, asset, seq, at, \
    effective_at, kind, phase, debit_account, credit_account, amount, fingerprint) \
    VALUES (?1, 0, 1, ?2, ?3, ?4, ?4, ?5, 'single', ?6, ?7, ?8, ?9)";
const ENTRY: &str = "INSERT INTO ledger_entry (account_id, version, transaction_id, leg, side, \
    phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending) \
    VALUES (?1, ?2, ?3, 0, ?4, 'single', ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPDATE: &str = "UPDATE ledger_account SET debits_posted = ?2, credits_posted = ?3, \
    version = ?4 WHERE id = ?1";
const EVENT: &str = "INSERT INTO outbox (id, at, name, event) VALUES (?1, ?2, 'ledger.posted', ?3)";

/// The connections, for whoever comes, and the last number in the log.
pub(crate) struct Naive {
    free: Mutex<Vec<Connection>>,
    turns: Semaphore,
    seq: AtomicI64,
}

/// An account as it was read.
struct Account {
    id: AccountId,
    debits: i64,
    credits: i64,
    pending: [i64; 2],
    version: i64,
    floor: Option<i64>,
    may: bool,
}

impl Naive {
    pub(crate) fn open(path: &Path, connections: usize) -> Result<Arc<Self>> {
        let free = (0..connections).map(|_| connect(path)).collect::<Result<Vec<_>>>()?;
        let (free, turns) = (Mutex::new(free), Semaphore::new(connections));
        Ok(Arc::new(Self { free, turns, seq: AtomicI64::new(1 << 40) }))
    }

    /// Waits for a connection, and posts on it.
    pub(crate) async fn tip(
        self: Arc<Self>,
        book: Book,
        workload: Workload,
        n: usize,
    ) -> Result<()> {
        let (debit, credit) = workload.accounts(n, book.accounts.len());
        let (debit, credit) = (book.accounts[debit], book.accounts[credit]);
        let _turn = self.turns.acquire().await?;
        let pool = self.clone();
        let posted = tokio::task::spawn_blocking(move || {
            let taken = pool.lock().pop();
            let db = taken.ok_or("there are as many connections as turns")?;
            while let Err(error) = db.prepare_cached("BEGIN IMMEDIATE")?.execute([]) {
                match error.sqlite_error_code() {
                    Some(ErrorCode::DatabaseBusy) => {}
                    _ => return Err(error.into()),
                }
            }
            let seq = pool.seq.fetch_add(1, Ordering::Relaxed);
            post(&db, book.asset.as_str(), seq, debit, credit)?;
            db.prepare_cached("COMMIT")?.execute([])?;
            pool.lock().push(db);
            Ok(())
        });
        posted.await?
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON; PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(db)
}

fn post(db: &Connection, asset: &str, seq: i64, debit: AccountId, credit: AccountId) -> Result<()> {
    let (id, amount) = (draw(), 1);
    let posted = db.prepare_cached(POSTED)?;
    let posted: Option<Vec<u8>> =
        { posted }.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    let (mut from, mut to) = (account(db, debit)?, account(db, credit)?);
    let left = from.credits - from.debits - from.pending[0] - amount;
    let is_short = from.floor.is_some_and(|limit| left < -limit);
    if posted.is_some() || is_short || !from.may || !to.may {
        return Err("everything can be paid".into());
    }
    from.debits += amount;
    to.credits += amount;
    let at = Timestamp::from(std::time::SystemTime::now()).0;
    let fingerprint = [7_u8; 32];
    let (debit, credit) = (debit.0.as_bytes(), credit.0.as_bytes());
    db.prepare_cached(TRANSFER)?.execute(params![
        id.as_bytes(),
        asset,
        seq,
        at,
        TIP.as_str(),
        debit,
        credit,
        amount,
        fingerprint
    ])?;
    for (side, account) in [("debit", &from), ("credit", &to)] {
        entry(db, id, side, account, amount, at)?;
    }
    let event = format!(
        r#"{{"name":"ledger.posted","data":{{"transaction":"{id}","kind":"tip","user":null,"legs":1}}}}"#
    );
    db.prepare_cached(EVENT)?.execute(params![draw().as_bytes(), at, event])?;
    for it in [&from, &to] {
        let parameters = params![it.id.0.as_bytes(), it.debits, it.credits, it.version + 1];
        db.prepare_cached(UPDATE)?.execute(parameters)?;
    }
    Ok(())
}

fn account(db: &Connection, id: AccountId) -> Result<Account> {
    let mut statement = db.prepare_cached(ACCOUNT)?;
    Ok(statement.query_row([id.0.as_bytes()], |row| {
        let has_floor: bool = row.get(5)?;
        let limit: i64 = row.get(6)?;
        let flags: [bool; 3] = [row.get(8)?, row.get(9)?, row.get(10)?];
        Ok(Account {
            id,
            debits: row.get(0)?,
            credits: row.get(1)?,
            pending: [row.get(2)?, row.get(3)?],
            version: row.get(4)?,
            floor: has_floor.then_some(limit),
            may: row.get::<_, Option<i64>>(7)?.is_none() && flags == [false; 3],
        })
    })?)
}

fn entry(db: &Connection, id: Uuid, side: &str, of: &Account, amount: i64, at: i64) -> Result<()> {
    db.prepare_cached(ENTRY)?.execute(params![
        of.id.0.as_bytes(),
        of.version + 1,
        id.as_bytes(),
        side,
        TIP.as_str(),
        amount,
        at,
        of.debits,
        of.credits,
        of.pending[0],
        of.pending[1]
    ])?;
    Ok(())
}
