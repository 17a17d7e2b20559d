// What a run asked of its vendor is written down: every request once, with its attempt and why it was made again, credentials
// masked, for its own tenant alone; parked, killed and restarted the numbers go on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const TOKEN = 'sent-only-in-a-header-5d1f';
const PAGE = 15;
const options = { data: tempFolder('requests'), env: { ...loopback, TIDEMARK_SWEEP_MS: '200' } };
let server, vendor, id;
const asked = [];            // every request that the vendor took, with what it answered
let answer = () => null;     // null: the page

const contact = (n) => ({ id: n, name: `Person ${n}`, email: `p${n}@example.com`, phone_number: null, identifier: null, last_activity_at: 1790000000 - n });

function page(url, count) {
  const at = Number(url.searchParams.get('page') ?? 1);
  const rest = Math.max(0, Math.min(PAGE, count - (at - 1) * PAGE));
  return [200, JSON.stringify({ meta: { count, current_page: at }, payload: Array.from({ length: rest }, (_, i) => contact((at - 1) * PAGE + i + 1)) })];
}

before(async () => {
  vendor = createServer(async (request, reply) => {
    const url = new URL(request.url, 'http://vendor');
    const one = { method: request.method, path: url.pathname, at: Number(url.searchParams.get('page') ?? 0) };
    const told = (await answer(one, url)) ?? page(url, 40);
    if (told === 'hang up') return request.socket.destroy();
    const [status, body, headers] = told;
    asked.push({ ...one, status });
    // No connection is kept: what is lost on a kept one is sent once more below us, and is seen by nobody.
    reply.writeHead(status, { Connection: 'close', 'Content-Type': 'application/json', 'X-Request-Id': `v-${asked.length}`, 'Set-Cookie': 'sid=abcdefgh', ...headers }).end(body);
  }).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  server = await startTidemark(options);
  const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Chatwoot', platform: 'chatwoot', streams: ['contacts'],
    credentials: { accountId: '1', accessToken: TOKEN, baseUrl: `http://127.0.0.1:${vendor.address().port}` } });
  assert.equal(made.status, 201, made.text);
  id = made.body.data.id;
});

after(async () => {
  await server?.kill();
  vendor?.closeAllConnections();
  vendor?.close();
  removeFolder(options.data);
});

async function begin() {
  asked.length = 0;
  const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: id, fullSync: true });
  return body.data.runId;
}

const requestsOf = (runId, query = '') => listAll(server, `/api/v1/sync/runs/${runId}/requests${query}`);
const header = (list, name) => list.find((h) => h.name.toLowerCase() === name)?.value;
let first;

test('each request of a run stands there once, with all about it but bodies and credentials', async () => {
  const began = Date.now();
  first = await begin();
  const run = await finishedRun(server, first);
  assert.equal(run.status, 'success', JSON.stringify(run));
  const rows = await requestsOf(first);
  assert.deepEqual(rows.map((r) => [r.method, r.status]), asked.map((a) => [a.method, a.status]));
  assert.deepEqual(rows.map((r) => r.number), rows.map((_, i) => i + 1));
  assert.deepEqual([run.requestsSent, run.requestsKept], [rows.length, rows.length]);
  assert.deepEqual([...new Set(rows.map((r) => r.page))], Array.from({ length: run.pages }, (_, i) => i + 1));
  for (const row of rows) {
    assert.deepEqual([row.stream, row.purpose, row.attempt, row.retryReason, row.outcome, row.error, row.failed],
      ['contacts', 'page', 1, null, 'answered', null, false]);
    assert.match(row.url, /^http:\/\/127\.0\.0\.1:\d+\/api\/v1\/accounts\/1\/contacts\?/);
    assert.ok(row.bytes > 50 && row.durationMs > 0 && row.requestBytes === 0, JSON.stringify(row));
    assert.ok(Date.parse(row.time) >= began && Date.parse(row.time) <= Date.now(), row.time);
    assert.equal(header(row.requestHeaders, 'api_access_token'), '[redacted]');
    assert.equal(header(row.responseHeaders, 'set-cookie'), '[redacted]');
    assert.match(header(row.responseHeaders, 'x-request-id'), /^v-\d+$/);
    assert.equal(header(row.responseHeaders, 'content-type'), 'application/json');
  }
});

test('they are listed in pages, by cursor, of one page of the run, and by the command line', async () => {
  const all = await requestsOf(first), path = `/api/v1/sync/runs/${first}/requests`;
  const walked = [];
  for (let cursor = '', i = 0; i < 20; i++) {
    const { body } = await server.api('GET', `${path}?limit=1${cursor && `&cursor=${cursor}`}`);
    walked.push(...body.data);
    assert.equal(body.meta.total, all.length);
    if (!(cursor = body.meta.nextCursor)) break;
  }
  assert.deepEqual(walked, all);
  assert.deepEqual((await server.api('GET', `${path}?limit=2&page=2`)).body.data, all.slice(2, 4));
  assert.deepEqual(await requestsOf(first, '?ofPage=2'), all.filter((r) => r.page === 2));
  assert.deepEqual(await requestsOf(first, '?failed=true'), []);
  for (const bad of ['failed=perhaps', 'ofPage=0', 'limit=0', 'cursor=x']) assert.equal((await server.api('GET', `${path}?${bad}`)).status, 400, bad);
  const shown = tidemark(['runs', 'requests', first, '--data', options.data]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /METHOD +STATUS/);
  assert.equal(shown.stdout.match(/ GET +200 /g).length, all.length);
});

test('a request that is sent again says which attempt it is and why, also across a wait and a restart', async () => {
  let failures = 0, isLimited = true;
  answer = ({ at }) => {
    if (at === 2 && failures < 2) return ++failures && [500, '{"error":"broken"}'];
    if (at === 3 && isLimited) return [429, '{}', { 'Retry-After': '30' }]; // long enough for us to look and to kill it meanwhile
    return null;
  };
  const runId = await begin();
  await until('it waits for the vendor', async () => (await server.api('GET', `/api/v1/sync/runs/${runId}`)).body.data.waiting?.code === 'RATE_LIMITED');
  isLimited = false;
  const before = await requestsOf(runId); // parked: all is stored
  await server.kill();
  server = await startTidemark(options);
  assert.deepEqual((await requestsOf(runId)).slice(0, before.length), before); // it may go on already
  const run = await finishedRun(server, runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  const rows = await requestsOf(runId);
  assert.deepEqual(rows.map((r) => r.status), asked.map((a) => a.status));
  assert.deepEqual(rows.map((r) => r.number), rows.map((_, i) => i + 1));
  const of = (at) => rows.filter((r) => new URL(r.url).searchParams.get('page') === String(at));
  assert.deepEqual(of(2).map((r) => [r.status, r.attempt, r.failed]), [[500, 1, true], [500, 2, true], [200, 3, false]]);
  assert.equal(of(2)[0].retryReason, null);
  assert.ok(of(2).slice(1).every((r) => r.retryReason?.length > 3), JSON.stringify(of(2).map((r) => r.retryReason)));
  assert.deepEqual(of(3).map((r) => [r.status, r.attempt, r.retryReason]), [[429, 1, null], [200, 2, 'Answered 429']]);
  assert.deepEqual((await requestsOf(runId, '?failed=true')).map((r) => r.status), [500, 500, 429]);
  answer = () => null;
});

test('a vendor that is gone is written down as well', async () => {
  let taken = 0;
  answer = () => (++taken <= 1 ? 'hang up' : [401, '{}']);
  const runId = await begin();
  assert.equal((await finishedRun(server, runId)).status, 'error');
  const rows = await requestsOf(runId, '?failed=true');
  assert.deepEqual([rows[0].outcome, rows[0].status, rows[0].error.code, rows[0].attempt], ['failed', null, 'NETWORK', 1]);
  assert.deepEqual([rows[1].outcome, rows[1].status, rows[1].error, rows[1].attempt], ['answered', 401, null, 2]);
  answer = () => null;
});

test('a killed process leaves what its pages took along; nobody sees a number twice', async () => {
  answer = async (_, url) => {
    await new Promise((resolve) => setTimeout(resolve, 60));
    return page(url, 40 * PAGE);
  };
  const runId = await begin();
  const pages = async () => (await server.api('GET', `/api/v1/sync/runs/${runId}`)).body.data;
  const seen = await until('a few requests are stored', async () => (await pages()).requestsKept >= 8 && requestsOf(runId));
  await server.kill();
  server = await startTidemark(options);
  const run = await finishedRun(server, runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  const rows = await requestsOf(runId);
  assert.deepEqual(rows.slice(0, seen.length), seen);
  assert.deepEqual(rows.map((r) => r.number), rows.map((_, i) => i + 1));
  assert.ok(rows.length <= asked.length && rows.length >= asked.length - 40, `${rows.length} of ${asked.length}`);
  assert.equal(run.requestsSent, rows.length);
  answer = () => null;
});

test('runs are found by the time they were at work', async () => {
  const { body } = await server.api('GET', '/api/v1/sync/runs?limit=100');
  const ids = (reply) => reply.body.data.map((r) => r.id);
  const one = body.data.find((r) => r.id === first);
  const between = (from, to) => server.api('GET', `/api/v1/sync/runs?limit=100&from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`);
  const shift = (time, ms) => new Date(Date.parse(time) + ms).toISOString();
  const its = await between(shift(one.startedAt, -1), shift(one.completedAt, 1));
  assert.deepEqual([ids(its).includes(first), its.body.meta.total], [true, its.body.data.length]);
  assert.ok(!ids(await between(shift(one.completedAt, 1), shift(one.completedAt, 3_600_000))).includes(first), 'it had ended');
  assert.ok(!ids(await between(shift(one.startedAt, -3_600_000), one.startedAt)).includes(first), 'it had not begun');
  assert.equal(ids(await between(shift(one.startedAt, -86_400_000), shift(one.startedAt, 86_400_000))).length, body.data.length);
  assert.equal((await server.api('GET', '/api/v1/sync/runs?from=yesterday')).status, 400);
  const shown = tidemark(['runs', '--json', '--limit', '100', '--to', one.startedAt, '--data', options.data]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.ok(!shown.stdout.includes(first));
});

test('another tenant gets the answer of a run that does not exist', async () => {
  const made = await server.api('POST', '/api/v1/tenants', { key: 'other', name: 'Other' });
  assert.ok([200, 201].includes(made.status), made.text);
  const ask = (run, tenant) => server.api('GET', `/api/v1/sync/runs/${run}/requests`, undefined, { 'X-Tenant-Id': tenant, 'X-Request-Id': 'same' });
  const [foreign, unknown] = [await ask(first, 'other'), await ask('01890000-0000-7000-8000-000000000000', 'other')];
  assert.deepEqual([foreign.status, foreign.text], [404, unknown.text]);
  assert.equal((await ask(first, 'default')).status, 200);
});
