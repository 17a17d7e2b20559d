// Tenants that are switched off and on, and deleted: nothing of them runs, their callers are refused, and in the end no row is left.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { databaseOf, sqlIn, startSandbox, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const data = tempFolder('tenants-off'), env = loopback; // nothing is due but what the test makes due
const as = (tenant) => ({ 'X-Tenant-Id': tenant });
let server, sandbox;

const sql = (text) => sqlIn(data, text).split('\n').filter(Boolean);
const ok = (reply, status = 200) => (assert.equal(reply.status, status, reply.text), reply.body.data ?? reply.body);
const connect = async (tenant, account) => ok(await server.api('POST', '/api/v1/sync/connections', {
  name: `Chatwoot of ${tenant}`, platform: 'chatwoot', streams: ['contacts'], webhookSecret: 'hook-secret',
  credentials: { accountId: String(account), accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` },
}, as(tenant)), 201).id;
const tenantOf = async (key) => ok(await server.api('GET', `/api/v1/tenants/${key}`));

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 60, 'chatwoot.conversations': 0 } });
  server = await startTidemark({ data, env });
  for (const key of ['acme', 'beta']) {
    ok(await server.api('POST', '/api/v1/tenants', { key }), 201);
    const run = ok(await server.api('POST', '/api/v1/sync/run', { connectionId: await connect(key, 1), fullSync: true }, as(key)), 202);
    await until(`${key} is synced`, async () => (await server.api('GET', `/api/v1/sync/runs/${run.runId}`, undefined, as(key))).body.data.status === 'success');
  }
});

after(() => stopAll(data, server, sandbox));

test('off: its key is 403, its runs stop, nothing starts; others go on; on again', async () => {
  const key = ok(await server.api('POST', '/api/v1/keys', { name: 'app' }, as('acme')), 201).key;
  const call = (method, path, body) => fetch(server.url + path, { method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' } });
  assert.equal((await call('GET', '/api/v1/contacts?limit=1')).status, 200);
  const [connection] = ok(await server.api('GET', '/api/v1/sync/connections', undefined, as('acme')));
  // Four pages: it is not over before its tenant is off.
  await sandbox.raw('POST', '/_sandbox/faults', { fault: 'delay:ms=10000:count=forever:path=/contacts' });
  const run = ok(await server.api('POST', '/api/v1/sync/run', { connectionId: connection.id, fullSync: true }, as('acme')), 202);

  const off = ok(await server.api('POST', '/api/v1/tenants/acme/disable'));
  assert.equal(off.status, 'disabled');
  assert.ok(off.disabledAt);
  for (const [method, path, body] of [['GET', '/api/v1/contacts'], ['POST', '/api/v1/contacts', { name: 'x' }], ['GET', '/sync/info']]) {
    const reply = await call(method, path, body);
    assert.equal(reply.status, 403, path);
    assert.match(await reply.text(), /switched off/);
  }
  const stopped = await until('its run stops', async () => {
    const { body } = await server.api('GET', `/api/v1/sync/runs/${run.runId}`, undefined, as('acme'));
    return ['success', 'error', 'cancelled'].includes(body.data.status) ? body.data : null;
  });
  assert.equal(stopped.status, 'cancelled');
  await sandbox.raw('DELETE', '/_sandbox/faults');
  assert.equal((await server.api('GET', '/api/v1/contacts', undefined, as('acme'))).status, 200, 'the operator may look');
  const refused = await server.api('POST', '/api/v1/sync/run', { connectionId: connection.id }, as('acme'));
  assert.deepEqual([refused.status, refused.body.code], [403, 'TENANT_DISABLED']);
  assert.equal((await server.anonymous('POST', `/api/v1/webhooks/${connection.id}`, { event: 'x' })).status, 404, 'its webhooks are nobody\'s');

  // A due time that is past: the other tenant's fires, its does not.
  const runs = async (tenant) => (await server.api('GET', '/api/v1/sync/runs?limit=50', undefined, as(tenant))).body.data.length;
  const had = await runs('acme'), others = await runs('beta');
  sql('UPDATE connections SET next_run_at = 1');
  await until('the other tenant\'s schedule fires', async () => (await runs('beta')) > others);
  assert.equal(await runs('acme'), had);

  assert.equal(ok(await server.api('POST', '/api/v1/tenants/acme/enable')).status, 'active');
  assert.equal((await call('GET', '/api/v1/contacts?limit=1')).status, 200);
  await until('its own fires again', async () => (await runs('acme')) > had);
});

test('the tenant default stays; deleting from the command line wants --yes', async () => {
  for (const path of ['/api/v1/tenants/default/disable', '/api/v1/tenants/default/enable'])
    assert.equal((await server.api('POST', path)).status, path.endsWith('disable') ? 409 : 200);
  assert.equal((await server.api('DELETE', '/api/v1/tenants/default')).status, 409);
  const said = tidemark(['tenants', 'delete', 'acme', '--data', data]);
  assert.notEqual(said.code, 0);
  assert.match(said.stderr, /--yes/);
  assert.equal((await server.api('DELETE', '/api/v1/tenants/nobody')).status, 404);
});

test('deleted: everything of it goes, in batches, over a kill; nothing of another tenant does', async () => {
  ok(await server.api('POST', '/api/v1/contacts', { name: 'Local one', email: 'local@example.com' }, as('acme')), 201);
  ok(await server.api('POST', '/api/v1/users', { subject: 'ana' }, as('acme')), 201);
  ok(await server.api('POST', '/api/v1/webhook-subscriptions', { name: 's', url: 'https://example.com/hook', types: ['records.changed'] }, as('acme')), 201);
  const { id } = await tenantOf('acme'), [number] = sql(`SELECT id FROM tenants WHERE uuid = '${id}'`);
  const before_ = (await server.api('GET', '/api/v1/contacts?limit=1', undefined, as('beta'))).body.meta.total;
  const gone = await server.api('DELETE', '/api/v1/tenants/acme');
  assert.equal(gone.status, 202, gone.text);
  assert.equal(gone.body.data.status, 'deleting');
  await server.kill();
  server = await startTidemark({ data, env });
  await until('it is gone', async () => (await server.api('GET', '/api/v1/tenants/acme')).status === 404);
  const tables = databaseOf(data)
    ? sql("SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) WHERE c.column_name = 'tenant' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'")
    : sql("SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND p.name = 'tenant'");
  assert.ok(tables.length > 30, String(tables));
  // A tail row goes when its keys are merged (SQLite); it holds hashes alone.
  for (const table of tables.filter((name) => name !== 'match_tail'))
    assert.deepEqual(sql(`SELECT count(*) FROM ${table} WHERE tenant = ${number}`), ['0'], table);
  assert.equal((await server.api('GET', '/api/v1/contacts?limit=1', undefined, as('beta'))).body.meta.total, before_);
  const { body: log } = await server.api('GET', '/api/v1/audit?limit=100');
  for (const action of ['tenant.disable', 'tenant.enable', 'tenant.delete'])
    assert.ok(log.data.some((row) => row.action === action && row.subject === id), action);
  assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'acme' })).status, 201, 'its key is free again');
});
