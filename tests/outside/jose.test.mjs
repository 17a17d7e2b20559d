// Tokens made by npm's jose, not by us: good ones of every kind are taken, bad ones of every kind are not (D25, D26).
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { removeFolder, startTidemark, tempFolder, until } from '../scenario/lib/tidemark.mjs';
import { load } from './modules.mjs';

const SECRET = 'a-secret-of-more-than-thirty-two-bytes', data = tempFolder('jose');
const ISSUER = 'https://id.example.com', AUDIENCE = 'tidemark';
const published = {};
let jose, server, keys, secret;

before(async () => {
  jose = await load('jose');
  secret = new TextEncoder().encode(SECRET);
  const jwks = [];
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    published[alg] = await jose.generateKeyPair(alg, { extractable: true });
    jwks.push({ ...await jose.exportJWK(published[alg].publicKey), kid: alg, alg, use: 'sig' });
  }
  // What else may stand in such a document must not disturb.
  const other = await jose.generateKeyPair('ES384', { extractable: true });
  jwks.unshift({ ...await jose.exportJWK(other.publicKey), kid: 'other' }, { kty: 'oct', k: 'AAAA', kid: 'oct' });
  keys = createServer((request, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: jwks })));
  await new Promise((resolve) => keys.listen(0, '127.0.0.1', resolve));
  server = await startTidemark({ data, env: { TIDEMARK_JWT_SECRET: SECRET, TIDEMARK_JWKS_URL: `http://127.0.0.1:${keys.address().port}/`,
    TIDEMARK_JWT_ISSUER: ISSUER, TIDEMARK_JWT_AUDIENCE: AUDIENCE } });
  // The published keys are read when the first token asks for one; where that takes too long it is done again later.
  const first = await make().setProtectedHeader({ alg: 'RS256', kid: 'RS256' }).sign(published.RS256.privateKey);
  await until('the published keys are known', () => taken(first), undefined, 5000);
});

after(async () => {
  await server?.stop();
  keys?.close();
  removeFolder(data);
});

const claims = { tenantId: 'default', role: 'user', permissions: ['content:read'] };
const make = (more = {}) => new jose.SignJWT({ ...claims, ...more }).setSubject('ana').setIssuer(ISSUER).setAudience(AUDIENCE).setIssuedAt().setExpirationTime('10m');
const ask = async (token) => server.anonymous('GET', '/api/v1/session', undefined, { Authorization: `Bearer ${token}` });
const taken = async (token) => (await ask(token)).status === 200;

test('good tokens of every kind are taken', async () => {
  const good = {
    HS256: await make().setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'HS256 with typ': await make().setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' }).sign(secret),
    'several audiences': await make().setAudience(['other', AUDIENCE]).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'RS256': await make().setProtectedHeader({ alg: 'RS256', kid: 'RS256' }).sign(published.RS256.privateKey),
    'ES256': await make().setProtectedHeader({ alg: 'ES256', kid: 'ES256' }).sign(published.ES256.privateKey),
    'EdDSA': await make().setProtectedHeader({ alg: 'EdDSA', kid: 'EdDSA' }).sign(published.EdDSA.privateKey),
    'no kid': await make().setProtectedHeader({ alg: 'ES256' }).sign(published.ES256.privateKey),
    'not before, in the past': await make().setNotBefore('-1m').setProtectedHeader({ alg: 'HS256' }).sign(secret),
  };
  for (const [what, token] of Object.entries(good)) {
    const { status, body } = await ask(token);
    assert.equal(status, 200, what);
    assert.deepEqual([body.data.subject, body.data.permissions], ['user:ana', ['content:read']], what);
  }
});

test('bad tokens of every kind are refused alike', async () => {
  const stranger = await jose.generateKeyPair('RS256', { extractable: true });
  const publicSpki = new TextEncoder().encode(await jose.exportSPKI(published.RS256.publicKey));
  const encrypted = await new jose.EncryptJWT({ ...claims, sub: 'ana' }).setProtectedHeader({ alg: 'dir', enc: 'A128CBC-HS256' })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('10m').encrypt(secret.slice(0, 32));
  const plain = await make().setProtectedHeader({ alg: 'HS256' }).sign(secret), [head, payload, signature] = plain.split('.');
  const bad = {
    'unsigned': new jose.UnsecuredJWT({ ...claims }).setSubject('ana').setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('10m').encode(),
    'another secret': await make().setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode('x'.repeat(40))),
    'HS384': await make().setProtectedHeader({ alg: 'HS384' }).sign(new TextEncoder().encode(SECRET.repeat(2))),
    'HS512 with our secret': await make().setProtectedHeader({ alg: 'HS512' }).sign(new TextEncoder().encode(SECRET.repeat(2))),
    'the published key as a secret': await make().setProtectedHeader({ alg: 'HS256', kid: 'RS256' }).sign(publicSpki),
    'a stranger\'s key': await make().setProtectedHeader({ alg: 'RS256', kid: 'RS256' }).sign(stranger.privateKey),
    'a stranger\'s key inside': await make().setProtectedHeader({ alg: 'RS256', jwk: await jose.exportJWK(stranger.publicKey) }).sign(stranger.privateKey),
    'an address of keys inside': await make().setProtectedHeader({ alg: 'RS256', jku: 'https://evil.example.com/' }).sign(stranger.privateKey),
    'the kid of another key': await make().setProtectedHeader({ alg: 'ES256', kid: 'RS256' }).sign(published.ES256.privateKey),
    'PS256': await make().setProtectedHeader({ alg: 'PS256', kid: 'RS256' })
      .sign(await jose.importJWK({ ...await jose.exportJWK(published.RS256.privateKey), alg: 'PS256' }, 'PS256')),
    'expired': await make().setExpirationTime('-1s').setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'not yet': await make().setNotBefore('10m').setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'another issuer': await make().setIssuer('https://evil.example.com').setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'another audience': await make().setAudience('other').setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'an unknown crit': await make().setProtectedHeader({ alg: 'HS256', crit: ['urn:x'], 'urn:x': true }).sign(secret, { crit: { 'urn:x': true } }),
    'encrypted': encrypted,
    'no expiry': await new jose.SignJWT(claims).setSubject('ana').setIssuer(ISSUER).setAudience(AUDIENCE).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'no signature': `${head}.${payload}.`,
    'another payload': `${head}.${jose.base64url.encode(JSON.stringify({ ...jose.decodeJwt(plain), role: 'admin' }))}.${signature}`,
    'a part more': `${plain}.AAAA`,
  };
  const wanted = (await server.anonymous('GET', '/api/v1/session')).text;
  for (const [what, token] of Object.entries(bad)) {
    const { status, text } = await ask(token);
    assert.ok(status === 401 ? text === wanted : status === 429, `${what}: ${status} ${text}`);
  }
});

test('jose finds in our session\'s token what the document says, and believes its signature', async () => {
  const reply = await server.anonymous('POST', '/api/v1/session', { token: await make().setProtectedHeader({ alg: 'HS256' }).sign(secret) });
  assert.equal(reply.status, 200, reply.text);
  const token = reply.headers.get('set-cookie').match(/^session_token=([^;]+)/)[1];
  const { payload } = await jose.jwtVerify(token, secret, { issuer: ISSUER, audience: AUDIENCE, algorithms: ['HS256'] });
  assert.deepEqual([payload.sub, payload.role, payload.permissions], ['ana', 'user', ['content:read']]);
  assert.ok(!(await taken(token)), 'it is a session, not a bearer token');
});
