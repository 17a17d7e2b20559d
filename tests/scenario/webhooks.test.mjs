// Webhooks in (contract, section 7; I-20 to I-22, D7 to D12): what is believed, what is only a hint, and what comes of it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { finishedRun, removeFolder, sqlIn, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import {
  contactEvent, contactNamed, conversationEvent, conversationNumbered, drained, events, eventsAbout, holdQueues, releaseQueues, send, sign,
} from './lib/webhooks.mjs';

const SHARED = '/api/v1/sync/chatwoot/webhook';
const SECRET = 'dVkQzq5nq3bE2Yx9p1cZr7Ta';
const data = tempFolder('webhooks');
let sandbox, server, connection;

const iso = (ms) => new Date(ms).toISOString();
const requestsTo = async (path) => (await sandbox.ledger()).filter((entry) => entry.target.includes(path)).length;

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 20, conversations: 5, messages: 3 } });
  await sandbox.json('POST', '/_sandbox/webhooks', { retries: 20 }); // a delivery that took five seconds is given up, and sent again
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_WEBHOOKS_HINT_RATE: '1000' } });
  const api = server.api;
  server.api = (method, path, body, headers) => api(method, path, body, { 'X-Tenant-Id': 'default', ...headers });
  connection = await connectChatwoot(server, sandbox, { webhookSecret: SECRET });
  const { body } = await server.api('POST', `/api/v1/sync/connections/${connection}/sync`, {});
  await finishedRun(server, body.data.runId);
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  for (const process of [server, sandbox]) assert.doesNotMatch(process?.output.stderr ?? '', /runtime error|Sanitizer/);
  removeFolder(data);
});

test('a signed event is the data: 200 after it is kept, then applied', async () => {
  const reply = await send(server, contactEvent(90001, 'Ana Souza', { updatedAt: iso(Date.now()) }), { secret: SECRET });
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.body, { status: 'accepted', trust: 'signed' });
  const contact = await until('the contact is there', () => contactNamed(server, 90001));
  assert.equal(contact.name, 'Ana Souza');
  assert.equal(contact.email, 'contact90001@example.com');
  const [event] = await eventsAbout(server, 90001);
  assert.equal(event.status, 'applied', JSON.stringify(event));
  assert.equal(event.connectionId, connection);
});

test('a wrong, empty or stale signature is 401 and changes nothing (I-21, D7)', async () => {
  const event = contactEvent(90002, 'Nobody', { updatedAt: iso(Date.now()) }), body = JSON.stringify(event);
  const now = Math.floor(Date.now() / 1000);
  const wrong = [
    sign('another secret', body), sign(SECRET, `${body} `), { ...sign(SECRET, body), 'X-Chatwoot-Signature': '' },
    { 'X-Chatwoot-Signature': sign(SECRET, body)['X-Chatwoot-Signature'] }, sign(SECRET, body, now - 400), sign(SECRET, body, now + 400),
    { ...sign(SECRET, body), 'X-Chatwoot-Signature': 'sha256=00' },
  ];
  for (const headers of wrong) {
    const reply = await send(server, body, { headers });
    assert.deepEqual([reply.status, reply.body.code], [401, 'UNAUTHORIZED'], reply.text);
  }
  assert.equal((await eventsAbout(server, 90002)).length, 0);
});

test('an unsigned event is a hint: 202, and the vendor is asked (D8)', async () => {
  const [truth] = await sandbox.truth('chatwoot', 'contacts');
  const before_ = await requestsTo(`/contacts/${truth.id}`);
  const reply = await send(server, contactEvent(truth.id, 'Forged Name', { updatedAt: iso(Date.now()) }));
  assert.equal(reply.status, 202, reply.text);
  assert.deepEqual(reply.body, { status: 'accepted', trust: 'hint' });
  await drained(server);
  assert.equal(await requestsTo(`/contacts/${truth.id}`), before_ + 1);
  assert.equal((await contactNamed(server, truth.id))?.name ?? null, truth.name);
  assert.equal((await eventsAbout(server, truth.id, '&status=applied'))[0].trust, 'hint');
});

test('a hint about a record that does not exist writes nothing', async () => {
  await send(server, contactEvent(77777777, 'Ghost'));
  await drained(server);
  assert.equal(await contactNamed(server, 77777777), undefined);
  const [event] = await eventsAbout(server, 77777777);
  assert.deepEqual([event.status, event.errorMessage], ['applied', 'The vendor has no such record']);
});

test('a burst of hints on one record is joined into one fetch: each waits a moment for others', async () => {
  const [, truth] = await sandbox.truth('chatwoot', 'contacts');
  const before_ = await requestsTo(`/contacts/${truth.id}`), sql = (text) => sqlIn(data, text);
  holdQueues(sql); // none is taken until all have come, however long that takes
  await Promise.all(Array.from({ length: 40 }, async () => assert.equal((await send(server, contactEvent(truth.id, 'x'))).status, 202)));
  const hints = await events(server, '?status=pending&limit=100');
  assert.equal(hints.length, 40);
  for (const { receivedAt, dueAt } of hints) assert.equal(Date.parse(dueAt) - Date.parse(receivedAt), 250);
  releaseQueues(sql);
  await drained(server);
  assert.equal(await requestsTo(`/contacts/${truth.id}`), before_ + 1);
});

test('the same delivery again is a duplicate; a stranger cannot make it one beforehand (I-21)', async () => {
  const delivery = randomUUID(), event = contactEvent(90003, 'Once', { updatedAt: iso(Date.now()) });
  assert.equal((await send(server, event, { delivery })).status, 202); // unsigned, with a guessed id
  const first = await send(server, event, { secret: SECRET, delivery });
  assert.deepEqual(first.body, { status: 'accepted', trust: 'signed' });
  const again = await send(server, event, { secret: SECRET, delivery });
  assert.deepEqual([again.status, again.body], [200, { status: 'accepted', trust: 'signed', duplicate: true }]);
  await drained(server);
  assert.equal((await events(server, `?q=${delivery}`)).length, 2);
  const { version } = await contactNamed(server, 90003);
  assert.equal(version, 1);
});

test('without a delivery id the bytes name it where they carry a version', async () => {
  const dated = contactEvent(90004, 'Dated', { updatedAt: iso(Date.now()) });
  await send(server, dated, { secret: SECRET, delivery: null });
  assert.equal((await send(server, dated, { secret: SECRET, delivery: null })).body.duplicate, true);
  const [, , truth] = await sandbox.truth('chatwoot', 'contacts');
  const undated = contactEvent(truth.id, truth.name, { event: 'contact_created' });
  await send(server, undated, { secret: SECRET, delivery: null });
  assert.equal((await send(server, undated, { secret: SECRET, delivery: null })).body.duplicate, undefined);
  await drained(server);
});

test('any order and repetition of versions ends at the newest (I-22)', async () => {
  const base = Date.now() - 60_000;
  const states = Array.from({ length: 12 }, (_, i) => conversationEvent(70001, i % 2 ? 'open' : 'resolved', (base + i * 1000) / 1000, {
    labels: [`state-${i}`],
  }));
  const order = [5, 11, 0, 3, 11, 8, 2, 10, 1, 9, 4, 7, 6, 5, 0];
  for (const i of order) assert.equal((await send(server, states[i], { secret: SECRET })).status, 200);
  await drained(server);
  assert.deepEqual((await conversationNumbered(server, 70001)).metadata.chatwoot_labels, ['state-11']);
});

test('states A, B, A end at A, and a replayed old event does not undo a newer one', async () => {
  const at = Date.now() - 10_000;
  const a1 = contactEvent(90005, 'A', { updatedAt: iso(at) }), b = contactEvent(90005, 'B', { updatedAt: iso(at + 1000) });
  const a2 = contactEvent(90005, 'A', { updatedAt: iso(at + 2000) });
  for (const event of [a1, b, a2, b, a1]) await send(server, event, { secret: SECRET });
  await drained(server);
  assert.equal((await contactNamed(server, 90005)).name, 'A');
  const old = (await eventsAbout(server, 90005)).at(-1);
  const newer = contactEvent(90005, 'C', { updatedAt: iso(at + 3000) });
  await send(server, newer, { secret: SECRET });
  const replay = await server.api('POST', `/api/v1/webhooks/events/${old.id}/replay`);
  assert.equal(replay.status, 202, replay.text);
  assert.ok(['pending', 'applied'].includes(replay.body.data.status), replay.text); // as it stands: it may be done already
  await drained(server);
  assert.equal((await contactNamed(server, 90005)).name, 'C');
});

test('an event without version or time only triggers a fetch, signed or not (I-22)', async () => {
  const [, , , truth] = await sandbox.truth('chatwoot', 'contacts');
  const before_ = await requestsTo(`/contacts/${truth.id}`);
  await send(server, contactEvent(truth.id, 'Old State', { event: 'contact_created' }), { secret: SECRET });
  await drained(server);
  assert.equal(await requestsTo(`/contacts/${truth.id}`), before_ + 1);
  assert.equal((await contactNamed(server, truth.id))?.name ?? null, truth.name);
});

test('a deletion is believed once the vendor has no such record, and comes back when it has', async () => {
  const contacts = await sandbox.truth('chatwoot', 'contacts');
  const [victim, alive] = [contacts.at(-1), contacts.at(-2)];
  await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', delete: [victim.id] });
  for (const { id } of [victim, alive]) await send(server, contactEvent(id, 'gone', { event: 'contact_deleted' }), { secret: SECRET });
  await drained(server);
  const all = (await server.api('GET', '/api/v1/contacts?limit=500&includeDeleted=true')).body.data;
  const find = (id) => all.find((c) => c.customFields.chatwoot_id === String(id));
  assert.notEqual(find(victim.id).deletedAt, null);
  assert.equal(find(alive.id).deletedAt, null);
});

test('unknown types are kept as unhandled and answered 200 (D11)', async () => {
  const reply = await send(server, { event: 'webwidget_triggered', account: { id: 1 }, id: 5 }, { secret: SECRET });
  assert.deepEqual([reply.status, reply.body], [200, { status: 'unhandled', message: 'Type webwidget_triggered not implemented' }]);
  const [event] = await events(server, '?status=unhandled');
  assert.equal(event.type, 'webwidget_triggered');
});

test('an account that nobody connected is answered as any hint, and nothing is kept', async () => {
  const reply = await send(server, contactEvent(40424042, 'Stranger', { account: 987654 }));
  assert.deepEqual([reply.status, reply.body], [202, { status: 'accepted', trust: 'hint' }]);
  assert.equal((await eventsAbout(server, 40424042)).length, 0);
});

// What a body of that length is told. It is not sent: who writes while he is refused may lose the answer.
async function announced(length) {
  const asked = request(`${server.url}${SHARED}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'Content-Length': length } });
  asked.flushHeaders();
  const [reply] = await once(asked, 'response');
  asked.destroy();
  return reply.statusCode;
}

test('what could not be an event is 400, an unknown platform or connection 404', async () => {
  for (const body of ['', 'not json', '"text"', '{}', '[]', '['.repeat(80)])
    assert.equal((await send(server, body, { delivery: null })).status, 400, body.slice(0, 20));
  assert.equal((await send(server, {}, { path: '/api/v1/sync/nobody/webhook' })).status, 404);
  assert.equal((await send(server, {}, { path: '/api/v1/webhooks/00000000-0000-7000-8000-000000000000' })).status, 404);
  assert.equal((await send(server, {}, { path: '/api/v1/webhooks/zzz' })).status, 404);
  const large = JSON.stringify({ ...contactEvent(90006, 'Large', { updatedAt: iso(Date.now()) }), pad: 'x'.repeat(4 * 1024 * 1024) });
  assert.equal((await send(server, large, { secret: SECRET })).status, 200);
  assert.equal(await announced(6 * 1024 * 1024), 413);
  await drained(server);
});

test('a connection has an address of its own; its token proves the sender, a wrong one is 401', async () => {
  const setup = await server.api('POST', `/api/v1/sync/connections/${connection}/setup-webhook`);
  assert.equal(setup.status, 200, setup.text);
  assert.equal(setup.body.success, true);
  const url = new URL(setup.body.webhookUrl), token = url.searchParams.get('token');
  assert.equal(url.pathname, `/api/v1/webhooks/${connection}`);
  assert.ok(token.length >= 43);
  const event = contactEvent(90007, 'By Token', { updatedAt: iso(Date.now()) });
  const path = url.pathname + url.search;
  assert.deepEqual((await send(server, event, { path })).body, { status: 'accepted', trust: 'token' });
  assert.equal((await send(server, event, { path: `${url.pathname}?token=wrong` })).status, 401);
  assert.equal((await send(server, event, { path: `${url.pathname}?token=` })).status, 401);
  assert.equal((await send(server, event, { path: url.pathname })).status, 202);
  assert.equal((await send(server, event, { path, headers: { 'X-Chatwoot-Signature': 'sha256=00', 'X-Chatwoot-Timestamp': '1' } })).status, 401);
  // The right token, but another account's event: the address proves a connection, not every account.
  const other = await send(server, contactEvent(90008, 'Elsewhere', { account: 2, updatedAt: iso(Date.now()) }), { path });
  assert.equal(other.status, 202);
  await drained(server);
  assert.equal((await contactNamed(server, 90007)).name, 'By Token');
  assert.equal(await contactNamed(server, 90008), undefined);
  const again = await server.api('POST', `/api/v1/sync/connections/${connection}/setup-webhook`);
  assert.equal(again.body.webhookUrl, setup.body.webhookUrl);
  assert.equal(setup.body.registered, true);
  assert.notEqual(again.body.webhookId, undefined);
  await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { webhookSecret: SECRET });
  // I-29: the token is in no log line.
  assert.ok(!server.output.stderr.includes(token));
  assert.ok(!JSON.stringify(await events(server, '?limit=500')).includes(token));
});

test('two secrets are right while one is being replaced', async () => {
  const event = (id) => contactEvent(id, 'Rotated', { updatedAt: iso(Date.now()) });
  const changed = await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { webhookSecret: 'the-new-secret' });
  assert.equal(changed.status, 200, changed.text);
  assert.ok(!changed.text.includes('the-new-secret'));
  assert.equal((await send(server, event(90010), { secret: 'the-new-secret' })).status, 200);
  assert.equal((await send(server, event(90011), { secret: SECRET })).status, 200);
  assert.equal((await send(server, event(90012), { secret: 'neither-of-them' })).status, 401);
  await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { webhookSecret: SECRET });
  await drained(server);
});

test('a relay may sign in our own words: x-webhook-signature, Standard Webhooks', async () => {
  const { createHmac } = await import('node:crypto');
  const body = JSON.stringify(contactEvent(90013, 'Relayed', { updatedAt: iso(Date.now()) }));
  const hex = createHmac('sha256', SECRET).update(body).digest('hex');
  assert.deepEqual((await send(server, body, { headers: { 'x-webhook-signature': hex } })).body, { status: 'accepted', trust: 'signed' });
  assert.equal((await send(server, body, { headers: { 'x-webhook-signature': hex.replace(/.$/, (c) => (c === '0' ? '1' : '0')) } })).status, 401);
  await drained(server);
});

test('the inbox can be searched, paged and looked into; it keeps no signature', async () => {
  const page = await server.api('GET', '/api/v1/webhooks/events?limit=2&type=contact_updated');
  assert.equal(page.body.data.length, 2);
  const next = await server.api('GET', `/api/v1/webhooks/events?limit=2&type=contact_updated&cursor=${page.body.meta.nextCursor}`);
  assert.ok(next.body.data.every((e) => !page.body.data.some((p) => p.id === e.id)));
  for (const bad of ['status=bad', 'limit=0', 'from=yesterday', 'cursor=zzz', 'q='])
    assert.equal((await server.api('GET', `/api/v1/webhooks/events?${bad}`)).status, 400, bad);
  const [event] = await eventsAbout(server, 90001);
  const { body } = await server.api('GET', `/api/v1/webhooks/events/${event.id}`);
  assert.equal(body.data.payload.name, 'Ana Souza');
  assert.equal(body.data.headers['X-Chatwoot-Delivery'], event.deliveryId);
  assert.doesNotMatch(JSON.stringify(body.data.headers), /signature/i);
  assert.equal((await server.api('GET', '/api/v1/webhooks/events/00000000-0000-7000-8000-000000000000')).status, 404);
  assert.equal((await server.anonymous('GET', '/api/v1/webhooks/events')).status, 401);
});

test('a record that the mapping refuses is a failed event with its reason, and can be replayed', async () => {
  await send(server, contactEvent(90014, 'No Phone', { updatedAt: iso(Date.now()), email: null, phone_number: '12' }), { secret: SECRET });
  await drained(server);
  const [event] = await eventsAbout(server, 90014);
  assert.deepEqual([event.status, event.errorMessage], ['failed', 'Contact 90014: Invalid phone format']);
  const rejected = await server.api('GET', `/api/v1/sync/connections/${connection}/rejected`);
  assert.ok(rejected.body.data.some((row) => row.externalId === '90014'));
});

test('another tenant sees nothing of it: same bytes as for an unknown id (I-32)', async () => {
  const made = await server.api('POST', '/api/v1/tenants', { name: 'Other', key: 'other' });
  assert.equal(made.status, 201, made.text);
  const [event] = await eventsAbout(server, 90001);
  const as = { 'X-Tenant-Id': 'other' };
  const foreign = await server.api('GET', `/api/v1/webhooks/events/${event.id}`, undefined, as);
  const unknown = await server.api('GET', '/api/v1/webhooks/events/00000000-0000-7000-8000-000000000000', undefined, as);
  assert.deepEqual([foreign.status, foreign.text], [unknown.status, unknown.text]);
  assert.equal((await server.api('POST', `/api/v1/webhooks/events/${event.id}/replay`, undefined, as)).status, 404);
  assert.equal((await server.api('POST', `/api/v1/sync/connections/${connection}/setup-webhook`, undefined, as)).status, 404);
  assert.equal((await server.api('GET', '/api/v1/webhooks/events', undefined, as)).body.data.length, 0);
});

test('an event goes to all connections of its account, each by its own proof', async () => {
  const as = { 'X-Tenant-Id': 'other' };
  const second = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Second', platform: 'chatwoot', webhookSecret: 'secret-of-the-second',
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` },
  }, as);
  assert.equal(second.status, 201, second.text);
  await send(server, contactEvent(90015, 'Ours', { updatedAt: iso(Date.now()) }), { secret: SECRET });
  await drained(server);
  const others = async () => (await server.api('GET', '/api/v1/contacts?limit=500', undefined, as)).body.data;
  assert.equal((await contactNamed(server, 90015)).name, 'Ours');
  assert.ok(!(await others()).some((c) => c.customFields.chatwoot_id === '90015'), 'another secret proves nothing for it');
  await server.api('DELETE', `/api/v1/sync/connections/${second.body.data.id}`, undefined, as);
});

test("webhookTrust payload is the documents' literal behaviour, nested body and all", async () => {
  await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { webhookTrust: 'payload', webhookSecret: '' });
  const reply = await send(server, {
    event: 'message_created', account: { id: 1, name: 'Acme Inc' }, conversation: { id: 123, inbox_id: 1, status: 'open' },
    message: { id: 456456, content: 'Hello!', message_type: 0, sender: { id: 789, name: 'John Doe' } },
  });
  assert.deepEqual([reply.status, reply.body], [200, { status: 'accepted', trust: 'payload' }]);
  await drained(server);
  const message = (await server.api('GET', '/api/v1/messages?limit=500')).body.data.find((m) => m.metadata.chatwoot_id === '456456');
  assert.deepEqual([message.content, message.direction, message.senderName], ['Hello!', 'incoming', 'John Doe']);
  await server.api('PATCH', `/api/v1/sync/connections/${connection}`, { webhookTrust: 'hint', webhookSecret: SECRET });
});

test('a flat message is stored with its conversation, an updated one fetched from there', async () => {
  const [conversation] = await sandbox.truth('chatwoot', 'conversations');
  const [stored] = (await server.api('GET', '/api/v1/messages?limit=500')).body.data
    .filter((m) => m.metadata.chatwoot_conversation_id === String(conversation.id));
  await send(server, {
    account: { id: 1 }, content: 'New one', content_type: 'text', conversation: { id: conversation.id, status: 'open' }, id: 999001,
    created_at: iso(Date.now()), message_type: 'incoming', private: false, sender: { id: 1, name: 'Ana' }, event: 'message_created',
  }, { secret: SECRET });
  await send(server, {
    account: { id: 1 }, content: 'Forged', conversation: { id: conversation.id }, id: Number(stored.metadata.chatwoot_id),
    message_type: 'incoming', event: 'message_updated',
  });
  await drained(server);
  const messages = (await server.api('GET', '/api/v1/messages?limit=500')).body.data;
  const fresh = messages.find((m) => m.metadata.chatwoot_id === '999001');
  assert.deepEqual([fresh.content, fresh.direction, fresh.metadata.chatwoot_conversation_id], ['New one', 'incoming', String(conversation.id)]);
  assert.equal(messages.find((m) => m.id === stored.id).content, stored.content);
  const [event] = await events(server, '?type=message_updated');
  assert.equal(event.status, 'applied', JSON.stringify(event));
});

// TIDEMARK_TWINS sets how many: 10,000 were tried by hand (docs/webhooks.md). At most a few hundred are under way at once.
const TWINS = Number(process.env.TIDEMARK_TWINS ?? 100);
async function inParallel(count, lanes, act) {
  const replies = [];
  await Promise.all(Array.from({ length: Math.min(count, lanes) }, async () => {
    while (count-- > 0) replies.push(await act());
  }));
  return replies;
}

test(`${TWINS} twins at once: one is kept (F43)`, async () => {
  const delivery = randomUUID(), event = contactEvent(90016, 'Twin', { updatedAt: iso(Date.now()) });
  // As its vendor does: what is told to come again later comes again.
  const tell = async (times = 1) => {
    const reply = await send(server, event, { secret: SECRET, delivery });
    return reply.status === 503 && times < 100 ? tell(times + 1) : reply;
  };
  const replies = await inParallel(TWINS, 400, () => tell());
  assert.equal(replies.filter((r) => r.status === 200 && !r.body.duplicate).length, 1);
  assert.equal(replies.filter((r) => r.body.duplicate).length, TWINS - 1);
  await drained(server);
  assert.equal((await events(server, `?q=${delivery}`)).length, 1);
});

test('a GET is refused where the vendor greets nobody', async () => {
  assert.equal((await server.anonymous('GET', SHARED)).status, 400);
  assert.equal((await server.anonymous('GET', '/api/webhook')).status, 405);
  assert.equal((await server.anonymous('GET', '/api/v1/sync/nobody/webhook?hub.challenge=1')).status, 404);
});

// ---- the whole way: registered with the simulated vendor, which then tells of each change ----

const registered = async () => {
  const setup = await server.api('POST', `/api/v1/sync/connections/${connection}/setup-webhook`);
  assert.equal(setup.body.registered, true, setup.text);
  return setup.body;
};
const delivered = () => until('the vendor has delivered', async () => (await sandbox.json('GET', '/_sandbox/webhooks')).queued === 0);
const sameContacts = async () => {
  const truth = new Map((await sandbox.truth('chatwoot', 'contacts')).map((c) => [String(c.id), c.name ?? null]));
  const rows = (await server.api('GET', '/api/v1/contacts?limit=500')).body.data;
  for (const [id, name] of truth) {
    const row = rows.find((r) => r.customFields.chatwoot_id === id);
    if (row) assert.equal(row.name ?? null, name, id);
  }
};

test('registered with the vendor: one address, its secret kept, and changes arrive signed', async () => {
  const { webhookId } = await registered();
  const { body } = await sandbox.raw('GET', '/chatwoot/api/v1/accounts/1/webhooks', undefined, { api_access_token: 'test' });
  assert.deepEqual(body.payload.webhooks.map((w) => String(w.id)), [webhookId], 'the one before is gone');
  const { updated } = await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', update: 3 });
  const { created } = await sandbox.mutate({ vendor: 'chatwoot', entity: 'messages', create: 2 });
  await delivered();
  await drained(server);
  const [event] = await eventsAbout(server, updated[0], '&type=contact_updated');
  assert.deepEqual([event.trust, event.status], ['signed', 'applied'], JSON.stringify(event));
  for (const id of created) assert.ok((await server.api('GET', '/api/v1/messages?limit=500')).body.data.some((m) => m.metadata.chatwoot_id === id), id);
  await sameContacts();
});

test('repeated, late and reordered deliveries end in the same state; lost ones are what the next run is for', async () => {
  await sandbox.json('POST', '/_sandbox/webhooks', { repeated: 40, late: 30, lateMs: 400, reordered: 30 });
  for (let round = 0; round < 6; round++) await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', update: 4 });
  await delivered();
  await drained(server);
  await sameContacts();
  const stats = await sandbox.json('GET', '/_sandbox/webhooks');
  assert.ok(stats.repeated > 0 && stats.late > 0 && stats.failed === 0, JSON.stringify(stats));
  await sandbox.json('POST', '/_sandbox/webhooks', { repeated: 0, late: 0, reordered: 0, lost: 100 });
  await sandbox.mutate({ vendor: 'chatwoot', entity: 'contacts', touch: 2 });
  const { body } = await server.api('POST', `/api/v1/sync/connections/${connection}/sync`, { fullSync: true });
  await finishedRun(server, body.data.runId);
  await sameContacts();
  await sandbox.json('POST', '/_sandbox/webhooks', { lost: 0 });
});
