-- Orders: customer_id is customers.id. Money is text in SQLite, NUMERIC in PostgreSQL.
-- @sqlite
CREATE VIEW orders AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS customer_id,
       json_extract(r.data, '$.number') AS number,
       json_extract(r.data, '$.status') AS status,
       CAST(json_extract(r.data, '$.total') AS TEXT) AS total,
       json_extract(r.data, '$.currency') AS currency,
       json_extract(r.data, '$.email') AS email,
       json_extract(r.data, '$.orderedAt') AS ordered_at,
       json_extract(r.data, '$.items') AS items,
       json_extract(r.data, '$.customFields') AS custom_fields,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'orders'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
-- @postgres
CREATE OR REPLACE VIEW orders AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS customer_id,
       r.data ->> 'number' AS number,
       r.data ->> 'status' AS status,
       CASE WHEN r.data ->> 'total' ~ '^-?[0-9]+([.][0-9]+)?$' THEN (r.data ->> 'total')::numeric END AS total,
       r.data ->> 'currency' AS currency,
       r.data ->> 'email' AS email,
       r.data ->> 'orderedAt' AS ordered_at,
       r.data -> 'items' AS items,
       r.data -> 'customFields' AS custom_fields,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'orders'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
