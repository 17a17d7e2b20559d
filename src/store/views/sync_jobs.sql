-- Jobs: what was asked for, and how it stands (contract, section 4). Their runs are in sync_runs (job_id).
-- @sqlite
CREATE VIEW sync_jobs AS
SELECT j.uuid AS id,
       t.uuid AS company_id,
       j.name AS name,
       j.type AS type,
       CASE j.priority WHEN 0 THEN 'high' WHEN 1 THEN 'normal' ELSE 'low' END AS priority,
       CASE j.state WHEN 'cancelled' THEN 'failed' ELSE j.state END AS status,
       j.state = 'cancelled' AS cancelled,
       n.uuid AS connection_id,
       j.data AS data,
       j.options AS options,
       j.schedule AS schedule,
       j.error_code AS error_code,
       j.error_message AS error_message,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.next_at / 1000000.0, 'unixepoch') AS next_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.started_at / 1000000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.finished_at / 1000000.0, 'unixepoch') AS finished_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM jobs j
JOIN tenants t ON t.id = j.tenant
LEFT JOIN connections n ON n.tenant = j.tenant AND n.id = j.connection;
-- @postgres
CREATE OR REPLACE VIEW sync_jobs AS
SELECT j.uuid AS id,
       t.uuid AS company_id,
       j.name AS name,
       j.type AS type,
       CASE j.priority WHEN 0 THEN 'high' WHEN 1 THEN 'normal' ELSE 'low' END AS priority,
       CASE j.state WHEN 'cancelled' THEN 'failed' ELSE j.state END AS status,
       j.state = 'cancelled' AS cancelled,
       n.uuid AS connection_id,
       j.data AS data,
       j.options AS options,
       j.schedule AS schedule,
       j.error_code AS error_code,
       j.error_message AS error_message,
       to_timestamp(j.next_at / 1000000.0) AS next_at,
       to_timestamp(j.created_at / 1000000.0) AS created_at,
       to_timestamp(j.started_at / 1000000.0) AS started_at,
       to_timestamp(j.finished_at / 1000000.0) AS finished_at,
       to_timestamp(j.updated_at / 1000000.0) AS updated_at
FROM jobs j
JOIN tenants t ON t.id = j.tenant
LEFT JOIN connections n ON n.tenant = j.tenant AND n.id = j.connection;
