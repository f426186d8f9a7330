-- Every statement on the rows and the feed. Generated; a test keeps it fresh:
-- UPDATE_STATEMENTS=1 cargo test -p parlor-storage-postgres statements
--
-- A read that goes on from a page before has `AND (the sorting columns) > (…)`, or
-- `<` when it is descending. Rows of a table that many share are read without a
-- row lock, under the advisory locks taken first.

-- A transaction that writes.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s';
SELECT count(CASE WHEN own THEN pg_advisory_xact_lock(1349676146, bucket::int)::text ELSE pg_advisory_xact_lock_shared(1349676146, bucket::int)::text END) FROM unnest($1::bigint[], $2::boolean[]) AS v(bucket, own);

-- A transaction that reads, by an index, or by its full-text index.
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s';
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '60s';

-- Whether a transaction was committed.
INSERT INTO receipt (id, committed) VALUES ('00000000-0000-0000-0000-000000000000', true); COMMIT;
INSERT INTO receipt (id, committed) VALUES ('00000000-0000-0000-0000-000000000000', false) ON CONFLICT (id) DO NOTHING;
SELECT committed::int FROM receipt WHERE id = '00000000-0000-0000-0000-000000000000';
DELETE FROM receipt WHERE id IN (SELECT id FROM receipt WHERE at < now() - interval '1 hour' ORDER BY at LIMIT 10000);

-- The feed.
SAVEPOINT feed;
WITH receipt AS (INSERT INTO receipt (id, committed) VALUES ($8::uuid, true) RETURNING xmin::text::bigint AS part), number AS (SELECT whole + mod(part - mod(whole, 4294967296) + 4294967296, 4294967296) AS part FROM receipt, (SELECT pg_current_xact_id()::text::bigint AS whole) AS it), appended AS (INSERT INTO outbox (position, id, at, name, user_id, session_id, cause, event) SELECT ((shift + number.part) << 20) + v.n, v.id, v.at, v.name, v.user_id, v.session_id, v.cause, v.event FROM feed_origin, number, unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::jsonb[]) WITH ORDINALITY AS v(id, at, name, user_id, session_id, cause, event, n) WHERE singleton RETURNING position) SELECT max(position) FROM appended;
SELECT position, id, at, name, user_id, session_id, cause, event FROM outbox WHERE position > $1 AND position < (SELECT (shift + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << 20 FROM feed_origin WHERE singleton) ORDER BY position LIMIT $2;
SELECT position FROM outbox WHERE position < (SELECT (shift + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << 20 FROM feed_origin WHERE singleton) ORDER BY position DESC LIMIT 1;
SELECT count(*), min(at) FROM (SELECT at FROM outbox WHERE position >= (SELECT (shift + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) << 20 FROM feed_origin WHERE singleton) ORDER BY position LIMIT 10000) AS hidden;

-- Rows of app_user.
SELECT t.id, t.kind, t.display_name, t.created_at, t.updated_at FROM unnest($1::uuid[]) AS v(id) JOIN app_user AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.kind, t.display_name, t.created_at, t.updated_at FROM unnest($1::uuid[]) AS v(id) JOIN app_user AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.kind, t.display_name, t.created_at, t.updated_at FROM unnest($1::uuid[]) AS v(id) JOIN app_user AS t ON t.id = v.id;
INSERT INTO app_user (id, kind, display_name, created_at, updated_at) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]);
UPDATE app_user AS t SET kind = v.kind, display_name = v.display_name, created_at = v.created_at, updated_at = v.updated_at FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS v(id, kind, display_name, created_at, updated_at) WHERE t.id = v.id;
DELETE FROM app_user AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of auth_session.
SELECT t.id, t.user_id, t.access_token_hash, t.expires_at, t.created_at FROM unnest($1::uuid[]) AS v(id) JOIN auth_session AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.user_id, t.access_token_hash, t.expires_at, t.created_at FROM unnest($1::uuid[]) AS v(id) JOIN auth_session AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.user_id, t.access_token_hash, t.expires_at, t.created_at FROM unnest($1::uuid[]) AS v(id) JOIN auth_session AS t ON t.id = v.id;
INSERT INTO auth_session (id, user_id, access_token_hash, expires_at, created_at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::timestamptz[]);
UPDATE auth_session AS t SET user_id = v.user_id, access_token_hash = v.access_token_hash, expires_at = v.expires_at, created_at = v.created_at FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[], $5::timestamptz[]) AS v(id, user_id, access_token_hash, expires_at, created_at) WHERE t.id = v.id;
DELETE FROM auth_session AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of room.
SELECT t.id, t.name, t.description, t.stage_mode, t.status, t.owner_id, t.max_participants, t.locked_at, t.epoch, t.created_at, t.updated_at, t.opened_at, t.closed_at, t.close_reason FROM unnest($1::uuid[]) AS v(id) JOIN room AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.name, t.description, t.stage_mode, t.status, t.owner_id, t.max_participants, t.locked_at, t.epoch, t.created_at, t.updated_at, t.opened_at, t.closed_at, t.close_reason FROM unnest($1::uuid[]) AS v(id) JOIN room AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.name, t.description, t.stage_mode, t.status, t.owner_id, t.max_participants, t.locked_at, t.epoch, t.created_at, t.updated_at, t.opened_at, t.closed_at, t.close_reason FROM unnest($1::uuid[]) AS v(id) JOIN room AS t ON t.id = v.id;
INSERT INTO room (id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[]);
UPDATE room AS t SET name = v.name, description = v.description, stage_mode = v.stage_mode, status = v.status, owner_id = v.owner_id, max_participants = v.max_participants, locked_at = v.locked_at, epoch = v.epoch, created_at = v.created_at, updated_at = v.updated_at, opened_at = v.opened_at, closed_at = v.closed_at, close_reason = v.close_reason FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[]) AS v(id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason) WHERE t.id = v.id;
DELETE FROM room AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of room_ban.
SELECT t.room_id, t.user_id, t.display_name, t.reason, t.banned_by, t.at FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN room_ban AS t ON t.room_id = v.room_id AND t.user_id = v.user_id ORDER BY t.room_id, t.user_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.user_id, t.display_name, t.reason, t.banned_by, t.at FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN room_ban AS t ON t.room_id = v.room_id AND t.user_id = v.user_id ORDER BY t.room_id, t.user_id FOR SHARE OF t;
SELECT t.room_id, t.user_id, t.display_name, t.reason, t.banned_by, t.at FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN room_ban AS t ON t.room_id = v.room_id AND t.user_id = v.user_id;
INSERT INTO room_ban (room_id, user_id, display_name, reason, banned_by, at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[]);
UPDATE room_ban AS t SET display_name = v.display_name, reason = v.reason, banned_by = v.banned_by, at = v.at FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[]) AS v(room_id, user_id, display_name, reason, banned_by, at) WHERE t.room_id = v.room_id AND t.user_id = v.user_id;
DELETE FROM room_ban AS t USING unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) WHERE t.room_id = v.room_id AND t.user_id = v.user_id;

-- Rows of participant.
SELECT t.id, t.room_id, t.epoch, t.user_id, t.display_name, t.role, t.stage, t.hand_seq, t.mic, t.connection, t.leg_id, t.lease_epoch, t.joined_at, t.connected_at, t.lost_at, t.lapses_at, t.left_at, t.leave_reason, t.removed_by FROM unnest($1::uuid[]) AS v(id) JOIN participant AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.room_id, t.epoch, t.user_id, t.display_name, t.role, t.stage, t.hand_seq, t.mic, t.connection, t.leg_id, t.lease_epoch, t.joined_at, t.connected_at, t.lost_at, t.lapses_at, t.left_at, t.leave_reason, t.removed_by FROM unnest($1::uuid[]) AS v(id) JOIN participant AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.room_id, t.epoch, t.user_id, t.display_name, t.role, t.stage, t.hand_seq, t.mic, t.connection, t.leg_id, t.lease_epoch, t.joined_at, t.connected_at, t.lost_at, t.lapses_at, t.left_at, t.leave_reason, t.removed_by FROM unnest($1::uuid[]) AS v(id) JOIN participant AS t ON t.id = v.id;
INSERT INTO participant (id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::uuid[], $12::bigint[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::text[], $19::uuid[]);
UPDATE participant AS t SET room_id = v.room_id, epoch = v.epoch, user_id = v.user_id, display_name = v.display_name, role = v.role, stage = v.stage, hand_seq = v.hand_seq, mic = v.mic, connection = v.connection, leg_id = v.leg_id, lease_epoch = v.lease_epoch, joined_at = v.joined_at, connected_at = v.connected_at, lost_at = v.lost_at, lapses_at = v.lapses_at, left_at = v.left_at, leave_reason = v.leave_reason, removed_by = v.removed_by FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::uuid[], $12::bigint[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::text[], $19::uuid[]) AS v(id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by) WHERE t.id = v.id;
DELETE FROM participant AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of seat.
SELECT t.room_id, t.user_id, t.participant_id, t.epoch, t.role FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN seat AS t ON t.room_id = v.room_id AND t.user_id = v.user_id ORDER BY t.room_id, t.user_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.user_id, t.participant_id, t.epoch, t.role FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN seat AS t ON t.room_id = v.room_id AND t.user_id = v.user_id ORDER BY t.room_id, t.user_id FOR SHARE OF t;
SELECT t.room_id, t.user_id, t.participant_id, t.epoch, t.role FROM unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) JOIN seat AS t ON t.room_id = v.room_id AND t.user_id = v.user_id;
INSERT INTO seat (room_id, user_id, participant_id, epoch, role) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[]);
UPDATE seat AS t SET participant_id = v.participant_id, epoch = v.epoch, role = v.role FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[]) AS v(room_id, user_id, participant_id, epoch, role) WHERE t.room_id = v.room_id AND t.user_id = v.user_id;
DELETE FROM seat AS t USING unnest($1::uuid[], $2::uuid[]) AS v(room_id, user_id) WHERE t.room_id = v.room_id AND t.user_id = v.user_id;

-- Rows of hand_queue.
SELECT t.room_id, t.next_seq, t.speakers FROM unnest($1::uuid[]) AS v(room_id) JOIN hand_queue AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.next_seq, t.speakers FROM unnest($1::uuid[]) AS v(room_id) JOIN hand_queue AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR SHARE OF t;
SELECT t.room_id, t.next_seq, t.speakers FROM unnest($1::uuid[]) AS v(room_id) JOIN hand_queue AS t ON t.room_id = v.room_id;
INSERT INTO hand_queue (room_id, next_seq, speakers) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]);
UPDATE hand_queue AS t SET next_seq = v.next_seq, speakers = v.speakers FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS v(room_id, next_seq, speakers) WHERE t.room_id = v.room_id;
DELETE FROM hand_queue AS t USING unnest($1::uuid[]) AS v(room_id) WHERE t.room_id = v.room_id;

-- Rows of occupancy.
SELECT t.room_id, t.reserved, t.active, t.peak FROM unnest($1::uuid[]) AS v(room_id) JOIN occupancy AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.reserved, t.active, t.peak FROM unnest($1::uuid[]) AS v(room_id) JOIN occupancy AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR SHARE OF t;
SELECT t.room_id, t.reserved, t.active, t.peak FROM unnest($1::uuid[]) AS v(room_id) JOIN occupancy AS t ON t.room_id = v.room_id;
INSERT INTO occupancy (room_id, reserved, active, peak) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]);
UPDATE occupancy AS t SET reserved = v.reserved, active = v.active, peak = v.peak FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS v(room_id, reserved, active, peak) WHERE t.room_id = v.room_id;
DELETE FROM occupancy AS t USING unnest($1::uuid[]) AS v(room_id) WHERE t.room_id = v.room_id;

-- Rows of node.
SELECT t.name, t.url, t.run, t.expires_at FROM unnest($1::text[]) AS v(name) JOIN node AS t ON t.name = v.name ORDER BY t.name FOR NO KEY UPDATE OF t;
SELECT t.name, t.url, t.run, t.expires_at FROM unnest($1::text[]) AS v(name) JOIN node AS t ON t.name = v.name ORDER BY t.name FOR SHARE OF t;
SELECT t.name, t.url, t.run, t.expires_at FROM unnest($1::text[]) AS v(name) JOIN node AS t ON t.name = v.name;
INSERT INTO node (name, url, run, expires_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]);
UPDATE node AS t SET url = v.url, run = v.run, expires_at = v.expires_at FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) AS v(name, url, run, expires_at) WHERE t.name = v.name;
DELETE FROM node AS t USING unnest($1::text[]) AS v(name) WHERE t.name = v.name;

-- Rows of room_lease.
SELECT t.room_id, t.node, t.run, t.url, t.epoch, t.expires_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_lease AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.node, t.run, t.url, t.epoch, t.expires_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_lease AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR SHARE OF t;
SELECT t.room_id, t.node, t.run, t.url, t.epoch, t.expires_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_lease AS t ON t.room_id = v.room_id;
INSERT INTO room_lease (room_id, node, run, url, epoch, expires_at) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[]);
UPDATE room_lease AS t SET node = v.node, run = v.run, url = v.url, epoch = v.epoch, expires_at = v.expires_at FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[]) AS v(room_id, node, run, url, epoch, expires_at) WHERE t.room_id = v.room_id;
DELETE FROM room_lease AS t USING unnest($1::uuid[]) AS v(room_id) WHERE t.room_id = v.room_id;

-- Rows of room_listing.
SELECT t.room_id, t.name, t.description, t.owner_name, t.stage_mode, t.status, t.locked, t.active, t.max_participants, t.search, t.refreshed_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_listing AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR NO KEY UPDATE OF t;
SELECT t.room_id, t.name, t.description, t.owner_name, t.stage_mode, t.status, t.locked, t.active, t.max_participants, t.search, t.refreshed_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_listing AS t ON t.room_id = v.room_id ORDER BY t.room_id FOR SHARE OF t;
SELECT t.room_id, t.name, t.description, t.owner_name, t.stage_mode, t.status, t.locked, t.active, t.max_participants, t.search, t.refreshed_at FROM unnest($1::uuid[]) AS v(room_id) JOIN room_listing AS t ON t.room_id = v.room_id;
INSERT INTO room_listing (room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[]);
UPDATE room_listing AS t SET name = v.name, description = v.description, owner_name = v.owner_name, stage_mode = v.stage_mode, status = v.status, locked = v.locked, active = v.active, max_participants = v.max_participants, search = v.search, refreshed_at = v.refreshed_at FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[]) AS v(room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at) WHERE t.room_id = v.room_id;
DELETE FROM room_listing AS t USING unnest($1::uuid[]) AS v(room_id) WHERE t.room_id = v.room_id;

-- Rows of call_leg.
SELECT t.id, t.room_id, t.epoch, t.participant_id, t.user_id, t.node, t.lease_epoch, t.state, t.requested_at, t.signaled_at, t.ice_connected_at, t.connected_at, t.first_media_at, t.ended_at, t.end_reason, t.outcome, t.reconnects, t.quality, t.bytes_in, t.bytes_out, t.talk_ms, t.trim_at FROM unnest($1::uuid[]) AS v(id) JOIN call_leg AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.room_id, t.epoch, t.participant_id, t.user_id, t.node, t.lease_epoch, t.state, t.requested_at, t.signaled_at, t.ice_connected_at, t.connected_at, t.first_media_at, t.ended_at, t.end_reason, t.outcome, t.reconnects, t.quality, t.bytes_in, t.bytes_out, t.talk_ms, t.trim_at FROM unnest($1::uuid[]) AS v(id) JOIN call_leg AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.room_id, t.epoch, t.participant_id, t.user_id, t.node, t.lease_epoch, t.state, t.requested_at, t.signaled_at, t.ice_connected_at, t.connected_at, t.first_media_at, t.ended_at, t.end_reason, t.outcome, t.reconnects, t.quality, t.bytes_in, t.bytes_out, t.talk_ms, t.trim_at FROM unnest($1::uuid[]) AS v(id) JOIN call_leg AS t ON t.id = v.id;
INSERT INTO call_leg (id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::bigint[], $18::text[], $19::bigint[], $20::bigint[], $21::bigint[], $22::timestamptz[]);
UPDATE call_leg AS t SET room_id = v.room_id, epoch = v.epoch, participant_id = v.participant_id, user_id = v.user_id, node = v.node, lease_epoch = v.lease_epoch, state = v.state, requested_at = v.requested_at, signaled_at = v.signaled_at, ice_connected_at = v.ice_connected_at, connected_at = v.connected_at, first_media_at = v.first_media_at, ended_at = v.ended_at, end_reason = v.end_reason, outcome = v.outcome, reconnects = v.reconnects, quality = v.quality, bytes_in = v.bytes_in, bytes_out = v.bytes_out, talk_ms = v.talk_ms, trim_at = v.trim_at FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::bigint[], $18::text[], $19::bigint[], $20::bigint[], $21::bigint[], $22::timestamptz[]) AS v(id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at) WHERE t.id = v.id;
DELETE FROM call_leg AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of leg_reconnect.
SELECT t.leg_id, t.n, t.started_at, t.ended_at, t.recovered FROM unnest($1::uuid[], $2::bigint[]) AS v(leg_id, n) JOIN leg_reconnect AS t ON t.leg_id = v.leg_id AND t.n = v.n ORDER BY t.leg_id, t.n FOR NO KEY UPDATE OF t;
SELECT t.leg_id, t.n, t.started_at, t.ended_at, t.recovered FROM unnest($1::uuid[], $2::bigint[]) AS v(leg_id, n) JOIN leg_reconnect AS t ON t.leg_id = v.leg_id AND t.n = v.n ORDER BY t.leg_id, t.n FOR SHARE OF t;
SELECT t.leg_id, t.n, t.started_at, t.ended_at, t.recovered FROM unnest($1::uuid[], $2::bigint[]) AS v(leg_id, n) JOIN leg_reconnect AS t ON t.leg_id = v.leg_id AND t.n = v.n;
INSERT INTO leg_reconnect (leg_id, n, started_at, ended_at, recovered) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::boolean[]);
UPDATE leg_reconnect AS t SET started_at = v.started_at, ended_at = v.ended_at, recovered = v.recovered FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::boolean[]) AS v(leg_id, n, started_at, ended_at, recovered) WHERE t.leg_id = v.leg_id AND t.n = v.n;
DELETE FROM leg_reconnect AS t USING unnest($1::uuid[], $2::bigint[]) AS v(leg_id, n) WHERE t.leg_id = v.leg_id AND t.n = v.n;

-- Rows of quality_sample.
SELECT t.leg_id, t.at, t.window_ms, t.rtt_ms, t.jitter_ms, t.loss_in_ppm, t.loss_out_ppm, t.bitrate_in, t.bitrate_out, t.quality, t.mos_centi FROM unnest($1::uuid[], $2::timestamptz[]) AS v(leg_id, at) JOIN quality_sample AS t ON t.leg_id = v.leg_id AND t.at = v.at ORDER BY t.leg_id, t.at FOR NO KEY UPDATE OF t;
SELECT t.leg_id, t.at, t.window_ms, t.rtt_ms, t.jitter_ms, t.loss_in_ppm, t.loss_out_ppm, t.bitrate_in, t.bitrate_out, t.quality, t.mos_centi FROM unnest($1::uuid[], $2::timestamptz[]) AS v(leg_id, at) JOIN quality_sample AS t ON t.leg_id = v.leg_id AND t.at = v.at ORDER BY t.leg_id, t.at FOR SHARE OF t;
SELECT t.leg_id, t.at, t.window_ms, t.rtt_ms, t.jitter_ms, t.loss_in_ppm, t.loss_out_ppm, t.bitrate_in, t.bitrate_out, t.quality, t.mos_centi FROM unnest($1::uuid[], $2::timestamptz[]) AS v(leg_id, at) JOIN quality_sample AS t ON t.leg_id = v.leg_id AND t.at = v.at;
INSERT INTO quality_sample (leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi) SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[]);
UPDATE quality_sample AS t SET window_ms = v.window_ms, rtt_ms = v.rtt_ms, jitter_ms = v.jitter_ms, loss_in_ppm = v.loss_in_ppm, loss_out_ppm = v.loss_out_ppm, bitrate_in = v.bitrate_in, bitrate_out = v.bitrate_out, quality = v.quality, mos_centi = v.mos_centi FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[]) AS v(leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi) WHERE t.leg_id = v.leg_id AND t.at = v.at;
DELETE FROM quality_sample AS t USING unnest($1::uuid[], $2::timestamptz[]) AS v(leg_id, at) WHERE t.leg_id = v.leg_id AND t.at = v.at;

-- Rows of ledger_asset.
SELECT t.code, t.scale, t.transferable, t.sealed, t.supply_cap, t.changes, t.closed_until, t.size, t.at, t.issued, t.burned, t.frontier FROM unnest($1::text[]) AS v(code) JOIN ledger_asset AS t ON t.code = v.code ORDER BY t.code FOR NO KEY UPDATE OF t;
SELECT t.code, t.scale, t.transferable, t.sealed, t.supply_cap, t.changes, t.closed_until, t.size, t.at, t.issued, t.burned, t.frontier FROM unnest($1::text[]) AS v(code) JOIN ledger_asset AS t ON t.code = v.code ORDER BY t.code FOR SHARE OF t;
SELECT t.code, t.scale, t.transferable, t.sealed, t.supply_cap, t.changes, t.closed_until, t.size, t.at, t.issued, t.burned, t.frontier FROM unnest($1::text[]) AS v(code) JOIN ledger_asset AS t ON t.code = v.code;
INSERT INTO ledger_asset (code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier) SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::boolean[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::bigint[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bytea[]);
UPDATE ledger_asset AS t SET scale = v.scale, transferable = v.transferable, sealed = v.sealed, supply_cap = v.supply_cap, changes = v.changes, closed_until = v.closed_until, size = v.size, at = v.at, issued = v.issued, burned = v.burned, frontier = v.frontier FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::boolean[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::bigint[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bytea[]) AS v(code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier) WHERE t.code = v.code;
DELETE FROM ledger_asset AS t USING unnest($1::text[]) AS v(code) WHERE t.code = v.code;

-- Rows of ledger_asset_change.
SELECT t.asset, t.n, t.seq, t.at, t.scale, t.transferable, t.sealed, t.supply_cap, t.closed_until, t.user_id FROM unnest($1::text[], $2::bigint[]) AS v(asset, n) JOIN ledger_asset_change AS t ON t.asset = v.asset AND t.n = v.n;
INSERT INTO ledger_asset_change (asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::boolean[], $7::boolean[], $8::bigint[], $9::timestamptz[], $10::uuid[]);
COPY ledger_asset_change (asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id) FROM STDIN (FORMAT BINARY);

-- Rows of ledger_account.
SELECT t.id, t.asset, t.kind, t.owner, t.debits_posted, t.credits_posted, t.debits_pending, t.credits_pending, t.has_floor, t.credit_limit, t.ceiling, t.frozen_in, t.frozen_out, t.closed, t.velocity, t.version, t.changes FROM unnest($1::uuid[]) AS v(id) JOIN ledger_account AS t ON t.id = v.id ORDER BY t.id FOR NO KEY UPDATE OF t;
SELECT t.id, t.asset, t.kind, t.owner, t.debits_posted, t.credits_posted, t.debits_pending, t.credits_pending, t.has_floor, t.credit_limit, t.ceiling, t.frozen_in, t.frozen_out, t.closed, t.velocity, t.version, t.changes FROM unnest($1::uuid[]) AS v(id) JOIN ledger_account AS t ON t.id = v.id ORDER BY t.id FOR SHARE OF t;
SELECT t.id, t.asset, t.kind, t.owner, t.debits_posted, t.credits_posted, t.debits_pending, t.credits_pending, t.has_floor, t.credit_limit, t.ceiling, t.frozen_in, t.frozen_out, t.closed, t.velocity, t.version, t.changes FROM unnest($1::uuid[]) AS v(id) JOIN ledger_account AS t ON t.id = v.id;
INSERT INTO ledger_account (id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[], $10::bigint[], $11::bigint[], $12::boolean[], $13::boolean[], $14::boolean[], $15::jsonb[], $16::bigint[], $17::bigint[]);
UPDATE ledger_account AS t SET debits_posted = v.debits_posted, credits_posted = v.credits_posted, debits_pending = v.debits_pending, credits_pending = v.credits_pending, has_floor = v.has_floor, credit_limit = v.credit_limit, ceiling = v.ceiling, frozen_in = v.frozen_in, frozen_out = v.frozen_out, closed = v.closed, velocity = v.velocity, version = v.version, changes = v.changes FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[], $10::bigint[], $11::bigint[], $12::boolean[], $13::boolean[], $14::boolean[], $15::jsonb[], $16::bigint[], $17::bigint[]) AS v(id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes) WHERE t.id = v.id;
UPDATE ledger_account AS t SET debits_posted = v.debits_posted, credits_posted = v.credits_posted, debits_pending = v.debits_pending, credits_pending = v.credits_pending, version = v.version FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS v(id, debits_posted, credits_posted, debits_pending, credits_pending, version) WHERE t.id = v.id;
DELETE FROM ledger_account AS t USING unnest($1::uuid[]) AS v(id) WHERE t.id = v.id;

-- Rows of ledger_wallet.
SELECT t.owner, t.kind, t.asset, t.account_id FROM unnest($1::uuid[], $2::text[], $3::text[]) AS v(owner, kind, asset) JOIN ledger_wallet AS t ON t.owner = v.owner AND t.kind = v.kind AND t.asset = v.asset;
INSERT INTO ledger_wallet (owner, kind, asset, account_id) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]);
COPY ledger_wallet (owner, kind, asset, account_id) FROM STDIN (FORMAT BINARY);

-- Rows of ledger_account_change.
SELECT t.account_id, t.n, t.asset, t.seq, t.at, t.kind, t.owner, t.has_floor, t.credit_limit, t.ceiling, t.frozen_in, t.frozen_out, t.closed, t.velocity, t.user_id FROM unnest($1::uuid[], $2::bigint[]) AS v(account_id, n) JOIN ledger_account_change AS t ON t.account_id = v.account_id AND t.n = v.n;
INSERT INTO ledger_account_change (account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::uuid[], $8::boolean[], $9::bigint[], $10::bigint[], $11::boolean[], $12::boolean[], $13::boolean[], $14::text[], $15::uuid[]);
COPY ledger_account_change (account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id) FROM STDIN (FORMAT BINARY);

-- Rows of ledger_transfer.
SELECT t.transaction_id, t.leg, t.legs, t.asset, t.seq, t.at, t.effective_at, t.kind, t.phase, t.debit_account, t.credit_account, t.amount, t.about, t.about_leg, t.expires_at, t.user_id, t.reference, t.metadata, t.memo, t.fingerprint FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_transfer AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg;
INSERT INTO ledger_transfer (transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::uuid[], $11::uuid[], $12::bigint[], $13::uuid[], $14::bigint[], $15::timestamptz[], $16::uuid[], $17::text[], $18::text[], $19::bytea[], $20::bytea[]);
COPY ledger_transfer (transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint) FROM STDIN (FORMAT BINARY);

-- Rows of ledger_memo.
SELECT t.transaction_id, t.salt, t.text FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_memo AS t ON t.transaction_id = v.transaction_id ORDER BY t.transaction_id FOR NO KEY UPDATE OF t;
SELECT t.transaction_id, t.salt, t.text FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_memo AS t ON t.transaction_id = v.transaction_id ORDER BY t.transaction_id FOR SHARE OF t;
SELECT t.transaction_id, t.salt, t.text FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_memo AS t ON t.transaction_id = v.transaction_id;
INSERT INTO ledger_memo (transaction_id, salt, text) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[]);
UPDATE ledger_memo AS t SET salt = v.salt, text = v.text FROM unnest($1::uuid[], $2::bytea[], $3::text[]) AS v(transaction_id, salt, text) WHERE t.transaction_id = v.transaction_id;
DELETE FROM ledger_memo AS t USING unnest($1::uuid[]) AS v(transaction_id) WHERE t.transaction_id = v.transaction_id;

-- Rows of ledger_entry.
SELECT t.account_id, t.version, t.transaction_id, t.leg, t.side, t.phase, t.kind, t.amount, t.at, t.debits_posted, t.credits_posted, t.debits_pending, t.credits_pending FROM unnest($1::uuid[], $2::bigint[]) AS v(account_id, version) JOIN ledger_entry AS t ON t.account_id = v.account_id AND t.version = v.version;
INSERT INTO ledger_entry (account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[]);
COPY ledger_entry (account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending) FROM STDIN (FORMAT BINARY);

-- Rows of ledger_hold.
SELECT t.transaction_id, t.leg, t.asset, t.debit_account, t.credit_account, t.amount, t.captured, t.released, t.state, t.expires_at FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_hold AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg ORDER BY t.transaction_id, t.leg FOR NO KEY UPDATE OF t;
SELECT t.transaction_id, t.leg, t.asset, t.debit_account, t.credit_account, t.amount, t.captured, t.released, t.state, t.expires_at FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_hold AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg ORDER BY t.transaction_id, t.leg FOR SHARE OF t;
SELECT t.transaction_id, t.leg, t.asset, t.debit_account, t.credit_account, t.amount, t.captured, t.released, t.state, t.expires_at FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_hold AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg;
INSERT INTO ledger_hold (transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[]);
UPDATE ledger_hold AS t SET asset = v.asset, debit_account = v.debit_account, credit_account = v.credit_account, amount = v.amount, captured = v.captured, released = v.released, state = v.state, expires_at = v.expires_at FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[]) AS v(transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at) WHERE t.transaction_id = v.transaction_id AND t.leg = v.leg;
DELETE FROM ledger_hold AS t USING unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) WHERE t.transaction_id = v.transaction_id AND t.leg = v.leg;

-- Rows of ledger_returned.
SELECT t.transaction_id, t.leg, t.amount, t.returned, t.reversed FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_returned AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg ORDER BY t.transaction_id, t.leg FOR NO KEY UPDATE OF t;
SELECT t.transaction_id, t.leg, t.amount, t.returned, t.reversed FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_returned AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg ORDER BY t.transaction_id, t.leg FOR SHARE OF t;
SELECT t.transaction_id, t.leg, t.amount, t.returned, t.reversed FROM unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) JOIN ledger_returned AS t ON t.transaction_id = v.transaction_id AND t.leg = v.leg;
INSERT INTO ledger_returned (transaction_id, leg, amount, returned, reversed) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[]);
UPDATE ledger_returned AS t SET amount = v.amount, returned = v.returned, reversed = v.reversed FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[]) AS v(transaction_id, leg, amount, returned, reversed) WHERE t.transaction_id = v.transaction_id AND t.leg = v.leg;
DELETE FROM ledger_returned AS t USING unnest($1::uuid[], $2::bigint[]) AS v(transaction_id, leg) WHERE t.transaction_id = v.transaction_id AND t.leg = v.leg;

-- Rows of ledger_rejection.
SELECT t.transaction_id, t.fingerprint, t.request, t.refusal, t.at, t.expires_at, t.digest FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_rejection AS t ON t.transaction_id = v.transaction_id ORDER BY t.transaction_id FOR NO KEY UPDATE OF t;
SELECT t.transaction_id, t.fingerprint, t.request, t.refusal, t.at, t.expires_at, t.digest FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_rejection AS t ON t.transaction_id = v.transaction_id ORDER BY t.transaction_id FOR SHARE OF t;
SELECT t.transaction_id, t.fingerprint, t.request, t.refusal, t.at, t.expires_at, t.digest FROM unnest($1::uuid[]) AS v(transaction_id) JOIN ledger_rejection AS t ON t.transaction_id = v.transaction_id;
INSERT INTO ledger_rejection (transaction_id, fingerprint, request, refusal, at, expires_at, digest) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::jsonb[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::bytea[]);
UPDATE ledger_rejection AS t SET fingerprint = v.fingerprint, request = v.request, refusal = v.refusal, at = v.at, expires_at = v.expires_at, digest = v.digest FROM unnest($1::uuid[], $2::bytea[], $3::jsonb[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::bytea[]) AS v(transaction_id, fingerprint, request, refusal, at, expires_at, digest) WHERE t.transaction_id = v.transaction_id;
DELETE FROM ledger_rejection AS t USING unnest($1::uuid[]) AS v(transaction_id) WHERE t.transaction_id = v.transaction_id;

-- Rows of ledger_block.
SELECT t.asset, t.n, t.root, t.head, t.previous, t.at FROM unnest($1::text[], $2::bigint[]) AS v(asset, n) JOIN ledger_block AS t ON t.asset = v.asset AND t.n = v.n;
INSERT INTO ledger_block (asset, n, root, head, previous, at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::timestamptz[]);
COPY ledger_block (asset, n, root, head, previous, at) FROM STDIN (FORMAT BINARY);

-- Rows of sweep.
SELECT t.name, t.subject, t.bound, t.started_at FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN sweep AS t ON t.name = v.name AND t.subject = v.subject ORDER BY t.name, t.subject FOR NO KEY UPDATE OF t;
SELECT t.name, t.subject, t.bound, t.started_at FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN sweep AS t ON t.name = v.name AND t.subject = v.subject ORDER BY t.name, t.subject FOR SHARE OF t;
SELECT t.name, t.subject, t.bound, t.started_at FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN sweep AS t ON t.name = v.name AND t.subject = v.subject;
INSERT INTO sweep (name, subject, bound, started_at) SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[]);
UPDATE sweep AS t SET bound = v.bound, started_at = v.started_at FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[]) AS v(name, subject, bound, started_at) WHERE t.name = v.name AND t.subject = v.subject;
DELETE FROM sweep AS t USING unnest($1::text[], $2::uuid[]) AS v(name, subject) WHERE t.name = v.name AND t.subject = v.subject;

-- Rows of timer.
SELECT t.name, t.subject, t.due_at, t.command FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN timer AS t ON t.name = v.name AND t.subject = v.subject ORDER BY t.name, t.subject FOR NO KEY UPDATE OF t;
SELECT t.name, t.subject, t.due_at, t.command FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN timer AS t ON t.name = v.name AND t.subject = v.subject ORDER BY t.name, t.subject FOR SHARE OF t;
SELECT t.name, t.subject, t.due_at, t.command FROM unnest($1::text[], $2::uuid[]) AS v(name, subject) JOIN timer AS t ON t.name = v.name AND t.subject = v.subject;
INSERT INTO timer (name, subject, due_at, command) SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::jsonb[]);
UPDATE timer AS t SET due_at = v.due_at, command = v.command FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::jsonb[]) AS v(name, subject, due_at, command) WHERE t.name = v.name AND t.subject = v.subject;
DELETE FROM timer AS t USING unnest($1::text[], $2::uuid[]) AS v(name, subject) WHERE t.name = v.name AND t.subject = v.subject;

-- Rows of idempotency.
SELECT t.scope, t.key, t.request, t.outcome, t.expires_at FROM unnest($1::uuid[], $2::text[]) AS v(scope, key) JOIN idempotency AS t ON t.scope = v.scope AND t.key = v.key ORDER BY t.scope, t.key FOR NO KEY UPDATE OF t;
SELECT t.scope, t.key, t.request, t.outcome, t.expires_at FROM unnest($1::uuid[], $2::text[]) AS v(scope, key) JOIN idempotency AS t ON t.scope = v.scope AND t.key = v.key ORDER BY t.scope, t.key FOR SHARE OF t;
SELECT t.scope, t.key, t.request, t.outcome, t.expires_at FROM unnest($1::uuid[], $2::text[]) AS v(scope, key) JOIN idempotency AS t ON t.scope = v.scope AND t.key = v.key;
INSERT INTO idempotency (scope, key, request, outcome, expires_at) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::jsonb[], $5::timestamptz[]);
UPDATE idempotency AS t SET request = v.request, outcome = v.outcome, expires_at = v.expires_at FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::jsonb[], $5::timestamptz[]) AS v(scope, key, request, outcome, expires_at) WHERE t.scope = v.scope AND t.key = v.key;
DELETE FROM idempotency AS t USING unnest($1::uuid[], $2::text[]) AS v(scope, key) WHERE t.scope = v.scope AND t.key = v.key;

-- Rows of feed_cursor.
SELECT t.consumer, t.position FROM unnest($1::text[]) AS v(consumer) JOIN feed_cursor AS t ON t.consumer = v.consumer ORDER BY t.consumer FOR NO KEY UPDATE OF t;
SELECT t.consumer, t.position FROM unnest($1::text[]) AS v(consumer) JOIN feed_cursor AS t ON t.consumer = v.consumer ORDER BY t.consumer FOR SHARE OF t;
SELECT t.consumer, t.position FROM unnest($1::text[]) AS v(consumer) JOIN feed_cursor AS t ON t.consumer = v.consumer;
INSERT INTO feed_cursor (consumer, position) SELECT * FROM unnest($1::text[], $2::bigint[]);
UPDATE feed_cursor AS t SET position = v.position FROM unnest($1::text[], $2::bigint[]) AS v(consumer, position) WHERE t.consumer = v.consumer;
DELETE FROM feed_cursor AS t USING unnest($1::text[]) AS v(consumer) WHERE t.consumer = v.consumer;

-- The read engine.due_timers, by timer_due.
SELECT name, subject, due_at, command FROM timer WHERE due_at <= $1 ORDER BY due_at, name, subject LIMIT $2;

-- The read engine.sweeps, by primary key.
SELECT name, subject, bound, started_at FROM sweep WHERE TRUE ORDER BY name, subject LIMIT $1;

-- The read engine.cursor, by primary key.
SELECT consumer, position FROM feed_cursor WHERE consumer = $1 ORDER BY consumer LIMIT $2;

-- The read engine.expired_outcomes, by idempotency_expiry.
SELECT scope, key, request, outcome, expires_at FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at, scope, key LIMIT $2;

-- The read identity.session_by_token, by auth_session_by_token.
SELECT id, user_id, access_token_hash, expires_at, created_at FROM auth_session WHERE access_token_hash = $1 LIMIT $2;

-- The read identity.user, by primary key.
SELECT id, kind, display_name, created_at, updated_at FROM app_user WHERE id = $1 ORDER BY id LIMIT $2;

-- The read rooms.room, by primary key.
SELECT id, name, description, stage_mode, status, owner_id, max_participants, locked_at, epoch, created_at, updated_at, opened_at, closed_at, close_reason FROM room WHERE id = $1 ORDER BY id LIMIT $2;

-- The read rooms.occupancy, by primary key.
SELECT room_id, reserved, active, peak FROM occupancy WHERE room_id = $1 ORDER BY room_id LIMIT $2;

-- The read rooms.seat, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = $1 AND user_id = $2 ORDER BY room_id, user_id LIMIT $3;

-- The read rooms.participants_by_id, by primary key.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE id = ANY ($1) ORDER BY id LIMIT $2;

-- The read rooms.seats, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = $1 AND epoch = $2 ORDER BY room_id, user_id LIMIT $3;

-- The read rooms.seats_up_to, by primary key.
SELECT room_id, user_id, participant_id, epoch, role FROM seat WHERE room_id = $1 AND epoch <= $2 ORDER BY room_id, user_id LIMIT $3;

-- The read rooms.leases_expiring, by room_lease_expiring.
SELECT room_id, node, run, url, epoch, expires_at FROM room_lease WHERE expires_at <= $1 ORDER BY expires_at, room_id LIMIT $2;

-- The read rooms.leases_of, by room_lease_of_node.
SELECT room_id, node, run, url, epoch, expires_at FROM room_lease WHERE node = $1 ORDER BY room_id LIMIT $2;

-- The read rooms.nodes, by primary key.
SELECT name, url, run, expires_at FROM node WHERE TRUE ORDER BY name LIMIT $1;

-- The read rooms.lapsing, by participant_lapsing.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE left_at IS NULL AND lapses_at <= $1 ORDER BY lapses_at, id LIMIT $2;

-- The read rooms.hands, by participant_hand.
SELECT id, room_id, epoch, user_id, display_name, role, stage, hand_seq, mic, connection, leg_id, lease_epoch, joined_at, connected_at, lost_at, lapses_at, left_at, leave_reason, removed_by FROM participant WHERE room_id = $1 AND hand_seq IS NOT NULL ORDER BY hand_seq, id LIMIT $2;

-- The read rooms.discover, by room_listing_busiest.
SELECT room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at FROM room_listing WHERE TRUE ORDER BY active DESC, room_id DESC LIMIT $1;

-- The read rooms.search, by room_listing_text.
SELECT room_id, name, description, owner_name, stage_mode, status, locked, active, max_participants, search, refreshed_at FROM room_listing WHERE search_words(search) @@ $1::tsquery ORDER BY active DESC, room_id DESC LIMIT $2;

-- The read rooms.bans, by room_ban_by_time.
SELECT room_id, user_id, display_name, reason, banned_by, at FROM room_ban WHERE room_id = $1 ORDER BY at DESC, room_id DESC, user_id DESC LIMIT $2;

-- The read calls.leg, by primary key.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE id = $1 ORDER BY id LIMIT $2;

-- The read calls.legs_of_session, by call_leg_of_room.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE room_id = $1 AND epoch = $2 ORDER BY id LIMIT $3;

-- The read calls.legs_of_participant, by call_leg_of_participant.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE participant_id = $1 ORDER BY id LIMIT $2;

-- The read calls.open_legs, by call_leg_open.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE room_id = $1 AND ended_at IS NULL ORDER BY id LIMIT $2;

-- The read calls.legs_to_trim, by call_leg_trim.
SELECT id, room_id, epoch, participant_id, user_id, node, lease_epoch, state, requested_at, signaled_at, ice_connected_at, connected_at, first_media_at, ended_at, end_reason, outcome, reconnects, quality, bytes_in, bytes_out, talk_ms, trim_at FROM call_leg WHERE trim_at <= $1 AND trim_at IS NOT NULL ORDER BY trim_at, id LIMIT $2;

-- The read calls.reconnects, by primary key.
SELECT leg_id, n, started_at, ended_at, recovered FROM leg_reconnect WHERE leg_id = $1 ORDER BY leg_id, n LIMIT $2;

-- The read calls.samples, by primary key.
SELECT leg_id, at, window_ms, rtt_ms, jitter_ms, loss_in_ppm, loss_out_ppm, bitrate_in, bitrate_out, quality, mos_centi FROM quality_sample WHERE leg_id = $1 ORDER BY leg_id, at LIMIT $2;

-- The read ledger.asset, by primary key.
SELECT code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier FROM ledger_asset WHERE code = $1 ORDER BY code LIMIT $2;

-- The read ledger.assets, by primary key.
SELECT code, scale, transferable, sealed, supply_cap, changes, closed_until, size, at, issued, burned, frontier FROM ledger_asset WHERE TRUE ORDER BY code LIMIT $1;

-- The read ledger.account, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE id = $1 ORDER BY id LIMIT $2;

-- The read ledger.accounts_by_id, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE id = ANY ($1) ORDER BY id LIMIT $2;

-- The read ledger.wallets, by primary key.
SELECT owner, kind, asset, account_id FROM ledger_wallet WHERE owner = $1 ORDER BY owner, kind, asset LIMIT $2;

-- The read ledger.accounts_of_asset, by ledger_account_by_kind.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE asset = $1 ORDER BY kind, id LIMIT $2;

-- The read ledger.accounts_of_kind, by ledger_account_by_kind.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE asset = $1 AND kind = $2 ORDER BY id LIMIT $3;

-- The read ledger.transaction, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = $1 ORDER BY transaction_id, leg LIMIT $2;

-- The read ledger.memo, by primary key.
SELECT transaction_id, salt, text FROM ledger_memo WHERE transaction_id = $1 ORDER BY transaction_id LIMIT $2;

-- The read ledger.hold, by primary key.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE transaction_id = $1 AND leg = $2 ORDER BY transaction_id, leg LIMIT $3;

-- The read ledger.holds, by ledger_hold_of_account.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE debit_account = $1 ORDER BY state, transaction_id, leg LIMIT $2;

-- The read ledger.open_holds, by ledger_hold_of_account.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE debit_account = $1 AND state = $2 ORDER BY transaction_id, leg LIMIT $3;

-- The read ledger.holds_due, by ledger_hold_due.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE expires_at <= $1 AND expires_at IS NOT NULL ORDER BY expires_at, transaction_id, leg LIMIT $2;

-- The read ledger.rejections_due, by ledger_rejection_expiry.
SELECT transaction_id, fingerprint, request, refusal, at, expires_at, digest FROM ledger_rejection WHERE expires_at <= $1 ORDER BY expires_at, transaction_id LIMIT $2;

-- The read ledger.history_of_user, by ledger_transfer_by_user.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE user_id = $1 AND ((TRUE) AND (TRUE)) AND (TRUE) AND (TRUE) AND (TRUE) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT $2;

-- The read ledger.history_of_user, by ledger_transfer_by_user.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE user_id = $1 AND (at >= $2 AND at <= $3) AND (debit_account = $4 OR credit_account = $5) AND (TRUE) AND (TRUE) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT $6;

-- The read ledger.history_of_kind, by ledger_transfer_by_kind.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE kind = $1 AND ((TRUE) AND (TRUE)) AND (TRUE) ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT $2;

-- The read ledger.history_of_kind, by ledger_transfer_by_kind.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE kind = $1 AND (at >= $2 AND at <= $3) AND asset = $4 ORDER BY at DESC, transaction_id DESC, leg DESC LIMIT $5;

-- The read ledger.history_of_asset, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE asset = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq DESC LIMIT $4;

-- The read ledger.entries, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = $1 AND version >= $2 AND version <= $3 ORDER BY account_id, version LIMIT $4;

-- The read ledger.history_of_account, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = $1 AND version >= $2 AND version <= $3 AND (TRUE) ORDER BY account_id DESC, version DESC LIMIT $4;

-- The read ledger.history_of_account, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE account_id = $1 AND version >= $2 AND version <= $3 AND kind = $4 ORDER BY account_id DESC, version DESC LIMIT $5;

-- The read ledger.by_reference, by ledger_transfer_by_reference.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE reference = $1 ORDER BY transaction_id, leg LIMIT $2;

-- The read ledger.by_references, by ledger_transfer_by_reference.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE reference = ANY ($1) AND (debit_account = $2 OR credit_account = $3) AND reference IS NOT NULL ORDER BY reference, transaction_id, leg LIMIT $4;

-- The read ledger.transfer, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = $1 AND leg = $2 ORDER BY transaction_id, leg LIMIT $3;

-- The read ledger.transfers_of, by primary key.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE transaction_id = ANY ($1) ORDER BY transaction_id, leg LIMIT $2;

-- The read ledger.transfers_in_log, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE asset = $1 AND seq >= $2 AND seq <= $3 ORDER BY asset, seq LIMIT $4;

-- The read ledger.account_changes_in_log, by ledger_account_change_seq.
SELECT account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id FROM ledger_account_change WHERE asset = $1 AND seq >= $2 AND seq <= $3 ORDER BY asset, seq LIMIT $4;

-- The read ledger.asset_changes_in_log, by ledger_asset_change_seq.
SELECT asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id FROM ledger_asset_change WHERE asset = $1 AND seq >= $2 AND seq <= $3 ORDER BY asset, seq LIMIT $4;

-- The read ledger.transfers_by_log, by ledger_transfer_seq.
SELECT transaction_id, leg, legs, asset, seq, at, effective_at, kind, phase, debit_account, credit_account, amount, about, about_leg, expires_at, user_id, reference, metadata, memo, fingerprint FROM ledger_transfer WHERE TRUE ORDER BY asset, seq LIMIT $1;

-- The read ledger.account_changes_by_log, by ledger_account_change_seq.
SELECT account_id, n, asset, seq, at, kind, owner, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, user_id FROM ledger_account_change WHERE TRUE ORDER BY asset, seq LIMIT $1;

-- The read ledger.asset_changes_by_log, by ledger_asset_change_seq.
SELECT asset, n, seq, at, scale, transferable, sealed, supply_cap, closed_until, user_id FROM ledger_asset_change WHERE TRUE ORDER BY asset, seq LIMIT $1;

-- The read ledger.blocks, by primary key.
SELECT asset, n, root, head, previous, at FROM ledger_block WHERE asset = $1 AND n >= $2 AND n <= $3 ORDER BY asset, n LIMIT $4;

-- The read ledger.every_block, by primary key.
SELECT asset, n, root, head, previous, at FROM ledger_block WHERE TRUE ORDER BY asset, n LIMIT $1;

-- The read ledger.every_account, by primary key.
SELECT id, asset, kind, owner, debits_posted, credits_posted, debits_pending, credits_pending, has_floor, credit_limit, ceiling, frozen_in, frozen_out, closed, velocity, version, changes FROM ledger_account WHERE TRUE ORDER BY id LIMIT $1;

-- The read ledger.every_entry, by primary key.
SELECT account_id, version, transaction_id, leg, side, phase, kind, amount, at, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_entry WHERE TRUE ORDER BY account_id, version LIMIT $1;

-- The read ledger.every_wallet, by primary key.
SELECT owner, kind, asset, account_id FROM ledger_wallet WHERE TRUE ORDER BY owner, kind, asset LIMIT $1;

-- The read ledger.every_hold, by primary key.
SELECT transaction_id, leg, asset, debit_account, credit_account, amount, captured, released, state, expires_at FROM ledger_hold WHERE TRUE ORDER BY transaction_id, leg LIMIT $1;

-- The read ledger.everything_returned, by primary key.
SELECT transaction_id, leg, amount, returned, reversed FROM ledger_returned WHERE TRUE ORDER BY transaction_id, leg LIMIT $1;

-- The read ledger.every_memo, by primary key.
SELECT transaction_id, salt, text FROM ledger_memo WHERE TRUE ORDER BY transaction_id LIMIT $1;

-- The read ledger.every_rejection, by primary key.
SELECT transaction_id, fingerprint, request, refusal, at, expires_at, digest FROM ledger_rejection WHERE TRUE ORDER BY transaction_id LIMIT $1;
