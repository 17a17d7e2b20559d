-- Orders. total_amount is exact decimal text; a pending order has none.
-- @sqlite
CREATE VIEW amazon_orders AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       json_extract(r.data, '$.orderId') AS order_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.occurred_at / 1000000.0, 'unixepoch') AS order_date,
       r.status AS order_status,
       json_extract(r.data, '$.fulfillmentChannel') AS fulfillment_channel,
       json_extract(r.data, '$.marketplaceId') AS marketplace_id,
       json_extract(r.data, '$.totalAmount') AS total_amount,
       json_extract(r.data, '$.currency') AS currency,
       json_extract(r.data, '$.lastUpdatedAt') AS last_updated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000000.0, 'unixepoch') AS synced_at,
       n.sandbox AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'orders'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
-- @postgres
CREATE OR REPLACE VIEW amazon_orders AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       r.data ->> 'orderId' AS order_id,
       to_timestamp(r.occurred_at / 1000000.0) AS order_date,
       r.status AS order_status,
       r.data ->> 'fulfillmentChannel' AS fulfillment_channel,
       r.data ->> 'marketplaceId' AS marketplace_id,
       (r.data ->> 'totalAmount')::numeric AS total_amount,
       r.data ->> 'currency' AS currency,
       (r.data ->> 'lastUpdatedAt')::timestamptz AS last_updated_at,
       to_timestamp(m.updated_at / 1000000.0) AS synced_at,
       n.sandbox <> 0 AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'orders'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
