//! One transaction of the database a transfer, as it is usually done, and done well: 32 connections
//! that stay open; a round trip a statement, each prepared once on each connection; both accounts
//! locked in the order of their ids, so that nobody waits in a circle; the very tables of the ledger
//! with their constraints and triggers.
//!
//! ```text
//! BEGIN · was it posted? · both accounts FOR UPDATE · INSERT transfer, two entries
//!       · UPDATE both accounts · INSERT outbox · COMMIT
//! ```
//!
//! It has it easier: nothing is sealed, numbers in the log and positions of events come from
//! sequences, and no receipt tells what became of a commit.

use std::sync::{Arc, Mutex, PoisonError};

use parlor_benches::Result;
use parlor_benches::postgres::id::Id;
use parlor_core::economy::ledger::AccountId;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Semaphore;

use crate::scene::{Book, TIP, Workload, draw};

/// How many connections there are for all clients.
const CONNECTIONS: usize = 32;

/// What the schema lacks for it.
pub(crate) const SEQUENCES: &str = "CREATE SEQUENCE naive_position START 4611686018427387904; \
    CREATE SEQUENCE naive_seq START 1099511627776";

const POSTED: &str =
    "SELECT fingerprint FROM ledger_transfer WHERE transaction_id = $1 AND leg = 0";
const ACCOUNTS: &str = "SELECT debits_posted, credits_posted, debits_pending, credits_pending, \
    version, has_floor, credit_limit, ceiling IS NULL, frozen_in OR frozen_out OR closed, id = $1 \
    FROM ledger_account WHERE id = $1 OR id = $2 ORDER BY id FOR UPDATE";
const TRANSFER: &str = "INSERT INTO ledger_transfer (transaction_id, leg, legs, asset, seq, at, \
    effective_at, kind, phase, debit_account, credit_account, amount, fingerprint) \
    VALUES ($1, 0, 1, $2, nextval('naive_seq'), now(), now(), $3, 'single', $4, $5, $6, $7)";
const ENTRIES: &str = "INSERT INTO ledger_entry (account_id, version, transaction_id, leg, side, \
    phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending) \
    VALUES ($1, $2, $3, 0, 'debit', 'single', $4, $5, now(), $6, $7, $8, $9), \
    ($10, $11, $3, 0, 'credit', 'single', $4, $5, now(), $12, $13, $14, $15)";
const UPDATE: &str = "UPDATE ledger_account SET debits_posted = $2, credits_posted = $3, \
    version = $4 WHERE id = $1";
const EVENT: &str = "INSERT INTO outbox (position, id, at, name, event) \
    VALUES (nextval('naive_position'), $1, now(), 'ledger.posted', $2::jsonb)";

/// The connections, for whoever comes.
pub(crate) struct Naive {
    free: Mutex<Vec<PgConnection>>,
    turns: Semaphore,
}

/// An account as it was read.
struct Account {
    debits: i64,
    credits: i64,
    pending: [i64; 2],
    version: i64,
    floor: Option<i64>,
    may: bool,
}

impl Naive {
    pub(crate) async fn connect(url: &str) -> Result<Arc<Self>> {
        let mut free = Vec::new();
        for _ in 0..CONNECTIONS {
            free.push(PgConnection::connect(url).await?);
        }
        Ok(Arc::new(Self { free: Mutex::new(free), turns: Semaphore::new(CONNECTIONS) }))
    }

    /// Waits for a connection, and posts on it.
    pub(crate) async fn tip(&self, book: &Book, workload: Workload, n: usize) -> Result<()> {
        let (debit, credit) = workload.accounts(n, book.accounts.len());
        let (debit, credit) = (book.accounts[debit], book.accounts[credit]);
        let _turn = self.turns.acquire().await?;
        let taken = self.lock().pop();
        let mut db = taken.ok_or("there are as many connections as turns")?;
        post(&mut db, book.asset.as_str(), debit, credit).await?;
        self.lock().push(db);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn post(
    db: &mut PgConnection,
    asset: &str,
    debit: AccountId,
    credit: AccountId,
) -> Result<()> {
    let (id, debit, credit, amount) = (Id(draw()), Id(debit.0), Id(credit.0), 1_i64);
    sqlx::raw_sql("BEGIN").execute(&mut *db).await?;
    let posted = sqlx::query(POSTED).bind(id).fetch_optional(&mut *db).await?;
    let accounts = sqlx::query(ACCOUNTS).bind(debit).bind(credit).fetch_all(&mut *db).await?;
    let [mut from, mut to] = sides(&accounts)?;
    let left = from.credits - from.debits - from.pending[0] - amount;
    let is_short = from.floor.is_some_and(|limit| left < -limit);
    if posted.is_some() || is_short || !from.may || !to.may {
        return Err("everything can be paid".into());
    }
    from.debits += amount;
    to.credits += amount;
    let insert = sqlx::query(TRANSFER).bind(id).bind(asset).bind(TIP.as_str());
    let insert = insert.bind(debit).bind(credit).bind(amount).bind(&[7_u8; 32][..]);
    insert.execute(&mut *db).await?;
    let mut insert = sqlx::query(ENTRIES).bind(debit).bind(from.version + 1).bind(id);
    insert = insert.bind(TIP.as_str()).bind(amount).bind(from.debits).bind(from.credits);
    insert = insert.bind(from.pending[0]).bind(from.pending[1]).bind(credit).bind(to.version + 1);
    insert = insert.bind(to.debits).bind(to.credits).bind(to.pending[0]).bind(to.pending[1]);
    insert.execute(&mut *db).await?;
    for (id, it) in [(debit, &from), (credit, &to)] {
        let update = sqlx::query(UPDATE).bind(id).bind(it.debits).bind(it.credits);
        update.bind(it.version + 1).execute(&mut *db).await?;
    }
    let event = format!(
        r#"{{"name":"ledger.posted","data":{{"transaction":"{}","kind":"tip","user":null,"legs":1}}}}"#,
        id.0
    );
    sqlx::query(EVENT).bind(Id::draw()?).bind(event).execute(&mut *db).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *db).await?;
    Ok(())
}

/// The account that is debited, and the one that is credited.
fn sides(rows: &[PgRow]) -> Result<[Account; 2]> {
    let [one, other] = rows else { return Err("both accounts are there".into()) };
    let is_debit: bool = one.try_get(9)?;
    let (debit, credit) = if is_debit { (one, other) } else { (other, one) };
    Ok([Account::read(debit)?, Account::read(credit)?])
}

impl Account {
    fn read(row: &PgRow) -> Result<Self> {
        let has_floor: bool = row.try_get(5)?;
        let limit: i64 = row.try_get(6)?;
        let (no_ceiling, is_held): (bool, bool) = (row.try_get(7)?, row.try_get(8)?);
        Ok(Self {
            debits: row.try_get(0)?,
            credits: row.try_get(1)?,
            pending: [row.try_get(2)?, row.try_get(3)?],
            version: row.try_get(4)?,
            floor: has_floor.then_some(limit),
            may: no_ceiling && !is_held,
        })
    }
}
