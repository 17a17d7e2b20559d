-- The watermark of one partition.
-- @name state_get
SELECT state FROM cursor_state WHERE tenant = $1 AND stream = $2 AND partition_key = $3

-- Watermarks of a connection in the order of (stream, partition), from a place on.
-- @name state_list
SELECT c.stream, s.name, c.partition_key, c.state, c.updated_at FROM cursor_state c
JOIN streams s ON s.tenant = c.tenant AND s.id = c.stream
WHERE c.tenant = $1 AND s.connection = $2 AND (CAST($3 AS BIGINT) = 0 OR c.stream = $3)
    AND (c.stream > $4 OR (c.stream = $4 AND c.partition_key > $5))
ORDER BY c.stream, c.partition_key LIMIT $6

-- A watermark rises.
-- @name state_save
-- @sqlite
INSERT INTO cursor_state (tenant, connection, stream, partition_key, state, updated_at)
VALUES ($1, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $4, $5)
ON CONFLICT (stream, partition_key) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
-- @postgres
INSERT INTO cursor_state (tenant, connection, stream, partition_key, state, updated_at)
VALUES ($1, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $4, $5)
ON CONFLICT (tenant, stream, partition_key) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at

-- Watermarks go: of a stream, or of all streams of a connection (stream 0).
-- @name state_reset
DELETE FROM cursor_state WHERE tenant = $1
    AND stream IN (SELECT id FROM streams WHERE tenant = $1 AND connection = $2 AND (CAST($3 AS BIGINT) = 0 OR id = $3))
