-- What needs a person, most harmful first: a rank, what it is, whose, how many, since when, words.
-- @name overview_needs
SELECT 1, 'connection_error', n.uuid, n.name, NULL, NULL, 1, n.updated_at, COALESCE(n.error_message, n.error_code)
FROM connections n WHERE n.tenant = $1 AND n.deleting = 0 AND n.status = 'error'
UNION ALL
SELECT 2, 'poison_page', n.uuid, n.name, r.uuid, NULL, 1, r.updated_at, r.wait_message
FROM runs r JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection
WHERE r.tenant = $1 AND r.state = 'paused' AND r.wait_code = 'POISON_PAGE'
UNION ALL
SELECT 3, 'delete_guard', n.uuid, n.name, r.uuid, NULL, count(*), min(h.held_at), NULL
FROM delete_holds h JOIN runs r ON r.tenant = h.tenant AND r.id = h.run
JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE h.tenant = $1 GROUP BY n.uuid, n.name, r.uuid
UNION ALL
SELECT 4, 'conflicts', n.uuid, n.name, NULL, NULL, count(*), min(f.created_at), NULL
FROM conflicts f JOIN connections n ON n.tenant = f.tenant AND n.id = f.connection
WHERE f.tenant = $1 AND f.state = 'open' GROUP BY n.uuid, n.name
UNION ALL
SELECT 5, 'webhook_subscription_disabled', NULL, w.name, NULL, w.uuid, 1, w.updated_at, w.disabled_reason
FROM webhook_subscriptions w WHERE w.tenant = $1 AND w.enabled = 0 AND w.disabled_reason IS NOT NULL
UNION ALL
SELECT 6, 'rejected_records', n.uuid, n.name, NULL, NULL, CAST(sum(s.rejected) AS bigint), NULL, NULL
FROM streams s JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
WHERE s.tenant = $1 AND n.deleting = 0 AND s.rejected > 0 GROUP BY n.uuid, n.name
UNION ALL
SELECT 7, 'webhook_events_failed', n.uuid, n.name, NULL, NULL, count(*), min(i.received_at), max(i.error_message)
FROM inbox_events i JOIN connections n ON n.tenant = i.tenant AND n.id = i.connection
WHERE i.tenant = $1 AND i.status = 'failed' AND i.due_at IS NULL GROUP BY n.uuid, n.name
UNION ALL
SELECT 8, 'overdue', n.uuid, n.name, NULL, NULL, 1, n.next_run_at, NULL
FROM connections n WHERE n.tenant = $1 AND n.deleting = 0 AND n.enabled = 1 AND n.next_run_at < $2
ORDER BY 1, 8 LIMIT $3

-- How fresh each stream is.
-- @name overview_streams
SELECT n.uuid, n.name, n.template_name, s.name, c.kind, s.records, s.deleted, s.rejected, s.last_full_at, p.updated_at
FROM streams s JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection
LEFT JOIN run_streams p ON p.tenant = s.tenant AND p.run = s.last_run AND p.stream = s.id
WHERE s.tenant = $1 AND n.deleting = 0 ORDER BY n.id, s.id LIMIT $2

-- What was read, by hour.
-- @name overview_hours
SELECT (p.created_at / 3600000000) * 3600000000, CAST(sum(p.received) AS bigint), CAST(sum(p.created) AS bigint),
    CAST(sum(p.updated) AS bigint), CAST(sum(p.skipped) AS bigint), CAST(sum(p.deleted) AS bigint), CAST(sum(p.errors) AS bigint)
FROM runs r JOIN run_pages p ON p.tenant = r.tenant AND p.run = r.id
WHERE r.tenant = $1 AND r.updated_at >= $2 AND p.created_at >= $2 GROUP BY 1 ORDER BY 1

-- How many runs ended.
-- @name overview_runs
SELECT CAST(COALESCE(sum(CASE WHEN state = 'succeeded' THEN 1 ELSE 0 END), 0) AS bigint),
    CAST(COALESCE(sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0) AS bigint)
FROM runs WHERE tenant = $1 AND finished_at >= $2

-- The run of a connection that waits for its vendor.
-- @name overview_parked
SELECT r.uuid, r.not_before, r.wait_code, r.wait_message FROM runs r
WHERE r.tenant = $1 AND r.connection = $2 AND r.state = 'waiting' ORDER BY r.id DESC LIMIT 1

-- What each connection read, by hour.
-- @name overview_activity_hours
SELECT n.uuid, (p.created_at / 3600000000) * 3600000000, CAST(sum(p.received) AS bigint), CAST(sum(p.errors) AS bigint)
FROM runs r JOIN run_pages p ON p.tenant = r.tenant AND p.run = r.id JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection
WHERE r.tenant = $1 AND r.updated_at >= $2 AND p.created_at >= $2 AND n.deleting = 0 GROUP BY n.uuid, 2 ORDER BY n.uuid, 2 LIMIT $3

-- The newest run of each connection.
-- @name overview_newest_runs
SELECT n.uuid, r.uuid, r.state, r.verdict, r.verdict_reason FROM runs r JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection
WHERE r.tenant = $1 AND n.deleting = 0 AND r.id IN (SELECT max(m.id) FROM runs m WHERE m.tenant = $1 GROUP BY m.connection)
ORDER BY n.id DESC LIMIT $2
