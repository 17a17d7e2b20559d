-- Claims: refunds, chargebacks, reimbursements and adjustments that the vendor posted. amount is exact decimal text.
-- @sqlite
CREATE VIEW amazon_claims AS
SELECT r.uuid AS id,
       json_extract(r.data, '$.claimId') AS claim_id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       json_extract(r.data, '$.orderId') AS order_id,
       json_extract(r.data, '$.amount') AS amount,
       json_extract(r.data, '$.currency') AS currency,
       r.status AS status,
       json_extract(r.data, '$.type') AS type,
       json_extract(r.data, '$.description') AS description,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.occurred_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.updated_at / 1000000.0, 'unixepoch') AS synced_at,
       n.sandbox AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'claims'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
-- @postgres
CREATE OR REPLACE VIEW amazon_claims AS
SELECT r.uuid AS id,
       r.data ->> 'claimId' AS claim_id,
       CASE WHEN n.created_by LIKE 'user:%' THEN substr(n.created_by, 6) WHEN n.created_by LIKE 'key:%' THEN substr(n.created_by, 5)
            WHEN n.created_by IS NULL AND n.sandbox = 1 THEN 'demo-user' ELSE COALESCE(n.created_by, 'local') END AS user_id,
       r.data ->> 'orderId' AS order_id,
       (r.data ->> 'amount')::numeric AS amount,
       r.data ->> 'currency' AS currency,
       r.status AS status,
       r.data ->> 'type' AS type,
       r.data ->> 'description' AS description,
       to_timestamp(r.occurred_at / 1000000.0) AS created_at,
       to_timestamp(m.updated_at / 1000000.0) AS synced_at,
       n.sandbox <> 0 AS is_mock,
       CASE WHEN n.sandbox = 1 THEN 'sandbox' END AS mock_scenario
FROM entity_map m
JOIN streams s ON s.tenant = m.tenant AND s.id = m.stream AND s.name = 'claims'
JOIN connections n ON n.tenant = s.tenant AND n.id = s.connection AND n.template_name = 'amazon_sp_api'
JOIN records r ON r.tenant = m.tenant AND r.id = m.record
WHERE m.deleted_at IS NULL AND r.deleted_at IS NULL;
