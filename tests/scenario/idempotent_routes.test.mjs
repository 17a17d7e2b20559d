// I-28 over every route that honours Idempotency-Key, from the route table: the same key twice is one thing and the first
// answer, another body is refused, and a lost answer makes nothing twice.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { fill } from './lib/document.mjs';
import { routes } from './lib/routes.mjs';
import { freshDatabase, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const postgres = process.env.TIDEMARK_TEST_STORE === 'postgres';
const options = { data: tempFolder('idempotent-routes'), env: loopback, args: postgres ? ['--database', freshDatabase('idempotent')] : [] };
const creating = () => routes().filter((route) => route.flags.includes('creates'));
const mine = { 'X-Tenant-Id': 'default', orgid: 'default' }; // several tenants come to stand here
const things = {}; // what stands before the test: {connection, template, account, user, ...}
let server, sandbox;

const ok = ({ status, body, text }) => (assert.ok(status < 300, `${status} ${text}`), body.data ?? body);
const admin = (path, body) => server.api('POST', `/api/admin${path}`, body).then(ok);

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 5, 'chatwoot.conversations': 0 } });
  server = await startTidemark(options);
  things.connection = await connectChatwoot(server, sandbox, { streams: ['contacts'] });
  things.conversation = ok(await server.api('POST', '/api/v1/conversations', { status: 'active' }, mine)).id;
  things.account = (await admin('/sub-accounts', { name: 'Acme', key: 'acme' })).uuid;
  things.user = (await admin(`/sub-accounts/${things.account}/users`, { name: 'Uma' })).uuid;
  things.template = (await admin('/integration-templates', { name: 'plain', displayName: 'Plain', category: 'CRM', configSchema: { type: 'object', properties: {} } })).id;
  things.subscription = ok(await server.api('POST', '/api/v1/webhook-subscriptions', subscription('keep'), mine)).id;
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(options.data);
});

const subscription = (name) => ({ name, url: 'https://example.com/hook', types: ['records.changed'] });
const rows = async (path) => {
  const { status, body, text } = await server.api('GET', path, undefined, mine);
  assert.equal(status, 200, `${path}: ${text}`);
  return body.data ?? body.jobs ?? body;
};
const count = async (path) => (await rows(`${path}${path.includes('?') ? '&' : '?'}limit=200`)).length;
const audited = async (action) => (await rows('/api/v1/audit?limit=200')).filter((row) => row.action === action).length;
const kind = (path, fields) => [`/api/v1/${path}`, (word) => ({ ...fields, [Object.keys(fields)[0]]: word }), () => count(`/api/v1/${path}`)];

// How a thing is made: the route's path, a body with a word in it, and how many there are. secret: the answer shows
// something that is shown once, so it cannot be made again.
const recipes = [
  ['/api/v1/tenants', (word) => ({ key: word }), () => count('/api/v1/tenants')],
  ['/api/v1/keys', (word) => ({ name: word }), () => count('/api/v1/keys'), { secret: true }],
  ['/api/v1/users', (word) => ({ subject: word }), () => count('/api/v1/users')],
  ['/api/v1/sync/connections', (word) => ({ name: word, platform: 'chatwoot', enabled: false, credentials: { accountId: '1', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` } }),
    () => count('/api/v1/sync/connections')],
  ['/api/v1/sync/run', (word) => ({ connectionId: things.connection, entity: word === 'other' ? 'nothing' : 'contacts' }), () => count('/api/v1/sync/runs'), { run: true }],
  ['/api/v1/sync/connections/:id/sync', (word) => ({ full: word === 'other' }), () => count('/api/v1/sync/runs'), { run: true, ids: () => [things.connection] }],
  ['/api/admin/integrations/:id/sync', (word) => ({ fullSync: word === 'other' }), () => count('/api/v1/sync/runs'), { run: true, ids: () => [things.connection] }],
  ['/sync/queue', (word) => ({ name: word, type: 'scheduled', data: { source: 'chatwoot', target: 'local' }, schedule: { startAt: '2031-01-01T00:00:00Z' } }), () => count('/sync/jobs')],
  ['/api/admin/integration-templates', (word) => ({ name: word.replaceAll('-', '_'), displayName: word, category: 'CRM', configSchema: { type: 'object', properties: {} } }), () => count('/api/integration-templates')],
  ['/api/admin/integrations', (word) => ({ integrationTemplateId: things.template, subAccountId: 'acme', name: word, config: {} }), () => count('/api/admin/integrations')],
  ['/api/admin/sub-accounts', (word) => ({ name: word }), () => count('/api/admin/sub-accounts')],
  ['/api/admin/sub-accounts/:id/users', (word) => ({ name: word }), () => count(`/api/admin/sub-accounts/${things.account}/users`), { ids: () => [things.account] }],
  ['/api/admin/sub-accounts/:id/strategies', (word) => ({ name: word, regularUserId: things.user }),
    () => count(`/api/admin/sub-accounts/${things.account}/strategies`), { ids: () => [things.account] }],
  ['/api/bookings', (word) => ({ title: word, calendarId: 'cal', startTime: '2031-12-01T10:00:00Z', endTime: '2031-12-01T10:30:00Z' }), () => count('/api/bookings')],
  kind('contacts', { name: '' }), kind('conversations', { status: '' }), kind('leads', { name: '' }), kind('companies', { name: '' }), kind('deals', { name: '' }),
  kind('tickets', { subject: '' }), kind('products', { title: '' }), kind('orders', { number: '' }), kind('customers', { name: '' }),
  ['/api/v1/messages', (word) => ({ content: word, parentId: things.conversation }), () => count('/api/v1/messages')],
  ['/api/v1/webhook-subscriptions', subscription, () => count('/api/v1/webhook-subscriptions'), { secret: true }],
  ['/api/v1/webhook-subscriptions/:id/secret', null, () => audited('webhook_subscription.secret'), { secret: true, ids: () => [things.subscription] }],
];

// Those that make no thing: what they do to one that is there comes to the same when it is done again (the wording of
// docs/architecture.md), or asks a vendor something (vendor_calls.test.mjs).
const steps = [
  '/api/v1/sync/connections/:id/rejected/replay', '/api/v1/sync/runs/:id/deletes/confirm', '/api/v1/sync/runs/:id/cancel', '/api/v1/sync/runs/:id/pause',
  '/api/v1/sync/runs/:id/resume', '/sync/purge', '/sync/pause/:name', '/sync/resume/:name', '/sync/cancel/:name', '/api/admin/integrations/:id/test',
  '/api/admin/integrations/:id/activate', '/api/admin/integrations/:id/disconnect', '/api/admin/integrations/:id/actions/:action',
  '/api/v1/sync/connections/:id/setup-webhook', '/api/admin/integrations/:id/setup-webhook', '/api/admin/integrations/:id/setup-ghl-webhook',
  '/api/v1/secrets/rotate', '/api/v1/tenants/:id/disable', '/api/v1/tenants/:id/enable',
];
// They make something, and their own files look at it: an account's sync (seed_004), a replay (webhooks, events).
const elsewhere = ['/api/v1/integrations/amazon/sync', '/api/v1/webhooks/events/:id/replay', '/api/v1/webhook-subscriptions/:id/deliveries/:deliveryId/replay'];

test('every creating route of the table is looked at here', () => {
  const known = [...recipes.map(([path]) => path), ...steps, ...elsewhere].sort();
  assert.deepEqual([...new Set(creating().map((route) => route.path))].sort(), known);
});

const post = (path, key, body) => server.api('POST', path, body, { ...mine, 'Idempotency-Key': key });
const settle = async () => {
  for (const run of await rows('/api/v1/sync/runs?limit=200')) await until(`${run.id} ends`, async () => ['success', 'error', 'cancelled'].includes((await rows(`/api/v1/sync/runs/${run.id}`)).status));
};

for (const [pattern, body, counted, { ids, run } = {}] of recipes)
  test(`POST ${pattern}: the same key twice is one thing and one answer (I-28)`, async () => {
    const path = fill(pattern, ids?.() ?? []), make = (word) => body?.(word), key = `twice ${pattern}`;
    const had = await counted(), first = await post(path, key, make('once')), second = await post(path, key, make('once'));
    if (run) await settle();
    assert.ok(first.status < 300, `${first.status} ${first.text}`);
    assert.equal(first.headers.get('idempotency-replayed'), null);
    assert.equal(second.headers.get('idempotency-replayed'), 'true', second.text);
    assert.deepEqual([second.status, second.text], [first.status, first.text]);
    assert.equal(await counted(), had + 1);
    if (!body) return;
    const other = await post(path, key, make('other'));
    assert.equal(other.status, 422, other.text);
    assert.equal(await counted(), had + 1);
  });

// What a process leaves that dies when the effect is committed and its answer is not: the row without the answer.
function loseAnswers() {
  const text = "UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL WHERE key LIKE 'lost %'";
  const done = postgres ? spawnSync('psql', ['-q', options.args[1].replace('postgres:///', 'postgresql:///'), '-c', text], { encoding: 'utf8' })
    : spawnSync('sqlite3', [join(options.data, 'tidemark.db'), text], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
}

test('a lost answer is made anew from what was made, or says what was made; nothing is made twice (I-28)', async () => {
  const made = [];
  for (const [pattern, body, counted, { ids, secret, run } = {}] of recipes) {
    const path = fill(pattern, ids?.() ?? []), again = () => post(path, `lost ${pattern}`, body?.('lost-1'));
    const first = await again();
    if (run) await settle();
    assert.ok(first.status < 300, `${pattern}: ${first.status} ${first.text}`);
    made.push({ pattern, again, first, counted, secret, run });
  }
  for (const one of made) one.had = await one.counted();
  await server.stop();
  loseAnswers();
  server = await startTidemark(options);
  for (const { pattern, again, first, secret, run } of made) {
    const second = await again();
    if (secret) {
      assert.equal(second.body.code, 'IDEMPOTENCY_DONE', `${pattern}: ${second.text}`);
      continue;
    }
    // A run has gone on meanwhile, and its answer says how far it is.
    if (!run) assert.equal(second.status, first.status, `${pattern}: ${second.text}`);
    assert.equal(second.headers.get('idempotency-replayed'), 'true', `${pattern}: ${second.text}`);
    const [a, b] = [first.body.data ?? first.body, second.body.data ?? second.body];
    assert.deepEqual([b.id ?? b.runId ?? b.jobId, b.uuid], [a.id ?? a.runId ?? a.jobId, a.uuid], pattern);
  }
  for (const { pattern, counted, had } of made) assert.equal(await counted(), had, pattern);
});
