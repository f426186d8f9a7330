use std::sync::Arc;
use std::time::Duration;

use super::by_key::{by_key, sorted};
use super::{Changeset, Held, Lock, Missing, Need, Run, StoreError, Work};
use crate::events::Emitted;
use crate::tables::{Key, Row};

/// How often a decision may ask for more rows in its turn; and how often while others go first.
pub const ROUNDS_MAX: u8 = 8;

/// How many works a round has after one whose needs could not be learnt while it waited.
const NARROW: usize = 16;

/// How often a work may lose an insert race in company before it is run alone, and how often
/// alone before it fails.
const RACES_MAX: u8 = 3;

/// How long a decision may take, on average of its batch.
pub const DECISION_MAX: Duration = Duration::from_millis(1);

/// What to lock and read, each key once, in the order to do it.
pub type Locks = Vec<(Key, Lock)>;

/// One row of a resolved round.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// The row was absent. Absent rows cannot be locked, so this may lose a race.
    Insert(Row),
    /// The row was there.
    Update(Row),
    /// The row was there, and only its hot columns change.
    UpdateHot(Row),
}

impl Write {
    /// The row to write.
    pub fn row(&self) -> &Row {
        match self {
            Self::Insert(row) | Self::Update(row) | Self::UpdateHot(row) => row,
        }
    }
}

/// What one round of a plan wants written, in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// Rows to insert or update, in table order, then key order.
    pub writes: Vec<Write>,
    /// Rows to delete afterwards, in reverse order.
    pub deletes: Vec<Key>,
    /// Events to append to the feed, in order.
    pub events: Vec<Emitted>,
}

impl Resolved {
    /// Nothing is to be written, so there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.deletes.is_empty() && self.events.is_empty()
    }

    /// The row under a key as it will be: `None` when it is not written, `Some(None)` when it is
    /// deleted.
    pub fn row(&self, key: &Key) -> Option<Option<&Row>> {
        let written = self.writes.binary_search_by(|write| write.row().key().cmp(key));
        let written = written.ok().map(|at| Some(self.writes[at].row()));
        written.or_else(|| {
            let deleted = self.deletes.binary_search_by(|deleted| key.cmp(deleted));
            deleted.is_ok().then_some(None)
        })
    }
}

/// Why a round was rolled back.
#[derive(Clone, Debug)]
pub enum Rollback {
    /// A primary key was inserted by somebody else first.
    Race,
    /// The store was in trouble of its own, such as a lost connection. No work is to blame, and the
    /// store itself bounds how often it tries.
    Again,
    /// The store's own rules forbid something in the round.
    Rejected(Arc<str>),
}

/// A batch on its way into a store, with a ticket for each work's reply.
///
/// Sans-IO, and the only place where batches are decided. A store's loop is: [`admit`](Self::admit)
/// what waits, [`locks`](Self::locks), lock and read them, [`resolve`](Self::resolve), write and
/// commit, then hand out what has [`settled`](Self::settled); after a rollback
/// [`reopen`](Self::reopen), after a failure [`abandon`](Self::abandon). A round that settles some
/// works leaves the first one that asked for more rows to the next round, those after it, and
/// whatever is admitted by then.
///
/// A store that can do two things at once goes on before the commit: [`unfinished`] works are another
/// plan, whose round is resolved on what the first one [will leave](Resolved::row). If the commit
/// fails, that round is reopened too.
///
/// After a round that cannot be committed as a whole, its works are run one by one, so that only
/// the culprit fails.
///
/// [`unfinished`]: Self::unfinished
#[derive(Debug)]
pub struct Plan<T> {
    jobs: Vec<Job<T>>,
    /// The next round has few works: what they need depends on what those before them write, so that
    /// many would be read and run in vain.
    is_narrow: bool,
}

#[derive(Debug)]
struct Job<T> {
    work: Work,
    ticket: T,
    needs: Vec<Need>,
    rounds: u8,
    /// How often it asked while others went first.
    learnt: u8,
    /// When it was run last while others went first, it asked for nothing more.
    seemed_ready: bool,
    races: u8,
    /// To be run alone, because a round it was in failed.
    alone: bool,
    /// It is part of the round that `locks` opened last.
    in_round: bool,
    verdict: Option<Result<(), StoreError>>,
}

impl<T> Default for Plan<T> {
    fn default() -> Self {
        Self { jobs: Vec::new(), is_narrow: false }
    }
}

impl<T> Plan<T> {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no work is left.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many works are left.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Takes a work in, and learns what it needs by running it on nothing. One that ends without
    /// touching a row, such as a refusal of malformed input, is settled at once.
    pub fn admit(&mut self, work: Work, ticket: T) {
        let mut job = Job {
            work,
            ticket,
            needs: Vec::new(),
            rounds: 0,
            learnt: 0,
            seemed_ready: false,
            races: 0,
            alone: false,
            in_round: false,
            verdict: None,
        };
        match job.work.learned() {
            Ok((Run::Missing(missing), _)) => job.ask_in_turn(missing),
            Ok((Run::Done | Run::Refused, changes)) if changes == Changeset::default() => {
                job.verdict = Some(Ok(()));
            }
            Ok((Run::Done | Run::Refused, _)) => {}
            Err(panic) => job.verdict = Some(Err(panic)),
        }
        self.jobs.push(job);
    }

    /// Opens a round and says what to lock and read for it, in lock order. Every table is locked
    /// in one mode, the strongest anyone asked for: mixed modes in one statement deadlock.
    pub fn locks(&mut self) -> Locks {
        let alone = self.jobs.iter().position(|job| job.verdict.is_none() && job.alone);
        let mut room = if self.is_narrow { NARROW } else { usize::MAX };
        for (n, job) in self.jobs.iter_mut().enumerate() {
            let is_open = job.verdict.is_none() && alone.is_none_or(|alone| alone == n);
            job.in_round = is_open && room > 0;
            room -= usize::from(job.in_round);
        }
        let needs = || self.jobs.iter().filter(|job| job.in_round).flat_map(|job| &job.needs);

        let mut owned = vec![false; crate::tables::TABLES.len()];
        for (key, lock) in needs() {
            owned[key.table_index()] |= *lock == Lock::Own;
        }
        let mode = |key: &Key| if owned[key.table_index()] { Lock::Own } else { Lock::Share };
        let mut locks = by_key();
        locks.extend(needs().map(|(key, _)| (key.clone(), mode(key))));
        sorted(locks)
    }

    /// Runs the round's works in turn, each on what the ones before it left. Touches nothing but
    /// memory.
    ///
    /// Once one asks for more rows, those after it wait for it: what becomes of works does not depend
    /// on which of them a store takes together. They are run all the same, to learn what they need; and
    /// whoever panics then has panicked.
    pub fn resolve(&mut self, held: &Held) -> Resolved {
        let mut after = by_key();
        let mut events = Vec::new();
        let mut in_turn = true;
        self.is_narrow = false;
        for job in self.jobs.iter_mut().filter(|job| job.in_round) {
            match job.work.run(held, &after) {
                Ok((Run::Missing(missing), _)) if in_turn => {
                    self.is_narrow |= job.seemed_ready;
                    job.ask_in_turn(missing);
                    in_turn = job.verdict.is_some();
                }
                Ok((Run::Missing(missing), _)) => job.ask_ahead(missing),
                // It is run again on what those before it leave.
                Ok(_) if !in_turn => job.seemed_ready = true,
                Ok((Run::Done | Run::Refused, changes)) => {
                    let stamped = changes.events.into_iter().enumerate();
                    events.extend(stamped.map(|(n, event)| job.work.ctx.stamp(n, event)));
                    after.extend(changes.writes);
                    job.verdict = Some(Ok(()));
                }
                Err(panic) => job.verdict = Some(Err(panic)),
            }
        }
        let mut resolved = Resolved { events, ..Resolved::default() };
        for (key, row) in sorted(after) {
            match (held.row(&key).flatten(), row) {
                (None, Some(row)) => resolved.writes.push(Write::Insert(row)),
                (Some(before), Some(row)) if *before == row => {}
                (Some(before), Some(row)) if row.differs_in_hot_only(before) => {
                    resolved.writes.push(Write::UpdateHot(row));
                }
                (Some(_), Some(row)) => resolved.writes.push(Write::Update(row)),
                (Some(_), None) => resolved.deletes.push(key),
                (None, None) => {}
            }
        }
        resolved.deletes.reverse();
        resolved
    }

    /// Hears how long [`resolve`](Self::resolve) took, from a store that has a clock, and warns when
    /// it was more than [`DECISION_MAX`] a work: everybody waits for the decisions of a batch, and
    /// the locks of all are held meanwhile.
    pub fn decided_in(&self, took: Duration) {
        let works = self.jobs.iter().filter(|job| job.in_round).count();
        if took > DECISION_MAX * u32::try_from(works).unwrap_or(u32::MAX) {
            tracing::warn!(
                works,
                ?took,
                "decisions are slow: nothing that computes belongs in them"
            );
        }
    }

    /// Takes the works that are not settled into a plan of their own, in the same order.
    #[must_use]
    pub fn unfinished(&mut self) -> Self {
        let (unfinished, finished) =
            std::mem::take(&mut self.jobs).into_iter().partition(|job| job.verdict.is_none());
        self.jobs = finished;
        Self { jobs: unfinished, is_narrow: self.is_narrow }
    }

    /// The works the round has finished, to be answered. To be called once its transaction is
    /// durable, and before another round is opened: a later round's failure is not theirs.
    pub fn settled(&mut self) -> Vec<(T, Result<(), StoreError>)> {
        self.take(|job| job.verdict.is_some())
    }

    /// To be called instead of [`settled`](Self::settled) when the round was rolled back and may
    /// be tried again. Bounded: a work that keeps failing alone is settled with an error.
    pub fn reopen(&mut self, cause: &Rollback) {
        for job in self.jobs.iter_mut().filter(|job| job.in_round) {
            // What panicked is not run again: it may have broken what it captured.
            if matches!(job.verdict, Some(Err(_))) {
                continue;
            }
            job.verdict = None;
            match cause {
                Rollback::Again => {}
                Rollback::Race => {
                    job.races = job.races.saturating_add(1);
                    if job.races > 2 * RACES_MAX {
                        job.verdict =
                            Some(Err(StoreError::Rejected("a race that never ends".into())));
                    }
                    job.alone |= job.races >= RACES_MAX;
                }
                Rollback::Rejected(why) if job.alone => {
                    job.verdict = Some(Err(StoreError::Rejected(why.clone())));
                }
                Rollback::Rejected(_) => job.alone = true,
            }
        }
    }

    /// The works of the round, to be answered with a failure of the store itself.
    pub fn abandon(&mut self) -> Vec<T> {
        self.take(|job| job.in_round).into_iter().map(|(ticket, _)| ticket).collect()
    }

    fn take(&mut self, which: impl Fn(&Job<T>) -> bool) -> Vec<(T, Result<(), StoreError>)> {
        let (taken, left) = std::mem::take(&mut self.jobs).into_iter().partition(which);
        self.jobs = left;
        let taken: Vec<Job<T>> = taken;
        // The work goes first: should what it captured panic in being dropped, the ticket is dropped
        // too, and whoever waits hears of it.
        let answer = |Job { work, ticket, verdict, .. }| {
            drop::<Work>(work);
            (ticket, verdict.unwrap_or(Ok(())))
        };
        taken.into_iter().map(answer).collect()
    }
}

impl<T> Job<T> {
    /// Not for ever: those after it wait.
    fn ask_in_turn(&mut self, missing: Missing) {
        self.rounds += 1;
        match self.rounds > ROUNDS_MAX {
            true => self.verdict = Some(Err(StoreError::Rounds(ROUNDS_MAX))),
            false => self.ask(missing),
        }
    }

    /// While others go first. What it does not learn then it asks for in its turn.
    fn ask_ahead(&mut self, missing: Missing) {
        self.seemed_ready = false;
        if self.learnt < ROUNDS_MAX {
            self.learnt += 1;
            self.ask(missing);
        }
    }

    fn ask(&mut self, Missing(needs): Missing) {
        for (key, lock) in needs {
            match self.needs.iter_mut().find(|(asked, _)| *asked == key) {
                Some((_, mode)) => *mode = lock.max(*mode),
                None => self.needs.push((key, lock)),
            }
        }
    }
}
