-- The tables of this schema with their columns, referenced ones first, and the command that gives their rows.
-- @name dump_tables
-- @only postgres
SELECT c.relname, string_agg(a.attname, ',' ORDER BY a.attnum),
    format('COPY %I (%s) TO STDOUT', c.relname, string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = to_regnamespace(current_schema())
GROUP BY c.oid, c.relname ORDER BY c.oid

-- The sequences of this schema and how far they are.
-- @name dump_sequences
-- @only postgres
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL

-- The command that takes rows of a table.
-- @name dump_copy_in
-- @only postgres
SELECT format('COPY %I (%s) FROM STDIN', $1::text, (SELECT string_agg(format('%I', u.c), ', ' ORDER BY u.n)
    FROM unnest(string_to_array($2::text, ',')) WITH ORDINALITY AS u (c, n)))

-- What a migration itself has put there goes before the rows of the backup come.
-- @name dump_clear_meta
-- @only postgres
DELETE FROM meta

-- Is there anything in this database?
-- @name dump_tenants
-- @only postgres
SELECT count(*) FROM tenants

-- A sequence goes on where it was.
-- @name dump_set_sequence
-- @only postgres
SELECT CASE WHEN to_regclass(format('%I', $1::text)) IS NULL THEN 0 ELSE setval(to_regclass(format('%I', $1::text)), $2::bigint) END

-- On a server whose transactions are younger than those in the backup, the feed would wait for them to catch up: its rows go
-- by their ids alone,
-- @name dump_feed_places
-- @only postgres
UPDATE webhook_subscriptions SET place_transaction = 0
WHERE (SELECT max(transaction_id) FROM changes) >= pg_current_xact_id()::text::bigint

-- and so do the places of those who read it.
-- @name dump_feed
-- @only postgres
UPDATE changes SET transaction_id = 0
WHERE (SELECT max(transaction_id) FROM changes) >= pg_current_xact_id()::text::bigint
