-- What the tree says of a match key.
-- @name match_state
-- @only sqlite
SELECT record, rest FROM match_keys WHERE hash = $2 AND tenant = $1

-- Does the record of a match key stand?
-- @name match_owner
-- @only sqlite
SELECT id FROM records WHERE id = $2 AND tenant = $1

-- The last row of the tail says how far the tail is merged.
-- @name match_tail_last
-- @only sqlite
SELECT id, merged_id, sweep_id, sweep_bucket FROM match_tail ORDER BY id DESC LIMIT 1

-- What the tail holds, oldest first.
-- @name match_tail_load
-- @only sqlite
SELECT tenant, sweep_id, sweep_bucket, keys FROM match_tail WHERE id > $1 ORDER BY id

-- A page's keys go to the end of the tail.
-- @name match_tail_append
-- @only sqlite
INSERT INTO match_tail (id, tenant, merged_id, sweep_id, sweep_bucket, keys) VALUES ($2, $1, $3, $4, $5, $6)

-- Some rows that are wholly merged go.
-- @name match_tail_trim
-- @only sqlite
DELETE FROM match_tail WHERE id IN (SELECT id FROM match_tail WHERE id <= $1 ORDER BY id LIMIT $2)

-- What the tree holds of one bucket.
-- @name match_bucket
-- @only sqlite
SELECT hash FROM match_keys WHERE hash >= $1 AND hash < $2

-- How many.
-- @name match_bucket_count
-- @only sqlite
SELECT count(*) FROM match_keys WHERE hash >= $1 AND hash < $2

-- A key moves from the tail into the tree.
-- @name match_merge
-- @only sqlite
INSERT INTO match_keys (hash, tenant, record, rest) VALUES ($2, $1, $3, $4)
ON CONFLICT (hash) DO UPDATE SET tenant = excluded.tenant, record = excluded.record, rest = excluded.rest
WHERE match_keys.record <> excluded.record OR match_keys.rest <> excluded.rest OR match_keys.tenant <> excluded.tenant

-- A key that the tail has released leaves the tree.
-- @name match_unmerge
-- @only sqlite
DELETE FROM match_keys WHERE hash = $2 AND tenant = $1

-- Who has match keys?
-- @name match_lookup_set
-- @only postgres
SELECT u.n, m.record FROM unnest($3::text[]) WITH ORDINALITY AS u (k, n) CROSS JOIN LATERAL (
    SELECT record FROM match_keys WHERE tenant = $1 AND collection = $2 AND key = u.k LIMIT 1) AS m

-- Claims keys, in key order, so that two pages cannot wait for each other in a circle; one that another record has
-- meanwhile becomes ambiguous.
-- @name match_claim_set
-- @only postgres
INSERT INTO match_keys (tenant, collection, key, record)
SELECT $1, $2, u.k, CASE WHEN count(DISTINCT u.r) > 1 THEN -1 ELSE min(u.r) END
FROM unnest($3::text[], $4::bigint[]) AS u (k, r) GROUP BY u.k ORDER BY u.k
ON CONFLICT (tenant, collection, key) DO UPDATE SET record = -1 WHERE match_keys.record <> excluded.record

-- Records no longer have keys. An ambiguous one stays so.
-- @name match_release_set
-- @only postgres
DELETE FROM match_keys m USING unnest($3::text[], $4::bigint[]) AS u (k, r)
WHERE m.tenant = $1 AND m.collection = $2 AND m.key = u.k AND m.record = u.r
