//! How an account stood, and what moved it since.

use std::ops::{AddAssign, Range};

use serde::Serialize;

use super::series::Series;
use super::{Account, AccountId, Entry, Reads, Refusal, Side, Transfer, queries};
use crate::engine::Error;
use crate::record::Timestamp;
use crate::storage::Page;

/// What was debited and credited up to an instant, of one account or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// All that went out.
    pub debits_posted: i128,
    /// All that came in.
    pub credits_posted: i128,
    /// What was reserved to go out.
    pub debits_pending: i128,
    /// What was reserved to come in.
    pub credits_pending: i128,
}

/// What an account had and what went in and out over a period.
///
/// What it had at first and what the lines of all pages moved come to what it had at last. Of a
/// period that is not over yet, the last page tells what it has by then.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The account, as it is now.
    pub account: Account,
    /// How it stood when the period began.
    pub opening: Counters,
    /// One page of what moved it, the first one first.
    pub lines: Page<Line>,
    /// How it stood when the period ended.
    pub closing: Counters,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it did to the account, and how that stood then.
    pub entry: Entry,
    /// What it was: who was on the other side, on whose behalf, by which reference.
    pub transfer: Transfer,
}

impl Reads<'_> {
    /// How an account stood at an instant: after the last transfer that was posted by then. Before
    /// its first one, all is zero.
    ///
    /// It costs a read of one row for each halving of the account's entries.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn balance_at(
        &self,
        account: AccountId,
        at: Timestamp,
    ) -> Result<Counters, Error<Refusal>> {
        let account = self.account(account).await?;
        self.counters_at(&account, at).await
    }

    /// What an account had and what went in and out from an instant on and before another. Of a
    /// period that ends before it begins, nothing.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::BadCursor`]
    pub async fn statement(
        &self,
        account: AccountId,
        period: Range<Timestamp>,
        after: Option<&str>,
    ) -> Result<Statement, Error<Refusal>> {
        let account = self.account(account).await?;
        let numbers = self.entries_of(&account, Some(period.start), Some(period.end)).await?;
        let opening = self.counters_before(account.id, numbers.start).await?;
        let closing = self.counters_before(account.id, numbers.end).await?;
        let entries = self.page(queries::entries(account.id, &numbers), after).await?;
        let lines = Page { rows: self.lines_of(entries.rows).await?, next: entries.next };
        Ok(Statement { account, opening, lines, closing })
    }

    /// Entries with their transfers.
    pub(super) async fn lines_of(&self, entries: Vec<Entry>) -> Result<Vec<Line>, Error<Refusal>> {
        let transfers = self.transfers_of(&entries).await?;
        let mut transfers = transfers.into_iter().peekable();
        let line = |entry: Entry| {
            let transfer = transfers.next_if(|it| it.id() == entry.transfer())?;
            Some(Line { entry, transfer })
        };
        Ok(entries.into_iter().filter_map(line).collect())
    }

    /// How an account stood after the last transfer that was posted by an instant.
    pub(super) async fn counters_at(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Counters, Error<Refusal>> {
        let (all, later) = (1..account.version + 1, Timestamp(at.0.saturating_add(1)));
        let next = Series::Entries(account.id).first(self.parlor, all, later).await?;
        self.counters_before(account.id, next).await
    }

    /// How an account stood before its entry of this version.
    async fn counters_before(
        &self,
        account: AccountId,
        version: i64,
    ) -> Result<Counters, Error<Refusal>> {
        let last = queries::entries(account, &(version - 1..version)).limit(1);
        let last = self.parlor.select(&last).await?.rows.pop();
        Ok(last.map_or_else(Counters::default, |entry| entry.counters()))
    }
}

impl Line {
    /// The account on the other side.
    pub fn other_account(&self) -> AccountId {
        match self.entry.side {
            Side::Debit => self.transfer.credit_account,
            Side::Credit => self.transfer.debit_account,
        }
    }
}

impl Counters {
    /// What there is, nothing reserved taken off: what came in, less what went out.
    pub const fn balance(&self) -> i128 {
        self.credits_posted - self.debits_posted
    }

    /// Whether as much went out as came in, and as much is reserved to.
    pub const fn is_even(&self) -> bool {
        self.debits_posted == self.credits_posted && self.debits_pending == self.credits_pending
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, more: Self) {
        self.debits_posted += more.debits_posted;
        self.credits_posted += more.credits_posted;
        self.debits_pending += more.debits_pending;
        self.credits_pending += more.credits_pending;
    }
}

impl Entry {
    /// How the account stood after it.
    pub fn counters(&self) -> Counters {
        Counters {
            debits_posted: self.debits_posted.into(),
            credits_posted: self.credits_posted.into(),
            debits_pending: self.debits_pending.into(),
            credits_pending: self.credits_pending.into(),
        }
    }
}

impl Account {
    /// How it stands now.
    pub fn counters(&self) -> Counters {
        Counters {
            debits_posted: self.debits_posted.into(),
            credits_posted: self.credits_posted.into(),
            debits_pending: self.debits_pending.into(),
            credits_pending: self.credits_pending.into(),
        }
    }
}
