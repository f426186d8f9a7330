//! Accounts: what they may have and owe, and when they stand still.

use super::*;
use parlor_core::economy::ledger::{AssetChange, Close, ClosePeriod, Reopen, Rest, Wallet};

#[test]
fn nothing_goes_below_the_floor_what_is_reserved_included() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.hold(ADA, BEN, 60, DAY);
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 40 });
    assert_eq!(bank.pay(ADA, BEN, 41), short);
    assert_eq!(bank.leg(Leg::hold(COIN, ADA, BEN, 41, None)), short);
    bank.pay(ADA, BEN, 40).unwrap();
    assert_eq!(bank.stands([ADA]), [(60, 60, 0)]);
    assert_eq!(bank.pay(ADA, BEN, 1), Err(Refusal::InsufficientFunds { leg: 0, available: 0 }));
}

#[test]
fn what_is_on_its_way_in_cannot_be_spent() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.hold(ADA, BEN, 100, DAY);
    let none = Err(Refusal::InsufficientFunds { leg: 0, available: 0 });
    assert_eq!(bank.pay(BEN, ADA, 1), none);
}

#[test]
fn a_credit_limit_lowers_the_floor() {
    let bank = Bank::open();
    bank.limit(ADA, Limits { credit_limit: 50, ..floor() });
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 50 });
    assert_eq!(bank.pay(ADA, BEN, 51), short);
    bank.pay(ADA, BEN, 50).unwrap();
    assert_eq!(bank.has([ADA]), [-50]);
    // It is within limits already that are narrower, or it is not given them.
    let narrower = SetLimits { account: ADA, limits: Limits { credit_limit: 49, ..floor() } };
    assert_eq!(bank.refused_without_trace(narrower), Refusal::OutsideLimits);
    bank.limit(ADA, Limits::default());
    bank.pay(ADA, BEN, 1_000).unwrap();
}

#[test]
fn a_ceiling_counts_what_is_reserved_to_come_in() {
    let bank = Bank::open();
    bank.give(ADA, 500);
    bank.limit(BEN, Limits { ceiling: Some(100), ..floor() });
    let (leg, hold) = bank.hold(ADA, BEN, 70, DAY);
    let room = Err(Refusal::CeilingExceeded { leg: 0, room: 30 });
    assert_eq!(bank.pay(ADA, BEN, 31), room);
    bank.pay(ADA, BEN, 30).unwrap();
    bank.leg(leg.capture(hold, 70)).unwrap();
    assert_eq!(bank.has([BEN]), [100]);
    let narrower = SetLimits { account: BEN, limits: Limits { ceiling: Some(99), ..floor() } };
    assert_eq!(bank.refused_without_trace(narrower), Refusal::OutsideLimits);
    bank.pay(BEN, ADA, 1).unwrap();
    bank.give(BEN, 1);
}

#[test]
fn a_frozen_account_stands_still_but_gives_up_what_is_reserved() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.give(BEN, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 50, DAY);
    bank.freeze(ADA, false, true);
    assert_eq!(bank.pay(ADA, BEN, 1), Err(Refusal::AccountFrozenOut { leg: 0 }));
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::AccountFrozenOut { leg: 0 }));
    bank.pay(BEN, ADA, 1).unwrap();
    bank.freeze(ADA, true, false);
    assert_eq!(bank.pay(BEN, ADA, 1), Err(Refusal::AccountFrozenIn { leg: 0 }));
    bank.pay(ADA, BEN, 1).unwrap();
    bank.freeze(ADA, true, true);
    bank.freeze(BEN, true, true);
    bank.leg(Leg { amount: 20, ..leg.void(hold) }).unwrap();
    bank.wait(DAY + SECOND);
    assert_eq!(bank.tick(), 1);
    assert_eq!(bank.stands([ADA, BEN]), [(100, 0, 0), (100, 0, 0)]);
    bank.freeze(ADA, false, false);
    bank.freeze(BEN, false, false);
    bank.pay(ADA, BEN, 100).unwrap();
}

#[test]
fn freezing_what_is_frozen_changes_nothing() {
    let bank = Bank::open();
    bank.freeze(ADA, true, false);
    let before = bank.asset();
    bank.freeze(ADA, true, false);
    assert_eq!(bank.asset(), before);
}

#[test]
fn a_closed_account_is_empty_and_stands_still() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let close = Close { account: ADA, rest: None };
    assert_eq!(bank.refused_without_trace(close.clone()), Refusal::CloseNonZero { balance: 100 });
    let (leg, hold) = bank.hold(ADA, BEN, 100, DAY);
    assert_eq!(bank.refused_without_trace(close.clone()), Refusal::CloseHasHolds);
    let ben = Close { account: BEN, rest: None };
    assert_eq!(bank.refused_without_trace(ben), Refusal::CloseHasHolds, "nor comes anything in");
    bank.leg(leg.capture(hold, 100)).unwrap();
    bank.done(close.clone());
    let changes = bank.account(ADA).changes;
    bank.done(close);
    assert_eq!(bank.account(ADA).changes, changes, "it is closed once");
    let closed = |side| Err(Refusal::AccountClosed { side, leg: 0 });
    use parlor_core::economy::ledger::Side;
    assert_eq!(bank.pay(BEN, ADA, 1), closed(Side::Credit));
    assert_eq!(bank.pay(ADA, BEN, 1), closed(Side::Debit));
    bank.done(Reopen { account: ADA });
    bank.pay(BEN, ADA, 1).unwrap();
}

#[test]
fn what_is_left_goes_elsewhere_when_an_account_is_closed() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let rest = Rest { to: BEN, transaction: tx_id(7), kind: Kind::of("closing") };
    bank.done(Close { account: ADA, rest: Some(rest.clone()) });
    assert_eq!(bank.has([ADA, BEN]), [0, 100]);
    assert!(bank.account(ADA).closed);

    // Under the same id nothing goes a second time, so the account is not closed over what is in it.
    bank.done(Reopen { account: ADA });
    bank.give(ADA, 100);
    let again = Close { account: ADA, rest: Some(rest.clone()) };
    assert_eq!(bank.refused_without_trace(again), Refusal::CloseNonZero { balance: 100 });
    assert!(!bank.account(ADA).closed);
    let rest = Rest { transaction: tx_id(8), ..rest };
    bank.done(Close { account: ADA, rest: Some(rest) });
    assert_eq!(bank.has([ADA, BEN]), [0, 200]);
}

#[test]
fn a_debt_does_not_go_elsewhere() {
    let bank = Bank::open();
    bank.limit(ADA, Limits::default());
    bank.pay(ADA, BEN, 5).unwrap();
    let rest = Some(Rest { to: BEN, transaction: tx_id(7), kind: Kind::of("closing") });
    let refusal = bank.refused_without_trace(Close { account: ADA, rest });
    assert_eq!(refusal, Refusal::CloseNonZero { balance: -5 });
}

#[test]
fn closing_falls_with_what_should_go_elsewhere() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.freeze(BEN, true, false);
    let rest = Some(Rest { to: BEN, transaction: tx_id(7), kind: Kind::of("closing") });
    let close = Close { account: ADA, rest };
    let refusal = Refusal::AccountFrozenIn { leg: 0 };
    assert_eq!(bank.refused_without_trace(close.clone()), refusal);
    bank.freeze(BEN, false, false);
    assert_eq!(bank.refused_without_trace(close), refusal, "it sticks to the id");
}

#[test]
fn an_owner_has_one_account_for_each_purpose() {
    let bank = Bank::open();
    let again = OpenAccount::wallet(COIN, owner_id(1));
    assert_eq!(bank.done(again.clone()), Opened { account: ADA, new: false });
    let other = OpenAccount { id: Some(NOBODY), ..again.clone() };
    assert_eq!(bank.refused_without_trace(other), Refusal::AccountExists { account: ADA });
    let taken = OpenAccount { id: Some(ADA), owner: Some(owner_id(9)), ..again.clone() };
    assert_eq!(bank.refused_without_trace(taken), Refusal::AccountExists { account: ADA });
    let new = bank.done(OpenAccount::wallet(COIN, owner_id(9)));
    assert!(new.new);
    let key = (owner_id(9), AccountKind::Wallet, COIN);
    assert_eq!(bank.row::<Wallet>(key).account_id, new.account);
    let nothing = OpenAccount::wallet(GEM, owner_id(1));
    assert_eq!(bank.refused_without_trace(nothing), Refusal::AssetNotFound { leg: 0 });
}

#[test]
fn an_asset_is_opened_once() {
    let bank = Bank::open();
    let before = bank.asset();
    bank.done(OpenAsset::new(COIN, 2));
    assert_eq!(bank.asset(), before);
    for other in [
        OpenAsset::new(COIN, 3),
        OpenAsset { transferable: false, ..OpenAsset::new(COIN, 2) },
        OpenAsset { sealed: false, ..OpenAsset::new(COIN, 2) },
        OpenAsset { supply_cap: Some(1), ..OpenAsset::new(COIN, 2) },
    ] {
        assert_eq!(bank.refused_without_trace(other), Refusal::AssetExists);
    }
}

#[test]
fn nothing_takes_effect_in_books_that_are_closed() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.wait(DAY);
    let until = bank.now() - SECOND;
    bank.done(ClosePeriod { asset: COIN, until });
    let at = |effective_at| {
        let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1));
        tip.effective_at = Some(effective_at);
        tip
    };
    let late = at(Timestamp(until.0 - 1));
    assert_eq!(bank.post(&late), Err(Refusal::PeriodSealed { leg: 0 }));
    bank.posted(&at(until));
    bank.pay(ADA, BEN, 1).unwrap();

    let close = |until| ClosePeriod { asset: COIN, until };
    assert_eq!(bank.refused_without_trace(close(until - SECOND)), Refusal::BadTimestamp);
    assert_eq!(bank.refused_without_trace(close(bank.now() + SECOND)), Refusal::BadTimestamp);
    bank.done(close(until));
    assert_eq!(bank.world.rows::<AssetChange>().len(), 2, "closed up to there once");
    bank.done(close(bank.now()));
}

#[test]
fn limits_that_cannot_be_held_are_refused() {
    use parlor_core::economy::ledger::{AMOUNT_MAX, VELOCITY_RULES_MAX, VelocityRule};
    let bank = Bank::open();
    let rule = |name, window| VelocityRule {
        name: Kind::of(name),
        window,
        count_max: None,
        sum_max: None,
    };
    let rules = |velocity| Limits { velocity, ..floor() };
    let names = ["a", "b", "c", "d", "e"];
    assert_eq!(names.len(), VELOCITY_RULES_MAX + 1);
    for (limits, field) in [
        (Limits { credit_limit: -1, ..floor() }, "credit_limit"),
        (Limits { credit_limit: AMOUNT_MAX + 1, ..floor() }, "credit_limit"),
        (Limits { ceiling: Some(-1), ..floor() }, "ceiling"),
        (Limits { ceiling: Some(AMOUNT_MAX + 1), ..floor() }, "ceiling"),
        (rules(names.map(|it| rule(it, DAY)).into()), "velocity"),
        (rules(vec![rule("a", DAY), rule("a", MINUTE)]), "velocity"),
        (rules(vec![rule("a", Duration::from_millis(999))]), "window"),
        (rules(vec![rule("a", DAY * 367)]), "window"),
        (rules(vec![VelocityRule { sum_max: Some(-1), ..rule("a", DAY) }]), "sum_max"),
    ] {
        let refusal = bank.refused_without_trace(SetLimits { account: ADA, limits });
        assert_eq!(refusal.number(), 113);
        assert_eq!(parlor_core::engine::Refusal::field(&refusal), Some(field));
    }
}
