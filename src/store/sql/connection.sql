-- A new connection.
-- @name connection_insert
INSERT INTO connections (tenant, uuid, template_name, template_version, name, enabled, status, error_code, error_message, config,
    account, streams, direction, schedule, match, conflict_policy, rules, webhook_trust, webhook_secret, mapping, next_run_at,
    next_full_at, last_tested_at, reconnect_at, sandbox, created_by, description, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $28, $27, $27)
ON CONFLICT DO NOTHING RETURNING id

-- One connection by its UUID.
-- @name connection_by_uuid
SELECT n.id, n.tenant, n.uuid, n.template_name, n.template_version, n.name, n.enabled, n.status, n.error_code, n.error_message,
    n.config, n.account, n.streams, n.direction, n.schedule, n.match, n.conflict_policy, n.rules, n.webhook_trust,
    n.webhook_secret, n.mapping, n.next_run_at, n.next_full_at, n.last_sync_at, n.last_sync_status, n.last_tested_at,
    n.failures, n.reconnect_at, n.alerted, n.sandbox,
    (SELECT CAST(COALESCE(sum(s.records), 0) AS BIGINT) FROM streams s WHERE s.tenant = n.tenant AND s.connection = n.id),
    n.created_at, n.updated_at, n.created_by, n.description
FROM connections n WHERE n.tenant = $1 AND n.uuid = $2 AND n.deleting = 0

-- One connection by its integer.
-- @name connection_by_id
SELECT n.id, n.tenant, n.uuid, n.template_name, n.template_version, n.name, n.enabled, n.status, n.error_code, n.error_message,
    n.config, n.account, n.streams, n.direction, n.schedule, n.match, n.conflict_policy, n.rules, n.webhook_trust,
    n.webhook_secret, n.mapping, n.next_run_at, n.next_full_at, n.last_sync_at, n.last_sync_status, n.last_tested_at,
    n.failures, n.reconnect_at, n.alerted, n.sandbox,
    (SELECT CAST(COALESCE(sum(s.records), 0) AS BIGINT) FROM streams s WHERE s.tenant = n.tenant AND s.connection = n.id),
    n.created_at, n.updated_at, n.created_by, n.description
FROM connections n WHERE n.tenant = $1 AND n.id = $2 AND n.deleting = 0

-- Nobody else writes to it until the transaction ends.
-- @name connection_hold
-- @only postgres
SELECT n.id FROM connections n WHERE n.tenant = $1 AND n.id = $2 FOR NO KEY UPDATE

-- A list of connections, newest first; tenant 0 is all.
-- @name connection_list
SELECT n.id, n.tenant, n.uuid, n.template_name, n.template_version, n.name, n.enabled, n.status, n.error_code, n.error_message,
    n.config, n.account, n.streams, n.direction, n.schedule, n.match, n.conflict_policy, n.rules, n.webhook_trust,
    n.webhook_secret, n.mapping, n.next_run_at, n.next_full_at, n.last_sync_at, n.last_sync_status, n.last_tested_at,
    n.failures, n.reconnect_at, n.alerted, n.sandbox,
    (SELECT CAST(COALESCE(sum(s.records), 0) AS BIGINT) FROM streams s WHERE s.tenant = n.tenant AND s.connection = n.id),
    n.created_at, n.updated_at, n.created_by, n.description
FROM connections n WHERE (n.tenant = $1 OR $1 = 0) AND n.deleting = 0
    AND (CAST($2 AS TEXT) IS NULL OR n.template_name = $2) AND (CAST($3 AS BIGINT) = -1 OR n.enabled = $3)
    AND (CAST($4 AS TEXT) IS NULL OR n.status = $4)
    AND (CAST($5 AS BIGINT) = 0 OR n.id < $5)
ORDER BY n.id DESC LIMIT $6 OFFSET $7

-- How many there are, by the same filter.
-- @name connection_total
SELECT count(*) FROM connections n WHERE (n.tenant = $1 OR $1 = 0) AND n.deleting = 0
    AND (CAST($2 AS TEXT) IS NULL OR n.template_name = $2) AND (CAST($3 AS BIGINT) = -1 OR n.enabled = $3)
    AND (CAST($4 AS TEXT) IS NULL OR n.status = $4)

-- Those whose deletion has begun.
-- @name connection_deleting
SELECT n.id, n.tenant, n.uuid, n.template_name, n.template_version, n.name, n.enabled, n.status, n.error_code, n.error_message,
    n.config, n.account, n.streams, n.direction, n.schedule, n.match, n.conflict_policy, n.rules, n.webhook_trust,
    n.webhook_secret, n.mapping, n.next_run_at, n.next_full_at, n.last_sync_at, n.last_sync_status, n.last_tested_at,
    n.failures, n.reconnect_at, n.alerted, n.sandbox,
    (SELECT CAST(COALESCE(sum(s.records), 0) AS BIGINT) FROM streams s WHERE s.tenant = n.tenant AND s.connection = n.id),
    n.created_at, n.updated_at, n.created_by, n.description
FROM connections n WHERE n.deleting > 0 ORDER BY n.id

-- What a person may change. Switched off it is disconnected; on again it must be tested.
-- @name connection_update
UPDATE connections SET name = $3, enabled = CAST($4 AS BIGINT), config = $5, account = $6, streams = $7, direction = $8, schedule = $9,
    match = $10, conflict_policy = $11, rules = $12, webhook_trust = $13, webhook_secret = $14, mapping = $15,
    next_run_at = $16, next_full_at = $17, sandbox = $18, updated_at = $19, description = $20,
    status = CASE WHEN CAST($4 AS BIGINT) = 0 AND enabled = 1 THEN 'disconnected' WHEN CAST($4 AS BIGINT) = 0 THEN status WHEN status = 'disconnected' THEN 'pending' ELSE status END,
    reconnect_at = CASE WHEN CAST($4 AS BIGINT) = 0 THEN NULL ELSE reconnect_at END
WHERE tenant = $1 AND id = $2 AND deleting = 0

-- Switched off by a person, whatever it was.
-- @name connection_disconnect
UPDATE connections SET enabled = 0, status = 'disconnected', reconnect_at = NULL, next_run_at = NULL, next_full_at = NULL,
    updated_at = $3
WHERE tenant = $1 AND id = $2 AND deleting = 0

-- Whose a connection is: for the operator, who names it by its integer or UUID alone.
-- @name connection_owner
SELECT tenant, id FROM connections WHERE ($1 = 0 OR id = $1) AND (CAST($2 AS TEXT) IS NULL OR uuid = $2) AND deleting = 0

-- The result of a test or a run. A disconnected one stays so.
-- @name connection_result
UPDATE connections SET status = CASE WHEN status = 'disconnected' THEN status ELSE $3 END, error_code = $4, error_message = $5,
    failures = CASE WHEN $3 = 'active' THEN 0 ELSE failures + 1 END,
    reconnect_at = CASE WHEN status = 'disconnected' THEN NULL ELSE CAST($6 AS BIGINT) END,
    alerted = $7, last_tested_at = CASE WHEN $8 = 1 THEN $9 ELSE last_tested_at END, updated_at = $9
WHERE tenant = $1 AND id = $2 AND deleting = 0

-- The end of a run, as far as the connection shows it.
-- @name connection_synced
UPDATE connections SET last_sync_status = $3, last_sync_at = CASE WHEN $4 = 1 THEN $5 ELSE last_sync_at END,
    error_code = CASE WHEN $4 = 1 THEN NULL ELSE error_code END,
    error_message = CASE WHEN $4 = 1 THEN NULL ELSE error_message END,
    failures = CASE WHEN $4 = 1 THEN 0 ELSE failures END, alerted = CASE WHEN $4 = 1 THEN 0 ELSE alerted END,
    reconnect_at = CASE WHEN $4 = 1 THEN NULL ELSE reconnect_at END,
    status = CASE WHEN $4 = 1 AND status IN ('pending', 'error') THEN 'active' ELSE status END
WHERE tenant = $1 AND id = $2

-- The template version it was last compiled from.
-- @name connection_template_version
UPDATE connections SET template_version = $3 WHERE tenant = $1 AND id = $2

-- Firings that are due, of all tenants but those that are switched off.
-- @name connection_due
SELECT tenant, id, next_run_at AS due_at, 0 AS full_pass FROM connections
WHERE next_run_at <= $1 AND enabled = 1 AND deleting = 0 AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = tenant AND t.disabled_at IS NOT NULL)
UNION ALL
SELECT tenant, id, next_full_at, 1 FROM connections WHERE next_full_at <= $1 AND enabled = 1 AND deleting = 0
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = tenant AND t.disabled_at IS NOT NULL)
ORDER BY 3, 2, 4 DESC LIMIT $2

-- Takes one firing of the incremental schedule.
-- @name connection_fire
UPDATE connections SET next_run_at = $4 WHERE tenant = $1 AND id = $2 AND next_run_at = $3 AND enabled = 1 AND deleting = 0

-- Takes one firing of the full pass.
-- @name connection_fire_full
UPDATE connections SET next_full_at = $4 WHERE tenant = $1 AND id = $2 AND next_full_at = $3 AND enabled = 1 AND deleting = 0

-- Connections in error whose next test is due.
-- @name connection_reconnects
SELECT tenant, id, reconnect_at, 0 FROM connections
WHERE reconnect_at <= $1 AND enabled = 1 AND deleting = 0
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = tenant AND t.disabled_at IS NOT NULL) ORDER BY reconnect_at LIMIT $2

-- Takes one such test.
-- @name connection_reconnect_take
UPDATE connections SET reconnect_at = $4 WHERE tenant = $1 AND id = $2 AND reconnect_at = $3 AND deleting = 0

-- The tokens of a connection.
-- @name connection_tokens
SELECT tokens, tokens_version, tokens_expire_at, tokens_lock_until FROM connections
WHERE tenant = $1 AND id = $2 AND deleting = 0

-- Takes the refresh lock: the version must be the newest, and nobody else may hold it.
-- @name connection_tokens_lock
UPDATE connections SET tokens_lock_owner = $4, tokens_lock_until = $6
WHERE tenant = $1 AND id = $2 AND tokens_version = $3 AND deleting = 0
    AND (tokens_lock_until IS NULL OR tokens_lock_until <= $5 OR tokens_lock_owner = $4)

-- A new pair, under the lock.
-- @name connection_tokens_save
UPDATE connections SET tokens = $5, tokens_expire_at = $6, tokens_version = tokens_version + 1, tokens_lock_owner = NULL,
    tokens_lock_until = NULL
WHERE tenant = $1 AND id = $2 AND tokens_lock_owner = $3 AND tokens_version = $4

-- The refresh failed: the old pair stays.
-- @name connection_tokens_unlock
UPDATE connections SET tokens_lock_owner = NULL, tokens_lock_until = NULL
WHERE tenant = $1 AND id = $2 AND tokens_lock_owner = $3

-- Connections by status; tenant 0 is all.
-- @name connection_counts
SELECT status, enabled, count(*) FROM connections WHERE (tenant = $1 OR $1 = 0) AND deleting = 0 GROUP BY status, enabled

-- The templates that a tenant's connections speak, sandboxes and those that are switched off aside.
-- @name connection_templates
SELECT DISTINCT template_name FROM connections WHERE tenant = $1 AND deleting = 0 AND enabled = 1 AND sandbox = 0
ORDER BY template_name LIMIT $2

-- Deletion begins: nobody sees it any more. 1 keeps the records, 2 purges them.
-- @name connection_delete_mark
UPDATE connections SET deleting = CASE WHEN deleting = 0 THEN CAST($3 AS BIGINT) ELSE deleting END, enabled = 0,
    next_run_at = NULL, next_full_at = NULL, reconnect_at = NULL, tokens = NULL, config = NULL, updated_at = $4
WHERE tenant = $1 AND id = $2

-- How its deletion was begun.
-- @name connection_delete_mode
SELECT deleting FROM connections WHERE tenant = $1 AND id = $2

-- Its unfinished run ends: a higher epoch shuts out the worker that has it.
-- @name connection_delete_cancel
UPDATE runs SET state = 'cancelled', epoch = epoch + 1, ready = 0, lease_node = NULL, lease_until = NULL, not_before = NULL,
    cancel_asked = 1, finished_at = $3, updated_at = $3
WHERE tenant = $1 AND connection = $2 AND state IN ('queued', 'running', 'waiting', 'paused')

-- Some of its maps, with their records.
-- @name connection_delete_maps
SELECT m.id, m.record FROM streams s JOIN entity_map m ON m.tenant = s.tenant AND m.stream = s.id
WHERE s.tenant = $1 AND s.connection = $2 LIMIT $3

-- One map goes.
-- @name connection_delete_map
DELETE FROM entity_map WHERE tenant = $1 AND id = $2

-- And its raw record.
-- @name connection_delete_raw
DELETE FROM raw WHERE tenant = $1 AND map = $2

-- A purged record goes when nothing maps it any more; its collection and state are told for the counters.
-- @name connection_delete_record
DELETE FROM records WHERE tenant = $1 AND id = $2
    AND NOT EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = $2)
RETURNING collection, data, deleted_at IS NOT NULL

-- And its history.
-- @name connection_delete_history
DELETE FROM record_history WHERE tenant = $1 AND record = $2

-- And its match keys; SQLite's are hashes, which die with the record they name.
-- @name connection_delete_keys
-- @only postgres
DELETE FROM match_keys WHERE tenant = $1 AND record = $2

-- Some of its runs.
-- @name connection_delete_runs
SELECT id, job FROM runs WHERE tenant = $1 AND connection = $2 LIMIT $3

-- Some log rows of a run.
-- @name run_delete_logs
DELETE FROM run_logs WHERE tenant = $1 AND run = $2

-- Its requests.
-- @name run_delete_requests
DELETE FROM run_requests WHERE tenant = $1 AND run = $2

-- The pages of a run.
-- @name run_delete_pages
DELETE FROM run_pages WHERE tenant = $1 AND run = $2

-- What became of their records.
-- @name run_delete_records
DELETE FROM run_records WHERE tenant = $1 AND run = $2

-- The stream rows of a run.
-- @name run_delete_streams
DELETE FROM run_streams WHERE tenant = $1 AND run = $2

-- What the passes of a run saw.
-- @name run_delete_passes
DELETE FROM pass_pages WHERE tenant = $1 AND run = $2

-- What the guard held back in a run.
-- @name run_delete_holds
DELETE FROM delete_holds WHERE tenant = $1 AND run = $2

-- The run itself.
-- @name run_delete
DELETE FROM runs WHERE tenant = $1 AND id = $2

-- A job that has no run left.
-- @name job_delete_empty
DELETE FROM jobs WHERE tenant = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = $2)

-- Rejected records of a connection.
-- @name connection_delete_rejected
DELETE FROM rejected_records WHERE tenant = $1 AND connection = $2

-- Cursors of a connection.
-- @name connection_delete_state
DELETE FROM cursor_state WHERE tenant = $1 AND stream IN (SELECT id FROM streams WHERE tenant = $1 AND connection = $2)

-- Streams of a connection.
-- @name connection_delete_streams
DELETE FROM streams WHERE tenant = $1 AND connection = $2

-- The connection itself, last.
-- @name connection_delete
DELETE FROM connections WHERE tenant = $1 AND id = $2
