//! The clock stands still, leaps, or is put back. The log's time does not.

use super::*;
use parlor_core::economy::ledger::{HoldState, Transfer, VelocityRule};

#[test]
fn time_in_the_log_goes_on_while_the_clock_does_not() {
    let bank = Bank::open();
    let opened = bank.asset().at;
    // One instant each: the asset was opened at the first, six accounts after it.
    assert_eq!(opened, Timestamp(bank.now().0 + 6));
    let mut ats = Vec::new();
    for back in [0, 1, 1_000, 100_000] {
        bank.world.clock.set(Timestamp(bank.now().0 - back * 1_000_000));
        let tx =
            bank.tx().leg(Leg::transfer(COIN, MINT, ADA, 1)).leg(Leg::transfer(COIN, ADA, BEN, 1));
        bank.posted(&tx);
        ats.extend([0, 1].map(|leg| bank.row::<Transfer>((tx.id, leg)).at.0 - opened.0));
    }
    assert_eq!(ats, (1..=8).collect::<Vec<_>>());
    bank.freeze(ADA, true, true);
    assert_eq!(bank.asset().at.0 - opened.0, 9);
    bank.wait(10 * DAY);
    let tip = bank.pay(MINT, BEN, 1).unwrap();
    assert_eq!(bank.row::<Transfer>(tip.key()).at, bank.now());
}

#[test]
fn a_retry_is_one_after_the_clock_was_put_back() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 7));
    tip.effective_at = Some(bank.now());
    let receipt = bank.posted(&tip);
    let mut short = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 700));
    short.effective_at = Some(bank.now());
    let refusal = bank.post(&short);
    bank.world.clock.set(bank.now() - DAY);
    assert_eq!(bank.post(&tip), Ok(Outcome::Replayed(receipt)));
    assert_eq!(bank.post(&short), refusal);
    let new = Transaction { id: bank.tx().id, ..tip };
    assert_eq!(bank.post(&new), Err(Refusal::BadTimestamp));
}

#[test]
fn a_hold_ends_by_the_log_when_the_clock_was_put_back() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 50, MINUTE);
    let begin = bank.now();
    bank.wait(MINUTE);
    bank.wait(MINUTE);
    bank.pay(ADA, BEN, 1).unwrap();
    bank.world.clock.set(begin);
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::HoldExpired));
    assert_eq!(bank.tick(), 0, "by the clock it is not due");
    bank.wait(2 * MINUTE);
    assert_eq!(bank.tick(), 1);
    assert_eq!(bank.held(hold).state, HoldState::Expired);
    assert_eq!(bank.stands([ADA, BEN]), [(99, 0, 0), (1, 0, 0)]);
}

#[test]
fn windows_do_not_open_anew_when_the_clock_is_put_back() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let rule =
        VelocityRule { name: Kind::of("daily"), window: DAY, count_max: Some(1), sum_max: None };
    bank.limit(ADA, Limits { velocity: vec![rule], ..floor() });
    bank.pay(ADA, BEN, 1).unwrap();
    bank.world.clock.set(bank.now() - DAY);
    assert_eq!(bank.pay(ADA, BEN, 1).unwrap_err().number(), 502);
}

#[test]
fn a_clock_at_the_end_of_time_stops_nothing() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.world.clock.set(Timestamp(i64::MAX - 1_000));
    bank.pay(ADA, BEN, 1).unwrap();
    let (leg, hold) = bank.hold(ADA, BEN, 1, DAY);
    bank.leg(leg.capture(hold, 1)).unwrap();
}
