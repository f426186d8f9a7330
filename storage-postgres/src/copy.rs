//! Rows in the binary form of `COPY`, which the engine takes in with less ado than arrays: it neither
//! builds nor takes apart a set, and writes a page of rows to its log at once.
//!
//! The form is that of "Binary Format" under `COPY` in PostgreSQL's manual.

use parlor_core::record::Value;
use sqlx::error::BoxDynError;

use crate::value::field;

/// From how many rows on it is worth a statement that is parsed each time, and one message more.
pub(crate) const ROWS_MIN: usize = 16;

/// The signature, no flags, and no extension of the header.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands in place of a row's number of fields after the last one.
const TRAILER: i16 = -1;

/// So many columns each.
pub(crate) fn rows(
    columns: usize,
    rows: impl IntoIterator<Item = Vec<Value>>,
) -> Result<Vec<u8>, BoxDynError> {
    let columns = i16::try_from(columns)?;
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend(HEADER);
    for row in rows {
        out.extend(columns.to_be_bytes());
        row.iter().try_for_each(|value| field(value, &mut out))?;
    }
    out.extend(TRAILER.to_be_bytes());
    Ok(out)
}
