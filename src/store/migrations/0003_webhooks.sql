-- Events from vendors, kept before they are answered.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
