-- The engine: the feed, timers, sweeps, outcomes kept for retries.
--
-- Conventions of all migrations. Identifiers are 16-byte blobs (UUID, big-endian), times are
-- microseconds since 1970-01-01T00:00:00Z, truth values are 0 and 1, JSON is text, lengths of text
-- are in bytes. No CHECK compares two times: the host's clock may be set back. Words are compared
-- with `=` and OR: for an IN of more than two the engine builds a temporary table at each insert.

CREATE TABLE outbox (
    -- The feed: everything that has happened, in the order in which it was committed. An event is
    -- written in the transaction that made it true. Old events may be deleted; none is changed.
    position   INTEGER NOT NULL PRIMARY KEY, -- one more than the last, which is why that one stays
    id         BLOB    NOT NULL, -- consumers deduplicate by it
    at         INTEGER NOT NULL, -- when it was decided
    name       TEXT    NOT NULL, -- such as rooms.joined
    user_id    BLOB,             -- who made it happen, if it was a person
    session_id BLOB,             -- by which of their sign-ins
    cause      BLOB,             -- the event a policy reacted to, if it was one
    event      TEXT    NOT NULL, -- name and data
    CONSTRAINT outbox_id_is_uuid     CHECK (length(id) = 16),
    CONSTRAINT outbox_name_is_short  CHECK (octet_length(name) BETWEEN 1 AND 100),
    -- That the event is JSON is not checked: it would be parsed once more at every insert.
    CONSTRAINT outbox_actor_is_whole CHECK ((user_id IS NULL) = (session_id IS NULL))
) STRICT;

-- What has happened cannot be made to have happened otherwise.
CREATE TRIGGER outbox_is_never_updated BEFORE UPDATE ON outbox
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

-- Positions are never used twice: the last event may not be deleted, so the next is always larger.
-- (AUTOINCREMENT would keep the same promise at the price of a second table written at each insert.)
CREATE TRIGGER outbox_keeps_its_last BEFORE DELETE ON outbox
WHEN OLD.position = (SELECT max(position) FROM outbox)
BEGIN
    SELECT RAISE(ABORT, 'the last event is never deleted');
END;

CREATE TABLE sweep (
    -- Work under way that is too much for one changeset. The row is gone once it is done.
    name       TEXT    NOT NULL, -- which sweeper
    subject    BLOB    NOT NULL, -- what it is about, such as a room
    bound      INTEGER NOT NULL, -- how far it reaches, such as a room's epoch
    started_at INTEGER NOT NULL,
    PRIMARY KEY (name, subject),
    CONSTRAINT sweep_name_is_short   CHECK (octet_length(name) BETWEEN 1 AND 100),
    CONSTRAINT sweep_subject_is_uuid CHECK (length(subject) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE timer (
    -- A command that runs once its time has come. Deleted in the transaction that runs it, so that
    -- it runs once.
    name    TEXT    NOT NULL, -- what kind, such as rooms.reconnect
    subject BLOB    NOT NULL, -- what it is about: one timer of a kind at a time
    due_at  INTEGER NOT NULL,
    command TEXT    NOT NULL, -- name and data
    PRIMARY KEY (name, subject),
    CONSTRAINT timer_name_is_short   CHECK (octet_length(name) BETWEEN 1 AND 100),
    CONSTRAINT timer_subject_is_uuid CHECK (length(subject) = 16),
    CONSTRAINT timer_command_is_json CHECK (json_valid(command))
) STRICT, WITHOUT ROWID;

-- What is due, the earliest first.
CREATE INDEX timer_due ON timer (due_at, name, subject);

CREATE TABLE idempotency (
    -- A command that has been carried out under a caller's key, and what the caller was told.
    scope      BLOB    NOT NULL, -- whose key it is: a user's id, or 16 zero bytes for the system
    key        TEXT    NOT NULL, -- the caller's name for the intention
    request    BLOB    NOT NULL, -- SHA-256 of the command: another one under this key is refused
    outcome    TEXT    NOT NULL, -- told again to whoever retries
    expires_at INTEGER NOT NULL, -- when it may be forgotten
    PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_scope_is_uuid     CHECK (length(scope) = 16),
    CONSTRAINT idempotency_key_is_short      CHECK (octet_length(key) BETWEEN 1 AND 128),
    CONSTRAINT idempotency_request_is_sha256 CHECK (length(request) = 32),
    CONSTRAINT idempotency_outcome_is_json   CHECK (json_valid(outcome))
) STRICT, WITHOUT ROWID;

-- What may be forgotten, the oldest first.
CREATE INDEX idempotency_expiry ON idempotency (expires_at, scope, key);

CREATE TABLE feed_cursor (
    -- How far a policy has read the feed.
    consumer TEXT    NOT NULL, -- the policy's name
    position INTEGER NOT NULL, -- the last event it has dealt with; that row may be gone
    PRIMARY KEY (consumer),
    CONSTRAINT feed_cursor_consumer_is_short CHECK (octet_length(consumer) BETWEEN 1 AND 100)
) STRICT, WITHOUT ROWID;
