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
