//! What a host may see of the ledger (Q-E1 to Q-E3): all of it.

use super::{
    Account, AccountId, Asset, AssetCode, Hold, Memo, OwnerId, Refusal, TransactionId, Transfer,
    TransferId, queries,
};
use crate::engine::{Error, Parlor};
use crate::record::{Stored, Timestamp};
use crate::storage::{PAGE_MAX, Page, Select};

/// How many rows a page has, unless [`Reads::page_size`] says otherwise.
const PAGE_ROWS: u32 = 100;

/// The reads of the ledger: [`Parlor::ledger`].
///
/// They are the host's: they take no actor and show everything. Whoever passes on what they tell
/// decides who may know it.
#[derive(Clone, Copy, Debug)]
pub struct Reads<'p> {
    pub(super) parlor: &'p Parlor,
    pub(super) page_size: u32,
}

impl Parlor {
    /// The reads of the ledger.
    pub fn ledger(&self) -> Reads<'_> {
        Reads { parlor: self, page_size: PAGE_ROWS }
    }
}

impl Reads<'_> {
    /// With pages of this many rows, held between 1 and [`PAGE_MAX`]; they have 100 otherwise.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = rows.clamp(1, PAGE_MAX);
        self
    }

    /// An asset, and where its log stands.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn asset(&self, code: AssetCode) -> Result<Asset, Error<Refusal>> {
        self.one(queries::asset(code)).await
    }

    /// Every asset, by its code.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn assets(&self, after: Option<&str>) -> Result<Page<Asset>, Error<Refusal>> {
        self.page(queries::assets(), after).await
    }

    /// An account, as it is now.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn account(&self, id: AccountId) -> Result<Account, Error<Refusal>> {
        self.one(queries::account(id)).await
    }

    /// What somebody has: their accounts, by kind and asset (Q-E1).
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn wallets(
        &self,
        owner: impl Into<OwnerId>,
        after: Option<&str>,
    ) -> Result<Page<Account>, Error<Refusal>> {
        let wallets = self.page(queries::wallets(owner.into()), after).await?;
        let ids = wallets.rows.iter().map(|wallet| wallet.account_id);
        let found = self.parlor.select(&queries::accounts_by_id(ids)).await?.rows;
        let account = |id| found.iter().find(|account| account.id == id).cloned();
        let rows = wallets.rows.iter().filter_map(|wallet| account(wallet.account_id)).collect();
        Ok(Page { rows, next: wallets.next })
    }

    /// All transfers of a transaction, in their order.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn transaction(&self, id: TransactionId) -> Result<Vec<Transfer>, Error<Refusal>> {
        let rows = self.parlor.select(&queries::transaction(id)).await?.rows;
        match rows.is_empty() {
            true => Err(Error::Refused(Refusal::NotFound)),
            false => Ok(rows),
        }
    }

    /// What a person wrote with a transaction.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when they wrote nothing, or it was erased.
    pub async fn memo(&self, id: TransactionId) -> Result<Memo, Error<Refusal>> {
        self.one(queries::memo(id)).await
    }

    /// What a transfer reserved, and what has become of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn hold(&self, id: TransferId) -> Result<Hold, Error<Refusal>> {
        self.one(queries::hold(id)).await
    }

    /// What is reserved out of an account, or everything that ever was, by state then.
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn holds(
        &self,
        account: AccountId,
        open_only: bool,
        after: Option<&str>,
    ) -> Result<Page<Hold>, Error<Refusal>> {
        let select = match open_only {
            true => queries::open_holds(account),
            false => queries::holds(account),
        };
        self.page(select, after).await
    }

    /// Open holds that are over by an instant, the first to end first (Q-E3).
    ///
    /// # Errors
    /// [`Refusal::BadCursor`]
    pub async fn holds_due(
        &self,
        by: Timestamp,
        after: Option<&str>,
    ) -> Result<Page<Hold>, Error<Refusal>> {
        self.page(queries::holds_due(by), after).await
    }

    /// One page of a list, as long as pages are.
    pub(super) async fn page<R: Stored>(
        &self,
        select: Select<R>,
        after: Option<&str>,
    ) -> Result<Page<R>, Error<Refusal>> {
        let select = select.limit(self.page_size).after(after);
        Ok(self.parlor.select(&select.map_err(|bad| Error::Refused(bad.into()))?).await?)
    }

    async fn one<R: Stored>(&self, select: Select<R>) -> Result<R, Error<Refusal>> {
        let row = self.parlor.select(&select).await?.rows.pop();
        row.ok_or(Error::Refused(Refusal::NotFound))
    }
}
