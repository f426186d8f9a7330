//! How much may go out of an account in a window of time.

use super::*;
use parlor_core::economy::ledger::VelocityRule;

fn rule(
    name: &'static str,
    window: Duration,
    count: Option<u32>,
    sum: Option<i64>,
) -> VelocityRule {
    VelocityRule { name: Kind::of(name), window, count_max: count, sum_max: sum }
}

/// A bank in which Ada has a thousand and these rules, at the beginning of a day.
fn bank(velocity: Vec<VelocityRule>) -> Bank {
    let bank = Bank::open();
    bank.give(ADA, 1_000);
    bank.wait(MINUTE);
    bank.limit(ADA, Limits { velocity, ..floor() });
    bank
}

fn exceeded(rule: &'static str, retry_after: Duration) -> Result<TransferId, Refusal> {
    Err(Refusal::VelocityExceeded { leg: 0, rule: Kind::of(rule), retry_after })
}

#[test]
fn so_many_transfers_in_a_window() {
    let bank = bank(vec![rule("daily", DAY, Some(2), None)]);
    bank.wait(SECOND);
    bank.pay(ADA, BEN, 1).unwrap();
    bank.wait(SECOND);
    bank.pay(ADA, BEN, 1).unwrap();
    // A minute and three seconds have passed of the day; the clock stands still while it is asked.
    bank.wait(SECOND);
    let left = DAY - MINUTE - 3 * SECOND;
    assert_eq!(bank.pay(ADA, BEN, 1), exceeded("daily", left));
    bank.wait(left - SECOND);
    assert_eq!(bank.pay(ADA, BEN, 1), exceeded("daily", SECOND));
    bank.wait(SECOND);
    bank.pay(ADA, BEN, 1).unwrap();
}

#[test]
fn so_much_in_a_window_what_is_reserved_included() {
    let bank = bank(vec![rule("hourly", 60 * MINUTE, None, Some(100))]);
    bank.wait(SECOND);
    bank.hold(ADA, BEN, 60, DAY);
    bank.wait(SECOND);
    let left = 60 * MINUTE - MINUTE - 2 * SECOND;
    assert_eq!(bank.pay(ADA, BEN, 41), exceeded("hourly", left));
    bank.pay(ADA, BEN, 40).unwrap();
    bank.wait(SECOND);
    assert_eq!(bank.pay(ADA, BEN, 1), exceeded("hourly", left - SECOND));
    bank.pay(MINT, ADA, 500).unwrap();
    bank.pay(BEN, ADA, 40).unwrap();
    bank.wait(60 * MINUTE);
    bank.pay(ADA, BEN, 100).unwrap();
}

#[test]
fn a_refusal_is_not_counted_and_captures_and_refunds_are_not_either() {
    let bank = bank(vec![rule("daily", DAY, Some(2), None)]);
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 1_000 });
    for _ in 0..5 {
        assert_eq!(bank.pay(ADA, BEN, 2_000), short);
    }
    let (leg, hold) = bank.hold(ADA, BEN, 10, DAY);
    for _ in 0..5 {
        bank.leg(leg.capture(hold, 1)).unwrap();
    }
    let gift = bank.pay(MINT, ADA, 1).unwrap();
    bank.leg(Leg::transfer(COIN, MINT, ADA, 1).reverse(gift)).unwrap();
    bank.pay(ADA, BEN, 1).unwrap();
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
}

#[test]
fn all_rules_hold_and_the_first_that_is_broken_is_named() {
    let rules = vec![rule("burst", SECOND, Some(1), None), rule("daily", DAY, None, Some(5))];
    let bank = bank(rules);
    bank.wait(Duration::from_millis(250));
    bank.pay(ADA, BEN, 4).unwrap();
    bank.wait(Duration::from_millis(250));
    assert_eq!(bank.pay(ADA, BEN, 1), exceeded("burst", Duration::from_millis(500)));
    bank.wait(Duration::from_millis(500));
    let left = DAY - MINUTE - SECOND;
    assert_eq!(bank.pay(ADA, BEN, 2), exceeded("daily", left));
    bank.pay(ADA, BEN, 1).unwrap();
}

#[test]
fn legs_count_one_by_one_and_fall_together() {
    let bank = bank(vec![rule("daily", DAY, Some(2), None)]);
    let mut three = bank.tx();
    three.legs = vec![Leg::transfer(COIN, ADA, BEN, 1); 3];
    let refusal = bank.refused_without_trace(Post(three));
    assert!(matches!(refusal, Refusal::VelocityExceeded { leg: 2, .. }), "{refusal:?}");
    bank.pay(ADA, BEN, 1).unwrap();
    bank.pay(ADA, BEN, 1).unwrap();
}

#[test]
fn a_rule_that_stays_goes_on_counting_and_a_new_one_begins() {
    let day = |count| rule("daily", DAY, Some(count), None);
    let bank = bank(vec![day(2)]);
    bank.pay(ADA, BEN, 1).unwrap();
    bank.pay(ADA, BEN, 1).unwrap();
    let set = |velocity| bank.limit(ADA, Limits { velocity, ..floor() });
    set(vec![day(3)]);
    bank.pay(ADA, BEN, 1).unwrap();
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
    set(vec![rule("daily", 2 * DAY, Some(1), None)]);
    bank.pay(ADA, BEN, 1).unwrap();
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
    set(vec![]);
    bank.pay(ADA, BEN, 1).unwrap();
}

#[test]
fn nothing_at_all_may_go_out() {
    let bank = bank(vec![rule("never", DAY, Some(0), None)]);
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
    bank.limit(ADA, Limits { velocity: vec![rule("never", DAY, None, Some(0))], ..floor() });
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
}
