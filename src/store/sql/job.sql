-- A new job, unless an unfinished one has its name.
-- @name job_insert
INSERT INTO jobs (tenant, uuid, name, connection, type, priority, state, data, options, schedule, next_at, created_by,
    created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $11, $12, $12)
ON CONFLICT DO NOTHING RETURNING id

-- One job by its integer.
-- @name job_get
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at FROM jobs j WHERE j.tenant = $1 AND j.id = $2

-- One job by its UUID.
-- @name job_by_uuid
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at FROM jobs j WHERE j.tenant = $1 AND j.uuid = $2

-- The unfinished job of that name.
-- @name job_by_name
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at FROM jobs j
WHERE j.tenant = $1 AND j.name = $2 AND j.state IN ('queued', 'active', 'paused')

-- Moves the state of an unfinished job; `from` NULL is any.
-- @name job_move
UPDATE jobs SET state = $4, updated_at = $5,
    started_at = CASE WHEN $4 = 'active' THEN COALESCE(started_at, $5) ELSE started_at END,
    finished_at = CASE WHEN $4 IN ('completed', 'failed', 'cancelled') THEN $5 ELSE finished_at END
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused') AND (CAST($3 AS TEXT) IS NULL OR state = $3)

-- The job follows its run; it ends with its last unfinished run, and a repeating one goes on waiting.
-- @name job_follow
UPDATE jobs SET updated_at = $4,
    state = CASE WHEN $3 NOT IN ('completed', 'failed', 'cancelled') THEN $3
        WHEN EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = $2
            AND r.state IN ('queued', 'running', 'waiting', 'paused')) THEN state
        WHEN schedule IS NOT NULL AND $3 <> 'cancelled' THEN 'queued' ELSE $3 END,
    started_at = CASE WHEN $3 = 'active' THEN COALESCE(started_at, $4) ELSE started_at END,
    finished_at = CASE WHEN $3 IN ('completed', 'failed', 'cancelled') THEN $4 ELSE finished_at END,
    error_code = $5, error_message = $6
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused')

-- Jobs, newest first.
-- @name job_list
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at FROM jobs j
WHERE j.tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR j.state = $2) AND (CAST($3 AS BIGINT) = 0 OR j.id < $3)
ORDER BY j.id DESC LIMIT $4 OFFSET $5

-- How many there are, by the same filter, counted to a limit.
-- @name job_total
SELECT count(*) FROM (SELECT 1 FROM jobs WHERE tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2) LIMIT $3) AS counted

-- Jobs by state; tenant 0 is all.
-- @name job_counts
SELECT state, count(*) FROM jobs WHERE tenant = $1 OR $1 = 0 GROUP BY state
