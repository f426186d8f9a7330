-- Rooms: who may meet where, and who is there.
--
-- participant and seat have no foreign keys: they are written at every join, and the check would
-- lock and dirty the room's row, which everybody shares. The decision holds the parents under lock
-- itself, and rooms and people are never deleted.

CREATE TABLE room (
    -- A place to meet.
    id               UUID             NOT NULL,
    name             TEXT COLLATE "C" NOT NULL, -- 1 to 100 graphemes on one line
    description      TEXT COLLATE "C" NOT NULL, -- at most 2,000 graphemes
    stage_mode       TEXT COLLATE "C" NOT NULL, -- who may be heard
    status           TEXT COLLATE "C" NOT NULL,
    owner_id         UUID             NOT NULL, -- who made it: its host
    max_participants INTEGER          NOT NULL,
    locked_at        TIMESTAMPTZ,               -- since when nobody new is let in
    epoch            BIGINT           NOT NULL, -- counts its closings: an older stay is over
    created_at       TIMESTAMPTZ      NOT NULL,
    updated_at       TIMESTAMPTZ      NOT NULL,
    opened_at        TIMESTAMPTZ,               -- when somebody was first connected
    closed_at        TIMESTAMPTZ,
    close_reason     TEXT COLLATE "C",
    PRIMARY KEY (id),
    -- A room has an owner (I-R4).
    FOREIGN KEY (owner_id) REFERENCES app_user (id),
    CONSTRAINT room_has_a_name               CHECK (octet_length(name) BETWEEN 1 AND 3200),
    CONSTRAINT room_description_is_short     CHECK (octet_length(description) <= 64000),
    CONSTRAINT room_stage_mode_is_a_word     CHECK (stage_mode IN ('open_floor', 'moderated')),
    CONSTRAINT room_status_is_a_word         CHECK (status IN ('idle', 'live', 'closed')),
    CONSTRAINT room_capacity_is_bounded      CHECK (max_participants BETWEEN 2 AND 100000),
    CONSTRAINT room_epoch_counts             CHECK (epoch >= 1),
    -- It is live from the moment somebody is connected (SM-4).
    CONSTRAINT room_live_since_somebody_came CHECK (status <> 'live' OR opened_at IS NOT NULL),
    CONSTRAINT room_idle_while_nobody_came   CHECK (status <> 'idle' OR opened_at IS NULL),
    CONSTRAINT room_closed_at_a_time         CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CONSTRAINT room_closed_for_a_reason      CHECK ((closed_at IS NULL) = (close_reason IS NULL)),
    CONSTRAINT room_close_reason_is_a_word   CHECK (
        close_reason IN ('by_host', 'empty', 'never_joined')
    )
);

CREATE TABLE room_ban (
    -- Somebody who may not enter a room. No row, no ban.
    room_id      UUID             NOT NULL,
    user_id      UUID             NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL, -- their name when they were banned
    reason       TEXT COLLATE "C" NOT NULL, -- at most 500 graphemes
    banned_by    UUID,                      -- who said so; nobody when it was the host application
    at           TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (room_id, user_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    FOREIGN KEY (banned_by) REFERENCES app_user (id),
    CONSTRAINT room_ban_has_a_name      CHECK (octet_length(display_name) BETWEEN 1 AND 1600),
    CONSTRAINT room_ban_reason_is_short CHECK (octet_length(reason) <= 16000)
);

-- Who is banned from a room, by time.
CREATE INDEX room_ban_by_time ON room_ban (room_id, at, user_id);

CREATE TABLE participant (
    -- One identity's stay in a room. Over once left_at is set, or the room's epoch has gone on.
    id           UUID             NOT NULL,
    room_id      UUID             NOT NULL,
    epoch        BIGINT           NOT NULL, -- the room's when they came
    user_id      UUID             NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL, -- their name when they came
    role         TEXT COLLATE "C" NOT NULL,
    stage        TEXT COLLATE "C" NOT NULL, -- whether they are on the stage (SM-7)
    hand_seq     BIGINT,                    -- their place in the queue for the floor
    mic          TEXT COLLATE "C" NOT NULL, -- their microphone (SM-8)
    connection   TEXT COLLATE "C" NOT NULL, -- their transport (SM-6)
    leg_id       UUID,                      -- the leg that is, or was last, connected
    lease_epoch  BIGINT           NOT NULL, -- of the lease of that leg; 0 where there is none
    joined_at    TIMESTAMPTZ      NOT NULL,
    connected_at TIMESTAMPTZ,               -- when their first leg came up
    lost_at      TIMESTAMPTZ,               -- when their leg was lost, while it is
    lapses_at    TIMESTAMPTZ      NOT NULL, -- when the stay ends unless a leg comes up, or never
    left_at      TIMESTAMPTZ,
    leave_reason TEXT COLLATE "C",
    removed_by   UUID,                      -- who sent them out
    PRIMARY KEY (id),
    CONSTRAINT participant_epoch_counts              CHECK (epoch >= 1),
    CONSTRAINT participant_has_a_name                CHECK (
        octet_length(display_name) BETWEEN 1 AND 1600
    ),
    CONSTRAINT participant_role_is_a_word            CHECK (
        role IN ('guest', 'member', 'moderator', 'cohost', 'host')
    ),
    CONSTRAINT participant_stage_is_a_word           CHECK (
        stage IN ('speaker', 'audience', 'requested', 'invited')
    ),
    CONSTRAINT participant_mic_is_a_word             CHECK (
        mic IN ('live', 'off', 'muted_self', 'muted_server', 'locked')
    ),
    CONSTRAINT participant_connection_is_a_word      CHECK (
        connection IN ('joining', 'connected', 'reconnecting', 'left')
    ),
    CONSTRAINT participant_reason_is_a_word          CHECK (
        leave_reason IN (
            'left', 'kicked', 'banned', 'room_closed', 'join_failed', 'connection_timeout'
        )
    ),
    -- Nobody on the stage is in the queue for the floor (I-R6).
    CONSTRAINT participant_in_queue_with_hand_up     CHECK (
        hand_seq IS NULL OR stage = 'requested'
    ),
    -- Whoever is connected, or about to be again, has a leg.
    CONSTRAINT participant_connected_by_a_leg        CHECK (
        connection NOT IN ('connected', 'reconnecting')
        OR (leg_id IS NOT NULL AND connected_at IS NOT NULL)
    ),
    CONSTRAINT participant_lost_while_reconnecting   CHECK (
        (connection = 'reconnecting') = (lost_at IS NOT NULL)
    ),
    CONSTRAINT participant_lapses_while_not_connected CHECK (
        lapses_at = 'infinity' OR connection IN ('joining', 'reconnecting')
    ),
    CONSTRAINT participant_left_at_a_time            CHECK (
        (connection = 'left') = (left_at IS NOT NULL)
    ),
    CONSTRAINT participant_left_for_a_reason         CHECK (
        (left_at IS NULL) = (leave_reason IS NULL)
    ),
    CONSTRAINT participant_removed_only_if_left      CHECK (
        removed_by IS NULL OR left_at IS NOT NULL
    )
);

-- Whose stay ends for want of a transport, the first to end first; then those whose is up.
CREATE INDEX participant_lapsing ON participant (lapses_at, id) WHERE left_at IS NULL;

-- Who asks for the floor of a room, the first hand first. No join touches it.
CREATE INDEX participant_hand ON participant (room_id, hand_seq, id) WHERE hand_seq IS NOT NULL;

CREATE TABLE seat (
    -- The claim of an identity on its one open stay in a room (I-R5). Void if of an older epoch.
    room_id        UUID             NOT NULL,
    user_id        UUID             NOT NULL,
    participant_id UUID,                      -- empty: a locked microphone awaits them
    epoch          BIGINT           NOT NULL,
    role           TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, user_id),
    CONSTRAINT seat_epoch_counts   CHECK (epoch >= 1),
    CONSTRAINT seat_role_is_a_word CHECK (
        role IN ('guest', 'member', 'moderator', 'cohost', 'host')
    )
);

CREATE TABLE hand_queue (
    -- The queue for the floor of a room. A row of its own, so that a hand does not lock the room.
    room_id  UUID   NOT NULL,
    next_seq BIGINT NOT NULL, -- the number the next hand gets
    speakers BIGINT NOT NULL, -- how many are on the stage
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT hand_queue_numbers_count  CHECK (next_seq >= 1),
    CONSTRAINT hand_queue_speakers_count CHECK (speakers >= 0)
) WITH (fillfactor = 50); -- changed often: room for the next version on the same page

CREATE TABLE occupancy (
    -- How many are in a room. A row of its own, so that a join does not lock the room.
    room_id  UUID   NOT NULL,
    reserved BIGINT NOT NULL, -- seats taken, by those still connecting too (I-R3)
    active   BIGINT NOT NULL, -- those who are connected or about to be again (I-R1)
    peak     BIGINT NOT NULL, -- the most there ever were
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    -- Whoever is there has a seat, and the peak is the most there were (I-R1).
    CONSTRAINT occupancy_active_have_seats CHECK (active BETWEEN 0 AND reserved),
    CONSTRAINT occupancy_peak_is_the_most  CHECK (peak >= active)
) WITH (fillfactor = 50); -- changed at every join

CREATE TABLE node (
    -- A process that takes part: it answers for any room, and has the media of some.
    name       TEXT COLLATE "C" NOT NULL,
    url        TEXT COLLATE "C" NOT NULL, -- where its clients reach it
    run        BIGINT           NOT NULL, -- counts its starts; an older process is refused
    expires_at TIMESTAMPTZ      NOT NULL, -- until when it counts as alive
    PRIMARY KEY (name),
    CONSTRAINT node_name_is_short CHECK (octet_length(name) BETWEEN 1 AND 1600),
    CONSTRAINT node_url_is_short  CHECK (octet_length(url) <= 8000),
    CONSTRAINT node_run_counts    CHECK (run >= 1)
) WITH (fillfactor = 50); -- changed by every heartbeat

CREATE TABLE room_lease (
    -- Which node has a room's media (O5). The epoch counts the changes of hands: what is said under
    -- an older one is refused.
    room_id    UUID             NOT NULL,
    node       TEXT COLLATE "C",          -- nobody's while the room has no media
    run        BIGINT           NOT NULL, -- which start of the node took it
    url        TEXT COLLATE "C" NOT NULL, -- where the node's clients reach it
    epoch      BIGINT           NOT NULL,
    expires_at TIMESTAMPTZ      NOT NULL, -- never while it is nobody's
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT room_lease_epoch_counts          CHECK (epoch >= 1),
    CONSTRAINT room_lease_runs_out_if_it_is_had CHECK (
        node IS NOT NULL OR expires_at = 'infinity'
    )
);

-- What runs out, the first to do so first.
CREATE INDEX room_lease_expiring ON room_lease (expires_at, room_id);
-- What a node has.
CREATE INDEX room_lease_of_node ON room_lease (node, room_id);

CREATE TABLE room_listing (
    -- A room's card in the lobby: a copy, at most a second old.
    room_id          UUID             NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    description      TEXT COLLATE "C" NOT NULL,
    owner_name       TEXT COLLATE "C" NOT NULL,
    stage_mode       TEXT COLLATE "C" NOT NULL,
    status           TEXT COLLATE "C" NOT NULL,
    locked           BOOLEAN          NOT NULL,
    active           BIGINT           NOT NULL,
    max_participants BIGINT           NOT NULL,
    search           TEXT COLLATE "C" NOT NULL, -- the words of name and description
    refreshed_at     TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (room_id),
    FOREIGN KEY (room_id) REFERENCES room (id),
    CONSTRAINT room_listing_stage_mode_is_a_word CHECK (stage_mode IN ('open_floor', 'moderated')),
    -- A room that is over has no card.
    CONSTRAINT room_listing_is_of_an_open_room   CHECK (status IN ('idle', 'live')),
    CONSTRAINT room_listing_active_counts        CHECK (active >= 0)
);

-- The fullest room first.
CREATE INDEX room_listing_busiest ON room_listing (active, room_id);

-- The words of a text that the core has normalised: letters and digits in lower case with single
-- spaces between. Split at the spaces and nowhere else, so that every store finds the same rows; a
-- text search configuration has its own opinion of what a word is. A lexeme holds 2,046 bytes, and
-- text without spaces, such as Japanese, may be one longer word: 500 characters of each are kept,
-- and a search for more looks at the text itself.
CREATE FUNCTION search_words(search TEXT) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_to_tsvector(coalesce(array_agg(left(word, 500)), '{}'))
    FROM unnest(string_to_array(search, ' ')) AS word
    WHERE word <> ''
$$;

-- Full-text search of cards.
CREATE INDEX room_listing_text ON room_listing USING gin (search_words(search));
