//! Holds: an amount is reserved, and captured, voided, or given up in time.

use super::*;
use parlor_core::economy::ledger::{Event, ExpireHold, HoldState};
use parlor_core::events::AnyEvent;

const OPEN: HoldState = HoldState::Open;

/// What was captured and released of a hold, and what has become of it.
fn of(bank: &Bank, hold: TransferId) -> (i64, i64, HoldState) {
    let it = bank.held(hold);
    (it.captured, it.released, it.state)
}

#[test]
fn a_hold_is_captured_in_parts() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 80, DAY);
    assert_eq!(bank.stands([ADA, BEN]), [(100, 80, 0), (0, 0, 80)]);
    for (captured, stands) in [(30, [(70, 50, 0), (30, 0, 50)]), (40, [(60, 40, 0), (40, 0, 40)])] {
        bank.leg(leg.capture(hold, captured - bank.held(hold).captured)).unwrap();
        assert_eq!(of(&bank, hold), (captured, 0, OPEN));
        assert_eq!(bank.stands([ADA, BEN]), stands);
    }
    let more = Err(Refusal::ExceedsHold { leg: 0, remaining: 40 });
    assert_eq!(bank.leg(leg.capture(hold, 41)), more);
    bank.leg(leg.capture(hold, 40)).unwrap();
    assert_eq!(of(&bank, hold), (80, 0, HoldState::Captured));
    assert_eq!(bank.stands([ADA, BEN]), [(20, 0, 0), (80, 0, 0)]);
    assert_eq!(bank.held(hold).expires_at, None);
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::HoldAlreadyCaptured));
    assert_eq!(bank.leg(leg.void(hold)), Err(Refusal::HoldAlreadyCaptured));
}

#[test]
fn the_last_capture_gives_up_the_rest() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 80, DAY);
    let capture = bank.tx().leg(leg.capture_last(hold, 30));
    assert_eq!(bank.posted(&capture).legs, 2, "what is moved, and what is given up");
    assert_eq!(of(&bank, hold), (30, 50, HoldState::Captured));
    assert_eq!(bank.stands([ADA, BEN]), [(70, 0, 0), (30, 0, 0)]);

    let (leg, hold) = bank.hold(ADA, BEN, 70, DAY);
    let all = bank.tx().leg(leg.capture_last(hold, 70));
    assert_eq!(bank.posted(&all).legs, 1, "nothing is left");
}

#[test]
fn a_hold_is_voided_in_part_and_then_the_rest() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 80, DAY);
    bank.leg(Leg { amount: 30, ..leg.void(hold) }).unwrap();
    assert_eq!(of(&bank, hold), (0, 30, OPEN));
    bank.leg(leg.capture(hold, 10)).unwrap();
    assert_eq!(bank.stands([ADA, BEN]), [(90, 40, 0), (10, 0, 40)]);
    bank.leg(leg.void(hold)).unwrap();
    assert_eq!(of(&bank, hold), (10, 70, HoldState::Captured));
    assert_eq!(bank.stands([ADA, BEN]), [(90, 0, 0), (10, 0, 0)]);
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::HoldAlreadyCaptured));
    assert_eq!(bank.leg(leg.void(hold)), Err(Refusal::HoldAlreadyCaptured));
}

#[test]
fn a_hold_is_over_at_its_instant_even_though_no_timer_ran() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 80, MINUTE);
    let end = bank.held(hold).expires_at.unwrap();
    bank.world.clock.set(Timestamp(end.0 - 2));
    bank.leg(leg.capture(hold, 1)).unwrap();
    bank.world.clock.set(end);
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::HoldExpired));
    assert_eq!(bank.leg(leg.void(hold)), Err(Refusal::HoldExpired));
    // It still counts as reserved, until it is given up.
    assert_eq!(of(&bank, hold), (1, 0, OPEN));
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 20 });
    assert_eq!(bank.pay(ADA, BEN, 21), short);

    assert_eq!(bank.tick(), 1);
    assert_eq!(of(&bank, hold), (1, 79, HoldState::Expired));
    assert_eq!(bank.stands([ADA, BEN]), [(99, 0, 0), (1, 0, 0)]);
    let told = Event::HoldExpired { hold, amount: 79 };
    assert_eq!(bank.world.feed().last().unwrap().emitted.event, AnyEvent::from(told));
    assert_eq!(bank.leg(leg.capture(hold, 1)), Err(Refusal::HoldExpired));
    assert_eq!(bank.tick(), 0, "it is given up once");
}

#[test]
fn a_timer_that_is_early_or_late_gives_nothing_up() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 50, MINUTE);
    let before = Books::read(&bank.world);
    bank.done(ExpireHold { hold });
    bank.wait(MINUTE / 2);
    assert_eq!(bank.tick(), 0);
    let end = bank.held(hold).expires_at.unwrap();
    bank.world.clock.set(Timestamp(end.0 - 1));
    bank.done(ExpireHold { hold });
    before.assert_same(&Books::read(&bank.world));

    bank.world.clock.set(end - SECOND);
    bank.leg(leg.capture_last(hold, 20)).unwrap();
    bank.wait(MINUTE);
    bank.done(ExpireHold { hold });
    assert_eq!(bank.tick(), 0);
    assert_eq!(of(&bank, hold), (20, 30, HoldState::Captured), "never after it was captured");
    let nothing = ExpireHold { hold: TransferId { transaction: tx_id(1), leg: 0 } };
    assert_eq!(bank.refused(nothing), Refusal::NotFound);
}

#[test]
fn many_holds_expire_in_one_go_and_those_without_an_end_do_not() {
    let bank = Bank::open();
    bank.give(ADA, 1_000);
    for n in 1..=40 {
        bank.hold(ADA, BEN, n, SECOND * n as u32);
    }
    bank.leg(Leg::hold(COIN, ADA, BEN, 7, None)).unwrap();
    bank.wait(SECOND * 20 + SECOND / 2);
    assert_eq!(bank.tick(), 20);
    bank.wait(DAY * 1_000);
    assert_eq!(bank.tick(), 20);
    assert_eq!(bank.stands([ADA, BEN]), [(1_000, 7, 0), (0, 0, 7)]);
}

#[test]
fn a_hold_and_its_capture_may_be_one_transaction() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tx = bank.tx();
    let leg = Leg::hold(COIN, ADA, BEN, 60, Some(DAY));
    let tx = tx.clone().leg(leg.clone()).leg(leg.capture(tx.transfer(0), 20));
    bank.posted(&tx);
    assert_eq!(of(&bank, tx.transfer(0)), (20, 0, OPEN));
    assert_eq!(bank.stands([ADA, BEN]), [(80, 40, 0), (20, 0, 40)]);
}

#[test]
fn legs_of_one_transaction_share_what_is_left_of_a_hold() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 60, DAY);
    let twice = bank.tx().leg(leg.capture(hold, 40)).leg(leg.capture(hold, 40));
    let refusal = Refusal::ExceedsHold { leg: 1, remaining: 20 };
    assert_eq!(bank.refused_without_trace(Post(twice)), refusal);
    let both = bank.tx().leg(leg.capture(hold, 40)).leg(leg.void(hold));
    bank.posted(&both);
    assert_eq!(of(&bank, hold), (40, 20, HoldState::Captured));
}

#[test]
fn what_is_captured_is_what_was_held() {
    use parlor_core::economy::ledger::Field;
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.wallet(account_id(0xb3), 3);
    let (leg, hold) = bank.hold(ADA, BEN, 60, DAY);
    let capture = leg.capture(hold, 1);
    let mismatch = |field| Err(Refusal::HoldMismatch { leg: 0, field });
    let other = account_id(0xb3);
    assert_eq!(bank.leg(Leg { debit: other, ..capture.clone() }), mismatch(Field::Debit));
    assert_eq!(bank.leg(Leg { credit: other, ..capture }), mismatch(Field::Credit));
    let tip = bank.pay(ADA, BEN, 5).unwrap();
    assert_eq!(bank.leg(leg.capture(tip, 1)), Err(Refusal::NotAHold { leg: 0 }));
    let nothing = TransferId { leg: 1, ..hold };
    assert_eq!(bank.leg(leg.void(nothing)), Err(Refusal::HoldNotFound { leg: 0 }));
}

#[test]
fn a_hold_lasts_a_second_to_400_days() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    for time in [Duration::ZERO, SECOND - Duration::from_micros(1), DAY * 400 + SECOND] {
        let leg = Leg::hold(COIN, ADA, BEN, 1, Some(time));
        assert_eq!(bank.leg(leg), Err(Refusal::TimeoutNotAllowed { leg: 0 }));
    }
    bank.hold(ADA, BEN, 1, SECOND);
    let (_, hold) = bank.hold(ADA, BEN, 1, DAY * 400);
    let posted = bank.row::<parlor_core::economy::ledger::Transfer>(hold.key()).at;
    assert_eq!(bank.held(hold).expires_at, Some(posted + DAY * 400));
}
