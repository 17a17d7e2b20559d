-- Text search. Pieces of three characters find candidates, the words themselves decide; the text is folded by the caller.
-- A place is a record's id, which grows: nothing is sorted.
-- @name search_newest
-- @sqlite
SELECT r.id, r.uuid, c.kind,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM search_text s CROSS JOIN records r ON r.id = s.rowid
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE s.search_text MATCH $8 AND instr(s.text, $9) > 0 AND instr(s.text, $10) > 0 AND instr(s.text, $11) > 0
    AND r.tenant = $1 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($12 AS BIGINT) = 0 OR s.rowid < $12)
ORDER BY s.rowid DESC LIMIT $13 OFFSET $14
-- @postgres
SELECT r.id, r.uuid, c.kind, p.uuid, r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM search_text s JOIN records r ON r.tenant = s.tenant AND r.id = s.record
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE s.tenant = $1 AND s.collection = $2 AND s.grams @@ CAST($8 AS tsquery) AND strpos(s.text, $9) > 0
    AND strpos(s.text, $10) > 0 AND strpos(s.text, $11) > 0 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND (CAST($12 AS BIGINT) = 0 OR r.id < $12)
ORDER BY r.id DESC LIMIT $13 OFFSET $14

-- The same for those who follow along.
-- @name search_updated
-- @sqlite
SELECT r.id, r.uuid, c.kind,
    CASE WHEN r.parent IS NULL THEN NULL ELSE (SELECT p.uuid FROM records p WHERE p.tenant = $1 AND p.id = r.parent) END,
    r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM search_text s CROSS JOIN records r ON r.id = s.rowid
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
WHERE s.search_text MATCH $8 AND instr(s.text, $9) > 0 AND instr(s.text, $10) > 0 AND instr(s.text, $11) > 0
    AND r.tenant = $1 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND r.updated_at >= $15 AND (r.updated_at > $15 OR r.id > $12) AND r.updated_at < $16
ORDER BY r.updated_at, r.id LIMIT $13 OFFSET $14
-- @postgres
SELECT r.id, r.uuid, c.kind, p.uuid, r.data, r.version, r.created_at, r.updated_at, r.deleted_at
FROM search_text s JOIN records r ON r.tenant = s.tenant AND r.id = s.record
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
WHERE s.tenant = $1 AND s.collection = $2 AND s.grams @@ CAST($8 AS tsquery) AND strpos(s.text, $9) > 0
    AND strpos(s.text, $10) > 0 AND strpos(s.text, $11) > 0 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
    AND r.updated_at >= $15 AND (r.updated_at > $15 OR r.id > $12) AND r.updated_at < $16
ORDER BY r.updated_at, r.id LIMIT $13 OFFSET $14

-- How many match, counted no further than $12.
-- @name search_count
-- @sqlite
SELECT count(*) FROM (SELECT 1 FROM search_text s CROSS JOIN records r ON r.id = s.rowid
WHERE s.search_text MATCH $8 AND instr(s.text, $9) > 0 AND instr(s.text, $10) > 0 AND instr(s.text, $11) > 0
    AND r.tenant = $1 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
LIMIT $12) AS counted
-- @postgres
SELECT count(*) FROM (SELECT 1 FROM search_text s JOIN records r ON r.tenant = s.tenant AND r.id = s.record
WHERE s.tenant = $1 AND s.collection = $2 AND s.grams @@ CAST($8 AS tsquery) AND strpos(s.text, $9) > 0
    AND strpos(s.text, $10) > 0 AND strpos(s.text, $11) > 0 AND r.collection = $2
    AND (CAST($3 AS BIGINT) = 0 OR r.updated_at >= $3)
    AND ($4 = 1 OR ($4 = 0) = (r.deleted_at IS NULL) OR ($4 = 2 AND CAST($5 AS BIGINT) <> 0))
    AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.record = r.id AND m.stream = $5
        AND ($4 < 2 OR m.deleted_at IS NOT NULL)))
    AND (CAST($6 AS text) IS NULL OR r.status = $6) AND (CAST($7 AS BIGINT) = 0 OR r.parent = $7)
LIMIT $12) AS counted

-- How far the index is; one node at a time moves it.
-- @name search_state_take
-- @sqlite
SELECT value FROM meta WHERE name = 'search'
-- @postgres
SELECT value FROM meta WHERE name = 'search' FOR UPDATE SKIP LOCKED

-- Nobody moves the index until the transaction ends. One that does it now is waited for, also one that makes the row.
-- @name search_state_hold
-- @only postgres
INSERT INTO meta (name, value) VALUES ('search', '') ON CONFLICT (name) DO UPDATE SET value = meta.value

-- Is it there at all?
-- @name search_state_count
SELECT count(*) FROM meta WHERE name = 'search'

-- Records in the order in which the index is built anew.
-- @name search_walk
-- @sqlite
SELECT r.id, r.tenant, r.collection, c.kind, r.title, r.data FROM records r
JOIN collections c ON c.id = r.collection WHERE $1 = $1 AND r.id > $2 ORDER BY r.id LIMIT $3
-- @postgres
SELECT r.id, r.tenant, r.collection, c.kind, r.title, r.data FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection WHERE (r.tenant, r.id) > ($1, $2)
ORDER BY r.tenant, r.id LIMIT $3

-- One record as the index needs it.
-- @name search_record
SELECT r.id, r.tenant, r.collection, c.kind, r.title, r.data FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection WHERE r.tenant = $1 AND r.id = $2

-- What can be found of a record.
-- @name search_put
-- @only postgres
INSERT INTO search_text (tenant, record, collection, text, grams) VALUES ($1, $2, $3, $4, array_to_tsvector($5::text[]))
ON CONFLICT (tenant, record) DO UPDATE SET text = excluded.text, grams = excluded.grams
WHERE search_text.text <> excluded.text

-- The same, new. $1, the tenant, is that of the record. VALUES, not SELECT: a statement that may write several rows has a
-- savepoint of its own, and at each savepoint FTS5 writes what it has gathered, a small tree for every record.
-- @name search_insert
-- @only sqlite
INSERT INTO search_text (rowid, text) VALUES ((SELECT id FROM records WHERE id = $2 AND tenant = $1), $3)

-- Is it there already, and the same?
-- @name search_same
-- @only sqlite
SELECT text = $2 FROM search_text WHERE rowid = $1

-- A record can no longer be found.
-- @name search_remove
-- @sqlite
DELETE FROM search_text WHERE rowid = $2 AND $1 = $1
-- @postgres
DELETE FROM search_text WHERE tenant = $1 AND record = $2
