//! The limit: the rows of a run, written by nothing but the engine.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, PrepFlags, Statement, params_from_iter};

use crate::Result;

/// What a join inserts, in the order in which the store writes it.
const TABLES: [&str; 3] = ["participant", "seat", "outbox"];

/// A row as it is in the database.
type Row = Vec<Value>;

/// Writes what `done` has and `start` has not into a copy of `start`, `size` commands a
/// transaction; returns the commands a second.
pub(crate) fn run(start: &Path, done: &Path, commands: usize, size: usize) -> Result<f64> {
    let copy = start.with_file_name("limit.db");
    fs::copy(start, &copy)?;
    let joins = joins(start, done)?;
    if joins.len() != commands {
        return Err(format!("{} joins were found, and {commands} made", joins.len()).into());
    }
    let room = &joins[0][0][1];

    let db = Connection::open(&copy)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON; PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;",
    )?;
    let prepare = |sql: &str| db.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT);
    let mut inserts = Vec::new();
    for (table, row) in TABLES.iter().zip(&joins[0]) {
        let holes = vec!["?"; row.len()].join(", ");
        inserts.push(prepare(&format!("INSERT INTO {table} VALUES ({holes})"))?);
    }
    let occupied = "UPDATE occupancy SET reserved = ?1, active = 0, peak = 0 WHERE room_id = ?2";
    let mut occupy = prepare(occupied)?;
    let (mut begin_tx, mut commit) = (prepare("BEGIN IMMEDIATE")?, prepare("COMMIT")?);

    let begin = Instant::now();
    let mut reserved = 0_i64;
    for batch in joins.chunks(size) {
        begin_tx.execute([])?;
        // By table, then by key, as the store does.
        for (n, insert) in inserts.iter_mut().enumerate() {
            write(insert, batch.iter().map(|join| &join[n]))?;
        }
        reserved += batch.len() as i64;
        occupy.execute(rusqlite::params![reserved, room])?;
        commit.execute([])?;
    }
    let elapsed = begin.elapsed();
    drop((inserts, occupy, begin_tx, commit));
    compare(&db, done)?;
    Ok(commands as f64 / elapsed.as_secs_f64())
}

/// That it was the very same rows.
fn compare(db: &Connection, done: &Path) -> Result<()> {
    db.execute("ATTACH ?1 AS done", [done.to_str().ok_or("the path is text")?])?;
    for table in TABLES.iter().chain(&["occupancy"]) {
        let sql = format!(
            "SELECT count(*) FROM (SELECT * FROM done.{table} EXCEPT SELECT * FROM main.{table})"
        );
        let missing: i64 = db.query_row(&sql, [], |row| row.get(0))?;
        if missing > 0 {
            return Err(format!("{missing} rows of {table} were not written").into());
        }
    }
    Ok(())
}

fn write<'r>(insert: &mut Statement<'_>, rows: impl Iterator<Item = &'r Row>) -> Result<()> {
    for row in rows {
        insert.execute(params_from_iter(row))?;
    }
    Ok(())
}

/// The rows of each join, in the order in which they were committed.
fn joins(start: &Path, done: &Path) -> Result<Vec<[Row; 3]>> {
    let read = |path: &Path| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let (start, done) = (read(start)?, read(done)?);
    let last: i64 = start.query_row("SELECT max(position) FROM outbox", [], |row| row.get(0))?;
    let events = rows(&done, "SELECT * FROM outbox WHERE position > ?1 ORDER BY position", [last])?;
    let by_id = "SELECT * FROM participant WHERE id = ?1";
    let mut by_id = done.prepare(by_id)?;
    let mut seat = done.prepare("SELECT * FROM seat WHERE room_id = ?1 AND user_id = ?2")?;
    let mut joins = Vec::with_capacity(events.len());
    for event in events {
        let Some(Value::Text(json)) = event.last() else { return Err("an event is text".into()) };
        let json: serde_json::Value = serde_json::from_str(json)?;
        let id = json["data"]["participant"].as_str().ok_or("a join has a participant")?;
        let id = Value::Blob(id.parse::<parlor_core::Uuid>()?.as_bytes().to_vec());
        let stay = one(&mut by_id, [&id])?;
        let seat = one(&mut seat, [&stay[1], &stay[3]])?;
        joins.push([stay, seat, event]);
    }
    Ok(joins)
}

fn rows(db: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<Row>> {
    let mut statement = db.prepare(sql)?;
    let found = statement.query_map(parameters, whole)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn one(statement: &mut Statement<'_>, parameters: impl rusqlite::Params) -> Result<Row> {
    Ok(statement.query_row(parameters, whole)?)
}

fn whole(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    (0..row.as_ref().column_count()).map(|at| row.get(at)).collect()
}
