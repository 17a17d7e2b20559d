// The official Chatwoot OpenAPI file as a judge: it answers a whole sync by itself, and it watches over a sync between
// Tidemark and the sandbox.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder } from '../scenario/lib/tidemark.mjs';
import { startMock, startProxy } from './prism.mjs';

const specification = join(import.meta.dirname, '../../../shared/vendor-specs/chatwoot/application_swagger.json');
const missing = existsSync(specification) ? false : 'needs ../shared/vendor-specs/chatwoot';
const loopback = { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' };

async function syncThrough(baseUrl) {
  const data = tempFolder('prism');
  const server = await startTidemark({ data, env: loopback });
  const made = await server.api('POST', '/api/v1/sync/connections?test=false', {
    name: 'Chatwoot', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test', baseUrl },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const tested = await server.api('POST', `/api/v1/sync/connections/${made.body.data.id}/test`);
  assert.equal(tested.status, 200, JSON.stringify(tested.body));
  const started = await server.api('POST', '/api/v1/sync/run', { connectionId: made.body.data.id, fullSync: true });
  const run = await finishedRun(server, started.body.data.runId);
  return { data, server, run, connection: made.body.data.id };
}

describe('Chatwoot as its own OpenAPI file says', { skip: missing }, () => {
  const open = [];
  after(async () => {
    for (const thing of open.reverse()) await thing.stop();
  });

  test('a mock made from the file answers a whole sync', async () => {
    const mock = await startMock(specification);
    open.push(mock);
    const { data, server, run } = await syncThrough(mock.url);
    open.push(server);
    // The mock's only contact has the phone "string", which Chatwoot's template rejects; the rest lands.
    assert.equal(run.status, 'success', JSON.stringify(run));
    assert.equal(run.verdict, 'partial');
    assert.deepEqual(run.errors.map((e) => e.message ?? e), ['Contact 0: Invalid phone format']);
    assert.equal((await listAll(server, '/api/v1/conversations')).length, 1);
    assert.equal((await listAll(server, '/api/v1/messages')).length, 1);
    assert.deepEqual(mock.violations(), []);
    await server.stop();
    removeFolder(data);
  });

  test('a validating proxy before the sandbox finds no violation by either side', async () => {
    const sandbox = await startSandbox({ sizes: { 'chatwoot.contacts': 120, 'chatwoot.conversations': 40, 'chatwoot.messages': 6 } });
    open.push(sandbox);
    const proxy = await startProxy(specification, `${sandbox.url}/chatwoot`);
    open.push(proxy);
    const { data, server, run, connection } = await syncThrough(proxy.url);
    open.push(server);
    assert.equal(run.status, 'success', JSON.stringify(run));
    assert.equal(run.verdict, 'complete', JSON.stringify(run));
    assert.equal((await listAll(server, '/api/v1/contacts')).length, (await sandbox.truth('chatwoot', 'contacts')).length);
    const again = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: false });
    assert.equal((await finishedRun(server, again.body.data.runId)).verdict, 'complete');
    assert.deepEqual(proxy.violations(), []);
    await server.stop();
    removeFolder(data);
  });
});
