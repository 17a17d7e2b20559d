-- Stock at the vendor by SKU; its API knows no warehouse.
-- @sqlite
CREATE VIEW amazon_inventory AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       json_extract(r.data, '$.sku') AS sku,
       json_extract(r.data, '$.asin') AS asin,
       json_extract(r.data, '$.fnsku') AS fnsku,
       json_extract(r.data, '$.productName') AS product_name,
       json_extract(r.data, '$.quantityAvailable') AS quantity_available,
       json_extract(r.data, '$.quantityReserved') AS quantity_reserved,
       json_extract(r.data, '$.quantityInbound') AS quantity_inbound,
       json_extract(r.data, '$.quantityTotal') AS quantity_total,
       json_extract(r.data, '$.condition') AS condition,
       json_extract(r.data, '$.warehouseLocation') AS warehouse_location,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000000.0, 'unixepoch') AS synced_at,
       n.sandbox AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'inventory'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
-- @postgres
CREATE OR REPLACE VIEW amazon_inventory AS
SELECT r.uuid AS id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       r.data ->> 'sku' AS sku,
       r.data ->> 'asin' AS asin,
       r.data ->> 'fnsku' AS fnsku,
       r.data ->> 'productName' AS product_name,
       (r.data ->> 'quantityAvailable')::bigint AS quantity_available,
       (r.data ->> 'quantityReserved')::bigint AS quantity_reserved,
       (r.data ->> 'quantityInbound')::bigint AS quantity_inbound,
       (r.data ->> 'quantityTotal')::bigint AS quantity_total,
       r.data ->> 'condition' AS condition,
       r.data ->> 'warehouseLocation' AS warehouse_location,
       to_timestamp(m.updated_at / 1000000.0) AS synced_at,
       n.sandbox <> 0 AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'inventory'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
