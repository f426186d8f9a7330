//! What becomes of commands does not depend on which of them a store takes together: answers, rows
//! and hashes are those of the same commands one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::Model;
use crate::seals::Sealed;
use crate::steps::Step;
use crate::walk::opened;
use parlor_core::economy::ledger::{Close, ClosePeriod, ExpireHold, Field, Reopen, Rest};
use parlor_core::engine::{AnyCommand, AnyRefusal, Ctx, Settings};
use parlor_core::record::Value;
use parlor_core::storage::{Held, Plan, Resolved, Run, Stop, Work, Write};
use parlor_core::tables::{Key, Row};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// A command, and when it comes in.
type Timed = (Timestamp, AnyCommand);
/// What was said of a command, as data.
type Said = Result<serde_json::Value, AnyRefusal>;

/// A store of the simplest kind: it does what a plan says.
#[derive(Default)]
struct Tiny {
    rows: BTreeMap<Key, Row>,
    said: BTreeMap<usize, Said>,
    answered: usize,
    /// How many transactions it made of them.
    rounds: usize,
}

impl Tiny {
    /// Takes in so many commands before each round, whether or not the ones before have been
    /// answered; `ahead`: while the round before is being committed.
    fn run(commands: &[Timed], cuts: &[usize], ahead: bool) -> Self {
        let mut tiny = Self::default();
        let said = Arc::new(Mutex::new(BTreeMap::new()));
        let (mut plan, mut order) = (Plan::new(), (0..commands.len()).peekable());
        let mut cuts = cuts.iter().cycle();
        let mut resolved = Resolved::default();
        while order.peek().is_some() || !plan.is_empty() {
            let mut next = plan.unfinished();
            for n in order.by_ref().take(*cuts.next().unwrap()) {
                next.admit(work(n, &commands[n], &said), n);
            }
            if ahead {
                let ahead = tiny.decide(&mut next, &resolved);
                tiny.commit(resolved, &mut plan, commands);
                resolved = ahead;
            } else {
                let resolved = tiny.decide(&mut next, &Resolved::default());
                tiny.commit(resolved, &mut next, commands);
            }
            plan = next;
        }
        tiny.said = std::mem::take(&mut said.lock().unwrap());
        assert_eq!(tiny.answered, commands.len(), "each is answered once");
        tiny
    }

    /// A round on what there will be once another one is committed.
    fn decide(&self, plan: &mut Plan<usize>, base: &Resolved) -> Resolved {
        let held = plan.locks().into_iter().map(|(key, lock)| {
            let row = base.row(&key).unwrap_or_else(|| self.rows.get(&key)).cloned();
            (key, lock, row)
        });
        plan.resolve(&Held::found(held))
    }

    fn round(&mut self, plan: &mut Plan<usize>, commands: &[Timed]) {
        let resolved = self.decide(plan, &Resolved::default());
        self.commit(resolved, plan, commands);
    }

    fn commit(&mut self, resolved: Resolved, plan: &mut Plan<usize>, commands: &[Timed]) {
        for write in resolved.writes {
            let (is_new, is_hot) =
                (matches!(write, Write::Insert(_)), matches!(write, Write::UpdateHot(_)));
            let row = write.row().clone();
            let before = self.rows.insert(row.key(), row.clone());
            assert_eq!(before.is_none(), is_new, "{before:?}");
            // A store that writes the hot columns alone then loses nothing.
            if is_hot {
                assert_eq!(before.as_ref().map(cold), Some(cold(&row)), "{before:?}");
            }
        }
        for key in resolved.deletes {
            self.rows.remove(&key).unwrap();
        }
        for (n, end) in plan.settled() {
            end.unwrap_or_else(|error| panic!("{error:?} of {:?}", commands[n]));
            self.answered += 1;
        }
        self.rounds += 1;
    }

    fn books(&self) -> Books {
        Books::of(self.rows.values().cloned())
    }
}

/// The columns that are not hot.
fn cold(row: &Row) -> Vec<Value> {
    let columns = row.table().columns.iter().zip(row.values());
    let cold = columns.filter(|(column, _)| !row.table().hot.contains(&column.name));
    cold.map(|(_, value)| value).collect()
}

/// The n-th command, in a context that is the same each time.
fn work(n: usize, (now, command): &Timed, said: &Arc<Mutex<BTreeMap<usize, Said>>>) -> Work {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
    let ctx = Ctx::new(*now, Actor::HOST, Arc::new(Settings::default()), seed);
    let (command, said) = (command.clone(), said.clone());
    Work::new(ctx, move |draft, ctx| {
        let (run, end) = match command.decide(draft, ctx) {
            Ok(output) => (Run::Done, Ok(output)),
            Err(Stop::Refused(refusal)) => (Run::Refused, Err(refusal)),
            Err(Stop::Missing(missing)) => return Run::Missing(missing),
        };
        said.lock().unwrap().insert(n, end);
        run
    })
}

/// The same, one by one.
fn one_by_one(commands: &[Timed]) -> Tiny {
    let mut all = Tiny::default();
    let said = Arc::new(Mutex::new(BTreeMap::new()));
    for (n, command) in commands.iter().enumerate() {
        let mut plan = Plan::new();
        plan.admit(work(n, command, &said), n);
        while !plan.is_empty() {
            all.round(&mut plan, commands);
        }
    }
    all.said = std::mem::take(&mut said.lock().unwrap());
    all
}

#[track_caller]
fn assert_same(one: &Tiny, other: &Tiny) {
    for (n, said) in &one.said {
        assert_eq!(said, &other.said[n], "command {n}");
    }
    assert_eq!(one.said.len(), other.said.len());
    for (key, row) in &one.rows {
        assert_eq!(Some(row), other.rows.get(key));
    }
    assert_eq!(one.rows.len(), other.rows.len());
}

/// The commands of a random walk. What is due is told hold by hold.
fn commands(mut model: Model, steps: Vec<Step>, filled: bool) -> Vec<Timed> {
    let (assets, accounts) = opened();
    let mut now = Timestamp(model.now);
    let mut all: Vec<Timed> = assets.into_iter().map(|it| (now, it.into())).collect();
    all.extend(accounts.into_iter().map(|it| (now, it.into())));
    // Up to a few entries before the first block is whole.
    for n in (0..16).filter(|_| filled) {
        let mut tx = Transaction::new(tx_id(0xf000 + n), Kind::of("fill"));
        tx.legs = vec![Leg::transfer(COIN, MINT, if n % 2 == 0 { ADA } else { BEN }, 1); 63];
        all.push((now, Post(tx).into()));
    }
    for step in steps {
        let command: Option<AnyCommand> = match step.clone() {
            Step::Post(tx) => Some(Post(tx).into()),
            Step::Refund(refund) => Some(refund.into()),
            Step::Freeze(account, (incoming, outgoing)) => {
                Some(Freeze { account, incoming, outgoing }.into())
            }
            Step::Close(account, rest) => {
                let rest = rest.map(|(to, transaction, kind)| Rest { to, transaction, kind });
                Some(Close { account, rest }.into())
            }
            Step::Reopen(account) => Some(Reopen { account }.into()),
            Step::Limit(account, limits) => Some(SetLimits { account, limits }.into()),
            Step::ClosePeriod(asset, until) => {
                Some(ClosePeriod { asset, until: Timestamp(until) }.into())
            }
            Step::Clock(to) => {
                now = Timestamp(to);
                None
            }
            Step::Tick => {
                let holds = model.holds.keys().map(|hold| ExpireHold { hold: *hold });
                all.extend(holds.map(|it| (now, it.into())));
                None
            }
        };
        all.extend(command.map(|it| (now, it)));
        model = <Model as ReferenceStateMachine>::apply(model, &step);
    }
    all
}

/// Commands, how they are cut, and whether they are decided ahead.
fn walks() -> impl Strategy<Value = (Vec<Timed>, Vec<usize>, bool)> {
    let cuts = prop::collection::vec(prop_oneof![1..4_usize, 1..40_usize], 1..10);
    (Model::sequential_strategy(1..80), cuts, any::<(bool, bool)>()).prop_map(
        |((model, steps, _), cuts, (filled, ahead))| (commands(model, steps, filled), cuts, ahead),
    )
}

/// A few on every change; `.ci/full` asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever a store takes together, and whenever it decides it.
    #[test]
    fn a_batch_is_its_commands_one_by_one((commands, cuts, ahead) in walks()) {
        let plain = one_by_one(&commands);
        let batched = Tiny::run(&commands, &cuts, ahead);
        assert_same(&plain, &batched);
        let books = batched.books();
        books.check();
        Sealed::default().check(&books);
        let halves = Tiny::run(&commands, &[commands.len() / 2 + 1], ahead);
        assert_same(&plain, &halves);
        assert!(halves.rounds < plain.rounds || commands.len() < 4);
    }
}

/// A bank's commands before the ones that matter.
fn opening() -> Vec<Timed> {
    let (assets, accounts) = opened();
    let now = World::<MemoryStore>::BEGIN;
    let assets = assets.into_iter().map(|it| (now, AnyCommand::from(it)));
    assets.chain(accounts.into_iter().map(|it| (now, it.into()))).collect()
}

#[test]
fn an_id_that_is_twice_in_a_batch_takes_effect_once() {
    let now = World::<MemoryStore>::BEGIN;
    let tx = |id, amount| {
        let leg = Leg::transfer(COIN, MINT, ADA, amount);
        Transaction::new(tx_id(id), Kind::of("tip")).leg(leg.clone()).leg(leg)
    };
    let short = |amount| {
        Transaction::new(tx_id(9), Kind::of("tip")).leg(Leg::transfer(COIN, BEN, ADA, amount))
    };
    let mut commands = opening();
    let first = commands.len();
    let batch = [tx(7, 5), tx(7, 5), tx(7, 6), short(1), tx(8, 1), short(1), short(2), tx(7, 5)];
    commands.extend(batch.into_iter().map(|tx| (now, Post(tx).into())));
    let tiny = Tiny::run(&commands, &[commands.len()], false);
    let said = |n: usize| tiny.said[&(first + n)].clone();
    let outcome = |n| serde_json::from_value::<Outcome>(said(n).unwrap()).unwrap();
    let Outcome::Posted(receipt) = outcome(0) else { panic!("{:?}", said(0)) };
    assert_eq!(outcome(1), Outcome::Replayed(receipt));
    assert_eq!(outcome(7), Outcome::Replayed(receipt));
    let code = |n| said(n).unwrap_err().code;
    assert_eq!((code(2), code(6)), ("ledger.id_conflict", "ledger.id_conflict"));
    let conflict = AnyRefusal::new(&Refusal::IdConflict { field: Field::Amount });
    assert_eq!((said(2), said(6)), (Err(conflict.clone()), Err(conflict)));
    assert_eq!(code(3), "ledger.insufficient_funds");
    assert_eq!(said(3), said(5));
    let books = tiny.books();
    assert_eq!((books.transfers.len(), books.rejections.len()), (4, 1));
    assert_eq!(books.accounts[&ADA].balance(), 12);
}

#[test]
fn a_block_is_whole_at_its_1024th_entry_wherever_that_is() {
    let (assets, accounts) = (opened().0, opened().1);
    assert_eq!((assets.len(), accounts.len()), (2, 13));
    let now = World::<MemoryStore>::BEGIN;
    let mut commands = opening();
    // Nine entries are the asset and its accounts.
    for n in 0..70 {
        let mut tx = Transaction::new(tx_id(0xf000 + n), Kind::of("fill"));
        tx.legs = vec![Leg::transfer(COIN, MINT, ADA, 1); 31];
        commands.push((now, Post(tx).into()));
    }
    let plain = one_by_one(&commands);
    let books = plain.books();
    Sealed::default().check(&books);
    let size = books.assets[&COIN].size;
    assert_eq!((size, books.blocks.len()), (9 + 70 * 31, 2));
    for cut in [7, 40, 1_000] {
        for ahead in [false, true] {
            assert_same(&plain, &Tiny::run(&commands, &[cut], ahead));
        }
    }
}
