-- A new user, or one that is seen again: name and email are taken over when given, seen_at at most hourly.
-- @name user_ensure
INSERT INTO users (tenant, uuid, subject, name, email, role, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (tenant, subject) DO UPDATE SET name = COALESCE(excluded.name, users.name),
    email = COALESCE(excluded.email, users.email), role = excluded.role, seen_at = excluded.seen_at
WHERE excluded.seen_at - users.seen_at > 3600000000 OR users.role <> excluded.role
    OR (excluded.name IS NOT NULL AND excluded.name <> COALESCE(users.name, ''))
    OR (excluded.email IS NOT NULL AND excluded.email <> COALESCE(users.email, ''))

-- One user by subject or UUID.
-- @name user_find
SELECT id, tenant, uuid, subject, name, email, role, created_at, seen_at FROM users
WHERE tenant = $1 AND (subject = $2 OR uuid = $2) ORDER BY id LIMIT 1

-- Users of a tenant.
-- @name user_list
SELECT id, tenant, uuid, subject, name, email, role, created_at, seen_at FROM users
WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3
