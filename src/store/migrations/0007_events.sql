-- Subscriptions to events, their deliveries, and text search.
-- @sqlite
SELECT 1;
-- @postgres
SELECT 1;
