-- Connections, without their configuration: never a secret in a view.
-- @sqlite
CREATE VIEW external_connections AS
SELECT n.uuid AS id,
       t.uuid AS company_id,
       n.name AS name,
       n.template_name AS provider,
       n.template_name AS platform,
       n.enabled AS enabled,
       n.status AS status,
       n.error_message AS error_message,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_sync_at / 1000000.0, 'unixepoch') AS last_sync_at,
       n.last_sync_status AS last_sync_status,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_tested_at / 1000000.0, 'unixepoch') AS last_tested_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM connections n
JOIN tenants t ON t.id = n.tenant
WHERE n.deleting = 0;
-- @postgres
CREATE OR REPLACE VIEW external_connections AS
SELECT n.uuid AS id,
       t.uuid AS company_id,
       n.name AS name,
       n.template_name AS provider,
       n.template_name AS platform,
       n.enabled <> 0 AS enabled,
       n.status AS status,
       n.error_message AS error_message,
       to_timestamp(n.last_sync_at / 1000000.0) AS last_sync_at,
       n.last_sync_status AS last_sync_status,
       to_timestamp(n.last_tested_at / 1000000.0) AS last_tested_at,
       to_timestamp(n.created_at / 1000000.0) AS created_at,
       to_timestamp(n.updated_at / 1000000.0) AS updated_at
FROM connections n
JOIN tenants t ON t.id = n.tenant
WHERE n.deleting = 0;
