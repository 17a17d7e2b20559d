-- A new subscription, which begins with what comes.
-- @name subscription_insert
INSERT INTO webhook_subscriptions (tenant, uuid, name, url, types, enabled, secret, place_transaction, place_seq, created_by,
    created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) RETURNING id

-- One by its UUID.
-- @name subscription_get
SELECT id, tenant, uuid, name, url, types, enabled, disabled_reason, secret, secret_old, secret_old_until, place_transaction,
    place_seq, epoch, not_before, failing_since, last_success_at, created_by, created_at, updated_at
FROM webhook_subscriptions WHERE tenant = $1 AND uuid = $2

-- Nobody else writes to it until the transaction ends.
-- @name subscription_lock
-- @only postgres
SELECT id FROM webhook_subscriptions WHERE tenant = $1 AND uuid = $2 FOR NO KEY UPDATE

-- All of a tenant.
-- @name subscription_list
SELECT id, tenant, uuid, name, url, types, enabled, disabled_reason, secret, secret_old, secret_old_until, place_transaction,
    place_seq, epoch, not_before, failing_since, last_success_at, created_by, created_at, updated_at
FROM webhook_subscriptions WHERE tenant = $1 AND (CAST($2 AS bigint) = 0 OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4

-- How many a tenant has.
-- @name subscription_count
SELECT count(*) FROM webhook_subscriptions WHERE tenant = $1

-- What a person may change. One that is switched on again starts with a clean slate.
-- @name subscription_update
UPDATE webhook_subscriptions SET name = $3, url = $4, types = $5, enabled = CAST($6 AS bigint), disabled_reason = $7,
    failing_since = CASE WHEN CAST($6 AS bigint) = 1 AND enabled = 0 THEN NULL ELSE failing_since END,
    not_before = CASE WHEN CAST($6 AS bigint) = 1 AND enabled = 0 THEN 0 ELSE not_before END, updated_at = $8
WHERE tenant = $1 AND id = $2

-- Where a subscription goes on.
-- @name subscription_place
UPDATE webhook_subscriptions SET place_transaction = $3, place_seq = $4 WHERE tenant = $1 AND id = $2

-- A new secret; the old one signs too for a while.
-- @name subscription_secret
UPDATE webhook_subscriptions SET secret = $3, secret_old = $4, secret_old_until = $5, updated_at = $6 WHERE tenant = $1 AND id = $2

-- A subscription goes, its deliveries before it.
-- @name subscription_delete
DELETE FROM webhook_subscriptions WHERE tenant = $1 AND id = $2

-- Its deliveries, some at a time.
-- @name subscription_delete_deliveries
DELETE FROM webhook_deliveries WHERE tenant = $1 AND id IN
(SELECT d.id FROM webhook_deliveries d WHERE d.tenant = $1 AND d.subscription = $2 ORDER BY d.id LIMIT $3)

-- Those that nobody works on and that may have something to do.
-- @name subscription_free
-- @sqlite
SELECT id, tenant, uuid, name, url, types, enabled, disabled_reason, secret, secret_old, secret_old_until, place_transaction,
    place_seq, epoch, not_before, failing_since, last_success_at, created_by, created_at, updated_at
FROM webhook_subscriptions s WHERE enabled = 1 AND not_before <= $1 AND (lease_node IS NULL OR lease_until <= $1)
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = s.tenant AND t.disabled_at IS NOT NULL)
    AND (EXISTS (SELECT 1 FROM changes c WHERE c.tenant = s.tenant AND c.transaction_id = 0 AND c.id > s.place_seq)
    OR EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.subscription = s.id AND d.state = 'pending' AND d.next_at <= $1))
ORDER BY lease_until, id LIMIT $2
-- @postgres
SELECT id, tenant, uuid, name, url, types, enabled, disabled_reason, secret, secret_old, secret_old_until, place_transaction,
    place_seq, epoch, not_before, failing_since, last_success_at, created_by, created_at, updated_at
FROM webhook_subscriptions s WHERE enabled = 1 AND not_before <= $1 AND (lease_node IS NULL OR lease_until <= $1)
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = s.tenant AND t.disabled_at IS NOT NULL)
    AND (EXISTS (SELECT 1 FROM changes c WHERE c.tenant = s.tenant
        AND (c.transaction_id, c.id) > (s.place_transaction, s.place_seq)
        AND c.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    OR EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.tenant = s.tenant AND d.subscription = s.id AND d.state = 'pending'
        AND d.next_at <= $1))
ORDER BY lease_until NULLS FIRST, id LIMIT $2

-- Takes the lease; whoever had it before can finish nothing any more.
-- @name subscription_take
UPDATE webhook_subscriptions SET lease_node = $3, lease_until = $4, epoch = epoch + 1
WHERE tenant = $1 AND id = $2 AND epoch = $5 AND enabled = 1 AND (lease_node IS NULL OR lease_until <= $6)
RETURNING epoch

-- A node starts again: what it had is free.
-- @name subscription_free_node
UPDATE webhook_subscriptions SET lease_node = NULL WHERE lease_node = $1

-- Is the lease still ours? Holds it longer.
-- @name subscription_hold
UPDATE webhook_subscriptions SET lease_until = $4 WHERE tenant = $1 AND id = $2 AND epoch = $3 AND lease_node IS NOT NULL
RETURNING enabled

-- Gives the lease back; $5: not to be looked at before.
-- @name subscription_release
UPDATE webhook_subscriptions SET lease_node = NULL, lease_until = $4, not_before = $5 WHERE tenant = $1 AND id = $2 AND epoch = $3

-- A delivery of it succeeded.
-- @name subscription_succeeded
UPDATE webhook_subscriptions SET failing_since = NULL, last_success_at = $3 WHERE tenant = $1 AND id = $2

-- A delivery of it failed.
-- @name subscription_failed
UPDATE webhook_subscriptions SET failing_since = COALESCE(failing_since, $3) WHERE tenant = $1 AND id = $2

-- It failed for so long that it is switched off.
-- @name subscription_disable
UPDATE webhook_subscriptions SET enabled = 0, disabled_reason = $3, updated_at = $4 WHERE tenant = $1 AND id = $2 AND enabled = 1
