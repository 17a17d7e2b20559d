-- Jobs of their own: what their runs will be, and how they wait for their connection.
--
-- A job that is due and has no run yet is `waiting`, not before `start_after`; the smallest rank of a connection goes
-- first. `fired_at` is the due time that fired last: none fires twice.
-- @sqlite
ALTER TABLE jobs ADD COLUMN full_pass INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN entity TEXT;
ALTER TABLE jobs ADD COLUMN run_options TEXT;
ALTER TABLE jobs ADD COLUMN retries_max INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN start_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN fired_at INTEGER;
ALTER TABLE jobs ADD COLUMN paused_at INTEGER;
ALTER TABLE jobs ADD COLUMN resumed_at INTEGER;
CREATE INDEX jobs_waiting ON jobs (tenant, connection, rank) WHERE waiting = 1;
CREATE INDEX jobs_name ON jobs (tenant, name);
-- @postgres
ALTER TABLE jobs ADD COLUMN full_pass bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN entity text;
ALTER TABLE jobs ADD COLUMN run_options text;
ALTER TABLE jobs ADD COLUMN retries_max bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waiting bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN start_after bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN rank bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN fired_at bigint;
ALTER TABLE jobs ADD COLUMN paused_at bigint;
ALTER TABLE jobs ADD COLUMN resumed_at bigint;
CREATE INDEX jobs_waiting ON jobs (tenant, connection, rank) WHERE waiting = 1;
CREATE INDEX jobs_name ON jobs (tenant, name);
