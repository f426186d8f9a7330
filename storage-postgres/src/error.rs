use parlor_core::record::Corrupt;
use parlor_core::storage::StoreError;
use sqlx::Error;

/// Why a database could not be opened. Nothing has been written to it, except by
/// [`OpenError::Migration`]: then the migrations before the one that failed have been applied.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one.
    #[error(
        "the URL of the database does not parse ({0}); it looks like postgres://user:password@host/database"
    )]
    Url(#[source] Error),
    /// Nobody answers, or not as a PostgreSQL server does.
    #[error(
        "no PostgreSQL server answers at {address} ({source}); is it running, and reachable from here?"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What happened.
        #[source]
        source: Error,
    },
    /// The server does not let this user in.
    #[error(
        "the server at {address} does not let {user} in ({source}); check the user, the password and pg_hba.conf"
    )]
    Denied {
        /// The server.
        address: String,
        /// The user.
        user: String,
        /// What the server says.
        #[source]
        source: Error,
    },
    /// The server has no such database.
    #[error("the server at {address} has no such database ({source}); make it with `createdb`")]
    NoDatabase {
        /// The server.
        address: String,
        /// What the server says.
        #[source]
        source: Error,
    },
    /// The user may not do what the store needs.
    #[error(
        "the user lacks a permission ({0}); let it own its schema: CREATE SCHEMA … AUTHORIZATION user"
    )]
    NotPermitted(#[source] Error),
    /// The server is too old.
    #[error("the server is PostgreSQL {found}; Parlor needs {needed} or later")]
    TooOld {
        /// Its version.
        found: String,
        /// The oldest that will do.
        needed: u32,
    },
    /// The server may lose what it has acknowledged.
    #[error(
        "the server has {setting} = {value}, and may lose what it has acknowledged; turn it on, or set `Options::allow_unsafe_durability` where nothing is to be kept"
    )]
    Unsafe {
        /// Which of its settings.
        setting: String,
        /// What it is set to.
        value: String,
    },
    /// The schema holds tables of another application.
    #[error(
        "the schema {schema} holds tables of another application; give Parlor one of its own: ALTER ROLE … SET search_path = …"
    )]
    Foreign {
        /// The schema.
        schema: String,
    },
    /// A newer Parlor has migrated it.
    #[error("the database has schema {found}, and this Parlor knows none after {known}; update it")]
    Newer {
        /// The schema of the database.
        found: u32,
        /// The latest this Parlor knows.
        known: u32,
    },
    /// A migration that was applied is not the one this Parlor knows under its number.
    #[error("migration {version} ({name}) of the database is not the one this Parlor knows")]
    Changed {
        /// Its number.
        version: u32,
        /// Its name in the database.
        name: String,
    },
    /// A migration failed, and was rolled back.
    #[error("migration {version} ({name}) failed: {source}")]
    Migration {
        /// Its number.
        version: u32,
        /// Its name.
        name: &'static str,
        /// What the server says.
        #[source]
        source: Error,
    },
    /// The system gives no thread.
    #[error("the system gives no thread to run on: {0}")]
    Thread(#[source] std::io::Error),
    /// Anything else.
    #[error("the database cannot be opened: {0}")]
    Engine(#[source] Error),
}

/// An error while opening is what it means, as far as the server says so.
impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match state(&error).as_deref() {
            Some("42501") => Self::NotPermitted(error),
            _ => Self::Engine(error),
        }
    }
}

/// Why a statement, or a round, failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server, or the way to it.
    Engine(Error),
    /// A row that does not decode.
    Corrupt(Corrupt),
    /// More events than one transaction has positions for.
    TooManyEvents,
    /// No answer for so long that the connection counts as lost.
    Silence,
}

/// What can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// A primary key was inserted by somebody else first.
    Race,
    /// The same again will do: a deadlock, a serialization failure, a lock waited for too long.
    Again,
    /// The same again on a new connection.
    Reconnect,
    /// The schema, or a row, forbids it: a command of the batch is the culprit.
    Culprit,
    /// Nothing.
    None,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Corrupt> for Failure {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::TooManyEvents => f.write_str("too many events for one transaction"),
            Self::Silence => f.write_str("the server does not answer"),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            // One row that does not decode shall not fail those who never asked for it.
            Self::Corrupt(_) | Self::TooManyEvents => Remedy::Culprit,
            Self::Silence => Remedy::Reconnect,
            Self::Engine(error) => remedy(error),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Corrupt(corrupt) => Self::Corrupt(corrupt),
            Failure::Engine(error) if is_full(&error) => Self::Full,
            other => Self::failed(other),
        }
    }
}

fn remedy(error: &Error) -> Remedy {
    let Error::Database(database) = error else {
        return match error {
            // What cannot be encoded is a value that the engine has no place for.
            Error::Encode(_) => Remedy::Culprit,
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => Remedy::Reconnect,
            _ => Remedy::None,
        };
    };
    let state = database.code().unwrap_or_default();
    match (&state[..], state.get(..2)) {
        ("23505", _) if is_primary_key(database.table(), database.constraint()) => Remedy::Race,
        ("40001" | "40P01" | "55P03", _) => Remedy::Again,
        // Shut down, crashed, starting, idle for too long, no slot free, reading only after a
        // fail-over; and a pooler that lost its server.
        ("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" | "25006", _)
        | (_, Some("08")) => Remedy::Reconnect,
        (_, Some("22" | "23")) => Remedy::Culprit,
        _ => Remedy::None,
    }
}

fn is_primary_key(table: Option<&str>, constraint: Option<&str>) -> bool {
    let name = table.map(|table| format!("{table}_pkey"));
    name.is_some() && name.as_deref() == constraint
}

/// No room is left on the device.
fn is_full(error: &Error) -> bool {
    state(error).as_deref() == Some("53100")
}

/// The five characters by which the server names an error.
pub(crate) fn state(error: &Error) -> Option<String> {
    let state = error.as_database_error()?.code()?;
    Some(state.into_owned())
}
