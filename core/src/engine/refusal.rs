use std::error::Error;
use std::fmt;

use serde::Serialize;

/// An answer of "no" to a command: what a client is told, in words and by a stable code.
///
/// Its `Display` is one sentence for the person who asked. It never says more than they may know:
/// what they may not see is "not found", as if it were not there.
pub trait Refusal: Error + Clone + PartialEq + Send + Sync + 'static {
    /// The stable code, such as `rooms.full`.
    fn code(&self) -> &'static str;

    /// What kind of "no" it is.
    fn class(&self) -> Class;

    /// The field of the command at fault, if one is.
    fn field(&self) -> Option<&'static str>;

    /// What the command's [search](super::Command::search) had found is not so any more: the
    /// driver searches again before it says no. Commands that search for nothing never say it.
    fn is_stale(&self) -> bool {
        false
    }
}

/// What kind of "no" a refusal is. Each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A field is malformed or out of bounds (422).
    Invalid,
    /// It is not known who asks (401).
    Unauthenticated,
    /// There is no such thing, or none that the actor may see (404).
    NotFound,
    /// The actor may see it but not do this (403).
    Forbidden,
    /// The state of things does not allow it now (409).
    Conflict,
}

/// A refusal of any context, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnyRefusal {
    /// See [`Refusal::code`].
    pub code: &'static str,
    /// See [`Refusal::class`].
    pub class: Class,
    /// See [`Refusal::field`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// The sentence.
    pub detail: String,
    /// See [`Refusal::is_stale`]. Between the decision and the driver only.
    #[serde(skip)]
    pub stale: bool,
}

impl AnyRefusal {
    /// Any refusal, as data.
    pub fn new(refusal: &impl Refusal) -> Self {
        Self {
            code: refusal.code(),
            class: refusal.class(),
            field: refusal.field(),
            detail: refusal.to_string(),
            stale: refusal.is_stale(),
        }
    }
}

impl fmt::Display for AnyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for AnyRefusal {}

impl Refusal for AnyRefusal {
    fn code(&self) -> &'static str {
        self.code
    }

    fn class(&self) -> Class {
        self.class
    }

    fn field(&self) -> Option<&'static str> {
        self.field
    }

    fn is_stale(&self) -> bool {
        self.stale
    }
}

/// A field of a command is malformed or out of bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is left once white space at the ends is taken away.
    Empty,
    /// More characters, as people count them, than the limit.
    TooLong {
        /// The limit.
        max: usize,
    },
    /// A control character, or one that changes the direction of text around it.
    ForbiddenCharacter(char),
    /// A number outside its bounds.
    OutOfRange {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.replace('_', " ");
        match &self.problem {
            Problem::Empty => write!(f, "The {field} is empty."),
            Problem::TooLong { max } => {
                write!(f, "The {field} is too long: at most {max} characters.")
            }
            Problem::ForbiddenCharacter(c) => {
                write!(f, "The {field} has a character that is not allowed: {c:?}.")
            }
            Problem::OutOfRange { min, max } => {
                write!(f, "The {field} must be between {min} and {max}.")
            }
        }
    }
}

impl Error for Invalid {}

impl Refusal for Invalid {
    fn code(&self) -> &'static str {
        match self.problem {
            Problem::Empty => "invalid.empty",
            Problem::TooLong { .. } => "invalid.too_long",
            Problem::ForbiddenCharacter(_) => "invalid.character",
            Problem::OutOfRange { .. } => "invalid.range",
        }
    }

    fn class(&self) -> Class {
        Class::Invalid
    }

    fn field(&self) -> Option<&'static str> {
        Some(self.field)
    }
}

impl Invalid {
    /// `text` without white space at its ends, if it has 1 to `max` graphemes on one line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn line(field: &'static str, text: &str, max: usize) -> Result<String, Self> {
        let text = Self::check(field, text, max, |_| false)?;
        match text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            true => Err(Self { field, problem: Problem::Empty }),
            false => Ok(text.to_owned()),
        }
    }

    /// `text` without white space at its ends, if it has at most `max` graphemes; line breaks and
    /// tabs are allowed, and so is nothing at all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn prose(field: &'static str, text: &str, max: usize) -> Result<String, Self> {
        Self::check(field, text, max, |c| matches!(c, '\n' | '\t')).map(str::to_owned)
    }

    /// `number`, if it lies between `min` and `max`.
    ///
    /// # Errors
    /// That it does not.
    pub fn range(field: &'static str, number: i64, min: i64, max: i64) -> Result<i64, Self> {
        match (min..=max).contains(&number) {
            true => Ok(number),
            false => Err(Self { field, problem: Problem::OutOfRange { min, max } }),
        }
    }

    fn check<'t>(
        field: &'static str,
        text: &'t str,
        max: usize,
        allowed: impl Fn(char) -> bool,
    ) -> Result<&'t str, Self> {
        use unicode_segmentation::UnicodeSegmentation as _;
        let text = text.trim();
        // A grapheme can be made of any number of code points; bytes bound what is looked at.
        let too_long = text.len() > max * 32 || text.graphemes(true).nth(max).is_some();
        if too_long {
            return Err(Self { field, problem: Problem::TooLong { max } });
        }
        match text.chars().find(|&c| is_forbidden(c) && !allowed(c)) {
            Some(c) => Err(Self { field, problem: Problem::ForbiddenCharacter(c) }),
            None => Ok(text),
        }
    }
}

/// Characters that leave no mark (Default_Ignorable_Code_Point, UAX #44): fine beside others, but
/// nothing by themselves.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Control characters, and the marks that reorder the text around a name (UAX #9 §2).
fn is_forbidden(c: char) -> bool {
    let reorders = matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}
