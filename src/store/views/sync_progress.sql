-- Syncs of Amazon accounts, step by step: the runs of their connections, in the words of door 004.
-- @sqlite
CREATE VIEW sync_progress AS
SELECT r.uuid AS id,
       COALESCE(a.sync_id, 'sync_' || CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END || '_' || (r.created_at / 1000)) AS sync_id,
       COALESCE(a.user_id, CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END) AS user_id,
       CASE r.state WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled' ELSE 'running' END AS status,
       CASE WHEN r.state = 'succeeded' THEN 100 ELSE COALESCE((SELECT min(99, sum(CASE WHEN g.done = 1 THEN 1000
            WHEN g.declared_last IS NULL OR g.declared_last <= 0 THEN 0 WHEN g.records_read >= g.declared_last THEN 1000
            ELSE g.records_read * 1000 / g.declared_last END) / (10 * count(*)))
            FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id), 0) END AS progress,
       CASE WHEN r.state = 'succeeded' THEN 'Sync completed successfully' WHEN r.state = 'cancelled' THEN 'Sync cancelled'
            WHEN r.state = 'failed' THEN COALESCE(r.error_message, 'Sync failed') WHEN r.state = 'paused' THEN 'Paused'
            WHEN r.state = 'waiting' THEN 'Waiting: ' || COALESCE(r.wait_message, 'the vendor asked to slow down')
            ELSE CASE CASE WHEN r.state = 'succeeded' THEN 5
            WHEN NOT EXISTS (SELECT 1 FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id) THEN 1
            ELSE COALESCE((SELECT min(CASE s.name WHEN 'claims' THEN 2 WHEN 'inventory' THEN 3 ELSE 4 END)
                FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
                WHERE g.tenant = r.tenant AND g.run = r.id AND g.done = 0 AND g.error_code IS NULL), 5) END WHEN 1 THEN 'Checking connection...' WHEN 2 THEN 'Fetching claims...' WHEN 3 THEN 'Processing inventory...'
                WHEN 4 THEN 'Fetching orders...' ELSE 'Finishing...' END END AS current_step,
       CASE WHEN r.state = 'succeeded' THEN 5
            WHEN NOT EXISTS (SELECT 1 FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id) THEN 1
            ELSE COALESCE((SELECT min(CASE s.name WHEN 'claims' THEN 2 WHEN 'inventory' THEN 3 ELSE 4 END)
                FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
                WHERE g.tenant = r.tenant AND g.run = r.id AND g.done = 0 AND g.error_code IS NULL), 5) END AS step,
       5 AS total_steps,
       json_object('ordersProcessed', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'orders'),
            'totalOrders', CASE WHEN r.state = 'succeeded' THEN (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'orders') END,
            'claimsDetected', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'claims'),
            'inventoryProcessed', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'inventory'),
            'error', r.error_message) AS metadata,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM runs r
JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection AND n.template_name = 'amazon_sp_api'
LEFT JOIN account_syncs a ON a.tenant = r.tenant AND a.run = r.id;
-- @postgres
CREATE OR REPLACE VIEW sync_progress AS
SELECT r.uuid AS id,
       COALESCE(a.sync_id, 'sync_' || CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END || '_' || (r.created_at / 1000)) AS sync_id,
       COALESCE(a.user_id, CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END) AS user_id,
       CASE r.state WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled' ELSE 'running' END AS status,
       CAST(CASE WHEN r.state = 'succeeded' THEN 100 ELSE COALESCE((SELECT least(99, sum(CASE WHEN g.done = 1 THEN 1000
            WHEN g.declared_last IS NULL OR g.declared_last <= 0 THEN 0 WHEN g.records_read >= g.declared_last THEN 1000
            ELSE g.records_read * 1000 / g.declared_last END) / (10 * count(*)))
            FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id), 0) END AS integer) AS progress,
       CASE WHEN r.state = 'succeeded' THEN 'Sync completed successfully' WHEN r.state = 'cancelled' THEN 'Sync cancelled'
            WHEN r.state = 'failed' THEN COALESCE(r.error_message, 'Sync failed') WHEN r.state = 'paused' THEN 'Paused'
            WHEN r.state = 'waiting' THEN 'Waiting: ' || COALESCE(r.wait_message, 'the vendor asked to slow down')
            ELSE CASE CASE WHEN r.state = 'succeeded' THEN 5
            WHEN NOT EXISTS (SELECT 1 FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id) THEN 1
            ELSE COALESCE((SELECT min(CASE s.name WHEN 'claims' THEN 2 WHEN 'inventory' THEN 3 ELSE 4 END)
                FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
                WHERE g.tenant = r.tenant AND g.run = r.id AND g.done = 0 AND g.error_code IS NULL), 5) END WHEN 1 THEN 'Checking connection...' WHEN 2 THEN 'Fetching claims...' WHEN 3 THEN 'Processing inventory...'
                WHEN 4 THEN 'Fetching orders...' ELSE 'Finishing...' END END AS current_step,
       CASE WHEN r.state = 'succeeded' THEN 5
            WHEN NOT EXISTS (SELECT 1 FROM run_streams g WHERE g.tenant = r.tenant AND g.run = r.id) THEN 1
            ELSE COALESCE((SELECT min(CASE s.name WHEN 'claims' THEN 2 WHEN 'inventory' THEN 3 ELSE 4 END)
                FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
                WHERE g.tenant = r.tenant AND g.run = r.id AND g.done = 0 AND g.error_code IS NULL), 5) END AS step,
       5 AS total_steps,
       jsonb_build_object('ordersProcessed', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'orders'),
            'totalOrders', CASE WHEN r.state = 'succeeded' THEN (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'orders') END,
            'claimsDetected', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'claims'),
            'inventoryProcessed', (SELECT COALESCE(sum(g.created + g.updated + g.skipped), 0) FROM run_streams g JOIN streams s ON s.tenant = g.tenant AND s.id = g.stream
            WHERE g.tenant = r.tenant AND g.run = r.id AND s.name = 'inventory'),
            'error', r.error_message) AS metadata,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at
FROM runs r
JOIN connections n ON n.tenant = r.tenant AND n.id = r.connection AND n.template_name = 'amazon_sp_api'
LEFT JOIN account_syncs a ON a.tenant = r.tenant AND a.run = r.id;
