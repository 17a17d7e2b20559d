// Calls that make something at the vendor (actions, webhooks, bookings): whoever repeats a request with its Idempotency-Key does not
// make the vendor do it twice (I-28), also when the answer is lost or the process dies in between.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const options = { data: tempFolder('vendor-calls'), env: loopback };
const LOCATION = 've9EPM428h8vShlRW1KT', mine = { 'X-Tenant-Id': 'default' };
let server, sandbox, integration;

const admin = (method, path, body, key) => server.api(method, `/api/admin${path}`, body, key ? { 'Idempotency-Key': key } : {});
const asked = async (method, path) => (await sandbox.ledger()).filter((e) => e.method === method && e.target.includes(path)).length;
const act = (action, body, key) => admin('POST', `/integrations/${integration}/actions/${action}`, body, key);
const fault = (...faults) => sandbox.raw('POST', '/_sandbox/faults', { faults });

before(async () => {
  sandbox = await startSandbox({ sizes: { 'gohighlevel.contacts': 3, 'gohighlevel.conversations': 0 } });
  server = await startTidemark(options);
  const { body } = await server.api('GET', '/api/integration-templates');
  const made = await admin('POST', '/integrations', {
    subAccountId: 'default', integrationTemplateId: body.data.find((t) => t.name === 'gohighlevel').id, name: 'CRM',
    config: { apiKey: 'your-api-key', locationId: LOCATION, calendarId: 'cal1', baseUrl: `${sandbox.url}/gohighlevel` },
  });
  assert.equal(made.status, 201, made.text);
  integration = made.body.uuid;
  assert.equal((await admin('POST', `/integrations/${integration}/activate`)).status, 200);
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(options.data);
});

test('the same key twice asks the vendor once', async () => {
  const first = await act('create-contact', { email: 'once@example.com' }, 'once');
  assert.equal(first.status, 200, first.text);
  const again = await act('create-contact', { email: 'once@example.com' }, 'once');
  assert.deepEqual([again.status, again.text, again.headers.get('idempotency-replayed')], [200, first.text, 'true']);
  assert.equal(await asked('POST', '/contacts/'), 1);
});

test('what the vendor surely did not do leaves the key free', async () => {
  const refused = await act('create-contact', { email: 'once@example.com' }, 'refused'); // a twin
  assert.ok(refused.status >= 400, refused.text);
  const again = await act('create-contact', { email: 'once@example.com' }, 'refused');
  assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [refused.status, null]);
  assert.equal(await asked('POST', '/contacts/'), 3);
});

test('a lost answer is said to be unknown, and told again instead of asking again', async () => {
  const had = await asked('POST', '/contacts/');
  await fault('502:handled=yes:count=1:path=/contacts/');
  const first = await act('create-contact', { email: 'lost@example.com' }, 'lost');
  assert.equal(first.status, 502, first.text);
  assert.match(first.body.message, /not known whether/);
  const again = await act('create-contact', { email: 'lost@example.com' }, 'lost');
  assert.deepEqual([again.status, again.text, again.headers.get('idempotency-replayed')], [502, first.text, 'true']);
  assert.equal(await asked('POST', '/contacts/'), had + 1);
  await sandbox.raw('DELETE', '/_sandbox/faults');
});

test('a process that dies between the call and its answer does not ask again', async () => {
  const had = await asked('POST', '/contacts/');
  await fault('delay:ms=30000:count=1:path=/contacts/');
  act('create-contact', { email: 'killed@example.com' }, 'killed').catch(() => {});
  await until('the vendor is asked', async () => (await asked('POST', '/contacts/')) > had);
  await server.kill();
  await sandbox.raw('DELETE', '/_sandbox/faults');
  server = await startTidemark(options);
  const again = await server.api('POST', `/api/admin/integrations/${integration}/actions/create-contact`, { email: 'killed@example.com' },
    { 'Idempotency-Key': 'killed', Accept: 'application/problem+json' });
  assert.deepEqual([again.status, again.body.code], [502, 'VENDOR_UNCERTAIN'], again.text);
  assert.match(again.body.detail, /actions\/create-contact.*not known whether.*new key/);
  assert.equal(await asked('POST', '/contacts/'), had + 1);
  assert.equal((await act('search-contacts', { email: 'killed@example.com' })).status, 200, 'what changes nothing is free');
});

test('setting a webhook up twice with one key registers once; its token is not kept in clear', async () => {
  const first = await admin('POST', `/integrations/${integration}/setup-webhook`, undefined, 'hook');
  assert.equal(first.status, 200, first.text);
  const again = await admin('POST', `/integrations/${integration}/setup-webhook`, undefined, 'hook');
  assert.deepEqual([again.status, again.body, again.headers.get('idempotency-replayed')], [200, first.body, 'true']);
  const token = new URL(first.body.webhookUrl).searchParams.get('token');
  for (const file of readdirSync(options.data).filter((name) => name.startsWith('tidemark.db')))
    assert.ok(!readFileSync(`${options.data}/${file}`).includes(token), file);
});

const slots = () => asked('POST', '/block-slots');
const booking = async (id) => (await server.api('GET', `/api/bookings/${id}`, undefined, mine)).body;
const book = async (title, hour) => {
  const made = await server.api('POST', '/api/bookings', { title, calendarId: 'cal1', startTime: `2031-12-01T${hour}:00:00Z`, endTime: `2031-12-01T${hour}:30:00Z` }, mine);
  assert.equal(made.status, 201, made.text);
  return made.body.uuid ?? made.body.id;
};
async function killWhileBlocking(title, hour, ...how) {
  const had = await slots();
  await fault(...how);
  const id = await book(title, hour);
  await until('the vendor is asked', async () => (await slots()) > had);
  assert.equal((await booking(id)).syncStatus, 'sending');
  await server.kill();
  await sandbox.raw('DELETE', '/_sandbox/faults');
  return { id, had };
}
const settled = (id) => until('it is settled', async () => {
  const now = await booking(id);
  return ['synced', 'unknown', 'failed'].includes(now.syncStatus) ? now : null;
});

test('a booking whose process dies in the middle finds its slot again', async () => {
  const { id, had } = await killWhileBlocking('Cleaning', '10', 'drip:bytes-per-s=20:count=1:path=/block-slots'); // done; the answer is slow
  server = await startTidemark(options);
  const now = await settled(id);
  const seen = await act('list-block-slots', { calendarId: 'cal1', startTime: '2031-12-01T10:00:00Z', endTime: '2031-12-01T10:30:00Z' });
  assert.equal(seen.status, 200, seen.text);
  assert.equal(await slots(), had + 1, 'asked once');
  assert.equal(now.syncStatus, 'synced', JSON.stringify(now));
  assert.ok(now.externalId);
});

test('where nothing stands in the calendar it says that nobody knows, and a person decides', async () => {
  const { id, had } = await killWhileBlocking('Check-up', '11', '503:count=1:path=/block-slots', 'delay:ms=30000:count=1:path=/block-slots'); // not done
  server = await startTidemark(options);
  const now = await settled(id);
  assert.deepEqual([now.syncStatus, now.externalId], ['unknown', null]);
  assert.match(now.syncError, /not known whether/);
  assert.equal(await slots(), had + 1);
  assert.equal((await server.api('PATCH', `/api/bookings/${id}`, { title: 'Check-up!' }, mine)).status, 200);
  assert.equal((await settled(id)).syncStatus, 'synced');
  assert.equal(await slots(), had + 2);
});

test('a lost answer is looked up at once', async () => {
  const had = await slots();
  await fault('502:handled=yes:count=1:path=/block-slots');
  const id = await book('Filling', '12');
  const now = await settled(id);
  assert.deepEqual([now.syncStatus, await slots()], ['synced', had + 1], JSON.stringify(now));
});
