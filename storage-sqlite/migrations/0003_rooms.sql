-- Rooms: who may meet where, and who is there.

CREATE TABLE room (
    -- A place to meet.
    id               BLOB    NOT NULL,
    name             TEXT    NOT NULL, -- 1 to 100 graphemes on one line
    description      TEXT    NOT NULL, -- at most 2,000 graphemes
    stage_mode       TEXT    NOT NULL, -- who may be heard
    status           TEXT    NOT NULL,
    owner_id         BLOB    NOT NULL, -- who made it: its host
    max_participants INTEGER NOT NULL,
    locked_at        INTEGER,          -- since when nobody new is let in
    epoch            INTEGER NOT NULL, -- counts its closings: a stay of an older epoch is over
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    opened_at        INTEGER,          -- when somebody was first connected
    closed_at        INTEGER,
    close_reason     TEXT,
    PRIMARY KEY (id),
    -- A room has an owner (I-R4).
    FOREIGN KEY (owner_id) REFERENCES app_user (id),
    CONSTRAINT room_id_is_uuid                CHECK (length(id) = 16),
    CONSTRAINT room_has_a_name                CHECK (octet_length(name) BETWEEN 1 AND 3200),
    CONSTRAINT room_description_is_short      CHECK (octet_length(description) <= 64000),
    CONSTRAINT room_stage_mode_is_a_word      CHECK (stage_mode IN ('open_floor', 'moderated')),
    CONSTRAINT room_status_is_a_word          CHECK (
        status = 'idle' OR status = 'live' OR status = 'closed'
    ),
    CONSTRAINT room_capacity_is_bounded       CHECK (max_participants BETWEEN 2 AND 100000),
    CONSTRAINT room_epoch_counts              CHECK (epoch >= 1),
    -- It is live from the moment somebody is connected (SM-4).
    CONSTRAINT room_live_since_somebody_came  CHECK (status <> 'live' OR opened_at IS NOT NULL),
    CONSTRAINT room_idle_while_nobody_came    CHECK (status <> 'idle' OR opened_at IS NULL),
    CONSTRAINT room_closed_at_a_time          CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CONSTRAINT room_closed_for_a_reason       CHECK ((closed_at IS NULL) = (close_reason IS NULL)),
    CONSTRAINT room_close_reason_is_a_word    CHECK (
        close_reason = 'by_host' OR close_reason = 'empty' OR close_reason = 'never_joined'
    )
) STRICT;

CREATE TABLE room_ban (
    -- Somebody who may not enter a room. No row, no ban.
    room_id      BLOB    NOT NULL,
    user_id      BLOB    NOT NULL,
    display_name TEXT    NOT NULL, -- their name when they were banned
    reason       TEXT    NOT NULL, -- at most 500 graphemes
    banned_by    BLOB,             -- who said so; nobody when it was the host application
    at           INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    FOREIGN KEY (banned_by) REFERENCES app_user (id),
    CONSTRAINT room_ban_has_a_name      CHECK (octet_length(display_name) BETWEEN 1 AND 1600),
    CONSTRAINT room_ban_reason_is_short CHECK (octet_length(reason) <= 16000)
) STRICT, WITHOUT ROWID;

-- Who is banned from a room, by time.
CREATE INDEX room_ban_by_time ON room_ban (room_id, at, user_id);

CREATE TABLE participant (
    -- One identity's stay in a room. Over once left_at is set, or the room's epoch has gone on.
    id           BLOB    NOT NULL,
    room_id      BLOB    NOT NULL,
    epoch        INTEGER NOT NULL, -- the room's when they came
    user_id      BLOB    NOT NULL,
    display_name TEXT    NOT NULL, -- their name when they came
    role         TEXT    NOT NULL,
    stage        TEXT    NOT NULL, -- whether they are on the stage (SM-7)
    hand_seq     INTEGER,          -- their place in the queue for the floor: smaller is earlier
    mic          TEXT    NOT NULL, -- their microphone (SM-8)
    connection   TEXT    NOT NULL, -- their transport (SM-6)
    leg_id       BLOB,             -- the leg that is, or was last, connected
    lease_epoch  INTEGER NOT NULL, -- of the lease under which that leg is; 0 where there is none
    joined_at    INTEGER NOT NULL,
    connected_at INTEGER,          -- when their first leg came up
    lost_at      INTEGER,          -- when their leg was lost, while it is
    lapses_at    INTEGER NOT NULL, -- when the stay ends unless a leg comes up; the largest number while
                                   -- one is
    left_at      INTEGER,
    leave_reason TEXT,
    removed_by   BLOB,             -- who sent them out
    -- No foreign keys: every join would look their rows up once more. The decision holds them.
    PRIMARY KEY (id),
    CONSTRAINT participant_id_is_uuid            CHECK (length(id) = 16),
    CONSTRAINT participant_epoch_counts          CHECK (epoch >= 1),
    CONSTRAINT participant_has_a_name            CHECK (octet_length(display_name) BETWEEN 1 AND 1600),
    CONSTRAINT participant_role_is_a_word        CHECK (
        role = 'guest' OR role = 'member' OR role = 'moderator' OR role = 'cohost'
        OR role = 'host'
    ),
    CONSTRAINT participant_stage_is_a_word       CHECK (
        stage = 'speaker' OR stage = 'audience' OR stage = 'requested' OR stage = 'invited'
    ),
    CONSTRAINT participant_mic_is_a_word         CHECK (
        mic = 'live' OR mic = 'off' OR mic = 'muted_self' OR mic = 'muted_server'
        OR mic = 'locked'
    ),
    CONSTRAINT participant_connection_is_a_word  CHECK (
        connection = 'joining' OR connection = 'connected' OR connection = 'reconnecting'
        OR connection = 'left'
    ),
    CONSTRAINT participant_reason_is_a_word      CHECK (
        leave_reason = 'left' OR leave_reason = 'kicked' OR leave_reason = 'banned'
        OR leave_reason = 'room_closed' OR leave_reason = 'join_failed'
        OR leave_reason = 'connection_timeout'
    ),
    -- Nobody on the stage is in the queue for the floor (I-R6).
    CONSTRAINT participant_in_queue_with_hand_up CHECK (hand_seq IS NULL OR stage = 'requested'),
    -- Whoever is connected, or about to be again, has a leg.
    CONSTRAINT participant_connected_by_a_leg    CHECK (
        connection NOT IN ('connected', 'reconnecting')
        OR (leg_id IS NOT NULL AND connected_at IS NOT NULL)
    ),
    CONSTRAINT participant_lost_while_reconnecting CHECK (
        (connection = 'reconnecting') = (lost_at IS NOT NULL)
    ),
    CONSTRAINT participant_lapses_while_not_connected CHECK (
        lapses_at = 9223372036854775807 OR connection = 'joining' OR connection = 'reconnecting'
    ),
    CONSTRAINT participant_left_at_a_time        CHECK ((connection = 'left') = (left_at IS NOT NULL)),
    CONSTRAINT participant_left_for_a_reason     CHECK ((left_at IS NULL) = (leave_reason IS NULL)),
    CONSTRAINT participant_removed_only_if_left  CHECK (removed_by IS NULL OR left_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Whose stay ends for want of a transport, the first to end first; then those whose is up.
CREATE INDEX participant_lapsing ON participant (lapses_at, id) WHERE left_at IS NULL;

-- Who asks for the floor of a room, the first hand first. No join touches it.
CREATE INDEX participant_hand ON participant (room_id, hand_seq, id) WHERE hand_seq IS NOT NULL;

CREATE TABLE seat (
    -- The claim of an identity on its one open stay in a room (I-R5). Void if of an older epoch.
    room_id        BLOB    NOT NULL,
    user_id        BLOB    NOT NULL,
    participant_id BLOB,             -- empty: a locked microphone awaits them
    epoch          INTEGER NOT NULL,
    role           TEXT    NOT NULL,
    PRIMARY KEY (room_id, user_id),
    -- No foreign keys, as for the stay.
    CONSTRAINT seat_epoch_counts   CHECK (epoch >= 1),
    CONSTRAINT seat_role_is_a_word CHECK (
        role = 'guest' OR role = 'member' OR role = 'moderator' OR role = 'cohost'
        OR role = 'host'
    )
) STRICT, WITHOUT ROWID;

CREATE TABLE hand_queue (
    -- The queue for the floor of a room. A row of its own, so that a hand does not lock the room.
    room_id  BLOB    NOT NULL,
    next_seq INTEGER NOT NULL, -- the number the next hand gets
    speakers INTEGER NOT NULL, -- how many are on the stage
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT hand_queue_numbers_count  CHECK (next_seq >= 1),
    CONSTRAINT hand_queue_speakers_count CHECK (speakers >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE occupancy (
    -- How many are in a room. A row of its own, so that a join does not lock the room.
    room_id  BLOB    NOT NULL,
    reserved INTEGER NOT NULL, -- seats taken, by those still connecting too (I-R3)
    active   INTEGER NOT NULL, -- those who are connected or about to be again (I-R1)
    peak     INTEGER NOT NULL, -- the most there ever were
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    -- Whoever is there has a seat, and the peak is the most there were (I-R1).
    CONSTRAINT occupancy_active_have_seats CHECK (active BETWEEN 0 AND reserved),
    CONSTRAINT occupancy_peak_is_the_most  CHECK (peak >= active)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    -- A process that takes part: it answers for any room, and has the media of some.
    name       TEXT    NOT NULL,
    url        TEXT    NOT NULL, -- where its clients reach it
    run        INTEGER NOT NULL, -- counts its starts; what an older process says is refused
    expires_at INTEGER NOT NULL, -- until when it counts as alive
    PRIMARY KEY (name),
    CONSTRAINT node_name_is_short CHECK (octet_length(name) BETWEEN 1 AND 1600),
    CONSTRAINT node_url_is_short  CHECK (octet_length(url) <= 8000),
    CONSTRAINT node_run_counts    CHECK (run >= 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_lease (
    -- Which node has a room's media (O5). The epoch counts the changes of hands: what is said under
    -- an older one is refused.
    room_id    BLOB    NOT NULL,
    node       TEXT,             -- nobody's while the room has no media
    run        INTEGER NOT NULL, -- which start of the node took it
    url        TEXT    NOT NULL, -- where the node's clients reach it
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, -- the largest number while it is nobody's
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT room_lease_epoch_counts       CHECK (epoch >= 1),
    CONSTRAINT room_lease_runs_out_if_it_is_had CHECK (
        node IS NOT NULL OR expires_at = 9223372036854775807
    )
) STRICT, WITHOUT ROWID;

-- What runs out, the first to do so first.
CREATE INDEX room_lease_expiring ON room_lease (expires_at, room_id);
-- What a node has.
CREATE INDEX room_lease_of_node ON room_lease (node, room_id);

CREATE TABLE room_listing (
    -- A room's card in the lobby: a copy, at most a second old.
    room_id          BLOB    NOT NULL,
    name             TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    owner_name       TEXT    NOT NULL,
    stage_mode       TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    locked           INTEGER NOT NULL,
    active           INTEGER NOT NULL,
    max_participants INTEGER NOT NULL,
    search           TEXT    NOT NULL, -- the words of name and description, as core makes them
    refreshed_at     INTEGER NOT NULL,
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT room_listing_stage_mode_is_a_word CHECK (stage_mode IN ('open_floor', 'moderated')),
    -- A room that is over has no card.
    CONSTRAINT room_listing_is_of_an_open_room   CHECK (status IN ('idle', 'live')),
    CONSTRAINT room_listing_locked_is_a_truth    CHECK (locked IN (0, 1)),
    CONSTRAINT room_listing_active_counts        CHECK (active >= 0)
) STRICT;

-- The fullest room first.
CREATE INDEX room_listing_busiest ON room_listing (active, room_id);

-- Full-text search of cards. The words are normalised already: letters and digits in lower case
-- with single spaces between. The tokenizer `ascii` splits such text at the spaces and nowhere
-- else, whatever script it is in, so that every store finds the same rows; `unicode61` has its own
-- opinion of what a letter is.
--
-- The index keeps no text. Its row numbers are those of room_listing_doc, and not those of
-- room_listing, because VACUUM gives rows without an INTEGER PRIMARY KEY new numbers.
CREATE VIRTUAL TABLE room_listing_text USING fts5(
    search, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2 3'
);

CREATE TABLE room_listing_doc (
    -- Which row of room_listing_text is about which card. Kept by the triggers below.
    doc     INTEGER NOT NULL PRIMARY KEY,
    room_id BLOB    NOT NULL UNIQUE,
    FOREIGN KEY (room_id) REFERENCES room_listing (room_id) ON DELETE CASCADE
) STRICT;

CREATE TRIGGER room_listing_text_insert AFTER INSERT ON room_listing
BEGIN
    INSERT INTO room_listing_doc (room_id) VALUES (new.room_id);
    INSERT INTO room_listing_text (rowid, search)
    SELECT doc, new.search FROM room_listing_doc WHERE room_id = new.room_id;
END;

CREATE TRIGGER room_listing_text_update AFTER UPDATE OF search ON room_listing
WHEN old.search <> new.search
BEGIN
    UPDATE room_listing_text SET search = new.search
    WHERE rowid = (SELECT doc FROM room_listing_doc WHERE room_id = new.room_id);
END;

CREATE TRIGGER room_listing_text_delete BEFORE DELETE ON room_listing
BEGIN
    DELETE FROM room_listing_text
    WHERE rowid = (SELECT doc FROM room_listing_doc WHERE room_id = old.room_id);
END;
