// Erasing a person (LGPD, GDPR; contract, section 8): what belongs to him goes too, and afterwards his address, number and name stand
// nowhere: not in rows, not in packed events and logs, not in free pages of the database's files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { databaseOf, finishedRun, listAll, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { contactEvent, contactNamed, conversationEvent, drained, send } from './lib/webhooks.mjs';

const data = tempFolder('erase'), SECRET = 'erase-secret';
const EMAIL = 'zulmira.quiteria@example.org', PHONE = '+5581987654321', NAME = 'Zulmira Quiteria Testa', WORDS = [EMAIL, PHONE.slice(1), NAME];
let server, sandbox, connection;

const iso = (ms) => new Date(ms).toISOString();
const api = (method, path, body, headers) => server.api(method, path, body, headers);
const ok = (reply, status = 200) => (assert.equal(reply.status, status, reply.text), reply.body.data ?? reply.body);
const sender = { id: 77001, name: NAME, email: EMAIL, phone_number: PHONE };
const person = (more = {}) => contactEvent(77001, NAME, { email: EMAIL, phone_number: PHONE, updatedAt: iso(Date.now()), ...more });
const signed = (event) => send(server, event, { secret: SECRET });

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 10, 'chatwoot.conversations': 3, 'chatwoot.messages': 2 } });
  server = await startTidemark({ data, env: loopback });
  connection = await connectChatwoot(server, sandbox, { webhookSecret: SECRET });
  await finishedRun(server, ok(await api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true }), 202).runId);
});

after(() => stopAll(data, server, sandbox));

// Everything in words: every table of the database, and what is packed, by its own routes.
function tables() {
  const url = databaseOf(data);
  const done = url ? spawnSync('pg_dump', ['--data-only', '--inserts', url], { encoding: 'utf8', maxBuffer: 1 << 28 })
    : spawnSync('sqlite3', ['-cmd', '.timeout 120000', `${data}/tidemark.db`, '.dump'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}
async function packed() {
  const parts = [];
  for (const event of await listAll(server, '/api/v1/webhooks/events')) parts.push((await api('GET', `/api/v1/webhooks/events/${event.id}`)).text);
  for (const run of await listAll(server, '/api/v1/sync/runs')) parts.push((await api('GET', `/api/v1/sync/runs/${run.id}/logs`)).text);
  for (const kind of ['contacts', 'conversations', 'messages', 'leads'])
    for (const row of await listAll(server, `/api/v1/${kind}?includeDeleted=true`)) parts.push((await api('GET', `/api/v1/${kind}/${row.id}`)).text);
  return parts.join('\n');
}
const assertNowhere = (text, where) => {
  for (const word of WORDS) assert.ok(!text.includes(word), `${word} in ${where}: ...${text.slice(Math.max(0, text.indexOf(word) - 200), text.indexOf(word) + 200)}...`);
};

test('a person in many places is gone from all of them', async () => {
  await signed(person());
  await drained(server);
  await signed(person({ name: `${NAME} Junior` })); // an older name, for the history
  await signed(person());
  await signed(conversationEvent(88001, 'open', Date.now() / 1000, { meta: { sender } }));
  await drained(server);
  const contact = await contactNamed(server, 77001);
  assert.equal(contact.email, EMAIL);
  await signed({ event: 'message_created', id: 99001, content: `I am ${NAME}, call ${PHONE}`, created_at: iso(Date.now()), message_type: 'incoming', content_type: 'text',
    private: false, sender: { ...sender, type: 'contact' }, account: { id: 1, name: 'Acme' }, conversation: { id: 88001, inbox_id: 1, status: 'open', meta: { sender } }, inbox: { id: 1, name: 'Web' } });
  await signed(person({ id: 77002, identifier: null, phone_number: '12' })); // rejected, with his address in it
  await drained(server);
  const conversation = (await listAll(server, '/api/v1/conversations')).find((row) => row.metadata.chatwoot_id === '88001');
  assert.ok(conversation, 'his conversation');
  const message = (await listAll(server, '/api/v1/messages')).find((row) => row.metadata.chatwoot_id === '99001');
  assert.ok(message, 'his message');
  ok(await api('POST', '/api/v1/leads', { name: NAME, email: EMAIL, parentId: contact.id }, { 'Idempotency-Key': 'lead' }), 201);
  ok(await api('PATCH', `/api/v1/contacts/${contact.id}`, { timezone: 'America/Recife' }));
  await until('he can be found', async () => (await api('GET', '/api/v1/contacts?q=zulmira')).body.data.length > 0);
  const others = (await listAll(server, '/api/v1/contacts')).length;

  assert.equal((await api('DELETE', `/api/v1/contacts/${contact.id}?erase=true`)).status, 204);
  assert.equal((await api('GET', `/api/v1/contacts/${contact.id}`)).status, 404);
  assert.equal((await api('GET', `/api/v1/conversations/${conversation.id}`)).status, 404);
  assert.equal((await api('GET', `/api/v1/messages/${message.id}`)).status, 404);
  assert.equal((await listAll(server, '/api/v1/contacts')).length, others - 1, 'others stay');
  await until('search forgets him', async () => (await api('GET', '/api/v1/contacts?q=zulmira')).body.data.length === 0);

  assertNowhere(tables(), 'the tables');
  assertNowhere(await packed(), 'events, logs and records');
});

// PostgreSQL's own files keep old rows until it vacuums.
if (process.env.TIDEMARK_TEST_STORE !== 'postgres') test('nor does anything stay in the files', async () => {
  await server.stop();
  for (const file of readdirSync(data).filter((name) => name.startsWith('tidemark.db')))
    assertNowhere(readFileSync(`${data}/${file}`).toString('latin1'), file);
});

test('the tombstone keeps him away, whatever comes', async () => {
  if (process.env.TIDEMARK_TEST_STORE !== 'postgres') server = await startTidemark({ data, env: loopback });
  await signed(person());
  await drained(server);
  assert.equal(await contactNamed(server, 77001), undefined);
});
