// The published shapes of Meta and Google Analytics (vendor-samples) through the whole server: an insights page, a lead, its
// signed webhook, a report, and the refusals of both. The vendor here is this file.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { loopback } from '../scenario/lib/chatwoot.mjs';
import { finishedRun, listAll, removeFolder, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';

const samples = join(dirname(fileURLToPath(import.meta.url)), '../../../shared/vendor-samples');
const missing = existsSync(samples) ? false : 'needs ../shared/vendor-samples';
const text = (name) => readFileSync(join(samples, name), 'utf8');
const sample = (name) => JSON.parse(text(name));
const SYNC = '/api/v1/sync';
const data = tempFolder('samples');
let vendor, server, asked, refusal;

function answer(request, body) {
  const url = new URL(request.url, 'http://vendor');
  asked.push({ method: request.method, path: url.pathname, body: body && request.headers['content-type']?.includes('json') ? JSON.parse(body) : body });
  if (refusal) return refusal;
  if (url.pathname === '/token') return [200, { access_token: 'ya29.sample', expires_in: 3599, token_type: 'Bearer' }];
  if (url.pathname.endsWith('/metadata')) return [200, { name: 'properties/1/metadata', dimensions: [{ apiName: 'country' }], metrics: [] }];
  if (url.pathname.endsWith(':runReport')) return [200, sample('google-analytics/runReport.response.json')];
  if (/act_1$/.test(url.pathname)) return [200, { id: 'act_1', account_status: 1 }];
  if (/act_1\/insights$/.test(url.pathname)) return [200, { report_run_id: '6023920149050' }];
  if (/6023920149050$/.test(url.pathname)) return [200, { id: '6023920149050', async_status: 'Job Completed', async_percent_completion: 100 }];
  if (/6023920149050\/insights$/.test(url.pathname)) {
    const page = sample('meta/insights.page.json');
    return [200, url.searchParams.has('after') ? { data: [] } : page];
  }
  if (url.pathname.endsWith('/123123123123')) return [200, sample('meta/lead.get.json')];
  return [200, { data: [] }];
}

before(async () => {
  if (missing) return;
  asked = [];
  vendor = createServer((request, reply) => {
    let body = '';
    request.on('data', (part) => { body += part; }).on('end', () => {
      const [status, json] = answer(request, body);
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  await new Promise((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  server = await startTidemark({ data, env: loopback });
});
after(async () => {
  await server?.stop();
  vendor?.close();
  removeFolder(data);
});

const address = () => `http://127.0.0.1:${vendor.address().port}`;
async function connect(platform, credentials) {
  const made = await server.api('POST', `${SYNC}/connections`, { name: platform, platform, schedule: { every: '1d' }, credentials: { baseUrl: address(), ...credentials } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
}
async function run(id, more = {}) {
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync: true, ...more });
  return finishedRun(server, started.body.data.runId);
}
const { app_secret: SECRET } = missing ? {} : sample('meta/signature-vector.json');
const meta = () => connect('facebook_ads', { accessToken: 'EAAB', adAccountId: '1', appSecret: SECRET, pageId: '153125381133', insightsLevel: 'campaign' });

test('an insights page becomes a row, its figures as they are', { skip: missing }, async () => {
  const id = await meta();
  const done = await run(id);
  assert.equal(done.verdict, 'complete', JSON.stringify(done));
  const [row] = await listAll(server, `/api/v1/records/${id}/insights`);
  assert.deepEqual([row.campaignId, row.campaignName, row.impressions, row.spend, row.date], ['120330000000000001', 'Leads BR', 1042, '15.72', '2026-01-02']);
  assert.equal(row.reach ?? null, null);
  assert.deepEqual(row.actions, [{ action_type: 'lead', value: '4' }]);
});

test('the signature vector is accepted, and nothing else; the lead of a delivery is fetched', { skip: missing }, async () => {
  const [connection] = (await server.api('GET', `${SYNC}/connections`)).body.data;
  const vector = sample('meta/signature-vector.json');
  const send = (body, headers) => server.anonymous('POST', `/api/v1/webhooks/${connection.id}`, body, { 'content-type': 'application/json', ...headers });
  const right = await send(vector.raw_body, vector.headers);
  assert.match(right.text, /does not say what type it is/, 'past the signature: it has no events');
  assert.equal((await send(`${vector.raw_body} `, vector.headers)).status, 401);
  const body = text('meta/webhook.leadgen.json');
  const signature = { 'X-Hub-Signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}` };
  const reply = await server.anonymous('POST', `${SYNC}/facebook_ads/webhook`, body, { 'content-type': 'application/json', ...signature });
  assert.deepEqual([reply.status, reply.body.trust], [200, 'signed']);
  const lead = await until('the lead', async () => (await listAll(server, '/api/v1/leads'))[0]);
  assert.deepEqual([lead.name, lead.email, lead.phone], ['Ana Souza', 'ana@example.com', '+5581999990000']);
});

test('the vendor\'s refusals: a used-up limit parks, a dead token ends', { skip: missing }, async () => {
  const id = await meta();
  refusal = [400, sample('meta/error.17.rate.json')];
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync: true });
  const runId = started.body.data.runId;
  await until('it waits', async () => (await server.api('GET', `${SYNC}/runs/${runId}`)).body.data.waiting);
  await server.api('POST', `${SYNC}/runs/${runId}/cancel`);
  await finishedRun(server, runId);
  refusal = [400, sample('meta/error.190.expired_token.json')];
  await run(id);
  const shown = (await server.api('GET', `${SYNC}/connections/${id}`)).body.data;
  assert.deepEqual([shown.status, shown.errorCode], ['error', 'AUTH_EXPIRED']);
  refusal = null;
});

test('a report is asked for as the sample asks, and its answer becomes a row', { skip: missing }, async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const id = await connect('google_analytics', {
    serviceAccountJson: JSON.stringify({ client_email: 'a@b.example', private_key: privateKey }), propertyId: '1', startDate: new Date().toISOString().slice(0, 10),
    reports: [{ name: 'countries', dimensions: ['country'], metrics: ['activeUsers', 'sessions'] }],
  });
  const done = await run(id);
  assert.equal(done.verdict, 'complete', JSON.stringify(done));
  const [row] = await listAll(server, `/api/v1/records/${id}/countries`);
  assert.deepEqual([row.date, row.country, row.activeUsers, row.sessions], ['2026-01-01', 'Brazil', '120', '151']);
  const mine = asked.filter((a) => a.path.endsWith(':runReport')).at(-1).body, theirs = sample('google-analytics/runReport.request.json');
  for (const key of ['dimensions', 'metrics', 'keepEmptyRows', 'returnPropertyQuota']) assert.deepEqual(mine[key], theirs[key], key);
  const quota = await server.api('GET', `${SYNC}/connections/${id}/quota`);
  assert.match(quota.text, /39998/);
  refusal = [429, sample('google-analytics/error.429.json')];
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync: true });
  await until('it waits', async () => (await server.api('GET', `${SYNC}/runs/${started.body.data.runId}`)).body.data.waiting);
  refusal = null;
});
