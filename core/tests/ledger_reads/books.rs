//! Random books: a few accounts of two assets, and whatever people do with them under a clock that
//! goes forth and back.

use std::collections::BTreeMap;
use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{
    Account, AccountId, AccountKind, AssetCode, Counters, Freeze, Kind, Leg, Limits, OpenAccount,
    OpenAsset, OwnerId, Phase, Post, Reads, Refund, Shortfall, Transaction, TransactionId,
    Transfer,
};
use parlor_core::engine::Command;
use parlor_core::events::Actor;
use parlor_core::identity::UserId;
use parlor_core::record::Timestamp;
use parlor_core::storage::MemoryStore;
use proptest::prelude::*;
use proptest::sample::{Index, select};

pub(crate) const ASSETS: [AssetCode; 2] = [AssetCode::of("COIN"), AssetCode::of("GEM")];
pub(crate) const SCALES: [u8; 2] = [2, 0];
pub(crate) const KINDS: [Kind; 3] = [Kind::of("tip"), Kind::of("top_up"), Kind::of("payout")];
const ACCOUNT_KINDS: [AccountKind; 7] = [
    AccountKind::Issuance,
    AccountKind::Wallet,
    AccountKind::Wallet,
    AccountKind::Earnings,
    AccountKind::Clearing,
    AccountKind::Treasury,
    AccountKind::Burn,
];
/// How many accounts there are of each asset.
pub(crate) const ACCOUNTS: usize = ACCOUNT_KINDS.len();
/// Text that is hard on files.
const TEXTS: [&str; 8] =
    ["=1+1", "+49", "-1", "@sum", "'it'", "a,\"b\"\r\nc", "{\"room\":\"Tea\"}", "\ttab"];

/// A few on every change; `.ci/full` asks for more.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let cases = asked.unwrap_or(few);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The clock is set forth or back.
    Clock(i64),
    /// One amount, or two of different assets at once.
    Move {
        asset: usize,
        ends: Ends,
        amount: i64,
        both: bool,
        words: Words,
    },
    Hold {
        asset: usize,
        ends: Ends,
        amount: i64,
        seconds: Option<u64>,
        words: Words,
    },
    Capture {
        hold: Index,
        amount: i64,
        last: bool,
    },
    Void {
        hold: Index,
    },
    Refund {
        of: Index,
    },
    Freeze {
        asset: usize,
        account: usize,
    },
    /// What is due happens.
    Drive,
}

/// From which account to which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends(usize, usize);

/// What a transaction says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    kind: usize,
    user: Option<u8>,
    reference: Option<String>,
    metadata: Option<&'static str>,
    memo: bool,
}

pub(crate) fn steps(n: usize) -> impl Strategy<Value = Vec<Step>> {
    let ends = || {
        (0..ACCOUNTS, 1..ACCOUNTS).prop_map(|(from, by)| Ends(from, (from + by) % ACCOUNTS)).boxed()
    };
    let words = || {
        let reference = prop_oneof![
            2 => Just(None),
            4 => (0..9u8).prop_map(|n| Some(format!("pay_{n}"))),
            1 => select(vec!["=cmd()", "'quoted'", "a,b"]).prop_map(|it| Some(it.to_owned())),
        ];
        let metadata = prop_oneof![Just(None), select(&TEXTS[..]).prop_map(Some)];
        let user = proptest::option::of(0..4u8);
        (0..KINDS.len(), user, reference, metadata, any::<bool>())
            .prop_map(|(kind, user, reference, metadata, memo)| Words {
                kind,
                user,
                reference,
                metadata,
                memo,
            })
            .boxed()
    };
    let hold = (0..2usize, ends(), 1..999i64, proptest::option::of(1..90_000u64), words());
    let step = prop_oneof![
        // Days and moments, and sometimes back.
        4 => select(vec![1, 2, 1_000_000, 40_000_000_000, 90_000_000_000, -3, -50_000_000_000])
            .prop_map(Step::Clock),
        8 => (0..2usize, ends(), 1..999i64, any::<bool>(), words()).prop_map(
            |(asset, ends, amount, both, words)| Step::Move { asset, ends, amount, both, words }
        ),
        3 => hold.prop_map(|(asset, ends, amount, seconds, words)| {
            Step::Hold { asset, ends, amount, seconds, words }
        }),
        2 => (any::<Index>(), 1..500i64, any::<bool>())
            .prop_map(|(hold, amount, last)| Step::Capture { hold, amount, last }),
        1 => any::<Index>().prop_map(|hold| Step::Void { hold }),
        2 => any::<Index>().prop_map(|of| Step::Refund { of }),
        1 => (0..2usize, 0..ACCOUNTS).prop_map(|(asset, account)| Step::Freeze { asset, account }),
        1 => Just(Step::Drive),
    ];
    proptest::collection::vec(step, n / 2..n)
}

/// Books, and what a look at every row sees in them.
pub(crate) struct Books {
    pub(crate) world: World<MemoryStore>,
    /// Of each asset.
    pub(crate) accounts: [Vec<AccountId>; 2],
    next: u128,
    holds: Vec<(TransactionId, Leg)>,
    posted: Vec<TransactionId>,
}

impl Books {
    /// Books with accounts and nothing on them.
    pub(crate) fn new() -> Self {
        let world = World::new(MemoryStore::new());
        let accounts = [Vec::new(), Vec::new()];
        let (holds, posted) = (Vec::new(), Vec::new());
        let mut books = Self { world, accounts, next: 1, holds, posted };
        for (n, asset) in ASSETS.into_iter().enumerate() {
            books.run(OpenAsset::new(asset, SCALES[n])).expect("it is new");
            for (owner, kind) in (0..).zip(ACCOUNT_KINDS) {
                let owner = matches!(kind, AccountKind::Wallet | AccountKind::Earnings)
                    .then_some(OwnerId(Uuid::from_u128(owner)));
                let (id, limits) = (None, Limits::default());
                let opened =
                    books.run(OpenAccount { id, asset, kind, owner, limits }).expect("it is new");
                books.accounts[n].push(opened.account);
            }
        }
        books
    }

    /// Books in which all this has happened. What is refused has not.
    pub(crate) fn after(steps: &[Step]) -> Self {
        let mut books = Self::new();
        for step in steps {
            books.take(step);
        }
        books
    }

    pub(crate) fn reads(&self) -> Reads<'_> {
        self.world.parlor.ledger()
    }

    /// Every transfer there is, by asset and number.
    pub(crate) fn transfers(&self) -> Vec<Transfer> {
        let mut rows: Vec<Transfer> = self.world.rows();
        rows.sort_by_key(|row| (row.asset, row.seq));
        rows
    }

    /// What an account's transfers come to, as far as they are wanted.
    pub(crate) fn fold(&self, account: AccountId, wanted: impl Fn(&Transfer) -> bool) -> Counters {
        let mut counters = Counters::default();
        for it in self.transfers().iter().filter(|it| wanted(it)) {
            count(&mut counters, account, it);
        }
        counters
    }

    /// Every account there is.
    pub(crate) fn all_accounts(&self) -> BTreeMap<AccountId, Account> {
        self.world.rows::<Account>().into_iter().map(|row| (row.id, row)).collect()
    }

    /// Instants at which something happens, just before and after one, and far away.
    pub(crate) fn instant(&self, at: &Index, by: i64) -> Timestamp {
        let mut times: Vec<_> = self.transfers().iter().map(|it| it.at.0).collect();
        times.extend([i64::MIN, World::<MemoryStore>::BEGIN.0, i64::MAX]);
        Timestamp(times[at.index(times.len())].saturating_add(by))
    }

    pub(crate) fn id(&mut self) -> TransactionId {
        self.next += 1;
        // In an order that is not that of time.
        TransactionId(Uuid::from_u128(self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060)))
    }

    pub(crate) fn run<C: Command>(&self, command: C) -> Option<C::Output> {
        block_on(self.world.parlor.execute(Actor::HOST, command)).ok()
    }

    /// Posts, and notes what can be resolved or given back.
    pub(crate) fn post(&mut self, transaction: Transaction) -> bool {
        let (id, legs) = (transaction.id, transaction.legs.clone());
        let is_posted = self.run(Post(transaction)).is_some();
        if is_posted {
            self.posted.push(id);
            self.holds.extend(legs.into_iter().take(1).map(|leg| (id, leg)));
        }
        is_posted
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Clock(by) => {
                let now = self.world.parlor.now();
                self.world.clock.set(Timestamp(now.0 + by));
            }
            Step::Move { asset, ends, amount, both, words } => {
                let mut transaction = self.say(words).leg(self.leg(*asset, *ends, *amount));
                if *both {
                    transaction = transaction.leg(self.leg(1 - asset, *ends, amount + 1));
                }
                self.post(transaction);
            }
            Step::Hold { asset, ends, amount, seconds, words } => {
                let Leg { asset, debit, credit, .. } = self.leg(*asset, *ends, *amount);
                let time = seconds.map(Duration::from_secs);
                let hold = Leg::hold(asset, debit, credit, *amount, time);
                let transaction = self.say(words).leg(hold);
                self.post(transaction);
            }
            Step::Capture { hold, amount, last } => {
                let Some((of, leg)) = self.pick(hold) else { return };
                let hold = Transaction::new(of, KINDS[0]).transfer(0);
                let leg = match last {
                    true => leg.capture_last(hold, *amount),
                    false => leg.capture(hold, *amount),
                };
                let transaction = Transaction::new(self.id(), KINDS[0]).leg(leg);
                self.post(transaction);
            }
            Step::Void { hold } => {
                let Some((of, leg)) = self.pick(hold) else { return };
                let hold = Transaction::new(of, KINDS[0]).transfer(0);
                let transaction = Transaction::new(self.id(), KINDS[1]).leg(leg.void(hold));
                self.post(transaction);
            }
            Step::Refund { of } if !self.posted.is_empty() => {
                let of = self.posted[of.index(self.posted.len())];
                let mut refund = Refund::all(self.id(), of, KINDS[2]);
                refund.shortfall = Shortfall::Take;
                self.run(refund);
            }
            Step::Refund { .. } => {}
            Step::Freeze { asset, account } => {
                let account = self.accounts[*asset][*account];
                let thawed = Freeze { account, incoming: false, outgoing: false };
                self.run(Freeze { outgoing: true, ..thawed.clone() });
                self.run(thawed);
            }
            Step::Drive => {
                self.world.drive();
            }
        }
    }

    fn pick(&self, hold: &Index) -> Option<(TransactionId, Leg)> {
        (!self.holds.is_empty()).then(|| self.holds[hold.index(self.holds.len())].clone())
    }

    fn leg(&self, asset: usize, Ends(from, to): Ends, amount: i64) -> Leg {
        let accounts = &self.accounts[asset];
        Leg::transfer(ASSETS[asset], accounts[from], accounts[to], amount)
    }

    fn say(&mut self, words: &Words) -> Transaction {
        let mut transaction = Transaction::new(self.id(), KINDS[words.kind]);
        transaction.user = words.user.map(user);
        transaction.reference = words.reference.clone();
        transaction.metadata = words.metadata.map(ToOwned::to_owned);
        transaction.memo = words.memo.then(|| "For the tea".to_owned());
        transaction
    }
}

pub(crate) fn user(n: u8) -> UserId {
    UserId(Uuid::from_u128(u128::from(n) + 1))
}

/// What a transfer does to an account, in the plainest words there are.
pub(crate) fn count(counters: &mut Counters, account: AccountId, it: &Transfer) {
    let amount = i128::from(it.amount);
    let (posted, pending) = match it.phase {
        Phase::Single | Phase::Refund | Phase::Reversal => (amount, 0),
        Phase::Hold => (0, amount),
        Phase::Capture => (amount, -amount),
        Phase::Void | Phase::Expiry => (0, -amount),
    };
    if it.debit_account == account {
        counters.debits_posted += posted;
        counters.debits_pending += pending;
    }
    if it.credit_account == account {
        counters.credits_posted += posted;
        counters.credits_pending += pending;
    }
}
