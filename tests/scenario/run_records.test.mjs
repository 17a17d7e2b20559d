// The lists behind a run's counters: each as long as its counter says (I-3), by change and stream, page by page, for its own
// tenant alone; what was pushed, deleted and erased too.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { assertAddsUp, loopback } from './lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const PAGE = 15, COUNT = 40;
const options = { data: tempFolder('run-records'), env: loopback };
const contact = (n) => ({ id: n, name: `Person ${n}`, email: `p${n}@example.com`, phone_number: null, identifier: null, last_activity_at: 1790000000 - n });
let server, vendor, connection, first, second;
let contacts = Array.from({ length: COUNT }, (_, i) => contact(i + 1));
let doubled = [];            // sent once more at the end of each page

before(async () => {
  vendor = createServer((request, reply) => {
    const url = new URL(request.url, 'http://vendor');
    if (/\/contacts\/\d+$/.test(url.pathname)) return reply.writeHead(404).end();   // asked once more, before it is taken for gone
    const at = Number(url.searchParams.get('page') ?? 1);
    const rows = contacts.slice((at - 1) * PAGE, at * PAGE);
    reply.writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ meta: { count: contacts.length, current_page: at }, payload: rows.length ? [...rows, ...doubled] : [] }));
  }).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  server = await startTidemark(options);
  const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Chatwoot', platform: 'chatwoot', streams: ['contacts'],
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `http://127.0.0.1:${vendor.address().port}` } });
  assert.equal(made.status, 201, made.text);
  connection = made.body.data.id;
});

after(async () => {
  await server?.stop();
  vendor?.closeAllConnections();
  vendor?.close();
  removeFolder(options.data);
});

async function sync() {
  const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  await finishedRun(server, body.data.runId);
  return (await server.api('GET', `/api/v1/sync/runs/${body.data.runId}`)).body.data;
}
const recordsOf = (run, query = '') => listAll(server, `/api/v1/sync/runs/${run.id}/records${query}`);
const COUNTERS = { created: 'recordsCreated', updated: 'recordsUpdated', skipped: 'recordsSkipped', deleted: 'recordsDeleted', missing: 'recordsMissing' };

async function assertListed(run) {
  assertAddsUp(run);
  for (const [change, counter] of Object.entries(COUNTERS)) {
    const rows = await recordsOf(run, `?change=${change}&limit=7`);
    assert.equal(rows.length, run[counter], `${change} of ${JSON.stringify(run)}`);
    assert.ok(rows.every((row) => row.change === change && row.stream === 'contacts'), change);
    const { meta } = (await server.api('GET', `/api/v1/sync/runs/${run.id}/records?change=${change}&limit=1`)).body;
    assert.equal(meta.total, run[counter], change);
  }
  assert.equal((await recordsOf(run)).length, run.recordsReceived - run.recordsErrors);
}

test('what a first run created is listed, each record once, in the order in which it came (I-3)', async () => {
  first = await sync();
  assert.equal(first.recordsCreated, COUNT);
  await assertListed(first);
  const names = (await recordsOf(first, '?change=created&limit=6')).map((row) => row.record.name);
  assert.deepEqual(names, contacts.map((c) => c.name));
});

test('updated and unchanged; what came twice is listed twice (I-3, I-7)', async () => {
  contacts = contacts.map((c) => (c.id % 19 === 0 ? { ...c, name: `Renamed ${c.id}` } : c));
  doubled = [contact(COUNT)];
  second = await sync();
  assert.deepEqual([second.recordsCreated, second.recordsUpdated], [0, 2]);
  assert.ok(second.recordsSkipped > COUNT - 2, 'some came twice');
  await assertListed(second);
  assert.deepEqual((await recordsOf(second, '?change=updated')).map((row) => row.record.name), ['Renamed 19', 'Renamed 38']);
  assert.equal((await recordsOf(first, '?change=created')).length, COUNT, 'the list of the run before stays');
  doubled = [];
});

test('what a full pass did not find is listed, and is none of what was received (I-9)', async () => {
  contacts = contacts.filter((c) => c.id !== 7);
  const run = await sync();
  assert.equal(run.recordsMissing, 1);
  await assertListed(run);
  const [missing] = await recordsOf(run, '?change=missing');
  assert.equal(missing.record.name, 'Person 7');
  assert.ok(missing.record.deletedAt);
});

test('pages by number and by cursor say the same; streams that the run has not are empty', async () => {
  const at = (query) => server.api('GET', `/api/v1/sync/runs/${second.id}/records?${query}`);
  const whole = (await at('limit=500')).body;
  assert.equal(whole.meta.nextCursor, undefined);
  const pages = [];
  for (let page = 1; page <= whole.meta.total / 9 + 1; page++) pages.push(...(await at(`limit=9&page=${page}`)).body.data);
  assert.deepEqual(pages, whole.data);
  assert.deepEqual(await recordsOf(second, '?limit=9'), whole.data);
  assert.deepEqual(await recordsOf(second, '?limit=9&stream=contacts'), whole.data);
  assert.equal((await at('stream=messages')).body.meta.total, 0);
  const wrong = await at('change=renamed');
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.error, /created, updated, skipped, deleted or missing/);
});

test('what was rejected is listed by its run', async () => {
  contacts = contacts.map((c) => (c.id === 3 ? { ...c, id: null } : c));
  const run = await sync();
  assert.equal(run.recordsErrors, 1, JSON.stringify(run));
  const of = async (id) => (await server.api('GET', `/api/v1/sync/connections/${connection}/rejected?runId=${id}`));
  assert.equal((await of(run.id)).body.meta.total, 1);
  assert.equal((await of(second.id)).body.meta.total, 0);
  assert.equal((await of('0193b2f0-0000-7000-8000-000000000000')).status, 404);
  await assertListed(run);
  contacts = contacts.map((c) => (c.id === null ? contact(3) : c));
});

const readIn = async (from, to, query = '') => (await server.api('GET', `/api/v1/overview/records?from=${from}&to=${to}${query}`));

test('an hour lists what its bar counts, of all runs, page by page (I-3)', async () => {
  const { last24h } = (await server.api('GET', '/api/v1/overview')).body.data;
  const counted = last24h.hours.reduce((sum, hour) => sum + hour.received - hour.errors, 0);
  for (const { at, received, errors } of last24h.hours) {
    const to = new Date(Date.parse(at) + 3_600_000).toISOString();
    const { meta, data } = (await readIn(at, to, '&limit=500')).body;
    assert.deepEqual([meta.total, data.length], [received - errors, received - errors]);
  }
  const from = last24h.hours[0].at, to = new Date(Date.parse(from) + 86_400_000).toISOString();
  const whole = (await readIn(from, to, '&limit=500')).body;
  assert.equal(whole.meta.total, counted);
  assert.deepEqual(await listAll(server, `/api/v1/overview/records?from=${from}&to=${to}&limit=13`), whole.data);
  assert.deepEqual((await readIn(from, to, '&limit=13&page=3')).body.data, whole.data.slice(26, 39));
  assert.deepEqual([...new Set(whole.data.map((row) => row.change))].sort(), ['created', 'skipped', 'updated']);
  assert.ok(whole.data.every((row) => row.connectionId === connection && row.connectionName === 'Chatwoot' && row.stream === 'contacts'));
  assert.deepEqual(whole.data.filter((row) => row.runId === first.id).map(({ change, record }) => [change, record.id]),
    (await recordsOf(first)).map(({ change, record }) => [change, record.id]));
  assert.equal((await readIn('2020-01-01T00:00:00Z', '2020-01-01T01:00:00Z')).body.meta.total, 0);
  for (const [wrong, end] of [[to, from], [from, new Date(Date.parse(to) + 1000).toISOString()], ['', to]]) assert.equal((await readIn(wrong, end)).status, 400, `${wrong} to ${end}`);
});

test('what was deleted is listed alone, as many as the stream counts', async () => {
  const { streams } = (await server.api('GET', `/api/v1/sync/connections/${connection}/state`)).body.data;
  assert.equal(streams[0].deleted, 1);
  for (const path of [`/api/v1/records/${connection}/contacts`, '/api/v1/contacts']) {
    const { data, meta } = (await server.api('GET', `${path}?onlyDeleted=true`)).body;
    assert.deepEqual([data.length, meta.total, data[0].name], [1, 1, 'Person 7'], path);
    // The text search follows what is written.
    const found = async (text, query) => (await server.api('GET', `${path}?q=${encodeURIComponent(text)}${query}`)).body.data.length;
    await until(`${path}: the one that was deleted is found`, async () => (await found('Person', '&onlyDeleted=true')) === 1);
    await until(`${path}: those that were renamed are found`, async () => (await found('Renamed', '')) === 2);
    assert.equal(await found('Renamed', '&onlyDeleted=true'), 0, path);
    assert.equal((await server.api('GET', `${path}?limit=500`)).body.data.some((r) => r.name === 'Person 7'), false, path);
    const all = (await server.api('GET', `${path}?limit=500&includeDeleted=true`)).body;
    assert.equal(all.data.filter((r) => r.deletedAt).length, 1, path);
  }
  assert.equal((await server.api('GET', '/api/v1/contacts?onlyDeleted=perhaps')).status, 400);
});

test('an erased record leaves its place in the list, and nothing of itself', async () => {
  const [row] = await recordsOf(first, '?change=created&limit=1');
  assert.equal((await server.api('DELETE', `/api/v1/contacts/${row.record.id}?erase=true`)).status, 204);
  const rows = await recordsOf(first, '?change=created');
  assert.equal(rows.length, COUNT);
  assert.deepEqual(rows[0], { change: 'created', stream: 'contacts', record: null });
});

test('the command line lists them', async () => {
  const done = tidemark(['runs', 'records', second.id, '--change', 'updated', '--data', options.data]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /updated +contacts +contacts +\S+ +Renamed 19/);
});

test('another tenant\'s run is no run (I-32)', async () => {
  const made = await server.api('POST', '/api/v1/tenants', { key: 'other', name: 'Other' });
  assert.equal(made.status, 201, made.text);
  const headers = { 'X-Tenant-Id': 'other' };
  const foreign = await server.api('GET', `/api/v1/sync/runs/${first.id}/records`, undefined, headers);
  const unknown = await server.api('GET', '/api/v1/sync/runs/0193b2f0-0000-7000-8000-000000000000/records', undefined, headers);
  const day = [new Date(Date.now() - 43_200_000).toISOString(), new Date(Date.now() + 43_200_000).toISOString()];
  const theirs = await server.api('GET', `/api/v1/overview/records?from=${day[0]}&to=${day[1]}`, undefined, headers);
  assert.deepEqual([theirs.status, theirs.body.meta.total, theirs.body.data], [200, 0, []]);
  assert.equal(foreign.status, 404);
  assert.deepEqual(foreign.body, unknown.body);
});
