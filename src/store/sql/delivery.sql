-- A delivery, to be made at once.
-- @name delivery_insert
INSERT INTO webhook_deliveries (tenant, uuid, subscription, event, type, state, next_at, created_at)
VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7)

-- What a subscription has to send now: what was never tried first, in the order of events.
-- @name delivery_due
SELECT d.id, d.tenant, d.uuid, d.subscription, d.event, d.type, d.state, d.attempts, d.replays, d.next_at, d.first_at, d.last_at,
    d.last_status, d.last_error, d.last_response, d.duration_ms, d.created_at
FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2 AND d.state = 'pending' AND d.next_at <= $3
ORDER BY CASE WHEN d.attempts = 0 THEN 0 ELSE 1 END, d.id LIMIT $4

-- How many wait.
-- @name delivery_waiting
SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2 AND d.state = 'pending'
LIMIT $3) AS counted

-- One by its UUID.
-- @name delivery_get
SELECT d.id, d.tenant, d.uuid, d.subscription, d.event, d.type, d.state, d.attempts, d.replays, d.next_at, d.first_at, d.last_at,
    d.last_status, d.last_error, d.last_response, d.duration_ms, d.created_at
FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2 AND d.uuid = $3

-- Newest first.
-- @name delivery_list
SELECT d.id, d.tenant, d.uuid, d.subscription, d.event, d.type, d.state, d.attempts, d.replays, d.next_at, d.first_at, d.last_at,
    d.last_status, d.last_error, d.last_response, d.duration_ms, d.created_at
FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2 AND (CAST($3 AS text) IS NULL OR d.state = $3)
    AND (CAST($4 AS bigint) = 0 OR d.id < $4) ORDER BY d.id DESC LIMIT $5 OFFSET $6

-- How many match, counted no further than $4.
-- @name delivery_count
SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2
    AND (CAST($3 AS text) IS NULL OR d.state = $3) LIMIT $4) AS counted

-- What an attempt came to.
-- @name delivery_tried
UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, next_at = $4, first_at = COALESCE(first_at, $5), last_at = $5,
    last_status = $6, last_error = $7, last_response = $8, duration_ms = $9
WHERE tenant = $1 AND id = $2 AND state = 'pending'

-- A person wants it sent again.
-- @name delivery_replay
UPDATE webhook_deliveries SET state = 'pending', attempts = 0, replays = replays + 1, next_at = $3
WHERE tenant = $1 AND id = $2

-- An event by its number.
-- @name event_get
SELECT c.transaction_id, c.id, c.tenant, c.connection, c.run, c.type, k.kind, c.data, c.records, c.created_at,
    n.uuid, u.uuid
FROM changes c LEFT JOIN collections k ON k.tenant = c.tenant AND k.id = c.collection
LEFT JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection LEFT JOIN runs u ON u.tenant = c.tenant AND u.id = c.run
WHERE c.tenant = $1 AND c.id = $2

-- Old deliveries that wait for nothing.
-- @name delivery_sweep
DELETE FROM webhook_deliveries WHERE id IN (SELECT d.id FROM webhook_deliveries d WHERE d.created_at < $1 ORDER BY d.id LIMIT $2)

-- Edits that were to be pushed to a connection that is gone.
-- @name push_outbox_sweep
DELETE FROM push_outbox WHERE (tenant, connection, record) IN (SELECT o.tenant, o.connection, o.record FROM push_outbox o
WHERE o.created_at < $1 AND NOT EXISTS (SELECT 1 FROM connections n WHERE n.tenant = o.tenant AND n.id = o.connection) LIMIT $2)
