// Entities out (contract, sections 8 and 9): lists, search, exports, local edits, erasure, unlinking, on both databases.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { installShop, startShop } from './lib/shop.mjs';
import { finishedRun, freshDatabase, listAll, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const CONTACTS = 120;
const databases = process.env.TIDEMARK_TEST_PG ? ['sqlite', 'postgres'] : ['sqlite'];

for (const database of databases) describe(`entities on ${database}`, () => {
  const data = tempFolder('entities');
  const keys = {};
  let server, sandbox, shop, connection, shopConnection, shopTemplate;
  const as = (token, method, path, body, headers = {}) =>
    server.anonymous(method, path, body, { Authorization: `Bearer ${token}`, ...headers });
  const user = (method, path, body, headers) => as(keys.user, method, path, body, headers);
  const admin = (method, path, body, headers = {}) => server.api(method, path, body, { orgid: 'default', ...headers });
  const sync = async (connectionId, fullSync = true) => {
    const started = await admin('POST', '/api/v1/sync/run', { connectionId, fullSync });
    assert.equal(started.status, 202, started.text);
    const { status, body } = await until('the run ends', async () => {
      const reply = await admin('GET', `/api/v1/sync/runs/${started.body.data.runId}`);
      return ['success', 'error', 'cancelled'].includes(reply.body.data?.status) ? reply : null;
    }, undefined, 50);
    assert.equal(status, 200);
    assert.equal(body.data.status, 'success', JSON.stringify(body.data));
    return body.data;
  };
  const found = async (kind, q, want, more = '') => until(`${q} finds ${want}`, async () => {
    const { status, body, text } = await user('GET', `/api/v1/${kind}?q=${encodeURIComponent(q)}${more}`);
    assert.equal(status, 200, text);
    return body.meta.total === want && body.data.length === Math.min(want, 20) ? body.data : null;
  }, undefined, 100);

  before(async () => {
    installShop(data);
    shopTemplate = readFileSync(join(data, 'templates', 'shopify.yaml'), 'utf8');
    sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': CONTACTS, 'chatwoot.conversations': 10, 'chatwoot.messages': 3 } });
    shop = await startShop({ products: 25, orders: 12 });
    const env = { ...loopback };
    if (database === 'postgres') env.TIDEMARK_DATABASE = freshDatabase('entities');
    server = await startTidemark({ data, env });
    assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'org2', name: 'Other' })).status, 201);
    const key = async (tenant, body) => (await server.api('POST', '/api/v1/keys', body, { 'X-Tenant-Id': tenant })).body.data.key;
    keys.user = await key('default', { name: 'user', permissions: ['content:read', 'content:update', 'content:delete'] });
    keys.reader = await key('default', { name: 'reader', permissions: ['content:read'] });
    keys.other = await key('org2', { name: 'other', permissions: ['content:read', 'content:update', 'content:delete'] });
    const api = server.api;
    server.api = (method, path, body, headers) => api(method, path, body, { orgid: 'default', ...headers });
    connection = await connectChatwoot(server, sandbox);
    const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Shop', platform: 'shopify', credentials: { accessToken: 'very-secret-token', baseUrl: shop.url } });
    assert.equal(made.status, 201, made.text);
    shopConnection = made.body.data.id;
    await sync(connection);
    await sync(shopConnection);
  });

  after(async () => {
    await server?.stop();
    await sandbox?.stop();
    await shop?.stop();
    removeFolder(data);
  });

  // What the server says of itself: answered by the thread that read the request, or by one of the pool.
  test('short lists are answered by the thread that read them, others by the pool', async () => {
    const atOnce = async () => {
      const { text } = await server.api('GET', '/metrics');
      return Number(text.match(/^tidemark_http_requests_at_once_total (\d+)$/m)[1]);
    };
    const grewBy = async (path, headers) => {
      const before = await atOnce();
      for (let i = 0; i < 10; i++) assert.equal((await user('GET', path, undefined, headers)).status, 200);
      return await atOnce() - before;
    };
    const short = ['/api/v1/contacts?limit=100', '/api/v1/contacts', '/api/v1/contacts?limit=10&page=11', '/api/v1/products?limit=3'];
    for (const path of short) {
      if (database === 'postgres') assert.equal(await grewBy(path), 0, path);
      else await until(`${path} is read at once`, async () => (await grewBy(path)) === 10, undefined, 100); // a slow disk stops it for a while
    }
    const long = ['/api/v1/contacts?limit=101', '/api/v1/contacts?limit=100&page=3', '/api/v1/contacts?q=maria', '/api/v1/contacts?status=open',
      '/api/v1/contacts?updatedSince=2020-01-01'];
    for (const path of long) assert.equal(await grewBy(path), 0, path);
    for (const type of ['text/csv', 'application/x-ndjson']) assert.equal(await grewBy('/api/v1/contacts', { Accept: type }), 0, type);
  });

  test('every kind has the same addresses', async () => {
    for (const kind of ['contacts', 'conversations', 'messages', 'leads', 'companies', 'deals', 'tickets', 'products', 'orders', 'customers']) {
      const list = await user('GET', `/api/v1/${kind}?limit=3`);
      assert.equal(list.status, 200, kind);
      assert.ok(list.body.data.every((row) => row.kind === kind));
      assert.equal((await user('GET', `/api/v1/${kind}/01900000-0000-7000-8000-000000000000`)).body.code, 'NOT_FOUND');
      assert.equal((await user('GET', `/api/v1/${kind}?page=0`)).status, 400);
    }
    assert.equal((await user('GET', '/api/v1/products')).body.meta.total, 25);
    assert.equal((await user('GET', '/api/v1/orders')).body.meta.total, 12);
  });

  test('64 clients that list at once are all answered, in turn', async () => {
    const want = 6, most = 3000;
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const counts = new Array(64).fill(0);
    const expected = (await user('GET', '/api/v1/contacts?limit=100')).body;
    let ended = false, busy = 0;
    // Most answers are only counted, so that the server has more to do than this client.
    const once = (first) => new Promise((resolve, reject) => {
      request(`${server.url}/api/v1/contacts?limit=100`, { agent, headers: { Authorization: `Bearer ${keys.user}` } }, (reply) => {
        const pieces = [];
        reply.on('data', (piece) => { if (first) pieces.push(piece); });
        reply.on('end', () => resolve({ status: reply.statusCode, text: Buffer.concat(pieces) })).on('error', reject);
      }).on('error', reject).end();
    });
    const client = async (number) => {
      while (!ended) {
        const first = counts[number] === 0;
        const { status, text } = await once(first);
        // Who has waited for five seconds for a connection to the database is told to come again: a server that stood still says so once.
        if (status === 503 && busy++ < 2 * counts.length) continue;
        assert.equal(status, 200);
        if (first) assert.deepEqual(JSON.parse(text), expected);
        counts[number] += 1;
        ended = ended || counts[number] >= most || counts.every((count) => count >= want);
      }
    };
    await Promise.all(counts.map((_, number) => client(number)));
    agent.destroy();
    // Nobody is left out while others are answered again and again: a thread that the machine lets stand for seconds makes some wait, and
    // others get hundreds of answers meanwhile. (That they stand in line is src/net/http_pool_test.c.)
    assert.ok(Math.min(...counts) >= want, `answers per client: ${counts}`);
  });

  test('what is read on the thread of the connection and what a pool reads is one list', async () => {
    // Long pages, pages far down and what asks for something go to the pool; short ones where the store is a file do not.
    const list = async (query) => {
      const { status, body, text } = await user('GET', `/api/v1/contacts?${query}`);
      assert.equal(status, 200, text);
      return body;
    };
    const { data: all, meta } = await list('limit=200');
    assert.equal(all.length, meta.total);
    assert.ok(all.length > 110, 'the last pages of ten are far down');
    for (const limit of [10, 60, 110]) {
      const pages = Array.from({ length: Math.ceil(all.length / limit) }, (_, i) => `limit=${limit}&page=${i + 1}`);
      const told = await Promise.all([...pages, `limit=${limit}&includeDeleted=true`, `limit=${limit}&updatedSince=2020-01-01`].map(list));
      assert.deepEqual(told.slice(0, pages.length).flatMap((page) => page.data), all);
      for (const page of told.slice(0, pages.length)) assert.equal(page.meta.total, all.length);
      const next = await list(`limit=${limit}&cursor=${told[0].meta.nextCursor}`);
      assert.deepEqual(next.data, all.slice(limit, 2 * limit));
    }
  });

  // A platform's own times have names of their own: createdAt and its kin tell of the record here.
  test('a message says when it was sent, of what type it is and whose', async () => {
    const list = (await user('GET', '/api/v1/messages?limit=500')).body.data;
    assert.ok(list.length > 5);
    for (const message of list) {
      assert.ok(message.sentAt < '2026-11-02' && message.createdAt > message.sentAt, JSON.stringify(message));
      assert.equal(message.type, 'text');
    }
    const csv = (await user('GET', '/api/v1/messages', undefined, { Accept: 'text/csv' })).text.split('\r\n');
    assert.match(csv[0], /^id,content,direction,type,status,sentAt,/);
    assert.ok(csv.some((line) => line.includes(list[0].sentAt)), csv[1]);
    const conversation = (await user('GET', `/api/v1/conversations/${list[0].parentId}`)).body.data;
    assert.match(conversation.sourceCreatedAt, /^20\d\d-/);
    const refused = await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { mapping: { contacts: { createdAt: 'created_at' } } });
    assert.deepEqual([refused.status, refused.body.code], [400, 'VALIDATION_FAILED'], refused.text);
    assert.match(refused.body.error, /createdAt.*sourceCreatedAt/);
  });

  test('any stream is listed under its connection', async () => {
    const { status, body } = await user('GET', `/api/v1/records/${shopConnection}/products?limit=5`);
    assert.equal(status, 200);
    assert.deepEqual([body.data.length, body.meta.total], [5, 25]);
    assert.equal((await listAll(server, `/api/v1/records/${shopConnection}/orders`)).length, 12);
    assert.equal((await user('GET', `/api/v1/records/${shopConnection}/nothing`)).status, 404);
    const foreign = await as(keys.other, 'GET', `/api/v1/records/${shopConnection}/products`);
    assert.deepEqual([foreign.status, foreign.text], [404, (await as(keys.other, 'GET', '/api/v1/records/01900000-0000-7000-8000-000000000000/products')).text]);
  });

  test('one shows its external ids with what the platform sent, and its history', async () => {
    const { id } = (await user('GET', '/api/v1/contacts?limit=1')).body.data[0];
    const { body } = await user('GET', `/api/v1/contacts/${id}`);
    const [source] = body.data.externalIds;
    assert.deepEqual([source.provider, source.connectionId, source.stream], ['chatwoot', connection, 'contacts']);
    assert.equal(String(source.raw.id), source.externalId);
    assert.equal(source.raw.email || null, body.data.email || null);
    assert.deepEqual(body.data.history, []);
    assert.equal((await user('GET', `/api/v1/records/${id}`)).body.data.id, id);
  });

  test('search finds parts of names, e-mails and phones, without accents and case, in its tenant only', async () => {
    const make = async (fields) => {
      const made = await user('POST', '/api/v1/contacts', fields);
      assert.equal(made.status, 201, made.text);
      return made.body.data.id;
    };
    const jose = await make({ name: 'Joségrim Zwónceição Übelhør', email: 'jose.uebel@exämple.test', phone: '+55 81 98765-4321' });
    await make({ name: 'Zhang 王小明', email: 'wang@example.test' });
    for (const q of ['zwonceicao', 'JOSÉGRIM', 'ubelh', 'uebel@ex', '98765-4321', '+5581987654321', '8765 4321', 'segr zwon'])
      assert.deepEqual((await found('contacts', q, 1)).map((c) => c.id), [jose], q);
    assert.equal((await found('contacts', '王小', 1))[0].name, 'Zhang 王小明');
    await found('contacts', 'josegrim nobody', 0);
    await found('contacts', '%', 0);
    await found('contacts', `o"'\\ x`, 0);
    assert.equal((await as(keys.other, 'GET', '/api/v1/contacts?q=zwonceicao')).body.meta.total, 0);
    const changed = await user('PATCH', `/api/v1/contacts/${jose}`, { name: 'Josefinagrim' });
    assert.equal(changed.status, 200);
    await found('contacts', 'josefinagrim', 1);
    await found('contacts', 'zwonceicao', 0);
    assert.equal((await user('GET', '/api/v1/contacts?q=')).status, 400);
    assert.equal((await user('GET', `/api/v1/contacts?q=${'x'.repeat(300)}`)).status, 400);
    const all = await found('products', 'product', 25);
    assert.equal(all.length, 20);
    const { body } = await user('GET', '/api/v1/products?q=product&limit=7');
    const seen = new Set(body.data.map((p) => p.id));
    for (let cursor = body.meta.nextCursor; cursor;) {
      const next = (await user('GET', `/api/v1/products?q=product&limit=7&cursor=${cursor}`)).body;
      for (const { id } of next.data) assert.ok(!seen.has(id) && seen.add(id));
      cursor = next.meta.nextCursor;
    }
    assert.equal(seen.size, 25);
  });

  test('a local record needs one field; what is ours or unknown changes nothing', async () => {
    for (const body of [{}, { id: 'x', version: 9, createdAt: '2020-01-01T00:00:00Z', tenantId: 'org2', deletedAt: null, nonsense: 1 }])
      assert.equal((await user('POST', '/api/v1/contacts', body)).status, 400);
    const made = await user('POST', '/api/v1/contacts', {
      phone: '+1 (415) 555-2671', id: '01900000-0000-7000-8000-000000000000', version: 99, deletedAt: '2020-01-01T00:00:00Z', evil: true, externalIds: [1],
    });
    assert.equal(made.status, 201, made.text);
    const contact = made.body.data;
    assert.deepEqual([contact.phone, contact.version, contact.deletedAt, contact.evil, contact.externalIds], ['+14155552671', 1, null, undefined, []]);
    assert.notEqual(contact.id, '01900000-0000-7000-8000-000000000000');
    assert.match(contact.history[0].actor, /^key:/);
    const bad = await user('PATCH', `/api/v1/contacts/${contact.id}`, { email: 'nobody', phone: 'abc', customFields: [1], name: 5 });
    assert.deepEqual([bad.status, bad.body.details.map((d) => d.pointer)], [400, ['/name', '/email', '/phone', '/customFields']]);
    const nothing = await user('PATCH', `/api/v1/contacts/${contact.id}`, { version: 50, kind: 'orders' });
    assert.deepEqual([nothing.status, nothing.body.data.version], [200, 1]);
  });

  test('an edit keeps what was not sent, removes by null, merges objects, and is in the history', async () => {
    const { id } = (await user('POST', '/api/v1/contacts', '{"name":"Edit Me","email":"edit@example.test","customFields":{"a":1,"b":{"c":12345678901234567890,"d":2}}}')).body.data;
    const { body } = await user('PATCH', `/api/v1/contacts/${id}`, { email: null, customFields: { b: { d: null, e: 'x' } } });
    assert.deepEqual([body.data.name, body.data.email, body.data.version], ['Edit Me', undefined, 2]);
    assert.match((await user('GET', `/api/v1/contacts/${id}`)).text, /"customFields":\{"a":1,"b":\{"c":12345678901234567890,"e":"x"\}\}/);
    assert.equal(body.data.history[0].oldValues.email, 'edit@example.test');
    const stale = await user('PATCH', `/api/v1/contacts/${id}`, { name: 'Late' }, { 'If-Match': '"1"' });
    assert.deepEqual([stale.status, stale.body.code], [409, 'CONFLICT']);
    assert.equal((await user('PATCH', `/api/v1/contacts/${id}`, { name: 'Now' }, { 'If-Match': '"2"' })).status, 200);
    assert.equal((await as(keys.reader, 'PATCH', `/api/v1/contacts/${id}`, { name: 'No' })).status, 403);
    assert.equal((await as(keys.other, 'PATCH', `/api/v1/contacts/${id}`, { name: 'No' })).status, 404);
    assert.equal((await user('PATCH', `/api/v1/orders/${id}`, { status: 'paid' })).status, 404, 'a contact is no order');
  });

  test('money keeps its text, a parent must exist', async () => {
    const customer = (await user('POST', '/api/v1/customers', { name: 'Shopper' })).body.data;
    const body = '{"number":"A-1","total":12345678901234567.10,"status":"open","parentId":"' + customer.id + '"}';
    const made = await user('POST', '/api/v1/orders', body);
    assert.deepEqual([made.body.data.total, made.body.data.parentId], ['12345678901234567.10', customer.id]);
    assert.deepEqual((await user('GET', `/api/v1/orders?parentId=${customer.id}`)).body.data.map((o) => o.number), ['A-1']);
    assert.deepEqual((await user('GET', '/api/v1/orders?status=open')).body.data.map((o) => o.number), ['A-1']);
    assert.equal((await user('POST', '/api/v1/orders', { number: 'A-2', parentId: made.body.data.id })).status, 400);
    assert.equal((await user('POST', '/api/v1/orders', { total: '1,5' })).status, 400);
  });

  test('the same create with an Idempotency-Key makes one', async () => {
    const send = () => user('POST', '/api/v1/leads', { name: 'Only Once' }, { 'Idempotency-Key': `lead-${database}` });
    const first = await send(), second = await send();
    assert.equal(first.text, second.text);
    assert.equal((await user('GET', '/api/v1/leads')).body.meta.total, 1);
  });

  test('a local edit and a change at the platform to another field both stay', async () => {
    const { id, externalIds } = (await user('GET', `/api/v1/contacts/${(await user('GET', '/api/v1/contacts?limit=500')).body.data.find((c) => c.email && c.customFields?.chatwoot_id).id}`)).body.data;
    const edited = await user('PATCH', `/api/v1/contacts/${id}`, { timezone: 'America/Recife' });
    assert.equal(edited.status, 200, edited.text);
    const vendorId = Number(externalIds[0].externalId);
    await sandbox.raw('PUT', `/chatwoot/api/v1/accounts/1/contacts/${vendorId}`, { name: 'Changed There' }, { api_access_token: 'test' });
    await sync(connection);
    const { body } = await user('GET', `/api/v1/contacts/${id}`);
    assert.deepEqual([body.data.name, body.data.timezone], ['Changed There', 'America/Recife']);
  });

  test('deleting marks here, and an unchanged sync does not undo it', async () => {
    const [{ id }] = (await user('GET', '/api/v1/products?limit=1')).body.data;
    assert.equal((await as(keys.reader, 'DELETE', `/api/v1/products/${id}`)).status, 403);
    assert.equal((await user('DELETE', `/api/v1/products/${id}`)).status, 204);
    assert.equal((await user('DELETE', `/api/v1/products/${id}`)).status, 204);
    assert.equal((await user('GET', '/api/v1/products')).body.meta.total, 24);
    assert.equal((await user('GET', '/api/v1/products?includeDeleted=true')).body.meta.total, 25);
    assert.ok((await user('GET', `/api/v1/products/${id}`)).body.data.deletedAt);
    assert.equal((await user('PATCH', `/api/v1/products/${id}`, { title: 'x' })).status, 409);
    await sync(shopConnection);
    assert.equal((await user('GET', '/api/v1/products')).body.meta.total, 24);
  });

  // LGPD, GDPR
  test('erased data is gone everywhere and does not come back with a full sync', async () => {
    const contact = (await user('GET', '/api/v1/contacts?limit=500')).body.data.find((c) => c.email && c.customFields?.chatwoot_id && c.name !== 'Changed There');
    await found('contacts', contact.email, 1);
    assert.equal((await user('DELETE', `/api/v1/contacts/${contact.id}?erase=true`)).status, 403, 'the admin only');
    const before = (await user('GET', '/api/v1/contacts')).body.meta.total;
    assert.equal((await admin('DELETE', `/api/v1/contacts/${contact.id}?erase=true`)).status, 204);
    assert.equal((await admin('DELETE', `/api/v1/contacts/${contact.id}?erase=true`)).status, 404);
    assert.equal((await user('GET', `/api/v1/contacts/${contact.id}`)).status, 404);
    const run = await sync(connection);
    assert.equal(run.recordsCreated, 0);
    assert.equal((await user('GET', '/api/v1/contacts')).body.meta.total, before - 1);
    await found('contacts', contact.email, 0);
    const everything = await user('GET', '/api/v1/contacts?includeDeleted=true&limit=500');
    assert.ok(!everything.text.includes(contact.email));
    const audit = await admin('GET', '/api/v1/audit');
    if (audit.status === 200) assert.ok(JSON.stringify(audit.body).includes('record.erase'));
  });

  test('an external id that was linked wrongly becomes a record of its own', async () => {
    const made = await server.api('POST', '/api/v1/sync/connections', {
      name: 'Second desk', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` } });
    assert.equal(made.status, 201, made.text);
    const second = made.body.data.id;
    await sync(second);
    const linked = (await user('GET', '/api/v1/contacts?limit=500')).body.data;
    let record;
    for (const { id } of linked) {
      record = (await user('GET', `/api/v1/contacts/${id}`)).body.data;
      if (record.externalIds.length === 2) break;
    }
    assert.equal(record.externalIds.length, 2, 'linked by e-mail or phone');
    assert.equal((await user('POST', `/api/v1/records/${record.id}/unlink`, {})).status, 400);
    assert.equal((await as(keys.other, 'POST', `/api/v1/records/${record.id}/unlink`, { connectionId: second })).status, 404);
    const { status, body } = await user('POST', `/api/v1/records/${record.id}/unlink`, { connectionId: second });
    assert.equal(status, 200, JSON.stringify(body));
    assert.notEqual(body.data.id, record.id);
    assert.deepEqual(body.data.externalIds.map((s) => s.connectionId), [second]);
    assert.equal((await user('GET', `/api/v1/contacts/${record.id}`)).body.data.externalIds.length, 1);
    assert.equal((await user('POST', `/api/v1/records/${record.id}/unlink`, { connectionId: connection })).body.code, 'CONFLICT');
    await sync(second);
    assert.equal((await user('GET', `/api/v1/contacts/${record.id}`)).body.data.externalIds.length, 1, 'it stays apart');
    assert.equal((await server.api('DELETE', `/api/v1/sync/connections/${second}`)).status, 204);
  });

  test('exports stream every kind; a formula in a cell stays text', async () => {
    await user('POST', '/api/v1/customers', { name: '=HYPERLINK("http://evil.test","x")', phone: '+551140028922', company: '@SUM(1)', city: '-2+3+cmd|x', customFields: { a: 1 } });
    const { headers, text } = await user('GET', '/api/v1/customers?q=hyperlink', undefined, { Accept: 'text/csv' });
    assert.match(headers.get('content-type'), /text\/csv/);
    const csv = await until('it can be searched', async () => {
      const reply = await user('GET', '/api/v1/customers?q=hyperlink', undefined, { Accept: 'text/csv' });
      return reply.text.split('\r\n').length > 2 ? reply.text : null;
    });
    assert.match(csv, /^id,name,email,phone,company,status,city,country,customFields,parentId,createdAt,updatedAt,deletedAt,otherFields\r\n/);
    assert.ok(csv.includes(`"'=HYPERLINK(""http://evil.test"",""x"")"`), csv);
    assert.ok(csv.includes(',+551140028922,') && csv.includes(`"'@SUM(1)"`) && csv.includes(`"'-2+3+cmd|x"`), csv);
    const lines = (await user('GET', '/api/v1/products', undefined, { Accept: 'application/x-ndjson' })).text.trim().split('\n').map((l) => JSON.parse(l));
    assert.equal(lines.length, 24);
    // What has no column of its own is not left out: it stands together in the last one.
    const row = (await user('GET', '/api/v1/conversations', undefined, { Accept: 'text/csv' })).text.split('\r\n')[1];
    assert.match(row, /,"\{(""\w+"":"[^{}]*)*""lastActivityAt"":""20[^{}]*\}"$/, row);
    const stream = (await user('GET', `/api/v1/records/${shopConnection}/orders`, undefined, { Accept: 'text/csv' })).text;
    assert.equal(stream.trim().split('\r\n').length, 13);
  });

  test('the overview tells how it is, what needs a person, how fresh it is, and the last day', async () => {
    const { status, body } = await user('GET', '/api/v1/overview');
    assert.equal(status, 200, JSON.stringify(body));
    const { health, needsYou, freshness, last24h } = body.data;
    assert.ok(health.connections.total >= 2 && health.database.writable);
    assert.ok(freshness.some((s) => s.stream === 'products' && s.records === 25 && s.lastPageAt && s.connectionId === shopConnection));
    assert.ok(last24h.created >= 37 && last24h.runsSucceeded >= 2 && last24h.hours.length >= 1);
    assert.equal(last24h.received, last24h.created + last24h.updated + last24h.skipped + last24h.deleted + last24h.errors);
    assert.deepEqual(needsYou.map((n) => n.rank), [...needsYou.map((n) => n.rank)].sort((a, b) => a - b));
    const other = (await as(keys.other, 'GET', '/api/v1/overview')).body.data;
    assert.deepEqual([other.freshness, other.needsYou, other.health.connections.total, other.last24h.received], [[], [], 0, 0]);
  });

  test('the activity of each connection: its newest run, and the last day by hour', async () => {
    const { status, body } = await user('GET', '/api/v1/overview/activity');
    assert.equal(status, 200, JSON.stringify(body));
    const mine = body.data.find((c) => c.connectionId === shopConnection);
    assert.deepEqual([mine.status, mine.verdict], ['success', 'complete']);
    const runs = (await user('GET', `/api/v1/sync/runs?connectionId=${shopConnection}`)).body.data;
    assert.equal(mine.runId, runs[0].id);
    assert.equal(mine.hours.reduce((n, h) => n + h.received, 0), runs.reduce((n, r) => n + r.recordsReceived, 0));
    assert.deepEqual((await as(keys.other, 'GET', '/api/v1/overview/activity')).body.data, []);
    assert.ok((await user('GET', '/api/v1/sync/connections')).body.data.every((c) => c.nextSyncAt === null || Date.parse(c.nextSyncAt)));
  });

  test('quota is null where the platform tells nothing', async () => {
    const { body } = await user('GET', `/api/v1/sync/connections/${shopConnection}/quota`);
    assert.deepEqual([body.data.connectionId, body.data.limit, body.data.remaining, body.data.waitingUntil], [shopConnection, null, null, null]);
    assert.equal((await as(keys.other, 'GET', `/api/v1/sync/connections/${shopConnection}/quota`)).status, 404);
  });

  test('a template is checked without being stored; a mapping is tried on a real record, without secrets', async () => {
    const good = await user('POST', '/api/v1/templates/check', { manifest: shopTemplate });
    assert.deepEqual([good.status, good.body.data.valid, good.body.data.streams.map((s) => [s.name, s.entityType, s.refused])],
      [200, true, [['products', 'products', null], ['orders', 'orders', null]]], good.text);
    const bad = await user('POST', '/api/v1/templates/check', { manifest: 'version: 1\nstreams: [' });
    assert.deepEqual([bad.status, bad.body.data.valid, bad.body.data.streams], [200, false, []]);
    assert.ok(bad.body.data.error);
    const [{ id }] = (await user('GET', '/api/v1/products?limit=1')).body.data;
    const seen = await user('POST', '/api/v1/templates/preview', { connectionId: shopConnection, stream: 'products', recordId: id });
    assert.equal(seen.status, 200, seen.text);
    assert.ok(seen.body.data.accepted && seen.body.data.data.title.startsWith('Product '));
    const mapped = await user('POST', '/api/v1/templates/preview', { connectionId: shopConnection, stream: 'products',
      record: { id: 7, title: 'Cap' }, mapping: { name: 'title', token: "{{ config['accessToken'] }}" } });
    assert.deepEqual([mapped.body.data.externalId, mapped.body.data.data.name], ['7', 'Cap'], mapped.text);
    assert.ok(!mapped.text.includes('very-secret-token'));
    assert.equal((await user('POST', '/api/v1/templates/preview', { platform: 'shopify', stream: 'nothing', record: {} })).status, 400);
    assert.equal((await as(keys.other, 'POST', '/api/v1/templates/preview', { connectionId: shopConnection, stream: 'products', record: {} })).status, 404);
  });
});
