// An Amazon account under trouble: its rates, a cancel, a restart, another tenant, and signing in.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { AMAZON, consent } from './lib/amazon.mjs';
import { removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { hs256, SECRET } from './lib/tokens.mjs';

// The other simulated vendors share the machine: they have next to nothing.
const few = ['shopify.products=1', 'shopify.customers=1', 'shopify.orders=1', 'shopify.collections=1', 'rdstation.crm_contacts=1'];
const small = ['--sandbox', ...['contacts=2', 'conversations=1', ...few].flatMap((size) => ['--size', size])];
const folders = [];
const folder = (name) => folders[folders.push(tempFolder(name)) - 1];
after(() => folders.forEach(removeFolder));

// However slow the machine is: after thirty requests for items the vendor refuses more, until it is told not to.
const REFUSAL = '429:after=30:count=forever:vendor=amazon_sp_api:path=/orderItems';
const vendorOf = async (server) => new URL((await server.api('GET', `${AMAZON}/auth/start`)).body.authUrl).origin;

const newest = async (server) => (await server.api('GET', '/api/sync/status')).body;
const ended = (server) => until('the sync ends', async () => {
  const body = await newest(server);
  return ['completed', 'failed', 'cancelled'].includes(body.status) ? body : null;
}, 300_000);
const waiting = (server) => until('the sync waits', async () => {
  const body = await newest(server);
  return body.message?.startsWith('Waiting') ? body : null;
});

describe("the vendor's real rates", () => {
  test('a run that must wait is parked by the rate header, not failed, and ends whole', async () => {
    const data = folder('amazon-rate');
    // 30 requests for items are free, then one every two seconds.
    const server = await startTidemark({ data, args: [...small, '--size', 'amazon_sp_api.orders=38', '--fault', REFUSAL], env: { TIDEMARK_SWEEP_MS: '100' } });
    try {
      const body = await waiting(server);
      assert.deepEqual([body.status, body.step], ['running', 4]);
      assert.match(body.message, /exceeded your quota|rate is used up/); // the vendor's words first, then what was learnt of them
      await fetch(`${await vendorOf(server)}/_sandbox/faults`, { method: 'DELETE' });
      const done = await ended(server);
      assert.deepEqual([done.status, done.results.orders.count], ['completed', 38], JSON.stringify(done));
      assert.equal((await server.api('GET', `${AMAZON}/orders?items=true&limit=500`)).body.data.filter((o) => o.items.length === 0).length, 0);
    } finally {
      await server.stop();
    }
  });

  test('cancel ends a waiting sync, its pages stay; the next one begins anew', async () => {
    const data = folder('amazon-cancel');
    const server = await startTidemark({ data, args: [...small, '--size', 'amazon_sp_api.orders=60', '--fault', REFUSAL] });
    try {
      const { syncId } = await waiting(server);
      const busy = await server.api('POST', `${AMAZON}/sync`, {});
      assert.deepEqual([busy.status, busy.body.existingSyncId], [409, syncId], busy.text);
      // It may be asking for something right now: then it ends after that.
      const cancelled = await until('it is cancelled', async () => {
        const reply = await server.api('POST', '/api/sync/cancel', { syncId });
        assert.equal(reply.status, 200, reply.text);
        return reply.body.status !== 'running' && reply;
      });
      assert.deepEqual([cancelled.body.status, cancelled.body.results.orders.status], ['cancelled', 'success'], cancelled.text);
      assert.equal((await server.api('POST', '/api/sync/cancel', { syncId })).body.status, 'cancelled', 'again changes nothing');
      assert.equal((await server.api('GET', `${AMAZON}/orders`)).body.meta.total, 60);
      const again = await server.api('POST', `${AMAZON}/sync`, {});
      assert.equal(again.status, 200, again.text);
      assert.notEqual(again.body.syncId, syncId);
      await server.api('POST', '/api/sync/cancel', { syncId: again.body.syncId });
    } finally {
      await server.stop();
    }
  });

  test('killed in the middle, the sync goes on under its name after the start, and asks for nothing twice', async () => {
    const data = folder('amazon-kill');
    const vendor = await startSandbox({ sizes: { 'amazon_sp_api.orders': 36 }, faults: [REFUSAL] });
    const env = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_SWEEP_MS: '100' };
    const first = await startTidemark({ data, env });
    let second;
    try {
      const made = await first.api('POST', '/api/v1/sync/connections', { name: 'Shop', platform: 'amazon_sp_api', credentials: {
        clientId: 'id', clientSecret: 'secret', refreshToken: 'Atzr|mine', baseUrl: `${vendor.url}/amazon_sp_api` } });
      assert.equal(made.status, 201, made.text);
      const { syncId } = (await first.api('POST', `${AMAZON}/sync`, {})).body;
      await waiting(first);
      await first.kill();
      await vendor.raw('DELETE', '/_sandbox/faults');
      second = await startTidemark({ data, env });
      assert.equal((await newest(second)).syncId, syncId);
      const done = await ended(second);
      assert.deepEqual([done.syncId, done.status], [syncId, 'completed'], JSON.stringify(done));
      const orders = (await second.api('GET', `${AMAZON}/orders?items=true&limit=500`)).body.data;
      assert.equal(orders.length, 36);
      assert.deepEqual([orders[0].isMock, orders[0].mockScenario], [false, null], 'only what the operator marked as simulated says so');
      const asked = (await vendor.ledger()).filter((line) => line.target.endsWith('/orderItems') && line.status === 200).map((line) => line.target);
      assert.ok(asked.length <= 37 && new Set(asked).size === 36, `${asked.length} requests for items`);
      const sum = (list) => list.reduce((n, order) => n + order.items.length, 0);
      assert.equal(sum(orders), (await vendor.truth('amazon_sp_api', 'order_items')).length);
    } finally {
      await first.kill();
      await second?.stop();
      await vendor.stop();
    }
  });
});

test('AMAZON_CLIENT_ID and its kin are for the sandbox only (D22)', async () => {
  const env = { AMAZON_CLIENT_ID: 'env-id', AMAZON_CLIENT_SECRET: 'env-secret', AMAZON_REFRESH_TOKEN: 'Atzr|env', TIDEMARK_JWT_SECRET: SECRET };
  const sandboxed = await startTidemark({ data: folder('amazon-env'), args: [...small, '--size', 'quota=1000'], env });
  try {
    await ended(sandboxed);
    const { authUrl } = (await sandboxed.api('GET', `${AMAZON}/auth/start`)).body;
    const lines = (await (await fetch(`${new URL(authUrl).origin}/_sandbox/ledger`)).text()).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const logins = lines.filter((line) => line.target.endsWith('/auth/o2/token'));
    assert.ok(logins.length > 0);
    assert.ok(logins.every((line) => JSON.stringify(line).includes('env-id')), JSON.stringify(logins[0]));
    assert.ok(!sandboxed.output.stderr.includes('env-secret'));
  } finally {
    await sandboxed.stop();
  }
  const real = await startTidemark({ data: folder('amazon-env-real'), env });
  try {
    assert.equal((await real.api('GET', `${AMAZON}/status`)).body.status, 'not_connected');
    assert.equal((await real.api('POST', `${AMAZON}/sync`, {})).body.error, 'amazon_not_connected');
  } finally {
    await real.stop();
  }
});

describe('one account, many askers', () => {
  let server, vendor;
  const data = folder('amazon-login');
  const cookieOf = (sub, tenantId = 'default') => `session_token=${hs256({ sub, tenantId, role: 'user' })}`;
  const as = (cookie, method, path, body) =>
    server.anonymous(method, path, body, { Cookie: cookie, Origin: server.url, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) });
  const ana = cookieOf('ana'), bia = cookieOf('bia');
  const begin = async (cookie) => (await as(cookie, 'GET', `${AMAZON}/auth/start`)).body;

  test('setting out', async () => {
    server = await startTidemark({ data, args: [...small, '--size', 'quota=1000'], env: { TIDEMARK_JWT_SECRET: SECRET } });
    await ended(server);
    assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'org2', name: 'Other' })).status, 201);
  });

  test('another tenant sees nothing of it (I-32)', async () => {
    const other = cookieOf('eva', 'org2'), name = (await as(ana, 'GET', '/api/sync/status')).body.syncId;
    const foreign = await as(other, 'GET', `/api/sync/status?syncId=${name}`), unknown = await as(other, 'GET', '/api/sync/status?syncId=sync_x_1');
    assert.deepEqual([foreign.status, foreign.text], [unknown.status, unknown.text]);
    assert.equal(foreign.status, 404);
    assert.equal((await as(other, 'POST', '/api/sync/cancel', { syncId: name })).status, 404);
    assert.equal((await as(other, 'GET', `${AMAZON}/claims`)).body.error, 'amazon_not_connected');
    const id = (await as(ana, 'GET', `${AMAZON}/status`)).body.connectionId;
    assert.equal((await as(other, 'GET', `${AMAZON}/status?connectionId=${id}`)).body.status, 'not_connected');
    assert.equal((await as(other, 'GET', `/api/v1/oauth/start?connectionId=${id}`)).status, 404);
  });

  test('an account that nobody has signed in to yet is not connected, and says where to sign in', async () => {
    const credentials = { clientId: 'amzn1.application-oa2-client.x', clientSecret: 's', applicationId: 'amzn1.sp.solution.x', region: 'na', marketplaceIds: ['ATVPDKIKX0DER'] };
    const body = { name: 'Not signed in', platform: 'amazon_sp_api', credentials };
    const rui = cookieOf('rui', 'org2'), tested = await as(rui, 'POST', '/api/v1/sync/connections', body);
    assert.deepEqual([tested.status, tested.body.code], [400, 'INVALID_CREDENTIALS'], tested.text);
    assert.match(tested.body.error, /sign in/);
    const made = await as(rui, 'POST', '/api/v1/sync/connections?test=false', body);
    assert.equal(made.status, 201, made.text);
    const { connected, status, reconnectUrl } = (await as(rui, 'GET', `${AMAZON}/status`)).body;
    assert.deepEqual([connected, status], [false, 'pending']);
    assert.match(reconnectUrl, /\/integrations\/amazon\/auth\/start$/);
    const started = await as(rui, 'POST', `${AMAZON}/sync`, {});
    assert.deepEqual([started.status, started.body], [400, { success: false, error: 'amazon_not_connected',
      message: 'Amazon account not connected. Please connect your Amazon account first.' }]);
    assert.match((await as(rui, 'GET', `${AMAZON}/auth/start`)).body.authUrl, /amzn1\.sp\.solution\.x/);
    assert.equal((await as(rui, 'DELETE', `/api/v1/sync/connections/${made.body.data.id}`)).status, 403, 'a user may not');
    assert.equal((await server.api('DELETE', `/api/v1/sync/connections/${made.body.data.id}`, undefined, { 'X-Tenant-Id': 'org2' })).status, 204);
  });

  test('Login with Amazon: the state works once, for the one who began', async () => {
    const { authUrl, expiresAt } = await begin(ana);
    vendor = new URL(authUrl).origin;
    assert.match(authUrl, /application_id=amzn1\.sp\.solution\.simulated/);
    assert.ok(!authUrl.includes('client_secret'));
    assert.ok(new Date(expiresAt) > new Date());
    const back = await consent(authUrl);
    const foreign = await as(bia, 'GET', back); // somebody else's browser: refused, and not used up
    assert.deepEqual([foreign.status, foreign.body.error], [400, 'sign_in_refused'], foreign.text);
    assert.equal((await server.anonymous('GET', back)).status, 400, 'nobody at all');
    const done = await as(ana, 'GET', back);
    assert.deepEqual([done.status, done.body.connected], [200, true], done.text);
    const replay = await as(ana, 'GET', back);
    assert.deepEqual([replay.status, replay.body.error], [400, 'sign_in_refused']);
    assert.match(replay.body.message, /used already/);
    const status = (await as(ana, 'GET', `${AMAZON}/status`)).body;
    assert.deepEqual([status.connected, status.sellerId], [true, 'A1TIDEMARKSIM']);
    const started = await as(ana, 'POST', `${AMAZON}/sync`, {});
    assert.equal(started.status, 200, started.text);
    assert.equal((await until('it ends', async () => {
      const body = (await as(ana, 'GET', `/api/sync/status?syncId=${started.body.syncId}`)).body;
      return body.status === 'running' ? null : body;
    })).status, 'completed', 'with the new token');
    assert.ok(!server.output.stderr.includes('Atzr|'), 'no token in the log (I-29)');
  });

  test('a made-up state, a refusal and a spent code are told in words', async () => {
    for (const state of ['', 'x', '1-abc', '99999-' + 'a'.repeat(43)]) {
      const { status, body } = await server.anonymous('GET', `${AMAZON}/auth/callback?state=${state}&spapi_oauth_code=x`);
      assert.deepEqual([status, body.error], [400, 'sign_in_refused'], state);
    }
    const state = new URL((await begin(ana)).authUrl).searchParams.get('state');
    const refused = await as(ana, 'GET', `${AMAZON}/auth/callback?state=${state}&error=access_denied&error_description=The+seller+said+no`);
    assert.match(refused.body.message, /The seller said no/);
    const other = new URL((await begin(ana)).authUrl).searchParams.get('state');
    const spent = await as(ana, 'GET', `${AMAZON}/auth/callback?state=${other}&spapi_oauth_code=RHnever`);
    assert.match(spent.body.message, /invalid grant parameter : code/);
    assert.equal((await as(ana, 'GET', `${AMAZON}/status`)).body.connected, true, 'the old credential stays');
  });

  test('a browser is sent there and back to a path of ours only', async () => {
    const start = await fetch(`${server.url}${AMAZON}/auth/start?returnTo=/done%3Fa=1`, { redirect: 'manual', headers: { Cookie: ana, Accept: 'text/html' } });
    assert.equal(start.status, 302);
    const back = await consent(start.headers.get('location'));
    const done = await fetch(server.url + back, { redirect: 'manual', headers: { Cookie: ana, Accept: 'text/html' } });
    assert.deepEqual([done.status, done.headers.get('location')], [302, '/done?a=1&signIn=done']);
    for (const to of ['https://evil.example', '//evil.example', '/\\evil.example', 'x'])
      assert.equal((await as(ana, 'GET', `${AMAZON}/auth/start?returnTo=${encodeURIComponent(to)}`)).status, 400, to);
    const page = await fetch(`${server.url}${AMAZON}/auth/callback?state=1-x`, { headers: { Accept: 'text/html' } });
    assert.equal(page.status, 400);
    assert.match(await page.text(), /<h1>The sign-in did not work<\/h1>/);
  });

  test('the same for any template at /api/v1/oauth; a platform without sign-in says so', async () => {
    const admin = (path) => server.api('GET', path, undefined, { 'X-Tenant-Id': 'default' });
    const connections = (await admin('/api/v1/sync/connections?limit=50')).body.data;
    const idOf = (platform) => connections.find((c) => c.platform === platform).id;
    const started = await admin(`/api/v1/oauth/start?connectionId=${idOf('amazon_sp_api')}`);
    assert.equal(started.status, 200, started.text);
    const code = new URL(started.body.data.authUrl).searchParams;
    assert.match(code.get('redirect_uri'), /\/api\/v1\/oauth\/callback$/);
    const back = await consent(started.body.data.authUrl);
    const done = await server.anonymous('GET', back); // begun with a key: an embedding product sends its own customer
    assert.deepEqual([done.status, done.body.data.connected, done.body.data.platform], [200, true, 'amazon_sp_api'], done.text);
    const none = await admin(`/api/v1/oauth/start?connectionId=${idOf('chatwoot')}`);
    assert.deepEqual([none.status, none.body.code], [400, 'TEMPLATE_REFUSED'], none.text);
    assert.equal((await admin('/api/v1/oauth/start')).status, 400);
  });

  test('an access token that runs out in the middle is renewed once; a dead refresh token asks to sign in again', async () => {
    const control = (faults) => fetch(`${vendor}/_sandbox/faults`, { method: 'POST', body: JSON.stringify({ faults }) });
    await control(['401:count=1:vendor=amazon_sp_api:path=/inventory']);
    const one = await as(ana, 'POST', `${AMAZON}/sync`, {});
    assert.equal(one.status, 200, one.text);
    const finish = (id) => until('it ends', async () => {
      const { body } = await as(ana, 'GET', `/api/sync/status?syncId=${id}`);
      return body.status === 'running' ? null : body;
    });
    assert.equal((await finish(one.body.syncId)).status, 'completed');
    await control(['401:count=forever:vendor=amazon_sp_api']);
    const two = await as(ana, 'POST', `${AMAZON}/sync`, {});
    const failed = await finish(two.body.syncId);
    assert.equal(failed.status, 'failed', JSON.stringify(failed));
    assert.ok(failed.metadata.error);
    const status = (await as(ana, 'GET', `${AMAZON}/status`)).body;
    assert.deepEqual([status.connected, status.status], [false, 'error'], JSON.stringify(status));
    assert.match(status.reconnectUrl, /\/auth\/start$/);
    await fetch(`${vendor}/_sandbox/faults`, { method: 'DELETE' });
    const back = await consent((await begin(ana)).authUrl);
    assert.equal((await as(ana, 'GET', back)).body.connected, true, 'signing in again mends it');
  });

  test('farewell', async () => {
    await server.stop();
  });
});
