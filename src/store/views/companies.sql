-- Companies.
-- @sqlite
CREATE VIEW companies AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       json_extract(r.data, '$.name') AS name,
       json_extract(r.data, '$.domain') AS domain,
       json_extract(r.data, '$.email') AS email,
       json_extract(r.data, '$.phone') AS phone,
       json_extract(r.data, '$.industry') AS industry,
       json_extract(r.data, '$.city') AS city,
       json_extract(r.data, '$.country') AS country,
       json_extract(r.data, '$.customFields') AS custom_fields,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'companies'
JOIN tenants t ON t.id = r.tenant;
-- @postgres
CREATE OR REPLACE VIEW companies AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       r.data ->> 'name' AS name,
       r.data ->> 'domain' AS domain,
       r.data ->> 'email' AS email,
       r.data ->> 'phone' AS phone,
       r.data ->> 'industry' AS industry,
       r.data ->> 'city' AS city,
       r.data ->> 'country' AS country,
       r.data -> 'customFields' AS custom_fields,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'companies'
JOIN tenants t ON t.id = r.tenant;
