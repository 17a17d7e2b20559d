-- Items of orders. item_price is exact decimal text, for the whole quantity.
-- @sqlite
CREATE VIEW amazon_order_items AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       json_extract(r.data, '$.orderId') AS order_id,
       json_extract(r.data, '$.orderItemId') AS order_item_id,
       json_extract(r.data, '$.sku') AS sku,
       json_extract(r.data, '$.asin') AS asin,
       json_extract(r.data, '$.title') AS title,
       json_extract(r.data, '$.quantity') AS quantity,
       json_extract(r.data, '$.itemPrice') AS item_price,
       json_extract(r.data, '$.currency') AS currency,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000000.0, 'unixepoch') AS synced_at
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'order_items'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
-- @postgres
CREATE OR REPLACE VIEW amazon_order_items AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       r.data ->> 'orderId' AS order_id,
       r.data ->> 'orderItemId' AS order_item_id,
       r.data ->> 'sku' AS sku,
       r.data ->> 'asin' AS asin,
       r.data ->> 'title' AS title,
       (r.data ->> 'quantity')::bigint AS quantity,
       (r.data ->> 'itemPrice')::numeric AS item_price,
       r.data ->> 'currency' AS currency,
       to_timestamp(m.updated_at / 1000000.0) AS synced_at
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'order_items'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
