// POST /templates/:name/try: a credential is tried before there is a connection, rung by rung, each with its time; the first that
// breaks says why, nothing is stored, and nobody can guess credentials with it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { removeFolder, startSandbox, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const data = tempFolder('try');
const PATH = '/api/v1/templates/chatwoot/try', RUNGS = ['name', 'tls', 'credential', 'streams', 'version', 'sample'];
let server, sandbox;

before(async () => {
  sandbox = await startSandbox({ sizes: { contacts: 12, conversations: 2, messages: 2 } });
  server = await startTidemark({ data, env: loopback });
});

after(async () => {
  await server?.stop();
  await sandbox?.stop();
  removeFolder(data);
});

const credentials = (more) => ({ accountId: '1', accessToken: 'canary-of-a-try-7c1e', baseUrl: `${sandbox.url}/chatwoot`, ...more });
let firstTry;
const attempt = (given, headers) => {
  firstTry ??= Date.now();
  return server.api('POST', PATH, { credentials: given }, headers);
};
const rungs = (reply) => Object.fromEntries(reply.body.data.steps.map((s) => [s.step, s.status]));
const rung = (reply, name) => reply.body.data.steps.find((s) => s.step === name);

test('what a template says to people is there in Portuguese, for anybody who asks in it', async () => {
  const one = async (query, name = 'chatwoot') => (await server.api('GET', `/api/v1/templates/${name}${query}`, undefined, { authorization: '' })).body.data;
  const english = await one(''), portuguese = await one('?language=pt-BR');
  assert.equal(english.language, null);
  assert.equal(portuguese.language, 'pt-BR');
  assert.equal(english.configSchema.properties.accountId.title, 'Account id');
  assert.equal(portuguese.configSchema.properties.accountId.title, 'ID da conta');
  assert.match(portuguese.instructions, /Configurações do perfil/);
  assert.match(portuguese.webhookInstructions, /Cole o endereço/);
  // The same form, but for its words.
  const bare = (schema) => JSON.parse(JSON.stringify(schema, (key, value) => (typeof value === 'string' && /^(title|description)$/.test(key) ? undefined : value)));
  assert.deepEqual(bare(portuguese.configSchema), bare(english.configSchema));
  assert.deepEqual(await one('?language=fr'), english);
  assert.deepEqual(await one('?language=pt'), portuguese);

  const list = async (path) => (await server.api('GET', path)).body.data;
  const names = (await list('/api/v1/templates')).map((x) => x.name);
  for (const [path, guide] of [['/api/v1/templates', null], ['/api/integration-templates', 'setupInstructions']]) {
    const own = await list(path), translated = await list(`${path}?language=pt-BR`);
    for (const [i, template] of translated.entries()) {
      assert.notEqual(template.description, own[i].description, template.name);
      if (guide) assert.notEqual(template[guide], own[i][guide], template.name);
    }
  }
  assert.equal(names.length, 9);
  for (const path of ['/api/v1/templates', '/api/v1/templates/chatwoot', '/api/integration-templates'])
    for (const bad of ['', 'pt_BR', '%22', 'x'.repeat(36)]) assert.equal((await server.api('GET', `${path}?language=${bad}`)).status, 400, `${path} ${bad}`);
});

test('a credential that works climbs to the top, with a sample, and nothing is kept', async () => {
  const reply = await attempt(credentials());
  assert.equal(reply.status, 200, reply.text);
  const { ok, code, streams, sample, steps, apiVersion } = reply.body.data;
  assert.deepEqual([ok, code, steps.map((s) => s.step)], [true, null, RUNGS]);
  assert.deepEqual(new Set(Object.values(rungs(reply))), new Set(['ok']), reply.text);
  assert.match(rung(reply, 'tls').message, /Not encrypted/);
  for (const name of ['name', 'tls', 'credential', 'streams', 'sample']) assert.ok(rung(reply, name).durationMs >= 0, name);
  assert.equal(rung(reply, 'version').durationMs, null);
  assert.ok(apiVersion);
  assert.deepEqual(streams.map((s) => [s.stream, s.status]), [['contacts', 'ok'], ['conversations', 'ok'], ['messages', 'ok']]);
  assert.equal(sample.length, 5);
  assert.deepEqual([...new Set(sample.map((s) => s.stream))], ['contacts']);
  const truth = await sandbox.truth('chatwoot', 'contacts');
  for (const s of sample.filter((one) => one.data)) assert.equal(s.data.name ?? null, truth.find((c) => String(c.id) === s.externalId).name || null);
  assert.equal((await server.api('GET', '/api/v1/sync/connections')).body.meta.total, 0);
  assert.equal((await server.api('GET', '/api/v1/contacts')).body.meta.total, 0);
});

test('the rung that breaks says why, and what stands on it is not tried', async () => {
  const silent = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const cases = [
    [{ baseUrl: 'http://there-is-none.invalid' }, 'name', 'VENDOR_UNAVAILABLE'],
    [{ baseUrl: 'http://10.11.12.13' }, 'tls', 'ADDRESS_REFUSED'],
    [{ baseUrl: 'http://127.0.0.1:1' }, 'tls', 'VENDOR_UNAVAILABLE'],
    [{ baseUrl: `https://127.0.0.1:${new URL(sandbox.url).port}` }, 'tls', 'VENDOR_UNAVAILABLE'],
    [{ baseUrl: `http://127.0.0.1:${silent.address().port}` }, 'credential', 'VENDOR_UNAVAILABLE'],
    [{ accessToken: 'invalid' }, 'credential', 'INVALID_CREDENTIALS'],
  ];
  for (const [more, broken, code] of cases) {
    const reply = await attempt(credentials(more));
    const at = RUNGS.indexOf(broken), what = `${JSON.stringify(more)}: ${reply.text}`;
    assert.equal(reply.status, 200, what);
    assert.deepEqual([reply.body.data.ok, reply.body.data.code], [false, code], what);
    for (const [i, name] of ['name', 'tls', 'credential'].entries())
      assert.equal(rung(reply, name).status, i < at ? 'ok' : i === at ? 'failed' : 'skipped', what);
    assert.ok(rung(reply, broken).message.length > 10 && rung(reply, broken).durationMs >= 0, what);
    assert.deepEqual([rungs(reply).streams, rungs(reply).sample, reply.body.data.sample], ['skipped', 'skipped', []], what);
    assert.ok(!reply.text.includes('canary-of-a-try'), what);
  }
  silent.close();
});

test('a question that is wrong itself is a 400, and who may not change anything may not try', async () => {
  const bad = await attempt({ accountId: '1' });
  assert.deepEqual([bad.status, bad.body.code], [400, 'VALIDATION_FAILED'], bad.text);
  assert.ok(bad.body.details.some((d) => d.pointer.startsWith('/credentials')), bad.text);
  assert.equal((await server.api('POST', PATH, { credentials: {}, config: {} })).status, 400);
  assert.equal((await server.api('POST', '/api/v1/templates/no-such/try', { credentials: {} })).body.code, 'PLATFORM_NOT_SUPPORTED');
  const { key } = (await server.api('POST', '/api/v1/keys', { name: 'reader', role: 'user', permissions: ['content:read'] })).body.data;
  assert.equal((await server.anonymous('POST', PATH, { credentials: credentials() }, { Authorization: `Bearer ${key}` })).status, 403);
  assert.equal((await server.anonymous('POST', PATH, { credentials: credentials() })).status, 401);
});

// More than a minute allows, at once: {taken, refused}, refused being one of those. A minute may end between them, but not each time.
const MANY = 30;
const tooMany = (ask) => until('one is refused', async () => {
  const replies = await Promise.all(Array.from({ length: MANY }, ask)), refused = replies.find((reply) => reply.status !== 200);
  return refused && { refused, taken: replies.filter((reply) => reply.status === 200).length };
});

test('after twenty tries in a minute a tenant must wait, and only that one', async () => {
  const made = await server.api('POST', '/api/v1/tenants', { key: 'other', name: 'Other' });
  assert.ok([200, 201].includes(made.status), made.text);
  const mine = { 'X-Tenant-Id': 'default' };
  assert.equal((await attempt({ accountId: '1' }, mine)).status, 400); // asks nobody, so it does not count
  const volley = () => tooMany(() => attempt(credentials({ accessToken: 'invalid' }), mine)), { refused, taken } = await volley();
  assert.deepEqual([refused.status, refused.body.code], [429, 'RATE_LIMITED'], refused.text);
  if (Date.now() - firstTry < 59_000) assert.equal(taken, 20 - 7, 'with those before'); // else their minute is over
  const wait = Number(refused.headers.get('Retry-After'));
  assert.ok(wait >= 1 && wait <= 60, `${wait}`);
  const [before, after_] = await until('one more is refused', async () => {
    const had = (await sandbox.ledger()).length, reply = await attempt(credentials(), mine);
    if (reply.status === 429) return [had, (await sandbox.ledger()).length];
    await volley(); // a new minute has begun: it is used up as well
    return null;
  });
  assert.equal(after_, before, 'no vendor is asked');
  assert.equal((await attempt(credentials(), { 'X-Tenant-Id': 'other' })).status, 200);
});

test('a connection is tested twenty times in a minute at most (D32)', async () => {
  const made = await server.api('POST', '/api/v1/sync/connections', { name: 'Often', platform: 'chatwoot', credentials: credentials() }, { 'X-Tenant-Id': 'other' });
  assert.equal(made.status, 201, made.text);
  const path = `/api/v1/sync/connections/${made.body.data.id}/test`, other = { 'X-Tenant-Id': 'other' };
  const began = Date.now();
  const { refused, taken } = await tooMany(() => server.api('POST', path, undefined, other));
  assert.deepEqual([refused.status, refused.body.code], [429, 'RATE_LIMITED'], refused.text);
  if (Date.now() - began < 59_000) assert.equal(taken, 20);
  assert.ok(Number(refused.headers.get('Retry-After')) >= 1);
  const own = await server.api('POST', '/api/v1/sync/connections/00000000-0000-7000-8000-000000000000/test', undefined, other);
  assert.equal(own.status, 404, 'an unknown one is not counted');
});
