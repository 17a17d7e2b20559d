-- One record by its UUID.
-- @name record_get
SELECT r.id, r.tenant, r.collection, r.uuid, c.kind, r.title, r.status, r.occurred_at, r.parent, p.uuid, r.data, r.version,
    r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.uuid = $2
    AND r.collection IN (SELECT k.id FROM collections k WHERE k.tenant = $1 AND (CAST($3 AS text) IS NULL OR k.kind = $3))

-- One record by its id.
-- @name record_by_id
SELECT r.id, r.tenant, r.collection, r.uuid, c.kind, r.title, r.status, r.occurred_at, r.parent, p.uuid, r.data, r.version,
    r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.id = $2

-- Many by their ids.
-- @name record_by_ids
-- @only postgres
SELECT r.id, r.tenant, r.collection, r.uuid, c.kind, r.title, r.status, r.occurred_at, r.parent, p.uuid, r.data, r.version,
    r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.id = ANY ($2::bigint[]) ORDER BY r.id

-- One record by what the vendor calls it.
-- @name record_by_external
SELECT r.id, r.tenant, r.collection, r.uuid, c.kind, r.title, r.status, r.occurred_at, r.parent, p.uuid, r.data, r.version,
    r.created_at, r.updated_at, r.deleted_at
FROM entity_map m JOIN records r ON r.tenant = m.tenant AND r.id = m.record
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE m.tenant = $1 AND m.stream = $2 AND m.external_id = $3

-- A list, newest first. UUIDs grow with time, so their index is the order and the place. (The place is always there, one
-- beyond all others at first: an OR would keep it from being used.)
-- @name record_newest
-- @sqlite
SELECT r.id, r.uuid, c.kind,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.rowid = r.id AND s.text LIKE $8 ESCAPE '\'))
    AND r.uuid < $9
ORDER BY r.uuid DESC LIMIT $10 OFFSET $11
-- @postgres
SELECT r.id, r.uuid, c.kind, p.uuid, r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.tenant = $1 AND s.record = r.id
        AND s.text LIKE $8 ESCAPE '\'))
    AND r.uuid < $9
ORDER BY r.uuid DESC LIMIT $10 OFFSET $11

-- The same of all that live, which most lists ask for: without the questions that it does not ask, a row takes 21 steps in place of 28.
-- Id and kind stand last: most rows are read without them.
-- @name record_live
SELECT r.uuid,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.id, c.kind
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE r.tenant = $1 AND r.collection = $2 AND r.deleted_at IS NULL AND r.uuid < $3
ORDER BY r.uuid DESC LIMIT $4 OFFSET $5

-- The same, oldest first.
-- @name record_oldest
-- @sqlite
SELECT r.id, r.uuid, c.kind,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.rowid = r.id AND s.text LIKE $8 ESCAPE '\'))
    AND r.uuid > $9
ORDER BY r.uuid LIMIT $10 OFFSET $11
-- @postgres
SELECT r.id, r.uuid, c.kind, p.uuid, r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.tenant = $1 AND s.record = r.id
        AND s.text LIKE $8 ESCAPE '\'))
    AND r.uuid > $9
ORDER BY r.uuid LIMIT $10 OFFSET $11

-- The same by last change, for those who follow along: nothing younger than $13, which a page in flight could overtake.
-- @name record_updated
-- @sqlite
SELECT r.id, r.uuid, c.kind,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.rowid = r.id AND s.text LIKE $8 ESCAPE '\'))
    AND r.updated_at >= $12 AND (r.updated_at > $12 OR r.id > $9) AND r.updated_at < $13
ORDER BY r.updated_at, r.id LIMIT $10 OFFSET $11
-- @postgres
SELECT r.id, r.uuid, c.kind, p.uuid, r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM records r JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.tenant = $1 AND s.record = r.id
        AND s.text LIKE $8 ESCAPE '\'))
    AND r.updated_at >= $12 AND (r.updated_at > $12 OR r.id > $9) AND r.updated_at < $13
ORDER BY r.updated_at, r.id LIMIT $10 OFFSET $11

-- How many match, counted no further than $9.
-- @name record_count
-- @sqlite
SELECT count(*) FROM (SELECT 1 FROM records r
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.rowid = r.id AND s.text LIKE $8 ESCAPE '\')) LIMIT $9) AS counted
-- @postgres
SELECT count(*) FROM (SELECT 1 FROM records r
WHERE r.tenant = $1 AND r.collection = $2 AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($8 AS text) IS NULL OR EXISTS (SELECT 1 FROM search_text s WHERE s.tenant = $1 AND s.record = r.id
        AND s.text LIKE $8 ESCAPE '\')) LIMIT $9) AS counted

-- How many there are, from the counters.
-- @name record_total
SELECT CAST(CASE WHEN $3 < 2 THEN COALESCE(sum(live), 0) ELSE 0 END + CASE WHEN $3 > 0 THEN COALESCE(sum(deleted), 0) ELSE 0 END AS bigint)
FROM collection_counts WHERE tenant = $1 AND collection = $2

-- The external ids of a record.
-- @name record_sources
SELECT m.id, s.connection, m.stream, n.uuid, n.name, n.template_name, s.name, m.external_id, m.url, m.source_version, m.observed_at,
    m.created_at, m.updated_at, m.deleted_at
FROM entity_map m JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
WHERE m.tenant = $1 AND m.record = $2 ORDER BY m.id

-- The vendor's record as it was kept.
-- @name record_raw
SELECT data FROM raw WHERE tenant = $1 AND map = $2

-- What a record was before, newest first.
-- @name record_changes
SELECT h.id, h.version, h.connection, h.run, h.fields, h.created_at, h.actor, n.uuid, u.uuid
FROM record_history h LEFT JOIN connections n ON n.tenant = h.tenant AND n.id = h.connection
LEFT JOIN runs u ON u.tenant = h.tenant AND u.id = h.run
WHERE h.tenant = $1 AND h.record = $2 ORDER BY h.id DESC LIMIT $3
