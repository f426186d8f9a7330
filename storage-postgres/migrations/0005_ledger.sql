-- The ledger: what everybody has, and how it came about.
--
-- The core decides; what stands here refuses what no decision may write, whoever writes it. An
-- amount is at most 2^53 - 1 = 9007199254740991.
--
-- Transfers, entries, holds and what was given back have no foreign keys: they are written most,
-- and the check would look up and lock the accounts once more. The decision holds them under lock
-- itself, and none is ever deleted.

CREATE TABLE ledger_asset (
    -- What is counted in, and where its log stands.
    code         TEXT COLLATE "C" NOT NULL, -- such as EUR or COIN
    scale        BIGINT           NOT NULL, -- digits after the point
    transferable BOOLEAN          NOT NULL, -- whether people may give it to each other
    sealed       BOOLEAN          NOT NULL, -- whether its log is a tree of hashes
    supply_cap   BIGINT,                    -- how much of it there may be
    changes      BIGINT           NOT NULL, -- how often it was changed, its opening included
    closed_until TIMESTAMPTZ,               -- nothing takes effect before this any more
    size         BIGINT           NOT NULL, -- entries of its log: the number of the next one
    at           TIMESTAMPTZ      NOT NULL, -- the time of the last one
    issued       BIGINT           NOT NULL, -- what came from issuance, less what went back
    burned       BIGINT           NOT NULL, -- what was used up, less what came back
    frontier     BYTEA            NOT NULL, -- the roots of the subtrees over its log, 32 bytes each
    PRIMARY KEY (code),
    CONSTRAINT ledger_asset_code_is_capitals   CHECK (code ~ '^[A-Z][A-Z0-9_]{0,15}$'),
    CONSTRAINT ledger_asset_scale_is_bounded   CHECK (scale BETWEEN 0 AND 9),
    CONSTRAINT ledger_asset_changes_count      CHECK (changes >= 1),
    CONSTRAINT ledger_asset_size_counts        CHECK (size >= 0),
    CONSTRAINT ledger_asset_cap_is_positive    CHECK (supply_cap >= 1),
    -- There is no more of it than there may be (I4); far less does not fit 64 bits.
    CONSTRAINT ledger_asset_within_its_cap     CHECK (
        supply_cap IS NULL OR issued::numeric - burned <= supply_cap
    ),
    -- A log of at most 2^63 entries has a subtree for each bit of its size (RFC 6962 §2.1).
    CONSTRAINT ledger_asset_frontier_is_hashes CHECK (
        octet_length(frontier) % 32 = 0 AND octet_length(frontier) <= 2016
    ),
    CONSTRAINT ledger_asset_frontier_if_sealed CHECK (sealed OR octet_length(frontier) = 0)
) WITH (
    fillfactor = 50, -- changed by every batch: room for the next version on the same page
    autovacuum_vacuum_scale_factor = 0.01
);

CREATE TABLE ledger_asset_change (
    -- How an asset is from an entry of its log on.
    asset        TEXT COLLATE "C" NOT NULL,
    n            BIGINT           NOT NULL, -- the how manieth of the asset; its opening is 1
    seq          BIGINT           NOT NULL, -- its number in the log
    at           TIMESTAMPTZ      NOT NULL,
    scale        BIGINT           NOT NULL,
    transferable BOOLEAN          NOT NULL,
    sealed       BOOLEAN          NOT NULL,
    supply_cap   BIGINT,
    closed_until TIMESTAMPTZ,
    user_id      UUID,                      -- who changed it, if it was a person
    PRIMARY KEY (asset, n),
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_asset_change_numbers_count    CHECK (n >= 1 AND seq >= 0),
    CONSTRAINT ledger_asset_change_scale_is_bounded CHECK (scale BETWEEN 0 AND 9),
    CONSTRAINT ledger_asset_change_cap_is_positive  CHECK (supply_cap >= 1)
);

-- A number in the log is given once.
CREATE UNIQUE INDEX ledger_asset_change_seq ON ledger_asset_change (asset, seq);

CREATE TABLE ledger_account (
    -- An account: what was debited and credited, and what may be.
    id              UUID             NOT NULL,
    asset           TEXT COLLATE "C" NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL, -- what it is for
    owner           UUID,                      -- whose it is; nobody's, if it is the platform's
    debits_posted   BIGINT           NOT NULL, -- all that went out
    credits_posted  BIGINT           NOT NULL, -- all that came in
    debits_pending  BIGINT           NOT NULL, -- what is reserved to go out
    credits_pending BIGINT           NOT NULL, -- what is reserved to come in
    has_floor       BOOLEAN          NOT NULL, -- whether it stays above what may be owed
    credit_limit    BIGINT           NOT NULL, -- how far below zero a floor is
    ceiling         BIGINT,                    -- the most it may have, with what is reserved
    frozen_in       BOOLEAN          NOT NULL, -- nothing may come in
    frozen_out      BOOLEAN          NOT NULL, -- nothing may go out
    closed          BOOLEAN          NOT NULL, -- it is over
    velocity        JSONB,                     -- what may go out in windows of time, and what did
    version         BIGINT           NOT NULL, -- how many entries it has
    changes         BIGINT           NOT NULL, -- how often it was changed, its opening included
    PRIMARY KEY (id),
    -- It is counted in something.
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_account_kind_is_a_word       CHECK (
        kind IN (
            'wallet', 'earnings', 'treasury', 'escrow', 'fees', 'issuance', 'burn', 'liquidity',
            'clearing', 'promo', 'dispute', 'tax', 'payout'
        )
    ),
    -- Nothing moves less than nothing (I1), and both sides can be counted.
    CONSTRAINT ledger_account_counters_count       CHECK (
        debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0
        AND credits_pending >= 0
    ),
    CONSTRAINT ledger_account_debits_can_be_added  CHECK (
        debits_pending <= 9223372036854775807 - debits_posted
    ),
    CONSTRAINT ledger_account_credits_can_be_added CHECK (
        credits_pending <= 9223372036854775807 - credits_posted
    ),
    -- No more goes out, or is reserved to, than is there and may be owed (I3).
    CONSTRAINT ledger_account_stays_above_floor    CHECK (
        NOT has_floor OR credits_posted - debits_posted - debits_pending >= -credit_limit
    ),
    -- No more comes in, or is reserved to, than it may have (I3).
    CONSTRAINT ledger_account_stays_below_ceiling  CHECK (
        credits_posted - debits_posted <= ceiling - credits_pending
    ),
    -- What is closed is empty, and stays so (I14).
    CONSTRAINT ledger_account_closed_is_empty      CHECK (
        NOT closed
        OR (credits_posted = debits_posted AND debits_pending = 0 AND credits_pending = 0)
    ),
    CONSTRAINT ledger_account_limit_is_bounded     CHECK (
        credit_limit BETWEEN 0 AND 9007199254740991
    ),
    CONSTRAINT ledger_account_ceiling_is_bounded   CHECK (
        ceiling BETWEEN 0 AND 9007199254740991
    ),
    CONSTRAINT ledger_account_numbers_count        CHECK (version >= 0 AND changes >= 1)
) WITH (
    fillfactor = 50, -- changed by every transfer: room for the next version on the same page
    autovacuum_vacuum_scale_factor = 0.01
);

-- The accounts of a kind. None of its columns ever changes.
CREATE INDEX ledger_account_by_kind ON ledger_account (asset, kind, id);

CREATE TABLE ledger_wallet (
    -- The account that somebody has for a purpose and an asset: one, and this is it.
    owner      UUID             NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    asset      TEXT COLLATE "C" NOT NULL,
    account_id UUID             NOT NULL,
    PRIMARY KEY (owner, kind, asset),
    -- It is an account that is there.
    FOREIGN KEY (account_id) REFERENCES ledger_account (id)
);

CREATE TABLE ledger_account_change (
    -- How an account is from an entry of the log on: its opening, limits, freezing, closing.
    account_id   UUID             NOT NULL,
    n            BIGINT           NOT NULL, -- the how manieth of the account; its opening is 1
    asset        TEXT COLLATE "C" NOT NULL, -- in whose log it stands
    seq          BIGINT           NOT NULL, -- its number there
    at           TIMESTAMPTZ      NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    owner        UUID,
    has_floor    BOOLEAN          NOT NULL,
    credit_limit BIGINT           NOT NULL,
    ceiling      BIGINT,
    frozen_in    BOOLEAN          NOT NULL,
    frozen_out   BOOLEAN          NOT NULL,
    closed       BOOLEAN          NOT NULL,
    velocity     TEXT COLLATE "C",          -- the rules, as JSON; letter by letter, as it is sealed
    user_id      UUID,                      -- who changed it, if it was a person
    PRIMARY KEY (account_id, n),
    FOREIGN KEY (account_id) REFERENCES ledger_account (id),
    CONSTRAINT ledger_account_change_numbers_count      CHECK (n >= 1 AND seq >= 0),
    CONSTRAINT ledger_account_change_asset_is_short     CHECK (
        octet_length(asset) BETWEEN 1 AND 16
    ),
    CONSTRAINT ledger_account_change_limit_is_bounded   CHECK (
        credit_limit BETWEEN 0 AND 9007199254740991
    ),
    CONSTRAINT ledger_account_change_ceiling_is_bounded CHECK (
        ceiling BETWEEN 0 AND 9007199254740991
    ),
    CONSTRAINT ledger_account_change_velocity_is_short  CHECK (
        octet_length(velocity) BETWEEN 1 AND 4096
    )
);

-- A number in the log is given once.
CREATE UNIQUE INDEX ledger_account_change_seq ON ledger_account_change (asset, seq);

CREATE TABLE ledger_transfer (
    -- An amount that goes from one account to another, is reserved to, or is not any more.
    transaction_id UUID             NOT NULL, -- chosen by whoever asks for it
    leg            BIGINT           NOT NULL, -- the how manieth of the transaction, from 0
    legs           BIGINT           NOT NULL, -- how many the transaction has
    asset          TEXT COLLATE "C" NOT NULL,
    seq            BIGINT           NOT NULL, -- its number in the asset's log
    at             TIMESTAMPTZ      NOT NULL, -- when it was posted: later than the entry before it
    effective_at   TIMESTAMPTZ      NOT NULL, -- when it took effect
    kind           TEXT COLLATE "C" NOT NULL, -- what the transaction is in the domain's words
    phase          TEXT COLLATE "C" NOT NULL, -- what it does
    debit_account  UUID             NOT NULL, -- where the amount comes from
    credit_account UUID             NOT NULL, -- where it goes to
    amount         BIGINT           NOT NULL, -- in the asset's smallest unit
    about          UUID,                      -- the transfer it resolves or gives back
    about_leg      BIGINT,
    expires_at     TIMESTAMPTZ,               -- when a hold is over
    user_id        UUID,                      -- on whose behalf, if it was somebody's
    reference      TEXT COLLATE "C",          -- what a payment provider calls it
    metadata       TEXT COLLATE "C",          -- what the host keeps with it for good
    memo           BYTEA,                     -- the salted hash of the memo, which may be gone
    fingerprint    BYTEA            NOT NULL, -- the hash of the request, by which a retry is known
    PRIMARY KEY (transaction_id, leg),
    -- 64 legs of two transfers each.
    CONSTRAINT ledger_transfer_leg_is_of_legs        CHECK (
        leg >= 0 AND leg < legs AND legs <= 128
    ),
    CONSTRAINT ledger_transfer_asset_is_short        CHECK (octet_length(asset) BETWEEN 1 AND 16),
    CONSTRAINT ledger_transfer_seq_counts            CHECK (seq >= 0),
    CONSTRAINT ledger_transfer_kind_is_short         CHECK (octet_length(kind) BETWEEN 1 AND 16),
    CONSTRAINT ledger_transfer_phase_is_a_word       CHECK (
        phase IN ('single', 'hold', 'capture', 'void', 'expiry', 'refund', 'reversal')
    ),
    CONSTRAINT ledger_transfer_changes_hands         CHECK (debit_account <> credit_account),
    CONSTRAINT ledger_transfer_amount_is_bounded     CHECK (
        amount > 0 AND amount <= 9007199254740991
    ),
    -- What resolves or gives back says what; nothing else does (I6, I7).
    CONSTRAINT ledger_transfer_about_by_phase        CHECK (
        (phase IN ('single', 'hold')) = (about IS NULL)
    ),
    CONSTRAINT ledger_transfer_about_is_whole        CHECK ((about IS NULL) = (about_leg IS NULL)),
    CONSTRAINT ledger_transfer_about_leg_is_one      CHECK (about_leg >= 0 AND about_leg < 128),
    CONSTRAINT ledger_transfer_about_an_earlier_one  CHECK (
        about <> transaction_id OR about_leg < leg
    ),
    CONSTRAINT ledger_transfer_expires_if_it_holds   CHECK (expires_at IS NULL OR phase = 'hold'),
    CONSTRAINT ledger_transfer_reference_is_short    CHECK (
        octet_length(reference) BETWEEN 1 AND 128
    ),
    CONSTRAINT ledger_transfer_metadata_is_short     CHECK (
        octet_length(metadata) BETWEEN 1 AND 1024
    ),
    CONSTRAINT ledger_transfer_memo_is_hashed        CHECK (octet_length(memo) = 32),
    CONSTRAINT ledger_transfer_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32)
);

-- The transfers of a kind, by time.
CREATE INDEX ledger_transfer_by_kind ON ledger_transfer (kind, at, transaction_id, leg);
-- What was done on somebody's behalf, by time.
CREATE INDEX ledger_transfer_by_user ON ledger_transfer (user_id, at, transaction_id, leg)
    WHERE user_id IS NOT NULL;
-- What a payment provider calls so.
CREATE INDEX ledger_transfer_by_reference ON ledger_transfer (reference, transaction_id, leg)
    WHERE reference IS NOT NULL;
-- What became of a transfer.
CREATE INDEX ledger_transfer_about ON ledger_transfer (about, about_leg, transaction_id, leg)
    WHERE about IS NOT NULL;
-- A number in the log is given once (I10).
CREATE UNIQUE INDEX ledger_transfer_seq ON ledger_transfer (asset, seq);

CREATE TABLE ledger_memo (
    -- What a person wrote with a transaction. It can be erased; the log has its salted hash.
    transaction_id UUID             NOT NULL,
    salt           BYTEA            NOT NULL,
    text           TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (transaction_id),
    CONSTRAINT ledger_memo_salt_is_sha256 CHECK (octet_length(salt) = 32),
    CONSTRAINT ledger_memo_text_is_short  CHECK (octet_length(text) BETWEEN 1 AND 1024)
);

CREATE TABLE ledger_entry (
    -- What a transfer did to one of its two accounts, and how the account stood then.
    account_id      UUID             NOT NULL,
    version         BIGINT           NOT NULL, -- the how manieth of the account, from 1
    transaction_id  UUID             NOT NULL,
    leg             BIGINT           NOT NULL,
    side            TEXT COLLATE "C" NOT NULL,
    phase           TEXT COLLATE "C" NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL,
    amount          BIGINT           NOT NULL,
    at              TIMESTAMPTZ      NOT NULL,
    debits_posted   BIGINT           NOT NULL, -- as the account's from then on, like the next
    credits_posted  BIGINT           NOT NULL,
    debits_pending  BIGINT           NOT NULL,
    credits_pending BIGINT           NOT NULL,
    -- Two entries of one version would be an update that was lost (I2).
    PRIMARY KEY (account_id, version),
    CONSTRAINT ledger_entry_version_counts    CHECK (version >= 1),
    CONSTRAINT ledger_entry_leg_is_one        CHECK (leg >= 0 AND leg < 128),
    CONSTRAINT ledger_entry_side_is_a_word    CHECK (side IN ('debit', 'credit')),
    CONSTRAINT ledger_entry_phase_is_a_word   CHECK (
        phase IN ('single', 'hold', 'capture', 'void', 'expiry', 'refund', 'reversal')
    ),
    CONSTRAINT ledger_entry_kind_is_short     CHECK (octet_length(kind) BETWEEN 1 AND 16),
    CONSTRAINT ledger_entry_amount_is_bounded CHECK (amount > 0 AND amount <= 9007199254740991),
    CONSTRAINT ledger_entry_counters_count    CHECK (
        debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0
        AND credits_pending >= 0
    )
);

CREATE TABLE ledger_hold (
    -- What is reserved by a transfer, and what has become of it.
    transaction_id UUID             NOT NULL,
    leg            BIGINT           NOT NULL,
    asset          TEXT COLLATE "C" NOT NULL,
    debit_account  UUID             NOT NULL,
    credit_account UUID             NOT NULL,
    amount         BIGINT           NOT NULL, -- how much was reserved
    captured       BIGINT           NOT NULL, -- how much of it was moved
    released       BIGINT           NOT NULL, -- how much of it was given up
    state          TEXT COLLATE "C" NOT NULL,
    expires_at     TIMESTAMPTZ,               -- when it is given up by itself
    PRIMARY KEY (transaction_id, leg),
    CONSTRAINT ledger_hold_changes_hands           CHECK (debit_account <> credit_account),
    CONSTRAINT ledger_hold_amount_is_bounded       CHECK (amount BETWEEN 1 AND 9007199254740991),
    -- No more is moved and given up than was reserved (I6).
    CONSTRAINT ledger_hold_within_its_amount       CHECK (
        captured >= 0 AND released >= 0 AND captured <= amount - released
    ),
    CONSTRAINT ledger_hold_state_is_a_word         CHECK (
        state IN ('open', 'captured', 'voided', 'expired')
    ),
    CONSTRAINT ledger_hold_open_while_some_is_left CHECK (
        (state = 'open') = (captured < amount - released)
    ),
    CONSTRAINT ledger_hold_expires_while_open      CHECK (expires_at IS NULL OR state = 'open')
);

-- What is given up by itself, the first to be so first.
CREATE INDEX ledger_hold_due ON ledger_hold (expires_at, transaction_id, leg)
    WHERE expires_at IS NOT NULL;
-- What is reserved in an account.
CREATE INDEX ledger_hold_of_account ON ledger_hold (debit_account, state, transaction_id, leg);

CREATE TABLE ledger_returned (
    -- How much of a transfer was given back.
    transaction_id UUID    NOT NULL,
    leg            BIGINT  NOT NULL,
    amount         BIGINT  NOT NULL, -- how much it moved
    returned       BIGINT  NOT NULL, -- how much of that was given back
    reversed       BOOLEAN NOT NULL, -- whether it was undone
    PRIMARY KEY (transaction_id, leg),
    CONSTRAINT ledger_returned_amount_is_bounded   CHECK (amount BETWEEN 1 AND 9007199254740991),
    -- No more is given back than was moved (I7).
    CONSTRAINT ledger_returned_within_the_original CHECK (returned BETWEEN 0 AND amount),
    CONSTRAINT ledger_returned_reversed_is_all     CHECK (NOT reversed OR returned = amount)
);

CREATE TABLE ledger_rejection (
    -- A transaction that was refused for how things stood, so that a retry is told the same.
    transaction_id UUID        NOT NULL,
    fingerprint    BYTEA       NOT NULL, -- the hash of the request
    request        JSONB       NOT NULL,
    refusal        JSONB       NOT NULL, -- what was said
    at             TIMESTAMPTZ NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL, -- when it may be forgotten
    digest         BYTEA       NOT NULL, -- the hash of all the rest: a refusal is in no log
    PRIMARY KEY (transaction_id),
    CONSTRAINT ledger_rejection_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT ledger_rejection_digest_is_sha256      CHECK (octet_length(digest) = 32)
);

-- What may be forgotten, the oldest first.
CREATE INDEX ledger_rejection_expiry ON ledger_rejection (expires_at, transaction_id);

CREATE TABLE ledger_block (
    -- 1,024 entries of a log, sealed.
    asset    TEXT COLLATE "C" NOT NULL,
    n        BIGINT           NOT NULL, -- the how manieth of its log, from 0
    root     BYTEA            NOT NULL, -- the root of the tree over its entries
    head     BYTEA            NOT NULL, -- the root of the tree over all entries up to its last
    previous BYTEA            NOT NULL, -- the head of the block before
    at       TIMESTAMPTZ      NOT NULL, -- the time of its last entry
    PRIMARY KEY (asset, n),
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_block_numbers_count     CHECK (n >= 0),
    CONSTRAINT ledger_block_hashes_are_sha256 CHECK (
        octet_length(root) = 32 AND octet_length(head) = 32 AND octet_length(previous) = 32
    ),
    CONSTRAINT ledger_block_goes_on           CHECK (head <> previous)
);

-- A log goes on in one way only (I10).
CREATE UNIQUE INDEX ledger_block_chain ON ledger_block (asset, previous);

-- What is posted stays as it is (I10). These triggers fire always, even where others are switched
-- off by session_replication_role.
CREATE FUNCTION ledger_forbids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER ledger_transfer_is_never_updated BEFORE UPDATE ON ledger_transfer
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('transfers are never changed');
ALTER TABLE ledger_transfer ENABLE ALWAYS TRIGGER ledger_transfer_is_never_updated;

CREATE TRIGGER ledger_transfer_is_never_deleted BEFORE DELETE ON ledger_transfer
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('transfers are never deleted');
ALTER TABLE ledger_transfer ENABLE ALWAYS TRIGGER ledger_transfer_is_never_deleted;

CREATE TRIGGER ledger_transfer_is_never_truncated BEFORE TRUNCATE ON ledger_transfer
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('transfers are never deleted');
ALTER TABLE ledger_transfer ENABLE ALWAYS TRIGGER ledger_transfer_is_never_truncated;

CREATE TRIGGER ledger_entry_is_never_updated BEFORE UPDATE ON ledger_entry
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('entries are never changed');
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_is_never_updated;

CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('entries are never deleted');
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_is_never_deleted;

CREATE TRIGGER ledger_entry_is_never_truncated BEFORE TRUNCATE ON ledger_entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('entries are never deleted');
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_is_never_truncated;

CREATE TRIGGER ledger_block_is_never_updated BEFORE UPDATE ON ledger_block
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('blocks are never changed');
ALTER TABLE ledger_block ENABLE ALWAYS TRIGGER ledger_block_is_never_updated;

CREATE TRIGGER ledger_block_is_never_deleted BEFORE DELETE ON ledger_block
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('blocks are never deleted');
ALTER TABLE ledger_block ENABLE ALWAYS TRIGGER ledger_block_is_never_deleted;

CREATE TRIGGER ledger_block_is_never_truncated BEFORE TRUNCATE ON ledger_block
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('blocks are never deleted');
ALTER TABLE ledger_block ENABLE ALWAYS TRIGGER ledger_block_is_never_truncated;

CREATE TRIGGER ledger_account_change_is_never_updated BEFORE UPDATE ON ledger_account_change
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('changes of accounts are never changed');
ALTER TABLE ledger_account_change ENABLE ALWAYS TRIGGER ledger_account_change_is_never_updated;

CREATE TRIGGER ledger_account_change_is_never_deleted BEFORE DELETE ON ledger_account_change
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('changes of accounts are never deleted');
ALTER TABLE ledger_account_change ENABLE ALWAYS TRIGGER ledger_account_change_is_never_deleted;

CREATE TRIGGER ledger_account_change_is_never_truncated BEFORE TRUNCATE ON ledger_account_change
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('changes of accounts are never deleted');
ALTER TABLE ledger_account_change ENABLE ALWAYS TRIGGER ledger_account_change_is_never_truncated;

CREATE TRIGGER ledger_asset_change_is_never_updated BEFORE UPDATE ON ledger_asset_change
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('changes of assets are never changed');
ALTER TABLE ledger_asset_change ENABLE ALWAYS TRIGGER ledger_asset_change_is_never_updated;

CREATE TRIGGER ledger_asset_change_is_never_deleted BEFORE DELETE ON ledger_asset_change
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('changes of assets are never deleted');
ALTER TABLE ledger_asset_change ENABLE ALWAYS TRIGGER ledger_asset_change_is_never_deleted;

CREATE TRIGGER ledger_asset_change_is_never_truncated BEFORE TRUNCATE ON ledger_asset_change
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('changes of assets are never deleted');
ALTER TABLE ledger_asset_change ENABLE ALWAYS TRIGGER ledger_asset_change_is_never_truncated;

CREATE TRIGGER ledger_wallet_is_never_updated BEFORE UPDATE ON ledger_wallet
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('wallets are never changed');
ALTER TABLE ledger_wallet ENABLE ALWAYS TRIGGER ledger_wallet_is_never_updated;

CREATE TRIGGER ledger_wallet_is_never_deleted BEFORE DELETE ON ledger_wallet
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('wallets are never deleted');
ALTER TABLE ledger_wallet ENABLE ALWAYS TRIGGER ledger_wallet_is_never_deleted;

CREATE TRIGGER ledger_wallet_is_never_truncated BEFORE TRUNCATE ON ledger_wallet
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('wallets are never deleted');
ALTER TABLE ledger_wallet ENABLE ALWAYS TRIGGER ledger_wallet_is_never_truncated;

-- What is kept of it goes on, and never back. After the update: a trigger before it would lock the
-- row once more.

CREATE TRIGGER ledger_account_goes_on AFTER UPDATE ON ledger_account
FOR EACH ROW WHEN (
    NEW.id <> OLD.id OR NEW.asset <> OLD.asset OR NEW.kind <> OLD.kind
    OR NEW.owner IS DISTINCT FROM OLD.owner OR NEW.debits_posted < OLD.debits_posted
    OR NEW.credits_posted < OLD.credits_posted OR NEW.version < OLD.version
    OR NEW.changes < OLD.changes
) EXECUTE FUNCTION ledger_forbids('an account stays what it is, and its sums never shrink');
ALTER TABLE ledger_account ENABLE ALWAYS TRIGGER ledger_account_goes_on;

CREATE TRIGGER ledger_account_is_never_deleted BEFORE DELETE ON ledger_account
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('accounts are never deleted');
ALTER TABLE ledger_account ENABLE ALWAYS TRIGGER ledger_account_is_never_deleted;

CREATE TRIGGER ledger_account_is_never_truncated BEFORE TRUNCATE ON ledger_account
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('accounts are never deleted');
ALTER TABLE ledger_account ENABLE ALWAYS TRIGGER ledger_account_is_never_truncated;

CREATE TRIGGER ledger_asset_goes_on AFTER UPDATE ON ledger_asset
FOR EACH ROW WHEN (
    NEW.code <> OLD.code OR NEW.scale <> OLD.scale OR NEW.sealed <> OLD.sealed
    OR NEW.size < OLD.size OR NEW.changes < OLD.changes
) EXECUTE FUNCTION ledger_forbids('an asset stays what it is, and its log never shrinks');
ALTER TABLE ledger_asset ENABLE ALWAYS TRIGGER ledger_asset_goes_on;

CREATE TRIGGER ledger_asset_is_never_deleted BEFORE DELETE ON ledger_asset
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('assets are never deleted');
ALTER TABLE ledger_asset ENABLE ALWAYS TRIGGER ledger_asset_is_never_deleted;

CREATE TRIGGER ledger_asset_is_never_truncated BEFORE TRUNCATE ON ledger_asset
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('assets are never deleted');
ALTER TABLE ledger_asset ENABLE ALWAYS TRIGGER ledger_asset_is_never_truncated;

CREATE TRIGGER ledger_hold_goes_on AFTER UPDATE ON ledger_hold
FOR EACH ROW WHEN (
    NEW.transaction_id <> OLD.transaction_id OR NEW.leg <> OLD.leg OR NEW.asset <> OLD.asset
    OR NEW.debit_account <> OLD.debit_account OR NEW.credit_account <> OLD.credit_account
    OR NEW.amount <> OLD.amount OR NEW.captured < OLD.captured OR NEW.released < OLD.released
) EXECUTE FUNCTION ledger_forbids('a hold stays what it is, and its sums never shrink');
ALTER TABLE ledger_hold ENABLE ALWAYS TRIGGER ledger_hold_goes_on;

CREATE TRIGGER ledger_hold_is_never_deleted BEFORE DELETE ON ledger_hold
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('holds are never deleted');
ALTER TABLE ledger_hold ENABLE ALWAYS TRIGGER ledger_hold_is_never_deleted;

CREATE TRIGGER ledger_hold_is_never_truncated BEFORE TRUNCATE ON ledger_hold
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('holds are never deleted');
ALTER TABLE ledger_hold ENABLE ALWAYS TRIGGER ledger_hold_is_never_truncated;

CREATE TRIGGER ledger_returned_goes_on AFTER UPDATE ON ledger_returned
FOR EACH ROW WHEN (
    NEW.transaction_id <> OLD.transaction_id OR NEW.leg <> OLD.leg OR NEW.amount <> OLD.amount
    OR NEW.returned < OLD.returned OR NEW.reversed < OLD.reversed
) EXECUTE FUNCTION ledger_forbids('what was given back never shrinks');
ALTER TABLE ledger_returned ENABLE ALWAYS TRIGGER ledger_returned_goes_on;

CREATE TRIGGER ledger_returned_is_never_deleted BEFORE DELETE ON ledger_returned
FOR EACH ROW EXECUTE FUNCTION ledger_forbids('what was given back is never forgotten');
ALTER TABLE ledger_returned ENABLE ALWAYS TRIGGER ledger_returned_is_never_deleted;

CREATE TRIGGER ledger_returned_is_never_truncated BEFORE TRUNCATE ON ledger_returned
FOR EACH STATEMENT EXECUTE FUNCTION ledger_forbids('what was given back is never forgotten');
ALTER TABLE ledger_returned ENABLE ALWAYS TRIGGER ledger_returned_is_never_truncated;
