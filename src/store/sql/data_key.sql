-- A tenant's new data key.
-- @name data_key_insert
INSERT INTO data_keys (tenant, key_id, wrapped, uses, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id

-- The key that seals.
-- @name data_key_newest
SELECT id, tenant, key_id, wrapped, uses, created_at, retired_at FROM data_keys
WHERE tenant = $1 AND retired_at IS NULL ORDER BY id DESC LIMIT 1

-- The key that a sealed value names.
-- @name data_key_find
SELECT id, tenant, key_id, wrapped, uses, created_at, retired_at FROM data_keys WHERE tenant = $1 AND key_id = $2

-- Keys of a tenant, or of all (tenant 0), oldest first.
-- @name data_key_list
SELECT id, tenant, key_id, wrapped, uses, created_at, retired_at FROM data_keys
WHERE (tenant = $1 OR $1 = 0) AND id > $2 ORDER BY id LIMIT $3

-- Counts sealed values.
-- @name data_key_used
UPDATE data_keys SET uses = uses + $3 WHERE tenant = $1 AND id = $2

-- Seals no more.
-- @name data_key_retire
UPDATE data_keys SET retired_at = COALESCE(retired_at, $3) WHERE tenant = $1 AND id = $2
