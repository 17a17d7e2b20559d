-- A new collection, unless it exists.
-- @name collection_insert
INSERT INTO collections (tenant, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- The number of a collection.
-- @name collection_find
SELECT id FROM collections WHERE tenant = $1 AND kind = $2

-- A new stream; an existing one follows a changed kind.
-- @name stream_ensure
-- @sqlite
INSERT INTO streams (tenant, connection, name, collection) VALUES ($1, $2, $3, $4)
ON CONFLICT (connection, name) DO UPDATE SET collection = excluded.collection WHERE streams.collection <> excluded.collection
-- @postgres
INSERT INTO streams (tenant, connection, name, collection) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, connection, name) DO UPDATE SET collection = excluded.collection
WHERE streams.collection <> excluded.collection

-- One stream by name.
-- @name stream_find
SELECT s.id, s.tenant, s.connection, s.collection, s.name, c.kind, s.records, s.deleted, s.rejected, s.last_full_at, s.last_run, s.version
FROM streams s JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection WHERE s.tenant = $1 AND s.connection = $2 AND s.name = $3

-- One stream by its integer.
-- @name stream_get
SELECT s.id, s.tenant, s.connection, s.collection, s.name, c.kind, s.records, s.deleted, s.rejected, s.last_full_at, s.last_run, s.version
FROM streams s JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection WHERE s.tenant = $1 AND s.id = $2

-- All streams of a connection.
-- @name stream_list
SELECT s.id, s.tenant, s.connection, s.collection, s.name, c.kind, s.records, s.deleted, s.rejected, s.last_full_at, s.last_run, s.version
FROM streams s JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection WHERE s.tenant = $1 AND s.connection = $2 ORDER BY s.id

-- A complete full pass has ended.
-- @name stream_full_done
UPDATE streams SET last_full_at = $4, version = $3 WHERE tenant = $1 AND id = $2

-- Counters of a stream move.
-- @name stream_count
UPDATE streams SET records = records + $3, deleted = deleted + $4, rejected = rejected + $5 WHERE tenant = $1 AND id = $2
