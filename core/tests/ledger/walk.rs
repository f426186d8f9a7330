//! Random walks through the ledger beside the naive model: what is answered is what the model admits,
//! the rows are what the model has, and what must always be true is, after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::*;
use crate::model::{Answer, Model};
use crate::seals::Sealed;
use crate::steps::{Dice, Step};
use parlor_core::economy::ledger::{Close, ClosePeriod, Reopen, Rest};

/// The accounts of the walk: of coins, and of gems, which are not transferable and of which there
/// are no more than 90.
pub(crate) const COINS: [AccountId; 8] =
    [MINT, BURN, FEES, DISPUTE, ADA, BEN, account_id_of(0xb3), account_id_of(0xb4)];
pub(crate) const GEMS: [AccountId; 5] = [
    account_id_of(0xc0),
    account_id_of(0xc1),
    account_id_of(0xc2),
    account_id_of(0xc3),
    account_id_of(0xc4),
];

const fn account_id_of(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

/// What is opened before a walk.
pub(crate) fn opened() -> (Vec<OpenAsset>, Vec<OpenAccount>) {
    use AccountKind::{Burn, Dispute, Earnings, Fees, Issuance, Liquidity, Promo, Wallet};
    let gems = OpenAsset { transferable: false, supply_cap: Some(90), ..OpenAsset::new(GEM, 0) };
    let open = |asset, id, kind, owner: Option<u128>, floor| OpenAccount {
        id: Some(id),
        asset,
        kind,
        owner: owner.map(owner_id),
        limits: Limits { floor, ..Limits::default() },
    };
    let kinds = [
        (Issuance, None, false),
        (Burn, None, true),
        (Fees, None, true),
        (Dispute, None, false),
        (Wallet, Some(1), true),
        (Wallet, Some(2), true),
        (Earnings, Some(1), true),
        (Promo, Some(2), true),
    ];
    let coins = COINS.into_iter().zip(kinds).map(|(id, (a, b, c))| open(COIN, id, a, b, c));
    let kinds = [
        (Issuance, None, false),
        (Liquidity, None, false),
        (Wallet, Some(1), true),
        (Wallet, Some(2), true),
        (Earnings, Some(1), true),
    ];
    let of_gems = GEMS.into_iter().zip(kinds).map(|(id, (a, b, c))| open(GEM, id, a, b, c));
    (vec![OpenAsset::new(COIN, 2), gems], coins.chain(of_gems).collect())
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let mut model = Self::at(World::<MemoryStore>::BEGIN);
        let (assets, accounts) = opened();
        for it in assets {
            model.open_asset(it.asset, it.transferable, it.supply_cap);
        }
        for it in accounts {
            model.open_account(it.id.unwrap(), it.asset, it.kind, it.owner, it.limits);
        }
        Just(model).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let state = state.clone();
        let dice = prop::collection::vec(any::<u32>(), 64);
        dice.prop_map(move |dice| Step::cast(&state, &mut Dice::new(dice))).boxed()
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.expected = match step {
            Step::Post(tx) => {
                state.next_id = state.next_id.max(tx.id.0.as_u128() + 1);
                state.post(tx)
            }
            Step::Refund(refund) => {
                state.next_id = state.next_id.max(refund.id.0.as_u128() + 1);
                state.refund(refund)
            }
            Step::Freeze(id, frozen) => state.freeze(*id, *frozen),
            Step::Close(id, rest) => {
                let used = rest.map_or(0, |(_, id, _)| id.0.as_u128() + 1);
                state.next_id = state.next_id.max(used);
                state.close(*id, *rest)
            }
            Step::Reopen(id) => state.reopen(*id),
            Step::Limit(id, limits) => state.limit(*id, limits.clone()),
            Step::ClosePeriod(asset, until) => state.close_period(*asset, *until),
            Step::Clock(to) => {
                state.now = *to;
                vec![Answer::Done]
            }
            Step::Tick => state.tick(),
        };
        state
    }
}

/// The ledger itself, as it was before the last step.
struct Walk {
    bank: Bank,
    before: Books,
    sealed: Sealed,
}

impl Walk {
    fn take(&self, step: Step) -> Answer {
        let bank = &self.bank;
        let done =
            |answer: Result<(), Refusal>| answer.map_or_else(Answer::Refused, |()| Answer::Done);
        let outcome =
            |it: Result<Outcome, Refusal>| it.map_or_else(Answer::Refused, Answer::Outcome);
        match step {
            Step::Post(tx) => outcome(bank.run(Post(tx))),
            Step::Refund(refund) => outcome(bank.run(refund)),
            Step::Freeze(account, (incoming, outgoing)) => {
                done(bank.run(Freeze { account, incoming, outgoing }))
            }
            Step::Close(account, rest) => {
                let rest = rest.map(|(to, transaction, kind)| Rest { to, transaction, kind });
                done(bank.run(Close { account, rest }))
            }
            Step::Reopen(account) => done(bank.run(Reopen { account })),
            Step::Limit(account, limits) => done(bank.run(SetLimits { account, limits })),
            Step::ClosePeriod(asset, until) => {
                done(bank.run(ClosePeriod { asset, until: Timestamp(until) }))
            }
            Step::Clock(to) => {
                bank.world.clock.set(Timestamp(to));
                Answer::Done
            }
            Step::Tick => Answer::Due(block_on(bank.world.parlor.tick(bank.now())).unwrap()),
        }
    }
}

impl StateMachineTest for Walk {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let bank = Bank::empty();
        // It is done once after each step, and not twice.
        bank.checked.set(false);
        let (assets, accounts) = opened();
        assets.into_iter().for_each(|it| bank.done(it));
        accounts.into_iter().for_each(|it| assert!(bank.done(it).new));
        let before = Books::read(&bank.world);
        Self { bank, before, sealed: Sealed::default() }
    }

    fn apply(mut walk: Self, model: &Model, step: Step) -> Self {
        let answer = walk.take(step.clone());
        let expected = &model.expected;
        assert!(expected.contains(&answer), "{step:?}: {answer:?}, but {expected:?} was expected");
        let after = Books::read(&walk.bank.world);
        after.assert_after(&walk.before);
        match answer {
            // I5 and I9
            Answer::Refused(_) => walk.before.assert_same(&after),
            Answer::Outcome(Outcome::Replayed(_)) => assert_eq!(walk.before, after),
            Answer::Done | Answer::Outcome(Outcome::Posted(_)) | Answer::Due(_) => {}
        }
        after.check();
        compare(model, &after);
        walk.sealed.check(&after);
        let parlor = &walk.bank.world.parlor;
        let audit = block_on(parlor.audit(|_| {})).unwrap();
        assert_eq!(audit.findings.first, []);
        for (code, asset) in &after.assets {
            // I13, and I4 as it is told.
            let balance = block_on(parlor.ledger().trial_balance(*code)).unwrap();
            assert_eq!(balance.total().balance(), 0);
            let supply = block_on(parlor.ledger().supply(*code)).unwrap();
            assert_eq!(supply.circulating, i128::from(asset.issued) - i128::from(asset.burned));
        }
        walk.before = after;
        walk
    }
}

/// That the rows say what the model does.
fn compare(model: &Model, books: &Books) {
    for (code, it) in &model.assets {
        let row = &books.assets[code];
        let closed_until = it.closed_until.map(Timestamp);
        assert_eq!((row.size, row.at.0, row.closed_until), (it.size, it.at, closed_until));
    }
    for (id, it) in &model.accounts {
        let row = &books.accounts[id];
        let sums = (row.balance(), row.debits_pending, row.credits_pending);
        assert_eq!(sums, (it.balance.into(), it.going, it.coming), "{row:?}");
        let flags = ((row.frozen_in, row.frozen_out), row.closed);
        assert_eq!((flags, row.limits()), ((it.frozen, it.closed), it.limits.clone()));
    }
    assert_eq!(books.holds.len(), model.holds.len());
    for row in &books.holds {
        let it = &model.holds[&row.transfer()];
        assert_eq!((row.remaining(), row.state), (it.left, it.state), "{row:?}");
    }
    for row in &books.returned {
        let id = TransferId { transaction: row.transaction_id, leg: row.leg };
        assert_eq!(row.returned, model.transfers[&id].returned);
    }
}

/// A few on every change; `.ci/full` asks for more.
fn config() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(96);
    Config { cases, failure_persistence: None, ..Config::default() }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn what_is_answered_is_what_the_model_admits(sequential 1..80 => Walk);
}

/// The walks are lively enough to say something: everything is answered on some.
#[test]
fn everything_is_answered_on_some_walk() {
    let mut runner = TestRunner::deterministic();
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..120 {
        let (mut model, steps, _) =
            Model::sequential_strategy(60..80).new_tree(&mut runner).unwrap().current();
        for step in steps {
            model = <Model as ReferenceStateMachine>::apply(model, &step);
            let word = match &model.expected[0] {
                Answer::Refused(refusal) => refusal.number().to_string(),
                Answer::Outcome(Outcome::Posted(_)) => format!("posted {}", step.word()),
                Answer::Outcome(Outcome::Replayed(_)) => format!("replayed {}", step.word()),
                Answer::Due(0) => "nothing was due".into(),
                Answer::Done | Answer::Due(_) => step.word().into(),
            };
            *said.entry(word).or_default() += 1;
        }
    }
    // What is malformed, and how far numbers go, is looked at elsewhere.
    let numbers = [
        110, 200, 300, 302, 303, 304, 305, 306, 308, 312, 400, 401, 402, 403, 404, 405, 406, 410,
        411, 412, 413, 414, 420, 421, 500, 501, 502, 504,
    ];
    let words = [
        "posted transfer",
        "posted hold",
        "posted capture",
        "posted void",
        "posted give_back",
        "posted reverse",
        "posted refund",
        "replayed refund",
        "replayed transfer",
        "freeze",
        "close",
        "reopen",
        "limit",
        "close_period",
        "clock",
        "tick",
        "nothing was due",
    ];
    for it in numbers.map(|it| it.to_string()).into_iter().chain(words.map(String::from)) {
        assert!(said.get(&it).is_some_and(|n| *n > 0), "{it} is never said: {said:?}");
    }
}
