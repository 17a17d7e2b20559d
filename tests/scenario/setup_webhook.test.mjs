// setup-webhook at the vendors: registered once whatever happens, verified, rotated, taken back; and what HighLevel sends when an app
// was given the address by hand.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { finishedRun, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const LOCATION = 've9EPM428h8vShlRW1KT';
const data = tempFolder('setup-webhook');
let server, sandbox;

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 12, conversations: 3, 'zendesk.users': 12, 'zendesk.organizations': 3, 'zendesk.tickets': 6, 'gohighlevel.contacts': 12, 'gohighlevel.conversations': 3 } });
  await sandbox.json('POST', '/_sandbox/webhooks', { retries: 20 }); // a delivery that took five seconds is given up, and sent again
  server = await startTidemark({ data, env: loopback });
});
after(() => stopAll(data, server, sandbox));

const platforms = {
  chatwoot: {
    credentials: () => ({ accountId: '1', accessToken: 'test', baseUrl: sandbox.url }),
    headers: { api_access_token: 'test' },
    list: async () => (await vendor('chatwoot', 'GET', '/api/v1/accounts/1/webhooks')).payload.webhooks.map((w) => ({ id: String(w.id), url: w.url })),
    register: (url) => vendor('chatwoot', 'POST', '/api/v1/accounts/1/webhooks', { webhook: { url, subscriptions: ['contact_created'] } }),
  },
  zendesk: {
    credentials: () => ({ email: 'you@example.com', apiToken: 'your-api-key', subdomain: 'acme', baseUrl: `${sandbox.url}/zendesk` }),
    headers: { authorization: `Basic ${Buffer.from('you@example.com/token:your-api-key').toString('base64')}` },
    list: async () => (await vendor('zendesk', 'GET', '/zendesk/api/v2/webhooks')).webhooks.map((w) => ({ id: w.id, url: w.endpoint })),
    register: (url) => vendor('zendesk', 'POST', '/zendesk/api/v2/webhooks', { webhook: { name: 'Tidemark', endpoint: url, subscriptions: [] } }),
  },
};
async function vendor(platform, method, path, body) {
  const reply = await fetch(`${sandbox.url}${path}`, { method, headers: { 'content-type': 'application/json', ...platforms[platform].headers }, body: body && JSON.stringify(body) });
  return reply.json();
}
const connect = async (platform, credentials, more = {}) => {
  const made = await server.api('POST', `${SYNC}/connections`, { name: platform, platform, credentials, ...more });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
};
const setup = async (id, query = '') => {
  const { status, body } = await server.api('POST', `${SYNC}/connections/${id}/setup-webhook${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

for (const platform of Object.keys(platforms)) {
  describe(platform, () => {
    const { credentials, list, register } = platforms[platform];
    let id, first;

    test('the first call registers, and the vendor lists it', async () => {
      id = await connect(platform, credentials());
      first = await setup(id);
      assert.deepEqual([first.registered, first.verified], [true, true], JSON.stringify(first));
      assert.deepEqual(await list(), [{ id: first.webhookId, url: first.webhookUrl }]);
    });

    test('the same call again changes nothing', async () => {
      assert.deepEqual(await setup(id), first);
      assert.equal((await list()).length, 1);
    });

    test('what an interrupted call left behind goes, what others registered stays', async () => {
      await register(first.webhookUrl.replace(/token=.*/, 'token=wh_left_behind'));
      await register('https://elsewhere.example.com/hook');
      const again = await setup(id);
      assert.equal(again.webhookId, first.webhookId);
      assert.deepEqual((await list()).map((w) => w.url).sort(), [first.webhookUrl, 'https://elsewhere.example.com/hook'].sort());
    });

    test('one that somebody removed at the vendor is registered anew', async () => {
      await sandbox.raw('DELETE', platform === 'chatwoot' ? `/api/v1/accounts/1/webhooks/${first.webhookId}` : `/zendesk/api/v2/webhooks/${first.webhookId}`, undefined, platforms[platform].headers);
      const anew = await setup(id);
      assert.notEqual(anew.webhookId, first.webhookId);
      assert.equal(anew.webhookUrl, first.webhookUrl);
      assert.equal((await list()).filter((w) => w.url === first.webhookUrl).length, 1);
    });

    test('a rotation gives another address and leaves the one before right for a while', async () => {
      const rotated = await setup(id, '?rotate=true');
      assert.notEqual(rotated.webhookUrl, first.webhookUrl);
      assert.deepEqual((await list()).filter((w) => !w.url.includes('elsewhere')), [{ id: rotated.webhookId, url: rotated.webhookUrl }]);
      const tell = (url) => fetch(url.replace(/^.*\/api/, `${server.url}/api`), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ event: 'x', type: 'x', id: 'x' }) });
      assert.notEqual((await tell(first.webhookUrl)).status, 401);
      assert.notEqual((await tell(rotated.webhookUrl)).status, 401);
      assert.equal((await tell(rotated.webhookUrl.replace(/wh_.*/, 'wh_wrong'))).status, 401);
    });

    test('disconnecting takes it back, and so does deleting', async () => {
      assert.equal((await server.api('POST', `/api/admin/integrations/${id}/disconnect`)).status, 200);
      assert.deepEqual((await list()).map((w) => w.url), ['https://elsewhere.example.com/hook']);
      await server.api('POST', `/api/admin/integrations/${id}/activate`);
      await setup(id);
      assert.equal((await list()).length, 2);
      assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}`)).status, 204);
      assert.deepEqual((await list()).map((w) => w.url), ['https://elsewhere.example.com/hook']);
    });
  });
}

test('a vendor that is gone keeps nobody from deleting', async () => {
  const id = await connect('chatwoot', platforms.chatwoot.credentials());
  await setup(id);
  await sandbox.raw('POST', '/_sandbox/faults', { fault: '500:count=forever:path=/webhooks' });
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}`)).status, 204);
  await sandbox.raw('DELETE', '/_sandbox/faults');
});

test("a HubSpot app is set up with its developer's key, once for all its connections; without the key there is a guide", async () => {
  const key = (path, method = 'GET') => sandbox.raw(method, `/hubspot/app-webhooks/2026-09/54321/${path}?hapikey=dev-key`);
  const credentials = { accessToken: 'pat-test', baseUrl: `${sandbox.url}/hubspot`, portalId: '62515', clientSecret: 'hush' };
  const alone = await connect('hubspot', credentials, { match: 'none' });
  const guide = await setup(alone);
  assert.deepEqual([guide.registered, guide.webhookId], [false, undefined]);
  assert.match(guide.instructions, /developerApiKey/);
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${alone}`)).status, 204);

  const whole = { ...credentials, appId: '54321', developerApiKey: 'dev-key' };
  const first = await connect('hubspot', whole, { match: 'none' }), second = await connect('hubspot', whole, { match: 'none' });
  const made = await setup(first);
  assert.deepEqual([made.registered, made.verified, new URL(made.webhookUrl).pathname], [true, true, '/api/v1/sync/hubspot/webhook'], JSON.stringify(made));
  assert.equal((await key('settings')).body.targetUrl, made.webhookUrl);
  const subscribed = async () => (await key('subscriptions')).body.results;
  const all = await subscribed();
  assert.ok(all.some((s) => s.eventType === 'contact.propertyChange' && s.propertyName === 'email') && all.every((s) => s.active));
  assert.deepEqual(made.webhookId.split(' ').sort(), ['settings', ...all.map((s) => s.id)].sort());
  assert.deepEqual(await setup(first), made, 'again changes nothing');
  const joined = await setup(second);
  assert.deepEqual([joined.registered, joined.verified], [true, true]);
  assert.equal((await subscribed()).length, all.length, 'what is there already is not made twice');

  assert.equal((await server.api('DELETE', `${SYNC}/connections/${second}`)).status, 204);
  assert.deepEqual([(await subscribed()).length, (await key('settings')).status], [all.length, 200], 'the other connection needs them still');
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${first}`)).status, 204);
  assert.deepEqual([await subscribed(), (await key('settings')).status], [[], 404]);
});

test('Shopify: one call for all topics, looked at again, repaired, and taken back', async () => {
  const graphql = (query) => sandbox.raw('POST', '/shopify/admin/api/2026-10/graphql.json', { query }, { 'x-shopify-access-token': 'test' });
  const list = async () => (await graphql('{ webhookSubscriptions(first: 100) { nodes { id uri } } }')).body.data.webhookSubscriptions.nodes;
  const id = await connect('shopify', { shop: 'your-shop', accessToken: 'test', clientSecret: 'hush', baseUrl: `${sandbox.url}/shopify` }, { match: 'none' });
  const made = await setup(id);
  assert.deepEqual([made.registered, made.verified], [true, true], JSON.stringify(made));
  assert.deepEqual(await setup(id), made);
  const all = await list();
  assert.ok(all.length >= 12 && all.every((w) => w.uri === made.webhookUrl));
  await graphql(`mutation { webhookSubscriptionDelete(id: "${all[0].id}") { deletedWebhookSubscriptionId userErrors { message } } }`);
  const anew = await setup(id);
  assert.deepEqual([anew.verified, (await list()).length], [true, all.length], 'one that the vendor dropped is made again');
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}`)).status, 204);
  assert.deepEqual(await list(), []);
});

test('Amazon notifies event buses only: the guide says how one calls here, and its notification brings the order', async () => {
  const id = await connect('amazon_sp_api', { clientId: 'c', clientSecret: 's', refreshToken: 'Atzr|x', sellerId: 'A1SELLER', baseUrl: `${sandbox.url}/amazon_sp_api` }, { match: 'none', streams: ['orders'] });
  const guide = await setup(id);
  assert.equal(guide.registered, false);
  assert.match(guide.instructions, /API destination/);
  const [order] = await sandbox.truth('amazon_sp_api', 'orders');
  const detail = { NotificationVersion: '1.0', NotificationType: 'ORDER_CHANGE', PayloadVersion: '1.0', EventTime: '2026-11-01T00:09:53.109Z',
    Payload: { OrderChangeNotification: { NotificationLevel: 'OrderLevel', SellerId: 'A1SELLER', AmazonOrderId: order.AmazonOrderId } }, NotificationMetadata: { NotificationId: 'd0e9e693' } };
  const tell = (body) => server.anonymous('POST', guide.webhookUrl.replace(/^.*\/api/, '/api'), body);
  const taken = await tell({ version: '0', 'detail-type': 'ORDER_CHANGE', source: 'aws.partner/sellingpartnerapi.amazon.com', detail });
  assert.deepEqual([taken.status, taken.body.trust], [200, 'token'], taken.text);
  assert.equal((await tell(detail)).body.duplicate, true, 'the same notification, taken out of its event');
  await until('the order is there', async () => (await server.api('GET', `/api/v1/records/${id}/orders`)).body.data?.some((o) => o.orderId === order.AmazonOrderId));
});

test('HighLevel has no call for it: the guide says where, and then its events come signed', async () => {
  const key = (await sandbox.raw('GET', '/gohighlevel/_webhooks/key', undefined, { authorization: 'Bearer pit-test' })).body.publicKey;
  const credentials = { apiKey: 'pit-test', locationId: LOCATION, baseUrl: `${sandbox.url}/gohighlevel`, webhookPublicKey: key };
  const id = await connect('gohighlevel', credentials);
  const run = (await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync: true })).body.data.runId;
  assert.equal((await finishedRun(server, run)).verdict, 'complete');
  const guide = await setup(id);
  assert.equal(guide.registered, false);
  assert.match(guide.instructions, /Marketplace app/);
  assert.equal((await sandbox.raw('POST', '/gohighlevel/_webhooks', { url: guide.webhookUrl }, { authorization: 'Bearer pit-test' })).status, 204);

  const ask = async (method, path, body) => {
    const reply = await sandbox.raw(method, `/gohighlevel${path}`, body, { authorization: 'Bearer pit-test', version: '2021-07-28' });
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
    return reply.body;
  };
  const found = async (q) => (await server.api('GET', `/api/v1/contacts?q=${q}`)).body.data;
  const { contact } = await ask('POST', '/contacts/', { locationId: LOCATION, firstName: 'Conceição', lastName: 'Araújo', email: 'conceicao@example.com.br', phone: '+5581999990042' });
  await until('the created contact came', async () => (await found('conceicao')).some((c) => c.name === 'Conceição Araújo' && c.phone === '+5581999990042'));
  await ask('PUT', `/contacts/${contact.id}`, { city: 'Olinda' });
  await until('the change came', async () => (await found('conceicao')).some((c) => c.city === 'Olinda'));
  await ask('DELETE', `/contacts/${contact.id}`);
  await until('the deletion came', async () => (await found('conceicao')).length === 0);
  const deal = (await server.api('GET', '/api/v1/deals?limit=1')).body.data[0];
  assert.match(deal.name, /^Opportunity /);
  await sandbox.raw('POST', '/_sandbox/mutate', { vendor: 'gohighlevel', entity: 'opportunities', update: 5 });
  await until('an event about an opportunity was applied', async () =>
    (await server.api('GET', `/api/v1/webhooks/events?type=OpportunityUpdate&status=applied&connectionId=${id}`)).body.data.length > 0);
  const events = (await server.api('GET', `/api/v1/webhooks/events?connectionId=${id}`)).body.data;
  assert.ok(events.length >= 4 && events.every((e) => e.trust === 'signed'), JSON.stringify(events.map((e) => [e.type, e.trust])));
});
