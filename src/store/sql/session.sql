-- Somebody signed in.
-- @name session_insert
INSERT INTO sessions (tenant, hash, subject, role, permissions, api_key, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- Whose session is this? The hash is the secret, so no tenant is known yet. Also one that has ended: then its last column is 0.
-- @name session_find
SELECT s.tenant, s.subject, s.role, s.permissions, s.api_key, s.created_at, s.expires_at,
    CASE WHEN s.ended_at IS NULL AND s.expires_at > $2 AND (s.api_key IS NULL OR EXISTS (SELECT 1 FROM api_keys k
        WHERE k.tenant = s.tenant AND k.id = s.api_key AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)))
    THEN 1 ELSE 0 END
FROM sessions s WHERE s.hash = $1

-- Signed out; the first time stays.
-- @name session_end
UPDATE sessions SET ended_at = COALESCE(ended_at, $2) WHERE hash = $1

-- A user who is switched off signs out everywhere.
-- @name session_end_subject
UPDATE sessions SET ended_at = $3 WHERE tenant = $1 AND subject = $2 AND ended_at IS NULL

-- Those that ended by themselves a while ago.
-- @name session_sweep
DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s WHERE s.expires_at < $1 ORDER BY s.expires_at LIMIT $2)
