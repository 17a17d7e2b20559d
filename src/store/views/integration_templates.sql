-- Templates that people added, and what they set on the server's own (contract, section 8). A template's own texts are in the
-- program, not in the database. No secret in it.
-- @sqlite
CREATE VIEW integration_templates AS
SELECT p.id AS id,
       p.uuid AS uuid,
       p.name AS name,
       p.display_name AS display_name,
       p.description AS description,
       p.category AS category,
       p.icon AS icon,
       p.active AS is_active,
       p.config_schema AS config_schema,
       p.instructions AS setup_instructions,
       p.webhook_url AS webhook_url,
       p.api_version AS api_version,
       p.origin = 'server' AS built_in,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM templates p;
-- @postgres
CREATE OR REPLACE VIEW integration_templates AS
SELECT p.id AS id,
       p.uuid AS uuid,
       p.name AS name,
       p.display_name AS display_name,
       p.description AS description,
       p.category AS category,
       p.icon AS icon,
       p.active <> 0 AS is_active,
       p.config_schema AS config_schema,
       p.instructions AS setup_instructions,
       p.webhook_url AS webhook_url,
       p.api_version AS api_version,
       p.origin = 'server' AS built_in,
       to_timestamp(p.created_at / 1000000.0) AS created_at,
       to_timestamp(p.updated_at / 1000000.0) AS updated_at
FROM templates p;
