-- Deals: company_id is companies.id. Money is text in SQLite, NUMERIC in PostgreSQL.
-- @sqlite
CREATE VIEW deals AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS company_id,
       json_extract(r.data, '$.name') AS name,
       json_extract(r.data, '$.status') AS status,
       json_extract(r.data, '$.stage') AS stage,
       json_extract(r.data, '$.pipeline') AS pipeline,
       CAST(json_extract(r.data, '$.amount') AS TEXT) AS amount,
       json_extract(r.data, '$.currency') AS currency,
       json_extract(r.data, '$.closeDate') AS close_date,
       json_extract(r.data, '$.contactId') AS contact_id,
       json_extract(r.data, '$.customFields') AS custom_fields,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'deals'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
-- @postgres
CREATE OR REPLACE VIEW deals AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS company_id,
       r.data ->> 'name' AS name,
       r.data ->> 'status' AS status,
       r.data ->> 'stage' AS stage,
       r.data ->> 'pipeline' AS pipeline,
       CASE WHEN r.data ->> 'amount' ~ '^-?[0-9]+([.][0-9]+)?$' THEN (r.data ->> 'amount')::numeric END AS amount,
       r.data ->> 'currency' AS currency,
       r.data ->> 'closeDate' AS close_date,
       r.data ->> 'contactId' AS contact_id,
       r.data -> 'customFields' AS custom_fields,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'deals'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
