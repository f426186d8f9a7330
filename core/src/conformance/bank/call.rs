use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{COIN, ESCROW, FEES, GEM, LIQUIDITY, PEOPLE, account};
use crate::Uuid;
use crate::conformance::random;
use crate::economy::ledger::{
    Kind, Leg, Refund, Request, Shortfall, Transaction, TransactionId, TransferId,
};

/// One request: of a client in a round the how manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The round: a process that is started anew begins another.
    pub round: u32,
    /// The client.
    pub client: u32,
    /// Its how manieth, from 0.
    pub n: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.round, self.client, self.n)
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<u32>, _> = text.split('-').map(str::parse).collect();
        match parts.as_deref() {
            Ok(&[round, client, n]) => Ok(Self { round, client, n }),
            _ => Err(format!("{text} is no call")),
        }
    }
}

impl Call {
    /// The id that its client has made for it.
    pub fn id(self) -> TransactionId {
        let [round, client, n] = [self.round, self.client, self.n].map(u128::from);
        TransactionId(Uuid::from_u128(1 << 120 | round << 64 | client << 32 | n))
    }

    /// What it asks for: of ten requests in a row, some are about those before.
    pub fn request(self) -> Request {
        let draw = self.draw(0);
        match self.n % 10 {
            1 => self.post("tip", self.tip()),
            2 => self.post("hold", [self.hold(Some(5 + draw % 60))]),
            3 => {
                let (hold, amount) = self.earlier_hold(1);
                self.post("capture", [hold.capture(self.back(1).first(), 1 + amount / 3)])
            }
            4 => {
                let (hold, amount) = self.earlier_hold(2);
                let id = self.back(2).first();
                let end = match draw % 2 {
                    0 => hold.capture_last(id, 1 + amount / 4),
                    _ => hold.void(id),
                };
                self.post("settle", [end])
            }
            5 => self.post("payroll", (0..12).map(|n| self.coins(FEES, (n * 2) % PEOPLE, 1))),
            6 => self.post("hold", [self.hold(Some(1))]),
            7 => self.refund(7, Some(1 + i64::from(draw % 20))),
            8 if draw.is_multiple_of(2) => self.refund(7, None),
            8 => self.post("undo", [self.back(8).move_coins().reverse(self.back(8).first())]),
            9 => self.to_the_bank(),
            _ => self.post("gift", [self.move_coins()]),
        }
    }

    /// Another request under the same id.
    pub(super) fn other_request(self) -> Request {
        self.post("other", [self.coins(0, 1, 1)])
    }

    fn post(self, kind: &'static str, legs: impl IntoIterator<Item = Leg>) -> Request {
        let legs = legs.into_iter().collect();
        Request::Post(Transaction { legs, ..Transaction::new(self.id(), Kind::of(kind)) })
    }

    fn refund(self, back: u32, amount: Option<i64>) -> Request {
        let shortfall = match self.draw(1) % 3 {
            0 => Shortfall::Reject,
            1 => Shortfall::Take,
            _ => Shortfall::Cover(account(COIN, LIQUIDITY)),
        };
        // Of two assets one account cannot cover what is missing.
        let shortfall = if amount.is_none() { Shortfall::Reject } else { shortfall };
        let keep_fees = self.draw(2).is_multiple_of(2);
        let refund = Refund::all(self.id(), self.back(back).id(), Kind::of("refund"));
        Request::Refund(Refund { amount, keep_fees, shortfall, ..refund })
    }

    fn to_the_bank(self) -> Request {
        let (wallet, amount) = (self.draw(3) % PEOPLE, 1 + i64::from(self.draw(4) % 40));
        let leg = match self.draw(5) % 4 {
            0 => self.coins(ESCROW, wallet, amount),
            1 => self.coins(LIQUIDITY, wallet, 3 * amount),
            _ => self.coins(wallet, FEES, amount),
        };
        let transaction = Transaction::new(self.id(), Kind::of("dues")).leg(leg);
        Request::Post(Transaction {
            reference: Some(format!("pi_{self}")),
            metadata: Some(format!("{{\"n\":{}}}", self.n)),
            memo: Some(format!("From client {}", self.client)),
            ..transaction
        })
    }

    fn tip(self) -> [Leg; 4] {
        let (from, to) = self.pair();
        let amount = 5 + i64::from(self.draw(6) % 60);
        let gems = Leg::transfer(GEM, account(GEM, LIQUIDITY), account(GEM, from), amount);
        let fee = self.coins(from, FEES, amount / 5);
        [self.coins(from, to, amount), fee, self.coins(from, LIQUIDITY, amount), gems]
    }

    fn move_coins(self) -> Leg {
        let (from, to) = self.pair();
        self.coins(from, to, 1 + i64::from(self.draw(7) % 90))
    }

    fn hold(self, seconds: Option<u32>) -> Leg {
        let (from, to) = self.pair();
        let to = if self.draw(8).is_multiple_of(2) { to } else { ESCROW };
        let Leg { asset, debit, credit, .. } = self.coins(from, to, 1);
        let time = seconds.map(|it| Duration::from_secs(it.into()));
        Leg::hold(asset, debit, credit, 6 + i64::from(self.draw(9) % 60), time)
    }

    /// The hold of an earlier call, and its amount.
    fn earlier_hold(self, back: u32) -> (Leg, i64) {
        let hold = self.back(back).hold(None);
        let amount = hold.amount;
        (hold, amount)
    }

    fn coins(self, from: u32, to: u32, amount: i64) -> Leg {
        Leg::transfer(COIN, account(COIN, from), account(COIN, to), amount)
    }

    /// Two people. Some are everybody's favourites.
    fn pair(self) -> (u32, u32) {
        let from = self.draw(10) % PEOPLE;
        let others = if self.draw(11).is_multiple_of(3) { 2 } else { PEOPLE - 1 };
        (from, (from + 1 + self.draw(12) % others) % PEOPLE)
    }

    fn back(self, by: u32) -> Self {
        Self { n: self.n - by, ..self }
    }

    fn first(self) -> TransferId {
        TransferId { transaction: self.id(), leg: 0 }
    }

    /// A number that is always the same for this call and purpose.
    pub(super) fn draw(self, purpose: u32) -> u32 {
        let seed = u64::from(self.client) << 40 | u64::from(self.n) << 8 | u64::from(purpose);
        let mut draw = random(seed ^ u64::from(self.round) << 52);
        (draw() >> 33) as u32
    }
}
