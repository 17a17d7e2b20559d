-- Products. Money is text in SQLite, NUMERIC in PostgreSQL.
-- @sqlite
CREATE VIEW products AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       json_extract(r.data, '$.title') AS title,
       json_extract(r.data, '$.sku') AS sku,
       json_extract(r.data, '$.description') AS description,
       json_extract(r.data, '$.status') AS status,
       CAST(json_extract(r.data, '$.price') AS TEXT) AS price,
       json_extract(r.data, '$.currency') AS currency,
       json_extract(r.data, '$.quantity') AS quantity,
       json_extract(r.data, '$.vendor') AS vendor,
       json_extract(r.data, '$.customFields') AS custom_fields,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'products'
JOIN tenants t ON t.id = r.tenant;
-- @postgres
CREATE OR REPLACE VIEW products AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       r.data ->> 'title' AS title,
       r.data ->> 'sku' AS sku,
       r.data ->> 'description' AS description,
       r.data ->> 'status' AS status,
       CASE WHEN r.data ->> 'price' ~ '^-?[0-9]+([.][0-9]+)?$' THEN (r.data ->> 'price')::numeric END AS price,
       r.data ->> 'currency' AS currency,
       r.data ->> 'quantity' AS quantity,
       r.data ->> 'vendor' AS vendor,
       r.data -> 'customFields' AS custom_fields,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'products'
JOIN tenants t ON t.id = r.tenant;
