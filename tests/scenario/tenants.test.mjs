// Tenants cannot reach each other by any route, and a foreign id is answered byte for byte like an unknown one (I-32, D18).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const UNKNOWN = '01a00000-0000-7000-8000-000000000000';
const data = tempFolder('tenants');
const tenants = {}; // name: {id, key, api}
let server, sandbox, theirs;

async function makeTenant(name) {
  const made = await server.api('POST', '/api/v1/tenants', { key: name, name });
  assert.equal(made.status, 201, made.text);
  const { id } = made.body.data;
  const key = await server.api('POST', '/api/v1/keys',
    { name: `of ${name}`, role: 'user', permissions: ['content:read', 'content:update', 'content:delete'] }, { 'X-Tenant-Id': id });
  assert.equal(key.status, 201, key.text);
  const api = (method, path, body, headers) =>
    server.anonymous(method, path, body, { Authorization: `Bearer ${key.body.data.key}`, ...headers });
  tenants[name] = { id, api };
}

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 30, 'chatwoot.conversations': 3 } });
  server = await startTidemark({ data, env: loopback });
  await makeTenant('acme');
  await makeTenant('rival');
  const acme = { ...server, api: tenants.acme.api };
  const connection = await connectChatwoot(acme, sandbox);
  const started = await acme.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  const run = (await finishedRun(acme, started.body.data.runId)).id;
  const first = async (kind) => (await acme.api('GET', `/api/v1/${kind}?limit=1`)).body.data[0].id;
  theirs = { connection, run, contacts: await first('contacts'), conversations: await first('conversations'), messages: await first('messages') };
});

after(async () => {
  await server?.kill();
  await sandbox?.stop();
  removeFolder(data);
});

const lists = ['/api/v1/sync/connections', '/api/v1/sync/runs', '/api/v1/contacts', '/api/v1/conversations', '/api/v1/messages'];

test('lists of another tenant are empty, its own are not', async () => {
  for (const list of lists) {
    assert.ok((await tenants.acme.api('GET', list)).body.meta.total > 0, list);
    assert.equal((await tenants.rival.api('GET', list)).body.meta.total, 0, list);
  }
  for (const filter of [`/api/v1/sync/runs?connectionId=${theirs.connection}`, '/api/v1/contacts?q=a', '/api/v1/contacts?includeDeleted=true',
    '/api/v1/contacts?updatedSince=2000-01-01T00:00:00Z'])
    assert.deepEqual((await tenants.rival.api('GET', filter)).body.data ?? [], [], filter);
  for (const type of ['text/csv', 'application/x-ndjson']) {
    const out = await tenants.rival.api('GET', '/api/v1/contacts', undefined, { Accept: type });
    assert.ok(out.text.trim().split('\n').length <= 1, out.text);
    assert.ok(!out.text.includes('@'));
  }
});

// Every route that takes an id.
const byId = [
  ['GET', (id) => `/api/v1/sync/connections/${id}`, 'connection'],
  ['PATCH', (id) => `/api/v1/sync/connections/${id}`, 'connection', { name: 'taken over' }],
  ['POST', (id) => `/api/v1/sync/connections/${id}/test`, 'connection'],
  ['GET', (id) => `/api/v1/sync/connections/${id}/state`, 'connection'],
  ['DELETE', (id) => `/api/v1/sync/connections/${id}/state`, 'connection'],
  ['POST', (id) => `/api/v1/sync/connections/${id}/sync`, 'connection', { fullSync: true }],
  ['POST', (id) => `/api/v1/sync/connections/${id}/sync`, 'connection'],
  ['GET', (id) => `/api/v1/sync/connections/${id}/rejected`, 'connection'],
  ['POST', (id) => `/api/v1/sync/connections/${id}/rejected/replay`, 'connection'],
  ['DELETE', (id) => `/api/v1/sync/connections/${id}`, 'connection'],
  ['DELETE', (id) => `/api/v1/sync/connections/${id}?purge=true`, 'connection'],
  ['GET', (id) => `/api/v1/sync/runs/${id}`, 'run'],
  ['GET', (id) => `/api/v1/sync/runs/${id}/logs`, 'run'],
  ['GET', (id) => `/api/v1/sync/runs/${id}/logs?follow=1`, 'run'],
  ['GET', (id) => `/api/v1/sync/runs/${id}/deletes`, 'run'],
  ['POST', (id) => `/api/v1/sync/runs/${id}/deletes/confirm`, 'run'],
  ['POST', (id) => `/api/v1/sync/runs/${id}/cancel`, 'run'],
  ['POST', (id) => `/api/v1/sync/runs/${id}/pause`, 'run'],
  ['POST', (id) => `/api/v1/sync/runs/${id}/resume`, 'run'],
  ['GET', (id) => `/api/v1/contacts/${id}`, 'contacts'],
  ['GET', (id) => `/api/v1/conversations/${id}`, 'conversations'],
  ['GET', (id) => `/api/v1/messages/${id}`, 'messages'],
];

test('a foreign id is an unknown id, byte for byte', async () => {
  for (const [method, path, kind, body] of byId) {
    const foreign = await tenants.rival.api(method, path(theirs[kind]), body);
    const unknown = await tenants.rival.api(method, path(UNKNOWN), body);
    const what = `${method} ${path(':id')}`;
    assert.equal(foreign.status, 404, `${what}: ${foreign.text}`);
    assert.deepEqual([foreign.status, foreign.text], [unknown.status, unknown.text], what);
    const names = (reply) => [...reply.headers.keys()].filter((name) => name !== 'date').sort();
    assert.deepEqual(names(foreign), names(unknown), what);
  }
  const run = (connectionId) => tenants.rival.api('POST', '/api/v1/sync/run', { connectionId, fullSync: true });
  const [foreign, unknown] = [await run(theirs.connection), await run(UNKNOWN)];
  assert.equal(foreign.status, 404, foreign.text);
  assert.equal(foreign.text, unknown.text);
  const provider = await tenants.rival.api('POST', '/api/v1/sync/run', { provider: 'chatwoot' });
  assert.equal(provider.status, 404, 'the other tenant\'s connection is not "the only one of that provider"');
});

test('nothing of it was changed meanwhile', async () => {
  const connection = (await tenants.acme.api('GET', `/api/v1/sync/connections/${theirs.connection}`)).body.data;
  assert.equal(connection.name, 'Chatwoot');
  assert.ok((await tenants.acme.api('GET', '/api/v1/contacts')).body.meta.total > 0);
  assert.equal((await tenants.acme.api('GET', '/api/v1/sync/runs')).body.meta.total, 1);
  const state = (await tenants.acme.api('GET', `/api/v1/sync/connections/${theirs.connection}/state`)).body.data;
  assert.ok(state.streams.every((stream) => stream.records > 0), JSON.stringify(state));
});

test('naming another tenant is refused alike, whether it exists or not (D18)', async () => {
  for (const header of ['X-Tenant-Id', 'orgid']) {
    const ask = (value) => tenants.rival.api('GET', '/api/v1/contacts', undefined, { [header]: value });
    const [byKey, byItsId, nobody] = [await ask('acme'), await ask(tenants.acme.id), await ask('no-such-tenant')];
    assert.equal(byKey.status, 403, byKey.text);
    assert.deepEqual([byItsId.text, nobody.text], [byKey.text, byKey.text]);
    assert.deepEqual([byItsId.status, nobody.status], [403, 403]);
    assert.equal((await ask('rival')).status, 200);
  }
});

test('a user\'s key opens no admin route', async () => {
  for (const [method, path, body] of [['GET', '/api/v1/tenants'], ['POST', '/api/v1/tenants', { key: 'mine' }], ['GET', `/api/v1/tenants/${tenants.acme.id}`],
    ['GET', '/api/v1/keys'], ['POST', '/api/v1/keys', { name: 'x', role: 'admin' }], ['GET', '/api/v1/users'], ['GET', '/metrics']]) {
    const reply = await tenants.rival.api(method, path, body);
    assert.equal(reply.status, 403, `${method} ${path}: ${reply.text}`);
  }
});

test('an Idempotency-Key is each tenant\'s own (I-28)', async () => {
  const create = (tenant) => tenants[tenant].api('POST', '/api/v1/sync/connections?test=false', {
    name: `Of ${tenant}`, platform: 'chatwoot', credentials: { accountId: '9', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` },
  }, { 'Idempotency-Key': 'the-same' });
  const [acme, rival] = [await create('acme'), await create('rival')];
  assert.deepEqual([acme.status, rival.status], [201, 201], acme.text + rival.text);
  assert.notEqual(acme.body.data.id, rival.body.data.id);
  assert.equal(rival.body.data.name, 'Of rival');
});
