// I-31, F42: the key that secrets are sealed with is changed while the server serves, and the old one is not needed afterwards.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { binary, removeFolder, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const data = tempFolder('rotate');
const OLD = 'the-first-secret-of-this-test';
const NEW = 'the-second-secret-of-this-test';
let vendor, id;

const cli = (server, ...args) => spawnSync(binary, [...args, '--data', data], { encoding: 'utf8', env: process.env });
const start = (env) => startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true', ...env } });
const tested = async (server) => (await server.api('POST', `/api/v1/sync/connections/${id}/test`)).status;

before(async () => {
  vendor = await startSandbox({ sizes: { contacts: 3 } });
  const server = await start({ API_KEY_ENCRYPTION_SECRET: OLD });
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Chat', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'token-to-keep', baseUrl: `${vendor.url}/chatwoot` },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  id = made.body.data.id;
  await server.stop();
});

after(async () => {
  await vendor?.stop();
  removeFolder(data);
});

test('the new key alone is refused, and changes nothing', async () => {
  await assert.rejects(start({ API_KEY_ENCRYPTION_SECRET: NEW }), /API_KEY_ENCRYPTION_SECRET/);
});

test('rotate moves everything while the server serves, and verify agrees', async () => {
  const server = await start({ API_KEY_ENCRYPTION_SECRET: NEW, API_KEY_ENCRYPTION_SECRET_OLD: OLD });
  assert.equal(await tested(server), 200);
  const before = cli(server, 'keys', 'verify');
  assert.match(before.stdout, /1 data keys and 1 values: 0 do not open, 1 still need an older key/);
  const rotated = cli(server, 'keys', 'rotate');
  assert.equal(rotated.status, 0, rotated.stderr);
  assert.match(rotated.stdout, /^1 sealed anew, 0 left/);
  assert.deepEqual(JSON.parse(cli(server, 'keys', 'rotate', '--json').stdout), { success: true, rotated: 0, left: 0 });
  assert.equal(await tested(server), 200);
  assert.equal((await server.anonymous('POST', '/api/v1/secrets/rotate')).status, 401);
  await server.stop();
});

test('afterwards the old key is not needed', async () => {
  const server = await start({ API_KEY_ENCRYPTION_SECRET: NEW });
  assert.equal(await tested(server), 200);
  assert.match(cli(server, 'keys', 'verify').stdout, /0 do not open, 0 still need/);
  await server.stop();
});
