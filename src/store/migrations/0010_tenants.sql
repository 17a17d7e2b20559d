-- Tenants that are switched off, and those that are going.
--
-- A disabled tenant keeps its data; nobody but the operator gets at it and nothing of it runs. Deleting goes in batches behind the
-- mark; `deleted_rows` tells how far it is. An errand says which node has it, so that a node that starts again takes its own back.
-- @sqlite
ALTER TABLE tenants ADD COLUMN disabled_at INTEGER;
ALTER TABLE tenants ADD COLUMN deleting_at INTEGER;
ALTER TABLE tenants ADD COLUMN deleted_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE errands ADD COLUMN lease_node TEXT;
-- @postgres
ALTER TABLE tenants ADD COLUMN disabled_at bigint;
ALTER TABLE tenants ADD COLUMN deleting_at bigint;
ALTER TABLE tenants ADD COLUMN deleted_rows bigint NOT NULL DEFAULT 0;
ALTER TABLE errands ADD COLUMN lease_node text;
