// The examples of the Chatwoot document (seed 003) that need no webhook, each test named by its heading.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { stopAll } from './lib/platform.mjs';
import { finishedRun, listAll, startTidemark, tempFolder, withSandbox } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const data = tempFolder('seed003');
let server, connection;

before(async () => {
  server = await startTidemark({ data, args: withSandbox({ contacts: 60, conversations: 10, messages: 3 }) });
  // The sandbox connects itself; the document begins with nothing.
  for (const { id } of (await server.api('GET', `${SYNC}/connections`)).body.data) {
    for (const run of (await server.api('GET', `${SYNC}/runs?connectionId=${id}`)).body.data) await finishedRun(server, run.id);
    await server.api('DELETE', `${SYNC}/connections/${id}?purge=true`);
  }
});

after(() => stopAll(data, server));

test('2. Criar conexão no OMNI Platform', async () => {
  const { status, body } = await server.api('POST', `${SYNC}/connections`, {
    provider: 'chatwoot', apiKey: 'seu_api_access_token', config: { accountId: '123', apiUrl: 'https://app.chatwoot.com' },
  });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.data.provider, 'chatwoot');
  assert.equal(body.data.status, 'connected');
  assert.ok(!JSON.stringify(body).includes('seu_api_access_token'));
  connection = body.data.id;
});

test('Sincronizar Contatos (Pull): without a body the reply waits and holds the counts', async () => {
  const { status, body } = await server.api('POST', `${SYNC}/connections/${connection}/sync`, undefined, { 'Content-Type': 'application/json' });
  assert.equal(status, 200, JSON.stringify(body));
  const { synced, created, updated, skipped, errors } = body.data;
  assert.equal(synced, created + updated + skipped);
  assert.ok(created >= 60 - errors, JSON.stringify(body.data));
  assert.equal(body.data.status, 'success');
  assert.equal(body.data.errorMessages.length, Math.min(errors, 100));
});

test('Como Funciona: the same again is skipped', async () => {
  const { body } = await server.api('POST', `${SYNC}/connections/${connection}/sync`, undefined, { Prefer: 'wait=30' });
  assert.equal(body.data.created, 0, JSON.stringify(body.data));
  assert.equal(body.data.updated, 0, JSON.stringify(body.data));
});

test('Sincronizar Conversas: provider instead of a connection, one entity type', async () => {
  const { status, body } = await server.api('POST', `${SYNC}/run`, { provider: 'chatwoot', entityType: 'conversations', direction: 'pull' });
  assert.equal(status, 202, JSON.stringify(body));
  assert.equal(body.data.connectionId, connection);
  const run = await finishedRun(server, body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  assert.equal(run.entityType, 'conversations');
  assert.deepEqual(run.streams.filter((s) => s.recordsReceived > 0).map((s) => s.name).filter((n) => n === 'contacts'), []);
});

test('two connections of one provider: the reply lists them', async () => {
  const other = await server.api('POST', `${SYNC}/connections`, {
    name: 'Second', provider: 'chatwoot', apiKey: 'test', config: { accountId: '123' },
  });
  const { status, body } = await server.api('POST', `${SYNC}/run`, { provider: 'chatwoot' });
  assert.deepEqual([status, body.code], [409, 'CONNECTION_AMBIGUOUS']);
  assert.deepEqual(body.details.map((d) => d.connectionId).sort(), [connection, other.body.data.id].sort());
  await server.api('DELETE', `${SYNC}/connections/${other.body.data.id}`);
  const none = await server.api('POST', `${SYNC}/run`, { provider: 'hubspot' });
  assert.equal(none.status, 404, JSON.stringify(none.body));
});

test('Campos Mapeados: contacts and conversations', async () => {
  const contacts = await listAll(server, '/api/v1/contacts');
  assert.ok(contacts.length > 0);
  for (const contact of contacts) {
    assert.ok('chatwoot_id' in contact.customFields, JSON.stringify(contact));
    for (const member of ['id', 'kind', 'name', 'email', 'phone', 'createdAt', 'updatedAt', 'deletedAt', 'version'])
      assert.ok(member in contact, member);
  }
  const words = new Set(['active', 'completed', 'pending', 'snoozed']);
  for (const conversation of await listAll(server, '/api/v1/conversations')) {
    assert.ok(words.has(conversation.status), conversation.status);
    assert.ok('chatwoot_id' in conversation.metadata);
  }
});

test('an entity shows its external ids and history', async () => {
  const [first] = (await server.api('GET', '/api/v1/contacts?limit=1')).body.data;
  const { status, body } = await server.api('GET', `/api/v1/contacts/${first.id}`);
  assert.equal(status, 200);
  assert.equal(body.data.externalIds[0].provider, 'chatwoot');
  assert.equal(body.data.externalIds[0].connectionId, connection);
  assert.equal(String(body.data.customFields.chatwoot_id), body.data.externalIds[0].externalId);
  assert.ok(Array.isArray(body.data.history));
  const missing = await server.api('GET', '/api/v1/contacts/00000000-0000-7000-8000-000000000000');
  assert.deepEqual([missing.status, missing.body.code], [404, 'NOT_FOUND']);
});

test('contacts leave as NDJSON and CSV', async () => {
  const total = (await server.api('GET', '/api/v1/contacts')).body.meta.total;
  const lines = await server.api('GET', '/api/v1/contacts', undefined, { Accept: 'application/x-ndjson' });
  assert.equal(lines.text.trim().split('\n').length, total);
  const csv = await server.api('GET', '/api/v1/contacts', undefined, { Accept: 'text/csv' });
  assert.match(csv.headers.get('content-type'), /^text\/csv/);
  assert.match(csv.text, /^id,name,email,phone,timezone,customFields,/);
});

test('Erro "Connection test failed"', async () => {
  const { status, body } = await server.api('POST', `${SYNC}/connections`, {
    provider: 'chatwoot', apiKey: 'invalid', config: { accountId: '123' },
  });
  assert.equal(status, 400);
  assert.match(body.error, /^Connection test failed: /);
});

test('Monitoramento: connections, runs, one run, its rejected records', async () => {
  assert.equal((await server.api('GET', `${SYNC}/connections`)).status, 200);
  const runs = await server.api('GET', `${SYNC}/runs`);
  assert.equal(runs.status, 200);
  assert.equal((await server.api('GET', `${SYNC}/runs/${runs.body.data[0].id}`)).status, 200);
  const rejected = await server.api('GET', `${SYNC}/connections/${connection}/rejected`);
  assert.equal(rejected.status, 200);
  for (const row of rejected.body.data) assert.equal(typeof row.reason, 'string');
  const replay = await server.api('POST', `${SYNC}/connections/${connection}/rejected/replay`);
  assert.equal(replay.status, 200, JSON.stringify(replay.body));
  assert.equal(replay.body.data.tried, replay.body.data.accepted + replay.body.data.rejected);
});

test('PATCH keeps what is not sent, takes the mask back, and switches off and on', async () => {
  const before = (await server.api('GET', `${SYNC}/connections/${connection}`)).body.data;
  assert.match(before.config.accessToken ?? JSON.stringify(before.config), /••••/);
  const renamed = await server.api('PATCH', `${SYNC}/connections/${connection}`, { name: 'Renamed', config: before.config });
  assert.equal(renamed.status, 200, JSON.stringify(renamed.body));
  assert.equal(renamed.body.data.name, 'Renamed');
  const tested = await server.api('POST', `${SYNC}/connections/${connection}/test`);
  assert.equal(tested.status, 200, JSON.stringify(tested.body));
  const off = await server.api('PATCH', `${SYNC}/connections/${connection}`, { enabled: false });
  assert.deepEqual([off.body.data.enabled, off.body.data.status], [false, 'disconnected']);
  const on = await server.api('PATCH', `${SYNC}/connections/${connection}`, { enabled: true });
  assert.equal(on.body.data.enabled, true);
});

test('state is shown per stream, and resetting it makes the next run full', async () => {
  const state = await server.api('GET', `${SYNC}/connections/${connection}/state`);
  assert.equal(state.status, 200);
  assert.ok(state.body.data.streams.some((s) => s.stream === 'contacts' && s.records > 0), state.text);
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${connection}/state`)).status, 204);
});
