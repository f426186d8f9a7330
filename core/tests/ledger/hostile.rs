//! What comes from outside: whatever it is, it is refused or it is a transaction, and nothing panics.

use super::*;
use parlor_core::economy::ledger::{LEGS_MAX, METADATA_BYTES_MAX, Refund, Shortfall};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A transaction in which every field says something, as JSON.
fn sample() -> Value {
    let hold = TransferId { transaction: tx_id(3), leg: 1 };
    let leg = Leg::transfer(COIN, MINT, ADA, 5);
    let mut tx = Transaction::new(tx_id(7), Kind::of("tip")).by(Uuid::from_u128(1).into());
    tx.legs = vec![
        leg.clone(),
        Leg::hold(COIN, ADA, BEN, 5, Some(DAY)),
        leg.capture_last(hold, 1),
        leg.void(hold),
        leg.refund(hold, 1, Shortfall::Cover(DISPUTE)),
        leg.reverse(hold),
    ];
    (tx.reference, tx.metadata) = (Some("psp-1".into()), Some("{}".into()));
    (tx.memo, tx.effective_at) = (Some("Thank you!".into()), Some(Timestamp(1)));
    serde_json::to_value(tx).unwrap()
}

/// Where in a value something else can be put.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, it)| places(it, &format!("{at}/{key}"), all))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, it)| places(it, &format!("{at}/{n}"), all));
        }
        _ => {}
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(0_i64), Just(-1), Just(1 << 53), Just(i64::MIN), Just(i64::MAX)]
            .prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!("00000000-0000-0000-0000-000000000000")),
        Just(json!("ffffffff-ffff-ffff-ffff-ffffffffffff")),
        Just(json!({"secs": u64::MAX, "nanos": 999_999_999})),
        Just(json!({"do": "hold", "expires_in": {"secs": 60, "nanos": 1}})),
        Just(json!([])),
        Just(json!({})),
    ]
}

/// Posts what can be read; that it is refused is as good.
fn try_on(bank: &Bank, tx: Transaction) -> Option<u16> {
    let again = serde_json::from_value::<Transaction>(serde_json::to_value(&tx).unwrap());
    assert_eq!(again.unwrap(), tx, "what is remembered of it is what it was");
    bank.post(&tx).err().map(|refusal| refusal.number())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_are_a_transaction_or_are_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = serde_json::from_slice::<Transaction>(&bytes);
        let _ = serde_json::from_slice::<Refund>(&bytes);
        let _ = serde_json::from_slice::<Limits>(&bytes);
    }

    #[test]
    fn a_transaction_with_a_few_bytes_changed_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = serde_json::to_vec(&sample()).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(tx) = serde_json::from_slice::<Transaction>(&bytes) {
            let bank = Bank::open();
            try_on(&bank, tx);
        }
    }

    #[test]
    fn a_transaction_with_odd_values_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..4)
    ) {
        let mut value = sample();
        // One leg is enough, and may well be posted.
        value["legs"].as_array_mut().unwrap().truncate(2);
        for (at, odd) in changes {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let at = &all[at.index(all.len())];
            *value.pointer_mut(at).unwrap() = odd;
        }
        if let Ok(tx) = serde_json::from_value::<Transaction>(value) {
            let bank = Bank::open();
            bank.give(ADA, 100);
            try_on(&bank, tx);
        }
    }
}

#[test]
fn the_sample_is_read_and_refused_for_how_things_stand() {
    let bank = Bank::open();
    let tx: Transaction = serde_json::from_value(sample()).unwrap();
    assert_eq!(try_on(&bank, tx), Some(400));
}

#[test]
fn what_is_too_much_is_refused_before_anything_is_looked_up() {
    let bank = Bank::open();
    let mut value = sample();
    let leg = value["legs"][0].clone();
    let with = |legs: usize, metadata: usize| {
        let mut tx: Transaction = serde_json::from_value(sample()).unwrap();
        tx.legs = vec![serde_json::from_value(leg.clone()).unwrap(); legs];
        tx.metadata = Some("é".repeat(metadata));
        try_on(&bank, tx)
    };
    assert_eq!(with(LEGS_MAX + 1, 1), Some(102));
    assert_eq!(with(100_000, 1), Some(102));
    assert_eq!(with(1, METADATA_BYTES_MAX / 2 + 1), Some(107));
    assert_eq!(with(1, 1 << 20), Some(107));
    assert_eq!(with(1, METADATA_BYTES_MAX / 2), None);

    for (place, odd) in [
        ("/legs/0/amount", json!(9_223_372_036_854_775_808_u64)),
        ("/legs/0/amount", json!(1.5)),
        ("/legs/0/amount", json!("5")),
        ("/legs/0/asset", json!("COIN")),
        ("/legs/0/asset", json!("C".repeat(17))),
        ("/legs/0/asset", json!("coin")),
        ("/legs/0/action", json!({"do": "hold", "more": 1})),
        ("/legs/0/action", json!({"do": "burn"})),
        ("/legs/2/action/hold/leg", json!(256)),
        ("/legs/1/action/expires_in/secs", json!(-1)),
        ("/kind", json!("")),
        ("/id", json!("7")),
        ("", json!([[[[[[[[[[1]]]]]]]]]])),
    ] {
        let mut value = sample();
        *value.pointer_mut(place).unwrap() = odd.clone();
        let is_read = serde_json::from_value::<Transaction>(value).is_ok();
        assert_eq!(is_read, odd == json!("COIN"), "{place} {odd}");
    }
    value["more"] = json!(1);
    assert!(serde_json::from_value::<Transaction>(value).is_err());
    let deep = "[".repeat(100_000);
    assert!(serde_json::from_str::<Transaction>(&deep).is_err());
}
