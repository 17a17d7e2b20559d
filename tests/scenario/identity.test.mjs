// Who is asking: keys, tokens, sessions, users, other origins, and what is written about admins
// (contract, sections 2, 8 and 9; I-29, I-34, D16, D18, D21, D25, D26, D33).
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { removeFolder, startTidemark, tempFolder, tidemark, until, withSandbox } from './lib/tidemark.mjs';
import { base64, hs256, inSeconds, keyPair, publishKeys, SECRET } from './lib/tokens.mjs';

const data = tempFolder('identity');
const APP = 'https://app.example.com';
let server, keys, adminKey, userKey;

const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const as = (token, method, path, body, headers) => server.anonymous(method, path, body, { ...bearer(token), ...headers });
const whoIs = (token) => as(token, 'GET', '/api/v1/session');
const admin = (method, path, body, headers) => server.api(method, path, body, { 'X-Tenant-Id': 'default', ...headers });
const json = { 'Content-Type': 'application/json' };

const published = { rs: keyPair('RS256', 'rs-1'), es: keyPair('ES256', 'es-1'), ed: keyPair('EdDSA', 'ed-1') };

// Signs in; gives the cookie as a browser would send it, and how it was set.
async function signIn(token, headers = {}) {
  const reply = await server.anonymous('POST', '/api/v1/session', { token }, headers);
  const set = reply.headers.get('set-cookie');
  return { reply, set, cookie: set?.split(';')[0] };
}
const over = (cookie, method, path, body, headers) => server.anonymous(method, path, body, { Cookie: cookie, ...headers });

before(async () => {
  keys = await publishKeys(...Object.values(published));
  server = await startTidemark({ data, env: { TIDEMARK_JWT_SECRET: SECRET, TIDEMARK_JWKS_URL: keys.url, TIDEMARK_CORS_ORIGINS: APP } });
  assert.equal((await server.api('POST', '/api/v1/tenants', { key: 'org2', name: 'Other' })).status, 201);
  const make = async (body) => (await admin('POST', '/api/v1/keys', body)).body.data;
  adminKey = await make({ name: 'chief', role: 'admin' });
  userKey = await make({ name: 'user' });
});

after(async () => {
  await server?.stop();
  await keys?.stop();
  removeFolder(data);
});

// ---- tokens ----

test('a token of each kind says who one is', async () => {
  const claims = { sub: 'ana', tenantId: 'default', role: 'user', permissions: ['content:read'], name: 'Ana', email: 'ana@example.com' };
  const tokens = { HS256: hs256(claims), RS256: published.rs.token(claims), ES256: published.es.token(claims), EdDSA: published.ed.token(claims) };
  for (const [kind, token] of Object.entries(tokens)) {
    const { status, body } = await whoIs(token);
    assert.equal(status, 200, kind);
    assert.equal(body.data.subject, 'user:ana');
    assert.deepEqual(body.data.permissions, ['content:read']);
    assert.equal(body.data.tenantKey, 'default');
    assert.equal((await as(token, 'GET', '/api/v1/contacts')).status, 200, kind);
    assert.equal((await as(token, 'POST', '/api/v1/sync/run', {})).status, 403, kind);
  }
});

test('the tenant may be named in any of the documented claims, by id, key or number', async () => {
  const { id } = (await server.api('GET', '/api/v1/tenants/org2')).body.data;
  for (const claim of ['tenantId', 'companyId', 'orgId', 'subAccountId'])
    for (const name of ['org2', id, id.toUpperCase(), 2, '2'])
      assert.equal((await whoIs(hs256({ sub: 'u', [claim]: name }))).body.data?.tenantKey, 'org2', `${claim} ${name}`);
});

test('a token that is wrong in any way is 401, in the same words', async () => {
  const claims = { sub: 'ana', tenantId: 'default', role: 'admin' };
  const stranger = keyPair('ES256', 'es-1');
  const publicText = published.rs.publicKey.export({ type: 'spki', format: 'pem' });
  const bad = {
    'another secret': hs256(claims, { secret: 'another-secret-of-more-than-32-bytes' }),
    'alg none': `${base64({ alg: 'none' })}.${base64({ ...claims, exp: inSeconds(600) })}.`,
    'alg none with a signature': hs256(claims, { header: { alg: 'none' } }),
    'alg None': hs256(claims, { header: { alg: 'None' } }),
    'the public key as a secret': hs256(claims, { secret: publicText, header: { alg: 'HS256', kid: 'rs-1' } }),
    'another algorithm than the key\'s': published.es.token(claims, { alg: 'RS256' }),
    'a stranger\'s key under a known id': stranger.token(claims),
    'a key inside the token': stranger.token(claims, { jwk: stranger.jwk, kid: undefined }),
    'an address of keys inside the token': stranger.token(claims, { jku: 'https://evil.example.com/jwks.json', x5u: 'https://evil.example.com/' }),
    expired: hs256({ ...claims, exp: inSeconds(-1) }),
    'no exp': hs256(JSON.stringify(claims)),
    'not yet': hs256({ ...claims, nbf: inSeconds(600) }),
    'from the future': hs256({ ...claims, iat: inSeconds(600) }),
    'an unknown crit': hs256(claims, { header: { alg: 'HS256', crit: ['b64'], b64: false } }),
    'a claim twice': hs256(`{"sub":"x","role":"user","role":"admin","tenantId":"default","exp":${inSeconds(600)}}`),
    'no sub': hs256({ tenantId: 'default' }),
    'a sub that is no text': hs256({ sub: { a: 1 }, tenantId: 'default' }),
    'an altered payload': hs256(claims).replace(/\.[^.]+\./, `.${base64({ ...claims, sub: 'eve', exp: inSeconds(600) })}.`),
  };
  const wanted = (await server.anonymous('GET', '/api/v1/session')).text;
  for (const [what, token] of Object.entries(bad)) {
    const reply = await whoIs(token);
    assert.ok([401, 429].includes(reply.status), `${what}: ${reply.status}`);
    if (reply.status === 401) assert.equal(reply.text, wanted, what);
    assert.ok(!reply.text.includes('data'), what);
  }
});

test('ten wrong tokens from one address, then 429; a right one still passes', async () => {
  let last;
  for (let i = 0; i < 12; i++) last = await whoIs(`tm_${'x'.repeat(43)}`);
  assert.equal(last.status, 429);
  assert.ok(Number(last.headers.get('retry-after')) > 0);
  assert.equal((await server.anonymous('POST', '/api/v1/session', { token: 'guess' })).status, 429);
  assert.equal((await whoIs(userKey.key)).status, 200);
  assert.equal((await signIn(userKey.key)).reply.status, 200);
  assert.equal((await server.anonymous('GET', '/api/v1/session')).status, 401); // no guess was made
});

test('a token without a tenant, or of one that does not exist, is 403 without auto-provision', async () => {
  for (const claims of [{ sub: 'u' }, { sub: 'u', tenantId: 'nowhere' }, { sub: 'u', tenantId: 99 }])
    assert.equal((await whoIs(hs256(claims))).status, 403);
  assert.equal((await server.api('GET', '/api/v1/tenants/nowhere')).status, 404);
});

test('what a token\'s permissions are: its own, else its role\'s', async () => {
  const of = async (claims) => (await whoIs(hs256({ sub: 'p', tenantId: 'default', ...claims }))).body.data.permissions;
  assert.deepEqual(await of({}), ['content:read', 'content:update']);
  assert.deepEqual(await of({ role: 'admin' }), ['content:read', 'content:update', 'content:delete']);
  assert.deepEqual(await of({ permissions: [] }), ['content:read', 'content:update']);
  assert.deepEqual(await of({ permissions: ['content:delete'] }), ['content:delete']);
  assert.deepEqual(await of({ role: 'admin', permissions: ['billing:read'] }), []);
  assert.deepEqual(await of({ role: 'admin', permissions: 'content:read' }), []); // no list: nothing is guessed
  assert.equal((await whoIs(hs256({ sub: 'p', tenantId: 'default', role: 'Admin' }))).body.data.role, 'user');
});

test('an unknown key id is looked for at the published address, a known one is not', async () => {
  const before_ = keys.state.fetches;
  const token = published.es.token({ sub: 'u', tenantId: 'default' });
  for (let i = 0; i < 5; i++) assert.equal((await whoIs(token)).status, 200);
  assert.equal(keys.state.fetches, before_);
});

// ---- sessions ----

test('signing in sets a cookie that no script reads; it is who the token was', async () => {
  const { reply, set, cookie } = await signIn(userKey.key);
  assert.equal(reply.status, 200);
  assert.equal(reply.body.data.subject, `key:${userKey.id}`);
  assert.match(set, /^session_token=[\w.-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
  assert.ok(!reply.text.includes(cookie.split('=')[1]));
  const who = (await over(cookie, 'GET', '/api/v1/session')).body.data;
  assert.deepEqual({ ...who, expiresAt: 0 }, { ...reply.body.data, expiresAt: 0 });
  assert.equal((await over(`theme=dark; ${cookie}; x=y`, 'GET', '/api/v1/contacts')).status, 200);
  assert.equal((await over(cookie, 'GET', '/api/v1/keys')).status, 403);
});

test('a session never lasts longer than what it was made with', async () => {
  const { set, reply } = await signIn(hs256({ sub: 'short', tenantId: 'default', exp: inSeconds(100) }));
  assert.equal(reply.status, 200);
  assert.ok(Number(set.match(/Max-Age=(\d+)/)[1]) <= 100, set);
});

test('a JWT in the cookie is as good as a session; an API key there is not', async () => {
  const token = hs256({ sub: 'ana', tenantId: 'default' });
  assert.equal((await over(`session_token=${token}`, 'GET', '/api/v1/session')).body.data.subject, 'user:ana');
  assert.ok([401, 429].includes((await over(`session_token=${userKey.key}`, 'GET', '/api/v1/session')).status));
});

test('signing out ends the session, not only the cookie', async () => {
  const { cookie } = await signIn(userKey.key);
  const out = await over(cookie, 'DELETE', '/api/v1/session', undefined, { Origin: server.url });
  assert.equal(out.status, 204);
  assert.match(out.headers.get('set-cookie'), /^session_token=; Path=\/; Max-Age=0;/);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 401);
  assert.ok([401, 429].includes((await whoIs(cookie.split('=')[1])).status), 'nor does its token work as a bearer\'s');
  assert.equal((await server.anonymous('DELETE', '/api/v1/session')).status, 204);
});

test('revoking the key ends its sessions', async () => {
  const key = (await admin('POST', '/api/v1/keys', { name: 'lost laptop' })).body.data;
  const { cookie } = await signIn(key.key);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 200);
  assert.equal((await admin('DELETE', `/api/v1/keys/${key.id}`)).status, 204);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 401);
});

test('over a cookie a change needs our Origin or an allowed one, and a JSON type (D25)', async () => {
  const { cookie } = await signIn(adminKey.key);
  const create = (headers, body = '{"key":"never"}') => over(cookie, 'POST', '/api/v1/tenants', body, headers);
  assert.equal((await create({ ...json })).status, 403);
  assert.match((await create({ ...json })).body.error, /Origin|bearer/);
  for (const origin of ['https://evil.example.com', 'null', `${server.url}.evil.example.com`, 'https://app.example.com.evil.net'])
    assert.equal((await create({ ...json, Origin: origin })).status, 403, origin);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    assert.equal((await create({ 'Content-Type': type, Origin: server.url })).status, 415, type);
  assert.equal((await server.api('GET', '/api/v1/tenants/never')).status, 404);
  assert.equal((await create({ ...json, Origin: server.url }, '{"key":"by-page"}')).status, 201);
  assert.equal((await create({ ...json, Origin: APP }, '{"key":"by-app"}')).status, 201);
  assert.equal((await server.anonymous('POST', '/api/v1/session', { token: adminKey.key }, { Origin: 'https://evil.example.com' })).status, 403);
});

test('a GET never changes anything over a cookie (D16)', async () => {
  const { cookie } = await signIn(adminKey.key);
  for (const path of ['/sync/purge', '/sync/pause/x', '/sync/resume/x'])
    assert.equal((await over(cookie, 'GET', path, undefined, { orgid: 'default', Origin: server.url })).status, 403, path);
  assert.equal((await as(adminKey.key, 'GET', '/sync/purge', undefined, { orgid: 'default' })).status, 200);
});

// ---- other origins ----

test('an allowed origin may ask and read with credentials; others get no permission', async () => {
  const ask = (origin, path = '/api/v1/contacts') => server.anonymous('OPTIONS', path, undefined,
    { Origin: origin, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'content-type' });
  const allowed = await ask(APP);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), APP);
  assert.equal(allowed.headers.get('access-control-allow-credentials'), 'true');
  assert.match(allowed.headers.get('access-control-allow-methods'), /GET/);
  assert.match(allowed.headers.get('access-control-allow-headers'), /content-type/i);
  const refused = await ask('https://evil.example.com');
  assert.equal(refused.status, 405);
  for (const reply of [refused, await server.anonymous('GET', '/api/v1/contacts', undefined, { Origin: 'https://evil.example.com' })]) {
    assert.equal(reply.headers.get('access-control-allow-origin'), null);
    assert.match(reply.headers.get('vary'), /Origin/);
  }
  assert.equal((await ask(APP, '/nowhere')).status, 404);
  const error = await server.anonymous('GET', '/api/v1/contacts', undefined, { Origin: APP });
  assert.equal(error.status, 401);
  assert.equal(error.headers.get('access-control-allow-origin'), APP, 'errors can be read too');
});

test('for an allowed origin the cookie is SameSite=None', async () => {
  const { set } = await signIn(userKey.key, { Origin: APP });
  assert.match(set, /HttpOnly; SameSite=None; Secure$/);
});

// ---- users ----

test('a new sub of a known tenant becomes its user; a token changes no rights', async () => {
  const token = (claims) => hs256({ sub: 'bia', tenantId: 'default', ...claims });
  assert.equal((await whoIs(token({ role: 'admin', name: 'Bia', email: 'bia@example.com' }))).body.data.role, 'admin');
  const bia = (await admin('GET', '/api/v1/users/bia')).body.data;
  assert.deepEqual([bia.subject, bia.name, bia.email, bia.role, bia.enabled], ['bia', 'Bia', 'bia@example.com', 'user', true]);
  assert.equal((await whoIs(token({}))).body.data.role, 'user', 'what an earlier token was allowed is not kept');
});

test('what an admin grants counts where the token says nothing', async () => {
  const made = await admin('POST', '/api/v1/users', { subject: 'caio', name: 'Caio', permissions: ['content:read'] });
  assert.equal(made.status, 201, made.text);
  const of = async (claims) => (await whoIs(hs256({ sub: 'caio', tenantId: 'default', ...claims }))).body.data;
  assert.deepEqual((await of({})).permissions, ['content:read']);
  assert.deepEqual((await of({ permissions: ['content:delete'] })).permissions, ['content:delete']);
  assert.equal((await admin('PATCH', `/api/v1/users/${made.body.data.id}`, { role: 'admin', permissions: null })).status, 200);
  assert.equal((await of({})).role, 'admin');
  assert.equal((await of({ role: 'user' })).role, 'user');
  assert.equal((await admin('POST', '/api/v1/users', { subject: 'caio' })).status, 409);
  assert.equal((await admin('PATCH', '/api/v1/users/nobody', { role: 'admin' })).status, 404);
  assert.equal((await server.api('GET', '/api/v1/users/caio', undefined, { 'X-Tenant-Id': 'org2' })).status, 404);
});

test('other rights of a user end the sessions that were made with the rights before', async () => {
  await admin('POST', '/api/v1/users', { subject: 'elis', role: 'admin' });
  const token = hs256({ sub: 'elis', tenantId: 'default' });
  const session = async () => (await signIn(token)).cookie;
  const roleOf = async (cookie) => {
    const { status, body } = await over(cookie, 'GET', '/api/v1/session');
    return status === 200 ? body.data.role : status;
  };
  const change = (body) => admin('PATCH', '/api/v1/users/elis', body);
  const chief = await session();
  assert.equal(await roleOf(chief), 'admin');
  assert.equal((await change({ name: 'Elis' })).status, 200);
  assert.equal(await roleOf(chief), 'admin', 'a name is no right');
  assert.equal((await change({ role: 'user' })).status, 200);
  assert.equal(await roleOf(chief), 401);
  const reader = await session();
  assert.equal(await roleOf(reader), 'user');
  assert.equal((await change({ permissions: ['content:read'] })).status, 200);
  assert.equal(await roleOf(reader), 401);
  assert.deepEqual((await over(await session(), 'GET', '/api/v1/session')).body.data.permissions, ['content:read']);
});

test('a user who is switched off is refused at once, sessions too', async () => {
  const token = hs256({ sub: 'davi', tenantId: 'default' });
  const { cookie } = await signIn(token);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 200);
  assert.equal((await admin('DELETE', '/api/v1/users/davi')).status, 204);
  assert.equal((await whoIs(token)).status, 403);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 401);
  assert.equal((await server.anonymous('POST', '/api/v1/session', { token })).status, 403);
  assert.equal((await admin('PATCH', '/api/v1/users/davi', { enabled: true })).body.data.enabled, true);
  assert.equal((await whoIs(token)).status, 200);
  assert.equal((await over(cookie, 'GET', '/api/v1/session')).status, 401, 'an ended session stays ended');
});

test('a sub that is another user\'s id is a user of its own', async () => {
  const davi = (await admin('GET', '/api/v1/users/davi')).body.data;
  await admin('DELETE', '/api/v1/users/davi');
  assert.equal((await whoIs(hs256({ sub: davi.id, tenantId: 'default' }))).status, 200);
  assert.equal((await whoIs(hs256({ sub: 'davi', tenantId: 'default' }))).status, 403);
});

// ---- admins ----

test('an admin names the tenant by any of its names; a user only his own (D18)', async () => {
  for (const header of ['orgid', 'X-Tenant-Id', 'companyId']) {
    assert.equal((await as(adminKey.key, 'GET', '/api/v1/users', undefined, { [header]: 'org2' })).status, 200);
    assert.equal((await as(adminKey.key, 'GET', '/api/v1/users', undefined, { [header]: 'nowhere' })).status, 404);
    const known = await as(userKey.key, 'GET', '/api/v1/contacts', undefined, { [header]: 'org2' });
    const unknown = await as(userKey.key, 'GET', '/api/v1/contacts', undefined, { [header]: 'nowhere' });
    assert.deepEqual([known.status, known.text], [403, unknown.text]);
  }
  assert.equal((await as(adminKey.key, 'GET', '/api/v1/contacts?companyId=org2')).status, 200);
  assert.equal((await as(adminKey.key, 'GET', '/api/v1/contacts')).status, 400);
});

test('what admins do is written, without any secret; a user\'s work is not', async () => {
  await as(adminKey.key, 'GET', '/api/v1/messages', undefined, { 'X-Tenant-Id': 'org2', 'X-Request-Id': 'look-1' });
  await as(adminKey.key, 'GET', '/api/v1/messages', undefined, { 'X-Tenant-Id': 'org2', 'X-Request-Id': 'look-2' });
  await as(adminKey.key, 'POST', '/api/v1/sync/run', { provider: 'chatwoot', apiKey: 'hush-hush' }, { 'X-Tenant-Id': 'org2', 'X-Request-Id': 'run-1' });
  await as(userKey.key, 'POST', '/api/v1/sync/run', { provider: 'chatwoot' }, { 'X-Request-Id': 'run-2' });
  const made = await admin('POST', '/api/v1/keys', { name: 'written' });
  const rows = await until('the rows are written', async () => {
    const { body } = await server.api('GET', '/api/v1/audit?limit=500');
    return ['look-1', 'run-1'].every((id) => body.data.some((row) => row.requestId === id)) ? body.data : null;
  });
  const of = (id) => rows.filter((row) => row.requestId === id);
  assert.deepEqual([of('look-1').length, of('look-2').length, of('run-1').length, of('run-2').length], [1, 0, 1, 0]);
  const org2 = (await server.api('GET', '/api/v1/tenants/org2')).body.data.id;
  const [look, run] = [of('look-1')[0], of('run-1')[0]];
  assert.deepEqual([look.actor, look.action, look.tenantId, look.status], [`key:${adminKey.id}`, 'GET /api/v1/messages', org2, 200]);
  assert.deepEqual([run.action, run.status, run.address], ['POST /api/v1/sync/run', 404, '127.0.0.1']);
  assert.ok(rows.some((row) => row.action === 'key.create' && row.subject === made.body.data.id && row.actor === 'local'));
  assert.ok(rows.some((row) => row.action === 'session.create' && row.actor === `key:${adminKey.id}`));
  const text = JSON.stringify(rows);
  for (const secret of [made.body.data.key, adminKey.key, SECRET, 'hush-hush', server.key]) assert.ok(!text.includes(secret));
});

test('the audit log is read by page, by tenant, by actor, and by admins only', async () => {
  const first = (await server.api('GET', '/api/v1/audit?limit=2')).body;
  const second = (await server.api('GET', `/api/v1/audit?limit=2&cursor=${first.meta.nextCursor}`)).body;
  assert.ok(second.data[0].id < first.data[1].id);
  const mine = (await server.api('GET', `/api/v1/audit?limit=500&actor=key:${adminKey.id}`)).body.data;
  assert.ok(mine.length > 0 && mine.every((row) => row.actor === `key:${adminKey.id}`));
  const org2 = (await server.api('GET', '/api/v1/tenants/org2')).body.data.id;
  const theirs = (await server.api('GET', '/api/v1/audit?limit=500', undefined, { 'X-Tenant-Id': 'org2' })).body.data;
  assert.ok(theirs.length > 0 && theirs.every((row) => row.tenantId === org2));
  assert.equal((await as(userKey.key, 'GET', '/api/v1/audit')).status, 403);
});

test('the command line makes users known, gives roles, switches off, and shows what was done', () => {
  const run = (...args) => tidemark([...args, '--data', data, '--tenant', 'default', '--json']);
  const ok = (...args) => {
    const { code, stdout, stderr } = run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout.trim() ? JSON.parse(stdout) : null;
  };
  const user = ok('users', 'add', 'eva', '--name', 'Eva', '--permissions', 'content:read').data;
  assert.deepEqual([user.subject, user.permissions], ['eva', ['content:read']]);
  assert.equal(ok('users', 'set', 'eva', '--role', 'admin').data.role, 'admin');
  ok('users', 'revoke', 'eva');
  assert.equal(ok('users', 'show', 'eva').data.enabled, false);
  assert.equal(ok('users', 'restore', 'eva').data.enabled, true);
  assert.ok(ok('users').data.some((row) => row.subject === 'eva'));
  assert.equal(ok('tenants', 'set', 'org2', '--name', 'Second').data.name, 'Second');
  assert.equal(ok('tenants', 'show', 'org2').data.name, 'Second');
  const key = ok('keys', 'create', 'ci', '--permissions', 'content:read').data;
  assert.equal(ok('keys', 'show', key.id).data.name, 'ci');
  ok('keys', 'revoke', key.id);
  assert.ok(ok('audit').data.some((row) => row.action === 'key.revoke' && row.subject === key.id));
  assert.equal(run('users', 'dance').code, 2);
});

// ---- servers of other settings ----

test('a tenant that a valid token names is made when the operator wants it', async () => {
  const folder = tempFolder('provision');
  const other = await startTidemark({ data: folder, env: { TIDEMARK_JWT_SECRET: SECRET, TIDEMARK_AUTH_AUTO_PROVISION: 'true' } });
  try {
    const ask = (claims) => other.anonymous('GET', '/api/v1/session', undefined, bearer(hs256(claims)));
    const twins = await Promise.all(Array.from({ length: 6 }, (_, i) => ask({ sub: `u${i}`, orgId: 'acme' })));
    assert.deepEqual(twins.map((reply) => reply.status), Array(6).fill(200));
    assert.equal(new Set(twins.map((reply) => reply.body.data.tenantId)).size, 1);
    assert.equal((await other.api('GET', '/api/v1/tenants')).body.meta.total, 2);
    for (const bad of ['99', 'no spaces', '../x', 'ü']) assert.equal((await ask({ sub: 'u', orgId: bad })).status, 403, bad);
    assert.equal((await other.anonymous('GET', '/api/v1/session', undefined, bearer(hs256({ sub: 'u', orgId: 'evil' }, { secret: 'x'.repeat(40) })))).status, 401);
    assert.equal((await other.api('GET', '/api/v1/tenants')).body.meta.total, 2);
    const rows = (await other.api('GET', '/api/v1/audit')).body.data;
    assert.ok(rows.some((row) => row.action === 'tenant.create' && row.detail.by === 'auth.auto_provision'));
  } finally {
    await other.stop();
    removeFolder(folder);
  }
});

test('without settings a secret is made once, for its owner alone; sessions outlive a restart', async () => {
  const folder = tempFolder('jwtkey'), file = join(folder, 'jwt.key');
  let other = await startTidemark({ data: folder, env: { TIDEMARK_PUBLIC_URL: 'https://sync.example.com' } });
  try {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const secret = readFileSync(file, 'utf8').trim();
    assert.ok(secret.length >= 43);
    const made = (await other.api('POST', '/api/v1/keys', { name: 'k' })).body.data;
    const set = (await other.anonymous('POST', '/api/v1/session', { token: made.key })).headers.get('set-cookie');
    assert.match(set, /HttpOnly; SameSite=Lax; Secure$/); // public_url is https (D25)
    assert.equal((await other.anonymous('GET', '/api/v1/session', undefined, bearer(hs256({ sub: 'u', tenantId: 'default' }, { secret })))).status, 200);
    await other.stop();
    other = await startTidemark({ data: folder });
    assert.equal(readFileSync(file, 'utf8').trim(), secret);
    assert.equal((await other.anonymous('GET', '/api/v1/session', undefined, { Cookie: set.split(';')[0] })).status, 200);
    assert.ok(!`${other.output.stdout}${other.output.stderr}`.includes(secret));
  } finally {
    await other.stop();
    removeFolder(folder);
  }
});

test('iss and aud count when they are configured, and an address of keys that fails keeps nobody out who is known', async () => {
  const folder = tempFolder('policy'), pair = keyPair('ES256', 'k1'), dead = await publishKeys(pair);
  dead.state.failing = true;
  const other = await startTidemark({ data: folder, env: { TIDEMARK_JWT_SECRET: SECRET, TIDEMARK_JWT_ISSUER: 'https://id.example.com',
    TIDEMARK_JWT_AUDIENCE: 'tidemark', TIDEMARK_JWKS_URL: dead.url } });
  try {
    const ask = async (token) => (await other.anonymous('GET', '/api/v1/session', undefined, bearer(token))).status;
    const good = { sub: 'u', tenantId: 'default', iss: 'https://id.example.com', aud: ['x', 'tidemark'] };
    assert.equal(await ask(hs256(good)), 200);
    assert.equal(await ask(hs256({ ...good, iss: 'https://id.example.com/' })), 401);
    assert.equal(await ask(hs256({ ...good, aud: 'other' })), 401);
    assert.equal(await ask(hs256({ sub: 'u', tenantId: 'default' })), 401);
    assert.equal(await ask(pair.token(good)), 503); // nobody can say whether it is right
    const set = (await other.anonymous('POST', '/api/v1/session', { token: hs256(good) })).headers.get('set-cookie');
    assert.equal((await other.anonymous('GET', '/api/v1/session', undefined, { Cookie: set.split(';')[0] })).status, 200);
  } finally {
    await other.stop();
    await dead.stop();
    removeFolder(folder);
  }
});

test('the demo-user is the sandbox\'s alone, for door 004, from this machine, and for no page of another site (D21)', async () => {
  const folder = tempFolder('demo'), status = '/api/v1/integrations/amazon/status', cancel = '/api/sync/cancel';
  const other = await startTidemark({ data: folder, args: withSandbox({ contacts: 2, conversations: 1 }) });
  const raw = (host, method, path, headers = {}) => new Promise((resolve, reject) => {
    const { hostname, port } = new URL(other.url);
    request({ hostname, port, method, path, headers: { Host: host, ...headers } }, (reply) => resolve(reply.resume().statusCode)).on('error', reject).end();
  });
  try {
    assert.equal((await other.anonymous('GET', status)).status, 200);
    assert.equal(await raw('evil.example.com', 'GET', status), 401, 'a name that was bound to our address');
    assert.equal((await other.anonymous('GET', status, undefined, bearer('wrong'))).status, 401, 'a wrong token is no demo');
    assert.equal((await other.anonymous('POST', cancel, { syncId: 'x' }, { Origin: 'https://evil.example.com' })).status, 403);
    assert.equal((await other.anonymous('POST', cancel, { syncId: 'x' })).status, 404);
    for (const path of ['/api/v1/contacts', '/api/v1/session', '/api/v1/sync/connections', '/api/integrations'])
      assert.equal((await other.anonymous('GET', path)).status, 401, path);
    assert.equal((await server.anonymous('GET', status)).status, 401, 'without --sandbox there is none');
  } finally {
    await other.stop();
    removeFolder(folder);
  }
});

test('settings that cannot be meant stop the start with words', () => {
  const folder = tempFolder('badsettings');
  for (const [name, value, words] of [['TIDEMARK_CORS_ORIGINS', '*', /origin/], ['TIDEMARK_AUTH_JWKS_ALGORITHMS', 'HS256', /RS256/],
    ['TIDEMARK_JWKS_URL', 'id.example.com', /https address/]]) {
    const env = { [name]: value, ...(name.includes('ALGORITHMS') ? { TIDEMARK_JWKS_URL: 'https://id.example.com/' } : {}) };
    const { code, stderr } = tidemark(['serve', '--port', '0', '--data', folder], { env });
    assert.equal(code, 2, `${name}: ${stderr}`);
    assert.match(stderr, words);
  }
  removeFolder(folder);
});
