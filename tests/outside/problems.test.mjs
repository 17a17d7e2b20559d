// Problems (RFC 9457) of every route, judged by ajv with our own document: the schema that stands there under
// application/problem+json for that operation and status.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { fill, readDocument } from '../scenario/lib/document.mjs';
import { removeFolder, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { problemJudge } from './prism_judge.mjs';

const data = tempFolder('problems'), NOBODY = '01a00000-0000-7000-8000-000000000000';
let server, table, faultsOf;

before(async () => {
  server = await startTidemark({ data });
  const { body } = await server.anonymous('GET', '/openapi.json');
  table = readDocument(body);
  faultsOf = await problemJudge(body);
});

after(async () => {
  await server?.stop();
  removeFolder(data);
});

const isHook = (route) => route.access === 'anyone' && /webhook/.test(route.path);
const isStream = (route) => /\/events$/.test(route.path) && route.method === 'GET';
const ask = async (route, { anonymous, body, query = '' }) => {
  const headers = { Accept: 'application/problem+json', ...(anonymous ? {} : { Authorization: `Bearer ${server.key}` }) };
  if (route.flags.includes('orgid') && !anonymous) headers.orgid = 'default';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const path = fill(route.path, [NOBODY]);
  const reply = await fetch(server.url + path + query, { method: route.method, headers, body, redirect: 'manual' });
  const text = await reply.text();
  return { path, status: reply.status, type: reply.headers.get('content-type') ?? '', body: reply.status >= 400 && text ? JSON.parse(text) : null };
};

test('every problem is what the document says: without a token, with an unknown id, with a bad body or query', async () => {
  const seen = new Map();
  for (const route of table.filter((r) => !isHook(r) && !isStream(r))) {
    const tries = [{ anonymous: true }, { query: '?limit=0' }];
    if (route.path.includes(':')) tries.push({});
    if (/body/.test(route.flags)) tries.push({ body: '{}' }, { body: '{"a":1,"a":2}' }, { body: '{"name":5,"config":[],"limit":"x"}' });
    if (route.method === 'POST' && route.path === '/api/v1/keys') tries.pop();
    for (const one of tries) {
      const reply = await ask(route, one);
      if (reply.status < 400) continue;
      assert.match(reply.type, /^application\/problem\+json/, `${route.name} ${reply.status}`);
      assert.deepEqual(faultsOf(reply, route.method, reply.path), [], `${route.name} ${reply.status} ${JSON.stringify(reply.body)}`);
      seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
    }
  }
  for (const status of [400, 401, 404]) assert.ok(seen.get(status) > 20, `${status}: ${seen.get(status)}`);
});

test('the judge is not asleep', () => {
  const route = table.find((r) => r.method === 'GET' && r.path === '/api/v1/sync/connections/:id');
  const path = fill(route.path, [NOBODY]), good = { type: 'about:blank', title: 't', status: 404, detail: 'd', code: 'C', requestId: 'r', errors: [] };
  assert.deepEqual(faultsOf({ status: 404, body: good }, 'GET', path), []);
  assert.notDeepEqual(faultsOf({ status: 404, body: { ...good, status: '404' } }, 'GET', path), []);
  assert.notDeepEqual(faultsOf({ status: 404, body: { success: false } }, 'GET', path), []);
});
