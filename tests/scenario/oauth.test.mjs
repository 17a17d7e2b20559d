// Signing in at a vendor: a manifest's spec.advanced_auth is enough for the connect button, and a process that dies between the vendor's
// answer and ours leaves a connection that either works or says where to sign in again (I-23).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { peopleYaml } from './lib/people.mjs';
import { lastingPort, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const data = tempFolder('oauth'), env = { ...loopback, TIDEMARK_RECONNECT_BASE: '200ms' };
let server, port, vendor, base, tokens, slow = 0;
const asked = [];

// The vendor: a token for each code, once; records for the newest access token.
function serve(request, response) {
  let text = '';
  request.on('data', (part) => { text += part; }).on('end', () => {
    const answer = (status, body, ms = 0) => setTimeout(() => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body)), ms).unref();
    if (request.url.startsWith('/token')) {
      const form = request.headers['content-type'].includes('json') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
      asked.push({ url: request.url, headers: request.headers, form });
      tokens.count++;
      return answer(200, { data: { access_token: `access-${tokens.count}`, refresh_token: `refresh-${tokens.count}` }, expires_in: 3600 }, slow);
    }
    const good = request.headers.authorization?.startsWith('Bearer access-') && request.headers.authorization !== 'Bearer access-0';
    return good ? answer(200, { items: [{ id: '1', name: 'Ana' }] }) : answer(401, { error: 'expired' });
  });
}

const manifest = () => `${peopleYaml({ url: base, field: 'items', authenticator: `{type: BearerAuthenticator, api_token: "{{ config['credentials']['access_token'] }}"}` })}
spec:
  type: Spec
  connection_specification:
    type: object
    required: [shop]
    properties:
      shop: {type: string}
      credentials:
        type: object
        properties:
          client_id: {type: string}
          client_secret: {type: string, airbyte_secret: true}
          access_token: {type: string, airbyte_secret: true}
          refresh_token: {type: string, airbyte_secret: true}
  advanced_auth:
    auth_flow_type: oauth2.0
    predicate_key: [credentials, auth_type]
    predicate_value: oauth2.0
    oauth_config_specification:
      oauth_connector_input_specification:
        consent_url: "${base}/{{shop}}/authorize?{{client_id_key}}={{client_id_value}}&{{redirect_uri_key}}={{ {{redirect_uri_value}} | urlEncoder }}&{{state_key}}={{state_value}}&{{scope_key}}={{ {{scope_value}} | urlEncoder }}&code_challenge={{ {{state_value}} | codeChallengeS256 }}"
        scope: "people:read people:write"
        client_id_key: app_id
        auth_code_key: code
        access_token_url: "${base}/token/{{shop}}"
        access_token_headers:
          Content-Type: application/json
          Authorization: "Basic {{ {{client_id_value}}:{{client_secret_value}} | base64Encoder }}"
        access_token_params:
          "{{ auth_code_key }}": "{{ auth_code_value }}"
          "{{ client_id_key }}": "{{ client_id_value }}"
          "{{ redirect_uri_key }}": "{{ redirect_uri_value }}"
          code_verifier: "{{ state_value }}"
          grant_type: authorization_code
        extract_output: [data.access_token, data.refresh_token]
      oauth_user_input_from_connector_config_specification:
        type: object
        properties: {shop: {type: string, path_in_connector_config: [shop]}}
      complete_oauth_output_specification:
        type: object
        properties:
          access_token: {type: string, path_in_connector_config: [credentials, access_token]}
          refresh_token: {type: string, path_in_connector_config: [credentials, refresh_token]}
      complete_oauth_server_output_specification:
        type: object
        properties:
          client_id: {type: string, path_in_connector_config: [credentials, client_id]}
          client_secret: {type: string, path_in_connector_config: [credentials, client_secret]}
metadata:
  tidemark: {name: signin_shop, display_name: Sign-in Shop}
`;

const ok = (reply, status = 200) => (assert.equal(reply.status, status, reply.text), reply.body.data ?? reply.body);
const connection = async (id) => ok(await server.api('GET', `/api/v1/sync/connections/${id}`));
const make = async (credentials) => ok(await server.api('POST', '/api/v1/sync/connections?test=false', {
  name: 'Shop', platform: 'signin_shop', enabled: true, credentials: { shop: 'acme', credentials },
}), 201).id;
const begin = async (id) => new URL(ok(await server.api('GET', `/api/v1/oauth/start?connectionId=${id}`)).authUrl);
const back = (url, code = 'a-code') => `/api/v1/oauth/callback?state=${encodeURIComponent(url.searchParams.get('state'))}&code=${code}`;

before(async () => {
  tokens = { count: 0 };
  vendor = createServer(serve).listen(0, '127.0.0.1');
  await new Promise((resolve) => vendor.on('listening', resolve));
  base = `http://127.0.0.1:${vendor.address().port}`;
  mkdirSync(`${data}/templates`, { recursive: true });
  writeFileSync(`${data}/templates/signin_shop.yaml`, manifest());
  port = await lastingPort();
  server = await startTidemark({ data, env, port });
});

after(async () => {
  await server?.stop();
  vendor?.closeAllConnections();
  vendor?.close();
  removeFolder(data);
});

test('spec.advanced_auth alone makes the connect button: there, back, and the token is used', async () => {
  const id = await make({ client_id: 'app-1', client_secret: 'shh' });
  const url = await begin(id), state = url.searchParams.get('state');
  assert.equal(url.pathname, '/acme/authorize');
  assert.deepEqual([url.searchParams.get('app_id'), url.searchParams.get('scope')], ['app-1', 'people:read people:write']);
  assert.equal(url.searchParams.get('redirect_uri'), `${server.url}/api/v1/oauth/callback`);
  assert.equal(url.searchParams.get('code_challenge'), createHash('sha256').update(state).digest('base64url'));
  const done = ok(await server.anonymous('GET', back(url)));
  assert.deepEqual([done.connected, done.status], [true, 'connected'], JSON.stringify(done));
  const { url: at, headers, form } = asked.at(-1);
  assert.equal(at, '/token/acme');
  assert.equal(headers.authorization, `Basic ${Buffer.from('app-1:shh').toString('base64')}`);
  assert.deepEqual(form, { code: 'a-code', app_id: 'app-1', redirect_uri: `${server.url}/api/v1/oauth/callback`, code_verifier: state, grant_type: 'authorization_code' });
  const kept = (await connection(id)).config;
  assert.deepEqual([kept.credentials.client_id, kept.shop], ['app-1', 'acme'], 'what was there stays');
  assert.match(kept.credentials.access_token, /^•+/);
  assert.match(kept.credentials.refresh_token, /^•+/);
});

test('of many who come back at once with one code one is let in, and the others are told that it is used', async () => {
  const url = await begin(await make({ client_id: 'app', client_secret: 'shh' })), had = asked.length;
  const replies = await Promise.all(Array.from({ length: 30 }, () => server.anonymous('GET', back(url))));
  const refused = replies.filter((reply) => reply.status !== 200);
  assert.equal(refused.length, 29);
  for (const { status, body } of refused) assert.match(`${status} ${body.error}`, /^400 .*(interrupted|used already)/);
  assert.equal(asked.length, had + 1, 'the code was sent once');
});

test('what must be filled in first is named', async () => {
  const id = await make({});
  const reply = await server.api('GET', `/api/v1/oauth/start?connectionId=${id}`);
  assert.equal(reply.status, 400, reply.text);
  assert.match(reply.body.error, /credentials\.client_id/);
});

test('a process that dies while a code is exchanged: the old credential stays, the state says so, the connection tells where to sign in', async () => {
  const id = await make({ client_id: 'app', client_secret: 'shh', access_token: 'access-0', refresh_token: 'refresh-0' });
  assert.notEqual((await server.api('POST', `/api/v1/sync/connections/${id}/test`)).status, 200); // its token is refused
  assert.equal((await connection(id)).status, 'error');
  const url = await begin(id), had = asked.length;
  slow = 600_000; // the answer is on its way until the process is dead
  server.anonymous('GET', back(url)).catch(() => {});
  await until('the vendor is asked for the token', () => asked.length > had);
  await server.kill();
  slow = 0;
  server = await startTidemark({ data, env, port });
  const again = await server.anonymous('GET', back(url));
  assert.equal(again.status, 400, again.text);
  assert.match(again.body.error, /interrupted: begin again/);
  assert.equal(asked.length, had + 1, 'the code was sent once');
  const now = await connection(id);
  assert.equal(now.status, 'error', 'never silently half');
  assert.ok(now.reconnectUrl.endsWith(`/api/v1/oauth/start?connectionId=${id}`), now.reconnectUrl);
  const done = ok(await server.anonymous('GET', back(await begin(id), 'another')));
  assert.equal(done.connected, true);
  assert.deepEqual([(await connection(id)).status, (await connection(id)).reconnectUrl], ['connected', null]);
});

test('a process that dies at every moment of it ends in one of the two', async () => {
  for (const ms of [0, 5, 15, 40, 90]) {
    const id = await make({ client_id: 'app', client_secret: 'shh', access_token: 'access-0', refresh_token: 'refresh-0' });
    await server.api('POST', `/api/v1/sync/connections/${id}/test`);
    const url = await begin(id);
    server.anonymous('GET', back(url, `c${ms}`)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, ms));
    await server.kill();
    server = await startTidemark({ data, env, port });
    const settled = await until(`it is one of the two after ${ms} ms`, async () => {
      const now = await connection(id);
      return now.status === 'connected' || now.reconnectUrl ? now : null;
    });
    if (settled.status === 'connected') continue;
    // Not used, or interrupted: the same way back is open, or a new one is.
    const same = await server.anonymous('GET', back(url, `c${ms}`));
    if (same.status !== 200) assert.match(same.body.error, /interrupted|used already/);
    if (same.status !== 200) assert.equal(ok(await server.anonymous('GET', back(await begin(id), `d${ms}`))).connected, true);
  }
});
