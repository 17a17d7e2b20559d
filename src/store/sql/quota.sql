-- What is known of a credential's budget.
-- @name quota_get
SELECT windows FROM quotas WHERE tenant = $1 AND credential = $2

-- The same, kept from other nodes until the transaction ends.
-- @name quota_get_locked
-- @sqlite
SELECT windows FROM quotas WHERE tenant = $1 AND credential = $2
-- @postgres
SELECT windows FROM quotas WHERE tenant = $1 AND credential = $2 FOR UPDATE

-- What was learnt.
-- @name quota_put
INSERT INTO quotas (tenant, credential, windows, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, credential) DO UPDATE SET windows = excluded.windows, updated_at = excluded.updated_at

-- What was learnt long ago.
-- @name quota_forget
DELETE FROM quotas WHERE updated_at < $1
