-- What is known of one external id.
-- @name map_lookup
-- @only sqlite
SELECT id, record, fingerprint, source_version, observed_at, deleted_at IS NOT NULL,
    CASE WHEN shared = 1 THEN EXISTS (SELECT 1 FROM entity_map o WHERE o.record = m.record AND o.id <> m.id
        AND o.deleted_at IS NULL) ELSE 0 END, base IS NOT NULL OR alias IS NOT NULL, erased
FROM entity_map m WHERE stream = $2 AND external_id = $3 AND tenant = $1

-- The same for many. A lateral look-up per row: the plain join took 240 us a row on a table that was never analysed.
-- @name map_lookup_set
-- @only postgres
SELECT u.n, m.* FROM unnest($3::text[]) WITH ORDINALITY AS u (e, n) CROSS JOIN LATERAL (
    SELECT id, record, fingerprint, source_version, observed_at, deleted_at IS NOT NULL,
        CASE WHEN shared = 1 THEN EXISTS (SELECT 1 FROM entity_map o WHERE o.tenant = $1 AND o.record = m.record
            AND o.id <> m.id AND o.deleted_at IS NULL) ELSE false END, base IS NOT NULL OR alias IS NOT NULL, erased
    FROM entity_map m WHERE m.tenant = $1 AND m.stream = $2 AND m.external_id = u.e LIMIT 1) AS m

-- How many maps are as they were seen. flags: 1 other maps share the record, 2 it has a base, 4 it is erased.
-- @name map_seen_set
-- @only postgres
SELECT count(*) FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (id, record, observed, flags) CROSS JOIN LATERAL (
    SELECT 1 FROM entity_map m WHERE m.tenant = $1 AND m.id = u.id AND m.record = u.record AND m.observed_at = u.observed
        AND u.flags = CASE WHEN m.shared = 1 AND EXISTS (SELECT 1 FROM entity_map o WHERE o.tenant = $1 AND o.record = m.record
            AND o.id <> m.id AND o.deleted_at IS NULL) THEN 1 ELSE 0 END
            + CASE WHEN m.base IS NOT NULL OR m.alias IS NOT NULL THEN 2 ELSE 0 END + CASE WHEN m.erased = 1 THEN 4 ELSE 0 END
    LIMIT 1) AS same

-- Does a connection already map a record of its own to that record?
-- @name record_has_map_of
SELECT count(*) FROM (SELECT 1 FROM entity_map m JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream
    WHERE m.tenant = $1 AND m.record = $2 AND s.connection = $3 LIMIT 1) AS found

-- A new record.
-- @name record_insert
-- @only sqlite
INSERT INTO records (id, tenant, collection, uuid, parent, title, status, occurred_at, version, created_at, updated_at,
    deleted_at, data)
VALUES ($3, $1, $2, $4, $5, $6, $7, $8, 1, $9, $9, $10, $11)

-- Ids for new records.
-- @name record_ids
-- @only postgres
SELECT nextval('records_id_seq') FROM generate_series(1, $1)

-- New records.
-- @name record_insert_set
-- @only postgres
INSERT INTO records (id, tenant, collection, uuid, parent, title, status, occurred_at, version, created_at, updated_at,
    deleted_at, data)
SELECT u.id, $1, $2, u.uuid, nullif(u.parent, 0), u.title, u.status, nullif(u.occurred_at, 0), 1, $3::bigint, $3::bigint,
    CASE WHEN u.deleted = 1 THEN $3::bigint END, u.data::json
FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[])
    AS u (id, uuid, parent, title, status, occurred_at, deleted, data)

-- Does a record stand, and is it deleted?
-- @name record_deleted
-- @only sqlite
SELECT deleted_at IS NOT NULL, version FROM records WHERE id = $2 AND tenant = $1

-- A record changes.
-- @name record_update
-- @only sqlite
UPDATE records SET parent = $3, title = $4, status = $5, occurred_at = $6, version = version + 1, updated_at = $7,
    deleted_at = CASE WHEN $8 = 1 THEN COALESCE(deleted_at, $7) END, data = $9
WHERE id = $2 AND tenant = $1

-- What it was before.
-- @name history_insert
-- @only sqlite
INSERT INTO record_history (tenant, record, version, connection, run, created_at, fields) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- Records change, with their history; how many, how many revived, how many deleted.
-- @name record_update_set
-- @only postgres
WITH changed AS (
    UPDATE records r SET parent = nullif(u.parent, 0), title = u.title, status = u.status,
        occurred_at = nullif(u.occurred_at, 0), version = r.version + 1, updated_at = $2,
        deleted_at = CASE WHEN u.deleted = 1 THEN COALESCE(r.deleted_at, $2) END, data = u.data::json
    FROM unnest($5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::text[])
        AS u (id, parent, title, status, occurred_at, deleted, data, fields)
    CROSS JOIN LATERAL (SELECT o.deleted_at FROM records o WHERE o.tenant = $1 AND o.id = u.id) AS before
    WHERE r.tenant = $1 AND r.id = u.id
    RETURNING r.id, r.version, u.fields, before.deleted_at IS NOT NULL AS was_deleted, u.deleted = 1 AS is_deleted),
history AS (
    INSERT INTO record_history (tenant, record, version, connection, run, created_at, fields)
    SELECT $1, id, version - 1, nullif($3::integer, 0), nullif($4::bigint, 0), $2, fields FROM changed WHERE fields IS NOT NULL)
SELECT count(*), count(*) FILTER (WHERE was_deleted AND NOT is_deleted), count(*) FILTER (WHERE NOT was_deleted AND is_deleted)
FROM changed

-- The data of a record.
-- @name record_data
SELECT data FROM records WHERE tenant = $1 AND id = $2

-- What stands in a record.
-- @name record_load
-- @only sqlite
SELECT deleted_at IS NOT NULL, data, title, status, occurred_at, parent FROM records WHERE id = $2 AND tenant = $1

-- The same for many; locked in the order of ids until the page ends, since what is read decides what is written.
-- @name record_load_set
-- @only postgres
SELECT r.id, r.deleted_at IS NOT NULL, r.data, r.title, r.status, r.occurred_at, r.parent FROM records r
WHERE r.tenant = $1 AND r.id = ANY ($2::bigint[]) ORDER BY r.id FOR UPDATE

-- Nobody else writes to these until the transaction ends.
-- @name record_hold_set
-- @only postgres
SELECT r.id FROM records r WHERE r.tenant = $1 AND r.id = ANY ($2::bigint[]) ORDER BY r.id FOR UPDATE

-- How many records a collection has moves.
-- @name collection_count
-- @sqlite
INSERT INTO collection_counts (tenant, collection, shard, live, deleted) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (collection, shard) DO UPDATE SET live = live + excluded.live, deleted = deleted + excluded.deleted
-- @postgres
INSERT INTO collection_counts (tenant, collection, shard, live, deleted) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, collection, shard) DO UPDATE SET live = collection_counts.live + excluded.live,
    deleted = collection_counts.deleted + excluded.deleted

-- A new map.
-- @name map_insert
-- @only sqlite
INSERT INTO entity_map (id, tenant, stream, external_id, record, fingerprint, source_version, observed_at, created_at, updated_at,
    deleted_at, url)
VALUES ($3, $1, $2, $4, $5, $6, $7, $8, $9, $9, $10, $11)

-- Was a map a tombstone?
-- @name map_deleted
-- @only sqlite
SELECT deleted_at IS NOT NULL FROM entity_map WHERE id = $2 AND tenant = $1

-- A map changes.
-- @name map_update
-- @only sqlite
UPDATE entity_map SET record = $3, fingerprint = $4, source_version = $5, observed_at = $6, updated_at = $7,
    deleted_at = CASE WHEN $8 = 1 THEN COALESCE(deleted_at, $7) END, url = COALESCE($9, url)
WHERE id = $2 AND tenant = $1

-- Maps, new and changed; how many are new and live, new tombstones, revived, deleted. One that was erased meanwhile stays as it is.
-- @name map_write_set
-- @only postgres
WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest($5::bigint[], $6::bigint[], $7::text[], $8::bytea[], $9::text[], $10::bigint[], $11::text[])
        AS u (id, record, external_id, fingerprint, version, deleted, url)),
before AS MATERIALIZED (
    SELECT u.external_id, m.deleted_at IS NOT NULL AS was_deleted FROM incoming u CROSS JOIN LATERAL (
        SELECT o.deleted_at FROM entity_map o WHERE o.tenant = $1 AND o.stream = $2 AND o.external_id = u.external_id LIMIT 1) AS m
    WHERE u.id <> 0),
written AS (
    INSERT INTO entity_map (tenant, stream, external_id, record, fingerprint, source_version, observed_at, created_at,
        updated_at, deleted_at, url)
    SELECT $1, $2, u.external_id, u.record, u.fingerprint, u.version, $3::bigint, $4::bigint, $4::bigint, CASE WHEN u.deleted = 1 THEN $4::bigint END, u.url
    FROM incoming u ORDER BY u.external_id
    ON CONFLICT (tenant, stream, external_id) DO UPDATE SET record = excluded.record, fingerprint = excluded.fingerprint,
        source_version = excluded.source_version, observed_at = excluded.observed_at, updated_at = excluded.updated_at,
        deleted_at = CASE WHEN excluded.deleted_at IS NULL THEN NULL
            ELSE COALESCE(entity_map.deleted_at, excluded.deleted_at) END,
        url = COALESCE(excluded.url, entity_map.url) WHERE entity_map.erased = 0
    RETURNING id, external_id, xmax = 0 AS is_new)
SELECT w.id, w.is_new, COALESCE((SELECT b.was_deleted FROM before b WHERE b.external_id = w.external_id), false), w.external_id
FROM written w

-- The id of what was never taken up because somebody was erased: no sync is to bring it.
-- @name map_bury
-- @only sqlite
INSERT INTO entity_map (id, tenant, stream, external_id, record, fingerprint, observed_at, created_at, updated_at, deleted_at, erased)
VALUES ($3, $1, $2, $4, $5, $6, $7, $8, $8, $8, 1)

-- The same. Nothing, when somebody else has just written it.
-- @name map_bury_set
-- @only postgres
INSERT INTO entity_map (tenant, stream, external_id, record, fingerprint, observed_at, created_at, updated_at, deleted_at, erased)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, 1) ON CONFLICT (tenant, stream, external_id) DO NOTHING

-- Is there such a record?
-- @name record_stands
SELECT 1 FROM records WHERE tenant = $1 AND id = $2

-- The vendor's record, compressed.
-- @name raw_write
-- @only sqlite
INSERT INTO raw (map, tenant, updated_at, data) VALUES ($2, $1, $3, $4)
ON CONFLICT (map) DO UPDATE SET updated_at = excluded.updated_at, data = excluded.data

-- The same for many.
-- @name raw_write_set
-- @only postgres
INSERT INTO raw (map, tenant, updated_at, data) SELECT u.map, $1, $2, u.data
FROM unnest($3::bigint[], $4::bytea[]) AS u (map, data) ORDER BY u.map
ON CONFLICT (tenant, map) DO UPDATE SET updated_at = excluded.updated_at, data = excluded.data

-- A record that has got another map: all of them know that it is shared.
-- @name map_share
UPDATE entity_map SET shared = 1 WHERE tenant = $1 AND record = $2 AND shared = 0
    AND (SELECT count(*) FROM entity_map o WHERE o.tenant = $1 AND o.record = $2) > 1

-- The maps of a record with their bases.
-- @name base_load
SELECT id, stream, base, alias FROM entity_map WHERE tenant = $1 AND record = $2 AND deleted_at IS NULL ORDER BY id

-- What a source and the record last agreed on; empty again when they do.
-- @name base_save
UPDATE entity_map SET base = $3 WHERE tenant = $1 AND id = $2

-- A rejected record; a newer rejection replaces the older.
-- @name rejected_insert
-- @sqlite
INSERT INTO rejected_records (tenant, uuid, connection, stream, run, ident, external_id, reason, payload, first_at, last_at)
VALUES ($1, $4, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $5, $6, $7, $8, $9, $9)
ON CONFLICT (stream, ident) DO UPDATE SET run = excluded.run, reason = excluded.reason, payload = excluded.payload,
    last_at = excluded.last_at, times = rejected_records.times + 1
RETURNING times
-- @postgres
INSERT INTO rejected_records (tenant, uuid, connection, stream, run, ident, external_id, reason, payload, first_at, last_at)
VALUES ($1, $4, (SELECT connection FROM streams WHERE tenant = $1 AND id = $2), $2, $3, $5, $6, $7, $8, $9, $9)
ON CONFLICT (tenant, stream, ident) DO UPDATE SET run = excluded.run, reason = excluded.reason, payload = excluded.payload,
    last_at = excluded.last_at, times = rejected_records.times + 1
RETURNING times

-- Rejected rows a stream has.
-- @name stream_rejected
SELECT rejected FROM streams WHERE tenant = $1 AND id = $2

-- A record was accepted after all.
-- @name rejected_clear
DELETE FROM rejected_records WHERE tenant = $1 AND stream = $2 AND ident = $3

-- Log lines of a page, as long as the run may have more.
-- @name log_insert_capped
INSERT INTO run_logs (tenant, run, line_count, bytes, created_at, lines)
SELECT $1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), $6 FROM runs
WHERE tenant = $1 AND id = $2 AND log_lines < $7

-- The counters of a run after a page.
-- @name run_add_page
UPDATE runs SET received = received + $3, created = created + $4, updated = updated + $5, skipped = skipped + $6,
    deleted = deleted + $7, errors = errors + $8, records_read = records_read + $9,
    log_lines = log_lines + CASE WHEN log_lines < $11 THEN $10 ELSE 0 END,
    log_lines_dropped = log_lines_dropped + CASE WHEN log_lines < $11 THEN 0 ELSE $10 END, updated_at = $12
WHERE tenant = $1 AND id = $2

-- The counters of its stream, and its position there.
-- @name run_stream_page
UPDATE run_streams SET received = received + $4, created = created + $5, updated = updated + $6, skipped = skipped + $7,
    deleted = deleted + $8, errors = errors + $9, records_read = records_read + $10, pages = pages + 1,
    position = $11, declared_first = COALESCE(declared_first, $12), declared_last = COALESCE($12, declared_last),
    done = $13, started_at = COALESCE(started_at, $14), updated_at = $14
WHERE tenant = $1 AND run = $2 AND stream = $3

-- The page's own row.
-- @name run_page_insert
INSERT INTO run_pages (tenant, run, page_seq, stream, token, received, created, updated, skipped, deleted, errors,
    records_read, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- What a page of a full pass saw.
-- @name pass_page_insert
INSERT INTO pass_pages (tenant, run, stream, page_seq, maps) VALUES ($1, $2, $3, $4, $5)

-- A stream remembers who touched it last.
-- @name stream_touched
UPDATE streams SET last_run = $3 WHERE tenant = $1 AND id = $2 AND (last_run IS NULL OR last_run <> $3)
