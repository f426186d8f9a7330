-- The ledger: what everybody has, and how it came about.
--
-- The core decides; what stands here refuses what no decision may write, whoever writes it. Sums
-- are written as differences: the engine turns a sum of whole numbers that is too large into a
-- fraction without a word. An amount is at most 2^53 - 1 = 9007199254740991.
--
-- What is written once has triggers that forbid UPDATE and DELETE. REPLACE deletes rows without
-- asking them, unless the connection has `recursive_triggers` on, which another application's need
-- not have; hence a trigger before each INSERT looks whether the row, or its number, is there. All
-- of them roll the whole transaction back: nobody goes on after that, and no statement keeps a
-- journal for the case. With such a trigger, a function in a CHECK would make it keep one, for
-- functions can fail; hence transfers and entries, which are written most, are not asked for the
-- lengths of what is in them. Core refuses to read ids, hashes, codes and kinds of a wrong length; how
-- long references and metadata are is looked at when they are posted.

CREATE TABLE ledger_asset (
    -- What is counted in, and where its log stands.
    code         TEXT    NOT NULL, -- such as EUR or COIN
    scale        INTEGER NOT NULL, -- digits after the point
    transferable INTEGER NOT NULL, -- whether people may give it to each other
    sealed       INTEGER NOT NULL, -- whether its log is a tree of hashes
    supply_cap   INTEGER,          -- how much of it there may be
    changes      INTEGER NOT NULL, -- how often it was changed, its opening included
    closed_until INTEGER,          -- nothing takes effect before this any more
    size         INTEGER NOT NULL, -- entries of its log: the number of the next one
    at           INTEGER NOT NULL, -- the time of the last one
    issued       INTEGER NOT NULL, -- what came from issuance accounts, less what went back to them
    burned       INTEGER NOT NULL, -- what went to burn accounts, less what came back from them
    frontier     BLOB    NOT NULL, -- the roots of the perfect subtrees over its log, 32 bytes each
    PRIMARY KEY (code),
    CONSTRAINT ledger_asset_code_is_short           CHECK (octet_length(code) BETWEEN 1 AND 16),
    CONSTRAINT ledger_asset_code_is_capitals        CHECK (
        code GLOB '[A-Z]*' AND code NOT GLOB '*[^A-Z0-9_]*'
    ),
    CONSTRAINT ledger_asset_scale_is_bounded        CHECK (scale BETWEEN 0 AND 9),
    CONSTRAINT ledger_asset_transferable_is_a_truth CHECK (transferable IN (0, 1)),
    CONSTRAINT ledger_asset_sealed_is_a_truth       CHECK (sealed IN (0, 1)),
    CONSTRAINT ledger_asset_changes_count           CHECK (changes >= 1),
    CONSTRAINT ledger_asset_size_counts             CHECK (size >= 0),
    CONSTRAINT ledger_asset_cap_is_positive         CHECK (supply_cap >= 1),
    -- There is no more of it than there may be (I4).
    CONSTRAINT ledger_asset_within_its_cap          CHECK (
        supply_cap IS NULL OR issued - burned <= supply_cap
    ),
    -- A log of at most 2^63 entries has a subtree for each bit of its size (RFC 6962 §2.1).
    CONSTRAINT ledger_asset_frontier_is_hashes      CHECK (
        length(frontier) % 32 = 0 AND length(frontier) <= 2016
    ),
    CONSTRAINT ledger_asset_frontier_if_sealed      CHECK (sealed OR length(frontier) = 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_asset_change (
    -- How an asset is from an entry of its log on.
    asset        TEXT    NOT NULL,
    n            INTEGER NOT NULL, -- the how manieth of the asset, from 1, which is its opening
    seq          INTEGER NOT NULL, -- its number in the log
    at           INTEGER NOT NULL,
    scale        INTEGER NOT NULL,
    transferable INTEGER NOT NULL,
    sealed       INTEGER NOT NULL,
    supply_cap   INTEGER,
    closed_until INTEGER,
    user_id      BLOB,             -- who changed it, if it was a person
    PRIMARY KEY (asset, n),
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_asset_change_numbers_count     CHECK (n >= 1 AND seq >= 0),
    CONSTRAINT ledger_asset_change_scale_is_bounded  CHECK (scale BETWEEN 0 AND 9),
    CONSTRAINT ledger_asset_change_transferable_is_a_truth CHECK (transferable IN (0, 1)),
    CONSTRAINT ledger_asset_change_sealed_is_a_truth CHECK (sealed IN (0, 1)),
    CONSTRAINT ledger_asset_change_cap_is_positive   CHECK (supply_cap >= 1)
) STRICT, WITHOUT ROWID;

-- A number in the log is given once.
CREATE UNIQUE INDEX ledger_asset_change_seq ON ledger_asset_change (asset, seq);

CREATE TABLE ledger_account (
    -- An account: what was debited and credited, and what may be.
    id              BLOB    NOT NULL,
    asset           TEXT    NOT NULL,
    kind            TEXT    NOT NULL, -- what it is for
    owner           BLOB,             -- whose it is; nobody's, if it is the platform's
    debits_posted   INTEGER NOT NULL, -- all that went out
    credits_posted  INTEGER NOT NULL, -- all that came in
    debits_pending  INTEGER NOT NULL, -- what is reserved to go out
    credits_pending INTEGER NOT NULL, -- what is reserved to come in
    has_floor       INTEGER NOT NULL, -- whether it stays above zero, or above what may be owed
    credit_limit    INTEGER NOT NULL, -- how far below zero a floor is
    ceiling         INTEGER,          -- the most it may have, what is reserved to come in included
    frozen_in       INTEGER NOT NULL, -- nothing may come in
    frozen_out      INTEGER NOT NULL, -- nothing may go out
    closed          INTEGER NOT NULL, -- it is over
    velocity        TEXT,             -- what may go out in windows of time, and what did
    version         INTEGER NOT NULL, -- how many entries it has
    changes         INTEGER NOT NULL, -- how often it was changed, its opening included
    PRIMARY KEY (id),
    -- It is counted in something.
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_account_id_is_uuid           CHECK (length(id) = 16),
    CONSTRAINT ledger_account_kind_is_a_word       CHECK (
        kind = 'wallet' OR kind = 'earnings' OR kind = 'treasury' OR kind = 'escrow'
        OR kind = 'fees' OR kind = 'issuance' OR kind = 'burn' OR kind = 'liquidity'
        OR kind = 'clearing' OR kind = 'promo' OR kind = 'dispute' OR kind = 'tax'
        OR kind = 'payout'
    ),
    CONSTRAINT ledger_account_owner_is_uuid        CHECK (length(owner) = 16),
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
    CONSTRAINT ledger_account_truths               CHECK (
        (has_floor = 0 OR has_floor = 1) AND (frozen_in = 0 OR frozen_in = 1)
        AND (frozen_out = 0 OR frozen_out = 1) AND (closed = 0 OR closed = 1)
    ),
    CONSTRAINT ledger_account_velocity_is_json     CHECK (json_valid(velocity)),
    CONSTRAINT ledger_account_numbers_count        CHECK (version >= 0 AND changes >= 1)
) STRICT, WITHOUT ROWID;

-- The accounts of a kind. None of its columns ever changes.
CREATE INDEX ledger_account_by_kind ON ledger_account (asset, kind, id);

CREATE TABLE ledger_wallet (
    -- The account that somebody has for a purpose and an asset: one, and this is it.
    owner      BLOB NOT NULL,
    kind       TEXT NOT NULL,
    asset      TEXT NOT NULL,
    account_id BLOB NOT NULL,
    PRIMARY KEY (owner, kind, asset),
    -- It is an account that is there.
    FOREIGN KEY (account_id) REFERENCES ledger_account (id),
    CONSTRAINT ledger_wallet_owner_is_uuid CHECK (length(owner) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_account_change (
    -- How an account is from an entry of the log on: its opening, limits, freezing, closing.
    account_id   BLOB    NOT NULL,
    n            INTEGER NOT NULL, -- the how manieth of the account, from 1, which is its opening
    asset        TEXT    NOT NULL, -- in whose log it stands
    seq          INTEGER NOT NULL, -- its number there
    at           INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    owner        BLOB,
    has_floor    INTEGER NOT NULL,
    credit_limit INTEGER NOT NULL,
    ceiling      INTEGER,
    frozen_in    INTEGER NOT NULL,
    frozen_out   INTEGER NOT NULL,
    closed       INTEGER NOT NULL,
    velocity     TEXT,             -- the rules, as JSON; kept letter by letter, for it is sealed
    user_id      BLOB,             -- who changed it, if it was a person
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
    CONSTRAINT ledger_account_change_truths             CHECK (
        has_floor IN (0, 1) AND frozen_in IN (0, 1) AND frozen_out IN (0, 1) AND closed IN (0, 1)
    ),
    CONSTRAINT ledger_account_change_velocity_is_short  CHECK (
        octet_length(velocity) BETWEEN 1 AND 4096
    )
) STRICT, WITHOUT ROWID;

-- A number in the log is given once.
CREATE UNIQUE INDEX ledger_account_change_seq ON ledger_account_change (asset, seq);

CREATE TABLE ledger_transfer (
    -- An amount that goes from one account to another, is reserved to, or is not any more.
    transaction_id BLOB    NOT NULL, -- chosen by whoever asks for it
    leg            INTEGER NOT NULL, -- the how manieth of the transaction, from 0
    legs           INTEGER NOT NULL, -- how many the transaction has
    asset          TEXT    NOT NULL,
    seq            INTEGER NOT NULL, -- its number in the asset's log
    at             INTEGER NOT NULL, -- when it was posted: later than the entry before it
    effective_at   INTEGER NOT NULL, -- when it took effect
    kind           TEXT    NOT NULL, -- what the transaction is in the domain's words
    phase          TEXT    NOT NULL, -- what it does
    debit_account  BLOB    NOT NULL, -- where the amount comes from
    credit_account BLOB    NOT NULL, -- where it goes to
    amount         INTEGER NOT NULL, -- in the asset's smallest unit
    about          BLOB,             -- the transfer that reserved it, or that it gives back
    about_leg      INTEGER,
    expires_at     INTEGER,          -- when a hold is over
    user_id        BLOB,             -- on whose behalf, if it was somebody's
    reference      TEXT,             -- what a payment provider calls it
    metadata       TEXT,             -- what the host keeps with it for good
    memo           BLOB,             -- the salted hash of the memo, which may be gone
    fingerprint    BLOB    NOT NULL, -- the hash of the request, by which a retry is known
    PRIMARY KEY (transaction_id, leg),
    -- No foreign keys to the accounts: the decision holds their rows, none is ever deleted, and with
    -- a trigger beside them each insert would keep a journal of its own.
    -- 64 legs of two transfers each.
    CONSTRAINT ledger_transfer_leg_is_of_legs        CHECK (
        leg >= 0 AND leg < legs AND legs <= 128
    ),
    CONSTRAINT ledger_transfer_seq_counts            CHECK (seq >= 0),
    CONSTRAINT ledger_transfer_phase_is_a_word       CHECK (
        phase = 'single' OR phase = 'hold' OR phase = 'capture' OR phase = 'void'
        OR phase = 'expiry' OR phase = 'refund' OR phase = 'reversal'
    ),
    CONSTRAINT ledger_transfer_changes_hands         CHECK (debit_account <> credit_account),
    CONSTRAINT ledger_transfer_amount_is_bounded     CHECK (
        amount > 0 AND amount <= 9007199254740991
    ),
    -- What resolves or gives back says what; nothing else does (I6, I7).
    CONSTRAINT ledger_transfer_about_by_phase        CHECK (
        (phase = 'single' OR phase = 'hold') = (about IS NULL)
    ),
    CONSTRAINT ledger_transfer_about_is_whole        CHECK ((about IS NULL) = (about_leg IS NULL)),
    CONSTRAINT ledger_transfer_about_leg_is_one      CHECK (about_leg >= 0 AND about_leg < 128),
    CONSTRAINT ledger_transfer_about_an_earlier_one  CHECK (
        about <> transaction_id OR about_leg < leg
    ),
    CONSTRAINT ledger_transfer_expires_if_it_holds   CHECK (expires_at IS NULL OR phase = 'hold'),
    CONSTRAINT ledger_transfer_reference_is_one      CHECK (reference <> ''),
    CONSTRAINT ledger_transfer_metadata_is_some      CHECK (metadata <> '')
) STRICT, WITHOUT ROWID;

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
    transaction_id BLOB NOT NULL,
    salt           BLOB NOT NULL,
    text           TEXT NOT NULL,
    PRIMARY KEY (transaction_id),
    CONSTRAINT ledger_memo_id_is_uuid     CHECK (length(transaction_id) = 16),
    CONSTRAINT ledger_memo_salt_is_sha256 CHECK (length(salt) = 32),
    CONSTRAINT ledger_memo_text_is_short  CHECK (octet_length(text) BETWEEN 1 AND 1024)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_entry (
    -- What a transfer did to one of its two accounts, and how the account stood then.
    account_id      BLOB    NOT NULL,
    version         INTEGER NOT NULL, -- the how manieth of the account, from 1, without a gap
    transaction_id  BLOB    NOT NULL,
    leg             INTEGER NOT NULL,
    side            TEXT    NOT NULL,
    phase           TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    amount          INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    debits_posted   INTEGER NOT NULL, -- as the account's, from then on; so are the other three
    credits_posted  INTEGER NOT NULL,
    debits_pending  INTEGER NOT NULL,
    credits_pending INTEGER NOT NULL,
    -- Two entries of one version would be an update that was lost (I2). No foreign keys, as above.
    PRIMARY KEY (account_id, version),
    CONSTRAINT ledger_entry_version_counts    CHECK (version >= 1),
    CONSTRAINT ledger_entry_leg_is_one        CHECK (leg >= 0 AND leg < 128),
    CONSTRAINT ledger_entry_side_is_a_word    CHECK (side = 'debit' OR side = 'credit'),
    CONSTRAINT ledger_entry_phase_is_a_word   CHECK (
        phase = 'single' OR phase = 'hold' OR phase = 'capture' OR phase = 'void'
        OR phase = 'expiry' OR phase = 'refund' OR phase = 'reversal'
    ),
    CONSTRAINT ledger_entry_amount_is_bounded CHECK (amount > 0 AND amount <= 9007199254740991),
    CONSTRAINT ledger_entry_counters_count    CHECK (
        debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0
        AND credits_pending >= 0
    )
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_hold (
    -- What is reserved by a transfer, and what has become of it.
    transaction_id BLOB    NOT NULL,
    leg            INTEGER NOT NULL,
    asset          TEXT    NOT NULL,
    debit_account  BLOB    NOT NULL,
    credit_account BLOB    NOT NULL,
    amount         INTEGER NOT NULL, -- how much was reserved
    captured       INTEGER NOT NULL, -- how much of it was moved
    released       INTEGER NOT NULL, -- how much of it was given up
    state          TEXT    NOT NULL,
    expires_at     INTEGER,          -- when it is given up by itself
    PRIMARY KEY (transaction_id, leg),
    -- It is reserved by a transfer.
    FOREIGN KEY (transaction_id, leg) REFERENCES ledger_transfer (transaction_id, leg),
    CONSTRAINT ledger_hold_changes_hands           CHECK (debit_account <> credit_account),
    CONSTRAINT ledger_hold_amount_is_bounded       CHECK (amount BETWEEN 1 AND 9007199254740991),
    -- No more is moved and given up than was reserved (I6).
    CONSTRAINT ledger_hold_within_its_amount       CHECK (
        captured >= 0 AND released >= 0 AND captured <= amount - released
    ),
    CONSTRAINT ledger_hold_state_is_a_word         CHECK (
        state = 'open' OR state = 'captured' OR state = 'voided' OR state = 'expired'
    ),
    CONSTRAINT ledger_hold_open_while_some_is_left CHECK (
        (state = 'open') = (captured < amount - released)
    ),
    CONSTRAINT ledger_hold_expires_while_open      CHECK (expires_at IS NULL OR state = 'open')
) STRICT, WITHOUT ROWID;

-- What is given up by itself, the first to be so first.
CREATE INDEX ledger_hold_due ON ledger_hold (expires_at, transaction_id, leg)
    WHERE expires_at IS NOT NULL;
-- What is reserved in an account.
CREATE INDEX ledger_hold_of_account ON ledger_hold (debit_account, state, transaction_id, leg);

CREATE TABLE ledger_returned (
    -- How much of a transfer was given back.
    transaction_id BLOB    NOT NULL,
    leg            INTEGER NOT NULL,
    amount         INTEGER NOT NULL, -- how much it moved
    returned       INTEGER NOT NULL, -- how much of that was given back
    reversed       INTEGER NOT NULL, -- whether it was undone
    PRIMARY KEY (transaction_id, leg),
    -- It is given back of a transfer.
    FOREIGN KEY (transaction_id, leg) REFERENCES ledger_transfer (transaction_id, leg),
    CONSTRAINT ledger_returned_amount_is_bounded   CHECK (amount BETWEEN 1 AND 9007199254740991),
    -- No more is given back than was moved (I7).
    CONSTRAINT ledger_returned_within_the_original CHECK (returned BETWEEN 0 AND amount),
    CONSTRAINT ledger_returned_reversed_is_a_truth CHECK (reversed IN (0, 1)),
    CONSTRAINT ledger_returned_reversed_is_all     CHECK (NOT reversed OR returned = amount)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_rejection (
    -- A transaction that was refused for how things stood, so that a retry is told the same.
    transaction_id BLOB    NOT NULL,
    fingerprint    BLOB    NOT NULL, -- the hash of the request
    request        TEXT    NOT NULL,
    refusal        TEXT    NOT NULL, -- what was said
    at             INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL, -- when it may be forgotten
    digest         BLOB    NOT NULL, -- the hash of all the rest: a refusal is in no log
    PRIMARY KEY (transaction_id),
    CONSTRAINT ledger_rejection_id_is_uuid            CHECK (length(transaction_id) = 16),
    CONSTRAINT ledger_rejection_fingerprint_is_sha256 CHECK (length(fingerprint) = 32),
    CONSTRAINT ledger_rejection_digest_is_sha256      CHECK (length(digest) = 32),
    CONSTRAINT ledger_rejection_request_is_json       CHECK (json_valid(request)),
    CONSTRAINT ledger_rejection_refusal_is_json       CHECK (json_valid(refusal))
) STRICT;

-- What may be forgotten, the oldest first.
CREATE INDEX ledger_rejection_expiry ON ledger_rejection (expires_at, transaction_id);

CREATE TABLE ledger_block (
    -- 1,024 entries of a log, sealed.
    asset    TEXT    NOT NULL,
    n        INTEGER NOT NULL, -- the how manieth of its log, from 0
    root     BLOB    NOT NULL, -- the root of the tree over its entries
    head     BLOB    NOT NULL, -- the root of the tree over all entries up to its last
    previous BLOB    NOT NULL, -- the head of the block before
    at       INTEGER NOT NULL, -- the time of its last entry
    PRIMARY KEY (asset, n),
    FOREIGN KEY (asset) REFERENCES ledger_asset (code),
    CONSTRAINT ledger_block_numbers_count     CHECK (n >= 0),
    CONSTRAINT ledger_block_hashes_are_sha256 CHECK (
        length(root) = 32 AND length(head) = 32 AND length(previous) = 32
    ),
    CONSTRAINT ledger_block_goes_on           CHECK (head <> previous)
) STRICT, WITHOUT ROWID;

-- A log goes on in one way only (I10).
CREATE UNIQUE INDEX ledger_block_chain ON ledger_block (asset, previous);

-- What is posted stays as it is (I10).

CREATE TRIGGER ledger_transfer_is_never_updated BEFORE UPDATE ON ledger_transfer
BEGIN
    SELECT RAISE(ROLLBACK, 'transfers are never changed');
END;

CREATE TRIGGER ledger_transfer_is_never_deleted BEFORE DELETE ON ledger_transfer
BEGIN
    SELECT RAISE(ROLLBACK, 'transfers are never deleted');
END;

CREATE TRIGGER ledger_transfer_is_never_replaced BEFORE INSERT ON ledger_transfer
WHEN EXISTS (
    SELECT 1 FROM ledger_transfer WHERE transaction_id = NEW.transaction_id AND leg = NEW.leg
) OR EXISTS (SELECT 1 FROM ledger_transfer WHERE asset = NEW.asset AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ROLLBACK, 'transfers are never replaced');
END;

CREATE TRIGGER ledger_entry_is_never_updated BEFORE UPDATE ON ledger_entry
BEGIN
    SELECT RAISE(ROLLBACK, 'entries are never changed');
END;

CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
BEGIN
    SELECT RAISE(ROLLBACK, 'entries are never deleted');
END;

CREATE TRIGGER ledger_entry_is_never_replaced BEFORE INSERT ON ledger_entry
WHEN EXISTS (
    SELECT 1 FROM ledger_entry WHERE account_id = NEW.account_id AND version = NEW.version
)
BEGIN
    SELECT RAISE(ROLLBACK, 'entries are never replaced');
END;

CREATE TRIGGER ledger_block_is_never_updated BEFORE UPDATE ON ledger_block
BEGIN
    SELECT RAISE(ROLLBACK, 'blocks are never changed');
END;

CREATE TRIGGER ledger_block_is_never_deleted BEFORE DELETE ON ledger_block
BEGIN
    SELECT RAISE(ROLLBACK, 'blocks are never deleted');
END;

CREATE TRIGGER ledger_block_is_never_replaced BEFORE INSERT ON ledger_block
WHEN EXISTS (SELECT 1 FROM ledger_block WHERE asset = NEW.asset AND n = NEW.n)
    OR EXISTS (SELECT 1 FROM ledger_block WHERE asset = NEW.asset AND previous = NEW.previous)
BEGIN
    SELECT RAISE(ROLLBACK, 'blocks are never replaced');
END;

CREATE TRIGGER ledger_account_change_is_never_updated BEFORE UPDATE ON ledger_account_change
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of accounts are never changed');
END;

CREATE TRIGGER ledger_account_change_is_never_deleted BEFORE DELETE ON ledger_account_change
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of accounts are never deleted');
END;

CREATE TRIGGER ledger_account_change_is_never_replaced BEFORE INSERT ON ledger_account_change
WHEN EXISTS (
    SELECT 1 FROM ledger_account_change WHERE account_id = NEW.account_id AND n = NEW.n
) OR EXISTS (SELECT 1 FROM ledger_account_change WHERE asset = NEW.asset AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of accounts are never replaced');
END;

CREATE TRIGGER ledger_asset_change_is_never_updated BEFORE UPDATE ON ledger_asset_change
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of assets are never changed');
END;

CREATE TRIGGER ledger_asset_change_is_never_deleted BEFORE DELETE ON ledger_asset_change
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of assets are never deleted');
END;

CREATE TRIGGER ledger_asset_change_is_never_replaced BEFORE INSERT ON ledger_asset_change
WHEN EXISTS (SELECT 1 FROM ledger_asset_change WHERE asset = NEW.asset AND n = NEW.n)
    OR EXISTS (SELECT 1 FROM ledger_asset_change WHERE asset = NEW.asset AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ROLLBACK, 'changes of assets are never replaced');
END;

-- What is kept of it goes on, and never back.

CREATE TRIGGER ledger_account_stays_what_it_is BEFORE UPDATE OF id, asset, kind, owner
ON ledger_account
BEGIN
    SELECT RAISE(ROLLBACK, 'an account stays what it is');
END;

-- After the update: before it, the engine would look for the row once more.
CREATE TRIGGER ledger_account_goes_on AFTER UPDATE ON ledger_account
WHEN NEW.debits_posted < OLD.debits_posted OR NEW.credits_posted < OLD.credits_posted
    OR NEW.version < OLD.version OR NEW.changes < OLD.changes
BEGIN
    SELECT RAISE(ROLLBACK, 'the sums of an account never shrink');
END;

CREATE TRIGGER ledger_account_is_never_deleted BEFORE DELETE ON ledger_account
BEGIN
    SELECT RAISE(ROLLBACK, 'accounts are never deleted');
END;

CREATE TRIGGER ledger_account_is_never_replaced BEFORE INSERT ON ledger_account
WHEN EXISTS (SELECT 1 FROM ledger_account WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ROLLBACK, 'accounts are never replaced');
END;

CREATE TRIGGER ledger_wallet_is_never_updated BEFORE UPDATE ON ledger_wallet
BEGIN
    SELECT RAISE(ROLLBACK, 'wallets are never changed');
END;

CREATE TRIGGER ledger_wallet_is_never_deleted BEFORE DELETE ON ledger_wallet
BEGIN
    SELECT RAISE(ROLLBACK, 'wallets are never deleted');
END;

CREATE TRIGGER ledger_wallet_is_never_replaced BEFORE INSERT ON ledger_wallet
WHEN EXISTS (
    SELECT 1 FROM ledger_wallet
    WHERE owner = NEW.owner AND kind = NEW.kind AND asset = NEW.asset
)
BEGIN
    SELECT RAISE(ROLLBACK, 'wallets are never replaced');
END;

CREATE TRIGGER ledger_asset_goes_on BEFORE UPDATE ON ledger_asset
WHEN NEW.code <> OLD.code OR NEW.scale <> OLD.scale OR NEW.sealed <> OLD.sealed
    OR NEW.size < OLD.size OR NEW.changes < OLD.changes
BEGIN
    SELECT RAISE(ROLLBACK, 'an asset stays what it is, and its log never shrinks');
END;

CREATE TRIGGER ledger_asset_is_never_deleted BEFORE DELETE ON ledger_asset
BEGIN
    SELECT RAISE(ROLLBACK, 'assets are never deleted');
END;

CREATE TRIGGER ledger_asset_is_never_replaced BEFORE INSERT ON ledger_asset
WHEN EXISTS (SELECT 1 FROM ledger_asset WHERE code = NEW.code)
BEGIN
    SELECT RAISE(ROLLBACK, 'assets are never replaced');
END;

CREATE TRIGGER ledger_hold_goes_on BEFORE UPDATE ON ledger_hold
WHEN NEW.transaction_id <> OLD.transaction_id OR NEW.leg <> OLD.leg OR NEW.asset <> OLD.asset
    OR NEW.debit_account <> OLD.debit_account OR NEW.credit_account <> OLD.credit_account
    OR NEW.amount <> OLD.amount OR NEW.captured < OLD.captured OR NEW.released < OLD.released
BEGIN
    SELECT RAISE(ROLLBACK, 'a hold stays what it is, and its sums never shrink');
END;

CREATE TRIGGER ledger_hold_is_never_deleted BEFORE DELETE ON ledger_hold
BEGIN
    SELECT RAISE(ROLLBACK, 'holds are never deleted');
END;

CREATE TRIGGER ledger_hold_is_never_replaced BEFORE INSERT ON ledger_hold
WHEN EXISTS (
    SELECT 1 FROM ledger_hold WHERE transaction_id = NEW.transaction_id AND leg = NEW.leg
)
BEGIN
    SELECT RAISE(ROLLBACK, 'holds are never replaced');
END;

CREATE TRIGGER ledger_returned_goes_on BEFORE UPDATE ON ledger_returned
WHEN NEW.transaction_id <> OLD.transaction_id OR NEW.leg <> OLD.leg OR NEW.amount <> OLD.amount
    OR NEW.returned < OLD.returned OR NEW.reversed < OLD.reversed
BEGIN
    SELECT RAISE(ROLLBACK, 'what was given back never shrinks');
END;

CREATE TRIGGER ledger_returned_is_never_deleted BEFORE DELETE ON ledger_returned
BEGIN
    SELECT RAISE(ROLLBACK, 'what was given back is never forgotten');
END;

CREATE TRIGGER ledger_returned_is_never_replaced BEFORE INSERT ON ledger_returned
WHEN EXISTS (
    SELECT 1 FROM ledger_returned WHERE transaction_id = NEW.transaction_id AND leg = NEW.leg
)
BEGIN
    SELECT RAISE(ROLLBACK, 'what was given back is never replaced');
END;
