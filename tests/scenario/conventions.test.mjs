// The conventions of every door (contract, section 2): errors, paging, request ids, idempotency, limits, permissions,
// and that no tenant sees another (I-28, I-32, I-34, I-35).
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { isFinished, startTidemark, tempFolder, until, withSandbox } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const SECRET = 'a-secret-of-more-than-thirty-two-bytes';
const data = tempFolder('conventions');
const keys = {};
let server, connection;

const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const jwt = (claims, { secret = SECRET, alg = 'HS256' } = {}) => {
  const head = `${base64({ alg, typ: 'JWT' })}.${base64({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
};
const as = (token, method, path, body, headers = {}) =>
  server.anonymous(method, path, body, { Authorization: `Bearer ${token}`, ...headers });

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ contacts: 30, conversations: 2 }), env: { TIDEMARK_JWT_SECRET: SECRET } });
  connection = (await server.api('GET', `${SYNC}/connections`)).body.data[0].id;
  const key = async (tenant, body) => {
    const made = await server.api('POST', '/api/v1/keys', body, { 'X-Tenant-Id': tenant });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body.data.key;
  };
  assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'org2', name: 'Other' })).status, 201);
  keys.reader = await key('default', { name: 'reader', permissions: ['content:read'] });
  keys.user = await key('default', { name: 'user' });
  keys.other = await key('org2', { name: 'other', permissions: ['content:read', 'content:update', 'content:delete'] });
});

after(() => stopAll(data, server));

test('an unknown address is 404 in the words of its door, a known one with another method 405 with Allow', async () => {
  assert.equal((await as(keys.user, 'GET', `${SYNC}/nothing`)).body.code, 'NOT_FOUND');
  assert.deepEqual((await as(keys.user, 'GET', '/sync/nothing')).body, { statusCode: 404, message: 'There is nothing at this address', error: 'Not Found' });
  const { status, headers } = await as(keys.user, 'PUT', `${SYNC}/connections`, {});
  assert.equal(status, 405);
  assert.equal(headers.get('allow'), 'GET, HEAD, POST');
});

test('HEAD answers as GET without a body', async () => {
  const { status, text } = await as(keys.user, 'HEAD', `${SYNC}/connections`);
  assert.deepEqual([status, text], [200, '']);
});

test('every reply carries a request id: the own one when it is sane', async () => {
  assert.equal((await as(keys.user, 'GET', `${SYNC}/runs`, undefined, { 'X-Request-Id': 'abc.1_2-3' })).headers.get('x-request-id'), 'abc.1_2-3');
  const { headers } = await as(keys.user, 'GET', `${SYNC}/nothing`, undefined, { 'X-Request-Id': 'a b;c' });
  assert.match(headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
});

test('problems are given to whoever asks for them', async () => {
  const { status, headers, text } = await as(keys.user, 'GET', `${SYNC}/runs/nothing`, undefined, { Accept: 'application/problem+json' });
  assert.equal(status, 404);
  assert.equal(headers.get('content-type'), 'application/problem+json');
  const problem = JSON.parse(text);
  assert.deepEqual([problem.status, problem.code, problem.title], [404, 'RUN_NOT_FOUND', 'Run not found']);
});

test('a bad page, limit, cursor, status or switch is a 400 that names the parameter', async () => {
  for (const [query, name] of [['page=0', 'page'], ['page=', 'page'], ['limit=501', 'limit'], ['limit=x', 'limit'],
    ['cursor=zzz', 'cursor'], ['status=done', 'status'], ['page=1&limit=-1', 'limit']]) {
    const { status, body } = await as(keys.user, 'GET', `${SYNC}/runs?${query}`);
    assert.equal(status, 400, query);
    assert.equal(body.code, 'VALIDATION_FAILED');
    assert.ok(body.error.includes(name), body.error);
  }
  assert.equal((await as(keys.user, 'GET', `${SYNC}/connections?enabled=perhaps`)).status, 400);
  for (const bad of ['/runs?page=%zz', '/runs?connectionId=%00', '/runs?connectionId=%ff', '/runs/%00', '/connections/%ff'])
    assert.equal((await as(keys.user, 'GET', SYNC + bad)).status, 400, bad);
});

test('cursors walk a list to its end without a gap', async () => {
  // The first runs of the sandbox would go on adding to it.
  await until('the first runs to end', async () =>
    (await as(keys.user, 'GET', `${SYNC}/runs?limit=100`)).body.data.every(isFinished), undefined, 200);
  const seen = new Set();
  let cursor = '';
  do {
    const { body } = await as(keys.user, 'GET', `/api/v1/contacts?limit=7${cursor && `&cursor=${cursor}`}`);
    for (const { id } of body.data) {
      assert.ok(!seen.has(id));
      seen.add(id);
    }
    cursor = body.meta.nextCursor ?? '';
  } while (cursor);
  assert.equal(seen.size, (await as(keys.user, 'GET', '/api/v1/contacts')).body.meta.total);
});

test('a body must be JSON, an object, without duplicates, and not too deep', async () => {
  const send = (body, headers) => as(keys.user, 'POST', `${SYNC}/run`, body, headers);
  assert.equal((await send('{}', { 'Content-Type': 'text/plain' })).status, 415);
  assert.equal((await send('a=1', { 'Content-Type': 'application/x-www-form-urlencoded' })).status, 415);
  for (const body of ['', '{', '[]', '"x"', '{"a":1,"a":2}', `{"a":${'['.repeat(80)}${']'.repeat(80)}}`, '{"connectionId":5}']) {
    const reply = await send(body);
    assert.deepEqual([reply.status, reply.body.code], [400, 'VALIDATION_FAILED'], body);
  }
});

test('too large bodies, lines and headers are answered', async () => {
  const large = await as(keys.user, 'POST', `${SYNC}/run`, JSON.stringify({ a: 'x'.repeat(1100 * 1024) }));
  assert.deepEqual([large.status, large.body.code], [413, 'TOO_LARGE']);
  assert.equal((await as(keys.user, 'GET', `${SYNC}/runs?q=${'x'.repeat(9000)}`)).status, 414);
  const headers = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`X-Many-${i}`, 'x']));
  const many = await as(keys.user, 'GET', `${SYNC}/runs`, undefined, headers);
  assert.deepEqual([many.status, many.body.code], [431, 'HEADERS_TOO_LARGE']);
});

// I-28
test('an Idempotency-Key gives the first reply again, and refuses another body', async () => {
  const send = (body, key = 'key-1') => as(keys.user, 'POST', `${SYNC}/connections`, body, { 'Idempotency-Key': key });
  const body = { name: 'Once', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test' } };
  const first = await send(body), second = await send(body);
  assert.equal(first.status, 201, first.text);
  assert.equal(first.headers.get('idempotency-replayed'), null);
  assert.deepEqual([second.status, second.text], [201, first.text]);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal((await send({ ...body, name: 'Twice' })).status, 422);
  assert.equal((await send(body, 'x'.repeat(256))).status, 400);
  const { body: list } = await as(keys.user, 'GET', `${SYNC}/connections?limit=500`);
  assert.equal(list.data.filter((c) => c.name === 'Once').length, 1);
  assert.equal((await as(keys.user, 'POST', `${SYNC}/run`, { connectionId: 'x' }, { 'Idempotency-Key': 'key-1' })).status, 404, 'another route is another key');
});

// TIDEMARK_TWINS sets how many; at most 400 are under way at once.
test('an Idempotency-Key and parallel twins make one effect', async () => {
  const body = { name: 'Parallel', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test' } };
  const replies = [];
  let left = Number(process.env.TIDEMARK_TWINS ?? 100);
  await Promise.all(Array.from({ length: Math.min(left, 400) }, async () => {
    while (left-- > 0) replies.push(await as(keys.user, 'POST', `${SYNC}/connections`, body, { 'Idempotency-Key': 'parallel' }));
  }));
  assert.ok(replies.filter(({ status }) => status === 201).length >= 1);
  const made = new Set(replies.filter(({ status }) => status === 201).map((reply) => reply.body.data.id));
  assert.equal(made.size, 1, 'every 201 is the same answer');
  for (const { status } of replies) assert.ok([201, 409].includes(status), String(status));
  const { body: list } = await as(keys.user, 'GET', `${SYNC}/connections?limit=500`);
  assert.equal(list.data.filter((c) => c.name === 'Parallel').length, 1);
});

test('a key that was made is shown again to the same Idempotency-Key, and not stored in clear', async () => {
  const send = () => server.api('POST', '/api/v1/keys', { name: 'again' }, { 'X-Tenant-Id': 'default', 'Idempotency-Key': 'k' });
  const first = await send(), second = await send();
  assert.equal(first.body.data.key, second.body.data.key);
  const { readdirSync, readFileSync } = await import('node:fs');
  for (const file of readdirSync(data).filter((name) => name.startsWith('tidemark.db')))
    assert.ok(!readFileSync(`${data}/${file}`).includes(first.body.data.key), file);
});

test('permissions: reading needs read, changing update, deleting delete, tenants and keys the admin', async () => {
  const expect = async (key, method, path, body, status) => {
    const reply = await as(key, method, path, body);
    assert.equal(reply.status, status, `${method} ${path}: ${reply.text}`);
  };
  await expect(keys.reader, 'GET', `${SYNC}/connections`, undefined, 200);
  await expect(keys.reader, 'POST', `${SYNC}/run`, { connectionId: connection }, 403);
  await expect(keys.reader, 'PATCH', `${SYNC}/connections/${connection}`, { name: 'No' }, 403);
  await expect(keys.user, 'DELETE', `${SYNC}/connections/${connection}`, undefined, 403);
  for (const path of ['/api/v1/tenants', '/api/v1/keys', '/api/v1/users', '/metrics']) await expect(keys.user, 'GET', path, undefined, 403);
});

// I-32
test('another tenant sees nothing: its ids are unknown ids, byte for byte', async () => {
  const run = (await server.api('GET', `${SYNC}/runs`, undefined, { orgid: 'default' })).body.data[0].id;
  const contact = (await as(keys.user, 'GET', '/api/v1/contacts?limit=1')).body.data[0].id;
  const unknown = '01900000-0000-7000-8000-000000000000';
  const routes = [
    ['GET', (id) => `${SYNC}/connections/${id}`, connection], ['PATCH', (id) => `${SYNC}/connections/${id}`, connection, { name: 'x' }],
    ['DELETE', (id) => `${SYNC}/connections/${id}`, connection], ['POST', (id) => `${SYNC}/connections/${id}/test`, connection],
    ['GET', (id) => `${SYNC}/connections/${id}/state`, connection], ['DELETE', (id) => `${SYNC}/connections/${id}/state`, connection],
    ['POST', (id) => `${SYNC}/connections/${id}/sync`, connection], ['GET', (id) => `${SYNC}/connections/${id}/rejected`, connection],
    ['POST', (id) => `${SYNC}/connections/${id}/rejected/replay`, connection], ['GET', (id) => `${SYNC}/runs/${id}`, run],
    ['GET', (id) => `${SYNC}/runs/${id}/logs`, run], ['GET', (id) => `${SYNC}/runs/${id}/deletes`, run],
    ['POST', (id) => `${SYNC}/runs/${id}/deletes/confirm`, run], ['POST', (id) => `${SYNC}/runs/${id}/cancel`, run],
    ['POST', (id) => `${SYNC}/runs/${id}/pause`, run], ['POST', (id) => `${SYNC}/runs/${id}/resume`, run],
    ['GET', (id) => `${SYNC}/runs?connectionId=${id}`, connection], ['GET', (id) => `/api/v1/contacts/${id}`, contact],
  ];
  for (const [method, path, id, body] of routes) {
    const foreign = await as(keys.other, method, path(id), body), missing = await as(keys.other, method, path(unknown), body);
    assert.equal(foreign.status, 404, `${method} ${path(id)}: ${foreign.text}`);
    assert.equal(foreign.text, missing.text, `${method} ${path(':id')}`);
  }
  for (const list of [`${SYNC}/connections`, `${SYNC}/runs`, '/api/v1/contacts']) assert.deepEqual((await as(keys.other, 'GET', list)).body.data, []);
  assert.equal((await as(keys.user, 'GET', `${SYNC}/connections/${connection}`)).status, 200, 'still there, unchanged');
});

test('a token reaches its own tenant only; an admin names one of several', async () => {
  const foreign = await as(keys.other, 'GET', `${SYNC}/runs`, undefined, { orgid: 'default' });
  const unknown = await as(keys.other, 'GET', `${SYNC}/runs`, undefined, { orgid: 'org999' });
  assert.deepEqual([foreign.status, foreign.text], [403, unknown.text]);
  assert.equal((await as(keys.other, 'GET', `${SYNC}/runs`, undefined, { orgid: 'org2' })).status, 200);
  assert.equal((await server.api('GET', `${SYNC}/runs`)).status, 400);
  assert.equal((await server.api('GET', `${SYNC}/runs?companyId=org2`)).status, 200);
  assert.equal((await server.api('GET', `${SYNC}/runs`, undefined, { 'X-Tenant-Id': 'org999' })).body.code, 'TENANT_NOT_FOUND');
});

test('JSON Web Tokens: the claims are the identity, and every forgery is refused alike', async () => {
  const tenantId = 'org2';
  const good = await as(jwt({ sub: 'ana', tenantId, role: 'user' }), 'GET', `${SYNC}/runs`);
  assert.equal(good.status, 200, good.text);
  for (const claim of ['companyId', 'orgId', 'subAccountId'])
    assert.equal((await as(jwt({ sub: 'ana', [claim]: tenantId }), 'GET', `${SYNC}/runs`)).status, 200, claim);
  assert.equal((await as(jwt({ sub: 'ana', tenantId, permissions: ['content:read'] }), 'POST', `${SYNC}/run`, {})).status, 403);
  assert.equal((await as(jwt({ sub: 'ana', tenantId: 'org999' }), 'GET', `${SYNC}/runs`)).status, 403);
  const users = await server.api('GET', '/api/v1/users', undefined, { 'X-Tenant-Id': tenantId });
  assert.deepEqual(users.body.data.map((u) => u.subject), ['ana']);
  const bad = [jwt({ sub: 'ana', tenantId }, { secret: 'another-secret-of-more-than-32-bytes!!' }), jwt({ sub: 'ana', tenantId, exp: 1000 }),
    jwt({ sub: 'ana', tenantId }, { alg: 'none' }), jwt({ tenantId }), `${jwt({ sub: 'ana', tenantId }).split('.').slice(0, 2).join('.')}.`];
  for (const token of bad) {
    const { status, body } = await as(token, 'GET', `${SYNC}/runs`);
    assert.deepEqual([status, body.error], [401, 'Missing or invalid token']);
  }
});

test('a revoked key is a wrong key', async () => {
  const made = await server.api('POST', '/api/v1/keys', { name: 'short-lived' }, { 'X-Tenant-Id': 'org2' });
  assert.equal((await as(made.body.data.key, 'GET', `${SYNC}/runs`)).status, 200);
  assert.equal((await server.api('DELETE', `/api/v1/keys/${made.body.data.id}`, undefined, { 'X-Tenant-Id': 'org2' })).status, 204);
  assert.equal((await as(made.body.data.key, 'GET', `${SYNC}/runs`)).status, 401);
});

test('health is open, metrics need the operator', async () => {
  assert.equal((await server.anonymous('GET', '/healthz')).body.status, 'ok');
  const ready = await server.anonymous('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body.status], [200, 'ready']);
  assert.equal((await server.anonymous('GET', '/metrics')).status, 401);
  const { status, text } = await server.api('GET', '/metrics');
  assert.equal(status, 200);
  for (const line of text.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) tidemark_\w+ .+|tidemark_\w+(\{[^}]*\})? -?\d+)$/);
  assert.equal((await server.anonymous('GET', '/')).status, 200);
});

// The last test: it uses up the tries of this address.
test('the eleventh wrong token from one address within five minutes is 429, a right one still passes', async () => {
  let reply;
  for (let i = 0; i < 12; i++) reply = await as(`tm_${'A'.repeat(43)}`, 'GET', `${SYNC}/runs`);
  assert.equal(reply.status, 429);
  assert.equal(reply.body.code, 'RATE_LIMITED');
  assert.ok(Number(reply.headers.get('retry-after')) > 0);
  assert.equal((await as(keys.user, 'GET', `${SYNC}/runs`)).status, 200);
});

test('what is not HTTP gets an answer too', async () => {
  const { port } = new URL(server.url);
  const answer = await new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    socket.on('data', (bytes) => { text += bytes; });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.[01] 400 /);
});
