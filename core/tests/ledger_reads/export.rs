//! What is exported is what the rows say, however hard it is to write.

use std::collections::BTreeMap;

use parlor_core::conformance::block_on;
use parlor_core::economy::ledger::{
    AccountId, AssetCode, Entry, Export, Format, Leg, ReadProgress, Refusal, Transaction, Transfer,
};
use parlor_core::engine::Error;
use parlor_core::record::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::books::{ACCOUNTS, ASSETS, Books, KINDS, SCALES, cases, steps};

/// All of an export, and how far it said it was after each part.
fn all(export: Result<Export<'_>, Error<Refusal>>) -> (String, Vec<ReadProgress>) {
    let mut export = export.expect("there is such a thing");
    let (mut bytes, mut seen) = (Vec::new(), Vec::new());
    while let Some(chunk) = block_on(export.next()).expect("the store works") {
        assert!(chunk.bytes.is_empty() || chunk.bytes.ends_with(b"\n"), "lines are whole");
        bytes.extend(chunk.bytes);
        seen.push(chunk.progress);
    }
    assert!(seen.is_sorted_by_key(|it| it.done), "{seen:?}");
    assert!(seen.last().is_none_or(|it| it.done == it.total), "{seen:?}");
    assert_eq!(block_on(export.next()).expect("the store works"), None);
    (String::from_utf8(bytes).expect("it is text"), seen)
}

/// The records of a file (RFC 4180), by the names in its first line.
fn csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut chars, mut is_quoted) = (text.chars().peekable(), false);
    while let Some(c) = chars.next() {
        match (is_quoted, c) {
            (true, '"') if chars.next_if_eq(&'"').is_some() => field.push('"'),
            (true, '"') => is_quoted = false,
            (true, c) => field.push(c),
            (false, '"') => {
                assert!(field.is_empty(), "a quote within a field that is not quoted: {text}");
                is_quoted = true;
            }
            (false, ',') => record.push(std::mem::take(&mut field)),
            (false, '\r') => {
                assert_eq!(chars.next(), Some('\n'), "lines end by CR and LF");
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (false, '\n') => panic!("a line end within a field that is not quoted: {text}"),
            (false, c) => field.push(c),
        }
    }
    assert!(!is_quoted && field.is_empty() && record.is_empty(), "the last line is whole");
    let names = records.remove(0);
    let named = |record: Vec<String>| {
        assert_eq!(record.len(), names.len());
        names.iter().cloned().zip(record).collect()
    };
    records.into_iter().map(named).collect()
}

/// Text that stood behind an apostrophe if a spreadsheet would have run it.
fn revealed(cell: &str) -> String {
    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} is a formula");
    cell.strip_prefix('\'').unwrap_or(cell).to_owned()
}

/// An amount, in plain words: digits before and after the point.
fn decimal(minor: i64, scale: u8) -> String {
    let digits = format!("{:0width$}", minor.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, rest) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if minor < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// A row as it is to be written: each column as it is in JSON.
fn transfer(it: &Transfer, scale: u8) -> Value {
    json!({
        "seq": it.seq,
        "at": it.at,
        "effective_at": it.effective_at,
        "transaction_id": it.transaction_id,
        "leg": it.leg,
        "legs": it.legs,
        "kind": it.kind,
        "phase": it.phase,
        "debit_account": it.debit_account,
        "credit_account": it.credit_account,
        "asset": it.asset,
        "amount": decimal(it.amount, scale),
        "amount_minor": it.amount,
        "about": it.about,
        "about_leg": it.about_leg,
        "expires_at": it.expires_at,
        "user_id": it.user_id,
        "reference": it.reference,
        "metadata": it.metadata,
        "memo_hash": it.memo.map(|it| hex(it.0)),
        "fingerprint": hex(it.fingerprint.0),
    })
}

fn line(entry: &Entry, it: &Transfer, scale: u8) -> Value {
    let other = match it.debit_account == entry.account_id {
        true => it.credit_account,
        false => it.debit_account,
    };
    json!({
        "version": entry.version,
        "at": entry.at,
        "effective_at": it.effective_at,
        "transaction_id": entry.transaction_id,
        "leg": entry.leg,
        "kind": entry.kind,
        "phase": entry.phase,
        "side": entry.side,
        "other_account": other,
        "asset": it.asset,
        "amount": decimal(entry.amount, scale),
        "amount_minor": entry.amount,
        "balance": decimal(entry.credits_posted - entry.debits_posted, scale),
        "debits_posted": decimal(entry.debits_posted, scale),
        "credits_posted": decimal(entry.credits_posted, scale),
        "debits_pending": decimal(entry.debits_pending, scale),
        "credits_pending": decimal(entry.credits_pending, scale),
        "user_id": it.user_id,
        "reference": it.reference,
        "metadata": it.metadata,
    })
}

/// The same row as it is in CSV.
fn as_cells(row: &Value) -> BTreeMap<String, String> {
    let row = row.as_object().expect("rows are objects");
    let cell = |(name, value): (&String, &Value)| {
        let is_time = matches!(name.as_str(), "at" | "effective_at" | "expires_at");
        let text = match value {
            Value::Null => String::new(),
            Value::Number(it) if is_time => {
                Timestamp(it.as_i64().expect("times are i64")).to_string()
            }
            Value::String(it) => it.clone(),
            other => other.to_string(),
        };
        (name.clone(), text)
    };
    row.iter().map(cell).collect()
}

fn check_csv(text: &str, expected: &[Value]) {
    let mut found = csv(text);
    for record in &mut found {
        for name in ["reference", "metadata"] {
            let cell = record.get_mut(name).expect("there is such a column");
            *cell = revealed(cell);
        }
    }
    assert_eq!(found, expected.iter().map(as_cells).collect::<Vec<_>>());
}

fn check_json(text: &str, expected: &[Value]) {
    let found: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect();
    assert_eq!(found, expected);
}

fn check_log(books: &Books, asset: usize, [from, to]: [Option<Timestamp>; 2]) {
    let mut expected = books.transfers();
    let is_in = |at| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to);
    expected.retain(|it| it.asset == ASSETS[asset] && is_in(it.at));
    let expected: Vec<_> = expected.iter().map(|it| transfer(it, SCALES[asset])).collect();
    let export = |format| all(block_on(books.reads().export_log(ASSETS[asset], from..to, format)));
    check_csv(&export(Format::Csv).0, &expected);
    check_json(&export(Format::JsonLines).0, &expected);
}

fn check_statement(books: &Books, (asset, n): (usize, usize), [from, to]: [Option<Timestamp>; 2]) {
    let account = books.accounts[asset][n];
    let is_in = |at| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to);
    let transfers: BTreeMap<_, _> = books.transfers().into_iter().map(|it| (it.id(), it)).collect();
    let mut entries: Vec<Entry> = books.world.rows();
    entries.retain(|it| it.account_id == account && is_in(it.at));
    let expected: Vec<_> =
        entries.iter().map(|it| line(it, &transfers[&it.transfer()], SCALES[asset])).collect();
    let export = |format| all(block_on(books.reads().export_statement(account, from..to, format)));
    check_csv(&export(Format::Csv).0, &expected);
    check_json(&export(Format::JsonLines).0, &expected);
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn exports_say_what_the_rows_say(
        steps in steps(70),
        periods in proptest::collection::vec(proptest::array::uniform2(proptest::option::of(any::<Index>())), 3),
        account in 0..ACCOUNTS,
    ) {
        let books = Books::after(&steps);
        for ends in periods {
            let ends = ends.map(|end| end.map(|end| books.instant(&end, 0)));
            for asset in 0..2 {
                check_log(&books, asset, ends);
                check_statement(&books, (asset, account), ends);
            }
        }
    }
}

/// Books with this many transfers, each of the same text.
fn books(n: usize, text: &str) -> Books {
    let mut books = Books::new();
    for _ in 0..n {
        let (from, to) = (books.accounts[0][0], books.accounts[0][1]);
        let leg = Leg::transfer(ASSETS[0], from, to, 1_005);
        let mut it = Transaction::new(books.id(), KINDS[0]).leg(leg);
        it.metadata = Some(text.to_owned());
        assert!(books.post(it));
    }
    books
}

#[test]
fn what_a_spreadsheet_would_run_stands_behind_an_apostrophe() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("'x", "''x"),
        ("a=1", "a=1"),
        ("=\"a\",1", "\"'=\"\"a\"\",1\""),
        ("two\r\nlines", "\"two\r\nlines\""),
        ("a,b", "\"a,b\""),
    ] {
        let books = books(1, text);
        let log = books.reads().export_log(ASSETS[0], None..None, Format::Csv);
        let (file, _) = all(block_on(log));
        assert!(file.contains(&format!(",{cell},")), "{text:?}: {file}");
        assert!(file.contains(",10.05,1005,"), "{file}");
    }
}

#[test]
fn a_long_log_comes_in_parts_that_tell_how_far_they_are() {
    let books = books(1_001, "x");
    let export = |format| all(block_on(books.reads().export_log(ASSETS[0], None..None, format)));
    let (file, seen) = export(Format::Csv);
    // The log begins with the asset and its accounts.
    let first = 1 + ACCOUNTS as u64;
    let done: Vec<_> = seen.iter().map(|it| it.done).collect();
    assert_eq!(done, [first + 500, first + 1_000, first + 1_001]);
    assert_eq!((csv(&file).len(), file.lines().count()), (1_001, 1_002));

    let statement =
        books.reads().export_statement(books.accounts[0][1], None..None, Format::JsonLines);
    let (file, seen) = all(block_on(statement));
    assert_eq!((file.lines().count(), seen.len()), (1_001, 3));
}

#[test]
fn what_is_posted_later_is_not_in_it() {
    let mut books = books(3, "x");
    let reads = books.world.server(9);
    let mut export =
        block_on(reads.ledger().export_log(ASSETS[0], None..None, Format::JsonLines)).unwrap();
    let (from, to) = (books.accounts[0][0], books.accounts[0][1]);
    let later = Transaction::new(books.id(), KINDS[0]).leg(Leg::transfer(ASSETS[0], from, to, 1));
    assert!(books.post(later));
    let chunk = block_on(export.next()).unwrap().unwrap();
    assert_eq!(chunk.bytes.iter().filter(|it| **it == b'\n').count(), 3);
    assert_eq!(block_on(export.next()).unwrap(), None);
}

#[test]
fn of_nothing_there_is_a_line_of_names_or_nothing() {
    let books = Books::new();
    let never = Some(Timestamp(0))..Some(Timestamp(0));
    let export =
        |format| all(block_on(books.reads().export_log(ASSETS[0], never.clone(), format))).0;
    let names = export(Format::Csv);
    assert!(names.starts_with("seq,at,") && names.lines().count() == 1, "{names}");
    assert_eq!(export(Format::JsonLines), "");
}

#[test]
fn what_is_not_there_is_not_exported() {
    let books = Books::new();
    let reads = books.reads();
    let none = AssetCode::of("NONE");
    let log = block_on(reads.export_log(none, None..None, Format::Csv)).map(|_| ());
    let nobody = AccountId(parlor_core::Uuid::from_u128(9));
    let statement = block_on(reads.export_statement(nobody, None..None, Format::Csv)).map(|_| ());
    for refused in [log, statement] {
        assert!(matches!(refused, Err(Error::Refused(Refusal::NotFound))), "{refused:?}");
    }
}
