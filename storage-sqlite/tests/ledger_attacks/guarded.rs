//! Rows that nobody may change, take away, or put others in the place of.

use crate::attacks::{ADA, Add, CAPTURE, EVE, HASH, LATER, NEW, copy};

/// What is different in a row that is copied.
type Changes = [(&'static str, &'static str)];

/// Rows that are there: changed, deleted, and written over.
pub(crate) fn on_what_is_there(add: &mut Add<'_>) {
    for (table, change, words) in [
        (
            "ledger_transfer",
            "amount = amount + 1",
            ["transfers are never changed", "transfers are never deleted"],
        ),
        ("ledger_entry", "at = at + 1", ["entries are never changed", "entries are never deleted"]),
        ("ledger_block", "at = at + 1", ["blocks are never changed", "blocks are never deleted"]),
        (
            "ledger_account_change",
            "closed = 1",
            ["changes of accounts are never changed", "changes of accounts are never deleted"],
        ),
        (
            "ledger_asset_change",
            "scale = 3",
            ["changes of assets are never changed", "changes of assets are never deleted"],
        ),
        (
            "ledger_wallet",
            "account_id = x'00000000000000000000000000000003'",
            ["wallets are never changed", "wallets are never deleted"],
        ),
    ] {
        add(&format!("change {table}"), format!("UPDATE {table} SET {change}"), words[0]);
        add(&format!("delete {table}"), format!("DELETE FROM {table}"), words[1]);
    }
    for (sql, why) in [
        (format!("DELETE FROM ledger_account WHERE {EVE}"), "accounts are never deleted"),
        ("DELETE FROM ledger_asset WHERE code = 'GEM'".into(), "assets are never deleted"),
        ("DELETE FROM ledger_hold".into(), "holds are never deleted"),
        ("DELETE FROM ledger_returned".into(), "what was given back is never forgotten"),
    ] {
        add(&sql.clone(), sql, why);
    }
    replace(add);
}

/// What SQLite has beside UPDATE: a row that gives way to another.
fn replace(add: &mut Add<'_>) {
    let first_entry = "account_id = x'00000000000000000000000000000002' AND version = 1";
    let new = ("transaction_id", NEW);
    let rows: &[(&str, &str, &Changes, &'static str)] = &[
        ("ledger_transfer", CAPTURE, &[("amount", "999")], "transfers are never replaced"),
        ("ledger_transfer", CAPTURE, &[new, ("amount", "999")], "transfers are never replaced"),
        ("ledger_transfer", CAPTURE, &[("seq", LATER)], "transfers are never replaced"),
        ("ledger_entry", first_entry, &[("credits_posted", "999")], "entries are never replaced"),
        ("ledger_block", "true", &[("root", HASH)], "blocks are never replaced"),
        ("ledger_block", "true", &[("n", "7")], "blocks are never replaced"),
        ("ledger_account", ADA, &[("credits_posted", "9999")], "accounts are never replaced"),
        ("ledger_asset", "code = 'COIN'", &[("issued", "1")], "assets are never replaced"),
        (
            "ledger_account_change",
            "n = 2",
            &[("closed", "1")],
            "changes of accounts are never replaced",
        ),
        (
            "ledger_account_change",
            "n = 2",
            &[("n", LATER)],
            "changes of accounts are never replaced",
        ),
        ("ledger_asset_change", "true", &[("scale", "3")], "changes of assets are never replaced"),
        ("ledger_asset_change", "true", &[("n", LATER)], "changes of assets are never replaced"),
        (
            "ledger_wallet",
            "true",
            &[("account_id", "x'00000000000000000000000000000003'")],
            "wallets are never replaced",
        ),
        ("ledger_hold", "true", &[("captured", "0")], "holds are never replaced"),
        ("ledger_returned", "true", &[("returned", "1")], "what was given back is never replaced"),
    ];
    for (table, of, changes, why) in rows {
        for insert in ["INSERT", "INSERT OR REPLACE", "REPLACE"] {
            add(
                &format!("{insert} {table} with {changes:?}"),
                copy(insert, table, of, changes),
                why,
            );
        }
        let upsert = copy("INSERT", table, of, changes);
        let column = changes[0].0;
        let upsert = format!("{upsert} ON CONFLICT DO UPDATE SET {column} = excluded.{column}");
        add(&format!("upsert {table} with {changes:?}"), upsert, why);
    }
    let over = format!(
        "UPDATE OR REPLACE ledger_account SET id = x'00000000000000000000000000000002' WHERE {EVE}"
    );
    add("one account in another's place", over, "an account stays what it is");
}
