// One credential, two processes on one PostgreSQL (I-23, F14): a token that is due is refreshed once and both use what it brought; and a
// process that is killed between the vendor's rotation and our store leaves a connection that goes on, or says what is to be done.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { loopback } from './lib/chatwoot.mjs';
import { peopleYaml } from './lib/people.mjs';
import { finishedRun, freshDatabase, pause, removeFolder, startTidemark, tempFolder, until } from './lib/tidemark.mjs';

const skip = process.env.TIDEMARK_TEST_PG ? false : 'TIDEMARK_TEST_PG is not set';
const folders = [], nodes = [];
let vendor, base, database;

// The vendor rotates: each refresh ends the token that was shown. `grace` takes the one before once more, as some do.
const clear = () => ({ count: 0, asked: [], used: [], seconds: 3600, holdMs: 0, grace: false, onRotated: null, current: 'refresh-0', before: null });
let authority = clear();
function refresh(token) {
  authority.asked.push(token);
  if (token !== authority.current && !(authority.grace && token === authority.before)) return [400, { error: 'invalid_grant' }];
  authority.count++;
  [authority.before, authority.current] = [authority.current, `refresh-${authority.count}`];
  authority.onRotated?.();
  return [200, { access_token: `access-${authority.count}`, refresh_token: authority.current, expires_in: authority.seconds }];
}

function serve(request, response) {
  let text = '';
  request.on('data', (part) => { text += part; }).on('end', () => {
    const answer = ([status, body]) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    if (request.url.startsWith('/token')) {
      const reply = refresh(new URLSearchParams(text).get('refresh_token'));
      return setTimeout(() => answer(reply), authority.holdMs).unref(); // to one that is dead: never
    }
    const token = /^Bearer (access-\d+)$/.exec(request.headers.authorization ?? '')?.[1];
    authority.used.push(token);
    return answer(token === `access-${authority.count}` ? [200, { items: [{ id: '1', name: 'Ana' }] }] : [401, { error: 'expired' }]);
  });
}

const authenticator = () => JSON.stringify({
  type: 'OAuthAuthenticator', token_refresh_endpoint: `${base}/token`, client_id: "{{ config['client_id'] }}", client_secret: "{{ config['client_secret'] }}",
  refresh_token: "{{ config['refresh_token'] }}",
  refresh_token_updater: {
    refresh_token_config_path: ['refresh_token'], access_token_config_path: ['access_token'], token_expiry_date_config_path: ['token_expiry_date'],
  },
});
const manifest = () => `${peopleYaml({ url: base, field: 'items', authenticator: authenticator() })}
spec:
  type: Spec
  connection_specification:
    type: object
    additionalProperties: true
    properties:
      client_id: {type: string}
      client_secret: {type: string, airbyte_secret: true}
      refresh_token: {type: string, airbyte_secret: true}
      access_token: {type: string, airbyte_secret: true}
metadata:
  tidemark: {name: rotating, display_name: Rotating, primary_secret: refresh_token}
`;

async function startNode() {
  const data = tempFolder('token');
  folders.push(data);
  mkdirSync(`${data}/templates`, { recursive: true });
  writeFileSync(`${data}/templates/rotating.yaml`, manifest());
  const node = await startTidemark({
    data, args: ['--database', database],
    env: { ...loopback, API_KEY_ENCRYPTION_SECRET: 'one-key-for-all-nodes-of-this-test', TIDEMARK_SWEEP_MS: '200', TIDEMARK_RECONNECT_BASE: '1h' },
  });
  nodes.push(node);
  return node;
}

const sql = (text) => {
  const done = spawnSync('psql', [database.replace('postgres:///', 'postgresql:///'), '-qAtc', text], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
};
const connect = async (node) => {
  const made = await node.api('POST', '/api/v1/sync/connections?test=false', { name: 'Rotating', platform: 'rotating', schedule: { every: '30d', fullEvery: '30d' },
    credentials: { client_id: 'me', client_secret: 'a-client-secret', refresh_token: 'refresh-0' } });
  assert.equal(made.status, 201, made.text);
  return made.body.data.id;
};
const sync = async (node, id) => {
  const started = await node.api('POST', '/api/v1/sync/run', { connectionId: id, fullSync: true });
  assert.equal(started.status, 202, started.text);
  return started.body.data.runId;
};
const connection = async (node, id) => (await node.api('GET', `/api/v1/sync/connections/${id}`)).body.data;

describe('two processes with one credential', { skip }, () => {
  let one, two, id;
  before(async () => {
    vendor = createServer(serve).listen(0, '127.0.0.1');
    await new Promise((resolve) => vendor.on('listening', resolve));
    base = `http://127.0.0.1:${vendor.address().port}`;
    database = freshDatabase('token');
    one = await startNode();
    two = await startNode();
  });
  after(async () => {
    for (const node of nodes) await node.stop('SIGKILL').catch(() => {});
    vendor?.closeAllConnections();
    vendor?.close();
    folders.forEach(removeFolder);
  });
  beforeEach(async () => {
    authority = clear();
    id = await connect(two);
  });
  afterEach(async () => { await two.api('DELETE', `/api/v1/sync/connections/${id}`); });

  test('a token that both find due at the same moment is refreshed once, and both use what that brought', async () => {
    authority.holdMs = 400; // the other one comes while the vendor still thinks
    const [run, tested] = await Promise.all([sync(one, id), two.api('POST', `/api/v1/sync/connections/${id}/test`)]);
    assert.equal(tested.status, 200, tested.text);
    assert.equal((await finishedRun(one, run)).status, 'success');
    assert.deepEqual(authority.asked, ['refresh-0']);
    assert.ok(authority.used.length >= 2);
    assert.deepEqual(new Set(authority.used), new Set(['access-1']));
    // Many at once, on both, when it is due again.
    authority.seconds = 3600;
    sql(`UPDATE connections SET tokens = NULL, tokens_version = tokens_version + 1 WHERE uuid = '${id}'`);
    authority.current = 'refresh-0';
    const replies = await Promise.all(Array.from({ length: 6 }, (_, i) => [one, two][i % 2].api('POST', `/api/v1/sync/connections/${id}/test`)));
    for (const reply of replies) assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(authority.asked, ['refresh-0', 'refresh-0']);
    assert.deepEqual(new Set(authority.used.slice(-6)), new Set(['access-2']));
  });

  // Killed when the vendor has rotated and its answer is on the way.
  async function killedWhileRotating(grace) {
    const victim = await startNode();
    authority.grace = grace;
    authority.holdMs = 60_000;
    const killed = new Promise((resolve) => { authority.onRotated = () => resolve(victim.stop('SIGKILL')); });
    const test_ = victim.api('POST', `/api/v1/sync/connections/${id}/test`).catch(() => null);
    await killed;
    await test_;
    authority.holdMs = 0;
    authority.onRotated = null;
    const stored = sql(`SELECT tokens_version, tokens IS NULL FROM connections WHERE uuid = '${id}'`);
    const run = await sync(one, id);
    await pause(600);
    assert.deepEqual(authority.asked, ['refresh-0'], 'the dead process still holds the right to refresh');
    assert.equal(sql(`SELECT tokens_version, tokens IS NULL FROM connections WHERE uuid = '${id}'`), stored);
    sql(`UPDATE connections SET tokens_lock_until = 1 WHERE uuid = '${id}' AND tokens_lock_until IS NOT NULL`); // a minute passes
    return finishedRun(one, run);
  }

  test('killed after the vendor rotated and before we stored: where the vendor takes the old token once more, work goes on', async () => {
    const run = await killedWhileRotating(true);
    assert.equal(run.status, 'success', JSON.stringify(run));
    assert.deepEqual(authority.asked, ['refresh-0', 'refresh-0']);
    assert.equal((await two.api('POST', `/api/v1/sync/connections/${id}/test`)).status, 200);
    assert.equal(authority.asked.length, 2);
  });

  test('where it does not, the connection says that somebody must sign in, asks no more, and a new token heals it', async () => {
    const run = await killedWhileRotating(false);
    assert.equal(run.status, 'error', JSON.stringify(run));
    const broken = await connection(two, id);
    assert.equal(broken.status, 'error');
    assert.match(broken.errorMessage, /refused|invalid_grant|sign in|token/i);
    assert.ok(authority.asked.length <= 3, JSON.stringify(authority.asked));
    const asked = authority.asked.length;
    await pause(1500);
    assert.equal(authority.asked.length, asked, 'a dead token is not asked for again and again');
    const patched = await two.api('PATCH', `/api/v1/sync/connections/${id}`, { credentials: { refresh_token: authority.current } });
    assert.equal(patched.status, 200, patched.text);
    assert.equal((await one.api('POST', `/api/v1/sync/connections/${id}/test`)).status, 200);
    await until('it works again', async () => (await connection(two, id)).status === 'connected');
    assert.equal((await finishedRun(two, await sync(two, id))).status, 'success');
  });
});
