-- A change of a record that no run made: who did it, and the old values.
-- @name history_insert_actor
INSERT INTO record_history (tenant, record, version, connection, run, created_at, fields, actor)
VALUES ($1, $2, $3, NULL, NULL, $4, $5, $6)

-- What a source said, and what was not taken because ours won.
-- @name history_insert_overruled
INSERT INTO record_history (tenant, record, version, connection, run, created_at, fields, actor)
SELECT tenant, id, version, $3, $4, $5, $6, $7 FROM records WHERE tenant = $1 AND id = $2

-- Erasure (LGPD, GDPR). The vendor's record as it was kept,
-- @name erase_raw
DELETE FROM raw WHERE tenant = $1 AND map IN (SELECT id FROM entity_map WHERE tenant = $1 AND record = $2)

-- what was rejected of it,
-- @name erase_rejected
DELETE FROM rejected_records WHERE tenant = $1 AND id IN (SELECT j.id FROM rejected_records j JOIN entity_map m
    ON m.tenant = j.tenant AND m.stream = j.stream AND m.external_id = j.external_id WHERE m.tenant = $1 AND m.record = $2)

-- webhook events about it,
-- @name erase_inbox
DELETE FROM inbox_events WHERE tenant = $1 AND id IN (SELECT i.id FROM inbox_events i
    JOIN streams s ON s.tenant = i.tenant AND s.connection = i.connection
    JOIN entity_map m ON m.tenant = s.tenant AND m.stream = s.id AND m.external_id = i.external_id
    WHERE m.tenant = $1 AND m.record = $2)

-- which those are, by stream: their counters move,
-- @name erase_rejected_counts
SELECT j.stream, count(*) FROM rejected_records j JOIN entity_map m
    ON m.tenant = j.tenant AND m.stream = j.stream AND m.external_id = j.external_id
WHERE m.tenant = $1 AND m.record = $2 GROUP BY j.stream

-- how many live maps it has, by stream,
-- @name erase_map_counts
SELECT stream, count(*) FROM entity_map WHERE tenant = $1 AND record = $2 AND deleted_at IS NULL GROUP BY stream

-- its maps, of which a tombstone stays that keeps the next sync from bringing it back,
-- @name erase_maps
UPDATE entity_map SET erased = 1, deleted_at = COALESCE(deleted_at, $3), updated_at = $3, fingerprint = $4, source_version = NULL,
    url = NULL, base = NULL, alias = NULL WHERE tenant = $1 AND record = $2

-- answers kept for an Idempotency-Key, and the one that is about to be kept by whoever has just made the record,
-- @name erase_answers
DELETE FROM idempotency_keys WHERE tenant = $1 AND (body LIKE '%' || $2 || '%' OR effect = 'record:' || $2)

-- what waits to be pushed,
-- @name erase_outbox
DELETE FROM push_outbox WHERE tenant = $1 AND record = $2

-- what the guard holds back of it,
-- @name erase_holds
DELETE FROM delete_holds WHERE tenant = $1 AND record = $2

-- and what its children say of it.
-- @name erase_children
UPDATE records SET parent = NULL WHERE tenant = $1 AND parent = $2

-- One external id of a record; $5: of which stream, when several have it.
-- @name unlink_find
SELECT m.id, m.stream, m.base, (SELECT count(*) FROM entity_map o WHERE o.tenant = m.tenant AND o.record = m.record
    AND o.deleted_at IS NULL AND o.id <> m.id)
FROM entity_map m JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
WHERE m.tenant = $1 AND m.record = $2 AND n.uuid = $3 AND m.deleted_at IS NULL
    AND (CAST($4 AS text) IS NULL OR m.external_id = $4) AND (CAST($5 AS text) IS NULL OR s.name = $5)
ORDER BY m.id LIMIT 2

-- It becomes another record's.
-- @name unlink_map
UPDATE entity_map SET record = $3, base = NULL, alias = NULL, shared = 0, updated_at = $4 WHERE tenant = $1 AND id = $2

-- Its history.
-- @name erase_history
DELETE FROM record_history WHERE tenant = $1 AND record = $2

-- The record itself.
-- @name erase_record
DELETE FROM records WHERE tenant = $1 AND id = $2

-- What hangs on a record, what is deepest first, some at a time.
-- @name erase_descendants
WITH RECURSIVE d (id, depth) AS (
    SELECT id, 1 FROM records WHERE tenant = $1 AND parent = $2
    UNION ALL
    SELECT r.id, d.depth + 1 FROM d JOIN records r ON r.tenant = $1 AND r.parent = d.id WHERE d.depth < 8)
SELECT id FROM d ORDER BY depth DESC, id LIMIT $3

-- What came to hang on records ($2) that are gone.
-- @name erase_late
-- @only postgres
SELECT id FROM records WHERE tenant = $1 AND parent = ANY ($2::bigint[]) ORDER BY id LIMIT $3

-- Now, by transactions that write and by the clock.
-- @name erase_horizon
-- @only postgres
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)

-- Have all ended that had begun before? Only where nobody is watched it goes by numbers: those count other databases' too, and
-- whoever has only read so far has none.
-- @name erase_is_settled
-- @only postgres
SELECT CASE WHEN NOT current_setting('track_activities')::boolean THEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1
    ELSE NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        AND a.xact_start <= to_timestamp(CAST($2 AS double precision) / 1000000)) END

-- Webhook events, one after the other, to look into.
-- @name erase_look_inbox
SELECT id, content FROM inbox_events WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3

-- One that speaks of somebody erased.
-- @name erase_event
DELETE FROM inbox_events WHERE tenant = $1 AND id = $2

-- Pieces of run logs, likewise.
-- @name erase_look_logs
SELECT id, lines FROM run_logs WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3

-- One without what spoke of him.
-- @name erase_log
UPDATE run_logs SET lines = $3, bytes = $4 WHERE tenant = $1 AND id = $2

-- Pieces of what was asked of vendors.
-- @name erase_look_requests
SELECT id, lines FROM run_requests WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3

-- One without what spoke of him.
-- @name erase_requests
UPDATE run_requests SET lines = $3, bytes = $4 WHERE tenant = $1 AND id = $2

-- A word of his, wherever texts are kept: what was refused,
-- @name erase_word_rejected
UPDATE rejected_records SET payload = '{"erased":true}', reason = replace(reason, $2, '(erased)')
WHERE tenant = $1 AND (payload LIKE '%' || $2 || '%' OR reason LIKE '%' || $2 || '%')

-- events,
-- @name erase_word_changes
UPDATE changes SET data = replace(data, $2, '(erased)') WHERE tenant = $1 AND data LIKE '%' || $2 || '%'

-- what receivers of events answered,
-- @name erase_word_deliveries
UPDATE webhook_deliveries SET last_response = replace(last_response, $2, '(erased)'), last_error = replace(last_error, $2, '(erased)')
WHERE tenant = $1 AND (last_response LIKE '%' || $2 || '%' OR last_error LIKE '%' || $2 || '%')

-- why runs failed or wait,
-- @name erase_word_runs
UPDATE runs SET error_message = replace(error_message, $2, '(erased)'), verdict_reason = replace(verdict_reason, $2, '(erased)'),
    wait_message = replace(wait_message, $2, '(erased)')
WHERE tenant = $1 AND (error_message LIKE '%' || $2 || '%' OR verdict_reason LIKE '%' || $2 || '%' OR wait_message LIKE '%' || $2 || '%')

-- and their streams,
-- @name erase_word_run_streams
UPDATE run_streams SET error_message = replace(error_message, $2, '(erased)') WHERE tenant = $1 AND error_message LIKE '%' || $2 || '%'

-- and jobs,
-- @name erase_word_jobs
UPDATE jobs SET error_message = replace(error_message, $2, '(erased)') WHERE tenant = $1 AND error_message LIKE '%' || $2 || '%'

-- why a connection does not work,
-- @name erase_word_connections
UPDATE connections SET error_message = replace(error_message, $2, '(erased)') WHERE tenant = $1 AND error_message LIKE '%' || $2 || '%'

-- why somebody else's record was not sent,
-- @name erase_word_outbox
UPDATE push_outbox SET error = replace(error, $2, '(erased)') WHERE tenant = $1 AND error LIKE '%' || $2 || '%'

-- why something was not done outside,
-- @name erase_word_errands
UPDATE errands SET error = replace(error, $2, '(erased)') WHERE tenant = $1 AND error LIKE '%' || $2 || '%'

-- why events failed,
-- @name erase_word_inbox
UPDATE inbox_events SET error_message = replace(error_message, $2, '(erased)') WHERE tenant = $1 AND error_message LIKE '%' || $2 || '%'

-- and answers that are kept.
-- @name erase_word_answers
DELETE FROM idempotency_keys WHERE tenant = $1 AND body LIKE '%' || $2 || '%'
