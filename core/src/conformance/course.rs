//! A random course of a ledger: what a host asks of it from day to day, the same for the same seed.

mod cast;

use serde_json::Value;

use super::world::{actor, random};
use super::{World, block_on};
use crate::Uuid;
use crate::economy::ledger::{
    AccountId, AccountKind, Action, AssetCode, Close, ClosePeriod, EraseMemo, Freeze, Kind, Leg,
    Limits, OpenAccount, OpenAsset, OwnerId, Post, Refund, Refusal, Reopen, SetLimits, Transaction,
    TransactionId, TransferId,
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
/// A wide transaction comes every so many steps, and has so many legs.
pub(super) const WIDE_EVERY: usize = 8;
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
    /// few steps.
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
        if self.wide > 0 && self.steps.is_multiple_of(WIDE_EVERY) {
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
