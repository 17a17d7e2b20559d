-- A new job, unless an unfinished one has its name.
-- @name job_insert
INSERT INTO jobs (tenant, uuid, name, connection, type, priority, state, data, options, schedule, next_at, created_by,
    created_at, updated_at, full_pass, entity, run_options, retries_max, waiting, start_after, rank, direction, source, target)
VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10, $11, $12, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
ON CONFLICT DO NOTHING RETURNING id

-- One job by its integer.
-- @name job_get
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j WHERE j.tenant = $1 AND j.id = $2

-- One job by its UUID.
-- @name job_by_uuid
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j WHERE j.tenant = $1 AND j.uuid = $2

-- The unfinished job of that name.
-- @name job_by_name
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j
WHERE j.tenant = $1 AND j.name = $2 AND j.state IN ('queued', 'active', 'paused')

-- Moves the state of an unfinished job; `from` NULL is any.
-- @name job_move
UPDATE jobs SET state = $4, updated_at = $5,
    started_at = CASE WHEN $4 = 'active' THEN COALESCE(started_at, $5) ELSE started_at END,
    finished_at = CASE WHEN $4 IN ('completed', 'failed', 'cancelled') THEN $5 ELSE finished_at END
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused') AND (CAST($3 AS TEXT) IS NULL OR state = $3)

-- The job follows its run. It ends with its last unfinished run; one that failed may try again after a while ($6: the first
-- delay, $7 the longest, $8 of a million: its jitter), and a repeating one goes on waiting. Who cancels ends it.
-- @name job_follow
UPDATE jobs SET updated_at = $4,
    state = CASE WHEN $3 NOT IN ('completed', 'failed', 'cancelled') THEN $3
        WHEN EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = $2
            AND r.state IN ('queued', 'running', 'waiting', 'paused')) THEN state
        WHEN $3 = 'failed' AND tries < retries_max THEN 'queued'
        WHEN next_at IS NOT NULL AND $3 <> 'cancelled' THEN 'queued' ELSE $3 END,
    started_at = CASE WHEN $3 = 'active' THEN COALESCE(started_at, $4) ELSE started_at END,
    finished_at = CASE WHEN $3 IN ('completed', 'failed', 'cancelled') THEN $4 ELSE finished_at END,
    paused_at = CASE WHEN $3 = 'paused' THEN $4 ELSE paused_at END,
    waiting = CASE WHEN $3 = 'failed' AND tries < retries_max THEN 1 WHEN $3 = 'cancelled' THEN 0 ELSE waiting END,
    next_at = CASE WHEN $3 = 'cancelled' THEN NULL ELSE next_at END,
    start_after = CASE WHEN $3 = 'failed' AND tries < retries_max THEN $4 +
        (CASE WHEN (CAST($6 AS BIGINT) << CAST(tries AS INTEGER)) < CAST($7 AS BIGINT)
            THEN (CAST($6 AS BIGINT) << CAST(tries AS INTEGER)) ELSE CAST($7 AS BIGINT) END) * CAST($8 AS BIGINT) / 1000000
        ELSE start_after END,
    rank = CASE WHEN $3 = 'failed' AND tries < retries_max THEN $4 ELSE rank END,
    tries = tries + CASE WHEN $3 = 'failed' AND tries < retries_max THEN 1 ELSE 0 END,
    error_code = $5, error_message = $9
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused')

-- A job from one platform to another has read the first: now it waits at the second.
-- @name job_advance
UPDATE jobs SET connection = target, direction = 'push', waiting = 1, state = 'queued', start_after = $3, rank = $3, updated_at = $3
WHERE tenant = $1 AND id = $2 AND target IS NOT NULL AND connection = source AND state = 'active'

-- Where it is.
-- @name job_place
SELECT connection FROM jobs WHERE tenant = $1 AND id = $2

-- Its second run has ended, and there will be no other try: the next firing begins at the first.
-- @name job_rewind
UPDATE jobs SET connection = source, direction = NULL WHERE tenant = $1 AND id = $2 AND target IS NOT NULL AND connection = target AND waiting = 0

-- Jobs, newest first; states are bits in the order of enum job_state.
-- @name job_list
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j
WHERE j.tenant = $1 AND (CAST($2 AS BIGINT) = 0 OR ($2 & CASE j.state WHEN 'queued' THEN 1 WHEN 'active' THEN 2 WHEN 'paused' THEN 4
    WHEN 'completed' THEN 8 WHEN 'failed' THEN 16 ELSE 32 END) <> 0) AND (CAST($3 AS BIGINT) = 0 OR j.id < $3)
ORDER BY j.id DESC LIMIT $4 OFFSET $5

-- How many there are, by the same filter, counted to a limit.
-- @name job_total
SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE j.tenant = $1 AND (CAST($2 AS BIGINT) = 0 OR ($2 & CASE j.state WHEN 'queued' THEN 1
    WHEN 'active' THEN 2 WHEN 'paused' THEN 4 WHEN 'completed' THEN 8 WHEN 'failed' THEN 16 ELSE 32 END) <> 0) LIMIT $3) AS counted

-- Jobs by state; tenant 0 is all.
-- @name job_counts
SELECT state, count(*) FROM jobs WHERE tenant = $1 OR $1 = 0 GROUP BY state

-- Holds the row of a job until the end of the transaction, so that its state and its runs are read together.
-- @name job_lock
UPDATE jobs SET updated_at = updated_at WHERE tenant = $1 AND id = $2

-- Moves an unfinished job that has no run, because a person asked.
-- @name job_ask
UPDATE jobs SET state = $3, updated_at = $4,
    paused_at = CASE WHEN $3 = 'paused' THEN $4 ELSE paused_at END,
    finished_at = CASE WHEN $3 = 'cancelled' THEN $4 ELSE finished_at END,
    waiting = CASE WHEN $3 = 'cancelled' THEN 0 ELSE waiting END,
    next_at = CASE WHEN $3 = 'cancelled' THEN NULL ELSE next_at END
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused')

-- A person resumed it; a repeating one is next due then.
-- @name job_resumed
UPDATE jobs SET resumed_at = $3, updated_at = $3, next_at = CASE WHEN next_at IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END
WHERE tenant = $1 AND id = $2 AND state IN ('queued', 'active', 'paused')

-- The unfinished run of a job.
-- @name job_run
SELECT uuid FROM runs WHERE tenant = $1 AND job = $2 AND state IN ('queued', 'running', 'waiting', 'paused')

-- The newest run of a job.
-- @name job_run_newest
SELECT uuid FROM runs WHERE tenant = $1 AND job = $2 ORDER BY id DESC LIMIT 1

-- Repeating jobs whose time has come. While a job's own run is not finished its next firing waits.
-- @name job_due
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j
WHERE j.state = 'queued' AND j.next_at <= $1 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = j.tenant AND r.job = j.id
    AND r.state IN ('queued', 'running', 'waiting', 'paused'))
AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = j.tenant AND t.disabled_at IS NOT NULL) ORDER BY j.next_at LIMIT $2

-- One of them fires, or is only moved to its next time; a due time fires once, whoever looks. It joins a firing that waits.
-- @name job_fire
UPDATE jobs SET next_at = $4, fired_at = $3, updated_at = $6,
    tries = CASE WHEN waiting = 0 THEN 0 ELSE tries END,
    rank = CASE WHEN waiting = 0 THEN $7 ELSE rank END,
    start_after = CASE WHEN $5 = 1 THEN $6 ELSE start_after END,
    waiting = CASE WHEN $5 = 1 THEN 1 ELSE waiting END
WHERE tenant = $1 AND id = $2 AND state = 'queued' AND next_at = $3 AND (fired_at IS NULL OR fired_at < $3)
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = $2 AND r.state IN ('queued', 'running', 'waiting', 'paused'))

-- The job that a free connection takes next. What may start now has no later rank than $4, so a long line of jobs for another day is
-- not gone through.
-- @name job_next_waiting
SELECT j.id, j.tenant, j.connection, j.uuid, j.name, j.type, j.priority, j.state, j.data, j.options, j.schedule, j.next_at, j.tries,
    j.error_code, j.error_message, j.created_by, j.created_at, j.started_at, j.finished_at, j.updated_at, j.full_pass, j.entity,
    j.run_options, j.retries_max, j.waiting, j.start_after, j.rank, j.fired_at, j.paused_at, j.resumed_at,
    j.direction, j.source, j.target FROM jobs j
WHERE j.tenant = $1 AND j.connection = $2 AND j.waiting = 1 AND j.state = 'queued' AND j.start_after <= $3
    AND j.rank <= $4
ORDER BY j.rank, j.id LIMIT 1

-- It has its run now.
-- @name job_started
UPDATE jobs SET waiting = 0, updated_at = $3 WHERE tenant = $1 AND id = $2 AND waiting = 1 AND state = 'queued'

-- Is the connection there, and switched on?
-- @name job_connection
SELECT enabled FROM connections WHERE tenant = $1 AND id = $2 AND deleting = 0

-- What waits for a connection that cannot be used is told so; a repeating job ($6 = 1) only misses this firing.
-- @name job_refuse_waiting
UPDATE jobs SET waiting = 0, error_code = $3, error_message = $4, updated_at = $5,
    state = CASE WHEN next_at IS NOT NULL AND $6 = 1 THEN state ELSE 'failed' END,
    finished_at = CASE WHEN next_at IS NOT NULL AND $6 = 1 THEN finished_at ELSE $5 END,
    next_at = CASE WHEN $6 = 1 THEN next_at ELSE NULL END
WHERE tenant = $1 AND connection = $2 AND waiting = 1 AND state = 'queued'

-- A connection goes: what has no run and would get one of it fails, repeating ones too.
-- @name job_orphan
UPDATE jobs SET state = 'failed', waiting = 0, next_at = NULL, error_code = $3, error_message = $4, finished_at = $5, updated_at = $5
WHERE tenant = $1 AND connection = $2 AND state IN ('queued', 'paused') AND (waiting = 1 OR next_at IS NOT NULL)
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = jobs.id AND r.state IN ('queued', 'running', 'waiting', 'paused'))

-- Free connections that jobs wait for: from one connection to the next through the index, however many jobs wait.
-- @name job_startable
WITH RECURSIVE c (tenant, connection) AS (
    SELECT first.tenant, first.connection
    FROM (SELECT tenant, connection FROM jobs WHERE waiting = 1 ORDER BY tenant, connection LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT j.tenant FROM jobs j WHERE j.waiting = 1 AND (j.tenant, j.connection) > (c.tenant, c.connection)
            ORDER BY j.tenant, j.connection LIMIT 1),
        (SELECT j.connection FROM jobs j WHERE j.waiting = 1 AND (j.tenant, j.connection) > (c.tenant, c.connection)
            ORDER BY j.tenant, j.connection LIMIT 1)
    FROM c WHERE c.tenant IS NOT NULL)
SELECT c.tenant, c.connection FROM c WHERE c.tenant IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = c.tenant AND r.connection = c.connection
    AND r.state IN ('queued', 'running', 'waiting', 'paused'))
AND EXISTS (SELECT 1 FROM jobs w WHERE w.tenant = c.tenant AND w.connection = c.connection AND w.waiting = 1
    AND w.state = 'queued' AND w.start_after <= $1 AND w.rank <= $3)
AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = c.tenant AND t.disabled_at IS NOT NULL)
LIMIT $2

-- How many go before a waiting job.
-- @name job_ahead
SELECT count(*) FROM jobs j WHERE j.tenant = $1 AND j.connection = $2 AND j.waiting = 1 AND j.state = 'queued'
AND (j.rank, j.id) < ($3, $4)

-- How long the last runs of the jobs of this name took. (SQLite is told the way: by itself it goes through all runs that succeeded.)
-- @name job_durations
-- @sqlite
SELECT r.finished_at - r.started_at FROM jobs j CROSS JOIN runs r INDEXED BY runs_job
WHERE r.tenant = j.tenant AND r.job = j.id AND j.tenant = $1 AND j.name = $2 AND r.state = 'succeeded' AND r.started_at IS NOT NULL
ORDER BY r.id DESC LIMIT $3
-- @postgres
SELECT r.finished_at - r.started_at FROM jobs j JOIN runs r ON r.tenant = j.tenant AND r.job = j.id
WHERE j.tenant = $1 AND j.name = $2 AND r.state = 'succeeded' AND r.started_at IS NOT NULL ORDER BY r.id DESC LIMIT $3

-- How far the streams of a run are: how many, how many thousandths of them are done, and how many of those that
-- are not done have told their total.
-- @name job_progress
SELECT count(*), CAST(COALESCE(sum(CASE WHEN done = 1 THEN 1000 WHEN declared_last IS NULL OR declared_last <= 0 THEN 0
    WHEN records_read >= declared_last THEN 1000 ELSE records_read * 1000 / declared_last END), 0) AS BIGINT),
    CAST(COALESCE(sum(CASE WHEN done = 0 AND declared_last > 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
FROM run_streams WHERE tenant = $1 AND run = $2

-- When a tenant's data was last synced.
-- @name job_last_sync
SELECT max(last_sync_at) FROM connections WHERE tenant = $1 AND deleting = 0

-- Finished jobs, oldest first, without those whose deletes wait for a person.
-- @name job_purge_list
SELECT j.id FROM jobs j WHERE j.tenant = $1 AND j.id > $2 AND j.state IN ('completed', 'failed', 'cancelled')
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = j.tenant AND r.job = j.id
    AND (r.state NOT IN ('succeeded', 'failed', 'cancelled')
        OR EXISTS (SELECT 1 FROM delete_holds h WHERE h.tenant = r.tenant AND h.run = r.id)))
ORDER BY j.id LIMIT $3

-- What hangs on the runs of a finished job: their pages,
-- @name job_purge_pages
DELETE FROM run_pages WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- what became of their records,
-- @name job_purge_records
DELETE FROM run_records WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- their progress,
-- @name job_purge_streams
DELETE FROM run_streams WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- what their full passes saw,
-- @name job_purge_passes
DELETE FROM pass_pages WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- their logs,
-- @name job_purge_logs
DELETE FROM run_logs WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- their requests,
-- @name job_purge_requests
DELETE FROM run_requests WHERE tenant = $1 AND run IN (SELECT r.id FROM runs r JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
    WHERE r.tenant = $1 AND r.job = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- the runs,
-- @name job_purge_runs
DELETE FROM runs WHERE tenant = $1 AND job = $2 AND state IN ('succeeded', 'failed', 'cancelled')
AND EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = $1 AND j.id = $2 AND j.state IN ('completed', 'failed', 'cancelled'))

-- and the job: whether it is finished is decided here (I-25).
-- @name job_purge
DELETE FROM jobs WHERE tenant = $1 AND id = $2 AND state IN ('completed', 'failed', 'cancelled')
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.tenant = $1 AND r.job = $2) RETURNING state
