//! One round of a plan as one transaction, by statements that were prepared once.

use parlor_core::Uuid;
use parlor_core::events::{Emitted, Position};
use parlor_core::record::{Corrupt, Value};
use parlor_core::storage::{Held, Locks, Resolved, Write};
use parlor_core::tables::{Key, Row};
use rusqlite::{Connection, Error, OptionalExtension as _, PrepFlags, Statement};

use crate::statements::{APPEND, HEAD, STATEMENTS};
use crate::value;

/// The statements of a round. They belong to one connection.
pub(crate) struct Round<'db> {
    db: &'db Connection,
    begin: Statement<'db>,
    commit: Statement<'db>,
    append: Statement<'db>,
    /// In the order of `TABLES`.
    tables: Vec<Table<'db>>,
}

struct Table<'db> {
    select: Statement<'db>,
    insert: Statement<'db>,
    update: Option<Statement<'db>>,
    update_hot: Option<Statement<'db>>,
    delete: Option<Statement<'db>>,
}

/// Why a round cannot be committed.
pub(crate) enum WriteError {
    Engine(Error),
    Corrupt(Corrupt),
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Corrupt> for WriteError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl<'db> Round<'db> {
    pub(crate) fn prepare(db: &'db Connection) -> Result<Self, Error> {
        // They live as long as the connection, and leave its small fast memory to the runs.
        let prepare = |sql: &str| db.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT);
        let maybe = |sql: &Option<String>| sql.as_deref().map(prepare).transpose();
        let tables = STATEMENTS.iter().map(|table| {
            Ok(Table {
                select: prepare(&table.select)?,
                insert: prepare(&table.insert)?,
                update: maybe(&table.update)?,
                update_hot: maybe(&table.update_hot)?,
                delete: maybe(&table.delete)?,
            })
        });
        Ok(Self {
            db,
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            append: prepare(&APPEND)?,
            tables: tables.collect::<Result<_, Error>>()?,
        })
    }

    /// Takes the lock of the only writer. It costs next to nothing, and it is what makes the reads
    /// of the round one view.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.begin.raw_execute().map(drop)
    }

    /// On return the transaction is on the device.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        self.commit.raw_execute().map(drop)
    }

    /// The engine has rolled back already after some errors.
    pub(crate) fn roll_back(&mut self) -> Result<(), Error> {
        match self.db.is_autocommit() {
            true => Ok(()),
            false => self.db.execute_batch("ROLLBACK"),
        }
    }

    /// Reads what is locked: with one writer, to be in a transaction is to own all rows.
    pub(crate) fn read(&mut self, locks: Locks) -> Result<Held, WriteError> {
        let read = locks.into_iter().map(|(key, lock)| {
            let select = &mut self.tables[key.table_index()].select;
            let row = fetch(select, &key)?;
            Ok((key, lock, row))
        });
        Ok(Held::found(read.collect::<Result<Vec<_>, WriteError>>()?))
    }

    /// Writes rows and events; returns where the last event stands.
    pub(crate) fn write(&mut self, resolved: &Resolved) -> Result<Option<Position>, WriteError> {
        for write in &resolved.writes {
            let (row, key) = (write.row(), write.row().key());
            let table = &mut self.tables[row.table_index()];
            let (statement, values) = match write {
                Write::Insert(_) => (Some(&mut table.insert), row.values()),
                Write::Update(_) => (table.update.as_mut(), row.values()),
                Write::UpdateHot(_) => (table.update_hot.as_mut(), row.hot_values()),
            };
            let statement = statement.expect("such rows are never updated");
            run(statement, &[key.values(), values])?;
        }
        for key in &resolved.deletes {
            let table = &mut self.tables[key.table_index()];
            let statement = table.delete.as_mut().expect("such rows are never deleted");
            run(statement, &[key.values()])?;
        }
        for emitted in &resolved.events {
            run(&mut self.append, &[Emitted::values(emitted)])?;
        }
        let is_news = !resolved.events.is_empty();
        Ok(is_news.then(|| Position(self.db.last_insert_rowid())))
    }
}

fn run(statement: &mut Statement<'_>, values: &[Vec<Value>]) -> Result<(), Error> {
    value::bind(statement, 1, values.iter().flatten())?;
    statement.raw_execute().map(drop)
}

/// The row under a key, by the statement that selects it.
pub(crate) fn fetch(select: &mut Statement<'_>, key: &Key) -> Result<Option<Row>, WriteError> {
    value::bind(select, 1, &key.values())?;
    let mut rows = select.raw_query();
    match rows.next()? {
        Some(row) => Ok(Some(value::row(key.table(), row)?)),
        None => Ok(None),
    }
}

/// Where the feed ends, and the event there.
pub(crate) fn head(db: &Connection) -> Result<Option<(Position, Uuid)>, Error> {
    let head = db.query_row(&HEAD, [], |row| {
        let id: Vec<u8> = row.get(1)?;
        Ok((Position(row.get(0)?), Uuid::from_slice(&id).unwrap_or_default()))
    });
    head.optional()
}

/// Whether a transaction has happened, as seen by a new connection. One part of it tells: nobody
/// else writes.
pub(crate) fn is_there(db: &Connection, resolved: &Resolved) -> Result<bool, WriteError> {
    let find = |key: &Key| fetch(&mut db.prepare(&STATEMENTS[key.table_index()].select)?, key);
    if let Some(write) = resolved.writes.first() {
        return Ok(find(&write.row().key())?.as_ref() == Some(write.row()));
    }
    if let Some(key) = resolved.deletes.first() {
        return Ok(find(key)?.is_none());
    }
    let last = resolved.events.last().map(|emitted| emitted.id.0);
    Ok(head(db)?.map(|(_, id)| id) == last)
}
