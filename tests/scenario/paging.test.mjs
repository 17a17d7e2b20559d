// Paging (contract, section 2): every list of the API counts, turns its pages by number and by cursor without losing or repeating
// a row, and names the parameter that it cannot read. The lists are taken from the API's own description.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { freshDatabase, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const databases = process.env.TIDEMARK_TEST_PG ? ['sqlite', 'postgres'] : ['sqlite'];
const ROWS = 3;

// Where the rows of a list come from. `grows`: asking is itself written down there. null: rows of runs, which tests of the engine make.
const lists = {
  '/api/v1/sync/connections': 'connections', '/api/v1/sync/runs': null, '/sync/jobs': 'jobs', '/api/v1/webhooks/events': 'events',
  '/api/v1/users': 'users', '/api/v1/keys': 'keys', '/api/v1/tenants': 'tenants', '/api/v1/audit': 'grows', '/api/v1/templates': 'templates',
  '/api/v1/webhook-subscriptions': 'subscriptions', '/api/v1/webhook-subscriptions/{id}/deliveries': null,
  '/api/integration-templates': 'templates', '/api/admin/integrations': 'connections', '/api/integrations': 'connections',
  '/api/admin/sub-accounts': 'tenants', '/api/admin/sub-accounts/{id}/users': 'people', '/api/admin/sub-accounts/{id}/strategies': 'strategies',
  '/api/bookings': 'bookings', '/api/leads': 'leads', '/api/v1/conflicts': null, '/api/v1/records/{connectionId}/{stream}': null,
  '/api/v1/sync/connections/{id}/rejected': null, '/api/v1/sync/runs/{id}/deletes': null, '/api/v1/sync/runs/{id}/records': null,
  '/api/v1/sync/runs/{id}/requests': null, '/api/v1/overview/records': null,
  '/api/v1/integrations/amazon/claims': null, '/api/v1/integrations/amazon/inventory': null,
  '/api/v1/integrations/amazon/orders': null,
  ...Object.fromEntries(['contacts', 'conversations', 'messages', 'leads', 'companies', 'deals', 'tickets', 'products', 'orders', 'customers']
    .map((kind) => [`/api/v1/${kind}`, 'entities'])),
};

const json = (reply) => reply.content?.['application/json']?.schema;
// The lists that the API's description names: their answer has a meta.
function described(api) {
  const named = (schema) => schema?.$ref ? named(api.components.schemas[schema.$ref.split('/').at(-1)]) : schema;
  const hasMeta = (schema) => named(schema)?.properties?.meta || (named(schema)?.allOf ?? []).some(hasMeta);
  return Object.entries(api.paths).filter(([, path]) => path.get && hasMeta(json(path.get.responses['200'] ?? {}))).map(([path]) => path);
}

for (const database of databases) describe(`paging on ${database}`, () => {
  const data = tempFolder('paging'), ids = {};
  let server;

  const make = async (path, body, headers) => {
    const made = await server.api('POST', path, body, { orgid: 'default', ...headers });
    assert.ok([200, 201, 202].includes(made.status), `${path}: ${made.text}`);
    return made.body.data ?? made.body;
  };

  before(async () => {
    server = await startTidemark({ data, env: { ...loopback, ...(database === 'postgres' ? { TIDEMARK_DATABASE: freshDatabase('paging') } : {}) } });
    const gone = await make('/api/v1/tenants', { key: 'gone', name: 'Gone' });
    for (let i = 0; i < ROWS; i++) {
      await make('/api/v1/tenants', { key: `org${i}`, name: `Organization ${i}` });
      await make('/api/v1/users', { subject: `user-${i}`, name: `User ${i}` });
      await make('/api/v1/keys', { name: `key ${i}` });
      await make('/api/v1/webhook-subscriptions', { url: 'http://127.0.0.1:9/', enabled: false });
      const connection = await make('/api/v1/sync/connections?test=false', { name: `Desk ${i}`, platform: 'chatwoot', webhookSecret: 'secret',
        webhookTrust: 'payload', credentials: { accountId: `${i + 1}`, accessToken: 'test', baseUrl: 'http://127.0.0.1:9' } });
      await make('/sync/queue', { name: `job ${i}`, type: 'scheduled', schedule: { repeat: 'daily', time: '03:00' }, data: { source: connection.id, target: 'local' } });
      await make('/api/v1/sync/chatwoot/webhook', { event: 'webwidget_triggered', account: { id: i + 1 }, id: i }, {});
      const account = '/api/admin/sub-accounts/1', person = await make(`${account}/users`, { name: `Person ${i}` });
      await make(`${account}/strategies`, { name: `Strategy ${i}`, regularUserId: person.id });
      await make('/api/bookings', { title: `Visit ${i}`, startTime: '2030-01-01T10:00:00Z', endTime: '2030-01-01T11:00:00Z' });
      for (const [path, from] of Object.entries(lists)) if (from === 'entities') await make(path, { name: `Row ${i}`, status: 'active', content: `Row ${i}` });
    }
    await server.api('DELETE', `/api/v1/tenants/${gone.id}`);
    await until('it is gone, and no row of a list with it', async () => (await server.api('GET', `/api/v1/tenants/${gone.id}`)).status === 404);
    ids['{id}'] = '1';
  });

  after(async () => {
    await server?.stop();
    removeFolder(data);
  });

  const ask = (path, query) => server.api('GET', `${path.replace('{id}', '1')}?${query}`, undefined, { orgid: 'default' });
  const idOf = (row) => row.id ?? row.name;
  const walked = Object.entries(lists).filter(([, from]) => from && from !== 'grows').map(([path]) => path);

  test('every list that the description names is tried here', async () => {
    const { body } = await server.anonymous('GET', '/openapi.json');
    assert.deepEqual(described(body).sort(), Object.keys(lists).sort());
  });

  for (const path of walked) test(`${path}: pages by number and by cursor`, async () => {
    const whole = await ask(path, 'limit=500');
    assert.equal(whole.status, 200, whole.text);
    const all = whole.body.data.map(idOf);
    assert.ok(all.length >= ROWS, `${all.length} rows`);
    assert.deepEqual(whole.body.meta, { total: all.length, page: 1, limit: 500, totalPages: 1 });
    const byNumber = [], byCursor = [];
    for (let page = 1; page <= all.length; page++) {
      const { body } = await ask(path, `limit=1&page=${page}`);
      byNumber.push(...body.data.map(idOf));
      assert.deepEqual([body.meta.total, body.meta.page, body.meta.limit, body.meta.totalPages], [all.length, page, 1, all.length]);
    }
    assert.deepEqual(byNumber, all);
    assert.deepEqual((await ask(path, `limit=1&page=${all.length + 1}`)).body.data, []);
    for (let cursor = '', i = 0; cursor !== undefined && i <= all.length; i++) {
      const { body } = await ask(path, `limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      byCursor.push(...body.data.map(idOf));
      cursor = body.meta.nextCursor;
    }
    assert.deepEqual(byCursor, all);
  });

  test('what admins did is counted and turned too, while it grows', async () => {
    // Rows are written behind the answers: the list is asked until it stood still meanwhile.
    const all = async () => (await ask('/api/v1/audit', 'limit=500')).body;
    const [newest, second] = await until('the list stands still', async () => {
      const before_ = await all(), { body } = await ask('/api/v1/audit', 'limit=1&page=2'), after_ = await all();
      return before_.data.length >= ROWS && before_.data.length === after_.data.length ? [before_, body] : null;
    });
    assert.equal(newest.meta.total, newest.data.length);
    assert.equal(second.data[0].id, newest.data[1].id);
    assert.deepEqual([second.meta.totalPages, second.meta.total], [newest.meta.total, newest.meta.total]);
  });

  test('a value that cannot be read is named', async () => {
    for (const path of [...walked, '/api/v1/audit'])
      for (const [name, value] of [['page', '0'], ['page', ''], ['page', 'x'], ['limit', '0'], ['limit', '501'], ['limit', ''], ['cursor', 'nonsense']]) {
        const { status, text } = await ask(path, `${name}=${value}`);
        assert.equal(status, 400, `${path}?${name}=${value}: ${text}`);
        assert.ok(text.includes(name), text);
      }
  });
});
