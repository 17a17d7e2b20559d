-- A new API key.
-- @name key_insert
INSERT INTO api_keys (tenant, uuid, hash, name, shown, role, permissions, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id

-- Whose key is this? The hash is the secret, so no tenant is known yet.
-- @name key_find
SELECT id, tenant, uuid, name, shown, role, permissions, created_at, last_used_at, expires_at, revoked_at FROM api_keys
WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)

-- Last use, at most once a minute.
-- @name key_touch
UPDATE api_keys SET last_used_at = CAST($3 AS BIGINT)
WHERE tenant = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < CAST($3 AS BIGINT) - 60000000)

-- Revokes; the first time stays.
-- @name key_revoke
UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant = $1 AND uuid = $2

-- Keys of a tenant, or of all (tenant 0).
-- @name key_list
SELECT id, tenant, uuid, name, shown, role, permissions, created_at, last_used_at, expires_at, revoked_at FROM api_keys
WHERE (tenant = $1 OR $1 = 0) AND id > $2 ORDER BY id LIMIT $3 OFFSET $4

-- How many of a tenant there are, revoked ones too; 0: of all.
-- @name key_total
SELECT count(*) FROM api_keys WHERE tenant = $1 OR $1 = 0

-- One key of a tenant.
-- @name key_get
SELECT id, tenant, uuid, name, shown, role, permissions, created_at, last_used_at, expires_at, revoked_at FROM api_keys
WHERE tenant = $1 AND uuid = $2

-- Keys that work.
-- @name key_count
SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
