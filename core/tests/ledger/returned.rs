//! I7, from the rows: what was given back of a transfer is at most what it moved, and nothing is
//! undone twice.

use std::collections::BTreeMap;

use parlor_core::economy::ledger::{Phase, Returned, TransferId};

use crate::invariants::{Books, Logged};

#[track_caller]
pub(crate) fn no_more_is_given_back_than_was_moved(books: &Books, log: &[Logged<'_>]) {
    let by_id: BTreeMap<TransferId, _> = books.transfers.iter().map(|it| (it.id(), it)).collect();
    let mut expected: BTreeMap<TransferId, Returned> = BTreeMap::new();
    for it in log {
        let Logged::Transfer(it) = it else { continue };
        if !matches!(it.phase, Phase::Refund | Phase::Reversal) {
            continue;
        }
        let of = it.about().expect("what is given back was moved");
        let original = by_id[&of];
        let can_be = matches!(original.phase, Phase::Single | Phase::Capture);
        assert!(can_be, "{it:?} gives back {original:?}");
        assert_eq!((original.asset, original.debit_account), (it.asset, it.credit_account));
        let row = expected.entry(of).or_insert(Returned {
            transaction_id: of.transaction,
            leg: of.leg,
            amount: original.amount,
            returned: 0,
            reversed: false,
        });
        assert!(!row.reversed, "given back after it was undone: {it:?}");
        if it.phase == Phase::Reversal {
            assert_eq!((row.returned, it.amount), (0, original.amount), "undone in part: {it:?}");
        }
        row.returned += it.amount;
        row.reversed = it.phase == Phase::Reversal;
        assert!(row.returned <= row.amount, "too much was given back: {it:?}");
    }
    let rows = books.returned.iter().map(|it| {
        let id = TransferId { transaction: it.transaction_id, leg: it.leg };
        (id, it.clone())
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), expected);
}
