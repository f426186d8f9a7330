use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use super::fault::Fault;
use super::{
    Aggregate, Filter, Group, Held, Lock, Measure, Plan, Query, Resolved, Rollback, Store,
    StoreError, Work, Write,
};
use crate::events::{Envelope, Position};
use crate::record::{Only, TableDef, Timestamp, Value};
use crate::tables::{Key, Row};

/// The reference store: the four steps with nothing in between. What it answers is what every
/// other store must answer. It forgets all when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Key, Row>,
    /// What the unique indexes hold.
    unique: BTreeSet<Entry>,
    feed: Vec<Envelope>,
    waiting: Vec<Waker>,
    /// What is wrong with it, for the suite to see.
    fault: Option<Fault>,
    /// Rows as they were before they were last written, kept by a store that is wrong.
    stale: BTreeMap<Key, Option<Row>>,
    /// What the last changeset inserted, kept by a store that is wrong.
    latest: BTreeSet<Key>,
    /// What it has forgotten to delete.
    undeleted: BTreeSet<Key>,
}

/// One entry of a unique index: its name and values.
type Entry = (&'static str, Vec<Value>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that is wrong in one way.
    #[cfg(feature = "conformance")]
    pub fn faulty(fault: Fault) -> Self {
        let state = State { fault: Some(fault), ..State::default() };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn round(&self, plan: &mut Plan<()>, again: &mut bool) {
        let locks = plan.locks();
        let mut state = self.state();
        let mut held = Held::new();
        for (key, lock) in locks {
            let row = state.read(&key, lock);
            held.insert(key, lock, row);
        }
        let resolved = state.spoil(plan.resolve(&held));
        match state.apply(resolved) {
            Ok(()) if std::mem::take(again) => plan.reopen(&Rollback::Race),
            Ok(()) => {}
            Err(why) => plan.reopen(&Rollback::Rejected(why.into())),
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        let mut plan = Plan::new();
        let (keeps, mut again) = {
            let state = self.state();
            (state.has(Fault::KeptRefusal), state.has(Fault::AppliedTwice))
        };
        plan.admit(if keeps { work.never_refused() } else { work }, ());
        loop {
            if let Some(((), verdict)) = plan.settled().pop() {
                return verdict;
            }
            self.round(&mut plan, &mut again);
        }
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let state = self.state();
        let mut sorting: Vec<usize> =
            query.sorting().into_iter().map(|column| position(query.table, column)).collect();
        if state.has(Fault::IgnoredOrder) {
            sorting = (0..query.table.key.len()).collect();
        }
        let all = Filter::All(Vec::new());
        let filter = if state.has(Fault::IgnoredFilter) { &all } else { &query.filter };
        let limit = query.limit as usize + usize::from(state.has(Fault::IgnoredLimit));
        let mut found: Vec<(Vec<Value>, &Row)> = state
            .rows_of(query.table)
            .filter(|(values, row)| !state.is_late(row) && state.fits(filter, query.table, values))
            .map(|(values, row)| (sorting.iter().map(|&at| values[at].clone()).collect(), row))
            .collect();
        found.sort_by(|a, b| if query.descending { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) });
        let beyond = |sorting: &Vec<Value>| match &query.after {
            None => true,
            Some(after) if *sorting == after.0 => state.has(Fault::RepeatedRow),
            Some(after) if query.descending => *sorting < after.0,
            Some(after) => *sorting > after.0,
        };
        let page = found.into_iter().filter(|(sorting, _)| beyond(sorting));
        let skipped = usize::from(query.after.is_some() && state.has(Fault::SkippedRow));
        Ok(page.skip(skipped).take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        let state = self.state();
        let table = aggregate.table;
        let mut groups: BTreeMap<Vec<Value>, Vec<Vec<Value>>> = BTreeMap::new();
        if aggregate.by.is_empty() && aggregate.bucket.is_none() {
            groups.insert(Vec::new(), Vec::new());
        }
        for (values, _) in state.rows_of(table) {
            if state.fits(&aggregate.filter, table, &values) {
                groups.entry(state.group_key(aggregate, &values)).or_default().push(values);
            }
        }
        let groups = groups.into_iter().take(aggregate.limit as usize);
        let measured = groups.map(|(mut key, rows)| {
            let measures = aggregate.measures.iter().map(|it| {
                let column = it.column().map(|column| position(table, column));
                state
                    .measure(it, rows.len(), rows.iter().filter_map(|row| row.get(column?)))
                    .ok_or(StoreError::Overflow(aggregate.name))
            });
            let measures = measures.collect::<Result<_, _>>()?;
            if let (Some(bucket), Some(Value::Int(number))) = (aggregate.bucket, key.last()) {
                let start = Value::Time(bucket.start(*number));
                key.pop();
                key.push(start);
            }
            Ok(Group { key, measures })
        });
        measured.collect()
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let state = self.state();
        let first = state.feed.partition_point(|envelope| envelope.position <= after);
        let skipped = after > Position::START && state.has(Fault::SkippedEvent);
        let feed = state.feed[first..].iter().skip(usize::from(skipped));
        Ok(feed.take(limit).cloned().collect())
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.feed.last().is_some_and(|last| last.position > after) {
                return Poll::Ready(Ok(()));
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl State {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The row under a key, as a decision is to see it.
    fn read(&self, key: &Key, lock: Lock) -> Option<Row> {
        let row = self.rows.get(key).cloned();
        let Some(stale) = self.stale.get(key) else { return row };
        let is_stale = match self.fault {
            Some(Fault::LostUpdate) => true,
            Some(Fault::UnlockedShare) => lock == Lock::Share,
            Some(Fault::UnguardedAbsence) => {
                lock == Lock::Share && key.guard().is_some() && stale.is_none()
            }
            _ => false,
        };
        if is_stale { stale.clone() } else { row }
    }

    /// What a wrong store makes of what it is to write.
    fn spoil(&mut self, mut resolved: Resolved) -> Resolved {
        match self.fault {
            Some(Fault::TornChangeset) => resolved.writes.truncate(1),
            Some(Fault::LostEvent) => drop(resolved.events.pop()),
            Some(Fault::DoubledEvent) => resolved.events.extend(resolved.events.last().cloned()),
            Some(Fault::ReversedEvents) => resolved.events.reverse(),
            Some(Fault::CutTime) => {
                resolved.events.iter_mut().for_each(|it| it.at = cut(it.at));
            }
            Some(Fault::LostOutcome) => {
                resolved.writes.retain(|it| !matches!(it.row(), Row::Idempotency(_)));
            }
            Some(Fault::LostRejection) => {
                resolved.writes.retain(|it| !matches!(it.row(), Row::Rejection(_)));
            }
            Some(Fault::LostDelete) => {
                resolved.deletes.retain(|key| !self.undeleted.insert(key.clone()));
            }
            _ => {}
        }
        resolved
    }

    /// A row that a reader does not see yet.
    fn is_late(&self, row: &Row) -> bool {
        self.has(Fault::LateRead) && self.latest.contains(&row.key())
    }

    /// All or nothing: what the unique indexes forbid is found before anything is written.
    fn apply(&mut self, resolved: Resolved) -> Result<(), String> {
        self.reindex(&resolved)?;
        if self.fault.is_some() {
            let inserted = resolved.writes.iter().map(|it| it.row().key());
            self.latest = inserted.filter(|key| !self.rows.contains_key(key)).collect();
        }
        for write in resolved.writes {
            match write {
                Write::Insert(row) | Write::Update(row) | Write::UpdateHot(row) => {
                    self.set(row.key(), Some(row));
                }
            }
        }
        for key in resolved.deletes {
            self.set(key, None);
        }
        for emitted in resolved.events {
            let position = Position(self.feed.len() as i64 + 1);
            self.feed.push(Envelope { position, emitted });
        }
        self.waiting.drain(..).for_each(Waker::wake);
        Ok(())
    }

    fn set(&mut self, key: Key, row: Option<Row>) {
        let before = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        if self.fault.is_some() {
            self.stale.insert(key, before);
        }
    }

    fn reindex(&mut self, resolved: &Resolved) -> Result<(), String> {
        let written = resolved.writes.iter().map(|write| write.row().key());
        let before = written.chain(resolved.deletes.iter().cloned());
        let released: Vec<Entry> =
            before.filter_map(|key| self.rows.get(&key)).flat_map(unique_entries).collect();
        let released = if self.has(Fault::UnreleasedIndex) { Vec::new() } else { released };
        let mut claimed = BTreeSet::new();
        for row in resolved.writes.iter().map(Write::row) {
            for entry in unique_entries(row) {
                let taken = self.unique.contains(&entry) && !released.contains(&entry);
                let violated = taken || claimed.contains(&entry);
                if violated && !self.has(Fault::UnenforcedIndex) {
                    return Err(format!("unique index {}", entry.0));
                }
                claimed.insert(entry);
            }
        }
        self.unique.retain(|entry| !released.contains(entry));
        self.unique.extend(claimed);
        Ok(())
    }

    /// The key of a row's group, with the number of its bucket.
    fn group_key(&self, aggregate: &Aggregate, row: &[Value]) -> Vec<Value> {
        let value = |column: &&'static str| row[position(aggregate.table, column)].clone();
        let mut key: Vec<Value> = aggregate.by.iter().map(value).collect();
        key.extend(aggregate.bucket.map(|bucket| match value(&bucket.column) {
            Value::Time(at) if self.has(Fault::TruncatedBucket) => {
                Value::Int(at.0 / bucket.width_us)
            }
            Value::Time(at) => Value::Int(bucket.number(at)),
            other => other,
        }));
        key
    }

    /// What is measured of a column in a group of rows; `None` when it does not fit.
    fn measure<'v>(
        &self,
        measure: &Measure,
        rows: usize,
        column: impl Iterator<Item = &'v Value>,
    ) -> Option<Value> {
        let all = self.has(Fault::MeasuredEmpty);
        let known = column.filter(|value| all || **value != Value::Null);
        let int = |n: usize| i64::try_from(n).ok().map(Value::Int);
        match measure {
            Measure::Rows => int(rows),
            Measure::Count(_) => int(known.count()),
            Measure::Distinct(_) => int(known.collect::<BTreeSet<_>>().len()),
            Measure::Min(_) => Some(known.min().cloned().unwrap_or(Value::Null)),
            Measure::Max(_) => Some(known.max().cloned().unwrap_or(Value::Null)),
            Measure::Sum(_) => {
                let number = |value: &Value| match value {
                    Value::Int(it) => i128::from(*it),
                    Value::Null => 0,
                    other => unreachable!("only whole numbers are added up: {other:?}"),
                };
                let sum = known.map(number).sum::<i128>();
                match self.has(Fault::WrappedSum) {
                    true => Some(Value::Int(sum as i64)),
                    false => i64::try_from(sum).ok().map(Value::Int),
                }
            }
        }
    }

    fn rows_of(&self, table: &'static TableDef) -> impl Iterator<Item = (Vec<Value>, &Row)> {
        let rows = self.rows.values().filter(move |row| row.table().name == table.name);
        rows.map(|row| (all_values(row), row))
    }

    fn fits(&self, filter: &Filter, table: &'static TableDef, values: &[Value]) -> bool {
        let value = |column: &str| &values[position(table, column)];
        match filter {
            Filter::All(all) => all.iter().all(|filter| self.fits(filter, table, values)),
            Filter::Any(any) => any.iter().any(|filter| self.fits(filter, table, values)),
            Filter::Eq(column, wanted) => value(column) == wanted,
            Filter::In(column, wanted) => wanted.contains(value(column)),
            Filter::Range(column, from, to) => {
                let it = value(column);
                *it != Value::Null
                    && from.as_ref().is_none_or(|from| it >= from)
                    && to.as_ref().is_none_or(|to| it <= to)
            }
            Filter::Prefix(column, prefix) if self.has(Fault::FoldedCase) => {
                let folded = prefix.to_lowercase();
                matches!(value(column), Value::Text(text) if text.to_lowercase().starts_with(&folded))
            }
            Filter::Prefix(column, prefix) => {
                matches!(value(column), Value::Text(text) if text.starts_with(prefix.as_str()))
            }
            Filter::Matches(words) => {
                let column = table.text.expect("only tables with a text column are searched");
                let Value::Text(text) = value(column) else { return false };
                let begins = |it: &str, word: &str| match self.fault {
                    Some(Fault::WholeWords) => it == word,
                    _ => it.starts_with(word),
                };
                words.iter().all(|word| text.split(' ').any(|it| begins(it, word)))
            }
            Filter::IsNull(column) => *value(column) == Value::Null,
            Filter::Exists(child, on, filter) => self.rows_of(child).any(|(row, _)| {
                let related =
                    |(theirs, ours): &(&str, &str)| row[position(child, theirs)] == *value(ours);
                (self.has(Fault::UnrelatedChildren) || on.iter().all(related))
                    && self.fits(filter, child, &row)
            }),
        }
    }
}

/// Whole milliseconds.
fn cut(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}

fn all_values(row: &Row) -> Vec<Value> {
    let mut values = row.key().values();
    values.extend(row.values());
    values
}

fn position(table: &TableDef, column: &str) -> usize {
    table.position(column).expect("queries name columns of their table")
}

fn unique_entries(row: &Row) -> Vec<Entry> {
    let (table, values) = (row.table(), all_values(row));
    let at = |column: &&str| values[position(table, column)].clone();
    let is_null = |column: &str| values[position(table, column)] == Value::Null;
    let applies = |only: Option<Only>| match only {
        None => true,
        Some(Only::Null(column)) => is_null(column),
        Some(Only::NotNull(column)) => !is_null(column),
    };
    let indexes = table.indexes.iter().filter(|index| index.unique && applies(index.only));
    let entries =
        indexes.map(|index| (index.name, index.columns.iter().map(at).collect::<Vec<_>>()));
    entries.filter(|(_, values)| !values.contains(&Value::Null)).collect()
}
