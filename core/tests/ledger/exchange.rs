//! Shares of amounts: fees, splits, rates. Nothing is lost, and nobody gets more than is right.

use super::*;
use parlor_core::economy::ledger::{
    AMOUNT_MAX, Exchange, Fee, PARTS_MAX, PPM, Rate, Transfer, split,
};
use proptest::prelude::*;

#[test]
fn coins_are_exchanged_for_gems_and_what_is_lost_by_rounding_stays() {
    let bank = Bank::open();
    bank.done(OpenAsset::new(GEM, 0));
    let [mint, liquid_gems, adas_gems] = [0xc0, 0xc1, 0xc2].map(account_id);
    let gems = |id, open: OpenAccount| {
        bank.done(OpenAccount { id: Some(id), ..open });
    };
    gems(mint, OpenAccount::platform(GEM, AccountKind::Issuance));
    gems(liquid_gems, OpenAccount::platform(GEM, AccountKind::Liquidity));
    gems(adas_gems, OpenAccount::wallet(GEM, owner_id(1)));
    let liquid_coins = account_id(0xa9);
    bank.platform(liquid_coins, AccountKind::Liquidity);
    bank.leg(Leg::transfer(GEM, mint, liquid_gems, 342)).unwrap();
    bank.give(ADA, 1_000);

    let exchange = |amount| Exchange {
        sold: COIN,
        from: ADA,
        into: liquid_coins,
        amount,
        bought: GEM,
        out_of: liquid_gems,
        to: adas_gems,
        rate: Rate { numerator: 3, denominator: 7 },
    };
    let transaction = |amount| exchange(amount).transaction(bank.tx().id, Kind::of("exchange"));
    let hundred = transaction(100).unwrap();
    let before = (bank.asset().size, bank.row::<Asset>(GEM).size);
    let receipt = bank.posted(&hundred);
    assert_eq!((receipt.asset, receipt.seq, receipt.legs), (COIN, before.0, 2));
    let bought = bank.row::<Transfer>((hundred.id, 1));
    assert_eq!(bought.seq, before.1, "each has a log of its own");
    let rate = r#"{"rate":{"numerator":3,"denominator":7}}"#;
    assert_eq!(bought.metadata.as_deref(), Some(rate), "300 / 7 = 42.86");
    assert_eq!(bank.has([ADA, liquid_coins, liquid_gems, adas_gems]), [900, 100, 300, 42]);

    // The other leg cannot be paid, so neither is.
    bank.done(SetLimits { account: liquid_gems, limits: floor() });
    let refusal = bank.refused_without_trace(Post(transaction(896).unwrap()));
    assert_eq!(refusal, Refusal::InsufficientFunds { leg: 1, available: 300 });
    assert_eq!(transaction(2), Err(Refusal::FeePolicyInvalid), "nothing would be given");
}

#[test]
fn a_fee_is_a_share_and_a_fixed_part_within_bounds() {
    let fee = |ppm, fixed, min, max| Fee { ppm, fixed, min, max };
    for (fee, amount, expected) in [
        (fee(0, 0, None, None), 100, Some((0, 100))),
        (fee(50_000, 0, None, None), 99, Some((4, 95))),
        (fee(50_000, 30, None, None), 100, Some((35, 65))),
        (fee(50_000, 0, Some(10), None), 100, Some((10, 90))),
        (fee(500_000, 0, None, Some(20)), 100, Some((20, 80))),
        (fee(PPM, 0, None, None), AMOUNT_MAX, Some((AMOUNT_MAX, 0))),
        (fee(0, 101, None, None), 100, None),
        (fee(PPM, 1, None, None), 100, None),
        (fee(PPM + 1, 0, None, None), 100, None),
        (fee(0, -1, None, None), 100, None),
        (fee(0, 0, Some(2), Some(1)), 100, None),
        (fee(0, 0, Some(-1), None), 100, None),
        (fee(0, 0, None, Some(AMOUNT_MAX + 1)), 100, None),
        (fee(0, 0, None, None), -1, None),
        (fee(0, 0, None, None), AMOUNT_MAX + 1, None),
    ] {
        let expected = expected.ok_or(Refusal::FeePolicyInvalid);
        assert_eq!(fee.of(amount), expected, "{fee:?} of {amount}");
    }
}

#[test]
fn a_split_of_equal_remainders_favours_the_first() {
    for (amount, weights, parts) in [
        (100, &[1, 1, 1][..], Some(vec![34, 33, 33])),
        (2, &[1, 1, 1], Some(vec![1, 1, 0])),
        (5, &[0, 1, 0], Some(vec![0, 5, 0])),
        (0, &[1, 2], Some(vec![0, 0])),
        (10, &[i64::MAX, i64::MAX], Some(vec![5, 5])),
        (10, &[], None),
        (10, &[0, 0], None),
        (10, &[2, -1], None),
        (-1, &[1], None),
        (AMOUNT_MAX + 1, &[1], None),
    ] {
        assert_eq!(split(amount, weights), parts.ok_or(Refusal::FeePolicyInvalid), "{weights:?}");
    }
    assert_eq!(split(1, &[1; PARTS_MAX]).map(|it| it.len()), Ok(PARTS_MAX));
    assert_eq!(split(1, &[1; PARTS_MAX + 1]), Err(Refusal::FeePolicyInvalid));
}

#[test]
fn a_rate_gives_something_and_not_too_much() {
    let rate = |numerator, denominator| Rate { numerator, denominator };
    for (rate, amount, given) in [
        (rate(2, 3), 2, Some(1)),
        (rate(2, 3), 1, None),
        (rate(i64::MAX, i64::MAX), AMOUNT_MAX, Some(AMOUNT_MAX)),
        (rate(2, 1), AMOUNT_MAX, None),
        (rate(0, 1), 1, None),
        (rate(1, 0), 1, None),
        (rate(-1, -1), 1, None),
        (rate(1, 1), 0, None),
        (rate(1, 1), AMOUNT_MAX + 1, None),
    ] {
        assert_eq!(rate.of(amount), given.ok_or(Refusal::FeePolicyInvalid), "{rate:?} {amount}");
    }
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![0..1_000_i64, 0..=AMOUNT_MAX, AMOUNT_MAX - 3..=AMOUNT_MAX]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_add_up_and_each_is_within_one_of_its_exact_share(
        amount in amounts(),
        weights in prop::collection::vec(prop_oneof![0..10_i64, 0..=i64::MAX], 1..20),
    ) {
        let total: i128 = weights.iter().map(|it| i128::from(*it)).sum();
        prop_assume!(total > 0);
        let parts = split(amount, &weights).unwrap();
        prop_assert_eq!(parts.iter().sum::<i64>(), amount);
        let mut remainders = Vec::new();
        for (part, weight) in parts.iter().zip(&weights) {
            // How far the part is from its share, in parts of the total.
            let over = i128::from(*part) * total - i128::from(amount) * i128::from(*weight);
            prop_assert!(over.abs() < total, "{} of {} for {}", part, amount, weight);
            remainders.push((over, (i128::from(amount) * i128::from(*weight)) % total));
        }
        // Whoever was rounded up had a remainder that was no smaller than that of whoever was not.
        let up = remainders.iter().filter(|it| it.0 > 0).map(|it| it.1).min();
        let down = remainders.iter().filter(|it| it.0 <= 0).map(|it| it.1).max();
        prop_assert!(up.is_none() || down.is_none() || up >= down);
    }

    #[test]
    fn a_fee_and_what_is_left_are_the_amount(
        amount in amounts(), ppm in 0..=PPM, fixed in 0..100_i64,
        min in prop::option::of(0..50_i64), more in prop::option::of(0..50_i64),
    ) {
        let max = more.map(|more| min.unwrap_or(0) + more);
        let fee = Fee { ppm, fixed, min, max };
        let share = i128::from(amount) * i128::from(ppm) / 1_000_000 + i128::from(fixed);
        let share = share.clamp(min.unwrap_or(0).into(), max.unwrap_or(i64::MAX).into());
        match fee.of(amount) {
            Ok((fee, left)) => {
                prop_assert_eq!(i128::from(fee), share);
                prop_assert_eq!(fee + left, amount);
                prop_assert!(left >= 0);
            }
            Err(_) => prop_assert!(share > amount.into()),
        }
    }

    #[test]
    fn there_and_back_is_never_more(amount in 1..=AMOUNT_MAX, n in 1..1_000_000_i64, d in 1..1_000_000_i64) {
        let (there, back) = (Rate { numerator: n, denominator: d }, Rate { numerator: d, denominator: n });
        if let Ok(given) = there.of(amount) {
            prop_assert!(i128::from(given) * i128::from(d) <= i128::from(amount) * i128::from(n));
            prop_assert!(back.of(given).map_or(0, |it| it) <= amount);
        }
    }
}
