-- Identity: people and their sign-ins.

CREATE TABLE app_user (
    -- A person, or a program that acts like one.
    id           UUID             NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL, -- the name others see: 1 to 50 graphemes
    created_at   TIMESTAMPTZ      NOT NULL,
    updated_at   TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT app_user_kind_is_a_word CHECK (kind IN ('registered', 'guest', 'bot', 'service')),
    CONSTRAINT app_user_has_a_name     CHECK (octet_length(display_name) BETWEEN 1 AND 1600)
);

CREATE TABLE auth_session (
    -- A sign-in. Whoever shows the token is the user until it expires.
    id                UUID        NOT NULL,
    user_id           UUID        NOT NULL,
    access_token_hash BYTEA       NOT NULL, -- SHA-256 of the token, which is stored nowhere
    expires_at        TIMESTAMPTZ NOT NULL, -- when the token stops being good
    created_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id),
    -- A token stands for somebody who is there.
    FOREIGN KEY (user_id) REFERENCES app_user (id),
    CONSTRAINT auth_session_token_is_hashed CHECK (octet_length(access_token_hash) = 32)
);

-- All sign-ins of somebody.
CREATE INDEX auth_session_of_user ON auth_session (user_id, id);
-- A token stands for one sign-in.
CREATE UNIQUE INDEX auth_session_by_token ON auth_session (access_token_hash);
