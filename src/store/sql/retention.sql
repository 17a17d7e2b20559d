-- Log lines of finished runs that are old.
-- @name retention_run_logs
DELETE FROM run_logs WHERE id IN (SELECT l.id FROM run_logs l WHERE l.created_at < $1 AND NOT EXISTS
(SELECT 1 FROM runs r WHERE r.tenant = l.tenant AND r.id = l.run AND r.finished_at IS NULL) ORDER BY l.id LIMIT $2)

-- Requests of finished runs that are old.
-- @name retention_run_requests
DELETE FROM run_requests WHERE id IN (SELECT l.id FROM run_requests l WHERE l.created_at < $1 AND NOT EXISTS
(SELECT 1 FROM runs r WHERE r.tenant = l.tenant AND r.id = l.run AND r.finished_at IS NULL) ORDER BY l.id LIMIT $2)

-- How many bytes all logs have, with the requests beside them.
-- @name retention_log_bytes
SELECT CAST(COALESCE((SELECT sum(bytes) FROM run_logs), 0) + COALESCE((SELECT sum(bytes) FROM run_requests), 0) AS BIGINT)

-- The oldest logs, when there are too many bytes of them.
-- @name retention_oldest_logs
DELETE FROM run_logs WHERE id IN (SELECT l.id FROM run_logs l WHERE NOT EXISTS
(SELECT 1 FROM runs r WHERE r.tenant = l.tenant AND r.id = l.run AND r.finished_at IS NULL) ORDER BY l.id LIMIT $1)

-- Requests older than any log that is left.
-- @name retention_oldest_requests
DELETE FROM run_requests WHERE id IN (SELECT l.id FROM run_requests l WHERE l.created_at < (SELECT min(g.created_at) FROM run_logs g)
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = l.tenant AND r.id = l.run AND r.finished_at IS NULL) ORDER BY l.id LIMIT $1)

-- One old finished run, with what hangs on it going first.
-- @name retention_old_run
SELECT tenant, id FROM runs WHERE state IN ('succeeded', 'failed', 'cancelled') AND finished_at < $1 AND NOT EXISTS
(SELECT 1 FROM delete_holds h WHERE h.tenant = runs.tenant AND h.run = runs.id) ORDER BY id LIMIT 1

-- What hangs on an old run: its pages,
-- @name retention_run_pages
DELETE FROM run_pages WHERE tenant = $1 AND run = $2

-- what became of its records,
-- @name retention_run_records
DELETE FROM run_records WHERE tenant = $1 AND run = $2

-- its progress,
-- @name retention_run_streams
DELETE FROM run_streams WHERE tenant = $1 AND run = $2

-- what its full pass saw,
-- @name retention_pass_pages
DELETE FROM pass_pages WHERE tenant = $1 AND run = $2

-- its log,
-- @name retention_logs_of_run
DELETE FROM run_logs WHERE tenant = $1 AND run = $2

-- its requests,
-- @name retention_requests_of_run
DELETE FROM run_requests WHERE tenant = $1 AND run = $2

-- and the run itself.
-- @name retention_run
DELETE FROM runs WHERE tenant = $1 AND id = $2

-- Jobs that finished long ago and have no run left.
-- @name retention_jobs
DELETE FROM jobs WHERE id IN (SELECT j.id FROM jobs j WHERE j.state NOT IN ('queued', 'active', 'paused') AND j.finished_at < $1
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = j.tenant AND r.job = j.id) ORDER BY j.id LIMIT $2)

-- Old events.
-- @name retention_events
DELETE FROM changes WHERE id IN (SELECT c.id FROM changes c WHERE c.created_at < $1 ORDER BY c.id LIMIT $2)

-- Old history.
-- @name retention_history
DELETE FROM record_history WHERE id IN (SELECT h.id FROM record_history h WHERE h.created_at < $1 ORDER BY h.id LIMIT $2)

-- Conflicts that were resolved long ago.
-- @name retention_conflicts
DELETE FROM conflicts WHERE id IN (SELECT c.id FROM conflicts c WHERE c.state <> 'open' AND c.resolved_at < $1 ORDER BY c.id LIMIT $2)

-- Raw records that were not seen for long.
-- @name retention_raw
DELETE FROM raw WHERE map IN (SELECT w.map FROM raw w WHERE w.updated_at < $1 LIMIT $2)

-- Old audit lines.
-- @name retention_audit
DELETE FROM audit WHERE id IN (SELECT u.id FROM audit u WHERE u.created_at < $1 ORDER BY u.id LIMIT $2)

-- Keys past their day.
-- @name retention_idempotency
DELETE FROM idempotency_keys WHERE (tenant, route, key) IN
(SELECT i.tenant, i.route, i.key FROM idempotency_keys i WHERE i.created_at < $1 LIMIT $2)
