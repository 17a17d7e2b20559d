// Every parameter and every member that the API's description knows, given wrongly: the answer is a 400 whose details name it (contract,
// section 2). Made from the description, so a new route is covered without a word here, but for what its path or body needs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { readDocument } from './lib/document.mjs';
import { stopAll } from './lib/platform.mjs';
import { startTidemark, tempFolder } from './lib/tidemark.mjs';

const data = tempFolder('everyfield'), AT_ONCE = 8, NOBODY = '01a00000-0000-7000-8000-000000000000';
const things = {}; // what stands before the test, by the name that a path gives it
let server, table, resolve;

const ok = ({ status, body, text }) => (assert.ok(status < 300, `${status} ${text}`), body.data ?? body.job ?? body);
const post = async (path, body) => ok(await server.api('POST', path, body, { orgid: 'default' }));

before(async () => {
  server = await startTidemark({ data, env: { ...loopback, TIDEMARK_INTERVAL: '30d', TIDEMARK_FULL_INTERVAL: '30d' } });
  const document = (await server.anonymous('GET', '/openapi.json')).body;
  resolve = (value) => value?.$ref ? { ...resolve(value.$ref.slice(2).split('/').reduce((v, part) => v[part], document)), ...value, $ref: undefined } : value ?? {};
  table = readDocument(document);
  const account = '/api/admin/sub-accounts/1', connection = { platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test', baseUrl: 'http://127.0.0.1:9' } };
  things.connection = (await post('/api/v1/sync/connections?test=false', { name: 'Desk', ...connection })).id;
  things.run = (await post('/api/v1/sync/run', { connectionId: things.connection })).runId;
  things.template = (await post('/api/admin/integration-templates', { name: 'plain', displayName: 'Plain', category: 'CRM', configSchema: { type: 'object', properties: {} } })).id;
  things.integration = (await post('/api/admin/integrations', { name: 'Plain', integrationTemplateId: 'plain', config: {} })).id;
  things.person = (await post(`${account}/users`, { name: 'Uma' })).id;
  things.strategy = (await post(`${account}/strategies`, { name: 'First', regularUserId: things.person })).id;
  things.booking = (await post('/api/bookings', { title: 'Visit', startTime: '2099-01-01T10:00:00Z', endTime: '2099-01-01T11:00:00Z' })).id;
  things.subscription = (await post('/api/v1/webhook-subscriptions', { url: 'https://example.com/hook', enabled: false })).id;
  things.user = (await post('/api/v1/users', { subject: 'uma' })).id;
  things.contact = (await post('/api/v1/contacts', { name: 'Row' })).id;
});

after(() => stopAll(data, server));

// What a path means by its parameters: the first pattern that fits says it.
const places = [
  [/^\/api\/v1\/sync\/connections\//, 'connection'], [/^\/api\/v1\/sync\/runs\//, 'run'], [/^\/api\/admin\/integration-templates\//, 'template'],
  [/^\/api\/admin\/integrations\//, 'integration'], [/^\/api\/bookings\//, 'booking'], [/^\/api\/v1\/webhook-subscriptions\//, 'subscription'],
  [/^\/api\/v1\/users\//, 'user'], [/^\/api\/v1\/records\//, 'contact'], [/^\/api\/v1\/contacts\//, 'contact'],
];
const byName = { name: 'chatwoot', userId: 'person', strategyId: 'strategy', connectionId: 'connection' };
function pathOf(route) {
  const kind = places.find(([pattern]) => pattern.test(route.path))?.[1];
  return route.path.replace(/:([^/]+)/g, (_, name) => {
    if (name === 'stream') return 'contacts';
    if (name === 'template' || name === 'name') return 'chatwoot';
    return things[byName[name]] ?? (route.path.startsWith('/api/admin/sub-accounts') || route.path.startsWith('/api/v1/tenants') ? '1' : things[kind] ?? NOBODY);
  });
}

// Bodies that are taken, where the description's own example is too little.
const whole = {
  'POST /api/v1/sync/run': () => ({ connectionId: things.connection }),
  'POST /sync/queue': () => ({ name: 'x', type: 'full', data: { source: things.connection } }),
  'POST /api/bookings': () => ({ title: 'Visit', startTime: '2099-01-01T10:00:00Z', endTime: '2099-01-01T11:00:00Z' }),
};
const bodyOf = (route) => whole[route.name]?.() ?? route.bodyExample ?? {};

// ---- what is wrong ----

const typesOf = (s) => s.anyOf ?? s.oneOf ? (s.anyOf ?? s.oneOf).flatMap((one) => typesOf(resolve(one))) : 'const' in s ? ['const'] : [s.type ?? []].flat();
const candidates = { object: { nonsense: 1 }, array: [[]], boolean: true, number: 12.5, string: 'nonsense' };

// Values that a schema does not allow: [value, where the fault is, as a JSON pointer below the value].
function wrongs(schema, required) {
  const s = resolve(schema), types = typesOf(s), found = [];
  if (!types.length) return [];
  const others = Object.keys(candidates).filter((t) => !types.includes(t) && !(t === 'number' && types.includes('integer')));
  for (const type of [others[0], others.at(-1)]) if (type) found.push([candidates[type], '']);
  if (required && !types.includes('null')) found.push([null, '']);
  const list = s.enum ?? s.anyOf?.map(resolve).find((one) => one.enum)?.enum;
  if (list && types.includes('string')) found.push(['nonsense', ''], [list[0].toUpperCase(), '']);
  if (s.format && types.includes('string')) found.push(['nonsense', '']);
  if (s.pattern) found.push(['Not that!', '']);
  if (s.minLength) found.push(['', '']);
  if (s.maxLength) found.push(['x'.repeat(s.maxLength + 1), '']);
  if (types.includes('integer')) found.push([1.5, '']);
  if (s.minimum !== undefined) found.push([s.minimum - 1, '']);
  if (s.maximum !== undefined) found.push([s.maximum + 1, '']);
  if (s.minItems) found.push([[], '']);
  if (s.items) for (const [value, at] of wrongs(s.items)) found.push([[value], `/0${at}`]);
  if (s.additionalProperties === false) found.push([{ nonsense: 1 }, '/nonsense']);
  for (const [name, member] of Object.entries(s.properties ?? {}))
    for (const [value, at] of wrongs(member, s.required?.includes(name))) found.push([{ [name]: value }, `/${name}${at}`]);
  return found;
}

const merge = (own, wrong) => own && wrong && typeof own === 'object' && typeof wrong === 'object' && !Array.isArray(wrong)
  ? Object.fromEntries([...Object.entries(own), ...Object.entries(wrong).map(([name, value]) => [name, merge(own[name], value)])]) : wrong;

const wrongWords = (schema) => {
  const s = resolve(schema), type = typesOf(s)[0];
  if (s.enum) return ['nonsense', ''];
  if (type === 'boolean') return ['perhaps', ''];
  if (type === 'integer') return ['x', '', '1.5', ...(s.minimum === undefined ? [] : [`${s.minimum - 1}`]), ...(s.maximum === undefined ? [] : [`${s.maximum + 1}`])];
  return [...(s.format ? ['nonsense', ''] : []), ...(s.minLength ? [''] : []), ...(s.maxLength ? ['x'.repeat(s.maxLength + 1)] : [])];
};

// ---- asking ----

async function ask(route, query, body) {
  const reply = await fetch(server.url + pathOf(route) + query, { method: route.method, redirect: 'manual', body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${server.key}`, Accept: 'application/problem+json', orgid: 'default', ...(body ? { 'Content-Type': 'application/json' } : {}) } });
  const stop = (reply.headers.get('content-type') ?? '').includes('event-stream');
  if (stop) await reply.body.cancel();
  return { status: reply.status, text: stop ? 'a stream' : await reply.text() };
}

// Asks all, some at once; what is wrong with the answers, one line each.
async function faultsOf(questions) {
  const faults = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < questions.length) {
      const { route, query = '', body, at, what } = questions[next++];
      const { status, text } = await ask(route, query, body);
      const problem = status === 400 ? JSON.parse(text) : {}, named = (problem.errors ?? []).map((one) => one.pointer);
      // A fault of a list's entry may be told of the list.
      if (status === 400 && named.some((pointer) => pointer === at || (/\/\d+/.test(at) && pointer === at.replace(/\/\d+.*/, '')))) continue;
      faults.push(`${route.name} ${what}: ${status} ${JSON.stringify(named)} ${problem.detail ?? text.slice(0, 150)}`);
    }
  }));
  return faults.sort();
}

const isHook = (route) => route.access === 'anyone' && /webhook/.test(route.path); // those read vendors' bodies, by vendors' rules

test('a parameter that cannot be read is a 400 that names it', async () => {
  const questions = table.flatMap((route) => (route.parameters ?? []).filter((p) => p.in === 'query').flatMap((p) =>
    (p.name === 'cursor' ? ['nonsense', ''] : wrongWords(p.schema)).map((word) =>
      ({ route, query: `?${p.name}=${encodeURIComponent(word)}`, body: route.flags.includes('body') ? bodyOf(route) : undefined, at: p.name, what: `?${p.name}=${word.slice(0, 20)}` }))));
  assert.ok(questions.length > 500, `${questions.length}`);
  const faults = await faultsOf(questions);
  assert.equal(faults.length, 0, faults.join('\n'));
});

test('a member that is wrong is a 400 that names it', async () => {
  const questions = table.filter((route) => route.bodySchema && !isHook(route)).flatMap((route) => wrongs(route.bodySchema).filter(([, at]) => at)
    .map(([wrong, at]) => ({ route, body: merge(bodyOf(route), wrong), at, what: `${at} ${JSON.stringify(wrong).slice(0, 60)}` })));
  assert.ok(questions.length > 500, `${questions.length}`);
  const faults = await faultsOf(questions);
  assert.equal(faults.length, 0, faults.join('\n'));
});

test('an address that may not be called is named', async () => {
  const body = { platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test', baseUrl: 'http://10.1.2.3' } };
  const made = await server.api('POST', '/api/v1/sync/connections', body);
  assert.deepEqual([made.status, made.body.code, made.body.details.map((one) => one.pointer)], [400, 'ADDRESS_REFUSED', ['/credentials/baseUrl']]);
});

test('a word that is too long to repeat is cut at a character', async () => {
  const reply = await server.api('PATCH', `/api/v1/sync/connections/${things.connection}`, { streams: [`x${'ã'.repeat(2000)}`] });
  assert.deepEqual([reply.status, reply.body.details[0].pointer], [400, '/streams']);
  assert.ok(!reply.text.includes('\ufffd'), reply.text);
});

test('null takes away what a PATCH had set', async () => {
  const path = `/api/v1/sync/connections/${things.connection}`, set = { match: 'none', direction: 'both', conflictPolicy: 'manual', webhookTrust: 'payload',
    schedule: { every: '1h' }, rules: { requireEmail: true }, streams: ['contacts'], mapping: { contacts: { name: 'email' } } };
  const before_ = ok(await server.api('GET', path)), shown = (c) => Object.fromEntries(Object.keys(set).map((name) => [name, c[name]]));
  assert.deepEqual(shown(ok(await server.api('PATCH', `${path}?test=false`, set))), set);
  const cleared = ok(await server.api('PATCH', `${path}?test=false`, Object.fromEntries(Object.keys(set).map((name) => [name, null]))));
  assert.deepEqual(shown(cleared), shown(before_));
  assert.ok(Date.parse(cleared.nextSyncAt) - Date.now() <= 15 * 60_000, `the template's own interval: ${cleared.nextSyncAt}`);
});

// 001's form on a connection (contract, section 3): the wall's time in a zone without summer time.
test('a connection may sync by the calendar', async () => {
  const path = `/api/v1/sync/connections/${things.connection}?test=false`;
  const made = ok(await server.api('PATCH', path, { schedule: { repeat: 'daily', time: '06:30', timezone: 'America/Bahia', fullEvery: '7d' } }));
  assert.match(made.nextSyncAt, /T09:30:00\.000Z$/);
  const { startAt, ...kept } = made.schedule;
  assert.deepEqual(kept, { repeat: 'daily', time: '06:30', timezone: 'America/Bahia', fullEvery: '7d' });
  assert.match(startAt, /Z$/);
  const same = ok(await server.api('PATCH', path, { schedule: made.schedule }));
  assert.deepEqual(same.schedule, made.schedule, 'what was shown can be sent back');
});
