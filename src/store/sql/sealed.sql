-- Data keys of all tenants with what unwraps them, in order.
-- @name sealed_keys
SELECT k.id, k.tenant, t.uuid, k.wrapped FROM data_keys k JOIN tenants t ON t.id = k.tenant WHERE k.id > $1 ORDER BY k.id LIMIT $2

-- The same key under another master key, unless somebody else was first.
-- @name sealed_key_put
UPDATE data_keys SET wrapped = $3 WHERE tenant = $1 AND id = $2 AND wrapped = $4

-- Sealed values of connections of all tenants, in order.
-- @name sealed_connections
SELECT n.id, n.tenant, t.uuid, n.uuid, n.config, n.tokens, n.webhook_secret FROM connections n JOIN tenants t ON t.id = n.tenant
WHERE n.id > $1 ORDER BY n.id LIMIT $2

-- A configuration sealed anew, unless it has changed meanwhile.
-- @name sealed_config_put
UPDATE connections SET config = $3 WHERE tenant = $1 AND id = $2 AND config = $4

-- The same for its tokens.
-- @name sealed_tokens_put
UPDATE connections SET tokens = $3 WHERE tenant = $1 AND id = $2 AND tokens = $4

-- The same for its webhook keys.
-- @name sealed_webhooks_put
UPDATE connections SET webhook_secret = $3 WHERE tenant = $1 AND id = $2 AND webhook_secret = $4

-- Sealed secrets of outgoing webhooks of all tenants, in order.
-- @name sealed_subscriptions
SELECT s.id, s.tenant, t.uuid, s.uuid, s.secret, s.secret_old FROM webhook_subscriptions s JOIN tenants t ON t.id = s.tenant
WHERE s.id > $1 ORDER BY s.id LIMIT $2

-- The secret that signs sealed anew, unless it has changed meanwhile.
-- @name sealed_secret_put
UPDATE webhook_subscriptions SET secret = $3 WHERE tenant = $1 AND id = $2 AND secret = $4

-- The same for the one before it.
-- @name sealed_secret_old_put
UPDATE webhook_subscriptions SET secret_old = $3 WHERE tenant = $1 AND id = $2 AND secret_old = $4
