-- Calls: how the transports of participants came up, held and ended. All of it is told by the media
-- engine; nothing is decided by it.

CREATE TABLE call_leg (
    -- One transport of one participant, from the request on (SM-11).
    id               BLOB    NOT NULL,
    room_id          BLOB    NOT NULL,
    epoch            INTEGER NOT NULL, -- the session of the room
    participant_id   BLOB    NOT NULL,
    user_id          BLOB    NOT NULL,
    node             TEXT    NOT NULL, -- whose engine has it
    lease_epoch      INTEGER NOT NULL, -- of the lease under which that node has it
    state            TEXT    NOT NULL,
    requested_at     INTEGER NOT NULL,
    signaled_at      INTEGER,          -- when the engine had answered
    ice_connected_at INTEGER,          -- when ICE had a path
    connected_at     INTEGER,          -- when it was first up
    first_media_at   INTEGER,          -- when the first packet of sound went either way
    ended_at         INTEGER,
    end_reason       TEXT,
    outcome          TEXT,             -- what became of the attempt to connect
    reconnects       INTEGER NOT NULL, -- how often it was lost after it had been up
    quality          TEXT,             -- in the latest sample
    bytes_in         INTEGER NOT NULL, -- from the client, as far as samples told
    bytes_out        INTEGER NOT NULL, -- to the client
    talk_ms          INTEGER NOT NULL, -- how long its microphone carried speech
    trim_at          INTEGER,          -- when its samples are deleted; none while it lasts
    -- No foreign keys: every connection would look their rows up once more, and none are deleted.
    PRIMARY KEY (id),
    CONSTRAINT call_leg_id_is_uuid           CHECK (length(id) = 16),
    CONSTRAINT call_leg_epoch_counts         CHECK (epoch >= 1),
    CONSTRAINT call_leg_node_is_short        CHECK (octet_length(node) BETWEEN 1 AND 1600),
    CONSTRAINT call_leg_state_is_a_word      CHECK (
        state = 'connected' OR state = 'requested' OR state = 'signaling' OR state = 'ice'
        OR state = 'reconnecting' OR state = 'closed' OR state = 'failed'
    ),
    CONSTRAINT call_leg_reason_is_a_word     CHECK (
        end_reason IN (
            'disconnected', 'closed_by_peer', 'replaced', 'signaling_error', 'server_error',
            'setup_timeout', 'connection_timeout', 'media_failure', 'server_shutdown', 'node_lost'
        )
    ),
    CONSTRAINT call_leg_outcome_is_a_word    CHECK (outcome IN ('success', 'failed', 'aborted')),
    CONSTRAINT call_leg_quality_is_a_word    CHECK (
        quality = 'excellent' OR quality = 'good' OR quality = 'poor' OR quality = 'lost'
    ),
    -- Only what has been up is up, or lost; what failed never was (SM-11).
    CONSTRAINT call_leg_up_since_a_time      CHECK (
        connected_at IS NOT NULL OR state NOT IN ('connected', 'reconnecting')
    ),
    CONSTRAINT call_leg_failed_before_it_was_up CHECK (state <> 'failed' OR connected_at IS NULL),
    -- An attempt is a success once the leg is up, and open until it is or has ended (RPT-3).
    CONSTRAINT call_leg_success_is_to_be_up  CHECK (
        (outcome IS 'success') = (connected_at IS NOT NULL)
    ),
    CONSTRAINT call_leg_outcome_once_ended   CHECK (ended_at IS NULL OR outcome IS NOT NULL),
    CONSTRAINT call_leg_ended_at_a_time      CHECK (
        (state = 'closed' OR state = 'failed') = (ended_at IS NOT NULL)
    ),
    CONSTRAINT call_leg_ended_for_a_reason   CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT call_leg_trimmed_once_ended   CHECK (trim_at IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT call_leg_sums_count           CHECK (
        reconnects >= 0 AND bytes_in >= 0 AND bytes_out >= 0 AND talk_ms >= 0
    )
) STRICT, WITHOUT ROWID;

-- The legs of a participant.
CREATE INDEX call_leg_of_participant ON call_leg (participant_id, id);
-- The legs of a session of a room.
CREATE INDEX call_leg_of_room ON call_leg (room_id, epoch, id);
-- The legs of a room that have not ended: what goes when its node is lost.
CREATE INDEX call_leg_open ON call_leg (room_id, id) WHERE ended_at IS NULL;
-- Whose samples are deleted next.
CREATE INDEX call_leg_trim ON call_leg (trim_at, id) WHERE trim_at IS NOT NULL;

CREATE TABLE leg_reconnect (
    -- A time for which a leg was lost.
    leg_id     BLOB    NOT NULL,
    n          INTEGER NOT NULL, -- the how manieth of the leg
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,          -- when it was back, or had ended
    recovered  INTEGER NOT NULL, -- whether it came back
    PRIMARY KEY (leg_id, n),
    FOREIGN KEY (leg_id) REFERENCES call_leg (id),
    CONSTRAINT leg_reconnect_numbers_count        CHECK (n >= 1),
    CONSTRAINT leg_reconnect_recovered_is_a_truth CHECK (recovered IN (0, 1)),
    CONSTRAINT leg_reconnect_recovered_at_a_time  CHECK (NOT recovered OR ended_at IS NOT NULL),
    CONSTRAINT leg_reconnect_ends_after_it_began  CHECK (ended_at >= started_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE quality_sample (
    -- How a leg did over a while. The key is the index by which a leg's samples are read in order.
    leg_id       BLOB    NOT NULL,
    at           INTEGER NOT NULL, -- when the while was over
    window_ms    INTEGER NOT NULL, -- how long it was: the weight of the sample
    rtt_ms       INTEGER,          -- the round trip
    jitter_ms    INTEGER,          -- RFC 3550
    loss_in_ppm  INTEGER,          -- packets lost from the client, in parts per million
    loss_out_ppm INTEGER,          -- and to the client
    bitrate_in   INTEGER NOT NULL, -- bits a second from the client
    bitrate_out  INTEGER NOT NULL, -- and to the client
    quality      TEXT    NOT NULL, -- the level that follows
    mos_centi    INTEGER,          -- the estimated mean opinion score, in hundredths
    -- No foreign key: hundreds of samples come at once, and the decision holds their legs.
    PRIMARY KEY (leg_id, at),
    CONSTRAINT quality_sample_quality_is_a_word CHECK (
        quality = 'excellent' OR quality = 'good' OR quality = 'poor' OR quality = 'lost'
    ),
    CONSTRAINT quality_sample_measures_count    CHECK (
        window_ms >= 0 AND bitrate_in >= 0 AND bitrate_out >= 0
    ),
    CONSTRAINT quality_sample_loss_is_a_share   CHECK (
        (loss_in_ppm IS NULL OR loss_in_ppm BETWEEN 0 AND 1000000)
        AND (loss_out_ppm IS NULL OR loss_out_ppm BETWEEN 0 AND 1000000)
    ),
    CONSTRAINT quality_sample_mos_is_a_score    CHECK (mos_centi BETWEEN 100 AND 450)
) STRICT, WITHOUT ROWID;
