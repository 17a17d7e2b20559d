-- A sync that a person asked for gets its name; a name that is taken is not given twice.
-- @name account_sync_insert
INSERT INTO account_syncs (tenant, sync_id, user_id, connection, run, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING

-- Names whose run was purged.
-- @name account_sync_forget
DELETE FROM account_syncs WHERE tenant = $1 AND connection = $2
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = account_syncs.tenant AND r.id = account_syncs.run)

-- One sync by its name. A run that nobody asked for here has the name that the view sync_progress gives it.
-- @name account_sync_find
SELECT a.sync_id, a.user_id, a.run, a.connection FROM account_syncs a WHERE a.tenant = $1 AND a.sync_id = $2

-- Runs of a connection that were queued within a millisecond.
-- @name account_sync_run_at
SELECT r.id, r.created_at FROM runs r WHERE r.tenant = $1 AND r.connection = $2 AND r.created_at >= $3 AND r.created_at < $3 + 1000
ORDER BY r.id LIMIT 1

-- The name of a run.
-- @name account_sync_of_run
SELECT a.sync_id, a.user_id, a.run, a.connection FROM account_syncs a WHERE a.tenant = $1 AND a.run = $2

-- What a connection's stream holds, newest first.
-- @name account_rows
SELECT r.id, r.uuid, r.data, r.occurred_at, m.updated_at
FROM records r CROSS JOIN entity_map m
WHERE r.tenant = $1 AND r.collection = $2 AND r.deleted_at IS NULL AND m.tenant = $1 AND m.record = r.id AND m.stream = $3
    AND m.deleted_at IS NULL
    AND (CAST($4 AS text) IS NULL OR r.status = $4) AND (CAST($5 AS text) IS NULL OR r.title = $5)
    AND (CAST($6 AS BIGINT) = 0 OR r.occurred_at >= $6) AND (CAST($7 AS BIGINT) = 0 OR r.occurred_at < $7)
    AND (CAST($8 AS BIGINT) = 0 OR m.updated_at >= $8) AND (CAST($9 AS BIGINT) = 0 OR r.parent = $9)
    AND (CAST($10 AS BIGINT) = 0 OR r.uuid < (SELECT b.uuid FROM records b WHERE b.tenant = $1 AND b.id = $10))
ORDER BY r.uuid DESC LIMIT $11 OFFSET $12

-- How many there are by that filter, counted no further than $10.
-- @name account_row_count
SELECT count(*) FROM (SELECT 1 FROM records r CROSS JOIN entity_map m
WHERE r.tenant = $1 AND r.collection = $2 AND r.deleted_at IS NULL AND m.tenant = $1 AND m.record = r.id AND m.stream = $3
    AND m.deleted_at IS NULL
    AND (CAST($4 AS text) IS NULL OR r.status = $4) AND (CAST($5 AS text) IS NULL OR r.title = $5)
    AND (CAST($6 AS BIGINT) = 0 OR r.occurred_at >= $6) AND (CAST($7 AS BIGINT) = 0 OR r.occurred_at < $7)
    AND (CAST($8 AS BIGINT) = 0 OR m.updated_at >= $8) AND (CAST($9 AS BIGINT) = 0 OR r.parent = $9)
    LIMIT $10) AS counted

-- A sign-in begins.
-- @name sign_in_insert
INSERT INTO sign_ins (tenant, hash, connection, asked_by, by_session, redirect_uri, return_to, verifier, state, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10)

-- Its state is shown: it works once, and not after its time.
-- @name sign_in_take
UPDATE sign_ins SET state = 'exchanging', used_at = $3
WHERE tenant = $1 AND hash = $2 AND state = 'open' AND expires_at > $3

-- One sign-in.
-- @name sign_in_get
SELECT connection, asked_by, by_session, redirect_uri, return_to, verifier, state, error_message, created_at, expires_at, used_at
FROM sign_ins WHERE tenant = $1 AND hash = $2

-- The newest sign-in of a connection.
-- @name sign_in_newest
SELECT connection, asked_by, by_session, redirect_uri, return_to, verifier, state, error_message, created_at, expires_at, used_at
FROM sign_ins WHERE tenant = $1 AND connection = $2 ORDER BY created_at DESC LIMIT 1

-- How it ended; the verifier goes.
-- @name sign_in_end
UPDATE sign_ins SET state = $3, error_message = $4, verifier = NULL WHERE tenant = $1 AND hash = $2 AND state = 'exchanging'

-- Old sign-ins of a tenant.
-- @name sign_in_forget
DELETE FROM sign_ins WHERE tenant = $1 AND expires_at < $2

-- How many of a tenant wait for their callback.
-- @name sign_in_open
SELECT count(*) FROM sign_ins WHERE tenant = $1 AND state = 'open' AND expires_at > $2
