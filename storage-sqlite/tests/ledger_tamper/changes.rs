//! What can be changed in a table.

use std::fmt;

use parlor_core::economy::ledger::{AccountKind, HoldState, Phase, Side};
use parlor_core::record::{ColumnDef, Kind, TableDef};
use parlor_core::tables::TABLES;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// A row, key first.
pub(crate) type Row = Vec<Value>;

/// Some rows in the place of others.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) table: &'static TableDef,
    /// The column, if one value was changed.
    pub(crate) column: Option<&'static str>,
    pub(crate) before: Vec<Row>,
    pub(crate) after: Vec<Row>,
    what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.table.name, self.what)
    }
}

impl Change {
    /// Whether it could be made.
    pub(crate) fn make(&self, db: &Connection) -> bool {
        self.replace(db, &self.before, &self.after)
    }

    pub(crate) fn unmake(&self, db: &Connection) {
        assert!(self.replace(db, &self.after, &self.before), "it cannot be undone");
    }

    fn replace(&self, db: &Connection, old: &[Row], new: &[Row]) -> bool {
        let name = self.table.name;
        let of_key = self.table.key.iter().map(|column| format!("{} = ?", column.name));
        let delete =
            format!("DELETE FROM {name} WHERE {}", of_key.collect::<Vec<_>>().join(" AND "));
        let marks = vec!["?"; self.table.all_columns().count()].join(", ");
        let insert = format!("INSERT INTO {name} VALUES ({marks})");
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for row in old {
            let key = &row[..self.table.key.len()];
            let deleted = db.prepare_cached(&delete).unwrap().execute(params_from_iter(key));
            assert_eq!(deleted.unwrap(), 1, "{self}");
        }
        let is_made = new
            .iter()
            .all(|row| db.prepare_cached(&insert).unwrap().execute(params_from_iter(row)).is_ok());
        db.execute_batch(if is_made { "COMMIT" } else { "ROLLBACK" }).unwrap();
        is_made
    }
}

/// All rows of a table.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) table: &'static TableDef,
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn of_every_table(db: &Connection) -> Vec<Self> {
        let ledger = TABLES.iter().filter(|table| table.name.starts_with("ledger_"));
        ledger.map(|table| Self { table, rows: rows(db, table) }).collect()
    }

    /// Writes all rows again, in the place of those that are there.
    pub(crate) fn put_back(&self, there: &Self, db: &Connection) {
        let (before, after) = (there.rows.clone(), self.rows.clone());
        let what = "put back".to_owned();
        assert!(Change { table: self.table, column: None, before, after, what }.make(db));
    }

    /// Changes of all rows that are looked at, and of values in them.
    pub(crate) fn changes(&self, everything: bool) -> Vec<Change> {
        let mut all = self.row_changes();
        for row in self.sample(everything) {
            for (n, column) in self.table.all_columns().enumerate() {
                let values = others(self.table, column, &row[n], everything);
                all.extend(values.into_iter().map(|value| self.with(row, n, value)));
            }
        }
        all
    }

    /// One other value in each column of some rows.
    pub(crate) fn one_each(&self) -> Vec<Change> {
        let mut all = Vec::new();
        for row in self.sample(false) {
            for (n, column) in self.table.all_columns().enumerate() {
                let value = others(self.table, column, &row[n], false).swap_remove(0);
                all.push(self.with(row, n, value));
            }
        }
        all
    }

    /// A row that is not there, one that is twice, and two that have each other's values.
    pub(crate) fn row_changes(&self) -> Vec<Change> {
        let mut all = Vec::new();
        let change = |before: &[&Row], after: Vec<Row>, what: &str| Change {
            table: self.table,
            column: None,
            before: before.iter().map(|row| (*row).clone()).collect(),
            after,
            what: format!("{what} {:?}", &before[0][..self.table.key.len()]),
        };
        for row in self.sample(false) {
            all.push(change(&[row], vec![], "without"));
            for n in 0..self.table.key.len() {
                let mut twin = row.clone();
                twin[n] = match &row[n] {
                    Value::Integer(it) => Value::Integer(it + 7_777),
                    Value::Blob(it) => Value::Blob(flipped(it, 15, 4)),
                    Value::Text(it) => Value::Text(format!("{it}Z")),
                    other => panic!("{other:?}"),
                };
                all.push(change(&[row], vec![row.clone(), twin], "twice"));
            }
        }
        let key = self.table.key.len();
        for pair in self.rows.windows(2).step_by(self.rows.len().div_ceil(4).max(1)) {
            let swapped = |a: &Row, b: &Row| [&a[..key], &b[key..]].concat();
            if pair[0][key..] != pair[1][key..] {
                let rows = vec![swapped(&pair[0], &pair[1]), swapped(&pair[1], &pair[0])];
                all.push(change(&[&pair[0], &pair[1]], rows, "swapped with the next"));
            }
        }
        all
    }

    fn with(&self, row: &Row, n: usize, value: Value) -> Change {
        let column = self.table.all_columns().nth(n).unwrap().name;
        let mut changed = row.clone();
        changed[n] = value;
        let key = &row[..self.table.key.len()];
        let what = format!("{column} of {key:?} from {:?} to {:?}", row[n], changed[n]);
        let (before, after) = (vec![row.clone()], vec![changed]);
        Change { table: self.table, column: Some(column), before, after, what }
    }

    /// All rows of a small table, else the first, some in the middle, and the last.
    fn sample(&self, everything: bool) -> Vec<&Row> {
        let last = self.rows.len().saturating_sub(1);
        let mut at = [0, last / 3, last / 2, last].to_vec();
        if everything || self.rows.len() <= 4 {
            at = (0..self.rows.len()).collect();
        }
        at.dedup();
        at.into_iter().map(|n| &self.rows[n]).collect()
    }
}

fn rows(db: &Connection, table: &TableDef) -> Vec<Row> {
    let columns: Vec<_> = table.all_columns().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY 1, 2", columns.join(", "), table.name);
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| (0..columns.len()).map(|n| row.get(n)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

/// Other values for a column.
fn others(table: &TableDef, column: &ColumnDef, value: &Value, everything: bool) -> Vec<Value> {
    let mut others = match value {
        Value::Null => return [fitting(column.kind)].to_vec(),
        Value::Integer(it) if column.kind == Kind::Bool => [Value::Integer(1 - it)].to_vec(),
        Value::Integer(it) => {
            let near = [it.wrapping_add(1), it.wrapping_sub(1)];
            near.into_iter().chain([i64::MAX, i64::MIN]).map(Value::Integer).collect()
        }
        Value::Text(it) => {
            let words = words(table, column).into_iter().filter(|word| word != it);
            let mut texts: Vec<Value> = words.map(|word| Value::Text(word.into())).collect();
            for bytes in flips(it.as_bytes(), everything, &[0]) {
                // What is not UTF-8 cannot be bound as text.
                texts.extend(String::from_utf8(bytes).ok().map(Value::Text));
            }
            texts
        }
        Value::Blob(it) => {
            let bits: &[u8] = if everything { &[0, 7] } else { &[3] };
            flips(it, everything, bits).into_iter().map(Value::Blob).collect()
        }
        Value::Real(_) => panic!("a fraction in {}", column.name),
    };
    others.push(Value::Null);
    others.retain(|other| other != value);
    others
}

fn fitting(kind: Kind) -> Value {
    match kind {
        Kind::Bool | Kind::Int | Kind::Time => Value::Integer(1),
        Kind::Text => Value::Text("x".into()),
        Kind::Json => Value::Text("[]".into()),
        Kind::Uuid => Value::Blob(vec![1; 16]),
        Kind::Bytes => Value::Blob(vec![1; 32]),
        Kind::Date => panic!("the ledger has no dates"),
    }
}

fn words(table: &TableDef, column: &ColumnDef) -> Vec<&'static str> {
    match (table.name, column.name) {
        ("ledger_account" | "ledger_account_change" | "ledger_wallet", "kind") => {
            AccountKind::ALL.iter().map(|it| it.word()).collect()
        }
        (_, "kind") => vec!["other"],
        (_, "phase") => Phase::ALL.iter().map(|it| it.word()).collect(),
        (_, "side") => Side::ALL.iter().map(|it| it.word()).collect(),
        (_, "state") => HoldState::ALL.iter().map(|it| it.word()).collect(),
        (_, "asset" | "code") => vec!["GEM", "COIN", "DIME"],
        _ => vec![],
    }
}

/// The same bytes with one bit changed: of every byte, or of the first, a middle one and the last.
fn flips(bytes: &[u8], everything: bool, bits: &[u8]) -> Vec<Vec<u8>> {
    let last = bytes.len().saturating_sub(1);
    let mut at: Vec<usize> = vec![0, last / 2, last];
    if everything {
        at = (0..bytes.len()).collect();
    }
    at.dedup();
    at.retain(|at| *at < bytes.len());
    at.iter().flat_map(|at| bits.iter().map(|bit| flipped(bytes, *at, *bit))).collect()
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}
