//! What somebody with a connection of their own might do to the ledger, and what refuses it.

use parlor_core::record::TableDef;
use parlor_core::tables::TABLES;

use crate::guarded;

/// Statements that do what no decision may do.
pub(crate) struct Attack {
    /// What it is.
    pub(crate) name: String,
    /// How it is done.
    pub(crate) sql: String,
    /// The constraint that refuses it, or what the trigger says that does.
    pub(crate) why: &'static str,
    /// Whether it is refused by a foreign key, which a connection may leave off.
    pub(crate) by_foreign_key: bool,
}

pub(crate) const ADA: &str = "id = x'00000000000000000000000000000002'";
const BEN: &str = "id = x'00000000000000000000000000000003'";
pub(crate) const EVE: &str = "id = x'00000000000000000000000000000005'";
const TOP_UP: &str = "transaction_id = x'0000000000000000000000000000000b'";
const HOLD: &str = "transaction_id = x'0000000000000000000000000000000d'";
pub(crate) const CAPTURE: &str = "transaction_id = x'0000000000000000000000000000000e' AND leg = 0";
const TIP: &str = "transaction_id = x'0000000000000000000000000000000c' AND leg = 0";
/// Of an account or a transaction that is not there.
pub(crate) const NEW: &str = "x'00000000000000000000000000000fff'";
const NOT_A_UUID: &str = "x'00'";
const OTHER_OWNER: &str = "x'000000000000000000000000000003eb'";
pub(crate) const HASH: &str = "zeroblob(32)";
const NOT_A_HASH: &str = "zeroblob(31)";
/// A million, which no number of a small log comes near.
pub(crate) const LATER: &str = "1000000";
const TOO_MUCH: &str = "9007199254740992";

/// A row like one that is there, but for some columns.
pub(crate) fn copy(insert: &str, table: &str, of: &str, changes: &[(&str, &str)]) -> String {
    let definition: &TableDef = TABLES.iter().find(|it| it.name == table).expect("a table");
    let columns: Vec<&str> = definition.all_columns().map(|column| column.name).collect();
    let values = columns.iter().map(|&column| {
        let changed = changes.iter().find(|(name, _)| *name == column);
        changed.map_or(column, |&(_, value)| value)
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let columns = columns.join(", ");
    format!("{insert} INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {of}")
}

/// A row that is like one that is there, with a key of its own.
fn like(table: &str, changes: &[(&str, &str)]) -> String {
    let (of, key): (&str, &[(&str, &str)]) = match table {
        "ledger_asset" => ("code = 'GEM'", &[("code", "'NEW'")]),
        "ledger_asset_change" => ("asset = 'GEM' AND n = 1", &[("n", LATER), ("seq", LATER)]),
        "ledger_account" => (EVE, &[("id", NEW)]),
        "ledger_account_change" => {
            ("account_id = x'00000000000000000000000000000005'", &[("n", LATER), ("seq", LATER)])
        }
        "ledger_wallet" => ("owner = x'000000000000000000000000000003ea'", &[("owner", NEW)]),
        "ledger_transfer" => (TOP_UP, &[("transaction_id", NEW), ("seq", LATER)]),
        "ledger_entry" => (
            "account_id = x'00000000000000000000000000000002' AND version = 1",
            &[("version", LATER)],
        ),
        "ledger_hold" => (HOLD, &[("transaction_id", "x'0000000000000000000000000000000b'")]),
        "ledger_returned" => (TIP, &[("transaction_id", "x'0000000000000000000000000000000b'")]),
        "ledger_block" => {
            ("asset = 'COIN' AND n = 0", &[("n", "1"), ("previous", "head"), ("head", HASH)])
        }
        _ => ("true", &[("transaction_id", NEW)]),
    };
    let kept = key.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let changes: Vec<_> = kept.chain(changes).copied().collect();
    copy("INSERT", table, of, &changes)
}

fn account(of: &str, set: &str) -> String {
    format!("UPDATE ledger_account SET {set} WHERE {of}")
}

/// What is like an attack and within the rules: what is attacked is what is said.
pub(crate) fn harmless() -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("all is spent", account(ADA, "debits_posted = credits_posted - debits_pending")),
        ("all is reserved", account(ADA, "debits_pending = credits_posted - debits_posted")),
        ("all is owed", account(BEN, "debits_posted = credits_posted + 50")),
        ("it is full", account(BEN, "credits_pending = debits_posted - credits_posted + 1000")),
        (
            "a hold is used up",
            "UPDATE ledger_hold SET captured = amount - released, \
             state = 'captured', expires_at = NULL"
                .into(),
        ),
        ("all is given back", "UPDATE ledger_returned SET returned = amount, reversed = 1".into()),
        ("all is issued", "UPDATE ledger_asset SET issued = supply_cap WHERE code = 'COIN'".into()),
    ];
    let tables = TABLES.iter().map(|table| table.name).filter(|name| name.starts_with("ledger_"));
    all.extend(tables.map(|table| (table, like(table, &[]))));
    all
}

/// What no check refuses: rows in which something is too long or too short.
pub(crate) fn misshapen() -> Vec<String> {
    let long = "'a2345678901234567'";
    let transfer = [
        ("transaction_id", NOT_A_UUID),
        ("debit_account", NOT_A_UUID),
        ("credit_account", NOT_A_UUID),
        ("asset", "''"),
        ("asset", "'A2345678901234567'"),
        ("kind", "''"),
        ("kind", long),
        ("memo", NOT_A_HASH),
        ("fingerprint", NOT_A_HASH),
    ];
    let entry = [
        ("account_id", NOT_A_UUID),
        ("transaction_id", NOT_A_UUID),
        ("kind", "''"),
        ("kind", long),
    ];
    let rows = |table, changes: &[(&str, &str)]| -> Vec<_> {
        changes.iter().map(|change| like(table, &[*change])).collect()
    };
    [rows("ledger_transfer", &transfer), rows("ledger_entry", &entry)].concat()
}

pub(crate) fn attacks() -> Vec<Attack> {
    let mut all = Vec::new();
    let mut add = |name: &str, sql: String, why| {
        let by_foreign_key = why == "FOREIGN KEY constraint failed";
        all.push(Attack { name: name.into(), sql, why, by_foreign_key });
    };
    on_balances(&mut add);
    on_accounts(&mut add);
    on_assets(&mut add);
    on_transfers(&mut add);
    on_entries(&mut add);
    on_holds_and_refunds(&mut add);
    on_blocks(&mut add);
    on_changes(&mut add);
    on_texts(&mut add);
    guarded::on_what_is_there(&mut add);
    all
}

pub(crate) type Add<'a> = dyn FnMut(&str, String, &'static str) + 'a;

fn on_balances(add: &mut Add<'_>) {
    let floor = "ledger_account_stays_above_floor";
    add("overdraw", account(ADA, "debits_posted = credits_posted - debits_pending + 1"), floor);
    add(
        "overdraw by what is reserved",
        account(ADA, "debits_pending = debits_pending + 651"),
        floor,
    );
    add("owe more than the limit", account(BEN, "debits_posted = credits_posted + 51"), floor);
    add("reserve more than the limit", account(BEN, "debits_pending = 241"), floor);
    add(
        "lower the limit below what is owed",
        account(BEN, "debits_posted = credits_posted + 50, credit_limit = 49"),
        floor,
    );
    let ceiling = "ledger_account_stays_below_ceiling";
    add(
        "overfill",
        account(BEN, "credits_posted = debits_posted - credits_pending + 1001"),
        ceiling,
    );
    add("overfill by what is reserved", account(BEN, "credits_pending = 811"), ceiling);
    add("lower the ceiling below what is there", account(BEN, "ceiling = 329"), ceiling);
    let most = "9223372036854775807";
    let both = format!("debits_posted = {most}, credits_posted = {most}");
    add(
        "debits that cannot be added",
        account(BEN, &format!("{both}, debits_pending = 1, credits_pending = 0")),
        "ledger_account_debits_can_be_added",
    );
    add(
        "credits that cannot be added",
        account(ADA, &format!("{both}, debits_pending = 0, credits_pending = 1")),
        "ledger_account_credits_can_be_added",
    );
    for counter in ["debits_pending", "credits_pending"] {
        let set = format!("{counter} = -1");
        add("less than nothing is reserved", account(ADA, &set), "ledger_account_counters_count");
    }
    let limit = "ledger_account_limit_is_bounded";
    add("a limit above zero", account(ADA, "credit_limit = -1"), limit);
    add("a limit without end", account(ADA, &format!("credit_limit = {TOO_MUCH}")), limit);
    let bounded = "ledger_account_ceiling_is_bounded";
    add("a ceiling without end", account(ADA, &format!("ceiling = {TOO_MUCH}")), bounded);
    add(
        "a ceiling below zero",
        account(EVE, "has_floor = 0, ceiling = -1, debits_posted = 1"),
        bounded,
    );
}

fn on_accounts(add: &mut Add<'_>) {
    let stays = "an account stays what it is";
    let goes_on = "the sums of an account never shrink";
    for set in [
        "debits_posted = debits_posted - 1",
        "credits_posted = credits_posted - 1",
        "version = version - 1",
    ] {
        add(&format!("shrink: {set}"), account(ADA, set), goes_on);
    }
    add("fewer changes", account(BEN, "changes = changes - 1"), goes_on);
    add("another asset", account(EVE, "asset = 'GEM'"), stays);
    add("another kind", account(EVE, "kind = 'issuance'"), stays);
    add("another owner", account(EVE, &format!("owner = {OTHER_OWNER}")), stays);
    add("no owner", account(EVE, "owner = NULL"), stays);
    add("another id", account(EVE, &format!("id = {NEW}")), stays);
    add("close what is not empty", account(BEN, "closed = 1"), "ledger_account_closed_is_empty");
    add(
        "close what is reserved for",
        account(EVE, "closed = 1, credits_pending = 1"),
        "ledger_account_closed_is_empty",
    );
    add("half frozen", account(EVE, "frozen_in = 2"), "ledger_account_truths");
    add(
        "velocity that is no JSON",
        account(EVE, "velocity = '{'"),
        "ledger_account_velocity_is_json",
    );
    for (column, value, why) in [
        ("id", NOT_A_UUID, "ledger_account_id_is_uuid"),
        ("kind", "'purse'", "ledger_account_kind_is_a_word"),
        ("owner", NOT_A_UUID, "ledger_account_owner_is_uuid"),
        ("version", "-1", "ledger_account_numbers_count"),
        ("changes", "0", "ledger_account_numbers_count"),
        ("asset", "'NONE'", "FOREIGN KEY constraint failed"),
    ] {
        add(
            &format!("open one with {column} = {value}"),
            like("ledger_account", &[(column, value)]),
            why,
        );
    }
    add(
        "a wallet of nobody",
        like("ledger_wallet", &[("owner", NOT_A_UUID)]),
        "ledger_wallet_owner_is_uuid",
    );
    add(
        "a wallet without an account",
        like("ledger_wallet", &[("account_id", NEW)]),
        "FOREIGN KEY constraint failed",
    );
}

fn on_assets(add: &mut Add<'_>) {
    let asset =
        |code: &str, set: &str| format!("UPDATE ledger_asset SET {set} WHERE code = '{code}'");
    let goes_on = "an asset stays what it is, and its log never shrinks";
    for set in ["scale = 3", "sealed = 0, frontier = x''", "code = 'COINS'", "size = size - 1"] {
        add(&format!("an asset's {set}"), asset("COIN", set), goes_on);
    }
    add("fewer changes of an asset", asset("COIN", "changes = changes - 1"), goes_on);
    add(
        "issue more than the cap",
        asset("COIN", "issued = supply_cap + 1"),
        "ledger_asset_within_its_cap",
    );
    add(
        "burn less than nothing",
        asset("COIN", "burned = issued - supply_cap - 1"),
        "ledger_asset_within_its_cap",
    );
    add("half a hash", asset("COIN", "frontier = zeroblob(48)"), "ledger_asset_frontier_is_hashes");
    add(
        "64 subtrees",
        asset("COIN", "frontier = zeroblob(2048)"),
        "ledger_asset_frontier_is_hashes",
    );
    add(
        "a tree that is not kept",
        asset("GEM", "frontier = zeroblob(32)"),
        "ledger_asset_frontier_if_sealed",
    );
    for (column, value, why) in [
        ("code", "''", "ledger_asset_code_is_short"),
        ("code", "'A2345678901234567'", "ledger_asset_code_is_short"),
        ("code", "'coin'", "ledger_asset_code_is_capitals"),
        ("code", "'1COIN'", "ledger_asset_code_is_capitals"),
        ("code", "'CO IN'", "ledger_asset_code_is_capitals"),
        ("scale", "10", "ledger_asset_scale_is_bounded"),
        ("scale", "-1", "ledger_asset_scale_is_bounded"),
        ("transferable", "2", "ledger_asset_transferable_is_a_truth"),
        ("sealed", "2", "ledger_asset_sealed_is_a_truth"),
        ("changes", "0", "ledger_asset_changes_count"),
        ("size", "-1", "ledger_asset_size_counts"),
        ("supply_cap", "0", "ledger_asset_cap_is_positive"),
    ] {
        add(
            &format!("an asset with {column} = {value}"),
            like("ledger_asset", &[(column, value)]),
            why,
        );
    }
}

fn on_transfers(add: &mut Add<'_>) {
    let phase = "ledger_transfer_about_by_phase";
    let about = ("about", "x'0000000000000000000000000000000b'");
    let rows: &[(&[(&str, &str)], &'static str)] = &[
        (&[("amount", "0")], "ledger_transfer_amount_is_bounded"),
        (&[("amount", "-1")], "ledger_transfer_amount_is_bounded"),
        (&[("amount", TOO_MUCH)], "ledger_transfer_amount_is_bounded"),
        (&[("credit_account", "debit_account")], "ledger_transfer_changes_hands"),
        (&[("leg", "1")], "ledger_transfer_leg_is_of_legs"),
        (&[("leg", "-1")], "ledger_transfer_leg_is_of_legs"),
        (&[("legs", "129")], "ledger_transfer_leg_is_of_legs"),
        (&[("seq", "-1")], "ledger_transfer_seq_counts"),
        (&[("phase", "'double'"), about, ("about_leg", "0")], "ledger_transfer_phase_is_a_word"),
        (&[("phase", "'capture'")], phase),
        (&[("phase", "'void'")], phase),
        (&[("phase", "'expiry'")], phase),
        (&[("phase", "'refund'")], phase),
        (&[("phase", "'reversal'")], phase),
        (&[about, ("about_leg", "0")], phase),
        (&[("phase", "'hold'"), about, ("about_leg", "0")], phase),
        (&[("phase", "'capture'"), about], "ledger_transfer_about_is_whole"),
        (&[("about_leg", "0")], "ledger_transfer_about_is_whole"),
        (&[("phase", "'void'"), about, ("about_leg", "128")], "ledger_transfer_about_leg_is_one"),
        (
            &[("phase", "'void'"), ("about", NEW), ("about_leg", "0")],
            "ledger_transfer_about_an_earlier_one",
        ),
        (&[("expires_at", "at")], "ledger_transfer_expires_if_it_holds"),
        (&[("reference", "''")], "ledger_transfer_reference_is_one"),
        (&[("metadata", "''")], "ledger_transfer_metadata_is_some"),
    ];
    for (changes, why) in rows {
        add(&format!("post with {changes:?}"), like("ledger_transfer", changes), why);
    }
}

fn on_entries(add: &mut Add<'_>) {
    for (column, value, why) in [
        ("version", "0", "ledger_entry_version_counts"),
        ("leg", "128", "ledger_entry_leg_is_one"),
        ("side", "'left'", "ledger_entry_side_is_a_word"),
        ("phase", "'double'", "ledger_entry_phase_is_a_word"),
        ("amount", "0", "ledger_entry_amount_is_bounded"),
        ("amount", TOO_MUCH, "ledger_entry_amount_is_bounded"),
        ("debits_posted", "-1", "ledger_entry_counters_count"),
        ("credits_posted", "-1", "ledger_entry_counters_count"),
        ("debits_pending", "-1", "ledger_entry_counters_count"),
        ("credits_pending", "-1", "ledger_entry_counters_count"),
    ] {
        add(
            &format!("an entry with {column} = {value}"),
            like("ledger_entry", &[(column, value)]),
            why,
        );
    }
}

fn on_holds_and_refunds(add: &mut Add<'_>) {
    let hold = |set: &str| format!("UPDATE ledger_hold SET {set}");
    let within = "ledger_hold_within_its_amount";
    add(
        "capture more than is held",
        hold("captured = amount + 1, state = 'captured', expires_at = NULL"),
        within,
    );
    add(
        "capture and release more than is held",
        hold("captured = 101, released = 100, state = 'voided', expires_at = NULL"),
        within,
    );
    add(
        "release more than anything",
        hold("released = 9223372036854775807, state = 'voided', expires_at = NULL"),
        within,
    );
    let goes_on = "a hold stays what it is, and its sums never shrink";
    add("capture less than before", hold("captured = captured - 1"), goes_on);
    add("release less than before", hold("released = released - 1"), goes_on);
    add("hold more than before", hold("amount = amount + 1"), goes_on);
    add("a hold of others", hold(&format!("credit_account = {NEW}")), goes_on);
    add("a hold of another asset", hold("asset = 'GEM'"), goes_on);
    add(
        "over while some is left",
        hold("state = 'voided', expires_at = NULL"),
        "ledger_hold_open_while_some_is_left",
    );
    add(
        "open while nothing is left",
        hold("captured = amount - released"),
        "ledger_hold_open_while_some_is_left",
    );
    add(
        "expires when it is over",
        hold("captured = amount - released, state = 'captured'"),
        "ledger_hold_expires_while_open",
    );
    for (column, value, why) in [
        ("credit_account", "debit_account", "ledger_hold_changes_hands"),
        ("amount", "0", "ledger_hold_amount_is_bounded"),
        ("amount", TOO_MUCH, "ledger_hold_amount_is_bounded"),
        ("leg", "1", "FOREIGN KEY constraint failed"),
    ] {
        add(
            &format!("a hold with {column} = {value}"),
            like("ledger_hold", &[(column, value)]),
            why,
        );
    }
    let lost = [("state", "'lost'"), ("captured", "amount - released"), ("expires_at", "NULL")];
    add("a hold that is lost", like("ledger_hold", &lost), "ledger_hold_state_is_a_word");
    let returned = |set: &str| format!("UPDATE ledger_returned SET {set}");
    let within = "ledger_returned_within_the_original";
    add("give back more than was moved", returned("returned = amount + 1"), within);
    let shrinks = "what was given back never shrinks";
    add("give back less than before", returned("returned = returned - 1"), shrinks);
    add("more was moved", returned("amount = amount + 1"), shrinks);
    add("undone, in part", returned("reversed = 1"), "ledger_returned_reversed_is_all");
    for (column, value, why) in [
        ("amount", TOO_MUCH, "ledger_returned_amount_is_bounded"),
        ("reversed", "2", "ledger_returned_reversed_is_a_truth"),
        ("leg", "1", "FOREIGN KEY constraint failed"),
    ] {
        let name = format!("given back with {column} = {value}");
        add(&name, like("ledger_returned", &[(column, value)]), why);
    }
}

fn on_blocks(add: &mut Add<'_>) {
    let never = "blocks are never replaced";
    add("fork the chain", like("ledger_block", &[("previous", "previous"), ("head", HASH)]), never);
    add("go on with itself", like("ledger_block", &[("head", "head")]), "ledger_block_goes_on");
    add(
        "a block before the first",
        like("ledger_block", &[("n", "-1")]),
        "ledger_block_numbers_count",
    );
    let hashes = "ledger_block_hashes_are_sha256";
    for column in ["root", "head", "previous"] {
        let name = format!("a block with half a {column}");
        add(&name, like("ledger_block", &[(column, NOT_A_HASH)]), hashes);
    }
    add(
        "a block of no asset",
        like("ledger_block", &[("asset", "'NONE'")]),
        "FOREIGN KEY constraint failed",
    );
}

fn on_changes(add: &mut Add<'_>) {
    for (column, value, why) in [
        ("n", "0", "ledger_account_change_numbers_count"),
        ("seq", "-1", "ledger_account_change_numbers_count"),
        ("asset", "''", "ledger_account_change_asset_is_short"),
        ("credit_limit", TOO_MUCH, "ledger_account_change_limit_is_bounded"),
        ("ceiling", TOO_MUCH, "ledger_account_change_ceiling_is_bounded"),
        ("closed", "2", "ledger_account_change_truths"),
        ("velocity", "''", "ledger_account_change_velocity_is_short"),
        ("account_id", NEW, "FOREIGN KEY constraint failed"),
    ] {
        let name = format!("a change of an account with {column} = {value}");
        add(&name, like("ledger_account_change", &[(column, value)]), why);
    }
    for (column, value, why) in [
        ("n", "0", "ledger_asset_change_numbers_count"),
        ("seq", "-1", "ledger_asset_change_numbers_count"),
        ("scale", "10", "ledger_asset_change_scale_is_bounded"),
        ("transferable", "2", "ledger_asset_change_transferable_is_a_truth"),
        ("sealed", "2", "ledger_asset_change_sealed_is_a_truth"),
        ("supply_cap", "0", "ledger_asset_change_cap_is_positive"),
        ("asset", "'NONE'", "FOREIGN KEY constraint failed"),
    ] {
        let name = format!("a change of an asset with {column} = {value}");
        add(&name, like("ledger_asset_change", &[(column, value)]), why);
    }
}

fn on_texts(add: &mut Add<'_>) {
    for (table, column, value, why) in [
        ("ledger_memo", "transaction_id", NOT_A_UUID, "ledger_memo_id_is_uuid"),
        ("ledger_memo", "salt", NOT_A_HASH, "ledger_memo_salt_is_sha256"),
        ("ledger_memo", "text", "''", "ledger_memo_text_is_short"),
        ("ledger_rejection", "transaction_id", NOT_A_UUID, "ledger_rejection_id_is_uuid"),
        ("ledger_rejection", "fingerprint", NOT_A_HASH, "ledger_rejection_fingerprint_is_sha256"),
        ("ledger_rejection", "digest", NOT_A_HASH, "ledger_rejection_digest_is_sha256"),
        ("ledger_rejection", "request", "'{'", "ledger_rejection_request_is_json"),
        ("ledger_rejection", "refusal", "'{'", "ledger_rejection_refusal_is_json"),
    ] {
        add(&format!("{table} with {column} = {value}"), like(table, &[(column, value)]), why);
    }
}
