//! Amounts go from one account to another, all legs or none.

use super::*;
use parlor_core::economy::ledger::{AccountKind, EraseMemo, LEGS_MAX, Memo, Phase, Side, Transfer};

#[test]
fn a_tip_with_a_fee_is_two_legs() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tip =
        bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 95)).leg(Leg::transfer(COIN, ADA, FEES, 5));
    let receipt = bank.posted(&tip);
    assert_eq!(bank.has([MINT, ADA, BEN, FEES]), [-100, 0, 95, 5]);
    // The asset, six accounts and the top-up come before it.
    let expected = Receipt { transaction: tip.id, asset: COIN, seq: 8, at: receipt.at, legs: 2 };
    assert_eq!(receipt, expected);
    let asset = bank.asset();
    assert_eq!((asset.issued, asset.burned, asset.size), (100, 0, 10));
}

#[test]
fn a_transaction_falls_with_its_last_leg() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let tip =
        bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 95)).leg(Leg::transfer(COIN, ADA, FEES, 6));
    let refusal = bank.refused_without_trace(Post(tip));
    assert_eq!(refusal, Refusal::InsufficientFunds { leg: 1, available: 5 });
    assert_eq!(bank.has([ADA, BEN, FEES]), [100, 0, 0]);
}

#[test]
fn legs_are_taken_in_order_so_that_money_can_go_on() {
    let bank = Bank::open();
    let on =
        bank.tx().leg(Leg::transfer(COIN, MINT, ADA, 10)).leg(Leg::transfer(COIN, ADA, BEN, 10));
    bank.posted(&on);
    assert_eq!(bank.has([ADA, BEN]), [0, 10]);
    let back =
        bank.tx().leg(Leg::transfer(COIN, ADA, FEES, 1)).leg(Leg::transfer(COIN, BEN, ADA, 10));
    assert_eq!(bank.post(&back), Err(Refusal::InsufficientFunds { leg: 0, available: 0 }));
}

#[test]
fn as_many_legs_as_there_may_be() {
    let bank = Bank::open();
    bank.give(ADA, 64);
    let mut all = bank.tx();
    all.legs = vec![Leg::transfer(COIN, ADA, BEN, 1); LEGS_MAX];
    assert_eq!(bank.posted(&all).legs, 64);
    assert_eq!(bank.has([ADA, BEN]), [0, 64]);
    assert_eq!(bank.account(BEN).version, 64);
}

#[test]
fn what_is_kept_of_a_transfer() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 7)).by(Uuid::from_u128(1).into());
    tip.reference = Some("psp-1".into());
    tip.metadata = Some("{}".into());
    tip.memo = Some("Thank you!".into());
    tip.effective_at = Some(bank.now() - DAY);
    let receipt = bank.posted(&tip);
    let row: Transfer = bank.row((tip.id, 0));
    let memo: Memo = bank.row(tip.id);
    let expected = Transfer {
        transaction_id: tip.id,
        leg: 0,
        legs: 1,
        asset: COIN,
        seq: receipt.seq,
        at: receipt.at,
        effective_at: bank.now() - DAY,
        kind: tip.kind,
        phase: Phase::Single,
        debit_account: ADA,
        credit_account: BEN,
        amount: 7,
        about: None,
        about_leg: None,
        expires_at: None,
        user_id: tip.user,
        reference: tip.reference.clone(),
        metadata: tip.metadata.clone(),
        memo: Some(memo.hash()),
        fingerprint: row.fingerprint,
    };
    assert_eq!(row, expected);
    assert_eq!(memo.text, "Thank you!");
    let entry = bank.world.rows::<parlor_core::economy::ledger::Entry>();
    let of_ben: Vec<_> = entry.iter().filter(|it| it.account_id == BEN).collect();
    assert_eq!((of_ben.len(), of_ben[0].side, of_ben[0].credits_posted), (1, Side::Credit, 7));

    bank.done(EraseMemo { transaction: tip.id });
    assert_eq!(bank.world.held::<Memo>(tip.id), None);
    assert_eq!(bank.row::<Transfer>((tip.id, 0)), row, "the log has its salted hash still");
    assert_eq!(bank.post(&tip), Ok(Outcome::Replayed(receipt)));
}

#[test]
fn the_same_words_are_salted_each_time() {
    let bank = Bank::open();
    bank.give(ADA, 2);
    let hashes = [(); 2].map(|()| {
        let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 1));
        tip.memo = Some("Thank you!".into());
        bank.posted(&tip);
        bank.row::<Transfer>((tip.id, 0)).memo
    });
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn what_is_burned_does_not_circulate_any_more() {
    let bank = Bank::open();
    bank.give(ADA, 100);
    bank.pay(ADA, BURN, 30).unwrap();
    assert_eq!((bank.asset().issued, bank.asset().burned), (100, 30));
    bank.pay(ADA, MINT, 20).unwrap();
    assert_eq!((bank.asset().issued, bank.asset().burned), (80, 30));
    bank.pay(BURN, BEN, 10).unwrap();
    assert_eq!((bank.asset().issued, bank.asset().burned), (80, 20));
}

#[test]
fn there_is_no_more_of_it_than_there_may_be() {
    let bank = Bank::empty();
    bank.done(OpenAsset { supply_cap: Some(100), ..OpenAsset::new(COIN, 0) });
    bank.platform(MINT, AccountKind::Issuance);
    bank.platform(BURN, AccountKind::Burn);
    bank.wallet(ADA, 1);
    bank.give(ADA, 60);
    let more = Err(Refusal::SupplyCapExceeded { leg: 0, room: 40 });
    assert_eq!(bank.pay(MINT, ADA, 41), more);
    bank.give(ADA, 40);
    bank.pay(ADA, BURN, 50).unwrap();
    bank.give(ADA, 50);
    // Nor by the way back from what was burned.
    let none = Err(Refusal::SupplyCapExceeded { leg: 0, room: 0 });
    assert_eq!(bank.pay(BURN, ADA, 1), none);
    assert_eq!(bank.pay(MINT, ADA, 1), none);
    bank.pay(ADA, MINT, 1).unwrap();
    bank.give(ADA, 1);
}

#[test]
fn a_hold_on_new_coins_counts_when_it_is_captured() {
    let bank = Bank::empty();
    bank.done(OpenAsset { supply_cap: Some(100), ..OpenAsset::new(COIN, 0) });
    bank.platform(MINT, AccountKind::Issuance);
    bank.wallet(ADA, 1);
    let (leg, hold) = bank.hold(MINT, ADA, 60, DAY);
    bank.give(ADA, 50);
    let more = Err(Refusal::SupplyCapExceeded { leg: 0, room: 50 });
    assert_eq!(bank.leg(leg.capture(hold, 60)), more);
    bank.leg(leg.capture_last(hold, 50)).unwrap();
    assert_eq!(bank.stands([ADA]), [(100, 0, 0)]);
}

#[test]
fn what_is_not_transferable_stays_with_its_owner() {
    let bank = Bank::empty();
    bank.done(OpenAsset { transferable: false, ..OpenAsset::new(COIN, 0) });
    bank.platform(MINT, AccountKind::Issuance);
    bank.platform(FEES, AccountKind::Fees);
    bank.wallet(ADA, 1);
    bank.wallet(BEN, 2);
    let mine = account_id(0xb7);
    let open = OpenAccount::wallet(COIN, owner_id(1));
    bank.done(OpenAccount { id: Some(mine), kind: AccountKind::Earnings, ..open });
    bank.give(ADA, 10);
    let refusal = Err(Refusal::AssetNotTransferable { leg: 0 });
    assert_eq!(bank.pay(ADA, BEN, 1), refusal);
    assert_eq!(bank.leg(Leg::hold(COIN, ADA, BEN, 1, None)), refusal);
    bank.pay(ADA, mine, 1).unwrap();
    let fee = bank.pay(ADA, FEES, 1).unwrap();
    let leg = Leg::transfer(COIN, ADA, FEES, 1);
    bank.leg(leg.refund(fee, 1, Default::default())).unwrap();
    assert_eq!(bank.has([ADA, mine, FEES]), [9, 1, 0]);
}
