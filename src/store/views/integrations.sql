-- Connections in the words of the integrations document, without their configuration: never a secret in a view.
-- @sqlite
CREATE VIEW integrations AS
SELECT n.id AS id,
       n.uuid AS uuid,
       n.tenant AS sub_account_id,
       t.uuid AS tenant_id,
       p.id AS integration_template_id,
       n.template_name AS integration_template,
       n.name AS name,
       n.description AS description,
       n.enabled AS is_active,
       n.status AS status,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_sync_at / 1000000.0, 'unixepoch') AS last_sync_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_tested_at / 1000000.0, 'unixepoch') AS last_tested_at,
       n.error_message AS error_message,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM connections n
JOIN tenants t ON t.id = n.tenant
LEFT JOIN templates p ON p.name = n.template_name
WHERE n.deleting = 0;
-- @postgres
CREATE OR REPLACE VIEW integrations AS
SELECT n.id AS id,
       n.uuid AS uuid,
       n.tenant AS sub_account_id,
       t.uuid AS tenant_id,
       p.id AS integration_template_id,
       n.template_name AS integration_template,
       n.name AS name,
       n.description AS description,
       n.enabled <> 0 AS is_active,
       n.status AS status,
       to_timestamp(n.last_sync_at / 1000000.0) AS last_sync_at,
       to_timestamp(n.last_tested_at / 1000000.0) AS last_tested_at,
       n.error_message AS error_message,
       to_timestamp(n.created_at / 1000000.0) AS created_at,
       to_timestamp(n.updated_at / 1000000.0) AS updated_at
FROM connections n
JOIN tenants t ON t.id = n.tenant
LEFT JOIN templates p ON p.name = n.template_name
WHERE n.deleting = 0;
