-- A conflict that opens.
-- @name conflict_insert
INSERT INTO conflicts (tenant, uuid, connection, record, state, fields, created_at, updated_at)
VALUES ($1, $2, $3, $4, 'open', $5, $6, $6)

-- The open one of a record and a source.
-- @name conflict_open
SELECT c.id, c.uuid, c.connection, c.record, c.state, c.fields, c.choice, c.resolved_by, c.created_at, c.updated_at, c.resolved_at,
    n.uuid, n.name, n.template_name, r.uuid, r.title, k.kind, r.data
FROM conflicts c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection
JOIN records r ON r.tenant = c.tenant AND r.id = c.record JOIN collections k ON k.tenant = r.tenant AND k.id = r.collection
WHERE c.tenant = $1 AND c.record = $2 AND c.connection = $3 AND c.state = 'open'

-- One by its UUID.
-- @name conflict_get
SELECT c.id, c.uuid, c.connection, c.record, c.state, c.fields, c.choice, c.resolved_by, c.created_at, c.updated_at, c.resolved_at,
    n.uuid, n.name, n.template_name, r.uuid, r.title, k.kind, r.data
FROM conflicts c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection
JOIN records r ON r.tenant = c.tenant AND r.id = c.record JOIN collections k ON k.tenant = r.tenant AND k.id = r.collection
WHERE c.tenant = $1 AND c.uuid = $2

-- Those open about a record.
-- @name conflict_of_record
SELECT c.id, c.uuid, c.connection, c.record, c.state, c.fields, c.choice, c.resolved_by, c.created_at, c.updated_at, c.resolved_at,
    n.uuid, n.name, n.template_name, r.uuid, r.title, k.kind, r.data
FROM conflicts c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection
JOIN records r ON r.tenant = c.tenant AND r.id = c.record JOIN collections k ON k.tenant = r.tenant AND k.id = r.collection
WHERE c.tenant = $1 AND c.record = $2 AND c.state = 'open' ORDER BY c.id

-- Newest first, by state, connection, record.
-- @name conflict_list
SELECT c.id, c.uuid, c.connection, c.record, c.state, c.fields, c.choice, c.resolved_by, c.created_at, c.updated_at, c.resolved_at,
    n.uuid, n.name, n.template_name, r.uuid, r.title, k.kind, r.data
FROM conflicts c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection
JOIN records r ON r.tenant = c.tenant AND r.id = c.record JOIN collections k ON k.tenant = r.tenant AND k.id = r.collection
WHERE c.tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR c.state = $2) AND (CAST($3 AS TEXT) IS NULL OR n.uuid = $3)
    AND (CAST($4 AS TEXT) IS NULL OR r.uuid = $4) AND (CAST($5 AS BIGINT) = 0 OR c.id < $5)
ORDER BY c.id DESC LIMIT $6 OFFSET $7

-- How many, by the same filter.
-- @name conflict_count
SELECT count(*) FROM conflicts c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection
JOIN records r ON r.tenant = c.tenant AND r.id = c.record
WHERE c.tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR c.state = $2) AND (CAST($3 AS TEXT) IS NULL OR n.uuid = $3)
    AND (CAST($4 AS TEXT) IS NULL OR r.uuid = $4)

-- What it is about changes; nothing left: it is over.
-- @name conflict_fields
UPDATE conflicts SET fields = $3, updated_at = $4 WHERE tenant = $1 AND id = $2 AND state = 'open'

-- A decision.
-- @name conflict_resolve
UPDATE conflicts SET state = 'resolved', choice = $3, resolved_by = $4, resolved_at = $5, updated_at = $5
WHERE tenant = $1 AND id = $2 AND state = 'open'

-- And with the connection.
-- @name conflict_delete_connection
DELETE FROM conflicts WHERE tenant = $1 AND connection = $2

-- They hold values: they go with the record.
-- @name conflict_erase
DELETE FROM conflicts WHERE tenant = $1 AND record = $2
