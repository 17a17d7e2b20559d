-- How much hangs on a sub-account: connections, users, strategies.
-- @name sub_account_counts
SELECT (SELECT count(*) FROM connections n WHERE n.tenant = $1 AND n.deleting = 0),
    (SELECT count(*) FROM users u WHERE u.tenant = $1), (SELECT count(*) FROM strategies s WHERE s.tenant = $1)

-- Whether anything of it must not simply go: connections, records, jobs.
-- @name sub_account_in_use
SELECT CASE WHEN EXISTS (SELECT 1 FROM connections n WHERE n.tenant = $1) OR EXISTS (SELECT 1 FROM records r WHERE r.tenant = $1)
    OR EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = $1) THEN 1 ELSE 0 END

-- What an empty one leaves behind goes with it.
-- @name sub_account_delete_errands
DELETE FROM errands WHERE tenant = $1

-- Its strategies.
-- @name sub_account_delete_strategies
DELETE FROM strategies WHERE tenant = $1

-- Its users.
-- @name sub_account_delete_users
DELETE FROM users WHERE tenant = $1

-- Its API keys.
-- @name sub_account_delete_keys
DELETE FROM api_keys WHERE tenant = $1

-- The keys of its secrets: it has none any more.
-- @name sub_account_delete_data_keys
DELETE FROM data_keys WHERE tenant = $1

-- Streams of connections that are gone.
-- @name sub_account_delete_streams
DELETE FROM streams WHERE tenant = $1

-- Counters of its collections.
-- @name sub_account_delete_counts
DELETE FROM collection_counts WHERE tenant = $1

-- Its collections, which are empty.
-- @name sub_account_delete_collections
DELETE FROM collections WHERE tenant = $1

-- Its part of the change feed.
-- @name sub_account_delete_changes
DELETE FROM changes WHERE tenant = $1

-- The tenant itself.
-- @name sub_account_delete
DELETE FROM tenants WHERE id = $1

-- Who a subject of the audit log is, whichever tenant he belongs to.
-- @name user_of_subject
SELECT min(id) FROM users WHERE subject = $1

-- A user whom an admin adds; nothing when the subject exists.
-- @name sub_account_user_insert
INSERT INTO users (tenant, uuid, subject, name, email, role, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT DO NOTHING RETURNING id

-- The first user of a sub-account: leads go to him. An admin is no user of it.
-- @name sub_account_first_user
SELECT id FROM users WHERE tenant = $1 AND role = 'user' ORDER BY id LIMIT 1

-- Name and email.
-- @name sub_account_user_update
UPDATE users SET name = $3, email = $4 WHERE tenant = $1 AND id = $2

-- One user.
-- @name sub_account_user_delete
DELETE FROM users WHERE tenant = $1 AND id = $2
