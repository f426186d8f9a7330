//! One round of a plan as one transaction: as many messages as tables take part, whatever the
//! number of commands.

use parlor_core::Uuid;
use parlor_core::events::{Emitted, OUTBOX, Position};
use parlor_core::record::{ColumnDef, Kind, TableDef, Value};
use parlor_core::storage::{Held, Lock, Locks, Resolved, Write};
use parlor_core::tables::{Key, Row, TABLES};
use sqlx::Row as _;

use crate::copy;
use crate::database::{BEGIN_WRITE, Session};
use crate::error::Failure;
use crate::locks::{BUCKETS, buckets, is_shared_by_many};
use crate::receipt::{self, COMMIT};
use crate::statements::{
    APPEND, BEGIN_APPEND, EVENTS_PER_TRANSACTION_MAX, STATEMENTS, hot_columns,
};
use crate::value::{self, Parameter, integer};

/// A transaction that has begun.
pub(crate) struct Round<'db> {
    db: &'db mut Session,
    receipt: Uuid,
    /// The receipt has been written, with the events.
    has_receipt: bool,
}

impl<'db> Round<'db> {
    pub(crate) async fn begin(db: &'db mut Session, receipt: Uuid) -> Result<Self, Failure> {
        db.run(BEGIN_WRITE).await?;
        Ok(Self { db, receipt, has_receipt: false })
    }

    /// Locks and reads. First the numbers that stand for rows everybody shares, then the rows of
    /// one table after the other, in key order: no two rounds wait for each other.
    pub(crate) async fn read(&mut self, locks: Locks) -> Result<Held, Failure> {
        if let Some(parameters) = buckets(&locks) {
            self.db.fetch(BUCKETS, parameters.into()).await?;
        }
        let mut found = Vec::with_capacity(locks.len());
        for needs in locks.chunk_by(|(a, _), (b, _)| a.table_index() == b.table_index()) {
            let (first, lock) = &needs[0];
            let (table, statements) = (first.table(), &STATEMENTS[first.table_index()]);
            let locking = match lock {
                Lock::Own if table.within => None,
                Lock::Own => statements.own.as_ref(),
                Lock::Share if is_shared_by_many(table.name) => None,
                Lock::Share => statements.share.as_ref(),
            };
            let keys = columns(table.key, needs.iter().map(|(key, _)| key.values()));
            let mut rows = self.select(locking.unwrap_or(&statements.read), table, keys).await?;
            if let (Lock::Own, true, Some(own)) = (lock, table.within, &statements.own) {
                let loose: Vec<_> = rows.extract_if(.., |row| !is_held(row, &locks)).collect();
                if !loose.is_empty() {
                    let keys = columns(table.key, loose.iter().map(|row| row.key().values()));
                    rows.extend(self.select(own, table, keys).await?);
                }
            }
            found.extend(rows);
        }
        Ok(Held::locked(locks, found))
    }

    async fn select(
        &mut self,
        select: &'static str,
        table: &TableDef,
        keys: Vec<Parameter>,
    ) -> Result<Vec<Row>, Failure> {
        let rows = self.db.fetch(select, keys).await?;
        Ok(rows.iter().map(|row| value::row(table, row)).collect::<Result<_, _>>()?)
    }

    /// Writes rows and events; returns where the last event stands.
    pub(crate) async fn write(&mut self, resolved: &Resolved) -> Result<Option<Position>, Failure> {
        let mut writes = &resolved.writes[..];
        while let Some(first) = writes.first() {
            let table = first.row().table_index();
            let end = writes.iter().position(|write| write.row().table_index() != table);
            let (here, rest) = writes.split_at(end.unwrap_or(writes.len()));
            self.write_table(table, here).await?;
            writes = rest;
        }
        for deletes in resolved.deletes.chunk_by(|a, b| a.table_index() == b.table_index()) {
            let at = deletes[0].table_index();
            let delete = STATEMENTS[at].delete.as_ref().expect("such rows are never deleted");
            let keys = columns(TABLES[at].key, deletes.iter().map(Key::values));
            self.db.execute(delete, keys).await?;
        }
        match resolved.events.is_empty() {
            true => Ok(None),
            false => self.append(&resolved.events).await.map(Some),
        }
    }

    /// Updates first: a value that must be unique may move from an old row to a new one.
    async fn write_table(&mut self, at: usize, writes: &[Write]) -> Result<(), Failure> {
        let (table, statements) = (TABLES[at], &STATEMENTS[at]);
        let all: Vec<ColumnDef> = table.all_columns().copied().collect();
        let (mut inserts, mut updates, mut hot_updates) = (Vec::new(), Vec::new(), Vec::new());
        for write in writes {
            match write {
                Write::Insert(row) => inserts.push(with_key(row, row.values())),
                Write::Update(row) => updates.push(with_key(row, row.values())),
                Write::UpdateHot(row) => hot_updates.push(with_key(row, row.hot_values())),
            }
        }
        if !updates.is_empty() {
            let update = statements.update.as_ref().expect("such rows are never updated");
            self.db.execute(update, columns(&all, updates)).await?;
        }
        if !hot_updates.is_empty() {
            let update = statements.update_hot.as_ref().expect("the table has hot columns");
            self.db.execute(update, columns(&hot_columns(table), hot_updates)).await?;
        }
        match &statements.copy {
            _ if inserts.is_empty() => {}
            Some(copy) if inserts.len() >= copy::ROWS_MIN => {
                let rows = copy::rows(all.len(), inserts).map_err(sqlx::Error::Encode)?;
                self.db.copy(copy, &rows).await?;
            }
            _ => {
                self.db.execute(&statements.insert, columns(&all, inserts)).await?;
            }
        }
        Ok(())
    }

    async fn append(&mut self, events: &[Emitted]) -> Result<Position, Failure> {
        if events.len() > EVENTS_PER_TRANSACTION_MAX {
            return Err(Failure::TooManyEvents);
        }
        self.db.run(BEGIN_APPEND).await?;
        let mut parameters = columns(OUTBOX.columns, events.iter().map(Emitted::values));
        parameters.push(Parameter::of(Value::Uuid(self.receipt)));
        let last = self.db.fetch(&APPEND, parameters).await?;
        self.has_receipt = true;
        let last = last.first().ok_or(Failure::Engine(sqlx::Error::RowNotFound))?;
        let last = last.try_get_raw(0)?.as_bytes().ok().and_then(integer);
        last.map(Position).ok_or(Failure::Engine(sqlx::Error::RowNotFound))
    }

    /// On return the transaction is on the device. If it fails, it may be there as well, or not.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        match self.has_receipt {
            true => self.db.run(COMMIT).await,
            false => self.db.run_text(receipt::commit_with(self.receipt)).await,
        }
    }
}

/// Whether a row needs no lock of its own: nobody else can write it while the row it is within, which
/// was locked before it was read, is ours.
fn is_held(row: &Row, locks: &Locks) -> bool {
    row.within().is_some_and(|within| {
        let at = locks.binary_search_by(|(key, _)| key.cmp(&within));
        at.is_ok_and(|at| locks[at].1 == Lock::Own)
    })
}

fn with_key(row: &Row, values: Vec<Value>) -> Vec<Value> {
    let mut all = row.key().values();
    all.extend(values);
    all
}

/// Rows as one array a column.
fn columns(columns: &[ColumnDef], rows: impl IntoIterator<Item = Vec<Value>>) -> Vec<Parameter> {
    let mut arrays: Vec<Vec<Value>> = vec![Vec::new(); columns.len()];
    for row in rows {
        arrays.iter_mut().zip(row).for_each(|(array, value)| array.push(value));
    }
    let kinds = columns.iter().map(|column| column.kind);
    kinds.zip(arrays).map(|(kind, array): (Kind, _)| Parameter::Many(kind, array)).collect()
}
