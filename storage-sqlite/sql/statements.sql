-- Every statement on the rows and the feed. Generated; a test keeps it fresh:
-- UPDATE_STATEMENTS=1 cargo test -p parlor-storage-sqlite statements
--
-- An IN list stands for 1, 2, 4 … 512 values, and a read that goes on from a page
-- before has `AND (the sorting columns) > (…)`, or `<` when it is descending.

-- The feed.
INSERT OR ROLLBACK INTO outbox (id, at, name, user_id, session_id, cause, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
SELECT position, id, at, name, user_id, session_id, cause, event FROM outbox WHERE position > ?1 ORDER BY position LIMIT ?2;
SELECT position, id FROM outbox ORDER BY position DESC LIMIT 1;

-- Rows of app_user.
SELECT id, kind, display_name, created_at, updated_at FROM app_user WHERE id = ?1;
INSERT OR ROLLBACK INTO app_user (id, kind, display_name, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK app_user SET kind = ?2, display_name = ?3, created_at = ?4, updated_at = ?5 WHERE id = ?1;
DELETE FROM app_user WHERE id = ?1;

-- Rows of auth_session.
SELECT id, user_id, access_token_hash, expires_at, created_at FROM auth_session WHERE id = ?1;
INSERT OR ROLLBACK INTO auth_session (id, user_id, access_token_hash, expires_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK auth_session SET user_id = ?2, access_token_hash = ?3, expires_at = ?4, created_at = ?5 WHERE id = ?1;
DELETE FROM auth_session WHERE id = ?1;

-- Rows of room.
SELECT id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason FROM room WHERE id = ?1;
INSERT OR ROLLBACK INTO room (id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);
UPDATE OR ROLLBACK room SET name = ?2, description = ?3, stage_mode = ?4, status = ?5, owner_id = ?6, max_participants = ?7, locked_at = ?8, epoch = ?9, created_at = ?10, updated_at = ?11, opened_at = ?12, closed_at = ?13, close_reason = ?14 WHERE id = ?1;
DELETE FROM room WHERE id = ?1;

-- Rows of room_ban.
SELECT room_id, user_id, display_name, reason, banned_by, at FROM room_ban WHERE room_id = ?1 AND user_id = ?2;
INSERT OR ROLLBACK INTO room_ban (room_id, user_id, display_name, reason, banned_by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
UPDATE OR ROLLBACK room_ban SET display_name = ?3, reason = ?4, banned_by = ?5, at = ?6 WHERE room_id = ?1 AND user_id = ?2;
DELETE FROM room_ban WHERE room_id = ?1 AND user_id = ?2;

-- Rows of participant.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE id = ?1;
INSERT OR ROLLBACK INTO participant (id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19);
UPDATE OR ROLLBACK participant SET room_id = ?2, epoch = ?3, user_id = ?4, display_name = ?5, role = ?6, stage = ?7, hand_seq = ?8, mic = ?9, connection = ?10, leg_id = ?11, lease_epoch = ?12, joined_at = ?13, connected_at = ?14, lost_at = ?15, lapses_at = ?16, left_at = ?17, leave_reason = ?18, removed_by = ?19 WHERE id = ?1;
DELETE FROM participant WHERE id = ?1;

-- Rows of seat.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = ?1 AND user_id = ?2;
INSERT OR ROLLBACK INTO seat (room_id, user_id, participant_id, epoch, role) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK seat SET participant_id = ?3, epoch = ?4, role = ?5 WHERE room_id = ?1 AND user_id = ?2;
DELETE FROM seat WHERE room_id = ?1 AND user_id = ?2;

-- Rows of hand_queue.
SELECT room_id, next_seq, speakers FROM hand_queue WHERE room_id = ?1;
INSERT OR ROLLBACK INTO hand_queue (room_id, next_seq, speakers) VALUES (?1, ?2, ?3);
UPDATE OR ROLLBACK hand_queue SET next_seq = ?2, speakers = ?3 WHERE room_id = ?1;
DELETE FROM hand_queue WHERE room_id = ?1;

-- Rows of occupancy.
SELECT room_id, reserved, active, peak FROM occupancy WHERE room_id = ?1;
INSERT OR ROLLBACK INTO occupancy (room_id, reserved, active, peak) VALUES (?1, ?2, ?3, ?4);
UPDATE OR ROLLBACK occupancy SET reserved = ?2, active = ?3, peak = ?4 WHERE room_id = ?1;
DELETE FROM occupancy WHERE room_id = ?1;

-- Rows of node.
SELECT name, url, run, expires_at FROM node WHERE name = ?1;
INSERT OR ROLLBACK INTO node (name, url, run, expires_at) VALUES (?1, ?2, ?3, ?4);
UPDATE OR ROLLBACK node SET url = ?2, run = ?3, expires_at = ?4 WHERE name = ?1;
DELETE FROM node WHERE name = ?1;

-- Rows of room_lease.
SELECT room_id, node, run, url, epoch, expires_at FROM room_lease WHERE room_id = ?1;
INSERT OR ROLLBACK INTO room_lease (room_id, node, run, url, epoch, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
UPDATE OR ROLLBACK room_lease SET node = ?2, run = ?3, url = ?4, epoch = ?5, expires_at = ?6 WHERE room_id = ?1;
DELETE FROM room_lease WHERE room_id = ?1;

-- Rows of room_listing.
SELECT room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at FROM room_listing WHERE room_id = ?1;
INSERT OR ROLLBACK INTO room_listing (room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
UPDATE OR ROLLBACK room_listing SET name = ?2, description = ?3, owner_name = ?4, stage_mode = ?5, status = ?6, locked = ?7, active = ?8, max_participants = ?9, search = ?10, refreshed_at = ?11 WHERE room_id = ?1;
DELETE FROM room_listing WHERE room_id = ?1;

-- Rows of call_leg.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE id = ?1;
INSERT OR ROLLBACK INTO call_leg (id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22);
UPDATE OR ROLLBACK call_leg SET room_id = ?2, epoch = ?3, participant_id = ?4, user_id = ?5, node = ?6, lease_epoch = ?7, state = ?8, requested_at = ?9, signaled_at = ?10, ice_connected_at = ?11, connected_at = ?12, first_media_at = ?13, ended_at = ?14, end_reason = ?15, outcome = ?16, reconnects = ?17, quality = ?18, bytes_in = ?19, bytes_out = ?20, talk_ms = ?21, trim_at = ?22 WHERE id = ?1;
DELETE FROM call_leg WHERE id = ?1;

-- Rows of leg_reconnect.
SELECT leg_id, n, started_at, ended_at, recovered FROM leg_reconnect WHERE leg_id = ?1 AND n = ?2;
INSERT OR ROLLBACK INTO leg_reconnect (leg_id, n, started_at, ended_at, recovered) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK leg_reconnect SET started_at = ?3, ended_at = ?4, recovered = ?5 WHERE leg_id = ?1 AND n = ?2;
DELETE FROM leg_reconnect WHERE leg_id = ?1 AND n = ?2;

-- Rows of quality_sample.
SELECT leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi FROM quality_sample WHERE leg_id = ?1 AND at = ?2;
INSERT OR ROLLBACK INTO quality_sample (leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
UPDATE OR ROLLBACK quality_sample SET window_ms = ?3, rtt_ms = ?4, jitter_ms = ?5, loss_in_ppm = ?6, loss_out_ppm = ?7, bitrate_in = ?8, bitrate_out = ?9, quality = ?10, mos_centi = ?11 WHERE leg_id = ?1 AND at = ?2;
DELETE FROM quality_sample WHERE leg_id = ?1 AND at = ?2;

-- Rows of ledger_asset.
SELECT code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier FROM ledger_asset WHERE code = ?1;
INSERT OR ROLLBACK INTO ledger_asset (code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);
UPDATE OR ROLLBACK ledger_asset SET scale = ?2, transferable = ?3, sealed = ?4, supply_cap = ?5, changes = ?6, closed_until = ?7, size = ?8, at = ?9, issued = ?10, burned = ?11, frontier = ?12 WHERE code = ?1;
DELETE FROM ledger_asset WHERE code = ?1;

-- Rows of ledger_asset_change.
SELECT asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id FROM ledger_asset_change WHERE asset = ?1 AND n = ?2;
INSERT OR ROLLBACK INTO ledger_asset_change (asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- Rows of ledger_account.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE id = ?1;
INSERT OR ROLLBACK INTO ledger_account (id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17);
UPDATE OR ROLLBACK ledger_account SET debits_posted = ?5, credits_posted = ?6, debits_pending = ?7, credits_pending = ?8, has_floor = ?9, credit_limit = ?10, ceiling = ?11, frozen_in = ?12, frozen_out = ?13, closed = ?14, velocity = ?15, version = ?16, changes = ?17 WHERE id = ?1;
UPDATE OR ROLLBACK ledger_account SET debits_posted = ?2, credits_posted = ?3, debits_pending = ?4, credits_pending = ?5, version = ?6 WHERE id = ?1;
DELETE FROM ledger_account WHERE id = ?1;

-- Rows of ledger_wallet.
SELECT owner, kind, asset, account_id FROM ledger_wallet WHERE owner = ?1 AND kind = ?2 AND asset = ?3;
INSERT OR ROLLBACK INTO ledger_wallet (owner, kind, asset, account_id) VALUES (?1, ?2, ?3, ?4);

-- Rows of ledger_account_change.
SELECT account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id FROM ledger_account_change WHERE account_id = ?1 AND n = ?2;
INSERT OR ROLLBACK INTO ledger_account_change (account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);

-- Rows of ledger_transfer.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = ?1 AND leg = ?2;
INSERT OR ROLLBACK INTO ledger_transfer (transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20);

-- Rows of ledger_memo.
SELECT transaction_id, salt, text FROM ledger_memo WHERE transaction_id = ?1;
INSERT OR ROLLBACK INTO ledger_memo (transaction_id, salt, text) VALUES (?1, ?2, ?3);
UPDATE OR ROLLBACK ledger_memo SET salt = ?2, text = ?3 WHERE transaction_id = ?1;
DELETE FROM ledger_memo WHERE transaction_id = ?1;

-- Rows of ledger_entry.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = ?1 AND version = ?2;
INSERT OR ROLLBACK INTO ledger_entry (account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- Rows of ledger_hold.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE transaction_id = ?1 AND leg = ?2;
INSERT OR ROLLBACK INTO ledger_hold (transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
UPDATE OR ROLLBACK ledger_hold SET asset = ?3, debit_account = ?4, credit_account = ?5, amount = ?6, captured = ?7, released = ?8, state = ?9, expires_at = ?10 WHERE transaction_id = ?1 AND leg = ?2;
DELETE FROM ledger_hold WHERE transaction_id = ?1 AND leg = ?2;

-- Rows of ledger_returned.
SELECT transaction_id, leg, amount, returned, reversed FROM ledger_returned WHERE transaction_id = ?1 AND leg = ?2;
INSERT OR ROLLBACK INTO ledger_returned (transaction_id, leg, amount, returned, reversed) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK ledger_returned SET amount = ?3, returned = ?4, reversed = ?5 WHERE transaction_id = ?1 AND leg = ?2;
DELETE FROM ledger_returned WHERE transaction_id = ?1 AND leg = ?2;

-- Rows of ledger_rejection.
SELECT transaction_id, fingerprint, request, refusal, at, expires_at, digest FROM ledger_rejection WHERE transaction_id = ?1;
INSERT OR ROLLBACK INTO ledger_rejection (transaction_id, fingerprint, request, refusal, at, expires_at, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
UPDATE OR ROLLBACK ledger_rejection SET fingerprint = ?2, request = ?3, refusal = ?4, at = ?5, expires_at = ?6, digest = ?7 WHERE transaction_id = ?1;
DELETE FROM ledger_rejection WHERE transaction_id = ?1;

-- Rows of ledger_block.
SELECT asset, n, root, head, previous, at FROM ledger_block WHERE asset = ?1 AND n = ?2;
INSERT OR ROLLBACK INTO ledger_block (asset, n, root, head, previous, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- Rows of sweep.
SELECT name, subject, bound, started_at FROM sweep WHERE name = ?1 AND subject = ?2;
INSERT OR ROLLBACK INTO sweep (name, subject, bound, started_at) VALUES (?1, ?2, ?3, ?4);
UPDATE OR ROLLBACK sweep SET bound = ?3, started_at = ?4 WHERE name = ?1 AND subject = ?2;
DELETE FROM sweep WHERE name = ?1 AND subject = ?2;

-- Rows of timer.
SELECT name, subject, due_at, command FROM timer WHERE name = ?1 AND subject = ?2;
INSERT OR ROLLBACK INTO timer (name, subject, due_at, command) VALUES (?1, ?2, ?3, ?4);
UPDATE OR ROLLBACK timer SET due_at = ?3, command = ?4 WHERE name = ?1 AND subject = ?2;
DELETE FROM timer WHERE name = ?1 AND subject = ?2;

-- Rows of idempotency.
SELECT scope, key, request, outcome, expires_at FROM idempotency WHERE scope = ?1 AND key = ?2;
INSERT OR ROLLBACK INTO idempotency (scope, key, request, outcome, expires_at) VALUES (?1, ?2, ?3, ?4, ?5);
UPDATE OR ROLLBACK idempotency SET request = ?3, outcome = ?4, expires_at = ?5 WHERE scope = ?1 AND key = ?2;
DELETE FROM idempotency WHERE scope = ?1 AND key = ?2;

-- Rows of feed_cursor.
SELECT consumer, position FROM feed_cursor WHERE consumer = ?1;
INSERT OR ROLLBACK INTO feed_cursor (consumer, position) VALUES (?1, ?2);
UPDATE OR ROLLBACK feed_cursor SET position = ?2 WHERE consumer = ?1;
DELETE FROM feed_cursor WHERE consumer = ?1;

-- The read engine.due_timers, by timer_due.
SELECT name, subject, due_at, command FROM timer WHERE due_at <= ?1 ORDER BY due_at, name, subject LIMIT ?2;

-- The read engine.sweeps, by primary key.
SELECT name, subject, bound, started_at FROM sweep WHERE 1 ORDER BY name, subject LIMIT ?1;

-- The read engine.cursor, by primary key.
SELECT consumer, position FROM feed_cursor WHERE consumer = ?1 ORDER BY consumer LIMIT ?2;

-- The read engine.expired_outcomes, by idempotency_expiry.
SELECT scope, key, request, outcome, expires_at FROM idempotency WHERE expires_at <= ?1 ORDER BY expires_at, scope, key LIMIT ?2;

-- The read identity.session_by_token, by auth_session_by_token.
SELECT id, user_id, access_token_hash, expires_at, created_at FROM auth_session WHERE access_token_hash = ?1 ORDER BY id LIMIT ?2;

-- The read identity.user, by primary key.
SELECT id, kind, display_name, created_at, updated_at FROM app_user WHERE id = ?1 ORDER BY id LIMIT ?2;

-- The read rooms.room, by primary key.
SELECT id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason FROM room WHERE id = ?1 ORDER BY id LIMIT ?2;

-- The read rooms.occupancy, by primary key.
SELECT room_id, reserved, active, peak FROM occupancy WHERE room_id = ?1 ORDER BY room_id LIMIT ?2;

-- The read rooms.seat, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = ?1 AND user_id = ?2 ORDER BY room_id, user_id LIMIT ?3;

-- The read rooms.participants_by_id, by primary key.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE id IN (?1) ORDER BY id LIMIT ?2;

-- The read rooms.seats, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = ?1 AND epoch = ?2 ORDER BY room_id, user_id LIMIT ?3;

-- The read rooms.seats_up_to, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = ?1 AND epoch <= ?2 ORDER BY room_id, user_id LIMIT ?3;

-- The read rooms.leases_expiring, by room_lease_expiring.
SELECT room_id, node, run, url, epoch, expires_at FROM room_lease WHERE expires_at <= ?1 ORDER BY expires_at, room_id LIMIT ?2;

-- The read rooms.leases_of, by room_lease_of_node.
SELECT room_id, node, run, url, epoch, expires_at FROM room_lease WHERE node = ?1 ORDER BY room_id LIMIT ?2;

-- The read rooms.nodes, by primary key.
SELECT name, url, run, expires_at FROM node WHERE 1 ORDER BY name LIMIT ?1;

-- The read rooms.lapsing, by participant_lapsing.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE left_at IS NULL AND lapses_at <= ?1 ORDER BY lapses_at, id LIMIT ?2;

-- The read rooms.hands, by participant_hand.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE room_id = ?1 AND hand_seq IS NOT NULL ORDER BY hand_seq, id LIMIT ?2;

-- The read rooms.discover, by room_listing_busiest.
SELECT room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at FROM room_listing WHERE 1 ORDER BY active DESC, room_id DESC LIMIT ?1;

-- The read rooms.search, by room_listing_text.
SELECT room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at FROM room_listing WHERE room_id IN (SELECT room_id FROM room_listing_doc WHERE doc IN (SELECT rowid FROM room_listing_text WHERE room_listing_text MATCH ?1)) ORDER BY active DESC, room_id DESC LIMIT ?2;

-- The read rooms.bans, by room_ban_by_time.
SELECT room_id, user_id, display_name, reason, banned_by, at FROM room_ban WHERE room_id = ?1 ORDER BY at DESC, room_id DESC, user_id DESC LIMIT ?2;

-- The read calls.leg, by primary key.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE id = ?1 ORDER BY id LIMIT ?2;

-- The read calls.legs_of_session, by call_leg_of_room.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE room_id = ?1 AND epoch = ?2 ORDER BY id LIMIT ?3;

-- The read calls.legs_of_participant, by call_leg_of_participant.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE participant_id = ?1 ORDER BY id LIMIT ?2;

-- The read calls.open_legs, by call_leg_open.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE room_id = ?1 AND ended_at IS NULL ORDER BY id LIMIT ?2;

-- The read calls.legs_to_trim, by call_leg_trim.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE trim_at <= ?1 AND trim_at IS NOT NULL ORDER BY trim_at, id LIMIT ?2;

-- The read calls.reconnects, by primary key.
SELECT leg_id, n, started_at, ended_at, recovered FROM leg_reconnect WHERE leg_id = ?1 ORDER BY leg_id, n LIMIT ?2;

-- The read calls.samples, by primary key.
SELECT leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi FROM quality_sample WHERE leg_id = ?1 ORDER BY leg_id, at LIMIT ?2;

-- The read ledger.asset, by primary key.
SELECT code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier FROM ledger_asset WHERE code = ?1 ORDER BY code LIMIT ?2;

-- The read ledger.assets, by primary key.
SELECT code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier FROM ledger_asset WHERE 1 ORDER BY code LIMIT ?1;

-- The read ledger.account, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE id = ?1 ORDER BY id LIMIT ?2;

-- The read ledger.accounts_by_id, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE id IN (?1) ORDER BY id LIMIT ?2;

-- The read ledger.wallets, by primary key.
SELECT owner, kind, asset, account_id FROM ledger_wallet WHERE owner = ?1 ORDER BY owner, kind, asset LIMIT ?2;

-- The read ledger.accounts_of_asset, by ledger_account_by_kind.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE asset = ?1 ORDER BY kind, id LIMIT ?2;

-- The read ledger.accounts_of_kind, by ledger_account_by_kind.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE asset = ?1 AND kind = ?2 ORDER BY id LIMIT ?3;

-- The read ledger.transaction, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = ?1 ORDER BY transaction_id, leg LIMIT ?2;

-- The read ledger.memo, by primary key.
SELECT transaction_id, salt, text FROM ledger_memo WHERE transaction_id = ?1 ORDER BY transaction_id LIMIT ?2;

-- The read ledger.hold, by primary key.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE transaction_id = ?1 AND leg = ?2 ORDER BY transaction_id, leg LIMIT ?3;

-- The read ledger.holds, by ledger_hold_of_account.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE debit_account = ?1 ORDER BY state, transaction_id, leg LIMIT ?2;

-- The read ledger.open_holds, by ledger_hold_of_account.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE debit_account = ?1 AND state = ?2 ORDER BY transaction_id, leg LIMIT ?3;

-- The read ledger.holds_due, by ledger_hold_due.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE expires_at <= ?1 AND expires_at IS NOT NULL ORDER BY expires_at, transaction_id, leg LIMIT ?2;

-- The read ledger.rejections_due, by ledger_rejection_expiry.
SELECT transaction_id, fingerprint, request, refusal, at, expires_at, digest FROM ledger_rejection WHERE expires_at <= ?1 ORDER BY expires_at, transaction_id LIMIT ?2;

-- The read ledger.history_of_user, by ledger_transfer_by_user.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE user_id = ?1 AND ((1) AND (1)) AND (1) AND (1) AND (1) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT ?2;

-- The read ledger.history_of_user, by ledger_transfer_by_user.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE user_id = ?1 AND (at >= ?2 AND at <= ?3) AND (debit_account = ?4 OR credit_account = ?5) AND (1) AND (1) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT ?6;

-- The read ledger.history_of_kind, by ledger_transfer_by_kind.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE kind = ?1 AND ((1) AND (1)) AND (1) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT ?2;

-- The read ledger.history_of_kind, by ledger_transfer_by_kind.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE kind = ?1 AND (at >= ?2 AND at <= ?3) AND asset = ?4 ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT ?5;

-- The read ledger.history_of_asset, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE asset = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq DESC LIMIT ?4;

-- The read ledger.entries, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = ?1 AND version >= ?2 AND version <= ?3 ORDER BY account_id, version LIMIT ?4;

-- The read ledger.history_of_account, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = ?1 AND version >= ?2 AND version <= ?3 AND (1) ORDER BY account_id DESC, version DESC LIMIT ?4;

-- The read ledger.history_of_account, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = ?1 AND version >= ?2 AND version <= ?3 AND kind = ?4 ORDER BY account_id DESC, version DESC LIMIT ?5;

-- The read ledger.by_reference, by ledger_transfer_by_reference.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE reference = ?1 ORDER BY transaction_id, leg LIMIT ?2;

-- The read ledger.by_references, by ledger_transfer_by_reference.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE reference IN (?1) AND (debit_account = ?2 OR credit_account = ?3) AND reference IS NOT NULL ORDER BY reference, transaction_id, leg LIMIT ?4;

-- The read ledger.transfer, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = ?1 AND leg = ?2 ORDER BY transaction_id, leg LIMIT ?3;

-- The read ledger.transfers_of, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id IN (?1) ORDER BY transaction_id, leg LIMIT ?2;

-- The read ledger.transfers_in_log, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE asset = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY asset, seq LIMIT ?4;

-- The read ledger.account_changes_in_log, by ledger_account_change_seq.
SELECT account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id FROM ledger_account_change WHERE asset = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY asset, seq LIMIT ?4;

-- The read ledger.asset_changes_in_log, by ledger_asset_change_seq.
SELECT asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id FROM ledger_asset_change WHERE asset = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY asset, seq LIMIT ?4;

-- The read ledger.transfers_by_log, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE 1 ORDER BY asset, seq LIMIT ?1;

-- The read ledger.account_changes_by_log, by ledger_account_change_seq.
SELECT account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id FROM ledger_account_change WHERE 1 ORDER BY asset, seq LIMIT ?1;

-- The read ledger.asset_changes_by_log, by ledger_asset_change_seq.
SELECT asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id FROM ledger_asset_change WHERE 1 ORDER BY asset, seq LIMIT ?1;

-- The read ledger.blocks, by primary key.
SELECT asset, n, root, head, previous, at FROM ledger_block WHERE asset = ?1 AND n >= ?2 AND n <= ?3 ORDER BY asset, n LIMIT ?4;

-- The read ledger.every_block, by primary key.
SELECT asset, n, root, head, previous, at FROM ledger_block WHERE 1 ORDER BY asset, n LIMIT ?1;

-- The read ledger.every_account, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE 1 ORDER BY id LIMIT ?1;

-- The read ledger.every_entry, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE 1 ORDER BY account_id, version LIMIT ?1;

-- The read ledger.every_wallet, by primary key.
SELECT owner, kind, asset, account_id FROM ledger_wallet WHERE 1 ORDER BY owner, kind, asset LIMIT ?1;

-- The read ledger.every_hold, by primary key.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE 1 ORDER BY transaction_id, leg LIMIT ?1;

-- The read ledger.everything_returned, by primary key.
SELECT transaction_id, leg, amount, returned, reversed FROM ledger_returned WHERE 1 ORDER BY transaction_id, leg LIMIT ?1;

-- The read ledger.every_memo, by primary key.
SELECT transaction_id, salt, text FROM ledger_memo WHERE 1 ORDER BY transaction_id LIMIT ?1;

-- The read ledger.every_rejection, by primary key.
SELECT transaction_id, fingerprint, request, refusal, at, expires_at, digest FROM ledger_rejection WHERE 1 ORDER BY transaction_id LIMIT ?1;
