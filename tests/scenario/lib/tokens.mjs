// JSON Web Tokens made by hand, so that wrong ones can be made too, and an address that publishes keys.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const LIFE_S = 6 * 3600; // longer than a file of tests takes anywhere
export const SECRET = 'a-secret-of-more-than-thirty-two-bytes';
export const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

// A token signed with a shared secret. header and claims are taken as they are; exp is added where none is named.
export function hs256(claims, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
  const head = `${base64(header)}.${typeof claims === 'string' ? base64(claims) : base64({ exp: inSeconds(LIFE_S), ...claims })}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

const KINDS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

// A key pair: {kid, alg, jwk, token(claims, header)}.
export function keyPair(alg, kid) {
  const { publicKey, privateKey } = KINDS[alg]();
  const signature = (text) => alg === 'EdDSA' ? sign(null, text, privateKey)
    : sign('sha256', text, alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey);
  return {
    kid, alg, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    token(claims, header = {}) {
      const head = `${base64({ alg, kid, typ: 'JWT', ...header })}.${base64({ exp: inSeconds(LIFE_S), ...claims })}`;
      return `${head}.${signature(Buffer.from(head)).toString('base64url')}`;
    },
  };
}

// Publishes keys; `failing` answers 500, `fetches` counts.
export async function publishKeys(...pairs) {
  const state = { keys: pairs.map((pair) => pair.jwk), failing: false, fetches: 0 };
  const server = createServer((request, response) => {
    state.fetches++;
    response.writeHead(state.failing ? 500 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    state, url: `http://127.0.0.1:${server.address().port}/jwks.json`,
    stop: () => { server.closeAllConnections(); return new Promise((resolve) => server.close(resolve)); },
  };
}
