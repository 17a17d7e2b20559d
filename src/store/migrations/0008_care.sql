-- What keeps synced data right over years.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
