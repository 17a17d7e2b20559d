-- A new strategy, when its user exists.
-- @name strategy_insert
INSERT INTO strategies (tenant, uuid, user_id, name, created_at, updated_at)
SELECT $1, $2, u.id, $4, $5, $5 FROM users u WHERE u.tenant = $1 AND u.id = $3
RETURNING id

-- One strategy by integer or UUID.
-- @name strategy_get
SELECT id, tenant, uuid, user_id, name, created_at, updated_at FROM strategies
WHERE tenant = $1 AND ($2 = 0 OR id = $2) AND (CAST($3 AS TEXT) IS NULL OR uuid = $3)

-- Strategies of a tenant, or of one user ($4 > 0), by their integer.
-- @name strategy_list
SELECT id, tenant, uuid, user_id, name, created_at, updated_at FROM strategies
WHERE tenant = $1 AND id > $2 AND ($4 = 0 OR user_id = $4) ORDER BY id LIMIT $3 OFFSET $5

-- How many there are.
-- @name strategy_total
SELECT count(*) FROM strategies WHERE tenant = $1 AND ($2 = 0 OR user_id = $2)

-- A user's first strategy.
-- @name strategy_first
SELECT id FROM strategies WHERE tenant = $1 AND user_id = $2 ORDER BY id LIMIT 1

-- Nobody else writes to it until the transaction ends.
-- @name strategy_hold
-- @only postgres
SELECT id FROM strategies WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE

-- Its name and user.
-- @name strategy_update
UPDATE strategies SET name = $3, user_id = $4, updated_at = $5 WHERE tenant = $1 AND id = $2
    AND EXISTS (SELECT 1 FROM users u WHERE u.tenant = $1 AND u.id = $4)

-- One goes; leads keep its number.
-- @name strategy_delete
DELETE FROM strategies WHERE tenant = $1 AND id = $2

-- A user's strategies go with him.
-- @name strategy_delete_of_user
DELETE FROM strategies WHERE tenant = $1 AND user_id = $2
