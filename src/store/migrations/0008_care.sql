-- What keeps synced data right over years.
--
-- An Idempotency-Key row says who began it and, from the transaction of the effect on, what was made: after a
-- crash between the effect and its answer the same key finds it (I-28).
-- @sqlite
ALTER TABLE idempotency_keys ADD COLUMN owner TEXT;
ALTER TABLE idempotency_keys ADD COLUMN effect TEXT;
-- @postgres
ALTER TABLE idempotency_keys ADD COLUMN owner text;
ALTER TABLE idempotency_keys ADD COLUMN effect text;
