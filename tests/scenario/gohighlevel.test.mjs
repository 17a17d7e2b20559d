// GoHighLevel: the template against the simulated vendor, through the doors.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { finishedRun, listAll, startSandbox, startTidemark, tempFolder, withSandbox } from './lib/tidemark.mjs';

const data = tempFolder('ghl');
const SYNC = '/api/v1/sync';
const LOCATION = 've9EPM428h8vShlRW1KT';
let server, sandbox, connection;

const vendor = async (method, path, body, headers = {}) => {
  const reply = await fetch(`${sandbox.url}/gohighlevel${path}`, {
    method, body: body && JSON.stringify(body), headers: { authorization: 'Bearer pit-test', version: '2021-07-28', ...headers },
  });
  return { status: reply.status, body: await reply.json(), headers: reply.headers };
};
const syncAll = async (id, fullSync) => {
  const started = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  return finishedRun(server, started.body.data.runId);
};
const act = (id, action, body) => server.api('POST', `/api/admin/integrations/${id}/actions/${action}`, body);

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ 'gohighlevel.contacts': 230, 'gohighlevel.conversations': 110, 'chatwoot.contacts': 1 }) });
  sandbox = await startSandbox({ sizes: { 'gohighlevel.contacts': 230 } });
  const made = (await server.api('GET', `${SYNC}/connections`)).body.data.find((c) => c.platform === 'gohighlevel');
  connection = made.id;
  const [first] = (await server.api('GET', `${SYNC}/runs?connectionId=${connection}`)).body.data;
  await finishedRun(server, first.id);
});

after(() => stopAll(data, server, sandbox));

test('a full pass adds up, stream by stream', async () => {
  const run = await syncAll(connection, true);
  assert.equal(run.verdict, 'complete', JSON.stringify(run));
  assert.deepEqual(run.streams.map((s) => [s.name, s.recordsRead === s.total || s.total === null]),
    ['contacts', 'conversations', 'messages', 'calendars', 'appointments', 'opportunities'].map((name) => [name, true]));
  assert.ok(run.streams.every((s) => s.recordsRead > 0), JSON.stringify(run.streams));
  assert.equal(run.streams[0].total, 230);
  assert.equal(run.recordsCreated, 0);
});

test('contacts, conversations and messages hang together', async () => {
  const contacts = (await listAll(server, '/api/v1/contacts')).filter((c) => c.customFields?.gohighlevel_id);
  assert.equal(contacts.length, 230);
  assert.equal(contacts[0].customFields.gohighlevel_location_id, LOCATION);
  const [conversation] = (await listAll(server, '/api/v1/conversations')).filter((c) => c.metadata?.gohighlevel_id);
  assert.ok(contacts.some((c) => c.id === conversation.parentId));
  const messages = (await listAll(server, '/api/v1/messages')).filter((m) => m.metadata?.gohighlevel_conversation_id === conversation.metadata.gohighlevel_id);
  assert.ok(messages.length > 0);
  assert.ok(messages.every((m) => ['incoming', 'outgoing'].includes(m.direction)));
});

test('calendars, their appointments and opportunities are there', async () => {
  const records = async (stream) => (await server.api('GET', `/api/v1/records/${connection}/${stream}?limit=500`)).body.data;
  const calendars = await records('calendars'), appointments = await records('appointments');
  assert.deepEqual(calendars.map((c) => c.name).sort(), ['First appointment', 'Follow-up']);
  const known = new Set(calendars.map((c) => c.customFields.gohighlevel_id));
  assert.ok(appointments.length > 10 && appointments.every((a) => known.has(a.calendarId) && a.parentId && a.startTime < a.endTime));
  const deals = (await listAll(server, '/api/v1/deals')).filter((d) => d.customFields?.gohighlevel_id);
  assert.equal(deals.length, 130, 'two pages of the search');
  assert.ok(deals.every((d) => ['open', 'won', 'lost', 'abandoned'].includes(d.status) && /^\d+$/.test(d.amount)));
});

test("the documents' configuration is accepted and means the present API", async () => {
  const made = await server.api('POST', `${SYNC}/connections`, {
    name: 'As documented', platform: 'gohighlevel',
    credentials: { apiKey: 'your-api-key', locationId: 'abc123', calendarId: 'cal456', webhookUrl: 'https://example.com/api/webhook', apiVersion: 'v1', baseUrl: 'https://rest.gohighlevel.com' },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.body.data.status, 'connected');
  const run = await syncAll(made.body.data.id, true);
  assert.equal(run.verdict, 'complete');
  assert.ok(!JSON.stringify((await server.api('GET', `${SYNC}/connections/${made.body.data.id}`)).body).includes('your-api-key'));
});

test('a refused key, a missing one and a bad location are told apart', async () => {
  const make = (credentials) => server.api('POST', `${SYNC}/connections`, { name: 'x', platform: 'gohighlevel', credentials });
  const refused = await make({ apiKey: 'invalid', locationId: LOCATION });
  assert.deepEqual([refused.status, refused.body.code], [400, 'INVALID_CREDENTIALS']);
  assert.match(refused.body.error, /^Connection test failed: .*Invalid JWT/);
  const missing = await make({ locationId: LOCATION });
  assert.deepEqual([missing.status, missing.body.code], [400, 'VALIDATION_FAILED']);
  assert.ok(missing.body.details.some((d) => d.pointer === '/credentials/apiKey'), JSON.stringify(missing.body));
  const bad = await make({ apiKey: 'k', locationId: '../x' });
  assert.ok(bad.body.details.some((d) => d.pointer === '/credentials/locationId'), JSON.stringify(bad.body));
});

test('every declared action is one call with its answer', async () => {
  const locations = await act(connection, 'search-locations', {});
  assert.equal(locations.status, 200, JSON.stringify(locations.body));
  const text = JSON.stringify(locations.body);
  assert.ok(text.includes(LOCATION), text);
  assert.ok(JSON.stringify((await act(connection, 'get-location', {})).body).includes('America/Recife'));
  assert.ok(JSON.stringify((await act(connection, 'get-calendars', {})).body).includes('First appointment'));
  const made = await act(connection, 'create-contact', { firstName: 'Ana', email: 'ana.action@example.com', phone: '+5581912340000', tags: ['vip'] });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const id = JSON.stringify(made.body).match(/"id":"([A-Za-z0-9]{20})"/)[1];
  const twin = await act(connection, 'create-contact', { email: 'ana.action@example.com' });
  assert.ok(twin.status >= 400, 'the vendor refuses a twin');
  assert.match(JSON.stringify(twin.body), /duplicated contacts/);
  const changed = await act(connection, 'update-contact', { contactId: id, contact: { lastName: 'Souza' } });
  assert.ok(JSON.stringify(changed.body).includes('Souza'), JSON.stringify(changed.body));
  const found = await act(connection, 'search-contacts', { query: 'ana.action' });
  assert.ok(JSON.stringify(found.body).includes(id));
  const slot = await act(connection, 'create-block-slot', { calendarId: 'cal', startTime: '2026-12-01T10:00:00Z', endTime: '2026-12-01T11:00:00Z', title: 'Dentist' });
  const slotId = JSON.stringify(slot.body).match(/"id":"([A-Za-z0-9]{20})"/)[1];
  assert.ok((await act(connection, 'update-block-slot', { id: slotId, calendarId: 'cal', startTime: '2026-12-01T12:00:00Z', endTime: '2026-12-01T13:00:00Z' })).status < 300);
  assert.ok((await act(connection, 'delete-block-slot', { id: slotId })).status < 300);
  assert.ok((await act(connection, 'delete-block-slot', { id: slotId })).status < 300, 'gone already is as good as freed');
  assert.ok((await act(connection, 'create-block-slot', { startTime: 'soon', endTime: '2026-12-01T11:00:00Z' })).status === 400);
  const run = await syncAll(connection, false);
  assert.equal(run.recordsCreated, 1, 'the new contact comes with the next incremental run');
});

test('the connection test of door 002 counts locations', async () => {
  const { status, body } = await server.api('POST', `/api/admin/integrations/${connection}/test`);
  assert.equal(status, 200);
  assert.equal(body.message, 'Successfully connected to GoHighLevel');
  assert.ok(body.data.locationsCount >= 1);
  assert.match(body.data.apiVersion, /^(2021-07-28|v3)$/);
});

test('the simulated vendor pages, counts and signs as the real one', async () => {
  const page = await vendor('POST', '/contacts/search', { locationId: LOCATION, pageLimit: 100, sort: [{ field: 'dateUpdated', direction: 'desc' }] });
  assert.equal(page.body.contacts.length, 100);
  const next = await vendor('POST', '/contacts/search', { locationId: LOCATION, pageLimit: 100, sort: [{ field: 'dateUpdated', direction: 'desc' }], searchAfter: page.body.contacts[99].searchAfter });
  const ids = new Set([...page.body.contacts, ...next.body.contacts].map((c) => c.id));
  assert.equal(ids.size, 200);
  assert.equal(page.headers.get('x-ratelimit-max'), '100');
  assert.equal((await vendor('GET', '/calendars/?locationId=x', undefined, { version: '' })).status, 401, 'the Version header is needed');
  const event = await vendor('POST', `/_webhooks/ContactCreate/${page.body.contacts[0].id}`);
  const key = createPublicKey(event.body.publicKey);
  const signature = Buffer.from(event.body.headers['x-ghl-signature'], 'base64');
  assert.ok(verify(null, Buffer.from(event.body.body), key, signature));
  assert.ok(!verify(null, Buffer.from(`${event.body.body} `), key, signature));
  assert.equal(JSON.parse(event.body.body).type, 'ContactCreate');
});
