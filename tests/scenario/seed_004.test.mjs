// Every example of the Amazon document (seed 004), sent as printed but for host, token and ids; each test is named by
// its heading. Where the contract decides otherwise, the test says why.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { AMAZON } from './lib/amazon.mjs';
import { stopAll } from './lib/platform.mjs';
import { databaseOf, removeFolder, startTidemark, tempFolder, until, withSandbox } from './lib/tidemark.mjs';
import { hs256, inSeconds, SECRET } from './lib/tokens.mjs';

const data = tempFolder('seed004');
const token = hs256({ sub: 'user123', tenantId: 'default', role: 'user', exp: inSeconds(86_400) });
let server, syncId;

// As a browser sends it: the cookie, and the Origin of our own page.
const browser = (method, path, body, cookie = `session_token=${token}`) =>
  server.anonymous(method, path, body, { 'Content-Type': 'application/json', Cookie: cookie, Origin: server.url });
const status = async (id) => (await browser('GET', `/api/sync/status?syncId=${encodeURIComponent(id)}`)).body;
const finished = (id) => until(`${id} finishes`, async () => {
  const body = await status(id);
  return ['completed', 'failed', 'cancelled'].includes(body.status) ? body : null;
});
const newest = async () => (await browser('GET', '/api/sync/status')).body;
// The document's own way: the database's command line, sqlite3 or psql.
const sql = (query) => {
  const done = process.env.TIDEMARK_TEST_STORE === 'postgres'
    ? spawnSync('psql', [databaseOf(data), '-qAtc', `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`], { encoding: 'utf8' })
    : spawnSync('sqlite3', ['-readonly', '-json', join(data, 'tidemark.db'), query], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim() ? JSON.parse(done.stdout) : [];
};

before(async () => {
  server = await startTidemark({ data, env: { TIDEMARK_JWT_SECRET: SECRET },
    args: withSandbox({ contacts: 5, conversations: 1, quota: 1000, orders: 30 }) });
  await finished((await newest()).syncId); // the sandbox syncs by itself at first
});

after(() => stopAll(data, server));

test('3. Expected Response (200 OK)', async () => {
  const reply = await browser('POST', `${AMAZON}/sync`, {});
  assert.equal(reply.status, 200, reply.text);
  const { syncId: id, estimatedDuration, ...rest } = reply.body;
  // The document prints "30-60 seconds"; the contract wants this account's own history, or null, never a made-up constant.
  assert.ok(estimatedDuration === null || /^(\d+[dhms] ?)+$/.test(estimatedDuration), reply.text);
  assert.match(id, /^sync_user123_\d{13}$/);
  assert.deepEqual(rest, { success: true, message: 'Sync started successfully', status: 'in_progress' });
  syncId = id;
});

test('2. Sync Job Creation: saved in sync_progress, unique, and the background goes on by itself', async () => {
  const done = await finished(syncId);
  assert.equal(done.status, 'completed', JSON.stringify(done));
  const rows = sql(`SELECT * FROM sync_progress WHERE sync_id = '${syncId}'`);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].user_id, 'user123');
});

test('409 Conflict - Sync Already Running: of many at once exactly one starts (I-13)', async () => {
  // It is not over before the last has asked, however slowly that one comes: each of its requests takes so long.
  const vendor = new URL((await browser('GET', `${AMAZON}/auth/start`)).body.authUrl).origin;
  const faults = (method, body) => fetch(`${vendor}/_sandbox/faults`, { method, body }).then((reply) => reply.text());
  await faults('POST', JSON.stringify({ faults: ['delay:ms=8000:count=forever:vendor=amazon_sp_api'] }));
  const replies = await Promise.all(Array.from({ length: 8 }, () => browser('POST', `${AMAZON}/sync`, {})));
  await faults('DELETE');
  const started = replies.filter((r) => r.status === 200);
  assert.equal(started.length, 1, replies.map((r) => r.text).join('\n'));
  const id = started[0].body.syncId;
  for (const { status, body } of replies.filter((r) => r.status !== 200)) {
    assert.equal(status, 409);
    assert.deepEqual(body, {
      success: false, error: 'sync_in_progress', existingSyncId: id,
      message: `Sync already in progress (${id}). Please wait for it to complete or cancel it first.`,
    });
  }
  await finished(id);
});

test('401 Unauthorized - Invalid/Missing JWT', async () => {
  const { status, body } = await browser('POST', `${AMAZON}/sync`, {}, 'session_token=not-a-token');
  assert.deepEqual([status, body], [401, { success: false, message: 'Unauthorized. Please log in.', error: 'unauthorized' }]);
});

test('Test 3: Invalid Auth, on every address of this door', async () => {
  for (const path of [`${AMAZON}/status`, `${AMAZON}/claims`, `${AMAZON}/inventory`, `${AMAZON}/orders`, '/api/sync/status'])
    assert.equal((await browser('GET', path, undefined, 'session_token=x.y.z')).status, 401, path);
  for (const [path, body] of [['/api/sync/cancel', { syncId }], [`${AMAZON}/disconnect`, {}]])
    assert.equal((await browser('POST', path, body, 'session_token=x.y.z')).status, 401, path);
});

test('3. Test with cURL', () => {
  // The document's line has no Origin; a cookie that changes something needs one (contract, section 9), as a browser sends it.
  const curl = (...more) => spawnSync('curl', ['-s', '-X', 'POST', `${server.url}${AMAZON}/sync`, '-H', 'Content-Type: application/json',
    '-H', `Cookie: session_token=${token}`, '-d', '{}', ...more], { encoding: 'utf8' }).stdout;
  assert.equal(JSON.parse(curl()).error, 'forbidden');
  const body = JSON.parse(curl('-H', `Origin: ${server.url}`));
  assert.equal(body.success, true, JSON.stringify(body));
  syncId = body.syncId;
});

test('2. Update Sync Status and 3. Complete Sync', async () => {
  const body = await finished(syncId);
  assert.deepEqual([body.success, body.syncId, body.status, body.progress, body.step, body.totalSteps], [true, syncId, 'completed', 100, 5, 5]);
  assert.ok(body.startedAt <= body.completedAt, JSON.stringify(body));
  for (const name of ['claims', 'inventory', 'orders']) assert.equal(body.results[name].status, 'success', JSON.stringify(body));
  assert.equal(body.results.inventory.count, 60);
  assert.equal(body.metadata.error, null);
});

test('GET /api/sync/status: without a name the newest, an unknown one is 404', async () => {
  assert.equal((await newest()).syncId, syncId);
  const unknown = await browser('GET', '/api/sync/status?syncId=sync_user123_1');
  assert.deepEqual([unknown.status, unknown.body.error], [404, 'sync_not_found'], unknown.text);
  assert.equal((await browser('POST', '/api/sync/cancel', {})).status, 400);
  assert.equal((await browser('POST', '/api/sync/cancel', { syncId: 'sync_nobody_1' })).status, 404);
});

test('Response Format Reference: Success Response', async () => {
  // It prints "running" where "3. Expected Response" prints "in_progress"; the contract takes the latter for the reply that
  // starts a sync, and "running" is what polling tells.
  const { body } = await browser('POST', `${AMAZON}/sync`, {});
  assert.equal(body.status, 'in_progress');
  assert.ok(['running', 'completed'].includes((await status(body.syncId)).status));
  syncId = body.syncId;
  await finished(syncId);
});

test('Related Endpoints: 1. status', async () => {
  const { status, body } = await browser('GET', `${AMAZON}/status`);
  assert.equal(status, 200);
  assert.deepEqual([body.success, body.connected, body.status, body.sandbox], [true, true, 'connected', true]);
  assert.deepEqual(body.marketplaceIds, ['ATVPDKIKX0DER']);
  assert.ok(body.lastSync, 'lastSync');
  assert.ok(body.notices.some((words) => words.includes('2027-03-27')), 'what ends at the vendor is told');
  assert.ok(!JSON.stringify(body).includes('Atzr'), 'no secret');
});

test('Related Endpoints: 3. claims, as the vendor has them, with exact money', async () => {
  const { body } = await browser('GET', `${AMAZON}/claims?limit=500`);
  assert.equal(body.meta.total, body.data.length);
  const kinds = new Set(body.data.map((claim) => claim.type));
  for (const kind of ['refund', 'chargeback', 'inventory_reimbursement']) assert.ok(kinds.has(kind), [...kinds].join());
  for (const claim of body.data) {
    assert.match(claim.amount, /^-?\d+\.\d\d$/);
    assert.deepEqual([claim.currency, claim.status, claim.isMock], ['USD', 'approved', true]);
  }
  const refunds = await browser('GET', `${AMAZON}/claims?type=refund&limit=2`);
  assert.ok(refunds.body.data.every((claim) => claim.type === 'refund'));
  const next = await browser('GET', `${AMAZON}/claims?type=refund&limit=2&cursor=${refunds.body.meta.nextCursor}`);
  assert.ok(next.body.data.every((claim) => !refunds.body.data.some((seen) => seen.id === claim.id)));
  assert.equal((await browser('GET', `${AMAZON}/claims?limit=0`)).status, 400);
});

test('Related Endpoints: 4. inventory and 5. orders with their items', async () => {
  const stock = (await browser('GET', `${AMAZON}/inventory?sku=TM-00001`)).body;
  assert.equal(stock.data.length, 1);
  assert.equal(stock.data[0].quantityTotal, stock.data[0].quantityAvailable + stock.data[0].quantityReserved + stock.data[0].quantityInbound);
  const orders = (await browser('GET', `${AMAZON}/orders?items=true&limit=500`)).body;
  assert.equal(orders.data.length, 30);
  for (const order of orders.data) {
    assert.ok(['FBA', 'FBM'].includes(order.fulfillmentChannel));
    assert.ok(order.items.length >= 1, JSON.stringify(order));
    if (order.orderStatus === 'Pending') assert.equal(order.totalAmount, null);
    else assert.equal(order.items.reduce((sum, item) => sum + Math.round(item.itemPrice * 100), 0), Math.round(order.totalAmount * 100));
  }
});

test("Database Schema Requirements: the document's columns and rows, in SQL", () => {
  const columns = {
    sync_progress: 'id sync_id user_id status progress current_step step total_steps metadata created_at updated_at',
    amazon_claims: 'id claim_id user_id order_id amount currency status type description created_at synced_at is_mock mock_scenario',
    amazon_inventory: 'id user_id sku asin fnsku product_name quantity_available quantity_reserved quantity_inbound quantity_total condition warehouse_location synced_at is_mock mock_scenario',
  };
  for (const [view, names] of Object.entries(columns)) {
    const [row] = sql(`SELECT * FROM ${view} LIMIT 1`);
    assert.deepEqual(Object.keys(row), names.split(' '), view);
  }
  assert.deepEqual(sql('SELECT user_id, claim_id, count(*) AS n FROM amazon_claims GROUP BY 1, 2 HAVING count(*) > 1'), [], 'UNIQUE(user_id, claim_id)');
  assert.deepEqual(sql('SELECT user_id, sku, count(*) AS n FROM amazon_inventory GROUP BY 1, 2 HAVING count(*) > 1'), [], 'UNIQUE(user_id, sku)');
  assert.deepEqual(sql('SELECT user_id, sync_id, count(*) AS n FROM sync_progress GROUP BY 1, 2 HAVING count(*) > 1'), [], 'UNIQUE(user_id, sync_id)');
});

test('sync_progress says what the API says', async () => {
  const body = await status(syncId), [row] = sql(`SELECT * FROM sync_progress WHERE sync_id = '${syncId}'`);
  const { runId, ...metadata } = body.metadata;
  assert.deepEqual([row.status, row.progress, row.current_step, row.step, row.total_steps], [body.status, body.progress, body.message, body.step, body.totalSteps]);
  assert.deepEqual(typeof row.metadata === 'string' ? JSON.parse(row.metadata) : row.metadata, metadata);
  assert.equal(row.id, runId);
});

// A full disk of ours; on PostgreSQL the disk is another server's.
const full = process.env.TIDEMARK_TEST_STORE === 'postgres' ? 'the database is not ours to fill'
  : spawnSync('prlimit', ['--version']).status !== 0 && 'prlimit is not installed';
test('500 Internal Server Error', { skip: full }, async () => {
  const limit = (bytes) => assert.equal(spawnSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`]).status, 0);
  limit(4096);
  const { status, body } = await browser('POST', `${AMAZON}/sync`, {});
  limit('unlimited');
  assert.deepEqual([status, body], [500, { success: false, message: 'Failed to start sync. Please try again later.', error: 'internal_server_error' }]);
});

test('400 Bad Request - Amazon Not Connected (Test 2: No Connection)', async () => {
  await until('writes work again', async () => (await server.anonymous('GET', '/readyz')).status === 200);
  const off = await browser('POST', `${AMAZON}/disconnect`, {});
  assert.deepEqual([off.status, off.body.status], [200, 'disconnected'], off.text);
  const { status, body } = await browser('POST', `${AMAZON}/sync`, {});
  assert.deepEqual([status, body], [400, {
    success: false, message: 'Amazon account not connected. Please connect your Amazon account first.', error: 'amazon_not_connected',
  }]);
  assert.equal((await browser('GET', `${AMAZON}/status`)).body.connected, false);
  assert.ok((await browser('GET', `${AMAZON}/claims`)).body.meta.total > 0, 'what was synced stays');
});

test("Fallback to 'demo-user': in the sandbox on loopback only (I-34)", async () => {
  assert.equal((await server.anonymous('GET', `${AMAZON}/status`)).status, 200);
  const folder = tempFolder('seed004-real');
  const real = await startTidemark({ data: folder });
  try {
    assert.equal((await real.anonymous('GET', `${AMAZON}/status`)).status, 401);
    assert.equal((await real.anonymous('POST', `${AMAZON}/sync`, {}, { Origin: real.url })).status, 401);
    const none = await real.api('POST', `${AMAZON}/sync`, {});
    assert.deepEqual([none.status, none.body.error], [400, 'amazon_not_connected']);
    const empty = await real.api('GET', '/api/sync/status');
    assert.deepEqual([empty.status, empty.body.success], [404, false]);
  } finally {
    await real.stop();
    removeFolder(folder);
  }
});
