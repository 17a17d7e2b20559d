-- A new user, or one that is seen again: name and email are taken over when given, seen_at at most hourly. Role and
-- permissions are what an admin granted: a token changes neither.
-- @name user_ensure
INSERT INTO users (tenant, uuid, subject, name, email, role, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (tenant, subject) DO UPDATE SET name = COALESCE(excluded.name, users.name),
    email = COALESCE(excluded.email, users.email), seen_at = excluded.seen_at
WHERE excluded.seen_at - users.seen_at > 3600000000
    OR (excluded.name IS NOT NULL AND excluded.name <> COALESCE(users.name, ''))
    OR (excluded.email IS NOT NULL AND excluded.email <> COALESCE(users.email, ''))

-- A user that an admin names before his first use; nothing when the subject exists.
-- @name user_insert
INSERT INTO users (tenant, uuid, subject, name, email, role, permissions, created_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT DO NOTHING RETURNING id

-- What an admin changes.
-- @name user_update
UPDATE users SET name = $3, email = $4, role = $5, permissions = $6, disabled_at = $7 WHERE tenant = $1 AND id = $2

-- One user by subject or UUID.
-- @name user_find
SELECT id, tenant, uuid, subject, name, email, role, permissions, created_at, seen_at, disabled_at FROM users
WHERE tenant = $1 AND (subject = $2 OR uuid = $2) ORDER BY id LIMIT 1

-- One user by subject alone, as a token names him.
-- @name user_by_subject
SELECT id, tenant, uuid, subject, name, email, role, permissions, created_at, seen_at, disabled_at FROM users
WHERE tenant = $1 AND subject = $2

-- One user by integer or UUID.
-- @name user_get
SELECT id, tenant, uuid, subject, name, email, role, permissions, created_at, seen_at, disabled_at FROM users
WHERE tenant = $1 AND ($2 = 0 OR id = $2) AND (CAST($3 AS TEXT) IS NULL OR uuid = $3)

-- Nobody else writes to him until the transaction ends.
-- @name user_hold
-- @only postgres
SELECT id FROM users WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE

-- Users of a tenant.
-- @name user_list
SELECT id, tenant, uuid, subject, name, email, role, permissions, created_at, seen_at, disabled_at FROM users
WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4

-- How many a tenant has.
-- @name user_total
SELECT count(*) FROM users WHERE tenant = $1
