-- Requests of a run in one packed row; their numbers go on from those before.
-- @name request_insert
INSERT INTO run_requests (tenant, run, first_number, request_count, failed_count, bytes, created_at, lines)
SELECT $1, $2, requests + 1, CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), $8 FROM runs
WHERE tenant = $1 AND id = $2 AND epoch = $3

-- They are counted in, with those that could not be kept.
-- @name request_count
UPDATE runs SET requests = requests + $4 WHERE tenant = $1 AND id = $2 AND epoch = $3

-- Rows behind the first ones, and not yet among the last.
-- @name request_trim
DELETE FROM run_requests WHERE tenant = $1 AND run = $2 AND first_number > $3
AND first_number + request_count <= (SELECT r.requests - $4 + 1 FROM runs r WHERE r.tenant = $1 AND r.id = $2)

-- Rows whose last number is above one, in order.
-- @name request_chunks
SELECT first_number, request_count, failed_count, lines FROM run_requests
WHERE tenant = $1 AND run = $2 AND first_number + request_count > $3 + 1 ORDER BY first_number LIMIT $4

-- The newest row.
-- @name request_newest
SELECT first_number, request_count, failed_count, lines FROM run_requests
WHERE tenant = $1 AND run = $2 ORDER BY first_number DESC LIMIT 1

-- How many are kept.
-- @name request_kept
SELECT CAST(COALESCE(sum(request_count), 0) AS BIGINT) FROM run_requests WHERE tenant = $1 AND run = $2
