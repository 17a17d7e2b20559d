// Seed 002, chapters 5 and 11: POST /api/webhook with the envelope {type, source, payload}, signed or not; the vendor's own flat
// bodies at the same address; vendors' handshakes and lists of events, by templates of one's own.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { drained, events } from './lib/webhooks.mjs';

const data = tempFolder('envelope'), SECRET = 'webhook-secret-of-the-integration', LOCATION = 'abc123';
let sandbox, server, connection, pages;

const sign = (body) => createHmac('sha256', SECRET).update(body).digest('hex');
const post = (body, headers = {}, path = '/api/webhook') => server.anonymous('POST', path, body, headers);
const contactBy = (email) => until(email, async () =>
  (await server.api('GET', '/api/v1/contacts?limit=500')).body.data.find((c) => c.email === email));

const ownTemplate = `
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [leads]}
streams:
  - type: DeclarativeStream
    name: leads
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "https://pages.example.com", path: leads}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
spec:
  type: Spec
  connection_specification: {type: object, additionalProperties: true, properties: {appSecret: {type: string, airbyte_secret: true}}}
metadata:
  tidemark:
    name: pages
    account: pageId
    entities: {leads: {kind: leads, fields: {name: name}, roles: {title: name}}}
    webhooks:
      account: "$.page"
      type: field
      each: [entry, changes]
      secret_fields: [appSecret]
      handshake: {challenge: hub.challenge, token: hub.verify_token}
      verify: [{kind: hmac_sha256, header: X-Hub-Signature-256, prefix: "sha256="}]
      events: {leadgen: {stream: leads, record: value, time: value.at}}
`;

before(async () => {
  mkdirSync(join(data, 'templates'), { recursive: true });
  writeFileSync(join(data, 'templates', 'pages.yaml'), ownTemplate);
  sandbox = await startSandbox({ sizes: { contacts: 5 } });
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'GHL', platform: 'gohighlevel', webhookSecret: SECRET,
    credentials: { apiKey: 'your-api-key', locationId: LOCATION, baseUrl: `${sandbox.url}/gohighlevel` },
  });
  assert.equal(made.status, 201, made.text);
  connection = made.body.data.id;
  pages = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Pages', platform: 'pages', webhookSecret: 'verify-me', credentials: { pageId: '153', appSecret: 'the-app-secret' },
  });
  assert.equal(pages.status, 201, pages.text);
});

after(() => stopAll(data, server, sandbox));

test('contact.created in the envelope, signed: accepted, and the contact is there', async () => {
  const body = JSON.stringify({
    type: 'contact.created', source: 'gohighlevel',
    payload: { id: 'contact-1', locationId: LOCATION, name: 'John Doe', firstName: 'John', lastName: 'Doe', email: 'john@example.com',
      phone: '+14155550123', city: 'Austin', state: 'TX', postalCode: '73301', country: 'US', createdAt: new Date().toISOString(),
      dateAdded: new Date().toISOString() },
  });
  const reply = await post(body, { 'x-webhook-signature': sign(body) });
  assert.deepEqual([reply.status, reply.body], [200, { status: 'accepted', trust: 'signed' }]);
  assert.equal((await post(body, { 'x-webhook-signature': sign(`${body} `) })).status, 401);
  assert.deepEqual((await post(body, { 'x-webhook-signature': '' })).body, { statusCode: 401, message: 'The signature or the token is wrong, or its time is more than 5 minutes off', error: 'Unauthorized' });
  assert.equal((await contactBy('john@example.com')).name, 'John Doe');
});

test('unsigned it is a hint, whatever the body says of its own signature (D7)', async () => {
  const reply = await post({ type: 'contact.created', source: 'gohighlevel', signature: 'x', payload: { id: 'forged', locationId: LOCATION, name: 'Forged' } });
  assert.deepEqual([reply.status, reply.body], [202, { status: 'accepted', trust: 'hint' }]);
  await drained(server);
  assert.ok(!(await server.api('GET', '/api/v1/contacts?limit=500')).body.data.some((c) => c.name === 'Forged'));
});

test('an unknown type: 200 unhandled, in the words of the document', async () => {
  const reply = await post({ type: 'invoice.paid', source: 'gohighlevel', payload: { locationId: LOCATION } });
  assert.deepEqual([reply.status, reply.body], [200, { status: 'unhandled', message: 'Type invoice.paid not implemented' }]);
});

test("HighLevel's own flat body at the same address is its template's", async () => {
  const body = JSON.stringify({ type: 'ContactCreate', locationId: LOCATION, id: 'contact-2', name: 'Flat Body', email: 'flat@example.com',
    dateAdded: new Date().toISOString(), timestamp: new Date().toISOString(), webhookId: 'delivery-2' });
  assert.deepEqual((await post(body, { 'x-webhook-signature': sign(body) })).body, { status: 'accepted', trust: 'signed' });
  assert.equal((await contactBy('flat@example.com')).name, 'Flat Body');
  const again = await post(body, { 'x-webhook-signature': sign(body) });
  assert.equal(again.body.duplicate, true);
});

test('what is missing is said in the dialect of the document', async () => {
  for (const body of [{ source: 'gohighlevel', payload: {} }, { type: 'contact.created', payload: {} }, '[]', 'x'])
    assert.equal((await post(body)).status, 400, JSON.stringify(body));
  const unknown = await post({ type: 'contact.created', source: 'nobody', payload: {} });
  assert.deepEqual([unknown.status, unknown.body.error], [404, 'Not Found']);
});

test('a handshake gives the challenge back, once the verify token is right', async () => {
  const ask = (token) => server.anonymous('GET', `/api/v1/sync/pages/webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`);
  const good = await ask('verify-me');
  assert.deepEqual([good.status, good.text], [200, '1158201444']);
  assert.equal((await ask('guess')).status, 401);
  assert.equal((await ask('')).status, 401);
  const envelope = await server.anonymous('GET', '/api/webhook');
  assert.deepEqual([envelope.status, envelope.headers.get('allow')], [405, 'POST']);
  const own = await server.anonymous('GET', `/api/v1/webhooks/${pages.body.data.id}?hub.challenge=7&hub.verify_token=verify-me`);
  assert.deepEqual([own.status, own.text], [200, '7']);
});

test("an app's key signs for all: only the account in the event says whose it is; a list is applied item by item", async () => {
  const event = (page) => JSON.stringify({ page, entry: [{ changes: [
    { field: 'leadgen', value: { id: '1', name: 'One', at: Date.now() / 1000 } }, { field: 'feed', value: {} },
    { field: 'leadgen', value: { id: '2', name: 'Two', at: Date.now() / 1000 } }] }] });
  const send = (page, key) => {
    const body = event(page);
    return post(body, { 'X-Hub-Signature-256': `sha256=${createHmac('sha256', key).update(body).digest('hex')}` }, '/api/v1/sync/pages/webhook');
  };
  assert.equal((await send('153', 'another-app-secret')).status, 401);
  assert.deepEqual((await send('153', 'the-app-secret')).body, { status: 'accepted', trust: 'signed' });
  assert.deepEqual((await send('999', 'the-app-secret')).body, { status: 'accepted', trust: 'hint' }); // nobody's page
  await drained(server);
  const [row] = await events(server, '?type=leadgen');
  assert.equal(row.status, 'applied', JSON.stringify(row));
  const leads = (await server.api('GET', `/api/v1/records/${pages.body.data.id}/leads`)).body.data;
  assert.deepEqual(leads.map((l) => l.name).sort(), ['One', 'Two']);
});

test('setup-webhook where programs cannot register: the address, and where to click', async () => {
  const { status, body } = await server.api('POST', `/api/v1/sync/connections/${connection}/setup-webhook`);
  assert.deepEqual([status, body.success, body.registered], [200, true, false]);
  assert.match(body.instructions, /Marketplace/);
});

test("the vendor's own key, given by a person: its signature is taken, an altered body is not", async () => {
  const vendor = (method, path, body) => sandbox.raw(method, `/gohighlevel${path}`, body, { authorization: 'Bearer pit-x', version: '2021-07-28' });
  const { body: { publicKey } } = await vendor('GET', '/_webhooks/key');
  const found = await vendor('POST', '/contacts/search', { locationId: LOCATION, pageLimit: 1 });
  const [contact] = found.body.contacts;
  const event = (await vendor('POST', `/_webhooks/ContactCreate/${contact.id}?locationId=${LOCATION}`)).body;
  assert.equal(JSON.parse(event.body).locationId, LOCATION, event.body);
  const unchecked = await post(event.body, { 'x-ghl-signature': event.headers['x-ghl-signature'] });
  assert.equal(unchecked.body.trust, 'hint', 'without the key nobody can say');
  const changed = await server.api('PATCH', `/api/v1/sync/connections/${connection}?test=false`, { config: { webhookPublicKey: publicKey } });
  assert.equal(changed.status, 200, changed.text);
  const fresh = (await vendor('POST', `/_webhooks/ContactCreate/${contact.id}?locationId=${LOCATION}`)).body;
  assert.equal((await post(`${fresh.body} `, { 'x-ghl-signature': fresh.headers['x-ghl-signature'] })).status, 401);
  assert.deepEqual((await post(fresh.body, { 'x-ghl-signature': fresh.headers['x-ghl-signature'] })).body, { status: 'accepted', trust: 'signed' });
});

test('a flood without proof is limited per address, with a time to come back; proven events go on (F43)', async () => {
  const other = await startTidemark({ env: { ...loopback, TIDEMARK_WEBHOOKS_HINT_RATE: '2' } });
  try {
    const made = await other.api('POST', '/api/v1/sync/connections?test=false', {
      name: 'C', platform: 'chatwoot', webhookSecret: SECRET, credentials: { accountId: '1', accessToken: 'test', baseUrl: 'http://127.0.0.1:9' } });
    assert.equal(made.status, 201, made.text);
    const body = (i) => JSON.stringify({ event: 'contact_updated', account: { id: 1 }, id: i });
    // Ten seconds' worth at once, and then two a second.
    const began = performance.now(), replies = [], isLimited = (r) => r.status === 429;
    while (!replies.some(isLimited)) {
      const from = replies.length;
      replies.push(...await Promise.all(Array.from({ length: 60 }, (_, i) => other.anonymous('POST', '/api/v1/sync/chatwoot/webhook', body(from + i)))));
    }
    const limited = replies.filter(isLimited), taken = replies.length - limited.length;
    const most = 21 + 2 * (performance.now() - began) / 1000;
    assert.ok(taken >= 20 && taken <= most, `${taken} of ${replies.length} were taken, ${most} may be`);
    for (const reply of limited) assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    const signed = body(1_000_000);
    assert.equal((await other.anonymous('POST', '/api/v1/sync/chatwoot/webhook', signed, { 'x-webhook-signature': sign(signed) })).status, 200);
    // HighLevel repeats nothing but 429; Chatwoot's vendor is away here, so what was taken waits for another try and is seen to.
    const waiting = await until('an event waits for another try', async () => (await events(other, '?status=pending')).find((e) => e.attempts > 0));
    assert.ok(waiting.errorCode && waiting.dueAt, JSON.stringify(waiting));
  } finally {
    await other.stop();
    removeFolder(other.data);
  }
});
