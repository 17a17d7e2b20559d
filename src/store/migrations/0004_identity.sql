-- Who signs in, and what admins did.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
