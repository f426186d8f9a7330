//! Of two reasons to say no, the one with the lower number is given; and each number is given.

use std::collections::BTreeMap;

use super::*;
use parlor_core::economy::ledger::{
    AMOUNT_MAX, Action, Close, ClosePeriod, ExpireHold, Field, LEGS_MAX, MEMO_BYTES_MAX,
    METADATA_BYTES_MAX, REFERENCE_BYTES_MAX, Refund, Shortfall, VelocityRule, split,
};
use parlor_core::record::Corrupt;
use parlor_core::storage::StoreError;

/// A bank in which a transaction can be wrong in every way.
struct Trap {
    bank: Bank,
    /// Accounts that are closed, frozen for what comes in, for what goes out, full, and in a hurry.
    closed: AccountId,
    no_in: AccountId,
    no_out: AccountId,
    full: AccountId,
    hasty: AccountId,
    gems: AccountId,
    /// Holds that are open, captured, voided and over, and the leg they are of.
    open: TransferId,
    captured: TransferId,
    voided: TransferId,
    over: TransferId,
    held: Leg,
    /// A tip from Ada to Ben, one that was undone, and the leg they are of.
    tip: TransferId,
    undone: TransferId,
    paid: Leg,
}

impl Trap {
    fn set() -> Self {
        let bank = Bank::open();
        bank.done(OpenAsset { supply_cap: Some(10), ..OpenAsset::new(GEM, 0) });
        let [closed, no_in, no_out, full, hasty, gems, gem_mint] =
            [0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7].map(account_id);
        for (n, id) in [closed, no_in, no_out, full, hasty].into_iter().enumerate() {
            bank.wallet(id, 0x10 + n as u128);
        }
        let wallet = account_id(0xe0);
        let kinds = [AccountKind::Burn, AccountKind::Issuance, AccountKind::Treasury];
        for (id, kind) in [gems, gem_mint, wallet].into_iter().zip(kinds) {
            bank.done(OpenAccount { id: Some(id), ..OpenAccount::platform(GEM, kind) });
        }
        bank.give(ADA, 1_000);
        bank.give(BEN, 1_000);
        let rule = |name| {
            let (count_max, sum_max) = (Some(0), None);
            VelocityRule { name: Kind::of(name), window: DAY, count_max, sum_max }
        };
        bank.limit(hasty, Limits { velocity: vec![rule("never")], ..Limits::default() });
        bank.limit(full, Limits { ceiling: Some(0), ..floor() });
        let (held, open) = bank.hold(ADA, BEN, 50, DAY);
        let [captured, voided, over] = [2, 2, 1].map(|days| bank.hold(ADA, BEN, 50, DAY * days).1);
        bank.leg(held.capture(captured, 50)).unwrap();
        bank.leg(held.void(voided)).unwrap();
        bank.wait(DAY + SECOND);
        bank.done(ExpireHold { hold: over });
        // That one's time is over too, and nobody has looked yet: it is called open no more.
        let stale = open;
        let open = bank.hold(ADA, BEN, 50, DAY).1;
        let paid = Leg::transfer(COIN, ADA, BEN, 20);
        let [tip, undone] = [(); 2].map(|()| bank.leg(paid.clone()).unwrap());
        bank.leg(paid.reverse(undone)).unwrap();
        bank.done(Close { account: closed, rest: None });
        bank.freeze(no_in, true, false);
        bank.freeze(no_out, false, true);
        assert_eq!(bank.leg(held.capture(stale, 1)), Err(Refusal::HoldExpired));
        bank.done(ClosePeriod { asset: COIN, until: bank.now() });
        Self {
            bank,
            closed,
            no_in,
            no_out,
            full,
            hasty,
            gems,
            open,
            captured,
            voided,
            over,
            held,
            tip,
            undone,
            paid,
        }
    }

    /// The number of the refusal of one leg, under an id of its own.
    fn number(&self, leg: Leg) -> u16 {
        self.bank.leg(leg).expect_err("it is refused").number()
    }
}

#[test]
fn what_is_malformed_is_told_by_the_lowest_number() {
    let bank = Bank::open();
    let bad_leg = Leg::transfer(COIN, ADA, BEN, 0);
    let hold = |time| Leg::hold(COIN, ADA, BEN, 1, Some(time));
    let too_long = |n: usize| Some("x".repeat(n + 1));
    let with = |change: &dyn Fn(&mut Transaction)| {
        let mut tx = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1));
        change(&mut tx);
        bank.refused_without_trace(Post(tx))
    };
    let cover = Leg::transfer(COIN, ADA, BEN, 1).refund(
        TransferId { transaction: tx_id(1), leg: 0 },
        1,
        Shortfall::Cover(ADA),
    );
    assert_eq!(with(&|it| it.id = TransactionId(Uuid::nil())), Refusal::InvalidId);
    assert_eq!(
        with(&|it| (it.id, it.legs) = (TransactionId(Uuid::max()), vec![])),
        Refusal::InvalidId
    );
    assert_eq!(with(&|it| (it.legs, it.memo) = (vec![], Some(String::new()))), Refusal::NoLegs);
    let max = LEGS_MAX;
    assert_eq!(with(&|it| it.legs = vec![bad_leg.clone(); max + 1]), Refusal::TooManyLegs { max });
    let positive = Refusal::AmountNotPositive { leg: 0 };
    assert_eq!(with(&|it| it.legs[0] = Leg { credit: ADA, ..bad_leg.clone() }), positive);
    let range = Refusal::AmountOutOfRange { leg: 0 };
    let huge = Leg { amount: AMOUNT_MAX + 1, credit: ADA, ..bad_leg.clone() };
    assert_eq!(with(&|it| it.legs[0] = huge.clone()), range);
    let same = Refusal::SameAccount { leg: 0 };
    assert_eq!(with(&|it| it.legs[0] = Leg { credit: ADA, ..hold(Duration::ZERO) }), same);
    assert_eq!(with(&|it| it.legs[0] = Leg { credit: BEN, ..cover.clone() }), same);
    assert_eq!(
        with(&|it| (it.legs[0], it.memo) = (cover.clone(), too_long(MEMO_BYTES_MAX))),
        Refusal::InvalidCombination { leg: 0 }
    );
    // The first leg at fault decides, and legs come before the rest.
    let two = |a: Leg, b: Leg| with(&|it| it.legs = vec![a.clone(), b.clone()]);
    assert_eq!(two(hold(Duration::ZERO), bad_leg.clone()), Refusal::TimeoutNotAllowed { leg: 0 });
    assert_eq!(two(hold(DAY), bad_leg.clone()), Refusal::AmountNotPositive { leg: 1 });
    assert_eq!(
        with(&|it| (it.legs[0], it.reference) = (hold(DAY * 500), too_long(REFERENCE_BYTES_MAX))),
        Refusal::TimeoutNotAllowed { leg: 0 }
    );
    // Then what is too long, what is before 1970, and what has characters that it cannot have.
    let early = Some(Timestamp(-1));
    for (field, change) in [
        (
            Field::Reference,
            &(|it: &mut Transaction| it.reference = too_long(REFERENCE_BYTES_MAX))
                as &dyn Fn(&mut Transaction),
        ),
        (Field::Metadata, &|it| it.metadata = too_long(METADATA_BYTES_MAX)),
        (Field::Memo, &|it| {
            (it.memo, it.reference) = (too_long(MEMO_BYTES_MAX), Some(" ".into()));
        }),
    ] {
        let refusal = with(&|it| {
            it.effective_at = early;
            change(it);
        });
        assert_eq!(refusal, Refusal::TextTooLong { field });
    }
    let malformed = |field| Refusal::TextMalformed { field };
    let empty = || Some(String::new());
    assert_eq!(with(&|it| (it.effective_at, it.memo) = (early, empty())), Refusal::BadTimestamp);
    assert_eq!(
        with(&|it| (it.reference, it.memo) = (empty(), empty())),
        malformed(Field::Reference)
    );
    assert_eq!(with(&|it| it.reference = Some("é".into())), malformed(Field::Reference));
    assert_eq!(
        with(&|it| (it.metadata, it.memo) = (Some("\0".into()), empty())),
        malformed(Field::Metadata)
    );
    assert_eq!(with(&|it| it.memo = Some("a\0b".into())), malformed(Field::Memo));
}

#[test]
fn how_things_stand_is_told_by_the_lowest_number() {
    let trap = Trap::set();
    let Trap { closed, no_in, no_out, full, hasty, gems, open, tip, undone, .. } = trap;
    let Trap { captured, voided, over, .. } = trap;
    let pay = |debit, credit, amount| Leg::transfer(COIN, debit, credit, amount);
    let nothing = TransferId { transaction: tx_id(1), leg: 0 };
    let (held, paid) = (&trap.held, &trap.paid);
    let back = |of, amount| paid.refund(of, amount, Shortfall::Reject);
    let none = AssetCode::of("NONE");
    // Each is wrong in this way and, but for the last of its kind, in one that is worse.
    let table: Vec<(u16, Leg)> = vec![
        (300, Leg { asset: none, ..pay(ADA, NOBODY, 1) }),
        (300, pay(closed, NOBODY, 1)),
        (301, Leg { asset: none, ..pay(closed, BEN, 1) }),
        (302, pay(closed, gems, 1)),
        (302, pay(gems, no_in, 1)),
        (303, pay(closed, no_in, 1)),
        (303, pay(no_out, closed, 1)),
        (304, pay(no_out, no_in, 1)),
        (304, Leg { debit: ADA, credit: no_in, ..held.capture(nothing, 1) }),
        (308, pay(no_out, full, 1)),
        (308, Leg { debit: no_out, ..held.capture(nothing, 1) }),
        (400, Leg { credit: full, ..held.capture(nothing, 60) }),
        (401, held.capture(tip, 60)),
        (402, held.capture(captured, 60)),
        (402, Leg { credit: FEES, ..held.capture(captured, 1) }),
        (403, held.capture(voided, 60)),
        (404, held.capture(over, 60)),
        (404, Leg { credit: FEES, ..held.capture(over, 1) }),
        (405, Leg { credit: FEES, ..held.capture(open, 60) }),
        (406, Leg { credit: full, ..held.capture(open, 1) }),
        (406, Leg { debit: FEES, ..held.void(open) }),
        (410, back(nothing, 5_000)),
        (411, Leg { credit: FEES, ..back(tip, 21) }),
        (411, back(open, 51)),
        (412, back(undone, 5_000)),
        (412, Leg { credit: FEES, ..back(undone, 1) }),
        (413, Leg { credit: FEES, ..back(open, 1) }),
        (414, Leg { credit: full, ..back(tip, 1) }),
        (500, pay(ADA, full, 5_000)),
        (501, pay(hasty, full, 1)),
        (502, pay(hasty, BEN, 1)),
    ];
    for (number, leg) in table {
        assert_eq!(trap.number(leg.clone()), number, "{leg:?}");
    }
}

#[test]
fn who_covers_is_looked_at_before_what_is_given_back() {
    let trap = Trap::set();
    let bank = &trap.bank;
    bank.pay(BEN, FEES, bank.has([BEN])[0]).unwrap();
    let covered = |of, amount, by| trap.paid.refund(of, amount, Shortfall::Cover(by));
    for (number, leg) in [
        (300, covered(trap.tip, 5_000, NOBODY)),
        (302, covered(trap.tip, 5_000, trap.gems)),
        (303, covered(trap.undone, 20, trap.closed)),
        (308, covered(trap.undone, 20, trap.no_out)),
        (411, covered(trap.tip, 21, trap.full)),
        (500, covered(trap.tip, 20, trap.full)),
    ] {
        assert_eq!(trap.number(leg.clone()), number, "{leg:?}");
    }
}

#[test]
fn what_takes_effect_when_is_between_who_and_what() {
    let trap = Trap::set();
    let number = |leg| {
        let mut tx = trap.bank.tx().leg(leg);
        tx.effective_at = Some(trap.bank.now() - DAY);
        trap.bank.post(&tx).unwrap_err().number()
    };
    assert_eq!(number(Leg::transfer(COIN, ADA, trap.no_in, 1)), 304);
    assert_eq!(number(Leg::transfer(COIN, trap.no_out, BEN, 1)), 306);
    assert_eq!(number(trap.held.capture(trap.voided, 1)), 306);
    // What is given up comes too late in no books.
    assert_eq!(number(trap.held.void(trap.voided)), 403);
}

#[test]
fn the_first_leg_at_fault_decides() {
    let trap = Trap::set();
    let tx = trap.bank.tx();
    let tx = tx.leg(Leg::transfer(COIN, ADA, BEN, 5_000)).leg(Leg::transfer(COIN, ADA, NOBODY, 1));
    assert_eq!(trap.bank.post(&tx).unwrap_err().number(), 500);
}

#[test]
fn what_an_id_was_used_for_comes_before_how_things_stand() {
    let trap = Trap::set();
    let tx = trap.bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1));
    trap.bank.posted(&tx);
    let mut other = tx.clone();
    other.legs[0].debit = NOBODY;
    let conflict = Err(Refusal::IdConflict { field: Field::Debit });
    assert_eq!(trap.bank.post(&other), conflict);
    other.legs[0].amount = 0;
    assert_eq!(trap.bank.post(&other).unwrap_err().number(), 103);
    other.legs[0].amount = 1;
    other.effective_at = Some(trap.bank.now() + DAY);
    let conflict = Err(Refusal::IdConflict { field: Field::EffectiveAt });
    assert_eq!(trap.bank.post(&other), conflict);
}

#[test]
fn each_number_is_given_and_means_one_thing() {
    let trap = Trap::set();
    let bank = &trap.bank;
    let mut given: BTreeMap<u16, Refusal> = BTreeMap::new();
    let mut told = |refusal: Refusal| {
        let before = given.insert(refusal.number(), refusal.clone());
        let code = parlor_core::engine::Refusal::code(&refusal);
        if let Some(before) = before {
            assert_eq!(parlor_core::engine::Refusal::code(&before), code);
        }
        let is_sticky = refusal.number() >= 300;
        assert_eq!(refusal.is_sticky(), is_sticky);
        if is_sticky {
            let json = serde_json::to_value(&refusal).unwrap();
            let back: Refusal = serde_json::from_value(json).unwrap();
            assert_eq!(back, refusal, "what is remembered is what was said");
        }
    };
    let leg = Leg::transfer(COIN, ADA, BEN, 1);
    let mut of = |change: &dyn Fn(&mut Transaction)| {
        let mut tx = bank.tx().leg(leg.clone());
        change(&mut tx);
        told(bank.post(&tx).unwrap_err());
    };
    let Trap { closed, no_in, no_out, full, hasty, gems, open, tip, undone, .. } = trap;
    let nothing = TransferId { transaction: tx_id(1), leg: 0 };
    let (held, paid) = (&trap.held, &trap.paid);
    let back = |of, amount| paid.refund(of, amount, Shortfall::Reject);
    of(&|it| it.id = TransactionId(Uuid::nil()));
    of(&|it| it.legs.clear());
    of(&|it| it.legs = vec![leg.clone(); LEGS_MAX + 1]);
    of(&|it| it.legs[0].amount = 0);
    of(&|it| it.legs[0].amount = i64::MAX);
    of(&|it| it.legs[0].credit = ADA);
    of(&|it| it.legs[0] = paid.refund(tip, 1, Shortfall::Cover(BEN)));
    of(&|it| it.memo = Some("x".repeat(2_000)));
    of(&|it| it.legs[0].action = Action::Hold { expires_in: Some(Duration::ZERO) });
    of(&|it| it.effective_at = Some(bank.now() + DAY));
    of(&|it| it.reference = Some(String::new()));
    of(&|it| it.id = tip.transaction);
    of(&|it| it.legs[0].debit = NOBODY);
    of(&|it| it.legs[0].asset = AssetCode::of("NONE"));
    of(&|it| it.legs[0].credit = gems);
    of(&|it| it.legs[0].debit = closed);
    of(&|it| it.legs[0].credit = no_in);
    of(&|it| it.legs[0].debit = no_out);
    of(&|it| it.effective_at = Some(bank.now() - DAY));
    of(&|it| it.legs[0] = held.capture(nothing, 1));
    of(&|it| it.legs[0] = held.capture(tip, 1));
    of(&|it| it.legs[0] = held.capture(trap.captured, 1));
    of(&|it| it.legs[0] = held.capture(trap.voided, 1));
    of(&|it| it.legs[0] = held.capture(trap.over, 1));
    of(&|it| it.legs[0] = held.capture(open, 51));
    of(&|it| it.legs[0] = Leg { credit: FEES, ..held.capture(open, 1) });
    of(&|it| it.legs[0] = back(nothing, 1));
    of(&|it| it.legs[0] = back(tip, 21));
    of(&|it| it.legs[0] = back(undone, 1));
    of(&|it| it.legs[0] = back(open, 1));
    of(&|it| it.legs[0] = Leg { credit: FEES, ..back(tip, 1) });
    of(&|it| it.legs[0].amount = 1 << 40);
    of(&|it| it.legs[0].credit = full);
    of(&|it| it.legs[0].debit = hasty);
    of(&|it| it.legs[0] = Leg::transfer(GEM, account_id(0xd7), account_id(0xe0), 11));
    told(split(1, &[]).unwrap_err());
    told(bank.refused(SetLimits { account: NOBODY, limits: floor() }));
    let odd = SetLimits { account: ADA, limits: Limits { credit_limit: -1, ..floor() } };
    told(bank.refused(odd));
    let narrow = Limits { ceiling: Some(0), ..floor() };
    told(bank.refused(SetLimits { account: ADA, limits: narrow }));
    let other = OpenAccount { id: Some(NOBODY), ..OpenAccount::wallet(COIN, owner_id(1)) };
    told(bank.refused(other));
    told(bank.refused(OpenAsset::new(COIN, 0)));
    told(bank.refused(Close { account: ADA, rest: None }));
    bank.give(FEES, 1);
    told(bank.refused(Close { account: FEES, rest: None }));
    told(bank.refused(Refund::all(bank.tx().id, tx_id(1), Kind::of("refund"))));

    let expected: Vec<u16> = [
        (100..=108).collect::<Vec<_>>(),
        (110..=113).collect(),
        vec![200],
        (300..=306).collect(),
        vec![308, 310, 311, 312, 313],
        (400..=406).collect(),
        (410..=414).collect(),
        vec![420, 421],
        (500..=504).collect(),
    ]
    .concat();
    // 114 is a list's, 305 and 503 have tests of their own.
    let missing: Vec<u16> =
        expected.iter().copied().filter(|number| !given.contains_key(number)).collect();
    assert_eq!(missing, [305, 503]);
    assert!(given.keys().all(|number| expected.contains(number)));
}

#[test]
fn what_fails_in_the_store_has_a_number_too() {
    let why = || std::sync::Arc::<str>::from("why");
    let corrupt = Corrupt { what: "row", why: "why".into() };
    for (number, error) in [
        (900, StoreError::Busy { waiting: 1 }),
        (901, StoreError::CommitUnknown(why())),
        (903, StoreError::Corrupt(corrupt)),
        (905, StoreError::Full),
        (906, StoreError::Panicked(why())),
        (907, StoreError::Rounds(8)),
        (908, StoreError::Rejected(why())),
        (909, StoreError::Overflow("a sum")),
        (910, StoreError::Stopped),
        (999, StoreError::failed(std::io::Error::other("why"))),
    ] {
        assert_eq!(error.number(), number, "{error}");
    }
}
