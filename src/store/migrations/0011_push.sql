-- Push: how far each record that waits to be sent is, and what a vendor makes of what we sent.
--
-- `generation` rises with each change, so that what is edited while it is being sent waits again. `intent` stands before a creation
-- leaves: when its answer is lost, the record is looked for before it is created again. `sent`: the record as it
-- was when it left last, so that our own write is known when it is read before its answer came. `looked_at`: when nobody had its key there,
-- for a run that must stop between looking and creating. `alias` of a map: values that the vendor
-- keeps in its own spelling, {pointer: [ours, theirs]}. A job from one platform to another has two runs: it waits first at `source`, then
-- at `target`, and `connection` is where it is. `pushed_deletions` of a stream: how many deletions were sent of late that nobody looked at, by
-- the hour: [[hour, count], ...].
-- @sqlite
ALTER TABLE push_outbox ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE push_outbox ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE push_outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE push_outbox ADD COLUMN intent INTEGER;
ALTER TABLE push_outbox ADD COLUMN sent TEXT;
ALTER TABLE push_outbox ADD COLUMN looked_at INTEGER;
ALTER TABLE push_outbox ADD COLUMN error TEXT;
CREATE INDEX push_outbox_due ON push_outbox (connection, not_before);
ALTER TABLE entity_map ADD COLUMN alias TEXT;
ALTER TABLE rejected_records ADD COLUMN push_record INTEGER;
ALTER TABLE streams ADD COLUMN pushed_deletions TEXT;
ALTER TABLE jobs ADD COLUMN direction TEXT;
ALTER TABLE jobs ADD COLUMN source INTEGER;
ALTER TABLE jobs ADD COLUMN target INTEGER;
CREATE INDEX connections_pushing ON connections (tenant) WHERE direction IN ('push', 'both');
-- @postgres
ALTER TABLE push_outbox ADD COLUMN generation bigint NOT NULL DEFAULT 1;
ALTER TABLE push_outbox ADD COLUMN not_before bigint NOT NULL DEFAULT 0;
ALTER TABLE push_outbox ADD COLUMN tries bigint NOT NULL DEFAULT 0;
ALTER TABLE push_outbox ADD COLUMN intent bigint;
ALTER TABLE push_outbox ADD COLUMN sent text;
ALTER TABLE push_outbox ADD COLUMN looked_at bigint;
ALTER TABLE push_outbox ADD COLUMN error text;
CREATE INDEX push_outbox_due ON push_outbox (tenant, connection, not_before);
ALTER TABLE entity_map ADD COLUMN alias text;
ALTER TABLE rejected_records ADD COLUMN push_record bigint;
ALTER TABLE streams ADD COLUMN pushed_deletions text;
ALTER TABLE jobs ADD COLUMN direction text;
ALTER TABLE jobs ADD COLUMN source integer;
ALTER TABLE jobs ADD COLUMN target integer;
CREATE INDEX connections_pushing ON connections (tenant) WHERE direction IN ('push', 'both');
