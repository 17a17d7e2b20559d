// Contract, section 5: with conflictPolicy manual both values are kept, listed, told, and a person decides.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { binary, finishedRun, listAll, removeFolder, startSandbox, startTidemark, tempFolder } from './lib/tidemark.mjs';

const data = tempFolder('conflicts');
let server, vendor, connection, contact, conflict;

const syncAll = async () => {
  const { body } = await server.api('POST', '/api/v1/sync/run', { connectionId: connection, fullSync: true });
  return finishedRun(server, body.data.runId);
};
const rename = (name) => fetch(`${vendor.url}/chatwoot/api/v1/accounts/1/contacts/${contact.customFields.chatwoot_id}`, {
  method: 'PUT', headers: { api_access_token: 'test', 'content-type': 'application/json' }, body: JSON.stringify({ name }),
});
const conflicts = async (query = '') => (await server.api('GET', `/api/v1/conflicts${query}`)).body;

before(async () => {
  vendor = await startSandbox({ sizes: { contacts: 5, conversations: 0 } });
  server = await startTidemark({ data, env: { TIDEMARK_NETWORK_ALLOW: '127.0.0.0/8', TIDEMARK_NETWORK_ALLOW_HTTP: 'true' } });
  const made = await server.api('POST', '/api/v1/sync/connections', {
    name: 'Chat', platform: 'chatwoot', conflictPolicy: 'manual',
    credentials: { accountId: '1', accessToken: 'test', baseUrl: `${vendor.url}/chatwoot` },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  connection = made.body.data.id;
  await syncAll();
  contact = (await listAll(server, '/api/v1/contacts')).find((c) => c.email);
  assert.equal((await server.api('PATCH', `/api/v1/contacts/${contact.id}`, { name: 'Name Here' })).status, 200);
  assert.equal((await rename('Name There')).status, 200);
  await syncAll();
});

after(async () => {
  await server?.stop();
  await vendor?.stop();
  removeFolder(data);
});

test('the conflict is listed with both values and what they agreed on', async () => {
  const { data: rows, meta } = await conflicts();
  assert.equal(meta.total, 1);
  [conflict] = rows;
  assert.deepEqual([conflict.status, conflict.kind, conflict.recordId, conflict.connectionId, conflict.provider],
    ['open', 'contacts', contact.id, connection, 'chatwoot']);
  assert.deepEqual(conflict.fields, [{ field: 'name', base: contact.name, local: 'Name Here', source: 'Name There' }]);
  assert.equal((await server.api('GET', `/api/v1/contacts/${contact.id}`)).body.data.name, 'Name Here');
  assert.equal(conflict.title, 'Name Here', 'it is called what the record says, as it stands');
  assert.equal((await conflicts('?status=resolved')).meta.total, 0);
  assert.equal((await conflicts(`?connectionId=${connection}&recordId=${contact.id}`)).meta.total, 1);
  assert.equal((await server.api('GET', '/api/v1/conflicts?status=new')).status, 400);
});

test('one conflict, an unknown one, and a bad choice', async () => {
  assert.deepEqual((await server.api('GET', `/api/v1/conflicts/${conflict.id}`)).body.data, conflict);
  assert.equal((await server.api('GET', '/api/v1/conflicts/00000000-0000-7000-8000-000000000000')).status, 404);
  const bad = await server.api('POST', `/api/v1/conflicts/${conflict.id}/resolve`, { choose: 'mine' });
  assert.equal(bad.status, 400);
  assert.equal(bad.body.details[0].pointer, '/choose');
  assert.equal((await server.api('POST', `/api/v1/conflicts/${conflict.id}/resolve`, { choose: { email: 'x@example.com' } })).status, 400);
});

test('a later change at the source changes the open conflict, and the command line decides it', async () => {
  await rename('Name There Later');
  await syncAll();
  const { data: rows } = await conflicts();
  assert.deepEqual(rows.map((c) => [c.id, c.fields[0].source]), [[conflict.id, 'Name There Later']]);
  const cli = (...args) => spawnSync(binary, ['conflicts', ...args, '--data', data], { encoding: 'utf8' });
  assert.match(cli().stdout, new RegExp(conflict.id));
  const decided = cli('resolve', conflict.id, 'source', '--json');
  assert.equal(decided.status, 0, decided.stderr);
  assert.equal((await server.api('GET', `/api/v1/contacts/${contact.id}`)).body.data.name, 'Name There Later');
  assert.equal((await conflicts()).meta.total, 0);
  const [resolved] = (await conflicts('?status=all')).data;
  assert.deepEqual([resolved.status, resolved.choice], ['resolved', 'source']);
  assert.equal((await server.api('POST', `/api/v1/conflicts/${conflict.id}/resolve`, { choose: 'source' })).status, 200);
  assert.equal((await server.api('POST', `/api/v1/conflicts/${conflict.id}/resolve`, { choose: 'local' })).status, 409);
  const { history } = (await server.api('GET', `/api/v1/contacts/${contact.id}`)).body.data;
  assert.ok(JSON.stringify(history[0]).includes('Name Here'), JSON.stringify(history[0]));
});
