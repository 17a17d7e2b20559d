-- One event. PostgreSQL's row carries its transaction, because sequence numbers commit out of order.
-- @name event_add
-- @sqlite
INSERT INTO changes (tenant, transaction_id, type, collection, connection, run, records, data, created_at)
VALUES ($1, 0, $2, (SELECT id FROM collections WHERE tenant = $1 AND kind = $3), $4, $5, $6, $7, $8)
-- @postgres
INSERT INTO changes (tenant, transaction_id, type, collection, connection, run, records, data, created_at)
VALUES ($1, pg_current_xact_id()::text::bigint, $2, (SELECT id FROM collections WHERE tenant = $1 AND kind = $3), $4, $5, $6,
$7, $8)

-- The same with the kind of a stream.
-- @name event_add_of_stream
-- @sqlite
INSERT INTO changes (tenant, transaction_id, type, collection, connection, run, records, data, created_at)
VALUES ($1, 0, $2, (SELECT collection FROM streams WHERE tenant = $1 AND id = $3), $4, $5, $6, $7, $8)
-- @postgres
INSERT INTO changes (tenant, transaction_id, type, collection, connection, run, records, data, created_at)
VALUES ($1, pg_current_xact_id()::text::bigint, $2, (SELECT collection FROM streams WHERE tenant = $1 AND id = $3), $4, $5, $6,
$7, $8)

-- Events of a tenant after a place, in commit order; on PostgreSQL only below the oldest transaction in flight.
-- @name event_read
-- @sqlite
SELECT c.transaction_id, c.id, c.tenant, c.connection, c.run, c.type, k.kind, c.data, c.records, c.created_at,
    n.uuid, u.uuid
FROM changes c LEFT JOIN collections k ON k.id = c.collection LEFT JOIN connections n ON n.id = c.connection
LEFT JOIN runs u ON u.id = c.run
WHERE c.tenant = $1 AND c.transaction_id = 0 AND $2 = $2 AND c.id > $3 ORDER BY c.id LIMIT $4
-- @postgres
SELECT c.transaction_id, c.id, c.tenant, c.connection, c.run, c.type, k.kind, c.data, c.records, c.created_at,
    n.uuid, u.uuid
FROM changes c LEFT JOIN collections k ON k.tenant = c.tenant AND k.id = c.collection
LEFT JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection LEFT JOIN runs u ON u.tenant = c.tenant AND u.id = c.run
WHERE c.tenant = $1 AND (c.transaction_id, c.id) > ($2, $3)
AND c.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY c.transaction_id, c.id LIMIT $4

-- The same of all tenants. $1 is 0.
-- @name event_read_all
-- @sqlite
SELECT c.transaction_id, c.id, c.tenant, c.connection, c.run, c.type, k.kind, c.data, c.records, c.created_at,
    n.uuid, u.uuid
FROM changes c LEFT JOIN collections k ON k.id = c.collection LEFT JOIN connections n ON n.id = c.connection
LEFT JOIN runs u ON u.id = c.run
WHERE $1 = 0 AND $2 = $2 AND c.id > $3 ORDER BY c.id LIMIT $4
-- @postgres
SELECT c.transaction_id, c.id, c.tenant, c.connection, c.run, c.type, k.kind, c.data, c.records, c.created_at,
    n.uuid, u.uuid
FROM changes c LEFT JOIN collections k ON k.tenant = c.tenant AND k.id = c.collection
LEFT JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection LEFT JOIN runs u ON u.tenant = c.tenant AND u.id = c.run
WHERE CAST($1 AS bigint) = 0 AND (c.transaction_id, c.id) > ($2, $3)
AND c.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY c.transaction_id, c.id LIMIT $4

-- The newest place of a tenant.
-- @name event_newest
-- @sqlite
SELECT transaction_id, id FROM changes WHERE tenant = $1 AND transaction_id = 0 ORDER BY id DESC LIMIT 1
-- @postgres
SELECT transaction_id, id FROM changes WHERE tenant = $1
AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY transaction_id DESC, id DESC LIMIT 1

-- The newest place of all tenants. $1 is 0.
-- @name event_newest_all
-- @sqlite
SELECT transaction_id, id FROM changes WHERE $1 = 0 ORDER BY id DESC LIMIT 1
-- @postgres
SELECT transaction_id, id FROM changes WHERE CAST($1 AS bigint) = 0
AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY transaction_id DESC, id DESC LIMIT 1

-- What records are called outside. The tenant bounds it; $2 is one of them.
-- @name event_record_uuid
SELECT uuid FROM records WHERE tenant = $1 AND id = $2

-- The same for many.
-- @name event_record_uuids
-- @only postgres
SELECT r.uuid FROM unnest($2::bigint[]) WITH ORDINALITY AS u (id, n) JOIN records r ON r.tenant = $1 AND r.id = u.id ORDER BY u.n
