-- What became of the records of a page.
-- @name run_record_insert
INSERT INTO run_records (tenant, run, change, page_seq, stream, entries, records) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- Records that were deleted because a pass did not find them: in batches of their own numbers, since a person may confirm some later.
-- @name run_record_missing
INSERT INTO run_records (tenant, run, change, page_seq, stream, entries, records)
SELECT $1, $2, $3, (SELECT COALESCE(max(o.page_seq), 0) + 1 FROM run_records o WHERE o.tenant = $1 AND o.run = $2 AND o.change = $3),
    CAST($4 AS integer), CAST($5 AS bigint), $6

-- Those of a run from a place on, of the changes $3 to $4; stream 0: of all.
-- @name run_record_list
SELECT change, page_seq, stream, entries, records FROM run_records
WHERE tenant = $1 AND run = $2 AND (change, page_seq) >= ($3, $5) AND change <= $4
    AND (CAST($6 AS BIGINT) = 0 OR stream = $6)
ORDER BY change, page_seq LIMIT $7

-- How many there are.
-- @name run_record_count
SELECT CAST(COALESCE(sum(entries), 0) AS bigint) FROM run_records
WHERE tenant = $1 AND run = $2 AND change >= $3 AND change <= $4 AND (CAST($5 AS BIGINT) = 0 OR stream = $5)

-- Those of all runs, of the pages that were read in a time. Whose they are: the run, its connection, the stream.
-- @name run_record_between
SELECT u.uuid, n.uuid, n.name, s.name, c.change, c.entries, c.records
FROM runs u JOIN run_pages p ON p.tenant = u.tenant AND p.run = u.id
JOIN run_records c ON c.tenant = p.tenant AND c.run = p.run AND c.change IN (1, 2, 3, 4) AND c.page_seq = p.page_seq
JOIN connections n ON n.tenant = u.tenant AND n.id = u.connection
LEFT JOIN streams s ON s.tenant = c.tenant AND s.id = c.stream
WHERE u.tenant = $1 AND u.updated_at >= $2 AND p.created_at >= $2 AND p.created_at < $3
ORDER BY u.id, p.page_seq, c.change LIMIT $4 OFFSET $5

-- How many there are.
-- @name run_record_between_count
SELECT CAST(COALESCE(sum(p.received - p.errors), 0) AS bigint)
FROM runs u JOIN run_pages p ON p.tenant = u.tenant AND p.run = u.id
WHERE u.tenant = $1 AND u.updated_at >= $2 AND p.created_at >= $2 AND p.created_at < $3
