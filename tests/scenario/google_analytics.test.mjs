// Google Analytics: reports that the user declares become streams; a service account signs in; days are read again while their
// figures change; tokens are a budget. Against the simulated vendor, through the doors.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { connectedId, startRun, stopAll, syncRun } from './lib/platform.mjs';
import { finishedRun, listAll, sameDay, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const PROPERTY = '987654321';
const data = tempFolder('analytics');
let sandbox, server, connection, account;

await sameDay(5);
const day = (daysAgo) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
const reports = [
  { name: 'traffic', dimensions: ['sessionDefaultChannelGroup'], metrics: ['activeUsers', 'totalRevenue'] },
  { name: 'towns', dimensions: ['date', 'city', 'deviceCategory'], metrics: ['sessions'] },
];
const make = (credentials = {}, more = {}) => server.api('POST', `${SYNC}/connections`, {
  name: 'Site', platform: 'google_analytics', schedule: { every: '1d' }, ...more,
  credentials: { serviceAccountJson: account, propertyId: PROPERTY, startDate: day(50), pageSize: 100, reports, ...credentials },
});
const records = (stream, id = connection) => listAll(server, `/api/v1/records/${id}/${stream}`);
const asked = async (since = 0) => (await sandbox.ledger()).filter((e) => e.seq > since && e.target.endsWith(':runReport')).map((e) => JSON.parse(e.body));
const lastSeq = async () => (await sandbox.ledger()).at(-1)?.seq ?? 0;
const start = (fullSync, id = connection, more = {}) => startRun(server, { connectionId: id, fullSync, ...more });
const sync = (fullSync, id = connection, more = {}) => syncRun(server, { connectionId: id, fullSync, ...more });

// What the vendor gives for a report, whole, as rows of text.
async function direct(dimensions, metrics, since = day(50)) {
  const login = await sandbox.raw('POST', '/google_analytics/v1beta/properties/1:runReport', {
    dateRanges: [{ startDate: since, endDate: day(0) }], dimensions: ['date', ...dimensions].map((name) => ({ name })),
    metrics: metrics.map((name) => ({ name })), limit: '250000',
  }, { authorization: 'Bearer test' });
  assert.equal(login.status, 200, login.text);
  return (login.body.rows ?? []).map((row) => [...row.dimensionValues, ...row.metricValues].map((v) => v.value).join('|')).sort();
}
const line = (dimensions, metrics) => (row) =>
  [row.date.replaceAll('-', ''), ...dimensions.map((d) => row[d]), ...metrics.map((m) => row[m])].join('|');

before(async () => {
  sandbox = await startSandbox();
  const shown = JSON.parse(sandbox.output.stdout.split('\n').find((l) => l.startsWith('{')));
  const vendor = shown.vendors.find((v) => v.name === 'google_analytics');
  account = (vendor.config.serviceAccountJson ? vendor.config : JSON.parse(vendor.config)).serviceAccountJson;
  server = await startTidemark({ data, env: { ...loopback, GOOGLE_ANALYTICS_BASE_URL: `${sandbox.url}/google_analytics` } });
  connection = connectedId(await make());
});

after(() => stopAll(data, server, sandbox));

test('each declared report is a stream; its rows are the vendor\'s, page by page, and add up to its count', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.deepEqual(run.streams.map((s) => s.name).sort(), ['towns', 'traffic']);
  for (const [name, dimensions, metrics] of [['traffic', ['sessionDefaultChannelGroup'], ['activeUsers', 'totalRevenue']], ['towns', ['city', 'deviceCategory'], ['sessions']]]) {
    const rows = await records(name);
    assert.ok(rows.length > 150, `${name}: ${rows.length}`);
    assert.deepEqual(rows.map(line(dimensions, metrics)).sort(), await direct(dimensions, metrics), name);
  }
  assert.ok((await asked()).some((a) => a.offset > 0), 'more than one page');
  assert.ok((await records('traffic')).every((row) => typeof row.totalRevenue === 'string'), 'money is text');
});

test('what the vendor leaves out is said in the log and beside the verdict', async () => {
  const run = await sync(true, connection, { entityType: 'towns' });
  assert.match(run.verdictReason, /towns: rows with few users are left out/);
  const log = await server.api('GET', `${SYNC}/runs/${run.id}/logs`);
  assert.match(log.text, /few users are left out/);
  assert.equal((await sync(true, connection, { entityType: 'traffic' })).verdictReason || null, null);
});

test('an incremental run reads the days again whose figures still change, and no others', async () => {
  await sandbox.mutate({ vendor: 'google_analytics', entity: 'properties', update: 1 });
  const since = await lastSeq();
  await sync(false);
  const ranges = (await asked(since)).map((a) => a.dateRanges[0]);
  assert.ok(ranges.every((r) => r.startDate >= day(5) && r.endDate === day(0)), JSON.stringify(ranges));
  assert.deepEqual((await records('traffic')).map(line(['sessionDefaultChannelGroup'], ['activeUsers', 'totalRevenue'])).sort(),
    await direct(['sessionDefaultChannelGroup'], ['activeUsers', 'totalRevenue']));
});

test('the service account signs in once, not for each report', async () => {
  const logins = (await sandbox.ledger()).filter((e) => e.target === '/token');
  assert.ok(logins.length <= 3, `${logins.length} logins`);
  assert.ok(logins.every((e) => e.status === 200));
});

test('another key, another account, no permission: each is refused with words that help', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const other = await make({ serviceAccountJson: JSON.stringify({ client_email: 'reports@simulated.example', private_key: privateKey }) });
  assert.deepEqual([other.status, other.body.code], [400, 'INVALID_CREDENTIALS'], JSON.stringify(other.body));
  assert.match(other.body.error, /Invalid JWT Signature/);
  const stranger = await make({ serviceAccountJson: JSON.stringify({ ...JSON.parse(account), client_email: 'other@simulated.example' }) });
  assert.match(stranger.body.error, /account not found/);
  const barred = await make({ propertyId: '4031' });
  assert.equal(barred.status, 400);
  assert.match(barred.body.error, /give the service account's e-mail the role Viewer/);
  const broken = await make({ serviceAccountJson: 'not json' });
  assert.equal(broken.status, 400, JSON.stringify(broken.body));
});

test('a report that cannot be made says which field is wrong; the others are read', async () => {
  const made = await make({ reports: [reports[0], { name: 'wrong', dimensions: ['itemName'], metrics: ['sessions'] }, { name: 'unknown', dimensions: ['colour'], metrics: ['sessions'] }] }, { name: 'Wrong' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const run = await finishedRun(server, await start(true, made.body.data.id));
  assert.equal(run.status, 'error');
  const words = Object.fromEntries(run.streams.map((s) => [s.name, s.errorMessage]));
  assert.match(words.wrong, /remove itemName.*the streams dimensions and metrics list/);
  assert.match(words.unknown, /Field colour is not a valid dimension/);
  assert.equal(words.traffic, null);
  assert.ok((await records('traffic', made.body.data.id)).length > 100);
  const bad = await make({ reports: [{ name: 'No good!', dimensions: [], metrics: [] }] });
  assert.equal(bad.status, 400);
});

test('the tokens that are left are a budget; used up, the run parks and holds nothing', async () => {
  const quota = await server.api('GET', `${SYNC}/connections/${connection}/quota`);
  assert.equal(quota.status, 200);
  assert.match(quota.text, /tokens an hour/);
  const small = await startSandbox({ sizes: { 'google_analytics.quota': 20 } });
  try {
    const made = await make({ baseUrl: `${small.url}/google_analytics`, windowDays: 5 }, { name: 'Small' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const runId = await start(true, made.body.data.id);
    const run = await until('the run is parked', async () => {
      const { body } = await server.api('GET', `${SYNC}/runs/${runId}`);
      return body.data.waiting && body.data;
    });
    assert.equal(run.status, 'in_progress', JSON.stringify(run));
    assert.ok((await small.ledger()).filter((e) => e.status === 429).length <= 1);
    assert.equal((await server.api('POST', `${SYNC}/runs/${runId}/cancel`)).status, 200);
  } finally {
    await small.stop();
  }
});
