-- Signing in at vendors, and what their runs report to door 004.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
