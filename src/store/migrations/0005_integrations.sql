-- Templates of the operator's own, sub-accounts, strategies, leads, bookings.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
