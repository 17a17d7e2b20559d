// The conventions of contract, sections 2 and 9, on every route there is: made from the route table and the API document.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { fill, readDocument } from './lib/document.mjs';
import { stopAll } from './lib/platform.mjs';
import { startTidemark, tempFolder } from './lib/tidemark.mjs';

const data = tempFolder('everyroute'), NOBODY = '01a00000-0000-7000-8000-000000000000';
let server, table;

before(async () => {
  server = await startTidemark({ data });
  table = readDocument((await server.anonymous('GET', '/openapi.json')).body);
});

after(() => stopAll(data, server));

const isHook = (route) => route.access === 'anyone' && /webhook/.test(route.path); // those read vendors' bodies, by vendors' rules
const isStream = (route) => /\/events$/.test(route.path) && route.method === 'GET';
const headersOf = (route) => ({ Authorization: `Bearer ${server.key}`, ...(route.flags.includes('orgid') ? { orgid: 'default' } : {}) });
const ask = async (route, { method = route.method, path = fill(route.path, [NOBODY]), body, headers = {} } = {}) => {
  const reply = await fetch(server.url + path, { method, body, redirect: 'manual', headers: { ...headersOf(route), ...headers } });
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
};
const shapes = {
  core: (body) => assert.deepEqual([body.success, typeof body.error, typeof body.code, Array.isArray(body.details)], [false, 'string', 'string', true]),
  status: (body) => assert.deepEqual([typeof body.statusCode, typeof body.message, typeof body.error], ['number', 'string', 'string']),
  message: (body) => assert.deepEqual([body.success, typeof body.message, typeof body.error], [false, 'string', 'string']),
};
const words = (text) => assert.doesNotMatch(text, /SELECT |INSERT |sqlite|\.c:\d|\/tmp\/|secret\.key/i);
const withBody = () => table.filter((route) => route.flags.includes('body') && !isHook(route));

test('errors speak the words of the route\'s door, and problems where they are wanted', async () => {
  for (const route of table.filter((r) => !['anyone', 'status'].includes(r.access))) {
    const plain = await ask(route, { headers: { Authorization: '' } }), problem = await ask(route, { headers: { Authorization: '', Accept: 'application/problem+json' } });
    assert.equal(plain.status, 401, route.name);
    shapes[route.dialect](JSON.parse(plain.text));
    assert.match(problem.headers.get('content-type'), /^application\/problem\+json/, route.name);
    const body = JSON.parse(problem.text);
    assert.deepEqual([body.status, typeof body.title, typeof body.detail, body.code], [401, 'string', 'string', 'UNAUTHORIZED'], route.name);
    words(plain.text + problem.text);
  }
});

test('every answer carries a request id: the own one when it is sane', async () => {
  for (const route of table) {
    const own = await ask(route, { headers: { Authorization: '', 'X-Request-Id': 'my.id_1-2' } }), odd = await ask(route, { headers: { Authorization: '', 'X-Request-Id': 'a b' } });
    assert.equal(own.headers.get('x-request-id'), 'my.id_1-2', route.name);
    assert.match(odd.headers.get('x-request-id'), /^[0-9a-f-]{36}$/, route.name);
  }
});

test('HEAD answers as GET without a body, but not where GET changes something', async () => {
  for (const route of table.filter((r) => r.method === 'GET' && !isStream(r))) {
    const head = await ask(route, { method: 'HEAD' });
    assert.equal(head.text, '', route.name);
    if (route.flags.includes('get-changes')) assert.equal(head.status, 405, route.name);
    else assert.equal(head.status, (await ask(route)).status, route.name);
  }
});

test('another method is 405 and says which there are', async () => {
  for (const path of new Set(table.map((route) => route.path))) {
    // A fixed segment hides a parameter: both tables answer for such a path.
    const here = table.filter((route) => new RegExp(`^${route.path.replace(/:[^/]+/g, '[^/]+')}$`).test(path));
    const known = new Set(here.flatMap((r) => r.method === 'GET' && !r.flags.includes('get-changes') ? ['GET', 'HEAD'] : [r.method]));
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS'].filter((m) => !known.has(m))) {
      const reply = await ask(here[0], { method, path: fill(path, [NOBODY]) });
      assert.equal(reply.status, 405, `${method} ${path}`);
      const allowed = reply.headers.get('allow').split(/,\s*/);
      for (const one of table.filter((r) => r.path === path).map((r) => r.method)) assert.ok(allowed.includes(one), `${method} ${path}: ${allowed}`);
    }
  }
});

test('an empty or impossible page or limit is a 400 that names it', async () => {
  let tried = 0;
  for (const route of table) {
    for (const name of (route.parameters ?? []).filter((p) => p.in === 'query' && ['page', 'limit', 'cursor'].includes(p.name)).map((p) => p.name)) {
      for (const value of name === 'cursor' ? ['x'] : ['', '0', '-1', '1.5', 'x', '99999999999999999999']) {
        const reply = await ask(route, { path: `${fill(route.path, [NOBODY])}?${name}=${value}` });
        if (reply.status === 404 && route.path.includes(':')) continue; // what it is a list of is looked for first
        assert.equal(reply.status, 400, `${route.name}?${name}=${value}: ${reply.status} ${reply.text}`);
        assert.match(reply.text, new RegExp(name), route.name);
        tried++;
      }
    }
  }
  assert.ok(tried > 50, `${tried}`);
});

test('a body must be JSON, one object, no member twice, and not too large', async () => {
  const json = { 'Content-Type': 'application/json' };
  for (const route of withBody()) {
    const send = (body, headers = json) => ask(route, { body, headers });
    for (const [what, reply] of Object.entries({
      empty: await send('', json), broken: await send('{"a":', json), 'a list': await send('[]'), 'a text': await send('"x"'),
      'a member twice': await send('{"a":1,"a":2}'), 'bad bytes': await send(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      'too deep': await send(`{"a":${'['.repeat(70)}${']'.repeat(70)}}`),
    })) {
      assert.equal(reply.status, 400, `${route.name}, ${what}: ${reply.status} ${reply.text}`);
      shapes[route.dialect](JSON.parse(reply.text));
      words(reply.text);
    }
    assert.equal((await send('{}', { 'Content-Type': 'text/plain' })).status, 415, route.name);
    if (!route.flags.includes('body-large')) assert.equal((await send(`{"a":"${'x'.repeat(1024 * 1024)}"}`)).status, 413, route.name);
  }
});

test('an Idempotency-Key that is too long is refused where one counts', async () => {
  for (const route of table.filter((r) => r.flags.includes('creates') && !r.flags.includes('no-tenant'))) {
    const body = route.flags.includes('body') ? '{}' : undefined;
    const reply = await ask(route, { body, headers: { 'Idempotency-Key': 'k'.repeat(256), ...(body ? { 'Content-Type': 'application/json' } : {}) } });
    assert.equal(reply.status, 400, `${route.name}: ${reply.status} ${reply.text}`);
    assert.match(reply.text, /Idempotency-Key/, route.name);
  }
});

test('nothing is kept by browsers or proxies but what is public', async () => {
  for (const route of table.filter((r) => r.method === 'GET' && r.access !== 'anyone' && !isStream(r))) {
    const { headers } = await ask(route);
    assert.equal(headers.get('cache-control'), 'no-store', route.name);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', route.name);
    assert.match(headers.get('content-security-policy'), /default-src 'none'/, route.name);
  }
});
