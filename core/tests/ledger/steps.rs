//! One step of a random walk, cast with dice: mostly something that may well be granted.

use super::*;
use crate::model::Model;
use crate::walk::{COINS, GEMS};
use parlor_core::economy::ledger::{
    Action, HoldState, Phase, Refund, Request, Shortfall, VelocityRule,
};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Post(Transaction),
    Refund(Refund),
    Freeze(AccountId, (bool, bool)),
    Close(AccountId, Option<(AccountId, TransactionId, Kind)>),
    Reopen(AccountId),
    Limit(AccountId, Limits),
    ClosePeriod(AssetCode, i64),
    Clock(i64),
    Tick,
}

/// Numbers that decide, one after the other.
pub(crate) struct Dice(std::vec::IntoIter<u32>);

impl Dice {
    pub(crate) fn new(dice: Vec<u32>) -> Self {
        Self(dice.into_iter())
    }

    /// A number below `n`.
    fn roll(&mut self, n: usize) -> usize {
        self.0.next().unwrap_or(0) as usize % n.max(1)
    }

    /// Once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.roll(n) == n - 1
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

impl Step {
    pub(crate) fn cast(model: &Model, dice: &mut Dice) -> Self {
        match dice.roll(48) {
            0..=17 => Self::Post(transaction(model, dice, 0)),
            18..=22 => Self::Post(transaction(model, dice, 6)),
            23..=26 => Self::Post(transaction(model, dice, 9)),
            27..=29 => Self::Refund(refund(model, dice)),
            30..=33 => again(model, dice),
            34 => {
                let frozen = (dice.once_in(2), dice.once_in(2));
                Self::Freeze(account(dice), frozen)
            }
            35 | 36 => {
                let is_frozen = |id: &AccountId| model.accounts[id].frozen != (false, false);
                let frozen: Vec<_> = COINS.into_iter().chain(GEMS).filter(is_frozen).collect();
                match frozen.is_empty() && !dice.once_in(8) {
                    true => Self::Post(transaction(model, dice, 0)),
                    false if frozen.is_empty() => Self::Freeze(account(dice), (false, false)),
                    false => Self::Freeze(dice.one(&frozen), (false, false)),
                }
            }
            37 => {
                // Once in a while under an id that is used.
                let ids: Vec<_> = model.requests.keys().copied().collect();
                let id =
                    if dice.once_in(8) && !ids.is_empty() { dice.one(&ids) } else { next(model) };
                let rest = (account(dice), id, Kind::of("closing"));
                Self::Close(account(dice), dice.once_in(2).then_some(rest))
            }
            38..=40 => {
                let is_closed = |id: &AccountId| model.accounts[id].closed;
                let closed: Vec<_> = COINS.into_iter().chain(GEMS).filter(is_closed).collect();
                match closed.is_empty() && !dice.once_in(8) {
                    true => Self::Post(transaction(model, dice, 0)),
                    false if closed.is_empty() => Self::Reopen(account(dice)),
                    false => Self::Reopen(dice.one(&closed)),
                }
            }
            41 | 42 => Self::Limit(dice.one(&COINS[4..]), limits(dice)),
            43 => {
                let until = model.now - dice.roll(4) as i64 * 1_000_000 + 1_000_000;
                Self::ClosePeriod(dice.one(&[COIN, GEM]), until)
            }
            44 | 45 => Self::Clock(model.now + leap(dice)),
            _ => Self::Tick,
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Post(tx) => match tx.legs[0].action {
                Action::Transfer => "transfer",
                Action::Hold { .. } => "hold",
                Action::Capture { .. } => "capture",
                Action::Void { .. } => "void",
                Action::Refund { .. } => "give_back",
                Action::Reverse { .. } => "reverse",
            },
            Self::Refund(_) => "refund",
            Self::Freeze(..) => "freeze",
            Self::Close(..) => "close",
            Self::Reopen(_) => "reopen",
            Self::Limit(..) => "limit",
            Self::ClosePeriod(..) => "close_period",
            Self::Clock(_) => "clock",
            Self::Tick => "tick",
        }
    }
}

fn next(model: &Model) -> TransactionId {
    tx_id(model.next_id)
}

fn account(dice: &mut Dice) -> AccountId {
    if dice.once_in(4) { dice.one(&GEMS) } else { dice.one(&COINS) }
}

/// How far the clock goes, in microseconds: mostly on, at times back, seldom for a week.
fn leap(dice: &mut Dice) -> i64 {
    let second = 1_000_000;
    match dice.roll(8) {
        0..=2 => dice.roll(20) as i64 * second,
        3 | 4 => 60 * second,
        5 => -(dice.roll(90) as i64) * second,
        6 => 24 * 60 * 60 * second,
        _ => 8 * 24 * 60 * 60 * second,
    }
}

fn limits(dice: &mut Dice) -> Limits {
    let rule = |name: &'static str, window, count: usize, sum: usize| VelocityRule {
        name: Kind::of(name),
        window,
        count_max: (count > 0).then_some(count as u32),
        sum_max: (sum > 0).then_some(sum as i64 * 40),
    };
    let mut velocity = Vec::new();
    if dice.once_in(2) {
        velocity.push(rule("minute", MINUTE, dice.roll(4), dice.roll(4)));
    }
    if dice.once_in(3) {
        velocity.push(rule("burst", SECOND * 5, dice.roll(3), 0));
    }
    Limits {
        floor: !dice.once_in(8),
        credit_limit: dice.roll(3) as i64 * 50,
        ceiling: dice.once_in(2).then(|| 20 + dice.roll(4) as i64 * 30),
        velocity,
    }
}

/// A transaction of 1 to 4 legs. `least` says which kinds of legs: 0 for all, 6 for those about
/// holds, 9 for those that give back.
fn transaction(model: &Model, dice: &mut Dice, least: usize) -> Transaction {
    let mut tx = Transaction::new(next(model), dice.one(&[Kind::of("tip"), Kind::of("gift")]));
    let legs = [1, 1, 1, 2, 3, 4][dice.roll(6)];
    for _ in 0..legs {
        let leg = leg(model, dice, least, tx.transfer(tx.legs.len() as u8));
        tx.legs.push(leg);
    }
    if dice.once_in(4) {
        tx.user = Some(Uuid::from_u128(1 + dice.roll(2) as u128).into());
        tx.memo = Some("Thank you!".into());
        tx.reference = Some(format!("psp-{}", dice.roll(9)));
    }
    if dice.once_in(6) {
        let at = model.now - dice.roll(6) as i64 * 1_000_000 + 1_000_000;
        tx.effective_at = Some(Timestamp(at.max(0)));
    }
    tx
}

fn leg(model: &Model, dice: &mut Dice, least: usize, this: TransferId) -> Leg {
    let amount = 1 + dice.roll(60) as i64;
    let gems = dice.once_in(5);
    let (asset, accounts) = if gems { (GEM, &GEMS[..]) } else { (COIN, &COINS[..]) };
    // Somebody has to have something.
    let from = if dice.once_in(2) { 0 } else { 1 + dice.roll(accounts.len() - 1) };
    let to = (from + 1 + dice.roll(accounts.len() - 1)) % accounts.len();
    let mut leg = Leg::transfer(asset, accounts[from], accounts[to], amount);
    leg = match least.max(dice.roll(10)) {
        0..=3 => leg,
        4 | 5 => {
            let time = dice.one(&[None, Some(SECOND * 10), Some(MINUTE), Some(DAY)]);
            Leg { action: Action::Hold { expires_in: time }, ..leg }
        }
        6..=8 => about_a_hold(model, dice, leg, this),
        _ => gives_back(model, dice, leg),
    };
    match dice.roll(60) {
        0 => Leg { debit: NOBODY, ..leg },
        1 if leg.debit != account_id(0xb4) => Leg { credit: account_id(0xb4), ..leg },
        2 if leg.credit != GEMS[2] => Leg { debit: GEMS[2], ..leg },
        _ => leg,
    }
}

fn about_a_hold(model: &Model, dice: &mut Dice, leg: Leg, this: TransferId) -> Leg {
    let (any, open): (Vec<TransferId>, Vec<TransferId>) = (
        model.transfers.keys().copied().collect(),
        model
            .holds
            .iter()
            .filter(|(_, it)| it.state == HoldState::Open)
            .map(|(id, _)| *id)
            .collect(),
    );
    let over: Vec<_> = model.holds.keys().copied().collect();
    let hold = match dice.roll(12) {
        0 if !any.is_empty() => dice.one(&any),
        1 if dice.once_in(2) => this,
        2 | 3 if !over.is_empty() => dice.one(&over),
        _ if !open.is_empty() => dice.one(&open),
        _ => return Leg { action: Action::Hold { expires_in: Some(MINUTE) }, ..leg },
    };
    let leg = match model.transfers.get(&hold) {
        Some(it) if !dice.once_in(10) => {
            Leg { asset: it.asset, debit: it.debit, credit: it.credit, ..leg }
        }
        _ => leg,
    };
    let left = model.holds.get(&hold).map_or(leg.amount, |it| it.left.max(1));
    let amount = if dice.once_in(3) { left } else { leg.amount };
    match dice.roll(5) {
        0 | 1 => leg.capture(hold, amount),
        2 => leg.capture_last(hold, amount),
        3 => Leg { amount, ..leg.void(hold) },
        _ => leg.void(hold),
    }
}

fn gives_back(model: &Model, dice: &mut Dice, leg: Leg) -> Leg {
    let is_moved = |phase| matches!(phase, Phase::Single | Phase::Capture);
    let all: Vec<_> = model.transfers.keys().copied().collect();
    let moved: Vec<_> =
        model.transfers.iter().filter(|(_, it)| is_moved(it.phase)).map(|(id, _)| *id).collect();
    let of = match dice.roll(10) {
        0 => TransferId { transaction: next(model), leg: 0 },
        1 if !all.is_empty() => dice.one(&all),
        _ if !moved.is_empty() => dice.one(&moved),
        _ => return leg,
    };
    let Some(it) = model.transfers.get(&of) else {
        return leg.refund(of, leg.amount, Shortfall::Reject);
    };
    let (debit, credit) =
        if dice.once_in(12) { (leg.debit, leg.credit) } else { (it.debit, it.credit) };
    let original = Leg { asset: it.asset, debit, credit, amount: it.amount, ..leg.clone() };
    let shortfall = shortfall(dice, &[debit, credit]);
    match dice.roll(3) {
        0 => original.reverse(of),
        1 => original.refund(of, it.amount, shortfall),
        _ => original.refund(of, leg.amount.min(it.amount), shortfall),
    }
}

/// By somebody else than these.
fn shortfall(dice: &mut Dice, sides: &[AccountId]) -> Shortfall {
    let by = dice.one(&[DISPUTE, FEES, BEN, GEMS[1], NOBODY]);
    match dice.roll(5) {
        0 | 1 => Shortfall::Reject,
        2 => Shortfall::Take,
        _ if sides.contains(&by) => Shortfall::Take,
        _ => Shortfall::Cover(by),
    }
}

fn refund(model: &Model, dice: &mut Dice) -> Refund {
    let ids: Vec<_> = model.requests.keys().copied().collect();
    let of = if ids.is_empty() || dice.once_in(12) { tx_id(u128::MAX - 1) } else { dice.one(&ids) };
    // Whoever covers is no side of any of its transfers.
    let transfers = model.transfers.iter().filter(|(id, _)| id.transaction == of);
    let sides: Vec<_> = transfers.flat_map(|(_, it)| [it.debit, it.credit]).collect();
    Refund {
        amount: dice.once_in(2).then(|| 1 + dice.roll(50) as i64),
        keep_fees: dice.once_in(3),
        shortfall: shortfall(dice, &sides),
        ..Refund::all(next(model), of, Kind::of("refund"))
    }
}

/// A retry, of the same request or of one that differs a little.
fn again(model: &Model, dice: &mut Dice) -> Step {
    let ids: Vec<_> = model.requests.keys().copied().collect();
    if ids.is_empty() {
        return Step::Tick;
    }
    let id = dice.one(&ids);
    match model.requests[&id].0.clone() {
        Request::Post(mut tx) => {
            for _ in 0..dice.roll(3) {
                change(&mut tx, dice);
            }
            Step::Post(tx)
        }
        Request::Refund(mut refund) => {
            match dice.roll(8) {
                0 => refund.amount = Some(1 + dice.roll(50) as i64),
                1 => refund.keep_fees = !refund.keep_fees,
                2 => refund.kind = Kind::of("other"),
                3 => return Step::Post(Transaction { id, ..transaction(model, dice, 0) }),
                _ => {}
            }
            Step::Refund(refund)
        }
    }
}

fn change(tx: &mut Transaction, dice: &mut Dice) {
    let leg = dice.roll(tx.legs.len());
    match dice.roll(9) {
        0 => tx.kind = Kind::of("other"),
        1 => tx.user = Some(Uuid::from_u128(9).into()),
        2 => tx.reference = Some("psp-x".into()),
        3 => tx.metadata = Some("{}".into()),
        4 => tx.memo = Some("Thanks!".into()),
        5 => tx.effective_at = Some(Timestamp(1_000_000)),
        6 => tx.legs[leg].amount = tx.legs[leg].amount % 1_000 + 1,
        7 => tx.legs.push(tx.legs[leg].clone()),
        _ => {
            let hold = Action::Hold { expires_in: Some(SECOND * 77) };
            tx.legs[leg].action = hold;
        }
    }
}
