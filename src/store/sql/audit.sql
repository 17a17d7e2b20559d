-- Somebody did something.
-- @name audit_add
INSERT INTO audit (tenant, actor, action, subject, detail, request_id, address, created_at, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- What was done in a tenant (0: in all), by whom (NULL: anyone), newest first.
-- @name audit_list
SELECT a.id, a.tenant, a.actor, a.action, a.subject, a.detail, a.request_id, a.address, a.created_at, a.status, t.uuid
FROM audit a LEFT JOIN tenants t ON t.id = a.tenant
WHERE (a.tenant = $1 OR $1 = 0) AND (CAST($2 AS BIGINT) = 0 OR a.id < $2) AND (CAST($3 AS TEXT) IS NULL OR a.actor = $3)
ORDER BY a.id DESC LIMIT $4 OFFSET $5

-- How many match, counted no further than $3.
-- @name audit_total
SELECT count(*) FROM (SELECT 1 FROM audit a WHERE (a.tenant = $1 OR $1 = 0) AND (CAST($2 AS TEXT) IS NULL OR a.actor = $2)
LIMIT $3) AS counted
