//! One round of a plan as one transaction: as many messages as tables take part, whatever the
//! number of commands.

use parlor_core::Uuid;
use parlor_core::events::{Emitted, OUTBOX, Position};
use parlor_core::record::{ColumnDef, Kind, Value};
use parlor_core::storage::{Held, Lock, Locks, Resolved, Write};
use parlor_core::tables::{Key, Row, TABLES};
use sqlx::Row as _;

use crate::database::{BEGIN_WRITE, Session};
use crate::error::Failure;
use crate::locks::{BUCKETS, buckets, is_shared_by_many};
use crate::receipt::{self, COMMIT};
use crate::statements::{APPEND, BEGIN_APPEND, EVENTS_PER_TRANSACTION_MAX, STATEMENTS};
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
        let mut found = std::collections::HashMap::with_capacity(locks.len());
        for needs in locks.chunk_by(|(a, _), (b, _)| a.table_index() == b.table_index()) {
            let (first, lock) = &needs[0];
            let (table, statements) = (first.table(), &STATEMENTS[first.table_index()]);
            let select = match lock {
                Lock::Own => &statements.own,
                Lock::Share if is_shared_by_many(table.name) => &statements.read,
                Lock::Share => &statements.share,
            };
            let keys = columns(table.key, needs.iter().map(|(key, _)| key.values()));
            for row in self.db.fetch(select, keys).await? {
                let row = value::row(table, &row)?;
                found.insert(row.key(), row);
            }
        }
        let found = locks.into_iter().map(|(key, lock)| {
            let row = found.remove(&key);
            (key, lock, row)
        });
        Ok(Held::found(found))
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
        let all: Vec<ColumnDef> = TABLES[at].all_columns().copied().collect();
        let updates = writes.iter().filter(|write| matches!(write, Write::Update(_)));
        let inserts = writes.iter().filter(|write| matches!(write, Write::Insert(_)));
        let updates: Vec<_> = updates.map(|write| values(write.row())).collect();
        let inserts: Vec<_> = inserts.map(|write| values(write.row())).collect();
        if !updates.is_empty() {
            let update = STATEMENTS[at].update.as_ref().expect("such rows are never updated");
            self.db.execute(update, columns(&all, updates)).await?;
        }
        if !inserts.is_empty() {
            self.db.execute(&STATEMENTS[at].insert, columns(&all, inserts)).await?;
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

fn values(row: &Row) -> Vec<Value> {
    let mut values = row.key().values();
    values.extend(row.values());
    values
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
