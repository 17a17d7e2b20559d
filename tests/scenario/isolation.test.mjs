// No route shows or changes anything of another tenant, whoever asks (I-32, I-34, D18). Made from the route table and the API
// document, so a new route is covered without a word here; only what its lists should hold is made in `things`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { fill, parametersIn, readDocument } from './lib/document.mjs';
import { stopAll } from './lib/platform.mjs';
import { finishedRun, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';
import { base64, hs256, inSeconds, keyPair, SECRET } from './lib/tokens.mjs';

const data = tempFolder('isolation');
const ALL = ['content:read', 'content:update', 'content:delete'];
const MARK = 'canary7f3a';
const NEXT_YEAR = new Date(Date.now() + 300 * 86_400_000).toISOString();
let server, sandbox, table, victim, rival, without;
const foreign = new Map(); // value -> where it was found
const secrets = new Set(); // texts that only the victim may see

// Nothing is waited for: a stream of events is left as soon as it has begun.
async function ask(token, method, path, body, headers = {}) {
  const stop = new AbortController();
  const reply = await fetch(server.url + path, { method, signal: stop.signal, redirect: 'manual',
    headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body) });
  const type = reply.headers.get('content-type') ?? '';
  if (type.includes('event-stream')) {
    const timer = setTimeout(() => stop.abort(), 300);
    const text = await reply.text().catch(() => '');
    clearTimeout(timer);
    return { status: reply.status, type, text };
  }
  const text = await reply.text();
  return { status: reply.status, type, text, body: type.includes('json') && text ? JSON.parse(text) : null };
}

async function makeTenant(key) {
  const { id } = (await server.api('POST', '/api/v1/tenants', { key, name: key === 'victim' ? `${key} ${MARK}` : key })).body.data;
  const make = async (body) => (await server.api('POST', '/api/v1/keys', { name: key === 'victim' ? MARK : key, ...body }, { 'X-Tenant-Id': id })).body.data.key;
  return { id, key, token: await make({ permissions: ALL }), make };
}

// What the victim has beside what a sync brings. Each line makes one kind of thing; a route that makes something new belongs here.
const things = [
  ['POST', '/api/v1/users', { subject: `${MARK}-user`, name: MARK }],
  ['POST', '/api/v1/contacts', { name: `${MARK} local`, email: `${MARK}@example.com` }],
  ['POST', '/api/v1/leads', { name: `${MARK} lead`, email: `${MARK}-lead@example.com` }],
  ['POST', '/sync/queue', { name: `${MARK}-job`, type: 'full', data: { source: 'chatwoot' }, schedule: { startAt: NEXT_YEAR } }],
  ['POST', '/api/v1/webhook-subscriptions', { url: `https://example.com/${MARK}`, types: ['run.failed'] }], // none fails: nothing is sent
  ['POST', '/api/bookings', { title: MARK, startTime: '2099-01-01T10:00:00Z', endTime: '2099-01-01T11:00:00Z', timezone: 'UTC' }],
  ['POST', '/api/admin/sub-accounts/:tenant/users', { name: MARK, email: `${MARK}2@example.com` }],
];

async function makeThings() {
  const known = new Set(table.map((route) => route.name.replace(/:[^/]+/g, ':')));
  for (const [method, path, body] of things) {
    if (!known.has(`${method} ${path}`.replace(/:[^/]+/g, ':'))) continue; // no such route in this build
    const { status, text } = await ask(server.key, method, path.replace(':tenant', victim.id), body, { 'X-Tenant-Id': victim.id, orgid: victim.key });
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
  }
}

// Every list of the victim: its ids are what others will try, its texts what they must never see.
const lists = () => table.filter((route) => route.method === 'GET' && !parametersIn(route.path).length && !route.flags.includes('get-changes') &&
  !['anyone', 'metrics', 'status', 'token'].includes(route.access) && !route.flags.includes('no-tenant'));

async function harvest() {
  for (const route of lists()) {
    const { status, body } = await ask(server.key, 'GET', `${route.path}?limit=5`, undefined, { 'X-Tenant-Id': victim.id, orgid: victim.key });
    if (status !== 200 || !body) continue;
    const rows = body.data ?? body.syncJobs ?? [];
    for (const row of Array.isArray(rows) ? rows : []) {
      for (const [member, value] of Object.entries(row ?? {})) {
        if (/^(id|uuid)$|Id$/.test(member) && ['string', 'number'].includes(typeof value) && `${value}`.length > 8) foreign.set(`${value}`, route.path);
        if (member === 'subject' || (member === 'name' && route.path === '/sync/jobs')) foreign.set(value, route.path);
        if (['email', 'phone', 'externalId'].includes(member) && typeof value === 'string' && value.length > 5) secrets.add(value);
      }
    }
  }
  for (const name of [victim.id, victim.key]) foreign.set(name, 'the tenant itself');
}

const unknownLike = (value) => /^[0-9a-f]{8}-/.test(value) ? '01a00000-0000-7000-8000-000000000000' : /^\d+$/.test(value) ? '987654321' : 'no-such-thing';
// An answer without what the question itself said.
const bare = (reply, ...said) => JSON.stringify([reply.status, said.reduce((text, value) => text.replaceAll(value, '<said>'), reply.text)]);
const asTenant = (route, tenant) => (route.flags.includes('orgid') ? { orgid: tenant.key } : {});
const bodyFor = (route) => route.flags.includes('body') ? route.bodyExample ?? {} : undefined;

function assertTellsNothing(reply, what, ...said) {
  const text = said.reduce((rest, value) => rest.replaceAll(value, ''), reply.text);
  assert.ok(!text.includes(MARK), `${what} shows "${MARK}": ${text.slice(0, 300)}`);
  for (const value of [...foreign.keys(), ...secrets])
    if (value.length > 8) assert.ok(!text.includes(value), `${what} shows ${value} (${foreign.get(value) ?? 'data'})`);
}

// Everything of the victim that can be seen, but for what moves by itself.
async function state() {
  const seen = {};
  for (const route of lists()) {
    const { text } = await ask(server.key, 'GET', route.path, undefined, { 'X-Tenant-Id': victim.id, orgid: victim.key });
    seen[route.path] = text.replace(/"(lastUsedAt|seenAt|uptime|nextSyncAt|estimatedStart|estimatedCompletion)":("[^"]*"|null)/g, '');
  }
  return seen;
}

before(async () => {
  sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 12, 'chatwoot.conversations': 2, 'chatwoot.messages': 2 } });
  server = await startTidemark({ data, env: { ...loopback, CHATWOOT_BASE_URL: `${sandbox.url}/chatwoot`, TIDEMARK_JWT_SECRET: SECRET } });
  table = readDocument((await server.anonymous('GET', '/openapi.json')).body);
  victim = await makeTenant('victim');
  rival = await makeTenant('rival');
  without = { 'content:read': await rival.make({ permissions: ['content:update', 'content:delete'] }),
    'content:update': await rival.make({ permissions: ['content:read', 'content:delete'] }),
    'content:delete': await rival.make({ permissions: ['content:read', 'content:update'] }) };
  const asVictim = { ...server, api: (method, path, body) => server.anonymous(method, path, body, { Authorization: `Bearer ${victim.token}` }) };
  const made = await asVictim.api('POST', '/api/v1/sync/connections', { name: `${MARK} connection`, platform: 'chatwoot', schedule: { every: '300d', fullEvery: '300d' },
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${sandbox.url}/chatwoot` } });
  assert.equal(made.status, 201, made.text);
  const run = await asVictim.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id, fullSync: true });
  await finishedRun(asVictim, run.body.data.runId);
  await makeThings();
  await harvest();
  assert.ok(foreign.size >= 10 && secrets.size >= 3, `${foreign.size} ids, ${secrets.size} texts`);
});

after(() => stopAll(data, server, sandbox));

const closed = () => table.filter((route) => !['anyone', 'status'].includes(route.access));

test('without a token nothing is told but what the contract opens (I-34)', async () => {
  const open = /^(\/|\/assets\/:file|\/healthz|\/readyz|\/sync|\/openapi\.json|\/docs|\/api\/v1\/templates(\/:name)?|\/api\/integration-templates(\/:id)?|\/api\/v1\/session|.*webhooks?(\/:connectionId)?|.*\/callback)$/;
  for (const route of table) {
    if (!closed().includes(route)) assert.match(route.path, open, `${route.name} is open to anyone: the contract must say so`);
    const values = parametersIn(route.path).map(() => [...foreign.keys()][0]);
    const reply = await ask(null, route.method, fill(route.path, values), bodyFor(route), asTenant(route, victim));
    if (closed().includes(route)) assert.equal(reply.status, 401, `${route.name}: ${reply.status} ${reply.text}`);
    assertTellsNothing(reply, route.name, ...values);
  }
});

test('expired, unsigned and forged tokens open no route', async () => {
  const claims = { sub: 'eve', tenantId: victim.id, role: 'admin', exp: inSeconds(600) }, other = keyPair('RS256', 'k');
  const tokens = [hs256({ ...claims, exp: inSeconds(-10) }), `${base64({ alg: 'none' })}.${base64(claims)}.`, other.token(claims),
    hs256(claims, { secret: other.publicKey.export({ type: 'spki', format: 'pem' }) })];
  for (const route of closed()) {
    for (const [index, token] of tokens.entries()) {
      const reply = await ask(token, route.method, fill(route.path, [victim.id]), bodyFor(route), asTenant(route, victim));
      assert.ok([401, 429].includes(reply.status), `${route.name} with token ${index}: ${reply.status} ${reply.text}`);
      assertTellsNothing(reply, route.name);
    }
  }
});

test('who lacks the role or the permission is refused before anything else', async () => {
  for (const route of closed().filter((r) => r.access !== 'token')) {
    const token = without[route.access] ?? rival.token; // admin and metrics: a user with all permissions
    for (const id of [victim.id, rival.id]) {
      const reply = await ask(token, route.method, fill(route.path, [id]), bodyFor(route), asTenant(route, rival));
      assert.equal(reply.status, 403, `${route.name}: ${reply.status} ${reply.text}`);
      assertTellsNothing(reply, route.name);
    }
  }
});

test('a foreign id is an unknown id, byte for byte, in every place of every route', async () => {
  const before_ = await state();
  for (const route of closed()) {
    const places = parametersIn(route.path).length, admin = ['admin', 'metrics'].includes(route.access);
    const token = admin ? server.key : rival.token, headers = { ...asTenant(route, rival), ...(admin ? { 'X-Tenant-Id': rival.id } : {}) };
    if (admin && (route.flags.includes('no-tenant') || !places) && places < 2) continue; // the operator may see all there
    for (let place = admin && route.flags.includes('no-tenant') ? 1 : 0; place < places; place++) {
      const unknown = new Map();
      for (const [value, from] of foreign) {
        const at = (id) => ask(token, route.method, fill(route.path, Array.from({ length: places }, (_, i) => i === place ? id : rival.id)), bodyFor(route), headers);
        const other = unknownLike(value);
        if (!unknown.has(other)) unknown.set(other, bare(await at(other), other));
        const reply = await at(value);
        assert.equal(bare(reply, value), unknown.get(other), `${route.name} with ${value} of ${from}`);
        assertTellsNothing(reply, route.name, value);
      }
    }
    if (!places && !admin) assertTellsNothing(await ask(token, route.method, route.path, bodyFor(route), headers), route.name);
  }
  assert.deepEqual(await state(), before_);
});

test('a foreign id in the query or in a body is an unknown id too', async () => {
  const before_ = await state();
  for (const route of closed().filter((r) => !['admin', 'metrics'].includes(r.access))) {
    const path = fill(route.path, [rival.id]), headers = asTenant(route, rival);
    const named = (route.parameters ?? []).filter((p) => p.in === 'query' && /(^id|Id)$/.test(p.name) && p.name !== 'companyId').map((p) => p.name);
    const members = Object.keys(route.bodySchema?.properties ?? {}).filter((name) => /Id$|^source$/.test(name));
    for (const [value, from] of foreign) {
      const other = unknownLike(value);
      for (const name of named) {
        const at = (id) => ask(rival.token, route.method, `${path}?${name}=${encodeURIComponent(id)}`, bodyFor(route), headers);
        const [reply, wanted] = [await at(value), await at(other)];
        assert.equal(bare(reply, value), bare(wanted, other), `${route.name}?${name}= of ${from}`);
        assertTellsNothing(reply, route.name, value);
      }
      for (const member of members) {
        const at = (id) => ask(rival.token, route.method, path, { ...route.bodyExample, [member]: id }, headers);
        const [reply, wanted] = [await at(value), await at(other)];
        if (wanted.status >= 400) assert.equal(bare(reply, value), bare(wanted, other), `${route.name} {${member}} of ${from}`);
        assertTellsNothing(reply, route.name, value);
      }
    }
  }
  const source = async (id) => ask(rival.token, 'POST', '/sync/queue', { name: 'x', type: 'full', data: { source: id } }, { orgid: 'rival' });
  for (const value of foreign.keys())
    assert.equal(bare(await source(value), value), bare(await source(unknownLike(value)), unknownLike(value)), `a job from ${value}`);
  assert.deepEqual(await state(), before_);
});

test('naming another tenant is refused alike, whether it exists or not, on every route (D18)', async () => {
  for (const route of closed().filter((r) => !['admin', 'metrics', 'token'].includes(r.access))) {
    const path = fill(route.path, [rival.id]);
    for (const header of route.flags.includes('orgid') ? ['orgid'] : ['orgid', 'X-Tenant-Id', 'companyId']) {
      const named = async (name) => ask(rival.token, route.method, path, bodyFor(route), { [header]: name });
      const [theirs, none] = [await named(victim.key), await named('nowhere')];
      assert.equal(bare(theirs), bare(none), `${route.name} with ${header}`);
      assert.equal(theirs.status, 403, `${route.name} with ${header}: ${theirs.text}`);
      assertTellsNothing(theirs, route.name);
    }
  }
});

// ---- mass assignment ----

const FORBIDDEN = {
  id: '01a0dead-0000-7000-8000-000000000000', uuid: '01a0dead-0000-7000-8000-000000000000', tenant: 999, tenantId: '01a0dead-0000-7000-8000-000000000001',
  createdAt: '1999-01-01T00:00:00.000Z', updatedAt: '1999-01-01T00:00:00.000Z', deletedAt: '1999-01-01T00:00:00.000Z',
  lastSyncAt: '1999-01-01T00:00:00.000Z', lastUsedAt: '1999-01-01T00:00:00.000Z', syncedRecords: 424242, version: 424242, createdBy: 'user:eve',
  sandbox: true, hash: 'dead', epoch: 424242, isMock: true, verdict: 'complete', progress: 99, queuedAt: '1999-01-01T00:00:00.000Z', __proto__x: 1, '': 1,
};

// What the document's own example of a body lacks to be taken.
const bodies = {
  'POST /sync/queue': { name: 'x', type: 'full', data: { source: 'chatwoot' }, schedule: { startAt: NEXT_YEAR } },
};

test('members that nobody may set, and unknown ones, change nothing', async (t) => {
  const written = [];
  for (const route of closed().filter((r) => ['POST', 'PATCH'].includes(r.method) && r.bodySchema && !parametersIn(r.path).length)) {
    const allowed = new Set(Object.keys(route.bodySchema.properties ?? {}));
    const extra = Object.fromEntries(Object.entries(FORBIDDEN).filter(([name]) => !allowed.has(name)));
    const token = route.access === 'admin' ? server.key : rival.token;
    const own = bodies[route.name] ?? (Object.keys(route.bodyExample).length ? route.bodyExample : { name: 'x' });
    const body = { ...own, ...extra };
    for (const name of ['name', 'key', 'subject']) if (typeof body[name] === 'string') body[name] = `mass-${written.length}`;
    const reply = await ask(token, route.method, route.path, body, { ...asTenant(route, rival), 'X-Tenant-Id': rival.id });
    assert.ok(reply.status < 500, `${route.name}: ${reply.status} ${reply.text}`);
    if (reply.status >= 300) { t.diagnostic(`${route.name}: ${reply.status} ${reply.text.slice(0, 120)}`); continue; }
    written.push(route.name);
    const made = reply.body?.data ?? reply.body?.job ?? reply.body ?? {};
    for (const [name, value] of Object.entries(extra)) {
      if (name in made) assert.notDeepEqual(made[name], value, `${route.name} took ${name} from the body`);
    }
    assert.ok(!reply.text.includes('01a0dead-0000-7000-8000-000000000001'), `${route.name} took another tenant`);
  }
  t.diagnostic(`tried on ${written.length}: ${written.join(', ')}`);
  assert.ok(written.length >= 10, written.join());
});

test('a patch changes what it may and leaves the rest', async () => {
  const made = (await server.api('POST', '/api/v1/users', { subject: 'patched', name: 'A' }, { 'X-Tenant-Id': rival.id })).body.data;
  const kept = { ...FORBIDDEN, subject: 'other', seenAt: '1999-01-01T00:00:00.000Z', disabledAt: '1999-01-01T00:00:00.000Z' };
  const after_ = (await server.api('PATCH', `/api/v1/users/${made.id}`, { ...kept, name: 'B' }, { 'X-Tenant-Id': rival.id })).body.data;
  assert.deepEqual(after_, { ...made, name: 'B' });
  const tenant = (await server.api('PATCH', `/api/v1/tenants/${rival.id}`, { ...FORBIDDEN, key: 'stolen', name: 'R' })).body.data;
  assert.deepEqual([tenant.id, tenant.key, tenant.name], [rival.id, 'rival', 'R']);
});
