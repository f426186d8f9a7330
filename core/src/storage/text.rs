//! Full-text search that finds the same rows in every store.
//!
//! Engines disagree on what a word is, so the core decides: a column declared `text` holds
//! [`words`] of what people wrote, and a search is words too. A row matches when each word of the
//! search begins a word of the column.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The words of a text: compatibility-decomposed, without accents, in lower case, separated by
/// single spaces.
///
/// ```
/// use parlor_core::storage::text::words;
/// assert_eq!(words("  Ångström—CAFÉ #3"), "angstrom cafe 3");
/// ```
pub fn words(text: &str) -> String {
    let folded = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut words = String::with_capacity(text.len());
    let mut gap = false;
    for c in folded {
        if c.is_alphanumeric() {
            if gap && !words.is_empty() {
                words.push(' ');
            }
            gap = false;
            words.push(c);
        } else {
            gap = true;
        }
    }
    words
}
