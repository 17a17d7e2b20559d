-- A new run, unless its connection has an unfinished one.
-- @name run_insert
INSERT INTO runs (tenant, uuid, connection, job, state, full_pass, complete_set, direction, entity, origin, options, priority,
    created_by, not_before, ready, turn, rank, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
ON CONFLICT DO NOTHING RETURNING id

-- One run by its integer.
-- @name run_by_id
SELECT r.id, r.tenant, r.connection, r.job, r.uuid, n.uuid, n.name, n.template_name, r.state, r.full_pass, r.complete_set,
    r.direction, r.entity, r.origin, r.options, r.template_version, r.priority, r.created_by, r.epoch, r.page_seq,
    r.lease_node, r.lease_until, r.not_before, r.wait_code, r.wait_message, r.pause_asked, r.cancel_asked, r.crashes,
    r.retries, r.received, r.created, r.updated, r.skipped, r.deleted, r.errors, r.records_read, r.missing,
    (SELECT CAST(sum(s.declared_last) AS BIGINT) FROM run_streams s WHERE s.tenant = r.tenant AND s.run = r.id),
    r.log_lines, r.log_lines_dropped, r.requests, r.verdict, r.verdict_reason, r.error_code, r.error_message, r.created_at,
    r.started_at, r.finished_at, r.updated_at
FROM runs r LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE r.tenant = $1 AND r.id = $2

-- One run by its UUID.
-- @name run_by_uuid
SELECT r.id, r.tenant, r.connection, r.job, r.uuid, n.uuid, n.name, n.template_name, r.state, r.full_pass, r.complete_set,
    r.direction, r.entity, r.origin, r.options, r.template_version, r.priority, r.created_by, r.epoch, r.page_seq,
    r.lease_node, r.lease_until, r.not_before, r.wait_code, r.wait_message, r.pause_asked, r.cancel_asked, r.crashes,
    r.retries, r.received, r.created, r.updated, r.skipped, r.deleted, r.errors, r.records_read, r.missing,
    (SELECT CAST(sum(s.declared_last) AS BIGINT) FROM run_streams s WHERE s.tenant = r.tenant AND s.run = r.id),
    r.log_lines, r.log_lines_dropped, r.requests, r.verdict, r.verdict_reason, r.error_code, r.error_message, r.created_at,
    r.started_at, r.finished_at, r.updated_at
FROM runs r LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE r.tenant = $1 AND r.uuid = $2

-- The unfinished run of a connection.
-- @name run_unfinished
SELECT r.id, r.tenant, r.connection, r.job, r.uuid, n.uuid, n.name, n.template_name, r.state, r.full_pass, r.complete_set,
    r.direction, r.entity, r.origin, r.options, r.template_version, r.priority, r.created_by, r.epoch, r.page_seq,
    r.lease_node, r.lease_until, r.not_before, r.wait_code, r.wait_message, r.pause_asked, r.cancel_asked, r.crashes,
    r.retries, r.received, r.created, r.updated, r.skipped, r.deleted, r.errors, r.records_read, r.missing,
    (SELECT CAST(sum(s.declared_last) AS BIGINT) FROM run_streams s WHERE s.tenant = r.tenant AND s.run = r.id),
    r.log_lines, r.log_lines_dropped, r.requests, r.verdict, r.verdict_reason, r.error_code, r.error_message, r.created_at,
    r.started_at, r.finished_at, r.updated_at
FROM runs r LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE r.tenant = $1 AND r.connection = $2 AND r.state IN ('queued', 'running', 'waiting', 'paused')

-- The newest run of a connection.
-- @name run_newest
SELECT r.id, r.tenant, r.connection, r.job, r.uuid, n.uuid, n.name, n.template_name, r.state, r.full_pass, r.complete_set,
    r.direction, r.entity, r.origin, r.options, r.template_version, r.priority, r.created_by, r.epoch, r.page_seq,
    r.lease_node, r.lease_until, r.not_before, r.wait_code, r.wait_message, r.pause_asked, r.cancel_asked, r.crashes,
    r.retries, r.received, r.created, r.updated, r.skipped, r.deleted, r.errors, r.records_read, r.missing,
    (SELECT CAST(sum(s.declared_last) AS BIGINT) FROM run_streams s WHERE s.tenant = r.tenant AND s.run = r.id),
    r.log_lines, r.log_lines_dropped, r.requests, r.verdict, r.verdict_reason, r.error_code, r.error_message, r.created_at,
    r.started_at, r.finished_at, r.updated_at
FROM runs r LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE r.tenant = $1 AND r.connection = $2 ORDER BY r.id DESC LIMIT 1

-- Runs, newest first; states are bits in the order of enum run_state.
-- @name run_list
SELECT r.id, r.tenant, r.connection, r.job, r.uuid, n.uuid, n.name, n.template_name, r.state, r.full_pass, r.complete_set,
    r.direction, r.entity, r.origin, r.options, r.template_version, r.priority, r.created_by, r.epoch, r.page_seq,
    r.lease_node, r.lease_until, r.not_before, r.wait_code, r.wait_message, r.pause_asked, r.cancel_asked, r.crashes,
    r.retries, r.received, r.created, r.updated, r.skipped, r.deleted, r.errors, r.records_read, r.missing,
    (SELECT CAST(sum(s.declared_last) AS BIGINT) FROM run_streams s WHERE s.tenant = r.tenant AND s.run = r.id),
    r.log_lines, r.log_lines_dropped, r.requests, r.verdict, r.verdict_reason, r.error_code, r.error_message, r.created_at,
    r.started_at, r.finished_at, r.updated_at
FROM runs r LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection WHERE (r.tenant = $1 OR $1 = 0) AND (CAST($2 AS BIGINT) = 0 OR r.connection = $2) AND (CAST($3 AS BIGINT) = 0 OR r.job = $3)
    AND (CAST($4 AS BIGINT) = 0 OR ($4 & CASE r.state WHEN 'queued' THEN 1 WHEN 'running' THEN 2 WHEN 'waiting' THEN 4 WHEN 'paused' THEN 8
        WHEN 'succeeded' THEN 16 WHEN 'failed' THEN 32 ELSE 64 END) <> 0)
    AND (CAST($5 AS BIGINT) = 0 OR r.id < $5)
    AND (CAST($8 AS BIGINT) = 0 OR r.finished_at IS NULL OR r.finished_at >= $8)
    AND (CAST($9 AS BIGINT) = 0 OR COALESCE(r.started_at, r.created_at) < $9)
ORDER BY r.id DESC LIMIT $6 OFFSET $7

-- How many there are, by the same filter, counted to a limit.
-- @name run_total
SELECT count(*) FROM (SELECT 1 FROM runs r WHERE (r.tenant = $1 OR $1 = 0) AND (CAST($2 AS BIGINT) = 0 OR r.connection = $2) AND (CAST($3 AS BIGINT) = 0 OR r.job = $3)
    AND (CAST($4 AS BIGINT) = 0 OR ($4 & CASE r.state WHEN 'queued' THEN 1 WHEN 'running' THEN 2 WHEN 'waiting' THEN 4 WHEN 'paused' THEN 8
        WHEN 'succeeded' THEN 16 WHEN 'failed' THEN 32 ELSE 64 END) <> 0)
    AND (CAST($6 AS BIGINT) = 0 OR r.finished_at IS NULL OR r.finished_at >= $6)
    AND (CAST($7 AS BIGINT) = 0 OR COALESCE(r.started_at, r.created_at) < $7) LIMIT $5) AS counted

-- Runs by state; tenant 0 is all.
-- @name run_counts
SELECT state, count(*), CAST(COALESCE(sum(CASE WHEN state = 'running' AND ready = 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
FROM runs WHERE tenant = $1 OR $1 = 0 GROUP BY state

-- When the run that waits longest for a worker was queued.
-- @name run_oldest_ready
SELECT min(created_at) FROM runs WHERE ready = 1 AND (tenant = $1 OR $1 = 0)

-- How long the last runs of that kind took. (The CAST keeps the index of states out, which holds every run that ended.)
-- @name run_durations
SELECT finished_at - started_at FROM runs
WHERE tenant = $1 AND connection = $2 AND full_pass = $3 AND CAST(state AS TEXT) = 'succeeded' AND started_at IS NOT NULL
ORDER BY id DESC LIMIT $4

-- The next turn of a tenant: after its own last, and not before whoever is next.
-- @name run_turn
-- @sqlite
SELECT max(COALESCE((SELECT min(turn) FROM runs WHERE ready = 1), (SELECT max(turn) FROM runs WHERE ready = 0), 1),
    COALESCE((SELECT max(turn) FROM runs WHERE tenant = $1), 0) + 1)
-- @postgres
SELECT greatest(COALESCE((SELECT min(turn) FROM runs WHERE ready = 1), (SELECT max(turn) FROM runs WHERE ready = 0), 1),
    COALESCE((SELECT max(turn) FROM runs WHERE tenant = $1), 0) + 1)

-- Runs whose parking is over. (SQLite is told the index here and below: by itself it walks all runs that ever ended, at each claim.)
-- @name run_parked_due
-- @sqlite
SELECT tenant, id FROM runs INDEXED BY runs_parked WHERE state = 'waiting' AND ready = 0 AND not_before <= $1 ORDER BY not_before LIMIT 32
-- @postgres
SELECT tenant, id FROM runs WHERE state = 'waiting' AND ready = 0 AND not_before <= $1 ORDER BY not_before LIMIT 32
FOR UPDATE SKIP LOCKED

-- One of them is ready again, behind those of its tenant.
-- @name run_wake
UPDATE runs SET ready = 1, turn = $3 WHERE tenant = $1 AND id = $2 AND state = 'waiting' AND ready = 0

-- Leases that have run out: ready again, at their own turn; the node stays, so that the claim counts a crash.
-- @name run_expire
-- @sqlite
UPDATE runs INDEXED BY runs_leased SET ready = 1 WHERE state = 'running' AND ready = 0 AND lease_until <= $1
-- @postgres
UPDATE runs SET ready = 1 WHERE state = 'running' AND ready = 0 AND lease_until <= $1

-- The next run by turn: it names the tenant.
-- @name run_pick
-- @sqlite
SELECT tenant, id, turn FROM runs WHERE ready = 1 ORDER BY turn, rank, id LIMIT 1
-- @postgres
SELECT tenant, id, turn FROM runs WHERE ready = 1 ORDER BY turn, rank, id LIMIT 1 FOR UPDATE SKIP LOCKED

-- The tenant's next run by rank: priority with ageing, then first in, first out.
-- @name run_pick_rank
-- @sqlite
SELECT id, turn FROM runs WHERE tenant = $1 AND ready = 1 ORDER BY rank, id LIMIT 1
-- @postgres
SELECT id, turn FROM runs WHERE tenant = $1 AND ready = 1 ORDER BY rank, id LIMIT 1 FOR UPDATE SKIP LOCKED

-- The run that gave its turn away takes the other's.
-- @name run_set_turn
UPDATE runs SET turn = $3 WHERE tenant = $1 AND id = $2

-- A worker takes a run. A node that still stands in the lease has vanished: that is a crash.
-- @name run_take
UPDATE runs SET state = 'running', ready = 0, turn = $5, epoch = epoch + 1,
    crashes = crashes + CASE WHEN state = 'running' AND lease_node IS NOT NULL THEN 1 ELSE 0 END,
    lease_node = $3, lease_until = $4, not_before = NULL, wait_code = NULL, wait_message = NULL,
    started_at = COALESCE(started_at, $6), updated_at = $6
WHERE tenant = $1 AND id = $2 AND ready = 1 AND state IN ('queued', 'running', 'waiting')

-- When the next parked run is due.
-- @name run_next_parked
-- @sqlite
SELECT min(not_before) FROM runs INDEXED BY runs_parked WHERE state = 'waiting' AND ready = 0
-- @postgres
SELECT min(not_before) FROM runs WHERE state = 'waiting' AND ready = 0

-- When the next lease runs out.
-- @name run_next_lease
-- @sqlite
SELECT min(lease_until) FROM runs INDEXED BY runs_leased WHERE state = 'running' AND ready = 0
-- @postgres
SELECT min(lease_until) FROM runs WHERE state = 'running' AND ready = 0

-- Is anything ready now?
-- @name run_any_ready
SELECT min(turn) FROM runs WHERE ready = 1

-- A node that starts takes back what it held.
-- @name run_retake
-- @sqlite
UPDATE runs INDEXED BY runs_leased SET ready = 1 WHERE state = 'running' AND ready = 0 AND substr(lease_node, 1, length($1)) = $1
-- @postgres
UPDATE runs SET ready = 1 WHERE state = 'running' AND ready = 0 AND substr(lease_node, 1, length($1)) = $1

-- A restored backup: whoever works on an older copy is shut out.
-- @name run_raise_epochs
UPDATE runs SET epoch = epoch + 1000, ready = CASE WHEN state = 'running' THEN 1 ELSE ready END, lease_node = NULL,
    lease_until = NULL, updated_at = $1
WHERE state IN ('queued', 'running', 'waiting', 'paused')

-- The page fence: run, epoch, state, page and wishes in one row, or nothing. A page ends a row of crashes and tries.
-- @name run_page_fence
UPDATE runs SET page_seq = $4, lease_until = $5, ready = 0, crashes = 0, retries = 0
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running' AND page_seq = CAST($4 AS BIGINT) - 1
    AND pause_asked = 0 AND cancel_asked = 0

-- The fence of what has been sent already: who asked for a pause gets it after this.
-- @name run_push_fence
UPDATE runs SET page_seq = $4, lease_until = $5, ready = 0, crashes = 0, retries = 0
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running' AND page_seq = CAST($4 AS BIGINT) - 1

-- Why a fence refused.
-- @name run_fence_why
SELECT epoch, state, page_seq, pause_asked, cancel_asked FROM runs WHERE tenant = $1 AND id = $2

-- A heartbeat.
-- @name run_renew
UPDATE runs SET lease_until = $4, ready = 0 WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- Between pages: others may have their turn.
-- @name run_yield
UPDATE runs SET ready = 1, turn = $4, lease_node = NULL, lease_until = NULL, updated_at = $5
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- An orderly stop: ready at its own turn.
-- @name run_release
UPDATE runs SET ready = 1, lease_node = NULL, lease_until = NULL, updated_at = $4
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- Parked until a time; not one that was asked to stop: that happens now.
-- @name run_park
UPDATE runs SET state = 'waiting', ready = 0, lease_node = NULL, lease_until = NULL, not_before = $4, wait_code = $5,
    wait_message = $6, retries = retries + $7, crashes = 0, updated_at = $8
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running' AND pause_asked = 0 AND cancel_asked = 0

-- Paused or cancelled by the worker that has it.
-- @name run_stop
UPDATE runs SET state = CASE WHEN cancel_asked = 1 THEN 'cancelled' ELSE 'paused' END, ready = 0, lease_node = NULL,
    lease_until = NULL, pause_asked = 0, finished_at = CASE WHEN cancel_asked = 1 THEN CAST($4 AS BIGINT) ELSE NULL END,
    updated_at = $4
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running' AND (pause_asked = 1 OR cancel_asked = 1)
RETURNING state

-- Paused by itself, with a reason.
-- @name run_pause_itself
UPDATE runs SET state = 'paused', ready = 0, lease_node = NULL, lease_until = NULL, pause_asked = 0, wait_code = $4,
    wait_message = $5, updated_at = $6
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- The end.
-- @name run_finish
UPDATE runs SET state = $4, ready = 0, lease_node = NULL, lease_until = NULL, pause_asked = 0, verdict = $5,
    verdict_reason = $6, error_code = $7, error_message = $8, finished_at = $9, updated_at = $9
WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running' AND cancel_asked = 0

-- The template version a run began with; it keeps it.
-- @name run_template_version
UPDATE runs SET template_version = COALESCE(template_version, $4) WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- Records found gone by a full pass.
-- @name run_add_missing
UPDATE runs SET missing = missing + $4 WHERE tenant = $1 AND id = $2 AND epoch = $3 AND state = 'running'

-- A person asks for a pause of a run that a worker has.
-- @name run_ask_pause
UPDATE runs SET pause_asked = 1, updated_at = $3 WHERE tenant = $1 AND id = $2 AND state = 'running' AND ready = 0

-- Or takes it back in time.
-- @name run_unask_pause
UPDATE runs SET pause_asked = 0, updated_at = $3 WHERE tenant = $1 AND id = $2 AND state = 'running'

-- A run that nobody has is paused at once.
-- @name run_pause_now
UPDATE runs SET state = 'paused', ready = 0, lease_node = NULL, lease_until = NULL, not_before = NULL, updated_at = $3
WHERE tenant = $1 AND id = $2 AND (state IN ('queued', 'waiting') OR (state = 'running' AND ready = 1))

-- A person asks to cancel a run that a worker has.
-- @name run_ask_cancel
UPDATE runs SET cancel_asked = 1, updated_at = $3 WHERE tenant = $1 AND id = $2 AND state = 'running' AND ready = 0

-- A run that nobody has is cancelled at once.
-- @name run_cancel_now
UPDATE runs SET state = 'cancelled', ready = 0, lease_node = NULL, lease_until = NULL, not_before = NULL, cancel_asked = 1,
    finished_at = $3, updated_at = $3
WHERE tenant = $1 AND id = $2 AND (state IN ('queued', 'waiting', 'paused') OR (state = 'running' AND ready = 1))

-- A paused run goes on: queued when it never began.
-- @name run_resume
UPDATE runs SET state = CASE WHEN started_at IS NULL THEN 'queued' ELSE 'running' END, ready = 1, turn = $4, rank = $5,
    crashes = 0, retries = 0, wait_code = NULL, wait_message = NULL, pause_asked = 0, updated_at = $3
WHERE tenant = $1 AND id = $2 AND state = 'paused'

-- Wakes the workers of other nodes, when this transaction commits.
-- @name run_notify
-- @only postgres
SELECT pg_notify('tidemark_work', '')

-- A stream of a run.
-- @name run_stream_insert
INSERT INTO run_streams (tenant, run, stream, place, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING

-- The streams of a run, in the order they are read.
-- @name run_stream_list
SELECT s.stream, t.name, c.kind, s.position, s.received, s.created, s.updated, s.skipped, s.deleted, s.errors, s.records_read,
    s.pages, s.declared_first, s.declared_last, s.done, s.error_code, s.error_message, s.started_at, s.updated_at
FROM run_streams s LEFT JOIN streams t ON t.tenant = s.tenant AND t.id = s.stream
LEFT JOIN collections c ON c.tenant = t.tenant AND c.id = t.collection
WHERE s.tenant = $1 AND s.run = $2 ORDER BY s.place, s.stream

-- A stream ended without a page of its own.
-- @name run_stream_end
UPDATE run_streams SET done = CASE WHEN CAST($4 AS TEXT) IS NULL THEN 1 ELSE 0 END, error_code = $4, error_message = $5,
    updated_at = $6
WHERE tenant = $1 AND run = $2 AND stream = $3

-- Page tokens of a stream, for loop detection.
-- @name run_tokens
SELECT token FROM run_pages WHERE tenant = $1 AND run = $2 AND stream = $3 AND token IS NOT NULL ORDER BY page_seq

-- The job of a run.
-- @name run_job
SELECT job FROM runs WHERE tenant = $1 AND id = $2

-- The connection of a run.
-- @name run_connection
SELECT connection FROM runs WHERE tenant = $1 AND id = $2
