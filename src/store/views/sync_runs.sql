-- Runs with their counters and verdict.
-- @sqlite
CREATE VIEW sync_runs AS
SELECT r.uuid AS id,
       t.uuid AS company_id,
       n.uuid AS connection_id,
       n.template_name AS provider,
       r.state AS status,
       r.full_pass AS full_sync,
       r.direction AS direction,
       r.entity AS entity_type,
       r.received AS received,
       r.created + r.updated + r.skipped AS synced,
       r.created AS created,
       r.updated AS updated,
       r.skipped AS skipped,
       r.deleted AS deleted,
       r.errors AS errors,
       r.missing AS missing,
       r.verdict AS verdict,
       r.verdict_reason AS verdict_reason,
       r.error_code AS error_code,
       r.error_message AS error_message,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000000.0, 'unixepoch') AS finished_at,
       j.uuid AS job_id,
       r.requests AS requests
FROM runs r
JOIN tenants t ON t.id = r.tenant
LEFT JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection;
-- @postgres
CREATE OR REPLACE VIEW sync_runs AS
SELECT r.uuid AS id,
       t.uuid AS company_id,
       n.uuid AS connection_id,
       n.template_name AS provider,
       r.state AS status,
       r.full_pass <> 0 AS full_sync,
       r.direction AS direction,
       r.entity AS entity_type,
       r.received AS received,
       r.created + r.updated + r.skipped AS synced,
       r.created AS created,
       r.updated AS updated,
       r.skipped AS skipped,
       r.deleted AS deleted,
       r.errors AS errors,
       r.missing AS missing,
       r.verdict AS verdict,
       r.verdict_reason AS verdict_reason,
       r.error_code AS error_code,
       r.error_message AS error_message,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.started_at / 1000000.0) AS started_at,
       to_timestamp(r.finished_at / 1000000.0) AS finished_at,
       j.uuid AS job_id,
       r.requests AS requests
FROM runs r
JOIN tenants t ON t.id = r.tenant
LEFT JOIN jobs j ON j.tenant = r.tenant AND j.id = r.job
LEFT JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection;
