//! The audit is right while commands go on: between any two of its reads, something happens.
#![cfg(feature = "conformance")]
#![cfg_attr(
    feature = "conformance",
    expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use parlor_core::Uuid;
use parlor_core::conformance::{ManualClock, SeededEntropy, World, block_on};
use parlor_core::economy::ledger::{
    AccountId, AccountKind, AssetCode, Audit, Close, ClosePeriod, EraseMemo, Freeze, Kind, Leg,
    Limits, OpenAccount, OpenAsset, OwnerId, Post, Refund, Refusal, Reopen, Rest, SetLimits,
    Transaction, TransactionId, TransferId, VelocityRule,
};
use parlor_core::engine::{Command, Error, Parlor, Settings};
use parlor_core::events::{Actor, Envelope, Position};
use parlor_core::storage::{Aggregate, Group, MemoryStore, Query, Store, StoreError, Work};
use parlor_core::tables::Row;

const COIN: AssetCode = AssetCode::of("COIN");
const MINT: AccountId = AccountId(Uuid::from_u128(1));
const FEES: AccountId = AccountId(Uuid::from_u128(2));
const ADA: AccountId = AccountId(Uuid::from_u128(3));
const BEN: AccountId = AccountId(Uuid::from_u128(4));
const SECOND: Duration = Duration::from_secs(1);

/// What somebody does before the n-th read.
type Act = Box<dyn FnMut(usize) + Send>;

/// A store in which somebody does something before each read.
struct Busy {
    store: Arc<MemoryStore>,
    reads: AtomicUsize,
    before_read: Mutex<Option<Act>>,
}

impl Busy {
    fn read(&self) {
        let n = self.reads.fetch_add(1, Ordering::SeqCst);
        if let Some(act) = self.before_read.lock().unwrap().as_mut() {
            act(n);
        }
    }
}

#[async_trait]
impl Store for Busy {
    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        self.store.submit(work).await
    }

    async fn select(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.read();
        self.store.select(query).await
    }

    async fn aggregate(&self, aggregate: &Aggregate) -> Result<Vec<Group>, StoreError> {
        self.read();
        self.store.aggregate(aggregate).await
    }

    async fn events(&self, after: Position, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn wait(&self, after: Position) -> Result<(), StoreError> {
        self.store.wait(after).await
    }
}

/// A bank in which everything goes on, one step after the other.
struct Bank {
    world: World<MemoryStore>,
    steps: u128,
}

impl Bank {
    fn open() -> Self {
        let bank = Self { world: World::new(MemoryStore::new()), steps: 0 };
        bank.does(OpenAsset { supply_cap: Some(1 << 40), ..OpenAsset::new(COIN, 2) });
        for (id, kind) in [(MINT, AccountKind::Issuance), (FEES, AccountKind::Fees)] {
            bank.does(OpenAccount { id: Some(id), ..OpenAccount::platform(COIN, kind) });
        }
        for id in [ADA, BEN] {
            let owner = OwnerId(Uuid::from_u128(100 + id.0.as_u128()));
            bank.does(OpenAccount { id: Some(id), ..OpenAccount::wallet(COIN, owner) });
        }
        let rule = VelocityRule {
            name: Kind::of("day"),
            window: 60 * SECOND,
            count_max: None,
            sum_max: Some(1 << 40),
        };
        bank.does(SetLimits {
            account: ADA,
            limits: Limits { velocity: vec![rule], ..Limits::wallet() },
        });
        bank
    }

    /// What is refused for how things stand may be.
    fn does<C: Command<Refusal = Refusal>>(&self, command: C) {
        match block_on(self.world.parlor.execute(Actor::HOST, command)) {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn post(&self, id: TransactionId, legs: impl IntoIterator<Item = Leg>) {
        let mut transaction = Transaction::new(id, Kind::of("any"));
        transaction.legs = legs.into_iter().collect();
        transaction.memo = Some("Well sung!".into());
        self.does(Post(transaction));
    }

    /// A payment, a hold, captures of it, refunds, a wallet that is opened, filled, and closed, and
    /// an asset that is.
    fn step(&mut self) {
        let n = self.steps;
        self.steps += 1;
        let round = n / 13;
        let id = |k: u128| TransactionId(Uuid::from_u128(1_000 + round * 20 + k));
        let hold = Leg::hold(COIN, ADA, BEN, 10, Some(30 * SECOND));
        let held = TransferId { transaction: id(2), leg: 0 };
        let new = AccountId(Uuid::from_u128(1 << 32 | round));
        let owner = OwnerId(Uuid::from_u128(1 << 33 | round));
        let pay = |from, to, amount| Leg::transfer(COIN, from, to, amount);
        match n % 13 {
            0 => self.post(id(0), [pay(MINT, ADA, 100), pay(ADA, FEES, 3), pay(ADA, BEN, 5)]),
            1 => self.does(OpenAccount { id: Some(new), ..OpenAccount::wallet(COIN, owner) }),
            2 => self.post(id(2), [hold, pay(MINT, new, 7)]),
            3 => self.post(id(3), [hold.capture(held, 3)]),
            4 => self.does(Refund {
                amount: Some(4),
                keep_fees: true,
                ..Refund::all(id(4), id(0), Kind::of("refund"))
            }),
            5 => self.post(id(5), [pay(BEN, ADA, 1 << 40)]),
            6 if round.is_multiple_of(2) => self.post(id(6), [hold.capture_last(held, 2)]),
            6 => self.post(id(6), [Leg { amount: 4, ..hold.void(held) }]),
            7 => self.does(Close {
                account: new,
                rest: Some(Rest { to: FEES, transaction: id(7), kind: Kind::of("closing") }),
            }),
            8 => self.does(Refund::all(id(8), id(0), Kind::of("refund"))),
            9 => {
                self.world.clock.advance(20 * SECOND);
                self.world.drive();
            }
            10 if round.is_multiple_of(3) => self.does(Reopen { account: new }),
            10 => self.does(Freeze { account: new, incoming: true, outgoing: false }),
            11 => self.does(EraseMemo { transaction: id(0) }),
            _ => {
                let asset = AssetCode::new(&format!("A{round}")).unwrap();
                self.does(OpenAsset {
                    sealed: round.is_multiple_of(2),
                    ..OpenAsset::new(asset, 0)
                });
                self.does(ClosePeriod { asset, until: World::<MemoryStore>::BEGIN });
            }
        }
    }

    /// Many transfers at once: two of eight transactions each go into the next block.
    fn rush(&self, n: usize, transactions: u128) {
        for k in 0..transactions {
            let id = TransactionId(Uuid::from_u128(1 << 64 | (n as u128) << 8 | k));
            self.post(id, vec![Leg::transfer(COIN, MINT, FEES, 1); 64]);
        }
    }
}

/// An audit of a bank in which `act` happens before each of its reads, and how many there were.
fn audited(bank: Bank, mut act: impl FnMut(&mut Bank, usize) + Send + 'static) -> (Audit, usize) {
    let bank = Arc::new(Mutex::new(bank));
    let store = bank.lock().unwrap().world.store.clone();
    let clock: ManualClock = bank.lock().unwrap().world.clock.clone();
    let actor = bank.clone();
    let before_read: Act = Box::new(move |n| act(&mut actor.lock().unwrap(), n));
    let (reads, before_read) = (AtomicUsize::new(0), Mutex::new(Some(before_read)));
    let busy = Arc::new(Busy { store, reads, before_read });
    let entropy = SeededEntropy::new(9);
    let parlor = Parlor::with_settings(busy.clone(), clock, entropy, Settings::default());
    let audit = block_on(parlor.audit(|_| {})).unwrap();
    drop(busy.before_read.lock().unwrap().take());
    (audit, busy.reads.load(Ordering::SeqCst))
}

#[test]
fn an_audit_is_clean_whatever_happens_between_its_reads() {
    for start in 0..26 {
        let mut bank = Bank::open();
        (0..start).for_each(|_| bank.step());
        let (audit, reads) = audited(bank, |bank, _| bank.step());
        assert_eq!(audit.findings.first, [], "after {start} steps");
        assert!(reads > 20, "{reads}");
    }
}

#[test]
fn an_audit_is_clean_whatever_read_a_rush_comes_before() {
    let quiet = |transactions| {
        let mut bank = Bank::open();
        (0..26).for_each(|_| bank.step());
        bank.rush(1_000, transactions);
        bank
    };
    let (_, reads) = audited(quiet(1), |_, _| {});
    for rush in 0..reads {
        // Now and then into the next block, which takes its time.
        let transactions = if rush % 8 == 0 { 8 } else { 1 };
        let (audit, _) = audited(quiet(transactions), move |bank, n| {
            if n == rush {
                (0..26).for_each(|_| bank.step());
                bank.rush(n, transactions);
            }
        });
        assert_eq!(audit.findings.first, [], "before read {rush}");
    }
}
