//! Where a change is to be found.

use parlor_core::Uuid;
use parlor_core::economy::ledger::{AssetCode, BLOCK_LEAVES};
use rusqlite::types::Value;

use crate::changes::{Change, Row};
use crate::kept::{COIN, GEM};

/// Whether something that was found there tells where the change is.
pub(crate) fn is_right(change: &Change, place: &str) -> bool {
    // Where no tree tells, the entries of accounts do.
    let is_entry = change.table.name == "ledger_transfer"
        && is_unsealed(change)
        && place.starts_with("entry")
        && place.contains("of account");
    is_entry || of(change).iter().any(|it| it == place)
}

/// The places of the rows as they were, and as they are.
pub(crate) fn of(change: &Change) -> Vec<String> {
    let rows = change.before.iter().chain(&change.after);
    rows.flat_map(|row| places(change, row)).collect()
}

fn places(change: &Change, row: &Row) -> Vec<String> {
    let at = |name: &str| {
        let position = change.table.all_columns().position(|column| column.name == name);
        text(&row[position.unwrap_or_else(|| panic!("{name}"))])
    };
    let number = |name: &str| at(name).parse::<i64>().unwrap_or(-1);
    // Of an entry that was sealed the tree tells no more than the block, or that it is after those.
    let in_log = || {
        let (asset, seq) = (at("asset"), number("seq"));
        let block = format!("block {} of the log of {asset}", seq / BLOCK_LEAVES);
        let entry = |seq| format!("entry {seq} of the log of {asset}");
        // A time that is too late shows in the next one.
        vec![entry(seq), entry(seq.saturating_add(1)), block, format!("asset {asset}")]
    };
    let of = |what: &str| format!("{what} {} of transaction {}", at("leg"), at("transaction_id"));
    match change.table.name {
        "ledger_transfer" => {
            let id = format!("transaction {}", at("transaction_id"));
            in_log().into_iter().chain([id]).collect()
        }
        "ledger_asset_change" => in_log(),
        "ledger_account_change" => {
            in_log().into_iter().chain([format!("account {}", at("account_id"))]).collect()
        }
        "ledger_asset" => vec![format!("asset {}", at("code"))],
        "ledger_block" => {
            let (n, asset) = (at("n"), at("asset"));
            vec![format!("block {n} of the log of {asset}"), format!("asset {asset}")]
        }
        "ledger_account" => vec![format!("account {}", at("id"))],
        "ledger_wallet" => {
            let account = at("account_id");
            vec![
                format!("account {account} of owner {}", at("owner")),
                format!("account {account}"),
            ]
        }
        "ledger_entry" => {
            let (account, version) = (at("account_id"), number("version"));
            // What is not there shows where the next one is, or was to be.
            let is_gone = change.after.is_empty();
            let mut places = vec![format!("entry {version} of account {account}")];
            if is_gone {
                places.push(format!("entry {} of account {account}", version + 1));
                places.push(format!("account {account}"));
            }
            places
        }
        "ledger_hold" => vec![of("hold")],
        "ledger_returned" => vec![of("what was given back of transfer")],
        "ledger_memo" => vec![format!("the memo of transaction {}", at("transaction_id"))],
        "ledger_rejection" => vec![format!("the refusal of transaction {}", at("transaction_id"))],
        other => panic!("{other}"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Blob(it) => Uuid::from_slice(it).map_or_else(|_| String::new(), |id| id.to_string()),
        Value::Integer(it) => it.to_string(),
        Value::Text(it) => it.clone(),
        Value::Null | Value::Real(_) => String::new(),
    }
}

/// What no audit can find, as its documentation says: that a memo or a refusal is not there, which
/// is as if it had been erased or forgotten; and what nothing follows from in a log that is not
/// sealed.
pub(crate) fn is_out_of_sight(change: &Change) -> bool {
    let is_gone = change.after.is_empty();
    let is_unsealed = is_unsealed(change);
    match (change.table.name, change.column) {
        ("ledger_memo" | "ledger_rejection", None) => is_gone,
        ("ledger_transfer", Some(column)) => {
            is_unsealed
                && ["effective_at", "user_id", "reference", "metadata", "memo", "fingerprint"]
                    .contains(&column)
        }
        ("ledger_asset_change" | "ledger_account_change", Some(column)) => {
            is_unsealed && ["at", "user_id"].contains(&column)
        }
        _ => false,
    }
}

fn is_unsealed(change: &Change) -> bool {
    change.before.iter().all(|row| row.contains(&Value::Text(GEM.to_string())))
}

/// The log whose entries or seals are changed, if it is sealed.
pub(crate) fn sealed_log(change: &Change) -> Option<AssetCode> {
    let tables =
        ["ledger_transfer", "ledger_account_change", "ledger_asset_change", "ledger_block"];
    let is_in_log = tables.contains(&change.table.name)
        || change.table.name == "ledger_asset"
            && change.column.is_none_or(|it| ["size", "at", "frontier"].contains(&it));
    // A row that is there twice may be in another log, or after the end of this.
    let is_changed = change.column.is_some() || change.after.is_empty();
    let is_coin = change.before[0].contains(&Value::Text(COIN.to_string()));
    (is_in_log && is_changed && is_coin).then_some(COIN)
}
