//! One step of a course, cast with dice.

use std::time::Duration;

use super::{
    ASSETS, COIN, COINS, Course, GEM, GEMS, KINDS, LEAF, LEAVES, NOBODY, SOURCE, Step, TREASURY,
    WIDE, account, person,
};
use crate::Uuid;
use crate::economy::ledger::{
    AccountId, Action, Close, ClosePeriod, EraseMemo, Freeze, Kind, Leg, Limits, OpenAccount,
    Refund, Reopen, Rest, SetLimits, Shortfall, Transaction, TransactionId, TransferId,
    VelocityRule,
};
use crate::record::Timestamp;

impl Course {
    /// What is asked next: mostly something that may well be granted.
    pub(super) fn cast(&mut self, now: Timestamp) -> Step {
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
    pub(super) fn wide(&mut self) -> Transaction {
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

    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).expect("tests do not wait for ages")
}
