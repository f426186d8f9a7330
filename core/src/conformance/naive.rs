//! What a read means, in the plainest words there are: look at every row.

use crate::record::{Timestamp, Value};
use crate::storage::{Aggregate, Filter, Group, Measure, Query};
use crate::tables::Row;

use super::world::values;

/// The rows of `query` among all rows there are.
pub fn naive_select(rows: &[Row], query: &Query) -> Vec<Row> {
    let sorting = |row: &Row| -> Vec<Value> {
        query.sorting().into_iter().map(|column| value(row, column)).collect()
    };
    let mine = rows.iter().filter(|row| row.table().name == query.table.name);
    let mut found: Vec<&Row> = mine.filter(|row| agrees(row, &query.filter, rows)).collect();
    found.sort_by_key(|row| sorting(row));
    if query.descending {
        found.reverse();
    }
    let beyond = |row: &&Row| match &query.after {
        Some(after) if query.descending => sorting(row) < after.0,
        Some(after) => sorting(row) > after.0,
        None => true,
    };
    found.into_iter().filter(beyond).take(query.limit as usize).cloned().collect()
}

/// What is reckoned over all rows there are; `None` when a sum does not fit.
pub fn naive_aggregate(rows: &[Row], aggregate: &Aggregate) -> Option<Vec<Group>> {
    let mine = rows.iter().filter(|row| row.table().name == aggregate.table.name);
    let mine: Vec<&Row> = mine.filter(|row| agrees(row, &aggregate.filter, rows)).collect();
    let key_of = |row: &&Row| -> Vec<Value> {
        let by = aggregate.by.iter().map(|column| value(row, column));
        by.chain(aggregate.bucket.map(|it| begin(&value(row, it.column), it.width_us))).collect()
    };
    let mut keys: Vec<_> = mine.iter().map(key_of).collect();
    if aggregate.by.is_empty() && aggregate.bucket.is_none() {
        keys = vec![Vec::new()];
    }
    keys.sort();
    keys.dedup();
    keys.truncate(aggregate.limit as usize);
    let group = |key: Vec<Value>| {
        let rows: Vec<&Row> = mine.iter().copied().filter(|row| key_of(row) == key).collect();
        let measures = aggregate.measures.iter().map(|it| measured(&rows, it));
        Some(Group { measures: measures.collect::<Option<_>>()?, key })
    };
    keys.into_iter().map(group).collect()
}

/// When the span of time begins that an instant is in.
fn begin(at: &Value, width_us: i64) -> Value {
    let Value::Time(at) = at else { return Value::Null };
    let mut begin = at.0 - at.0 % width_us;
    if begin > at.0 {
        begin -= width_us;
    }
    Value::Time(Timestamp(begin))
}

fn measured(rows: &[&Row], measure: &Measure) -> Option<Value> {
    let mut known: Vec<Value> = match measure.column() {
        Some(column) => rows.iter().map(|row| value(row, column)).collect(),
        None => Vec::new(),
    };
    known.retain(|value| *value != Value::Null);
    known.sort();
    let int = |n: usize| Some(Value::Int(n as i64));
    match measure {
        Measure::Rows => int(rows.len()),
        Measure::Count(_) => int(known.len()),
        Measure::Min(_) => Some(known.first().cloned().unwrap_or(Value::Null)),
        Measure::Max(_) => Some(known.last().cloned().unwrap_or(Value::Null)),
        Measure::Distinct(_) => {
            known.dedup();
            int(known.len())
        }
        Measure::Sum(_) => {
            let mut sum = 0_i128;
            for value in known {
                let Value::Int(it) = value else { panic!("{value:?} is not a whole number") };
                sum += i128::from(it);
            }
            i64::try_from(sum).ok().map(Value::Int)
        }
    }
}

/// Whether a row fits a filter, among all rows there are.
fn agrees(row: &Row, filter: &Filter, rows: &[Row]) -> bool {
    match filter {
        Filter::All(all) => all.iter().all(|filter| agrees(row, filter, rows)),
        Filter::Any(any) => any.iter().any(|filter| agrees(row, filter, rows)),
        Filter::Eq(column, wanted) => value(row, column) == *wanted,
        Filter::In(column, wanted) => wanted.contains(&value(row, column)),
        Filter::IsNull(column) => value(row, column) == Value::Null,
        Filter::Range(column, from, to) => {
            let it = value(row, column);
            let above = from.as_ref().is_none_or(|from| it >= *from);
            it != Value::Null && above && to.as_ref().is_none_or(|to| it <= *to)
        }
        Filter::Prefix(column, prefix) => match value(row, column) {
            Value::Text(text) => text.as_bytes().starts_with(prefix.as_bytes()),
            _ => false,
        },
        Filter::Matches(words) => {
            let column = row.table().text.expect("the table can be searched");
            let Value::Text(text) = value(row, column) else { return false };
            words.iter().all(|word| text.split(' ').any(|it| it.starts_with(word.as_str())))
        }
        Filter::Exists(child, on, filter) => rows.iter().any(|it| {
            let related = |(theirs, ours): &(&str, &str)| value(it, theirs) == value(row, ours);
            it.table().name == child.name && on.iter().all(related) && agrees(it, filter, rows)
        }),
    }
}

fn value(row: &Row, column: &str) -> Value {
    let at = row.table().position(column).expect("queries name columns of their table");
    values(row).swap_remove(at)
}
