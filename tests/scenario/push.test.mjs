// Push: what is changed here reaches the simulated vendors, and does not come back as a change.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { stopAll } from './lib/platform.mjs';
import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder, tidemark, until } from './lib/tidemark.mjs';

const SYNC = '/api/v1/sync';
const data = tempFolder('push');
let sandbox, server, chatwoot;

const env = () => ({ ...loopback, CHATWOOT_BASE_URL: sandbox.url, HUBSPOT_BASE_URL: `${sandbox.url}/hubspot`, ZENDESK_BASE_URL: `${sandbox.url}/zendesk`,
  GOHIGHLEVEL_BASE_URL: `${sandbox.url}/gohighlevel` });

async function connect(platform, credentials, more = {}) {
  const made = await server.api('POST', `${SYNC}/connections`, { name: platform, platform, credentials, direction: 'both', schedule: { every: '12h', fullEvery: '30d' }, ...more });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.data.id;
}
async function sync(id, more = {}) {
  const started = await until('a free connection', async () => {
    const reply = await server.api('POST', `${SYNC}/run`, { connectionId: id, ...more });
    return reply.status === 202 ? reply : reply.status === 409 ? null : assert.fail(JSON.stringify(reply.body));
  });
  const run = await finishedRun(server, started.body.data.runId);
  assert.equal(run.status, 'success', JSON.stringify(run));
  return run;
}
const contacts = () => listAll(server, '/api/v1/contacts');
const one = async (id) => (await server.api('GET', `/api/v1/contacts/${id}`)).body.data;
const runs = async (id) => (await server.api('GET', `${SYNC}/runs?connectionId=${id}&limit=100`)).body.data;
// The runs of each, when nothing waits and nothing runs.
async function atRest(ids) {
  const seen = [];
  for (const id of ids) {
    const connection = (await server.api('GET', `${SYNC}/connections/${id}`)).body.data;
    if (connection.push?.waiting !== 0) return null;
    const all = await runs(id);
    if (all.some((r) => ['pending', 'in_progress'].includes(r.status))) return null;
    seen.push(...all.map((r) => r.id));
  }
  return seen.join();
}
// While the second was looked at, the last run of it may have brought news for the first: so all stand still twice.
const settled = (...ids) => until('everything is pushed', async () => {
  const seen = await atRest(ids);
  return seen !== null && seen === await atRest(ids);
});
const writes = async (vendor) => (await sandbox.ledger()).filter((r) => r.vendor === vendor && ['POST', 'PUT', 'PATCH', 'DELETE'].includes(r.method) &&
  !/search|filter|batch\/read/.test(r.target));
const patch = async (id, fields) => {
  const reply = await server.api('PATCH', `/api/v1/contacts/${id}`, fields);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
};

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 12, conversations: 0, 'hubspot.contacts': 0, 'zendesk.users': 3, 'gohighlevel.contacts': 0 } });
  server = await startTidemark({ data, env: env() });
  chatwoot = await connect('chatwoot', { accountId: '1', accessToken: 'test' }, { streams: ['contacts'] });
  await sync(chatwoot);
});
after(() => stopAll(data, server, sandbox));

describe('one platform', () => {
  test('a local edit reaches the vendor: only what changed is sent, and it is no news when it is read again', async () => {
    const before_ = (await writes('chatwoot')).length;
    const ana = (await contacts()).find((c) => c.email);
    await patch(ana.id, { name: 'Ana de Souza' });
    await settled(chatwoot);
    const sent = (await writes('chatwoot')).slice(before_);
    assert.equal(sent.length, 1, JSON.stringify(sent));
    const truth = (await sandbox.truth('chatwoot', 'contacts')).find((c) => String(c.id) === ana.customFields.chatwoot_id);
    assert.equal(truth.name, 'Ana de Souza');
    assert.equal(truth.email, ana.email);
    const pushed = (await server.api('GET', `/api/v1/sync/runs?connectionId=${chatwoot}&limit=100`)).body.data.find((r) => r.direction === 'push' && r.recordsUpdated === 1);
    const listed = (await server.api('GET', `/api/v1/sync/runs/${pushed.id}/records`)).body.data;
    assert.deepEqual(listed.map((row) => [row.change, row.record.id]), [['updated', ana.id]]);
    const version = (await one(ana.id)).version;
    const run = await sync(chatwoot, { fullSync: true });
    assert.equal(run.recordsUpdated, 0, JSON.stringify(run));
    assert.equal((await one(ana.id)).version, version);
    await settled(chatwoot);
    assert.equal((await writes('chatwoot')).length, before_ + 1);
  });

  test('what the vendor spells otherwise is agreed on: it is neither sent again nor read as a change', async () => {
    const ana = (await contacts()).find((c) => c.email && c.phone);
    await patch(ana.id, { email: `Ana.${ana.id}@Example.COM`, phone: null });
    await settled(chatwoot);
    const truth = (await sandbox.truth('chatwoot', 'contacts')).find((c) => String(c.id) === ana.customFields.chatwoot_id);
    assert.equal(truth.email, `ana.${ana.id}@example.com`);
    assert.equal(truth.phone_number, null);
    const count = (await writes('chatwoot')).length;
    assert.equal((await sync(chatwoot, { fullSync: true })).recordsUpdated, 0);
    assert.equal((await one(ana.id)).email, `Ana.${ana.id}@Example.COM`);
    await patch(ana.id, { name: 'Ana B.' });
    await settled(chatwoot);
    const last = (await writes('chatwoot')).slice(count);
    assert.equal(last.length, 1);
    const now = await sandbox.raw('GET', `/api/v1/accounts/1/contacts/${truth.id}`, undefined, { api_access_token: 'test' });
    assert.equal(now.body.payload.name, 'Ana B.');
    assert.equal((await sync(chatwoot, { fullSync: true })).recordsUpdated, 0);
    // The vendor's own change of that field is one.
    await sandbox.raw('PUT', `/api/v1/accounts/1/contacts/${truth.id}`, { email: 'other@example.com' }, { api_access_token: 'test' });
    await sync(chatwoot, { fullSync: true });
    assert.equal((await one(ana.id)).email, 'other@example.com');
  });

  test('a record made here is made there once, and linked to who has its key there already', async () => {
    const made = await server.api('POST', '/api/v1/contacts', { name: 'Nova', email: 'nova@example.com' });
    assert.equal(made.status, 201);
    await settled(chatwoot);
    const there = (await sandbox.truth('chatwoot', 'contacts')).filter((c) => c.email === 'nova@example.com');
    assert.equal(there.length, 1);
    assert.equal((await one(made.body.data.id)).externalIds.length, 1);
    await sandbox.raw('POST', '/api/v1/accounts/1/contacts', { name: 'Velha', email: 'velha@example.com', phone_number: '+5511987654321' }, { api_access_token: 'test' });
    const twin = await server.api('POST', '/api/v1/contacts', { email: 'VELHA@example.com' });
    await settled(chatwoot);
    assert.equal((await sandbox.truth('chatwoot', 'contacts')).filter((c) => c.email === 'velha@example.com').length, 1);
    const linked = await one(twin.body.data.id);
    assert.equal(linked.externalIds.length, 1);
    assert.equal(linked.name, 'Velha');
    assert.equal(linked.phone, '+5511987654321');
    const count = (await contacts()).length;
    await sync(chatwoot, { fullSync: true });
    assert.equal((await contacts()).length, count);
  });

  test('what is refused is kept with its reason, and goes when it is put right', async () => {
    const taken = (await contacts()).find((c) => c.email && c.customFields.chatwoot_id);
    const made = await server.api('POST', '/api/v1/contacts', { name: 'Sem', email: 'not-an-address@@x' });
    const bad = made.status === 201 ? made.body.data.id : (await server.api('POST', '/api/v1/contacts', { name: 'Sem', phone: '0815' })).body.data.id;
    await settled(chatwoot);
    const rejected = await server.api('GET', `${SYNC}/connections/${chatwoot}/rejected`);
    const row = rejected.body.data.find((r) => r.direction === 'push');
    assert.match(row.reason, /refused \(422\)/);
    await patch(bad, { email: 'sem@example.com', phone: null });
    await settled(chatwoot);
    assert.equal((await server.api('GET', `${SYNC}/connections/${chatwoot}/rejected`)).body.data.length, 0);
    assert.equal((await sandbox.truth('chatwoot', 'contacts')).filter((c) => c.email === 'sem@example.com').length, 1);
    assert.ok(taken);
  });

  test('a vendor that allows few requests at a time: what was looked for is not looked for again, and nobody is lost or made twice', async () => {
    const emails = ['um', 'dois', 'tres'].map((name) => `${name}@few.example.com`);
    await server.api('PATCH', `${SYNC}/connections/${chatwoot}`, { enabled: false });
    const made = [];
    for (const email of emails) made.push((await server.api('POST', '/api/v1/contacts', { name: 'Poucos', email })).body.data.id);
    await sandbox.json('POST', '/_sandbox/faults', { faults: ['429:every=3:count=forever:retry-after=3:vendor=chatwoot'] });
    const began = (await sandbox.ledger()).at(-1).seq;
    await server.api('PATCH', `${SYNC}/connections/${chatwoot}`, { enabled: true });
    await settled(chatwoot);
    await sandbox.json('DELETE', '/_sandbox/faults');
    assert.deepEqual((await server.api('GET', `${SYNC}/connections/${chatwoot}/rejected`)).body.data, []);
    const asked = (await sandbox.ledger(began)).filter((r) => r.status !== 429);
    for (const email of emails)
      assert.equal(asked.filter((r) => /search|filter/.test(r.target) && `${r.target} ${r.body}`.includes(email.split('@')[0])).length, 1, JSON.stringify(asked));
    const there = (await sandbox.truth('chatwoot', 'contacts')).filter((c) => c.name === 'Poucos');
    assert.deepEqual(there.map((c) => c.email).sort(), [...emails].sort());
    for (const id of made) assert.equal((await one(id)).externalIds.length, 1);
  });
});

describe('a dry run', () => {
  test('shows the very requests, sends none, and shows no secret', async () => {
    const secret = 'a-token-that-must-not-be-seen';
    const id = await connect('chatwoot', { accountId: '7', accessToken: secret }, { streams: ['contacts'], direction: 'push', enabled: false });
    const made = await server.api('POST', '/api/v1/contacts', { name: 'Seca', email: 'seca@example.com' });
    const before_ = (await sandbox.ledger()).length;
    const preview = await server.api('GET', `${SYNC}/connections/${id}/push?full=true&limit=500`);
    assert.equal(preview.status, 200, preview.text);
    const item = preview.body.data.find((i) => i.recordId === made.body.data.id);
    assert.equal(item.action, 'create');
    assert.deepEqual(item.requests.map((r) => [r.what, r.method, r.url.replace(sandbox.url, '')]), [
      ['look up', 'GET', '/api/v1/accounts/7/contacts/search?q=seca%40example.com'],
      ['create, when nobody is found', 'POST', '/api/v1/accounts/7/contacts'],
    ]);
    assert.deepEqual(JSON.parse(item.requests[1].body), { name: 'Seca', email: 'seca@example.com' });
    assert.match(item.requests[1].headers.api_access_token, /^•+$/);
    const printed = tidemark(['sync', id, '--push', '--dry-run', '--full', '--url', server.url, '--key', server.key]);
    assert.equal(printed.code, 0, printed.stderr);
    assert.match(printed.stdout, /POST .*accounts\/7\/contacts/);
    for (const text of [preview.text, printed.stdout]) assert.ok(!text.includes(secret));
    assert.equal((await sandbox.ledger()).filter((r) => r.target.includes('accounts/7/') && !/profile|contacts\?/.test(r.target)).length, 0);
    assert.ok(before_ > 0);
    assert.equal((await server.api('DELETE', `${SYNC}/connections/${id}`)).status, 204);
    await settled(chatwoot);
  });
});

describe('from one platform to another', () => {
  let hubspot, zendesk, highlevel;

  test('what one platform has is sent to another, in batches, and not back', async () => {
    hubspot = await connect('hubspot', { accessToken: 'your-api-key', portalId: '62515' }, { streams: ['contacts'] });
    await sync(hubspot, { fullSync: true });
    const job = await server.api('POST', '/sync/queue', { name: 'to-hubspot', type: 'full', data: { source: chatwoot, target: hubspot, entity: 'contacts' } },
      { orgid: 'default' });
    assert.equal(job.status, 201, JSON.stringify(job.body));
    await until('the job ends', async () => {
      const jobs = (await server.api('GET', '/sync/info', undefined, { orgid: 'default' })).body;
      return jobs.syncJobs.find((j) => j.name === 'to-hubspot')?.status === 'completed';
    });
    await settled(chatwoot, hubspot);
    const here = (await contacts()).filter((c) => c.externalIds === undefined);
    const there = await sandbox.truth('hubspot', 'contacts');
    assert.equal(there.length, (await contacts()).length, `${here.length}`);
    const batches = (await writes('hubspot')).filter((r) => r.target.includes('/batch/create'));
    assert.ok(batches.length >= 1 && batches.length < 10, JSON.stringify(batches.length));
    const mails = there.map((c) => c.properties.email).filter(Boolean);
    assert.equal(new Set(mails).size, mails.length);
    const both = await runs(hubspot);
    assert.ok(both.some((r) => r.direction === 'push'));
    const count = (await writes('hubspot')).length + (await writes('chatwoot')).length;
    await sync(hubspot, { fullSync: true });
    await sync(chatwoot, { fullSync: true });
    await settled(chatwoot, hubspot);
    assert.equal((await writes('hubspot')).length + (await writes('chatwoot')).length, count, 'nothing goes back and forth');
  });

  test('a change at one platform reaches the other, and only that field', async () => {
    const ana = (await contacts()).find((c) => c.email === 'nova@example.com');
    const id = ana.customFields.hubspot_id;
    await sandbox.raw('PATCH', `/hubspot/crm/objects/2026-09/contacts/${id}`, { properties: { firstname: 'Novíssima', lastname: 'Lima' } }, { authorization: 'Bearer test' });
    await sync(hubspot, { fullSync: true });
    await settled(chatwoot, hubspot);
    assert.equal((await sandbox.truth('chatwoot', 'contacts')).find((c) => c.email === 'nova@example.com').name, 'Novíssima Lima');
    await sandbox.raw('PUT', `/api/v1/accounts/1/contacts/${ana.customFields.chatwoot_id}`, { name: 'Nova Maria Lima' }, { api_access_token: 'test' });
    await sync(chatwoot, { fullSync: true });
    await settled(chatwoot, hubspot);
    const there = (await sandbox.truth('hubspot', 'contacts')).find((c) => String(c.id) === id).properties;
    assert.deepEqual([there.firstname, there.lastname], ['Nova', 'Maria Lima']);
    assert.equal((await one(ana.id)).name, 'Nova Maria Lima');
  });

  test('a batch of which a part fails is split: the others are taken, each refusal has its own reason', async () => {
    for (let i = 0; i < 5; i++) await server.api('POST', '/api/v1/contacts', { name: `Lote ${i}`, email: i === 2 ? 'lote@bad' : `lote${i}@example.com` });
    await settled(chatwoot, hubspot);
    const there = (await sandbox.truth('hubspot', 'contacts')).filter((c) => /^lote/.test(c.properties.email ?? ''));
    assert.equal(there.length, 4);
    const rejected = (await server.api('GET', `${SYNC}/connections/${hubspot}/rejected`)).body.data;
    assert.equal(rejected.length, 1);
    assert.match(rejected[0].reason, /not valid|invalid/i);
    const replay = await server.api('POST', `${SYNC}/connections/${hubspot}/rejected/replay`);
    assert.equal(replay.body.data.tried, 1);
    await settled(hubspot);
    const again = (await server.api('GET', `${SYNC}/connections/${hubspot}/rejected`)).body.data;
    assert.ok(again[0].times >= 2);
  });

  test('a creation that the vendor did not want yet is no lost one: without a key to look for it, it is made all the same', async () => {
    await sandbox.json('POST', '/_sandbox/faults', { faults: ['429:count=1:retry-after=3:vendor=hubspot:method=POST'] });
    const made = (await server.api('POST', '/api/v1/contacts', { name: 'Sem Chave' })).body.data.id;
    await settled(hubspot);
    await sandbox.json('DELETE', '/_sandbox/faults');
    assert.ok((await sandbox.ledger()).some((r) => r.vendor === 'hubspot' && r.status === 429));
    const map = (await one(made)).externalIds;
    assert.deepEqual(map.map((e) => e.platform ?? e.provider), ['hubspot'], JSON.stringify(map));
    assert.equal((await sandbox.truth('hubspot', 'contacts')).filter((c) => c.properties.lastname === 'Chave').length, 1);
    assert.equal((await server.api('DELETE', `/api/v1/contacts/${made}`)).status, 204);
    await settled(hubspot);
  });

  test('a merge at one platform: what the other has of the one that lost follows the one that won, or stays as it was', async () => {
    const hs = (method, path, body) => sandbox.raw(method, `/hubspot/crm/objects/2026-09/contacts${path}`, body, { authorization: 'Bearer test' });
    const ids = [];
    for (const n of [1, 2, 3]) ids.push((await hs('POST', '', { properties: { email: `fusao${n}@example.com`, firstname: 'Fusão', lastname: `N${n}`, ...(n === 2 ? { city: 'Recife' } : {}) } })).body.id);
    await sync(hubspot, { fullSync: true });
    await settled(chatwoot, hubspot);
    const named = async (n) => (await contacts()).find((c) => c.email === `fusao${n}@example.com`);
    const [first, second, third] = [await named(1), await named(2), await named(3)];
    const there = first.customFields.chatwoot_id, other = second.customFields.chatwoot_id;
    await sandbox.raw('DELETE', `/api/v1/accounts/1/contacts/${there}`, undefined, { api_access_token: 'test' });
    await sync(chatwoot, { fullSync: true });
    await settled(chatwoot, hubspot);
    // The first has nobody at the other platform any more: the second's goes over. The third has: it stays.
    await hs('POST', '/merge', { primaryObjectId: ids[0], objectIdToMerge: ids[1] });
    await hs('POST', '/merge', { primaryObjectId: ids[0], objectIdToMerge: ids[2] });
    await sync(hubspot, { fullSync: true });
    await settled(chatwoot, hubspot);
    const winner = await one(first.id);
    assert.deepEqual(winner.externalIds.filter((e) => !e.deletedAt).map((e) => e.externalId).filter((id) => [ids[0], other].includes(id)).sort(), [ids[0], other].sort());
    assert.equal(winner.city, 'Recife');
    assert.equal((await contacts()).filter((c) => /^fusao/.test(c.email)).length, 2);
    assert.ok((await one(third.id)).externalIds.some((e) => e.externalId === third.customFields.chatwoot_id));
    const now = (await sandbox.truth('chatwoot', 'contacts')).filter((c) => /^fusao/.test(c.email ?? ''));
    assert.deepEqual(now.map((c) => [String(c.id), c.email]).sort(), [[other, 'fusao1@example.com'], [third.customFields.chatwoot_id, 'fusao3@example.com']].sort());
    assert.equal((await sandbox.truth('hubspot', 'contacts')).filter((c) => /^fusao/.test(c.properties.email ?? '')).length, 1);
  });

  test('Zendesk and HighLevel take them too', async () => {
    zendesk = await connect('zendesk', { email: 'you@example.com', apiToken: 'your-api-key', subdomain: 'your-subdomain' }, { streams: ['users'] });
    highlevel = await connect('gohighlevel', { apiKey: 'your-api-key', locationId: 've9EPM428h8vShlRW1KT' }, { streams: ['contacts'] });
    for (const id of [zendesk, highlevel]) {
      await sync(id, { fullSync: true });
      await sync(id, { direction: 'push', fullSync: true });
    }
    await settled(chatwoot, hubspot, zendesk, highlevel);
    const mails = (rows) => rows.filter(Boolean).map((m) => m.toLowerCase()).filter((m) => m !== 'lote@bad').sort();
    const all = mails((await contacts()).map((c) => c.email));
    assert.deepEqual(mails((await sandbox.truth('zendesk', 'users')).map((u) => u.email)), all);
    assert.deepEqual(mails((await sandbox.truth('gohighlevel', 'contacts')).map((c) => c.email)), all);
    const nova = (await contacts()).find((c) => c.email === 'nova@example.com');
    await patch(nova.id, { name: 'Nova de Novo' });
    await settled(chatwoot, hubspot, zendesk, highlevel);
    assert.equal((await sandbox.truth('zendesk', 'users')).find((u) => u.email === 'nova@example.com').name, 'Nova de Novo');
    const hl = (await sandbox.truth('gohighlevel', 'contacts')).find((u) => u.email === 'nova@example.com');
    assert.deepEqual([hl.firstName, hl.lastName], ['Nova', 'de Novo']);
  });
});

describe('few requests at a time', () => {
  test('who is asked for before a deletion is not asked for again after each wait', async () => {
    const there = (await sandbox.truth('chatwoot', 'contacts')).slice(0, 3);
    for (const { id } of there) await sandbox.raw('DELETE', `/api/v1/accounts/1/contacts/${id}`, undefined, { api_access_token: 'test' });
    const began = (await sandbox.ledger()).at(-1).seq;
    await sandbox.json('POST', '/_sandbox/faults', { faults: ['429:every=3:count=forever:retry-after=3:vendor=chatwoot'] });
    const run = await sync(chatwoot, { fullSync: true });
    await sandbox.json('DELETE', '/_sandbox/faults');
    assert.equal(run.recordsMissing, there.length, JSON.stringify(run));
    const asked = (await sandbox.ledger(began)).filter((r) => r.status === 404).map((r) => r.target);
    assert.equal(new Set(asked).size, there.length);
    assert.equal(asked.length, there.length, JSON.stringify(asked));
  });
});

describe('many who are not there yet', () => {
  test('250 creations ask HubSpot three times who is there, in place of 250 times', async () => {
    const MANY = 250, folder = tempFolder('push-many'), other = await startTidemark({ data: folder, env: env() });
    try {
      const hs = (body) => sandbox.raw('POST', '/hubspot/crm/objects/2026-09/contacts', body, { authorization: 'Bearer test' });
      for (const n of [0, 120, 249]) assert.equal((await hs({ properties: { email: `multidao${n}@example.com`, city: 'Olinda' } })).status, 201);
      for (let i = 0; i < MANY; i += 25)
        await Promise.all(Array.from({ length: 25 }, async (_, k) =>
          assert.equal((await other.api('POST', '/api/v1/contacts', { name: `Pessoa ${i + k}`, email: `Multidao${i + k}@example.com` })).status, 201)));
      const made = await other.api('POST', `${SYNC}/connections`, { name: 'Many', platform: 'hubspot', credentials: { accessToken: 'test' }, direction: 'push' });
      assert.equal(made.status, 201, made.text);
      const before_ = (await sandbox.ledger()).length;
      const started = await other.api('POST', `${SYNC}/run`, { connectionId: made.body.data.id, direction: 'push', fullSync: true });
      assert.equal(started.status, 202, started.text);
      const run = await finishedRun(other, started.body.data.runId);
      assert.deepEqual([run.status, run.recordsCreated, run.recordsFailed ?? 0], ['success', MANY - 3, 0], JSON.stringify(run));
      const asked = (await sandbox.ledger()).slice(before_).filter((r) => r.vendor === 'hubspot');
      const count = (method, part) => asked.filter((r) => r.method === method && r.target.includes(part)).length;
      assert.deepEqual([count('POST', '/contacts/batch/create'), count('GET', 'idProperty=email')], [3, 0]);
      // Those who were linked are read by their id, alone or together, before they are changed.
      const looks = count('POST', '/contacts/batch/read');
      assert.ok(looks >= 3 && looks <= 5, `${looks} calls of batch/read`);
      const there = (await sandbox.truth('hubspot', 'contacts')).filter((c) => /^multidao/i.test(c.properties.email ?? ''));
      assert.equal(there.length, MANY, 'nobody twice');
    } finally {
      await other.stop();
      removeFolder(folder);
    }
  });
});
