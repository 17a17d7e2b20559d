// The examples of the sync jobs document (seed 001), each test named by its heading, and what the contract adds to them:
// errors, permissions, 409, purge counts, fairness. The platform shopify is lib/shop.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { installShop, startShop } from './lib/shop.mjs';
import { removeFolder, sameDay, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const data = tempFolder('seed001');
const ORG = { orgid: 'org123' };
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const FULL = { type: 'full', data: { source: 'shopify', target: 'local' } };
const FAR = { startAt: `${new Date().getUTCFullYear() + 2}-03-01T00:00:00Z`, repeat: 'daily', time: '00:00' }; // no midnight comes between
let server, shop, connection;

const sync = (method, path, body, headers) => server.api(method, `/sync${path}`, body, { ...ORG, ...headers });
const queue = async (name, more = {}) => {
  const reply = await sync('POST', '/queue', { name, ...FULL, ...more });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return reply.body.job;
};
const jobs = async (query = '') => (await sync('GET', `/jobs?limit=500${query}`)).body.data;
const job = async (id) => (await jobs()).find((j) => j.id === id);
const inState = (id, status) => until(`job is ${status}`, async () => {
  const now = await job(id);
  return now?.status === status ? now : null;
});
// A worker that is slow to leave its page is told of in the answer ("pauses after its present page"): asked again, it says when it has.
const steered = (method, path) => until(`${path} is done`, async () => {
  const reply = await sync(method, path);
  return reply.body.job?.pauseRequested || reply.body.job?.cancelRequested ? null : reply;
});
const quiet = async () => {
  shop.release();
  for (const j of await jobs()) if (!['completed', 'failed'].includes(j.status)) await sync('POST', `/cancel/${j.id}`);
  await until('all jobs have ended', async () => (await jobs()).every((j) => ['completed', 'failed'].includes(j.status)));
  await sync('POST', '/purge');
};
const assertError = ({ status, body }, code, error, message) => {
  assert.equal(status, code, JSON.stringify(body));
  assert.deepEqual(Object.keys(body).sort(), ['error', 'message', 'statusCode']);
  assert.equal(body.statusCode, code);
  assert.equal(body.error, error);
  if (message) assert.match(body.message, message);
};

before(async () => {
  installShop(data);
  shop = await startShop();
  server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_OVERLAP: '1s' } });
  const tenant = await server.api('POST', '/api/v1/tenants', { key: 'org123', name: 'Example Organization' });
  assert.equal(tenant.status, 201, JSON.stringify(tenant.body));
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Shop', platform: 'shopify', schedule: { every: '300d', fullEvery: '300d' }, credentials: { accessToken: 'a-token-for-tests', baseUrl: shop.url },
  }, ORG);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  connection = made.body.data.id;
});

after(async () => {
  await shop?.stop();
  await server?.stop();
  removeFolder(data);
});

test('Get Sync Info: GET /sync, for everybody', async () => {
  const { status, body } = await server.anonymous('GET', '/sync');
  assert.equal(status, 200);
  assert.equal(body.status, 'active');
  assert.match(body.version, /^\d+\.\d+\.\d+/);
  assert.match(body.uptime, /^(\d+d )?(\d+h )?(\d+m)?( ?\d+s)?$/);
  for (const count of ['activeJobs', 'completedJobs', 'failedJobs']) assert.equal(typeof body[count], 'number', count);
});

test('Queue Job: the example as printed', async () => {
  const from = shop.state.asked.length;
  const { status, body } = await sync('POST', '/queue', {
    name: 'product-sync', type: 'full', priority: 'high',
    data: { source: 'shopify', target: 'local', filters: { updatedSince: '2023-01-01T00:00:00Z', collections: ['summer-collection', 'new-arrivals'] } },
    options: { concurrency: 5, retryOnFail: true, maxRetries: 3 },
  });
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['success', 'job']);
  assert.deepEqual(Object.keys(body.job), ['id', 'name', 'status', 'queuedAt', 'estimatedStart']);
  assert.equal(body.success, true);
  assert.equal(body.job.name, 'product-sync');
  assert.equal(body.job.status, 'queued');
  assert.match(body.job.queuedAt, TIME);
  const done = await inState(body.job.id, 'completed');
  assert.equal(done.progress, 100);
  // The filters reached the vendor, and nothing else was taken.
  const urls = shop.state.asked.slice(from).filter((url) => url.startsWith('/products'));
  assert.ok(urls.length > 3 && urls.every((url) => url.includes('summer-collection') && url.includes('since=1672531200')), urls[0]);
  const run = (await server.api('GET', `/api/v1/sync/runs/${done.runId}`, undefined, ORG)).body.data;
  assert.equal(run.recordsCreated, 40 + 20);
  await quiet();
});

test('a filter neither deletes what it leaves out nor moves the mark past it', async () => {
  await inState((await queue('everything')).id, 'completed');
  shop.state.products.push({ id: 900, title: 'Late', collection: 'sale', updated_at: 1800000000 });
  shop.state.products.push({ id: 901, title: 'Late', collection: 'new-arrivals', updated_at: 1800000001 });
  const narrow = await queue('narrow', { type: 'incremental', data: { source: 'shopify', filters: { collections: ['new-arrivals'] } } });
  await inState(narrow.id, 'completed');
  const since = await queue('recent', { data: { source: 'shopify', filters: { updatedSince: '2027-01-15T08:00:01Z' } } });
  await inState(since.id, 'completed');
  const wide = await queue('wide', { type: 'incremental' });
  const { runId } = await inState(wide.id, 'completed');
  const run = (await server.api('GET', `/api/v1/sync/runs/${runId}`, undefined, ORG)).body.data;
  assert.equal(run.fullSync, false);
  assert.equal(run.recordsCreated, 1, JSON.stringify(run)); // product 900, which two filters had left out
  assert.equal(run.recordsMissing, 0);
  await quiet();
});

test('Get Organization Sync Info: one active, one queued', async () => {
  shop.hold(4);
  const first = await queue('product-sync', { data: { source: 'shopify', target: 'local', entity: 'products' } });
  const second = await queue('order-sync', { data: { source: connection, target: 'local' } });
  const active = await until('pages are in', async () => {
    const now = await job(first.id);
    return now.status === 'active' && now.progress > 0 ? now : null;
  });
  const { status, body } = await sync('GET', '/info');
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['organization', 'syncStatus', 'syncJobs']);
  assert.deepEqual(body.organization, { id: 'org123', name: 'Example Organization' });
  assert.match(body.syncStatus.lastSync, TIME);
  assert.equal(body.syncStatus.activeJobs, 1);
  assert.equal(body.syncStatus.queuedJobs, 1);
  const [queued, running] = body.syncJobs;
  assert.equal(running.id, first.id);
  assert.equal(running.name, 'product-sync');
  assert.equal(running.status, 'active');
  // 60 of 62 products in pages of ten, of the vendor's own total: never a made-up number.
  assert.ok([16, 32, 48].includes(running.progress), `${running.progress}`);
  assert.match(running.startedAt, TIME);
  assert.match(running.estimatedCompletion, TIME);
  assert.deepEqual([queued.id, queued.status, queued.progress], [second.id, 'queued', 0]);
  assert.match(queued.queuedAt, TIME);
  assert.match(queued.estimatedStart, TIME, 'when the job before it is expected to end');
  assert.equal(queued.runId, null);
  assert.equal(active.runId, running.runId);
  shop.release();
  await inState(first.id, 'completed');
  await inState(second.id, 'completed'); // it started by itself when its connection was free
  await quiet();
});

test('Purge Sync Jobs: counts are what was removed, unfinished ones stay', async () => {
  await inState((await queue('one')).id, 'completed');
  await inState((await queue('two')).id, 'completed');
  shop.state.failures = 3;
  await inState((await queue('broken')).id, 'failed');
  shop.state.failures = 0;
  shop.hold();
  const active = await queue('active');
  await inState(active.id, 'active');
  const gone = await queue('gone');
  await sync('POST', '/cancel/gone');
  const before = (await sync('GET', '/info')).body.syncStatus;
  const { status, body } = await sync('GET', '/purge');
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(body, {
    success: true, message: 'Sync jobs purged successfully', purgedJobs: { completed: 2, failed: 2 },
  });
  assert.deepEqual([before.completedJobs, before.failedJobs], [2, 2]); // cancelled counts as failed
  const left = await jobs();
  assert.deepEqual(left.map((j) => j.id), [active.id]);
  assert.equal(left.find((j) => j.id === gone.id), undefined);
  assert.deepEqual((await sync('POST', '/purge')).body.purgedJobs, { completed: 0, failed: 0 });
  assert.equal((await sync('POST', `/pause/${gone.id}`)).status, 404);
  const contacts = await server.api('GET', `/api/v1/sync/connections/${connection}`, undefined, ORG);
  assert.ok(contacts.body.data.syncedRecords > 60, 'data is never purged');
  await quiet();
});

test('Pause Sync Job and Resume Sync Job', async () => {
  shop.hold(3);
  const { id } = await queue('product-sync', { data: { source: 'shopify', target: 'local', entity: 'products' } });
  await until('a page is in, and the next but one asked for', async () => (await job(id)).progress > 0 && shop.state.held.length > 0);
  const paused = await steered('GET', '/pause/product-sync'); // the page that is held is not waited for
  shop.release();
  assert.equal(paused.status, 200, JSON.stringify(paused.body));
  assert.deepEqual(Object.keys(paused.body), ['success', 'message', 'job']);
  assert.deepEqual(Object.keys(paused.body.job), ['id', 'name', 'status', 'progress', 'pausedAt']);
  assert.equal(paused.body.message, 'Sync job paused successfully');
  assert.deepEqual([paused.body.job.id, paused.body.job.status], [id, 'paused']);
  assert.ok(paused.body.job.progress > 0 && paused.body.job.progress < 100);
  assert.match(paused.body.job.pausedAt, TIME);
  const asked = shop.state.asked.length;
  const again = await sync('POST', '/pause/product-sync');
  assert.deepEqual(again.body, paused.body, 'pausing a paused job: 200, unchanged');
  assert.equal(shop.state.asked.length, asked);
  const resumed = await sync('GET', '/resume/product-sync');
  assert.equal(resumed.status, 200, JSON.stringify(resumed.body));
  assert.deepEqual(Object.keys(resumed.body.job), ['id', 'name', 'status', 'progress', 'resumedAt', 'estimatedCompletion']);
  assert.equal(resumed.body.message, 'Sync job resumed successfully');
  assert.equal(resumed.body.job.status, 'active');
  assert.equal(resumed.body.job.progress, paused.body.job.progress);
  assert.match(resumed.body.job.resumedAt, TIME);
  await inState(id, 'completed');
  await quiet();
});

test('resuming an active job and pausing a waiting one: 200', async () => {
  shop.hold();
  const first = await queue('first'), second = await queue('second');
  await inState(first.id, 'active');
  const resumed = await sync('POST', '/resume/first');
  assert.deepEqual([resumed.status, resumed.body.job.status, resumed.body.job.resumedAt], [200, 'active', null]);
  assert.equal((await sync('POST', '/pause/second')).body.job.status, 'paused');
  shop.release();
  await inState(first.id, 'completed');
  assert.equal((await job(second.id)).status, 'paused');
  assert.equal((await sync('POST', '/resume/second')).status, 200);
  await inState(second.id, 'completed');
  await quiet();
});

test('cancelling: failed with "cancelled", also as the run of the other doors', async () => {
  shop.hold();
  const { id } = await queue('doomed');
  await inState(id, 'active');
  const first = await sync('POST', '/cancel/doomed');
  const { status, body } = first.body.job?.cancelRequested ? await steered('POST', `/cancel/${id}`) : first;
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.job.status, body.job.cancelled], ['failed', true], JSON.stringify(body));
  assert.match(body.job.cancelledAt, TIME);
  const done = await job(id);
  assert.equal(done.cancelled, true);
  const run = await server.api('GET', `/api/v1/sync/runs/${done.runId}`, undefined, ORG);
  assert.equal(run.body.data.status, 'cancelled');
  assert.equal((await sync('POST', '/cancel/doomed')).status, 404); // by name: it has no unfinished one
  assert.equal((await sync('POST', `/cancel/${id}`)).status, 200); // by id: idempotent
  assertError(await sync('POST', `/pause/${id}`), 409, 'Conflict', /finished/);
  await quiet();
});

test('Full Sync', async () => {
  const { id } = await queue('full-sync');
  const { runId } = await inState(id, 'completed');
  assert.equal((await server.api('GET', `/api/v1/sync/runs/${runId}`, undefined, ORG)).body.data.fullSync, true);
  await quiet();
});

test('Incremental Sync: from the stored cursor, else from updatedSince', async () => {
  const ask = { type: 'incremental', data: { source: 'shopify', target: 'local', filters: { updatedSince: '2023-01-01T00:00:00Z' } } };
  const from = shop.state.asked.length;
  await inState((await queue('incremental-sync', ask)).id, 'completed');
  const urls = shop.state.asked.slice(from).filter((url) => url.startsWith('/products'));
  assert.equal(urls.length, 1, 'only what changed');
  assert.ok(!urls[0].includes('since=1672531200'), urls[0]);
  const other = await server.api('POST', '/api/v1/sync/connections', {
    name: 'New', platform: 'shopify', credentials: { accessToken: 'b-token-for-tests', baseUrl: shop.url },
  }, ORG);
  const mark = shop.state.asked.length;
  ask.data.source = other.body.data.id;
  await inState((await queue('incremental-sync', ask)).id, 'completed');
  assert.ok(shop.state.asked.slice(mark).some((url) => url.includes('since=1672531200')), 'a connection without a cursor begins there');
  const again = shop.state.asked.length;
  await inState((await queue('incremental-sync', ask)).id, 'completed');
  assert.ok(!shop.state.asked.slice(again).some((url) => url.includes('since=1672531200')), 'the second time it has one');
  // With two connections a platform's name is no longer enough; the answer lists them.
  assertError(await sync('POST', '/queue', { name: 'which', ...FULL }), 409, 'Conflict', new RegExp(connection));
  await server.api('DELETE', `/api/v1/sync/connections/${other.body.data.id}?purge=true`, undefined, ORG);
  await quiet();
});

test('Entity Sync', async () => {
  const from = shop.state.asked.length;
  const { id } = await queue('product-sync', {
    type: 'entity', data: { source: 'shopify', target: 'local', entity: 'products', filters: { collections: ['summer-collection'] } },
  });
  await inState(id, 'completed');
  assert.ok(shop.state.asked.slice(from).every((url) => url.startsWith('/products')));
  await quiet();
});

test('Scheduled Sync: the example as printed waits for the next midnight', async () => {
  await sameDay();
  const scheduled = await queue('scheduled-sync', { type: 'scheduled', schedule: { startAt: '2023-01-15T00:00:00Z', repeat: 'daily', time: '00:00' } });
  assert.equal(scheduled.status, 'queued');
  const midnight = new Date(Math.ceil((Date.now() + 1) / 86_400_000) * 86_400_000).toISOString();
  assert.equal(scheduled.estimatedStart, midnight);
  const paused = await sync('POST', '/pause/scheduled-sync');
  assert.equal(paused.body.job.status, 'paused');
  const resumed = await sync('POST', '/resume/scheduled-sync');
  assert.deepEqual([resumed.body.job.status, resumed.body.job.estimatedStart], ['queued', midnight]);
  await sync('POST', '/cancel/scheduled-sync');
  assert.equal((await job(scheduled.id)).cancelled, true);
  await quiet();
});

test('a startAt in the past without repeat means now; one in the future waits', async () => {
  const now = await queue('past', { type: 'scheduled', schedule: { startAt: '2023-01-15T00:00:00Z' } });
  await inState(now.id, 'completed');
  // The time must still lie ahead when the server reads it, however long the way there takes.
  let startAt, later;
  for (let seconds = 2; ; seconds *= 3) {
    startAt = new Date(Date.now() + seconds * 1000).toISOString();
    later = await queue('soon', { type: 'scheduled', schedule: { startAt } });
    if (new Date().toISOString() < startAt) break;
    await inState(later.id, 'completed');
  }
  assert.equal(later.estimatedStart, startAt);
  const done = await inState(later.id, 'completed');
  assert.ok(done.startedAt >= startAt, `${done.startedAt} ${startAt}`);
  await quiet();
});

test('a repeating job that is paused and resumed before its startAt begins no sooner', async () => {
  const day = `${new Date().getUTCFullYear() + 2}-03-01`;
  await queue('not-yet', { type: 'scheduled', schedule: { startAt: `${day}T00:00:00Z`, repeat: 'daily', time: '02:30' } });
  assert.equal((await sync('POST', '/pause/not-yet')).body.job.status, 'paused');
  assert.equal((await sync('POST', '/resume/not-yet')).body.job.estimatedStart, `${day}T02:30:00.000Z`);
  await quiet();
});

test('a zone, and cron', async () => {
  const cases = [
    [{ repeat: 'weekly', time: '09:00', timezone: 'Asia/Kathmandu' }, (t) => t.getUTCHours() === 3 && t.getUTCMinutes() === 15],
    [{ repeat: 'hourly', time: '00:20' }, (t) => t.getUTCMinutes() === 20 && t - Date.now() < 3_600_000],
    [{ repeat: '30 3 * * 1-5' }, (t) => t.getUTCHours() === 3 && t.getUTCMinutes() === 30 && t.getUTCDay() % 6 !== 0],
    [{ repeat: 'monthly', time: '00:00', startAt: '2023-01-31T00:00:00Z' }, (t) => new Date(+t + 86_400_000).getUTCDate() === 1],
  ];
  for (const [schedule, holds] of cases) {
    const { id, estimatedStart } = await queue('timed', { type: 'scheduled', schedule });
    assert.ok(holds(new Date(estimatedStart)), `${JSON.stringify(schedule)}: ${estimatedStart}`);
    await sync('POST', `/cancel/${id}`);
  }
  await quiet();
});

test('Error Handling: the printed answer to an empty body', async () => {
  assert.deepEqual((await sync('POST', '/queue')).body, { statusCode: 400, message: 'Empty Data', error: 'Bad Request' });
  assert.deepEqual((await sync('POST', '/queue', '', { 'Content-Type': 'application/json' })).body.message, 'Empty Data');
});

test('Invalid job configuration: each fault is named', async () => {
  const data_ = FULL.data;
  const faults = [
    [{}, /name/], [{ name: '' }, /name/], [{ name: 'x'.repeat(201) }, /name/], [{ name: 'x', type: 'partial', data: data_ }, /type/],
    [{ name: 'x', data: data_ }, /type/], [{ name: 'x', type: 'full' }, /data/], [{ name: 'x', type: 'full', data: {} }, /data\.source/],
    [{ name: 'x', type: 'full', data: { source: 'nothing-like-it' } }, /nothing-like-it/],
    [{ name: 'x', type: 'full', data: { source: 'local', target: 'shopify' } }, /shopify cannot be written to/],
    [{ name: 'x', type: 'full', data: { source: 'shopify', target: 'shopify' } }, /shopify cannot be written to|same connection/],
    [{ name: 'x', type: 'full', data: { source: 'local', target: 'local' } }, /target/],
    [{ name: 'x', type: 'full', priority: 'urgent', data: data_ }, /priority/],
    [{ name: 'x', type: 'entity', data: data_ }, /data\.entity/],
    [{ name: 'x', type: 'entity', data: { ...data_, entity: 'unicorns' } }, /unicorns/],
    [{ name: 'x', type: 'full', data: { ...data_, filters: { colour: 'red' } } }, /filter "colour"/],
    [{ name: 'x', type: 'full', data: { ...data_, filters: { updatedSince: 'yesterday' } } }, /updatedSince/],
    [{ name: 'x', type: 'full', data: { ...data_, filters: { collections: { a: 1 } } } }, /collections/],
    [{ name: 'x', type: 'full', data: data_, options: { concurrency: 0 } }, /concurrency/],
    [{ name: 'x', type: 'full', data: data_, options: { concurrency: 17 } }, /concurrency/],
    [{ name: 'x', type: 'full', data: data_, options: { maxRetries: 21 } }, /maxRetries/],
    [{ name: 'x', type: 'full', data: data_, options: { maxRetries: -1 } }, /maxRetries/],
    [{ name: 'x', type: 'full', data: data_, options: { retryOnFail: 'yes' } }, /retryOnFail/],
    [{ name: 'x', type: 'scheduled', data: data_ }, /schedule/],
    [{ name: 'x', type: 'scheduled', data: data_, schedule: {} }, /startAt or repeat/],
    [{ name: 'x', type: 'scheduled', data: data_, schedule: { repeat: 'sometimes' } }, /repeat/],
    [{ name: 'x', type: 'scheduled', data: data_, schedule: { repeat: 'daily', time: '25:00' } }, /time/],
    [{ name: 'x', type: 'scheduled', data: data_, schedule: { repeat: 'daily', timezone: 'Mars/Base' } }, /timezone/],
    [{ name: 'x', type: 'scheduled', data: data_, schedule: { repeat: '0 0 30 2 *' } }, /never/],
    [{ name: connection, ...FULL }, /name/],
  ];
  for (const [body, words] of faults) assertError(await sync('POST', '/queue', body), 400, 'Bad Request', words);
  assertError(await sync('POST', '/queue', '[]'), 400, 'Bad Request');
  assertError(await sync('POST', '/queue', { name: 'x', type: 'full', data: { source: 'chatwoot' } }), 404, 'Not Found', /chatwoot/);
  assertError(await sync('GET', '/jobs?status=sleeping'), 400, 'Bad Request', /status/);
  assert.deepEqual(await jobs(), []);
});

test('Job not found', async () => {
  for (const what of ['pause', 'resume', 'cancel']) {
    assertError(await sync('POST', `/${what}/no-such-job`), 404, 'Not Found');
    assertError(await sync('POST', `/${what}/0193b2f0-0000-7000-8000-000000000000`), 404, 'Not Found');
  }
});

test('Insufficient permissions, and orgid', async () => {
  const key = async (permissions, headers = ORG) => {
    const made = await server.api('POST', '/api/v1/keys', { name: permissions.join(), role: 'user', permissions }, headers);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return { Authorization: `Bearer ${made.body.data.key}` };
  };
  const reader = await key(['content:read']), writer = await key(['content:update']);
  const ask = (method, path, headers, body) => server.anonymous(method, `/sync${path}`, body, { ...ORG, ...headers });
  assertError(await ask('GET', '/info', {}), 401, 'Unauthorized');
  assert.equal((await ask('GET', '/info', reader)).status, 200);
  assertError(await ask('GET', '/info', writer), 403, 'Forbidden', /content:read/);
  assertError(await ask('POST', '/queue', reader, { name: 'x', ...FULL }), 403, 'Forbidden', /content:update/);
  for (const method of ['GET', 'POST']) {
    assertError(await ask(method, '/purge', writer), 403, 'Forbidden', /content:delete/);
    for (const what of ['pause', 'resume']) assertError(await ask(method, `/${what}/x`, reader), 403, 'Forbidden', /content:update/);
    for (const what of ['pause', 'resume']) assertError(await ask(method, `/${what}/x`, writer), 404, 'Not Found');
  }
  // orgid: required, one's own, and there (D18).
  for (const [method, path] of [['GET', '/info'], ['GET', '/jobs'], ['POST', '/purge'], ['POST', '/cancel/x'], ['GET', '/pause/x']])
    assertError(await server.api(method, `/sync${path}`), 400, 'Bad Request', /orgid/);
  assertError(await ask('GET', '/info', { ...reader, orgid: 'default' }), 403, 'Forbidden');
  const stranger = await ask('GET', '/info', { ...reader, orgid: 'nobody' });
  assert.deepEqual(stranger.body, (await ask('GET', '/info', { ...reader, orgid: 'default' })).body, 'the same bytes whether it exists');
  assertError(await sync('GET', '/info', undefined, { orgid: 'nobody' }), 404, 'Not Found');
});

test('another organization sees and changes nothing of it', async () => {
  const { id } = await queue('mine', { type: 'scheduled', schedule: FAR });
  const other = { orgid: 'default' };
  assert.deepEqual((await sync('GET', '/info', undefined, other)).body.syncJobs, []);
  for (const what of ['pause', 'resume', 'cancel'])
    for (const name of ['mine', id]) assertError(await sync('POST', `/${what}/${name}`, undefined, other), 404, 'Not Found');
  assert.deepEqual((await sync('POST', '/purge', undefined, other)).body.purgedJobs, { completed: 0, failed: 0 });
  assertError(await sync('POST', '/queue', { name: 'theirs', type: 'full', data: { source: connection } }, other), 404, 'Not Found');
  assert.equal((await job(id)).status, 'queued');
  await quiet();
});

test('a GET that changes something: no HEAD, no prefetch (D16)', async () => {
  const { id } = await queue('safe', { type: 'scheduled', schedule: FAR });
  for (const path of ['/purge', '/pause/safe', '/resume/safe']) {
    const head = await sync('HEAD', path);
    assert.equal(head.status, 405, path);
    assert.equal(head.headers.get('allow'), 'GET, POST');
    assertError(await sync('GET', path, undefined, { 'Sec-Purpose': 'prefetch' }), 403, 'Forbidden');
    assert.equal((await sync('GET', path)).headers.get('cache-control'), 'no-store');
  }
  assert.equal((await sync('HEAD', '/info')).status, 200);
  assert.equal((await job(id)).status, 'queued');
  await quiet();
});

test('one unfinished job of a name: the second is 409 Conflict', async () => {
  shop.hold();
  await queue('twice');
  assertError(await sync('POST', '/queue', { name: 'twice', ...FULL }), 409, 'Conflict', /twice/);
  const both = await Promise.all([1, 2, 3, 4].map(() => sync('POST', '/queue', { name: 'race', ...FULL })));
  assert.deepEqual(both.map((r) => r.status).sort(), [201, 409, 409, 409]);
  shop.release();
  await inState((await jobs()).find((j) => j.name === 'race').id, 'completed');
  assert.equal((await sync('POST', '/queue', { name: 'twice', ...FULL })).status, 201); // finished: the name is free
  await quiet();
});

test('Idempotency-Key: the first answer again', async () => {
  const body = { name: 'once', ...FULL, type: 'scheduled', schedule: FAR };
  const first = await sync('POST', '/queue', body, { 'Idempotency-Key': 'k1' });
  const second = await sync('POST', '/queue', body, { 'Idempotency-Key': 'k1' });
  assert.deepEqual(second.body, first.body);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal((await sync('POST', '/queue', { ...body, name: 'other' }, { 'Idempotency-Key': 'k1' })).status, 422);
  await quiet();
});

test('a name with every kind of character', async () => {
  const name = 'Nightly / 50 % of "ção" 🚢?';
  const { id } = await queue(name, { type: 'scheduled', schedule: FAR });
  const { status, body } = await sync('GET', `/pause/${encodeURIComponent(name)}`);
  assert.deepEqual([status, body.job?.id, body.job?.name], [200, id, name], JSON.stringify(body));
  await quiet();
});

test('a failing job tries again as its options say', async () => {
  shop.state.failures = 2;
  const { id } = await queue('stubborn', { data: { source: 'shopify', entity: 'products' }, options: { retryOnFail: true, maxRetries: 3 } });
  const done = await inState(id, 'completed');
  assert.ok(done.retries >= 1, JSON.stringify(done));
  shop.state.failures = 100;
  const hopeless = await queue('hopeless', { data: { source: 'shopify', entity: 'products' }, options: { retryOnFail: true, maxRetries: 1 } });
  const failed = await inState(hopeless.id, 'failed');
  assert.equal(failed.retries, 1);
  assert.ok(failed.errorMessage, JSON.stringify(failed));
  shop.state.failures = 0;
  await quiet();
});

test('priorities, and an organization is not held up by the many jobs of another (I-18)', async () => {
  shop.hold();
  const order = [];
  const first = await queue('first');
  await inState(first.id, 'active');
  for (const [name, priority] of [['low', 'low'], ['normal', 'normal'], ['high', 'high'], ['normal-2', 'normal']])
    order.push((await queue(name, { priority })).id);
  for (let i = 0; i < 100; i++) await queue(`many-${i}`, { priority: 'low' });
  const elsewhere = await startShop({ products: 5, orders: 0 });
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Other', platform: 'shopify', credentials: { accessToken: 'c-token-for-tests', baseUrl: elsewhere.url },
  }, { orgid: 'default' });
  const theirs = await sync('POST', '/queue', { name: 'theirs', ...FULL }, { orgid: 'default' });
  assert.equal(theirs.status, 201, JSON.stringify(theirs.body));
  await until('theirs is done', async () => (await sync('GET', '/jobs', undefined, { orgid: 'default' })).body.data[0].status === 'completed');
  const ours = await jobs();
  assert.equal(ours.length, 105);
  assert.deepEqual(ours.filter((j) => j.status === 'completed'), [], 'it was done before any of ours');
  shop.release();
  await until('the four are done', async () => {
    const now = await jobs();
    return order.every((id) => now.find((j) => j.id === id).status === 'completed');
  });
  const started = await Promise.all(order.map(async (id) => [(await job(id)).startedAt, (await job(id)).name]));
  assert.deepEqual(started.sort().map(([, name]) => name), ['high', 'normal', 'normal-2', 'low']);
  await elsewhere.stop();
  assert.equal(made.status, 201);
  await quiet();
});

test('the other doors\' runs are jobs too; theirs says 409, ours waits', async () => {
  shop.hold();
  const run = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true }, ORG);
  assert.equal(run.status, 202, JSON.stringify(run.body));
  const [named] = await jobs();
  assert.deepEqual([named.name, named.runId], [connection, run.body.data.runId]);
  const waiting = await queue('waiting');
  assert.equal((await job(waiting.id)).runId, null);
  const busy = await server.api('POST', '/api/v1/sync/run', { connectionId: connection }, ORG);
  assert.equal(busy.status, 409);
  shop.release();
  await inState(waiting.id, 'completed');
  await quiet();
});

test('tidemark jobs', async () => {
  const cli = (...args) => tidemark(['jobs', ...args, '--url', server.url, '--key', server.key, '--tenant', 'org123']);
  const time = new Date(Date.now() + 12 * 3_600_000).toISOString().slice(11, 16); // half a day away, so that it does not begin
  const queued = cli('queue', 'at night', 'Shop', '--full', '--repeat', 'daily', '--time', time, '--timezone', 'America/Sao_Paulo', '--retries', '2');
  assert.equal(queued.code, 0, queued.stderr);
  assert.match(queued.stdout, /at night/);
  const [one] = await jobs();
  assert.deepEqual([one.name, one.type, one.schedule.timezone], ['at night', 'full', 'America/Sao_Paulo']);
  assert.match(cli().stdout, /at night +queued +full/);
  assert.match(cli('pause', 'at night').stdout, /paused successfully/);
  assert.equal(JSON.parse(cli('resume', 'at night', '--json').stdout).job.status, 'queued');
  assert.equal(cli('cancel', 'at night').code, 0);
  assert.match(cli('purge').stdout, /Failed +1/);
  const missing = cli('pause', 'nothing');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /Job not found: tidemark jobs lists them/);
  assert.match(tidemark(['jobs', '--url', server.url, '--key', server.key]).stderr, /--tenant/);
});

test('a killed server goes on with what waited', async () => {
  shop.hold();
  const first = await queue('first'), second = await queue('second');
  await inState(first.id, 'active');
  await server.kill();
  shop.release();
  server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_OVERLAP: '1s' } });
  await inState(first.id, 'completed');
  await inState(second.id, 'completed');
});
