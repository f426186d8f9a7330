-- Identity: people and their sign-ins.

CREATE TABLE app_user (
    -- A person, or a program that acts like one.
    id           BLOB    NOT NULL,
    kind         TEXT    NOT NULL,
    display_name TEXT    NOT NULL, -- the name others see: 1 to 50 graphemes
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT app_user_id_is_uuid     CHECK (length(id) = 16),
    CONSTRAINT app_user_kind_is_a_word CHECK (
        kind = 'registered' OR kind = 'guest' OR kind = 'bot' OR kind = 'service'
    ),
    CONSTRAINT app_user_has_a_name     CHECK (octet_length(display_name) BETWEEN 1 AND 1600)
) STRICT, WITHOUT ROWID;

CREATE TABLE auth_session (
    -- A sign-in. Whoever shows the token is the user until it expires.
    id                BLOB    NOT NULL,
    user_id           BLOB    NOT NULL,
    access_token_hash BLOB    NOT NULL, -- SHA-256 of the token, which is stored nowhere
    expires_at        INTEGER NOT NULL, -- when the token stops being good
    created_at        INTEGER NOT NULL,
    PRIMARY KEY (id),
    -- A token stands for somebody who is there.
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    CONSTRAINT auth_session_id_is_uuid      CHECK (length(id) = 16),
    CONSTRAINT auth_session_token_is_hashed CHECK (length(access_token_hash) = 32)
) STRICT, WITHOUT ROWID;

-- All sign-ins of somebody.
CREATE INDEX auth_session_of_user ON auth_session (user_id, id);
-- A token stands for one sign-in.
CREATE UNIQUE INDEX auth_session_by_token ON auth_session (access_token_hash);
