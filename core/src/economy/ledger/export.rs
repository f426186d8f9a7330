//! The books as a file: CSV (RFC 4180) or JSON Lines, a chunk at a time.

use std::fmt::Write as _;
use std::ops::Range;

use super::{AccountId, AssetCode, Line, ReadProgress, Reads, Refusal, Transfer, queries};
use crate::engine::Error;
use crate::record::{Digest, Timestamp};
use crate::storage::PAGE_MAX;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of names, then a line a row, each ended by CR and LF. What is empty is nothing. Times
    /// are as in RFC 3339. Text that somebody chose, and that a spreadsheet would take for a formula,
    /// stands behind an apostrophe, and so does text that begins with one.
    Csv,
    /// An object a row, each ended by LF. What is empty is null. Times are microseconds since 1970.
    JsonLines,
}

/// An export under way: [`Reads::export_log`], [`Reads::export_statement`].
///
/// What it tells is settled when it begins: what is posted later is not in it.
///
/// ```
/// # use parlor_core::engine::{Error, Parlor};
/// # use parlor_core::economy::ledger::{AssetCode, Format, Refusal};
/// # async fn export(parlor: &Parlor, file: &mut Vec<u8>) -> Result<(), Error<Refusal>> {
/// let coin = AssetCode::of("COIN");
/// let mut export = parlor.ledger().export_log(coin, None..None, Format::Csv).await?;
/// while let Some(chunk) = export.next().await? {
///     file.extend(chunk.bytes);
///     println!("{} of {}", chunk.progress.done, chunk.progress.total);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Export<'p> {
    reads: Reads<'p>,
    what: What,
    format: Format,
    scale: u8,
    /// What is left of it.
    numbers: Range<i64>,
    total: u64,
    begun: bool,
}

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Whole lines.
    pub bytes: Vec<u8>,
    /// How many entries of the log, or of the account, it has gone through.
    pub progress: ReadProgress,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Log(AssetCode),
    Statement(AccountId),
}

impl<'p> Reads<'p> {
    /// All transfers of an asset, the first one first, or those that were posted from an instant on
    /// or before one. Amounts are told twice: in the asset's unit, and as `amount_minor` in its
    /// smallest one. What people wrote is not in it, only its hash.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn export_log(
        self,
        asset: AssetCode,
        period: Range<Option<Timestamp>>,
        format: Format,
    ) -> Result<Export<'p>, Error<Refusal>> {
        let asset = self.asset(asset).await?;
        let numbers = self.log_of(&asset, period.start, period.end).await?;
        Ok(Export::new(self, What::Log(asset.code), format, asset.scale, numbers))
    }

    /// The lines of an account's [`statement`](Reads::statement), the first one first, or those of
    /// an instant and after or before one: what moved, which way, and how the account stood then.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]
    pub async fn export_statement(
        self,
        account: AccountId,
        period: Range<Option<Timestamp>>,
        format: Format,
    ) -> Result<Export<'p>, Error<Refusal>> {
        let account = self.account(account).await?;
        let asset = self.asset(account.asset).await?;
        let numbers = self.entries_of(&account, period.start, period.end).await?;
        Ok(Export::new(self, What::Statement(account.id), format, asset.scale, numbers))
    }
}

impl<'p> Export<'p> {
    fn new(reads: Reads<'p>, what: What, format: Format, scale: u8, numbers: Range<i64>) -> Self {
        let total = (numbers.end - numbers.start).max(0).unsigned_abs();
        Self { reads, what, format, scale, numbers, total, begun: false }
    }

    /// The next part, of at most 500 rows; `None` when that was all. After an error it can be asked
    /// again, and goes on where it was.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn next(&mut self) -> Result<Option<Chunk>, Error<Refusal>> {
        let begins = !self.begun && self.format == Format::Csv;
        if self.numbers.is_empty() && !begins {
            return Ok(None);
        }
        let mut text = String::new();
        let next = match self.what {
            What::Log(asset) => {
                let page =
                    queries::transfers_in_log(asset, self.numbers.start, self.numbers.end - 1);
                let rows = self.reads.parlor.select(&page).await?.rows;
                let next = rows.last().filter(|_| rows.len() == PAGE_MAX as usize);
                let next = next.map(|row| row.seq + 1);
                self.write(&mut text, TRANSFER, &rows);
                next
            }
            What::Statement(account) => {
                let page = queries::entries(account, &self.numbers).limit(PAGE_MAX);
                let entries = self.reads.parlor.select(&page).await?.rows;
                let next = entries.last().filter(|_| entries.len() == PAGE_MAX as usize);
                let next = next.map(|entry| entry.version + 1);
                let lines = self.reads.lines_of(entries).await?;
                self.write(&mut text, LINE, &lines);
                next
            }
        };
        self.begun = true;
        self.numbers.start = next.unwrap_or(self.numbers.end).min(self.numbers.end);
        let left = (self.numbers.end - self.numbers.start).max(0).unsigned_abs();
        let progress = ReadProgress { done: self.total - left, total: self.total };
        Ok(Some(Chunk { bytes: text.into_bytes(), progress }))
    }

    fn write<R>(&self, to: &mut String, columns: &[Column<R>], rows: &[R]) {
        if self.format == Format::Csv && !self.begun {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            to.push_str(&names.join(","));
            to.push_str("\r\n");
        }
        for row in rows {
            match self.format {
                Format::Csv => self.write_csv(to, columns, row),
                Format::JsonLines => self.write_json(to, columns, row),
            }
        }
    }

    fn write_csv<R>(&self, to: &mut String, columns: &[Column<R>], row: &R) {
        for (n, (_, cell)) in columns.iter().enumerate() {
            if n > 0 {
                to.push(',');
            }
            match cell(row) {
                Cell::Empty => {}
                Cell::Int(it) => write!(to, "{it}").expect("strings take all that is written"),
                Cell::Decimal(it) => to.push_str(&decimal(it, self.scale)),
                Cell::Time(it) => to.push_str(&quoted(&it.to_string())),
                Cell::Word(it) => to.push_str(&quoted(&it)),
                Cell::Text(it) => to.push_str(&quoted(&harmless(&it))),
            }
        }
        to.push_str("\r\n");
    }

    fn write_json<R>(&self, to: &mut String, columns: &[Column<R>], row: &R) {
        for (n, (name, cell)) in columns.iter().enumerate() {
            to.push(if n > 0 { ',' } else { '{' });
            let value = match cell(row) {
                Cell::Empty => serde_json::Value::Null,
                Cell::Int(it) => it.into(),
                Cell::Decimal(it) => decimal(it, self.scale).into(),
                Cell::Time(it) => it.0.into(),
                Cell::Word(it) | Cell::Text(it) => it.into(),
            };
            write!(to, "\"{name}\":{value}").expect("strings take all that is written");
        }
        to.push_str("}\n");
    }
}

/// The name of a column, and what it has of a row.
type Column<R> = (&'static str, fn(&R) -> Cell);

/// What is in one place of a file.
enum Cell {
    Empty,
    Int(i64),
    /// An amount, told in the asset's unit.
    Decimal(i128),
    Time(Timestamp),
    /// Text of a known alphabet.
    Word(String),
    /// Text that somebody chose.
    Text(String),
}

const TRANSFER: &[Column<Transfer>] = &[
    ("seq", |it| Cell::Int(it.seq)),
    ("at", |it| Cell::Time(it.at)),
    ("effective_at", |it| Cell::Time(it.effective_at)),
    ("transaction_id", |it| word(it.transaction_id)),
    ("leg", |it| Cell::Int(it.leg.into())),
    ("legs", |it| Cell::Int(it.legs.into())),
    ("kind", |it| word(it.kind)),
    ("phase", |it| word(it.phase)),
    ("debit_account", |it| word(it.debit_account)),
    ("credit_account", |it| word(it.credit_account)),
    ("asset", |it| word(it.asset)),
    ("amount", |it| Cell::Decimal(it.amount.into())),
    ("amount_minor", |it| Cell::Int(it.amount)),
    ("about", |it| or_empty(it.about, word)),
    ("about_leg", |it| or_empty(it.about_leg, |leg| Cell::Int(leg.into()))),
    ("expires_at", |it| or_empty(it.expires_at, Cell::Time)),
    ("user_id", |it| or_empty(it.user_id, word)),
    ("reference", |it| or_empty(it.reference.clone(), Cell::Text)),
    ("metadata", |it| or_empty(it.metadata.clone(), Cell::Text)),
    ("memo_hash", |it| or_empty(it.memo, hex)),
    ("fingerprint", |it| hex(it.fingerprint)),
];

const LINE: &[Column<Line>] = &[
    ("version", |it| Cell::Int(it.entry.version)),
    ("at", |it| Cell::Time(it.entry.at)),
    ("effective_at", |it| Cell::Time(it.transfer.effective_at)),
    ("transaction_id", |it| word(it.entry.transaction_id)),
    ("leg", |it| Cell::Int(it.entry.leg.into())),
    ("kind", |it| word(it.entry.kind)),
    ("phase", |it| word(it.entry.phase)),
    ("side", |it| word(it.entry.side)),
    ("other_account", |it| word(it.other_account())),
    ("asset", |it| word(it.transfer.asset)),
    ("amount", |it| Cell::Decimal(it.entry.amount.into())),
    ("amount_minor", |it| Cell::Int(it.entry.amount)),
    ("balance", |it| Cell::Decimal(it.entry.counters().balance())),
    ("debits_posted", |it| Cell::Decimal(it.entry.debits_posted.into())),
    ("credits_posted", |it| Cell::Decimal(it.entry.credits_posted.into())),
    ("debits_pending", |it| Cell::Decimal(it.entry.debits_pending.into())),
    ("credits_pending", |it| Cell::Decimal(it.entry.credits_pending.into())),
    ("user_id", |it| or_empty(it.transfer.user_id, word)),
    ("reference", |it| or_empty(it.transfer.reference.clone(), Cell::Text)),
    ("metadata", |it| or_empty(it.transfer.metadata.clone(), Cell::Text)),
];

fn word(it: impl std::fmt::Display) -> Cell {
    Cell::Word(it.to_string())
}

fn hex(it: Digest) -> Cell {
    Cell::Word(it.0.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn or_empty<T>(it: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
    it.map_or(Cell::Empty, cell)
}

/// An amount with as many digits after the point as its asset has.
fn decimal(amount: i128, scale: u8) -> String {
    let one = 10u128.pow(scale.into());
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    match scale {
        0 => format!("{sign}{amount}"),
        _ => format!("{sign}{}.{:0width$}", amount / one, amount % one, width = scale.into()),
    }
}

/// Text that no spreadsheet takes for a formula. The apostrophe can be taken off again: text that
/// begins with one gets another.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// A field of a line (RFC 4180 §2, rules 5 to 7).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
