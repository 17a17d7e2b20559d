// The examples of the integrations document (seed 002), each test named by its heading. Where the contract decides otherwise the
// test says why. The vendor is the simulated HighLevel; the host, tokens and ids are ours.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { peopleYaml } from './lib/people.mjs';
import { removeFolder, sqlIn, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const data = tempFolder('seed002');
const LOCATION = 've9EPM428h8vShlRW1KT';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NETWORK = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', TIDEMARK_INTERVAL: '30d', TIDEMARK_FULL_INTERVAL: '30d' };
const SECRET = 'webhook-secret-of-the-test';
let server, sandbox, ai, template, account, userToken;

const api = (method, path, body, headers) => server.api(method, path, body, headers);
const admin = (method, path, body) => api(method, `/api/admin${path}`, body);
const ok = (reply, status = 200) => {
  assert.equal(reply.status, status, JSON.stringify(reply.body));
  return reply.body;
};
const assertError = ({ status, body }, code, error, message) => {
  assert.equal(status, code, JSON.stringify(body));
  assert.deepEqual(Object.keys(body).sort(), ['error', 'message', 'statusCode']);
  assert.deepEqual([body.statusCode, body.error], [code, error]);
  if (message) assert.match(body.message, message);
};
const asTenant = (method, path, body) => fetch(server.url + path, {
  method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${userToken}`, 'content-type': 'application/json' },
}).then(async (reply) => ({ status: reply.status, body: await reply.json().catch(() => null) }));

// The database as a person opens it. The server may be writing at the same time.
const sql = (folder, text) => sqlIn(folder, text).split('\n').filter(Boolean);
const tidemarkSql = (text) => sql(data, text);

// An integration of the sub-account, as the document's config has it.
const configure = async (more = {}, config = {}) => ok(await admin('POST', '/integrations', {
  subAccountId: account.id, integrationTemplateId: template.id, name: 'Main CRM', ...more,
  config: { apiKey: 'your-api-key', locationId: LOCATION, baseUrl: `${sandbox.url}/gohighlevel`, ...config },
}), 201);
const send = (event, { secret = SECRET, headers = {} } = {}) => {
  const body = JSON.stringify(event);
  // The document's verifyWebhookSignature: HMAC-SHA256 over the raw body, in hex.
  const signature = secret && { 'x-webhook-signature': crypto.createHmac('sha256', secret).update(body).digest('hex') };
  return server.anonymous('POST', '/api/webhook', body, { ...signature, ...headers });
};
const leads = async () => (await asTenant('GET', '/api/leads?limit=500')).body.data;
const leadNamed = (name) => until(`the lead ${name}`, async () => (await leads()).find((l) => l.name === name));
const contactCreated = (payload) => ({ type: 'contact.created', source: 'gohighlevel', payload: { locationId: LOCATION, ...payload } });

before(async () => {
  ai = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => { text += part; });
    request.on('end', () => {
      ai.asked.push({ url: request.url, key: request.headers.authorization, body: JSON.parse(text) });
      response.writeHead(ai.status, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: ' Welcome aboard! ' } }] }));
    });
  });
  Object.assign(ai, { asked: [], status: 200 });
  await new Promise((resolve) => ai.listen(0, '127.0.0.1', resolve));
  sandbox = await startSandbox({ sizes: { 'gohighlevel.contacts': 30 } });
  server = await startTidemark({ data, env: { ...NETWORK, TIDEMARK_AI_BASE_URL: `http://127.0.0.1:${ai.address().port}/v1`,
    TIDEMARK_AI_MODEL: 'a-model', TIDEMARK_AI_API_KEY: 'sk-of-the-test' } });
  template = (await api('GET', '/api/integration-templates')).body.data.find((t) => t.name === 'gohighlevel');
  account = ok(await admin('POST', '/sub-accounts', { name: 'Acme', key: 'acme' }), 201);
  userToken = ok(await api('POST', '/api/v1/keys', { name: 'tenant', role: 'user' }, { 'X-Tenant-Id': 'acme' }), 201).data.key;
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  ai?.closeAllConnections();
  ai?.close();
  removeFolder(data);
});

// ---- 2. Integration Templates ----

test('2 Template Model: the fields of the schema; public, without counts', async () => {
  const { status, body } = await server.anonymous('GET', `/api/integration-templates/${template.id}`);
  assert.equal(status, 200);
  for (const field of ['id', 'name', 'displayName', 'description', 'category', 'icon', 'isActive', 'configSchema', 'setupInstructions',
    'webhookUrl', 'apiVersion', 'createdAt', 'updatedAt']) assert.ok(field in body, field);
  assert.ok(Number.isInteger(body.id));
  assert.equal(body.isActive, true);
  assert.ok(!('integrationsCount' in body));
  assert.equal((await api('GET', `/api/integration-templates/${template.uuid}`)).body.integrationsCount, 0);
  assertError(await server.anonymous('GET', '/api/integration-templates/999'), 404, 'Not Found');
});

test('2 Template Schema (JSON Schema): the members of the example', async () => {
  const { configSchema } = template;
  assert.equal(configSchema.type, 'object');
  for (const name of ['apiKey', 'locationId', 'calendarId', 'webhookUrl', 'baseUrl', 'clientId', 'clientSecret']) {
    assert.equal(configSchema.properties[name]?.type, 'string', name);
    assert.ok(configSchema.properties[name].title, name);
  }
  assert.equal(configSchema.properties.apiKey.format, 'password');
  // The example requires apiKey in every case; a location that signs in by OAuth has none, so here it is required unless authType is oauth.
  assertError(await admin('POST', '/integrations', { subAccountId: account.id, integrationTemplateId: template.id, name: 'x', config: { locationId: LOCATION } }),
    400, 'Bad Request', /apiKey/);
  // The defaults of the example are API 1.0, which the vendor ended in 2025 (vendors): the present address and version stand there.
  assert.equal(configSchema.properties.baseUrl.default, 'https://services.leadconnectorhq.com');
});

test('2 Default Templates: GoHighLevel', () => {
  assert.deepEqual([template.name, template.displayName, template.category], ['gohighlevel', 'GoHighLevel CRM', 'CRM']);
});

test('2 Template CRUD Operations: create as printed is in the house already; another name works', async () => {
  const printed = { name: 'gohighlevel', displayName: 'GoHighLevel CRM', category: 'CRM', configSchema: {}, setupInstructions: '# Setup Guide\n...' };
  // The template of the example is built in (contract, section 5), so its name is taken.
  assertError(await admin('POST', '/integration-templates', printed), 409, 'Conflict', /gohighlevel/);
  const made = ok(await admin('POST', '/integration-templates', {
    ...printed, name: 'facebook_pages', displayName: 'Facebook Pages', category: 'Advertising',
    configSchema: { type: 'object', required: ['accessToken'], properties: { accessToken: { type: 'string', format: 'password' }, region: { type: 'string', enum: ['eu', 'us'], default: 'eu' } } },
  }), 201);
  assert.deepEqual([made.name, made.setupInstructions, made.isActive, made.integrationsCount], ['facebook_pages', '# Setup Guide\n...', true, 0]);
  const all = (await api('GET', '/api/integration-templates')).body;
  assert.ok(all.data.some((t) => t.id === made.id && t.integrationsCount === 0));
  assert.ok(all.meta.total >= 2);
  assert.equal(ok(await api('GET', `/api/integration-templates/${made.id}`)).displayName, 'Facebook Pages');
  assert.equal(ok(await admin('PATCH', `/integration-templates/${made.id}`, { description: 'Ads', id: 77, integrationsCount: 9, builtIn: true })).description, 'Ads');
  const integration = ok(await admin('POST', '/integrations', { subAccountId: account.uuid, integrationTemplateId: made.id, name: 'Pages', config: { accessToken: 'token-1234' } }), 201);
  assert.deepEqual(integration.config, { accessToken: '••••1234', region: 'eu' }, 'defaults are applied, secrets masked');
  assertError(await admin('DELETE', `/integration-templates/${made.id}`), 409, 'Conflict', /in use/);
  ok(await admin('DELETE', `/integrations/${integration.id}`), 204);
  ok(await admin('DELETE', `/integration-templates/${made.id}`), 204);
  assertError(await admin('DELETE', `/integration-templates/${made.id}`), 404, 'Not Found');
});

test('2 a configSchema that is no JSON Schema is refused, draft-07 and 2020-12', async () => {
  const make = (configSchema) => admin('POST', '/integration-templates', { name: 'broken', displayName: 'B', category: 'C', configSchema });
  for (const $schema of ['http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema'])
    assertError(await make({ $schema, type: 'strin' }), 400, 'Bad Request', /configSchema/);
  assertError(await make([]), 400, 'Bad Request', /configSchema/);
  assertError(await make({ properties: { a: { $ref: 'https://example.com/other.json' } } }), 400, 'Bad Request');
  assertError(await admin('POST', '/integration-templates', { name: 'Facebook Ads', displayName: 'B', category: 'C', configSchema: {} }), 400, 'Bad Request', /name/);
});

test('2 a template with a manifest is synced like a built-in one', async () => {
  const manifest = `${peopleYaml({ url: "{{ config['baseUrl'] }}", field: '' })}
spec:
  type: Spec
  connection_specification: {type: object, required: [baseUrl], properties: {baseUrl: {type: string, format: uri}}}
metadata: {tidemark: {display_name: People, category: CRM, entities: {people: {kind: contacts, singular: Contact, fields: {name: name, email: email}, roles: {email: email}}}}}
`;
  const vendor = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'application/json' })
    .end(JSON.stringify([{ id: 1, name: 'Ana', email: 'ana@people.example.com' }])));
  await new Promise((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  try {
    assertError(await admin('POST', '/integration-templates', { name: 'people', manifest: 'version: 6.0.0\nstreams: 5' }), 400, 'Bad Request', /manifest/);
    const made = ok(await admin('POST', '/integration-templates', { name: 'people', manifest }), 201);
    assert.deepEqual([made.displayName, made.canSync, made.configSchema.required], ['People', true, ['baseUrl']]);
    const integration = ok(await admin('POST', '/integrations', { subAccountId: 'acme', integrationTemplateId: made.id, name: 'P', config: { baseUrl: `http://127.0.0.1:${vendor.address().port}` } }), 201);
    assert.equal(ok(await admin('POST', `/integrations/${integration.id}/test`)).message, 'Successfully connected to People');
    const { runId } = ok(await admin('POST', `/integrations/${integration.id}/sync`));
    const run = await until('the run ends', async () => {
      const { body } = await api('GET', `/api/v1/sync/runs/${runId}`, undefined, { 'X-Tenant-Id': 'acme' });
      return body.data.status === 'success' ? body.data : null;
    });
    assert.equal(run.recordsCreated, 1);
    ok(await admin('DELETE', `/integrations/${integration.id}?purge=true`), 204);
    ok(await admin('DELETE', '/integration-templates/people'), 204);
  } finally {
    vendor.closeAllConnections();
    vendor.close();
  }
});

// ---- 3, 6, 8, 9: integrations, their status and their test ----

let main;

test('3 Integration Model: created pending and off, secrets masked', async () => {
  main = await configure({ description: 'The agency', webhookSecret: SECRET, status: 'active', lastSyncAt: '2020-01-01T00:00:00Z', id: 4711 });
  assert.ok(Number.isInteger(main.id) && main.id !== 4711);
  assert.deepEqual([main.subAccountId, main.integrationTemplateId, main.name, main.description], [account.id, template.id, 'Main CRM', 'The agency']);
  assert.deepEqual([main.isActive, main.status, main.lastSyncAt, main.errorMessage], [false, 'pending', null, null], 'status and times are not a caller\'s to set');
  assert.equal(main.config.apiKey, '••••-key');
  assert.equal(main.config.locationId, LOCATION);
  assert.ok(!JSON.stringify(main).includes(SECRET), 'webhookSecret is write-only');
  assert.equal(main.hasWebhookSecret, true);
  assert.match(main.createdAt, TIME);
  assert.equal(ok(await admin('GET', `/integrations/${main.uuid}`)).id, main.id, 'its paths take integer and uuid');
});

test('3 Integration Testing and 9 API Validation: the GHL example', async () => {
  const body = ok(await admin('POST', `/integrations/${main.id}/test`));
  assert.equal(body.success, true);
  assert.equal(body.message, 'Successfully connected to GoHighLevel');
  assert.ok(body.data.locationsCount >= 1);
  assert.equal(typeof body.data.apiVersion, 'string');
});

test('3 Integration Activation, 9 Test Result Handling: success makes it active', async () => {
  const now = ok(await admin('GET', `/integrations/${main.id}`));
  assert.deepEqual([now.status, now.isActive, now.errorMessage], ['active', true, null]);
  // The document moves lastSyncAt on a test; here it moves on a successful sync only, and the test has lastTestedAt (contract, section 1; D6).
  assert.equal(now.lastSyncAt, null);
  assert.match(now.lastTestedAt, TIME);
});

test('9 Test Result Handling: failure is 200 with the vendor\'s words; isActive stays false', async () => {
  const bad = await configure({ name: 'Refused' }, { apiKey: 'invalid' });
  const body = ok(await admin('POST', `/integrations/${bad.id}/test`));
  assert.equal(body.success, false);
  assert.match(body.message, /^Connection failed: .*Invalid JWT/);
  assert.ok(!JSON.stringify(body).includes('invalid"'));
  const now = ok(await admin('GET', `/integrations/${bad.id}`));
  assert.deepEqual([now.status, now.isActive, now.lastSyncAt], ['error', false, null]);
  assert.match(now.errorMessage, /Invalid JWT/);
  // error -> active (after successful reconnection): the message is cleared.
  ok(await admin('PATCH', `/integrations/${bad.id}`, { config: { apiKey: 'your-api-key', baseUrl: `${sandbox.url}/gohighlevel` } }));
  assert.equal(ok(await admin('POST', `/integrations/${bad.id}/test`)).success, true);
  const again = ok(await admin('GET', `/integrations/${bad.id}`));
  assert.deepEqual([again.status, again.isActive, again.errorMessage], ['active', true, null]);
  ok(await admin('DELETE', `/integrations/${bad.id}`), 204);
});

test('9 Connection Validation: a type without a test says so, and nothing changes', async () => {
  const made = ok(await admin('POST', '/integration-templates', { name: 'google_reports', displayName: 'Google Reports', category: 'Analytics', configSchema: { type: 'object' } }), 201);
  const integration = ok(await admin('POST', '/integrations', { subAccountId: account.id, integrationTemplateId: 'google_reports', name: 'GA', config: {} }), 201);
  assert.deepEqual(ok(await admin('POST', `/integrations/${integration.id}/test`)), { success: false, message: 'Test not implemented for this integration type' });
  assert.equal(ok(await admin('GET', `/integrations/${integration.id}`)).status, 'pending');
  // Manual Activation: where there is no test, a person's word is taken.
  const active = ok(await admin('POST', `/integrations/${integration.id}/activate`));
  assert.deepEqual([active.status, active.isActive], ['active', true]);
  assertError(await admin('POST', `/integrations/${integration.id}/sync`), 400, 'Bad Request', /configured, not synced/);
  ok(await admin('DELETE', `/integrations/${integration.id}`), 204);
  ok(await admin('DELETE', `/integration-templates/${made.id}`), 204);
});

test('3 Status Transitions, 8 Status Updates: active -> disconnected -> active', async () => {
  const off = ok(await admin('POST', `/integrations/${main.id}/disconnect`));
  assert.deepEqual([off.status, off.isActive], ['disconnected', false]);
  assertError(await admin('POST', `/integrations/${main.id}/sync`), 409, 'Conflict', /off/);
  assert.equal(ok(await admin('POST', `/integrations/${main.id}/test`)).success, true);
  assert.equal(ok(await admin('GET', `/integrations/${main.id}`)).status, 'disconnected', 'a test does not undo what a person switched off');
  const on = ok(await admin('POST', `/integrations/${main.id}/activate`));
  assert.deepEqual([on.status, on.isActive], ['active', true]);
  assert.deepEqual([ok(await admin('PATCH', `/integrations/${main.id}`, { isActive: false })).status, ok(await admin('POST', `/integrations/${main.id}/activate`)).status],
    ['disconnected', 'active']);
});

test('6 Integration Activation Flow: setup-ghl-webhook', async () => {
  for (const path of ['setup-ghl-webhook', 'setup-webhook']) {
    const body = ok(await admin('POST', `/integrations/${main.id}/${path}`));
    assert.equal(body.success, true);
    assert.ok(body.webhookUrl.includes(`/api/v1/webhooks/${main.uuid}?token=`), body.webhookUrl);
    // The document posts to /webhooks of the vendor. No such call exists (vendors): it says what to click instead.
    assert.equal(body.registered, false);
    assert.match(body.instructions, /Marketplace|workflow/);
  }
});

// ---- 4. actions ----

test('4 GHL API Client: every key method is an action', async () => {
  const act = async (name, input) => ok(await admin('POST', `/integrations/${main.id}/actions/${name}`, input)).data;
  assert.ok(JSON.stringify(await act('search-locations', {})).includes(LOCATION));
  assert.equal((await act('get-location', {})).id, LOCATION);
  assert.ok(JSON.stringify(await act('get-calendars', {})).includes('id'));
  const contact = await act('create-contact', { firstName: 'Rita', email: 'rita@example.com' });
  assert.ok(contact.id);
  assert.ok(await act('update-contact', { contactId: contact.id, contact: { firstName: 'Rita Maria' } }));
  assert.ok(JSON.stringify(await act('search-contacts', { query: 'rita@example.com' })).includes('rita'));
  assertError(await admin('POST', `/integrations/${main.id}/actions/launch-rocket`, {}), 404, 'Not Found', /search-locations/);
});

// ---- 4, 6, 10, 11: contact.created becomes a lead ----

const PAYLOAD = {
  id: 'contact-001', name: 'John Doe', firstName: 'John', lastName: 'Doe', email: 'john@example.com', phone: '+15125550123', company: 'Acme Inc',
  address: '1 Main St', city: 'El Paso', state: 'TX', postalCode: '79901', country: 'US', source: 'website', tags: ['vip'], customFields: {},
  createdAt: '2026-11-20T10:00:00.000Z', updatedAt: '2026-11-20T10:00:00.000Z',
};

test('11 Contact Created, without a user: the lead is kept, and an alert is raised', async () => {
  assert.equal((await send(contactCreated({ ...PAYLOAD, id: 'contact-000', name: 'Nobody\'s Lead', email: 'nobody@example.com', phone: null }))).status, 200);
  const lead = await leadNamed('Nobody\'s Lead');
  assert.deepEqual([lead.regularUserId, lead.strategyId, lead.subAccountId], [null, null, account.id]);
  const alert = await until('the alert', async () => tidemarkSql(`SELECT data FROM changes WHERE type = 'alert.raised' AND data LIKE '%LEAD_UNASSIGNED%'`)[0]);
  assert.ok(alert.includes(lead.uuid));
});

test('4 Contact Synchronization, 6 Data Sync Flow, 11 Contact Created: lead with user, strategy and time zone', async () => {
  const user = ok(await admin('POST', `/sub-accounts/${account.id}/users`, { name: 'Uma', email: 'uma@example.com' }), 201);
  ok(await admin('POST', `/sub-accounts/${account.id}/users`, { name: 'Second', email: 'second@example.com' }), 201);
  const strategy = ok(await admin('POST', `/sub-accounts/${account.id}/strategies`, { regularUserId: user.id, name: 'Nurture' }), 201);
  ok(await admin('POST', `/sub-accounts/${account.id}/strategies`, { regularUserId: user.id, name: 'Later' }), 201);
  const reply = await send(contactCreated(PAYLOAD));
  assert.equal(reply.status, 200, reply.text);
  const lead = await leadNamed('John Doe');
  assert.deepEqual([lead.regularUserId, lead.strategyId, lead.subAccountId, lead.status], [user.id, strategy.id, account.id, 'new']);
  assert.deepEqual([lead.email, lead.phone, lead.company, lead.city, lead.source], ['john@example.com', '+15125550123', 'Acme Inc', 'El Paso', 'website']);
  assert.equal(lead.timezone, 'America/Denver', 'by postal code: El Paso is not on the time of its state');
  assert.ok(Number.isInteger(lead.id));
  assert.equal((await asTenant('GET', `/api/leads/${lead.id}`)).body.uuid, lead.uuid);
  assert.equal((await asTenant('GET', `/api/leads/${lead.uuid}`)).body.id, lead.id);
  const entity = (await api('GET', `/api/v1/leads/${lead.uuid}`, undefined, { 'X-Tenant-Id': 'acme' })).body.data;
  assert.equal(entity.externalIds[0].externalId, 'contact-001');
});

test('11 the same contact again updates its lead; what a person changed stays; twice the same event changes nothing (I-21)', async () => {
  const before_ = await leadNamed('John Doe');
  ok(await api('PATCH', `/api/v1/leads/${before_.uuid}`, { status: 'qualified', company: 'Acme Ltd' }, { 'X-Tenant-Id': 'acme' }));
  const event = contactCreated({ ...PAYLOAD, phone: '+15125550199', updatedAt: '2026-11-21T10:00:00.000Z', dateUpdated: '2026-11-21T10:00:00.000Z' });
  assert.equal((await send(event)).status, 200);
  const lead = await until('the new phone', async () => (await leads()).find((l) => l.phone === '+15125550199'));
  assert.deepEqual([lead.id, lead.status, lead.company], [before_.id, 'qualified', 'Acme Ltd']);
  // The message is a change of the lead too, and comes when its writer has thought of one.
  await until('its welcome message', async () => (await leadNamed('John Doe')).welcomeMessage);
  const { version } = (await api('GET', `/api/v1/leads/${lead.uuid}`, undefined, { 'X-Tenant-Id': 'acme' })).body.data;
  assert.equal((await send(event)).status, 200);
  await until('nothing is pending', async () => (await api('GET', '/api/v1/webhooks/events?status=pending&limit=1', undefined, { 'X-Tenant-Id': 'acme' })).body.data.length === 0);
  assert.equal((await api('GET', `/api/v1/leads/${lead.uuid}`, undefined, { 'X-Tenant-Id': 'acme' })).body.data.version, version);
  assert.equal((await leads()).filter((l) => l.email === 'john@example.com').length, 1);
});

test('11 name: payload.name, else first and last name', async () => {
  const { name, ...nameless } = PAYLOAD;
  await send(contactCreated({ ...nameless, id: 'contact-002', firstName: 'Ana', lastName: 'Souza', email: 'ana@example.com', phone: '+5511999990000', city: 'São Paulo', state: 'SP', postalCode: '01310-100', country: 'BR' }));
  assert.equal((await leadNamed('Ana Souza')).timezone, 'America/Sao_Paulo');
  assert.equal(name, 'John Doe');
});

test('6 Generate welcome message (optional): asked for once, kept on the lead; its failure does not lose the lead', async () => {
  const lead = await until('the message', async () => (await leads()).find((l) => l.name === 'Ana Souza' && l.welcomeMessage));
  assert.equal(lead.welcomeMessage, 'Welcome aboard!');
  const [asked] = ai.asked.filter((a) => JSON.stringify(a.body).includes('Ana Souza'));
  assert.equal(asked.url, '/v1/chat/completions');
  assert.equal(asked.key, 'Bearer sk-of-the-test');
  assert.equal(asked.body.model, 'a-model');
  assert.ok(!JSON.stringify(asked.body).includes('ana@example.com') && !JSON.stringify(asked.body).includes('99999'), 'neither e-mail nor phone leave the house');
  ai.status = 500;
  await send(contactCreated({ ...PAYLOAD, id: 'contact-003', name: 'Unlucky', email: 'unlucky@example.com' }));
  await leadNamed('Unlucky');
  await until('the endpoint was asked', () => ai.asked.some((a) => JSON.stringify(a.body).includes('Unlucky')));
  assert.equal((await leadNamed('Unlucky')).welcomeMessage ?? null, null);
  ai.status = 200;
  await until('tried again', async () => (await leads()).find((l) => l.name === 'Unlucky' && l.welcomeMessage));
});

test('5 GHL Webhook Events and 11 Outbound Messages: logged to the conversation history with their status', async () => {
  const reply = await send({ type: 'outbound.message', source: 'gohighlevel', payload: {
    contactId: 'contact-001', locationId: LOCATION, messageType: 'SMS', body: 'Hello from the CRM', from: '+15125550100', to: '+15125550123', direction: 'outbound', status: 'delivered', timestamp: '2026-11-21T11:00:00.000Z',
  } });
  // The printed payload has no locationId; without one nobody can say whose it is, and the event is answered as one of an unknown account (contract, section 7).
  assert.equal(reply.status, 200, reply.text);
  const message = await until('the message', async () => (await asTenant('GET', '/api/v1/messages?limit=500')).body.data.find((m) => m.content === 'Hello from the CRM'));
  assert.deepEqual([message.direction, message.status], ['outgoing', 'delivered']);
});

test('10 Outbound, message sending: POST /api/v1/messages with a connection', async () => {
  const [contact] = ok(await admin('POST', `/integrations/${main.id}/actions/search-contacts`, { limit: 1 })).contacts ?? [ok(await admin('POST', `/integrations/${main.id}/actions/create-contact`, { firstName: 'To', email: 'to@example.com' })).data];
  const sent = await asTenant('POST', '/api/v1/messages', { connectionId: main.uuid, contactId: contact.id, type: 'SMS', content: 'On our way' });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  assert.deepEqual([sent.body.data.status, sent.body.data.connectionId], ['sent', main.uuid]);
  assert.equal((await asTenant('POST', '/api/v1/messages', { connectionId: main.uuid, content: 'x' })).status, 400);
  assert.equal((await asTenant('POST', '/api/v1/messages', { content: 'Kept here' })).status, 201);
});

test('5 Webhook Handlers: another type is kept and said to be unhandled', async () => {
  const { status, body } = await send({ type: 'appointment.sung', source: 'gohighlevel', payload: { locationId: LOCATION } });
  assert.equal(status, 200);
  assert.deepEqual(body, { status: 'unhandled', message: 'Type appointment.sung not implemented' });
});

test('5 Webhook Security, 12 Webhook Verification: a wrong signature is 401, none is only a hint', async () => {
  assert.equal((await send(contactCreated({ ...PAYLOAD, id: 'contact-666', name: 'Forged' }), { secret: 'another' })).status, 401);
  const hint = await send(contactCreated({ ...PAYLOAD, id: 'contact-667', name: 'Unsigned' }), { secret: null });
  assert.equal(hint.status, 202);
  await until('nothing is pending', async () => (await api('GET', '/api/v1/webhooks/events?status=pending&limit=1', undefined, { 'X-Tenant-Id': 'acme' })).body.data.length === 0);
  assert.ok(!(await leads()).some((l) => ['Forged', 'Unsigned'].includes(l.name)));
});

// ---- 4. bookings ----

const bookingAt = (id, status) => until(`booking ${status}`, async () => {
  const { body } = await asTenant('GET', `/api/bookings/${id}`);
  return body.syncStatus === status ? body : null;
});

test('4 Booking Synchronization: block slots follow the booking', async () => {
  const lead = await leadNamed('John Doe');
  const [calendar] = ok(await admin('POST', `/integrations/${main.id}/actions/get-calendars`, {})).data.calendars ?? ok(await admin('POST', `/integrations/${main.id}/actions/get-calendars`, {})).data;
  const made = (await asTenant('POST', '/api/bookings', {
    leadId: lead.id, calendarId: calendar.id, title: 'Demo', startTime: '2026-12-01T10:00:00Z', endTime: '2026-12-01T10:30:00Z',
    externalId: 'mine', syncStatus: 'synced', subAccountId: 1,
  }));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual([made.body.status, made.body.leadId, made.body.timezone, made.body.subAccountId, made.body.externalId, made.body.syncStatus],
    ['pending', lead.id, 'America/Denver', account.id, null, 'pending']);
  const synced = await bookingAt(made.body.id, 'synced');
  assert.ok(synced.externalId);
  const moved = await asTenant('PATCH', `/api/bookings/${made.body.uuid}`, { startTime: '2026-12-01T11:00:00Z', endTime: '2026-12-01T11:30:00Z', status: 'confirmed' });
  assert.deepEqual([moved.status, moved.body.status], [200, 'confirmed'], JSON.stringify(moved.body));
  assert.equal((await bookingAt(made.body.id, 'synced')).externalId, synced.externalId, 'moved, not made twice');
  const cancelled = await asTenant('PATCH', '/api/bookings', { id: made.body.id, status: 'cancelled' });
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body));
  assert.equal((await bookingAt(made.body.id, 'synced')).externalId, null, 'the slot is free again');
  const asked = (await sandbox.ledger()).filter((e) => e.target.includes('block-slots') || e.method === 'DELETE').map((e) => e.method);
  assert.deepEqual(asked, ['POST', 'PUT', 'DELETE']);
});

test('4 a vendor\'s failure never loses the booking; bad values are named', async () => {
  ok(await admin('PATCH', `/integrations/${main.id}`, { config: { apiKey: 'invalid', baseUrl: `${sandbox.url}/gohighlevel` } }));
  const made = await asTenant('POST', '/api/bookings', { title: 'Unlucky', calendarId: 'cal', startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T10:30:00Z' });
  assert.equal(made.status, 201);
  const waiting = await bookingAt(made.body.id, 'retrying');
  assert.match(waiting.syncError, /Invalid JWT/);
  ok(await admin('PATCH', `/integrations/${main.id}`, { config: { apiKey: 'your-api-key', baseUrl: `${sandbox.url}/gohighlevel` } }));
  assert.ok((await bookingAt(made.body.id, 'synced')).externalId);
  for (const [body, words] of [[{ title: 'x' }, /startTime/], [{ title: 'x', startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T09:00:00Z' }, /endTime/],
    [{ title: 'x', startTime: 'soon', endTime: 'later' }, /startTime/], [{ startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T11:00:00Z' }, /title/],
    [{ title: 'x', startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T11:00:00Z', status: 'done' }, /status/],
    [{ title: 'x', startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T11:00:00Z', leadId: 999999 }, /leadId/],
    [{ title: 'x', startTime: '2026-12-02T10:00:00Z', endTime: '2026-12-02T11:00:00Z', timezone: 'Mars/Olympus' }, /timezone/]])
    assertError(await asTenant('POST', '/api/bookings', body), 400, 'Bad Request', words);
});

// ---- 7, 12: configuration and its encryption ----

test('7 Configuration Validation: each fault at its place', async () => {
  const bad = await admin('POST', '/integrations', { subAccountId: account.id, integrationTemplateId: template.id, name: 'x', config: { apiKey: 'k', locationId: '../x', calendarId: '!' } });
  // The document answers 'API key is required'; one JSON Schema judges all templates here, so the words are the schema's.
  assertError(bad, 400, 'Bad Request', /config\/calendarId.*config\/locationId/s);
  const problem = await api('POST', '/api/admin/integrations', { subAccountId: account.id, integrationTemplateId: template.id, name: 'x', config: { locationId: '../x', apiKey: 5, calendarId: '!' } }, { Accept: 'application/problem+json' });
  assert.ok(problem.body.errors.length >= 2, JSON.stringify(problem.body));
  assertError(await admin('POST', '/integrations', { subAccountId: 4711, integrationTemplateId: template.id, name: 'x', config: {} }), 404, 'Not Found');
  assertError(await admin('POST', '/integrations', { subAccountId: account.id, name: 'x', config: {} }), 400, 'Bad Request', /integrationTemplateId/);
});

test('7 Configuration Updates: merged; a mask sent back keeps, null removes', async () => {
  const shown = ok(await admin('PATCH', `/integrations/${main.id}`, { config: { calendarId: 'cal-1' } }));
  assert.equal(shown.config.calendarId, 'cal-1');
  const echoed = ok(await admin('PATCH', `/integrations/${main.id}`, { name: 'Renamed', config: { ...shown.config, calendarId: null } }));
  assert.deepEqual([echoed.name, 'calendarId' in echoed.config], ['Renamed', false]);
  assert.equal(ok(await admin('POST', `/integrations/${main.id}/test`)).success, true, 'the key is still the stored one');
  // Another address would be sent the stored key: it must be given again (D27).
  assertError(await admin('PATCH', `/integrations/${main.id}`, { config: { baseUrl: 'https://elsewhere.example.com' } }), 400, 'Bad Request', /credential/);
});

test('12 Credential Encryption: written and read as the document\'s EncryptionService does', async () => {
  const secret = 'a-secret-of-32-characters-or-more!!', folder = tempFolder('cbc');
  const key = crypto.scryptSync(secret, 'salt', 32);
  const decrypt = (encryptedText) => {
    const [ivHex, encrypted] = encryptedText.split(':');
    const decipher = crypto.createDecipheriv('aes-256-cbc', key, Buffer.from(ivHex, 'hex'));
    return decipher.update(encrypted, 'hex', 'utf8') + decipher.final('utf8');
  };
  const encrypt = (plainText) => {
    const iv = crypto.randomBytes(16), cipher = crypto.createCipheriv('aes-256-cbc', key, iv);
    return `${iv.toString('hex')}:${cipher.update(plainText, 'utf8', 'hex')}${cipher.final('hex')}`;
  };
  const start = (format) => startTidemark({ data: folder, env: { ...NETWORK, API_KEY_ENCRYPTION_SECRET: secret, TIDEMARK_SECRET_FORMAT: format } });
  let other = await start('cbc');
  try {
    const call = (method, path, body) => other.api(method, `/api${path}`, body);
    const id = (await call('GET', '/integration-templates')).body.data.find((t) => t.name === 'gohighlevel').id;
    const made = ok(await call('POST', '/admin/integrations', { integrationTemplateId: id, name: 'Old', config: { apiKey: 'your-api-key', locationId: LOCATION, baseUrl: `${sandbox.url}/gohighlevel` } }), 201);
    await other.stop();
    const stored = JSON.parse(sql(folder, `SELECT config FROM connections WHERE id = ${made.id}`)[0]);
    assert.match(stored, /^[0-9a-f]{32}:([0-9a-f]{32})+$/);
    // The whole configuration is one value, not three members (D3).
    assert.equal(JSON.parse(decrypt(stored)).apiKey, 'your-api-key');
    const ours = { ...JSON.parse(decrypt(stored)), calendarId: 'from-node' };
    sql(folder, `UPDATE connections SET config = '"${encrypt(JSON.stringify(ours))}"' WHERE id = ${made.id}`);
    other = await start('gcm');
    assert.equal(ok(await call('GET', `/admin/integrations/${made.id}`)).config.calendarId, 'from-node');
    assert.equal(ok(await call('POST', `/admin/integrations/${made.id}/test`)).success, true);
    ok(await call('PATCH', `/admin/integrations/${made.id}`, { config: { calendarId: 'new' } }));
    await other.stop();
    assert.doesNotMatch(sql(folder, `SELECT config FROM connections WHERE id = ${made.id}`)[0], /^"[0-9a-f]{32}:/, 'written anew in our form');
    other = null;
  } finally {
    await other?.stop();
    removeFolder(folder);
  }
});

test('12 Access Control: templates public, integrations the admin\'s, a tenant sees its own without secrets (I-32)', async () => {
  const foreign = ok(await admin('POST', '/integrations', { subAccountId: 'default', integrationTemplateId: template.id, name: 'Foreign', config: { apiKey: 'foreign-key', locationId: 'other' } }), 201);
  const { body } = await asTenant('GET', '/api/integrations');
  assert.ok(body.data.length >= 1 && body.data.every((i) => i.subAccountId === account.id));
  const text = JSON.stringify(body);
  assert.ok(!text.includes('your-api-key') && !text.includes('••••') && !text.includes('Foreign') && !text.includes(SECRET));
  assert.ok(ok(await admin('GET', '/integrations')).data.some((i) => i.id === foreign.id));
  assert.ok(ok(await admin('GET', `/integrations?subAccountId=${account.id}`)).data.every((i) => i.subAccountId === account.id));
  for (const [method, path] of [['GET', '/integrations'], ['POST', '/integrations'], ['GET', `/integrations/${main.id}`], ['POST', `/integrations/${main.id}/test`],
    ['POST', '/integration-templates'], ['GET', '/sub-accounts'], ['DELETE', `/integrations/${main.id}`]])
    assertError(await asTenant(method, `/api/admin${path}`, method === 'POST' ? {} : undefined), 403, 'Forbidden');
  for (const path of ['/api/integrations', '/api/leads', '/api/bookings', '/api/admin/integrations'])
    assertError(await server.anonymous('GET', path), 401, 'Unauthorized');
  const foreignLead = await api('GET', `/api/leads/${(await leads())[0].uuid}`, undefined, { 'X-Tenant-Id': 'default' });
  const unknown = await api('GET', '/api/leads/01a20231-4b58-7fde-bca6-19ea864bd141', undefined, { 'X-Tenant-Id': 'default' });
  assert.deepEqual([foreignLead.status, foreignLead.text], [404, unknown.text], 'a foreign id is an unknown id');
  ok(await admin('DELETE', `/integrations/${foreign.id}`), 204);
});

// ---- 10. Data Synchronization ----

test('10 Manual Sync: POST /api/admin/integrations/:id/sync; 409 when busy', async () => {
  const body = ok(await admin('POST', `/integrations/${main.id}/sync`));
  assert.deepEqual([body.success, body.status], [true, 'in_progress']);
  const second = await admin('POST', `/integrations/${main.id}/sync`);
  assert.ok([200, 409].includes(second.status));
  await until('the run ends', async () => (await api('GET', `/api/v1/sync/runs/${body.runId}`, undefined, { 'X-Tenant-Id': 'acme' })).body.data.status === 'success');
  assert.match(ok(await admin('GET', `/integrations/${main.id}`)).lastSyncAt, TIME);
});

test('sub-accounts, their users and strategies: admin CRUD; another sub-account\'s user is not there', async () => {
  const other = ok(await admin('POST', '/sub-accounts', { name: 'Other' }), 201);
  const user = ok(await admin('POST', `/sub-accounts/${other.uuid}/users`, { email: 'o@example.com', id: 1, subAccountId: account.id }), 201);
  assert.equal(user.subAccountId, other.id);
  assertError(await admin('POST', `/sub-accounts/${account.id}/strategies`, { regularUserId: user.id, name: 'x' }), 400, 'Bad Request', /regularUserId/);
  assertError(await admin('GET', `/sub-accounts/${account.id}/users/${user.id}`), 404, 'Not Found');
  const strategy = ok(await admin('POST', `/sub-accounts/${other.key}/strategies`, { regularUserId: user.uuid, name: 'x' }), 201);
  assert.equal(ok(await admin('PATCH', `/sub-accounts/${other.id}/strategies/${strategy.id}`, { name: 'y' })).name, 'y');
  assert.equal(ok(await admin('PATCH', `/sub-accounts/${other.id}/users/${user.id}`, { name: 'Olga', role: 'admin' })).role, 'user');
  assert.equal(ok(await admin('PATCH', `/sub-accounts/${other.id}`, { region: 'BR' })).region, 'BR');
  assertError(await admin('DELETE', `/sub-accounts/${account.id}`), 409, 'Conflict');
  ok(await admin('DELETE', `/sub-accounts/${other.id}`), 204);
  assertError(await admin('GET', `/sub-accounts/${other.id}`), 404, 'Not Found');
});

test('the views integrations and integration_templates hold no secret', async () => {
  const text = [...tidemarkSql('SELECT * FROM integrations'), ...tidemarkSql('SELECT * FROM integration_templates')].join('\n');
  assert.ok(text.includes('gohighlevel') && text.includes(main.uuid));
  assert.ok(!text.includes('your-api-key') && !text.includes(SECRET) && !/[0-9a-f]{32}:/.test(text));
});
