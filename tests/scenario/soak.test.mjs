// Two ways, for a while: three platforms linked by e-mail, edits on every side and here, webhooks lost, repeated, late and out of order,
// one vendor failing. In the end all sides agree with the store, nobody is there twice, and every edit is the value or in the history.
//
// TIDEMARK_SOAK_PEOPLE, _SECONDS, _SEED: script/soak-test sets them. Edits and faults come from the seed; what the network makes of
// them does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { finishedRun, isFinished, listAll, pause, removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';
import { drained } from './lib/webhooks.mjs';

const PEOPLE = Number(process.env.TIDEMARK_SOAK_PEOPLE ?? 600), SECONDS = Number(process.env.TIDEMARK_SOAK_SECONDS ?? 60);
const SEED = Number(process.env.TIDEMARK_SOAK_SEED ?? 2026), ROUNDS = 8, SYNC = '/api/v1/sync', BY = 'by=soak';
const random = ((state) => () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648)(SEED);
const below = (count) => Math.floor(random() * count);
const pick = (list) => list[below(list.length)];

let sandbox, server;
const cw = (method, path, body) => sandbox.raw(method, `/api/v1/accounts/1${path}?${BY}`, body, { api_access_token: 'test' });
const hs = (method, path, body) => sandbox.raw(method, `/hubspot/crm/objects/2026-09/contacts${path}?${BY}`, body, { authorization: 'Bearer test' });
const zd = (method, path, body) => sandbox.raw(method, `/zendesk/api/v2${path}?${BY}`, body, { authorization: 'Bearer test' });

// A fault strikes us too: what we do is done again until it is answered, and a vendor may be away for as long as its weather lasts.
const WEATHER_MS = Math.max(1000, SECONDS * 100), PATIENCE_MS = 20 * WEATHER_MS + 60_000;
async function done(call, fine = [200, 201]) {
  for (let end = Date.now() + PATIENCE_MS, wait = 20; Date.now() < end; wait = Math.min(wait * 2, 200)) {
    const reply = await call().catch(() => null);
    if (reply && fine.includes(reply.status)) return reply;
    if (reply && reply.status < 500 && reply.status !== 429) return reply;
    await pause(wait);
  }
  return assert.fail('a vendor never answered');
}

const nameOf = (n) => `Nome S${n}`;
const phoneOf = (n) => `+55119${String(10_000_000 + n).slice(-8)}`;
const split = (name) => ({ firstname: name.split(' ')[0], lastname: name.split(' ').slice(1).join(' ') });
const sides = {
  chatwoot: {
    create: async (p) => (await done(() => cw('POST', '/contacts', { name: p.name, email: p.email, phone_number: p.phone }))).body?.payload?.contact?.id,
    edit: (id, field, value) => done(() => cw('PUT', `/contacts/${id}`, { [field === 'phone' ? 'phone_number' : field]: value })),
    truth: async () => (await sandbox.truth('chatwoot', 'contacts')).map((c) => ({ id: c.id, email: c.email, name: c.name, phone: c.phone_number })),
  },
  hubspot: {
    create: async (p) => (await done(() => hs('POST', '', { properties: { email: p.email, phone: p.phone, ...split(p.name) } }))).body?.id,
    edit: (id, field, value) => done(() => hs('PATCH', `/${id}`, { properties: field === 'name' ? split(value) : { [field]: value } })),
    truth: async () => (await sandbox.truth('hubspot', 'contacts')).map(({ id, properties: p }) => ({
      id, email: p.email, name: `${p.firstname ?? ''} ${p.lastname ?? ''}`.trim(), phone: p.phone })),
  },
  zendesk: {
    create: async (p) => (await done(() => zd('POST', '/users', { user: { name: p.name, email: p.email, phone: p.phone } }))).body?.user?.id,
    edit: (id, field, value) => done(() => zd('PUT', `/users/${id}`, { user: { [field]: value } })),
    truth: async () => (await sandbox.truth('zendesk', 'users')).map((u) => ({ id: u.id, email: u.email, name: u.name, phone: u.phone })),
  },
};

async function inParallel(items, most, work) {
  let next = 0;
  await Promise.all(Array.from({ length: most }, async () => { while (next < items.length) await work(items[next++]); }));
}

// The sandbox keeps 64 MB of its ledger: what is written there is taken away before it is forgotten.
const ledger = [];
let ledgerSeen = 0;
async function collectLedger() {
  const rows = await sandbox.ledger(ledgerSeen);
  ledgerSeen = rows.at(-1)?.seq ?? ledgerSeen;
  for (const row of rows) ledger.push(row);
}

const people = [];
const edits = [];
let clock = 0;

async function populate() {
  for (let n = 0; n < PEOPLE; n++) people.push({ email: `p${n}@soak.example.com`, name: nameOf(n), phone: phoneOf(n), ids: {} });
  for (let i = 0; i < PEOPLE; i += 100) {
    const some = people.slice(i, i + 100);
    const reply = await done(() => hs('POST', '/batch/create', { inputs: some.map((p) => ({ properties: { email: p.email, phone: p.phone, ...split(p.name) } })) }));
    for (const row of reply.body.results) people.find((p) => p.email === row.properties.email).ids.hubspot = row.id;
  }
  for (const side of ['chatwoot', 'zendesk']) await inParallel(people, 16, async (p) => { p.ids[side] = await sides[side].create(p); });
}

const connections = {};
async function connect(platform, credentials, streams) {
  const made = await server.api('POST', `${SYNC}/connections`, {
    name: platform, platform, credentials, streams, direction: 'both', schedule: { every: '10s', fullEvery: '30d' },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  connections[platform] = made.body.data.id;
}

async function sync(id) {
  const started = await until('a free connection', async () => {
    const reply = await server.api('POST', `${SYNC}/run`, { connectionId: id, fullSync: true });
    return reply.status === 202 ? reply : null;
  }, 600_000, 100);
  return finishedRun(server, started.body.data.runId, 600_000);
}

// What still moves, in words; nothing when all is at rest.
async function restless() {
  const found = [];
  for (const [platform, id] of Object.entries(connections)) {
    const { body } = await server.api('GET', `${SYNC}/connections/${id}`);
    if (body.data.status !== 'connected') await server.api('POST', `${SYNC}/connections/${id}/test`);
    const runs = (await server.api('GET', `${SYNC}/runs?connectionId=${id}&limit=3`)).body.data.filter((r) => !isFinished(r));
    if (body.data.status !== 'connected' || body.data.push.waiting > 0 || runs.length > 0)
      found.push(`${platform} ${body.data.status}, ${JSON.stringify(body.data.push)}, ${runs.map((r) => `${r.direction} ${r.trigger} ${r.status} ${r.pages}`)}`);
  }
  return found;
}

async function settled() {
  let found;
  await until('everything is pushed', async () => (found = await restless()).length === 0, 900_000, 200)
    .catch((e) => assert.fail(`${e.message}: ${found.join('; ')}`));
}

// ---- what people do meanwhile

async function editHere(person, field, value) {
  const found = (await server.api('GET', `/api/v1/contacts?q=${encodeURIComponent(person.email)}`)).body.data.find((c) => c.email === person.email);
  if (!found) return false;
  const reply = await server.api('PATCH', `/api/v1/contacts/${found.id}`, { [field]: value });
  return reply.status === 200;
}

async function someone(n) {
  const where = pick(['chatwoot', 'hubspot', 'zendesk', 'here']);
  if (random() < 0.05) {
    const person = { email: `new${n}@soak.example.com`, name: nameOf(100_000 + n), phone: phoneOf(5_000_000 + n), ids: {} };
    people.push(person);
    if (where === 'here') await server.api('POST', '/api/v1/contacts', { name: person.name, email: person.email, phone: person.phone });
    else person.ids[where] = await sides[where].create(person);
    return;
  }
  const person = pick(people), field = pick(['name', 'phone']), value = field === 'name' ? `Nome E${n}` : phoneOf(1_000_000 + n);
  const began = clock++;
  const ok = where === 'here' ? await editHere(person, field, value)
    : person.ids[where] !== undefined && (await sides[where].edit(person.ids[where], field, value)).status < 300;
  if (ok) edits.push({ n, where, email: person.email, id: person.ids[where], field, value, began, ended: clock++ });
}

const weathers = [
  [],
  ['500:every=5:count=forever:vendor=zendesk:method=PUT:handled=yes', '500:every=3:count=forever:vendor=hubspot:method=POST:handled=yes'],
  ['reset:every=9:count=forever:vendor=chatwoot', '429:every=7:count=forever:retry-after=1:vendor=hubspot'],
  ['503:count=forever:vendor=hubspot'],
  ['500:every=2:count=forever:vendor=chatwoot:method=POST:handled=yes', '503:every=3:count=forever:vendor=zendesk'],
];

async function live() {
  const end = Date.now() + SECONDS * 1000;
  let n = 0, over = false;
  const weather = (async () => {
    for (let i = 0; !over; i++) {
      await sandbox.json('DELETE', '/_sandbox/faults');
      const faults = weathers[i % weathers.length];
      if (faults.length > 0) await sandbox.json('POST', '/_sandbox/faults', { faults });
      await collectLedger();
      for (let k = 0; k < 10 && !over; k++) await pause(WEATHER_MS / 10);
    }
  })();
  try {
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (Date.now() < end) {
        await someone(n++);
        await pause(30 + below(60));
      }
    }));
  } finally {
    over = true;
    await weather;
  }
  await sandbox.json('DELETE', '/_sandbox/faults');
  await sandbox.json('POST', '/_sandbox/webhooks', { lost: 0, repeated: 0, late: 0, lateMs: 0, reordered: 0, retries: 3 });
}

// ---- the end

async function calm() {
  for (let round = 0; round < ROUNDS; round++) {
    await drained(server, 600_000);
    await settled();
    let changed = 0;
    for (const id of Object.values(connections)) {
      const run = await sync(id);
      assert.equal(run.status, 'success', JSON.stringify(run));
      changed += run.recordsUpdated + run.recordsCreated;
    }
    await settled();
    if (changed === 0) return round;
  }
  return assert.fail(`no rest after ${ROUNDS} rounds`);
}

const byEmail = (rows, where) => {
  const map = new Map();
  for (const row of rows.filter((r) => /@soak\./.test(r.email ?? ''))) {
    const email = row.email.toLowerCase();
    assert.ok(!map.has(email), `${where} has ${email} twice: ${JSON.stringify(map.get(email))} and ${JSON.stringify(row)}`);
    map.set(email, row);
  }
  return map;
};

async function assertAllAgree() {
  const here = byEmail(await listAll(server, '/api/v1/contacts'), 'here');
  assert.equal(here.size, people.length, 'nobody is missing and nobody was made up');
  for (const [side, { truth }] of Object.entries(sides)) {
    const there = byEmail(await truth(), side);
    assert.equal(there.size, here.size, side);
    for (const [email, ours] of here) {
      const theirs = there.get(email);
      assert.ok(theirs, `${side} lacks ${email}`);
      assert.deepEqual({ name: theirs.name, phone: theirs.phone }, { name: ours.name, phone: ours.phone }, `${side}: ${email}`);
    }
  }
  return here;
}

const concerns = (r, { where, id }) => r.vendor === where && ((r.ids ?? []).map(String).includes(String(id)) || r.target.includes(`/${id}?`) ||
  r.target.endsWith(`/${id}`) || (r.body ?? '').includes(`"id":"${id}"`));
const about = (ledger, edit) => ledger.filter((r) => concerns(r, edit))
  .map((r) => `${r.seq} ${r.at} ${r.method} ${r.target} ${r.status} ${r.fault ?? ''} ${JSON.stringify(r.body ?? '').slice(0, 200)}`).join('\n');

// Between our look at a record and our write somebody may slip in: no vendor here has conditional writes. The ledger shows it.
const isWrite = (r) => /PUT|PATCH|batch\/update/.test(`${r.method} ${r.target}`);
const slippedIn = (ledger, edit) => {
  const all = ledger.filter((r) => concerns(r, edit)), ours = all.filter((r) => !r.target.includes(BY));
  return all.filter((r) => r.target.includes(BY) && (r.body ?? '').includes(edit.value.split(' ').at(-1))).some(({ seq }) => {
    const before_ = ours.findLast((r) => r.seq < seq), after_ = ours.find((r) => r.seq > seq);
    return before_ !== undefined && !isWrite(before_) && after_ !== undefined && isWrite(after_);
  });
};

async function assertEveryEditIsRecorded(here) {
  let excused = 0;
  await collectLedger();
  const wanted = Map.groupBy ? Map.groupBy(edits, (e) => e.email) : edits.reduce((m, e) => m.set(e.email, [...(m.get(e.email) ?? []), e]), new Map());
  for (const [email, all] of wanted) {
    const detail = (await server.api('GET', `/api/v1/contacts/${here.get(email).id}`)).body.data;
    const text = JSON.stringify([detail.name, detail.phone, detail.history]);
    for (const edit of all) {
      if (text.includes(edit.value)) continue;
      // Whoever wrote over it at the same vendor before we came by was one of those out there.
      if (all.some((e) => e.where === edit.where && e.field === edit.field && e !== edit && e.ended > edit.began)) continue;
      assert.ok(edit.where !== 'here', `an edit made here is nowhere: ${JSON.stringify(edit)}`);
      assert.ok(slippedIn(ledger, edit), `an edit vanished: ${JSON.stringify(edit)}\n${about(ledger, edit)}\n${
        detail.history.filter((h) => edit.field in h.oldValues).map((h) => `${h.version} ${h.at} was ${h.oldValues[edit.field]} ${h.actor ?? h.connectionId} ${h.runId}`).join('\n')}`);
      excused++;
    }
  }
  // The slower the machine, the longer it is from a look to its write.
  assert.ok(excused <= Math.max(3, edits.length / 10), `${excused} of ${edits.length}`);
  return excused;
}

test(`${PEOPLE} people on three platforms for ${SECONDS} s: all sides agree, nobody is there twice, every edit is recorded`, { timeout: 3_600_000 }, async (t) => {
  const data = tempFolder('soak');
  sandbox = await startSandbox({ sizes: { contacts: 0, conversations: 0, 'hubspot.contacts': 0, 'hubspot.quota': 100_000, 'zendesk.users': 3, 'zendesk.quota': 10_000 } });
  try {
    await populate();
    server = await startTidemark({ data, env: { ...loopback, CHATWOOT_BASE_URL: sandbox.url, HUBSPOT_BASE_URL: `${sandbox.url}/hubspot`,
      ZENDESK_BASE_URL: `${sandbox.url}/zendesk`, TIDEMARK_WEBHOOKS_HINT_RATE: '100000' } });
    await connect('chatwoot', { accountId: '1', accessToken: 'test' }, ['contacts']);
    await connect('hubspot', { accessToken: 'your-api-key', portalId: '62515' }, ['contacts']);
    await connect('zendesk', { email: 'you@example.com', apiToken: 'your-api-key', subdomain: 'your-subdomain' }, ['users']);
    for (const id of Object.values(connections)) assert.equal((await sync(id)).status, 'success');
    await settled();
    assert.equal(byEmail(await listAll(server, '/api/v1/contacts'), 'here').size, PEOPLE);
    for (const platform of ['chatwoot', 'zendesk']) {
      const set = await server.api('POST', `/api/admin/integrations/${connections[platform]}/setup-webhook`, {});
      assert.equal(set.body.registered, true, JSON.stringify(set.body));
    }
    await sandbox.json('POST', '/_sandbox/webhooks', { lost: 20, repeated: 20, late: 20, lateMs: 1500, reordered: 20, retries: 1 });
    await live();
    const rounds = await calm();
    const here = await assertAllAgree();
    const excused = await assertEveryEditIsRecorded(here);
    t.diagnostic(`${edits.length} edits, ${people.length} people, ${rounds} rounds to rest, ${excused} edits between our look and our write, seed ${SEED}`);
  } finally {
    await server?.stop();
    await sandbox.stop();
    removeFolder(data);
  }
});
