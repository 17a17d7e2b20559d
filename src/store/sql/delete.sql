-- What the pages of a pass saw.
-- @name delete_seen
SELECT maps FROM pass_pages WHERE tenant = $1 AND run = $2 AND stream = $3 ORDER BY page_seq

-- One stretch of a stream's maps, by external id, from the index alone: the rows, which know the tenant, lie elsewhere, and
-- nearly all were seen.
-- @name delete_walk_index
-- @only sqlite
SELECT id, external_id FROM entity_map WHERE stream = $1 AND external_id > $2 ORDER BY external_id LIMIT $3

-- One that was not seen: live, and neither made nor observed since?
-- @name delete_candidate
-- @only sqlite
SELECT record FROM entity_map WHERE id = $2 AND tenant = $1 AND deleted_at IS NULL AND observed_at < $3 AND created_at < $3

-- One stretch with its rows.
-- @name delete_walk
-- @only postgres
SELECT id, record, external_id, deleted_at IS NULL AND observed_at < $5 AND created_at < $5 FROM entity_map
WHERE tenant = $1 AND stream = $2 AND external_id > $3 ORDER BY external_id LIMIT $4

-- Live maps of a stream, from its counter.
-- @name delete_live_count
SELECT records FROM streams WHERE tenant = $1 AND id = $2

-- A map becomes a tombstone, unless it was seen since the pass began.
-- @name delete_map
UPDATE entity_map SET deleted_at = $4, updated_at = $4
WHERE tenant = $1 AND id = $2 AND stream = $5 AND deleted_at IS NULL AND observed_at < $3

-- Its record goes with it when no live map is left.
-- @name delete_record
UPDATE records SET deleted_at = $3, updated_at = $3, version = version + 1
WHERE tenant = $1 AND id = $2 AND deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = $2 AND m.deleted_at IS NULL)
RETURNING version, collection, data

-- That is part of its history.
-- @name delete_history
INSERT INTO record_history (tenant, record, version, connection, run, created_at, fields)
VALUES ($1, $2, $3, $4, $5, $6, '{"deletedAt":null}')

-- The collection of a stream.
-- @name delete_collection
SELECT collection FROM streams WHERE tenant = $1 AND id = $2

-- The rows of a pass go; stream 0: of all streams.
-- @name delete_forget
DELETE FROM pass_pages WHERE tenant = $1 AND run = $2 AND (CAST($3 AS BIGINT) = 0 OR stream = $3 OR stream = -CAST($3 AS BIGINT))

-- The parent of a candidate in this connection: its map, and whether it is gone.
-- @name delete_parent
SELECT m.id, m.deleted_at IS NOT NULL FROM records r JOIN entity_map m ON m.tenant = r.tenant AND m.record = r.parent
WHERE r.tenant = $1 AND r.id = $2 AND m.stream = $3 LIMIT 1

-- Held back for a person.
-- @name delete_hold
INSERT INTO delete_holds (tenant, run, map, stream, record, began_at, held_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING

-- What is held of a run.
-- @name delete_held
SELECT h.map, s.name, c.kind, m.external_id, r.uuid, r.title, h.held_at FROM delete_holds h
JOIN entity_map m ON m.tenant = h.tenant AND m.id = h.map
JOIN streams s ON s.tenant = h.tenant AND s.id = h.stream
JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection
JOIN records r ON r.tenant = h.tenant AND r.id = h.record
WHERE h.tenant = $1 AND h.run = $2 AND h.map > $3 ORDER BY h.map LIMIT $4

-- How many are.
-- @name delete_held_count
SELECT count(*) FROM delete_holds WHERE tenant = $1 AND run = $2

-- One batch to confirm: of one stream, so that its counters move once.
-- @name delete_batch
SELECT h.map, h.record, h.stream, h.began_at, s.connection FROM delete_holds h
JOIN streams s ON s.tenant = h.tenant AND s.id = h.stream
WHERE h.tenant = $1 AND h.run = $2
    AND h.stream = (SELECT min(o.stream) FROM delete_holds o WHERE o.tenant = $1 AND o.run = $2)
ORDER BY h.map LIMIT $3

-- Confirmed or let go.
-- @name delete_release
DELETE FROM delete_holds WHERE tenant = $1 AND run = $2 AND map = $3

-- What a person confirmed counts as missing of that run.
-- @name delete_run_missing
UPDATE runs SET missing = missing + $3 WHERE tenant = $1 AND id = $2
