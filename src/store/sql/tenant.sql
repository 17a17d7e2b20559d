-- A new tenant; nothing when its key exists.
-- @name tenant_insert
INSERT INTO tenants (uuid, key, name, region, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT DO NOTHING RETURNING id

-- Name and region change.
-- @name tenant_update
UPDATE tenants SET name = $2, region = $3, updated_at = $4 WHERE id = $1

-- One tenant by its integer.
-- @name tenant_get
SELECT id, uuid, key, name, region, created_at, updated_at FROM tenants WHERE id = $1

-- One tenant by its key.
-- @name tenant_by_key
SELECT id, uuid, key, name, region, created_at, updated_at FROM tenants WHERE key = $1

-- One tenant by its UUID.
-- @name tenant_by_uuid
SELECT id, uuid, key, name, region, created_at, updated_at FROM tenants WHERE uuid = $1

-- Tenants in the order of their making.
-- @name tenant_list
SELECT id, uuid, key, name, region, created_at, updated_at FROM tenants WHERE id > $1 ORDER BY id LIMIT $2

-- How many tenants there are.
-- @name tenant_count
SELECT count(*) FROM tenants
