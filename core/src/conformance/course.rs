//! A random course of a ledger: what a host asks of it from day to day, the same for the same seed.

use std::time::Duration;

use serde_json::Value;

use super::world::{actor, random};
use super::{World, block_on};
use crate::Uuid;
use crate::economy::ledger::{
    AccountId, AccountKind, Action, AssetCode, Close, ClosePeriod, EraseMemo, Freeze, Kind, Leg,
    Limits, OpenAccount, OpenAsset, OwnerId, Post, Refund, Refusal, Reopen, Rest, SetLimits,
    Shortfall, Transaction, TransactionId, TransferId, VelocityRule,
};
use crate::engine::{Command, Error};
use crate::events::Actor;
use crate::identity::UserId;
use crate::record::Timestamp;
use crate::storage::Store;

pub(super) const COIN: AssetCode = AssetCode::of("COIN");
/// Not transferable, and there are no more than 90.
pub(super) const GEM: AssetCode = AssetCode::of("GEM");
/// Its log is not sealed.
pub(super) const LEAF: AssetCode = AssetCode::of("LEAF");
pub(super) const ASSETS: [AssetCode; 3] = [COIN, GEM, LEAF];
pub(super) const KINDS: [Kind; 3] = [Kind::of("tip"), Kind::of("gift"), Kind::of("refund")];

/// What payments come in through.
pub(super) const CLEARING: AccountId = account(4);
/// What wide transactions issue to: nobody freezes, limits or closes it.
pub(super) const TREASURY: AccountId = account(10);
const SOURCE: AccountId = account(9);
const NOBODY: AccountId = account(0xff);
const COINS: std::ops::Range<u128> = 0..9;
const GEMS: std::ops::Range<u128> = 20..25;
const LEAVES: std::ops::Range<u128> = 30..32;
/// How many legs a wide transaction has.
const WIDE: usize = 64;

const fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(0xa000 + n))
}

/// Every account that is opened at first.
pub(super) fn accounts() -> impl Iterator<Item = AccountId> {
    (0..11).chain(GEMS).chain(LEAVES).map(account)
}

/// A person: as an owner of accounts, and as somebody transactions are made for.
pub(super) const fn person(n: u128) -> UserId {
    UserId(Uuid::from_u128(0xb000 + n))
}

/// Something that is asked of the ledger.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Post(Transaction),
    Refund(Refund),
    Open(OpenAccount),
    Limit(SetLimits),
    Freeze(Freeze),
    Close(Close),
    Reopen(Reopen),
    ClosePeriod(ClosePeriod),
    Erase(EraseMemo),
    /// The clock is put forth or back.
    Clock(Timestamp),
    /// What is due by now happens.
    Tick,
}

/// What was said to it: an output, or a refusal with its number.
pub(super) type Said = Result<Value, (u16, Refusal)>;

impl Step {
    /// Takes it in a world.
    pub(super) fn take<S: Store>(&self, world: &World<S>, by: Actor) -> Said {
        match self.clone() {
            Self::Post(transaction) => say(world, by, Post(transaction)),
            Self::Refund(refund) => say(world, by, refund),
            Self::Open(open) => say(world, by, open),
            Self::Limit(limit) => say(world, by, limit),
            Self::Freeze(freeze) => say(world, by, freeze),
            Self::Close(close) => say(world, by, close),
            Self::Reopen(reopen) => say(world, by, reopen),
            Self::ClosePeriod(close) => say(world, by, close),
            Self::Erase(erase) => say(world, by, erase),
            Self::Clock(now) => {
                world.clock.set(now);
                Ok(Value::Null)
            }
            Self::Tick => Ok(tick(world).into()),
        }
    }

    /// What it is, in a word.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Post(_) => "post",
            Self::Refund(_) => "refund",
            Self::Open(_) => "open",
            Self::Limit(_) => "limit",
            Self::Freeze(_) => "freeze",
            Self::Close(_) => "close",
            Self::Reopen(_) => "reopen",
            Self::ClosePeriod(_) => "close period",
            Self::Erase(_) => "erase",
            Self::Clock(_) => "clock",
            Self::Tick => "tick",
        }
    }
}

fn say<S: Store, C: Command<Refusal = Refusal>>(world: &World<S>, by: Actor, command: C) -> Said {
    match block_on(world.parlor.execute(by, command)) {
        Ok(output) => Ok(serde_json::to_value(output).expect("outputs have keys that are strings")),
        Err(Error::Refused(refusal)) => Err((refusal.number(), refusal)),
        Err(error) => panic!("{error}"),
    }
}

/// Ticks at each instant at which something is due: what is due at once may happen in any order.
fn tick<S: Store>(world: &World<S>) -> usize {
    let (now, mut fired) = (world.parlor.now(), 0);
    let next = || block_on(world.parlor.next_deadline()).expect("the store works");
    while let Some(at) = next().filter(|at| *at <= now) {
        let some = block_on(world.parlor.tick(at)).expect("the store works");
        assert!(some > 0, "nothing comes of what is due");
        fired += some;
    }
    fired
}

/// What has been asked so far, and what is asked next.
pub(super) struct Course {
    next: Box<dyn FnMut() -> u64>,
    steps: usize,
    /// How many wide transactions are still to come.
    wide: usize,
    ids: u128,
    /// How many holds with an end were asked for.
    timed: u64,
    asked: Vec<Step>,
    posted: Vec<TransactionId>,
    /// What was moved, and reserved, with what was asked for: as far as is known, what can still be
    /// given back or captured.
    moved: Vec<(TransferId, Leg)>,
    holds: Vec<(TransferId, Leg)>,
    frozen: Vec<AccountId>,
    closed: Vec<AccountId>,
}

impl Course {
    /// A course in which so many transactions of as many legs as there may be are posted, every
    /// 15th step.
    pub(super) fn new(seed: u64, wide: usize) -> Self {
        Self {
            next: Box::new(random(seed)),
            steps: 0,
            wide,
            ids: 0xc000,
            timed: 0,
            asked: Vec::new(),
            posted: Vec::new(),
            moved: Vec::new(),
            holds: Vec::new(),
            frozen: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Opens the assets and accounts.
    pub(super) fn open<S: Store>(world: &World<S>) {
        let gem = OpenAsset { transferable: false, supply_cap: Some(90), ..OpenAsset::new(GEM, 0) };
        let leaf = OpenAsset { sealed: false, ..OpenAsset::new(LEAF, 9) };
        for asset in [OpenAsset::new(COIN, 2), gem, leaf] {
            say(world, Actor::HOST, asset).expect("it is new");
        }
        for (n, asset, kind, owner) in opened() {
            let limits = Limits { floor: owner.is_some(), ..Limits::default() };
            let (id, owner) = (Some(account(n)), owner.map(|n| OwnerId::from(person(n))));
            let open = OpenAccount { id, asset, kind, owner, limits };
            say(world, Actor::HOST, open).expect("it is new");
        }
    }

    /// Who asks next, and for what.
    pub(super) fn step(&mut self, now: Timestamp) -> (Actor, Step) {
        let by = if self.once_in(5) { actor(person(1)) } else { Actor::HOST };
        self.steps += 1;
        if self.wide > 0 && self.steps.is_multiple_of(15) {
            self.wide -= 1;
            return (by, Step::Post(self.wide()));
        }
        (by, self.cast(now))
    }

    /// Remembers what became of a step.
    pub(super) fn note(&mut self, step: Step, said: &Said) {
        match (&step, said) {
            (Step::Post(it), Ok(said)) if said["outcome"] == "posted" => {
                self.note_posted(it, said["legs"].as_u64().unwrap_or(0) as u8);
            }
            (Step::Refund(it), Ok(_)) => self.posted.push(it.id),
            (Step::Post(it), Err((402..=404 | 412 | 413, _))) => {
                let is_over = |id: &TransferId| it.legs.iter().any(|leg| about(leg) == Some(*id));
                self.holds.retain(|(id, _)| !is_over(id));
                self.moved.retain(|(id, _)| !is_over(id));
            }
            (Step::Freeze(it), Ok(_)) => {
                note(&mut self.frozen, it.account, it.incoming || it.outgoing)
            }
            (Step::Close(it), Ok(_)) => note(&mut self.closed, it.account, true),
            (Step::Reopen(it), Ok(_)) => note(&mut self.closed, it.account, false),
            _ => {}
        }
        if matches!(step, Step::Post(_) | Step::Refund(_)) {
            self.asked.push(step);
        }
    }

    fn note_posted(&mut self, it: &Transaction, transfers: u8) {
        self.posted.push(it.id);
        for n in 0..transfers {
            // A last capture and a cover make a leg two transfers; then some of these are off.
            let leg = it.legs[usize::from(n).min(it.legs.len() - 1)].clone();
            match leg.action {
                Action::Hold { .. } => self.holds.push((it.transfer(n), leg)),
                Action::Transfer | Action::Capture { .. } => self.moved.push((it.transfer(n), leg)),
                Action::Void { .. } | Action::Refund { .. } | Action::Reverse { .. } => {}
            }
        }
    }

    /// Some transfers that moved something.
    pub(super) fn some_transfers(&self) -> impl Iterator<Item = TransferId> {
        self.moved.iter().step_by(self.moved.len() / 8 + 1).map(|(id, _)| *id)
    }

    fn cast(&mut self, now: Timestamp) -> Step {
        match self.roll(44) {
            0..=13 => Step::Post(self.transaction(now, 0)),
            14..=18 => Step::Post(self.transaction(now, 6)),
            19..=22 => Step::Post(self.transaction(now, 9)),
            23..=25 => Step::Refund(self.refund()),
            26..=29 => self.again(now),
            30 => {
                let (incoming, outgoing) = (self.once_in(2), self.once_in(2));
                Step::Freeze(Freeze { account: self.account(), incoming, outgoing })
            }
            31 => {
                let account = self.frozen.first().copied().unwrap_or(NOBODY);
                Step::Freeze(Freeze { account, incoming: false, outgoing: false })
            }
            32 | 33 => Step::Close(self.close()),
            34 => {
                let account = self.closed.first().copied().unwrap_or(NOBODY);
                Step::Reopen(Reopen { account })
            }
            35 | 36 => {
                let account = account(5 + self.roll(4) as u128);
                Step::Limit(SetLimits { account, limits: self.limits() })
            }
            37 => {
                let back = Duration::from_secs(self.roll(4) as u64);
                let until = Timestamp(now.0 - micros(back) + 1_000_000);
                Step::ClosePeriod(ClosePeriod { asset: self.one(&ASSETS), until })
            }
            38 => Step::Erase(EraseMemo { transaction: self.earlier() }),
            39 => {
                let (asset, owner) = (self.one(&ASSETS), person(self.roll(6) as u128));
                let id = self.once_in(2).then(|| AccountId(self.id().0));
                Step::Open(OpenAccount { id, ..OpenAccount::wallet(asset, owner) })
            }
            40..=42 => Step::Clock(Timestamp(now.0 + self.leap())),
            _ => Step::Tick,
        }
    }

    /// As many legs as there may be.
    fn wide(&mut self) -> Transaction {
        let mut wide = Transaction::new(self.id(), Kind::of("issue"));
        let amount = 1 + self.roll(9) as i64;
        wide.legs = vec![Leg::transfer(COIN, SOURCE, TREASURY, amount); WIDE];
        wide
    }

    /// A transaction of 1 to 4 legs. `least` says of which kind: 0 any, 6 about holds, 9 those that
    /// give back.
    fn transaction(&mut self, now: Timestamp, least: usize) -> Transaction {
        let kind = self.one(&KINDS);
        let mut it = Transaction::new(self.id(), kind);
        for _ in 0..self.one(&[1, 1, 1, 2, 3, 4]) {
            let leg = self.leg(least);
            it.legs.push(leg);
        }
        if self.once_in(3) {
            it.user = Some(person(self.roll(3) as u128));
            it.memo = Some("Vielen Dank! 🎶".into());
            it.reference = Some(format!("psp-{}", self.roll(9)));
        }
        if self.once_in(4) {
            let text = ["{\"room\":\"Tea\"}", "=1+1", "a,\"b\"\r\nc", "'é"];
            it.metadata = Some(self.one(&text).to_owned());
        }
        if self.once_in(6) {
            let at = now.0 + 1_000_000 * (1 - self.roll(6) as i64);
            it.effective_at = Some(Timestamp(at));
        }
        it
    }

    fn leg(&mut self, least: usize) -> Leg {
        let (asset, accounts) = match self.roll(9) {
            0..=5 => (COIN, COINS),
            6 | 7 => (GEM, GEMS),
            _ => (LEAF, LEAVES),
        };
        let n = (accounts.end - accounts.start) as usize;
        // Somebody has to have something.
        let from = if self.once_in(2) { 0 } else { self.roll(n) };
        let to = (from + 1 + self.roll(n - 1)) % n;
        let [from, to] = [from, to].map(|n| account(accounts.start + n as u128));
        let leg = Leg::transfer(asset, from, to, 1 + self.roll(60) as i64);
        let leg = match least.max(self.roll(10)) {
            0..=3 => leg,
            4 | 5 => Leg { action: Action::Hold { expires_in: self.time() }, ..leg },
            6..=8 => self.about_a_hold(leg),
            _ => self.give_back(leg),
        };
        match self.roll(80) {
            0 => Leg { debit: NOBODY, ..leg },
            1 if leg.debit != account(21) => Leg { credit: account(21), ..leg },
            2 => Leg { amount: 0, ..leg },
            _ => leg,
        }
    }

    /// How long a hold is: no two end at once, so that what comes of it has an order.
    fn time(&mut self) -> Option<Duration> {
        let seconds = self.one(&[None, Some(10), Some(60), Some(24 * 60 * 60)]);
        self.timed += 1;
        let apart = Duration::from_millis(10 * self.timed);
        seconds.map(|it| Duration::from_secs(it) + apart)
    }

    fn about_a_hold(&mut self, leg: Leg) -> Leg {
        let known = if self.once_in(12) { &self.moved } else { &self.holds };
        // The last ones are open, most likely.
        let near = known[known.len().saturating_sub(6)..].to_vec();
        if near.is_empty() {
            return Leg { action: Action::Hold { expires_in: self.time() }, ..leg };
        }
        let (hold, of) = near[self.roll(near.len())].clone();
        let hold = if self.once_in(20) { TransferId { leg: 63, ..hold } } else { hold };
        let of = if self.once_in(12) { leg.clone() } else { of };
        let amount = if self.once_in(3) { of.amount } else { leg.amount.min(of.amount) };
        match self.roll(5) {
            0 | 1 => of.capture(hold, amount),
            2 => of.capture_last(hold, amount),
            3 => Leg { amount, ..of.void(hold) },
            _ => of.void(hold),
        }
    }

    fn give_back(&mut self, leg: Leg) -> Leg {
        let known = if self.once_in(12) { &self.holds } else { &self.moved };
        let near = known[known.len().saturating_sub(40)..].to_vec();
        if near.is_empty() {
            return leg;
        }
        let (of, original) = near[self.roll(near.len())].clone();
        let of = if self.once_in(12) { TransferId { leg: 63, ..of } } else { of };
        let original = match self.once_in(12) {
            true => Leg { amount: original.amount, ..leg.clone() },
            false => original,
        };
        let shortfall = self.shortfall(&[original.debit, original.credit]);
        match self.roll(3) {
            0 => original.reverse(of),
            1 => original.refund(of, original.amount, shortfall),
            _ => original.refund(of, leg.amount.min(original.amount), shortfall),
        }
    }

    fn shortfall(&mut self, sides: &[AccountId]) -> Shortfall {
        let by = self.one(&[account(3), account(2), account(6), account(21), NOBODY]);
        match self.roll(5) {
            0 | 1 => Shortfall::Reject,
            2 => Shortfall::Take,
            _ if sides.contains(&by) => Shortfall::Take,
            _ => Shortfall::Cover(by),
        }
    }

    fn refund(&mut self) -> Refund {
        let (id, of) = (self.id(), self.earlier());
        Refund {
            amount: self.once_in(2).then(|| 1 + self.roll(50) as i64),
            keep_fees: self.once_in(3),
            shortfall: self.shortfall(&[]),
            user: self.once_in(4).then(|| person(2)),
            ..Refund::all(id, of, Kind::of("refund"))
        }
    }

    /// A retry, of the same request or of one that differs a little.
    fn again(&mut self, now: Timestamp) -> Step {
        let mut near = self.asked[self.asked.len().saturating_sub(20)..].to_vec();
        if self.once_in(3) {
            near.retain(|it| matches!(it, Step::Refund(_)));
        }
        if near.is_empty() {
            return Step::Tick;
        }
        match near[self.roll(near.len())].clone() {
            Step::Post(mut it) => {
                match self.roll(20) {
                    0 => it.kind = Kind::of("other"),
                    1 => it.user = Some(person(9)),
                    2 => it.reference = Some("psp-x".into()),
                    3 => it.metadata = Some("{}".into()),
                    4 => it.memo = Some("Thanks!".into()),
                    5 => it.effective_at = Some(Timestamp(1_000_000)),
                    6 => it.legs[0].amount = it.legs[0].amount % 1_000 + 1,
                    7 => it.legs.truncate(1),
                    8 => return Step::Post(Transaction { id: it.id, ..self.transaction(now, 0) }),
                    _ => {}
                }
                Step::Post(it)
            }
            Step::Refund(mut it) => {
                match self.roll(6) {
                    0 => it.amount = Some(1 + self.roll(50) as i64),
                    1 => it.kind = Kind::of("other"),
                    2 => return Step::Post(Transaction { id: it.id, ..self.transaction(now, 0) }),
                    _ => {}
                }
                Step::Refund(it)
            }
            other => other,
        }
    }

    fn close(&mut self) -> Close {
        let rest = Rest { to: self.account(), transaction: self.id(), kind: Kind::of("closing") };
        let rest = self.once_in(2).then_some(rest);
        Close { account: self.account(), rest }
    }

    fn limits(&mut self) -> Limits {
        let mut velocity = Vec::new();
        if !self.once_in(3) {
            velocity.push(VelocityRule {
                name: Kind::of("day"),
                window: Duration::from_secs(24 * 60 * 60),
                count_max: self.once_in(2).then_some(1),
                sum_max: Some(40),
            });
        }
        Limits {
            floor: !self.once_in(8),
            credit_limit: 50 * self.roll(3) as i64,
            ceiling: self.once_in(3).then(|| 40 + 50 * self.roll(4) as i64),
            velocity,
        }
    }

    /// How far the clock goes: mostly on, at times back, seldom for so long that refusals are
    /// forgotten.
    fn leap(&mut self) -> i64 {
        let (second, day) = (1_000_000, 24 * 60 * 60 * 1_000_000);
        match self.roll(12) {
            0..=3 => self.roll(20) as i64 * second,
            4..=6 => 60 * second,
            7..=9 => -(self.roll(90) as i64) * second,
            10 => day,
            _ => 8 * day,
        }
    }

    /// A transaction that was posted, or one that never was.
    fn earlier(&mut self) -> TransactionId {
        let near = self.posted[self.posted.len().saturating_sub(25)..].to_vec();
        match near.get(self.roll(near.len() + 1)) {
            Some(id) => *id,
            None => TransactionId(Uuid::from_u128(u128::MAX - 1)),
        }
    }

    /// Any account but those that assets come from.
    fn account(&mut self) -> AccountId {
        let all: Vec<u128> = COINS.skip(1).chain(GEMS.skip(1)).chain(LEAVES.skip(1)).collect();
        account(self.one(&all))
    }

    fn id(&mut self) -> TransactionId {
        self.ids += 1;
        TransactionId(Uuid::from_u128(self.ids))
    }

    fn roll(&mut self, n: usize) -> usize {
        ((self.next)() % n as u64) as usize
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

/// The hold, or the original, that a leg is about.
const fn about(leg: &Leg) -> Option<TransferId> {
    match leg.action {
        Action::Transfer | Action::Hold { .. } => None,
        Action::Capture { hold, .. } | Action::Void { hold } => Some(hold),
        Action::Refund { of, .. } | Action::Reverse { of } => Some(of),
    }
}

/// Puts an account on a list, or takes it off.
fn note(list: &mut Vec<AccountId>, account: AccountId, on: bool) {
    list.retain(|it| *it != account);
    if on {
        list.push(account);
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).expect("tests do not wait for ages")
}

/// The accounts: their numbers, what they are of and for, and whose they are. Who has one owes
/// nothing.
fn opened() -> Vec<(u128, AssetCode, AccountKind, Option<u128>)> {
    use AccountKind::{
        Burn, Clearing, Dispute, Earnings, Fees, Issuance, Liquidity, Promo, Treasury, Wallet,
    };
    vec![
        (0, COIN, Issuance, None),
        (1, COIN, Burn, None),
        (2, COIN, Fees, None),
        (3, COIN, Dispute, None),
        (4, COIN, Clearing, None),
        (5, COIN, Wallet, Some(1)),
        (6, COIN, Wallet, Some(2)),
        (7, COIN, Earnings, Some(1)),
        (8, COIN, Promo, Some(2)),
        (9, COIN, Issuance, None),
        (10, COIN, Treasury, None),
        (20, GEM, Issuance, None),
        (21, GEM, Liquidity, None),
        (22, GEM, Wallet, Some(1)),
        (23, GEM, Wallet, Some(2)),
        (24, GEM, Earnings, Some(1)),
        (30, LEAF, Issuance, None),
        (31, LEAF, Wallet, Some(1)),
    ]
}
