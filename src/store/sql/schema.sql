-- Is there a schema at all?
-- @name schema_exists
-- @sqlite
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'
-- @postgres
SELECT count(*) FROM pg_catalog.pg_class c WHERE c.oid = to_regclass('schema_migrations')

-- The newest migration that was applied.
-- @name schema_version
SELECT COALESCE(max(number), 0) FROM schema_migrations

-- Notes a migration as applied, in its own transaction.
-- @name schema_applied
INSERT INTO schema_migrations (number, name, applied_at) VALUES ($1, $2, $3)

-- A node waits for another one's migrations as long as they take.
-- @name schema_patience
-- @only postgres
SELECT set_config('lock_timeout', '0', true)

-- One node at a time: held until the transaction ends, whatever pooler stands between.
-- @name schema_lock
-- @only postgres
SELECT pg_advisory_xact_lock(7308604759847923054)

-- A value of the database's own.
-- @name meta_get
SELECT value FROM meta WHERE name = $1

-- Sets a value of the database's own.
-- @name meta_set
INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- Sets a value that is made once, and may be made by two nodes at the same time.
-- @name meta_init
INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING

-- Takes ids of a table that grows by pages; returns the last.
-- @name sequence_take
-- @only sqlite
UPDATE sequences SET last = last + $2 WHERE name = $1

-- The last one taken.
-- @name sequence_last
-- @only sqlite
SELECT last FROM sequences WHERE name = $1

-- Bytes of the database, for health.
-- @name database_bytes
-- @sqlite
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()
-- @postgres
SELECT pg_database_size(current_database())

-- Tables of a file: one that has some but not ours is somebody else's.
-- @name schema_tables
-- @only sqlite
SELECT count(*) FROM sqlite_master WHERE type = 'table'

-- A quick look at the whole file: "ok", or the first thing that is damaged. No argument: as a table-valued function the
-- pragma gets it as text, which newer SQLites (3.46 does) take for the name of a table.
-- @name quick_check
-- @only sqlite
SELECT quick_check FROM pragma_quick_check LIMIT 1

-- Which server it is.
-- @name server_version
-- @only postgres
SELECT current_setting('server_version')
