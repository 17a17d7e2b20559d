-- Messages: conversation_id is conversations.id; contact_id is contacts.id, the conversation's, where that is known.
-- @sqlite
CREATE VIEW messages AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS conversation_id,
       COALESCE(g.uuid, json_extract(r.data, '$.contactId')) AS contact_id,
       json_extract(r.data, '$.direction') AS direction,
       json_extract(r.data, '$.type') AS type,
       json_extract(r.data, '$.content') AS content,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.occurred_at / 1000000.0, 'unixepoch') AS sent_at,
       json_extract(r.data, '$.metadata') AS metadata,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.updated_at / 1000000.0, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deleted_at / 1000000.0, 'unixepoch') AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'messages'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
LEFT JOIN records g ON g.tenant = p.tenant AND g.id = p.parent;
-- @postgres
CREATE OR REPLACE VIEW messages AS
SELECT r.uuid AS id,
       t.uuid AS tenant_id,
       p.uuid AS conversation_id,
       COALESCE(g.uuid::text, r.data ->> 'contactId') AS contact_id,
       r.data ->> 'direction' AS direction,
       r.data ->> 'type' AS type,
       r.data ->> 'content' AS content,
       to_timestamp(r.occurred_at / 1000000.0) AS sent_at,
       r.data -> 'metadata' AS metadata,
       to_timestamp(r.created_at / 1000000.0) AS created_at,
       to_timestamp(r.updated_at / 1000000.0) AS updated_at,
       to_timestamp(r.deleted_at / 1000000.0) AS deleted_at
FROM records r
JOIN collections c ON c.tenant = r.tenant AND c.id = r.collection AND c.kind = 'messages'
JOIN tenants t ON t.id = r.tenant
LEFT JOIN records p ON p.tenant = r.tenant AND p.id = r.parent
LEFT JOIN records g ON g.tenant = p.tenant AND g.id = p.parent;
