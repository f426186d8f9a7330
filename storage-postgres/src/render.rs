//! A [`Query`] as SQL. Its text is made of names from the schema; every value is a parameter.

use std::borrow::Cow;

use parlor_core::record::{Kind, TableDef, Value};
use parlor_core::storage::{Filter, Query};

use crate::value::{Parameter, bound};

/// How much of a word the full-text index keeps, in characters (migration 3).
const WORD_CHARS_MAX: usize = 500;

/// A statement and its parameters.
pub(crate) struct Rendered {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Parameter>,
}

/// The statement that answers a query.
pub(crate) fn render(query: &Query) -> Rendered {
    let mut out = Rendered::new();
    let columns: Vec<_> = query.table.all_columns().map(|column| column.name).collect();
    out.text(&["SELECT ", &columns.join(", "), " FROM ", query.table.name, " WHERE "]);

    out.closed(&query.filter, &Scope::of(query.table));

    let sorting = query.sorting();
    if let Some(after) = &query.after {
        let beyond = if query.descending { ") < (" } else { ") > (" };
        out.text(&[" AND (", &sorting.join(", "), beyond]);
        out.holes(&after.0);
        out.text(&[")"]);
    }
    if !is_of_one_row(query) {
        out.order(query, &sorting);
    }
    out.text(&[" LIMIT "]);
    out.hole(&Value::Int(query.limit.into()));
    out
}

/// Whether a unique index says that there is one row at most. The engine would sort it all the
/// same, or worse, go through the table in the order asked for.
fn is_of_one_row(query: &Query) -> bool {
    let parts = match &query.filter {
        Filter::All(parts) => &parts[..],
        part => std::slice::from_ref(part),
    };
    let is_given = |column: &&str| {
        let given = |part: &Filter| matches!(part, Filter::Eq(name, value) if name == column && *value != Value::Null);
        parts.iter().any(given)
    };
    let unique = query.table.indexes.iter().filter(|it| it.unique && it.only.is_none());
    unique.into_iter().any(|index| index.columns.iter().all(&is_given))
}

/// A table that column names stand for, inside those of the queries around it.
pub(crate) struct Scope<'s> {
    table: &'static TableDef,
    alias: Cow<'static, str>,
    outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    /// That of a query as a whole.
    pub(crate) fn of(table: &'static TableDef) -> Self {
        Self { table, alias: table.name.into(), outer: None }
    }

    /// How many scopes around this one are of the same table.
    fn depth_of(&self, table: &TableDef) -> usize {
        let here = usize::from(self.table.name == table.name);
        here + self.outer.map_or(0, |outer| outer.depth_of(table))
    }
}

impl Rendered {
    pub(crate) fn new() -> Self {
        Self { sql: String::with_capacity(512), parameters: Vec::new() }
    }

    pub(crate) fn text(&mut self, parts: &[&str]) {
        self.sql.extend(parts.iter().copied());
    }

    fn order(&mut self, query: &Query, sorting: &[&str]) {
        let direction = if query.descending { " DESC" } else { "" };
        let sorting = sorting.iter().map(|column| format!("{column}{direction}"));
        self.text(&[" ORDER BY ", &sorting.collect::<Vec<_>>().join(", ")]);
    }

    pub(crate) fn hole(&mut self, value: &Value) {
        self.parameter(Parameter::of(bound(value)));
    }

    fn parameter(&mut self, parameter: Parameter) {
        self.parameters.push(parameter);
        self.text(&["$", &self.parameters.len().to_string()]);
    }

    fn holes(&mut self, values: &[Value]) {
        for (n, value) in values.iter().enumerate() {
            self.text(&[if n > 0 { ", " } else { "" }]);
            self.hole(value);
        }
    }

    /// Bare column names stand for the innermost table: SQL looks there first.
    fn filter(&mut self, filter: &Filter, scope: &Scope<'_>) {
        match filter {
            Filter::All(all) => self.each(all, " AND ", "TRUE", scope),
            Filter::Any(any) => self.each(any, " OR ", "FALSE", scope),
            Filter::IsNull(column) | Filter::Eq(column, Value::Null) => {
                self.text(&[column, " IS NULL"]);
            }
            Filter::Eq(column, value) => {
                self.text(&[column, " = "]);
                self.hole(value);
            }
            Filter::In(column, values) => self.one_of(column, values),
            Filter::Range(column, from, to) => self.range(column, from.as_ref(), to.as_ref()),
            Filter::Prefix(column, prefix) => {
                self.text(&[column, " >= "]);
                self.hole(&Value::Text(prefix.clone().into()));
                if let Some(end) = Filter::prefix_end(prefix) {
                    self.text(&[" AND ", column, " < "]);
                    self.hole(&Value::Text(end.into()));
                }
            }
            Filter::Matches(words) => self.matches(words, scope.table),
            Filter::Exists(child, on, filter) => self.exists(child, on, filter, scope),
        }
    }

    fn each(&mut self, all: &[Filter], between: &str, none: &str, scope: &Scope<'_>) {
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

    /// The list is one parameter, so that a query has one text however long it is.
    fn one_of(&mut self, column: &str, values: &[Value]) {
        let known: Vec<_> = values.iter().filter(|value| **value != Value::Null).collect();
        let has_null = known.len() < values.len();
        let Some(first) = known.first() else {
            return match has_null {
                true => self.text(&[column, " IS NULL"]),
                false => self.text(&["FALSE"]),
            };
        };
        let kind = Parameter::of((*first).clone()).kind();
        self.text(&[if has_null { "(" } else { "" }, column, " = ANY ("]);
        self.parameter(Parameter::Many(kind, known.into_iter().map(bound).collect()));
        self.text(&[")"]);
        if has_null {
            self.text(&[" OR ", column, " IS NULL)"]);
        }
    }

    /// Nothing is at most null, and all that is not null is at least null.
    fn range(&mut self, column: &str, from: Option<&Value>, to: Option<&Value>) {
        let from = from.filter(|from| **from != Value::Null);
        if let Some(from) = from {
            self.text(&[column, " >= "]);
            self.hole(from);
        }
        if let Some(to) = to {
            self.text(&[if from.is_some() { " AND " } else { "" }, column, " <= "]);
            self.hole(to);
        }
        if from.is_none() && to.is_none() {
            self.text(&[column, " IS NOT NULL"]);
        }
    }

    /// Rows whose text has, for each word, a word that begins with it. The index keeps the
    /// beginnings of words; one that is longer is looked for in the text as well.
    fn matches(&mut self, words: &[String], table: &TableDef) {
        let search = table.text.expect("a table that is searched has a text column");
        let words = || words.iter().filter(|word| !word.is_empty());
        let begins = |word: &String| {
            let begin: String = word.chars().take(WORD_CHARS_MAX).collect();
            format!("'{}':*", begin.replace('\\', "\\\\").replace('\'', "''"))
        };
        let wanted = words().map(begins).collect::<Vec<_>>().join(" & ");
        if wanted.is_empty() {
            return self.text(&["TRUE"]);
        }
        self.text(&["search_words(", search, ") @@ "]);
        self.parameter(Parameter::One(Kind::Text, Value::Text(wanted.into())));
        self.text(&["::tsquery"]);
        for word in words().filter(|word| word.chars().nth(WORD_CHARS_MAX).is_some()) {
            self.text(&[" AND strpos(' ' || ", search, ", "]);
            self.hole(&Value::Text(format!(" {word}").into()));
            self.text(&[") > 0"]);
        }
    }

    fn exists(
        &mut self,
        child: &'static TableDef,
        on: &[(&'static str, &'static str)],
        filter: &Filter,
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
            let equals = if both { " IS NOT DISTINCT FROM " } else { " = " };
            self.text(&[&alias, ".", theirs, equals, &scope.alias, ".", ours, " AND "]);
        }
        let inner = Scope { table: child, alias, outer: Some(scope) };
        self.closed(filter, &inner);
        self.text(&[")"]);
    }

    /// A filter that stands beside others with an AND between.
    pub(crate) fn closed(&mut self, filter: &Filter, scope: &Scope<'_>) {
        let alternatives = matches!(filter, Filter::Any(_));
        let (open, close) = if alternatives { ("(", ")") } else { ("", "") };
        self.text(&[open]);
        self.filter(filter, scope);
        self.text(&[close]);
    }
}

#[cfg(test)]
mod tests {
    use parlor_core::record::Record as _;
    use parlor_core::rooms::{Participant, RoomListing, Seat};
    use parlor_core::storage::Cursor;

    use super::*;

    fn rendered(table: &'static TableDef, filter: Filter) -> (String, Vec<Parameter>) {
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
        (filter, parameters)
    }

    fn text(it: &'static str) -> Value {
        Value::Text(it.into())
    }

    #[test]
    fn every_filter_has_its_sql() {
        use Filter::{All, Any, Eq, Exists, In, IsNull, Matches, Prefix, Range};
        let seat = |more| Exists(Seat::TABLE, vec![("participant_id", "id")], Box::new(more));
        let table = [
            (All(vec![]), "TRUE"),
            (Any(vec![]), "(FALSE)"),
            (IsNull("left_at"), "left_at IS NULL"),
            (Eq("mic", text("off")), "mic = $1"),
            (Eq("left_at", Value::Null), "left_at IS NULL"),
            (In("mic", vec![]), "FALSE"),
            (In("mic", vec![text("a"), text("b"), text("c")]), "mic = ANY ($1)"),
            (In("mic", vec![Value::Null, text("a")]), "(mic = ANY ($1) OR mic IS NULL)"),
            (Range("epoch", None, None), "epoch IS NOT NULL"),
            (Range("epoch", Some(Value::Null), None), "epoch IS NOT NULL"),
            (Range("epoch", None, Some(Value::Int(2))), "epoch <= $1"),
            (
                Range("epoch", Some(Value::Int(1)), Some(Value::Int(2))),
                "epoch >= $1 AND epoch <= $2",
            ),
            (Prefix("mic", "mu".into()), "mic >= $1 AND mic < $2"),
            (Prefix("mic", "\u{10FFFF}".into()), "mic >= $1"),
            (
                Any(vec![IsNull("lost_at"), All(vec![IsNull("left_at"), IsNull("hand_seq")])]),
                "(lost_at IS NULL OR (left_at IS NULL AND hand_seq IS NULL))",
            ),
            (
                seat(Any(vec![Eq("epoch", Value::Int(1))])),
                "EXISTS (SELECT 1 FROM seat WHERE seat.participant_id = participant.id \
                 AND (epoch = $1))",
            ),
            (
                Exists(
                    Participant::TABLE,
                    vec![("room_id", "room_id"), ("removed_by", "removed_by")],
                    Box::new(IsNull("left_at")),
                ),
                "EXISTS (SELECT 1 FROM participant AS participant_1 \
                 WHERE participant_1.room_id = participant.room_id \
                 AND participant_1.removed_by IS NOT DISTINCT FROM participant.removed_by AND left_at IS NULL)",
            ),
        ];
        for (filter, expected) in table {
            let shown = format!("{filter:?}");
            assert_eq!(rendered(Participant::TABLE, filter).0, expected, "{shown}");
        }
        let long = "ä".repeat(501);
        let words = Matches(vec!["tea".into(), "ca'f\\e".into(), long.clone()]);
        let (sql, parameters) = rendered(RoomListing::TABLE, words);
        let expected = "search_words(search) @@ $1::tsquery AND strpos(' ' || search, $2) > 0";
        assert_eq!(sql, expected);
        let wanted = format!("'tea':* & 'ca''f\\\\e':* & '{}':*", "ä".repeat(500));
        let parameter = |it: String| Parameter::One(Kind::Text, Value::Text(it.into()));
        assert_eq!(parameters[..2], [parameter(wanted), parameter(format!(" {long}"))]);
    }

    #[test]
    fn a_page_goes_on_after_the_one_before() {
        let mut query = parlor_core::queries().remove(0).query;
        query.filter = Filter::Any(vec![Filter::IsNull("a"), Filter::IsNull("b")]);
        query.after = Some(Cursor(vec![Value::Int(1), text("x"), Value::Int(2)]));
        query.descending = true;
        let sql = render(&query).sql;
        let end = "WHERE (a IS NULL OR b IS NULL) AND (due_at, name, subject) < ($1, $2, $3) \
                   ORDER BY due_at DESC, name DESC, subject DESC LIMIT $4";
        assert!(sql.ends_with(end), "{sql}");
    }
}
