//! The same request under the same id has one outcome; another request names what differs.

use super::*;
use parlor_core::conformance::threads;
use parlor_core::economy::ledger::{
    Close, EraseMemo, Field, ForgetRejection, Refund, Rejection, Request, Rest, Shortfall,
};
use parlor_core::record::{Json, Record as _};

fn conflict(field: Field) -> Result<Outcome, Refusal> {
    Err(Refusal::IdConflict { field })
}

/// A transaction in which every field says something.
fn full(bank: &Bank, amount: i64) -> Transaction {
    let hold = Leg::hold(COIN, ADA, FEES, 2, Some(DAY));
    let mut tx = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, amount)).leg(hold);
    tx.user = Some(Uuid::from_u128(1).into());
    tx.reference = Some("psp-1".into());
    tx.metadata = Some("{}".into());
    tx.memo = Some("Thank you!".into());
    tx.effective_at = Some(bank.now() - DAY);
    tx
}

/// The same with one field changed, and with that and all that come after it changed.
fn variants(of: &Transaction) -> Vec<(Field, Transaction)> {
    type Change = fn(&mut Transaction);
    let changes: [(Field, Change); 12] = [
        (Field::Kind, |it| it.kind = Kind::of("gift")),
        (Field::User, |it| it.user = None),
        (Field::Reference, |it| it.reference = Some("psp-2".into())),
        (Field::Metadata, |it| it.metadata = None),
        (Field::Memo, |it| it.memo = Some("Thanks!".into())),
        (Field::EffectiveAt, |it| it.effective_at = None),
        (Field::Legs, |it| it.legs.truncate(1)),
        (Field::Asset, |it| it.legs[0].asset = GEM),
        (Field::Debit, |it| it.legs[0].debit = FEES),
        (Field::Credit, |it| it.legs[0].credit = DISPUTE),
        (Field::Amount, |it| it.legs[0].amount += 1),
        (Field::Action, |it| {
            let last = it.legs.last_mut().unwrap();
            *last = Leg { amount: last.amount, ..Leg::hold(COIN, ADA, FEES, 2, Some(2 * DAY)) };
        }),
    ];
    let mut variants = Vec::new();
    for (n, (field, change)) in changes.iter().enumerate() {
        let (mut one, mut many) = (of.clone(), of.clone());
        change(&mut one);
        changes[n..].iter().rev().for_each(|(_, change)| change(&mut many));
        variants.extend([(*field, one), (*field, many)]);
    }
    variants
}

#[test]
fn a_retry_of_what_was_posted_is_told_the_same() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tx = full(&bank, 7);
    let receipt = bank.posted(&tx);
    // Whatever has become of the accounts since.
    bank.pay(ADA, BEN, 91).unwrap();
    bank.freeze(ADA, true, true);
    bank.freeze(BEN, true, true);
    bank.wait(400 * DAY);
    let before = (Books::read(&bank.world), bank.world.feed().len());
    assert_eq!(bank.post(&tx), Ok(Outcome::Replayed(receipt)));
    assert_eq!(before, (Books::read(&bank.world), bank.world.feed().len()));
}

#[test]
fn another_request_names_the_first_field_that_differs_from_what_was_posted() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tx = full(&bank, 7);
    bank.posted(&tx);
    for (field, other) in variants(&tx) {
        assert_eq!(bank.post(&other), conflict(field), "{other:?}");
    }
    assert!(matches!(bank.post(&tx), Ok(Outcome::Replayed(_))));
}

#[test]
fn another_request_names_the_first_field_that_differs_from_what_was_refused() {
    let bank = Bank::open();
    let tx = full(&bank, 7);
    let refusal = bank.post(&tx);
    assert_eq!(refusal, Err(Refusal::InsufficientFunds { leg: 0, available: 0 }));
    for (field, other) in variants(&tx) {
        assert_eq!(bank.post(&other), conflict(field), "{other:?}");
    }
    assert_eq!(bank.post(&tx), refusal);
}

#[test]
fn each_action_differs_from_each_other() {
    let bank = Bank::open();
    bank.give(ADA, 1_000);
    let (held, hold) = bank.hold(ADA, BEN, 100, DAY);
    let (_, other_hold) = bank.hold(ADA, BEN, 100, DAY);
    let paid = Leg::transfer(COIN, BEN, ADA, 5);
    let tips = [(); 3].map(|()| {
        bank.give(BEN, 5);
        bank.leg(paid.clone()).unwrap()
    });
    let legs = [
        Leg::transfer(COIN, ADA, BEN, 5),
        Leg::hold(COIN, ADA, BEN, 5, None),
        Leg::hold(COIN, ADA, BEN, 5, Some(DAY)),
        held.capture(hold, 5),
        held.capture(other_hold, 5),
        Leg { amount: 5, ..held.void(hold) },
        Leg { amount: 5, ..held.void(other_hold) },
        paid.refund(tips[0], 5, Shortfall::Reject),
        paid.refund(tips[1], 5, Shortfall::Reject),
        paid.reverse(tips[2]),
        paid.reverse(tips[1]),
    ];
    for (n, leg) in legs.iter().enumerate().take(10).filter(|(n, _)| *n != 8) {
        let tx = bank.tx().leg(leg.clone());
        let receipt = bank.posted(&tx);
        for (m, other) in legs.iter().enumerate() {
            let retry = Transaction { legs: vec![other.clone()], ..tx.clone() };
            let expected = match n == m {
                true => Ok(Outcome::Replayed(receipt)),
                false => conflict(Field::Action),
            };
            assert_eq!(bank.post(&retry), expected, "{leg:?} and then {other:?}");
        }
    }
}

#[test]
fn what_the_log_does_not_tell_is_guessed_at() {
    let bank = Bank::open();
    bank.give(ADA, 1_000);
    let (held, hold) = bank.hold(ADA, BEN, 100, DAY);
    // One leg became two transfers.
    let capture = bank.tx().leg(held.capture_last(hold, 5));
    bank.posted(&capture);
    let other = Transaction { legs: vec![held.capture(hold, 5)], ..capture };
    assert_eq!(bank.post(&other), conflict(Field::Legs));
    // All that was left, whether it was called the last or not.
    let (held, hold) = bank.hold(ADA, BEN, 100, DAY);
    let capture = bank.tx().leg(held.capture_last(hold, 100));
    bank.posted(&capture);
    let other = Transaction { legs: vec![held.capture(hold, 100)], ..capture };
    assert_eq!(bank.post(&other), conflict(Field::Action));
    // More than was left.
    let (held, hold) = bank.hold(ADA, BEN, 100, DAY);
    let void = bank.tx().leg(held.void(hold));
    bank.posted(&void);
    let other = Transaction { legs: vec![Leg { amount: 200, ..held.void(hold) }], ..void.clone() };
    assert_eq!(bank.post(&other), conflict(Field::Amount));
    let less = Transaction { legs: vec![Leg { amount: 99, ..held.void(hold) }], ..void };
    assert_eq!(bank.post(&less), conflict(Field::Amount));
    // The time at which it took effect anyhow.
    let now = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1));
    let at = bank.posted(&now).at;
    let then = Transaction { effective_at: Some(at), ..now };
    assert_eq!(bank.post(&then), conflict(Field::EffectiveAt));
    bank.wait(DAY);
    let then = Transaction { id: bank.tx().id, effective_at: Some(bank.now()), ..then };
    bank.posted(&then);
    let now = Transaction { effective_at: None, ..then };
    assert_eq!(bank.post(&now), conflict(Field::EffectiveAt));
    // What was written has been erased.
    let tx = full(&bank, 7);
    bank.posted(&tx);
    bank.done(EraseMemo { transaction: tx.id });
    let other = Transaction { memo: Some("Thanks!".into()), ..tx.clone() };
    assert_eq!(bank.post(&other), conflict(Field::Memo));
    assert_eq!(bank.post(&Transaction { memo: None, ..tx.clone() }), conflict(Field::Memo));
    let other = Transaction { effective_at: None, ..tx };
    assert_eq!(bank.post(&other), conflict(Field::EffectiveAt));
}

#[test]
fn a_refund_is_one_under_its_id() {
    let base = |id, of| Refund {
        amount: Some(10),
        user: Some(Uuid::from_u128(1).into()),
        ..Refund::all(id, of, Kind::of("refund"))
    };
    for is_posted in [true, false] {
        let bank = Bank::open();
        bank.give(ADA, 100);
        let of = bank.pay(ADA, BEN, 50).unwrap().transaction;
        if !is_posted {
            bank.pay(BEN, ADA, 50).unwrap();
        }
        let refund = base(bank.tx().id, of);
        let first = bank.run(refund.clone());
        assert_eq!(first.is_ok(), is_posted);
        for (field, other) in [
            (Field::Of, Refund { of: tx_id(1), ..refund.clone() }),
            (Field::Kind, Refund { kind: Kind::of("other"), amount: None, ..refund.clone() }),
            (Field::User, Refund { user: None, amount: Some(1), ..refund.clone() }),
            (Field::Amount, Refund { amount: Some(11), ..refund.clone() }),
        ] {
            let refusal = Refusal::IdConflict { field };
            assert_eq!(bank.refused_without_trace(other), refusal, "{is_posted}");
        }
        let again = bank.run(refund.clone()).map(Outcome::receipt);
        assert_eq!(again, first.map(Outcome::receipt));
        // A transaction under the same id is another request.
        let tx = Transaction { id: refund.id, ..bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1)) };
        assert_eq!(bank.post(&tx).unwrap_err().number(), 200);
        let tip = bank.tx().leg(Leg::transfer(COIN, MINT, ADA, 1));
        bank.posted(&tip);
        let of = Refund { id: tip.id, ..refund };
        assert_eq!(bank.refused(of), Refusal::IdConflict { field: Field::Of });
    }
}

#[test]
fn a_refusal_sticks_to_its_id() {
    let bank = Bank::open();
    let tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 10));
    let refusal = Err(Refusal::InsufficientFunds { leg: 0, available: 0 });
    assert_eq!(bank.post(&tip), refusal);
    bank.give(ADA, 100);
    let before = Books::read(&bank.world);
    assert_eq!(bank.post(&tip), refusal, "a blind retry after a top-up charges nobody");
    assert_eq!(Books::read(&bank.world), before, "it is remembered once");
    let row: Rejection = bank.row(tip.id);
    assert_eq!(row.expires_at, row.at + 7 * DAY);
    let anew = Transaction { id: bank.tx().id, ..tip.clone() };
    bank.posted(&anew);

    // To the last instant, and then it is decided anew, whether it was forgotten or not.
    bank.world.clock.set(Timestamp(row.expires_at.0 - 1));
    assert_eq!(bank.post(&tip), refusal);
    bank.done(ForgetRejection { transaction: tip.id });
    assert_eq!(bank.row::<Rejection>(tip.id), row);
    bank.world.clock.set(row.expires_at);
    bank.posted(&tip);
    assert!(matches!(bank.post(&tip), Ok(Outcome::Replayed(_))));
    assert_eq!(bank.tick(), 1);
    assert_eq!(bank.world.held::<Rejection>(tip.id), None);
    assert!(matches!(bank.post(&tip), Ok(Outcome::Replayed(_))));
}

#[test]
fn what_a_person_wrote_with_what_was_refused_is_not_kept() {
    let bank = Bank::open();
    let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 10));
    tip.memo = Some("My secret".into());
    let refusal = Err(Refusal::InsufficientFunds { leg: 0, available: 0 });
    assert_eq!(bank.post(&tip), refusal);
    let row: Rejection = bank.row(tip.id);
    assert_eq!(row.request, Json(Request::Post(Transaction { memo: None, ..tip.clone() })));
    assert!(!format!("{:?}", bank.world.table(Rejection::TABLE)).contains("secret"));
    // It is the same request only with the same words all the same.
    assert_eq!(bank.post(&tip), refusal);
    for memo in [None, Some("My secrets".into())] {
        assert_eq!(bank.post(&Transaction { memo, ..tip.clone() }), conflict(Field::Memo));
    }
}

#[test]
fn what_is_malformed_is_not_remembered() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 0));
    assert_eq!(bank.post(&tip), Err(Refusal::AmountNotPositive { leg: 0 }));
    tip.legs[0].amount = 5;
    tip.effective_at = Some(bank.now() + SECOND);
    assert_eq!(bank.post(&tip), Err(Refusal::BadTimestamp));
    assert_eq!(bank.world.rows::<Rejection>(), []);
    tip.effective_at = None;
    bank.posted(&tip);
    // Nor is that an id was used for something else.
    tip.legs[0].amount = 6;
    assert_eq!(bank.post(&tip), conflict(Field::Amount));
    assert_eq!(bank.world.rows::<Rejection>(), []);
}

#[test]
fn what_a_closing_refused_sticks_too() {
    let bank = Bank::open();
    bank.give(ADA, 10);
    let rest = Rest { to: NOBODY, transaction: tx_id(7), kind: Kind::of("closing") };
    let close = Close { account: ADA, rest: Some(rest) };
    let refusal = bank.refused_without_trace(close.clone());
    assert_eq!(refusal.number(), 300);
    let open = OpenAccount::wallet(COIN, owner_id(9));
    bank.done(OpenAccount { id: Some(NOBODY), ..open });
    assert_eq!(bank.refused(close), refusal);
}

#[test]
fn of_many_at_once_under_one_id_one_takes_effect() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 10));
    let outcomes = threads(8, |_| {
        block_on(bank.world.server(1).execute(Actor::HOST, Post(tip.clone()))).unwrap()
    });
    let posted = outcomes.iter().filter(|it| matches!(it, Outcome::Posted(_))).count();
    assert_eq!(posted, 1);
    assert!(outcomes.iter().all(|it| it.receipt() == outcomes[0].receipt()));
    assert_eq!(bank.has([ADA, BEN]), [90, 10]);
}

#[test]
fn of_many_at_once_as_many_are_paid_as_there_is_money_for() {
    let bank = Bank::open();
    bank.give(ADA, 10);
    let paid = threads(32, |n| {
        let tip = Transaction::new(tx_id(0x900 + n as u128), Kind::of("tip"))
            .leg(Leg::transfer(COIN, ADA, BEN, 1));
        block_on(bank.world.server(n as u64 + 1).execute(Actor::HOST, Post(tip))).is_ok()
    });
    assert_eq!(paid.iter().filter(|it| **it).count(), 10);
    assert_eq!(bank.has([ADA, BEN]), [0, 10]);
    Books::read(&bank.world).check();
}
