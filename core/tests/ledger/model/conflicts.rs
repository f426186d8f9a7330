//! What an id was used for, and what differs: by the two requests, and not by what the log has.

use parlor_core::economy::ledger::{Action, Field, Leg, Refund, Request, Shortfall, Transaction};

/// The first field that differs.
pub(super) fn differ(first: &Request, new: &Request) -> Field {
    let found = match (first, new) {
        (Request::Post(a), Request::Post(b)) => fields(a, b),
        (Request::Refund(a), Request::Refund(b)) => refund_fields(a, b),
        _ => return Field::Legs,
    };
    found.into_iter().find(|(same, _)| !same).unwrap().1
}

/// The fields that may be named, where what was asked for is known by what was posted of it.
pub(super) fn differ_from_posted(first: &Request, new: &Request) -> Vec<Field> {
    match (first, new) {
        (Request::Post(a), Request::Post(b)) => {
            let field = differ(first, new);
            let is_telling = |leg: &Leg| match leg.action {
                Action::Void { .. } | Action::Capture { .. } => false,
                Action::Refund { shortfall, .. } => shortfall == Shortfall::Reject,
                Action::Transfer | Action::Hold { .. } | Action::Reverse { .. } => true,
            };
            let is_head = fields(a, b).iter().take(6).any(|(same, _)| !same);
            match is_head || a.legs.iter().chain(&b.legs).all(is_telling) {
                true => vec![field],
                false => vec![field, Field::Legs, Field::Amount, Field::Action],
            }
        }
        (Request::Refund(a), Request::Refund(b)) => {
            let heads = refund_fields(a, b).into_iter().take(3).find(|(same, _)| !same);
            vec![heads.map_or(Field::Amount, |(_, field)| field)]
        }
        (Request::Post(_), Request::Refund(_)) => vec![Field::Of, Field::Kind, Field::Amount],
        (Request::Refund(_), Request::Post(_)) => Field::ALL.to_vec(),
    }
}

fn refund_fields(a: &Refund, b: &Refund) -> Vec<(bool, Field)> {
    vec![
        (a.of == b.of, Field::Of),
        (a.kind == b.kind, Field::Kind),
        (a.user == b.user, Field::User),
        (a.amount == b.amount, Field::Amount),
        (a == b, Field::Action),
    ]
}

fn fields(a: &Transaction, b: &Transaction) -> Vec<(bool, Field)> {
    let mut fields = vec![
        (a.kind == b.kind, Field::Kind),
        (a.user == b.user, Field::User),
        (a.reference == b.reference, Field::Reference),
        (a.metadata == b.metadata, Field::Metadata),
        (a.memo == b.memo, Field::Memo),
        (a.effective_at == b.effective_at, Field::EffectiveAt),
        (a.legs.len() == b.legs.len(), Field::Legs),
    ];
    for (a, b) in a.legs.iter().zip(&b.legs) {
        fields.extend([
            (a.asset == b.asset, Field::Asset),
            (a.debit == b.debit, Field::Debit),
            (a.credit == b.credit, Field::Credit),
            (a.amount == b.amount, Field::Amount),
            (a.action == b.action, Field::Action),
        ]);
    }
    fields
}
