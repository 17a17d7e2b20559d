// Every example of the sync module's document (seed 000), sent as printed but for host, token and ids: the platform is
// chatwoot, the first one that is built in. Each test is named by the document's heading.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { finishedRun, startTidemark, tempFolder, withSandbox } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const data = tempFolder('seed000');
let server, connection, already; // already: what the sandbox connected by itself

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ contacts: 40, conversations: 5 }) });
  already = (await server.api('GET', `${SYNC}/connections`)).body.meta.total;
});

after(() => stopAll(data, server));

const get = (path) => server.api('GET', SYNC + path);
const post = (path, body, headers) => server.api('POST', SYNC + path, body, headers);

test('2. Create Connection', async () => {
  const { status, body } = await post('/connections', {
    name: 'Chatwoot Connection', platform: 'chatwoot', enabled: true,
    credentials: { accountId: '1', accessToken: 'your-api-key', baseUrl: 'https://app.chatwoot.com' },
  });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.success, true);
  const { id, name, platform, enabled, createdAt } = body.data;
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual({ name, platform, enabled }, { name: 'Chatwoot Connection', platform: 'chatwoot', enabled: true });
  assert.match(createdAt, TIME);
  assert.ok(!JSON.stringify(body).includes('your-api-key'), 'the secret is masked');
  connection = id;
});

test('2. Create Connection: enabled is true when it is not sent', async () => {
  const { status, body } = await post('/connections', {
    name: 'Test Connection', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test' },
  });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.data.enabled, true);
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${body.data.id}`)).status, 204);
});

test('6. Sync Specific Connection: with a body it answers at once', async () => {
  const { status, body } = await post(`/connections/${connection}/sync`, { fullSync: true });
  assert.equal(status, 202, JSON.stringify(body));
  assert.deepEqual({ ...body.data, runId: '' }, { runId: '', status: 'in_progress', message: 'Sync job started' });
  const run = await finishedRun(server, body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
});

test('5. Start Sync Job', async () => {
  const { status, body } = await post('/run', { connectionId: connection, fullSync: false });
  assert.equal(status, 202, JSON.stringify(body));
  assert.equal(body.data.connectionId, connection);
  assert.equal(body.data.status, 'pending');
  assert.match(body.data.createdAt, TIME);
  await finishedRun(server, body.data.runId);
});

test('1. List Connections', async () => {
  const { status, body } = await get('/connections');
  assert.equal(status, 200);
  assert.deepEqual(body.meta, { total: already + 1, page: 1, limit: 10, totalPages: 1 });
  const row = body.data.find((c) => c.id === connection);
  for (const member of ['id', 'name', 'platform', 'enabled', 'lastSyncAt', 'lastSyncStatus', 'syncedRecords', 'createdAt'])
    assert.ok(member in row, member);
  assert.equal(row.lastSyncStatus, 'success');
  assert.match(row.lastSyncAt, TIME);
  assert.ok(row.syncedRecords >= 40, `${row.syncedRecords} records`);
});

test('1. List Connections: the query parameters', async () => {
  assert.equal((await get('/connections?platform=acme')).body.meta.total, 0);
  assert.equal((await get('/connections?platform=chatwoot&enabled=true&page=1&limit=1')).body.data.length, 1);
  assert.equal((await get('/connections?enabled=false')).body.meta.total, 0);
  const second = await get('/connections?limit=1&page=2');
  assert.deepEqual(second.body.meta, { total: already + 1, page: 2, limit: 1, totalPages: already + 1, ...(second.body.meta.nextCursor && { nextCursor: second.body.meta.nextCursor }) });
});

test('3. List Sync Runs', async () => {
  const { status, body } = await get(`/runs?page=1&limit=20&connectionId=${connection}&status=success`);
  assert.equal(status, 200);
  assert.equal(body.meta.total, 2);
  assert.equal(body.meta.limit, 20);
  for (const run of body.data) {
    assert.equal(run.connectionId, connection);
    assert.equal(run.status, 'success');
    for (const member of ['recordsSynced', 'recordsCreated', 'recordsUpdated', 'recordsErrors'])
      assert.equal(typeof run[member], 'number', member);
    assert.match(run.startedAt, TIME);
    assert.match(run.completedAt, TIME);
    assert.match(run.duration, /^(\d+[dhm] )*\d+s$/);
  }
  assert.equal((await get('/runs')).body.meta.limit, 20);
});

test('4. Get Sync Run Details', async () => {
  const { body: list } = await get(`/runs?connectionId=${connection}`);
  const { status, body } = await get(`/runs/${list.data[0].id}`);
  assert.equal(status, 200);
  assert.equal(body.data.connectionId, connection);
  assert.deepEqual(body.data.connection, { name: 'Chatwoot Connection', platform: 'chatwoot' });
  assert.ok(Array.isArray(body.data.errors));
  assert.equal(body.data.verdict, 'complete', JSON.stringify(body.data));
  assert.ok(body.data.logUrl.endsWith(`/api/v1/sync/runs/${list.data[0].id}/logs`));
  const logs = await server.api('GET', new URL(body.data.logUrl, server.url).pathname);
  assert.equal(logs.status, 200);
  for (const line of logs.text.trim().split('\n')) JSON.parse(line);
});

test('Error Handling: CONNECTION_NOT_FOUND, in the printed shape', async () => {
  for (const id of ['00000000-0000-7000-8000-000000000000', 'nonsense']) {
    const { status, body } = await get(`/connections/${id}`);
    assert.equal(status, 404);
    assert.deepEqual(body, { success: false, error: 'Connection not found', code: 'CONNECTION_NOT_FOUND', details: [] });
  }
  const run = await post('/run', { connectionId: '00000000-0000-7000-8000-000000000000' });
  assert.deepEqual([run.status, run.body.code], [404, 'CONNECTION_NOT_FOUND']);
});

test('Error Handling: INVALID_CREDENTIALS, and nothing is stored', async () => {
  const before = (await get('/connections')).body.meta.total;
  const { status, body } = await post('/connections', {
    name: 'Refused', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'invalid' },
  });
  assert.deepEqual([status, body.code], [400, 'INVALID_CREDENTIALS']);
  assert.match(body.error, /^Connection test failed/);
  assert.equal((await get('/connections')).body.meta.total, before);
});

test('Error Handling: SYNC_IN_PROGRESS names the run in the way', async () => {
  // It is not over before the second has asked, however slowly that one comes: each of its requests takes so long.
  const vendors = new URL((await server.api('GET', '/api/v1/integrations/amazon/auth/start')).body.authUrl).origin;
  const faults = (method, body) => fetch(`${vendors}/_sandbox/faults`, { method, body }).then((reply) => reply.text());
  await faults('POST', JSON.stringify({ faults: ['delay:ms=8000:count=forever:vendor=chatwoot'] }));
  const first = await post('/run', { connectionId: connection, fullSync: true });
  const second = await post('/run', { connectionId: connection, fullSync: true });
  assert.deepEqual([second.status, second.body.code], [409, 'SYNC_IN_PROGRESS']);
  assert.deepEqual(second.body.details, [{ runId: first.body.data.runId }]);
  assert.equal((await post(`/runs/${first.body.data.runId}/cancel`)).status, 200);
  await faults('DELETE');
  assert.equal((await finishedRun(server, first.body.data.runId)).status, 'cancelled');
});

test('Error Handling: PLATFORM_NOT_SUPPORTED', async () => {
  const { status, body } = await post('/connections', { name: 'X', platform: 'fax', credentials: { apiKey: 'test' } });
  assert.deepEqual([status, body.code], [400, 'PLATFORM_NOT_SUPPORTED']);
});

test('Error Handling: UNAUTHORIZED', async () => {
  for (const headers of [{}, { Authorization: 'Bearer wrong' }, { Authorization: 'Basic dTpw' }]) {
    const { status, body, headers: reply } = await server.anonymous('GET', `${SYNC}/connections`, undefined, headers);
    assert.deepEqual([status, body.code], [401, 'UNAUTHORIZED']);
    assert.match(reply.get('www-authenticate'), /^Bearer/);
  }
});
