use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{AnyCommand, Ctx, Refusal};
use crate::storage::{Draft, Query, Stop};

/// Something that can be asked of Parlor: named by its verb, decided by a pure function.
///
/// A decision's first lines ask for all rows it can name; it may be run several times, and must
/// come to the same end from the same rows and context.
pub trait Command: Clone + Into<AnyCommand> + Send + Sync + 'static {
    /// What the caller gets when it ends well. It is stored for retries: it holds no secret.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// How it can be refused.
    type Refusal: Refusal;

    /// What has to be searched for, because no key leads to it, such as the first in a queue.
    ///
    /// The driver reads it before the decision, which finds the rows in [`Ctx::found`]. They are
    /// as they were, and not locked: the decision asks for them by key, looks at them again, and
    /// refuses with what [is stale](Refusal::is_stale) when they have changed. The driver then
    /// searches and decides anew, three times; whoever asked is told after that.
    fn search(&self) -> Option<Query> {
        None
    }

    /// Decides.
    ///
    /// # Errors
    /// [`Stop::Missing`] for rows it lacks, [`Stop::Refused`] for a "no".
    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx)
    -> Result<Self::Output, Stop<Self::Refusal>>;
}

/// What came over the network is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCommand {
    /// There is no command of this name that clients may use.
    #[error("There is no such command.")]
    Unknown,
    /// It is not JSON, or its data does not fit.
    #[error("The request is malformed: {detail}.")]
    Malformed {
        /// The field at fault, if one is.
        field: Option<String>,
        /// What is wrong.
        detail: String,
    },
}

/// A command as it comes over the network, before its name is looked at.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    name: String,
    #[serde(borrow)]
    data: &'a serde_json::value::RawValue,
}

/// Splits what came over the network into name and data.
pub(super) fn split(json: &[u8]) -> Result<(String, &serde_json::value::RawValue), BadCommand> {
    let wire: Wire<'_> = from_json(json)?;
    Ok((wire.name, wire.data))
}

/// Parses JSON that came over the network.
///
/// # Errors
/// [`BadCommand::Malformed`], which names the field at fault.
pub fn from_json<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, BadCommand> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let detail = error.inner().to_string();
        let path = error.path().to_string();
        // A field that is unknown or missing has no path yet; the message quotes its name.
        let quoted = || detail.split('`').nth(1).map(str::to_owned);
        let is_named = path.starts_with(char::is_alphabetic);
        let field = if is_named { Some(path) } else { quoted() };
        BadCommand::Malformed {
            field: field.map(|field| shorten(&field)),
            detail: shorten(&detail),
        }
    })?;
    json.end().map_err(|e| BadCommand::Malformed { field: None, detail: e.to_string() })?;
    Ok(parsed)
}

/// What is said of a malformed command quotes it, and so could be as long as it.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Lists every command once, and makes the enum over them: its JSON, its decision, and what the
/// network may use.
#[macro_export]
macro_rules! commands {
    ($($(#[$meta:meta])* $name:literal => $visibility:ident $variant:ident($command:ty)),+ $(,)?) => {
        /// Any command. In JSON: its name and its data.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", content = "data")]
        #[expect(missing_docs, reason = "a variant a command, documented there")]
        pub enum AnyCommand { $(#[serde(rename = $name)] $variant($command)),+ }

        impl AnyCommand {
            /// The names of all commands that clients may use.
            pub const PUBLIC: &'static [&'static str] =
                &$crate::commands!(@public [] $($name $visibility)+);

            /// Its name, such as `rooms.join`.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// A command that came over the network.
            ///
            /// # Errors
            /// [`BadCommand`](crate::engine::BadCommand): an internal command is as unknown as one
            /// that does not exist.
            pub fn from_network(json: &[u8]) -> Result<Self, $crate::engine::BadCommand> {
                let (name, data) = super::command::split(json)?;
                match name.as_str() {
                    $($name if $crate::commands!(@is_public $visibility) => {
                        super::command::from_json(data.get().as_bytes()).map(Self::$variant)
                    })+
                    _ => Err($crate::engine::BadCommand::Unknown),
                }
            }

            /// What it has to search for before it is decided.
            pub fn search(&self) -> Option<$crate::storage::Query> {
                match self { $(Self::$variant(command) => $crate::engine::Command::search(command)),+ }
            }

            /// Decides, with output and refusal as data.
            ///
            /// # Errors
            /// As the command's own decision.
            pub fn decide(
                &self,
                draft: &mut $crate::storage::Draft<'_>,
                ctx: &$crate::engine::Ctx,
            ) -> Result<serde_json::Value, $crate::storage::Stop<$crate::engine::AnyRefusal>> {
                use $crate::engine::{AnyRefusal, Command};
                use $crate::storage::Stop;
                match self {
                    $(Self::$variant(command) => match Command::decide(command, draft, ctx) {
                        Ok(output) => Ok(serde_json::to_value(output)
                            .expect("outputs have keys that are strings")),
                        Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
                        Err(Stop::Refused(refusal)) => {
                            Err(Stop::Refused(AnyRefusal::new(&refusal)))
                        }
                    }),+
                }
            }
        }

        $(impl From<$command> for AnyCommand {
            fn from(command: $command) -> Self { Self::$variant(command) }
        })+
    };

    (@is_public public) => { true };
    (@is_public internal) => { false };
    (@public [$($done:literal)*] $name:literal public $($rest:tt)*) => {
        $crate::commands!(@public [$($done)* $name] $($rest)*)
    };
    (@public [$($done:literal)*] $name:literal internal $($rest:tt)*) => {
        $crate::commands!(@public [$($done)*] $($rest)*)
    };
    (@public [$($done:literal)*]) => { [$($done),*] };
}
