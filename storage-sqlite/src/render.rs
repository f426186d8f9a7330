//! A [`Query`] or an [`Aggregate`] as SQL. Its text is made of names from the schema; every value is a parameter.

use std::borrow::Cow;

use parlor_core::record::{TableDef, Value};
use parlor_core::storage::{Aggregate, Filter, Measure, Query};

/// A statement and its parameters.
pub(crate) struct Rendered<'q> {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Cow<'q, Value>>,
}

/// The statement that answers a query.
pub(crate) fn render(query: &Query) -> Rendered<'_> {
    let mut out = Rendered { sql: String::with_capacity(512), parameters: Vec::new() };
    let columns: Vec<_> = query.table.all_columns().map(|column| column.name).collect();
    out.text(&["SELECT ", &columns.join(", "), " FROM ", query.table.name, " WHERE "]);

    let scope = Scope { table: query.table, alias: query.table.name.into(), outer: None };
    out.closed(&query.filter, &scope);

    let sorting = query.sorting();
    if let Some(after) = &query.after {
        let beyond = if query.descending { ") < (" } else { ") > (" };
        out.text(&[" AND (", &sorting.join(", "), beyond]);
        out.holes(after.0.iter().map(Cow::Borrowed));
        out.text(&[")"]);
    }
    let direction = if query.descending { " DESC" } else { "" };
    let sorting: Vec<_> = sorting.iter().map(|column| format!("{column}{direction}")).collect();
    out.text(&[" ORDER BY ", &sorting.join(", "), " LIMIT "]);
    out.hole(Cow::Owned(Value::Int(query.limit.into())));
    out
}

/// The statement that answers an aggregate: the columns of its groups, the number of the bucket,
/// then its measures. A sum comes in two columns, the high half and the low half of every number,
/// because the engine's own sum fails as soon as a part of it does not fit.
pub(crate) fn render_aggregate(aggregate: &Aggregate) -> Rendered<'_> {
    let mut out = Rendered { sql: String::with_capacity(512), parameters: Vec::new() };
    let mut columns: Vec<String> = aggregate.by.iter().map(ToString::to_string).collect();
    if let Some(bucket) = aggregate.bucket {
        // Division is towards zero; a bucket begins before what is in it, before 1970 too.
        let at = bucket.column;
        columns.push(format!("{at} / ?1 - ({at} % ?1 < 0)"));
        out.parameters.push(Cow::Owned(Value::Int(bucket.width_us)));
    }
    let keys: Vec<_> = (1..=columns.len()).map(|n| n.to_string()).collect();
    columns.extend(aggregate.measures.iter().map(|measure| match measure {
        Measure::Rows => "count(*)".to_owned(),
        Measure::Count(column) => format!("count({column})"),
        Measure::Sum(column) => format!("sum({column} >> 32), sum({column} & 4294967295)"),
        Measure::Min(column) => format!("min({column})"),
        Measure::Max(column) => format!("max({column})"),
        Measure::Distinct(column) => format!("count(DISTINCT {column})"),
    }));
    let table = aggregate.table;
    out.text(&["SELECT ", &columns.join(", "), " FROM ", table.name, " WHERE "]);
    out.closed(&aggregate.filter, &Scope { table, alias: table.name.into(), outer: None });
    if !keys.is_empty() {
        let keys = keys.join(", ");
        out.text(&[" GROUP BY ", &keys, " ORDER BY ", &keys]);
    }
    out.text(&[" LIMIT "]);
    out.hole(Cow::Owned(Value::Int(aggregate.limit.into())));
    out
}

/// A table that column names stand for, inside those of the queries around it.
struct Scope<'s> {
    table: &'static TableDef,
    alias: Cow<'static, str>,
    outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    /// How many scopes around this one are of the same table.
    fn depth_of(&self, table: &TableDef) -> usize {
        let here = usize::from(self.table.name == table.name);
        here + self.outer.map_or(0, |outer| outer.depth_of(table))
    }
}

impl<'q> Rendered<'q> {
    fn text(&mut self, parts: &[&str]) {
        self.sql.extend(parts.iter().copied());
    }

    fn hole(&mut self, value: Cow<'q, Value>) {
        self.parameters.push(value);
        self.text(&["?", &self.parameters.len().to_string()]);
    }

    fn holes(&mut self, values: impl IntoIterator<Item = Cow<'q, Value>>) {
        for (n, value) in values.into_iter().enumerate() {
            self.text(&[if n > 0 { ", " } else { "" }]);
            self.hole(value);
        }
    }

    /// Bare column names stand for the innermost table: SQL looks there first.
    fn filter(&mut self, filter: &'q Filter, scope: &Scope<'_>) {
        match filter {
            Filter::All(all) => self.each(all, " AND ", "1", scope),
            Filter::Any(any) => self.each(any, " OR ", "0", scope),
            Filter::IsNull(column) | Filter::Eq(column, Value::Null) => {
                self.text(&[column, " IS NULL"]);
            }
            Filter::Eq(column, value) => {
                self.text(&[column, " = "]);
                self.hole(Cow::Borrowed(value));
            }
            Filter::In(column, values) => self.one_of(column, values),
            Filter::Range(column, from, to) => self.range(column, from.as_ref(), to.as_ref()),
            Filter::Prefix(column, prefix) => {
                self.text(&[column, " >= "]);
                self.hole(Cow::Owned(Value::Text(prefix.clone().into())));
                if let Some(end) = Filter::prefix_end(prefix) {
                    self.text(&[" AND ", column, " < "]);
                    self.hole(Cow::Owned(Value::Text(end.into())));
                }
            }
            Filter::Matches(words) => self.matches(words, scope.table),
            Filter::Exists(child, on, filter) => self.exists(child, on, filter, scope),
        }
    }

    fn each(&mut self, all: &'q [Filter], between: &str, none: &str, scope: &Scope<'_>) {
        if all.is_empty() {
            return self.text(&[none]);
        }
        for (n, filter) in all.iter().enumerate() {
            self.text(&[if n > 0 { between } else { "" }]);
            let nested = matches!(filter, Filter::All(_) | Filter::Any(_));
            let (open, close) = if nested { ("(", ")") } else { ("", "") };
            self.text(&[open]);
            self.filter(filter, scope);
            self.text(&[close]);
        }
    }

    /// The list is filled up to a power of two with its last value, so that a query has few texts
    /// and the prepared ones are found again.
    fn one_of(&mut self, column: &str, values: &'q [Value]) {
        let known: Vec<_> = values.iter().filter(|value| **value != Value::Null).collect();
        let has_null = known.len() < values.len();
        let Some(last) = known.last() else {
            return match has_null {
                true => self.text(&[column, " IS NULL"]),
                false => self.text(&["0"]),
            };
        };
        let filled = known.len().next_power_of_two();
        let more = std::iter::repeat_n(last, filled - known.len());
        self.text(&[if has_null { "(" } else { "" }, column, " IN ("]);
        self.holes(known.iter().chain(more).map(|value| Cow::Borrowed(*value)));
        self.text(&[")"]);
        if has_null {
            self.text(&[" OR ", column, " IS NULL)"]);
        }
    }

    /// Nothing is at most null, and all that is not null is at least null.
    fn range(&mut self, column: &str, from: Option<&'q Value>, to: Option<&'q Value>) {
        let from = from.filter(|from| **from != Value::Null);
        if let Some(from) = from {
            self.text(&[column, " >= "]);
            self.hole(Cow::Borrowed(from));
        }
        if let Some(to) = to {
            self.text(&[if from.is_some() { " AND " } else { "" }, column, " <= "]);
            self.hole(Cow::Borrowed(to));
        }
        if from.is_none() && to.is_none() {
            self.text(&[column, " IS NOT NULL"]);
        }
    }

    /// Rows whose text has, for each word, a word that begins with it.
    fn matches(&mut self, words: &[String], table: &TableDef) {
        assert!(table.text.is_some(), "{} has no text to be searched", table.name);
        if words.is_empty() {
            return self.text(&["1"]);
        }
        let quoted = words.iter().map(|word| format!("\"{}\"*", word.replace('"', "\"\"")));
        let wanted = quoted.collect::<Vec<_>>().join(" ");
        let (name, key) = (table.name, table.key.iter().map(|column| column.name));
        let key = key.collect::<Vec<_>>().join(", ");
        let tuple = if table.key.len() > 1 { format!("({key})") } else { key.clone() };
        self.text(&[&tuple, " IN (SELECT ", &key, " FROM ", name, "_doc WHERE doc IN"]);
        self.text(&[" (SELECT rowid FROM ", name, "_text WHERE ", name, "_text MATCH "]);
        self.hole(Cow::Owned(Value::Text(wanted.into())));
        self.text(&["))"]);
    }

    fn exists(
        &mut self,
        child: &'static TableDef,
        on: &'q [(&'static str, &'static str)],
        filter: &'q Filter,
        scope: &Scope<'_>,
    ) {
        let (alias, renamed): (Cow<'static, str>, String) = match scope.depth_of(child) {
            0 => (child.name.into(), String::new()),
            n => (format!("{}_{n}", child.name).into(), format!(" AS {}_{n}", child.name)),
        };
        self.text(&["EXISTS (SELECT 1 FROM ", child.name, &renamed, " WHERE "]);
        for (theirs, ours) in on {
            // Two empty columns agree; a plain `=` says so of nothing empty, but carries better.
            let optional = |table: &TableDef, name: &str| {
                table.all_columns().any(|column| column.name == name && column.optional)
            };
            let both = optional(child, theirs) && optional(scope.table, ours);
            let equals = if both { " IS " } else { " = " };
            self.text(&[&alias, ".", theirs, equals, &scope.alias, ".", ours, " AND "]);
        }
        let inner = Scope { table: child, alias, outer: Some(scope) };
        self.closed(filter, &inner);
        self.text(&[")"]);
    }

    /// A filter that stands beside others with an AND between.
    fn closed(&mut self, filter: &'q Filter, scope: &Scope<'_>) {
        let alternatives = matches!(filter, Filter::Any(_));
        let (open, close) = if alternatives { ("(", ")") } else { ("", "") };
        self.text(&[open]);
        self.filter(filter, scope);
        self.text(&[close]);
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::col;
    use parlor_core::record::Record as _;
    use parlor_core::rooms::{Participant, RoomId, RoomListing, Seat};
    use parlor_core::storage::{Cursor, Summary};

    use super::*;

    fn rendered(table: &'static TableDef, filter: Filter) -> (String, Vec<Value>) {
        let query = Query {
            name: "any",
            index: "primary key",
            table,
            filter,
            order: Vec::new(),
            descending: false,
            after: None,
            limit: 7,
        };
        let Rendered { sql, parameters } = render(&query);
        let (_, filter) = sql.split_once(" WHERE ").unwrap();
        let filter = filter.split(" ORDER BY ").next().unwrap().to_owned();
        (filter, parameters.into_iter().map(Cow::into_owned).collect())
    }

    fn text(it: &'static str) -> Value {
        Value::Text(it.into())
    }

    #[test]
    fn every_filter_has_its_sql() {
        use Filter::{All, Any, Eq, Exists, In, IsNull, Matches, Prefix, Range};
        let seat = |more| Exists(Seat::TABLE, vec![("participant_id", "id")], Box::new(more));
        let table = [
            (All(vec![]), "1"),
            (Any(vec![]), "(0)"),
            (IsNull("left_at"), "left_at IS NULL"),
            (Eq("mic", text("off")), "mic = ?1"),
            (Eq("left_at", Value::Null), "left_at IS NULL"),
            (In("mic", vec![]), "0"),
            (In("mic", vec![text("a"), text("b"), text("c")]), "mic IN (?1, ?2, ?3, ?4)"),
            (In("mic", vec![Value::Null, text("a")]), "(mic IN (?1) OR mic IS NULL)"),
            (Range("epoch", None, None), "epoch IS NOT NULL"),
            (Range("epoch", Some(Value::Null), None), "epoch IS NOT NULL"),
            (Range("epoch", None, Some(Value::Int(2))), "epoch <= ?1"),
            (
                Range("epoch", Some(Value::Int(1)), Some(Value::Int(2))),
                "epoch >= ?1 AND epoch <= ?2",
            ),
            (Prefix("mic", "mu".into()), "mic >= ?1 AND mic < ?2"),
            (Prefix("mic", "\u{10FFFF}".into()), "mic >= ?1"),
            (
                Any(vec![IsNull("lost_at"), All(vec![IsNull("left_at"), IsNull("hand_seq")])]),
                "(lost_at IS NULL OR (left_at IS NULL AND hand_seq IS NULL))",
            ),
            (
                seat(Any(vec![Eq("epoch", Value::Int(1))])),
                "EXISTS (SELECT 1 FROM seat WHERE seat.participant_id = participant.id \
                 AND (epoch = ?1))",
            ),
            (
                Exists(
                    Participant::TABLE,
                    vec![("room_id", "room_id"), ("removed_by", "removed_by")],
                    Box::new(IsNull("left_at")),
                ),
                "EXISTS (SELECT 1 FROM participant AS participant_1 \
                 WHERE participant_1.room_id = participant.room_id \
                 AND participant_1.removed_by IS participant.removed_by AND left_at IS NULL)",
            ),
        ];
        for (filter, expected) in table {
            let shown = format!("{filter:?}");
            assert_eq!(rendered(Participant::TABLE, filter).0, expected, "{shown}");
        }
        let (sql, parameters) =
            rendered(RoomListing::TABLE, Matches(vec!["tea".into(), "ca\"fe".into()]));
        assert!(sql.contains("room_listing_text MATCH ?1"), "{sql}");
        assert_eq!(parameters, [text("\"tea\"* \"ca\"\"fe\"*"), Value::Int(7)]);
    }

    #[test]
    fn an_aggregate_groups_sorts_and_measures() {
        let by_day = Summary::<Participant>::new("any")
            .filter(col!(Participant.room_id).is(RoomId(parlor_core::Uuid::nil())))
            .group(col!(Participant.role))
            .daily(col!(Participant.joined_at))
            .rows()
            .count(col!(Participant.left_at))
            .sum(col!(Participant.epoch))
            .min(col!(Participant.joined_at))
            .distinct(col!(Participant.user_id))
            .limit(31);
        let Rendered { sql, parameters } = render_aggregate(by_day.aggregate());
        assert_eq!(
            sql,
            "SELECT role, joined_at / ?1 - (joined_at % ?1 < 0), count(*), count(left_at), \
             sum(epoch >> 32), sum(epoch & 4294967295), min(joined_at), count(DISTINCT user_id) \
             FROM participant WHERE room_id = ?2 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?3"
        );
        let day = Value::Int(24 * 60 * 60 * 1_000_000);
        let parameters: Vec<_> = parameters.into_iter().map(Cow::into_owned).collect();
        assert_eq!(parameters, [day, Value::Uuid(parlor_core::Uuid::nil()), Value::Int(31)]);

        let all = Summary::<Participant>::new("any").max(col!(Participant.epoch));
        let sql = render_aggregate(all.aggregate()).sql;
        assert_eq!(sql, "SELECT max(epoch) FROM participant WHERE 1 LIMIT ?1");
    }

    #[test]
    fn a_page_goes_on_after_the_one_before() {
        let mut query = parlor_core::queries().remove(0).query;
        query.filter = Filter::Any(vec![Filter::IsNull("a"), Filter::IsNull("b")]);
        query.after = Some(Cursor(vec![Value::Int(1), text("x"), Value::Int(2)]));
        query.descending = true;
        let sql = render(&query).sql;
        let end = "WHERE (a IS NULL OR b IS NULL) AND (due_at, name, subject) < (?1, ?2, ?3) \
                   ORDER BY due_at DESC, name DESC, subject DESC LIMIT ?4";
        assert!(sql.ends_with(end), "{sql}");
    }
}
