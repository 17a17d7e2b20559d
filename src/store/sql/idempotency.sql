-- Takes a free key. Nothing is inserted when it is taken.
-- @name idempotency_take
INSERT INTO idempotency_keys (tenant, route, key, body_hash, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, route, key) DO NOTHING

-- Frees a key that is past its day, or whose process died before it had an answer.
-- @name idempotency_expire
DELETE FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3
AND (created_at <= $4 OR (status IS NULL AND created_at <= $5))

-- Who has the key.
-- @name idempotency_get
SELECT body_hash, status, headers, body FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3

-- The first answer.
-- @name idempotency_finish
UPDATE idempotency_keys SET status = $5, headers = $6, body = $7
WHERE tenant = $1 AND route = $2 AND key = $3 AND body_hash = $4

-- The effect failed.
-- @name idempotency_forget
DELETE FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3 AND body_hash = $4 AND status IS NULL
