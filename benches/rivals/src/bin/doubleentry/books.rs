//! The ledger of a run: its accounts, what is in them to begin with, and what has to be in the end.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use doubleentry::currency::EUR;
use doubleentry::store::Store;
use doubleentry::{
    AccountHandle, AccountKind, AccountSpec, Amount, BalanceLimit, BalanceQuery, Date, Entry,
    Ledger, LedgerId, amount, date,
};

/// A ledger, and the accounts between which transfers are made.
pub(crate) struct Books<S> {
    pub(crate) ledger: Ledger<S>,
    pub(crate) wallets: Arc<[AccountHandle]>,
}

impl<S: Store> Books<S> {
    /// Opens and funds so many accounts in a store that has nothing in it yet.
    pub(crate) async fn open(store: S, accounts: u32) -> anyhow::Result<Self> {
        let ledger = Ledger::new(store, LedgerId::new("example.com/bench")?).await?;
        ensure!(ledger.head().await?.size == 1, "the database is not empty");
        ledger.declare_currency(EUR, 2, FIRST_DAY).await?;
        ledger.define_months(2026, 1..=12).await?;
        ledger.open(BANK, AccountKind::Asset, FIRST_DAY).await?;

        let mut wallets = Vec::new();
        for n in 0..accounts {
            let path = format!("Liabilities:Wallets:{n}");
            let wallet = AccountSpec::new(path, AccountKind::Liability, FIRST_DAY)
                .limit(BalanceLimit::NoDebitBalance);
            wallets.push(ledger.register(wallet).await?);
        }
        for (n, some) in wallets.chunks(FUNDED_AT_ONCE).enumerate() {
            let sum = FUNDS.checked_mul_int(some.len() as i128)?;
            let fund = Entry::new(format!("fund-{n}"), DAY).debit(BANK, sum, EUR);
            let fund = some.iter().fold(fund, |fund, wallet| fund.credit(*wallet, FUNDS, EUR));
            ledger.record(fund).await?;
        }
        Ok(Self { ledger, wallets: wallets.into() })
    }

    /// Compares every balance with the smallest amounts that each account has got, less those it
    /// has paid.
    pub(crate) async fn check(&self, moved: &[i64]) -> anyhow::Result<()> {
        let trial = self.ledger.trial_balance(&BalanceQuery::all()).await?;
        ensure!(trial.is_balanced(), "debits are not what credits are");
        let rows: HashMap<_, _> = trial.rows().iter().map(|row| (row.account, row)).collect();
        for (wallet, moved) in self.wallets.iter().zip(moved) {
            let row = rows.get(wallet).context("an account has no balance")?;
            // What is owed to its owner is on the credit side.
            let has = row.balance.net().negate().to_minor();
            let due = FUNDS.to_minor() + i128::from(*moved);
            ensure!(has == due, "{} has {has} and should have {due}", row.path);
        }
        Ok(())
    }
}

/// A draft that moves the smallest amount.
pub(crate) fn transfer(key: String, from: AccountHandle, to: AccountHandle) -> Entry {
    let smallest = amount!("0.01");
    Entry::new(key, DAY).debit(from, smallest, EUR).credit(to, smallest, EUR)
}

/// More than one account can pay in a run.
const FUNDS: Amount = amount!("10000000000.00");
/// How many accounts one entry funds. It may have 1,024 postings.
const FUNDED_AT_ONCE: usize = 500;
/// Where the funds come from.
const BANK: &str = "Assets:Bank";
const FIRST_DAY: Date = date!("2026-01-01");
/// When everything is booked.
const DAY: Date = date!("2026-06-15");
