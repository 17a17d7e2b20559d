// The other examples of the Chatwoot document (seed 003), each test named by its heading: push, webhooks, what keeps contacts from
// coming twice, and how errors are told. The vendor is a script that holds the very contacts of the document.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { databaseOf, finishedRun, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { contactEvent, conversationEvent, drained, send } from './lib/webhooks.mjs';

const SYNC = '/api/v1/sync', SECRET = 'document-secret', PAGE = 15;
const data = tempFolder('seed003b');
let server, vendor, connection;

// Chatwoot as far as contacts go: newest first, pages of 15, new ones posted. What was posted is kept in `posted`.
async function startVendor() {
  const state = { contacts: [], posted: [] };
  const contact = (id, more) => ({ id, name: `Contact ${id}`, email: null, phone_number: null, identifier: null, thumbnail: '',
    additional_attributes: {}, custom_attributes: {}, last_activity_at: 1_767_000_000 + state.contacts.length, created_at: 1_767_000_000, ...more });
  const listed = (page) => ({ meta: { count: state.contacts.length, current_page: page },
    payload: [...state.contacts].sort((a, b) => b.last_activity_at - a.last_activity_at || b.id - a.id).slice((page - 1) * PAGE, page * PAGE) });
  const take = (body) => {
    state.posted.push(body);
    const made = contact(9000 + state.posted.length, body);
    state.contacts.push(made);
    return { payload: { contact: made } };
  };
  const http = createServer((request, response) => {
    const chunks = [], { pathname, searchParams } = new URL(request.url, 'http://vendor');
    request.on('data', (bytes) => chunks.push(bytes)).on('end', () => {
      const isContacts = /\/contacts$/.test(pathname);
      const answer = isContacts && request.method === 'POST' ? take(JSON.parse(Buffer.concat(chunks)))
        : isContacts ? listed(Number(searchParams.get('page') ?? 1)) : { payload: [], meta: { count: 0 } };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${http.address().port}`, state, contact,
    async stop() { http.closeAllConnections(); await new Promise((resolve) => http.close(resolve)); return { code: 0 }; }, output: { stderr: '' } };
}

const counts = async (body) => {
  const reply = await server.api('POST', `${SYNC}/connections/${connection}/sync`, body, { Prefer: 'wait=60' });
  assert.equal(reply.status, 200, reply.text);
  const { synced, created, updated, skipped, errors, errorMessages } = reply.body.data;
  return { synced, created, updated, skipped, errors, errorMessages };
};
const contacts = async () => (await server.api('GET', '/api/v1/contacts?limit=500')).body.data;
const named = async (name) => (await contacts()).filter((c) => c.name === name);

before(async () => {
  vendor = await startVendor();
  server = await startTidemark({ data, env: loopback });
  const made = await server.api('POST', `${SYNC}/connections?test=false`, { provider: 'chatwoot', apiKey: 'YOUR_TOKEN', streams: ['contacts'],
    config: { accountId: '1', apiUrl: vendor.url }, webhookSecret: SECRET });
  assert.equal(made.status, 201, made.text);
  connection = made.body.data.id;
});

after(() => stopAll(data, server, vendor));

test('Sistema Anti-Duplicação, Exemplo: create, skip, update, skip', async () => {
  const joao = vendor.contact(1, { name: 'João', email: 'joao@email.com' });
  vendor.state.contacts = [joao];
  assert.deepEqual(await counts(), { synced: 1, created: 1, updated: 0, skipped: 0, errors: 0, errorMessages: [] });
  assert.deepEqual(await counts(), { synced: 1, created: 0, updated: 0, skipped: 1, errors: 0, errorMessages: [] });
  joao.name = 'João Silva';
  assert.deepEqual(await counts(), { synced: 1, created: 0, updated: 1, skipped: 0, errors: 0, errorMessages: [] });
  assert.deepEqual(await counts(), { synced: 1, created: 0, updated: 0, skipped: 1, errors: 0, errorMessages: [] });
  assert.deepEqual((await contacts()).map((c) => [c.name, c.email]), [['João Silva', 'joao@email.com']]);
});

test('Tratamento de Erros: the printed counts and messages', async () => {
  const { contact, state } = vendor;
  state.contacts = Array.from({ length: 5 }, (_, i) => contact(10 + i, { email: `known${i}@example.com` }));
  await counts({ fullSync: true });
  for (const one of state.contacts) one.name += ', changed';
  for (let i = 0; i < 90; i++) state.contacts.push(contact(1000 + i, { email: `new${i}@example.com` }));
  state.contacts.push(contact(123, {}), contact(456, { phone_number: 'no number' }), contact(457, {}), contact(458, {}), contact(459, { phone_number: '12' }));
  const { errorMessages, ...rest } = await counts({ fullSync: true });
  assert.deepEqual(rest, { synced: 95, created: 90, updated: 5, skipped: 0, errors: 5 });
  assert.equal(errorMessages.length, 5);
  for (const message of ['Contact 123: Email required', 'Contact 456: Invalid phone format']) assert.ok(errorMessages.includes(message), errorMessages.join());
});

test('Erro "Contact duplicated": syncing by hand many times makes no second one, and the run\'s log is there', async () => {
  const before_ = (await contacts()).length;
  const runs = [];
  for (let i = 0; i < 3; i++) runs.push((await server.api('POST', `${SYNC}/connections/${connection}/sync`, { fullSync: true }, { Prefer: 'wait=60' })).body.data.runId);
  assert.equal((await contacts()).length, before_);
  const run = (await server.api('GET', `${SYNC}/runs/${runs[0]}`)).body.data;
  assert.equal((await server.api('GET', new URL(run.logUrl, server.url).pathname)).status, 200);
});

test('Contatos não aparecem: the query of the document', async () => {
  const query = "SELECT * FROM external_entity_maps WHERE provider = 'chatwoot'";
  const done = process.env.TIDEMARK_TEST_STORE === 'postgres'
    ? spawnSync('psql', [databaseOf(data), '-qAtc', `SELECT json_agg(q) FROM (${query}) q`], { encoding: 'utf8' })
    : spawnSync('sqlite3', ['-readonly', '-json', join(data, 'tidemark.db'), query], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  const maps = JSON.parse(done.stdout), map = maps.find((row) => row.external_id === '1000');
  assert.deepEqual([map.entity_type, map.connection_id], ['contacts', connection]);
  assert.equal((await server.api('GET', `/api/v1/contacts/${map.internal_id}?companyId=default`)).body.data.email, 'new0@example.com');
});

// The connection is as the document makes it: without a direction. It sends nothing by itself, but what it is told to.
test('Push Contatos', async () => {
  const made = await server.api('POST', '/api/v1/contacts', { name: 'Maria Local', email: 'maria@example.com' });
  assert.equal(made.status, 201, made.text);
  const preview = await server.api('GET', `${SYNC}/connections/${connection}/push?limit=500`);
  assert.deepEqual(preview.body.data.map((item) => [item.recordId, item.action]), [[made.body.data.id, 'create']]);
  const { status, body } = await server.api('POST', `${SYNC}/run`, { provider: 'chatwoot', entityType: 'contacts', direction: 'push' });
  assert.equal(status, 202, JSON.stringify(body));
  const run = await finishedRun(server, body.data.runId);
  assert.deepEqual([run.status, run.direction], ['success', 'push'], JSON.stringify(run));
  assert.deepEqual(vendor.state.posted.filter((c) => c.email === 'maria@example.com').map((c) => c.name), ['Maria Local']);
});

// What the contract lists beside the document's two words: both are done on the same connection, in two runs, one after the other.
test('both: what is there is read, then what does not agree is sent', async () => {
  const made = await server.api('POST', '/api/v1/contacts', { name: 'Bia Local', email: 'bia@example.com' });
  assert.equal(made.status, 201, made.text);
  const { status, body } = await server.api('POST', `${SYNC}/run`, { provider: 'chatwoot', entityType: 'contacts', direction: 'both' });
  assert.equal(status, 202, JSON.stringify(body));
  const read = await finishedRun(server, body.data.runId);
  assert.deepEqual([read.status, read.direction], ['success', 'both'], JSON.stringify(read));
  const newest = (await server.api('GET', `${SYNC}/runs?connectionId=${connection}&limit=1`)).body.data[0];
  const sent = await finishedRun(server, newest.id);
  assert.deepEqual([sent.status, sent.direction], ['success', 'push'], JSON.stringify(sent));
  assert.deepEqual(vendor.state.posted.filter((c) => c.email === 'bia@example.com').map((c) => c.name), ['Bia Local']);
});

test('a platform that cannot be written to says so before a run begins', async () => {
  const made = await server.api('POST', `${SYNC}/connections?test=false`, { platform: 'facebook_ads', name: 'Ads',
    credentials: { accessToken: 'test', adAccountId: '1', baseUrl: vendor.url } });
  assert.equal(made.status, 201, made.text);
  for (const direction of ['push', 'both']) {
    const { status, body } = await server.api('POST', `${SYNC}/run`, { connectionId: made.body.data.id, direction });
    assert.equal(status, 400, JSON.stringify(body));
    assert.deepEqual([body.code, body.details[0].pointer], ['VALIDATION_FAILED', '/direction']);
  }
  assert.equal((await server.api('DELETE', `${SYNC}/connections/${made.body.data.id}`)).status, 204);
});

test('2. Eventos Suportados: each of the five does what the table says', async () => {
  const now = Date.now() / 1000, signed = async (event) => {
    const reply = await send(server, event, { secret: SECRET });
    assert.equal(reply.status, 200, reply.text);
    await drained(server);
  };
  const conversation = async () => (await server.api('GET', '/api/v1/conversations?limit=100')).body.data.find((c) => c.metadata.chatwoot_id === '7001');
  await signed(contactEvent(5001, 'Criado', { event: 'contact_created', updatedAt: new Date(now * 1000).toISOString() }));
  assert.equal((await named('Criado')).length, 1);
  await signed(contactEvent(5001, 'Atualizado', { updatedAt: new Date(now * 1000 + 1000).toISOString() }));
  assert.deepEqual([(await named('Criado')).length, (await named('Atualizado')).length], [0, 1]);
  await signed(conversationEvent(7001, 'open', now, { event: 'conversation_created' }));
  assert.equal((await conversation()).status, 'active');
  await signed(conversationEvent(7001, 'resolved', now + 1));
  assert.equal((await conversation()).status, 'completed');
  await signed({ event: 'message_created', id: 8001, content: 'Olá', message_type: 'incoming', private: false, created_at: new Date(now * 1000).toISOString(),
    account: { id: 1, name: 'Acme Inc' }, sender: { id: 5001, name: 'Atualizado' }, conversation: { id: 7001, inbox_id: 1, status: 'open' } });
  const message = (await server.api('GET', '/api/v1/messages?limit=100')).body.data.find((m) => m.metadata.chatwoot_id === '8001');
  assert.deepEqual([message.content, message.direction, message.parentId], ['Olá', 'incoming', (await conversation()).id]);
});

// Contract, section 7: the document's payload is unsigned, so it is a hint and the vendor is asked; the vendor has no message 456. With
// webhookTrust "payload" (and no secret) it is the data, as the document means it.
test('3. Payload do Webhook', async () => {
  const printed = { event: 'message_created', account: { id: 1, name: 'Acme Inc' }, conversation: { id: 123, inbox_id: 1, status: 'open' },
    message: { id: 456, content: 'Hello!', message_type: 0, sender: { id: 789, name: 'John Doe' } } };
  const hello = async () => (await server.api('GET', '/api/v1/messages?limit=100')).body.data.filter((m) => m.content === 'Hello!');
  const hint = await server.anonymous('POST', `${SYNC}/chatwoot/webhook`, printed);
  assert.deepEqual([hint.status, hint.body], [202, { status: 'accepted', trust: 'hint' }]);
  await drained(server);
  assert.deepEqual(await hello(), []);
  assert.equal((await server.api('PATCH', `${SYNC}/connections/${connection}`, { webhookTrust: 'payload', webhookSecret: '' })).status, 200);
  const data_ = await server.anonymous('POST', `${SYNC}/chatwoot/webhook`, printed);
  assert.deepEqual([data_.status, data_.body], [200, { status: 'accepted', trust: 'payload' }]);
  const [message] = await until('the message is there', async () => (await hello()).length ? hello() : null);
  assert.deepEqual([message.metadata.chatwoot_id, message.direction, message.senderName], ['456', 'incoming', 'John Doe']);
});
