-- A record waits to be sent to every connection that pushes, but the one it came from ($4; 0: none). What is being sent waits again.
-- @name push_queue
-- @sqlite
INSERT INTO push_outbox (tenant, connection, record, created_at)
SELECT n.tenant, n.id, $2, $3 FROM connections n
WHERE n.tenant = $1 AND n.id <> $4 AND n.direction IN ('push', 'both') AND n.deleting = 0
ON CONFLICT (connection, record) DO UPDATE SET generation = generation + 1, tries = 0, error = NULL, looked_at = NULL,
    not_before = CASE WHEN intent IS NULL THEN 0 ELSE not_before END
-- @postgres
INSERT INTO push_outbox (tenant, connection, record, created_at)
SELECT n.tenant, n.id, CAST($2 AS bigint), CAST($3 AS bigint) FROM connections n
WHERE n.tenant = $1 AND n.id <> $4 AND n.direction IN ('push', 'both') AND n.deleting = 0 ORDER BY n.id
ON CONFLICT (tenant, connection, record) DO UPDATE SET generation = push_outbox.generation + 1, tries = 0, error = NULL, looked_at = NULL,
    not_before = CASE WHEN push_outbox.intent IS NULL THEN 0 ELSE push_outbox.not_before END

-- The same for one connection.
-- @name push_queue_one
-- @sqlite
INSERT INTO push_outbox (tenant, connection, record, created_at) VALUES ($1, $4, $2, $3)
ON CONFLICT (connection, record) DO UPDATE SET generation = generation + 1, tries = 0, error = NULL, looked_at = NULL,
    not_before = CASE WHEN intent IS NULL THEN 0 ELSE not_before END
-- @postgres
INSERT INTO push_outbox (tenant, connection, record, created_at) VALUES ($1, $4, $2, $3)
ON CONFLICT (tenant, connection, record) DO UPDATE SET generation = push_outbox.generation + 1, tries = 0, error = NULL, looked_at = NULL,
    not_before = CASE WHEN push_outbox.intent IS NULL THEN 0 ELSE push_outbox.not_before END

-- Does a connection of the tenant push?
-- @name push_any
SELECT 1 FROM connections WHERE tenant = $1 AND direction IN ('push', 'both') AND deleting = 0 LIMIT 1

-- What is due for a connection, of one collection, and has waited since $7 or longer, with what its stream ($4) knows of each.
-- @name push_take
SELECT o.record, o.generation, o.tries, o.intent, o.looked_at, r.uuid, r.data, r.version, r.deleted_at IS NOT NULL,
    m.id, m.external_id, m.base, m.alias, m.deleted_at IS NOT NULL, m.erased, w.data, m.fingerprint
FROM push_outbox o JOIN records r ON r.tenant = o.tenant AND r.id = o.record
LEFT JOIN entity_map m ON m.tenant = o.tenant AND m.record = o.record AND m.stream = $4
LEFT JOIN raw w ON w.tenant = m.tenant AND w.map = m.id
WHERE o.tenant = $1 AND o.connection = $2 AND r.collection = $3 AND o.not_before <= $5 AND o.created_at <= $7
ORDER BY o.not_before, o.record, m.deleted_at IS NOT NULL, m.id LIMIT $6

-- Rows of collections that the connection cannot write, and of records that are gone: $3 to $6 are those it can.
-- @name push_drop_foreign
DELETE FROM push_outbox WHERE tenant = $1 AND connection = $2 AND NOT EXISTS (SELECT 1 FROM records r
    WHERE r.tenant = $1 AND r.id = push_outbox.record AND r.collection IN ($3, $4, $5, $6))

-- How many wait for a connection, how many of them are due, and when the next one is.
-- @name push_count
SELECT count(*), COALESCE(sum(CASE WHEN not_before <= $3 THEN 1 ELSE 0 END), 0), min(not_before) FROM push_outbox WHERE tenant = $1 AND connection = $2

-- Deletions of a stream ($3) that wait, and those that were held back for a person and not confirmed ($4: why they were).
-- @name push_deletions
SELECT (SELECT count(*) FROM push_outbox o JOIN records r ON r.tenant = o.tenant AND r.id = o.record
        JOIN entity_map m ON m.tenant = o.tenant AND m.record = o.record AND m.stream = $3
        WHERE o.tenant = $1 AND o.connection = $2 AND r.deleted_at IS NOT NULL AND m.deleted_at IS NULL AND m.erased = 0)
    + (SELECT count(*) FROM rejected_records j WHERE j.tenant = $1 AND j.stream = $3 AND j.reason = $4
        AND NOT EXISTS (SELECT 1 FROM push_outbox o WHERE o.tenant = $1 AND o.connection = $2 AND o.record = j.push_record))

-- Deletions of a stream that were sent of late, by the hour.
-- @name push_deletions_sent
SELECT pushed_deletions FROM streams WHERE tenant = $1 AND id = $2

-- And the new list of them.
-- @name push_deletions_sent_set
UPDATE streams SET pushed_deletions = $3 WHERE tenant = $1 AND id = $2

-- Was this record's ($3) deletion held back?
-- @name push_deletion_held
SELECT 1 FROM rejected_records WHERE tenant = $1 AND stream = $2 AND ident = $3 AND reason = $4

-- Sent, unless it was changed meanwhile.
-- @name push_done
DELETE FROM push_outbox WHERE tenant = $1 AND connection = $2 AND record = $3 AND generation = $4

-- Sent, but it was changed meanwhile: once more.
-- @name push_again
UPDATE push_outbox SET intent = NULL, sent = NULL, looked_at = NULL, tries = 0, not_before = 0, error = NULL, created_at = $4 WHERE tenant = $1 AND connection = $2 AND record = $3

-- A record is about to leave as $5; $4: when, for a creation.
-- @name push_intend
UPDATE push_outbox SET intent = COALESCE($4, intent), sent = $5 WHERE tenant = $1 AND connection = $2 AND record = $3

-- It certainly did not leave; $5: when nobody had its key there, or NULL.
-- @name push_stayed
UPDATE push_outbox SET intent = NULL, sent = NULL, looked_at = CASE WHEN generation = $4 THEN CAST($5 AS bigint) END
WHERE tenant = $1 AND connection = $2 AND record = $3

-- As what it left last.
-- @name push_sent
SELECT sent FROM push_outbox WHERE tenant = $1 AND connection = $2 AND record = $3 AND sent IS NOT NULL

-- It was not, or perhaps not, done: later. The intent goes where nothing was done.
-- @name push_later
UPDATE push_outbox SET tries = tries + 1, not_before = $4, error = $5, looked_at = NULL, intent = CASE WHEN $6 = 1 THEN NULL ELSE intent END
WHERE tenant = $1 AND connection = $2 AND record = $3

-- Connections for which something is due and which are free. A two-way connection is read once before it is written to.
-- @name push_startable
SELECT n.tenant, n.id FROM connections n
WHERE n.direction IN ('push', 'both') AND n.enabled = 1 AND n.deleting = 0 AND n.status IN ('active', 'pending')
    AND EXISTS (SELECT 1 FROM push_outbox o WHERE o.tenant = n.tenant AND o.connection = n.id AND o.not_before <= $1)
    AND (n.direction = 'push' OR EXISTS (SELECT 1 FROM streams s WHERE s.tenant = n.tenant AND s.connection = n.id AND s.last_full_at IS NOT NULL))
    AND NOT EXISTS (SELECT 1 FROM runs u WHERE u.tenant = n.tenant AND u.connection = n.id AND u.state IN ('queued', 'running', 'waiting', 'paused'))
    AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = n.tenant AND t.disabled_at IS NOT NULL)
ORDER BY n.tenant, n.id LIMIT $2

-- What a source and the record agreed on, and what it calls otherwise.
-- @name push_agree
UPDATE entity_map SET base = $3, alias = $4 WHERE tenant = $1 AND id = $2

-- What a source calls otherwise than we do.
-- @name alias_save
UPDATE entity_map SET alias = $3 WHERE tenant = $1 AND id = $2

-- Rejected by the vendor, or by us on its behalf.
-- @name push_reject
-- @sqlite
INSERT INTO rejected_records (tenant, uuid, connection, stream, run, ident, external_id, reason, payload, first_at, last_at, push_record)
VALUES ($1, $4, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $5, $6, $7, $8, $9, $9, $10)
ON CONFLICT (stream, ident) DO UPDATE SET run = excluded.run, reason = excluded.reason, payload = excluded.payload,
    external_id = excluded.external_id, last_at = excluded.last_at, times = rejected_records.times + 1
RETURNING times
-- @postgres
INSERT INTO rejected_records (tenant, uuid, connection, stream, run, ident, external_id, reason, payload, first_at, last_at, push_record)
VALUES ($1, $4, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $5, $6, $7, $8, $9, $9, $10)
ON CONFLICT (tenant, stream, ident) DO UPDATE SET run = excluded.run, reason = excluded.reason, payload = excluded.payload,
    external_id = excluded.external_id, last_at = excluded.last_at, times = rejected_records.times + 1
RETURNING times

-- Whose record is this map, when was that made, has it other maps or a history of its own?
-- @name push_twin
SELECT m.id, m.record, r.created_at, (SELECT count(*) FROM entity_map o WHERE o.tenant = $1 AND o.record = m.record),
    (SELECT count(*) FROM record_history h WHERE h.tenant = $1 AND h.record = m.record)
FROM entity_map m JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.tenant = $1 AND m.stream = $2 AND m.external_id = $3

-- What was not taken is to be sent again; $3: of one stream, 0: of all. What a person asks for is tried at once.
-- @name push_requeue
-- @sqlite
INSERT INTO push_outbox (tenant, connection, record, created_at)
SELECT j.tenant, j.connection, j.push_record, $4 FROM rejected_records j
WHERE j.tenant = $1 AND j.connection = $2 AND j.push_record IS NOT NULL AND (CAST($3 AS bigint) = 0 OR j.stream = $3)
ON CONFLICT (connection, record) DO UPDATE SET generation = generation + 1, tries = 0, error = NULL, looked_at = NULL, not_before = 0
-- @postgres
INSERT INTO push_outbox (tenant, connection, record, created_at)
SELECT DISTINCT j.tenant, j.connection, j.push_record, CAST($4 AS bigint) FROM rejected_records j
WHERE j.tenant = $1 AND j.connection = $2 AND j.push_record IS NOT NULL AND (CAST($3 AS bigint) = 0 OR j.stream = $3)
ON CONFLICT (tenant, connection, record) DO UPDATE SET generation = push_outbox.generation + 1, tries = 0, error = NULL, looked_at = NULL, not_before = 0

-- A map goes over to another record; what it agreed on with the old one is kept.
-- @name map_move
UPDATE entity_map SET record = $3, base = COALESCE(base, $4), shared = 1, updated_at = $5 WHERE tenant = $1 AND id = $2

-- Does a connection have a living map of that record?
-- @name record_lives_at
SELECT 1 FROM entity_map m JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
WHERE m.tenant = $1 AND m.record = $2 AND s.connection = $3 AND m.deleted_at IS NULL LIMIT 1

-- What waits for a connection of one collection, due or not, with what its stream ($4) knows of each: nothing is taken.
-- @name push_preview
SELECT o.record, o.generation, o.tries, o.intent, o.looked_at, r.uuid, r.data, r.version, r.deleted_at IS NOT NULL,
    m.id, m.external_id, m.base, m.alias, m.deleted_at IS NOT NULL, m.erased, w.data, m.fingerprint
FROM push_outbox o JOIN records r ON r.tenant = o.tenant AND r.id = o.record
LEFT JOIN entity_map m ON m.tenant = o.tenant AND m.record = o.record AND m.stream = $4
LEFT JOIN raw w ON w.tenant = m.tenant AND w.map = m.id
WHERE o.tenant = $1 AND o.connection = $2 AND r.collection = $3
ORDER BY o.record, m.deleted_at IS NOT NULL, m.id LIMIT $5

-- The same for every record: who agrees is left out.
-- @name push_preview_all
SELECT r.id, 0, 0, NULL, NULL, r.uuid, r.data, r.version, 0,
    m.id, m.external_id, m.base, m.alias, m.deleted_at IS NOT NULL, m.erased, w.data, m.fingerprint
FROM records r LEFT JOIN entity_map m ON m.tenant = r.tenant AND m.record = r.id AND m.stream = $3
LEFT JOIN raw w ON w.tenant = m.tenant AND w.map = m.id
WHERE r.tenant = $1 AND r.collection = $2 AND r.deleted_at IS NULL AND (m.id IS NULL OR m.base IS NOT NULL)
ORDER BY r.id, m.deleted_at IS NOT NULL, m.id LIMIT $4
