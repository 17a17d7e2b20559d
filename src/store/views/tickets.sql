-- Tickets: contact_id is contacts.id.
-- @sqlite
CREATE VIEW tickets AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS contact_id,
       json_extract(r.data, '$.subject') AS subject,
       json_extract(r.data, '$.description') AS description,
       json_extract(r.data, '$.status') AS status,
       json_extract(r.data, '$.priority') AS priority,
       json_extract(r.data, '$.type') AS type,
       json_extract(r.data, '$.assigneeId') AS assignee_id,
       json_extract(r.data, '$.customFields') AS custom_fields,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'tickets'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
-- @postgres
CREATE OR REPLACE VIEW tickets AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS contact_id,
       r.data ->> 'subject' AS subject,
       r.data ->> 'description' AS description,
       r.data ->> 'status' AS status,
       r.data ->> 'priority' AS priority,
       r.data ->> 'type' AS type,
       r.data ->> 'assigneeId' AS assignee_id,
       r.data -> 'customFields' AS custom_fields,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'tickets'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent;
