//! What was moved is given back, in part or whole, and never more; or undone, once.

use super::*;
use parlor_core::economy::ledger::{Fee, Field, Refund, Returned, Shortfall, Side};

const REFUND: Kind = Kind::of("refund");

/// A tip of 100 by Ada, of which the platform keeps `fee`.
fn tip(bank: &Bank, fee: i64) -> Transaction {
    bank.give(ADA, 100);
    let rest = Leg::transfer(COIN, ADA, BEN, 100 - fee);
    let tip = bank.tx().leg(rest).leg(Leg::transfer(COIN, ADA, FEES, fee));
    bank.posted(&tip);
    tip
}

fn refund(bank: &Bank, of: &Transaction) -> Refund {
    Refund::all(bank.tx().id, of.id, REFUND)
}

#[test]
fn all_of_a_transaction_is_given_back() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    let all = refund(&bank, &tip);
    bank.done(all.clone());
    assert_eq!(bank.has([ADA, BEN, FEES]), [100, 0, 0]);
    let again = refund(&bank, &tip);
    let none = Refusal::RefundExceedsOriginal { leg: 0, refundable: 0 };
    assert_eq!(bank.refused_without_trace(again), none);
    assert!(matches!(bank.done(all), Outcome::Replayed(_)));
}

#[test]
fn parts_are_given_back_in_proportion_by_the_largest_remainder() {
    let bank = Bank::open();
    let tip = tip(&bank, 30);
    for (amount, has) in [(1, [1, 69, 30]), (10, [11, 62, 27]), (50, [61, 27, 12])] {
        bank.done(Refund { amount: Some(amount), ..refund(&bank, &tip) });
        assert_eq!(bank.has([ADA, BEN, FEES]), has);
    }
    let more = Refund { amount: Some(40), ..refund(&bank, &tip) };
    let refusal = Refusal::RefundExceedsOriginal { leg: 0, refundable: 39 };
    assert_eq!(bank.refused_without_trace(more), refusal);
    bank.done(refund(&bank, &tip));
    assert_eq!(bank.has([ADA, BEN, FEES]), [100, 0, 0]);
}

#[test]
fn fees_may_be_kept() {
    let bank = Bank::open();
    let tip = tip(&bank, 30);
    bank.done(Refund { amount: Some(10), keep_fees: true, ..refund(&bank, &tip) });
    assert_eq!(bank.has([ADA, BEN, FEES]), [10, 60, 30]);
    bank.done(Refund { keep_fees: true, ..refund(&bank, &tip) });
    assert_eq!(bank.has([ADA, BEN, FEES]), [70, 0, 30]);
    let more = Refund { amount: Some(1), keep_fees: true, ..refund(&bank, &tip) };
    let refusal = Refusal::RefundExceedsOriginal { leg: 0, refundable: 0 };
    assert_eq!(bank.refused_without_trace(more), refusal);
}

#[test]
fn who_has_less_gives_nothing_back() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    bank.pay(BEN, FEES, 90).unwrap();
    let refusal = bank.refused_without_trace(refund(&bank, &tip));
    assert_eq!(refusal, Refusal::InsufficientFunds { leg: 1, available: 5 });
}

#[test]
fn or_what_is_there() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    bank.pay(BEN, FEES, 90).unwrap();
    let take = || Refund { shortfall: Shortfall::Take, keep_fees: true, ..refund(&bank, &tip) };
    bank.done(take());
    assert_eq!(bank.has([ADA, BEN, FEES]), [5, 0, 95]);
    let none = Refusal::InsufficientFunds { leg: 0, available: 0 };
    assert_eq!(bank.refused_without_trace(take()), none);
    bank.give(BEN, 1_000);
    bank.done(take());
    assert_eq!(bank.has([ADA, BEN]), [95, 910], "no more than was moved");
    assert_eq!(bank.row::<Returned>((tip.id, 0)).returned, 95);
}

#[test]
fn or_what_is_missing_comes_from_elsewhere() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    bank.pay(BEN, FEES, 90).unwrap();
    let cover = Shortfall::Cover(DISPUTE);
    let cover = Refund { shortfall: cover, keep_fees: true, ..refund(&bank, &tip) };
    let Outcome::Posted(receipt) = bank.done(cover) else { panic!("it is new") };
    assert_eq!(receipt.legs, 2);
    assert_eq!(bank.has([ADA, BEN, DISPUTE]), [95, 0, -90]);

    // Who covers has a floor as well, may be frozen, and has to be there.
    let other = bank.pay(ADA, BEN, 50).unwrap();
    bank.pay(BEN, FEES, 50).unwrap();
    let leg = Leg::transfer(COIN, ADA, BEN, 50);
    let covered = |by| leg.refund(other, 50, Shortfall::Cover(by));
    let missing = Err(Refusal::AccountNotFound { side: Side::Debit, leg: 0 });
    assert_eq!(bank.leg(covered(NOBODY)), missing);
    bank.freeze(DISPUTE, false, true);
    assert_eq!(bank.leg(covered(DISPUTE)), Err(Refusal::AccountFrozenOut { leg: 0 }));
    bank.freeze(DISPUTE, true, false);
    bank.wallet(account_id(0xb3), 3);
    bank.give(account_id(0xb3), 49);
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 49 });
    assert_eq!(bank.leg(covered(account_id(0xb3))), short);
    bank.leg(covered(DISPUTE)).unwrap();
    assert_eq!(bank.has([ADA, DISPUTE]), [95, -140]);
}

#[test]
fn a_cover_that_is_not_needed_is_not_looked_at() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    let leg = tip.legs[0].refund(tip.transfer(0), 95, Shortfall::Cover(NOBODY));
    bank.leg(leg).unwrap();
    assert_eq!(bank.has([ADA, BEN]), [95, 0]);
}

#[test]
fn what_is_given_back_was_moved_that_way() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    bank.wallet(account_id(0xb3), 3);
    let back = tip.legs[0].refund(tip.transfer(0), 1, Shortfall::Reject);
    let mismatch = |field| Err(Refusal::OriginalMismatch { leg: 0, field });
    let other = account_id(0xb3);
    assert_eq!(bank.leg(Leg { debit: other, ..back.clone() }), mismatch(Field::Debit));
    assert_eq!(bank.leg(Leg { credit: other, ..back }), mismatch(Field::Credit));
    let nothing =
        tip.legs[0].refund(TransferId { leg: 9, ..tip.transfer(0) }, 1, Shortfall::Reject);
    assert_eq!(bank.leg(nothing), Err(Refusal::OriginalNotFound { leg: 0 }));
    let nothing = Refund::all(bank.tx().id, tx_id(1), REFUND);
    assert_eq!(bank.refused(nothing), Refusal::OriginalNotFound { leg: 0 });
}

#[test]
fn what_was_captured_is_given_back_and_what_was_held_is_not() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let (leg, hold) = bank.hold(ADA, BEN, 60, DAY);
    let not = Err(Refusal::NotReversible { leg: 0 });
    assert_eq!(bank.leg(leg.refund(hold, 60, Shortfall::Reject)), not);
    assert_eq!(bank.leg(leg.reverse(hold)), not);
    let held = Refund::all(bank.tx().id, hold.transaction, REFUND);
    assert_eq!(bank.refused(held), Refusal::NotReversible { leg: 0 });
    let capture = bank.tx().leg(leg.capture_last(hold, 40));
    bank.posted(&capture);
    bank.done(refund(&bank, &capture));
    assert_eq!(bank.stands([ADA, BEN]), [(100, 0, 0), (0, 0, 0)]);
}

#[test]
fn a_transaction_is_undone_once() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    let undo = tip.legs[0].reverse(tip.transfer(0));
    let reversal = bank.leg(undo.clone()).unwrap();
    assert_eq!(bank.has([ADA, BEN]), [95, 0]);
    assert_eq!(bank.leg(undo), Err(Refusal::AlreadyReversed { leg: 0 }));
    let back = tip.legs[0].refund(tip.transfer(0), 1, Shortfall::Reject);
    assert_eq!(bank.leg(back), Err(Refusal::AlreadyReversed { leg: 0 }));
    let redo = Leg::transfer(COIN, BEN, ADA, 95).reverse(reversal);
    assert_eq!(bank.leg(redo), Err(Refusal::NotReversible { leg: 0 }));
}

#[test]
fn what_was_given_back_in_part_is_not_undone() {
    let bank = Bank::open();
    let tip = tip(&bank, 5);
    bank.leg(tip.legs[0].refund(tip.transfer(0), 20, Shortfall::Reject)).unwrap();
    let undo = tip.legs[0].reverse(tip.transfer(0));
    let left = Err(Refusal::RefundExceedsOriginal { leg: 0, refundable: 75 });
    assert_eq!(bank.leg(undo.clone()), left);
    assert_eq!(bank.leg(Leg { amount: 75, ..undo.clone() }), left, "nor what is left of it");
    let part = Leg { amount: 4, ..tip.legs[1].reverse(tip.transfer(1)) };
    let all = Err(Refusal::RefundExceedsOriginal { leg: 0, refundable: 5 });
    assert_eq!(bank.leg(part), all, "nor a part");
}

#[test]
fn what_comes_from_many_is_given_back_whole() {
    let bank = Bank::open();
    bank.give(ADA, 10);
    bank.give(BEN, 10);
    let pot =
        bank.tx().leg(Leg::transfer(COIN, ADA, FEES, 4)).leg(Leg::transfer(COIN, BEN, FEES, 6));
    bank.posted(&pot);
    let part = Refund { amount: Some(5), ..refund(&bank, &pot) };
    assert_eq!(bank.refused_without_trace(part), Refusal::NotReversible { leg: 0 });
    bank.done(refund(&bank, &pot));
    assert_eq!(bank.has([ADA, BEN, FEES]), [10, 10, 0]);
}

#[test]
fn what_went_on_comes_back_first() {
    let bank = Bank::open();
    let on =
        bank.tx().leg(Leg::transfer(COIN, MINT, ADA, 10)).leg(Leg::transfer(COIN, ADA, BEN, 10));
    bank.posted(&on);
    bank.done(refund(&bank, &on));
    assert_eq!(bank.has([MINT, ADA, BEN]), [0, 0, 0]);
}

#[test]
fn a_tip_by_a_fee_policy_and_back() {
    let bank = Bank::open();
    bank.give(ADA, 999);
    let (fee, rest) = Fee { ppm: 50_000, ..Fee::default() }.of(999).unwrap();
    assert_eq!((fee, rest), (49, 950));
    let tip =
        bank.tx().leg(Leg::transfer(COIN, ADA, BEN, rest)).leg(Leg::transfer(COIN, ADA, FEES, fee));
    bank.posted(&tip);
    bank.done(refund(&bank, &tip));
    assert_eq!(bank.has([ADA, BEN, FEES]), [999, 0, 0]);
}
