-- A new template; nothing when its name exists.
-- @name template_insert
INSERT INTO templates (uuid, name, origin, display_name, description, category, icon, active, config_schema, instructions,
    webhook_url, api_version, manifest, revision, created_by, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), $9, $10, $11, $12, $13, 1, $14, $15, $15)
ON CONFLICT DO NOTHING RETURNING id

-- One template by its integer, UUID or name; connections of all tenants that use it are counted.
-- @name template_get
SELECT t.id, t.uuid, t.name, t.origin, t.display_name, t.description, t.category, t.icon, t.active, t.config_schema,
    t.instructions, t.webhook_url, t.api_version, t.manifest, t.revision, t.created_by,
    (SELECT min(u.id) FROM users u WHERE 'user:' || u.subject = t.created_by),
    (SELECT count(*) FROM connections n WHERE n.template_name = t.name AND n.deleting = 0), t.created_at, t.updated_at
FROM templates t WHERE ($1 = 0 OR t.id = $1) AND (CAST($2 AS TEXT) IS NULL OR t.uuid = $2 OR t.name = $2)
ORDER BY t.id LIMIT 1

-- Templates by their integer, without their manifests. $4: only those that may be chosen (1), or all (0).
-- @name template_list
SELECT t.id, t.uuid, t.name, t.origin, t.display_name, t.description, t.category, t.icon, t.active, t.config_schema,
    t.instructions, t.webhook_url, t.api_version, CAST(NULL AS TEXT), t.revision, t.created_by,
    (SELECT min(u.id) FROM users u WHERE 'user:' || u.subject = t.created_by),
    (SELECT count(*) FROM connections n WHERE n.template_name = t.name AND n.deleting = 0), t.created_at, t.updated_at
FROM templates t WHERE t.id > $1 AND t.active >= $4 ORDER BY t.id LIMIT $2 OFFSET $3

-- How many there are.
-- @name template_count
SELECT count(*) FROM templates WHERE active >= $1

-- Changes; the name, the origin and the maker stay. Nothing when somebody else changed it since.
-- @name template_update
UPDATE templates SET display_name = $3, description = $4, category = $5, icon = $6, active = CAST($7 AS BIGINT), config_schema = $8,
    instructions = $9, webhook_url = $10, api_version = $11, manifest = $12, revision = revision + 1, updated_at = $13
WHERE id = $1 AND revision = $2

-- Goes, unless a connection uses it.
-- @name template_delete
DELETE FROM templates WHERE id = $1 AND origin = 'person'
    AND NOT EXISTS (SELECT 1 FROM connections n WHERE n.template_name = templates.name)

-- A number that changes whenever a row is added, changed or removed.
-- @name template_mark
SELECT CAST(count(*) + COALESCE(sum(revision), 0) * 4096 + COALESCE(max(id), 0) * 16777216 AS BIGINT) FROM templates
