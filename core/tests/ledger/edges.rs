//! Whole numbers end. Nothing wraps, and nothing is counted that cannot be.

use super::*;
use parlor_core::economy::ledger::{AMOUNT_MAX, Close, LEGS_MAX, Rest};

/// Writes the sums of an account as they would be after ages; the other accounts do not know of it.
fn aged(bank: &Bank, id: AccountId, change: impl FnOnce(&mut Account)) {
    bank.checked.set(false);
    let mut account = bank.account(id);
    change(&mut account);
    bank.world.write([account.into()]);
}

#[test]
fn the_most_that_one_leg_moves() {
    let bank = Bank::open();
    bank.give(ADA, AMOUNT_MAX);
    assert_eq!(bank.pay(ADA, BEN, AMOUNT_MAX + 1), Err(Refusal::AmountOutOfRange { leg: 0 }));
    assert_eq!(bank.pay(ADA, BEN, i64::MAX), Err(Refusal::AmountOutOfRange { leg: 0 }));
    for amount in [0, -1, i64::MIN] {
        assert_eq!(bank.pay(ADA, BEN, amount), Err(Refusal::AmountNotPositive { leg: 0 }));
    }
    bank.pay(ADA, BEN, AMOUNT_MAX).unwrap();
    assert_eq!(bank.has([ADA, BEN]), [0, (1 << 53) - 1]);
    bank.limit(BEN, Limits { ceiling: Some(AMOUNT_MAX), credit_limit: AMOUNT_MAX, ..floor() });
    assert_eq!(bank.pay(MINT, BEN, 1), Err(Refusal::CeilingExceeded { leg: 0, room: 0 }));
}

#[test]
fn an_account_is_closed_though_it_has_more_than_one_leg_moves() {
    let bank = Bank::open();
    bank.give(ADA, AMOUNT_MAX);
    bank.give(ADA, AMOUNT_MAX);
    bank.give(ADA, 1);
    let rest = Rest { to: BEN, transaction: bank.tx().id, kind: Kind::of("rest") };
    bank.done(Close { account: ADA, rest: Some(rest) });
    assert_eq!(bank.has([ADA, BEN]), [0, 2 * AMOUNT_MAX + 1]);

    let full = |extra: &[i64]| {
        let bank = Bank::open();
        (0..LEGS_MAX).for_each(|_| bank.give(ADA, AMOUNT_MAX));
        extra.iter().for_each(|amount| bank.give(ADA, *amount));
        let rest = Rest { to: BEN, transaction: bank.tx().id, kind: Kind::of("rest") };
        bank.run(Close { account: ADA, rest: Some(rest) })
    };
    assert_eq!(full(&[]), Ok(()));
    assert_eq!(full(&[1]), Err(Refusal::TooManyLegs { max: LEGS_MAX }));
}

#[test]
fn counters_that_are_full_refuse_more() {
    let overflow = Err(Refusal::BalanceOverflow { leg: 0 });
    for side in ["in", "out"] {
        let bank = Bank::open();
        let (from, to) = match side {
            "in" => {
                bank.give(ADA, 100);
                aged(&bank, BEN, |it| it.credits_posted = i64::MAX - 10);
                (ADA, BEN)
            }
            _ => {
                aged(&bank, ADA, |it| {
                    (it.debits_posted, it.credits_posted) = (i64::MAX - 10, i64::MAX);
                });
                (ADA, BEN)
            }
        };
        let available = Err(Refusal::InsufficientFunds { leg: 0, available: 10 });
        let expected = if side == "in" { &overflow } else { &available };
        assert_eq!(bank.pay(from, to, 11), *expected, "{side}");
        bank.limit(ADA, Limits::default());
        assert_eq!(bank.pay(from, to, 11), overflow, "{side}");
        bank.pay(from, to, 10).unwrap();
        assert_eq!(bank.pay(from, to, 1), overflow, "{side}");
    }
}

#[test]
fn what_is_reserved_can_always_be_captured() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    aged(&bank, BEN, |it| it.credits_posted = i64::MAX - 10);
    let (leg, hold) = bank.hold(ADA, BEN, 10, DAY);
    let overflow = Err(Refusal::BalanceOverflow { leg: 0 });
    assert_eq!(bank.pay(ADA, BEN, 1), overflow);
    assert_eq!(bank.leg(Leg::hold(COIN, ADA, BEN, 1, None)), overflow);
    bank.leg(leg.capture(hold, 10)).unwrap();
}

#[test]
fn what_is_issued_is_counted_as_far_as_it_can_be() {
    let bank = Bank::open();
    bank.checked.set(false);
    bank.world.write([Asset { issued: i64::MAX - 5, ..bank.asset() }.into()]);
    let overflow = Err(Refusal::BalanceOverflow { leg: 0 });
    assert_eq!(bank.pay(MINT, ADA, 6), overflow);
    bank.give(ADA, 5);
    bank.world.write([Asset { burned: i64::MAX, ..bank.asset() }.into()]);
    assert_eq!(bank.pay(ADA, BURN, 1), overflow);
}

#[test]
fn balances_beyond_64_bits_are_reckoned_all_the_same() {
    let bank = Bank::open();
    aged(&bank, ADA, |it| {
        (it.debits_posted, it.has_floor, it.credit_limit) = (i64::MAX - 1, true, AMOUNT_MAX);
        it.debits_pending = 1;
    });
    let account = bank.account(ADA);
    assert_eq!(account.balance(), 1 - i128::from(i64::MAX));
    assert_eq!(account.available(), Some(i128::from(AMOUNT_MAX) - i128::from(i64::MAX)));
    let none = Err(Refusal::InsufficientFunds { leg: 0, available: 0 });
    assert_eq!(bank.pay(ADA, BEN, 1), none);
    aged(&bank, BEN, |it| (it.credits_posted, it.ceiling) = (i64::MAX, Some(0)));
    assert_eq!(bank.pay(MINT, BEN, 1), Err(Refusal::CeilingExceeded { leg: 0, room: 0 }));
}
