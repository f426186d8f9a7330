//! The ledgers that are changed.

use std::time::Duration;

use parlor_core::Uuid;
use parlor_core::conformance::{Books, World, block_on};
use parlor_core::economy::ledger::{
    AccountId, AccountKind, AssetCode, Close, ClosePeriod, EraseMemo, Freeze, Kind, Leg, Limits,
    OpenAccount, OpenAsset, OwnerId, Post, Refund, Rest, SetLimits, Shortfall, Transaction,
    TransactionId, TransferId, VelocityRule,
};
use parlor_core::engine::{Command, Error};
use parlor_core::events::Actor;
use parlor_core::storage::Store;

pub(crate) const COIN: AssetCode = AssetCode::of("COIN");
/// An asset that is not sealed.
pub(crate) const GEM: AssetCode = AssetCode::of("GEM");

const MINT: AccountId = AccountId(Uuid::from_u128(0x1111 << 100 | 0xa0));
const BURN: AccountId = AccountId(Uuid::from_u128(0x2222 << 100 | 0xa1));
const FEES: AccountId = AccountId(Uuid::from_u128(0x3333 << 100 | 0xa2));
pub(crate) const ADA: AccountId = AccountId(Uuid::from_u128(0x4444 << 100 | 0xb1));
pub(crate) const BEN: AccountId = AccountId(Uuid::from_u128(0x5555 << 100 | 0xb2));
const EVE: AccountId = AccountId(Uuid::from_u128(0x6666 << 100 | 0xb3));
const GEM_MINT: AccountId = AccountId(Uuid::from_u128(0x7777 << 100 | 0xc0));
const ADAS_GEMS: AccountId = AccountId(Uuid::from_u128(0x8888 << 100 | 0xc1));

/// Ada's tip to Ben, with a memo.
pub(crate) const TIP: TransactionId = id(2);
/// What Ada could not pay, with a memo.
pub(crate) const REFUSED: TransactionId = id(20);

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const fn id(n: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(0x99 << 100 | n << 40 | 0x77))
}

/// A small ledger with something in every column of every table but blocks.
pub(crate) fn small<S: Store>(world: &World<S>) {
    let host = Host { world, actor: world.guest("Ada") };
    host.done(OpenAsset { supply_cap: Some(1_000_000), ..OpenAsset::new(COIN, 2) });
    host.done(OpenAsset { sealed: false, ..OpenAsset::new(GEM, 0) });
    for (id, kind, asset) in [
        (MINT, AccountKind::Issuance, COIN),
        (BURN, AccountKind::Burn, COIN),
        (FEES, AccountKind::Fees, COIN),
        (GEM_MINT, AccountKind::Issuance, GEM),
    ] {
        host.done(OpenAccount { id: Some(id), ..OpenAccount::platform(asset, kind) });
    }
    for (id, asset) in [(ADA, COIN), (BEN, COIN), (EVE, COIN), (ADAS_GEMS, GEM)] {
        let owner = OwnerId(Uuid::from_u128(id.0.as_u128() % 3 + 0x5151_0000));
        let owner = if asset == GEM { OwnerId(Uuid::from_u128(0x5252)) } else { owner };
        host.done(OpenAccount { id: Some(id), ..OpenAccount::wallet(asset, owner) });
    }
    let rule = |name, count_max, sum_max| VelocityRule {
        name: Kind::of(name),
        window: DAY,
        count_max,
        sum_max,
    };
    let velocity = vec![rule("day", Some(90), None), rule("sum", None, Some(9_000))];
    host.done(SetLimits { account: ADA, limits: Limits { velocity, ..Limits::wallet() } });
    let limits = Limits { credit_limit: 50, ceiling: Some(1_000), ..Limits::wallet() };
    host.done(SetLimits { account: BEN, limits });
    host.done(ClosePeriod { asset: COIN, until: World::<S>::BEGIN - DAY });
    payments(&host);
    holds(&host);
    returns(&host);
    host.done(Freeze { account: FEES, incoming: true, outgoing: true });
    let rest = Rest { to: ADA, transaction: id(30), kind: Kind::of("closing") };
    host.done(Close { account: EVE, rest: Some(rest) });
}

fn payments<S: Store>(host: &Host<'_, S>) {
    let mut top_up = tx(1, "top_up").leg(Leg::transfer(COIN, MINT, ADA, 1_000));
    top_up.reference = Some("psp-1".into());
    top_up.metadata = Some("{\"order\":7}".into());
    top_up.effective_at = Some(World::<S>::BEGIN - SECOND);
    host.post(top_up.by(host.actor.user().unwrap()));
    let mut tip = tx(2, "tip").leg(Leg::transfer(COIN, ADA, BEN, 200));
    tip = tip.leg(Leg::transfer(COIN, ADA, FEES, 20)).leg(Leg::transfer(COIN, ADA, EVE, 7));
    tip.memo = Some("Well sung!".into());
    host.post(tip);
    for (n, memo) in [(3, "Thank you!"), (31, "To be erased")] {
        let mut gift = tx(n, "gift").leg(Leg::transfer(COIN, ADA, BEN, 5));
        gift.memo = Some(memo.into());
        host.post(gift);
    }
    host.done(EraseMemo { transaction: id(31) });
    host.post(tx(32, "burn").leg(Leg::transfer(COIN, ADA, BURN, 9)));
    for n in 33..36 {
        let gems = tx(n, "gems").leg(Leg::transfer(GEM, GEM_MINT, ADAS_GEMS, 4));
        host.post(gems.leg(Leg::transfer(GEM, ADAS_GEMS, GEM_MINT, 1)));
    }
    let mut refused =
        Transaction::new(REFUSED, Kind::of("tip")).leg(Leg::transfer(COIN, ADA, BEN, 5_000));
    (refused.memo, refused.metadata) = (Some("Never sent".into()), Some("{}".into()));
    host.refused(Post(refused));
    host.refused(Refund::all(id(21), id(99), Kind::of("refund")));
}

fn holds<S: Store>(host: &Host<'_, S>) {
    let hold = |n, amount, time| {
        let leg = Leg::hold(COIN, ADA, BEN, amount, time);
        host.post(tx(n, "ticket").leg(leg.clone()));
        (leg, TransferId { transaction: id(n), leg: 0 })
    };
    let (leg, held) = hold(4, 100, Some(DAY));
    host.post(tx(5, "ticket").leg(leg.capture(held, 1)).leg(Leg { amount: 10, ..leg.void(held) }));
    let (leg, held) = hold(6, 50, Some(DAY));
    host.post(tx(7, "ticket").leg(leg.capture_last(held, 30)));
    let (leg, held) = hold(8, 40, None);
    host.post(tx(9, "ticket").leg(leg.void(held)));
    hold(10, 30, Some(SECOND));
    hold(11, 20, None);
    host.world.clock.advance(10 * SECOND);
    assert_eq!(host.world.drive().timers, 1);
}

fn returns<S: Store>(host: &Host<'_, S>) {
    let refund = Refund::all(id(12), TIP, Kind::of("refund"));
    host.done(Refund { amount: Some(60), keep_fees: true, ..refund });
    let gift = Leg::transfer(COIN, ADA, BEN, 5);
    let of = TransferId { transaction: id(3), leg: 0 };
    host.post(tx(13, "reversal").leg(gift.reverse(of)));
    let of = TransferId { transaction: id(31), leg: 0 };
    for n in [14, 15] {
        host.post(tx(n, "refund").leg(gift.refund(of, 1, Shortfall::Reject)));
    }
}

/// The sample ledger, with two whole blocks and a bit.
pub(crate) fn large<S: Store>(world: &World<S>) {
    Books::keep(world);
    let host = Host { world, actor: Actor::HOST };
    for n in 0..17 {
        let mut many = tx(n, "issue");
        many.legs = vec![Leg::transfer(COIN, Books::MINT, Books::FEES, 1); 64];
        host.post(many);
    }
    let coin = block_on(world.parlor.ledger().asset(COIN)).unwrap();
    assert!(coin.size > 2_048 + 64, "{}", coin.size);
}

fn tx(n: u128, kind: &'static str) -> Transaction {
    Transaction::new(id(n), Kind::of(kind))
}

struct Host<'w, S> {
    world: &'w World<S>,
    actor: Actor,
}

impl<S: Store> Host<'_, S> {
    fn done<C: Command>(&self, command: C) -> C::Output {
        let done = block_on(self.world.parlor.execute(self.actor, command));
        done.unwrap_or_else(|error| panic!("{error}"))
    }

    fn post(&self, transaction: Transaction) {
        self.done(Post(transaction));
    }

    fn refused<C: Command>(&self, command: C) {
        let refused = block_on(self.world.parlor.execute(self.actor, command));
        assert!(matches!(refused, Err(Error::Refused(_))));
    }
}
