-- An event whose delivery is taken once in a while; later it is a new one. One statement, because each is a way there and back.
-- @name inbox_take
-- @only postgres
WITH d AS (INSERT INTO inbox_deliveries (tenant, connection, delivery, received_at)
    SELECT n.tenant, CAST($3 AS bigint), CAST($14 AS bytea), CAST($10 AS bigint) FROM connections n
    WHERE n.tenant = $1 AND n.id = $3 AND n.deleting = 0
    ON CONFLICT (tenant, connection, delivery) DO UPDATE SET received_at = excluded.received_at
    WHERE inbox_deliveries.received_at < $15 RETURNING tenant)
INSERT INTO inbox_events (tenant, uuid, connection, type, external_id, delivery, trust, status, due_at, received_at,
    finished_at, bytes, content)
SELECT d.tenant, CAST($2 AS text), CAST($3 AS bigint), CAST($4 AS text), CAST($5 AS text), CAST($6 AS text), CAST($7 AS text),
    CAST($8 AS text), CAST($9 AS bigint), CAST($10 AS bigint), CAST($11 AS bigint), CAST($12 AS bigint), CAST($13 AS bytea) FROM d

-- Known deliveries that are not in their tree yet.
-- @name inbox_seen_load
-- @only sqlite
SELECT id, tenant, connection, delivery, received_at FROM inbox_seen ORDER BY id

-- One more.
-- @name inbox_seen_add
-- @only sqlite
INSERT INTO inbox_seen (tenant, id, connection, delivery, received_at) VALUES ($1, $2, $3, $4, $5)

-- When did it come, says the tree.
-- @name inbox_seen_find
-- @only sqlite
SELECT received_at FROM inbox_deliveries WHERE connection = $2 AND delivery = $3 AND tenant = $1

-- One goes into the tree.
-- @name inbox_seen_merge
-- @only sqlite
INSERT INTO inbox_deliveries (tenant, connection, delivery, received_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (connection, delivery) DO UPDATE SET received_at = excluded.received_at
WHERE inbox_deliveries.received_at < excluded.received_at

-- Some that are in the tree go from here.
-- @name inbox_seen_trim
-- @only sqlite
DELETE FROM inbox_seen WHERE id IN (SELECT s.id FROM inbox_seen s WHERE s.id <= $1 ORDER BY s.id LIMIT $2)

-- And those of a deleted connection.
-- @name inbox_seen_of_connection
-- @only sqlite
DELETE FROM inbox_seen WHERE tenant = $1 AND connection = $2

-- When was the connection changed last?
-- @name inbox_connection_changed
SELECT updated_at FROM connections WHERE tenant = $1 AND id = $2

-- Is there the connection that it is for?
-- @name inbox_connection_stands
SELECT 1 FROM connections WHERE tenant = $1 AND id = $2 AND deleting < $3

-- An event; none, where its connection has been deleted since it was looked up.
-- @name inbox_add
-- @sqlite
INSERT INTO inbox_events (tenant, uuid, connection, type, external_id, delivery, trust, status, due_at, received_at,
    finished_at, bytes, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
-- @postgres
INSERT INTO inbox_events (tenant, uuid, connection, type, external_id, delivery, trust, status, due_at, received_at,
    finished_at, bytes, content)
SELECT n.tenant, CAST($2 AS text), CAST($3 AS bigint), CAST($4 AS text), CAST($5 AS text), CAST($6 AS text), CAST($7 AS text),
    CAST($8 AS text), CAST($9 AS bigint), CAST($10 AS bigint), CAST($11 AS bigint), CAST($12 AS bigint), CAST($13 AS bytea)
FROM connections n WHERE n.tenant = $1 AND n.id = $3 AND n.deleting = 0

-- Connections whose events are due and whose queue nobody holds. The walk jumps from one connection to the next.
-- @name inbox_ready
-- @sqlite
WITH RECURSIVE c (tenant, connection) AS (
    SELECT * FROM (SELECT tenant, connection FROM inbox_events WHERE due_at IS NOT NULL ORDER BY tenant, connection LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant FROM inbox_events e WHERE e.due_at IS NOT NULL AND (e.tenant, e.connection) > (c.tenant, c.connection)
            ORDER BY e.tenant, e.connection LIMIT 1),
        (SELECT e.connection FROM inbox_events e WHERE e.due_at IS NOT NULL AND (e.tenant, e.connection) > (c.tenant, c.connection)
            ORDER BY e.tenant, e.connection LIMIT 1) FROM c WHERE c.tenant IS NOT NULL)
SELECT c.tenant, c.connection FROM c LEFT JOIN inbox_queues q ON q.connection = c.connection
WHERE c.tenant IS NOT NULL AND (q.lease_node IS NULL OR q.lease_until <= $1)
    AND EXISTS (SELECT 1 FROM inbox_events e WHERE e.tenant = c.tenant AND e.connection = c.connection AND e.due_at <= $1)
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = c.tenant AND t.disabled_at IS NOT NULL)
LIMIT $2
-- @postgres
WITH RECURSIVE c (tenant, connection) AS (
    (SELECT tenant, connection FROM inbox_events WHERE due_at IS NOT NULL ORDER BY tenant, connection LIMIT 1)
    UNION ALL
    SELECT n.tenant, n.connection FROM c CROSS JOIN LATERAL (SELECT e.tenant, e.connection FROM inbox_events e
        WHERE e.due_at IS NOT NULL AND (e.tenant, e.connection) > (c.tenant, c.connection)
        ORDER BY e.tenant, e.connection LIMIT 1) AS n)
SELECT c.tenant, c.connection FROM c LEFT JOIN inbox_queues q ON q.tenant = c.tenant AND q.connection = c.connection
WHERE (q.lease_node IS NULL OR q.lease_until <= $1)
    AND EXISTS (SELECT 1 FROM inbox_events e WHERE e.tenant = c.tenant AND e.connection = c.connection AND e.due_at <= $1)
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = c.tenant AND t.disabled_at IS NOT NULL)
LIMIT $2

-- When is the next event due that is not due yet?
-- @name inbox_next_due
SELECT min(due_at) FROM inbox_events WHERE due_at > $1

-- Takes a queue. One that was not given back has lost its worker.
-- @name inbox_claim
-- @sqlite
INSERT INTO inbox_queues (tenant, connection, epoch, lease_node, lease_until, crashes) VALUES ($1, $2, 1, $3, $5, 0)
ON CONFLICT (connection) DO UPDATE SET epoch = epoch + 1, lease_node = excluded.lease_node, lease_until = excluded.lease_until,
    crashes = CASE WHEN inbox_queues.lease_node IS NULL THEN crashes ELSE crashes + 1 END
WHERE inbox_queues.lease_node IS NULL OR inbox_queues.lease_until <= $4
RETURNING epoch, crashes
-- @postgres
INSERT INTO inbox_queues AS q (tenant, connection, epoch, lease_node, lease_until, crashes) VALUES ($1, $2, 1, $3, $5, 0)
ON CONFLICT (tenant, connection) DO UPDATE SET epoch = q.epoch + 1, lease_node = excluded.lease_node,
    lease_until = excluded.lease_until, crashes = CASE WHEN q.lease_node IS NULL THEN q.crashes ELSE q.crashes + 1 END
WHERE q.lease_node IS NULL OR q.lease_until <= $4
RETURNING epoch, crashes

-- Whoever applies a connection's events applies no more of them. One who is at it is waited for.
-- @name inbox_shut_out
-- @sqlite
INSERT INTO inbox_queues (tenant, connection, epoch) VALUES ($1, $2, 1) ON CONFLICT (connection) DO UPDATE SET epoch = epoch + 1
-- @postgres
INSERT INTO inbox_queues AS q (tenant, connection, epoch) VALUES ($1, $2, 1)
ON CONFLICT (tenant, connection) DO UPDATE SET epoch = q.epoch + 1

-- Still ours? The lease grows with each commit.
-- @name inbox_fence
UPDATE inbox_queues SET lease_until = $4 WHERE tenant = $1 AND connection = $2 AND epoch = $3

-- Gives a queue back.
-- @name inbox_release
UPDATE inbox_queues SET lease_node = NULL, lease_until = 0, crashes = CASE WHEN $4 = 1 THEN 0 ELSE crashes END
WHERE tenant = $1 AND connection = $2 AND epoch = $3

-- Whoever ended the process before is not among the events that it left: the next one begins to count anew.
-- @name inbox_forget_crashes
UPDATE inbox_queues SET crashes = 0 WHERE tenant = $1 AND connection = $2 AND epoch = $3

-- A node that starts again takes its own queues back at once.
-- @name inbox_take_back
UPDATE inbox_queues SET lease_until = 0 WHERE lease_node = $1

-- What is due in a queue, in the order of its arrival; with it what is due a moment later, so that a burst is one batch.
-- @name inbox_due
SELECT id, uuid, type, external_id, delivery, trust, status, attempts, received_at, content FROM inbox_events
WHERE tenant = $1 AND connection = $2 AND due_at <= $4 AND EXISTS (SELECT 1 FROM inbox_events e WHERE e.tenant = $1
    AND e.connection = $2 AND e.due_at <= $3) ORDER BY due_at, id LIMIT $5

-- An event that may end the process is counted before it is tried.
-- @name inbox_attempt
UPDATE inbox_events SET attempts = attempts + 1 WHERE tenant = $1 AND id = $2

-- An event is done.
-- @name inbox_finish
UPDATE inbox_events SET status = $3, due_at = NULL, error_code = $4, error_message = $5, finished_at = $6
WHERE tenant = $1 AND id = $2

-- An event waits for another try.
-- @name inbox_later
UPDATE inbox_events SET due_at = $3, attempts = $4, error_code = $5, error_message = $6 WHERE tenant = $1 AND id = $2

-- A person asks for it again.
-- @name inbox_replay
UPDATE inbox_events SET status = 'pending', due_at = $3, attempts = 0, error_code = NULL, error_message = NULL,
    finished_at = NULL WHERE tenant = $1 AND uuid = $2

-- A record was seen as it is known, later than before.
-- @name map_observed
UPDATE entity_map SET observed_at = $4 WHERE tenant = $1 AND stream = $2 AND external_id = $3 AND observed_at < $4

-- Events, newest first.
-- @name inbox_list
SELECT e.id, e.uuid, e.type, e.external_id, e.delivery, e.trust, e.status, e.attempts, e.received_at, NULL, e.due_at,
    e.error_code, e.error_message, e.finished_at, e.bytes, n.uuid, n.template_name
FROM inbox_events e LEFT JOIN connections n ON n.tenant = e.tenant AND n.id = e.connection
WHERE e.tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR n.uuid = $2) AND (CAST($3 AS TEXT) IS NULL OR e.type = $3)
    AND (CAST($4 AS TEXT) IS NULL OR e.status = $4) AND (CAST($5 AS BIGINT) = 0 OR e.received_at >= $5)
    AND (CAST($6 AS BIGINT) = 0 OR e.received_at < $6)
    AND (CAST($7 AS TEXT) IS NULL OR e.type LIKE $7 ESCAPE '\' OR e.external_id LIKE $7 ESCAPE '\' OR e.delivery LIKE $7 ESCAPE '\'
        OR e.error_message LIKE $7 ESCAPE '\')
    AND (CAST($8 AS BIGINT) = 0 OR e.id < $8)
ORDER BY e.id DESC LIMIT $9 OFFSET $10

-- Those in one state, from its index: few of many are, as a rule.
-- @name inbox_list_of_status
SELECT e.id, e.uuid, e.type, e.external_id, e.delivery, e.trust, e.status, e.attempts, e.received_at, NULL, e.due_at,
    e.error_code, e.error_message, e.finished_at, e.bytes, n.uuid, n.template_name
FROM inbox_events e LEFT JOIN connections n ON n.tenant = e.tenant AND n.id = e.connection
WHERE e.tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR n.uuid = $2) AND (CAST($3 AS TEXT) IS NULL OR e.type = $3)
    AND e.status = $4 AND (CAST($5 AS BIGINT) = 0 OR e.received_at >= $5)
    AND (CAST($6 AS BIGINT) = 0 OR e.received_at < $6)
    AND (CAST($7 AS TEXT) IS NULL OR e.type LIKE $7 ESCAPE '\' OR e.external_id LIKE $7 ESCAPE '\' OR e.delivery LIKE $7 ESCAPE '\'
        OR e.error_message LIKE $7 ESCAPE '\')
    AND (CAST($8 AS BIGINT) = 0 OR e.id < $8)
ORDER BY e.id DESC LIMIT $9 OFFSET $10

-- How many match, counted no further than $8. The connection is looked up once, not joined to each.
-- @name inbox_total
SELECT count(*) FROM (SELECT 1 FROM inbox_events e
WHERE e.tenant = $1 AND (CAST($2 AS TEXT) IS NULL
    OR e.connection = (SELECT n.id FROM connections n WHERE n.tenant = $1 AND n.uuid = $2)) AND (CAST($3 AS TEXT) IS NULL OR e.type = $3)
    AND (CAST($4 AS TEXT) IS NULL OR e.status = $4) AND (CAST($5 AS BIGINT) = 0 OR e.received_at >= $5)
    AND (CAST($6 AS BIGINT) = 0 OR e.received_at < $6)
    AND (CAST($7 AS TEXT) IS NULL OR e.type LIKE $7 ESCAPE '\' OR e.external_id LIKE $7 ESCAPE '\' OR e.delivery LIKE $7 ESCAPE '\'
        OR e.error_message LIKE $7 ESCAPE '\')
LIMIT $8) AS counted

-- The same of one state.
-- @name inbox_total_of_status
SELECT count(*) FROM (SELECT 1 FROM inbox_events e
WHERE e.tenant = $1 AND (CAST($2 AS TEXT) IS NULL
    OR e.connection = (SELECT n.id FROM connections n WHERE n.tenant = $1 AND n.uuid = $2)) AND (CAST($3 AS TEXT) IS NULL OR e.type = $3)
    AND e.status = $4 AND (CAST($5 AS BIGINT) = 0 OR e.received_at >= $5)
    AND (CAST($6 AS BIGINT) = 0 OR e.received_at < $6)
    AND (CAST($7 AS TEXT) IS NULL OR e.type LIKE $7 ESCAPE '\' OR e.external_id LIKE $7 ESCAPE '\' OR e.delivery LIKE $7 ESCAPE '\'
        OR e.error_message LIKE $7 ESCAPE '\')
LIMIT $8) AS counted

-- One event, with what came.
-- @name inbox_get
SELECT e.id, e.uuid, e.type, e.external_id, e.delivery, e.trust, e.status, e.attempts, e.received_at, e.content, e.due_at,
    e.error_code, e.error_message, e.finished_at, e.bytes, n.uuid, n.template_name
FROM inbox_events e LEFT JOIN connections n ON n.tenant = e.tenant AND n.id = e.connection
WHERE e.tenant = $1 AND e.uuid = $2

-- How many wait.
-- @name inbox_pending
SELECT count(*) FROM inbox_events WHERE due_at IS NOT NULL

-- Connections that one account's events go to.
-- @name inbox_connections_of_account
SELECT n.tenant, n.id, n.uuid, n.account, n.enabled, n.webhook_trust, n.webhook_secret, n.config, t.uuid, n.template_name
FROM connections n JOIN tenants t ON t.id = n.tenant
WHERE n.template_name = $1 AND (CAST($2 AS TEXT) IS NULL OR n.account = $2) AND n.deleting = 0
    AND t.disabled_at IS NULL ORDER BY n.id LIMIT $3

-- The connection that an address names, whoever's it is.
-- @name inbox_connection_of_uuid
SELECT n.tenant, n.id, n.uuid, n.account, n.enabled, n.webhook_trust, n.webhook_secret, n.config, t.uuid, n.template_name
FROM connections n JOIN tenants t ON t.id = n.tenant WHERE n.uuid = $1 AND n.deleting = 0 AND t.disabled_at IS NULL ORDER BY n.id LIMIT 1

-- The sealed keys of a connection's webhooks, as long as nobody else changed them.
-- @name inbox_keys_set
UPDATE connections SET webhook_secret = $3 WHERE tenant = $1 AND id = $2 AND COALESCE(webhook_secret, '') = COALESCE($4, '')
    AND deleting = 0

-- What a deleted connection leaves.
-- @name connection_delete_inbox
DELETE FROM inbox_events WHERE tenant = $1 AND connection = $2

-- And its deliveries.
-- @name connection_delete_deliveries
DELETE FROM inbox_deliveries WHERE tenant = $1 AND connection = $2

-- And its queue.
-- @name connection_delete_queue
DELETE FROM inbox_queues WHERE tenant = $1 AND connection = $2

-- Old events that are done.
-- @name retention_inbox
DELETE FROM inbox_events WHERE id IN (SELECT e.id FROM inbox_events e WHERE e.received_at < $1 AND e.due_at IS NULL
ORDER BY e.id LIMIT $2)

-- Too many events: the oldest go.
-- @name retention_inbox_many
DELETE FROM inbox_events WHERE id IN (SELECT e.id FROM inbox_events e WHERE e.due_at IS NULL
AND e.id <= (SELECT max(m.id) FROM inbox_events m) - $1 ORDER BY e.id LIMIT $2)

-- Deliveries past their week.
-- @name retention_deliveries
DELETE FROM inbox_deliveries WHERE (tenant, connection, delivery) IN
(SELECT d.tenant, d.connection, d.delivery FROM inbox_deliveries d WHERE d.received_at < $1 LIMIT $2)

-- And those that are not in their tree yet: the oldest come first. What is known of them in memory is past its week too.
-- @name retention_seen
-- @only sqlite
DELETE FROM inbox_seen WHERE id IN
(SELECT o.id FROM (SELECT s.id, s.received_at FROM inbox_seen s ORDER BY s.id LIMIT $2) o WHERE o.received_at < $1)
