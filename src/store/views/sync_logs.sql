-- One row per committed page. The lines of a run are compressed; the API and the command line show them.
-- @sqlite
CREATE VIEW sync_logs AS
SELECT r.uuid AS run_id,
       t.uuid AS company_id,
       p.page_seq AS page,
       s.name AS entity_type,
       p.received AS received,
       p.created AS created,
       p.updated AS updated,
       p.skipped AS skipped,
       p.deleted AS deleted,
       p.errors AS errors,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000000.0, 'unixepoch') AS created_at
FROM run_pages p
JOIN runs r ON r.tenant = p.tenant AND r.id = p.run
JOIN tenants t ON t.id = p.tenant
LEFT JOIN streams s ON s.tenant = p.tenant AND s.id = p.stream;
-- @postgres
CREATE OR REPLACE VIEW sync_logs AS
SELECT r.uuid AS run_id,
       t.uuid AS company_id,
       p.page_seq AS page,
       s.name AS entity_type,
       p.received AS received,
       p.created AS created,
       p.updated AS updated,
       p.skipped AS skipped,
       p.deleted AS deleted,
       p.errors AS errors,
       to_timestamp(p.created_at / 1000000.0) AS created_at
FROM run_pages p
JOIN runs r ON r.tenant = p.tenant AND r.id = p.run
JOIN tenants t ON t.id = p.tenant
LEFT JOIN streams s ON s.tenant = p.tenant AND s.id = p.stream;
