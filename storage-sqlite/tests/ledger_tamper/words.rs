//! What an audit says, as people read it.

use parlor_core::economy::ledger::Finding;

use crate::{Bare, Said, kept};

fn said(sql: &str) -> Vec<String> {
    let bare = Bare::new(kept::small);
    assert!(bare.db.execute(sql, []).unwrap() > 0, "{sql}");
    let Said::Found(findings) = bare.audit() else { return vec!["corrupt".into()] };
    findings.iter().map(Finding::to_string).collect()
}

#[test]
fn what_is_found_is_told_in_sentences() {
    let ada = format!("id = x'{}'", kept::ADA.0.simple());
    let tip = format!("transaction_id = x'{}'", kept::TIP.0.simple());
    let refused = format!("transaction_id = x'{}'", kept::REFUSED.0.simple());
    let told: Vec<(String, Vec<String>)> = [
        format!("UPDATE ledger_account SET credits_posted = credits_posted + 500 WHERE {ada}"),
        format!("UPDATE ledger_account SET frozen_out = 1, owner = NULL WHERE {ada}"),
        format!("UPDATE ledger_transfer SET amount = 201 WHERE {tip} AND leg = 0"),
        format!("UPDATE ledger_transfer SET kind = 'gift' WHERE {tip} AND leg = 0"),
        format!("DELETE FROM ledger_transfer WHERE {tip} AND leg = 2"),
        format!("UPDATE ledger_memo SET text = 'Badly sung!' WHERE {tip}"),
        format!("UPDATE ledger_rejection SET expires_at = at WHERE {refused}"),
        "UPDATE ledger_hold SET captured = captured + 1 WHERE captured = 1".to_owned(),
        "UPDATE ledger_asset SET supply_cap = NULL WHERE code = 'COIN'".to_owned(),
        "DELETE FROM ledger_wallet WHERE asset = 'GEM'".to_owned(),
        format!("UPDATE ledger_transfer SET effective_at = 0 WHERE {tip} AND leg = 0"),
        "UPDATE ledger_asset_change SET transferable = 0 WHERE asset = 'COIN'".to_owned(),
        "UPDATE ledger_transfer SET credit_account = debit_account, debit_account = credit_account \
         WHERE phase = 'reversal'"
            .to_owned(),
        "UPDATE ledger_transfer SET amount = amount - 1 WHERE phase = 'reversal'".to_owned(),
    ]
    .into_iter()
    .map(|sql| {
        let named = sql.replace(&ada, "it is ADA").replace(&tip, "it is TIP");
        (named.replace(&refused, "it is REFUSED"), said(&sql))
    })
    .collect();
    let told: String =
        told.into_iter().map(|(sql, said)| format!("{sql}\n  {}\n", said.join("\n  "))).collect();
    assert_eq!(told, include_str!("words.txt"), "it is said otherwise:\n{told}");
}
