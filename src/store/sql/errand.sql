-- Something to be done outside for a record; asked for again, it is done anew.
-- @name errand_add
INSERT INTO errands (tenant, kind, record, connection, next_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5, $5)
ON CONFLICT (tenant, kind, record) DO UPDATE SET round = errands.round + 1, tries = 0, error = NULL, next_at = excluded.next_at,
    connection = excluded.connection, updated_at = excluded.updated_at

-- Errands whose time has come, of all tenants.
-- @name errand_due
SELECT id, tenant, kind, record, connection, round, tries, next_at, error FROM errands
WHERE next_at IS NOT NULL AND next_at <= $1
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = errands.tenant AND t.disabled_at IS NOT NULL) ORDER BY next_at LIMIT $2

-- Takes one until a time; nothing when another node has.
-- @name errand_take
UPDATE errands SET next_at = $5, tries = tries + 1, lease_node = $6 WHERE tenant = $1 AND id = $2 AND round = $3 AND next_at = $4

-- A node that starts again takes back what it was doing.
-- @name errand_take_back
UPDATE errands SET next_at = $2, lease_node = NULL WHERE lease_node = $1 AND next_at IS NOT NULL

-- Done, unless it was asked for again meanwhile.
-- @name errand_done
DELETE FROM errands WHERE tenant = $1 AND id = $2 AND round = $3

-- Again later, or (no time) given up.
-- @name errand_again
UPDATE errands SET next_at = CAST($4 AS BIGINT), error = $5, updated_at = $6, lease_node = NULL WHERE tenant = $1 AND id = $2 AND round = $3

-- One lead at a time per connection: intakes of the same contact on two nodes wait for each other.
-- @name errand_lock_stream
UPDATE streams SET name = name WHERE tenant = $1 AND id = $2
