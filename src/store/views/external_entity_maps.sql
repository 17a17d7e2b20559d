-- What each external id became. Columns exactly as documented (contract, section 3).
-- @sqlite
CREATE VIEW external_entity_maps AS
SELECT m.id AS id,
       t.uuid AS company_id,
       n.template_name AS provider,
       n.uuid AS connection_id,
       c.kind AS entity_type,
       m.external_id AS external_id,
       r.uuid AS internal_id,
       lower(hex(m.fingerprint)) AS fingerprint,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
JOIN tenants t ON t.id = m.tenant
LEFT JOIN records r ON r.tenant = m.tenant AND r.id = m.record;
-- @postgres
CREATE OR REPLACE VIEW external_entity_maps AS
SELECT m.id AS id,
       t.uuid AS company_id,
       n.template_name AS provider,
       n.uuid AS connection_id,
       c.kind AS entity_type,
       m.external_id AS external_id,
       r.uuid AS internal_id,
       encode(m.fingerprint, 'hex') AS fingerprint,
       to_timestamp(m.created_at / 1000000.0) AS created_at,
       to_timestamp(m.updated_at / 1000000.0) AS updated_at,
       to_timestamp(m.deleted_at / 1000000.0) AS deleted_at
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
JOIN collections c ON c.tenant = s.tenant AND c.id = s.collection
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection
JOIN tenants t ON t.id = m.tenant
LEFT JOIN records r ON r.tenant = m.tenant AND r.id = m.record;
