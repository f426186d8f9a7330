use std::fmt;
use std::time::Duration;

/// How a store is run. [`Options::new`] is right for most.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// The database: `postgres://user:password@host:port/database`. It may be that of a pooler in
    /// transaction mode.
    pub url: String,
    /// The same database without a pooler in between. If given, the nodes of a cluster wake each
    /// other by `NOTIFY`; without it they look for news a few times a second.
    pub listen_url: Option<String>,
    /// Statements stay prepared on each connection, which halves the messages of a lone command.
    /// Only for a URL that leads to the server itself: behind a pooler in transaction mode a
    /// connection would run what another has prepared. Default false.
    pub prepared: bool,
    /// How many transactions write at once; each has a connection and a task. More than two are
    /// rarely faster. Default 2.
    pub writers: usize,
    /// How many commands may wait for each writer; beyond, they are refused as
    /// [`StoreError::Busy`](parlor_core::storage::StoreError::Busy). Default 8,192.
    pub queue_max: usize,
    /// How many commands one transaction takes at most. Default 1,024.
    pub batch_max: usize,
    /// How many connections read. They are opened when they are first needed. Default 8.
    pub readers: usize,
    /// How many reads may wait for a connection; beyond, they are refused as
    /// [`StoreError::Busy`](parlor_core::storage::StoreError::Busy). Default 4,096.
    pub reads_max: usize,
    /// How long a server that cannot be reached is tried before commands fail. Default 2 s.
    pub patience: Duration,
    /// How long it is tried after a connection was lost in a commit, before the answer is
    /// [`CommitUnknown`](parlor_core::storage::StoreError::CommitUnknown). Default 10 s.
    pub doubt_max: Duration,
    /// Opens a database of a server that may lose what it has acknowledged (`fsync`,
    /// `full_page_writes` or `synchronous_commit` off). For tests. Default false.
    pub allow_unsafe_durability: bool,
}

impl Options {
    /// The defaults, for the database at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            listen_url: None,
            prepared: false,
            writers: 2,
            queue_max: 8_192,
            batch_max: 1_024,
            readers: 8,
            reads_max: 4_096,
            patience: Duration::from_secs(2),
            doubt_max: Duration::from_secs(10),
            allow_unsafe_durability: false,
        }
    }
}

/// Without the URLs, which may have a password in them.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listens", &self.listen_url.is_some())
            .field("prepared", &self.prepared)
            .field("writers", &self.writers)
            .field("queue_max", &self.queue_max)
            .field("batch_max", &self.batch_max)
            .field("readers", &self.readers)
            .field("reads_max", &self.reads_max)
            .field("patience", &self.patience)
            .field("doubt_max", &self.doubt_max)
            .field("allow_unsafe_durability", &self.allow_unsafe_durability)
            .finish_non_exhaustive()
    }
}
