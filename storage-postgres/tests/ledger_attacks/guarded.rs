//! Rows that nobody may change, take away, or put others in the place of.

use crate::attacks::{Add, CAPTURE, EVE, HASH, LATER, NEW, copy};

/// What is different in a row that is copied.
type Changes = [(&'static str, &'static str)];

/// Rows that are there: changed, deleted, and written twice.
pub(crate) fn on_what_is_there(add: &mut Add<'_>) {
    for (table, change, words) in [
        (
            "ledger_transfer",
            "amount = amount + 1",
            ["transfers are never changed", "transfers are never deleted"],
        ),
        ("ledger_entry", "leg = 3", ["entries are never changed", "entries are never deleted"]),
        ("ledger_block", "at = now()", ["blocks are never changed", "blocks are never deleted"]),
        (
            "ledger_account_change",
            "closed = true",
            ["changes of accounts are never changed", "changes of accounts are never deleted"],
        ),
        (
            "ledger_asset_change",
            "scale = 3",
            ["changes of assets are never changed", "changes of assets are never deleted"],
        ),
        (
            "ledger_wallet",
            "account_id = '00000000000000000000000000000003'",
            ["wallets are never changed", "wallets are never deleted"],
        ),
    ] {
        add(&format!("change {table}"), format!("UPDATE {table} SET {change}"), words[0]);
        add(&format!("delete {table}"), format!("DELETE FROM {table}"), words[1]);
        add(&format!("truncate {table}"), format!("TRUNCATE {table}"), words[1]);
    }
    for (table, of, why) in [
        ("ledger_account", EVE, "accounts are never deleted"),
        ("ledger_asset", "code = 'GEM'", "assets are never deleted"),
        ("ledger_hold", "true", "holds are never deleted"),
        ("ledger_returned", "true", "what was given back is never forgotten"),
    ] {
        add(&format!("delete {table}"), format!("DELETE FROM {table} WHERE {of}"), why);
        add(&format!("truncate {table}"), format!("TRUNCATE {table} CASCADE"), why);
    }
    twice(add);
}

fn twice(add: &mut Add<'_>) {
    let first_entry = "account_id = '00000000000000000000000000000002' AND version = 1";
    let new = ("transaction_id", NEW);
    let rows: &[(&str, &str, &Changes, &'static str)] = &[
        ("ledger_transfer", CAPTURE, &[("amount", "999")], "\"ledger_transfer_pkey\""),
        ("ledger_transfer", CAPTURE, &[new, ("amount", "999")], "\"ledger_transfer_seq\""),
        ("ledger_entry", first_entry, &[("credits_posted", "999")], "\"ledger_entry_pkey\""),
        ("ledger_block", "true", &[("root", HASH)], "\"ledger_block_pkey\""),
        ("ledger_block", "true", &[("n", "7")], "\"ledger_block_chain\""),
        ("ledger_account", EVE, &[("credits_posted", "9999")], "\"ledger_account_pkey\""),
        ("ledger_asset", "code = 'COIN'", &[("issued", "1")], "\"ledger_asset_pkey\""),
        ("ledger_account_change", "n = 2", &[("closed", "true")], "\"ledger_account_change_pkey\""),
        ("ledger_account_change", "n = 2", &[("n", LATER)], "\"ledger_account_change_seq\""),
        ("ledger_asset_change", "true", &[("scale", "3")], "\"ledger_asset_change_pkey\""),
        ("ledger_asset_change", "true", &[("n", LATER)], "\"ledger_asset_change_seq\""),
        ("ledger_hold", "true", &[("captured", "0")], "\"ledger_hold_pkey\""),
        ("ledger_returned", "true", &[("returned", "1")], "\"ledger_returned_pkey\""),
    ];
    for (table, of, changes, why) in rows {
        let name = format!("{table} again with {changes:?}");
        add(&name, copy("INSERT", table, of, changes), why);
    }
    for (table, of, key, column, why) in [
        (
            "ledger_transfer",
            CAPTURE,
            "transaction_id, leg",
            "amount",
            "transfers are never changed",
        ),
        ("ledger_entry", first_entry, "account_id, version", "amount", "entries are never changed"),
        ("ledger_block", "true", "asset, n", "root", "blocks are never changed"),
    ] {
        let again = copy("INSERT", table, of, &[]);
        let upsert =
            format!("{again} ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}");
        add(&format!("upsert {table}"), upsert, why);
    }
}
