-- Lines between pages, as long as the run's log is not full.
-- @name log_room
UPDATE runs SET log_lines = CASE WHEN log_lines + $3 <= $4 THEN log_lines + $3 ELSE log_lines END,
log_lines_dropped = CASE WHEN log_lines + $3 <= $4 THEN log_lines_dropped ELSE log_lines_dropped + $3 END
WHERE tenant = $1 AND id = $2 RETURNING log_lines_dropped

-- How many were dropped before.
-- @name log_dropped
SELECT log_lines_dropped FROM runs WHERE tenant = $1 AND id = $2

-- One chunk of lines.
-- @name log_insert
INSERT INTO run_logs (tenant, run, line_count, bytes, created_at, lines) VALUES ($1, $2, $3, $4, $5, $6)

-- Chunks after one, in order.
-- @name log_read
SELECT id, line_count, lines FROM run_logs WHERE tenant = $1 AND run = $2 AND id > $3 ORDER BY id LIMIT $4
