//! The ledger's rules, told as what happens in a bank, on the store in memory. What must always be
//! true of its rows is checked after every command.
#![cfg(feature = "conformance")]
#![cfg_attr(
    feature = "conformance",
    expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")
)]

mod accounts;
mod batches;
mod cap_and_close;
mod clocks;
mod edges;
mod exchange;
mod holds;
mod hostile;
mod invariants;
mod model;
mod outcomes;
mod precedence;
mod refunds;
mod returned;
mod seals;
mod steps;
mod transfers;
mod velocity;
mod walk;

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Duration;

use invariants::Books;
use parlor_core::Uuid;
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{
    Account, AccountId, AccountKind, Asset, AssetCode, Freeze, Hold, Kind, Leg, Limits,
    OpenAccount, OpenAsset, Opened, Outcome, OwnerId, Post, Receipt, Refusal, SetLimits,
    Transaction, TransactionId, TransferId,
};
use parlor_core::engine::{Command, Error};
use parlor_core::events::Actor;
use parlor_core::record::{Stored, Timestamp};
use parlor_core::storage::MemoryStore;

const COIN: AssetCode = AssetCode::of("COIN");
const GEM: AssetCode = AssetCode::of("GEM");

/// Where coins come from, and go to.
const MINT: AccountId = AccountId(Uuid::from_u128(0xa0));
const BURN: AccountId = AccountId(Uuid::from_u128(0xa1));
/// The platform's share.
const FEES: AccountId = AccountId(Uuid::from_u128(0xa2));
/// Stands in for those who cannot give back.
const DISPUTE: AccountId = AccountId(Uuid::from_u128(0xa3));
/// Two people's wallets.
const ADA: AccountId = AccountId(Uuid::from_u128(0xb1));
const BEN: AccountId = AccountId(Uuid::from_u128(0xb2));
/// Nobody's.
const NOBODY: AccountId = AccountId(Uuid::from_u128(0xff));

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A ledger with coins, and the two people who have wallets in it.
struct Bank {
    world: World<MemoryStore>,
    posted: Cell<u128>,
    /// Whether what must always be true is looked at after each command.
    checked: Cell<bool>,
}

impl Bank {
    fn open() -> Self {
        let bank = Self::empty();
        bank.done(OpenAsset::new(COIN, 2));
        bank.platform(MINT, AccountKind::Issuance);
        bank.platform(BURN, AccountKind::Burn);
        bank.platform(FEES, AccountKind::Fees);
        bank.platform(DISPUTE, AccountKind::Dispute);
        bank.wallet(ADA, 1);
        bank.wallet(BEN, 2);
        bank
    }

    /// Without any asset.
    fn empty() -> Self {
        let world = World::new(MemoryStore::new());
        Self { world, posted: Cell::new(0x1_0000), checked: Cell::new(true) }
    }

    /// Opens an account of the platform's.
    fn platform(&self, id: AccountId, kind: AccountKind) {
        let open = OpenAccount { id: Some(id), ..OpenAccount::platform(COIN, kind) };
        assert_eq!(self.done(open), Opened { account: id, new: true });
    }

    /// Opens the wallet of the person with this number.
    fn wallet(&self, id: AccountId, owner: u128) {
        let open = OpenAccount { id: Some(id), ..OpenAccount::wallet(COIN, owner_id(owner)) };
        assert_eq!(self.done(open), Opened { account: id, new: true });
    }

    /// Runs a command as the host.
    fn run<C: Command>(&self, command: C) -> Result<C::Output, C::Refusal> {
        let answer = match block_on(self.world.parlor.execute(Actor::HOST, command)) {
            Ok(output) => Ok(output),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        };
        if self.checked.get() {
            Books::read(&self.world).check();
        }
        answer
    }

    /// Runs a command that ends well.
    fn done<C: Command>(&self, command: C) -> C::Output {
        self.run(command).unwrap()
    }

    /// The refusal of a command that is refused.
    fn refused<C: Command<Output: Debug>>(&self, command: C) -> C::Refusal {
        self.run(command).expect_err("it is refused")
    }

    /// A transaction under an id that no other has.
    fn tx(&self) -> Transaction {
        self.posted.set(self.posted.get() + 1);
        Transaction::new(tx_id(self.posted.get()), Kind::of("tip"))
    }

    fn post(&self, transaction: &Transaction) -> Result<Outcome, Refusal> {
        self.run(Post(transaction.clone()))
    }

    /// Posts what is good, for the first time.
    fn posted(&self, transaction: &Transaction) -> Receipt {
        match self.post(transaction) {
            Ok(Outcome::Posted(receipt)) => receipt,
            other => panic!("{other:?} instead of posting {transaction:?}"),
        }
    }

    /// Posts one leg under an id of its own.
    fn leg(&self, leg: Leg) -> Result<TransferId, Refusal> {
        let tx = self.tx().leg(leg);
        self.post(&tx).map(|_| tx.transfer(0))
    }

    fn pay(&self, from: AccountId, to: AccountId, amount: i64) -> Result<TransferId, Refusal> {
        self.leg(Leg::transfer(COIN, from, to, amount))
    }

    /// Issues coins to an account.
    fn give(&self, to: AccountId, amount: i64) {
        self.pay(MINT, to, amount).unwrap();
    }

    /// Reserves coins; gives the leg, which captures and voids are made of, and the hold.
    fn hold(
        &self,
        from: AccountId,
        to: AccountId,
        amount: i64,
        time: Duration,
    ) -> (Leg, TransferId) {
        let leg = Leg::hold(COIN, from, to, amount, Some(time));
        let hold = self.leg(leg.clone()).unwrap();
        (leg, hold)
    }

    fn limit(&self, account: AccountId, limits: Limits) {
        self.done(SetLimits { account, limits });
    }

    fn freeze(&self, account: AccountId, incoming: bool, outgoing: bool) {
        self.done(Freeze { account, incoming, outgoing });
    }

    /// Lets time pass; no timer runs by itself.
    fn wait(&self, time: Duration) {
        self.world.clock.advance(time);
    }

    fn now(&self) -> Timestamp {
        self.world.parlor.now()
    }

    /// Runs what is due, and says how much that was.
    fn tick(&self) -> usize {
        let ran = block_on(self.world.parlor.tick(self.now())).unwrap();
        Books::read(&self.world).check();
        ran
    }

    fn row<R: Stored<Key: 'static>>(&self, key: R::Key) -> R {
        self.world.held::<R>(key).unwrap()
    }

    fn account(&self, id: AccountId) -> Account {
        self.row(id)
    }

    /// What the accounts have, and what is reserved to go out and to come in.
    fn stands<const N: usize>(&self, accounts: [AccountId; N]) -> [(i64, i64, i64); N] {
        accounts.map(|id| {
            let it = self.account(id);
            (i64::try_from(it.balance()).unwrap(), it.debits_pending, it.credits_pending)
        })
    }

    fn has<const N: usize>(&self, accounts: [AccountId; N]) -> [i64; N] {
        self.stands(accounts).map(|(balance, ..)| balance)
    }

    fn held(&self, hold: TransferId) -> Hold {
        self.row(hold.key())
    }

    fn asset(&self) -> Asset {
        self.row(COIN)
    }

    /// Runs a command that is refused and leaves no trace but what is remembered of it.
    fn refused_without_trace<C: Command<Output: Debug>>(&self, command: C) -> C::Refusal {
        let before = (Books::read(&self.world), self.world.feed().len());
        let refusal = self.refused(command);
        let after = (Books::read(&self.world), self.world.feed().len());
        before.0.assert_same(&after.0);
        assert_eq!(before.1, after.1, "a refusal was announced");
        refusal
    }
}

fn owner_id(n: u128) -> OwnerId {
    OwnerId(Uuid::from_u128(n))
}

fn tx_id(n: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(n))
}

fn account_id(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

/// Nothing goes below zero.
fn floor() -> Limits {
    Limits::wallet()
}
