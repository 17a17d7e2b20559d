// Facebook Ads: the template against the simulated vendor, through the doors. Asynchronous reports (a run parks, a restart does
// not ask twice), error codes with status 400, lead webhooks by the app's signature.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { assertAddsUp, loopback } from './lib/chatwoot.mjs';
import { connectedId, startRun, stopAll, syncRun } from './lib/platform.mjs';
import { finishedRun, listAll, sameDay, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { drained } from './lib/webhooks.mjs';

const SYNC = '/api/v1/sync';
const PAGE = '153125381133', SECRET = 'app-secret';
const data = tempFolder('facebook');
let sandbox, server, connection;

await sameDay(5);
const day = (daysAgo) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
const credentials = {
  accessToken: 'your-api-key', adAccountId: 'act_1234567890', appSecret: SECRET, pageId: PAGE,
  startDate: day(40), insightsRetrySeconds: 1,
};
const make = (more = {}, rest = {}) =>
  server.api('POST', `${SYNC}/connections`, { name: 'Ads', platform: 'facebook_ads', schedule: { every: '1d' }, ...rest, credentials: { ...credentials, ...more } });
const records = (stream, id = connection) => listAll(server, `/api/v1/records/${id}/${stream}`);
const ids = (rows) => rows.map((row) => row.customFields?.facebook_id ?? row.id).sort();
const reports = (query) => sandbox.raw('POST', `/facebook_ads/_reports?${query}`);
const posts = async (since = 0) => (await sandbox.ledger()).filter((e) => e.seq > since && e.method === 'POST' && e.target.includes('/insights'));
const lastSeq = async () => (await sandbox.ledger()).at(-1)?.seq ?? 0;

const start = (fullSync, id = connection, more = {}) => startRun(server, { connectionId: id, fullSync, ...more });
const sync = (fullSync, id = connection, more = {}) => syncRun(server, { connectionId: id, fullSync, ...more });
const env = () => ({ ...loopback, FACEBOOK_ADS_BASE_URL: `${sandbox.url}/facebook_ads`, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' });

before(async () => {
  sandbox = await startSandbox({ sizes: { 'facebook_ads.campaigns': 140, 'facebook_ads.quota': 100000 } });
  server = await startTidemark({ data, env: env() });
  connection = connectedId(await make());
});

after(() => stopAll(data, server, sandbox));

test('after the first load everything is there once, archived objects too', async () => {
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  for (const stream of ['campaigns', 'adsets', 'ads', 'lead_forms']) {
    const rows = await records(stream), truth = await sandbox.truth('facebook_ads', stream);
    assert.deepEqual(ids(rows), ids(truth), stream);
  }
  assert.ok((await records('campaigns')).some((row) => row.status === 'ARCHIVED'));
});

test('leads carry what was filled in', async () => {
  const leads = await listAll(server, '/api/v1/leads');
  const truth = await sandbox.truth('facebook_ads', 'leads');
  const answer = (lead, name) => lead.field_data.find((f) => f.name === name)?.values[0] ?? null;
  const row = (l) => [l.customFields.facebook_id, l.name, l.email, l.phone, l.source, l.status].join('|');
  assert.deepEqual(leads.map(row).sort(), truth.map((l) =>
    [l.id, answer(l, 'full_name'), answer(l, 'email'), answer(l, 'phone_number'), l.platform === 'ig' ? 'instagram' : 'facebook', 'new'].join('|')).sort());
});

test('insights are the figures that the vendor gives at once for the same days', async () => {
  const rows = await records('insights');
  const direct = [];
  for (let cursor = ''; ;) {
    const range = encodeURIComponent(JSON.stringify({ since: day(40), until: day(0) }));
    const page = await sandbox.raw('GET', `/facebook_ads/v26.0/act_1/insights?level=ad&limit=500&time_range=${range}&access_token=t&after=${cursor}`);
    direct.push(...page.body.data);
    if (!page.body.paging?.next) break;
    cursor = page.body.paging.cursors.after;
  }
  const line = (r) => `${r.ad_id} ${r.date_start} ${r.spend} ${r.impressions}`;
  assert.ok(rows.length > 100, `${rows.length} rows`);
  assert.deepEqual(rows.map((r) => `${r.adId} ${r.date} ${r.spend} ${r.impressions}`).sort(), direct.map(line).sort());
  assert.ok(rows.every((r) => typeof r.spend === 'string'), 'money is text');
});

test('the token stands in no address that was asked for, the proof in all', async () => {
  const asked = (await sandbox.ledger()).filter((e) => e.vendor === 'facebook_ads' && e.target.startsWith('/v26.0/') && !e.target.includes('access_token=t'));
  assert.ok(asked.every((e) => !e.target.includes('your-api-key')));
  const proof = createHmac('sha256', SECRET).update('your-api-key').digest('hex');
  assert.ok(asked.every((e) => e.target.includes(proof) || (e.body ?? '').includes(proof)), JSON.stringify(asked.find((e) => !e.target.includes(proof))));
});

test('an incremental run asks for what changed, and again for the days whose figures still change', async () => {
  const before_ = await records('insights');
  const changed = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'ads', update: 3 });
  const fresh = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'campaigns', create: 2 });
  const since = await lastSeq();
  const run = await sync(false);
  const stream = (name) => run.streams.find((s) => s.name === name);
  assert.equal(stream('campaigns').recordsCreated, 2);
  assert.ok(stream('ads').recordsUpdated === 3 && stream('ads').recordsReceived < 24, JSON.stringify(stream('ads')));
  const asked = await posts(since);
  assert.equal(asked.length, 1, 'one window');
  const range = JSON.parse(asked[0].body).time_range;
  assert.ok([day(28), day(29)].includes(range.since ?? JSON.parse(range).since), JSON.stringify(range));
  const rows = await records('insights');
  const of = (list, id) => list.filter((r) => r.adId === id).map((r) => `${r.date} ${r.spend}`).sort();
  assert.notDeepEqual(of(rows, changed.updated[0]), of(before_, changed.updated[0]));
  const old = (list) => list.filter((r) => r.date < day(30)).map((r) => `${r.adId} ${r.date} ${r.spend}`).sort();
  assert.deepEqual(old(rows), old(before_), 'settled days stay');
  assert.ok(ids(await records('campaigns')).includes(fresh.created[0]));
});

test('what is deleted is found gone by the next full pass, after the vendor was asked by its id', async () => {
  const gone = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'campaigns', delete: 2 });
  await sync(false);
  assert.ok(ids(await records('campaigns')).includes(gone.deleted[0]), 'no list says so');
  const run = await sync(true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.deepEqual(ids(await records('campaigns')), ids(await sandbox.truth('facebook_ads', 'campaigns')));
});

test('a report that fails is asked for again; after three failures the stream fails and its mark stays', async () => {
  await reports('fail=1');
  let since = await lastSeq();
  const run = await sync(false, connection, { entityType: 'insights' });
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.equal((await posts(since)).length, 2);
  const state = (await server.api('GET', `${SYNC}/connections/${connection}/state`)).text;
  await reports('fail=3');
  const failed = await finishedRun(server, await start(false, connection, { entityType: 'insights' }));
  assert.equal(failed.status, 'error', JSON.stringify(failed));
  assert.match(JSON.stringify(failed), /report failed 3 times, at last with \\?\\?\\?"Job Failed/);
  assert.equal((await server.api('GET', `${SYNC}/connections/${connection}/state`)).text, state);
  await reports('fail=0');
});

test('while a report is made the run is parked; after a kill between asking and polling the same report is read (I-4)', async () => {
  await reports('ms=3600000');
  const since = await lastSeq();
  const runId = await start(false, connection, { entityType: 'insights' });
  await until('the run waits for the report', async () => {
    const { body } = await server.api('GET', `${SYNC}/runs/${runId}`);
    return body.data.status === 'in_progress' && body.data.waiting;
  });
  await server.kill();
  await reports('ms=0');
  server = await startTidemark({ data, env: env() });
  const run = await finishedRun(server, runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  assertAddsUp(run);
  assert.equal((await posts(since)).length, 1, 'the vendor was asked for one report');
});

test('error 17 with status 400 parks the run until the vendor says it may go on', async () => {
  const limited = await startSandbox({ sizes: { 'facebook_ads.quota': 3 } });
  try {
    const made = await make({ baseUrl: `${limited.url}/facebook_ads`, pageId: '' }, { streams: ['campaigns', 'adsets', 'ads'], name: 'Small' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const runId = await start(true, made.body.data.id);
    const waiting = await until('the run is parked', async () => {
      const { body } = await server.api('GET', `${SYNC}/runs/${runId}`);
      const log = await server.api('GET', `${SYNC}/runs/${runId}/logs`);
      return /request limit reached/.test(log.text) && body.data;
    });
    assert.equal(waiting.status, 'in_progress');
    assert.equal((await limited.ledger()).filter((e) => e.status === 400).length, 1, 'asked no more');
    const quota = await server.api('GET', `${SYNC}/connections/${made.body.data.id}/quota`);
    assert.match(quota.text, /ad account/, 'the percentages of the headers are a budget');
    assert.equal((await server.api('POST', `${SYNC}/runs/${runId}/cancel`)).status, 200);
  } finally {
    await limited.stop();
  }
});

test('a dead token (code 190, status 400) is refused at once, and later puts the connection in error with words', async () => {
  const refused = await make({ accessToken: 'invalid' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS']);
  const made = await make({ accessToken: 'expired', appSecret: '', pageId: '' }, { name: 'Dies' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  let run = null;
  for (let i = 0; i < 4 && run?.status !== 'error'; i++) run = await finishedRun(server, await start(true, made.body.data.id));
  assert.equal(run.status, 'error', JSON.stringify(run));
  const shown = (await server.api('GET', `${SYNC}/connections/${made.body.data.id}`)).body.data;
  assert.deepEqual([shown.status, shown.errorCode], ['error', 'AUTH_EXPIRED'], JSON.stringify(shown));
  assert.match(shown.errorMessage, /code 190: sign in again or give a new token/);
  const link = new URL(shown.reconnectUrl, server.url), at = `${link.pathname}${link.search}`;
  assert.equal((await server.api('GET', at)).status, 400, 'without an app nobody can sign in');
  const filled = await server.api('PATCH', `${SYNC}/connections/${made.body.data.id}?test=false`, { credentials: { appId: '987654321', appSecret: SECRET } });
  assert.equal(filled.status, 200, filled.text);
  const begun = await server.api('GET', at);
  assert.equal(begun.status, 200, begun.text);
  const agreed = await fetch(begun.body.data.authUrl, { redirect: 'manual' });
  const back = new URL(agreed.headers.get('location'));
  const done = await server.anonymous('GET', `${back.pathname}${back.search}`);
  assert.deepEqual([done.status, done.body.data?.connected], [200, true], done.text);
  const again = await until('it works again', async () => {
    const { body } = await server.api('GET', `${SYNC}/connections/${made.body.data.id}`);
    return body.data.status === 'connected' && body.data;
  });
  assert.equal(again.reconnectUrl, null);
});

test('a wrong app secret is refused with the vendor\'s words', async () => {
  const refused = await make({ appSecret: 'another' });
  assert.equal(refused.status, 400, JSON.stringify(refused.body));
  assert.match(refused.body.error, /Invalid appsecret_proof/);
});

// ---- webhooks

const shared = '/api/v1/sync/facebook_ads/webhook';
async function deliver(lead, { secret = SECRET, page = PAGE, alter = (body) => body } = {}) {
  const { body } = await sandbox.raw('POST', `/facebook_ads/_webhooks/leadgen/${lead}?secret=${secret}&page=${page}`);
  return server.anonymous('POST', shared, alter(body.body), body.headers);
}
const leadOf = async (id) => (await listAll(server, '/api/v1/leads')).find((l) => l.customFields.facebook_id === id);

test('setup-webhook subscribes the page; the handshake gives the challenge back for the right token only', async () => {
  const reply = await server.api('POST', `${SYNC}/connections/${connection}/setup-webhook`);
  assert.deepEqual([reply.status, reply.body.registered, reply.body.webhookId, reply.body.verified], [200, true, PAGE, true], JSON.stringify(reply.body));
  const apps = await sandbox.raw('GET', `/facebook_ads/v26.0/${PAGE}/subscribed_apps?access_token=t`);
  assert.deepEqual(apps.body.data[0].subscribed_fields, ['leadgen']);
  const url = new URL(reply.body.webhookUrl), token = url.searchParams.get('token');
  const shake = (value) => server.anonymous('GET', `${url.pathname}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${value}`);
  const right = await shake(token);
  assert.deepEqual([right.status, right.text], [200, '1158201444']);
  assert.ok([401, 403].includes((await shake('another')).status));
});

test('a signed lead event is a pointer: the lead is fetched by its id', async () => {
  const { created } = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'leads', create: 1 });
  const since = await lastSeq();
  assert.equal((await deliver(created[0])).status, 200);
  await until('the lead is there', () => leadOf(created[0]));
  assert.ok((await sandbox.ledger()).some((e) => e.seq > since && e.target.startsWith(`/v26.0/${created[0]}?`)));
  assert.equal((await deliver(created[0])).status, 200);
  await drained(server);
  assert.equal((await listAll(server, '/api/v1/leads')).filter((l) => l.customFields.facebook_id === created[0]).length, 1);
});

test('one delivery with leads of two pages brings each to its own connection', async () => {
  const OTHER = '998877665544', { created: [mine, theirs] } = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'leads', create: 2 });
  const { body: made } = await server.api('POST', `${SYNC}/connections`, { name: 'Other page', platform: 'facebook_ads', match: 'none',
    credentials: { accessToken: 'test', adAccountId: '77', pageId: OTHER, appSecret: SECRET, baseUrl: `${sandbox.url}/facebook_ads` } });
  const entry = (page, lead) => ({ id: page, time: 1, changes: [{ field: 'leadgen', value: { leadgen_id: lead, page_id: page, form_id: '1', created_time: 1767434398 } }] });
  const body = JSON.stringify({ object: 'page', entry: [entry(PAGE, mine), entry(OTHER, theirs)] });
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const reply = await server.anonymous('POST', shared, body, { 'X-Hub-Signature-256': signature });
  assert.deepEqual([reply.status, reply.body.trust], [200, 'signed'], reply.text);
  await drained(server);
  const has = async (id) => (await listAll(server, `/api/v1/records/${id}/leads`)).map((l) => l.customFields.facebook_id).filter((lead) => [mine, theirs].includes(lead));
  assert.deepEqual([await has(connection), await has(made.data.id)], [[mine], [theirs]]);
  assert.equal((await server.anonymous('POST', shared, body.replace(theirs, mine), { 'X-Hub-Signature-256': signature })).status, 401);
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${made.data.id}?purge=true`)).status, 204);
});

test('another key or an altered body is 401; unsigned is a hint; another page finds nobody', async () => {
  const { created } = await sandbox.mutate({ vendor: 'facebook_ads', entity: 'leads', create: 2 });
  assert.equal((await deliver(created[0], { secret: 'another' })).status, 401);
  assert.equal((await deliver(created[0], { alter: (body) => body.replace(created[0], created[1]) })).status, 401);
  await drained(server);
  assert.equal(await leadOf(created[0]), undefined);
  assert.equal((await deliver(created[0], { page: '99' })).status, 202);
  await drained(server);
  assert.equal(await leadOf(created[0]), undefined);
  const { body } = await sandbox.raw('POST', `/facebook_ads/_webhooks/leadgen/${created[1]}`);
  const hint = await server.anonymous('POST', shared, body.body);
  assert.deepEqual([hint.status, hint.body.trust], [202, 'hint']);
  await until('the hint was followed', () => leadOf(created[1]));
});


test('signing in changes the short token for a long one before anything is kept', async () => {
  const { body: made } = await server.api('POST', `${SYNC}/connections?test=false`, { name: 'By login', platform: 'facebook_ads', match: 'none',
    credentials: { accessToken: 'none-yet', adAccountId: '77', appId: '1', appSecret: SECRET, baseUrl: `${sandbox.url}/facebook_ads` } });
  const { body: begun } = await server.api('GET', `/api/v1/oauth/start?connectionId=${made.data.id}`);
  const address = begun.authUrl ?? begun.data?.authUrl;
  const back = new URL((await fetch(address, { redirect: 'manual' })).headers.get('location'));
  const since = await lastSeq();
  const done = await server.anonymous('GET', back.pathname + back.search);
  assert.ok(done.status < 400, done.text);
  const asked = (await sandbox.ledger()).filter((e) => e.seq > since && e.target.includes('/oauth/access_token'));
  assert.equal(asked.length, 2, JSON.stringify(asked));
  const shown = (await server.api('GET', `/api/admin/integrations/${made.data.id}`)).body.config.accessToken;
  assert.ok(shown.endsWith('ated'), `the long one is kept: ${shown}`);
  const config = (await server.api('GET', `/api/admin/integrations/${made.data.id}`)).body.config;
  assert.ok(Date.parse(config.tokenExpires) > Date.now() + 50 * 86_400_000, JSON.stringify(config));
  await server.api('DELETE', `${SYNC}/connections/${made.data.id}`);
});

// Five days before its end; the week ahead has begun.
const withEnd = async (accessToken) => (await server.api('POST', `${SYNC}/connections?test=false`, {
  name: accessToken, platform: 'facebook_ads', streams: ['campaigns'], match: 'none', schedule: { every: '1d' },
  credentials: { accessToken, adAccountId: '77', appId: '1', appSecret: SECRET, tokenExpires: new Date(Date.now() + 5 * 86_400_000).toISOString() },
})).body.data.id;
const exchanges = async (since) => (await sandbox.ledger()).filter((e) => e.seq > since && e.target.includes('/oauth/access_token'));

test('a long-lived token is changed for the next one a week before its end, once, and nothing is read anew for it', async () => {
  const id = await withEnd('EAAB-long-one'), since = await lastSeq();
  assert.equal((await sync(true, id)).verdict, 'complete');
  assert.equal((await exchanges(since)).length, 1);
  const later = await lastSeq(), run = await sync(false, id);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.ok(run.recordsReceived < 20, `incremental still: ${run.recordsReceived}`);
  const proof = createHmac('sha256', SECRET).update('EAAB-renewed').digest('hex');
  const asked = (await sandbox.ledger()).filter((e) => e.seq > later && e.vendor === 'facebook_ads');
  assert.ok(asked.length > 0 && asked.every((e) => e.target.includes(proof)), 'the new one is used, and it is not changed again');
});

test('a token that the vendor does not change is used until it ends', async () => {
  const id = await withEnd('EAAB-other'), since = await lastSeq();
  assert.equal((await sync(true, id)).verdict, 'complete');
  assert.equal((await exchanges(since)).length, 1);
  assert.equal((await server.api('GET', `${SYNC}/connections/${id}`)).body.data.status, 'connected');
});
