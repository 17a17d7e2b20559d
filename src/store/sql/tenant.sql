-- A new tenant; nothing when its key exists.
-- @name tenant_insert
INSERT INTO tenants (uuid, key, name, region, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT DO NOTHING RETURNING id

-- Name and region change.
-- @name tenant_update
UPDATE tenants SET name = $2, region = $3, updated_at = $4 WHERE id = $1

-- Nobody else writes to its row until the transaction ends.
-- @name tenant_hold
-- @only postgres
SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE

-- One tenant by its integer.
-- @name tenant_get
SELECT id, uuid, key, name, region, created_at, updated_at, disabled_at, deleting_at, deleted_rows FROM tenants WHERE id = $1

-- One tenant by its key.
-- @name tenant_by_key
SELECT id, uuid, key, name, region, created_at, updated_at, disabled_at, deleting_at, deleted_rows FROM tenants WHERE key = $1

-- One tenant by its UUID.
-- @name tenant_by_uuid
SELECT id, uuid, key, name, region, created_at, updated_at, disabled_at, deleting_at, deleted_rows FROM tenants WHERE uuid = $1

-- Tenants in the order of their making.
-- @name tenant_list
SELECT id, uuid, key, name, region, created_at, updated_at, disabled_at, deleting_at, deleted_rows FROM tenants WHERE id > $1 ORDER BY id LIMIT $2 OFFSET $3

-- How many tenants there are.
-- @name tenant_count
SELECT count(*) FROM tenants

-- Switches one off, or ($3 = 1) on again; one that is being deleted stays off.
-- @name tenant_switch
UPDATE tenants SET disabled_at = CASE WHEN $3 = 1 THEN NULL ELSE COALESCE(disabled_at, $2) END, updated_at = $2
WHERE id = $1 AND deleting_at IS NULL

-- Marks it: from now on it goes.
-- @name tenant_mark
UPDATE tenants SET deleting_at = COALESCE(deleting_at, $2), disabled_at = COALESCE(disabled_at, $2), updated_at = $2 WHERE id = $1

-- Tenants that are going.
-- @name tenant_going
SELECT id, uuid, key, name, region, created_at, updated_at, disabled_at, deleting_at, deleted_rows FROM tenants
WHERE deleting_at IS NOT NULL ORDER BY deleting_at, id LIMIT 1

-- A connection of it that is left, half deleted ones too.
-- @name tenant_connection
SELECT uuid, deleting FROM connections WHERE tenant = $1 ORDER BY id LIMIT 1

-- How far it is.
-- @name tenant_progress
UPDATE tenants SET deleted_rows = deleted_rows + $2 WHERE id = $1

-- How many records are left.
-- @name tenant_records_left
SELECT COALESCE(sum(live + deleted), 0) FROM collection_counts WHERE tenant = $1

-- Some records; nothing maps them any more.
-- @name tenant_records
SELECT r.id, r.collection FROM collections c JOIN records r ON r.tenant = c.tenant AND r.collection = c.id
WHERE c.tenant = $1 LIMIT $2

-- What is left of it, kind by kind, some rows at a time where there may be many.
-- @name tenant_drop_changes
DELETE FROM changes WHERE tenant = $1 AND id IN (SELECT c.id FROM changes c WHERE c.tenant = $1 LIMIT $2)

-- Deliveries of its subscriptions.
-- @name tenant_drop_deliveries
DELETE FROM webhook_deliveries WHERE tenant = $1 AND id IN (SELECT d.id FROM webhook_subscriptions s
    JOIN webhook_deliveries d ON d.tenant = s.tenant AND d.subscription = s.id WHERE s.tenant = $1 LIMIT $2)

-- Its part of the audit log.
-- @name tenant_drop_audit
DELETE FROM audit WHERE tenant = $1 AND id IN (SELECT a.id FROM audit a WHERE a.tenant = $1 LIMIT $2)

-- Answers kept for an Idempotency-Key.
-- @name tenant_drop_answers
DELETE FROM idempotency_keys WHERE (tenant, route, key) IN
    (SELECT i.tenant, i.route, i.key FROM idempotency_keys i WHERE i.tenant = $1 LIMIT $2)

-- Its rows of webhook_subscriptions.
-- @name tenant_drop_webhook_subscriptions
DELETE FROM webhook_subscriptions WHERE tenant = $1

-- Its rows of push_outbox.
-- @name tenant_drop_push_outbox
DELETE FROM push_outbox WHERE tenant = $1

-- Its rows of quotas.
-- @name tenant_drop_quotas
DELETE FROM quotas WHERE tenant = $1

-- Its rows of errands.
-- @name tenant_drop_errands
DELETE FROM errands WHERE tenant = $1

-- Its rows of sign_ins.
-- @name tenant_drop_sign_ins
DELETE FROM sign_ins WHERE tenant = $1

-- Its rows of account_syncs.
-- @name tenant_drop_account_syncs
DELETE FROM account_syncs WHERE tenant = $1

-- Its rows of conflicts.
-- @name tenant_drop_conflicts
DELETE FROM conflicts WHERE tenant = $1

-- Its rows of record_history.
-- @name tenant_drop_record_history
-- @only postgres
DELETE FROM record_history WHERE tenant = $1

-- Its rows of rejected_records.
-- @name tenant_drop_rejected_records
-- @only postgres
DELETE FROM rejected_records WHERE tenant = $1

-- Its rows of delete_holds.
-- @name tenant_drop_delete_holds
-- @only postgres
DELETE FROM delete_holds WHERE tenant = $1

-- Its rows of pass_pages.
-- @name tenant_drop_pass_pages
-- @only postgres
DELETE FROM pass_pages WHERE tenant = $1

-- Its rows of run_logs.
-- @name tenant_drop_run_logs
-- @only postgres
DELETE FROM run_logs WHERE tenant = $1

-- Its rows of run_requests.
-- @name tenant_drop_run_requests
-- @only postgres
DELETE FROM run_requests WHERE tenant = $1

-- Its rows of run_pages.
-- @name tenant_drop_run_pages
-- @only postgres
DELETE FROM run_pages WHERE tenant = $1

-- Its rows of run_records.
-- @name tenant_drop_run_records
-- @only postgres
DELETE FROM run_records WHERE tenant = $1

-- Its rows of run_streams.
-- @name tenant_drop_run_streams
-- @only postgres
DELETE FROM run_streams WHERE tenant = $1

-- Its rows of runs.
-- @name tenant_drop_runs
DELETE FROM runs WHERE tenant = $1

-- Its rows of jobs.
-- @name tenant_drop_jobs
DELETE FROM jobs WHERE tenant = $1

-- Its rows of inbox_events.
-- @name tenant_drop_inbox_events
-- @only postgres
DELETE FROM inbox_events WHERE tenant = $1

-- Its rows of inbox_deliveries.
-- @name tenant_drop_inbox_deliveries
-- @only postgres
DELETE FROM inbox_deliveries WHERE tenant = $1

-- Its rows of inbox_queues.
-- @name tenant_drop_inbox_queues
DELETE FROM inbox_queues WHERE tenant = $1

-- Its rows of cursor_state.
-- @name tenant_drop_cursor_state
DELETE FROM cursor_state WHERE tenant = $1

-- Its rows of raw.
-- @name tenant_drop_raw
-- @only postgres
DELETE FROM raw WHERE tenant = $1

-- Its rows of entity_map.
-- @name tenant_drop_entity_map
-- @only postgres
DELETE FROM entity_map WHERE tenant = $1

-- Its rows of strategies.
-- @name tenant_drop_strategies
DELETE FROM strategies WHERE tenant = $1

-- Its rows of sessions.
-- @name tenant_drop_sessions
DELETE FROM sessions WHERE tenant = $1

-- Its rows of api_keys.
-- @name tenant_drop_api_keys
DELETE FROM api_keys WHERE tenant = $1

-- Its rows of users.
-- @name tenant_drop_users
DELETE FROM users WHERE tenant = $1

-- Its rows of streams.
-- @name tenant_drop_streams
DELETE FROM streams WHERE tenant = $1

-- Its rows of collection_counts.
-- @name tenant_drop_collection_counts
DELETE FROM collection_counts WHERE tenant = $1

-- Its rows of collections.
-- @name tenant_drop_collections
DELETE FROM collections WHERE tenant = $1

-- Its rows of data_keys.
-- @name tenant_drop_data_keys
DELETE FROM data_keys WHERE tenant = $1

-- Its rows of match_keys.
-- @name tenant_drop_match_keys
-- @only postgres
DELETE FROM match_keys WHERE tenant = $1

-- Deliveries that somebody queued while it went.
-- @name tenant_drop_late_deliveries
-- @only postgres
DELETE FROM webhook_deliveries WHERE tenant = $1

-- Records that somebody wrote while it went.
-- @name tenant_drop_records
-- @only postgres
DELETE FROM records WHERE tenant = $1

-- And what was to be found of them.
-- @name tenant_drop_search_text
-- @only postgres
DELETE FROM search_text WHERE tenant = $1

-- The tenant itself, last.
-- @name tenant_delete
DELETE FROM tenants WHERE id = $1 AND deleting_at IS NOT NULL
