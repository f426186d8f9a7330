//! What a read means, in the plainest words there are: look at every row.

use crate::record::Value;
use crate::storage::{Filter, Query};
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
