-- Somebody did something.
-- @name audit_add
INSERT INTO audit (tenant, actor, action, subject, detail, request_id, address, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- What was done in a tenant, newest first.
-- @name audit_list
SELECT id, tenant, actor, action, subject, detail, request_id, address, created_at FROM audit
WHERE tenant = $1 AND (CAST($2 AS BIGINT) = 0 OR id < $2) ORDER BY id DESC LIMIT $3
