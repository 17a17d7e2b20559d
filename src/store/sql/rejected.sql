-- Rejected records of a connection, or of one stream of it, or by one run of it, newest first.
-- @name rejected_list
SELECT r.id, r.stream, r.run, r.uuid, s.name, c.kind, r.external_id, r.reason, r.payload, r.first_at, r.last_at, r.times,
r.push_record FROM rejected_records r
LEFT JOIN streams s ON s.tenant = r.tenant AND s.id = r.stream LEFT JOIN collections c ON c.tenant = r.tenant AND c.id = s.collection
WHERE r.tenant = $1 AND r.connection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.stream = $3) AND (CAST($4 AS BIGINT) = 0 OR r.id < $4)
    AND (CAST($7 AS BIGINT) = 0 OR r.run = $7)
ORDER BY r.id DESC LIMIT $5 OFFSET $6

-- How many there are.
-- @name rejected_count
SELECT count(*) FROM rejected_records WHERE tenant = $1 AND connection = $2 AND (CAST($3 AS BIGINT) = 0 OR stream = $3)
    AND (CAST($4 AS BIGINT) = 0 OR run = $4)

-- Those that a run rejected, oldest first.
-- @name rejected_of_run
SELECT r.id, r.stream, r.run, r.uuid, s.name, c.kind, r.external_id, r.reason, r.payload, r.first_at, r.last_at, r.times,
r.push_record FROM rejected_records r
LEFT JOIN streams s ON s.tenant = r.tenant AND s.id = r.stream LEFT JOIN collections c ON c.tenant = r.tenant AND c.id = s.collection
WHERE r.tenant = $1 AND r.run = $2 ORDER BY r.id LIMIT $3

-- One of them.
-- @name rejected_get
SELECT r.id, r.stream, r.run, r.uuid, s.name, c.kind, r.external_id, r.reason, r.payload, r.first_at, r.last_at, r.times,
r.push_record FROM rejected_records r
LEFT JOIN streams s ON s.tenant = r.tenant AND s.id = r.stream LEFT JOIN collections c ON c.tenant = r.tenant AND c.id = s.collection
WHERE r.tenant = $1 AND r.uuid = $2

-- Replayed and accepted.
-- @name rejected_accepted
DELETE FROM rejected_records WHERE tenant = $1 AND id = $2 RETURNING stream

-- Replayed and rejected again.
-- @name rejected_again
UPDATE rejected_records SET reason = $3, last_at = $4, times = times + 1 WHERE tenant = $1 AND id = $2
