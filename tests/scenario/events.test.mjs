// Events out (contract, sections 8 and 9): the stream with resume, signed webhooks with retries, on both databases.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { connectChatwoot, loopback } from './lib/chatwoot.mjs';
import { freshDatabase, patient, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { hs256, SECRET } from './lib/tokens.mjs';

const databases = process.env.TIDEMARK_TEST_PG ? ['sqlite', 'postgres'] : ['sqlite'];
const STREAM_TIMEOUT_MS = patient(300_000);
const TYPES = ['run.succeeded', 'run.failed', 'connection.status_changed', 'records.changed', 'conflict.opened', 'alert.raised'];

// Takes what is sent, remembers it, answers as told.
async function startReceiver() {
  const state = { got: [], answer: () => [200, 'ok'] };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (bytes) => chunks.push(bytes));
    request.on('end', async () => {
      const one = { path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() };
      state.got.push(one);
      const [status, text, headers] = await state.answer(one);
      response.writeHead(status, headers).end(text);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`, state,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const signatureOf = (secret, { headers, body }) => {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')}`;
};

const fieldsOf = (block) =>
  Object.fromEntries(block.split('\n').filter((line) => !line.startsWith(':')).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));

// A stream of events that is open: the server has noted where it begins. `read` takes from it until `enough` says so.
async function openEvents(url, token, { path = '/api/v1/events', last } = {}) {
  const stop = new AbortController();
  const headers = { Authorization: `Bearer ${token}`, ...(last ? { 'Last-Event-ID': last } : {}) };
  const reply = await fetch(url + path, { headers, signal: stop.signal });
  assert.equal(reply.status, 200, reply.status === 200 ? '' : await reply.text());
  assert.equal(reply.headers.get('content-type'), 'text/event-stream');
  const take = async (enough) => {
    const events = [];
    let place = last, text = '';
    for await (const bytes of reply.body) {
      text += Buffer.from(bytes).toString();
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const fields = fieldsOf(text.slice(0, end));
        if (fields.id) place = fields.id;
        if (fields.data) events.push({ id: fields.id, event: fields.event, ...JSON.parse(fields.data) });
      }
      if (enough(events)) return { events, place };
    }
    throw new Error(`the stream ended after ${events.length} events`);
  };
  const read = async (enough) => {
    const late = setTimeout(() => stop.abort(new Error('waited in vain for an event')), STREAM_TIMEOUT_MS);
    return take(enough).finally(() => { clearTimeout(late); stop.abort(); });
  };
  return { read };
}

const readEvents = async (url, token, enough, how) => (await openEvents(url, token, how)).read(enough);
const tellsOf = (id) => (events) => events.some((e) => e.data.ids?.includes(id));

for (const database of databases) describe(`events on ${database}`, () => {
  const data = tempFolder('events');
  const keys = {};
  const env = { ...loopback, TIDEMARK_JWT_SECRET: SECRET };
  let server, sandbox, receiver, connection;
  const as = (token, method, path, body, headers = {}) =>
    server.anonymous(method, path, body, { Authorization: `Bearer ${token}`, ...headers });
  const user = (method, path, body, headers) => as(keys.user, method, path, body, headers);
  const SUBS = '/api/v1/webhook-subscriptions';
  const subscribe = async (body) => {
    const made = await user('POST', SUBS, { url: `${receiver.url}/hook`, ...body });
    assert.equal(made.status, 201, made.text);
    return made.body.data;
  };
  const sync = async () => {
    const started = await user('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
    assert.equal(started.status, 202, started.text);
    const { runId } = started.body.data;
    await until('the run ends', async () =>
      ['success', 'error'].includes((await user('GET', `/api/v1/sync/runs/${runId}`)).body.data.status));
    return runId;
  };
  const newContact = (name) => user('POST', '/api/v1/contacts', { name });
  // The end of the tenant's feed now: what is written after this comes after it.
  const endOfFeed = async () => {
    const { id } = (await newContact('End')).body.data;
    return (await readEvents(server.url, keys.user, tellsOf(id), { last: '0-0' })).place;
  };

  before(async () => {
    sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 60, 'chatwoot.conversations': 3, 'chatwoot.messages': 2 } });
    receiver = await startReceiver();
    if (database === 'postgres') env.TIDEMARK_DATABASE = freshDatabase('events');
    server = await startTidemark({ data, env });
    assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'org2', name: 'Other' })).status, 201);
    const key = async (tenant, permissions) =>
      (await server.api('POST', '/api/v1/keys', { name: 'k', permissions }, { 'X-Tenant-Id': tenant })).body.data.key;
    keys.user = await key('default', ['content:read', 'content:update', 'content:delete']);
    keys.other = await key('org2', ['content:read', 'content:update', 'content:delete']);
    const { api } = server;
    server.api = (method, path, body, headers) => api(method, path, body, { orgid: 'default', ...headers });
    connection = await connectChatwoot(server, sandbox);
  });

  after(async () => {
    await server?.stop();
    await sandbox?.stop();
    await receiver?.stop();
    removeFolder(data);
  });

  test('the stream tells of a run and of each page with its ids', async () => {
    const stream = await openEvents(server.url, keys.user);
    const runId = await sync();
    const { events } = await stream.read((all) => all.some((e) => e.type === 'run.succeeded'));
    const changed = events.filter((e) => e.type === 'records.changed');
    assert.ok(events.every((e) => TYPES.includes(e.type) && e.event === e.type && e.id && e.timestamp.endsWith('Z')));
    const contacts = changed.filter((e) => e.data.kind === 'contacts').flatMap((e) => e.data.ids);
    assert.equal(new Set(contacts).size, (await user('GET', '/api/v1/contacts')).body.meta.total);
    assert.ok(changed.every((e) => e.data.runId === runId && e.data.connectionId === connection));
    assert.equal((await user('GET', `/api/v1/contacts/${contacts[0]}`)).status, 200);
    const [succeeded] = events.filter((e) => e.type === 'run.succeeded');
    assert.deepEqual([succeeded.data.runId, succeeded.data.connectionId, succeeded.data.verdict], [runId, connection, 'complete']);
  });

  test('a client that comes back with Last-Event-ID misses nothing and gets nothing twice', async () => {
    const seen = [], made = [];
    let last = await endOfFeed();
    const writing = (async () => {
      for (let i = 0; i < 30; i++) made.push((await newContact(`Resume ${i}`)).body.data.id);
    })();
    while (seen.flatMap((e) => e.data.ids).length < 30) {
      const { events, place } = await readEvents(server.url, keys.user, (e) => e.length >= 1, { path: '/api/v1/events?types=records.changed', last });
      seen.push(...events);
      last = place;
    }
    await writing;
    const ids = seen.map((e) => e.id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of made) assert.equal(seen.filter((e) => e.data.ids.includes(id)).length, 1, id);
  });

  // design, section 5: sequence numbers commit out of order on PostgreSQL.
  test('concurrent writers: every event comes once, in the order of the feed', async () => {
    const start = await endOfFeed();
    const reading = readEvents(server.url, keys.user, (e) => e.length >= 200, { last: start });
    const made = (await Promise.all(Array.from({ length: 10 }, async (_, w) => {
      const ids = [];
      for (let i = 0; i < 20; i++) ids.push((await newContact(`Writer ${w} ${i}`)).body.data.id);
      return ids;
    }))).flat();
    const { events } = await reading;
    const got = events.flatMap((e) => e.data.ids);
    assert.deepEqual([...got].sort(), [...made].sort());
    const again = await readEvents(server.url, keys.user, (e) => e.length >= 200, { last: start });
    assert.deepEqual(again.events.map((e) => e.id), events.map((e) => e.id));
  });

  test('types filter, bad ones are refused; another tenant sees nothing', async () => {
    for (const path of ['/api/v1/events?types=nonsense', '/api/v1/events?types=', '/api/v1/events?lastEventId=abc'])
      assert.equal((await user('GET', path)).status, 400, path);
    const wanted = await openEvents(server.url, keys.user, { path: '/api/v1/events?types=run.succeeded', last: await endOfFeed() });
    const runId = await sync();
    const { events } = await wanted.read((e) => e.length >= 1);
    assert.deepEqual(events.map((e) => [e.type, e.data.runId]), [['run.succeeded', runId]]);
    const own = (await as(keys.other, 'POST', '/api/v1/contacts', { name: 'Theirs' })).body.data.id;
    const theirs = await readEvents(server.url, keys.other, tellsOf(own), { last: '0-0' });
    assert.deepEqual(theirs.events.map((e) => e.data.ids), [[own]]);
    assert.equal((await server.anonymous('GET', '/api/v1/events')).status, 401);
  });

  test('streams are bounded in number, and a closed one gives its place back', async () => {
    // Each answer is held to the end: one that nobody refers to is collected, and its stream closed with it.
    const held = [];
    const open = async () => {
      const stop = new AbortController();
      const reply = await fetch(`${server.url}/api/v1/events`, { headers: { Authorization: `Bearer ${keys.other}` }, signal: stop.signal });
      if (reply.status === 200) held.push({ reply, stop });
      else await reply.text();
      return reply.status;
    };
    // The place of a stream that was closed is taken back when the server next looks, so an earlier test's may still count.
    await until('as many are open as may be', async () => {
      while (await open() === 200) assert.ok(held.length <= 32);
      return held.length === 32;
    });
    assert.deepEqual([await open(), await open()], [429, 429]);
    for (const { reply, stop } of held) {
      assert.equal(reply.bodyUsed, false);
      stop.abort();
    }
    await until('a place is free again', async () => await open() === 200);
    held.at(-1).stop.abort();
  });

  test('a stream ends with the key, the session or the user that opened it; others go on', async () => {
    const held = await openEvents(server.url, keys.user);
    const open = async (headers) => {
      const reply = await fetch(`${server.url}/api/v1/events`, { headers, signal: AbortSignal.timeout(STREAM_TIMEOUT_MS) });
      assert.equal(reply.status, 200);
      return { end: reply.text() };
    };
    const bearer = (token) => ({ Authorization: `Bearer ${token}` });
    const lost = (await server.api('POST', '/api/v1/keys', { name: 'lost' })).body.data;
    const signedIn = await server.anonymous('POST', '/api/v1/session', { token: keys.user });
    const cookie = { Cookie: signedIn.headers.get('set-cookie').split(';')[0] };
    const streams = [await open(bearer(lost.key)), await open(cookie), await open(bearer(hs256({ sub: 'ana', tenantId: 'default' })))];
    assert.equal((await server.api('DELETE', `/api/v1/keys/${lost.id}`)).status, 204);
    assert.equal((await server.anonymous('DELETE', '/api/v1/session', undefined, { ...cookie, Origin: server.url })).status, 204);
    assert.equal((await server.api('DELETE', '/api/v1/users/ana')).status, 204);
    for (const { end } of streams) assert.match(await end, /^retry: /);
    const { id } = (await newContact('Still read')).body.data;
    await held.read(tellsOf(id));
  });

  test('a subscription gets signed events in order, its secret is shown once', async () => {
    const began = Math.floor(Date.now() / 1000);
    receiver.state.got.length = 0;
    const sub = await subscribe({ types: ['records.changed'], name: 'Mine' });
    assert.match(sub.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.ok(!(await user('GET', `${SUBS}/${sub.id}`)).text.includes('whsec_') && !(await user('GET', SUBS)).text.includes('whsec_'));
    const made = [];
    for (let i = 0; i < 5; i++) made.push((await newContact(`Signed ${i}`)).body.data.id);
    await until('five deliveries', () => receiver.state.got.length >= 5);
    assert.deepEqual(receiver.state.got.map((g) => JSON.parse(g.body).data.ids[0]), made);
    for (const got of receiver.state.got) {
      assert.equal(got.headers['webhook-signature'], signatureOf(sub.secret, got));
      assert.equal(got.headers['content-type'], 'application/json');
      const signed = Number(got.headers['webhook-timestamp']);
      assert.ok(signed >= began && signed <= got.at / 1000, `${signed}`);
      assert.deepEqual(Object.keys(JSON.parse(got.body)), ['type', 'timestamp', 'data']);
    }
    const list = await until('they are written down', async () => {
      const { body } = await user('GET', `${SUBS}/${sub.id}/deliveries?state=delivered`);
      return body.meta.total === 5 ? body.data : null;
    });
    assert.deepEqual([list[0].state, list[0].attempts, list[0].status, list[0].response], ['delivered', 1, 200, 'ok']);
    assert.deepEqual(list.map((d) => d.id).sort(), receiver.state.got.map((g) => g.headers['webhook-id']).sort());
    const again = await user('POST', `${SUBS}/${sub.id}/deliveries/${list[0].id}/replay`);
    assert.equal(again.status, 200, again.text);
    await until('it comes again', () => receiver.state.got.length >= 6);
    assert.equal(receiver.state.got[5].headers['webhook-id'], list[0].id);
    assert.equal(receiver.state.got[5].body, receiver.state.got.find((g) => g.headers['webhook-id'] === list[0].id).body);
    assert.equal((await user('DELETE', `${SUBS}/${sub.id}`)).status, 204);
    assert.equal((await user('GET', `${SUBS}/${sub.id}`)).status, 404);
  });

  test('a new secret signs beside the old one for a while', async () => {
    receiver.state.got.length = 0;
    const sub = await subscribe({ types: ['records.changed'] });
    const turned = await user('POST', `${SUBS}/${sub.id}/secret`);
    assert.equal(turned.status, 200, turned.text);
    assert.notEqual(turned.body.data.secret, sub.secret);
    assert.ok(turned.body.data.oldSecretUntil);
    await newContact('Two secrets');
    await until('it comes', () => receiver.state.got.length >= 1);
    const [got] = receiver.state.got;
    assert.equal(got.headers['webhook-signature'], `${signatureOf(turned.body.data.secret, got)} ${signatureOf(sub.secret, got)}`);
    await user('DELETE', `${SUBS}/${sub.id}`);
  });

  test('what fails is tried again after five seconds under the same id; redirects are not followed', async () => {
    receiver.state.got.length = 0;
    const sub = await subscribe({ types: ['records.changed'] });
    let tries = 0;
    receiver.state.answer = ({ path }) => path === '/elsewhere' ? [200, 'no'] : ++tries === 1 ? [302, '', { Location: '/elsewhere' }] : [204, ''];
    await newContact('Again');
    await until('the second try', () => receiver.state.got.length >= 2);
    receiver.state.answer = () => [200, 'ok'];
    const [first, second] = receiver.state.got;
    assert.equal(first.headers['webhook-id'], second.headers['webhook-id']);
    assert.equal(first.body, second.body);
    assert.ok(second.at - first.at >= 4900, `${second.at - first.at} ms`);
    assert.ok(receiver.state.got.every((g) => g.path === '/hook'));
    const [delivery] = (await until('it is written down', async () => {
      const { body } = await user('GET', `${SUBS}/${sub.id}/deliveries`);
      return body.data[0]?.state === 'delivered' ? body.data : null;
    }));
    assert.equal(delivery.attempts, 2);
    await user('DELETE', `${SUBS}/${sub.id}`);
  });

  test('410 Gone switches a subscription off and raises an alert', async () => {
    receiver.state.got.length = 0;
    const place = await endOfFeed();
    const sub = await subscribe({ types: ['records.changed'] });
    receiver.state.answer = () => [410, 'go away'];
    await newContact('Gone');
    const off = await until('it is off', async () => {
      const { body } = await user('GET', `${SUBS}/${sub.id}`);
      return body.data.enabled ? null : body.data;
    });
    receiver.state.answer = () => [200, 'ok'];
    assert.match(off.disabledReason, /410/);
    const { events } = await readEvents(server.url, keys.user, (e) => e.length >= 1, { path: '/api/v1/events?types=alert.raised', last: place });
    assert.deepEqual([events[0].data.alert, events[0].data.subscriptionId], ['webhook_subscription_disabled', sub.id]);
    const on = await user('PATCH', `${SUBS}/${sub.id}`, { enabled: true });
    assert.deepEqual([on.body.data.enabled, on.body.data.disabledReason, on.body.data.failingSince], [true, null, null]);
    await user('DELETE', `${SUBS}/${sub.id}`);
  });

  test('bad requests are told apart; another tenant\'s subscription does not exist', async () => {
    for (const body of [{}, { url: 'ftp://x' }, { url: 'http://user:pass@example.com/' }, { url: 'http://10.1.2.3/' }, { url: 'http://[fd00::1]/' },
      { url: receiver.url, types: ['nonsense'] }, { url: receiver.url, types: [] }, { url: 5 }])
      assert.equal((await user('POST', SUBS, body)).status, 400, JSON.stringify(body));
    const sub = await subscribe({ enabled: false, id: 'x', secret: 'whsec_mine', place: 0 });
    assert.notEqual(sub.secret, 'whsec_mine');
    const unknown = '01900000-0000-7000-8000-000000000000';
    for (const [method, path, body] of [['GET', ''], ['PATCH', '', { name: 'x' }], ['DELETE', ''], ['POST', '/secret'], ['GET', '/deliveries'],
      ['GET', `/deliveries/${unknown}`], ['POST', `/deliveries/${unknown}/replay`]]) {
      const foreign = await as(keys.other, method, `${SUBS}/${sub.id}${path}`, body), missing = await as(keys.other, method, `${SUBS}/${unknown}${path}`, body);
      assert.deepEqual([foreign.status, foreign.text], [404, missing.text], `${method} ${path}`);
    }
    assert.deepEqual((await as(keys.other, 'GET', SUBS)).body.data, []);
    const changed = await user('PATCH', `${SUBS}/${sub.id}`, { types: null, name: 'All' });
    assert.deepEqual([changed.body.data.types, changed.body.data.name, changed.body.data.enabled], [null, 'All', false]);
    await user('DELETE', `${SUBS}/${sub.id}`);
  });

  // At least once: killed while it delivers, the server sends again; nothing is lost.
  test('killed in the middle of delivering, every event arrives', async () => {
    // An address of its own: what an earlier subscription had under way may come late.
    const sub = await subscribe({ types: ['records.changed'], url: `${receiver.url}/killed` }), mine = () => receiver.state.got.filter((g) => g.path === '/killed');
    receiver.state.answer = () => new Promise((resolve) => { setTimeout(() => resolve([200, 'ok']), 60); });
    const made = [];
    for (let i = 0; i < 20; i++) made.push((await newContact(`Kill ${i}`)).body.data.id);
    await until('some were delivered', () => mine().length >= 4);
    await server.kill();
    const { api, ...rest } = await startTidemark({ data, env });
    server = { ...rest, api: (method, path, body, headers) => api(method, path, body, { orgid: 'default', ...headers }) };
    const arrived = () => new Set(mine().map((g) => JSON.parse(g.body).data.ids[0]));
    await until('all have arrived', () => made.every((id) => arrived().has(id)));
    const byId = new Map(mine().map((g) => [g.headers['webhook-id'], g.body]));
    for (const g of mine()) assert.equal(g.body, byId.get(g.headers['webhook-id']), 'a repetition is the same');
    assert.equal(byId.size, made.length, 'one webhook-id for each event');
    receiver.state.answer = () => [200, 'ok'];
    await user('DELETE', `${SUBS}/${sub.id}`);
  });
});
