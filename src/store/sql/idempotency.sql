-- Takes a free key. Nothing is inserted when it is taken.
-- @name idempotency_take
INSERT INTO idempotency_keys (tenant, route, key, body_hash, created_at, owner) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, route, key) DO NOTHING

-- Frees a key that is past its day, or one without answer and effect whose process died: an earlier one of this node (the
-- owner is "node/process"), or any that has had its time.
-- @name idempotency_expire
DELETE FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3
AND (created_at <= $4 OR (status IS NULL AND effect IS NULL AND (created_at <= $5
    OR (owner <> $6 AND substr(owner, 1, 37) = substr($6, 1, 37)))))

-- Who has the key.
-- @name idempotency_get
SELECT body_hash, status, headers, body, effect, created_at, owner FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3

-- Was something made with it?
-- @name idempotency_has
SELECT count(*) FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3 AND (effect IS NOT NULL OR status < 400)

-- The first answer.
-- @name idempotency_finish
UPDATE idempotency_keys SET status = $5, headers = $6, body = $7
WHERE tenant = $1 AND route = $2 AND key = $3 AND body_hash = $4 AND created_at = $8

-- What was made, in the transaction that makes it. No row: the key was taken away meanwhile.
-- @name idempotency_effect
UPDATE idempotency_keys SET effect = COALESCE(effect, $5)
WHERE tenant = $1 AND route = $2 AND key = $3 AND created_at = $4 AND status IS NULL

-- What was asked for outside was not done.
-- @name idempotency_effect_undone
UPDATE idempotency_keys SET effect = NULL
WHERE tenant = $1 AND route = $2 AND key = $3 AND created_at = $4 AND status IS NULL AND effect = $5

-- The effect failed.
-- @name idempotency_forget
DELETE FROM idempotency_keys WHERE tenant = $1 AND route = $2 AND key = $3 AND body_hash = $4 AND created_at = $5 AND status IS NULL
AND effect IS NULL
