//! The ledger in the plainest words there are: maps, and a list of reasons to say no of which the
//! one with the lowest number is given. What it would answer is a set, as more than one answer may be
//! right.

mod conflicts;
mod legs;

use std::collections::BTreeMap;
use std::time::Duration;

use parlor_core::economy::ledger::{
    AccountId, AccountKind, Action, AssetCode, Field, HoldState, Kind, Leg, Limits, Outcome,
    OwnerId, Phase, Receipt, Refund, Refusal, Request, Shortfall, Transaction, TransactionId,
    TransferId,
};
use parlor_core::record::Timestamp;

use conflicts::{differ, differ_from_posted};

/// How long a refusal sticks, in microseconds.
const STICKS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) assets: BTreeMap<AssetCode, AnAsset>,
    pub(crate) accounts: BTreeMap<AccountId, AnAccount>,
    pub(crate) transfers: BTreeMap<TransferId, Moved>,
    pub(crate) holds: BTreeMap<TransferId, Held>,
    pub(crate) requests: BTreeMap<TransactionId, (Request, Said)>,
    /// Until when refusals are remembered, even of what was posted since.
    remembered: BTreeMap<TransactionId, i64>,
    /// What may be said of the last step.
    pub(crate) expected: Vec<Answer>,
    pub(crate) next_id: u128,
}

#[derive(Clone, Debug)]
pub(crate) struct AnAsset {
    pub(crate) transferable: bool,
    pub(crate) cap: Option<i64>,
    pub(crate) closed_until: Option<i64>,
    pub(crate) at: i64,
    pub(crate) size: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct AnAccount {
    pub(crate) asset: AssetCode,
    pub(crate) kind: AccountKind,
    pub(crate) owner: Option<OwnerId>,
    pub(crate) limits: Limits,
    pub(crate) frozen: (bool, bool),
    pub(crate) closed: bool,
    pub(crate) balance: i64,
    pub(crate) going: i64,
    pub(crate) coming: i64,
    /// What went out since each rule was made: when, and how much.
    outs: BTreeMap<(Kind, Duration), Vec<(i64, i64)>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) asset: AssetCode,
    pub(crate) debit: AccountId,
    pub(crate) credit: AccountId,
    pub(crate) amount: i64,
    pub(crate) phase: Phase,
    pub(crate) returned: i64,
    undone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) asset: AssetCode,
    pub(crate) debit: AccountId,
    pub(crate) credit: AccountId,
    pub(crate) left: i64,
    /// Whether something of it was captured.
    moved: bool,
    pub(crate) state: HoldState,
    pub(crate) ends: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Said {
    Posted(Receipt),
    Refused(Refusal, i64),
}

/// What is said of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Outcome(Outcome),
    Refused(Refusal),
    /// So many things were due.
    Due(usize),
}

/// A part of a leg, on its way.
struct Part {
    phase: Phase,
    debit: AccountId,
    credit: AccountId,
    amount: i64,
    ends: Option<i64>,
}

impl Part {
    fn of(leg: &Leg, phase: Phase, amount: i64) -> Self {
        Self { phase, debit: leg.debit, credit: leg.credit, amount, ends: None }
    }
}

impl Model {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now: now.0,
            assets: BTreeMap::new(),
            accounts: BTreeMap::new(),
            transfers: BTreeMap::new(),
            holds: BTreeMap::new(),
            requests: BTreeMap::new(),
            remembered: BTreeMap::new(),
            expected: Vec::new(),
            next_id: 1,
        }
    }

    pub(crate) fn open_asset(&mut self, code: AssetCode, transferable: bool, cap: Option<i64>) {
        let it = AnAsset { transferable, cap, closed_until: None, at: self.now, size: 1 };
        self.assets.insert(code, it);
    }

    pub(crate) fn open_account(
        &mut self,
        id: AccountId,
        asset: AssetCode,
        kind: AccountKind,
        owner: Option<OwnerId>,
        limits: Limits,
    ) {
        let (frozen, closed, balance, going, coming) = ((false, false), false, 0, 0, 0);
        let outs = BTreeMap::new();
        let mut it =
            AnAccount { asset, kind, owner, limits, frozen, closed, balance, going, coming, outs };
        it.keep_rules();
        self.accounts.insert(id, it);
        self.log(asset);
    }

    /// An entry of the log: its number, and its time.
    fn log(&mut self, asset: AssetCode) -> (i64, i64) {
        let it = self.assets.get_mut(&asset).unwrap();
        it.at = self.now.max(it.at + 1);
        it.size += 1;
        (it.size - 1, it.at)
    }

    pub(crate) fn post(&mut self, tx: &Transaction) -> Vec<Answer> {
        if let Some(refusal) = malformed(tx) {
            return vec![Answer::Refused(refusal)];
        }
        let new = Request::Post(tx.clone());
        if let Some(answers) = self.said_before(tx.id, &new) {
            return answers;
        }
        if tx.effective_at.is_some_and(|at| at.0 > self.now) {
            return vec![Answer::Refused(Refusal::BadTimestamp)];
        }
        let mut after = self.clone();
        let receipt = after.legs(tx);
        self.settle(tx.id, new, after, receipt)
    }

    pub(crate) fn refund(&mut self, refund: &Refund) -> Vec<Answer> {
        let new = Request::Refund(refund.clone());
        if let Some(answers) = self.said_before(refund.id, &new) {
            return answers;
        }
        let mut after = self.clone();
        let receipt = self.resolve(refund).and_then(|tx| match malformed(&tx) {
            None => after.legs(&tx),
            Some(refusal) => Err(refusal),
        });
        self.settle(refund.id, new, after, receipt)
    }

    /// All or nothing.
    fn settle(
        &mut self,
        id: TransactionId,
        request: Request,
        after: Self,
        receipt: Result<Receipt, Refusal>,
    ) -> Vec<Answer> {
        match receipt {
            Ok(receipt) => {
                *self = after;
                self.requests.insert(id, (request, Said::Posted(receipt)));
                vec![Answer::Outcome(Outcome::Posted(receipt))]
            }
            Err(refusal) => {
                // What is malformed is decided anew each time.
                if refusal.number() >= 300 {
                    let said = Said::Refused(refusal.clone(), self.now + STICKS);
                    self.remembered.insert(id, self.now + STICKS);
                    self.requests.insert(id, (request, said));
                }
                vec![Answer::Refused(refusal)]
            }
        }
    }

    fn said_before(&self, id: TransactionId, new: &Request) -> Option<Vec<Answer>> {
        let (first, said) = self.requests.get(&id)?;
        let conflict = |field: &Field| Answer::Refused(Refusal::IdConflict { field: *field });
        match said {
            Said::Refused(_, until) if *until <= self.now => None,
            Said::Posted(receipt) if first == new => {
                Some(vec![Answer::Outcome(Outcome::Replayed(*receipt))])
            }
            Said::Refused(refusal, _) if first == new => {
                Some(vec![Answer::Refused(refusal.clone())])
            }
            Said::Posted(_) => Some(differ_from_posted(first, new).iter().map(conflict).collect()),
            Said::Refused(..) => Some(vec![conflict(&differ(first, new))]),
        }
    }

    fn legs(&mut self, tx: &Transaction) -> Result<Receipt, Refusal> {
        let mut receipt = None;
        let mut transfers = 0;
        for (n, leg) in (0..).zip(&tx.legs) {
            for part in self.leg(tx, leg, n)? {
                let (seq, at) = self.go(tx, leg, n, transfers, part)?;
                let first = (leg.asset, seq, at);
                receipt.get_or_insert(first);
                transfers += 1;
            }
        }
        let (asset, seq, at) = receipt.unwrap();
        Ok(Receipt { transaction: tx.id, asset, seq, at: Timestamp(at), legs: transfers })
    }

    /// The transaction that a refund comes to.
    fn resolve(&self, refund: &Refund) -> Result<Transaction, Refusal> {
        let all: Vec<_> =
            self.transfers.iter().filter(|(id, _)| id.transaction == refund.of).collect();
        if all.is_empty() {
            return Err(Refusal::OriginalNotFound { leg: 0 });
        }
        let mut of = all;
        of.retain(|(_, it)| matches!(it.phase, Phase::Single | Phase::Capture));
        of.retain(|(_, it)| {
            !refund.keep_fees || self.accounts[&it.credit].kind != AccountKind::Fees
        });
        let Some((_, first)) = of.first() else {
            return Err(Refusal::NotReversible { leg: 0 });
        };
        let left: Vec<i64> = of.iter().map(|(_, it)| it.amount - it.returned).collect();
        let refundable = left.iter().sum();
        let parts = match refund.amount {
            None => left,
            Some(_)
                if of.iter().any(|(_, it)| (it.asset, it.debit) != (first.asset, first.debit)) =>
            {
                return Err(Refusal::NotReversible { leg: 0 });
            }
            Some(amount) if amount > refundable => {
                return Err(Refusal::RefundExceedsOriginal { leg: 0, refundable });
            }
            Some(amount) => shares(amount, &left),
        };
        let mut tx = Transaction::new(refund.id, refund.kind);
        for ((id, it), part) in of.into_iter().zip(parts).rev().filter(|(_, part)| *part > 0) {
            let action = Action::Refund { of: *id, shortfall: refund.shortfall };
            let (debit, credit) = (it.credit, it.debit);
            tx.legs.push(Leg { asset: it.asset, debit, credit, amount: part, action });
        }
        match tx.legs.is_empty() {
            true => Err(Refusal::RefundExceedsOriginal { leg: 0, refundable: 0 }),
            false => Ok(tx),
        }
    }

    /// Gives up what is due, and forgets what was refused long ago.
    pub(crate) fn tick(&mut self) -> Vec<Answer> {
        let now = self.now;
        let ends = |it: &Held| it.ends.filter(|ends| it.state == HoldState::Open && *ends <= now);
        let mut due: Vec<_> =
            self.holds.iter().filter_map(|(id, it)| Some((ends(it)?, *id))).collect();
        due.sort();
        for (_, id) in &due {
            let it = self.holds.get_mut(id).unwrap();
            it.state = HoldState::Expired;
            let (amount, asset) = (std::mem::take(&mut it.left), it.asset);
            let (debit, credit) = (it.debit, it.credit);
            self.accounts.get_mut(&debit).unwrap().going -= amount;
            self.accounts.get_mut(&credit).unwrap().coming -= amount;
            self.log(asset);
        }
        let all = self.remembered.len();
        self.remembered.retain(|_, until| *until > now);
        self.requests
            .retain(|_, (_, said)| !matches!(said, Said::Refused(_, until) if *until <= now));
        vec![Answer::Due(due.len() + all - self.remembered.len())]
    }

    pub(crate) fn freeze(&mut self, id: AccountId, frozen: (bool, bool)) -> Vec<Answer> {
        self.change(id, |it| std::mem::replace(&mut it.frozen, frozen) != frozen)
    }

    pub(crate) fn reopen(&mut self, id: AccountId) -> Vec<Answer> {
        self.change(id, |it| std::mem::take(&mut it.closed))
    }

    pub(crate) fn limit(&mut self, id: AccountId, limits: Limits) -> Vec<Answer> {
        if let Some(it) = self.accounts.get(&id) {
            let it = AnAccount { limits: limits.clone(), ..it.clone() };
            if it.available().is_some_and(|it| it < 0) || it.room().is_some_and(|it| it < 0) {
                return vec![Answer::Refused(Refusal::OutsideLimits)];
            }
        }
        self.change(id, |it| {
            it.limits = limits;
            it.keep_rules();
            true
        })
    }

    pub(crate) fn close(
        &mut self,
        id: AccountId,
        rest: Option<(AccountId, TransactionId, Kind)>,
    ) -> Vec<Answer> {
        let Some(it) = self.accounts.get(&id).cloned() else {
            return vec![Answer::Refused(Refusal::NotFound)];
        };
        let balance = it.balance;
        let not_empty = || vec![Answer::Refused(Refusal::CloseNonZero { balance })];
        if it.closed {
            return vec![Answer::Done];
        }
        if it.going != 0 || it.coming != 0 {
            return vec![Answer::Refused(Refusal::CloseHasHolds)];
        }
        if let Some((to, transaction, kind)) = rest.filter(|_| balance > 0) {
            let leg = Leg::transfer(it.asset, id, to, balance);
            match self.post(&Transaction::new(transaction, kind).leg(leg)).as_slice() {
                [Answer::Outcome(Outcome::Posted(_))] => {}
                [Answer::Outcome(Outcome::Replayed(_))] => return not_empty(),
                no => return no.to_vec(),
            }
        } else if balance != 0 {
            return not_empty();
        }
        self.change(id, |it| !std::mem::replace(&mut it.closed, true))
    }

    pub(crate) fn close_period(&mut self, code: AssetCode, until: i64) -> Vec<Answer> {
        let now = self.now;
        let it = self.assets.get_mut(&code).unwrap();
        if until > now || it.closed_until.is_some_and(|before| until < before) {
            return vec![Answer::Refused(Refusal::BadTimestamp)];
        }
        if it.closed_until.replace(until) != Some(until) {
            self.log(code);
        }
        vec![Answer::Done]
    }

    /// An entry of the log, if `change` changes something.
    fn change(
        &mut self,
        id: AccountId,
        change: impl FnOnce(&mut AnAccount) -> bool,
    ) -> Vec<Answer> {
        let Some(it) = self.accounts.get_mut(&id) else {
            return vec![Answer::Refused(Refusal::NotFound)];
        };
        let asset = it.asset;
        if change(it) {
            self.log(asset);
        }
        vec![Answer::Done]
    }
}

impl AnAccount {
    pub(crate) fn available(&self) -> Option<i64> {
        self.limits.floor.then(|| self.balance - self.going + self.limits.credit_limit)
    }

    fn room(&self) -> Option<i64> {
        self.limits.ceiling.map(|most| most - self.balance - self.coming)
    }

    /// What went out is remembered for rules that stay.
    fn keep_rules(&mut self) {
        let mut before = std::mem::take(&mut self.outs);
        for rule in &self.limits.velocity {
            let key = (rule.name, rule.window);
            self.outs.insert(key, before.remove(&key).unwrap_or_default());
        }
    }

    fn too_fast(&self, leg: u8, amount: i64, at: i64) -> Option<Refusal> {
        self.limits.velocity.iter().find_map(|rule| {
            let width = rule.window.as_micros() as i64;
            let window = at.div_euclid(width);
            let outs = self.outs[&(rule.name, rule.window)].iter();
            let outs = outs.filter(|(at, _)| at.div_euclid(width) == window);
            let (count, sum) = outs.fold((1, amount), |(n, sum), (_, it)| (n + 1, sum + it));
            let broken = rule.count_max.is_some_and(|most| count > most)
                || rule.sum_max.is_some_and(|most| sum > most);
            let retry_after = Duration::from_micros(((window + 1) * width - at) as u64);
            broken.then_some(Refusal::VelocityExceeded { leg, rule: rule.name, retry_after })
        })
    }
}

/// What a step may have wrong with it in itself.
fn malformed(tx: &Transaction) -> Option<Refusal> {
    (0..).zip(&tx.legs).find_map(|(n, leg)| {
        let is_cover = |id: AccountId| {
            matches!(leg.action, Action::Refund { shortfall: Shortfall::Cover(by), .. } if by == id)
        };
        if leg.debit == leg.credit {
            return Some(Refusal::SameAccount { leg: n });
        }
        let is_side = is_cover(leg.debit) || is_cover(leg.credit);
        is_side.then_some(Refusal::InvalidCombination { leg: n })
    })
}

/// The reason with the lowest number, the first of them.
fn lowest(no: Vec<Refusal>) -> Result<(), Refusal> {
    no.into_iter().min_by_key(Refusal::number).map_or(Ok(()), Err)
}

fn pending(phase: Phase, amount: i64) -> i64 {
    match phase {
        Phase::Hold => amount,
        Phase::Capture | Phase::Void | Phase::Expiry => -amount,
        Phase::Single | Phase::Refund | Phase::Reversal => 0,
    }
}

/// By the largest remainder; of equal ones the first.
fn shares(amount: i64, left: &[i64]) -> Vec<i64> {
    let total: i64 = left.iter().sum();
    let mut shares: Vec<i64> = left.iter().map(|it| amount * it / total).collect();
    let mut rounded_up = vec![false; left.len()];
    while shares.iter().sum::<i64>() < amount {
        let remainder = |n: &usize| amount * left[*n] % total;
        let open = (0..left.len()).rev().filter(|n| !rounded_up[*n]);
        let next = open.max_by_key(remainder).unwrap();
        shares[next] += 1;
        rounded_up[next] = true;
    }
    shares
}
