-- The engine: the feed, receipts, timers, sweeps, outcomes kept for retries.
--
-- Conventions of all migrations. Times are UTC with microseconds, "never" is infinity. All text is COLLATE "C": it is
-- compared byte by byte, so that keys sort, and locks are taken, in the same order everywhere.
-- Lengths of text are in bytes. No CHECK compares two times: the host's clock may be set back.

CREATE TABLE outbox (
    -- The feed: everything that has happened, in the order in which it was committed. An event is
    -- written in the transaction that made it true. Old events may be deleted; none is changed.
    position   BIGINT           NOT NULL, -- (feed_origin.shift + transaction) << 20 | n
    id         UUID             NOT NULL, -- consumers deduplicate by it
    at         TIMESTAMPTZ      NOT NULL, -- when it was decided
    name       TEXT COLLATE "C" NOT NULL, -- such as rooms.joined
    user_id    UUID,                      -- who made it happen, if it was a person
    session_id UUID,                      -- by which of their sign-ins
    cause      UUID,                      -- the event a policy reacted to, if it was one
    event      JSONB            NOT NULL, -- name and data
    PRIMARY KEY (position),
    CONSTRAINT outbox_position_counts  CHECK (position > 0),
    CONSTRAINT outbox_name_is_short    CHECK (octet_length(name) BETWEEN 1 AND 100),
    CONSTRAINT outbox_actor_is_whole   CHECK ((user_id IS NULL) = (session_id IS NULL))
);

-- What has happened cannot be made to have happened otherwise.
CREATE FUNCTION outbox_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER outbox_is_never_updated BEFORE UPDATE ON outbox
FOR EACH ROW EXECUTE FUNCTION outbox_is_append_only();

CREATE TRIGGER outbox_is_never_truncated BEFORE TRUNCATE ON outbox
FOR EACH STATEMENT EXECUTE FUNCTION outbox_is_append_only();

-- The last event stays, so that a store opened on a restored copy knows how far the feed had come.
CREATE FUNCTION outbox_keeps_its_last() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.position = (SELECT max(position) FROM outbox) THEN
        RAISE EXCEPTION 'the last event is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER outbox_keeps_its_last BEFORE DELETE ON outbox
FOR EACH ROW EXECUTE FUNCTION outbox_keeps_its_last();

CREATE TABLE feed_origin (
    -- What is added to transaction numbers in positions. Raised when a store is opened on a copy
    -- in another cluster, whose numbers start again where ours have long been. One row.
    singleton BOOLEAN NOT NULL DEFAULT true,
    shift     BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (singleton),
    CONSTRAINT feed_origin_is_one_row    CHECK (singleton),
    CONSTRAINT feed_origin_never_shrinks CHECK (shift >= 0)
);

INSERT INTO feed_origin DEFAULT VALUES;

CREATE TABLE receipt (
    -- One row a transaction of a store, written with it, which tells whether it was committed when
    -- the connection was lost just then. Whoever looks writes `false` under the same id, so that
    -- only one of the two can ever be there. Rows older than an hour are deleted.
    id        UUID        NOT NULL,
    committed BOOLEAN     NOT NULL,
    at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
);

-- What may be forgotten, the oldest first.
CREATE INDEX receipt_by_time ON receipt (at);

CREATE TABLE sweep (
    -- Work under way that is too much for one changeset. The row is gone once it is done.
    name       TEXT COLLATE "C" NOT NULL, -- which sweeper
    subject    UUID             NOT NULL, -- what it is about, such as a room
    bound      BIGINT           NOT NULL, -- how far it reaches, such as a room's epoch
    started_at TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (name, subject),
    CONSTRAINT sweep_name_is_short CHECK (octet_length(name) BETWEEN 1 AND 100)
);

CREATE TABLE timer (
    -- A command that runs once its time has come. Deleted in the transaction that runs it, so that
    -- it runs once.
    name    TEXT COLLATE "C" NOT NULL, -- what kind, such as rooms.reconnect
    subject UUID             NOT NULL, -- what it is about: one timer of a kind at a time
    due_at  TIMESTAMPTZ      NOT NULL,
    command JSONB            NOT NULL, -- name and data
    PRIMARY KEY (name, subject),
    CONSTRAINT timer_name_is_short CHECK (octet_length(name) BETWEEN 1 AND 100)
);

-- What is due, the earliest first.
CREATE INDEX timer_due ON timer (due_at, name, subject);

CREATE TABLE idempotency (
    -- A command that has been carried out under a caller's key, and what the caller was told.
    scope      UUID             NOT NULL, -- whose key it is: a user's id, or nil for the system
    key        TEXT COLLATE "C" NOT NULL, -- the caller's name for the intention
    request    BYTEA            NOT NULL, -- SHA-256 of the command: another one is refused
    outcome    JSONB            NOT NULL, -- told again to whoever retries
    expires_at TIMESTAMPTZ      NOT NULL, -- when it may be forgotten
    PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_key_is_short      CHECK (octet_length(key) BETWEEN 1 AND 128),
    CONSTRAINT idempotency_request_is_sha256 CHECK (octet_length(request) = 32)
);

-- What may be forgotten, the oldest first.
CREATE INDEX idempotency_expiry ON idempotency (expires_at, scope, key);

CREATE TABLE feed_cursor (
    -- How far a policy has read the feed.
    consumer TEXT COLLATE "C" NOT NULL, -- the policy's name
    position BIGINT           NOT NULL, -- the last event it has dealt with; that row may be gone
    PRIMARY KEY (consumer),
    CONSTRAINT feed_cursor_consumer_is_short CHECK (octet_length(consumer) BETWEEN 1 AND 100)
) WITH (fillfactor = 50); -- changed often: room for the next version on the same page
